"""Staff and what they are where."""

import datetime as dt
import uuid
from typing import TYPE_CHECKING

from sqlalchemy import CheckConstraint, Index, UniqueConstraint, and_, exists, select, true
from sqlalchemy.orm import Mapped, column_property, foreign, mapped_column, relationship

from models.account import Account
from models.base import Base, ByCodePoint, Owned, belongs, one, versioned, word
from models.keys import new_id
from models.organization import Department
from models.second_factor import SecondFactor
from models.words import Role, StaffStatus

if TYPE_CHECKING:
    from models.client import Association


class RoleGrant(Owned, Base):
    """A role held by a staff member, in a department or (Organizational Administrator) in none."""

    __tablename__ = "role_grants"
    __table_args__ = (
        belongs("staff_id", "staff"),
        belongs("department_id", "departments"),
        UniqueConstraint("organization_id", "staff_id", "department_id", "role"),
        Index(
            "uq_role_grants_organization_administrator",
            "organization_id",
            "staff_id",
            unique=True,
            postgresql_where="department_id IS NULL",
            sqlite_where="department_id IS NULL",
        ),
        CheckConstraint(
            "(role = 'ORGANIZATION_ADMINISTRATOR') = (department_id IS NULL)", name="boundary"
        ),
        Index(None, "organization_id", "department_id", "staff_id"),
    )

    staff_id: Mapped[uuid.UUID]
    department_id: Mapped[uuid.UUID | None]
    role: Mapped[Role] = mapped_column(word(Role), doc="What the staff member is.")
    created_at: Mapped[dt.datetime]

    department: Mapped[Department | None] = one(
        lambda: Department,
        lambda: RoleGrant.department_id,
        doc="Where; null for an Organizational Administrator, who has no boundary.",
    )


class Staff(Owned, Base):
    """Somebody who works for the organization."""

    __tablename__ = "staff"
    __table_args__ = (
        belongs("id", "accounts"),
        UniqueConstraint("organization_id", "email_key"),
        Index(None, "organization_id", "status", "name_key", "id"),
    )

    organization_id: Mapped[uuid.UUID] = mapped_column(primary_key=True, sort_order=-2)
    id: Mapped[uuid.UUID] = mapped_column(
        primary_key=True,
        default=new_id,
        sort_order=-1,
        doc="The staff member's id, opaque: `stf_…`.",
    )
    status: Mapped[StaffStatus] = mapped_column(
        word(StaffStatus), doc="Whether the staff member may sign in."
    )
    first_name: Mapped[str] = mapped_column(doc="Given name.")
    last_name: Mapped[str] = mapped_column(doc="Family name.")
    name_key: Mapped[str] = mapped_column(ByCodePoint)
    email: Mapped[str] = mapped_column(doc="Where letters go, as typed.")
    email_key: Mapped[str]
    receive_new_client_notifications: Mapped[bool] = mapped_column(
        server_default=true(),
        doc="Whether a letter tells of clients who await approval (`S5`, `S6`).",
    )
    created_at: Mapped[dt.datetime] = mapped_column(doc="When the record was made.")
    version: Mapped[int] = versioned(
        "Counts the changes of the record, from 1: of details, status and roles. Credentials and "
        "associations are kept beside it, and do not count."
    )

    username: Mapped[str | None] = column_property(
        select(Account.username)
        .where(Account.organization_id == organization_id, Account.id == id)
        .correlate_except(Account)
        .scalar_subquery(),
        doc="What the staff member signs in with; null until they choose it.",
    )
    second_factor: Mapped[bool] = column_property(
        exists()
        .where(
            SecondFactor.organization_id == organization_id,
            SecondFactor.id == id,
            SecondFactor.confirmed_at.is_not(None),
        )
        .correlate_except(SecondFactor),
        doc="Whether the staff member signs in with a code as well as the password.",
    )

    roles: Mapped[list[RoleGrant]] = relationship(
        viewonly=True,
        lazy="raise",
        primaryjoin=lambda: and_(
            foreign(RoleGrant.organization_id) == Staff.organization_id,
            foreign(RoleGrant.staff_id) == Staff.id,
        ),
        order_by=RoleGrant.id,
        doc="What the staff member is, and where.",
    )
    associations: Mapped[list["Association"]] = relationship(
        viewonly=True,
        lazy="raise",
        primaryjoin="and_(foreign(Association.organization_id) == Staff.organization_id,"
        " foreign(Association.practitioner_id) == Staff.id)",
        order_by="Association.id",
        doc="The clients whom the staff member meets, in the order in which they were associated.",
    )
