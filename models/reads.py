"""How statements are read: by asyncpg on the loop, or by sqlite3 in a thread of its own."""

import asyncio
import sqlite3
import threading
from concurrent.futures import ThreadPoolExecutor
from typing import Any, Protocol

import asyncpg

from models.statement import Rows

PREPARED = 500
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
    """Connections for reads, outside any transaction."""

    async def fetch(self, text: str, arguments: list[Any]) -> Rows:
        """The rows of a statement. `OSError` when the database is away."""

    async def close(self) -> None:
        """Let go of every connection."""


class PostgresqlReads:
    """A pool of asyncpg's, whose connections need no reset: nothing is ever set on them."""

    def __init__(self, arguments: dict[str, Any], connections: int, wait: float) -> None:
        self._arguments = arguments
        self._connections = connections
        self._wait = wait
        self._opening = asyncio.Lock()
        self._pool: Any = None

    async def fetch(self, text: str, arguments: list[Any]) -> Rows:
        """The rows; tried once more when the first connection turns out to be dead."""
        try:
            return await self._attempt(text, arguments)
        except GONE as failure:
            if isinstance(failure, asyncpg.DataError):
                raise
        try:
            return await self._attempt(text, arguments)
        except GONE as failure:
            if isinstance(failure, asyncpg.DataError):
                raise
            raise ConnectionError("the database is away") from failure

    async def close(self) -> None:
        """Close the pool, whatever its connections are doing."""
        if self._pool is not None:
            self._pool.terminate()

    async def _attempt(self, text: str, arguments: list[Any]) -> Rows:
        pool = self._pool or await self._open()
        async with pool.acquire(timeout=self._wait) as connection:
            return await connection.fetch(text, *arguments)  # type: ignore[no-any-return]

    async def _open(self) -> Any:
        async with self._opening:
            if self._pool is None:
                self._pool = await asyncpg.create_pool(
                    **self._arguments,
                    min_size=0,
                    max_size=self._connections,
                    max_queries=1_000_000,
                    statement_cache_size=PREPARED,
                    reset=_keep,
                    server_settings=SETTINGS,
                )
            return self._pool


async def _keep(_connection: Any) -> None:
    """Reads leave nothing behind on a connection."""


class SqliteReads:
    """Threads, each with a connection of its own."""

    def __init__(self, path: str, threads: int, busy_seconds: float) -> None:
        self._path = path
        self._busy_seconds = busy_seconds
        self._threads = ThreadPoolExecutor(threads, thread_name_prefix="reads")
        self._mine = threading.local()
        self._opened: list[sqlite3.Connection] = []

    async def fetch(self, text: str, arguments: list[Any]) -> Rows:
        """The rows, read in a thread."""
        loop = asyncio.get_running_loop()
        return await loop.run_in_executor(self._threads, self._attempt, text, arguments)

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
