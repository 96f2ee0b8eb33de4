"""A read that is given up ends in the database, too, and only then is there room for the next."""

import asyncio
import random
import sqlite3
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import closing
from functools import partial
from pathlib import Path

import pytest
from sqlalchemy import text

from models import Database, Unavailable, Written
from tests.holding import LONG
from tests.waiting import PATIENCE, until

SHORT = "SELECT 1"


async def planned(database: Database, statement: str) -> object:
    return (await database.fetch(Written(database.dialect, statement), {}))[0][0]


async def other(database: Database, statement: str) -> object:
    return await database.read(lambda c: c.scalar(text(statement)))


def busy(database: Database, pool: str) -> int:
    return database.in_use[pool][0]


@pytest.mark.parametrize(("read", "pool"), [(planned, "planned"), (other, "reads")])
async def test_a_read_that_is_given_up_is_stopped(
    database: Database, read: Callable[[Database, str], Awaitable[object]], pool: str
) -> None:
    """However many there are: the next are answered, where else they would wait behind them."""
    most = database.in_use[pool][1]
    for _ in range(2):
        reads = [asyncio.ensure_future(read(database, LONG[database.dialect])) for _ in range(most)]
        await until(lambda: busy(database, pool) == most)
        for one in reads:
            one.cancel()
        async with asyncio.timeout(PATIENCE):
            given_up = await asyncio.gather(*reads, return_exceptions=True)
        assert {type(one) for one in given_up} == {asyncio.CancelledError}
        await until(lambda: busy(database, pool) == 0)
        async with asyncio.timeout(PATIENCE):
            assert await asyncio.gather(*(read(database, SHORT) for _ in range(most))) == [1] * most


async def test_who_gives_up_stops_nobody_else(database: Database) -> None:
    """Statements of all lengths, one after the other on few connections; half are given up."""
    lengths = {
        "sqlite": "WITH RECURSIVE numbers(n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM numbers"
        " WHERE n < {0}) SELECT count(*) FROM numbers",
        "postgresql": "SELECT count(*) FROM generate_series(1, {0})",
    }
    drawn = random.Random(20261126)
    answered = 0

    async def ask() -> None:
        nonlocal answered
        length = drawn.choice((1, 10, 1000, 50_000))
        reading = asyncio.ensure_future(planned(database, lengths[database.dialect].format(length)))
        if drawn.random() < 0.5:
            await asyncio.sleep(drawn.uniform(0, 0.003))
            reading.cancel()
            await asyncio.wait([reading])
        if not reading.cancelled():
            assert await reading == length
            answered += 1

    async def ask_on() -> None:
        for _ in range(50):
            await ask()

    await asyncio.gather(*(ask_on() for _ in range(8)))
    assert answered >= 100
    await until(lambda: busy(database, "planned") == 0)


# --- SQLite: a thread that cannot be stopped ----------------------------------------------------


@pytest.fixture
async def stuck(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> AsyncIterator[tuple[Database, sqlite3.Connection]]:
    """A database whose readers wait for its file, however long that is, until it is let go."""
    monkeypatch.setattr("models.database.BUSY_SECONDS", 10 * PATIENCE)
    monkeypatch.setattr("models.database.CONNECT_SECONDS", 0.2)
    path = tmp_path / "held.sqlite3"
    database = Database(f"sqlite:///{path}")
    with closing(sqlite3.connect(path, isolation_level=None)) as holder:
        holder.execute("CREATE TABLE numbers (n)")
        holder.execute("BEGIN EXCLUSIVE")
        yield database, holder
    await database.close()


async def test_who_finds_no_place_waits_for_a_while_and_not_for_ever(
    stuck: tuple[Database, sqlite3.Connection],
) -> None:
    """A place is one only when its thread is free, whether or not somebody waits for that."""
    database, holder = stuck
    count = partial(planned, database, "SELECT count(*) FROM numbers")
    patient = [asyncio.ensure_future(count()) for _ in range(2)]
    hasty = [asyncio.ensure_future(count()) for _ in range(2)]
    await until(lambda: database.in_use["planned"] == (4, 4))
    for one in hasty:
        one.cancel()
    await asyncio.wait(hasty)
    async with asyncio.timeout(PATIENCE):
        for _ in range(2):
            with pytest.raises(Unavailable):
                await count()
    assert database.in_use["planned"] == (4, 4)
    holder.execute("ROLLBACK")
    assert await asyncio.gather(*patient) == [0, 0]
    await until(lambda: database.in_use["planned"] == (0, 4))
    assert await count() == 0
