"""Webhooks: events as a kind of post, from the transaction of what they tell to their receivers.

What is sent, and how it is signed, is as the Standard Webhooks specification says.
"""

import datetime as dt
import uuid
from collections import Counter
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, ClassVar

import orjson
from sqlalchemy import Select, bindparam, func, insert, select
from sqlalchemy.ext.asyncio import AsyncConnection
from standardwebhooks import Webhook as Signer

from mailer.courier import LAST_RETRY_SECONDS, backoff
from mailer.outbox import Outbox, Outcome, Post, Rejected, Taken, TryAgain
from mailer.receivers import Receivers
from models import (
    Delivery,
    DeliveryState,
    Record,
    Webhook,
    WebhookEvent,
    WebhookState,
    new_id,
    outside,
    within,
)

Opened = Callable[[bytes, uuid.UUID, uuid.UUID], str]
"""A secret from what is stored, the organization's id and the webhook's."""

USER_AGENT = "VTConnect-Webhooks"
GONE = 410
AT_ONCE = 4
"""How many events of one webhook a courier holds, at most."""

REST_SECONDS = 60
"""How long a receiver that did not answer rests, at most."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Happening:
    """What happened, in which department (None: in none yet), and the ids that tell of what.

    `data` is what receivers are told: names of fields, and ids as the API shows them.
    """

    event: WebhookEvent
    at: dt.datetime
    department_id: uuid.UUID | None
    client_id: uuid.UUID | None
    data: Mapping[str, str | None]


async def listening(connection: AsyncConnection, organization_id: uuid.UUID) -> list[Record]:
    """The organization's webhooks that have not ended.

    They stay as they are until the transaction ends, so that whoever pauses or resumes one finds
    either all deliveries of a transaction or none.
    """
    found = await connection.execute(
        select(
            Webhook.organization_id,
            Webhook.id,
            Webhook.events,
            Webhook.department_id,
            Webhook.state,
        )
        .where(Webhook.organization_id == organization_id, Webhook.state != WebhookState.ENDED)
        .order_by(Webhook.id)
        .with_for_update(read=True)
    )
    return list(found)


async def announce(
    connection: AsyncConnection, webhooks: Sequence[Record], happenings: Sequence[Happening]
) -> None:
    """Put what happened into the outbox, for each of the webhooks that it goes to."""
    rows = [
        {
            "organization_id": webhook.organization_id,
            "id": new_id(),
            "webhook_id": webhook.id,
            "client_id": happening.client_id,
            "event": happening.event,
            "at": happening.at,
            "payload": {
                "type": happening.event.sent_as,
                "timestamp": happening.at.isoformat(),
                "data": {
                    "organizationId": outside("org_", webhook.organization_id),
                    **happening.data,
                },
            },
            "state": (
                DeliveryState.QUEUED if webhook.state is WebhookState.ACTIVE else DeliveryState.HELD
            ),
            "attempts": 0,
            "queued_at": happening.at,
            "due_at": happening.at,
        }
        for webhook in webhooks
        for happening in happenings
        if happening.event in webhook.events
        and webhook.department_id in (None, happening.department_id)
    ]
    if rows:
        await connection.execute(insert(Delivery), rows)


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class TakenEvent(Taken):
    """An event to be sent, where to, and the secrets that sign it, as they are stored."""

    payload: Mapping[str, Any]
    webhook_id: uuid.UUID
    url: str
    secrets: tuple[bytes, ...]


class Events(Post[TakenEvent]):
    """Events, on their way to receivers.

    A receiver that is slow, or does not answer, holds up its own and nobody else's: of one webhook
    few are taken at once, however many wait, and none while its receiver rests, for a while after
    each attempt without an answer.
    """

    kind: ClassVar[str] = "event"
    at_once: ClassVar[int] = 64

    def __init__(
        self, receivers: Receivers, *, opened: Opened, clock: Callable[[], dt.datetime]
    ) -> None:
        self._receivers = receivers
        self._opened = opened
        self._clock = clock
        self._resting: dict[uuid.UUID, dt.datetime] = {}

    async def take(
        self,
        connection: AsyncConnection,
        most: int,
        *,
        held: Collection[TakenEvent],
        due: dt.datetime,
        now: dt.datetime,
        until: dt.datetime,
    ) -> list[TakenEvent]:
        holds = Counter(event.webhook_id for event in held)
        rows: list[dict[str, Any]] = []
        for id in list(await connection.scalars(_WAITING, {"due": due})):
            if now < self._resting.get(id, now):
                continue
            room = min(AT_ONCE - holds[id], most - len(rows))
            if room > 0:
                rows += await _OUTBOX.take(connection, room, due=due, until=until, webhook=id)
        if not rows:
            return []
        found = await connection.execute(_WEBHOOKS, {"ids": {row["webhook_id"] for row in rows}})
        webhooks = {webhook.id: webhook for webhook in found}
        return [
            TakenEvent(**row, url=webhook.url, secrets=_signing(webhook, now))
            for row in rows
            for webhook in (webhooks[row["webhook_id"]],)
        ]

    async def settle(self, connection: AsyncConnection, outcomes: Collection[Outcome]) -> None:
        await _OUTBOX.settle(connection, outcomes)

    async def send(self, taken: TakenEvent) -> None:
        body = orjson.dumps(taken.payload, option=orjson.OPT_SORT_KEYS)
        try:
            answer = await self._receivers.post(taken.url, self._headers(taken, body), body)
        except TryAgain:
            rest = min(backoff(taken.attempts + 1), dt.timedelta(seconds=REST_SECONDS))
            self._resting[taken.webhook_id] = self._clock() + rest
            raise
        self._resting.pop(taken.webhook_id, None)
        if answer.status == GONE:
            raise Rejected(f"the receiver answered {GONE}")
        if not 200 <= answer.status < 300:
            seconds = answer.retry_after
            wait = dt.timedelta(seconds=min(seconds, LAST_RETRY_SECONDS)) if seconds else None
            raise TryAgain(f"the receiver answered {answer.status}", wait)

    async def close(self) -> None:
        """Nothing is kept."""

    def _headers(self, taken: TakenEvent, body: bytes) -> dict[str, str]:
        now = self._clock()
        id = outside("dlv_", taken.id)
        secrets = [
            self._opened(stored, taken.organization_id, taken.webhook_id)
            for stored in taken.secrets
        ]
        return {
            "content-type": "application/json",
            "user-agent": USER_AGENT,
            "webhook-id": id,
            "webhook-timestamp": str(int(now.timestamp())),
            "webhook-signature": " ".join(
                Signer(secret).sign(id, now, body.decode()) for secret in secrets
            ),
        }


def _signing(webhook: Any, now: dt.datetime) -> tuple[bytes, ...]:
    """The secrets that sign now: today's first."""
    until = webhook.previous_secret_until
    also = (webhook.previous_secret,) if until and now < until else ()
    return (webhook.secret, *also)


def _waiting() -> Select[uuid.UUID]:
    """The webhooks for which something is due, the one that has waited longest first.

    They are walked along the index, a step each: what waits for one may be very much.
    """
    queued = Delivery.state == DeliveryState.QUEUED
    step = select(Delivery.webhook_id).where(queued).order_by(Delivery.webhook_id).limit(1)
    walk = select(step.scalar_subquery().label("webhook_id")).cte("walk", recursive=True)
    following = step.where(Delivery.webhook_id > walk.c.webhook_id).scalar_subquery()
    walk = walk.union_all(select(following).where(walk.c.webhook_id.is_not(None)))
    first = select(func.min(Delivery.due_at)).where(
        queued, Delivery.webhook_id == walk.c.webhook_id
    )
    found = select(walk.c.webhook_id, first.scalar_subquery().label("due_at")).subquery()
    return (
        select(found.c.webhook_id)
        .where(found.c.due_at <= bindparam("due"))
        .order_by(found.c.due_at)
    )


_WAITING = _waiting()
_OUTBOX = Outbox(
    Delivery,
    Delivery.queued_at,
    [Delivery.payload, Delivery.webhook_id],
    among=[Delivery.webhook_id == bindparam("webhook")],
)
_WEBHOOKS = select(
    Webhook.id,
    Webhook.url,
    Webhook.secret,
    Webhook.previous_secret,
    Webhook.previous_secret_until,
).where(within(Webhook.id, "ids"))
