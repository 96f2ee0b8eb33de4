"""Mailed links: made, looked at, used once, replaced (`D3`)."""

import datetime as dt
import uuid
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Connection, and_, insert, select, update
from sqlalchemy.ext.asyncio import AsyncConnection

from mailer import Addressed, ClientInvitation, Contents, StaffInvitation, post, post_all
from models import (
    Account,
    AccountKind,
    Client,
    ClientStatus,
    Link,
    LinkPurpose,
    LinkState,
    Organization,
    Record,
    Registration,
    Staff,
    StaffStatus,
    new_id,
)
from resolvers.associations import Newcomer
from resolvers.context import Context
from resolvers.errors import Code, Refused, refuse
from resolvers.posting import addressed, sender

LIVES = {
    LinkPurpose.CONFIRM_REGISTRATION: dt.timedelta(hours=72),
    LinkPurpose.DEFINE_CREDENTIALS: dt.timedelta(days=7),
    LinkPurpose.RESET_PASSWORD: dt.timedelta(hours=1),
    LinkPurpose.CONFIRM_EMAIL: dt.timedelta(hours=24),
}

_REFUSALS = {
    LinkState.USED: (Code.LINK_USED, "This link was used already: a link works once."),
    LinkState.EXPIRED: (Code.LINK_EXPIRED, "This link has expired. Ask for a new one."),
    LinkState.SUPERSEDED: (
        Code.LINK_SUPERSEDED,
        "This link is no longer good: a newer one was sent, or it is not needed any more.",
    ),
    LinkState.UNKNOWN: (Code.LINK_UNKNOWN, "We do not know this link. Was it copied whole?"),
}


@dataclass(frozen=True, slots=True)
class LinkView:
    """What may be said of a link to whoever holds it."""

    state: LinkState
    purpose: LinkPurpose | None = None
    organization_name: str | None = None
    expires_at: dt.datetime | None = None


async def link(context: Context, token: str) -> LinkView:
    """What has become of a mailed link; looking does not use it up."""
    found = await look_up(context, token)
    if found is None:
        return LinkView(LinkState.UNKNOWN)
    return LinkView(
        state_of(found, context.now()), found.purpose, found.organization_name, found.expires_at
    )


async def look_up(context: Context, token: str) -> Record | None:
    """The link of a token, with its organization's name; None for one that we did not make."""
    id = context.services.tokens.read_link(token)
    if id is None:
        return None
    statement = (
        select(
            *Link.__table__.c,
            Organization.name.label("organization_name"),
        )
        .join(Organization, Organization.id == Link.organization_id)
        .where(Link.id == id)
    )

    def look(connection: Connection) -> Record | None:
        return connection.execute(statement).one_or_none()

    return await context.services.database.read(look)


def state_of(link: Record, now: dt.datetime) -> LinkState:
    """What has become of the link."""
    if link.used_at is not None:
        return LinkState.USED
    if link.superseded_at is not None:
        return LinkState.SUPERSEDED
    return LinkState.EXPIRED if link.expires_at <= now else LinkState.VALID


async def usable(context: Context, token: str, purpose: LinkPurpose, *field: str) -> Record:
    """The link of a token, good for this purpose now; raises `Refused` for every other."""
    found = await look_up(context, token)
    if found is None or found.purpose is not purpose:
        raise refused_link(LinkState.UNKNOWN, *field)
    state = state_of(found, context.now())
    if state is not LinkState.VALID:
        raise refused_link(state, *field)
    return found


def refused_link(state: LinkState, *field: str) -> Refused:
    """The refusal of a link in this state."""
    code, message = _REFUSALS[state]
    return refuse(code, message, *field)


async def use(connection: AsyncConnection, link: Record, now: dt.datetime, *field: str) -> None:
    """Use the link up: it works for one of all who try at once, and is refused to the others."""
    await hold(
        connection,
        organization_id=link.organization_id,
        registration_id=link.registration_id,
        account_id=link.account_id,
    )
    used = await connection.execute(
        update(Link)
        .where(_of(link), Link.used_at.is_(None), Link.superseded_at.is_(None))
        .values(used_at=now)
    )
    if used.rowcount != 1:
        found = await connection.execute(select(Link.used_at).where(_of(link)))
        spent = LinkState.USED if found.scalar_one() else LinkState.SUPERSEDED
        raise refused_link(spent, *field)


async def make(
    connection: AsyncConnection,
    *,
    organization_id: uuid.UUID,
    purpose: LinkPurpose,
    now: dt.datetime,
    registration_id: uuid.UUID | None = None,
    account_id: uuid.UUID | None = None,
    email: tuple[str, str] | None = None,
    superseded: bool = False,
) -> tuple[uuid.UUID, dt.datetime]:
    """A new link, and when it ends; its registration or account is on `hold`, or new.

    It supersedes the open ones of the same. `email`: the new address that it confirms, as typed
    and as compared.
    """
    owner = (
        Link.registration_id == registration_id
        if registration_id
        else and_(Link.account_id == account_id, Link.purpose == purpose)
    )
    await supersede(connection, organization_id, owner, now)
    id, ends_at = new_id(), now + LIVES[purpose]
    await connection.execute(
        insert(Link).values(
            organization_id=organization_id,
            id=id,
            purpose=purpose,
            registration_id=registration_id,
            account_id=account_id,
            email=email[0] if email else None,
            email_key=email[1] if email else None,
            created_at=now,
            expires_at=ends_at,
            superseded_at=now if superseded else None,
        )
    )
    return id, ends_at


async def hold(
    connection: AsyncConnection,
    *,
    organization_id: uuid.UUID,
    registration_id: uuid.UUID | None = None,
    account_id: uuid.UUID | None = None,
) -> None:
    """Let those who change a person, or make or use links of theirs, go one after the other.

    What is read after this is what the one before has left, and stays so until the transaction
    ends. Two at once would not see each other's new links or address, nor that somebody is inactive
    by now.
    """
    model = Registration if registration_id else Account
    await connection.execute(
        select(model.id)
        .where(
            model.organization_id == organization_id, model.id == (registration_id or account_id)
        )
        .with_for_update(key_share=True)
    )


async def supersede(
    connection: AsyncConnection, organization_id: uuid.UUID, which: Any, now: dt.datetime
) -> None:
    """End the open links of the organization that the predicate names."""
    await connection.execute(
        update(Link)
        .where(
            Link.organization_id == organization_id,
            which,
            Link.used_at.is_(None),
            Link.superseded_at.is_(None),
        )
        .values(superseded_at=now)
    )


async def invite(
    context: Context,
    connection: AsyncConnection,
    organization_id: uuid.UUID,
    account_id: uuid.UUID,
) -> bool:
    """Send a client or staff member, who is on `hold` or new, a link to define credentials.

    Nothing goes to who has credentials already, or is inactive (`D3`, `D5`). Answers whether a
    letter goes.
    """
    person = await _awaiting_credentials(connection, organization_id, account_id)
    if person is None:
        return False
    now = context.now()
    link_id, ends_at = await make(
        connection,
        organization_id=organization_id,
        purpose=LinkPurpose.DEFINE_CREDENTIALS,
        now=now,
        account_id=account_id,
    )
    organization = await sender(connection, organization_id)
    letter = ClientInvitation if person.kind is AccountKind.CLIENT else StaffInvitation
    contents: Contents = letter(**addressed(organization, person), ends_at=ends_at)
    await post(
        connection,
        contents,
        organization_id=organization_id,
        recipient=person.email,
        now=now,
        link_id=link_id,
    )
    return True


async def invite_again(
    context: Context,
    connection: AsyncConnection,
    organization_id: uuid.UUID,
    account_id: uuid.UUID,
) -> None:
    """As `invite`, to somebody who was invited before: who is to be invited later is not yet."""
    before = await connection.execute(
        select(Link.id)
        .where(
            Link.organization_id == organization_id,
            Link.account_id == account_id,
            Link.purpose == LinkPurpose.DEFINE_CREDENTIALS,
        )
        .limit(1)
    )
    if before.first() is not None:
        await invite(context, connection, organization_id, account_id)


async def invite_newcomers(
    connection: AsyncConnection,
    organization_id: uuid.UUID,
    clients: Sequence[Newcomer],
    now: dt.datetime,
) -> None:
    """As `invite`, to clients who are being made: three statements, however many they are."""
    if not clients:
        return
    ends_at = now + LIVES[LinkPurpose.DEFINE_CREDENTIALS]
    links = {client.id: new_id() for client in clients}
    await connection.execute(
        insert(Link),
        [
            {
                "organization_id": organization_id,
                "id": link_id,
                "purpose": LinkPurpose.DEFINE_CREDENTIALS,
                "account_id": client_id,
                "created_at": now,
                "expires_at": ends_at,
            }
            for client_id, link_id in links.items()
        ],
    )
    organization = await sender(connection, organization_id)
    letters = [
        Addressed(
            ClientInvitation(**addressed(organization, client), ends_at=ends_at),
            client.email,
            links[client.id],
        )
        for client in clients
    ]
    await post_all(connection, letters, organization_id=organization_id, now=now)


async def _awaiting_credentials(
    connection: AsyncConnection, organization_id: uuid.UUID, account_id: uuid.UUID
) -> Record | None:
    for model, active in (
        (Client, Client.status == ClientStatus.ACTIVE),
        (Staff, Staff.status == StaffStatus.ACTIVE),
    ):
        found = await connection.execute(
            select(Account.kind, model.first_name, model.last_name, model.email)
            .join(
                model,
                and_(model.organization_id == Account.organization_id, model.id == Account.id),
            )
            .where(
                Account.organization_id == organization_id,
                Account.id == account_id,
                Account.username.is_(None),
                active,
            )
        )
        person = found.one_or_none()
        if person is not None:
            return person
    return None


def _of(link: Record) -> Any:
    return and_(Link.organization_id == link.organization_id, Link.id == link.id)
