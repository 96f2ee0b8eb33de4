"""Organizations and their departments."""

import datetime as dt
import uuid

from sqlalchemy import ForeignKey, UniqueConstraint, false, true
from sqlalchemy.orm import Mapped, mapped_column

from models.base import Base, Owned
from models.keys import new_id


class Organization(Base):
    """A customer of ours: its own clients, staff and departments; it shares nothing (`D15`)."""

    __tablename__ = "organizations"

    id: Mapped[uuid.UUID] = mapped_column(
        primary_key=True, default=new_id, doc="The organization's id, opaque: `org_…`."
    )
    slug: Mapped[str] = mapped_column(
        unique=True, doc="The organization's name in addresses, as in its portal URL (`D34`)."
    )
    name: Mapped[str] = mapped_column(doc="The organization's name, as people read it.")
    registration_open: Mapped[bool] = mapped_column(
        server_default=true(), doc="Whether clients may register themselves on the portal (`S2`)."
    )
    contact_email: Mapped[str | None] = mapped_column(
        doc="Whom letters tell their readers to ask (`D23`)."
    )
    second_factor_required: Mapped[bool] = mapped_column(
        server_default=false(),
        doc="Whether staff reach nothing but their own account until they have a second factor.",
    )
    created_at: Mapped[dt.datetime] = mapped_column(doc="When the organization was made.")


class Department(Owned, Base):
    """A part of an organization. Reach and associations end at its border."""

    __tablename__ = "departments"
    __table_args__ = (UniqueConstraint("organization_id", "name_key"),)

    organization_id: Mapped[uuid.UUID] = mapped_column(
        ForeignKey(Organization.id), primary_key=True, sort_order=-2
    )
    id: Mapped[uuid.UUID] = mapped_column(
        primary_key=True, default=new_id, sort_order=-1, doc="The department's id, opaque: `dep_…`."
    )
    name: Mapped[str] = mapped_column(doc="The department's name, unique in its organization.")
    name_key: Mapped[str]
    active: Mapped[bool] = mapped_column(
        server_default=true(), doc="Whether clients may choose it and grants in it count (`D13`)."
    )
    created_at: Mapped[dt.datetime] = mapped_column(doc="When the department was made.")
