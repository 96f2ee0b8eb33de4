"""What goes over the wire to PostgreSQL: a proxy that counts the statements it passes on."""

import asyncio
import contextlib
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from sqlalchemy import make_url

HEAD = 5
EXECUTES = b"EQ"
"""The messages that run something: Execute of the extended protocol, Query of the simple one."""


class Wire:
    """The statements that were passed on so far, and the address that leads through here."""

    def __init__(self) -> None:
        self.statements = 0
        self.url = ""
        self._tasks: set[asyncio.Task[None]] = set()

    async def pass_on(
        self,
        host: str,
        port: int,
        reader: asyncio.StreamReader,
        writer: asyncio.StreamWriter,
    ) -> None:
        """Stand between a client that has connected and the server, until either is gone."""
        there, to_server = await asyncio.open_connection(host, port)
        back = asyncio.create_task(_copy(there, writer))
        self._tasks.add(back)
        back.add_done_callback(self._tasks.discard)
        with contextlib.suppress(ConnectionError, asyncio.IncompleteReadError):
            start = await reader.readexactly(4)  # the first message has no kind
            to_server.write(start + await reader.readexactly(int.from_bytes(start) - 4))
            while True:
                head = await reader.readexactly(HEAD)
                self.statements += head[:1] in EXECUTES
                to_server.write(head + await reader.readexactly(int.from_bytes(head[1:]) - 4))
        to_server.close()


@asynccontextmanager
async def counting(url: str) -> AsyncIterator[Wire]:
    """A wire to this database."""
    parsed, wire = make_url(url), Wire()
    assert parsed.host
    assert parsed.port
    there = parsed.host, parsed.port
    server = await asyncio.start_server(
        lambda reader, writer: wire.pass_on(*there, reader, writer), "127.0.0.1", 0
    )
    here = parsed.set(port=server.sockets[0].getsockname()[1], query={"sslmode": "disable"})
    wire.url = here.render_as_string(hide_password=False)
    try:
        yield wire
    finally:
        server.close()


async def _copy(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    with contextlib.suppress(ConnectionError):
        while data := await reader.read(65_536):
            writer.write(data)
    writer.close()
