"""Who works here, as what, and with whom: roles, coming and going, associations (`D6`, `D12`)."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

from sqlalchemy import ColumnElement, and_, delete, func, insert, select, update
from sqlalchemy.ext.asyncio import AsyncConnection

from models import Association, AuditAction, Record, Role, RoleGrant, Staff, StaffStatus, new_id
from permissions import Actor, Permission, Scope
from resolvers.associations import Deltas, associate, open_or_closed
from resolvers.checks import refuse_many
from resolvers.context import Context
from resolvers.departments import lock
from resolvers.errors import Code, refuse
from resolvers.events import On, changed, on_staff, roles_changed
from resolvers.grants import Grant, NewGrant, checked_grants
from resolvers.links import invite
from resolvers.second_factor import reset
from resolvers.staff import not_yours, read_member
from resolvers.statuses import put_out
from resolvers.trail import Trail
from resolvers.tree import Key


@dataclass(frozen=True, slots=True)
class RoleChanges:
    """Roles to revoke, and then to grant."""

    grant: Sequence[NewGrant] = field(default=())
    revoke: Sequence[NewGrant] = field(default=())


async def staff_roles_update(context: Context, id: str, changes: RoleChanges) -> Key:
    """Revoke and grant roles (`S18`, `D6`, `D12`, `D13`): all of it, or nothing.

    Nobody changes their own, but an Organizational Administrator.
    """
    refuse_many(grant=changes.grant, revoke=changes.revoke)
    actor = context.actor

    async def work(connection: AsyncConnection, trail: Trail) -> Key:
        await lock(connection, actor)
        member = await read_member(connection, actor, id)
        if member.id == actor.id and not actor.holds(
            Permission.STAFF_SET_ROLES, Scope.ORGANIZATION
        ):
            message = "You cannot change your own roles."
            raise refuse(Code.OUT_OF_SCOPE, message, "id", key=Key(Staff, member.id))
        revoked = await checked_grants(
            connection, actor, changes.revoke, "revoke", find=open_or_closed
        )
        granted = await checked_grants(connection, actor, changes.grant, "grant")
        held = await _held(connection, member)
        for i, grant in enumerate(revoked):
            await _revoke(connection, member, held, grant, ("input", "revoke", str(i)))
        new = [grant for grant in granted if grant not in held or grant in revoked]
        if new:
            await connection.execute(insert(RoleGrant), _rows(member, new, context))
        if new or revoked:
            counted = update(Staff).where(_is(member)).values(version=Staff.version + 1)
            await connection.execute(counted)
        if (Role.ORGANIZATION_ADMINISTRATOR, None) in revoked:
            await _keep_an_administrator(connection, actor, "input", "revoke")
        if revoked or new:
            holds = held.difference(revoked).union(granted)
            departments = {department_id for _, department_id in held | holds}
            on = On(member.organization_id, staff_id=member.id, departments=departments)
            trail.tell(AuditAction.STAFF_ROLES_UPDATED, on, [roles_changed(held, holds)])
        return Key(Staff, member.id)

    return await context.write(work)


async def staff_associations_update(context: Context, id: str, deltas: Deltas) -> Key:
    """Change whom a practitioner meets, from the Staff tab (`S16`, `S19`)."""
    refuse_many(add=deltas.add, change=deltas.change, remove=deltas.remove)

    async def work(connection: AsyncConnection, trail: Trail) -> Key:
        member = await read_member(connection, context.actor, id)
        await associate(connection, trail, context.actor, member, deltas, context.now())
        return Key(Staff, member.id)

    return await context.write(work)


async def staff_invitation_resend(context: Context, id: str) -> Key:
    """Send the letter again that lets a staff member define credentials, with a new link."""

    async def work(connection: AsyncConnection, trail: Trail) -> Key:
        member = await _changeable(connection, context.actor, id)
        key = Key(Staff, member.id)
        if member.username is not None:
            message = "The staff member has a username and a password already."
            raise refuse(Code.ALREADY_ONBOARDED, message, "id", key=key)
        if member.status is not StaffStatus.ACTIVE:
            raise refuse(Code.NOT_ACTIVE, "This staff member is not active.", "id", key=key)
        await invite(context, connection, member.organization_id, member.id)
        trail.tell(AuditAction.STAFF_INVITATION_RESENT, on_staff(member))
        return key

    return await context.write(work)


async def staff_deactivate(context: Context, id: str) -> Key:
    """Make a staff member inactive, who meets nobody any more; they are out at once (`D13`)."""
    actor = context.actor

    async def work(connection: AsyncConnection, trail: Trail) -> Key:
        await lock(connection, actor)
        member = await _changeable(connection, actor, id)
        key = Key(Staff, member.id)
        if member.status is not StaffStatus.ACTIVE:
            raise refuse(Code.NOT_ACTIVE, "This staff member is not active.", "id", key=key)
        await connection.execute(
            update(Staff).where(_is(member)).values(status=StaffStatus.INACTIVE)
        )
        await _keep_an_administrator(connection, actor, "id")
        met = and_(
            Association.organization_id == member.organization_id,
            Association.practitioner_id == member.id,
        )
        await _meets_nobody(connection, member, met, "id")
        await put_out(connection, member, context.now())
        changes = changed(member, {"status": StaffStatus.INACTIVE})
        trail.tell(AuditAction.STAFF_DEACTIVATED, on_staff(member), changes)
        return key

    return await context.write(work)


async def staff_reactivate(context: Context, id: str) -> Key:
    """Make an inactive staff member active again; who has no credentials is invited (`D3`)."""

    async def work(connection: AsyncConnection, trail: Trail) -> Key:
        member = await _changeable(connection, context.actor, id)
        key = Key(Staff, member.id)
        if member.status is not StaffStatus.INACTIVE:
            raise refuse(Code.NOT_INACTIVE, "This staff member is not inactive.", "id", key=key)
        await connection.execute(update(Staff).where(_is(member)).values(status=StaffStatus.ACTIVE))
        await invite(context, connection, member.organization_id, member.id)
        changes = changed(member, {"status": StaffStatus.ACTIVE})
        trail.tell(AuditAction.STAFF_REACTIVATED, on_staff(member), changes)
        return key

    return await context.write(work)


async def staff_second_factor_reset(context: Context, id: str) -> Key:
    """Take the second factor away from a staff member who has lost it; they are out at once.

    Not one's own: who has a session only may not turn it off.
    """
    actor = context.actor

    async def work(connection: AsyncConnection, trail: Trail) -> Key:
        member = await _changeable(connection, actor, id)
        key = Key(Staff, member.id)
        if member.id == actor.id:
            message = "Turn your own second factor off with your password and a code."
            raise refuse(Code.OUT_OF_SCOPE, message, "id", key=key)
        if not await reset(context, connection, member):
            message = "This staff member has no second factor."
            raise refuse(Code.SECOND_FACTOR_OFF, message, "id", key=key)
        trail.tell(AuditAction.SECOND_FACTOR_RESET, on_staff(member))
        return key

    return await context.write(work)


async def _changeable(connection: AsyncConnection, actor: Actor, typed: str) -> Record:
    """The staff member of this id, if the caller may change them as a whole."""
    member = await read_member(connection, actor, typed)
    if not member.may_change:
        raise not_yours(actor, member)
    if member.id == actor.id and not actor.holds(Permission.STAFF_UPDATE, Scope.ORGANIZATION):
        message = "You cannot do this with your own record."
        raise refuse(Code.OUT_OF_SCOPE, message, "id", key=Key(Staff, member.id))
    return member


async def _held(connection: AsyncConnection, member: Record) -> set[Grant]:
    found = await connection.execute(
        select(RoleGrant.role, RoleGrant.department_id).where(
            RoleGrant.organization_id == member.organization_id, RoleGrant.staff_id == member.id
        )
    )
    return {(row.role, row.department_id) for row in found}


async def _revoke(
    connection: AsyncConnection,
    member: Record,
    held: set[Grant],
    grant: Grant,
    path: tuple[str, ...],
) -> None:
    if grant not in held:
        raise refuse(Code.NOT_FOUND, "The staff member does not hold this role there.", *path)
    role, department_id = grant
    if role is Role.PRACTITIONER:
        met = and_(
            Association.organization_id == member.organization_id,
            Association.practitioner_id == member.id,
            Association.department_id == department_id,
        )
        await _meets_nobody(connection, member, met, *path)
    await connection.execute(
        delete(RoleGrant).where(
            RoleGrant.organization_id == member.organization_id,
            RoleGrant.staff_id == member.id,
            RoleGrant.role == role,
            RoleGrant.department_id.is_(None)
            if department_id is None
            else RoleGrant.department_id == department_id,
        )
    )


async def _meets_nobody(
    connection: AsyncConnection, member: Record, met: ColumnElement[bool], *path: str
) -> None:
    counted = await connection.execute(select(func.count()).select_from(Association).where(met))
    associations = counted.scalar_one()
    if associations:
        name = f"{member.first_name} {member.last_name}"
        many = "1 association" if associations == 1 else f"{associations} associations"
        message = f"{name} has {many} with clients there, which must end first."
        raise refuse(Code.HAS_ASSOCIATIONS, message, *path, key=Key(Staff, member.id))


async def _keep_an_administrator(connection: AsyncConnection, actor: Actor, *path: str) -> None:
    """Refuse what left the organization without an active administrator (`D12`).

    The caller holds the organization's lock, so two who demote each other come one by one.
    """
    found = await connection.execute(
        select(RoleGrant.id)
        .join(
            Staff,
            and_(
                Staff.organization_id == RoleGrant.organization_id, Staff.id == RoleGrant.staff_id
            ),
        )
        .where(
            RoleGrant.organization_id == actor.organization_id,
            RoleGrant.role == Role.ORGANIZATION_ADMINISTRATOR,
            Staff.status == StaffStatus.ACTIVE,
        )
        .limit(1)
    )
    if found.first() is None:
        message = "An organization keeps one active Organizational Administrator."
        raise refuse(Code.LAST_ORGANIZATION_ADMINISTRATOR, message, *path)


def _rows(member: Record, grants: Sequence[Grant], context: Context) -> list[dict[str, Any]]:
    return [
        {
            "organization_id": member.organization_id,
            "id": new_id(),
            "staff_id": member.id,
            "department_id": department_id,
            "role": role,
            "created_at": context.now(),
        }
        for role, department_id in grants
    ]


def _is(member: Record) -> ColumnElement[bool]:
    return and_(Staff.organization_id == member.organization_id, Staff.id == member.id)
