"""How statements are read: by asyncpg on the loop, or by sqlite3 in a thread of its own."""

import asyncio
import contextlib
import sqlite3
import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from functools import partial
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


STEPS = 1_000_000
"""How many steps of its machine SQLite makes before it looks whether anybody waits: some 50 ms."""


class Places:
    """So many are at work at once, and whoever comes then waits for so many seconds at most."""

    def __init__(self, most: int, wait: float) -> None:
        self._room = asyncio.Semaphore(most)
        self._wait = wait
        self.busy, self.most = 0, most

    async def take(self) -> None:
        """Wait for one. Raises `TimeoutError`."""
        if self._room.locked():
            async with asyncio.timeout(self._wait):
                await self._room.acquire()
        else:
            await self._room.acquire()  # at once
        self.busy += 1

    def leave(self) -> None:
        """Let somebody else have it."""
        self.busy -= 1
        self._room.release()


class Reads(Protocol):
    """Connections for reads, outside any transaction, with a place for each."""

    places: Places

    async def fetch(self, text: str, arguments: list[Any]) -> Rows:
        """The rows of a statement, which is stopped when whoever waits for them gives up.

        `OSError` when the database is away, and `TimeoutError` when all places are taken.
        """

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
        self._idle: list[Any] = []
        self._opened: set[Any] = set()
        self._ends: set[asyncio.Task[None]] = set()
        self.places = Places(connections, wait)

    async def fetch(self, text: str, arguments: list[Any]) -> Rows:
        """The rows; tried once more when the first connection turns out to be dead."""
        await self.places.take()
        try:
            return await self._fetch(text, arguments)
        finally:
            self.places.leave()

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
    """Threads, each with a connection of its own.

    A place is taken until the thread is free, which may be after whoever waited has given up.
    """

    def __init__(self, path: str, threads: int, wait: float, busy_seconds: float) -> None:
        self._path = path
        self._busy_seconds = busy_seconds
        self._threads = ThreadPoolExecutor(threads, thread_name_prefix="reads")
        self._mine = threading.local()
        self._opened: list[sqlite3.Connection] = []
        self.places = Places(threads, wait)

    async def fetch(self, text: str, arguments: list[Any]) -> Rows:
        """The rows, read in a thread."""
        await self.places.take()
        answer: asyncio.Future[Rows] = asyncio.get_running_loop().create_future()
        self._threads.submit(self._answer, answer, text, arguments)
        return await answer

    async def close(self) -> None:
        """End the threads, and close what they opened."""
        self._threads.shutdown()
        for connection in self._opened:
            connection.close()

    def _answer(self, answer: asyncio.Future[Rows], text: str, arguments: list[Any]) -> None:
        """In a thread: read what the loop is waiting for, and tell it."""
        try:
            rows = self._attempt(answer.cancelled, text, arguments)
        except Exception as failure:  # noqa: BLE001 - it is for whoever waits
            tell = partial(answer.set_exception, failure)
        else:
            tell = partial(answer.set_result, rows)
        answer.get_loop().call_soon_threadsafe(self._end, answer, tell)

    def _end(self, answer: asyncio.Future[Rows], tell: Callable[[], None]) -> None:
        """On the loop: the thread is free."""
        self.places.leave()
        if not answer.cancelled():
            tell()

    def _attempt(self, given_up: Callable[[], bool], text: str, arguments: list[Any]) -> Rows:
        """The rows, if nobody gives up on them before.

        The statement looks for itself whether somebody has: `Connection.interrupt` may come when
        the connection is at somebody else's by then, or has not begun with this one, and is lost.
        """
        try:
            connection = self._connection()
            connection.set_progress_handler(given_up, STEPS)
            try:
                return connection.execute(text, arguments).fetchall()
            finally:
                connection.set_progress_handler(None, 0)
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
