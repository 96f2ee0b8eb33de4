"""E16: a migration that is killed leaves tables that the next start brings up to date."""

import asyncio
import sqlite3
from contextlib import closing
from functools import partial
from pathlib import Path

import pytest
from sqlalchemy import make_url, text

from models import Database
from models.migrate import current, downgrade, drift, head
from tests.crash.programs import environment, program, run
from tests.mailbox import Mailbox
from tests.waiting import until

AFTER_SECONDS = (0, 0.02, 0.05, 0.1, 0.3)
"""How long a migration has been writing when it is killed."""

_LOCKED = text(
    "SELECT count(*) FROM pg_locks WHERE locktype = 'advisory' AND granted"
    " AND database = (SELECT oid FROM pg_database WHERE datname = current_database())"
)


async def is_migrating(database: Database, url: str) -> bool:
    """Whether somebody's migration has begun to write."""
    if database.dialect == "postgresql":
        return bool(await database.read(lambda c: c.scalar(_LOCKED)))
    path = make_url(url).database
    assert path
    with closing(sqlite3.connect(path, timeout=0, isolation_level=None)) as ours:
        try:
            ours.execute("BEGIN IMMEDIATE")
        except sqlite3.OperationalError:
            return True
    return False


@pytest.mark.parametrize("begun_with", ["base", "0003"])
async def test_e16_a_migration_that_is_killed_is_done_by_the_next_start(
    database: Database, url: str, mailbox: Mailbox, tmp_path: Path, begun_with: str
) -> None:
    """It is killed soon after it began to write: it has done nothing, or everything."""
    env = environment(url, mailbox)
    await downgrade(database, begun_with)
    before = await current(database)
    found = set[str | None]()
    for seconds in AFTER_SECONDS:
        async with program("migrate", env=env, folder=tmp_path) as running:
            await until(partial(is_migrating, database, url))
            await asyncio.sleep(seconds)
            await running.kill()
        found.add(await current(database))
        await downgrade(database, begun_with)
    assert before in found <= {before, head()}
    done = await run("migrate", env=env, folder=tmp_path)
    assert (done.status, done.complained) == (0, "")
    assert await current(database) == head()
    assert await drift(database) == []
