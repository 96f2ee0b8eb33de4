"""Webhooks in tests, as rows: made as the API would, of the clinic's organization."""

import uuid
from typing import Any

from sqlalchemy import insert

from models import Delivery, DeliveryState, Webhook, WebhookEvent, WebhookState, new_id, outside
from tests.world import Clinic, World

NOWHERE = "https://127.0.0.1:9/events"
"""Where nobody listens."""


async def hook(world: World, clinic: Clinic, department: str | None, **more: Any) -> str:
    """The id of a new webhook of the department; None: of the whole organization."""
    organization_id, id = clinic.key("riverside"), new_id()
    ended = more.get("state") is WebhookState.ENDED
    secret = world.service.services.vault.encrypt("whsec_c2VjcmV0", organization_id, id)
    row = {
        "organization_id": organization_id,
        "id": id,
        "name": "Partner",
        "url": NOWHERE,
        "events": [WebhookEvent.CLIENT_APPROVED],
        "department_id": clinic.key(department) if department else None,
        "state": WebhookState.ACTIVE,
        "secret": None if ended else secret,
        "created_at": world.clock(),
        **more,
    }
    await world.database.write(lambda c: c.execute(insert(Webhook).values(row)))
    return outside("hok_", id)


async def delivery(world: World, clinic: Clinic, webhook: str, client: str) -> str:
    """The id of an event that the receiver of the webhook took."""
    id = new_id()
    row = {
        "organization_id": clinic.key("riverside"),
        "id": id,
        "webhook_id": uuid.UUID(webhook.partition("_")[2]),
        "client_id": clinic.key(client),
        "event": WebhookEvent.CLIENT_APPROVED,
        "at": world.clock(),
        "payload": {"type": "client.approved"},
        "state": DeliveryState.SENT,
        "attempts": 1,
        "queued_at": world.clock(),
        "due_at": world.clock(),
        "done_at": world.clock(),
    }
    await world.database.write(lambda c: c.execute(insert(Delivery).values(row)))
    return outside("dlv_", id)
