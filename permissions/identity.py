"""From an access token, or that of a service key, to an actor: anew on every request (`D21`)."""

import datetime as dt
import uuid
from typing import NamedTuple

from sqlalchemy import ColumnElement, Uuid, and_, bindparam, exists, not_, or_, select

from models import (
    Account,
    AccountKind,
    Client,
    ClientStatus,
    Database,
    Department,
    Organization,
    Role,
    RoleGrant,
    ServiceKey,
    ServiceKeyGrant,
    Session,
    Staff,
    StaffStatus,
    Statement,
    Surface,
)
from permissions import service_keys
from permissions.actor import NOBODY, Actor, Grant, Shape
from permissions.roles import Permission
from permissions.tokens import Tokens


def counts(grant: type[RoleGrant | ServiceKeyGrant]) -> ColumnElement[bool]:
    """The grant is for the whole organization, or for an active department (`D13`)."""
    return or_(
        grant.department_id.is_(None),
        exists().where(
            Department.organization_id == grant.organization_id,
            Department.id == grant.department_id,
            Department.active,
        ),
    )


# One statement brings session, person, status and grants; a row a grant, at least one row.
SESSION = Statement(
    select(
        Session.organization_id,
        Session.account_id,
        Session.surface,
        Session.generation,
        Session.access_expires_at,
        Session.replaced_until,
        Account.kind,
        Client.status.label("client_status"),
        Staff.status.label("staff_status"),
        RoleGrant.role,
        RoleGrant.department_id,
        and_(
            Staff.id.is_not(None),
            select(and_(Organization.second_factor_required, not_(Staff.second_factor)))
            .where(Organization.id == Session.organization_id)
            .scalar_subquery(),
        ).label("second_factor_needed"),
    )
    .join(
        Account,
        and_(Account.organization_id == Session.organization_id, Account.id == Session.account_id),
    )
    .outerjoin(
        Client,
        and_(Client.organization_id == Session.organization_id, Client.id == Session.account_id),
    )
    .outerjoin(
        Staff,
        and_(Staff.organization_id == Session.organization_id, Staff.id == Session.account_id),
    )
    .outerjoin(
        RoleGrant,
        and_(
            RoleGrant.organization_id == Session.organization_id,
            RoleGrant.staff_id == Session.account_id,
            counts(RoleGrant),
        ),
    )
    .where(Session.id == bindparam("session", type_=Uuid()), Session.ended_at.is_(None))
)


# One row a grant in an active department (`D13`), and at least one.
KEY = Statement(
    select(
        ServiceKey.organization_id,
        ServiceKey.digest,
        ServiceKey.expires_at,
        ServiceKeyGrant.permission,
        ServiceKeyGrant.department_id,
    )
    .outerjoin(
        ServiceKeyGrant,
        and_(
            ServiceKeyGrant.organization_id == ServiceKey.organization_id,
            ServiceKeyGrant.service_key_id == ServiceKey.id,
            counts(ServiceKeyGrant),
        ),
    )
    .where(
        ServiceKey.id == bindparam("key", type_=Uuid()),
        ServiceKey.revoked_at.is_(None),
        ServiceKey.is_backed,
    )
)


class _Key(NamedTuple):
    """A row of that statement."""

    organization_id: uuid.UUID
    digest: bytes
    expires_at: dt.datetime
    permission: str | None
    department_id: uuid.UUID | None


class _Found(NamedTuple):
    """A row of the statement for sessions."""

    organization_id: uuid.UUID
    account_id: uuid.UUID
    surface: Surface
    generation: int
    access_expires_at: dt.datetime
    replaced_until: dt.datetime | None
    kind: AccountKind
    client_status: ClientStatus | None
    staff_status: StaffStatus | None
    role: Role | None
    department_id: uuid.UUID | None
    second_factor_needed: bool


async def identify(
    database: Database, tokens: Tokens, token: str, now: dt.datetime
) -> Actor | None:
    """The actor of a live session, or of a service key that is good; or None.

    None for a token that is forged, expired, ended or replaced, and for a person who may not be
    signed in there (any more). A token that a refresh replaced is good for ten more seconds, if it
    was and does not expire in them: requests may be under way. Who needs a second factor and has
    none holds nothing until then.
    """
    key_id = service_keys.key_of(token)
    if key_id is not None:
        return await _identify_key(database, key_id, token, now)
    read = tokens.read_access(token)
    if read is None:
        return None
    rows = [_Found(*row) for row in await database.fetch(SESSION, {"session": read.id})]
    if not rows:
        return None
    found = rows[0]
    ends = {
        found.generation: found.access_expires_at,
        found.generation - 1: found.replaced_until,
    }.get(read.generation)
    if ends is None or now >= ends:
        return None
    if not may_sign_in(found.surface, found.client_status, found.staff_status):
        return None
    needed = found.second_factor_needed
    held = () if needed else rows
    grants = tuple(Grant(row.role, row.department_id) for row in held if row.role is not None)
    return Actor(
        shape=Shape(found.kind, found.surface, frozenset(grant.role for grant in grants)),
        organization_id=found.organization_id,
        id=found.account_id,
        session_id=read.id,
        grants=grants,
        second_factor_needed=needed,
    )


async def _identify_key(
    database: Database, id: uuid.UUID, token: str, now: dt.datetime
) -> Actor | None:
    """The actor of a service key; None unless it is good, and so is who made it.

    It holds what was chosen as an administrator would, of the departments or the organization.
    """
    rows = [_Key(*row) for row in await database.fetch(KEY, {"key": id})]
    if not rows or now >= rows[0].expires_at or not service_keys.matches(token, rows[0].digest):
        return None
    held = [(Permission(row.permission), row.department_id) for row in rows if row.permission]
    grants = tuple(
        Grant(
            Role.DEPARTMENT_ADMINISTRATOR if department_id else Role.ORGANIZATION_ADMINISTRATOR,
            department_id,
        )
        for department_id in dict.fromkeys(department_id for _, department_id in held)
    )
    return Actor(
        shape=Shape(
            AccountKind.SERVICE_KEY,
            None,
            frozenset(grant.role for grant in grants),
            frozenset(permission for permission, _ in held),
        ),
        organization_id=rows[0].organization_id,
        id=id,
        session_id=NOBODY,
        grants=grants,
    )


def may_sign_in(surface: Surface, client: ClientStatus | None, staff: StaffStatus | None) -> bool:
    """Whether a person of this status may be signed in on the surface (`S26` to `S28`)."""
    if client is None:
        return staff is StaffStatus.ACTIVE
    return client is ClientStatus.ACTIVE or (
        client is ClientStatus.PENDING and surface is Surface.PORTAL
    )
