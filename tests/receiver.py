"""A real HTTP server that receives events, verifies them with the library, and fails on request."""

import asyncio
import contextlib
import enum
import ssl
from collections import deque
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any, Self

from standardwebhooks import Webhook

from tests.servers import held_port


class Fault(enum.Enum):
    """What may go wrong with one request."""

    CUT = "the connection is cut before an answer"
    CUT_AFTER = "the event is kept, and the connection is cut before the answer"
    STALL = "no answer ever comes"
    LATE = "the event is kept and answered when the receiver is released"
    ENDLESS = "a good answer comes whose body never ends"


@dataclass(frozen=True, slots=True)
class Received:
    """A request as it came."""

    path: str
    headers: dict[str, str]
    body: bytes

    @property
    def id(self) -> str:
        """What names the event, however often it comes."""
        return self.headers["webhook-id"]

    def verified(self, secret: str) -> Any:
        """The event, which is who it says it is from. Raises `WebhookVerificationError`."""
        return Webhook(secret).verify(self.body, self.headers)


class Receiver:
    """Receives events on a free port of 127.0.0.1; a context manager.

    `upcoming` are the answers of the next requests: a status, or what goes wrong; 204 for the rest.
    `more` are further lines of the head of each answer; `release` lets go those that are late.
    """

    _server: asyncio.Server

    def __init__(self, tls: ssl.SSLContext | None = None) -> None:
        self.received: list[Received] = []
        self.upcoming: deque[int | Fault] = deque()
        self.always: int | Fault = 204
        self.more = ""
        self.release = asyncio.Event()
        self.connections = 0
        self._tls = tls
        self._open: set[asyncio.Task[Any]] = set()
        self._came = asyncio.Condition()

    @property
    def port(self) -> int:
        """The port that it listens on."""
        port: int = self._server.sockets[0].getsockname()[1]
        return port

    @property
    def url(self) -> str:
        """Its address."""
        return f"http://127.0.0.1:{self.port}/events?of=us"

    async def wait(self, count: int = 1, seconds: float = 40) -> list[Received]:
        """What came, when there are `count` of them."""
        try:
            async with asyncio.timeout(seconds), self._came:
                await self._came.wait_for(lambda: len(self.received) >= count)
        except TimeoutError:
            told = [one.body for one in self.received]
            raise AssertionError(f"{count} events awaited, {len(told)} came: {told}") from None
        return self.received

    async def until(self, ids: set[str], seconds: float = 60) -> None:
        """Wait until each of these has come at least once."""
        async with asyncio.timeout(seconds), self._came:
            await self._came.wait_for(lambda: ids <= {one.id for one in self.received})

    @asynccontextmanager
    async def away(self) -> AsyncIterator[None]:
        """Nobody listens at its port meanwhile."""
        port = self.port
        self._server.close()
        with held_port(port):
            yield
            self._server = await self._listen(port)

    async def __aenter__(self) -> Self:
        self._server = await self._listen(0)
        return self

    async def __aexit__(self, *_: object) -> None:
        self._server.close()
        for task in self._open:
            task.cancel()
        await asyncio.gather(*self._open, return_exceptions=True)
        await self._server.wait_closed()

    async def _listen(self, port: int) -> asyncio.Server:
        return await asyncio.start_server(self._serve, "127.0.0.1", port, ssl=self._tls)

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task
        self._open.add(task)
        self.connections += 1
        try:
            with contextlib.suppress(ConnectionError, asyncio.IncompleteReadError):
                await self._answer(reader, writer)
        finally:
            self._open.discard(task)
            writer.close()

    async def _answer(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        head = (await reader.readuntil(b"\r\n\r\n")).decode().split("\r\n")
        headers = {
            name.lower(): value for name, _, value in (line.partition(": ") for line in head[1:])
        }
        body = await reader.readexactly(int(headers["content-length"]))
        answer = self.upcoming.popleft() if self.upcoming else self.always
        if answer is Fault.LATE:
            await self.release.wait()
            answer = 204
        if answer not in {Fault.CUT, Fault.STALL}:
            await self._keep(Received(head[0].split(" ")[1], headers, body))
        if answer in {Fault.CUT, Fault.CUT_AFTER}:
            writer.transport.abort()
        elif answer is Fault.STALL:
            await reader.read()
        elif answer is Fault.ENDLESS:
            writer.write(b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n")
            while not reader.at_eof():
                writer.write(b"3e8\r\n" + b"x" * 1000 + b"\r\n")
                await writer.drain()
        else:
            writer.write(f"HTTP/1.1 {answer} So\r\ncontent-length: 0\r\n{self.more}\r\n".encode())
            await writer.drain()

    async def _keep(self, received: Received) -> None:
        self.received.append(received)
        async with self._came:
            self._came.notify_all()
