"""C17, C12: what a server logs of what it is asked, and of what goes wrong: never what was said."""

import asyncio
import fcntl
import json
import os
import re
import signal
import subprocess
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from hashlib import sha256
from pathlib import Path
from typing import Any

import httpx2
import pytest
from sqlalchemy import select, text

from models import (
    AuditEvent,
    AuditHead,
    ClientRead,
    Database,
    Delivery,
    IdempotencyKey,
    Letter,
    Throttle,
)
from schema import build
from tests.collector import SOON, Collector
from tests.crash.programs import ROOT, SECONDS, Server, environment, server, until_ready
from tests.edge.canaries import operations
from tests.edge.wire import Wire, wire
from tests.mailbox import Fault, Mailbox
from tests.servers import held_port
from tests.world import LOGIN, PASSWORD, REGISTER, Clinic

CANARY = "c4n4ry"
"""The word that must not come up again. As a name of nothing in our language it is nowhere else."""

SAID = f"{CANARY} \x1b[31m\r\n<b>"
JSON = {"content-type": "application/json"}


def events(log: str) -> list[dict[str, Any]]:
    """The log's lines, every one of which is JSON."""
    return [json.loads(line) for line in log.splitlines()]


async def sign_in(running: Server, username: str) -> dict[str, str]:
    """The header of somebody of the clinic."""
    who = {"organization": "riverside", "username": username, "password": PASSWORD}
    data = await running.ask(LOGIN, **who, surface="PORTAL")
    return {"authorization": f"Bearer {data['login']['session']['accessToken']}"}


async def ended(running: Server) -> str:
    """What the server had logged when it had ended in order."""
    running.program.signal(signal.SIGTERM)
    done = await running.program.end()
    assert (done.status, done.said) == (0, "")
    return done.complained


async def test_c17_a_line_says_which_operation_who_and_what_came_of_it(
    clinic_at: tuple[str, Clinic], mailbox: Mailbox, tmp_path: Path
) -> None:
    url, clinic = clinic_at
    env = environment(url, mailbox, TRUSTED_PROXIES="127.0.0.1")
    page = "query Page($first: Int) { clients(first: $first) { totalCount } }"
    two = "query First { __typename } query Second { clients { totalCount } }"
    asked: list[tuple[Any, dict[str, str], Any]] = [
        # (body, headers; operation, caller, outcome, status)
        ({"query": page, "variables": {"first": 3}}, {}, ("Page", "dora", ["OK"], 200)),
        ({"query": "{ __typename }"}, {}, (None, "dora", ["OK"], 200)),
        ({"query": two, "operationName": "Second"}, {}, ("Second", "dora", ["OK"], 200)),
        ({"query": two, "operationName": SAID}, {}, (None, "dora", ["BAD_USER_INPUT"], 400)),
        ({"query": two}, {}, ("First", "dora", ["BAD_USER_INPUT"], 400)),
        ({"query": page}, {"authorization": "x"}, ("Page", "anonymous", ["UNAUTHENTICATED"], 401)),
        ({"query": "#{ query Hidden\n{ x }"}, {}, (None, "dora", ["BAD_USER_INPUT"], 400)),
        (
            {"query": f"mutation Enter {LOGIN.strip().removeprefix('mutation')}",
             "variables": {"organization": "x", "username": SAID, "password": SAID,
                           "surface": "APP"}},
            {},
            ("Enter", "dora", ["OK"], 200),
        ),
        ({"query": 1}, {}, (None, None, ["BAD_USER_INPUT"], 400)),
        ({"query": "{ __typename }"}, {"accept": "x/y"}, (None, None, ["BAD_USER_INPUT"], 406)),
        ({"query": 1}, {"content-encoding": "br"}, (None, None, ["BAD_USER_INPUT"], 415)),
    ]  # fmt: skip
    ids = []
    async with server(env, tmp_path) as running:
        dora = await sign_in(running, "dora")
        for body, headers, (_, _, _, status) in asked:
            sent = {
                **JSON,
                "accept": "application/graphql-response+json",
                "x-forwarded-for": f"{SAID[:6]}, 203.0.113.7",
                **dora,
                **headers,
            }
            answer = await running.client.post("/graphql", json=body, headers=sent)
            assert answer.status_code == status
            ids.append(answer.headers["x-request-id"])
        log = await ended(running)

    lines = [event for event in events(log) if event["event"] == "operation"][1:]
    assert CANARY not in log
    assert [line["request"] for line in lines] == ids
    for line, (body, _, (operation, caller, outcome, status)) in zip(lines, asked, strict=True):
        assert set(line) == {
            *("at", "level", "event", "type", "operation", "document", "caller", "outcome"),
            *("status", "ms", "request", "source"),
        }
        hashed = sha256(str(body["query"]).encode()).hexdigest()[:16]
        assert line["document"] == (hashed if caller else None)
        assert line["operation"] == operation
        assert line["caller"] == (clinic.ids["dora"] if caller == "dora" else caller)
        assert (line["outcome"], line["status"]) == (outcome, status)
        assert line["source"] == "203.0.113.7"
        assert 0 < line["ms"] < 60_000


@pytest.mark.parametrize("style", ["json", "text"])
async def test_c17_nothing_that_was_said_is_in_the_log_or_beside_the_work(
    clinic_at: tuple[str, Clinic], mailbox: Mailbox, tmp_path: Path, style: str
) -> None:
    url, _ = clinic_at
    env = environment(url, mailbox, LOG_FORMAT=style, METRICS_LISTEN="127.0.0.1:0")
    mailbox.faults[f"{CANARY}@home.example"] = Fault.LATER
    sent = 0
    async with (
        Collector() as collector,
        server({**env, "TRACES_URL": collector.url, **SOON}, tmp_path) as running,
    ):
        for headers in ({}, await sign_in(running, "olivia"), await sign_in(running, "amy")):
            for document, variables in operations(build(), SAID):
                if "logout" not in document:
                    body = {"query": document, "variables": variables}
                    await running.client.post("/graphql", json=body, headers=headers)
                    sent += 1
        await register(running, "Nora")
        await say_it_everywhere_else(running)
        await say_it_on_the_wire(running)
        where = (await running.program.until(r"http://127\.0\.0\.1:\d+/metrics"))[0]
        metrics = (await running.client.get(where)).text
        log = await ended(running)

    assert "portal_operation_errors_total" in metrics
    assert not re.search(rf"{CANARY}|riverside|\w{{3}}_[0-9a-f]{{32}}|@", metrics, re.IGNORECASE)
    traced = str([(span.name, span.attributes, span.more) for span in collector.traces])
    assert traced.count("graphql.operation.type") > sent > 200
    assert not re.search(rf"{CANARY}|riverside|\w{{3}}_[0-9a-f]{{32}}|@", traced, re.IGNORECASE)
    assert CANARY not in log.lower()
    assert "\x1b" not in log
    assert log.count("operation") > sent > 200
    assert log.count("letter ") >= 1
    if style == "json":
        events(log)
    told = await beside_the_work(url)
    assert CANARY not in told.lower()
    for word in ("OPERATION_REFUSED", "REGISTRATION_CREATED", "SIGNED_IN", "confirm_registration"):
        assert word in told


async def beside_the_work(url: str) -> str:
    """What is kept of operations: the trail, who read what, keys, counts, and both outboxes.

    Of a letter that is still to go all but for whom it is.
    """
    database = Database(url)
    tables = (AuditEvent, AuditHead, ClientRead, IdempotencyKey, Throttle, Letter, Delivery)
    told = []
    for table in tables:
        found = select(table.__table__)
        for row in await database.read(lambda c: c.execute(found).mappings().all()):  # noqa: B023
            kept = {**row}
            if table is Letter:
                del kept["recipient"]
                kept["contents"] = {**(row["contents"] or {})}
                kept["contents"].pop("recipient_name", None)
            told.append(repr(kept))
    await database.close()
    return "\n".join(told)


async def register(running: Server, first_name: str) -> Any:
    form = {
        "organization": "riverside",
        "firstName": first_name,
        "lastName": CANARY,
        "email": f"{CANARY}@home.example",
        "dateOfBirth": "1990-05-17",
    }
    body = {"query": REGISTER, "variables": {"input": form}}
    return (await running.client.post("/graphql", json=body)).json()


async def say_it_everywhere_else(running: Server) -> None:
    """In headers, in paths, in bodies that are none, in names."""
    names = ["user-agent", "referer", "cookie", "authorization", "accept", "origin", "host",
             "x-forwarded-for", "x-request-id", "x-api-key", "content-type", "content-encoding",
             "idempotency-key", "traceparent", CANARY]  # fmt: skip
    who = b'{"query": "{ __typename }"}'
    for name in names:
        for value in (CANARY, f"Bearer {CANARY}", f"{CANARY}/{CANARY}", CANARY * 1000):
            headers = {**JSON, name: value}
            await running.client.post("/graphql", content=who, headers=headers)
            await running.client.get(f"/{CANARY}?{CANARY}={CANARY}", headers=headers)
    for content in (
        CANARY,
        f'{{"query": "{CANARY}"',
        json.dumps({CANARY: CANARY}),
        json.dumps({"query": CANARY}),
        json.dumps({"query": f"{{ {CANARY} }}"}),
        json.dumps({"query": f'# {CANARY}\nquery {{ link(token: "query {CANARY}") {{ state }} }}'}),
        json.dumps({"query": "{ __typename }", "operationName": CANARY}),
        json.dumps({"query": "{ __typename }", "variables": {CANARY: [CANARY]}}),
        json.dumps({"query": "{ __typename }", "extensions": {CANARY: CANARY}}),
    ):
        await running.client.post("/graphql", content=content, headers=JSON)
    await running.client.request(CANARY.upper(), "/graphql")


async def say_it_on_the_wire(running: Server) -> None:
    word = CANARY.encode()
    port = running.client.base_url.port
    assert port
    for raw in (
        word + b"\r\n\r\n",
        b"GET /" + word + b"\xff HTTP/1.1\r\n\r\n",
        b"POST /graphql HTTP/1.1\r\nHost: " + word + b"\r\n" + word + b"\x00: x\r\n\r\n",
        b"GET / HTTP/1.1\r\nX: " + word * 4000,
        b"GET / HTTP/1.1\r\nHost: x\r\nConnection: upgrade\r\nUpgrade: " + word + b"\r\n\r\n",
    ):
        async with wire(port) as one:
            await Wire.send(one, raw)
            await one.answer()


async def test_c12_the_log_knows_an_incident_by_its_id_and_not_by_what_was_said(
    clinic_at: tuple[str, Clinic], mailbox: Mailbox, tmp_path: Path
) -> None:
    url, _ = clinic_at
    database = Database(url)
    async with server(environment(url, mailbox), tmp_path) as running:
        # What the database then says is the statement, with all that was to be written.
        await database.write(lambda c: c.execute(text("ALTER TABLE letters RENAME TO gone")))
        answer = await register(running, CANARY)
        (error,) = answer["errors"]
        log = await ended(running)
    await database.close()

    incident = error["extensions"]["incident"]
    assert error["extensions"]["code"] == "INTERNAL_SERVER_ERROR"
    assert error["message"] == f"Something went wrong. Tell us the incident: {incident}."
    assert CANARY not in json.dumps(answer)
    assert CANARY not in log
    (told,) = [event for event in events(log) if event["event"] == f"incident {incident}"]
    assert told["level"] == "error"
    assert "Error < " in told["exception"]
    assert "resolvers/registration.py:" in told["exception"]
    operation = next(event for event in events(log) if event["event"] == "operation")
    assert operation["outcome"] == ["INTERNAL_SERVER_ERROR"]


@asynccontextmanager
async def muted(env: dict[str, str], folder: Path, log: int) -> AsyncIterator[httpx2.AsyncClient]:
    """A server whose log goes there."""
    with held_port() as port:
        process = await asyncio.create_subprocess_exec(
            *(sys.executable, "-m", "portal", "serve", "--port", str(port)),
            env={"PATH": os.defpath, "PYTHONPATH": str(ROOT), **env},
            cwd=folder,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=log,
        )
        address = f"http://127.0.0.1:{port}"
        try:
            async with httpx2.AsyncClient(base_url=address, timeout=SECONDS) as client:
                await until_ready(client)
                yield client
                process.terminate()
                async with asyncio.timeout(SECONDS):
                    assert await process.wait() == 0
        finally:
            if process.returncode is None:
                process.kill()
                await process.wait()


async def test_e5_a_log_on_a_full_disk_fails_no_request(
    url: str, mailbox: Mailbox, tmp_path: Path
) -> None:
    full = os.open("/dev/full", os.O_WRONLY)
    async with muted(environment(url, mailbox), tmp_path, full) as client:
        await check_is_served(client, 100)
    os.close(full)


async def test_e5_a_log_that_nobody_reads_any_more_fails_no_request(
    url: str, mailbox: Mailbox, tmp_path: Path
) -> None:
    reading, writing = os.pipe()
    async with muted(environment(url, mailbox), tmp_path, writing) as client:
        os.close(writing)
        assert b"Started server process" in os.read(reading, 1_000_000)
        await check_is_served(client, 10)
        os.close(reading)
        await check_is_served(client, 100)


async def test_e5_a_log_whose_reader_has_stopped_holds_up_no_request(
    url: str, mailbox: Mailbox, tmp_path: Path
) -> None:
    reading, writing = os.pipe()
    fcntl.fcntl(writing, fcntl.F_SETPIPE_SZ, 4096)
    async with muted(environment(url, mailbox), tmp_path, writing) as client:
        os.close(writing)
        await check_is_served(client, 200)
    os.close(reading)


async def check_is_served(client: httpx2.AsyncClient, times: int) -> None:
    for _ in range(times):
        answer = await client.post("/graphql", json={"query": "{ __typename }"})
        assert answer.json()["data"] == {"__typename": "Query"}
