"""How little it takes: memory that stays, a start that is quick, few statements a request."""

import asyncio
import re
import statistics
import subprocess
import sys
import time
from collections.abc import Iterator
from itertools import count, islice

from benchmarks.asking import Caller, about_each_client, graphql, post
from benchmarks.load import ask, drive
from benchmarks.machine import resident_megabytes
from benchmarks.report import Figures, Finding, Target
from benchmarks.rounds import Effort, tell
from benchmarks.rows import ONE, PAGE, SMALL, VIEWER
from benchmarks.stage import ROOT, Server, Stage, command
from benchmarks.wire import counting
from models import Role

DATA = frozenset({SMALL})
CONNECTIONS = 8

FIRST, ALL = 2_000, 10_000
LONG_FIRST, LONG_ALL = 10_000, 100_000
"""Distinct documents at the first look and at the last; there are twice as many requests then."""

ASKED_ONCE = """
query Once($id: ID!) {
  ALIAS: client(id: $id) { id firstName lastName department { id name } }
}
"""

STARTED = "{ viewer { surface } }"
COUNTED = 11
_TOTAL = re.compile(rb"import time: +(\d+) \|")


async def measure(stage: Stage, effort: Effort) -> list[Finding]:
    """Memory, start and statements."""
    return [
        *await _memory(stage, effort),
        *await _start(stage, effort),
        *await _statements(stage),
    ]


async def _memory(stage: Stage, effort: Effort) -> list[Finding]:
    filled = await stage.filled(SMALL)
    caller = await stage.caller(SMALL, Role.DEPARTMENT_ADMINISTRATOR)
    server = await stage.serve(command("product"), filled.url)
    first, all_ = (LONG_FIRST, LONG_ALL) if effort.long else (effort.of(FIRST), effort.of(ALL))
    distinct = _distinct(caller)
    again = graphql(PAGE)(caller)
    await _send(server, islice(again, 100))
    await _send(server, islice(distinct, first))
    before = resident_megabytes(server)
    tell(f"{before:.0f} MB after {first:,} documents.")
    await _send(server, islice(distinct, all_ - first))
    await _send(server, islice(again, all_ // 2))
    await _send(server, islice(graphql(VIEWER)(caller), all_ // 2))
    after = resident_megabytes(server)
    await stage.end(server)
    return [
        Finding(
            f"Memory after {2 * all_:,} requests, {all_:,} distinct documents",
            Figures([after], "MB"),
            f"after {first:,} distinct documents",
            Figures([before], "MB"),
            Target(1.05, most=True),
        )
    ]


def _distinct(caller: Caller) -> Iterator[bytes]:
    """Documents of which each is asked once."""
    for number in count():
        named = ASKED_ONCE.replace("ALIAS", f"a{number:09}")
        body = {"query": named, "variables": {"id": caller.clients[number % len(caller.clients)]}}
        yield post(caller, "/graphql", body)


async def _send(server: Server, requests: Iterator[bytes]) -> None:
    await drive(server.port, requests, connections=CONNECTIONS, seconds=float("inf"), least=0)


async def _start(stage: Stage, effort: Effort) -> list[Finding]:
    filled = await stage.filled(SMALL)
    imports, answers = [], []
    for _ in range(effort.rounds):
        imports.append(await asyncio.to_thread(_import))
        started = time.perf_counter()
        server = await stage.serve(command("product"), filled.url)
        await ask(server.port, iter([post(None, "/graphql", {"query": STARTED})]))
        answers.append(time.perf_counter() - started)
        await stage.end(server)
    return [
        Finding("Imports, as `python -X importtime` sums them", Figures(imports, "s")),
        Finding(
            "From `serve` to the first answer",
            Figures(answers, "s"),
            target=Target(1.5, most=True),
        ),
    ]


def _import() -> float:
    """Seconds that all imports of the app take together."""
    program = [sys.executable, "-X", "importtime", "-c", "import portal.app"]
    done = subprocess.run(program, cwd=ROOT, check=True, capture_output=True)
    return sum(map(int, _TOTAL.findall(done.stderr))) / 1_000_000


async def _statements(stage: Stage) -> list[Finding]:
    """How many statements each read sends; the courier's own, once a second, do not count."""
    filled = await stage.filled(SMALL)
    caller = await stage.caller(SMALL, Role.DEPARTMENT_ADMINISTRATOR)
    findings = []
    async with counting(filled.url) as wire:
        server = await stage.serve(command("product"), wire.url)
        for name, requests in (
            ("the page", graphql(PAGE)(caller)),
            ("one client", about_each_client(ONE)(caller)),
            ("`viewer`", graphql(VIEWER)(caller)),
        ):
            numbers = []
            for request in islice(requests, COUNTED):
                before = wire.statements
                await ask(server.port, iter([request]))
                numbers.append(wire.statements - before)
            number = statistics.median(numbers)
            findings.append(Finding(f"Statements of {name}", Figures([number])))
        await stage.end(server)
    return findings
