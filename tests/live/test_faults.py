"""Faults while somebody follows: they are told, the log knows, and it goes on where it can."""

import asyncio
import uuid
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import pytest
from sqlalchemy import insert, text

from models import AuditHead, Database, Organization, new_id
from portal import feed, gate
from portal.answers import Refusal
from portal.feed import Feed
from tests.live.following import BEGINNING, events
from tests.live.test_live import port as port
from tests.live.test_looks import entering, followed
from tests.rooms.test_models_constraints import NOW
from tests.waiting import PATIENCE, until
from tests.world import Clinic, World


async def rename(database: Database, table: str, name: str) -> None:
    renamed = text(f"ALTER TABLE {table} RENAME TO {name}")
    await database.write(lambda connection: connection.execute(renamed))


@asynccontextmanager
async def without_heads(database: Database) -> AsyncIterator[None]:
    """The table of how far organizations have got is not there, as while a copy is restored."""
    await rename(database, "audit_heads", "heads_away")
    yield
    await rename(database, "heads_away", "audit_heads")


class Mute(Database):
    """A database that cannot signal while the test says so, and counts how often it was to."""

    mute = True
    signals = 0

    async def signal(self) -> None:
        self.signals += 1
        if self.mute:
            raise LookupError
        await super().signal()


@pytest.fixture
async def east(database: Database) -> uuid.UUID:
    """An organization in which something has happened."""
    id = new_id()
    row = {"id": id, "slug": "east", "name": "East", "created_at": NOW}
    head = {"organization_id": id, "number": 1, "hash": "0" * 64}

    async def work(connection: Any) -> None:
        await connection.execute(insert(Organization).values(row))
        await connection.execute(insert(AuditHead).values(head))

    await database.write(work)
    return id


async def test_a_look_that_fails_is_not_the_last(
    database: Database,
    east: uuid.UUID,
    caplog: pytest.LogCaptureFixture,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(feed, "CHECK_SECONDS", 3600)  # nothing but a look wakes who follows
    looking = Feed(database)
    async with looking.alive():
        async with without_heads(database):
            following = looking.follow(east)
            await anext(following)
            looking.stir()
            await until(lambda: any("nobody is woken" in said for said in caplog.messages))
        async with asyncio.timeout(PATIENCE):
            await anext(following)


async def test_a_signal_that_fails_is_not_the_last(
    url: str, caplog: pytest.LogCaptureFixture
) -> None:
    database = Mute(url)
    telling = Feed(database)
    async with telling.alive():
        telling.stir()
        await until(lambda: caplog.messages == ["nobody is woken: LookupError"])
        database.mute = False
        telling.stir()
        await until(lambda: database.signals == 2)
    await database.close()


async def test_c12_a_stream_that_cannot_go_on_says_so_and_the_log_knows_more(
    world: World,
    clinic: Clinic,
    port: int,
    caplog: pytest.LogCaptureFixture,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(feed, "CHECK_SECONDS", 0.1)
    lines = list[dict[str, Any]]()
    monkeypatch.setattr("portal.logs.operations", lambda: lines.append)
    async with events(port, clinic.token("carl")) as carl:
        async with without_heads(world.database):
            kind, heard = await carl.next()
        assert await carl.next() == ("complete", None)
    incident = carl.answer.headers["x-request-id"]
    message = f"Something went wrong. Tell us the incident: {incident}."
    code = {"code": "INTERNAL_SERVER_ERROR"}
    assert (kind, heard) == ("next", {"errors": [{"message": message, "extensions": code}]})
    (record,) = [one for one in caplog.records if one.name == gate.__name__]
    assert (record.getMessage(), bool(record.exc_info)) == (f"incident {incident}", True)
    await until(lambda: bool(lines))
    (line,) = lines
    assert (line["type"], line["outcome"], line["request"]) == (
        *("subscription", ["INTERNAL_SERVER_ERROR"], incident),
    )


async def test_of_many_who_come_at_once_no_more_follow_than_may(
    world: World, clinic: Clinic
) -> None:
    following = world.app._following  # type: ignore[attr-defined]
    following._at_once = 1
    carl, fay = [await followed(entering(world, clinic, who), BEGINNING) for who in ("carl", "fay")]
    # There was room for either, and then the heads of their answers were sent.
    first, second = following.responses(carl), following.responses(fay)
    await anext(first)
    with pytest.raises(Refusal, match="The server is busy"):
        await anext(second)
    assert following._running == 1
    await first.aclose()
    assert following._running == 0
