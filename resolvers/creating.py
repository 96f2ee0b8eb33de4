"""Clients whom staff create, one or many: looked at row by row, made in sets (`S10` to `S14`).

How many statements that takes does not depend on how many clients there are: everything that is
looked up is looked up for all of them at once, and so is everything written.
"""

import datetime as dt
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any, NamedTuple

from sqlalchemy import bindparam, insert, select
from sqlalchemy.ext.asyncio import AsyncConnection

from models import (
    Account,
    AccountKind,
    AuditAction,
    Client,
    ClientStatus,
    name_key,
    new_id,
    phone_key,
    within,
)
from models.database import Words
from permissions import Actor, Permission
from resolvers.associations import (
    NewAssociation,
    Newcomer,
    active_departments,
    join,
    named_practitioners,
    to_join,
)
from resolvers.checks import Checks, refuse_many
from resolvers.clients import home
from resolvers.context import Context
from resolvers.errors import Code, Problem, Refused, refuse
from resolvers.events import On, changed
from resolvers.finding import index_newcomers
from resolvers.links import invite_newcomers
from resolvers.practitioners import Practitioners
from resolvers.registration import end_registrations
from resolvers.trail import Trail
from resolvers.tree import Key

MOST_ROWS = 500
"""How many clients one import makes at most."""

MOST_ASSOCIATIONS = 1000
"""How many associations the clients of one import have together at most."""


@dataclass(frozen=True, slots=True)
class NewClient:
    """A client whom staff create (`S11`, `S12`); `invite`: a letter goes at once (`S14`)."""

    first_name: str
    last_name: str
    email: str
    date_of_birth: dt.date
    phone: str | None
    department_id: str | None
    associations: Sequence[NewAssociation] = field(default=())
    invite: bool = True


class RowPolicy(StrEnum):
    """What becomes of the good rows of an input in which others are bad."""

    ALL_OR_NOTHING = "ALL_OR_NOTHING"
    GOOD_ROWS = "GOOD_ROWS"


class RowResult(NamedTuple):
    """What became of a row: the client it is about, where there is one, or what is wrong."""

    key: Key | None = None
    problems: Sequence[Problem] = ()


@dataclass(frozen=True, slots=True)
class Imported:
    """What became of an import, row by row; `problems` are why nothing was done of all of it."""

    rows: Sequence[RowResult]
    problems: Sequence[Problem] = ()


async def client_create(context: Context, typed: NewClient) -> Key:
    """A new client, active at once, who is mailed a link to define credentials (`S10` to `S14`).

    Made by staff counts as approved by them (`D20`). Open registrations of the address end (`D1`).
    """
    refuse_many(associations=typed.associations)
    details = _Details.of(typed, ("input",), context.now().date())

    async def work(connection: AsyncConnection, trail: Trail) -> Key:
        (row,) = await _looked_at(context, connection, [details])
        if row.problems:
            raise Refused(*row.problems)
        await _make(context, connection, trail, [row])
        return Key(Client, row.client.id)

    return await context.write(work)


async def clients_import(
    context: Context,
    typed: Sequence[NewClient],
    policy: RowPolicy,
    *,
    validate_only: bool,
) -> Imported:
    """Many new clients at once, each made as `client_create` makes one.

    What is wrong with a row is told in its place, an address that came before in the import as
    well. Raises `Refused` for too many rows or associations, or no rows.
    """
    if not 1 <= len(typed) <= MOST_ROWS:
        message = f"Import from 1 to {MOST_ROWS} clients at once."
        raise refuse(Code.INVALID, message, "input", "clients")
    today = context.now().date()
    details = [_Details.of(one, ("input", "clients", str(i)), today) for i, one in enumerate(typed)]
    if sum(len(one.associations) for one in details) > MOST_ASSOCIATIONS:
        message = f"Import at most {MOST_ASSOCIATIONS:,} associations at once."
        raise refuse(Code.INVALID, message, "input", "clients")

    async def work(connection: AsyncConnection, trail: Trail) -> Imported:
        rows = await _looked_at(context, connection, details)
        good = [row for row in rows if not row.problems]
        bad = len(rows) - len(good)
        told = [RowResult(problems=row.problems) for row in rows]
        if bad and policy is RowPolicy.ALL_OR_NOTHING:
            message = f"Nothing is imported, because of what is wrong with {bad} of the rows."
            return Imported(told, [Problem(Code.INVALID, message, ("input", "clients"))])
        if validate_only or not good:
            return Imported(told)
        await _make(context, connection, trail, good)
        return Imported(
            [
                RowResult(None if row.problems else Key(Client, row.client.id), row.problems)
                for row in rows
            ]
        )

    return await context.write(work)


@dataclass(frozen=True, slots=True)
class _Details:
    """A row as it will be kept, and what is wrong with it whoever else there is."""

    typed: NewClient
    path: tuple[str, ...]
    columns: dict[str, Any]
    associations: Sequence[NewAssociation]
    problems: Sequence[Problem]

    @classmethod
    def of(cls, typed: NewClient, path: tuple[str, ...], today: dt.date) -> "_Details":
        checks = Checks(*path)
        columns = {
            "status": ClientStatus.ACTIVE,
            "first_name": checks.name(typed.first_name, "firstName"),
            "last_name": checks.name(typed.last_name, "lastName"),
            **dict(zip(("email", "email_key"), checks.email(typed.email, "email"), strict=True)),
            "date_of_birth": checks.date_of_birth(typed.date_of_birth, today, "dateOfBirth"),
            "phone": checks.phone(typed.phone, "phone"),
        }
        associations = checks.few(typed.associations, "associations")
        return cls(typed, path, columns, associations, checks.problems)


class _Row(NamedTuple):
    """A row that was looked at: the client who would be made of it, or what is wrong."""

    client: Newcomer
    columns: dict[str, Any]
    associations: list[dict[str, Any]]
    invite: bool
    problems: list[Problem]


async def _looked_at(
    context: Context, connection: AsyncConnection, details: Sequence[_Details]
) -> list[_Row]:
    """The rows, each with all that is wrong with it."""
    actor, now = context.actor, context.now()
    departments = await active_departments(connection, actor.organization_id)
    named = named_practitioners(*(new for one in details for new in one.associations))
    practitioners = await Practitioners.read(connection, actor, named)
    taken = await _taken(connection, actor, details)
    rows = []
    for one, other in zip(details, _same_address_before(details), strict=True):
        columns, typed = one.columns, one.typed
        names = columns["first_name"], columns["last_name"]
        client = Newcomer(new_id(), *names, name_key(*names), columns["email"], now)
        checks = Checks(*one.path)
        if other is not None:
            message = f"Row {other + 1} of the import has this address already."
            checks.add(Code.TAKEN, message, "email")
        elif columns["email_key"] in taken:
            checks.add(Code.TAKEN, "A client has this address already.", "email")
        department_id = home(
            checks, actor, typed.department_id, Permission.CLIENT_CREATE, departments
        )
        associations = await to_join(
            connection, actor, client, one.associations, practitioners, checks
        )
        rows.append(
            _Row(
                client,
                {**columns, "department_id": department_id},
                associations,
                typed.invite,
                [*one.problems, *checks.problems],
            )
        )
    return rows


def _same_address_before(details: Sequence[_Details]) -> Iterator[int | None]:
    """For each row the first other one before it that has its address."""
    first: dict[str, int] = {}
    for i, one in enumerate(details):
        key = one.columns["email_key"]
        before = first.setdefault(key, i) if key else i
        yield None if before == i else before


_TAKEN = select(Client.email_key).where(
    Client.organization_id == bindparam("organization"), within(Client.email_key, "keys", Words)
)


async def _taken(
    connection: AsyncConnection, actor: Actor, details: Sequence[_Details]
) -> frozenset[str]:
    """The addresses that clients of the organization have already."""
    keys = [one.columns["email_key"] for one in details if one.columns["email_key"]]
    values = {"organization": actor.organization_id, "keys": keys}
    return frozenset(await connection.scalars(_TAKEN, values))


async def _make(
    context: Context, connection: AsyncConnection, trail: Trail, rows: Sequence[_Row]
) -> None:
    """Make these clients, tell of them, and invite those who are to be invited now."""
    actor, now = context.actor, context.now()
    organization_id = actor.organization_id
    await connection.execute(
        insert(Account),
        [
            {
                "organization_id": organization_id,
                "id": row.client.id,
                "kind": AccountKind.CLIENT,
                "created_at": now,
            }
            for row in rows
        ],
    )
    # In one order, so that two imports with the same addresses do not wait for each other.
    await connection.execute(
        insert(Client),
        [
            {
                **row.columns,
                "organization_id": organization_id,
                "id": row.client.id,
                "name_key": row.client.name_key,
                "phone_key": phone_key(row.columns["phone"]),
                "created_at": now,
                "approved_at": now,
                "approved_by_id": actor.id,
            }
            for row in sorted(rows, key=lambda row: row.columns["email_key"])
        ],
    )
    texts = {
        row.client.id: (row.client.first_name, row.client.last_name, row.client.email)
        for row in rows
    }
    await index_newcomers(connection, organization_id, texts)
    keys = [row.columns["email_key"] for row in rows]
    await end_registrations(connection, organization_id, keys, now)
    for row in rows:
        on = On(organization_id, row.client.id, departments={row.columns["department_id"]})
        trail.tell(AuditAction.CLIENT_CREATED, on, changed(None, row.columns))
    joined = [association for row in rows for association in row.associations]
    await join(connection, trail, actor, joined)
    invited = [row.client for row in rows if row.invite]
    await invite_newcomers(connection, organization_id, invited, now)
