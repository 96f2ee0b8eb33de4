"""Staff: the list, the record, new staff, and edits (`S5`, `S6`, `S16`, `D6`, `D11`)."""

import uuid
from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

from sqlalchemy import (
    ColumnElement,
    Uuid,
    bindparam,
    exists,
    false,
    insert,
    select,
    update,
)
from sqlalchemy.ext.asyncio import AsyncConnection

from models import (
    Account,
    AccountKind,
    AuditAction,
    Link,
    Organization,
    Record,
    Role,
    RoleGrant,
    Staff,
    StaffStatus,
    name_key,
    new_id,
    parse_id,
)
from permissions import SHAPES, Actor, Permission, Scope, Shape, reach
from resolvers.checks import Checks
from resolvers.context import Context
from resolvers.errors import Code, Refused, conflict, may_readdress, refuse
from resolvers.events import OPERATOR, On, Who, changed, on_staff, roles_changed
from resolvers.finding import has_address, index, search
from resolvers.grants import NewGrant, checked_grants
from resolvers.links import hold, invite, supersede
from resolvers.listing import Listing, Order
from resolvers.trail import Trail
from resolvers.tree import Key

_BY_NAME = Order((Staff.name_key, Staff.id))
_OF_STATUS = Staff.status == bindparam("status", type_=Staff.status.type)
_NONE = false()


def staff(
    context: Context,
    status: StaffStatus | None,
    role: Role | None,
    department_id: str | None,
    text: str | None,
) -> Listing:
    """The staff whom the caller manages or, as a Care Coordinator, sees (`S16`, `D7`).

    With a role and a department: those who hold that role there. Grants that the caller does not
    reach do not count.
    """
    where: list[ColumnElement[bool]] = []
    values: dict[str, Any] = {}
    if status is not None:
        where.append(_OF_STATUS)
        values["status"] = status
    if role is not None or department_id is not None:
        id = parse_id("dep_", department_id) if department_id is not None else None
        unknown = department_id is not None and id is None
        granted = _granted(context.actor.shape, role is not None, department_id is not None)
        where.append(_NONE if unknown else granted)
        values |= {"role": role, "department": id}
    if text and text.strip():
        found, words = search(Staff, text)
        where += found or (_NONE,)
        values |= words
    return Listing(Staff, tuple(where), _BY_NAME, values, at_least=Scope.DEPARTMENT)


def staff_member(id: str) -> Key | None:
    """The staff member of this id, among those whom the caller sees in lists."""
    found = parse_id("stf_", id)
    return Key(Staff, found, at_least=Scope.DEPARTMENT) if found else None


@dataclass(frozen=True, slots=True)
class NewStaff:
    """A staff member to be."""

    first_name: str
    last_name: str
    email: str
    roles: Sequence[NewGrant]
    receive_new_client_notifications: bool


async def staff_create(context: Context, typed: NewStaff) -> Key:
    """A new staff member, who is mailed a link to define credentials (`D11`).

    Nobody grants more than they hold: a Department Administrator no role outside their
    departments, and nobody but an Organizational Administrator that role (`D6`).
    """
    checks = Checks("input")
    first_name = checks.name(typed.first_name, "firstName")
    last_name = checks.name(typed.last_name, "lastName")
    email, email_key = checks.email(typed.email, "email")
    if not typed.roles:
        checks.add(Code.REQUIRED, "Choose at least one role.", "roles")
    checks.few(typed.roles, "roles")
    checks.done()

    async def work(connection: AsyncConnection, trail: Trail) -> Key:
        grants = await checked_grants(connection, context.actor, typed.roles, "roles")
        await _free(connection, context.actor.organization_id, email_key, "input", "email")
        staff_id = await hire(
            context,
            connection,
            trail,
            organization_id=context.actor.organization_id,
            first_name=first_name,
            last_name=last_name,
            email=email,
            email_key=email_key,
            grants=grants,
            receive_new_client_notifications=typed.receive_new_client_notifications,
        )
        return Key(Staff, staff_id)

    return await context.write(work)


async def create_administrator(
    context: Context, organization: str, first_name: str, last_name: str, email: str
) -> None:
    """An Organizational Administrator more, where none is left who can sign in: the operator's way.

    Fields of refusals are the command's options.
    """
    checks = Checks()
    first_name = checks.name(first_name, "first-name")
    last_name = checks.name(last_name, "last-name")
    email, email_key = checks.email(email, "email")
    checks.done()

    async def work(connection: AsyncConnection, trail: Trail) -> None:
        found = await connection.execute(
            select(Organization.id).where(Organization.slug == organization)
        )
        organization_id = found.scalar_one_or_none()
        if organization_id is None:
            raise refuse(Code.NOT_FOUND, "There is no such organization.", "organization")
        await _free(connection, organization_id, email_key, "email")
        await hire(
            context,
            connection,
            trail,
            organization_id=organization_id,
            first_name=first_name,
            last_name=last_name,
            email=email,
            email_key=email_key,
            grants=[(Role.ORGANIZATION_ADMINISTRATOR, None)],
            receive_new_client_notifications=True,
            by=OPERATOR,
        )

    await context.write(work)


async def hire(
    context: Context,
    connection: AsyncConnection,
    trail: Trail,
    *,
    organization_id: uuid.UUID,
    first_name: str,
    last_name: str,
    email: str,
    email_key: str,
    grants: Sequence[tuple[Role, uuid.UUID | None]],
    receive_new_client_notifications: bool,
    by: Who | None = None,
) -> uuid.UUID:
    """Write the account, the staff member and the grants, and the letter that invites them.

    `by` as in `Trail.tell`.
    """
    now, staff_id = context.now(), new_id()
    values = {
        "status": StaffStatus.ACTIVE,
        "first_name": first_name,
        "last_name": last_name,
        "email": email,
        "receive_new_client_notifications": receive_new_client_notifications,
    }
    await connection.execute(
        insert(Account).values(
            organization_id=organization_id, id=staff_id, kind=AccountKind.STAFF, created_at=now
        )
    )
    await connection.execute(
        insert(Staff).values(
            organization_id=organization_id,
            id=staff_id,
            **values,
            name_key=name_key(first_name, last_name),
            email_key=email_key,
            created_at=now,
        )
    )
    await connection.execute(
        insert(RoleGrant),
        [
            {
                "organization_id": organization_id,
                "id": new_id(),
                "staff_id": staff_id,
                "department_id": department_id,
                "role": role,
                "created_at": now,
            }
            for role, department_id in grants
        ],
    )
    await index(connection, organization_id, staff_id)
    await invite(context, connection, organization_id, staff_id)
    trail.tell(
        AuditAction.STAFF_CREATED,
        On(organization_id, staff_id=staff_id),
        [*changed(None, values), roles_changed((), grants)],
        by=by,
    )
    return staff_id


async def staff_update(
    context: Context, id: str, change: dict[str, Any], expected_version: int | None = None
) -> Key:
    """Change a staff member; of oneself only the notification flag (`S6`, `D6`, `D28`).

    `change` holds what was said, by column; a null is refused (`D32`). `expected_version` as for
    clients.
    """
    checks = Checks("input")
    new = checks.person(change)

    async def work(connection: AsyncConnection, trail: Trail) -> Key:
        now = context.now()
        member = await _found(connection, context.actor, id, change)
        checks.done()
        readdressed = new.get("email_key", member.email_key) != member.email_key
        if readdressed:
            may_readdress(
                "staff member",
                Key(Staff, member.id),
                signs_in=member.username is not None,
                needed=Permission.STAFF_SET_ROLES,
                is_held=member.may_give_roles,
            )
            await _free(connection, member.organization_id, new["email_key"], "input", "email")
        if not new:
            return Key(Staff, member.id)
        if expected_version not in (None, member.version):
            raise conflict("staff member", Key(Staff, member.id))
        names = new.get("first_name", member.first_name), new.get("last_name", member.last_name)
        await connection.execute(
            update(Staff)
            .where(Staff.organization_id == member.organization_id, Staff.id == member.id)
            .values(**new, name_key=name_key(*names))
        )
        await index(connection, member.organization_id, member.id)
        trail.tell(AuditAction.STAFF_UPDATED, on_staff(member), changed(member, new))
        if readdressed:
            theirs = Link.account_id == member.id
            await supersede(connection, member.organization_id, theirs, now)
            await invite(context, connection, member.organization_id, member.id)
        return Key(Staff, member.id)

    return await context.write(work)


async def _found(
    connection: AsyncConnection, actor: Actor, typed: str, change: dict[str, Any]
) -> Record:
    """The staff member of this id, as far as the caller may change these columns of it."""
    member = await read_member(connection, actor, typed)
    key = Key(Staff, member.id)
    if member.id == actor.id:
        if change.keys() - {"receive_new_client_notifications"}:
            message = "Of your own record you can change the notifications only."
            raise refuse(Code.OUT_OF_SCOPE, message, "input", key=key)
    elif not member.may_change:
        raise not_yours(actor, member)
    return member


async def read_member(connection: AsyncConnection, actor: Actor, typed: str) -> Record:
    """The staff member of this id within reach, and whether the caller `may_change` it (`D6`).

    `may_give_roles`: whether the caller may give somebody all the roles that they hold. The staff
    member is on `hold`, and was read after that.
    """
    id = parse_id("stf_", typed)
    member = None
    if id is not None:
        await hold(connection, organization_id=actor.organization_id, account_id=id)
        may_change = reach.changing(Staff, actor.shape, Permission.STAFF_UPDATE)
        may_give_roles = reach.changing(Staff, actor.shape, Permission.STAFF_SET_ROLES)
        rows = await connection.execute(
            select(
                *Staff.__table__.c,
                Staff.username.label("username"),
                may_change.label("may_change"),
                may_give_roles.label("may_give_roles"),
            ).where(Staff.id == id, reach.reading(Staff, actor.shape)),
            reach.values(actor),
        )
        member = rows.one_or_none()
    if member is None:
        raise refuse(Code.NOT_FOUND, "There is no such staff member.", "id")
    return member


def not_yours(actor: Actor, member: Record) -> Refused:
    """The refusal of who sees a staff member, and may not change them."""
    message = "Only administrators can change staff."
    if actor.holds(Permission.STAFF_UPDATE):
        message = "This staff member also works outside your departments."
    return refuse(Code.OUT_OF_SCOPE, message, "id", key=Key(Staff, member.id))


async def _free(
    connection: AsyncConnection, organization_id: uuid.UUID, email_key: str, *field: str
) -> None:
    if await has_address(connection, Staff, organization_id, email_key):
        raise refuse(Code.TAKEN, "A staff member has this address already.", *field)


@lru_cache(SHAPES)
def _granted(shape: Shape, by_role: bool, by_department: bool) -> ColumnElement[bool]:
    """The staff member holds a grant, within the caller's reach, of the role and department."""
    named = []
    if by_role:
        named.append(RoleGrant.role == bindparam("role", type_=RoleGrant.role.type))
    if by_department:
        named.append(RoleGrant.department_id == bindparam("department", type_=Uuid()))
    return (
        exists()
        .where(
            RoleGrant.organization_id == Staff.organization_id,
            RoleGrant.staff_id == Staff.id,
            reach.reading(RoleGrant, shape),
            *named,
        )
        .correlate_except(RoleGrant)
    )
