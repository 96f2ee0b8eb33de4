"""What is noted beside the work: written a moment later, bounded, and not lost while it waits."""

import asyncio
import datetime as dt
import logging
import uuid
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager

import pytest
from sqlalchemy import insert, select

from models import (
    ActorKind,
    AuditAction,
    AuditEvent,
    ClientRead,
    Database,
    Organization,
    Record,
    ServiceKey,
    Surface,
    new_id,
)
from resolvers import notes as noting
from resolvers import verify
from resolvers.events import On, Request, Who
from resolvers.notes import MANY, MOST_AT_ONCE, MOST_READS, MOST_REFUSALS, Notes, Refusal
from tests.oracle.clinic import CLINIC
from tests.rooms.test_mailer_courier import Away
from tests.rooms.test_models_constraints import NOW
from tests.waiting import until

STAFF = Who(ActorKind.STAFF, new_id(), surface=Surface.PORTAL)
NOBODY = Who(ActorKind.ANONYMOUS, surface=Surface.APP)
HERE = Request("192.0.2.1", "one")


@pytest.fixture
async def east(database: Database) -> uuid.UUID:
    id = new_id()
    row = {"id": id, "slug": "east", "name": "East", "created_at": NOW}
    await database.write(lambda c: c.execute(insert(Organization).values(row)))
    return id


@pytest.fixture
async def away() -> AsyncIterator[Database]:
    """A database where nobody answers."""
    database = Database("postgresql://nobody@127.0.0.1:1/nothing")
    yield database
    await database.close()


def refusal(east: uuid.UUID, reason: str = "INVALID_CREDENTIALS", **more: object) -> Refusal:
    return Refusal(AuditAction.SIGN_IN_REFUSED, NOBODY, reason, On(east), **more)  # type: ignore[arg-type]


async def reads(database: Database) -> Sequence[Record]:
    wanted = select(*ClientRead.__table__.c).order_by(ClientRead.id)
    return await database.read(lambda c: c.execute(wanted).all())


async def told(database: Database) -> list[tuple[str | None, int]]:
    """Reason and times of each event."""
    wanted = select(AuditEvent.reason, AuditEvent.times).order_by(AuditEvent.number)
    rows = await database.read(lambda c: c.execute(wanted).all())
    return [(row.reason, row.times) for row in rows]


async def test_reads_are_written_together(database: Database, east: uuid.UUID) -> None:
    notes, client = Notes(), new_id()
    for i in range(3):
        notes.read(STAFF, On(east, client), NOW + dt.timedelta(seconds=i), HERE)
    assert await reads(database) == []
    await notes.flush(database, NOW)
    rows = await reads(database)
    assert [row.at for row in rows] == [NOW + dt.timedelta(seconds=i) for i in range(3)]
    assert {(row.organization_id, row.client_id, row.reader_id) for row in rows} == {
        (east, client, STAFF.id)
    }
    assert {(row.reader_kind, row.surface, row.source, row.request_id) for row in rows} == {
        ("STAFF", "PORTAL", *HERE)
    }
    await notes.flush(database, NOW)
    assert len(await reads(database)) == 3
    assert await told(database) == []


async def test_notes_wait_for_the_database_and_are_written_once(
    database: Database, east: uuid.UUID, away: Database
) -> None:
    notes = Notes()
    notes.read(STAFF, On(east, new_id()), NOW, HERE)
    notes.refused(refusal(east), NOW, HERE)
    for _ in range(2):
        await notes.flush(away, NOW)
    notes.refused(refusal(east), NOW, HERE)
    await notes.flush(database, NOW)
    assert len(await reads(database)) == 1
    assert await told(database) == [("INVALID_CREDENTIALS", 2)]
    assert notes.lost == 0


async def test_while_it_is_away_so_many_wait_and_the_others_are_counted(
    database: Database, east: uuid.UUID, away: Database, caplog: pytest.LogCaptureFixture
) -> None:
    notes = Notes()
    for _ in range(MOST_READS + 7):
        notes.read(STAFF, On(east, new_id()), NOW, HERE)
    await notes.flush(away, NOW)
    assert notes.lost == 7
    notes.read(STAFF, On(east, new_id()), NOW, HERE)
    await notes.flush(database, NOW)
    assert len(await reads(database)) == MOST_READS
    assert notes.lost == 8
    assert [record.getMessage() for record in caplog.records] == [
        "notes lost: 7, in all: 7",
        "notes lost: 1, in all: 8",
    ]


async def test_the_same_over_and_over_is_one_event(database: Database, east: uuid.UUID) -> None:
    notes = Notes()
    for i in range(500):
        notes.refused(refusal(east), NOW, Request("192.0.2.1", f"request {i}"))
    notes.refused(refusal(east), NOW, Request("192.0.2.2", "from elsewhere"))
    await notes.flush(database, NOW)
    wanted = select(AuditEvent.times, AuditEvent.source, AuditEvent.request_id)
    rows = await database.read(lambda c: c.execute(wanted.order_by(AuditEvent.number)).all())
    assert [tuple(row) for row in rows] == [
        (500, "192.0.2.1", "request 0"),
        (1, "192.0.2.2", "from elsewhere"),
    ]


async def test_a_flood_of_refusals_becomes_an_event_a_second(
    database: Database, east: uuid.UUID
) -> None:
    notes, now = Notes(), NOW
    for i in range(MOST_AT_ONCE + 40):
        notes.refused(refusal(east, f"CODE_{i}"), now, HERE)
    await notes.flush(database, now)
    assert len(await told(database)) == MOST_AT_ONCE
    await notes.flush(database, now)
    assert len(await told(database)) == MOST_AT_ONCE, "the others wait"
    for i in range(10):
        now += dt.timedelta(seconds=1)
        for j in range(100):
            notes.refused(refusal(east, f"CODE_{i}_{j}"), now, HERE)
        await notes.flush(database, now)
    events = await told(database)
    assert len(events) == MOST_AT_ONCE + 10
    await notes.flush(database, now + dt.timedelta(hours=1))
    events = await told(database)
    assert events[-1][0] == MANY
    assert sum(times for _, times in events) == MOST_AT_ONCE + 40 + 1000
    assert notes.lost == 0
    assert [one.broken async for one in verify(database)] == [None]


async def test_what_is_kept_in_memory_is_bounded_too(
    database: Database, east: uuid.UUID, away: Database
) -> None:
    notes = Notes()
    for i in range(3 * MOST_REFUSALS):
        notes.refused(Refusal(AuditAction.SIGN_IN_REFUSED, NOBODY, "X", slug=f"s{i}"), NOW, HERE)
    await notes.flush(away, NOW)
    assert len(notes._refusals) == 2 * MOST_REFUSALS
    assert notes.lost == MOST_REFUSALS
    await notes.flush(database, NOW)
    assert await told(database) == [], "there are no such organizations"


async def test_an_organization_is_found_by_what_was_typed(
    database: Database, east: uuid.UUID
) -> None:
    notes = Notes()
    for slug in ("east", "west", "east"):
        one = Refusal(AuditAction.SIGN_IN_REFUSED, NOBODY, "INVALID_CREDENTIALS", slug=slug)
        notes.refused(one, NOW, HERE)
    await notes.flush(database, NOW)
    wanted = select(AuditEvent.organization_id, AuditEvent.times, AuditEvent.client_id)
    rows = await database.read(lambda c: c.execute(wanted).all())
    assert [tuple(row) for row in rows] == [(east, 2, None)]


async def test_what_cannot_be_written_is_not_in_the_way_of_the_rest(
    database: Database, east: uuid.UUID, caplog: pytest.LogCaptureFixture
) -> None:
    notes = Notes()
    notes.read(STAFF, On(new_id(), new_id()), NOW, HERE)  # of no organization
    await notes.flush(database, NOW)
    assert notes.lost == 1
    assert "notes cannot be written" in caplog.text
    notes.read(STAFF, On(east, new_id()), NOW, HERE)
    await notes.flush(database, NOW)
    assert len(await reads(database)) == 1


@asynccontextmanager
async def running(notes: Notes, database: Database) -> AsyncIterator[None]:
    task = asyncio.create_task(notes.run(database, lambda: NOW))
    yield
    notes.end()
    await task


async def test_they_are_written_by_themselves(
    database: Database, east: uuid.UUID, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(noting, "MOMENT", 0.001)
    notes = Notes()
    async with running(notes, database), asyncio.timeout(30):
        notes.read(STAFF, On(east, new_id()), NOW, HERE)
        while not await reads(database):  # noqa: ASYNC110 - they are written in a moment
            await asyncio.sleep(0.001)


async def test_what_could_not_be_written_is_tried_again_by_itself(
    url: str, database: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(noting, "MOMENT", 0.001)
    await CLINIC.write(database)
    organization, key = CLINIC.ids["east"], CLINIC.ids["key.all"]
    used = select(ServiceKey.last_used_at).where(ServiceKey.id == key)

    async def is_written() -> bool:
        return await database.read(lambda c: c.scalar(used)) == NOW

    notes, theirs = Notes(), Away(url)
    theirs.away = True
    async with running(notes, theirs):
        notes.used(organization, key, NOW)
        await until(lambda: theirs.refused > 1)
        theirs.away = False
        await until(is_written)
    await theirs.close()


async def test_what_is_left_at_the_end_is_written(
    database: Database, east: uuid.UUID, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(noting, "MOMENT", 3600)
    notes = Notes()
    async with running(notes, database):
        notes.read(STAFF, On(east, new_id()), NOW, HERE)
        await asyncio.sleep(0)
        assert await reads(database) == []
    assert len(await reads(database)) == 1


async def test_at_the_end_a_flood_waits_no_longer(database: Database, east: uuid.UUID) -> None:
    notes = Notes()
    async with running(notes, database):
        for i in range(MOST_AT_ONCE + 40):
            notes.refused(refusal(east, f"CODE_{i}"), NOW, HERE)
    events = await told(database)
    assert (len(events), events[-1]) == (MOST_AT_ONCE + 1, (MANY, 40))
    assert notes.lost == 0


async def test_what_cannot_be_written_at_the_end_is_counted(
    east: uuid.UUID, away: Database, caplog: pytest.LogCaptureFixture
) -> None:
    notes = Notes()
    with caplog.at_level(logging.ERROR):
        async with running(notes, away):
            notes.read(STAFF, On(east, new_id()), NOW, HERE)
    assert notes.lost == 1
    assert "notes lost: 1, in all: 1" in caplog.text


async def test_when_keys_were_used_waits_for_the_database_and_is_written_once_a_minute(
    database: Database, away: Database
) -> None:
    await CLINIC.write(database)
    notes = Notes()
    key = CLINIC.ids["east"], CLINIC.ids["key.all"]
    other = CLINIC.ids["west"], CLINIC.ids["west.key"]
    wanted = select(ServiceKey.id, ServiceKey.last_used_at).where(
        ServiceKey.id.in_([key[1], other[1]])
    )

    async def used() -> dict[uuid.UUID, dt.datetime | None]:
        return {
            row.id: row.last_used_at
            for row in await database.read(lambda c: c.execute(wanted).all())
        }

    def later(seconds: int) -> dt.datetime:
        return NOW + dt.timedelta(seconds=seconds)

    notes.used(*key, NOW)
    notes.used(*key, later(1))
    await notes.flush(away, later(1))
    notes.used(*other, later(2))
    assert await used() == {key[1]: None, other[1]: None}
    await notes.flush(database, later(2))
    assert await used() == {key[1]: later(1), other[1]: later(2)}
    for seconds, written in ((30, 1), (60, 1), (61, 61)):
        notes.used(*key, later(seconds))
        await notes.flush(database, later(seconds))
        assert (await used())[key[1]] == later(written)
    elsewhere = Notes()  # another process, which was slow
    elsewhere.used(*key, later(59))
    await elsewhere.flush(database, later(62))
    assert (await used())[key[1]] == later(61)
