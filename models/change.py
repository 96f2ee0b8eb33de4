"""What happened to clients: those events of the audit trail, for whoever reaches the client.

The trail itself is for administrators. An organization's events are numbered one after the other,
and no later number is committed before an earlier one; so who has seen an event has seen all
before it.
"""

import datetime as dt
import uuid

from sqlalchemy.orm import Mapped, column_property

from models.audit import AuditEvent
from models.base import Base, one
from models.client import Client
from models.words import AuditAction

OF_ASSOCIATIONS = (
    AuditAction.ASSOCIATION_CREATED,
    AuditAction.ASSOCIATION_CHANGED,
    AuditAction.ASSOCIATION_REMOVED,
)
"""These are about a client and a department, which need not be the client's."""

CHANGES = (
    AuditAction.REGISTRATION_CONFIRMED,
    AuditAction.INVITATION_ACCEPTED,
    AuditAction.EMAIL_CHANGED,
    AuditAction.CLIENT_CREATED,
    AuditAction.CLIENT_UPDATED,
    AuditAction.CLIENT_APPROVED,
    AuditAction.CLIENT_REJECTED,
    AuditAction.CLIENT_DEACTIVATED,
    AuditAction.CLIENT_REACTIVATED,
    *OF_ASSOCIATIONS,
)
"""After these a client is not what they were before."""

_EVENTS = AuditEvent.__table__


class ClientChange(Base):
    """An event after which a client is different. Its id is its number in the organization."""

    __tablename__ = AuditEvent.__tablename__
    __table__ = _EVENTS

    organization_id: Mapped[uuid.UUID] = column_property(_EVENTS.c.organization_id)
    id: Mapped[int] = column_property(
        _EVENTS.c.number,
        doc="The change's id, and its cursor: `clientChanges(after:)` goes on from it.",
    )
    client_id: Mapped[uuid.UUID | None] = column_property(_EVENTS.c.client_id)
    departments: Mapped[list[uuid.UUID]] = column_property(_EVENTS.c.departments)
    at: Mapped[dt.datetime] = column_property(_EVENTS.c.at, doc="When it happened.")
    action: Mapped[AuditAction] = column_property(_EVENTS.c.action, doc="What happened.")

    client: Mapped[Client] = one(
        lambda: Client,
        lambda: ClientChange.client_id,
        doc="The client, as they are now.",
    )

    __mapper_args__ = {  # noqa: RUF012 - SQLAlchemy reads it from the class
        "primary_key": [_EVENTS.c.organization_id, _EVENTS.c.number],
        "exclude_properties": {"number"},
    }
