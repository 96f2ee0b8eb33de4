"""A TCP proxy before a server, which can be as bad as a network."""

import asyncio
import contextlib
import socket
import struct
from typing import Self

from sqlalchemy import make_url

CHUNK = 65536


class Proxy:
    """Stands before the server of a URL on a port of its own; an asynchronous context manager.

    `open`: whether bytes pass; while they do not, connections are taken and nothing comes of them.
    `latency`: for how many seconds each chunk is on its way.
    """

    def __init__(self, url: str) -> None:
        self._behind = make_url(url)
        self._wires: set[asyncio.StreamWriter] = set()
        self._tasks: set[asyncio.Task[None]] = set()
        self._passable = asyncio.Event()
        self._passable.set()
        self.latency = 0.0

    async def __aenter__(self) -> Self:
        self._server = await asyncio.start_server(self._connected, "127.0.0.1", 0)
        return self

    async def __aexit__(self, *_: object) -> None:
        self._server.close()
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    def turn_to(self, url: str) -> None:
        """Lead new connections to another server."""
        self._behind = make_url(url)

    @property
    def url(self) -> str:
        """The URL of the same database, through here."""
        port = self._server.sockets[0].getsockname()[1]
        return self._behind.set(port=port).render_as_string(hide_password=False)

    def stall(self) -> None:
        """Swallow everything from now on: a black hole, or a server that is stopped."""
        self._passable.clear()

    def heal(self) -> None:
        """Let pass what comes, and what has been waiting."""
        self._passable.set()

    def reset(self) -> None:
        """Cut every connection, as somebody does who pulls a plug."""
        for wire in self._wires:
            raw = wire.get_extra_info("socket")
            with contextlib.suppress(OSError):  # one that is closed already
                raw.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
            wire.transport.abort()

    async def _connected(self, near: asyncio.StreamReader, back: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
        with contextlib.suppress(ConnectionError), contextlib.closing(back):
            far, forth = await asyncio.open_connection(self._behind.host, self._behind.port)
            wires = {back, forth}
            self._wires |= wires
            try:
                await asyncio.gather(self._pass(near, forth), self._pass(far, back))
            finally:
                self._wires -= wires
                forth.close()

    async def _pass(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        while chunk := await reader.read(CHUNK):
            await asyncio.sleep(self.latency)
            await self._passable.wait()
            writer.write(chunk)
            await writer.drain()
        writer.close()
