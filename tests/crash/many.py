"""Three servers and two couriers on one PostgreSQL, under load, one of each killed again and again.

When it is over, each change that was acknowledged must be there, once, with the letters and events
that tell of it; nothing else must; and whoever followed must have seen it all.
"""

import asyncio
import time
from collections import Counter, defaultdict
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx2
from sqlalchemy import Connection, func, select

from models import (
    ClientChange,
    Database,
    Delivery,
    DeliveryState,
    Letter,
    LetterState,
    Registration,
    WebhookEvent,
    outside,
)
from models.change import CHANGES
from portal.populate import populate
from portal.service import service, utc_now
from portal.settings import Settings
from tests.crash.callers import Caller
from tests.crash.everybody import ADMINISTRATOR, Load
from tests.crash.fleet import Fleet, fleet
from tests.crash.followers import Follower
from tests.crash.programs import environment, run
from tests.crash.test_crash import Sink
from tests.receiver import Received, Receiver
from tests.world import PASSWORD

CLIENTS = 300
CARERS = 6
NEWCOMERS = 2
VISITORS = 2
SETTLING_SECONDS = 60
SILENCE_SECONDS = 15
"""After which there is no answer (`docs/mobile.md`)."""
SLOWNESS = 0.1
"""Seconds that the mail server takes to say that it has a letter, so that kills meet some."""

EVENTS = {
    "REGISTRATION_CONFIRMED": "client.confirmed",
    "CLIENT_APPROVED": "client.approved",
    "CLIENT_CREATED": "client.created",
    "CLIENT_DEACTIVATED": "client.deactivated",
    "CLIENT_REACTIVATED": "client.reactivated",
    "ASSOCIATION_CREATED": "client.associated",
}
"""What receivers are told of what happens here."""

WEBHOOK = """mutation ($input: WebhookCreateInput!) {
  webhookCreate(input: $input) { secret userErrors { code message } }
}"""


@dataclass(frozen=True, slots=True)
class Outcome:
    """What came of it. But for the figures, all is empty where nothing was lost or done twice."""

    figures: dict[str, int]
    updates: list[str]
    """Clients whose changes are not those that were acknowledged, each once and in order."""
    letters: list[str]
    """Those that did not arrive, or not the same each time, or that nobody wrote."""
    events: list[str]
    """Those that did not arrive, or not the same each time, or tell of what did not happen."""
    unseen: list[str]
    """Followers who were not told of all changes, each once and in order."""
    chain: str
    """What `audit verify` complains of."""
    faults: list[str]
    """Errors that anybody logged."""


class Partner(Receiver):
    """Verifies each event as it comes; `events` are the bodies that came under each id."""

    secret: str

    def __init__(self) -> None:
        super().__init__()
        self.events = defaultdict[str, list[bytes]](list)
        self.told = dict[str, Any]()

    async def _keep(self, received: Received) -> None:
        self.told[received.id] = received.verified(self.secret)
        self.events[received.id].append(received.body)
        await super()._keep(received)


async def many(url: str, folder: Path, seconds: float) -> Outcome:
    """Let it storm for so many seconds, but until each server was killed."""
    async with AsyncExitStack() as parts:
        sink = await parts.enter_async_context(Sink())
        sink.after = SLOWNESS
        partner = await parts.enter_async_context(Partner())
        database = Database(url)
        parts.push_async_callback(database.close)
        env = environment(
            url,
            sink,
            THROTTLE="1",
            TRUSTED_PROXIES="127.0.0.1",
            WEBHOOKS_ALLOW_PRIVATE="true",
        )
        await _populate(env)
        limits = httpx2.Limits(max_connections=None)
        client = httpx2.AsyncClient(timeout=SILENCE_SECONDS, limits=limits)
        http = await parts.enter_async_context(client)
        running = await parts.enter_async_context(fleet(env, folder))
        load = Load(http, running.addresses, sink)
        administrator = await load.sign_in(ADMINISTRATOR)
        await _subscribe(administrator, partner)
        followers = [Follower(administrator, running.ports) for _ in range(2)]
        started = time.monotonic()
        async with _following(*followers):
            await _storm(load, running, seconds)
            await _settle(database, followers)
        took = round(time.monotonic() - started)
        await running.ready()
        verdict = await run("audit", "verify", env=env, folder=folder)
        await running.end()
        found = await database.read(_Found)
    came = _arrived(sink)
    figures = {
        "seconds": took,
        "servers killed": running.killed["servers"],
        "couriers killed": running.killed["couriers"],
        "mutations": load.tally["mutations"],
        "answers": load.tally["answered"],
        "sent again": load.tally["again"],
        "looks at a session": load.tally["looks at a session"],
        "guesses": load.tally["guesses"],
        "changes": len(found.changes),
        "letters": len(found.letters),
        "letters that came twice": sum(len(copies) > 1 for copies in came.values()),
        "events": len(found.deliveries),
        "events that came twice": sum(len(bodies) > 1 for bodies in partner.events.values()),
        "followers cut off": sum(one.cut_off for one in followers),
    }
    return Outcome(
        figures=figures,
        updates=_updates(found, load),
        letters=_letters(found, load, came),
        events=_events(found, load, partner),
        unseen=[repr(one.told) for one in followers if one.told != found.changes],
        chain=verdict.said + verdict.complained if verdict.status else "",
        faults=running.faults,
    )


async def _populate(env: dict[str, str]) -> None:
    given = {name.lower(): value for name, value in env.items()}
    async with service(Settings.read(**given)) as made:
        await populate(
            made.services.database,
            organizations=1,
            clients=CLIENTS,
            seed=1,
            password_hash=await made.services.passwords.hash(PASSWORD),
            now=utc_now(),
        )


async def _subscribe(administrator: Caller, partner: Partner) -> None:
    events = [str(one) for one in WebhookEvent]
    input = {"name": "Partner", "url": partner.url, "events": events}
    payload = await administrator.once(WEBHOOK, input=input)
    assert payload["userErrors"] == []
    partner.secret = payload["secret"]


@asynccontextmanager
async def _following(by_socket: Follower, by_events: Follower) -> AsyncIterator[None]:
    """Two who follow meanwhile, each in their way."""
    async with asyncio.TaskGroup() as group:
        tasks = [
            group.create_task(by_socket.by_socket()),
            group.create_task(by_events.by_events()),
        ]
        yield
        for task in tasks:
            task.cancel()


async def _storm(load: Load, running: Fleet, seconds: float) -> None:
    async with asyncio.TaskGroup() as group:
        for lane in range(CARERS):
            group.create_task(load.care(lane))
        for _ in range(NEWCOMERS):
            group.create_task(load.arrive())
        for number in range(VISITORS):
            group.create_task(load.visit(f"da.{number + 1}.1"))
        group.create_task(load.guess())
        await running.storm(seconds)
        load.end()


async def _settle(database: Database, followers: list[Follower]) -> None:
    """Wait until nothing is on its way any more, and everybody was told of everything."""
    async with asyncio.timeout(SETTLING_SECONDS):
        while await database.read(_under_way):  # noqa: ASYNC110 - of others
            await asyncio.sleep(0.1)
        changes = len((await database.read(_Found)).changes)
        while any(len(one.told) < changes for one in followers):  # noqa: ASYNC110 - of others
            await asyncio.sleep(0.1)


def _under_way(connection: Connection) -> int:
    letters = select(func.count()).where(Letter.state == LetterState.QUEUED)
    deliveries = select(func.count()).where(Delivery.state == DeliveryState.QUEUED)
    return sum(connection.execute(one).scalar_one() for one in (letters, deliveries))


class _Found:
    """What is in the tables: letters and deliveries by id, changes in their order."""

    def __init__(self, connection: Connection) -> None:
        letters = select(Letter.id, Letter.name, Letter.recipient, Letter.state)
        self.letters = {one.id.hex: one for one in connection.execute(letters)}
        deliveries = select(Delivery.id, Delivery.state)
        found = connection.execute(deliveries)
        self.deliveries = {outside("dlv_", one.id): one.state for one in found}
        changes = (
            select(ClientChange.id.label("number"), ClientChange.action, ClientChange.client_id)
            .where(ClientChange.action.in_(CHANGES))
            .order_by(ClientChange.id)
        )
        self.changes = [
            (f"cur_{one.number:032x}", str(one.action), outside("cli_", one.client_id))
            for one in connection.execute(changes)
        ]
        registrations = select(func.count()).select_from(Registration)
        self.registrations: int = connection.execute(registrations).scalar_one()


def _arrived(sink: Sink) -> dict[str, list[bytes]]:
    """The copies of each letter that came, by the id in its Message-ID."""
    came = defaultdict[str, list[bytes]](list)
    for message in sink.messages:
        came[message["Message-ID"].strip("<>").partition("@")[0]].append(message.as_bytes())
    return came


def _updates(found: _Found, load: Load) -> list[str]:
    made = defaultdict[str, list[str]](list)
    for _, action, client in found.changes:
        made[client].append(action)
    ids = made.keys() | load.done.keys()
    return [
        f"{id}: {made[id]}, acknowledged {load.done[id]}"
        for id in sorted(ids)
        if made[id] != load.done[id]
    ]


def _letters(found: _Found, load: Load, came: dict[str, list[bytes]]) -> list[str]:
    missing = [
        f"{one.name}: {one.state}"
        for id, one in found.letters.items()
        if id not in came
        # Of somebody who pressed the button twice, the second link is of no use any more.
        and (one.name, one.state) != ("confirm_registration", LetterState.CANCELLED)
    ]
    arrived = {(one.recipient, one.name) for id, one in found.letters.items() if id in came}
    return [
        *missing,
        *(f"never written: {name} to {recipient}" for recipient, name in load.due - arrived),
        *(f"not the same: {id}" for id, copies in came.items() if len(set(copies)) > 1),
        *(f"by nobody: {id}" for id in came.keys() - found.letters.keys()),
    ]


def _events(found: _Found, load: Load, partner: Partner) -> list[str]:
    expected = Counter[tuple[str, str | None]](
        (EVENTS[action], id)
        for id, actions in load.done.items()
        for action in actions
        if action in EVENTS
    )
    expected["client.registered", None] = found.registrations
    told = Counter[tuple[str, str | None]](
        (one["type"], one["data"].get("clientId")) for one in partner.told.values()
    )
    return [
        *(f"not sent: {id}" for id in found.deliveries.keys() - partner.told.keys()),
        *(f"by nobody: {id}" for id in partner.told.keys() - found.deliveries.keys()),
        *(f"not the same: {id}" for id, bodies in partner.events.items() if len(set(bodies)) > 1),
        *(f"lost: {one}" for one in (expected - told).elements()),
        *(f"did not happen: {one}" for one in (told - expected).elements()),
    ]
