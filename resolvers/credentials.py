"""Username and password, chosen on the page behind a mailed link (`D2`, `S14`)."""

import uuid
from dataclasses import dataclass

from sqlalchemy import Connection, and_, select, update
from sqlalchemy.ext.asyncio import AsyncConnection

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
)
from resolvers.checks import Checks
from resolvers.context import Context
from resolvers.errors import Code, refuse
from resolvers.events import LINK, changed, on_person
from resolvers.finding import index
from resolvers.links import supersede, usable, use
from resolvers.throttles import throttle
from resolvers.trail import Trail


@dataclass(frozen=True, slots=True)
class Credentials:
    """A username and the hash of a password, both found good."""

    username: str
    username_key: str
    password_hash: str


@dataclass(frozen=True, slots=True)
class Onboarded:
    """Somebody who has credentials now. `status` is None for staff."""

    username: str
    status: ClientStatus | None


async def chosen(
    context: Context, username: str, password: str, own_words: list[str]
) -> Credentials:
    """The credentials, hashed, if both are good; else `Refused`.

    Hashing takes a core's while, so it comes before the transaction. Whether the username is free
    is for `claim` to say, after `use`: who clicks twice has a used link, and their own username.
    """
    checks = Checks("input")
    text, key = checks.username(username, "username")
    weakness = await context.services.passwords.weakness(password, [text, *own_words])
    if weakness:
        checks.add(Code.PASSWORD_TOO_WEAK, weakness, "password")
    checks.done()
    return Credentials(text, key, await context.services.passwords.hash(password))


async def claim(
    connection: AsyncConnection, organization_id: uuid.UUID, credentials: Credentials
) -> None:
    """Make sure, in the transaction, that nobody has the username."""
    found = await connection.execute(
        select(Account.id).where(
            Account.organization_id == organization_id,
            Account.username_key == credentials.username_key,
        )
    )
    if found.first() is not None:
        raise refuse(Code.TAKEN, "Somebody has this username already.", "input", "username")


async def invitation_accept(
    context: Context, token: str, username: str, password: str
) -> Onboarded:
    """Define the credentials of an account that staff made; it also proves the address (`D4`)."""
    await throttle(context)
    link = await usable(context, token, LinkPurpose.DEFINE_CREDENTIALS, "input", "token")
    person = await context.services.database.read(lambda c: _person(c, link))
    words = [person.first_name, person.last_name, person.email]
    credentials = await chosen(context, username, password, words)

    async def work(connection: AsyncConnection, trail: Trail) -> Onboarded:
        now = context.now()
        await use(connection, link, now, "input", "token")
        await claim(connection, link.organization_id, credentials)
        await connection.execute(
            update(Account)
            .where(
                Account.organization_id == link.organization_id,
                Account.id == link.account_id,
                Account.username_key.is_(None),
            )
            .values(
                username=credentials.username,
                username_key=credentials.username_key,
                password_hash=credentials.password_hash,
            )
        )
        await index(connection, link.organization_id, link.account_id)
        await supersede(connection, link.organization_id, Link.account_id == link.account_id, now)
        found = await connection.execute(
            select(Client.status).where(
                Client.organization_id == link.organization_id, Client.id == link.account_id
            )
        )
        status = found.scalar_one_or_none()
        kind = AccountKind.CLIENT if status else AccountKind.STAFF
        values = {"username": credentials.username, "password_hash": credentials.password_hash}
        trail.tell(
            AuditAction.INVITATION_ACCEPTED,
            on_person(link.organization_id, kind, link.account_id),
            changed(None, values),
            by=LINK,
        )
        return Onboarded(credentials.username, status)

    return await context.write(work)


def _person(connection: Connection, link: Record) -> Record:
    for model in (Client, Staff):
        found = connection.execute(
            select(model.first_name, model.last_name, model.email).where(
                and_(model.organization_id == link.organization_id, model.id == link.account_id)
            )
        ).one_or_none()
        if found is not None:
            return found
    raise LookupError("an account without its person")
