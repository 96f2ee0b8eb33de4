"""How statements are read: by asyncpg on the loop, or by sqlite3 in a thread of its own."""

import asyncio
import contextlib
import sqlite3
import threading
from concurrent.futures import ThreadPoolExecutor
from typing import Any, Protocol

import asyncpg

from models.statement import Rows

PREPARED = 200
"""How many prepared statements a connection keeps."""

CUT = (
    asyncpg.PostgresConnectionError,
    asyncpg.InterfaceError,
    asyncpg.OperatorInterventionError,
    asyncpg.InsufficientResourcesError,
    asyncpg.InvalidAuthorizationSpecificationError,
    asyncpg.InvalidCatalogNameError,
)
"""What asyncpg itself raises when the database is away; and its `DataError`, which is not that."""

GONE = (*CUT, TimeoutError, OSError)
"""What may be raised through asyncpg when the database is away."""


AWAY_WORDS = ("unable to open", "disk", "is full", "is locked")
"""What SQLite says when it cannot get at its file; it has no codes for it."""


SETTINGS = {"datestyle": "ISO", "jit": "off", "plan_cache_mode": "force_generic_plan"}
"""How PostgreSQL writes dates, and that it plans a statement once: its text says what matters."""


class Reads(Protocol):
    """Connections for reads, outside any transaction: `busy` of `most` are at work."""

    busy: int
    most: int

    async def fetch(self, text: str, arguments: list[Any]) -> Rows:
        """The rows of a statement. `OSError` when the database is away."""

    async def close(self) -> None:
        """Let go of every connection."""


class PostgresqlReads:
    """Connections of asyncpg's that need no reset: nothing is ever set on them.

    To be handed one by asyncpg's own pool takes as long as many a statement.
    """

    def __init__(self, arguments: dict[str, Any], connections: int, wait: float) -> None:
        more = {"statement_cache_size": PREPARED, "server_settings": SETTINGS}
        self._arguments = {**arguments, **more}
        self._wait = wait
        self._room = asyncio.Semaphore(connections)
        self._idle: list[Any] = []
        self._opened: set[Any] = set()
        self._ends: set[asyncio.Task[None]] = set()
        self.busy, self.most = 0, connections

    async def fetch(self, text: str, arguments: list[Any]) -> Rows:
        """The rows; tried once more when the first connection turns out to be dead."""
        if self._room.locked():
            async with asyncio.timeout(self._wait):
                await self._room.acquire()
        else:
            await self._room.acquire()  # at once
        self.busy += 1
        try:
            return await self._fetch(text, arguments)
        finally:
            self.busy -= 1
            self._room.release()

    async def close(self) -> None:
        """Let go of every connection, whatever it is doing."""
        for connection in self._opened:
            connection.terminate()
        await asyncio.gather(*self._ends, return_exceptions=True)

    async def _fetch(self, text: str, arguments: list[Any]) -> Rows:
        with contextlib.suppress(*GONE):
            return await self._attempt(text, arguments)
        for connection in self._idle:  # they are dead as well
            self._end(connection)
        self._idle.clear()
        try:
            return await self._attempt(text, arguments)
        except GONE as failure:
            raise ConnectionError("the database is away") from failure

    async def _attempt(self, text: str, arguments: list[Any]) -> Rows:
        connection = self._idle.pop() if self._idle else await self._open()
        try:
            rows: Rows = await connection.fetch(text, *arguments)
        except asyncpg.PostgresError:
            self._idle.append(connection)
            raise
        except BaseException:
            self._end(connection)
            raise
        self._idle.append(connection)
        return rows

    async def _open(self) -> Any:
        connection = await asyncpg.connect(**self._arguments)
        self._opened.add(connection)
        return connection

    def _end(self, connection: Any) -> None:
        """Close it, once PostgreSQL has heard that its statement is given up."""
        self._opened.discard(connection)
        end = asyncio.create_task(self._close(connection))
        self._ends.add(end)
        end.add_done_callback(self._ends.discard)

    async def _close(self, connection: Any) -> None:
        with contextlib.suppress(*GONE):
            await connection.close(timeout=self._wait)


class SqliteReads:
    """Threads, each with a connection of its own."""

    def __init__(self, path: str, threads: int, busy_seconds: float) -> None:
        self._path = path
        self._busy_seconds = busy_seconds
        self._threads = ThreadPoolExecutor(threads, thread_name_prefix="reads")
        self._mine = threading.local()
        self._opened: list[sqlite3.Connection] = []
        self.busy, self.most = 0, threads

    async def fetch(self, text: str, arguments: list[Any]) -> Rows:
        """The rows, read in a thread."""
        loop = asyncio.get_running_loop()
        self.busy += 1
        try:
            return await loop.run_in_executor(self._threads, self._attempt, text, arguments)
        finally:
            self.busy -= 1

    async def close(self) -> None:
        """End the threads, and close what they opened."""
        self._threads.shutdown()
        for connection in self._opened:
            connection.close()

    def _attempt(self, text: str, arguments: list[Any]) -> Rows:
        try:
            return self._connection().execute(text, arguments).fetchall()
        except sqlite3.OperationalError as failure:
            if any(words in str(failure) for words in AWAY_WORDS):
                raise ConnectionError("the database is away") from failure
            raise

    def _connection(self) -> sqlite3.Connection:
        connection: sqlite3.Connection | None = getattr(self._mine, "connection", None)
        if connection is None:
            connection = sqlite3.connect(
                self._path,
                timeout=self._busy_seconds,
                isolation_level=None,
                check_same_thread=False,
                cached_statements=PREPARED,
            )
            connection.execute("PRAGMA query_only = ON")
            self._mine.connection = connection
            self._opened.append(connection)
        return connection
