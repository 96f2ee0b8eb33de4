"""The database as everybody above sees it: reads, writes that lose races, and being away."""

import asyncio
import datetime as dt
from collections.abc import Iterator
from pathlib import Path

import pytest
from sqlalchemy import Connection, bindparam, func, insert, select, text, update
from sqlalchemy.exc import DBAPIError, IntegrityError
from sqlalchemy.ext.asyncio import AsyncConnection

import models.database
from models import Account, Client, Database, Organization, Session, Unavailable, new_id, within
from models.database import address
from tests.rooms.test_models_constraints import NOW, account, client, clinic, table
from tests.servers import PostgreSQL
from tests.waiting import PATIENCE, until

ORGANIZATIONS = table(Organization)
SESSIONS = table(Session)


def organization(slug: str) -> dict[str, object]:
    return {"id": new_id(), "slug": slug, "name": slug, "created_at": NOW}


async def slugs(database: Database) -> list[str]:
    statement = select(ORGANIZATIONS.c.slug).order_by("slug")
    return await database.read(lambda connection: list(connection.scalars(statement)))


class TestWrites:
    @pytest.fixture(autouse=True)
    def _patient(self, monkeypatch: pytest.MonkeyPatch) -> None:
        """Many write at once here, and SQLite lets one: nobody is to wait for too long."""
        monkeypatch.setattr(models.database, "CONNECT_SECONDS", PATIENCE)
        monkeypatch.setattr(models.database, "BUSY_SECONDS", PATIENCE)

    async def test_what_is_written_is_read(self, database: Database) -> None:
        async def work(connection: AsyncConnection) -> str:
            await connection.execute(insert(ORGANIZATIONS).values(organization("east")))
            return "done"

        assert await database.write(work) == "done"
        assert await slugs(database) == ["east"]

    async def test_an_error_undoes_everything_and_is_not_tried_again(
        self, database: Database
    ) -> None:
        runs = 0

        async def work(connection: AsyncConnection) -> None:
            nonlocal runs
            runs += 1
            await connection.execute(insert(ORGANIZATIONS).values(organization("east")))
            raise LookupError("no")

        with pytest.raises(LookupError, match="no"):
            await database.write(work)
        assert runs == 1
        assert await slugs(database) == []

    async def test_a_constraint_that_stays_broken_is_told(self, database: Database) -> None:
        runs = 0

        async def work(connection: AsyncConnection) -> None:
            nonlocal runs
            runs += 1
            for _ in range(2):
                await connection.execute(insert(ORGANIZATIONS).values(organization("east")))

        with pytest.raises(IntegrityError):
            await database.write(work)
        assert runs == models.database.TRIES
        assert await slugs(database) == []

    async def test_who_loses_a_race_runs_again_and_sees_who_won(self, database: Database) -> None:
        both_looked = asyncio.Barrier(2)
        runs = 0

        async def work(connection: AsyncConnection) -> str:
            nonlocal runs
            runs += 1
            there = ORGANIZATIONS.c.slug == "east"
            if await connection.scalar(select(ORGANIZATIONS.c.id).where(there)):
                return "found"
            if database.dialect == "postgresql" and runs <= 2:
                await both_looked.wait()
            await connection.execute(insert(ORGANIZATIONS).values(organization("east")))
            return "made"

        async with asyncio.timeout(20):
            done = await asyncio.gather(database.write(work), database.write(work))

        assert sorted(done) == ["found", "made"]
        # SQLite lets one writer in at a time; on PostgreSQL both looked before either wrote.
        assert runs == {"sqlite": 2, "postgresql": 3}[database.dialect]

    async def test_a_deadlock_is_a_lost_race(self, database: Database) -> None:
        async def work(connection: AsyncConnection) -> None:
            await connection.execute(insert(ORGANIZATIONS), [organization("a"), organization("b")])

        await database.write(work)
        both_locked = asyncio.Barrier(2)
        runs = 0

        async def cross(connection: AsyncConnection, first: str, then: str) -> None:
            nonlocal runs
            runs += 1
            mine = runs
            await rename(connection, first)
            if database.dialect == "postgresql" and mine <= 2:
                await both_locked.wait()
            await rename(connection, then)

        async def rename(connection: AsyncConnection, slug: str) -> None:
            longer = update(ORGANIZATIONS).where(ORGANIZATIONS.c.slug == slug)
            await connection.execute(longer.values(name=ORGANIZATIONS.c.name + "!"))

        async with asyncio.timeout(20):
            await asyncio.gather(
                database.write(lambda connection: cross(connection, "a", "b")),
                database.write(lambda connection: cross(connection, "b", "a")),
            )
        names = select(ORGANIZATIONS.c.name).order_by("slug")
        assert await database.read(lambda c: list(c.scalars(names))) == ["a!!", "b!!"]
        assert runs == {"sqlite": 2, "postgresql": 3}[database.dialect]

    @pytest.mark.parametrize("processes", [1, 2])
    async def test_no_update_is_lost(self, database: Database, url: str, processes: int) -> None:
        await clinic(database, "east")
        others = [Database(url) for _ in range(processes - 1)]
        generation = SESSIONS.c.generation

        async def count_up(connection: AsyncConnection) -> None:
            before = await connection.scalar(select(generation).with_for_update())
            assert before
            await asyncio.sleep(0)
            await connection.execute(update(SESSIONS).values(generation=before + 1))

        try:
            turns = [database, *others] * (40 // processes)
            await asyncio.gather(*(each.write(count_up) for each in turns))
        finally:
            for other in others:
                await other.close()
        assert await database.read(lambda c: c.scalar(select(generation))) == 1 + 40

    async def test_a_write_that_is_given_up_blocks_nobody(self, database: Database) -> None:
        started = asyncio.Event()

        async def slow(connection: AsyncConnection) -> None:
            started.set()
            await connection.execute(text(_SLOW))

        async def quick(connection: AsyncConnection) -> int:
            return int((await connection.execute(text("SELECT 1"))).scalar_one())

        task = asyncio.create_task(database.write(slow))
        await started.wait()
        task.cancel()

        with pytest.raises(asyncio.CancelledError):
            await task
        assert await database.write(quick) == 1

    @pytest.mark.parametrize("times", [1, 2])
    async def test_a_write_comes_to_its_end_however_often_it_is_given_up(
        self, database: Database, times: int
    ) -> None:
        started, release = asyncio.Event(), asyncio.Event()

        async def slow(connection: AsyncConnection) -> None:
            await connection.execute(insert(ORGANIZATIONS).values(organization("east")))
            started.set()
            await release.wait()
            await connection.execute(insert(ORGANIZATIONS).values(organization("west")))

        async def quick(connection: AsyncConnection) -> None:
            await connection.execute(insert(ORGANIZATIONS).values(organization("north")))

        task = asyncio.create_task(database.write(slow))
        await started.wait()
        for _ in range(times):
            task.cancel()
            await asyncio.sleep(0)
        release.set()
        with pytest.raises(asyncio.CancelledError):
            await task
        await database.write(quick)
        assert await slugs(database) == ["east", "north", "west"]


_SLOW = """
    WITH RECURSIVE numbers(n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM numbers WHERE n < 300000)
    SELECT count(*) FROM numbers
"""


class TestReads:
    async def test_a_read_sees_nothing_that_is_not_committed(self, database: Database) -> None:
        async def work(connection: AsyncConnection) -> list[str]:
            await connection.execute(insert(ORGANIZATIONS).values(organization("east")))
            return await slugs(database)

        assert await database.write(work) == []
        assert await slugs(database) == ["east"]

    async def test_a_read_cannot_write_on_sqlite(self, database: Database) -> None:
        def work(connection: Connection) -> None:
            connection.execute(insert(ORGANIZATIONS).values(organization("east")))

        if database.dialect == "sqlite":
            with pytest.raises((DBAPIError, Unavailable)):
                await database.read(work)
            assert await slugs(database) == []

    @pytest.mark.parametrize("many", [0, 1, 2, 1000])
    async def test_any_number_of_ids_in_one_parameter(self, database: Database, many: int) -> None:
        rows = [organization(str(number)) for number in range(3)]

        async def work(connection: AsyncConnection) -> None:
            await connection.execute(insert(ORGANIZATIONS), rows)

        await database.write(work)
        wanted = [row["id"] for row in rows][:many] + [new_id() for _ in range(max(0, many - 3))]
        statement = select(func.count()).where(within(ORGANIZATIONS.c.id, "ids"))
        found = await database.read(lambda c: c.scalar(statement, {"ids": wanted}))
        assert found == min(many, 3)

    async def test_names_are_in_the_order_of_code_points(self, database: Database) -> None:
        east = (await clinic(database, "east"))["organizations"]["id"]
        keys = ["z", "Z", "a b", "a\tb", "aa", "é", "ß", "ż", "中", "\uffee", "😀"]

        async def work(connection: AsyncConnection) -> None:
            for key in keys:
                of = account(east, models.AccountKind.CLIENT)
                await connection.execute(insert(table(Account)).values(of))
                row = client(of, name_key=key, email_key=key)
                await connection.execute(insert(table(Client)).values(row))

        await database.write(work)
        pending = Client.status == models.ClientStatus.PENDING
        ordered = select(Client.name_key).where(pending).order_by(Client.name_key)
        assert await database.read(lambda c: list(c.scalars(ordered))) == sorted(keys)


class TestInstants:
    @pytest.mark.parametrize(
        "moment",
        [
            dt.datetime(2026, 11, 23, 12, 0, 0, 123456, tzinfo=dt.UTC),
            dt.datetime(2026, 7, 1, 0, 30, tzinfo=dt.timezone(dt.timedelta(hours=5, minutes=45))),
            dt.datetime(1970, 1, 1, tzinfo=dt.UTC),
        ],
    )
    async def test_one_comes_back_as_itself_in_utc(
        self, database: Database, moment: dt.datetime
    ) -> None:
        row = organization("east") | {"created_at": moment}

        async def work(connection: AsyncConnection) -> None:
            await connection.execute(insert(ORGANIZATIONS).values(row))

        await database.write(work)
        back = await database.read(lambda c: c.scalar(select(ORGANIZATIONS.c.created_at)))
        assert isinstance(back, dt.datetime)
        assert back == moment
        assert back.utcoffset() == dt.timedelta(0)

    async def test_they_compare_as_instants(self, database: Database) -> None:
        early = dt.datetime(2026, 1, 1, 23, 0, tzinfo=dt.timezone(dt.timedelta(hours=9)))
        late = dt.datetime(2026, 1, 1, 15, 0, tzinfo=dt.UTC)

        async def work(connection: AsyncConnection) -> None:
            row = organization("east") | {"created_at": early}
            await connection.execute(insert(ORGANIZATIONS).values(row))

        await database.write(work)
        before = select(ORGANIZATIONS.c.slug).where(ORGANIZATIONS.c.created_at < bindparam("then"))
        assert await database.read(lambda c: c.scalar(before, {"then": late})) == "east"


@pytest.fixture(scope="module")
def server() -> Iterator[PostgreSQL]:
    with PostgreSQL() as server:
        yield server


class TestAway:
    @pytest.mark.parametrize("how", ["stop", "kill"])
    async def test_unavailable_while_postgresql_is_away_and_well_after_it(
        self, server: PostgreSQL, how: str
    ) -> None:
        database = Database(server.url)

        async def write(connection: AsyncConnection) -> object:
            return await connection.scalar(text("SELECT 2"))

        async def read() -> object:
            return await database.read(lambda c: c.scalar(text("SELECT 1")))

        try:
            assert (await read(), await database.write(write)) == (1, 2)
            getattr(server, how)()
            for _ in range(2):
                with pytest.raises(Unavailable):
                    await read()
                with pytest.raises(Unavailable):
                    await database.write(write)
            server.start()
            assert (await read(), await database.write(write)) == (1, 2)

            getattr(server, how)()  # unnoticed, this time
            server.start()
            assert (await read(), await database.write(write)) == (1, 2)
        finally:
            server.start()
            await database.close()

    @pytest.mark.parametrize("when", ["before its end", "at its end"])
    async def test_what_dies_before_its_end_runs_again_and_what_dies_at_its_end_does_not(
        self, server: PostgreSQL, when: str
    ) -> None:
        server.start()
        database, other = Database(server.url), Database(server.url)
        runs = 0

        async def work(connection: AsyncConnection) -> object:
            nonlocal runs
            runs += 1
            if runs == 1:
                mine = await connection.scalar(text("SELECT pg_backend_pid()"))
                cut = text("SELECT pg_terminate_backend(:pid, 5000)")
                await other.read(lambda c: c.scalar(cut, {"pid": mine}))
            return None if when == "at its end" else await connection.scalar(text("SELECT 1"))

        if when == "at its end":
            with pytest.raises(Unavailable):
                await database.write(work)
            assert runs == 1
        else:
            assert await database.write(work) == 1
            assert runs == 2
        await database.close()
        await other.close()

    async def test_unavailable_where_nobody_may_write_yet(self, server: PostgreSQL) -> None:
        """As on a standby that is not promoted."""
        server.start()
        database = Database(server.url)

        async def work(connection: AsyncConnection) -> None:
            await connection.execute(text("SET TRANSACTION READ ONLY"))
            await connection.execute(text("CREATE TABLE notes (words text)"))

        with pytest.raises(Unavailable):
            await database.write(work)
        await database.close()

    async def test_unavailable_where_nobody_listens(self) -> None:
        database = Database("postgresql://portal:secret@127.0.0.1:1/portal")
        with pytest.raises(Unavailable):
            await database.read(lambda c: c.scalar(text("SELECT 1")))
        await database.close()

    async def test_unavailable_where_there_is_no_folder(self, tmp_path: Path) -> None:
        database = Database(f"sqlite:///{tmp_path}/nowhere/portal.sqlite3")
        with pytest.raises(Unavailable):
            await database.read(lambda c: c.scalar(text("SELECT 1")))
        await database.close()

    async def test_unavailable_when_every_connection_is_taken(
        self, url: str, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        database = Database(url, connections=1)
        release = asyncio.Event()
        taken = asyncio.Event()

        async def hold(connection: AsyncConnection) -> None:
            taken.set()
            await release.wait()

        holder = asyncio.create_task(database.write(hold))
        await taken.wait()
        monkeypatch.setattr(database._writes.pool, "_timeout", 0.3)
        with pytest.raises(Unavailable):
            await database.write(hold)
        release.set()
        await holder
        await database.close()

    async def test_nothing_stays_connected_after_close(self, server: PostgreSQL) -> None:
        database, witness = Database(server.url), Database(server.url)
        await asyncio.gather(
            *(database.read(lambda c: c.scalar(text("SELECT pg_sleep(0.05)"))) for _ in range(4))
        )
        await database.close()
        others = text(
            "SELECT count(*) FROM pg_stat_activity"
            " WHERE backend_type = 'client backend' AND pid <> pg_backend_pid()"
        )

        async def alone() -> bool:
            return bool(await witness.read(lambda c: c.scalar(others)) == 0)

        await until(alone)
        await witness.close()


class TestAddresses:
    @pytest.mark.parametrize("scheme", ["postgres", "postgresql"])
    def test_postgresql_by_both_names_and_with_sslmode(self, scheme: str) -> None:
        parsed, arguments = address(f"{scheme}://ann:pw@db.example.org:5433/clinic?sslmode=require")
        assert parsed.drivername == "postgresql+asyncpg"
        assert (parsed.username, parsed.password, parsed.host) == ("ann", "pw", "db.example.org")
        assert (parsed.port, parsed.database, dict(parsed.query)) == (5433, "clinic", {})
        assert arguments["ssl"] == "require"

    def test_sqlite_names_a_file(self) -> None:
        assert address("sqlite:///var/portal.sqlite3")[0].database == "var/portal.sqlite3"
        assert address("sqlite:////srv/portal.sqlite3")[0].database == "/srv/portal.sqlite3"

    @pytest.mark.parametrize(
        "url",
        [
            "",
            "hunter2",
            "sqlite://",
            "sqlite:///:memory:",
            "mysql://ann:hunter2@localhost/clinic",
            "postgresql+psycopg://ann:hunter2@localhost/clinic",
            "postgresql://ann:hunter2@localhost:port/clinic",
        ],
    )
    def test_others_are_refused_without_telling_the_password(self, url: str) -> None:
        with pytest.raises(ValueError) as refused:
            Database(url)
        assert "hunter2" not in str(refused.value)
