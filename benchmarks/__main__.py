"""`python -m benchmarks`: measure every row, print the table, keep the numbers in `var/`."""

import argparse
import sys
from pathlib import Path
from typing import Any

import orjson
import uvloop

from benchmarks.load import Load, ask, drive
from benchmarks.report import Measured, Speed, markdown, results
from benchmarks.rows import ROWS, Row
from benchmarks.stage import ROOT, Ready, Stage

LEAST = 100
RESULTS = ROOT / "var" / "benchmarks.json"


def main() -> None:
    """Measure the rows that the arguments choose."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks", description=__doc__)
    parser.add_argument("--rounds", type=int, default=7, help="rounds of each row")
    parser.add_argument("--seconds", type=float, default=2.0, help="of each server in a round")
    parser.add_argument("--only", default="", help="rows with this in their name")
    parser.add_argument("--pin", action="store_true", help="give servers a processor of their own")
    parser.add_argument("--without", action="append", default=[], help="leave out this server")
    chosen = parser.parse_args()
    rows = [row for row in ROWS if chosen.only.lower() in row.name.lower()]
    measured = uvloop.run(
        _measure_all(rows, chosen.pin, chosen.without, chosen.rounds, chosen.seconds)
    )
    print(f"Answers a second (medians of {chosen.rounds} rounds ± half their range):\n")
    print(markdown(measured))
    _keep(RESULTS, results(measured))


async def _measure_all(
    rows: list[Row], pin: bool, without: list[str], rounds: int, seconds: float
) -> list[Measured]:
    async with Stage(pin) as stage:
        return [await _measure(stage, row, without, rounds, seconds) for row in rows]


async def _measure(
    stage: Stage, row: Row, without: list[str], rounds: int, seconds: float
) -> Measured:
    entries = [row.product, *(rival.entry for rival in row.rivals)]
    entries = [entry for entry in entries if entry.server not in without]
    ready = {entry.name: await stage.prepare(entry) for entry in entries}
    if row.same:
        await _compare(ready)

    async def load(name: str) -> Load:
        one = ready[name]
        return await drive(
            one.port,
            one.request,
            connections=row.connections,
            seconds=seconds,
            least=LEAST,
        )

    names = list(ready)
    for name in names:
        await load(name)
    loads: dict[str, list[Load]] = {name: [] for name in names}
    for number in range(rounds):
        print(f"\r{row.name}: round {number + 1}", end="", file=sys.stderr, flush=True)
        for name in names:
            loads[name].append(await load(name))
        names.reverse()
    print(file=sys.stderr)
    return Measured(row, {name: Speed.of(loads[name]) for name in ready})


async def _compare(ready: dict[str, Ready]) -> None:
    """All servers must give the same answer, or nothing is measured."""
    answers = {name: orjson.loads(await ask(one.port, one.request)) for name, one in ready.items()}
    (first, expected), *others = answers.items()
    if "errors" in expected:
        raise RuntimeError(f"{first} answers {expected['errors']}")
    for name, answer in others:
        if answer != expected:
            raise RuntimeError(f"{name} differs from {first} at {_difference(answer, expected)}")


def _difference(one: Any, other: Any, path: str = "$") -> str:
    """The first place at which two JSON values differ, with both values."""
    if isinstance(one, dict) and isinstance(other, dict) and one.keys() == other.keys():
        inside = [(one[key], other[key], f"{path}.{key}") for key in one]
    elif isinstance(one, list) and isinstance(other, list) and len(one) == len(other):
        inside = [(a, b, f"{path}[{i}]") for i, (a, b) in enumerate(zip(one, other, strict=True))]
    else:
        return f"{path}: {one!r:.300} and {other!r:.300}"
    return next(_difference(a, b, where) for a, b, where in inside if a != b)


def _keep(path: Path, numbers: dict[str, Any]) -> None:
    path.parent.mkdir(exist_ok=True)
    path.write_bytes(orjson.dumps(numbers, option=orjson.OPT_INDENT_2))
    print(f"\nThe numbers of every round: {path.relative_to(ROOT)}")


if __name__ == "__main__":
    main()
