"""A network between a client and a server that loses answers, and knows what was asked."""

import asyncio
import contextlib
import json
from collections.abc import Awaitable, Callable, Collection
from typing import NamedTuple, Self

import httpx2

from tests.crash.programs import SECONDS

AWAY = json.dumps({"errors": [{"message": "Away.", "extensions": {"code": "SERVICE_UNAVAILABLE"}}]})
_DROPPED = {"connection", "content-length", "host", "transfer-encoding"}


class Sent(NamedTuple):
    """A request: the name of its operation, and the key under which it is done once."""

    name: str
    key: str | None


class Network:
    """Listens on a port of its own, one request a connection; an asynchronous context manager.

    Each name in `loses` is an operation that is done, but whose answer is lost once; each in `away`
    is answered once by nobody but a busy proxy. `before` is awaited before an answer goes back.
    """

    def __init__(
        self,
        address: str,
        *,
        loses: Collection[str] = (),
        away: Collection[str] = (),
        before: Callable[[str], Awaitable[None]] | None = None,
    ) -> None:
        self._client = httpx2.AsyncClient(base_url=address, timeout=SECONDS)
        self._loses = set(loses)
        self._away = set(away)
        self._before = before
        self.sent: list[Sent] = []

    async def __aenter__(self) -> Self:
        self._server = await asyncio.start_server(self._connected, "127.0.0.1", 0)
        return self

    async def __aexit__(self, *_: object) -> None:
        self._server.close()
        await self._client.aclose()

    @property
    def address(self) -> str:
        """Where clients find it."""
        return f"http://127.0.0.1:{self._server.sockets[0].getsockname()[1]}"

    def times(self, name: str) -> int:
        """How often an operation was sent."""
        return sum(one.name == name for one in self.sent)

    async def _connected(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with contextlib.closing(writer), contextlib.suppress(ConnectionError):
            head = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1")
            _, *lines = head.strip().split("\r\n")
            headers = {
                name.lower(): value.strip()
                for name, _, value in (line.partition(":") for line in lines)
            }
            body = await reader.readexactly(int(headers["content-length"]))
            answer = await self._answer(headers, body)
            if answer is None:
                writer.transport.abort()
                return
            writer.write(answer)
            await writer.drain()

    async def _answer(self, headers: dict[str, str], body: bytes) -> bytes | None:
        name = json.loads(body)["operationName"]
        self.sent.append(Sent(name, headers.get("idempotency-key")))
        if name in self._away:
            self._away.remove(name)
            return _written(503, {"retry-after": "1"}, AWAY.encode())
        passed = {one: value for one, value in headers.items() if one not in _DROPPED}
        found = await self._client.post("/graphql", content=body, headers=passed)
        if self._before:
            await self._before(name)
        if name in self._loses:
            self._loses.remove(name)
            return None
        return _written(found.status_code, dict(found.headers), found.content)


def _written(status: int, headers: dict[str, str], body: bytes) -> bytes:
    told = {one: value for one, value in headers.items() if one not in _DROPPED}
    told |= {"connection": "close", "content-length": str(len(body))}
    lines = [f"HTTP/1.1 {status} ", *(f"{one}: {value}" for one, value in told.items()), "", ""]
    return "\r\n".join(lines).encode("latin-1") + body
