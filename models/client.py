"""Clients, the registrations that become clients, and whom clients meet."""

import datetime as dt
import uuid
from typing import Any

from sqlalchemy import (
    CheckConstraint,
    ForeignKey,
    ForeignKeyConstraint,
    Index,
    UniqueConstraint,
    and_,
    select,
)
from sqlalchemy.orm import Mapped, column_property, foreign, mapped_column, relationship

from models.account import Account
from models.base import Base, ByCodePoint, Owned, belongs, one, versioned, word
from models.keys import new_id
from models.note import ClientNote
from models.organization import Department, Organization
from models.staff import Staff
from models.words import ClientStatus, Role


class Registration(Owned, Base):
    """What somebody typed on the portal page: not a client until the mail is confirmed (`D1`).

    It ends when it is confirmed (`client_id` is set), or when its address became somebody else's
    way in: another registration confirmed first, or an account that was there already.
    """

    __tablename__ = "registrations"
    __table_args__ = (
        belongs("department_id", "departments"),
        belongs("client_id", "clients"),
        Index(None, "organization_id", "email_key"),
        Index(None, "created_at"),
    )

    organization_id: Mapped[uuid.UUID] = mapped_column(
        ForeignKey(Organization.id), primary_key=True, sort_order=-2
    )
    first_name: Mapped[str]
    last_name: Mapped[str]
    email: Mapped[str]
    email_key: Mapped[str]
    date_of_birth: Mapped[dt.date]
    phone: Mapped[str | None]
    department_id: Mapped[uuid.UUID | None]
    client_id: Mapped[uuid.UUID | None]
    created_at: Mapped[dt.datetime]
    ended_at: Mapped[dt.datetime | None]


class Notice(Base):
    """A staff member was told that a client awaits approval: once a person (`S4`, `D19`)."""

    __tablename__ = "notices"
    __table_args__ = (belongs("client_id", "clients"), belongs("staff_id", "staff"))

    organization_id: Mapped[uuid.UUID] = mapped_column(primary_key=True)
    client_id: Mapped[uuid.UUID] = mapped_column(primary_key=True)
    staff_id: Mapped[uuid.UUID] = mapped_column(primary_key=True)


class Association(Owned, Base):
    """A client and a practitioner of a department who meet.

    It points at the practitioner's role grant, so the database refuses one without the role and
    refuses to drop the role while it is used (`S17`, `D13`); one a pair (`S21`). It repeats where
    its client stands in the lists, which the database keeps up to date by the foreign key: so a
    department's list is walked along an index, whoever else the organization has.
    """

    __tablename__ = "associations"
    __table_args__ = (
        ForeignKeyConstraint(
            ["organization_id", "client_status", "client_name_key", "client_id"],
            ["clients.organization_id", "clients.status", "clients.name_key", "clients.id"],
            name="fk_associations_client",
            onupdate="CASCADE",
        ),
        ForeignKeyConstraint(
            ["organization_id", "practitioner_id", "department_id", "role"],
            [
                "role_grants.organization_id",
                "role_grants.staff_id",
                "role_grants.department_id",
                "role_grants.role",
            ],
            name="fk_associations_practitioner",
        ),
        UniqueConstraint("organization_id", "client_id", "practitioner_id"),
        CheckConstraint("role = 'PRACTITIONER'", name="practitioner"),
        Index(None, "organization_id", "practitioner_id", "id"),
        Index(
            "ix_associations_by_client_name",
            "organization_id",
            "department_id",
            "client_status",
            "client_name_key",
            "client_id",
        ),
        Index(
            "ix_associations_by_client",
            "organization_id",
            "department_id",
            "client_status",
            "client_id",
        ),
    )

    id: Mapped[uuid.UUID] = mapped_column(
        primary_key=True,
        default=new_id,
        sort_order=-1,
        doc="The association's id, opaque: `asc_…`.",
    )
    client_id: Mapped[uuid.UUID]
    client_status: Mapped[ClientStatus] = mapped_column(word(ClientStatus))
    client_name_key: Mapped[str] = mapped_column(ByCodePoint)
    practitioner_id: Mapped[uuid.UUID]
    department_id: Mapped[uuid.UUID]
    role: Mapped[Role] = mapped_column(word(Role), default=Role.PRACTITIONER)
    created_at: Mapped[dt.datetime] = mapped_column(doc="When the two were associated.")

    client: Mapped["Client"] = one(lambda: Client, lambda: Association.client_id, doc="The client.")
    practitioner: Mapped[Staff] = one(
        lambda: Staff,
        lambda: Association.practitioner_id,
        doc="The practitioner.",
    )
    department: Mapped[Department] = one(
        lambda: Department,
        lambda: Association.department_id,
        doc="The one department, of the practitioner's, in which the two meet (`S21`).",
    )


class Client(Owned, Base):
    """A person in the organization's care.

    `decided_at` and `decided_by_id` tell of the last word on a pending client, yes or no.
    """

    __tablename__ = "clients"
    __table_args__ = (
        belongs("id", "accounts"),
        belongs("department_id", "departments"),
        belongs("approved_by_id", "accounts"),
        belongs("decided_by_id", "accounts"),
        UniqueConstraint("organization_id", "email_key"),
        CheckConstraint(
            "(status <> 'PENDING') OR (approved_at IS NULL)", name="pending_not_approved"
        ),
        CheckConstraint(
            "(status <> 'ACTIVE') OR (approved_at IS NOT NULL AND department_id IS NOT NULL)",
            name="active_approved",
        ),
        UniqueConstraint("organization_id", "status", "name_key", "id"),
        Index(None, "organization_id", "status", "id"),
        Index(None, "organization_id", "department_id", "status", "name_key", "id"),
        Index(None, "organization_id", "department_id", "status", "id"),
        Index("ix_clients_by_birth_and_name", "organization_id", "date_of_birth", "name_key"),
        Index("ix_clients_by_phone", "organization_id", "phone_key"),
    )

    organization_id: Mapped[uuid.UUID] = mapped_column(primary_key=True, sort_order=-2)
    id: Mapped[uuid.UUID] = mapped_column(
        primary_key=True, default=new_id, sort_order=-1, doc="The client's id, opaque: `cli_…`."
    )
    status: Mapped[ClientStatus] = mapped_column(
        word(ClientStatus), doc="Which of the three lists the client is in (`S26` to `S31`)."
    )
    first_name: Mapped[str] = mapped_column(doc="Given name.")
    last_name: Mapped[str] = mapped_column(doc="Family name.")
    name_key: Mapped[str] = mapped_column(ByCodePoint)
    email: Mapped[str] = mapped_column(doc="Where letters go, as typed.")
    email_key: Mapped[str]
    phone: Mapped[str | None] = mapped_column(doc="Telephone number, as typed.")
    phone_key: Mapped[str | None]
    date_of_birth: Mapped[dt.date] = mapped_column(doc="Date of birth.")
    department_id: Mapped[uuid.UUID | None]
    created_at: Mapped[dt.datetime] = mapped_column(
        doc="When the client was made, by confirming a registration or by staff."
    )
    approved_at: Mapped[dt.datetime | None] = mapped_column(
        doc="When the client was approved; null for one who never was (`D20`)."
    )
    approved_by_id: Mapped[uuid.UUID | None]
    decided_at: Mapped[dt.datetime | None]
    decided_by_id: Mapped[uuid.UUID | None]
    status_reason: Mapped[str | None] = mapped_column(
        doc="Why the client was rejected or made inactive, where staff said so."
    )
    version: Mapped[int] = versioned(
        "Counts the changes of the record, from 1: of details, department and status. Credentials "
        "and associations are kept beside it, and do not count."
    )

    username: Mapped[str | None] = column_property(
        select(Account.username)
        .where(Account.organization_id == organization_id, Account.id == id)
        .correlate_except(Account)
        .scalar_subquery(),
        doc="What the client signs in with; null until they choose it.",
    )

    department: Mapped[Department | None] = one(
        lambda: Department,
        lambda: Client.department_id,
        doc="Null for a client who was not sure, until somebody decides (`S8`).",
    )
    approved_by: Mapped[Staff | None] = one(
        lambda: Staff,
        lambda: Client.approved_by_id,
        doc="Who approved the client.",
    )
    associations: Mapped[list[Association]] = relationship(
        viewonly=True,
        lazy="raise",
        primaryjoin=lambda: and_(
            foreign(Association.organization_id) == Client.organization_id,
            foreign(Association.client_id) == Client.id,
        ),
        order_by=Association.id,
        doc="Whom the client meets, in the order in which they were associated.",
    )
    notes: Mapped[list[ClientNote]] = relationship(
        viewonly=True,
        lazy="raise",
        primaryjoin=lambda: and_(
            foreign(ClientNote.organization_id) == Client.organization_id,
            foreign(ClientNote.client_id) == Client.id,
        ),
        order_by=ClientNote.id.desc(),
        doc="Internal notes, the newest first: for managers alone, who write them, too.",
    )
    # Of a module that needs this one: SQLAlchemy finds it by its name.
    decisions: Mapped[list[Any]] = relationship(
        "ClientDecision",
        viewonly=True,
        lazy="raise",
        primaryjoin="and_(foreign(ClientDecision.organization_id) == Client.organization_id, "
        "foreign(ClientDecision.client_id) == Client.id)",
        order_by="ClientDecision.number.desc()",
        doc="What was decided about the client, the newest first, as far back as the audit trail "
        "goes: for managers alone.",
    )
