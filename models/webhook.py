"""Webhooks: where an organization's events go, and every event that went or is to go there.

Deliveries are put in by the transaction of what they tell, and taken out by the courier, as letters
are. They hold ids and no personal data: whoever receives one asks the API for more.
"""

import datetime as dt
import uuid
from typing import Any

from sqlalchemy import CheckConstraint, ForeignKey, Index, and_
from sqlalchemy.orm import Mapped, foreign, mapped_column, relationship

from models.base import AsJson, Base, Owned, belongs, one, word
from models.client import Client
from models.keys import new_id
from models.organization import Department, Organization
from models.words import DeliveryState, WebhookEvent, WebhookState


class Delivery(Owned, Base):
    """One event on its way to one webhook, under one id however often it is tried.

    `queued_at` is when it was put in, or put in again; from then on it is tried until it is given
    up. `lease` and `due_at` as a letter's.
    """

    __tablename__ = "deliveries"
    __table_args__ = (
        belongs("webhook_id", "webhooks"),
        belongs("client_id", "clients"),
        Index(None, "state", "webhook_id", "due_at"),
        Index(None, "done_at"),
        Index(None, "organization_id", "webhook_id", "id"),
    )

    organization_id: Mapped[uuid.UUID] = mapped_column(
        ForeignKey(Organization.id), primary_key=True, sort_order=-2
    )
    id: Mapped[uuid.UUID] = mapped_column(
        primary_key=True,
        default=new_id,
        sort_order=-1,
        doc="The delivery's id, opaque: `dlv_…`. The receiver has it as `webhook-id`.",
    )
    webhook_id: Mapped[uuid.UUID]
    client_id: Mapped[uuid.UUID | None]
    event: Mapped[WebhookEvent] = mapped_column(word(WebhookEvent), doc="What happened.")
    at: Mapped[dt.datetime] = mapped_column(doc="When it happened.")
    payload: Mapped[dict[str, Any]] = mapped_column(
        AsJson, doc='What the receiver is sent: `{"type", "timestamp", "data"}`.'
    )
    state: Mapped[DeliveryState] = mapped_column(word(DeliveryState), doc="What has become of it.")
    attempts: Mapped[int] = mapped_column(
        doc="How many attempts came to an end since it was put in, or put in again."
    )
    lease: Mapped[uuid.UUID | None]
    queued_at: Mapped[dt.datetime]
    due_at: Mapped[dt.datetime] = mapped_column(doc="When it is tried next, while it is QUEUED.")
    done_at: Mapped[dt.datetime | None] = mapped_column(
        doc="When it was done with; null while it is not."
    )
    error: Mapped[str | None] = mapped_column(doc="Why it did not arrive the last time.")

    client: Mapped[Client | None] = one(
        lambda: Client,
        lambda: Delivery.client_id,
        doc="The client it is about; null for a registration, and where you do not reach them.",
    )


class Webhook(Owned, Base):
    """An address to which events go, of the whole organization or of one department.

    Its secret signs what is sent and is encrypted (`permissions.vault`); one that was replaced
    signs as well until `previous_secret_until`. Nothing is kept of them when it has ended.
    """

    __tablename__ = "webhooks"
    __table_args__ = (
        belongs("department_id", "departments"),
        CheckConstraint("(state = 'ENDED') = (secret IS NULL)", name="secret_until_it_ends"),
    )

    organization_id: Mapped[uuid.UUID] = mapped_column(
        ForeignKey(Organization.id), primary_key=True, sort_order=-2
    )
    id: Mapped[uuid.UUID] = mapped_column(
        primary_key=True, default=new_id, sort_order=-1, doc="The webhook's id, opaque: `hok_…`."
    )
    name: Mapped[str] = mapped_column(doc="What people call it.")
    url: Mapped[str] = mapped_column(doc="Where events are sent.")
    events: Mapped[list[str]] = mapped_column(AsJson, doc="Which events are sent.")
    department_id: Mapped[uuid.UUID | None]
    state: Mapped[WebhookState] = mapped_column(
        word(WebhookState), doc="Whether events are sent now."
    )
    secret: Mapped[bytes | None]
    previous_secret: Mapped[bytes | None]
    previous_secret_until: Mapped[dt.datetime | None] = mapped_column(
        doc="Until when the secret before this one signs as well; null where there is none."
    )
    created_at: Mapped[dt.datetime] = mapped_column(doc="When the webhook was made.")

    department: Mapped[Department | None] = one(
        lambda: Department,
        lambda: Webhook.department_id,
        doc="The department whose events are sent; null for the whole organization.",
    )
    deliveries: Mapped[list[Delivery]] = relationship(
        viewonly=True,
        lazy="raise",
        primaryjoin=lambda: and_(
            foreign(Delivery.organization_id) == Webhook.organization_id,
            foreign(Delivery.webhook_id) == Webhook.id,
        ),
        order_by=Delivery.id,
        doc="What was sent and is to be sent, in the order in which it happened.",
    )
