"""E2, E3: whatever keeps the database away, callers are asked to come again, and find it back."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

import httpx2
import pytest
from sqlalchemy import func, select, text

from models import Database, Registration, Written, database, new_id
from portal import health
from schema.limits import LIMITS
from tests.conftest import Clinics, Databases
from tests.edge.proxy import Proxy
from tests.edge.wire import served
from tests.holding import LONG
from tests.live.following import CHANGED, socket
from tests.mailbox import Mailbox
from tests.waiting import PATIENCE, until
from tests.world import APPROVE, LOGIN, PASSWORD, REGISTER, Clinic, World

LOOKS = '{ organization(slug: "riverside") { name } }'
LISTS = "{ clients { totalCount } }"
WHO = {"organization": "riverside", "username": "dora", "password": PASSWORD, "surface": "PORTAL"}
FORM = {
    "organization": "riverside",
    "firstName": "Nora",
    "lastName": "Newcomer",
    "dateOfBirth": "1990-05-17",
}


def is_away(answer: httpx2.Response) -> bool:
    """Whether the answer is the one that asks to come again; if not, it must be good."""
    body = answer.json()
    if answer.status_code == 200:
        assert "errors" not in body, body
        return False
    assert answer.status_code == 503
    assert answer.headers["retry-after"] == "1"
    assert not any((body.get("data") or {}).values())
    (error,) = body["errors"]
    assert error["extensions"] == {"code": "SERVICE_UNAVAILABLE"}
    assert error["message"].endswith("Please try again in a moment.")
    return True


@pytest.fixture
def _impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    """The same time-outs, only shorter: on a busy machine one may pass without a fault."""
    monkeypatch.setattr(database, "CONNECT_SECONDS", 2)
    monkeypatch.setattr(database, "STATEMENT_SECONDS", 2)


@pytest.fixture
def _patient(monkeypatch: pytest.MonkeyPatch) -> None:
    """Whoever waits for a lock of ours is answered well, however long that takes us."""
    monkeypatch.setattr(database, "CONNECT_SECONDS", PATIENCE)
    monkeypatch.setattr(database, "BUSY_SECONDS", PATIENCE)


@pytest.fixture
async def behind(
    clinics: Clinics, databases: Databases, mailbox: Mailbox, tmp_path: Path
) -> AsyncIterator[tuple[World, Proxy, Clinic, Database]]:
    """The clinic behind a proxy, and its database without one."""
    template, clinic = await clinics.made("postgresql")
    url = await databases.copy(template, tmp_path)
    async with Proxy(url) as proxy, World(proxy.url, mailbox) as world:
        direct = Database(url)
        yield world, proxy, clinic, direct
        proxy.heal()
        await direct.close()
    await databases.drop(url)


async def ask_all(world: World, clinic: Clinic, email: str) -> list[httpx2.Response]:
    """One of each kind: a read, a list of somebody's, a sign-in, and a mutation."""
    async with asyncio.timeout(PATIENCE):
        return list(
            await asyncio.gather(
                world.send(LOOKS),
                world.send(LISTS, token=clinic.token("dora")),
                world.send(LOGIN, WHO),
                world.send(REGISTER, {"input": {**FORM, "email": email}}),
            )
        )


async def comes_back(world: World, clinic: Clinic) -> None:
    """Wait until everything is answered well."""

    async def is_ready() -> bool:
        ready = await world.http.get("/readyz")
        return (ready.status_code, ready.text) == (200, "ready\n")

    async def is_back() -> bool:
        return not any(map(is_away, await ask_all(world, clinic, "back@home.example")))

    await until(is_ready)
    await until(is_back)


async def registrations(direct: Database, email: str) -> int:
    count = select(func.count(Registration.id)).where(Registration.email == email)
    return await direct.read(lambda c: c.scalar(count)) or 0


@pytest.mark.usefixtures("_impatient")
async def test_e2_a_network_that_swallows_everything_is_waited_for_and_not_for_ever(
    behind: tuple[World, Proxy, Clinic, Database], monkeypatch: pytest.MonkeyPatch
) -> None:
    world, proxy, clinic, direct = behind
    await comes_back(world, clinic)
    proxy.stall()
    with monkeypatch.context() as brief:
        brief.setattr(health, "READY_SECONDS", 1)
        ready = await world.http.get("/readyz")
    assert (ready.status_code, ready.text) == (503, "the database is away\n")
    assert (await world.http.get("/healthz")).status_code == 200
    for _ in range(2):
        answers = await ask_all(world, clinic, "lost@home.example")
        assert [is_away(answer) for answer in answers] == [True] * 4
    proxy.reset()  # nothing of what was swallowed comes after all
    proxy.heal()
    await comes_back(world, clinic)
    assert await registrations(direct, "lost@home.example") == 0


@pytest.mark.usefixtures("_impatient")
async def test_e2_what_a_socket_is_asked_meanwhile_is_answered_so_and_it_stays_open(
    behind: tuple[World, Proxy, Clinic, Database],
) -> None:
    world, proxy, clinic, _ = behind

    async def approved() -> bool:
        chloe = {"id": clinic.ids["chloe"]}
        return not is_away(await world.send(APPROVE, chloe, clinic.token("carl")))

    await comes_back(world, clinic)
    async with served(world.app) as port, socket(port) as dora:
        await dora.init(clinic.token("dora"))
        await dora.follow("following")
        await until(lambda: world.app._following._running == 1)  # type: ignore[attr-defined]
        proxy.stall()
        for id, asked in (("following too", CHANGED), ("once", LISTS)):
            await dora.subscribe(id, asked)
            heard = await dora.hear()
            assert (heard["type"], heard["id"]) == ("error", id)
            (error,) = heard["payload"]
            assert error["extensions"] == {"code": "SERVICE_UNAVAILABLE"}
            assert error["message"].endswith("Please try again in a moment.")
        await dora.say("ping")
        assert await dora.hear() == {"type": "pong"}
        proxy.reset()
        proxy.heal()
        await comes_back(world, clinic)
        await until(approved)
        assert (await dora.next("following"))["action"] == "CLIENT_APPROVED"


async def test_e2_a_network_that_cuts_everybody_again_and_again_spoils_no_answer(
    behind: tuple[World, Proxy, Clinic, Database],
) -> None:
    world, proxy, clinic, direct = behind
    good: list[str] = []

    async def cut() -> None:
        while True:
            await asyncio.sleep(0.03)
            proxy.reset()

    cutting = asyncio.create_task(cut())
    for number in range(20):
        email = f"nora{number}@home.example"
        answers = await ask_all(world, clinic, email)
        away = [is_away(answer) for answer in answers]
        if not away[-1]:
            good.append(email)
    cutting.cancel()
    await comes_back(world, clinic)
    for email in good:
        # A commit whose answer was cut off may have been made all the same; one that was answered
        # has been.
        assert await registrations(direct, email) == 1


async def test_e2_a_network_that_is_slow_is_only_slow(
    behind: tuple[World, Proxy, Clinic, Database],
) -> None:
    world, proxy, clinic, _ = behind
    proxy.latency = 0.02
    answers = await ask_all(world, clinic, "slow@home.example")
    assert [is_away(answer) for answer in answers] == [False] * 4


# --- E3: more at once than there is room for ----------------------------------------------------


async def lock(connection: Any, dialect: str) -> None:
    """From here on nobody else can write; on PostgreSQL nobody can look at organizations either."""
    if dialect == "postgresql":
        await connection.execute(text("LOCK TABLE organizations"))


@pytest.mark.usefixtures("_patient")
async def test_e3_more_operations_than_there_is_room_for_are_asked_to_come_again(
    mailbox: Mailbox, url: str
) -> None:
    async with World(url, mailbox, operations_at_once=4) as world:
        world.app._operations._api._limits = replace(LIMITS, seconds=PATIENCE)  # type: ignore[attr-defined]
        other = Database(url)
        async with other._writes.begin() as connection:
            await lock(connection, other.dialect)
            form = {"input": {**FORM, "email": "nora@home.example"}}
            waiting = [asyncio.create_task(world.send(REGISTER, form)) for _ in range(4)]
            await asyncio.sleep(0)
            while world.app._operations._running < 4:  # type: ignore[attr-defined]  # noqa: ASYNC110
                await asyncio.sleep(0.001)
            for _ in range(10):
                refused = await world.send(LOOKS)
                assert is_away(refused)
                message = "The server is busy. Please try again in a moment."
                assert refused.json()["errors"][0]["message"] == message
            assert (await world.http.get("/healthz")).status_code == 200
        answers = await asyncio.gather(*waiting)
        assert [is_away(answer) for answer in answers] == [False] * 4
        assert not is_away(await world.send(LOOKS))
        await other.close()


@asynccontextmanager
async def readers(database: Database) -> AsyncIterator[None]:
    """On SQLite all threads that read for the API are at work; PostgreSQL has locks for that."""
    if database.dialect == "postgresql":
        yield
        return
    slow = Written("sqlite", LONG["sqlite"])
    _, most = database.in_use["planned"]
    reading = [asyncio.create_task(database.fetch(slow, {})) for _ in range(most)]
    yield
    for one in reading:
        one.cancel()
    await asyncio.wait(reading)


@pytest.mark.usefixtures("_impatient")
async def test_e3_who_waits_too_long_for_a_connection_is_asked_to_come_again(
    mailbox: Mailbox, url: str
) -> None:
    """Whoever shows a token is looked up before anything is run, and waits no longer for that."""
    async with World(url, mailbox) as world:
        token = world.service.services.tokens.access(new_id(), 1)

        async def ask(
            times: int, document: str, variables: Any, shown: str | None
        ) -> list[httpx2.Response]:
            async with asyncio.timeout(PATIENCE):
                asked = (world.send(document, variables, shown) for _ in range(times))
                return await asyncio.gather(*asked)

        async def nobody_is_away(*asked: Any) -> bool:
            return not any(map(is_away, await ask(10, *asked)))  # as there are connections

        other = Database(url)
        for asked in (
            (LOOKS, None, token),
            (REGISTER, {"input": {**FORM, "email": "nora@home.example"}}, None),
        ):
            async with other._writes.begin() as connection, readers(world.database):
                await lock(connection, other.dialect)
                assert all(map(is_away, await ask(50, *asked)))
            await until(partial(nobody_is_away, *asked))
        await other.close()
