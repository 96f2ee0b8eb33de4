"""What happened to clients, for those who follow it: by and by, or as it happens.

Both see it as they reach clients at that moment: whoever has left their reach meanwhile is not
told of any more, and of who has come into it, all is.
"""

from dataclasses import dataclass, replace
from functools import cache
from typing import Any

from sqlalchemy import ColumnElement, Uuid, and_, bindparam, exists, false, func, select

from models import AuditHead, Client, ClientChange, ClientStatus, Statement, parse_id
from permissions import Scope, Shape, reach
from resolvers.connection import number_at
from resolvers.context import Context
from resolvers.faults import no_cursor
from resolvers.listing import Listing, Order
from resolvers.tree import Number

MOST_CHANGES = 100
"""How many changes are looked for at once."""

_OLDEST_FIRST = Order((ClientChange.id,))
_NONE = false()


def _of_client(such: ColumnElement[bool]) -> ColumnElement[bool]:
    """It happened to such a client."""
    return (
        exists()
        .where(
            Client.organization_id == ClientChange.organization_id,
            Client.id == ClientChange.client_id,
            such,
        )
        .correlate_except(Client)
    )


_OF_STATUS = _of_client(Client.status == bindparam("status", type_=Client.status.type))
_OF_DEPARTMENT = _of_client(Client.department_id == bindparam("department", type_=Uuid()))


@dataclass(frozen=True, slots=True)
class ChangeFilter:
    """Of which clients, as they are now; None does not filter."""

    status: ClientStatus | None
    department_id: str | None


def client_changes(wanted: ChangeFilter) -> Listing:
    """What happened to the clients whom the caller manages, the oldest first.

    A department that is unknown or out of reach gives the empty list.
    """
    where: list[ColumnElement[bool]] = []
    values: dict[str, Any] = {}
    if wanted.status is not None:
        where.append(_OF_STATUS)
        values["status"] = wanted.status
    if wanted.department_id is not None:
        id = parse_id("dep_", wanted.department_id)
        where.append(_OF_DEPARTMENT if id else _NONE)
        values["department"] = id
    return Listing(ClientChange, tuple(where), _OLDEST_FIRST, values, at_least=Scope.DEPARTMENT)


def follow_client_changes(wanted: ChangeFilter, after: str | None) -> Listing:
    """The same, to be followed: what came after the cursor first; without one, from now on.

    So whoever was cut off goes on where they were, and misses nothing. Raises `BadArgument`.
    """
    listing = client_changes(wanted)
    if after is None:
        return listing
    number = number_at(after)
    if number is None:
        raise no_cursor("after")
    return replace(listing, after=number)


async def start(context: Context, listing: Listing) -> int:
    """The number after which what is followed begins."""
    if listing.after is not None:
        return listing.after
    its = {"organization": context.actor.organization_id}
    ((number,),) = await context.services.database.fetch(_LATEST, its)
    return number or 0


async def since(context: Context, listing: Listing, number: int) -> list[Number]:
    """Those of the listing that have a higher number, in their order; `MOST_CHANGES` at most."""
    values = {**reach.values(context.actor), **listing.values, "number": number}
    statement = _since(context.actor.shape, listing.where)
    rows = await context.services.database.fetch(statement, values)
    return [Number(ClientChange, found, at_least=Scope.DEPARTMENT) for (found,) in rows]


@cache
def _since(shape: Shape, where: tuple[ColumnElement[bool], ...]) -> Statement:
    reached = reach.reading(ClientChange, shape, Scope.DEPARTMENT)
    later = ClientChange.id > bindparam("number")
    return Statement(
        select(ClientChange.id)
        .where(and_(later, reached, *where))
        .order_by(ClientChange.id)
        .limit(MOST_CHANGES)
    )


_LATEST = Statement(
    select(func.max(AuditHead.number)).where(
        AuditHead.organization_id == bindparam("organization", type_=Uuid())
    )
)
