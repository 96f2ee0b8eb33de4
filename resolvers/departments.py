"""Departments: everybody signed in sees them, Organizational Administrators keep them (`D11`)."""

from typing import Any

from sqlalchemy import ColumnElement, and_, func, insert, select, update
from sqlalchemy.ext.asyncio import AsyncConnection

from models import (
    Association,
    AuditAction,
    Client,
    ClientStatus,
    Department,
    Organization,
    Record,
    new_id,
    parse_id,
    sort_key,
)
from permissions import Actor
from resolvers.checks import Checks
from resolvers.context import Context
from resolvers.errors import Code, refuse
from resolvers.events import changed, on_department
from resolvers.listing import Listing, Order
from resolvers.trail import Trail
from resolvers.tree import Key

_BY_NAME = Order((Department.name_key, Department.id))


def departments() -> Listing:
    """All departments of the caller's organization, by name."""
    return Listing(Department, order=_BY_NAME)


async def department_create(context: Context, name: str) -> Key:
    """A new department; its name is unique in the organization."""
    checks = Checks("input")
    text = checks.name(name, "name")
    checks.done()

    async def work(connection: AsyncConnection, trail: Trail) -> Key:
        organization_id = context.actor.organization_id
        await _free(connection, organization_id, text)
        department_id = new_id()
        await connection.execute(
            insert(Department).values(
                organization_id=organization_id,
                id=department_id,
                name=text,
                name_key=sort_key(text),
                active=True,
                created_at=context.now(),
            )
        )
        trail.tell(
            AuditAction.DEPARTMENT_CREATED,
            on_department(organization_id, department_id),
            changed(None, {"name": text, "active": True}),
        )
        return Key(Department, department_id)

    return await context.write(work)


async def department_update(context: Context, id: str, name: str) -> Key:
    """Another name for a department."""
    checks = Checks("input")
    text = checks.name(name, "name")

    async def work(connection: AsyncConnection, trail: Trail) -> Key:
        department = await _found(connection, context.actor, id)
        checks.done()
        await _free(connection, department.organization_id, text, Department.id != department.id)
        await connection.execute(
            update(Department).where(_is(department)).values(name=text, name_key=sort_key(text))
        )
        trail.tell(
            AuditAction.DEPARTMENT_UPDATED,
            on_department(department.organization_id, department.id),
            changed(department, {"name": text}),
        )
        return Key(Department, department.id)

    return await context.write(work)


async def department_deactivate(context: Context, id: str) -> Key:
    """Close a department, in which there is nobody any more (`D13`).

    Grants in it give no reach from then on, and registrations that chose it confirm as unsure.
    """

    async def work(connection: AsyncConnection, trail: Trail) -> Key:
        await lock(connection, context.actor)
        department = await _found(connection, context.actor, id)
        key = Key(Department, department.id)
        if not department.active:
            return key
        # First the row, so that nobody comes in while it is looked at.
        await connection.execute(update(Department).where(_is(department)).values(active=False))
        left = await connection.execute(
            select(func.count()).where(
                Department.organization_id == department.organization_id, Department.active
            )
        )
        if not left.scalar_one():
            message = "An organization keeps one active department."
            raise refuse(Code.LAST_DEPARTMENT, message, "id", key=key)
        here = and_(
            Client.organization_id == department.organization_id,
            Client.department_id == department.id,
            Client.status.in_([ClientStatus.PENDING, ClientStatus.ACTIVE]),
        )
        clients = await _count(connection, here)
        if clients:
            many = "1 active or pending client belongs"
            if clients > 1:
                many = f"{clients} active or pending clients belong"
            message = f"{many} to {department.name}."
            raise refuse(Code.HAS_CLIENTS, message, "id", key=key)
        there = and_(
            Association.organization_id == department.organization_id,
            Association.department_id == department.id,
        )
        associations = await _count(connection, there)
        if associations:
            many = "is 1 association" if associations == 1 else f"are {associations} associations"
            message = f"There {many} in {department.name}."
            raise refuse(Code.HAS_ASSOCIATIONS, message, "id", key=key)
        trail.tell(
            AuditAction.DEPARTMENT_DEACTIVATED,
            on_department(department.organization_id, department.id),
            changed(department, {"active": False}),
        )
        return key

    return await context.write(work)


async def department_reactivate(context: Context, id: str) -> Key:
    """Open a department again; grants in it count again."""

    async def work(connection: AsyncConnection, trail: Trail) -> Key:
        department = await _found(connection, context.actor, id)
        if not department.active:
            await connection.execute(update(Department).where(_is(department)).values(active=True))
            trail.tell(
                AuditAction.DEPARTMENT_REACTIVATED,
                on_department(department.organization_id, department.id),
                changed(department, {"active": True}),
            )
        return Key(Department, department.id)

    return await context.write(work)


async def lock(connection: AsyncConnection, actor: Actor) -> None:
    """Hold the organization until the transaction ends: for what must be true of all its rows.

    Nobody's new rows wait for it: those who make them may hold what the caller will wait for.
    """
    await connection.execute(
        select(Organization.id)
        .where(Organization.id == actor.organization_id)
        .with_for_update(key_share=True)
    )


async def _found(connection: AsyncConnection, actor: Actor, typed: str) -> Record:
    id = parse_id("dep_", typed)
    found = None
    if id is not None:
        rows = await connection.execute(
            select(*Department.__table__.c).where(
                Department.organization_id == actor.organization_id, Department.id == id
            )
        )
        found = rows.one_or_none()
    if found is None:
        raise refuse(Code.NOT_FOUND, "There is no such department.", "id")
    return found


async def _free(
    connection: AsyncConnection, organization_id: Any, name: str, *other: ColumnElement[bool]
) -> None:
    named = await connection.execute(
        select(Department.id).where(
            Department.organization_id == organization_id,
            Department.name_key == sort_key(name),
            *other,
        )
    )
    if named.first() is not None:
        raise refuse(Code.TAKEN, "A department has this name already.", "input", "name")


async def _count(connection: AsyncConnection, where: ColumnElement[bool]) -> int:
    counted = await connection.execute(select(func.count()).where(where))
    return counted.scalar_one()


def _is(department: Record) -> ColumnElement[bool]:
    return and_(
        Department.organization_id == department.organization_id, Department.id == department.id
    )
