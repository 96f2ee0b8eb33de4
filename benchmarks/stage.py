"""Where rows are measured: databases with their data, and servers, made when first asked for.

Each server is one process of one worker.
"""

import asyncio
import contextlib
import datetime as dt
import os
import secrets
import socket
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import AsyncExitStack
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Any, Self

import asyncpg
from sqlalchemy import insert, make_url, select

import models
from benchmarks.asking import Caller
from benchmarks.rounds import Effort, tell
from benchmarks.rows import Data, Entry
from models import ClientStatus, Role, Surface
from models.migrate import migrate
from permissions import Tokens
from portal.populate import Populated, populate
from tests.servers import FAST, postgresql

ROOT = Path(__file__).parent.parent
SEED = 1
NOW = dt.datetime(2026, 11, 1, tzinfo=dt.UTC)
SECONDS_TO_START = 30
SECONDS_TO_END = 10
CLIENTS = 200
DAY = dt.timedelta(days=1)


@dataclass(frozen=True, slots=True)
class Ready:
    """An entry whose server is up: where it is and what it is asked."""

    port: int
    requests: Iterator[bytes]


@dataclass(frozen=True, slots=True)
class _Filled:
    url: str
    database: models.Database
    first: Populated


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
        self._filled: dict[Data, _Filled] = {}
        self._ports: dict[tuple[str, Data], int] = {}
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

    async def prepare(self, entry: Entry) -> Ready:
        """Make what the entry needs."""
        filled = await self._fill(entry.data)
        caller = Caller(await self._sign_in(filled, entry.caller), await _within_reach(filled))
        if (entry.server, entry.data) not in self._ports:
            port = await self._serve(entry.server, filled.url)
            self._ports[entry.server, entry.data] = port
        return Ready(self._ports[entry.server, entry.data], entry.asking(caller))

    async def _fill(self, data: Data) -> _Filled:
        if data in self._filled:
            return self._filled[data]
        tell(f"Populating {self._effort.of(data.clients):,} clients ({data.dialect}).")
        name = f"bench_{secrets.token_hex(4)}"
        if data.dialect == "postgresql":
            url = await self._create(name)
        else:
            url = f"sqlite:///{self._folder / name}.sqlite3"
        database = models.Database(url)
        self._exits.push_async_callback(database.close)
        await migrate(database)
        made = await populate(
            database,
            organizations=data.organizations,
            clients=self._effort.of(data.clients),
            largest=data.largest and self._effort.of(data.largest),
            seed=SEED,
            password_hash="nobody signs in with a password here",  # noqa: S106
            now=NOW,
        )
        if data.dialect == "postgresql":
            await _run(url, "VACUUM ANALYZE")
        self._filled[data] = _Filled(url, database, made[0])
        return self._filled[data]

    async def _create(self, name: str) -> str:
        """A new database of the PostgreSQL server."""
        if self._maintenance is None:
            settings = {**FAST, "shared_buffers": "512MB"}
            self._maintenance = self._exits.enter_context(postgresql(settings))
        await _run(self._maintenance, f'CREATE DATABASE "{name}"')
        drop = f'DROP DATABASE "{name}" WITH (FORCE)'
        self._exits.push_async_callback(_run, self._maintenance, drop)
        url = make_url(self._maintenance).set(database=name)
        return url.render_as_string(hide_password=False)

    async def _sign_in(self, filled: _Filled, role: Role) -> str:
        """The access token of a new session of somebody who has the role."""
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
        return Tokens(self._secret).access(session["id"], 1)  # type: ignore[arg-type]

    async def _serve(self, server: str, url: str) -> int:
        """Start the server; its port, once it takes connections."""
        port = _free_port()
        environment = {
            **os.environ,
            "DATABASE_URL": url,
            "SECRET_KEY": self._secret,
            "PUBLIC_URL": f"http://127.0.0.1:{port}",
            "MAIL_URL": f"file://{self._folder}/mail",
            "MAIL_FROM": "portal@example.com",
            "THROTTLE": "1000000",
        }
        log = self._folder / f"{server}-{port}.log"
        with log.open("wb") as output:
            process = await asyncio.create_subprocess_exec(
                *(sys.executable, "-m", *_command(server, port)),
                cwd=ROOT,
                env=environment,
                stdin=asyncio.subprocess.DEVNULL,
                stdout=output,
                stderr=output,
            )
        if self._for_servers:
            os.sched_setaffinity(process.pid, self._for_servers)
        self._exits.push_async_callback(_end, process)
        deadline = time.monotonic() + SECONDS_TO_START
        while process.returncode is None and time.monotonic() < deadline:
            with contextlib.suppress(OSError):
                _, writer = await asyncio.open_connection("127.0.0.1", port)
                writer.close()
                return port
            await asyncio.sleep(0.05)
        raise RuntimeError(f"{server} did not start:\n{log.read_text(errors='replace')[-4000:]}")


async def _within_reach(filled: _Filled) -> tuple[str, ...]:
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


def _command(server: str, port: int) -> list[str]:
    address = ["--host", "127.0.0.1", "--port", str(port), "--workers", "1"]
    if server == "product":
        return ["portal", "serve", *address]
    program = ["uvicorn", "--factory", f"benchmarks.rivals.{server}:app", *address]
    return [*program, "--loop", "uvloop", "--http", "httptools", "--no-access-log"]


async def _end(process: asyncio.subprocess.Process) -> None:
    with contextlib.suppress(ProcessLookupError):
        process.terminate()
    try:
        await asyncio.wait_for(process.wait(), SECONDS_TO_END)
    except TimeoutError:
        process.kill()
        await process.wait()


def _free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as probe:
        return int(probe.getsockname()[1])


async def _run(url: str, statement: str) -> None:
    connection = await asyncpg.connect(url)
    try:
        await connection.execute(statement, timeout=600)
    finally:
        await connection.close()
