"""A running server's parts, put together from its settings."""

import asyncio
import contextlib
import datetime as dt
from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass
from functools import partial
from importlib import import_module
from pathlib import Path

from mailer import Courier, Events, Mail, Receivers, TakenEvent, TakenLetter, transport
from models import AccountKind, Database, Unavailable
from models.database import address
from models.migrate import current, is_behind, migrate
from permissions import ANONYMOUS, Actor, Passwords, Tokens, Vault, identify
from portal import metrics
from portal.clerk import attend
from portal.feed import Feed
from portal.settings import Settings
from resolvers import Context, Retention, Services


def utc_now() -> dt.datetime:
    """The time, aware and in UTC."""
    return dt.datetime.now(dt.UTC)


@dataclass(frozen=True, slots=True)
class Service:
    """The services of use cases, the couriers of what they post, the feed, what the clerk needs.

    `courier` carries letters and `webhooks` events. `asked` is set when the clerk has something to
    answer; `retention` says what it lets go.
    """

    services: Services
    courier: Courier[TakenLetter]
    webhooks: Courier[TakenEvent]
    feed: Feed
    asked: asyncio.Event
    retention: Retention

    async def context(self, token: str | None, source: str | None, request_id: str) -> Context:
        """The context of a request: the token that it shows, where it is from, its id."""
        services = self.services
        actor: Actor | None = ANONYMOUS
        if token is not None:
            now = services.clock()
            actor = await identify(services.database, services.tokens, token, now)
            if actor and actor.shape.kind is AccountKind.SERVICE_KEY:
                services.notes.used(actor.organization_id, actor.id, now)
        return Context(services, actor or ANONYMOUS, actor is None, source, request_id)

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
    tokens = Tokens(*settings.secrets)
    vault = Vault(*settings.secrets)
    mail = Mail(
        post, public_url=settings.public_url, sender=settings.mail_from, link_token=tokens.link
    )
    events = Events(
        Receivers(allow_private=settings.webhooks_allow_private), opened=vault.decrypt, clock=clock
    )
    lease = settings.courier_lease
    courier = Courier(
        database,
        mail,
        clock=clock,
        lease_seconds=lease,
        beat=partial(metrics.beat, "letters"),
        ended=partial(metrics.attempted, mail.kind),
    )
    webhooks = Courier(
        database,
        events,
        clock=clock,
        lease_seconds=lease,
        beat=partial(metrics.beat, "events"),
        ended=partial(metrics.attempted, events.kind),
    )
    feed = Feed(database)
    asked = asyncio.Event()

    def posted() -> None:
        courier.wake()
        webhooks.wake()
        feed.stir()

    services = Services(
        database=database,
        tokens=tokens,
        vault=vault,
        passwords=passwords,
        public_url=settings.public_url,
        clock=clock,
        posted=posted,
        throttle=settings.throttle,
        private_webhooks=settings.webhooks_allow_private,
        asked=asked.set,
        throttled=metrics.throttled,
    )
    try:
        if is_behind(await current(database)):
            await migrate(database)
        yield Service(services, courier, webhooks, feed, asked, settings.retention)
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


def collected(settings: Settings) -> AbstractAsyncContextManager[None]:
    """Whoever traces is told meanwhile what took how long; without TRACES_URL nobody is."""
    if settings.traces_url is None:
        return contextlib.nullcontext()
    # What it is made of takes 8 MB, and a tenth of a second to load.
    return import_module("portal.collecting").collected(settings.traces_url)  # type: ignore[no-any-return]


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
async def delivering(made: Service) -> AsyncIterator[None]:
    """Clerk and couriers at work meanwhile."""
    tasks = [
        asyncio.create_task(attend(made.anonymous(), made.asked, made.retention), name="clerk"),
        asyncio.create_task(made.courier.run(), name="courier"),
        asyncio.create_task(made.webhooks.run(), name="webhooks"),
    ]
    try:
        yield
    finally:
        for task in tasks:
            task.cancel()
        for task in tasks:
            with contextlib.suppress(asyncio.CancelledError):
                await task
