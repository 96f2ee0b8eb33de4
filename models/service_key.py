"""Service keys: with them programs act, where people have sessions."""

import datetime as dt
import uuid

from sqlalchemy import UniqueConstraint, and_, exists
from sqlalchemy.orm import Mapped, column_property, foreign, mapped_column, relationship

from models.base import Base, Owned, belongs, one
from models.keys import new_id
from models.organization import Department
from models.staff import RoleGrant, Staff
from models.words import Role, StaffStatus


class ServiceKeyGrant(Owned, Base):
    """A permission that a service key holds, in a department or (none) the whole organization.

    A key holds all its permissions in all its departments: there is a row for each of both.
    """

    __tablename__ = "service_key_grants"
    __table_args__ = (
        belongs("service_key_id", "service_keys"),
        belongs("department_id", "departments"),
        UniqueConstraint(
            *("organization_id", "service_key_id", "permission", "department_id"),
            name="uq_service_key_grants_once",
        ),
    )

    service_key_id: Mapped[uuid.UUID]
    permission: Mapped[str] = mapped_column(doc="What the key may do.")
    department_id: Mapped[uuid.UUID | None]

    department: Mapped[Department | None] = one(
        lambda: Department,
        lambda: ServiceKeyGrant.department_id,
        doc="Where; null for the whole organization.",
    )


class ServiceKey(Owned, Base):
    """A key of the organization's for a program, made by a staff member.

    `digest` is that of its token, which is kept nowhere. Its account has no credentials and never
    gets any: it is there for whatever says who did something. `is_backed`: whoever made it could
    make it today (`docs/decisions/0018`).
    """

    __tablename__ = "service_keys"
    __table_args__ = (
        belongs("id", "accounts"),
        belongs("created_by_id", "staff"),
        UniqueConstraint("id"),
    )

    organization_id: Mapped[uuid.UUID] = mapped_column(primary_key=True, sort_order=-2)
    id: Mapped[uuid.UUID] = mapped_column(
        primary_key=True, default=new_id, sort_order=-1, doc="The key's id, opaque: `key_…`."
    )
    name: Mapped[str] = mapped_column(doc="What it is called.")
    prefix: Mapped[str] = mapped_column(doc="How its token begins, by which it is recognised.")
    digest: Mapped[bytes]
    created_at: Mapped[dt.datetime] = mapped_column(doc="When it was made.")
    created_by_id: Mapped[uuid.UUID] = mapped_column()
    expires_at: Mapped[dt.datetime] = mapped_column(doc="When it ends.")
    last_used_at: Mapped[dt.datetime | None] = mapped_column(
        doc="When it was last used, to within a minute; null for never."
    )
    revoked_at: Mapped[dt.datetime | None] = mapped_column(
        doc="When it was revoked; null for one that was not."
    )

    is_backed: Mapped[bool] = column_property(
        exists()
        .where(
            Staff.organization_id == organization_id,
            Staff.id == created_by_id,
            Staff.status == StaffStatus.ACTIVE,
            RoleGrant.organization_id == Staff.organization_id,
            RoleGrant.staff_id == Staff.id,
            RoleGrant.role == Role.ORGANIZATION_ADMINISTRATOR,
        )
        .correlate_except(Staff, RoleGrant)
    )

    created_by: Mapped[Staff] = one(
        lambda: Staff, lambda: ServiceKey.created_by_id, doc="Who made it."
    )
    grants: Mapped[list[ServiceKeyGrant]] = relationship(
        viewonly=True,
        lazy="raise",
        primaryjoin=lambda: and_(
            foreign(ServiceKeyGrant.organization_id) == ServiceKey.organization_id,
            foreign(ServiceKeyGrant.service_key_id) == ServiceKey.id,
        ),
        order_by=ServiceKeyGrant.id,
        doc="What it may do, and where: each of its permissions in each of its departments.",
    )
