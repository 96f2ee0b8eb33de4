"""What a collector is told: which work took how long, inside of what, and nothing of anybody."""

import asyncio
import json
import signal
from collections.abc import AsyncIterator
from hashlib import sha256
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import text

from examples.python.portal_client import Documents
from models import Database
from models.spans import MOST_TEXT, without_values
from portal import VERSION
from tests.collector import SOON, Collector
from tests.crash.programs import Server, environment, program, run, server
from tests.edge.test_logs import CANARY, JSON, ended, register, sign_in
from tests.edge.test_metrics import watched
from tests.live.following import events
from tests.live.test_live import DEACTIVATE
from tests.mailbox import Fault, Mailbox
from tests.receiver import Fault as Failing
from tests.waiting import until
from tests.world import Clinic

TRACE, PARENT = "4bf92f3577b34da6a3ce929d0e0e4736", "00f067aa0ba902b7"
REQUEST = "POST /graphql"


@pytest.fixture
async def collector() -> AsyncIterator[Collector]:
    """Where traces go."""
    async with Collector() as running:
        yield running


def hashed(document: str) -> str:
    return sha256(document.encode()).hexdigest()[:16]


async def ask(running: Server, body: Any, **headers: str) -> str:
    """The id of the request in which this is asked."""
    answer = await running.client.post("/graphql", json=body, headers={**JSON, **headers})
    return answer.headers["x-request-id"]


@pytest.mark.parametrize("workers", [1, 2])
async def test_the_tree_of_an_operation_is_told_to_the_unit(
    clinic_at: tuple[str, Clinic],
    mailbox: Mailbox,
    collector: Collector,
    tmp_path: Path,
    workers: int,
) -> None:
    url, _ = clinic_at
    document = Documents()["Departments"]
    listed = {"query": document, "operationName": "Departments"}
    env = environment(url, mailbox, TRACES_URL=collector.url, TRUSTED_PROXIES="127.0.0.1", **SOON)
    async with watched(env, tmp_path, workers) as running:
        olivia = await sign_in(running, "olivia")
        traced = {**olivia, "traceparent": f"00-{TRACE}-{PARENT}-01", "tracestate": f"a={CANARY}"}
        ids = await asyncio.gather(*(ask(running, listed, **traced) for _ in range(20)))
        await collector.told(*ids)
        running.program.signal(signal.SIGTERM)
        assert (await running.program.end()).status == 0

    traces = collector.traces
    told = [span for span in traces if span.trace == TRACE]
    assert len(told) == 20 * 4
    assert 1 <= len({span.who["service.instance.id"] for span in told}) <= workers
    for span in told:
        assert span.who.items() >= {"service.name": "portal", "service.version": VERSION}.items()
        assert {name for name in span.who if not name.startswith("telemetry.sdk.")} == {
            *("service.name", "service.version", "service.instance.id"),
        }
        assert not span.failed
        assert span.more == ()
    for id in ids:
        request = traces.of(id)
        assert traces.tree(request) == (
            REQUEST,
            [("SELECT", []), ("query Departments", [("SELECT", [])])],
        )
        assert (request.trace, request.parent, request.kind) == (TRACE, PARENT, "SERVER")
        assert request.attributes == {
            "http.request.method": "POST",
            "http.response.header.x-request-id": [id],
            "http.response.status_code": 200,
            "http.route": "/graphql",
            "url.path": "/graphql",
            "url.scheme": "http",
        }
        who, operation = traces.inside(request)
        assert operation.kind == "INTERNAL"
        assert operation.attributes == {
            "graphql.operation.name": "Departments",
            "graphql.operation.type": "query",
            "portal.cost": 10,
            "portal.document.hash": hashed(document),
            "portal.outcome": ["OK"],
        }
        (read,) = traces.inside(operation)
        for statement, table in ((who, "FROM sessions"), (read, "FROM departments")):
            assert statement.kind == "CLIENT"
            said = statement.attributes.pop("db.query.text")
            assert table in said
            assert "'" not in said
            assert statement.attributes == {
                "db.operation.name": "SELECT",
                "db.system.name": url.partition(":")[0],
            }


async def test_a_mutation_tells_each_statement_and_the_courier_each_attempt(
    clinic_at: tuple[str, Clinic], mailbox: Mailbox, collector: Collector, tmp_path: Path
) -> None:
    url, _ = clinic_at
    mailbox.faults[f"{CANARY}@home.example"] = Fault.NEVER
    env = environment(url, mailbox, TRACES_URL=collector.url, **SOON)
    async with watched(env, tmp_path) as running:
        await register(running, "Nora")
        await running.program.until("letter [0-9a-f]+: REFUSED")
        counted = (await running.scrape()).one("portal_operation_statements_sum", type="mutation")
        await until(lambda: collector.traces.named("deliver letter") != [])
        await ended(running)

    traces = collector.traces
    (mutation,) = traces.named("mutation")
    statements = traces.inside(mutation)
    assert len(statements) == counted > 10
    assert {span.name for span in statements} == {"SELECT", "INSERT", "UPDATE"}
    (attempt,) = traces.named("deliver letter")
    assert (attempt.parent, attempt.kind, attempt.failed) == ("", "CLIENT", True)
    assert attempt.attributes == {
        "error.type": "REFUSED",
        "portal.post.kind": "letter",
        "portal.post.state": "REFUSED",
    }
    # What couriers and clerks ask every second for nobody is not told.
    roots = {span.name for span in traces if not span.parent}
    assert roots == {REQUEST, "deliver letter"}


async def test_a_stream_is_told_of_until_it_begins(
    clinic_at: tuple[str, Clinic], mailbox: Mailbox, collector: Collector, tmp_path: Path
) -> None:
    url, clinic = clinic_at
    env = environment(url, mailbox, TRACES_URL=collector.url, **SOON)
    async with watched(env, tmp_path) as running:
        olivia = await sign_in(running, "olivia")
        async with events(running.port, olivia["authorization"].split()[1]) as stream:
            amy = {"query": DEACTIVATE, "variables": {"id": clinic.ids["amy"]}}
            await ask(running, amy, **olivia)
            assert (await stream.next())[0] == "next"
            request = stream.answer.headers["x-request-id"]
        await collector.told(request)
        await ended(running)

    traces = collector.traces
    followed = traces.of(request)
    assert followed.attributes["http.response.status_code"] == 200
    (operation,) = traces.inside(followed)
    assert (operation.name, operation.attributes["portal.outcome"]) == ("subscription", ["OK"])
    # Who follows is asked again and again who they are, and what there is to tell.
    assert traces.tree(operation)[1] == [("SELECT", []), ("SELECT", [])]
    assert {span.name for span in traces if not span.parent} == {REQUEST}


async def test_what_strangers_say_of_traces_and_call_things_is_not_told(
    clinic_at: tuple[str, Clinic], mailbox: Mailbox, collector: Collector, tmp_path: Path
) -> None:
    url, _ = clinic_at
    named = f"query {CANARY} {{ {CANARY}: departments {{ {CANARY}: name }} }}"
    paged = f"{{ {CANARY}: clients(first: 47, search: {json.dumps(CANARY)}) {{ totalCount }} }}"
    env = environment(url, mailbox, TRACES_URL=collector.url, **SOON)
    async with server(env, tmp_path) as running:
        traced = {**await sign_in(running, "olivia"), "traceparent": f"00-{TRACE}-{PARENT}-01"}
        ids = [await ask(running, {"query": query}, **traced) for query in (named, paged)]
        broken = await ask(running, {"query": f"query Departments {{ {CANARY}"}, **traced)
        unread = await ask(running, {"query": 1}, **traced)
        await running.client.request("PROPFIND", "/graphql")
        await collector.told(*ids, broken, unread)
        await until(lambda: collector.traces.named("HTTP /graphql") != [])
        await ended(running)

    traces = collector.traces
    for id in ids:
        request = traces.of(id)
        assert request.parent == ""
        assert request.trace != TRACE
        assert [name for name, _ in traces.tree(request)[1]] == ["SELECT", "query"]
    assert traces.tree(traces.of(broken))[1] == [
        ("SELECT", []),
        ("other Departments", []),
    ]
    assert traces.tree(traces.of(unread)) == (REQUEST, [])
    (odd,) = traces.named("HTTP /graphql")
    assert odd.attributes["http.request.method"] == "_OTHER"
    told = str([(span.name, span.attributes) for span in traces])
    assert CANARY not in told.lower()
    assert "47" not in "".join(span.attributes.get("db.query.text", "") for span in traces)


async def test_what_fails_tells_of_which_kind_and_never_in_words(
    clinic_at: tuple[str, Clinic], mailbox: Mailbox, collector: Collector, tmp_path: Path
) -> None:
    url, _ = clinic_at
    database = Database(url)
    env = environment(url, mailbox, TRACES_URL=collector.url, **SOON)
    async with server(env, tmp_path) as running:
        olivia = await sign_in(running, "olivia")
        for table in ("webhooks", "letters"):
            await rename(database, table)
        listed = await ask(running, {"query": "{ webhooks { totalCount } }"}, **olivia)
        await register(running, CANARY)
        await rename(database, "departments")
        broken = await ask(running, {"query": "{ webhooks { totalCount } }"}, **olivia)
        await collector.told(listed, broken)
        await ended(running)
    await database.close()

    traces = collector.traces
    failed = {(span.name, span.attributes["error.type"]) for span in traces if span.failed}
    is_sqlite = url.startswith("sqlite")
    missing = "OperationalError" if is_sqlite else "UndefinedTableError"
    assert failed == {
        ("SELECT", missing),
        ("query", "INTERNAL_SERVER_ERROR"),
        ("INSERT", missing if is_sqlite else "ProgrammingError"),
        ("mutation", "INTERNAL_SERVER_ERROR"),
        (REQUEST, "500"),
    }
    assert not traces.of(listed).failed
    assert traces.of(broken).failed
    assert traces.tree(traces.of(broken))[1] == [("SELECT", [])]
    assert CANARY not in str(traces).lower()


async def rename(database: Database, table: str) -> None:
    """Let it be gone, as far as anybody knows."""
    renamed = text(f"ALTER TABLE {table} RENAME TO gone_{table}")
    await database.write(lambda connection: connection.execute(renamed))


async def test_a_request_goes_on_while_the_collector_is_away_and_it_is_told_once(
    url: str, mailbox: Mailbox, collector: Collector, tmp_path: Path
) -> None:
    impatient = {**SOON, "OTEL_EXPORTER_OTLP_TIMEOUT": "5"}
    env = environment(url, mailbox, TRACES_URL=collector.url, **impatient)
    who = {"query": "{ __typename }"}
    async with server(env, tmp_path) as running:
        for fault in (500, Failing.CUT, Failing.STALL):
            collector.always, before = fault, collector.connections
            for _ in range(50):
                await ask(running, who)
            await until(lambda before=before: collector.connections > before)  # type: ignore[misc]
        await running.program.until("spans are lost")
        async with collector.away():
            for _ in range(50):
                await ask(running, who)
        collector.always = 200
        again = running.program.until("spans are taken again")
        waiting = asyncio.ensure_future(again)
        while not waiting.done():
            await ask(running, who)
            await asyncio.sleep(0.1)
        last = await ask(running, who)
        log = await ended(running)

    assert log.count("spans are lost") == log.count("spans are taken again") == 1
    assert f":{collector.port}" not in log
    assert collector.traces.of(last).attributes["http.response.status_code"] == 200


@pytest.mark.parametrize("fault", [500, Failing.STALL])
async def test_a_server_ends_in_order_while_the_collector_answers_nothing_good(
    url: str, mailbox: Mailbox, collector: Collector, tmp_path: Path, fault: int | Failing
) -> None:
    collector.always = fault
    async with server(environment(url, mailbox, TRACES_URL=collector.url), tmp_path) as running:
        await ask(running, {"query": "{ __typename }"})
        await ended(running)
    assert collector.connections > 0


async def test_couriers_alone_tell_of_what_they_deliver(
    url: str, mailbox: Mailbox, collector: Collector, tmp_path: Path
) -> None:
    env = environment(url, mailbox, TRACES_URL=collector.url, COURIER_LEASE="60", **SOON)
    mailbox.faults["olivia@clinic.example"] = Fault.LATER
    words = (
        *("create-organization", "--name", "Clinic", "--slug", "clinic", "--department", "One"),
        *("--admin-email", "olivia@clinic.example", "--admin-first-name", "Olivia"),
        *("--admin-last-name", "Hart"),
    )
    assert (await run(*words, env=env, folder=tmp_path)).status == 0
    mailbox.faults.clear()
    async with program("courier", env=env, folder=tmp_path) as running:
        await until(lambda: collector.traces.named("deliver letter") != [])
        running.signal(signal.SIGTERM)
        assert (await running.end()).status == 0

    (attempt,) = collector.traces
    assert (attempt.name, attempt.failed) == ("deliver letter", False)
    assert attempt.attributes == {"portal.post.kind": "letter", "portal.post.state": "SENT"}


def test_a_statement_is_told_without_what_is_written_in_it() -> None:
    written = """SELECT '{"it''s":' || t0.name, $1::VARCHAR, ?2 FROM t WHERE k1 = 12.5 LIMIT 47"""
    told = "SELECT ? || t0.name, $1::VARCHAR, ?2 FROM t WHERE k1 = ? LIMIT ?"
    assert without_values(written) == told
    assert len(without_values("SELECT " + "a, " * MOST_TEXT)) == MOST_TEXT
    assert "secret" not in without_values(f"SELECT {'x' * MOST_TEXT}, 'secret'")
