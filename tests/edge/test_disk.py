"""E4, E5: a file of SQLite that somebody else holds, or that has no room to grow.

How PostgreSQL does on a full disk, which takes a disk of its own, is for `make torture`.
"""

import asyncio
import resource
import sqlite3
from pathlib import Path

import httpx2
import pytest
from sqlalchemy import func, insert, make_url, select

from models import Database, Letter, Organization, Registration, new_id
from tests.crash.programs import Server, environment, server
from tests.edge.test_away import FORM, LOOKS, is_away
from tests.mailbox import Mailbox
from tests.world import REGISTER, START, World

pytestmark = pytest.mark.parametrize("url", ["sqlite"], indirect=True)

PAGE = 4096


@pytest.fixture
async def filled(database: Database) -> Database:
    """A database with an organization in it."""
    values = {"id": new_id(), "slug": "riverside", "name": "Riverside", "created_at": START}
    await database.write(lambda c: c.execute(insert(Organization).values(values)))
    return database


async def count(database: Database) -> tuple[int, int]:
    """How many registrations there are, and how many letters."""
    counts = [select(func.count(model.id)) for model in (Registration, Letter)]
    one, other = await database.read(lambda c: [c.scalar(each) or 0 for each in counts])
    return one, other


async def test_e4_a_file_that_another_process_holds_is_waited_for_and_not_for_ever(
    filled: Database, url: str, mailbox: Mailbox, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("models.database.BUSY_SECONDS", 1)
    path = make_url(url).database
    assert path
    form = {"input": {**FORM, "email": "nora@home.example"}}
    async with World(url, mailbox) as world:
        holder = sqlite3.connect(path, isolation_level=None)
        holder.execute("BEGIN EXCLUSIVE")
        refused, read = await asyncio.gather(world.send(REGISTER, form), world.send(LOOKS))
        assert is_away(refused)
        assert not is_away(read)
        holder.execute("ROLLBACK")
        holder.close()
        assert await count(filled) == (0, 0)
        assert not is_away(await world.send(REGISTER, form))
    assert await count(filled) == (1, 1)


async def register(running: Server, number: int) -> httpx2.Response:
    variables = {"input": {**FORM, "email": f"nora{number}@home.example"}}
    return await running.client.post("/graphql", json={"query": REGISTER, "variables": variables})


async def test_e5_on_a_full_disk_mutations_fail_whole_and_reads_go_on(
    filled: Database, url: str, mailbox: Mailbox, tmp_path: Path
) -> None:
    """No file of the server's can grow; as soon as one can again, it serves as before."""
    async with server(environment(url, mailbox), tmp_path) as running:
        assert not is_away(await register(running, 0))
        pid = running.program.pid
        limits = resource.prlimit(pid, resource.RLIMIT_FSIZE)
        resource.prlimit(pid, resource.RLIMIT_FSIZE, (PAGE, limits[1]))
        answers = [await register(running, number) for number in range(1, 20)]
        done = sum(not is_away(answer) for answer in answers)
        assert done < len(answers)
        read = await running.client.post("/graphql", json={"query": LOOKS})
        assert not is_away(read)
        assert (await running.client.get("/healthz")).status_code == 200
        assert await count(filled) == (1 + done, 1 + done)
        resource.prlimit(pid, resource.RLIMIT_FSIZE, limits)
        assert not is_away(await register(running, 20))
        assert await count(filled) == (2 + done, 2 + done)
