"""The history of decisions on a client: those events of the audit trail, for the client's managers.

The trail itself is for administrators, and has no words that somebody typed: the reasons that staff
gave are kept beside it.
"""

import datetime as dt
import uuid

from sqlalchemy import select
from sqlalchemy.orm import Mapped, column_property

from models.audit import AuditEvent
from models.base import Base, one
from models.note import DecisionReason
from models.staff import Staff
from models.words import ActorKind, AuditAction

DECISIONS = (
    AuditAction.REGISTRATION_CONFIRMED,
    AuditAction.CLIENT_CREATED,
    AuditAction.CLIENT_APPROVED,
    AuditAction.CLIENT_REJECTED,
    AuditAction.CLIENT_DEACTIVATED,
    AuditAction.CLIENT_REACTIVATED,
)
"""These bring a client into one of the three lists."""

_EVENTS = AuditEvent.__table__


class ClientDecision(Base):
    """An event that brought a client into one of the three lists."""

    __tablename__ = AuditEvent.__tablename__
    __table__ = _EVENTS

    organization_id: Mapped[uuid.UUID] = column_property(_EVENTS.c.organization_id)
    id: Mapped[uuid.UUID] = column_property(_EVENTS.c.id, doc="The decision's id, and its cursor.")
    number: Mapped[int] = column_property(_EVENTS.c.number)
    client_id: Mapped[uuid.UUID | None] = column_property(_EVENTS.c.client_id)
    at: Mapped[dt.datetime] = column_property(_EVENTS.c.at, doc="When it was decided.")
    action: Mapped[AuditAction] = column_property(_EVENTS.c.action, doc="What was decided.")
    actor_kind: Mapped[ActorKind] = column_property(
        _EVENTS.c.actor_kind, doc="As what somebody decided."
    )
    actor_id: Mapped[uuid.UUID | None] = column_property(_EVENTS.c.actor_id)
    reason: Mapped[str | None] = column_property(
        select(DecisionReason.text)
        .where(
            DecisionReason.organization_id == _EVENTS.c.organization_id,
            DecisionReason.id == _EVENTS.c.id,
        )
        .correlate_except(DecisionReason)
        .scalar_subquery(),
        doc="Why the client was rejected or made inactive, where staff said so.",
    )

    actor: Mapped[Staff | None] = one(
        lambda: Staff,
        lambda: ClientDecision.actor_id,
        doc="Who decided, of staff and service keys. Null where the client's own link did it.",
    )

    __mapper_args__ = {  # noqa: RUF012 - SQLAlchemy reads it from the class
        "primary_key": [_EVENTS.c.organization_id, _EVENTS.c.id],
        "include_properties": [],
    }
