"""The database: SQLite or PostgreSQL, the same to everybody above.

What every request reads goes straight to the driver, as `models.statement` says.
Reads run statement by statement outside a transaction, on connections that need no reset; one that
is given up is stopped.
Writes run in one transaction an operation; one that lost a race (a unique key taken meanwhile,
a deadlock, a lock not had) runs again from its start, so that it sees who won. So does one whose
connection turns out to be dead before it commits: nobody asks a connection whether it still lives.
"""

import asyncio
import random
import threading
import uuid
from collections.abc import AsyncIterator, Awaitable, Callable, Collection, Coroutine
from contextlib import asynccontextmanager, suppress
from socket import gaierror
from typing import Any, ClassVar, TypeVar

import asyncpg
import orjson
from sqlalchemy import (
    ARRAY,
    URL,
    Boolean,
    ColumnElement,
    Connection,
    Dialect,
    ExceptionContext,
    SQLColumnExpression,
    Text,
    Uuid,
    bindparam,
    event,
    make_url,
)
from sqlalchemy.exc import DBAPIError, IntegrityError, InterfaceError, OperationalError
from sqlalchemy.exc import TimeoutError as PoolTimeout
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine, create_async_engine
from sqlalchemy.ext.compiler import compiles
from sqlalchemy.sql.compiler import SQLCompiler
from sqlalchemy.sql.functions import FunctionElement
from sqlalchemy.types import TypeDecorator, TypeEngine

from models.base import NO_NEWS
from models.reads import AWAY_WORDS, CUT, STEPS, PostgresqlReads, Reads, SqliteReads
from models.signals import SIGNAL, listening
from models.spans import answered, running
from models.statement import Rows, Statement, Values, Written
from models.tally import count

T = TypeVar("T")

TRIES = 5
BUSY_SECONDS = 5
CONNECT_SECONDS = 5
STATEMENT_SECONDS = 30
SSL_MODES = ("disable", "allow", "prefer", "require", "verify-ca", "verify-full")
SQLITE_READERS = 4


class Unavailable(Exception):
    """The database is away, or has no connection to spare: worth another try later."""


async def to_its_end(work: Coroutine[Any, Any, T]) -> T:
    """What `work` answers. Whoever gives up on it waits until it has ended, either way.

    That may happen more than once: somebody hangs up, and then the time is up as well.
    """
    task = asyncio.ensure_future(work)
    try:
        return await asyncio.shield(task)
    except asyncio.CancelledError:
        while not task.done():
            with suppress(asyncio.CancelledError):
                await asyncio.wait([task])
        raise


class Many(TypeDecorator[Collection[T]]):
    """Any number of values in one parameter, so that a statement's text never depends on how many.

    `of` is the type of one, and `plain` how one is written where there are no arrays.
    """

    impl = Text
    cache_ok = True
    of: ClassVar[TypeEngine[Any]]

    def load_dialect_impl(self, dialect: Dialect) -> TypeEngine[Any]:
        return dialect.type_descriptor(ARRAY(self.of) if dialect.name == "postgresql" else Text())

    def process_bind_param(self, value: Collection[T] | None, dialect: Dialect) -> Any:
        if value is None:
            return None
        if dialect.name == "postgresql":
            return list(value)
        return orjson.dumps([self.plain(one) for one in value]).decode()

    def plain(self, value: T) -> str:
        """One value, as SQLite has it in its column."""
        return str(value)


class Ids(Many[uuid.UUID]):
    """Any number of ids."""

    cache_ok = True
    of = Uuid()

    def plain(self, value: uuid.UUID) -> str:
        return value.hex


class Words(Many[str]):
    """Any number of words."""

    cache_ok = True
    of = Text()


class _Within(FunctionElement[bool]):
    name = "within"
    type = Boolean()
    inherit_cache = True
    # Otherwise SQLite is asked for `… IN (…) = 1`, for which it uses no index.
    _is_implicitly_boolean = True


def within(
    column: SQLColumnExpression[Any], parameter: str, of: type[TypeEngine[Any]] = Ids
) -> ColumnElement[bool]:
    """Whether the column holds one of the ids (or what `of` says) given as the named parameter."""
    return _Within(column, bindparam(parameter, type_=of()))


@compiles(_Within, "postgresql")
def _within_postgresql(element: _Within, compiler: SQLCompiler, **kw: Any) -> str:
    column, ids = element.clauses
    return f"{compiler.process(column, **kw)} = ANY ({compiler.process(ids, **kw)})"


@compiles(_Within, "sqlite")
def _within_sqlite(element: _Within, compiler: SQLCompiler, **kw: Any) -> str:
    column, ids = element.clauses
    values = f"SELECT value FROM json_each({compiler.process(ids, **kw)})"  # noqa: S608 - a name
    return f"{compiler.process(column, **kw)} IN ({values})"


def address(url: str) -> tuple[URL, dict[str, Any]]:
    """The SQLAlchemy address and the driver's arguments of a `DATABASE_URL`.

    Understands `sqlite:///…`, `postgresql://…` and `postgres://…`, with `?sslmode=`.
    Raises `ValueError`, without the URL in its text (it may hold a password).
    """
    try:
        parsed = make_url(url)
    except Exception:  # noqa: BLE001 - whatever it says may hold the password
        raise ValueError("is not the URL of a database") from None
    match parsed.drivername:
        case "sqlite":
            if not parsed.database or parsed.database == ":memory:":
                raise ValueError("must name a file, as in sqlite:///var/portal.sqlite3")
            return parsed.set(drivername="sqlite+aiosqlite"), {"timeout": BUSY_SECONDS}
        case "postgresql" | "postgres":
            query = dict(parsed.query)
            ssl = query.pop("sslmode", None)
            if query:
                raise ValueError("asks for more than ?sslmode= with its question mark")
            if ssl not in (None, *SSL_MODES):
                raise ValueError(f"has a sslmode that is none of {', '.join(SSL_MODES)}")
            arguments: dict[str, Any] = {"timeout": CONNECT_SECONDS}
            arguments["command_timeout"] = STATEMENT_SECONDS
            if ssl:
                arguments["ssl"] = ssl
            return parsed.set(drivername="postgresql+asyncpg", query={}), arguments
        case other:
            raise ValueError(f"names {other!r}; sqlite and postgresql are supported")


class Database:
    """Pools over one database: for planned reads, for other reads, for transactions that write.

    `url` as `address` understands it; `connections` is the most that each pool opens. SQLite has
    one writer, so its second pool has one connection: writers queue here, not at the file's lock.
    """

    def __init__(self, url: str, connections: int = 10) -> None:
        parsed, arguments = address(url)
        self.dialect = "sqlite" if parsed.drivername.startswith("sqlite") else "postgresql"
        pool: dict[str, Any] = {"pool_timeout": CONNECT_SECONDS, "connect_args": arguments}
        self._reads = create_async_engine(
            parsed,
            isolation_level="AUTOCOMMIT",
            pool_size=connections,
            max_overflow=0,
            pool_reset_on_return=None,
            skip_autocommit_rollback=True,
            **pool,
        )
        self._writes = create_async_engine(
            parsed,
            pool_size=connections if self.dialect == "postgresql" else 1,
            max_overflow=0,
            **pool,
        )
        for engine in (self._reads, self._writes):
            event.listen(engine.sync_engine, "before_cursor_execute", _begin)
            event.listen(engine.sync_engine, "after_cursor_execute", _end)
            event.listen(engine.sync_engine, "handle_error", _fail)
        event.listen(self._writes.sync_engine, "after_cursor_execute", _notice)
        self._said = _said(parsed, arguments)
        self._planned = _planned_reads(parsed, self._said, connections)
        if self.dialect == "sqlite":
            _prepare_sqlite(self._reads, self._writes)
            _stop_what_is_given_up(self._reads)

    async def read(self, work: Callable[[Connection], T]) -> T:
        """What `work` answers from a connection; all its statements in one hop off the loop.

        `work` may be run twice when the first connection turns out to be dead.
        Raises `Unavailable`.
        """
        async with _available():
            try:
                async with self._reads.connect() as connection:
                    return await connection.run_sync(work)
            except _FAULTS as failure:
                if not _is_away(failure):
                    raise
            async with self._reads.connect() as connection:
                return await connection.run_sync(work)

    async def fetch(self, statement: Statement | Written, values: Values) -> Rows:
        """The rows of a statement with these values. Raises `Unavailable`."""
        written = statement.written(self.dialect)
        count()
        span = running(self.dialect, written.text)
        try:
            async with _available():
                rows = await self._planned.fetch(written.text, written.arguments(values))
        except BaseException as failure:
            answered(span, failure)
            raise
        answered(span)
        return written.rows(rows)

    async def write(self, work: Callable[[AsyncConnection], Awaitable[T]]) -> T:
        """What `work` answers after its transaction is committed; nothing of it if it raises.

        `work` is run again when it lost a race, so it must do everything anew each time and touch
        nothing but the connection. Raises `Unavailable`.
        """
        # A transaction that is left in the middle of a driver's call stays open, and on SQLite
        # keeps the file locked.
        return await to_its_end(self._write(work))

    async def _write(self, work: Callable[[AsyncConnection], Awaitable[T]]) -> T:
        for attempt in range(1, TRIES + 1):
            committing = False
            try:
                async with _available(), self._writes.begin() as connection:
                    connection.info[_CHANGED] = False
                    done = await work(connection)
                    committing = True
                    return done
            except Unavailable as failure:
                if attempt > 1 or committing or not _was_dead(failure.__cause__):
                    raise
            except DBAPIError as failure:
                if attempt == TRIES or not _lost_race(failure):
                    raise
                await asyncio.sleep(random.uniform(0, 0.02 * attempt))  # noqa: S311 - jitter
        raise AssertionError("unreachable")

    async def signal(self) -> None:
        """Tell the processes that are `listening`. SQLite has no way to. Raises `Unavailable`."""
        if self.dialect == "postgresql":
            await self.fetch(SIGNAL, {})

    @asynccontextmanager
    async def listening(self, heard: Callable[[], None]) -> AsyncIterator[None]:
        """`heard` is called meanwhile, after another process, or this one, has given a signal."""
        if self.dialect == "sqlite":
            yield
            return
        async with listening(self._said, heard):
            yield

    @asynccontextmanager
    async def migrating(self) -> AsyncIterator[AsyncConnection]:
        """A transaction to change the tables in; one process at a time on PostgreSQL."""
        async with _available(), self._writes.connect() as connection:
            if self.dialect == "postgresql":
                async with connection.begin():
                    await connection.exec_driver_sql("SELECT pg_advisory_xact_lock(5872301)")
                    yield connection
                return
            raw: Any = (await connection.get_raw_connection()).driver_connection
            await raw.execute("PRAGMA foreign_keys = OFF")
            try:
                async with connection.begin():
                    yield connection
            finally:
                # Who is cancelled in the middle of a statement leaves no connection.
                if not connection.invalidated:
                    await raw.execute("PRAGMA foreign_keys = ON")

    @property
    def in_use(self) -> dict[str, tuple[int, int]]:
        """How many connections of each pool are at work, and how many can be."""
        planned = self._planned.places
        reads: Any = self._reads.pool
        writes: Any = self._writes.pool
        return {
            "planned": (planned.busy, planned.most),
            "reads": (reads.checkedout(), reads.size()),
            "writes": (writes.checkedout(), writes.size()),
        }

    async def close(self) -> None:
        """Let go of every connection."""
        await self._planned.close()
        await self._reads.dispose()
        await self._writes.dispose()


_CHANGED = "changed"
_GIVEN_UP = "given up"


def has_changed(connection: AsyncConnection) -> bool:
    """Whether the transaction of a `Database.write` has changed any row so far (but `NO_NEWS`)."""
    return bool(connection.info[_CHANGED])


def _begin(connection: Connection, _cursor: Any, *said: Any) -> None:
    """Of transactions, begin and end are no statements of anybody's."""
    statement, _parameters, context, _many = said
    if context.compiled:
        count()
        context.span = running(connection.dialect.name, statement)


def _end(_connection: Connection, _cursor: Any, *said: Any) -> None:
    _statement, _parameters, context, _many = said
    if context.compiled:
        answered(context.span)
        context.span = None


def _fail(failed: ExceptionContext) -> None:
    """Whatever was run; there is no span of what failed before, or of an answer nobody can read."""
    span = getattr(failed.execution_context, "span", None)
    if span is not None:
        answered(span, failed.original_exception)


def _notice(connection: Connection, cursor: Any, *said: Any) -> None:
    _statement, _parameters, context, _many = said
    changed = context.isinsert or ((context.isupdate or context.isdelete) and cursor.rowcount)
    if changed and context.compiled.statement.table.info != NO_NEWS:
        connection.info[_CHANGED] = True


def _planned_reads(url: URL, said: dict[str, Any], connections: int) -> Reads:
    if url.drivername.startswith("sqlite"):
        assert url.database
        return SqliteReads(url.database, SQLITE_READERS, CONNECT_SECONDS, BUSY_SECONDS)
    return PostgresqlReads(said, connections, CONNECT_SECONDS)


def _said(url: URL, arguments: dict[str, Any]) -> dict[str, Any]:
    """What asyncpg is told of where PostgreSQL is."""
    said = {
        "host": url.host,
        "port": url.port,
        "user": url.username,
        "password": url.password,
        "database": url.database,
        **url.query,
        **arguments,
    }
    return {name: value for name, value in said.items() if value is not None}


def _prepare_sqlite(reads: AsyncEngine, writes: AsyncEngine) -> None:
    """WAL, foreign keys, no implicit BEGIN; reads cannot write and writes lock at their start."""
    common = (
        "PRAGMA journal_mode = WAL",
        "PRAGMA foreign_keys = ON",
        f"PRAGMA busy_timeout = {BUSY_SECONDS * 1000}",
    )

    def prepare(engine: AsyncEngine, *more: str) -> None:
        @event.listens_for(engine.sync_engine, "connect")
        def connected(connection: Any, _record: Any) -> None:
            connection.isolation_level = None
            cursor = connection.cursor()
            for pragma in (*common, *more):
                cursor.execute(pragma)
            cursor.close()

    prepare(reads, "PRAGMA query_only = ON")
    prepare(writes)

    @event.listens_for(writes.sync_engine, "begin")
    def begun(connection: Connection) -> None:
        connection.exec_driver_sql("BEGIN IMMEDIATE")


def _stop_what_is_given_up(reads: AsyncEngine) -> None:
    """End the statement of a reader who gives up.

    SQLAlchemy then closes the connection, and waits until the statement has ended.
    """

    @event.listens_for(reads.sync_engine, "connect")
    def connected(connection: Any, record: Any) -> None:
        given_up = record.info[_GIVEN_UP] = threading.Event()
        connection.run_async(lambda driver: driver.set_progress_handler(given_up.is_set, STEPS))

    @event.listens_for(reads.sync_engine, "handle_error")
    def failed(failed: ExceptionContext) -> None:
        if isinstance(failed.original_exception, asyncio.CancelledError):
            assert failed.connection
            failed.connection.info[_GIVEN_UP].set()


# SQLAlchemy leaves the driver's own as they are while it sets up a connection.
_FAULTS = (DBAPIError, OSError, *CUT)


@asynccontextmanager
async def _available() -> AsyncIterator[None]:
    """One `Unavailable` for all the ways in which a database can be away."""
    try:
        yield
    except PoolTimeout as failure:
        raise Unavailable("no connection to spare") from failure
    except _FAULTS as failure:
        if _is_away(failure):
            raise Unavailable("the database is away") from failure
        raise


def _is_away(failure: Exception) -> bool:
    """Whether another try later may help, and nothing else will."""
    if not isinstance(failure, DBAPIError):
        cut = isinstance(failure, CUT) and not isinstance(failure, asyncpg.DataError)
        return cut or isinstance(failure, (ConnectionError, TimeoutError, gaierror))
    if failure.connection_invalidated or isinstance(failure, InterfaceError):
        return True
    state: str = getattr(failure.orig, "sqlstate", None) or ""
    return state.startswith(_AWAY_STATES) or (
        isinstance(failure, OperationalError)
        and any(words in str(failure.orig) for words in AWAY_WORDS)
    )


# PostgreSQL's classes: connection exception, invalid authorization, unknown database (somebody is
# changing a password, or restoring a copy), insufficient resources, operator intervention; and a
# standby that is not promoted yet.
_AWAY_STATES = ("08", "28", "3D", "53", "57", "25006")


def _was_dead(failure: BaseException | None) -> bool:
    """Whether the pool gave a connection whose other end was gone; it has let go of all others."""
    return isinstance(failure, DBAPIError) and failure.connection_invalidated


def _lost_race(failure: DBAPIError) -> bool:
    """A constraint that somebody else's commit made bite, a deadlock, a lock not had in time."""
    if isinstance(failure, IntegrityError):
        return True
    state = getattr(failure.orig, "sqlstate", None)
    return state in {"40001", "40P01", "55P03"}
