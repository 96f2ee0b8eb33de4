"""Clients as staff manage them: the lists, the record, edits, whom they meet."""

import datetime as dt
import uuid
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from enum import StrEnum
from functools import lru_cache
from typing import Any

from sqlalchemy import ColumnElement, Uuid, and_, bindparam, exists, false, select, update
from sqlalchemy.ext.asyncio import AsyncConnection

from models import (
    Association,
    AuditAction,
    Client,
    ClientStatus,
    Department,
    Link,
    Record,
    name_key,
    parse_id,
    phone_key,
    within,
)
from permissions import SHAPES, Actor, Permission, Scope, Shape, reach
from resolvers.associations import (
    Deltas,
    active_departments,
    associate,
    in_organization,
)
from resolvers.checks import Checks, refuse_many
from resolvers.context import Context
from resolvers.errors import Choice, Code, Problem, Refused, conflict, may_readdress, refuse
from resolvers.events import changed, on_client
from resolvers.finding import has_address, index, search
from resolvers.links import hold, invite, invite_again, supersede
from resolvers.listing import Listing, OneOf, Order
from resolvers.registration import end_registrations, tell_managers
from resolvers.trail import Trail
from resolvers.tree import Key


class ClientOrder(StrEnum):
    """The orders of a list of clients."""

    NAME = "NAME"
    NEWEST = "NEWEST"
    OLDEST = "OLDEST"


_ORDERS = {
    ClientOrder.NAME: Order((Client.name_key, Client.id)),
    ClientOrder.NEWEST: Order((Client.id,), descending=True),
    ClientOrder.OLDEST: Order((Client.id,)),
}

_OF_ONE_STATUS, _OF_EVERY_STATUS = (OneOf(Client.status, many) for many in (1, len(ClientStatus)))
_OF_DEPARTMENT = Client.department_id == bindparam("department", type_=Uuid())
_NONE = false()


@dataclass(frozen=True, slots=True)
class ClientFilter:
    """Which clients to list; None does not filter."""

    status: ClientStatus | None
    department_id: str | None
    practitioner_id: str | None
    search: str | None


def clients(context: Context, wanted: ClientFilter, order: ClientOrder) -> Listing:
    """The clients whom the caller manages (`S29` to `S31`, `D29`).

    A filter by an id that is unknown or out of reach gives the empty list. Raises `BadArgument`.
    """
    where: list[ColumnElement[bool]] = []
    values: dict[str, Any] = {}
    statuses = list(ClientStatus) if wanted.status is None else [wanted.status]
    values |= {f"one_of_{i}": status for i, status in enumerate(statuses)}
    for typed, prefix, name, predicate in (
        (wanted.department_id, "dep_", "department", _OF_DEPARTMENT),
        (wanted.practitioner_id, "stf_", "practitioner", _of_practitioner(context.actor.shape)),
    ):
        if typed is not None:
            id = parse_id(prefix, typed)
            where.append(_NONE if id is None else predicate)
            values[name] = id
    if wanted.search and wanted.search.strip():
        found, words = search(Client, wanted.search)
        where += found or (_NONE,)
        values |= words
    return Listing(
        Client,
        tuple(where),
        _ORDERS[order],
        values,
        at_least=Scope.DEPARTMENT,
        one_of=_OF_ONE_STATUS if wanted.status else _OF_EVERY_STATUS,
    )


_THESE = within(Client.id, "these")


def these_clients(keys: Iterable[Key]) -> Listing:
    """Clients whom a use case names."""
    return Listing(Client, (_THESE,), values={"these": frozenset(key.id for key in keys)})


def client(id: str) -> Key | None:
    """The client of this id, among those whom the caller manages."""
    found = parse_id("cli_", id)
    return Key(Client, found, at_least=Scope.DEPARTMENT, opened=True) if found else None


async def client_invitation_resend(context: Context, id: str) -> Key:
    """Send the letter that lets a client define credentials, with a new link (`D5`).

    It is the first one of a client who was to be invited later.
    """

    async def work(connection: AsyncConnection, trail: Trail) -> Key:
        client = await found(connection, context.actor, id, Permission.CLIENT_CREATE)
        key = Key(Client, client.id)
        if client.username is not None:
            message = "The client has a username and a password already."
            raise refuse(Code.ALREADY_ONBOARDED, message, "id", key=key)
        if client.status is not ClientStatus.ACTIVE:
            raise refuse(Code.NOT_ACTIVE, "This client is not active.", "id", key=key)
        await invite(context, connection, client.organization_id, client.id)
        trail.tell(AuditAction.CLIENT_INVITATION_RESENT, on_client(client))
        return key

    return await context.write(work)


async def client_update(
    context: Context, id: str, change: dict[str, Any], expected_version: int | None = None
) -> Key:
    """Edit a client's details (`D28`, `D32`). `change` holds what was said, by column.

    With an `expected_version` nothing is changed that somebody else has changed since; without one
    the last who says something of a column is right. A pending client who is given a department is
    told of there, once (`D19`).
    """
    checks = Checks("input")
    new = _checked(checks, change, context.now().date())
    actor = context.actor

    async def work(connection: AsyncConnection, trail: Trail) -> Key:
        client = await found(connection, actor, id, Permission.CLIENT_UPDATE)
        checks.done()
        values = dict(new)
        readdressed = new.get("email_key", client.email_key) != client.email_key
        if readdressed:
            await _readdress(connection, client, new["email_key"], context.now())
        if "department_id" in change:
            values["department_id"] = await _home(
                connection, actor, change["department_id"], Permission.CLIENT_UPDATE
            )
        if not values:
            return Key(Client, client.id)
        if expected_version not in (None, client.version):
            raise conflict("client", Key(Client, client.id))
        names = new.get("first_name", client.first_name), new.get("last_name", client.last_name)
        await connection.execute(
            update(Client).where(_is(client)).values(**values, name_key=name_key(*names))
        )
        await index(connection, client.organization_id, client.id)
        trail.tell(AuditAction.CLIENT_UPDATED, on_client(client, values), changed(client, values))
        if readdressed:
            theirs = Link.account_id == client.id
            await supersede(connection, client.organization_id, theirs, context.now())
            await invite_again(context, connection, client.organization_id, client.id)
        home = values.get("department_id", client.department_id)
        if client.status is ClientStatus.PENDING and home != client.department_id:
            await tell_managers(
                connection,
                client.organization_id,
                client.id,
                await _named(connection, client.organization_id, home),
                context.now(),
                moved=True,
            )
        return Key(Client, client.id)

    return await context.write(work)


def _checked(checks: Checks, change: dict[str, Any], today: dt.date) -> dict[str, Any]:
    """The columns to write of what was said, but for the department."""
    new = checks.person(change, "phone")
    new.pop("department_id", None)
    if "date_of_birth" in new:
        checks.date_of_birth(new["date_of_birth"], today, "dateOfBirth")
    if "phone" in new:
        new["phone"] = checks.phone(new["phone"], "phone")
        new["phone_key"] = phone_key(new["phone"])
    return new


async def _readdress(
    connection: AsyncConnection, client: Record, email_key: str, now: dt.datetime
) -> None:
    """Another address is for who may invite to give (`D28`); what was registered there ends."""
    may_readdress(
        "client",
        Key(Client, client.id),
        signs_in=client.username is not None,
        needed=Permission.CLIENT_CREATE,
        is_held=client.may_invite,
    )
    await _free(connection, client.organization_id, email_key)
    await end_registrations(connection, client.organization_id, [email_key], now)


async def client_associations_update(context: Context, id: str, deltas: Deltas) -> Key:
    """Change whom a client meets, from the Clients tab (`S22` to `S25`)."""
    refuse_many(add=deltas.add, change=deltas.change, remove=deltas.remove)

    async def work(connection: AsyncConnection, trail: Trail) -> Key:
        actor = context.actor
        client = await found(connection, actor, id, None)
        if (deltas.add or deltas.change) and client.status is not ClientStatus.ACTIVE:
            message = "Only an active client can be associated with practitioners."
            raise refuse(Code.NOT_ACTIVE, message, "id", key=Key(Client, client.id))
        await associate(connection, trail, actor, client, deltas, context.now())
        return Key(Client, client.id)

    return await context.write(work)


async def found(
    connection: AsyncConnection, actor: Actor, typed: str, permission: Permission | None
) -> Record:
    """The client of this id, as far as the caller may change it with the permission.

    Without one: as far as the caller reads it as a manager. Out of reach it is NOT_FOUND, in reach
    but not the caller's to change OUT_OF_SCOPE (`D8`). `may_invite` says whether the caller may
    send the client an invitation, too. The client is on `hold`, and was read after that.
    """
    id = parse_id("cli_", typed)
    row = None
    if id is not None:
        await hold(connection, organization_id=actor.organization_id, account_id=id)
        may_change = (
            reach.changing(Client, actor.shape, permission)
            if permission
            else reach.reading(Client, actor.shape, Scope.DEPARTMENT)
        )
        may_invite = reach.changing(Client, actor.shape, Permission.CLIENT_CREATE)
        rows = await connection.execute(
            select(
                *Client.__table__.c,
                Client.username.label("username"),
                may_change.label("may_change"),
                may_invite.label("may_invite"),
            ).where(Client.id == id, reach.reading(Client, actor.shape)),
            reach.values(actor),
        )
        row = rows.one_or_none()
    if row is None:
        raise refuse(Code.NOT_FOUND, "There is no such client.", "id")
    if not row.may_change:
        message = "This client belongs to another department, whose staff may do this."
        if permission and not actor.holds(permission):
            message = f"This needs {permission} as well."
        raise refuse(Code.OUT_OF_SCOPE, message, "id", key=Key(Client, row.id))
    return row


async def _home(
    connection: AsyncConnection, actor: Actor, typed: str | None, permission: Permission
) -> uuid.UUID:
    """The department that a client is to be in; raises `Refused`."""
    if typed is None:
        known = await active_departments(connection, actor.organization_id)
    else:
        named = await in_organization(connection, actor, typed)
        known = [named] if named else []
    checks = Checks("input")
    department_id = home(checks, actor, typed, permission, known)
    checks.done()
    assert department_id
    return department_id


def home(
    checks: Checks,
    actor: Actor,
    typed: str | None,
    permission: Permission,
    known: Sequence[Record],
) -> uuid.UUID | None:
    """The department that a client is to be in: the one named, or the only choice (`D10`).

    `known` are the active ones, as far as they matter: all of them where none is named.
    """
    anywhere = actor.holds(permission, Scope.ORGANIZATION)
    mine = actor.departments(permission)
    if typed is None:
        choices = [one for one in known if anywhere or one.id in mine]
        if len(choices) == 1:
            return choices[0].id  # type: ignore[no-any-return]
        checks.choose("Choose the client's department.", choices, "departmentId")
        return None
    id = parse_id("dep_", typed)
    department = next((one for one in known if one.id == id), None)
    if department is None:
        checks.add(Code.NOT_FOUND, "There is no such department.", "departmentId")
        return None
    if not anywhere and department.id not in mine:
        message = f"{department.name} is not a department of yours."
        checks.add(Code.OUT_OF_SCOPE, message, "departmentId")
        return None
    return department.id  # type: ignore[no-any-return]


def department_required(message: str, choices: Sequence[Record], key: Key | None = None) -> Refused:
    """The refusal of who left out a department, where there are several."""
    listed = tuple(Choice(one.id, one.name) for one in choices)
    path = ("input", "departmentId")
    return Refused(Problem(Code.DEPARTMENT_REQUIRED, message, path, listed), key=key)


async def _free(connection: AsyncConnection, organization_id: uuid.UUID, email_key: str) -> None:
    if await has_address(connection, Client, organization_id, email_key):
        raise refuse(Code.TAKEN, "A client has this address already.", "input", "email")


async def _named(
    connection: AsyncConnection, organization_id: uuid.UUID, department_id: uuid.UUID
) -> Record:
    rows = await connection.execute(
        select(Department.id, Department.name).where(
            Department.organization_id == organization_id, Department.id == department_id
        )
    )
    return rows.one()


def _is(client: Record) -> Any:
    return and_(Client.organization_id == client.organization_id, Client.id == client.id)


@lru_cache(SHAPES)
def _of_practitioner(shape: Shape) -> ColumnElement[bool]:
    """The client has an association, within the caller's reach, with the named practitioner."""
    return (
        exists()
        .where(
            and_(
                Association.organization_id == Client.organization_id,
                Association.client_id == Client.id,
                Association.practitioner_id == bindparam("practitioner", type_=Uuid()),
                reach.reading(Association, shape),
            )
        )
        .correlate_except(Association)
    )
