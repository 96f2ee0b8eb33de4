"""Where races are run: a server on a port of its own, and a database that can be put back."""

import asyncio
import re
from collections.abc import AsyncIterator, Iterable, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field, replace
from typing import Any

import orjson
import uvicorn
from sqlalchemy import Connection, Table, and_, delete, insert, select, update
from sqlalchemy.ext.asyncio import AsyncConnection

from models import AuditAction, AuditEvent, Base
from permissions import Passwords
from schema.limits import LIMITS
from tests.waiting import PATIENCE
from tests.world import Json, World

Row = dict[str, Any]
Rows = dict[str, dict[tuple[Any, ...], Row]]

_TRAIL = "audit_events"
_STAYING = (_TRAIL, "audit_heads", "client_reads")
"""What is only ever added to: nothing of it is put back."""

_TABLES = tuple(table for table in Base.metadata.sorted_tables if table.name not in _STAYING)
_TOLD = tuple(
    Base.metadata.tables[_TRAIL].c[name]
    for name in ("action", "actor_id", "client_id", "staff_id", "department_id", "changes")
)
_REFUSED = (AuditAction.SIGN_IN_REFUSED, AuditAction.OPERATION_REFUSED)
"""What is told a moment later."""

_TOKEN = re.compile(r"vt[a-z]_[A-Za-z0-9_-]+")
_ID = re.compile(r"[0-9a-f]{8}-?[0-9a-f]{4}-?7[0-9a-f]{3}-?[89ab][0-9a-f]{3}-?[0-9a-f]{12}")
_OF_LETTERS = ("name", "recipient", "state", "link_id")
_HASH = re.compile(r"\$argon2[^'\"]*")


@dataclass(frozen=True, slots=True)
class Ask:
    """One of the requests that race: a document, its variables, and whose token it shows."""

    document: str
    variables: Json
    token: str | None = None


@dataclass(frozen=True, slots=True)
class Finish:
    """What came of a round: the answers as they were asked for, the rows, and the letters."""

    answers: list[Json]
    rows: dict[str, list[str]]
    letters: list[tuple[str, str]]

    @property
    def codes(self) -> list[str]:
        """What each was told: the codes of its refusal, or "done"."""
        return [_told(answer) for answer in self.answers]


def _told(answer: Json) -> str:
    if "errors" in answer:
        return "+".join(error["extensions"]["code"] for error in answer["errors"])
    (payload,) = answer["data"].values()
    return "+".join(error["code"] for error in payload["userErrors"]) or "done"


@dataclass
class Course:
    """A world whose app is served on a port; `base` are the rows that each round starts from."""

    world: World
    port: int
    base: Rows = field(default_factory=dict)
    _now: Rows = field(default_factory=dict)
    _known: set[str] = field(default_factory=set)
    _read: int = 0

    async def mark(self) -> None:
        """Let every round start from what is there now."""
        await self.world.settled()
        self.base = self._now = await self.world.database.read(_all)
        self._known = {one.replace("-", "") for one in _ID.findall(str(self.base))}
        self._read = len(self.world.mailbox.deliveries)

    async def serially(self, *asks: Ask, order: Sequence[int] | None = None) -> Finish:
        """What comes of the requests when each waits for the one before, in this order."""
        answers: dict[int, Json] = {}
        for one in order or range(len(asks)):
            (answers[one],) = await self._sent(asks[one])
        return await self._finish([answers[one] for one in sorted(answers)])

    async def together(self, *asks: Ask) -> Finish:
        """What comes of the requests when the last byte of each leaves with that of the others."""
        return await self._finish(await self._sent(*asks))

    async def put_back(self) -> None:
        """Undo a round by SQL: its new rows go, the others are as they were; the trail stays."""

        async def work(connection: AsyncConnection) -> None:
            now = self._now
            for table in _TABLES:
                before, after = self.base[table.name], now[table.name]
                for key in before.keys() & after.keys():
                    if before[key] != after[key]:
                        await connection.execute(
                            update(table).where(_is(table, key)).values(before[key])
                        )
            for table in reversed(_TABLES):
                for key in now[table.name].keys() - self.base[table.name].keys():
                    await connection.execute(delete(table).where(_is(table, key)))
            for table in _TABLES:
                for key in self.base[table.name].keys() - now[table.name].keys():
                    await connection.execute(insert(table).values(self.base[table.name][key]))

        await self.world.database.write(work)
        self.base[_TRAIL] = self._now[_TRAIL]

    async def _sent(self, *asks: Ask) -> list[Json]:
        """The answers to requests that are all there but for a byte, and then that byte."""
        open_ones = await asyncio.gather(
            *(asyncio.open_connection("127.0.0.1", self.port) for _ in asks)
        )
        try:
            whole = [_request(ask) for ask in asks]
            for (_, writer), request in zip(open_ones, whole, strict=True):
                writer.write(request[:-1])
            await asyncio.gather(*(writer.drain() for _, writer in open_ones))
            await asyncio.sleep(0.002)  # so that the server waits for each of the bytes
            for (_, writer), request in zip(open_ones, whole, strict=True):
                writer.write(request[-1:])
            return await asyncio.gather(*(_answer(reader) for reader, _ in open_ones))
        finally:
            for _, writer in open_ones:
                writer.close()

    async def _finish(self, answers: list[Json]) -> Finish:
        await self.world.settled()
        rows = self._now = await self.world.database.read(_all)
        news = self.world.mailbox.deliveries[self._read :]
        self._read += len(news)
        return Finish(
            [orjson.loads(self._plain(orjson.dumps(answer).decode())) for answer in answers],
            # How the delivery of letters went is the courier's business.
            {name: self._changed(name, table) for name, table in rows.items()},
            sorted((one, str(new.message["Subject"])) for new in news for one in new.recipients),
        )

    def _changed(self, name: str, rows: dict[tuple[Any, ...], Row]) -> list[str]:
        """The rows that are not as they were, in words that are the same each time."""
        before = self.base[name]
        said = (
            {key: row[key] for key in _OF_LETTERS} if name == "letters" else row
            for key, row in rows.items()
            if before.get(key) != row
        )
        return sorted(
            [self._plain(repr(row)) for row in said]
            + [f"gone: {key}" for key in before.keys() - rows.keys()]
        )

    def _plain(self, text: str) -> str:
        """The text without what is new each time: tokens, hashes, and the ids of new rows."""
        text = _HASH.sub("a hash", _TOKEN.sub("a token", text))
        return _ID.sub(
            lambda at: at[0] if at[0].replace("-", "") in self._known else "a new id", text
        )


@asynccontextmanager
async def course(world: World) -> AsyncIterator[Course]:
    """The world's app on a port of its own, where a password costs next to nothing, and with time.

    On SQLite the operations of a crowd wait for each other.
    """
    async with AsyncExitStack() as ends:
        cheap = _Cheap(memory=64, rounds=1)
        ends.callback(cheap.close)
        services = world.service.services
        ends.callback(object.__setattr__, services, "passwords", services.passwords)
        object.__setattr__(services, "passwords", cheap)
        api: Any = world.app._operations._api  # type: ignore[attr-defined]
        api._limits = replace(LIMITS, seconds=PATIENCE)
        config = uvicorn.Config(
            world.app, host="127.0.0.1", port=0, lifespan="off", log_config=None
        )
        server = _Server(config)
        serving = asyncio.create_task(server.serve())
        while not server.started:  # noqa: ASYNC110 - it starts in a moment
            await asyncio.sleep(0.005)
        (port,) = (one.getsockname()[1] for one in server.servers[0].sockets)
        made = Course(world, port)
        await made.mark()
        yield made
        server.should_exit = True
        await serving


class _Cheap(Passwords):
    """Nobody's passwords: none is guessed at."""

    async def weakness(self, password: str, own_words: Iterable[str]) -> str | None:
        return None


class _Server(uvicorn.Server):
    """One that leaves the signals to pytest."""

    async def serve(self, sockets: Any = None) -> None:
        await self._serve(sockets)


def _request(ask: Ask) -> bytes:
    body = orjson.dumps({"query": ask.document, "variables": ask.variables})
    head = [
        "POST /graphql HTTP/1.1",
        "Host: portal.example",
        "Content-Type: application/json",
        f"Content-Length: {len(body)}",
        "Connection: close",
        *([f"Authorization: Bearer {ask.token}"] if ask.token else []),
    ]
    return "\r\n".join(head).encode() + b"\r\n\r\n" + body


async def _answer(reader: asyncio.StreamReader) -> Json:
    head, _, body = (await reader.read()).partition(b"\r\n\r\n")
    assert head.startswith(b"HTTP/1.1 200"), (head, body)
    answer: Json = orjson.loads(body)
    return answer


def _all(connection: Connection) -> Rows:
    rows = {
        table.name: {
            tuple(row[column.name] for column in table.primary_key): dict(row)
            for row in connection.execute(select(table)).mappings()
        }
        for table in _TABLES
    }
    events = select(AuditEvent.id, *_TOLD).where(AuditEvent.action.not_in(_REFUSED))
    rows[_TRAIL] = {(row["id"],): dict(row) for row in connection.execute(events).mappings()}
    return rows


def _is(table: Table, key: tuple[Any, ...]) -> Any:
    return and_(*(column == value for column, value in zip(table.primary_key, key, strict=True)))
