"""What happened to clients, for those who follow it: by and by, or as it happens.

Both see it as they reach clients at that moment: whoever has left their reach meanwhile is not
told of any more. Of who has come into it, the list tells all; whoever follows has passed by what
was before.
"""

from dataclasses import dataclass, replace
from functools import cache
from typing import Any, NamedTuple

from sqlalchemy import ColumnElement, Uuid, and_, bindparam, exists, false, select

from models import AuditHead, Client, ClientChange, ClientStatus, Statement, parse_id
from permissions import Scope, Shape, reach
from resolvers.connection import number_at
from resolvers.context import Context
from resolvers.faults import no_cursor
from resolvers.listing import Listing, Order
from resolvers.tree import Number

MOST_CHANGES = 100
"""How many changes are looked for at once."""

MOST_EVENTS = 10_000
"""Among how many events of the organization, whomever they are about."""

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
    return await last_number(context) if listing.after is None else listing.after


async def last_number(context: Context) -> int:
    """The number of the organization's last event; 0 before the first."""
    its = {"organization": context.actor.organization_id}
    rows = await context.services.database.fetch(_LAST, its)
    return rows[0][0] if rows else 0


class FoundChanges(NamedTuple):
    """Changes that were looked for: there are no others up to the number `end`.

    `is_all`: nor are there any after it.
    """

    changes: list[Number]
    end: int
    is_all: bool


async def since(context: Context, listing: Listing, number: int, last: int) -> FoundChanges:
    """Those of the listing that come after the number, in their order, as far as one look goes.

    `last` is the organization's last number, as it was before it was known who the caller is.
    """
    if number >= last:
        return FoundChanges([], number, is_all=True)
    end = min(number + MOST_EVENTS, last)
    values = {**reach.values(context.actor), **listing.values, "number": number, "end": end}
    statement = _since(context.actor.shape, listing.where)
    rows = await context.services.database.fetch(statement, values)
    changes = [Number(ClientChange, found, at_least=Scope.DEPARTMENT) for (found,) in rows]
    if len(changes) == MOST_CHANGES:
        end = changes[-1].number
    return FoundChanges(changes, end, is_all=end == last)


@cache
def _since(shape: Shape, where: tuple[ColumnElement[bool], ...]) -> Statement:
    reached = reach.reading(ClientChange, shape, Scope.DEPARTMENT)
    among = ClientChange.id > bindparam("number"), ClientChange.id <= bindparam("end")
    return Statement(
        select(ClientChange.id)
        .where(and_(*among, reached, *where))
        .order_by(ClientChange.id)
        .limit(MOST_CHANGES)
    )


_LAST = Statement(
    select(AuditHead.number).where(
        AuditHead.organization_id == bindparam("organization", type_=Uuid())
    )
)
