"""What every test can ask for: a fresh database on SQLite and on PostgreSQL, and a mailbox."""

import os
import shutil
import uuid
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack
from pathlib import Path
from typing import Self

import asyncpg
import pytest
from hypothesis import HealthCheck, settings
from sqlalchemy import make_url

from models import Database
from models.migrate import migrate
from tests.mailbox import Mailbox
from tests.servers import postgresql
from tests.world import Clinic, World, build_clinic

# A database given to a property is shared by its examples, which is for the test to know.
_SHARED = [HealthCheck.function_scoped_fixture, HealthCheck.too_slow]
settings.register_profile("dev", deadline=None, suppress_health_check=_SHARED, max_examples=50)
settings.register_profile(
    "ci", deadline=None, suppress_health_check=_SHARED, derandomize=True, print_blob=True
)
settings.load_profile("ci" if os.environ.get("CI") else "dev")


class Databases:
    """Fresh databases, copied from ones that are migrated once a session."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._server: asyncpg.Connection[asyncpg.Record] | None = None
        self._names = f"vtconnect_test_{uuid.uuid4().hex[:12]}"
        self._count = 0
        self._ends = AsyncExitStack()

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_: object) -> None:
        await self._ends.aclose()

    async def sqlite(self, folder: Path) -> str:
        """The URL of a fresh database in the folder."""
        template = self._folder / "template.sqlite3"
        if not template.exists():
            await _migrated(f"sqlite:///{template}")
        return f"sqlite:///{shutil.copyfile(template, folder / 'test.sqlite3')}"

    async def postgresql(self) -> str:
        """The URL of a fresh database; to be dropped."""
        server = self._server or await self._start()
        self._count += 1
        name = f"{self._names}_{self._count}"
        await server.execute(f"CREATE DATABASE {name} TEMPLATE {self._names} STRATEGY FILE_COPY")
        return self._url(name)

    async def copy(self, url: str, folder: Path) -> str:
        """The URL of a copy of a database to which nobody is connected.

        It is in the folder or, on PostgreSQL, to be dropped.
        """
        source = make_url(url).database
        assert source
        if url.startswith("sqlite"):
            return f"sqlite:///{shutil.copyfile(source, folder / 'copy.sqlite3')}"
        assert self._server
        self._count += 1
        name = f"{self._names}_{self._count}"
        await self._server.execute(f"CREATE DATABASE {name} TEMPLATE {source} STRATEGY FILE_COPY")
        return self._url(name)

    async def drop(self, url: str) -> None:
        """Drop a fresh database of PostgreSQL, whoever is connected to it."""
        assert self._server
        await self._server.execute(f"DROP DATABASE {make_url(url).database} WITH (FORCE)")

    async def _start(self) -> "asyncpg.Connection[asyncpg.Record]":
        self._address = self._ends.enter_context(postgresql())
        server = self._server = await asyncpg.connect(self._address)
        self._ends.push_async_callback(server.close)
        await server.execute(f"CREATE DATABASE {self._names}")
        self._ends.push_async_callback(server.execute, f"DROP DATABASE {self._names} WITH (FORCE)")
        await _migrated(self._url(self._names))
        return server

    def _url(self, name: str) -> str:
        url = make_url(self._address).set(drivername="postgresql", database=name)
        return url.render_as_string(hide_password=False)


async def _migrated(url: str) -> None:
    database = Database(url)
    await migrate(database)
    await database.close()


@pytest.fixture(scope="session")
async def databases(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Databases]:
    """Where the tests' databases come from."""
    async with Databases(tmp_path_factory.mktemp("databases")) as databases:
        yield databases


@pytest.fixture(params=["sqlite", "postgresql"])
async def url(
    request: pytest.FixtureRequest, databases: Databases, tmp_path: Path
) -> AsyncIterator[str]:
    """The URL of a fresh, migrated database: every test that asks for it runs on both."""
    if request.param == "sqlite":
        yield await databases.sqlite(tmp_path)
    else:
        fresh = await databases.postgresql()
        yield fresh
        await databases.drop(fresh)


@pytest.fixture
async def database(url: str) -> AsyncIterator[Database]:
    """A fresh, migrated database, on SQLite and on PostgreSQL."""
    database = Database(url)
    yield database
    await database.close()


@pytest.fixture
async def mailbox() -> AsyncIterator[Mailbox]:
    """A real SMTP server that keeps what it is sent."""
    async with Mailbox() as mailbox:
        yield mailbox


class Clinics:
    """The clinic of `tests.world`, made when it is first asked for on each kind of database."""

    def __init__(self, databases: Databases, folder: Path) -> None:
        self._databases = databases
        self._folder = folder
        self._made: dict[str, tuple[str, Clinic]] = {}

    async def made(self, kind: str) -> tuple[str, Clinic]:
        """The URL of the database with the clinic in it, to copy, and who is there."""
        if kind not in self._made:
            databases = self._databases
            url = await (
                databases.sqlite(self._folder) if kind == "sqlite" else databases.postgresql()
            )
            async with Mailbox() as mailbox, World(url, mailbox) as world:
                clinic = await build_clinic(world)
            self._made[kind] = url, clinic
        return self._made[kind]

    async def close(self) -> None:
        """Drop what must be dropped."""
        if "postgresql" in self._made:
            await self._databases.drop(self._made["postgresql"][0])


@pytest.fixture(scope="session")
async def clinics(
    databases: Databases, tmp_path_factory: pytest.TempPathFactory
) -> AsyncIterator[Clinics]:
    """Where the tests' clinics come from."""
    clinics = Clinics(databases, tmp_path_factory.mktemp("clinics"))
    yield clinics
    await clinics.close()


@pytest.fixture
async def empty_world(url: str, mailbox: Mailbox) -> AsyncIterator[World]:
    """A portal with nobody in it, on SQLite and on PostgreSQL."""
    async with World(url, mailbox) as world:
        yield world


@pytest.fixture(params=["sqlite", "postgresql"])
async def _opened(
    request: pytest.FixtureRequest,
    clinics: Clinics,
    databases: Databases,
    mailbox: Mailbox,
    tmp_path: Path,
) -> AsyncIterator[tuple[World, Clinic]]:
    template, clinic = await clinics.made(request.param)
    url = await databases.copy(template, tmp_path)
    async with World(url, mailbox) as world:
        yield world, clinic.copy()
    if request.param == "postgresql":
        await databases.drop(url)


@pytest.fixture
def world(_opened: tuple[World, Clinic]) -> World:
    """A portal with a copy of the clinic in it, on SQLite and on PostgreSQL."""
    return _opened[0]


@pytest.fixture
def clinic(_opened: tuple[World, Clinic]) -> Clinic:
    """The people of the clinic that is in `world`."""
    return _opened[1]
