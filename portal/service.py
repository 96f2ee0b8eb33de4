"""A running server's parts, put together from its settings."""

import asyncio
import contextlib
import datetime as dt
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass
from pathlib import Path

from mailer import Courier, transport
from models import Database, Unavailable
from models.database import address
from models.migrate import current, head, migrate
from permissions import ANONYMOUS, Passwords, Tokens, identify
from portal.settings import Settings
from resolvers import Context, Services


def utc_now() -> dt.datetime:
    """The time, aware and in UTC."""
    return dt.datetime.now(dt.UTC)


@dataclass(frozen=True, slots=True)
class Service:
    """The services of use cases, and the courier that carries what they post."""

    services: Services
    courier: Courier

    async def context(self, token: str | None) -> Context:
        """The context of a request that shows this access token, or none."""
        if token is None:
            return Context(self.services, ANONYMOUS)
        services = self.services
        actor = await identify(services.database, services.tokens, token, services.clock())
        return Context(services, actor or ANONYMOUS, expired=actor is None)

    def anonymous(self) -> Context:
        """The context of the command line, and of a caller who is not signed in."""
        return Context(self.services, ANONYMOUS)


@contextlib.asynccontextmanager
async def service(
    settings: Settings, clock: Callable[[], dt.datetime] = utc_now
) -> AsyncIterator[Service]:
    """The service, its tables brought up to date; everything is closed afterwards."""
    _make_room(settings.database_url)
    database = Database(settings.database_url)
    post = transport(settings.mail_url.get_secret_value())
    passwords = Passwords(shortest=settings.password_length)
    tokens = Tokens(settings.secret_key.get_secret_value())
    courier = Courier(
        database,
        post,
        public_url=settings.public_url,
        sender=settings.mail_from,
        link_token=tokens.link,
        clock=clock,
        lease_seconds=settings.courier_lease,
    )
    services = Services(
        database=database,
        tokens=tokens,
        passwords=passwords,
        public_url=settings.public_url,
        clock=clock,
        posted=courier.wake,
    )
    try:
        if await current(database) != head():
            await migrate(database)
        yield Service(services, courier)
    finally:
        await post.close()
        passwords.close()
        await database.close()


def _make_room(url: str) -> None:
    """Make the folder of an SQLite file, which nobody has made before the first start."""
    parsed, _ = address(url)
    if parsed.database and parsed.drivername.startswith("sqlite"):
        try:
            Path(parsed.database).parent.mkdir(parents=True, exist_ok=True)
        except OSError as failure:
            raise Unavailable("the folder of the database cannot be made") from failure


@contextlib.asynccontextmanager
async def noting(services: Services) -> AsyncIterator[None]:
    """What is noted beside the work is written meanwhile, and at the end what is left."""
    task = asyncio.create_task(services.notes.run(services.database, services.clock), name="notes")
    try:
        yield
    finally:
        services.notes.end()
        await task


@contextlib.asynccontextmanager
async def delivering(courier: Courier) -> AsyncIterator[None]:
    """The courier at work meanwhile."""
    task = asyncio.create_task(courier.run(), name="courier")
    try:
        yield
    finally:
        task.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await task
