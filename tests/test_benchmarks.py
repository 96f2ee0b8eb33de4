"""What the benchmarks stand on: data as `populate` makes it, and verdicts that cannot flatter."""

import multiprocessing
from concurrent.futures import ProcessPoolExecutor
from typing import Any

import asyncpg
import pytest
from sqlalchemy import Connection, select

from benchmarks.filling import CONSTRAINTS, INDEXES, NOW, SEED, fill
from benchmarks.report import Figures, Finding, Target, markdown
from benchmarks.rows import Data
from models import Base, Database
from portal.populate import populate
from tests.conftest import Databases

HASH = "no password has this hash"


async def _constraints(url: str) -> list[Any]:
    connection = await asyncpg.connect(url)
    found = [*await connection.fetch(CONSTRAINTS), *await connection.fetch(INDEXES)]
    await connection.close()
    return sorted(map(tuple, found))


async def _rows(database: Database) -> dict[str, list[str]]:
    def read(connection: Connection) -> dict[str, list[str]]:
        return {
            table.name: sorted(map(repr, connection.execute(select(table))))
            for table in Base.metadata.sorted_tables
        }

    return await database.read(read)


async def test_filled_fast_is_the_same_as_populated(databases: Databases) -> None:
    fast, slow = await databases.postgresql(), await databases.postgresql()
    before = await _constraints(fast)
    data = Data(organizations=3, clients=60, largest=30)
    spawning = multiprocessing.get_context("spawn")
    with ProcessPoolExecutor(1, mp_context=spawning) as workers:
        first = await fill(fast, data, HASH, workers)
    database = Database(slow)
    made = await populate(
        database, organizations=3, clients=60, largest=30, seed=SEED, password_hash=HASH, now=NOW
    )
    filled = Database(fast)
    assert first == made[0]
    assert await _rows(filled) == await _rows(database)
    assert await _constraints(fast) == before
    for one, url in ((filled, fast), (database, slow)):
        await one.close()
        await databases.drop(url)


def _finding(ours: list[float], theirs: list[float] | None, target: Target | None) -> Finding:
    other = Figures(theirs, "/s") if theirs else None
    return Finding("work", Figures(ours, "/s"), "rival", other, target)


@pytest.mark.parametrize(
    ("ours", "theirs", "target", "verdict"),
    [
        ([80, 90, 100], [100, 100, 100], Target(0.9), "reached"),
        ([80, 89, 100], [100, 100, 100], Target(0.9), "**missed**"),
        ([1.15], [1], Target(1.15, most=True), "reached"),
        ([1.16], [1], Target(1.15, most=True), "**missed**"),
        ([1.4, 1.6, 1.6], None, Target(1.5, most=True), "**missed**"),
        ([10], [100], None, "shown"),
    ],
)
def test_a_target_is_reached_by_the_median_of_the_rounds(
    ours: list[float], theirs: list[float] | None, target: Target | None, verdict: str
) -> None:
    finding = _finding(ours, theirs, target)
    assert finding.verdict == verdict
    assert finding.missed == (verdict == "**missed**")
    assert markdown([finding]).endswith(f"| {target or ''} | {verdict} |")


def test_a_ratio_compares_what_ran_in_the_same_round() -> None:
    assert _finding([10, 40], [20, 40], None).ratios == [0.5, 1.0]


def test_noise_is_half_the_range() -> None:
    assert str(Figures([90, 100, 130], "/s")) == "100 /s ± 20%"
    assert str(Figures([3])) == "3"
