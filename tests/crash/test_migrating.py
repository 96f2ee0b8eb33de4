"""E16: a migration that is killed is done by the next start, and servers serve on above one."""

import asyncio
import signal
import sqlite3
import uuid
from collections import Counter
from contextlib import closing
from functools import partial
from itertools import count
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import func, make_url, select, text

from models import Client, Database
from models.migrate import current, downgrade, drift, head
from tests.crash.programs import Server, environment, program, run, server
from tests.edge.test_away import LISTS, LOOKS, WHO, is_away
from tests.mailbox import Mailbox
from tests.waiting import until
from tests.world import LOGIN, Clinic, World

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


CREATE = """
mutation ($input: ClientCreateInput!) {
  clientCreate(input: $input) { client { id } userErrors { code } }
}
"""


class Crowd:
    """People who ask a server on and on, and again what it could not answer; `answered` counts."""

    def __init__(self, running: Server) -> None:
        self._client = running.client
        self.answered = Counter[str]()

    async def read(self, document: str, headers: dict[str, str]) -> None:
        """Forever."""
        while True:
            await self._ask({"query": document}, headers)
            self.answered[document] += 1

    async def write(self, department: str, headers: dict[str, str]) -> None:
        """A new client of the department after the other, forever."""
        for number in count():
            values = {
                "firstName": "Nora",
                "lastName": "Newcomer",
                "email": f"nora{number}@home.example",
                "dateOfBirth": "1990-05-17",
                "departmentId": department,
            }
            body = {"query": CREATE, "variables": {"input": values}}
            data = await self._ask(body, {"idempotency-key": str(uuid.uuid4()), **headers})
            assert data["clientCreate"]["userErrors"] == []
            self.answered[CREATE] += 1

    async def _ask(self, body: dict[str, Any], headers: dict[str, str]) -> dict[str, Any]:
        """Whatever is no answer, and does not ask to come again, is a failure."""
        answer = await self._client.post("/graphql", json=body, headers=headers)
        if is_away(answer):
            await asyncio.sleep(float(answer.headers["retry-after"]))
            return await self._ask(body, headers)
        data: dict[str, Any] = answer.json()["data"]
        return data

    async def goes_on(self, *documents: str) -> None:
        """Wait until each of these has been answered three times from now."""
        then = self.answered.copy()
        await until(lambda: all(self.answered[one] >= then[one] + 3 for one in documents))


async def test_e16_a_server_serves_on_while_the_next_release_migrates_beneath_it(
    world: World, clinic: Clinic, mailbox: Mailbox, tmp_path: Path
) -> None:
    """Nobody fails: who finds the tables locked waits, or asks again. Then all is as before."""
    url = world.settings.database_url
    env = environment(url, mailbox)
    async with server(env, tmp_path) as running, asyncio.TaskGroup() as asking:
        session = (await running.ask(LOGIN, **WHO))["login"]["session"]
        shown = {"authorization": f"Bearer {session['accessToken']}"}
        crowd = Crowd(running)
        work = [
            asking.create_task(one)
            for one in (
                crowd.read(LISTS, shown),
                crowd.read(LISTS, shown),
                crowd.read(LOOKS, {}),
                crowd.write(clinic.ids["mental"], shown),
            )
        ]
        await crowd.goes_on(LISTS, LOOKS, CREATE)
        async with program(url, env=env, folder=tmp_path, module="tests.crash.later") as migration:
            await migration.until("altered")
            await crowd.goes_on(LOOKS, *([LISTS] if url.startswith("sqlite") else []))
            migration.signal(signal.SIGUSR1)
            done = await migration.end()
        assert (done.status, done.complained) == (0, "")
        assert await current(world.database) == "later"
        await crowd.goes_on(LISTS, LOOKS, CREATE)
        assert (await running.client.get("/readyz")).text == "ready\n"
        for one in work:
            one.cancel()
    made = select(func.count(Client.id)).where(Client.last_name == "Newcomer")
    found = await world.database.read(lambda c: c.scalar(made))
    # The writer was in the middle of one more.
    assert found in (crowd.answered[CREATE], crowd.answered[CREATE] + 1)
