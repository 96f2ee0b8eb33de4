"""E19: a copy of the database that was made under load is whole, and can be served."""

import asyncio
import os
import sqlite3
import subprocess
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest
from sqlalchemy import func, insert, make_url, select, update

from models import (
    Database,
    Delivery,
    DeliveryState,
    Letter,
    LetterState,
    Link,
    Organization,
    Registration,
    new_id,
)
from models.migrate import current, downgrade, drift, migrate
from tests import operations
from tests.conftest import Databases
from tests.crash.programs import Server, environment, server
from tests.crash.test_crash import served
from tests.crash.test_webhooks import webhook
from tests.edge.test_away import FORM
from tests.mailbox import Fault, Mailbox
from tests.receiver import Receiver
from tests.servers import binaries
from tests.world import REGISTER, START

OLDER = "0009"
"""A revision after which there came tables that refer to older ones."""


@asynccontextmanager
async def registering(running: Server) -> AsyncIterator[None]:
    """People register one after the other before, meanwhile and afterwards, four at a time."""
    registered = asyncio.Semaphore(0)

    async def register(who: str) -> None:
        for number in range(100_000):
            await running.ask(REGISTER, input={**FORM, "email": f"{who}{number}@home.example"})
            registered.release()

    async def some() -> None:
        for _ in range(10):
            await registered.acquire()

    work = [asyncio.create_task(register(who)) for who in "abcd"]
    await some()
    yield
    while not registered.locked():
        await registered.acquire()
    await some()
    for each in work:
        each.cancel()
    await asyncio.gather(*work, return_exceptions=True)


async def backed_up(url: str, folder: Path) -> None:
    """Make a copy in the folder, as `docs/operations.md` says."""
    if url.startswith("sqlite"):
        path = make_url(url).database or ""
        await asyncio.to_thread(_back_up, path, folder / "copy.sqlite3")
        return
    for command in operations.commands(operations.section("## Backup"), "pg_dump"):
        await _run(command, folder, DATABASE_URL=url)


async def restored(url: str, folder: Path) -> str:
    """The URL of what the copy in the folder is restored to, as `docs/operations.md` says."""
    if url.startswith("sqlite"):
        return f"sqlite:///{folder / 'copy.sqlite3'}"
    name = f"{make_url(url).database}_restored"
    new = make_url(url).set(database=name).render_as_string(hide_password=False)
    programs = ("createdb", "pg_restore")
    for command in operations.commands(operations.section("## Restore"), *programs):
        line = command.replace("portal_restored", name)
        await _run(line, folder, DATABASE_URL=url, RESTORED_URL=new)
    return new


def _back_up(path: str, copy: Path) -> None:
    """What the `.backup` of sqlite3's shell does."""
    with sqlite3.connect(path) as source, sqlite3.connect(copy) as target:
        source.backup(target)


async def _run(command: str, folder: Path, **environment: str) -> None:
    """Have a shell run what is in PostgreSQL's folder."""
    path = f"{binaries()}{os.pathsep}{os.environ['PATH']}"
    env = {**os.environ, **environment, "PATH": path}
    await asyncio.to_thread(subprocess.check_call, ["/bin/sh", "-c", command], cwd=folder, env=env)


async def counts(url: str) -> list[int]:
    """How many registrations, links and letters there are."""
    database = Database(url)
    counted = [select(func.count(model.id)) for model in (Registration, Link, Letter)]
    found = await database.read(lambda c: [c.scalar(each) or 0 for each in counted])
    assert await drift(database) == []
    await database.close()
    return found


@pytest.fixture
async def env(url: str, mailbox: Mailbox) -> dict[str, str]:
    """The environment of a server of one organization."""
    database = Database(url)
    values = {"id": new_id(), "slug": "riverside", "name": "Riverside", "created_at": START}
    await database.write(lambda c: c.execute(insert(Organization).values(values)))
    await database.close()
    return environment(url, mailbox, WEBHOOKS_ALLOW_PRIVATE="true")


async def test_e19_a_copy_made_under_load_is_whole_and_can_be_served(
    env: dict[str, str], url: str, databases: Databases, mailbox: Mailbox, tmp_path: Path
) -> None:
    async with server(env, tmp_path) as running, registering(running):
        await backed_up(url, tmp_path)
        copy = await restored(url, tmp_path)
    registrations, links, letters = await counts(copy)
    assert 0 < registrations == links == letters
    assert registrations < (await counts(url))[0]
    async with server({**env, "DATABASE_URL": copy}, tmp_path) as running:
        await running.ask(REGISTER, input={**FORM, "email": "later@home.example"})
        await mailbox.wait(to="later@home.example")
    if not copy.startswith("sqlite"):
        await databases.drop(copy)


async def test_e19_a_copy_of_an_older_release_is_restored_after_a_newer_one_has_migrated(
    env: dict[str, str], url: str, databases: Databases, mailbox: Mailbox, tmp_path: Path
) -> None:
    database = Database(url)
    await downgrade(database, OLDER)
    await backed_up(url, tmp_path)
    await migrate(database)
    await database.close()
    copy = await restored(url, tmp_path)
    older = Database(copy)
    assert await current(older) == OLDER
    async with server({**env, "DATABASE_URL": copy}, tmp_path) as running:
        await running.ask(REGISTER, input={**FORM, "email": "nora@home.example"})
        await mailbox.wait(to="nora@home.example")
    assert await drift(older) == []
    await older.close()
    if not copy.startswith("sqlite"):
        await databases.drop(copy)


async def test_e19_after_an_older_copy_nothing_is_sent_again_and_nobody_is_in(
    env: dict[str, str], url: str, mailbox: Mailbox, tmp_path: Path
) -> None:
    """What the operator runs, as `docs/operations.md` says; one event waits, and one is held."""
    mailbox.faults["nora@home.example"] = Fault.LATER
    async with Receiver() as receiver:
        receiver.always = 503
        await webhook(env, receiver.url)
        async with server(env, tmp_path) as running:
            await running.ask(REGISTER, input={**FORM, "email": "nora@home.example"})
            await receiver.wait()
        database = Database(url)
        one = select(Delivery).limit(1)
        (queued,) = await database.read(lambda c: list(c.execute(one).mappings()))
        held = {**queued, "id": new_id(), "state": DeliveryState.HELD}
        await database.write(lambda c: c.execute(insert(Delivery).values(held)))
        await operations.run(database, operations.section("### After an older copy"))
        states = select(Letter.state)
        assert await database.read(lambda c: list(c.scalars(states))) == [LetterState.CANCELLED]
        open_links = select(Link.id).where(Link.superseded_at.is_(None))
        assert await database.read(lambda c: list(c.scalars(open_links))) == []
        mailbox.faults.clear()
        receiver.always = 204
        tried, received = len(mailbox.attempts), len(receiver.received)
        await database.write(lambda c: c.execute(update(Delivery).values(due_at=START)))
        async with server(env, tmp_path) as running:
            await running.ask(REGISTER, input={**FORM, "email": "later@home.example"})
            await mailbox.wait(to="later@home.example")
        async with served(env) as made:
            assert await made.webhooks.deliver_due() == 0
        assert mailbox.attempts[tried:] == ["later@home.example"]
        assert len(receiver.received) == received
        found = select(Delivery.state).order_by(Delivery.id)
        assert await database.read(lambda c: list(c.scalars(found))) == [
            DeliveryState.CANCELLED,
            DeliveryState.CANCELLED,
            DeliveryState.HELD,
        ]
        await database.close()
