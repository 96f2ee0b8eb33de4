"""Client types: from Pending to Active, from Active to Inactive, and back (`S26` to `S34`, `D20`).

Whoever moves a client has it on `hold`: of all who decide at once, one does, and the others are
told what has become of the client.
"""

import datetime as dt
import uuid
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from sqlalchemy import and_, insert, select, union_all, update
from sqlalchemy.ext.asyncio import AsyncConnection

from mailer import ClientApproved, post
from models import (
    AuditAction,
    Client,
    ClientStatus,
    DecisionReason,
    Department,
    Link,
    Record,
    ServiceKey,
    Staff,
)
from permissions import Actor, Permission, Scope
from resolvers.associations import (
    Deltas,
    NewAssociation,
    active_departments,
    associate,
    in_organization,
)
from resolvers.checks import Checks, refuse_many
from resolvers.clients import department_required, found
from resolvers.context import Context
from resolvers.errors import Code, Refused, refuse
from resolvers.events import GIVEN, changed, on_client
from resolvers.links import invite_again, supersede
from resolvers.posting import addressed, sender
from resolvers.sessions import end_sessions
from resolvers.trail import Trail
from resolvers.tree import Key


@dataclass(frozen=True, slots=True)
class Approval:
    """What an approval may add: the department of a client who was not sure, practitioners."""

    department_id: str | None = None
    associations: Sequence[NewAssociation] = field(default=())


async def client_approve(context: Context, id: str, approval: Approval) -> Key:
    """Approve a pending client: into the Active list, and a letter says so (`S7`, `S8`, `S34`).

    Of two who approve at once, one does; the other is told who did, and when (`D18`).
    """
    refuse_many(associations=approval.associations)

    async def work(connection: AsyncConnection, trail: Trail) -> Key:
        client = await found(connection, context.actor, id, Permission.CLIENT_APPROVE)
        if client.status is not ClientStatus.PENDING:
            raise await _not_pending(connection, client)
        return await _approve(context, connection, trail, client, approval)

    return await context.write(work)


async def client_reject(context: Context, id: str, reason: str | None) -> Key:
    """Turn a pending client down: into the Inactive list, with a reason for staff (`D20`)."""

    async def work(connection: AsyncConnection, trail: Trail) -> Key:
        now = context.now()
        client = await found(connection, context.actor, id, Permission.CLIENT_APPROVE)
        if client.status is not ClientStatus.PENDING:
            raise await _not_pending(connection, client)
        values = {"status": ClientStatus.INACTIVE, "status_reason": _reason(reason)}
        decided = {"decided_at": now, "decided_by_id": context.actor.id}
        await _move(connection, client, **values, **decided)
        await put_out(connection, client, now)
        await _tell_of_end(connection, trail, AuditAction.CLIENT_REJECTED, client, values)
        return Key(Client, client.id)

    return await context.write(work)


async def client_deactivate(context: Context, id: str, reason: str | None) -> Key:
    """Make an active client inactive; they are out at once (`S27`, `S32`)."""

    async def work(connection: AsyncConnection, trail: Trail) -> Key:
        client = await found(connection, context.actor, id, Permission.CLIENT_SET_STATUS)
        key = Key(Client, client.id)
        if client.status is not ClientStatus.ACTIVE:
            raise refuse(Code.NOT_ACTIVE, "This client is not active.", "id", key=key)
        values = {"status": ClientStatus.INACTIVE, "status_reason": _reason(reason)}
        await _move(connection, client, **values)
        await put_out(connection, client, context.now())
        await _tell_of_end(connection, trail, AuditAction.CLIENT_DEACTIVATED, client, values)
        return key

    return await context.write(work)


async def client_reactivate(context: Context, id: str, approval: Approval) -> Key:
    """Make an inactive client active again, with credentials and associations as before (`S33`).

    Of one who was never approved it is an approval, and takes the permission for that as well
    (`D20`). Whose department is gone needs one (`D13`). Who has no credentials is invited again
    (`D3`).
    """
    refuse_many(associations=approval.associations)
    actor = context.actor

    async def work(connection: AsyncConnection, trail: Trail) -> Key:
        client = await found(connection, actor, id, Permission.CLIENT_SET_STATUS)
        key = Key(Client, client.id)
        if client.status is not ClientStatus.INACTIVE:
            raise refuse(Code.NOT_INACTIVE, "This client is not inactive.", "id", key=key)
        if client.approved_at is None:
            await found(connection, actor, id, Permission.CLIENT_APPROVE)
            return await _approve(context, connection, trail, client, approval)
        values = {
            "status": ClientStatus.ACTIVE,
            "status_reason": None,
            "department_id": await _department(connection, actor, client, approval),
        }
        await _move(connection, client, **values)
        trail.tell(
            AuditAction.CLIENT_REACTIVATED, on_client(client, values), changed(client, values)
        )
        deltas = Deltas(add=approval.associations)
        await associate(connection, trail, actor, client, deltas, context.now(), "associations")
        if client.username is None:
            await invite_again(context, connection, client.organization_id, client.id)
        return key

    return await context.write(work)


async def put_out(connection: AsyncConnection, person: Record, now: dt.datetime) -> None:
    """End the sessions and the open links of somebody who was made inactive (`S27`, `D3`).

    They are on `hold`, so that nobody who makes a link saw them active.
    """
    await end_sessions(connection, person, now)
    await supersede(connection, person.organization_id, Link.account_id == person.id, now)


async def _tell_of_end(
    connection: AsyncConnection,
    trail: Trail,
    action: AuditAction,
    client: Record,
    values: Mapping[str, Any],
) -> None:
    """Tell that a client was made inactive, and whether staff said why; keep what they said."""
    said = values["status_reason"]
    reason = GIVEN if said else None
    told = trail.tell(action, on_client(client), changed(client, values), reason=reason)
    if said:
        await connection.execute(
            insert(DecisionReason).values(
                organization_id=client.organization_id, id=told, client_id=client.id, text=said
            )
        )


async def _approve(
    context: Context,
    connection: AsyncConnection,
    trail: Trail,
    client: Record,
    approval: Approval,
) -> Key:
    now = context.now()
    values = {
        "status": ClientStatus.ACTIVE,
        "status_reason": None,
        "department_id": await _department(connection, context.actor, client, approval),
    }
    await _move(
        connection,
        client,
        **values,
        approved_at=now,
        approved_by_id=context.actor.id,
        decided_at=now,
        decided_by_id=context.actor.id,
    )
    trail.tell(AuditAction.CLIENT_APPROVED, on_client(client, values), changed(client, values))
    deltas = Deltas(add=approval.associations)
    await associate(connection, trail, context.actor, client, deltas, now, "associations")
    await post(
        connection,
        ClientApproved(**addressed(await sender(connection, client.organization_id), client)),
        organization_id=client.organization_id,
        recipient=client.email,
        now=now,
    )
    return Key(Client, client.id)


async def _move(connection: AsyncConnection, client: Record, **values: Any) -> None:
    its = and_(Client.organization_id == client.organization_id, Client.id == client.id)
    await connection.execute(update(Client).where(its).values(**values))


async def _department(
    connection: AsyncConnection, actor: Actor, client: Record, approval: Approval
) -> uuid.UUID:
    """The department that the client will be in: the one named, or its own while it is active."""
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
        own = await connection.execute(
            select(Department.id)
            .where(
                Department.organization_id == client.organization_id,
                Department.id == client.department_id,
                Department.active,
            )
            .with_for_update(read=True)
        )
        if own.first() is not None:
            return client.department_id  # type: ignore[no-any-return]
    message = "The client was not sure of the department: choose one."
    if client.department_id is not None:
        message = "The client's department is closed: choose another one."
    choices = await active_departments(connection, client.organization_id)
    raise department_required(message, choices, Key(Client, client.id))


async def _not_pending(connection: AsyncConnection, client: Record) -> Refused:
    """What somebody is told who comes too late: who decided, and when (`D18`)."""
    message = "This client is not pending any more."
    decided = client.decided_at or client.approved_at
    if decided is not None:
        decider = client.decided_by_id or client.approved_by_id
        names = select((Staff.first_name + " " + Staff.last_name).label("name")).where(
            Staff.organization_id == client.organization_id, Staff.id == decider
        )
        names_of_keys = select(ServiceKey.name).where(
            ServiceKey.organization_id == client.organization_id, ServiceKey.id == decider
        )
        by = (await connection.execute(union_all(names, names_of_keys))).scalar_one()
        what = "approved" if client.approved_at else "rejected"
        when = decided.strftime("%Y-%m-%d %H:%M UTC")
        message = f"This client was {what} already, by {by} on {when}."
    return refuse(Code.NOT_PENDING, message, "id", key=Key(Client, client.id))


def _reason(typed: str | None) -> str | None:
    checks = Checks()
    said = checks.text(typed or "", "reason")
    checks.done()
    return said or None
