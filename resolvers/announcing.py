"""Events to webhooks: what the audit trail tells of clients, told to receivers as well.

A use case says once what it did, to its trail. What of it is an event is said here, for all of
them: so nothing is announced that did not happen, and nothing that is in the trail is forgotten.
"""

import uuid
from collections import defaultdict
from collections.abc import Collection, Mapping, Sequence

from sqlalchemy import Uuid, bindparam, select
from sqlalchemy.ext.asyncio import AsyncConnection

from mailer import Happening, announce, listening
from models import AuditAction, Client, WebhookEvent, outside, within
from resolvers.events import REGISTRATION, Event

ANNOUNCED: Mapping[AuditAction, WebhookEvent] = {
    AuditAction.REGISTRATION_CREATED: WebhookEvent.CLIENT_REGISTERED,
    AuditAction.REGISTRATION_CONFIRMED: WebhookEvent.CLIENT_CONFIRMED,
    AuditAction.CLIENT_APPROVED: WebhookEvent.CLIENT_APPROVED,
    AuditAction.CLIENT_REJECTED: WebhookEvent.CLIENT_REJECTED,
    AuditAction.CLIENT_CREATED: WebhookEvent.CLIENT_CREATED,
    AuditAction.CLIENT_DEACTIVATED: WebhookEvent.CLIENT_DEACTIVATED,
    AuditAction.CLIENT_REACTIVATED: WebhookEvent.CLIENT_REACTIVATED,
    AuditAction.ASSOCIATION_CREATED: WebhookEvent.CLIENT_ASSOCIATED,
}

_HOMES = select(Client.id, Client.department_id).where(
    Client.organization_id == bindparam("organization", type_=Uuid()), within(Client.id, "clients")
)


async def announce_all(connection: AsyncConnection, told: Sequence[Event]) -> None:
    """Put the events among what was told into the outbox, for the webhooks that they go to."""
    by_organization: defaultdict[uuid.UUID, list[Event]] = defaultdict(list)
    for one in told:
        if one.columns["action"] in ANNOUNCED:
            by_organization[one.on.organization_id].append(one)
    for organization_id, events in by_organization.items():
        webhooks = await listening(connection, organization_id)
        if webhooks:
            homes = await _homes(connection, organization_id, {one.on.client_id for one in events})
            await announce(connection, webhooks, [_happening(one, homes) for one in events])


async def _homes(
    connection: AsyncConnection, organization_id: uuid.UUID, clients: Collection[uuid.UUID | None]
) -> Mapping[uuid.UUID, uuid.UUID | None]:
    """The departments of the clients, as they are now."""
    its = {"organization": organization_id, "clients": set(clients) - {None}}
    found = await connection.execute(_HOMES, its)
    return {client.id: client.department_id for client in found}


def _happening(told: Event, homes: Mapping[uuid.UUID, uuid.UUID | None]) -> Happening:
    """The event: of an association in its department, and otherwise in the client's."""
    on, event = told.on, ANNOUNCED[told.columns["action"]]
    if on.client_id is None or on.staff_id is not None:
        department_id = next(iter({*(on.departments or ())} - {None}), None)
    else:
        department_id = homes[on.client_id]
    ids: dict[str, str | None] = {
        "clientId": outside("cli_", on.client_id) if on.client_id else None,
        "practitionerId": outside("stf_", on.staff_id) if on.staff_id else None,
        REGISTRATION: _registration(told),
    }
    return Happening(
        event=event,
        at=told.columns["at"],
        department_id=department_id,
        client_id=on.client_id,
        data={
            **{name: id for name, id in ids.items() if id},
            "departmentId": outside("dep_", department_id) if department_id else None,
        },
    )


def _registration(told: Event) -> str | None:
    """The id of the registration that it tells of."""
    for change in told.columns["changes"]:
        if change["field"] == REGISTRATION:
            return str(change["after"])
    return None
