"""Databases to measure on: filled by all processors, keys and indexes made after the rows.

What results is what `portal.populate` makes: the same rows, the same constraints, all validated.
"""

import asyncio
import datetime as dt
import gc
from collections.abc import Coroutine, Iterable
from concurrent.futures import Executor
from typing import Any

import asyncpg

from benchmarks.rows import Data
from models import Database
from portal.populate import Populated, populate, populate_one, sizes

NOW = dt.datetime(2026, 11, 1, tzinfo=dt.UTC)
SEED = 1
NEVER = 3600.0

CONSTRAINTS = """
SELECT contype::text AS kind, conrelid::regclass::text AS table, quote_ident(conname) AS name,
       pg_get_constraintdef(oid) AS definition
FROM pg_constraint
WHERE connamespace = 'public'::regnamespace AND contype IN ('p', 'u', 'f')
"""

INDEXES = """
SELECT indexrelid::regclass::text AS name, pg_get_indexdef(indexrelid) AS definition
FROM pg_index JOIN pg_class ON pg_class.oid = indexrelid
WHERE relnamespace = 'public'::regnamespace
  AND NOT EXISTS (SELECT FROM pg_constraint WHERE conindid = indexrelid AND contype <> 'f')
"""


async def fill(url: str, data: Data, password_hash: str, workers: Executor) -> Populated:
    """Fill a migrated database that has no rows; the first organization of it."""
    loop = asyncio.get_running_loop()
    if data.dialect == "sqlite":
        return await loop.run_in_executor(workers, _fill_all, url, data, password_hash)
    connection = await asyncpg.connect(url)
    try:
        constraints = await connection.fetch(CONSTRAINTS)
        indexes = await connection.fetch(INDEXES)
        await _run(connection, _bare(constraints, indexes))
        made = await asyncio.gather(
            *(
                loop.run_in_executor(workers, _fill_one, url, number, size, password_hash)
                for number, size in enumerate(
                    sizes(data.organizations, data.clients, data.largest), start=1
                )
            )
        )
        await _run(connection, _dressed(constraints, indexes))
        await _run(connection, ["VACUUM ANALYZE", "CHECKPOINT"])
    finally:
        await connection.close()
    return made[0]


def _bare(constraints: Iterable[Any], indexes: Iterable[Any]) -> list[str]:
    """What takes away the foreign keys, then what they point at, then the indexes."""
    found = sorted(constraints, key=lambda one: one["kind"] != "f")
    return [
        *(f"ALTER TABLE {one['table']} DROP CONSTRAINT {one['name']}" for one in found),
        *(f"DROP INDEX {one['name']}" for one in indexes),
    ]


def _dressed(constraints: Iterable[Any], indexes: Iterable[Any]) -> list[str]:
    """What makes all of it anew, the foreign keys last."""
    keys = [(one["kind"] == "f", one) for one in constraints]
    made = [
        (last, f"ALTER TABLE {one['table']} ADD CONSTRAINT {one['name']} {one['definition']}")
        for last, one in keys
    ]
    return [
        "SET maintenance_work_mem = '256MB'",
        *(statement for last, statement in made if not last),
        *(one["definition"] for one in indexes),
        *(statement for last, statement in made if last),
    ]


async def _run(connection: Any, statements: Iterable[str]) -> None:
    for statement in statements:
        await connection.execute(statement, timeout=NEVER)


def _fill_all(url: str, data: Data, password_hash: str) -> Populated:
    async def work() -> Populated:
        database = Database(url)
        made = await populate(
            database,
            organizations=data.organizations,
            clients=data.clients,
            largest=data.largest,
            seed=SEED,
            password_hash=password_hash,
            now=NOW,
        )
        await database.close()
        return made[0]

    return _without_collecting(work())


def _fill_one(url: str, number: int, size: int, password_hash: str) -> Populated:
    async def work() -> Populated:
        database = Database(url, connections=1)
        made = await populate_one(
            database, number=number, size=size, seed=SEED, password_hash=password_hash, now=NOW
        )
        await database.close()
        return made

    return _without_collecting(work())


def _without_collecting(work: Coroutine[Any, Any, Populated]) -> Populated:
    """Run in a process of its own, whose many new objects hold no cycles worth looking for."""
    gc.disable()
    return asyncio.run(work)
