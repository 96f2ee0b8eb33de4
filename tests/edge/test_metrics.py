"""What Prometheus is told: right to the unit, whichever process did the work, and of nobody."""

import asyncio
import contextlib
import json
import os
import re
import signal
import socket
from collections import Counter
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import httpx2
import pytest
from prometheus_client.parser import text_string_to_metric_families as families

from examples.python.portal_client import Documents
from portal import metrics
from portal.metrics_page import ALERTS, metrics_page
from portal.scraping import scraped
from portal.settings import BadSettings, Settings
from tests.crash.programs import SECONDS, Program, Server, environment, program, run, until_ready
from tests.edge.test_logs import register, sign_in
from tests.live.following import events
from tests.mailbox import Fault, Mailbox
from tests.servers import held_port
from tests.world import LOGIN, Clinic

ANYWHERE = "127.0.0.1:0"
JSON = {"content-type": "application/json"}
SUFFIXES = ("", "_bucket", "_sum", "_count")

ATTEMPTS = "portal_post_attempts_total"
OPERATIONS = "portal_operations_total"
BEAT = "portal_beat_timestamp_seconds"
SENT = {"kind": "letter", "state": "SENT"}
RESET = """mutation ($input: PasswordResetRequestInput!) {
  passwordResetRequest(input: $input) { accepted }
}"""

Labels = tuple[tuple[str, str], ...]


class Scrape(dict[tuple[str, Labels], float]):
    """What Prometheus was told: each value by its name and labels, without durations."""

    def of(self, name: str, *labels: str) -> dict[Any, float]:
        """The values of a metric, by those of its labels."""
        found = {
            tuple(dict(its)[label] for label in labels): value
            for (metric, its), value in self.items()
            if metric == name
        }
        return {key[0] if len(key) == 1 else key: value for key, value in found.items()}

    def one(self, name: str, **labels: str) -> float:
        """One value; 0 where there is none."""
        return self.get((name, tuple(sorted(labels.items()))), 0)


def read(text: str) -> Scrape:
    """The text, as Prometheus understands it."""
    return Scrape(
        {
            (sample.name, tuple(sorted(sample.labels.items()))): sample.value
            for family in families(text)
            for sample in family.samples
        }
    )


class Watched(Server):
    """A server, a client that hangs up after each answer, and where its metrics are."""

    def __init__(self, running: Program, client: httpx2.AsyncClient, metrics: str) -> None:
        super().__init__(running, client)
        self.metrics = metrics

    @property
    def port(self) -> int:
        """Where the public comes."""
        assert self.client.base_url.port
        return self.client.base_url.port

    async def scrape(self) -> Scrape:
        """The metrics as they are now."""
        async with httpx2.AsyncClient(timeout=SECONDS) as client:
            return read((await client.get(self.metrics)).raise_for_status().text)

    async def until(self, holds: Callable[[Scrape], bool]) -> Scrape:
        """The metrics as soon as this holds of them."""
        async with asyncio.timeout(SECONDS):
            while not holds(found := await self.scrape()):  # noqa: ASYNC110 - it is another process
                await asyncio.sleep(0.1)
        return found

    async def workers(self, many: int) -> tuple[str, ...]:
        """The numbers of the processes that serve, when so many have started."""
        started = r"server process \[(\d+)\]"
        return (await self.program.until(r"[\s\S]*".join([started] * many))).groups()


@asynccontextmanager
async def watched(env: dict[str, str], folder: Path, workers: int = 1) -> AsyncIterator[Watched]:
    """A server that is ready, with so many workers."""
    words = ("serve", "--port", "0", "--workers", str(workers))
    env = {"METRICS_LISTEN": ANYWHERE, "TMPDIR": str(folder), **env}
    async with program(*words, env=env, folder=folder) as running:
        address = (await running.until(r"running on (http://127\.0\.0\.1:\d+)"))[1]
        metrics = (await running.until(r"metrics are at (http://127\.0\.0\.1:\d+/metrics)"))[1]
        alone = {"connection": "close"}
        async with httpx2.AsyncClient(base_url=address, headers=alone, timeout=SECONDS) as client:
            await until_ready(client)
            yield Watched(running, client, metrics)


async def post(running: Watched, body: Any, **headers: str) -> None:
    await running.client.post("/graphql", json=body, headers=headers)


@pytest.mark.parametrize("workers", [1, 2])
async def test_every_number_is_right_whichever_worker_did_the_work(
    clinic_at: tuple[str, Clinic], mailbox: Mailbox, tmp_path: Path, workers: int
) -> None:
    url, _ = clinic_at
    async with watched(environment(url, mailbox), tmp_path, workers) as running:
        await running.workers(workers)
        olivia = await sign_in(running, "olivia")
        before = await running.until(lambda told: operations(told) == 1)
        listed = {"query": Documents()["Departments"], "operationName": "Departments"}
        made_up = {"query": "query Whatever4711 { departments { name } }"}
        await asyncio.gather(
            *(post(running, listed, **olivia) for _ in range(40)),
            *(post(running, made_up, **olivia) for _ in range(7)),
            *(post(running, listed) for _ in range(3)),
            *(post(running, {"query": "query Departments { "}) for _ in range(5)),
            *(post(running, {"query": 1}) for _ in range(2)),
            *(running.client.get("/healthz") for _ in range(4)),
            running.client.get("/riverside/login"),
            running.client.get("/riverside/nowhere-at-all"),
        )
        await register(running, "Nora")
        nobody = {"organization": "riverside", "email": "nobody@home.example"}
        await running.ask(RESET, input=nobody)  # which wakes the clerk
        # An operation is counted after its request, and both when the answer is under way.
        found = await running.until(
            lambda told: (
                told.one(ATTEMPTS, **SENT) > 0
                and told.one(BEAT, of="clerk") > 0
                and requests(told) == requests(before) + 65
                and operations(told) == operations(before) + 60
                and sum(told.of("portal_operation_errors_total", "error").values()) == 10
            )
        )

    def more(name: str, *labels: str) -> dict[Any, int]:
        then = before.of(name, *labels)
        now = found.of(name, *labels).items()
        return {its: int(value - then.get(its, 0)) for its, value in now if value != then.get(its)}

    assert more(OPERATIONS, "type", "name", "code") == {
        ("query", "Departments", "OK"): 40,
        ("query", "other", "OK"): 7,
        ("query", "Login", "OK"): 1,  # what the page asks
        ("query", "Departments", "UNAUTHENTICATED"): 3,
        ("other", "Departments", "BAD_USER_INPUT"): 5,
        ("other", "other", "BAD_USER_INPUT"): 2,
        ("mutation", "other", "OK"): 2,
    }
    errors = {"BAD_USER_INPUT": 7, "UNAUTHENTICATED": 3}
    assert more("portal_operation_errors_total", "error") == errors
    assert more("portal_requests_total", "place", "status") == {
        ("graphql", "200"): 57,
        ("graphql", "400"): 2,
        ("health", "200"): 4,
        ("pages", "200"): 1,
        ("pages", "404"): 1,
    }
    assert more("portal_request_duration_seconds_count", "place")["graphql"] == 59
    assert more("portal_operation_duration_seconds_count", "type", "name") == {
        ("query", "Departments"): 43,
        ("query", "other"): 7,
        ("query", "Login"): 1,
        ("other", "Departments"): 5,
        ("mutation", "other"): 2,
    }
    # A list of departments is one statement; the page asks for an organization and who is there.
    assert more("portal_operation_statements_sum", "type")["query"] == 40 + 7 + 2
    assert more("portal_operation_statements_count", "type")["query"] == 43 + 7 + 1
    assert found.one("portal_operations_running") == 0
    assert found.one("portal_subscriptions") == 0
    assert found.of(ATTEMPTS, "kind", "state") == {("letter", "SENT"): 1}
    assert found.of("portal_post_queued", "kind") == {"letter": 0, "event": 0}
    assert found.of(BEAT, "of").keys() == {"letters", "events", "clerk"}
    assert found.of("portal_database_connections_in_use", "pool").keys() == {
        *("planned", "reads", "writes"),
    }
    served = {"main"} | ({"1", "2"} if workers == 2 else set())
    assert found.of("process_resident_memory_bytes", "process").keys() == served
    check_is_described(found)


def requests(told: Scrape) -> float:
    """How many were answered."""
    return sum(told.of("portal_requests_total", "place", "status").values())


def operations(told: Scrape) -> float:
    """How many came to an end."""
    return sum(told.of(OPERATIONS, "type", "name", "code").values())


def check_is_described(found: Scrape) -> None:
    """Nothing is told that is not on the page, and nothing is on it that is not told."""
    told = {name: {label for label, _ in labels} - {"le"} for name, labels in found}
    described = {
        f"{name}{suffix}": set(one.labels)
        for name, one in metrics.ALL.items()
        for suffix in (SUFFIXES[1:] if one.kind == "histogram" else SUFFIXES[:1])
    }
    described.pop("portal_throttle_refusals_total")
    assert told == described


async def test_what_is_open_and_what_waits_is_told_as_it_is_now(
    clinic_at: tuple[str, Clinic], mailbox: Mailbox, tmp_path: Path
) -> None:
    url, _ = clinic_at
    env = environment(url, mailbox, THROTTLE="0.1")
    mailbox.faults["c4n4ry@home.example"] = Fault.LATER
    async with watched(env, tmp_path, workers=2) as running:
        signed_in = await sign_in(running, "olivia")
        token = signed_in["authorization"].removeprefix("Bearer ")
        async with contextlib.AsyncExitStack() as stack:
            for many in (1, 2, 3):
                await stack.enter_async_context(events(running.port, token))
                await running.until(open_subscriptions(many))
        await running.until(open_subscriptions(0))

        await register(running, "Nora")
        later = {"kind": "letter", "state": "QUEUED"}
        found = await running.until(lambda told: told.one(ATTEMPTS, **later) > 0)
        assert found.one("portal_post_queued", kind="letter") == 1
        assert found.one("portal_post_queued", kind="event") == 0

        wrong = {"organization": "riverside", "username": "amy", "password": "x", "surface": "APP"}
        for _ in range(4):
            await post(running, {"query": LOGIN, "variables": wrong})
        limited = ("mutation", "other", "RATE_LIMITED")
        found = await running.until(
            lambda told: told.of(OPERATIONS, "type", "name", "code").get(limited) == 3
        )
        assert found.of("portal_throttle_refusals_total", "budget") == {"pair": 3}


async def test_what_a_killed_worker_counted_stays_and_what_it_had_open_goes(
    clinic_at: tuple[str, Clinic], mailbox: Mailbox, tmp_path: Path
) -> None:
    url, _ = clinic_at
    who = {"query": "{ __typename }"}
    name = (OPERATIONS, "type", "name", "code")
    async with watched(environment(url, mailbox), tmp_path, workers=2) as running:
        pids = await running.workers(2)
        token = (await sign_in(running, "olivia"))["authorization"]
        async with contextlib.AsyncExitStack() as stack:
            for _ in range(6):
                await stack.enter_async_context(events(running.port, token[len("Bearer ") :]))
            await asyncio.gather(*(post(running, who) for _ in range(30)))
            are_open, who_is = open_subscriptions(6), ("query", "other", "OK")
            full = await running.until(
                lambda told: are_open(told) and told.of(*name).get(who_is) == 30
            )
            for pid in pids:
                os.kill(int(pid), signal.SIGKILL)
            left = await running.until(open_subscriptions(0))
        assert left.of(*name) == full.of(*name)
        starts = full.of("process_start_time_seconds", "process")
        await running.until(
            lambda told: (
                (now := told.of("process_start_time_seconds", "process")).keys() == starts.keys()
                and all(now[place] > starts[place] for place in ("1", "2"))
            )
        )
        async with asyncio.timeout(SECONDS):
            await until_ready(running.client)
        await asyncio.gather(*(post(running, who) for _ in range(30)))
        now = await running.until(lambda told: told.of(*name).get(who_is) == 60)
        assert now.of(*name) == full.of(*name) | {who_is: 60}
        assert len(folders(tmp_path)) == 1
        running.program.signal(signal.SIGTERM)
        assert (await running.program.end()).status == 0
    assert folders(tmp_path) == []


def open_subscriptions(many: int) -> Callable[[Scrape], bool]:
    """Whether so many are open."""
    return lambda told: told.one("portal_subscriptions") == many


def folders(where: Path) -> list[Path]:
    """Those in which workers count."""
    return list(where.glob("portal-metrics-*"))


async def test_they_are_never_where_the_public_comes(url: str, tmp_path: Path) -> None:
    async with watched(environment(url, tmp_path / "mail"), tmp_path) as running:
        public = await running.client.get("/metrics")
        assert public.status_code == 404
        assert "portal_" not in public.text
        address = running.metrics.removesuffix("/metrics")
        async with httpx2.AsyncClient(base_url=address, timeout=SECONDS) as client:
            assert (await client.get("/metrics?x=1")).status_code == 200
            for path in ("/", "/graphql", "/metricsx", "/healthz"):
                assert (await client.get(path)).status_code == 404
            assert (await client.post("/metrics")).status_code == 404
        port = int(address.rpartition(":")[2])
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        writer.write(b"x" * 100_000)
        with contextlib.suppress(ConnectionError):
            assert await reader.read() == b""
        writer.close()
        assert (await running.scrape()).one("portal_database_up") == 1


async def test_couriers_alone_tell_of_themselves(url: str, tmp_path: Path) -> None:
    env = {**environment(url, tmp_path / "mail"), "METRICS_LISTEN": ANYWHERE}
    async with program("courier", env=env, folder=tmp_path) as running:
        where = (await running.until(r"metrics are at (http://127\.0\.0\.1:\d+/metrics)"))[1]
        await running.until("Delivering letters")
        async with httpx2.AsyncClient(timeout=SECONDS) as client, asyncio.timeout(SECONDS):
            found = Scrape()
            while len(found.of(BEAT, "of")) < 3:
                await asyncio.sleep(0.1)
                found = read((await client.get(where)).text)
        assert found.of("process_open_fds", "process").keys() == {"main"}
        running.signal(signal.SIGTERM)
        assert (await running.end()).status == 0


async def test_a_database_that_is_away_is_told_and_nothing_that_only_it_knows() -> None:
    with held_port() as port:
        settings = Settings.read(
            secret_key="0123456789 abcdefgh, a secret of tests",
            database_url="postgresql://nobody@127.0.0.1:1/nothing",
            metrics_listen=f"127.0.0.1:{port}",
        )
        with scraped(settings):
            async with httpx2.AsyncClient(timeout=SECONDS) as client:
                found = read((await client.get(f"http://127.0.0.1:{port}/metrics")).text)
    assert found.of("portal_database_up") == {(): 0}
    assert found.of("portal_post_queued") == found.of("portal_post_oldest_due_age_seconds") == {}
    assert found.of("process_open_fds", "process").keys() == {"main"}


@pytest.mark.parametrize("words", [("serve", "--port", "0"), ("courier",)])
async def test_an_address_that_is_taken_is_one_line_and_the_end(
    tmp_path: Path, words: tuple[str, ...]
) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        where = f"127.0.0.1:{taken.getsockname()[1]}"
        url = f"sqlite:///{tmp_path / 'portal.sqlite3'}"
        env = environment(url, tmp_path / "mail", METRICS_LISTEN=where)
        ended = await run(*words, env=env, folder=tmp_path)
    assert ended.status == 2
    assert "METRICS_LISTEN: nobody can listen there: Address already in use\n" in ended.complained
    assert "Traceback" not in ended.complained


def test_alerts_are_about_what_is_told() -> None:
    page = metrics_page()
    for what, expression in ALERTS.items():
        assert "|" not in what + expression
        for name in re.findall(r"\b(?:portal|process)_\w+", expression):
            assert name.removesuffix("_bucket") in metrics.ALL, expression
        for label in re.findall(r"(\w+)!?=\"", expression):
            assert label in {*metrics.LABELS, "job"}, expression
        assert f"`{expression}`" in page


def test_names_and_labels_are_as_prometheus_wants_them() -> None:
    used = Counter(label for one in metrics.ALL.values() for label in one.labels)
    assert used.keys() == metrics.LABELS.keys()
    for name, one in metrics.ALL.items():
        assert re.fullmatch(r"(?:portal|process)_[a-z_]+", name)
        assert name.endswith("_total") == (one.kind == "counter")
        assert one.meaning.endswith(".")


def test_only_names_of_our_documents_are_told() -> None:
    assert {"Departments", "Login", "ClientApprove"} <= metrics.NAMES
    assert metrics.OTHER not in metrics.NAMES
    documents = Documents()
    for name in metrics.NAMES:
        assert json.dumps(documents[name])


def test_nothing_listens_where_nothing_was_said() -> None:
    settings = Settings.read(secret_key="0123456789 abcdefgh, a secret of tests")
    assert settings.metrics_listen is None
    with scraped(settings):
        pass


def test_whoever_takes_the_address_twice_is_told() -> None:
    with socket.create_server(("::1", 0), family=socket.AF_INET6) as taken:
        port = taken.getsockname()[1]
        settings = Settings.read(
            secret_key="0123456789 abcdefgh, a secret of tests", metrics_listen=f"[::1]:{port}"
        )
        with pytest.raises(BadSettings, match="METRICS_LISTEN"), scraped(settings):
            pass
