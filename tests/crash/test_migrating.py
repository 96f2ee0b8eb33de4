"""E16: a migration that is killed leaves tables that the next start brings up to date."""

import asyncio
import random
from pathlib import Path

import pytest

from models import Database
from models.migrate import current, downgrade, drift, head
from tests.crash.programs import environment, program, run
from tests.mailbox import Mailbox

KILLED = 8


@pytest.mark.parametrize("begun_with", ["base", "0003"])
async def test_e16_a_migration_that_is_killed_is_done_by_the_next_start(
    database: Database, url: str, mailbox: Mailbox, tmp_path: Path, begun_with: str
) -> None:
    """It is killed soon after it began to write: it has done nothing, or everything."""
    chance = random.Random(begun_with)
    env = environment(url, mailbox)
    await downgrade(database, begun_with)
    before = await current(database)
    found = set[str | None]()
    for _ in range(KILLED):
        async with program("migrate", env=env, folder=tmp_path) as running:
            await asyncio.sleep(chance.uniform(0.3, 1.5))
            await running.kill()
        found.add(await current(database))
        await downgrade(database, begun_with)
    assert found <= {before, head()}
    done = await run("migrate", env=env, folder=tmp_path)
    assert (done.status, done.complained) == (0, "")
    assert await current(database) == head()
    assert await drift(database) == []
