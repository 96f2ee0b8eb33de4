"""Clients who are taken along in a file: the audit trail is told before the first of them goes."""

import uuid
from collections.abc import Sequence

from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncConnection

from models import AuditAction, Department, parse_id
from permissions import Actor, Permission, Scope
from resolvers.clients import ClientFilter
from resolvers.context import Context
from resolvers.events import Change, On, said
from resolvers.trail import Trail


async def clients_exported(context: Context, wanted: ClientFilter, form: str, rows: int) -> None:
    """The caller is about to get so many clients as a file of this form.

    It concerns the department that they asked for, or else each in which they manage clients.
    """
    told = _told(wanted, form, rows)
    department_id = parse_id("dep_", wanted.department_id or "")

    async def work(connection: AsyncConnection, trail: Trail) -> None:
        managed = await _managed(connection, context.actor)
        on = On(context.actor.organization_id, departments=managed & {department_id} or managed)
        trail.tell(AuditAction.CLIENTS_EXPORTED, on, told)

    await context.write(work)


async def _managed(connection: AsyncConnection, actor: Actor) -> frozenset[uuid.UUID]:
    """The departments whose clients the caller manages."""
    if not actor.holds(Permission.CLIENT_READ, Scope.ORGANIZATION):
        return actor.departments(Permission.CLIENT_READ)
    every = select(Department.id).where(Department.organization_id == actor.organization_id)
    return frozenset(await connection.scalars(every))


def _told(wanted: ClientFilter, form: str, rows: int) -> Sequence[Change]:
    """What is told of it: of words that were searched for, only that there were some."""
    values = {
        "format": form,
        "rows": rows,
        "status": wanted.status,
        "departmentId": _id("dep_", wanted.department_id),
        "practitionerId": _id("stf_", wanted.practitioner_id),
    }
    given = [said(name, value) for name, value in values.items() if value is not None]
    return [*given, {"field": "search", "redacted": True}] if wanted.search else given


def _id(prefix: str, typed: str | None) -> str | None:
    """What was typed, where it is an id; anything else finds nobody."""
    return typed if parse_id(prefix, typed or "") else None
