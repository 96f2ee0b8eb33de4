"""Reads that do not come to an end by themselves, but when they are stopped."""

import sqlite3
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, closing

from sqlalchemy import make_url, text
from sqlalchemy.ext.asyncio import create_async_engine

from models.database import address

LONG = {
    "sqlite": "WITH RECURSIVE numbers(n) AS ("
    "SELECT 1 UNION ALL SELECT n + 1 FROM numbers WHERE n < 1000000000)"
    " SELECT count(*) FROM numbers",
    "postgresql": "SELECT count(pg_sleep(3600))",
}
"""By dialect, what takes far longer than any test waits."""


@asynccontextmanager
async def unreadable(url: str, table: str) -> AsyncIterator[None]:
    """Whoever reads the table meanwhile has a statement that does not end."""
    if url.startswith("sqlite"):
        path = make_url(url).database
        assert path
        slow = f"SELECT * FROM behind_{table} WHERE ({LONG['sqlite']}) > 0"  # noqa: S608 - ours
        with closing(sqlite3.connect(path)) as ours:
            ours.executescript(
                f"BEGIN; ALTER TABLE {table} RENAME TO behind_{table};"
                f" CREATE VIEW {table} AS {slow}; COMMIT"
            )
            yield
            ours.executescript(
                f"BEGIN; DROP VIEW {table}; ALTER TABLE behind_{table} RENAME TO {table}; COMMIT"
            )
        return
    engine = create_async_engine(address(url)[0])
    async with engine.connect() as connection:
        await connection.execute(text(f"LOCK TABLE {table}"))
        yield
    await engine.dispose()
