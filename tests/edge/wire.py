"""Talking to a server byte by byte, as no client library would."""

import asyncio
import contextlib
import json
from collections.abc import AsyncIterator
from dataclasses import dataclass
from typing import Any

import uvicorn

from portal.asked import MOST_BYTES
from portal.protocol import Deadlines

SECONDS = 60

WHO = b'{"query": "{ __typename }"}'
SAYS = {"__typename": "Query"}


@dataclass(frozen=True, slots=True)
class Said:
    """An answer as it was read: status, headers in lower case, body."""

    status: int
    headers: dict[str, str]
    body: bytes

    @property
    def data(self) -> Any:
        """What was asked for."""
        return json.loads(self.body)["data"]


class Wire:
    """One connection."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.reader = reader
        self.writer = writer

    async def send(self, *pieces: bytes, pause: float = 0) -> None:
        """Send the pieces, each on its own way."""
        for piece in pieces:
            self.writer.write(piece)
            await self.writer.drain()
            await asyncio.sleep(pause)

    async def answer(self) -> Said:
        """The next answer."""
        async with asyncio.timeout(SECONDS):
            head = (await self.reader.readuntil(b"\r\n\r\n")).decode("latin-1")
            line, *lines = head.removesuffix("\r\n\r\n").split("\r\n")
            headers = {name.lower(): value for name, _, value in (x.partition(": ") for x in lines)}
            body = await self.reader.readexactly(int(headers.get("content-length", 0)))
        return Said(int(line.split()[1]), headers, body)

    async def ended(self) -> bytes:
        """Whatever else comes until the other side hangs up."""
        async with asyncio.timeout(SECONDS):
            with contextlib.suppress(ConnectionError):
                return await self.reader.read()
        return b""

    def close(self) -> None:
        """Hang up."""
        self.writer.close()


def post(body: bytes = WHO, *more: bytes, host: bytes = b"127.0.0.1") -> bytes:
    """A whole request."""
    lines = [
        b"POST /graphql HTTP/1.1",
        b"Host: " + host,
        b"Content-Type: application/json",
        b"Content-Length: %d" % len(body),
        *more,
    ]
    return b"\r\n".join([*lines, b"", body])


@contextlib.asynccontextmanager
async def served(app: Any, protocol: type[Deadlines] = Deadlines) -> AsyncIterator[int]:
    """The port at which uvicorn serves an app whose life is somebody else's."""
    config = uvicorn.Config(
        app,
        port=0,
        http=protocol,
        ws="websockets-sansio",
        ws_max_size=MOST_BYTES,
        lifespan="off",
        log_config=None,
        proxy_headers=False,
    )
    server = uvicorn.Server(config)
    serving = asyncio.create_task(server.serve())
    while not server.started:  # noqa: ASYNC110 - it is uvicorn's, who tells nobody
        await asyncio.sleep(0.01)
    try:
        yield server.servers[0].sockets[0].getsockname()[1]
    finally:
        server.should_exit = server.force_exit = True
        await serving


@contextlib.asynccontextmanager
async def wire(port: int) -> AsyncIterator[Wire]:
    """A connection to the port."""
    opened = Wire(*await asyncio.open_connection("127.0.0.1", port))
    try:
        yield opened
    finally:
        opened.close()
