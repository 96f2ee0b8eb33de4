"""Webhooks: where events go, for the whole organization or for one department.

Whoever changes a webhook holds its row first and its deliveries then, so that none is queued for a
webhook that is paused, and none is held for one that is not.
"""

import base64
import datetime as dt
import secrets
import uuid
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import ColumnElement, Select, and_, bindparam, exists, insert, select, update
from sqlalchemy.ext.asyncio import AsyncConnection
from sqlalchemy.orm import aliased

from mailer import WebhookPaused, post, receiver
from models import (
    AuditAction,
    Delivery,
    DeliveryState,
    Record,
    Role,
    RoleGrant,
    Staff,
    StaffStatus,
    Webhook,
    WebhookEvent,
    WebhookState,
    new_id,
    outside,
    parse_id,
)
from permissions import Actor, Permission, Scope, reach
from resolvers.associations import in_organization
from resolvers.checks import Checks
from resolvers.context import Context
from resolvers.errors import Code, refuse
from resolvers.events import SERVER, Change, Who, changed, of_delivery, of_webhook, on_webhook
from resolvers.listing import Listing
from resolvers.posting import addressed, sender
from resolvers.trail import Trail
from resolvers.tree import Key

OVERLAP = dt.timedelta(hours=24)
"""How long the secret before signs as well."""

UNREACHABLE_DAYS = 3
"""After so many days in which a receiver took nothing, its webhook is paused."""

_SECRET_LENGTH = 32
_IN_STATE = Webhook.state == bindparam("state", type_=Webhook.state.type)
_WAITING = (DeliveryState.QUEUED, DeliveryState.HELD)


@dataclass(frozen=True, slots=True)
class NewWebhook:
    """A webhook to be made; without a department it is the whole organization's."""

    name: str
    url: str
    events: Sequence[WebhookEvent]
    department_id: str | None


@dataclass(frozen=True, slots=True)
class Revealed:
    """A webhook and its new secret, which is shown this once."""

    key: Key
    secret: str


def webhooks(state: WebhookState | None) -> Listing:
    """The webhooks that the caller manages, in the order in which they were made."""
    if state is None:
        return Listing(Webhook)
    return Listing(Webhook, (_IN_STATE,), values={"state": state})


async def webhook_create(context: Context, typed: NewWebhook) -> Revealed:
    """A new webhook, and the secret that signs what it is sent."""
    checks = Checks("input")
    values: dict[str, Any] = {
        "name": checks.name(typed.name, "name"),
        "url": _url(context, checks, typed.url),
        "events": _events(checks, typed.events),
    }
    checks.done()
    actor = context.actor

    async def work(connection: AsyncConnection, trail: Trail) -> Revealed:
        department_id = await _department(connection, actor, typed.department_id)
        id, secret = new_id(), _new_secret()
        values.update(department_id=department_id, state=WebhookState.ACTIVE)
        await connection.execute(
            insert(Webhook).values(
                organization_id=actor.organization_id,
                id=id,
                secret=context.services.vault.encrypt(secret, actor.organization_id, id),
                created_at=context.now(),
                **values,
            )
        )
        trail.tell(
            AuditAction.WEBHOOK_CREATED,
            on_webhook(actor.organization_id, department_id),
            [of_webhook(id), *changed(None, values)],
        )
        return Revealed(Key(Webhook, id), secret)

    return await context.write(work)


async def webhook_update(context: Context, id: str, change: dict[str, Any]) -> Key:
    """Change a webhook's name, address or events; `change` holds what was said (`D32`)."""
    checks = Checks("input")
    new = checks.said(change)
    if "name" in new:
        new["name"] = checks.name(new["name"], "name")
    if "url" in new:
        new["url"] = _url(context, checks, new["url"])
    if "events" in new:
        new["events"] = _events(checks, new["events"])

    async def work(connection: AsyncConnection, trail: Trail) -> Key:
        webhook = await _held(connection, context.actor, id)
        checks.done()
        if new:
            await connection.execute(update(Webhook).where(_is(webhook)).values(**new))
            _tell(trail, AuditAction.WEBHOOK_UPDATED, webhook, changed(webhook, new))
        return Key(Webhook, webhook.id)

    return await context.write(work)


async def webhook_secret_rotate(context: Context, id: str) -> Revealed:
    """A new secret. The one before signs as well, for a day; the one before that no more."""

    async def work(connection: AsyncConnection, trail: Trail) -> Revealed:
        webhook = await _held(connection, context.actor, id)
        secret = _new_secret()
        stored = context.services.vault.encrypt(secret, webhook.organization_id, webhook.id)
        await connection.execute(
            update(Webhook)
            .where(_is(webhook))
            .values(
                secret=stored,
                previous_secret=webhook.secret,
                previous_secret_until=context.now() + OVERLAP,
            )
        )
        _tell(trail, AuditAction.WEBHOOK_SECRET_ROTATED, webhook)
        return Revealed(Key(Webhook, webhook.id), secret)

    return await context.write(work)


async def webhook_pause(context: Context, id: str) -> Key:
    """Send nothing until it is resumed; what happens meanwhile is held."""

    async def work(connection: AsyncConnection, trail: Trail) -> Key:
        webhook = await _held(connection, context.actor, id)
        if webhook.state is WebhookState.ACTIVE:
            await _pause(connection, trail, webhook, WebhookState.PAUSED)
        return Key(Webhook, webhook.id)

    return await context.write(work)


async def webhook_resume(context: Context, id: str) -> Key:
    """Send again, what was held first of all."""

    async def work(connection: AsyncConnection, trail: Trail) -> Key:
        webhook = await _held(connection, context.actor, id)
        if webhook.state is not WebhookState.ACTIVE:
            state = {"state": WebhookState.ACTIVE}
            await connection.execute(update(Webhook).where(_is(webhook)).values(state))
            await connection.execute(
                update(Delivery)
                .where(_of(webhook), Delivery.state == DeliveryState.HELD)
                .values(_queued(context.now()))
            )
            _tell(trail, AuditAction.WEBHOOK_RESUMED, webhook, changed(webhook, state))
        return Key(Webhook, webhook.id)

    return await context.write(work)


async def webhook_end(context: Context, id: str) -> Key:
    """End a webhook for good; nothing is sent any more, and its secrets are forgotten (`D30`)."""

    async def work(connection: AsyncConnection, trail: Trail) -> Key:
        webhook = await _held(connection, context.actor, id)
        state = {"state": WebhookState.ENDED}
        forgotten = dict.fromkeys(("secret", "previous_secret", "previous_secret_until"))
        await connection.execute(update(Webhook).where(_is(webhook)).values(**state, **forgotten))
        await connection.execute(
            update(Delivery)
            .where(_of(webhook), Delivery.state.in_(_WAITING))
            .values(state=DeliveryState.CANCELLED, lease=None, done_at=context.now())
        )
        _tell(trail, AuditAction.WEBHOOK_ENDED, webhook, changed(webhook, state))
        return Key(Webhook, webhook.id)

    return await context.write(work)


async def webhook_delivery_replay(context: Context, id: str) -> Key:
    """Send an event again, under the same id, whatever has become of it."""

    async def work(connection: AsyncConnection, trail: Trail) -> Key:
        delivery = await _delivery(connection, context.actor, id)
        key = Key(Delivery, delivery.id)
        webhook = await _held(connection, context.actor, outside("hok_", delivery.webhook_id), key)
        again = _queued(context.now())
        if webhook.state is not WebhookState.ACTIVE:
            again["state"] = DeliveryState.HELD
        await connection.execute(
            update(Delivery).where(_of(webhook), Delivery.id == delivery.id).values(again)
        )
        _tell(trail, AuditAction.WEBHOOK_DELIVERY_REPLAYED, webhook, [of_delivery(delivery.id)])
        return key

    return await context.write(work)


async def pause_unreachable(context: Context) -> int:
    """Pause webhooks whose receivers took nothing for days, and write so; how many there were."""
    in_vain = _in_vain(context.now() - dt.timedelta(days=UNREACHABLE_DAYS))
    found = await context.services.database.read(lambda c: c.execute(in_vain.distinct()).all())
    return sum([await _pause_unreachable(context, *one, in_vain) for one in found])


def _in_vain(given_up: dt.datetime) -> Select[uuid.UUID, uuid.UUID]:
    """Whose deliveries were put in by then and tried in vain, while nothing else was taken."""
    other = aliased(Delivery)
    taken_since = exists().where(
        other.organization_id == Delivery.organization_id,
        other.webhook_id == Delivery.webhook_id,
        other.state == DeliveryState.SENT,
        other.done_at >= Delivery.queued_at,
    )
    return select(Delivery.organization_id, Delivery.webhook_id).where(
        Delivery.state == DeliveryState.QUEUED,
        Delivery.queued_at <= given_up,
        Delivery.attempts > 0,
        ~taken_since,
    )


async def _pause_unreachable(
    context: Context,
    organization_id: uuid.UUID,
    id: uuid.UUID,
    in_vain: Select[uuid.UUID, uuid.UUID],
) -> bool:
    """Whether it was to be paused: its receiver may be back by now, or somebody resumed it."""

    async def work(connection: AsyncConnection, trail: Trail) -> bool:
        rows = await connection.execute(
            select(*Webhook.__table__.c)
            .where(
                Webhook.organization_id == organization_id,
                Webhook.id == id,
                Webhook.state == WebhookState.ACTIVE,
            )
            .with_for_update()
        )
        webhook = rows.one_or_none()
        if webhook is None:
            return False
        still = await connection.execute(in_vain.where(_of(webhook)).limit(1))
        if still.first() is None:
            return False
        await _pause(connection, trail, webhook, WebhookState.UNREACHABLE)
        organization = await sender(connection, organization_id)
        for administrator in await connection.execute(_ADMINISTRATORS, {"its": organization_id}):
            letter = WebhookPaused(
                **addressed(organization, administrator),
                webhook_name=webhook.name,
                webhook_id=outside("hok_", id),
                days=UNREACHABLE_DAYS,
            )
            await post(
                connection,
                letter,
                organization_id=organization_id,
                recipient=administrator.email,
                now=context.now(),
            )
        return True

    return await context.write(work)


async def _pause(
    connection: AsyncConnection, trail: Trail, webhook: Record, state: WebhookState
) -> None:
    """Pause the webhook, which is held, by hand or because its receiver is away."""
    await connection.execute(update(Webhook).where(_is(webhook)).values(state=state))
    await connection.execute(
        update(Delivery)
        .where(_of(webhook), Delivery.state == DeliveryState.QUEUED)
        .values(state=DeliveryState.HELD, lease=None)
    )
    by = SERVER if state is WebhookState.UNREACHABLE else None
    _tell(trail, AuditAction.WEBHOOK_PAUSED, webhook, changed(webhook, {"state": state}), by)


def _tell(
    trail: Trail,
    action: AuditAction,
    webhook: Record,
    changes: Iterable[Change] = (),
    by: Who | None = None,
) -> None:
    on = on_webhook(webhook.organization_id, webhook.department_id)
    trail.tell(action, on, [of_webhook(webhook.id), *changes], by=by)


async def _held(
    connection: AsyncConnection, actor: Actor, typed: str, shown: Key | None = None
) -> Record:
    """The webhook of this id, which has not ended, held until the transaction ends.

    `shown` is what the caller asked to change, where that is not the webhook.
    """
    id = parse_id("hok_", typed)
    webhook = None
    if id is not None:
        rows = await connection.execute(
            select(*Webhook.__table__.c)
            .where(Webhook.id == id, reach.reading(Webhook, actor.shape))
            .with_for_update(),
            reach.values(actor),
        )
        webhook = rows.one_or_none()
    if webhook is None:
        raise refuse(Code.NOT_FOUND, "There is no such webhook.", "id")
    if webhook.state is WebhookState.ENDED:
        key = shown or Key(Webhook, webhook.id)
        raise refuse(Code.WEBHOOK_ENDED, "This webhook has ended.", "id", key=key)
    return webhook


async def _delivery(connection: AsyncConnection, actor: Actor, typed: str) -> Record:
    """The delivery of this id, and its webhook."""
    id = parse_id("dlv_", typed)
    found = None
    if id is not None:
        rows = await connection.execute(
            select(Delivery.id, Delivery.webhook_id).where(
                Delivery.id == id, reach.reading(Delivery, actor.shape)
            ),
            reach.values(actor),
        )
        found = rows.one_or_none()
    if found is None:
        raise refuse(Code.NOT_FOUND, "There is no such delivery.", "id")
    return found


async def _department(
    connection: AsyncConnection, actor: Actor, typed: str | None
) -> uuid.UUID | None:
    """The department that the caller may have webhooks for; None for the whole organization."""
    path = ("input", "departmentId")
    anywhere = actor.holds(Permission.WEBHOOK_MANAGE, Scope.ORGANIZATION)
    if typed is None:
        if not anywhere:
            message = "Choose one of your departments: the whole organization is not yours."
            raise refuse(Code.OUT_OF_SCOPE, message, *path)
        return None
    department = await in_organization(connection, actor, typed)
    if department is None:
        raise refuse(Code.NOT_FOUND, "There is no such department.", *path)
    if not anywhere and department.id not in actor.departments(Permission.WEBHOOK_MANAGE):
        message = f"You cannot have webhooks for {department.name}."
        raise refuse(Code.OUT_OF_SCOPE, message, *path)
    return department.id  # type: ignore[no-any-return]


def _url(context: Context, checks: Checks, typed: str) -> str:
    """The address of a receiver, as far as it can be judged without asking anybody."""
    text = checks.text(typed, "url")
    try:
        receiver(text, allow_private=context.services.private_webhooks)
    except ValueError as wrong:
        checks.add(Code.INVALID, str(wrong), "url")
    return text


def _events(checks: Checks, typed: Sequence[WebhookEvent]) -> list[str]:
    """The events, each once, in the order in which clients come by them."""
    if not typed:
        checks.add(Code.REQUIRED, "Choose at least one event.", "events")
    few = checks.few(typed, "events")
    return [event for event in WebhookEvent if event in few]


def _new_secret() -> str:
    """A secret as Standard Webhooks writes it."""
    return f"whsec_{base64.b64encode(secrets.token_bytes(_SECRET_LENGTH)).decode()}"


def _queued(now: dt.datetime) -> dict[str, Any]:
    """What a delivery is when it is put in again."""
    return {
        "state": DeliveryState.QUEUED,
        "attempts": 0,
        "lease": None,
        "queued_at": now,
        "due_at": now,
        "done_at": None,
        "error": None,
    }


def _is(webhook: Record) -> ColumnElement[bool]:
    return and_(Webhook.organization_id == webhook.organization_id, Webhook.id == webhook.id)


def _of(webhook: Record) -> ColumnElement[bool]:
    return and_(
        Delivery.organization_id == webhook.organization_id, Delivery.webhook_id == webhook.id
    )


_ADMINISTRATORS = select(Staff.first_name, Staff.last_name, Staff.email).where(
    Staff.organization_id == bindparam("its", type_=Staff.organization_id.type),
    Staff.status == StaffStatus.ACTIVE,
    exists().where(
        RoleGrant.organization_id == Staff.organization_id,
        RoleGrant.staff_id == Staff.id,
        RoleGrant.role == Role.ORGANIZATION_ADMINISTRATOR,
    ),
)
