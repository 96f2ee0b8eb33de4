"""E17, and the doors of health: a server that is told to end fails nobody who was let in."""

import asyncio
import datetime as dt
import json
import os
import signal
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import httpx2
import pytest
import uvicorn
from sqlalchemy import func, insert, select, text
from starlette.applications import Starlette

from models import Database, Letter, LetterState, Organization, Registration, new_id
from portal.health import Health
from portal.life import take_signals
from portal.service import service
from portal.settings import Settings
from tests.crash.programs import PATIENT, SECONDS, Server, environment, program, server
from tests.edge.wire import Wire, post, wire
from tests.mailbox import Mailbox
from tests.waiting import until
from tests.world import REGISTER, START, Clock, World

FORM = {
    "organization": "riverside",
    "firstName": "Nora",
    "lastName": "Newcomer",
    "email": "nora@home.example",
    "dateOfBirth": "1990-05-17",
}
REGISTERS = {"query": REGISTER, "variables": {"input": FORM}}
LOOKS = {"query": '{ organization(slug: "riverside") { name } }'}


@pytest.fixture
async def filled(database: Database) -> Database:
    """A database with an organization in it."""
    values = {"id": new_id(), "slug": "riverside", "name": "Riverside", "created_at": START}
    await database.write(lambda c: c.execute(insert(Organization).values(values)))
    return database


async def registrations(database: Database) -> int:
    return await database.read(lambda c: c.scalar(select(func.count(Registration.id)))) or 0


@asynccontextmanager
async def locked(database: Database) -> AsyncIterator[AsyncExitStack]:
    """Nobody else can write until the stack is closed, and on PostgreSQL nobody can look either."""
    async with AsyncExitStack() as stack:
        connection = await stack.enter_async_context(database._writes.begin())
        if database.dialect == "postgresql":
            await connection.execute(text("LOCK TABLE organizations"))
        yield stack


@asynccontextmanager
async def asking(running: Server, body: dict[str, Any]) -> AsyncIterator[Wire]:
    """A request that is under way: it was let in, and we are asked for its body."""
    port = running.client.base_url.port
    assert port
    request = post(json.dumps(body).encode(), b"Expect: 100-continue")
    head, _, rest = request.partition(b"\r\n\r\n")
    async with wire(port) as one:
        await one.send(head + b"\r\n\r\n")
        assert (await one.answer()).status == 100
        await one.send(rest)
        yield one


@asynccontextmanager
async def two_workers(env: dict[str, str], folder: Path) -> AsyncIterator[Server]:
    """A server of two processes, which are ready, and one above them."""
    words = "serve", "--port", "0", "--workers", "2"
    async with program(*words, env=env, folder=folder, module=PATIENT) as running:
        address = (await running.until(r"running on (http://127\.0\.0\.1:\d+)"))[1]
        await running.until(r"(?s)(startup complete.*){2}")
        async with httpx2.AsyncClient(base_url=address, timeout=SECONDS) as client:
            yield Server(running, client)


def check_is_quiet(log: str) -> None:
    """Nothing in the log is worse than a warning, and all of it is JSON."""
    levels = {json.loads(line)["level"] for line in log.splitlines()}
    assert levels <= {"info", "warning"}, log


async def test_e17_what_is_under_way_is_finished(
    filled: Database, url: str, mailbox: Mailbox, tmp_path: Path
) -> None:
    env = environment(url, mailbox, DRAIN_SECONDS="60")
    async with server(env, tmp_path, module=PATIENT) as running:
        async with locked(filled) as lock, asking(running, REGISTERS) as one:
            running.program.signal(signal.SIGTERM)
            await running.program.until("Shutting down")
            await lock.aclose()
            said = await one.answer()
        done = await running.program.end()
    assert (said.status, b'"accepted":true' in said.body) == (200, True)
    assert said.headers["connection"] == "close"
    assert (done.status, done.said) == (0, "")
    check_is_quiet(done.complained)
    assert await registrations(filled) == 1


@pytest.mark.parametrize("url", ["postgresql"], indirect=True)
async def test_e17_who_is_not_answered_in_time_is_asked_to_come_again(
    filled: Database, url: str, mailbox: Mailbox, tmp_path: Path
) -> None:
    env = environment(url, mailbox, DRAIN_SECONDS="1")
    async with server(env, tmp_path) as running, locked(filled):
        async with asking(running, LOOKS) as one:
            running.program.signal(signal.SIGTERM)
            said = await one.answer()
        done = await running.program.end()
    assert (said.status, said.headers["retry-after"]) == (503, "1")
    (error,) = json.loads(said.body)["errors"]
    assert error["extensions"] == {"code": "SERVICE_UNAVAILABLE"}
    assert error["message"] == (
        "The server is about to end. What this was to change may be done: look, before you try "
        "again."
    )
    assert done.status == 0
    assert "Traceback" not in done.complained


async def test_e17_nothing_is_half_done_when_time_is_up(
    filled: Database, url: str, mailbox: Mailbox, tmp_path: Path
) -> None:
    env = environment(url, mailbox, DRAIN_SECONDS="1")
    async with server(env, tmp_path) as running, locked(filled), asking(running, REGISTERS):
        running.program.signal(signal.SIGTERM)
        done = await running.program.end()
    assert done.status == 0
    assert "Traceback" not in done.complained
    assert await registrations(filled) == 0


@pytest.mark.parametrize("second", [signal.SIGTERM, signal.SIGINT])
async def test_e17_a_second_signal_ends_it_at_once(
    filled: Database, url: str, mailbox: Mailbox, tmp_path: Path, second: signal.Signals
) -> None:
    async with (
        server(environment(url, mailbox), tmp_path) as running,
        locked(filled),
        asking(running, REGISTERS) as one,
    ):
        running.program.signal(signal.SIGTERM)
        await running.program.until("Shutting down")
        running.program.signal(second)
        done = await running.program.end()
        assert await one.ended() == b""
    assert done.status == 128 + second
    check_is_quiet(done.complained)
    assert await registrations(filled) == 0


async def test_e17_a_notice_lets_others_look_elsewhere_before_a_request_fails(
    filled: Database, url: str, mailbox: Mailbox, tmp_path: Path
) -> None:
    async with server(environment(url, mailbox, NOTICE_SECONDS="10"), tmp_path) as running:
        address = running.client.base_url

        async def balance() -> None:
            while "about to end" not in (ready := await running.client.get("/readyz")).text:  # noqa: ASYNC110
                await asyncio.sleep(0.05)
            assert (ready.status_code, ready.text) == (503, "the server is about to end\n")

        async def ask_on(client: httpx2.AsyncClient) -> None:
            """Until they are told that their connection ends."""
            is_told = False
            while not is_told:
                answer = await client.post("/graphql", json=LOOKS)
                statuses.append(answer.status_code)
                is_told = answer.headers.get("connection") == "close"

        statuses = list[int]()
        async with (
            httpx2.AsyncClient(base_url=address, timeout=SECONDS) as one,
            asyncio.TaskGroup() as work,
        ):
            work.create_task(balance())
            for client in (one, running.client) * 4:
                work.create_task(ask_on(client))
            await until(lambda: len(statuses) > 8)
            running.program.signal(signal.SIGTERM)
        late = await running.client.post("/graphql", json=LOOKS)
        assert (late.status_code, late.headers["connection"]) == (200, "close")
        done = await running.program.end()
    assert set(statuses) == {200}
    assert done.status == 0
    check_is_quiet(done.complained)
    with pytest.raises(httpx2.ConnectError):
        await httpx2.AsyncClient(base_url=address).get("/readyz")


async def test_e17_workers_end_together(
    filled: Database, url: str, mailbox: Mailbox, tmp_path: Path
) -> None:
    async with two_workers(environment(url, mailbox, DRAIN_SECONDS="60"), tmp_path) as running:
        async with locked(filled) as lock, asking(running, REGISTERS) as one:
            running.program.signal(signal.SIGTERM)
            await running.program.until("Shutting down")
            await lock.aclose()
            assert (await one.answer()).status == 200
        done = await running.program.end()
    assert (done.status, done.said) == (0, "")
    check_is_quiet(done.complained)
    assert done.complained.count('"Finished server process') == 2


async def test_e17_workers_are_killed_by_a_second_signal(
    filled: Database, url: str, mailbox: Mailbox, tmp_path: Path
) -> None:
    async with (
        two_workers(environment(url, mailbox), tmp_path) as running,
        locked(filled),
        asking(running, REGISTERS) as one,
    ):
        running.program.signal(signal.SIGTERM)
        await running.program.until("Shutting down")
        running.program.signal(signal.SIGTERM)
        done = await running.program.end()
        assert await one.ended() == b""
    check_is_quiet(done.complained)
    assert await registrations(filled) == 0


async def test_workers_do_not_outlive_the_process_above_them(
    filled: Database, url: str, mailbox: Mailbox, tmp_path: Path
) -> None:
    async with two_workers(environment(url, mailbox, DRAIN_SECONDS="60"), tmp_path) as running:
        async with locked(filled) as lock, asking(running, REGISTERS) as one:
            ended = asyncio.create_task(running.program.kill())
            await running.program.until("Shutting down")
            await lock.aclose()
            assert (await one.answer()).status == 200
        # Its outputs are closed when the last of them has ended.
        await ended
    assert await registrations(filled) == 1


async def test_e18_a_worker_that_is_killed_is_replaced(
    filled: Database, url: str, mailbox: Mailbox, tmp_path: Path
) -> None:
    async with two_workers(environment(url, mailbox), tmp_path) as running:
        started = await running.program.until(r'"Started server process \[(\d+)\]"')
        os.kill(int(started[1]), signal.SIGKILL)
        await running.program.until(r"(?s)(startup complete.*){3}")
        answers = [await running.client.post("/graphql", json=LOOKS) for _ in range(10)]
        assert {answer.status_code for answer in answers} == {200}
        running.program.signal(signal.SIGTERM)
        done = await running.program.end()
    assert done.status == 0
    assert "Traceback" not in done.complained


# --- the doors of health ------------------------------------------------------------------------


async def test_letters_that_nobody_tries_to_deliver_are_told_at_the_door(
    filled: Database, url: str, mailbox: Mailbox, empty_world: World
) -> None:
    settings = empty_world.settings.model_copy(update={"letters_late_seconds": 600})
    clock = Clock()
    async with service(settings, clock) as made:
        health = Health(settings)
        health.service = made
        app = Starlette(routes=health.routes())
        transport = httpx2.ASGITransport(app=app)
        async with httpx2.AsyncClient(transport=transport, base_url="http://x") as http:
            await filled.write(lambda c: c.execute(_letter(LetterState.SENT)))
            await filled.write(lambda c: c.execute(_letter(LetterState.QUEUED)))
            for seconds, status, said in (
                (600, 200, "ready\n"),
                (1, 503, "letters wait for a courier\n"),
            ):
                clock.advance(seconds=seconds)
                ready = await http.get("/readyz")
                assert (ready.status_code, ready.text) == (status, said)
            assert (await http.get("/healthz")).status_code == 200


def _letter(state: LetterState) -> Any:
    organization = select(Organization.id).scalar_subquery()
    return insert(Letter).values(
        organization_id=organization,
        id=new_id(),
        name="x",
        recipient="x@x.example",
        contents={},
        state=state,
        attempts=0,
        created_at=START - dt.timedelta(days=state is LetterState.SENT),
        due_at=START - dt.timedelta(days=state is LetterState.SENT),
    )


async def test_a_process_above_that_is_gone_is_told_once(monkeypatch: pytest.MonkeyPatch) -> None:
    settings = Settings.read(secret_key="0123456789 abcdefgh, a secret of tests")
    serving = uvicorn.Server(uvicorn.Config(lambda: None, log_config=None))
    loop, handlers = asyncio.get_running_loop(), {}
    sentinel, above = os.pipe()
    parent = SimpleNamespace(sentinel=sentinel)
    monkeypatch.setattr("multiprocessing.parent_process", lambda: parent)
    for number in (signal.SIGTERM, signal.SIGINT):
        handlers[number] = signal.signal(number, serving.handle_exit)
    try:
        take_signals(health := Health(settings), 0)
        os.close(above)
        await until(lambda: serving.should_exit)
        assert health.draining
        assert not loop.remove_reader(sentinel), "it is said again and again"
    finally:
        for number, handler in handlers.items():
            signal.signal(number, handler)
        loop.set_exception_handler(None)
        os.close(sentinel)
