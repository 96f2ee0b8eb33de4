"""Acting in somebody's name at the command line, where nobody is signed in."""

import uuid
from typing import Any

from sqlalchemy import and_, select

from models import (
    Account,
    AccountKind,
    Database,
    Organization,
    Record,
    RoleGrant,
    Staff,
    StaffStatus,
)
from permissions.actor import Actor, Grant, Shape
from permissions.identity import counts

_NO_SESSION = uuid.UUID(int=0)


async def stand_in(database: Database, organization: str, username_key: str) -> Actor | None:
    """The active staff member of this username, with all that they may do on the portal.

    They are signed in nowhere, so their actor has no surface. What they need to prove to sign in,
    they need not here: who can run commands, can do more than they.
    """
    held = and_(RoleGrant.organization_id == Staff.organization_id, RoleGrant.staff_id == Staff.id)
    wanted: Any = (
        select(Staff.organization_id, Staff.id, RoleGrant.role, RoleGrant.department_id)
        .join(Organization, Organization.id == Staff.organization_id)
        .join(
            Account,
            and_(Account.organization_id == Staff.organization_id, Account.id == Staff.id),
        )
        .outerjoin(RoleGrant, and_(held, counts(RoleGrant)))
        .where(
            Organization.slug == organization,
            Account.username_key == username_key,
            Staff.status == StaffStatus.ACTIVE,
        )
    )
    rows: list[Record] = await database.read(lambda c: list(c.execute(wanted).all()))
    if not rows:
        return None
    grants = tuple(Grant(row.role, row.department_id) for row in rows if row.role is not None)
    roles = frozenset(grant.role for grant in grants)
    return Actor(
        shape=Shape(AccountKind.STAFF, None, roles),
        organization_id=rows[0].organization_id,
        id=rows[0].id,
        session_id=_NO_SESSION,
        grants=grants,
    )
