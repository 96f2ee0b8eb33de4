"""Clients as staff manage them: the lists, the record, the approval."""

import datetime as dt
import uuid
from collections.abc import Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from functools import cache
from typing import Any

from sqlalchemy import ColumnElement, Uuid, and_, bindparam, exists, false, select, update
from sqlalchemy.ext.asyncio import AsyncConnection

from mailer import ClientApproved, post
from models import Association, Client, ClientStatus, Department, Record, Staff, parse_id
from permissions import Actor, Permission, Scope, Shape, reach
from resolvers.associations import NewAssociation, associate, in_organization
from resolvers.context import Context
from resolvers.errors import Choice, Code, Problem, Refused, refuse
from resolvers.listing import Listing, Order
from resolvers.posting import addressed, sender
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

_OF_STATUS = Client.status == bindparam("status", type_=Client.status.type)
_OF_DEPARTMENT = Client.department_id == bindparam("department", type_=Uuid())
_NONE = false()


def clients(
    context: Context,
    status: ClientStatus | None,
    department_id: str | None,
    practitioner_id: str | None,
    order: ClientOrder,
) -> Listing:
    """The clients whom the caller manages (`S29` to `S31`, `D29`).

    A filter by an id that is unknown or out of reach gives the empty list.
    """
    where: list[ColumnElement[bool]] = []
    values: dict[str, Any] = {}
    if status is not None:
        where.append(_OF_STATUS)
        values["status"] = status
    for typed, prefix, name, predicate in (
        (department_id, "dep_", "department", _OF_DEPARTMENT),
        (practitioner_id, "stf_", "practitioner", _of_practitioner(context.actor.shape)),
    ):
        if typed is not None:
            id = parse_id(prefix, typed)
            where.append(_NONE if id is None else predicate)
            values[name] = id
    return Listing(Client, tuple(where), _ORDERS[order], values, at_least=Scope.DEPARTMENT)


def client(id: str) -> Key | None:
    """The client of this id, among those whom the caller manages."""
    found = parse_id("cli_", id)
    return Key(Client, found, at_least=Scope.DEPARTMENT) if found else None


@dataclass(frozen=True, slots=True)
class Approval:
    """What an approval may add: the department of a client who was not sure, practitioners."""

    department_id: str | None = None
    associations: Sequence[NewAssociation] = field(default=())


async def client_approve(context: Context, id: str, approval: Approval) -> Key:
    """Approve a pending client: into the Active list, and a letter says so (`S7`, `S8`, `S34`).

    Of two who approve at once, one does; the other is told who did, and when (`D18`).
    """

    async def work(connection: AsyncConnection) -> Key:
        now = context.now()
        client = await _found(connection, context.actor, id, Permission.CLIENT_APPROVE)
        if client.status is not ClientStatus.PENDING:
            raise await _not_pending(connection, client)
        department_id = await _department(connection, context.actor, client, approval)
        approved = await connection.execute(
            update(Client)
            .where(
                Client.organization_id == client.organization_id,
                Client.id == client.id,
                Client.status == ClientStatus.PENDING,
            )
            .values(
                status=ClientStatus.ACTIVE,
                department_id=department_id,
                approved_at=now,
                approved_by_id=context.actor.id,
            )
        )
        if approved.rowcount != 1:
            now_is = await _found(connection, context.actor, id, Permission.CLIENT_APPROVE)
            raise await _not_pending(connection, now_is)
        await associate(
            connection,
            context.actor,
            client.id,
            approval.associations,
            now,
            "input",
            "associations",
        )
        await _tell_approved(connection, client, now)
        return Key(Client, client.id)

    return await context.write(work)


async def _found(
    connection: AsyncConnection, actor: Actor, typed: str, permission: Permission
) -> Record:
    """The client of this id, as far as the caller may change it with the permission.

    Out of reach it is NOT_FOUND, in reach but not the caller's to change OUT_OF_SCOPE (`D8`).
    """
    id = parse_id("cli_", typed)
    found = None
    if id is not None:
        rows = await connection.execute(
            select(
                *Client.__table__.c,
                reach.changing(Client, actor.shape, permission).label("may_change"),
            ).where(Client.id == id, reach.reading(Client, actor.shape)),
            reach.values(actor, permission),
        )
        found = rows.one_or_none()
    if found is None:
        raise refuse(Code.NOT_FOUND, "There is no such client.", "id")
    if not found.may_change:
        raise refuse(
            Code.OUT_OF_SCOPE,
            "This client belongs to another department, whose staff may do this.",
            "id",
            key=Key(Client, found.id),
        )
    return found


async def _department(
    connection: AsyncConnection, actor: Actor, client: Record, approval: Approval
) -> uuid.UUID:
    """The department that the client will be in: the one named, or its own."""
    path = ("input", "departmentId")
    if approval.department_id is not None:
        department = await in_organization(connection, actor, approval.department_id)
        if department is None:
            raise refuse(Code.NOT_FOUND, "There is no such department.", *path)
        mine = actor.departments(Permission.CLIENT_APPROVE)
        anywhere = actor.holds(Permission.CLIENT_APPROVE, Scope.ORGANIZATION)
        if not anywhere and department.id not in mine:
            message = f"You cannot move clients to {department.name}."
            raise refuse(Code.OUT_OF_SCOPE, message, *path)
        return department.id  # type: ignore[no-any-return]
    if client.department_id is not None:
        return client.department_id  # type: ignore[no-any-return]
    found = await connection.execute(
        select(Department.id, Department.name)
        .where(Department.organization_id == actor.organization_id, Department.active)
        .order_by(Department.name_key)
    )
    raise Refused(
        Problem(
            Code.DEPARTMENT_REQUIRED,
            "The client was not sure of the department: choose one.",
            path,
            tuple(Choice(one.id, one.name) for one in found),
        ),
        key=Key(Client, client.id),
    )


async def _not_pending(connection: AsyncConnection, client: Record) -> Refused:
    """What somebody is told who comes too late: who decided, and when (`D18`)."""
    message = "This client is not pending any more."
    if client.approved_at is not None:
        found = await connection.execute(
            select(Staff.first_name, Staff.last_name).where(
                Staff.organization_id == client.organization_id, Staff.id == client.approved_by_id
            )
        )
        by = found.one()
        when = client.approved_at.strftime("%Y-%m-%d %H:%M UTC")
        message = f"This client was approved already, by {by.first_name} {by.last_name} on {when}."
    return refuse(Code.NOT_PENDING, message, "id", key=Key(Client, client.id))


async def _tell_approved(connection: AsyncConnection, client: Record, now: dt.datetime) -> None:
    await post(
        connection,
        ClientApproved(**addressed(await sender(connection, client.organization_id), client)),
        organization_id=client.organization_id,
        recipient=client.email,
        now=now,
    )


@cache
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
