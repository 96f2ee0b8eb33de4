"""Telling other processes that something has happened, without saying what.

PostgreSQL passes it on to whoever listens (`LISTEN`); whoever is told looks into the tables, and
whoever misses it looks there by and by. So a signal may come twice, or get lost.
"""

import asyncio
import contextlib
from collections.abc import AsyncIterator, Callable
from typing import Any

import asyncpg

from models.reads import GONE
from models.statement import Written

CHANNEL = "portal"
AGAIN_SECONDS = 5
"""After so long a lost connection is tried again, and one that seems to live is asked."""

SIGNAL = Written("postgresql", f"SELECT pg_notify('{CHANNEL}', '')")


@contextlib.asynccontextmanager
async def listening(arguments: dict[str, Any], heard: Callable[[], None]) -> AsyncIterator[None]:
    """`heard` is called for every signal meanwhile, as long as the database is there."""
    task = asyncio.create_task(_listen(arguments, heard), name="signals")
    try:
        yield
    finally:
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)


async def _listen(arguments: dict[str, Any], heard: Callable[[], None]) -> None:
    while True:
        with contextlib.suppress(asyncpg.PostgresError, *GONE):
            await _hear(arguments, heard)
        await asyncio.sleep(AGAIN_SECONDS)


async def _hear(arguments: dict[str, Any], heard: Callable[[], None]) -> None:
    connection = await asyncpg.connect(**arguments)
    try:
        await connection.add_listener(CHANNEL, lambda *_: heard())
        heard()  # whatever was signalled while nobody listened
        while True:
            await asyncio.sleep(AGAIN_SECONDS)
            await connection.fetchval("SELECT 1")
    finally:
        connection.terminate()
