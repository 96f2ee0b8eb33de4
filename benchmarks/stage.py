"""Where things are measured: databases with their data, and servers, made when first asked for."""

import asyncio
import contextlib
import datetime as dt
import multiprocessing
import os
import secrets
import shutil
import socket
import sys
import tempfile
import time
from collections.abc import Iterable, Iterator, Mapping
from concurrent.futures import ProcessPoolExecutor
from contextlib import AsyncExitStack
from dataclasses import dataclass, replace
from pathlib import Path
from types import TracebackType
from typing import Any, Self

import asyncpg
from sqlalchemy import insert, make_url, select

import models
from benchmarks.asking import Caller
from benchmarks.filling import fill
from benchmarks.rounds import Effort, tell
from benchmarks.rows import Data, Entry
from models import ClientStatus, Role, Surface
from models.migrate import migrate
from permissions import Passwords, Tokens
from portal.populate import Populated
from tests.servers import FAST, postgresql

ROOT = Path(__file__).parent.parent
PASSWORD = "a portal full of people"  # noqa: S105 - of made-up people
SETTINGS = {**FAST, "shared_buffers": "512MB", "max_wal_size": "1GB"}
MEMORY = Path("/dev/shm")  # noqa: S108 - only looked at
ROOM = 6 * 1024**3
"""What all databases together need, at most; with less, PostgreSQL has its files on the disk."""

SECONDS_TO_START = 60
SECONDS_TO_END = 10
CLIENTS = 200
DAY = dt.timedelta(days=1)


@dataclass(frozen=True, slots=True)
class Ready:
    """An entry whose server is up: where it is and what it is asked."""

    port: int
    requests: Iterator[bytes]


@dataclass(frozen=True, slots=True)
class Filled:
    """A database with its data, and the first organization in it."""

    url: str
    database: models.Database
    first: Populated


@dataclass(frozen=True, slots=True)
class Server:
    """A process that serves, and where."""

    port: int
    process: asyncio.subprocess.Process


class Stage:
    """Used as an async context manager; everything it started is gone afterwards.

    With `pin` (on Linux, with more than one processor) the servers have the first processor to
    themselves, and the databases and the load share the others: what the database does is then
    free for a server as long as it keeps up. Without it all compete, and all their work counts.
    """

    def __init__(self, effort: Effort, pin: bool = False) -> None:
        self._effort = effort
        self._pin = pin

    async def __aenter__(self) -> Self:
        self._exits = AsyncExitStack()
        self._folder = Path(self._exits.enter_context(tempfile.TemporaryDirectory()))
        self._secret = secrets.token_urlsafe(48)
        self._filled: dict[Data, Filled] = {}
        self._served: dict[tuple[str, Data], Server] = {}
        self._maintenance: str | None = None
        self._for_servers: list[int] = []
        if self._pin:
            first, *others = sorted(os.sched_getaffinity(0))
            os.sched_setaffinity(0, others)
            self._for_servers = [first]
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        failure: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        await self._exits.aclose()

    @property
    def tokens(self) -> Tokens:
        """The tokens of every server here."""
        return Tokens(self._secret)

    async def fill(self, wanted: Iterable[Data]) -> None:
        """Make these databases, all at once: what is single-threaded first, then the largest."""
        passwords = Passwords()
        password_hash = await passwords.hash(PASSWORD)
        passwords.close()
        spawning = multiprocessing.get_context("spawn")
        order = sorted(wanted, key=lambda one: (one.dialect != "sqlite", -one.clients))
        urls = [await self._create(one.dialect) for one in order]
        with ProcessPoolExecutor(os.cpu_count(), mp_context=spawning) as workers:
            await asyncio.gather(
                *(
                    self._fill(one, url, password_hash, workers)
                    for one, url in zip(order, urls, strict=True)
                )
            )

    async def filled(self, data: Data) -> Filled:
        """The database with this data."""
        if data not in self._filled:
            await self.fill([data])
        return self._filled[data]

    async def prepare(self, entry: Entry) -> Ready:
        """Make what the entry needs."""
        filled = await self.filled(entry.data)
        caller = await self.caller(entry.data, entry.caller)
        if (entry.server, entry.data) not in self._served:
            self._served[entry.server, entry.data] = await self.serve(
                command(entry.server), filled.url
            )
        return Ready(self._served[entry.server, entry.data].port, entry.asking(caller))

    async def caller(self, data: Data, role: Role) -> Caller:
        """Somebody of the first organization who has the role, in a new session."""
        filled = await self.filled(data)
        now = dt.datetime.now(dt.UTC)
        session = {
            "organization_id": filled.first.id,
            "id": models.new_id(),
            "account_id": filled.first.staff[role],
            "surface": Surface.PORTAL,
            "generation": 1,
            "created_at": now,
            "refreshed_at": now,
            "access_expires_at": now + DAY,
            "refresh_expires_at": now + DAY,
        }

        async def write(connection: Any) -> None:
            await connection.execute(insert(models.Session), session)

        await filled.database.write(write)
        token = self.tokens.access(session["id"], 1)  # type: ignore[arg-type]
        return Caller(token, await _within_reach(filled))

    async def serve(
        self, program: list[str], url: str, settings: Mapping[str, str] | None = None
    ) -> Server:
        """Start a server on this database; it takes connections."""
        port = free_port()
        environment = {
            "DATABASE_URL": url,
            "SECRET_KEY": self._secret,
            "PUBLIC_URL": f"http://127.0.0.1:{port}",
            "MAIL_URL": f"file://{self._folder}/mail",
            "MAIL_FROM": "portal@example.com",
            "THROTTLE": "1000000",
            **(settings or {}),
        }
        address = ["--host", "127.0.0.1", "--port", str(port)]
        process = await self._start([*program, *address], port, environment)
        if self._for_servers:
            os.sched_setaffinity(process.pid, self._for_servers)
        return Server(port, process)

    async def listen(self, program: list[str]) -> int:
        """Start a program that is given a port, and listens there."""
        port = free_port()
        await self._start([*program, str(port)], port, {})
        return port

    async def end(self, server: Server) -> None:
        """Stop a server that is not needed any more."""
        await _end(server.process)

    async def _start(
        self, program: list[str], port: int, environment: Mapping[str, str]
    ) -> asyncio.subprocess.Process:
        """Start a Python program; it takes connections at the port."""
        log = self._folder / f"{port}.log"
        with log.open("wb") as output:
            process = await asyncio.create_subprocess_exec(
                *(sys.executable, "-m", *program),
                cwd=ROOT,
                env={**os.environ, **environment},
                stdin=asyncio.subprocess.DEVNULL,
                stdout=output,
                stderr=output,
            )
        self._exits.push_async_callback(_end, process)
        deadline = time.monotonic() + SECONDS_TO_START
        while process.returncode is None and time.monotonic() < deadline:
            with contextlib.suppress(OSError):
                _, writer = await asyncio.open_connection("127.0.0.1", port)
                writer.close()
                return process
            await asyncio.sleep(0.02)
        said = log.read_text(errors="replace")[-4000:]
        raise RuntimeError(f"{' '.join(program)} did not start:\n{said}")

    async def _fill(
        self, data: Data, url: str, password_hash: str, workers: ProcessPoolExecutor
    ) -> None:
        scaled = replace(
            data,
            clients=self._effort.of(data.clients),
            largest=data.largest and self._effort.of(data.largest),
        )
        tell(f"Populating {scaled.clients:,} clients in {data.dialect} …")
        started = time.monotonic()
        first = await fill(url, scaled, password_hash, workers)
        database = models.Database(url)
        self._exits.push_async_callback(database.close)
        self._filled[data] = Filled(url, database, first)
        tell(f"… {scaled.clients:,} are there after {time.monotonic() - started:.0f} s.")

    async def _create(self, dialect: str) -> str:
        """A new database with all its tables, and nothing in them."""
        name = f"bench_{secrets.token_hex(4)}"
        url = f"sqlite:///{self._folder / name}.sqlite3"
        if dialect == "postgresql":
            url = await self._create_postgresql(name)
        database = models.Database(url)
        await migrate(database)
        await database.close()
        return url

    async def _create_postgresql(self, name: str) -> str:
        if self._maintenance is None:
            self._maintenance = self._exits.enter_context(postgresql(_settings()))
        await _run(self._maintenance, f'CREATE DATABASE "{name}"')
        drop = f'DROP DATABASE "{name}" WITH (FORCE)'
        self._exits.push_async_callback(_run, self._maintenance, drop)
        url = make_url(self._maintenance).set(database=name)
        return url.render_as_string(hide_password=False)


def _settings() -> dict[str, str]:
    in_memory = MEMORY.is_dir() and shutil.disk_usage(MEMORY).free > ROOM
    return SETTINGS if in_memory else {**SETTINGS, "fsync": "on"}


async def _within_reach(filled: Filled) -> tuple[str, ...]:
    """Active clients of the first department, as the API shows their ids, in no order of theirs."""
    statement = (
        select(models.Client.id)
        .where(
            models.Client.organization_id == filled.first.id,
            models.Client.department_id == filled.first.departments[0],
            models.Client.status == ClientStatus.ACTIVE,
        )
        .order_by(models.Client.email_key)
        .limit(CLIENTS)
    )
    found = await filled.database.read(lambda connection: connection.scalars(statement).all())
    return tuple(models.outside("cli_", id) for id in found)


def command(server: str, workers: int = 1) -> list[str]:
    """The program of `product`, or of a module of `rivals`, without its address."""
    if server == "product":
        return ["portal", "serve", "--workers", str(workers)]
    program = ["uvicorn", "--factory", f"benchmarks.rivals.{server}:app", "--workers", "1"]
    return [*program, "--loop", "uvloop", "--http", "httptools", "--no-access-log"]


async def _end(process: asyncio.subprocess.Process) -> None:
    with contextlib.suppress(ProcessLookupError):
        process.terminate()
    try:
        await asyncio.wait_for(process.wait(), SECONDS_TO_END)
    except TimeoutError:
        process.kill()
        await process.wait()


def free_port() -> int:
    """A port of this machine that nobody listens at."""
    with socket.create_server(("127.0.0.1", 0)) as probe:
        return int(probe.getsockname()[1])


async def _run(url: str, statement: str) -> None:
    connection = await asyncpg.connect(url)
    try:
        await connection.execute(statement, timeout=600)
    finally:
        await connection.close()
