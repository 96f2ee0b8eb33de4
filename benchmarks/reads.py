"""Reads beside both rivals: answers a second, after all have given the same answer."""

from itertools import islice
from typing import Any

import orjson

from benchmarks.load import Load, ask, drive
from benchmarks.report import Figures, Finding, Target
from benchmarks.rounds import Effort, in_rounds
from benchmarks.rows import Row
from benchmarks.stage import Ready, Stage

COMPARED = 20
LEAST = 20


async def measure(row: Row, stage: Stage, effort: Effort) -> list[Finding]:
    """A line for each rival."""
    entries = [row.product, *(rival.entry for rival in row.rivals)]
    ready = {entry.name: await stage.prepare(entry) for entry in entries}
    same = [rival.entry.name for rival in row.rivals if rival.same]
    await _compare({name: ready[name] for name in (row.product.name, *same)})

    async def load(name: str) -> Load:
        one = ready[name]
        return await drive(
            one.port,
            one.requests,
            connections=row.connections,
            seconds=effort.seconds,
            least=LEAST,
        )

    loads = await in_rounds(row.name, list(ready), effort.rounds, load)
    product = loads[row.product.name]
    return [
        Finding(
            work=row.name,
            product=_rates(product),
            beside=rival.entry.name,
            other=_rates(loads[rival.entry.name]),
            target=Target(rival.target) if rival.target else None,
            more={
                "latency_ms": {
                    "product": _latencies(product),
                    rival.entry.name: _latencies(loads[rival.entry.name]),
                }
            },
        )
        for rival in row.rivals
    ]


def _rates(loads: list[Load]) -> Figures:
    return Figures([load.rate for load in loads], "/s")


def _latencies(loads: list[Load]) -> dict[str, float]:
    """Milliseconds of half the answers, and of all but one in a hundred."""
    latencies = sorted(latency * 1000 for load in loads for latency in load.latencies)
    return {
        "median": latencies[len(latencies) // 2],
        "p99": latencies[len(latencies) * 99 // 100],
    }


async def _compare(ready: dict[str, Ready]) -> None:
    """All servers must give the same answers, or nothing is measured."""
    (first, one), *others = ready.items()
    expected = await _answers(one)
    for answer in expected:
        if "errors" in answer or None in answer["data"].values():
            raise RuntimeError(f"{first} answers {answer!r:.500}")
    for name, other in others:
        for answer, wanted in zip(await _answers(other), expected, strict=True):
            if answer != wanted:
                raise RuntimeError(f"{name} differs from {first} at {_difference(answer, wanted)}")


async def _answers(one: Ready) -> list[Any]:
    """What it says, but for what it says of its cost."""
    requests = islice(one.requests, COMPARED)
    said = [orjson.loads(await ask(one.port, iter([request]))) for request in requests]
    return [{key: answer[key] for key in ("data", "errors") if key in answer} for answer in said]


def _difference(one: Any, other: Any, path: str = "$") -> str:
    """The first place at which two JSON values differ, with both values."""
    if isinstance(one, dict) and isinstance(other, dict) and one.keys() == other.keys():
        inside = [(one[key], other[key], f"{path}.{key}") for key in one]
    elif isinstance(one, list) and isinstance(other, list) and len(one) == len(other):
        inside = [(a, b, f"{path}[{i}]") for i, (a, b) in enumerate(zip(one, other, strict=True))]
    else:
        return f"{path}: {one!r:.300} and {other!r:.300}"
    return next(_difference(a, b, where) for a, b, where in inside if a != b)
