"""One's own account: password and address (`D14`, `D21`, `D28`)."""

import datetime as dt
import uuid
from typing import Any

from sqlalchemy import Connection, and_, select, update
from sqlalchemy.ext.asyncio import AsyncConnection

from mailer import ConfirmEmail, EmailChanged, PasswordChanged, PasswordReset, post
from models import (
    Account,
    AccountKind,
    AuditAction,
    Client,
    ClientStatus,
    Link,
    LinkPurpose,
    Record,
    Staff,
    StaffStatus,
)
from resolvers.checks import Checks
from resolvers.context import Context
from resolvers.credentials import Onboarded
from resolvers.errors import Code, Refused, refuse
from resolvers.events import LINK, On, changed, on_person
from resolvers.finding import has_address, index
from resolvers.links import hold, make, supersede, usable, use
from resolvers.posting import addressed, sender
from resolvers.proving import forgive
from resolvers.registration import end_registrations
from resolvers.sessions import end_sessions, stay_signed_in
from resolvers.throttles import may_mail, throttle, typed_address
from resolvers.trail import Trail

_KINDS = {AccountKind.CLIENT: "client", AccountKind.STAFF: "staff member"}


async def hold_person(
    connection: AsyncConnection, organization_id: uuid.UUID, account_id: uuid.UUID
) -> Record:
    """The person of this account, on `hold`."""
    await hold(connection, organization_id=organization_id, account_id=account_id)
    return await connection.run_sync(person_of, organization_id, account_id)


async def send_password_reset(
    context: Context, connection: AsyncConnection, person: Record
) -> bool:
    """A link for a person who is on `hold` to choose a new password.

    None goes to whoever is inactive or has no password yet. Answers whether a letter goes.
    """
    if person.username is None or _is_out(person):
        return False
    now = context.now()
    link_id, ends_at = await make(
        connection,
        organization_id=person.organization_id,
        purpose=LinkPurpose.RESET_PASSWORD,
        now=now,
        account_id=person.id,
    )
    await post(
        connection,
        PasswordReset(
            **addressed(await sender(connection, person.organization_id), person),
            ends_at=ends_at,
            username=person.username,
            kind=_KINDS[person.kind],
        ),
        organization_id=person.organization_id,
        recipient=person.email,
        now=now,
        link_id=link_id,
    )
    return True


async def password_reset(context: Context, token: str, password: str) -> Onboarded:
    """Choose a new password, behind a mailed link. All sessions end, and a letter says so."""
    await throttle(context)
    link = await usable(context, token, LinkPurpose.RESET_PASSWORD, "input", "token")
    person = await context.services.database.read(
        lambda c: person_of(c, link.organization_id, link.account_id)
    )
    hashed = await _chosen(context, person, password)

    async def work(connection: AsyncConnection, trail: Trail) -> Onboarded:
        now = context.now()
        await use(connection, link, now, "input", "token")
        held = await connection.run_sync(person_of, link.organization_id, link.account_id)
        await _set_password(connection, held, hashed, now)
        changes = changed(None, {"password_hash": hashed})
        trail.tell(AuditAction.PASSWORD_RESET, _on(held), changes, by=LINK)
        return _done(held)

    return await context.write(work)


async def password_change(context: Context, current: str, password: str) -> Onboarded:
    """Choose a new password while signed in. All other sessions end, and a letter says so.

    Both passwords take a while to hash; who has chosen another meanwhile is not undone (`D21`).
    """
    person = await myself(context, current, "input", "currentPassword")
    hashed = await _chosen(context, person, password)

    async def work(connection: AsyncConnection, trail: Trail) -> Onboarded:
        held = await stay_myself(context, connection, person, "input", "currentPassword")
        now, mine = context.now(), context.actor.session_id
        await _set_password(connection, held, hashed, now, but=mine)
        changes = changed(None, {"password_hash": hashed})
        trail.tell(AuditAction.PASSWORD_CHANGED, _on(held), changes)
        return _done(held)

    return await context.write(work)


async def myself(context: Context, password: str, *field: str) -> Record:
    """The caller, whose password this is."""
    actor = context.actor
    await throttle(context, "password", actor.id.hex)
    person = await context.services.database.read(
        lambda c: person_of(c, actor.organization_id, actor.id)
    )
    if not await context.services.passwords.verify(person.password_hash, password):
        raise _not_your_password(*field)
    return person


async def stay_myself(
    context: Context, connection: AsyncConnection, person: Record, *field: str
) -> Record:
    """As `stay_signed_in`, and with the password that `myself` has verified: the caller as held."""
    await stay_signed_in(context, connection)
    held = await connection.run_sync(person_of, person.organization_id, person.id)
    if held.password_hash != person.password_hash:
        raise _not_your_password(*field)
    return held


async def email_change_request(context: Context, email: str) -> None:
    """Ask to sign in and be written to at another address: a letter there confirms it (`D28`).

    Where somebody else of the kind has the address, no letter goes; the answer and the statements
    are the same, and so is what has become of the caller's earlier links (`D14`).
    """
    actor = context.actor
    await throttle(context, "email", actor.organization_id.hex, typed_address(email))
    checks = Checks()
    text, email_key = checks.email(email, "email")
    checks.done()

    async def work(connection: AsyncConnection, trail: Trail) -> None:
        if not await may_mail(context, connection, email_key):
            return
        await stay_signed_in(context, connection)
        person = await connection.run_sync(person_of, actor.organization_id, actor.id)
        await send_email_confirmation(context, connection, person, text, email_key)
        trail.tell(AuditAction.EMAIL_CHANGE_REQUESTED, _on(person))

    await context.write(work)


async def send_email_confirmation(
    context: Context, connection: AsyncConnection, person: Record, email: str, email_key: str
) -> None:
    """A link to the new address of a person who is on `hold`.

    Where somebody else of the kind has the address, the link is superseded from the beginning: so
    its letter is not sent, though it is written as any other.
    """
    now = context.now()
    model = _model(person.kind)
    taken = await has_address(connection, model, person.organization_id, email_key)
    link_id, ends_at = await make(
        connection,
        organization_id=person.organization_id,
        purpose=LinkPurpose.CONFIRM_EMAIL,
        now=now,
        account_id=person.id,
        email=(email, email_key),
        superseded=taken,
    )
    await post(
        connection,
        ConfirmEmail(
            **addressed(await sender(connection, person.organization_id), person),
            ends_at=ends_at,
        ),
        organization_id=person.organization_id,
        recipient=email,
        now=now,
        link_id=link_id,
    )


async def email_change_confirm(context: Context, token: str) -> Onboarded:
    """Confirm the new address, behind the link mailed to it; the old one is told (`D28`)."""
    await throttle(context)
    link = await usable(context, token, LinkPurpose.CONFIRM_EMAIL, "token")

    async def work(connection: AsyncConnection, trail: Trail) -> Onboarded:
        now = context.now()
        await use(connection, link, now, "token")
        person = await connection.run_sync(person_of, link.organization_id, link.account_id)
        model = _model(person.kind)
        if await has_address(connection, model, link.organization_id, link.email_key):
            raise refuse(Code.TAKEN, "Somebody else has this address by now.", "token")
        await connection.execute(
            update(model)
            .where(model.organization_id == link.organization_id, model.id == link.account_id)
            .values(email=link.email, email_key=link.email_key)
        )
        await index(connection, link.organization_id, link.account_id)
        # Links that went to the old address are good no more.
        await supersede(connection, link.organization_id, Link.account_id == link.account_id, now)
        if model is Client:
            await end_registrations(connection, link.organization_id, [link.email_key], now)
        await post(
            connection,
            EmailChanged(**addressed(await sender(connection, link.organization_id), person)),
            organization_id=link.organization_id,
            recipient=person.email,
            now=now,
        )
        changes = changed(person, {"email": link.email})
        trail.tell(AuditAction.EMAIL_CHANGED, _on(person), changes, by=LINK)
        return _done(person)

    return await context.write(work)


async def _chosen(context: Context, person: Record, password: str) -> str:
    """The hash of a new password that is good enough."""
    words = [person.username or "", person.first_name, person.last_name, person.email]
    weakness = await context.services.passwords.weakness(password, words)
    if weakness:
        raise refuse(Code.PASSWORD_TOO_WEAK, weakness, "input", "password")
    return await context.services.passwords.hash(password)


async def _set_password(
    connection: AsyncConnection,
    person: Record,
    hashed: str,
    now: dt.datetime,
    but: uuid.UUID | None = None,
) -> None:
    """Store the hash, end the sessions (`but` this one) and the open links, say so.

    Whoever had a session may have asked for another address in it. Wrong codes are forgotten:
    whoever tried them knows the password no more.
    """
    await connection.execute(
        update(Account)
        .where(Account.organization_id == person.organization_id, Account.id == person.id)
        .values(password_hash=hashed)
    )
    await end_sessions(connection, person, now, but)
    await forgive(connection, person)
    await supersede(connection, person.organization_id, Link.account_id == person.id, now)
    await post(
        connection,
        PasswordChanged(**addressed(await sender(connection, person.organization_id), person)),
        organization_id=person.organization_id,
        recipient=person.email,
        now=now,
    )


def _people(model: type[Client] | type[Staff]) -> Any:
    """The people of the kind, with their accounts."""
    return select(
        Account.organization_id,
        Account.id,
        Account.kind,
        Account.username,
        Account.password_hash,
        model.first_name,
        model.last_name,
        model.email,
        model.email_key,
        model.status,
    ).join(model, and_(model.organization_id == Account.organization_id, model.id == Account.id))


async def people_of_address(
    connection: AsyncConnection, organization_id: uuid.UUID, email_key: str
) -> list[Record]:
    """The people of the address who are not inactive."""
    people: list[Record] = []
    for model in (Client, Staff):
        found = await connection.execute(
            _people(model).where(
                Account.organization_id == organization_id, model.email_key == email_key
            )
        )
        people += found.all()
    return [person for person in people if not _is_out(person)]


def person_of(connection: Connection, organization_id: uuid.UUID, id: uuid.UUID) -> Record:
    """The client or staff member of this id, with their account."""
    for model in (Client, Staff):
        found = connection.execute(
            _people(model).where(Account.organization_id == organization_id, Account.id == id)
        )
        person: Record | None = found.one_or_none()
        if person is not None:
            return person
    raise LookupError("an account without its person")


def _is_out(person: Record) -> bool:
    return person.status in (ClientStatus.INACTIVE, StaffStatus.INACTIVE)


def _model(kind: AccountKind | None) -> type[Client] | type[Staff]:
    return Client if kind is AccountKind.CLIENT else Staff


def _not_your_password(*field: str) -> Refused:
    return refuse(Code.INVALID_CREDENTIALS, "This is not your current password.", *field)


def _on(person: Record) -> On:
    return on_person(person.organization_id, person.kind, person.id)


def _done(person: Record) -> Onboarded:
    client = person.kind is AccountKind.CLIENT
    return Onboarded(person.username, person.status if client else None)
