"""Load over HTTP that costs little to make.

Connections are kept alive, and each asks again as soon as it is answered.
"""

import asyncio
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import cast

END_OF_HEAD = b"\r\n\r\n"
LENGTH = b"content-length: "
ERRORS = (b'"errors":', b'"userErrors":[{')


class Unexpected(Exception):
    """An answer other than 200, one that tells errors, or a connection closed before its answer."""


@dataclass(slots=True)
class Load:
    """What a server did in a while: seconds for each answer, and the seconds of the while."""

    seconds: float
    latencies: list[float] = field(default_factory=list)

    @property
    def rate(self) -> float:
        """Answers a second."""
        return len(self.latencies) / self.seconds


class _Asking(asyncio.Protocol):
    """One connection: the next request goes out when the last answer is complete."""

    def __init__(self, requests: Iterator[bytes], load: Load, until: float, least: int) -> None:
        self.done: asyncio.Future[bytes] = asyncio.get_running_loop().create_future()
        self._requests = requests
        self._load = load
        self._until = until
        self._least = least
        self._received = bytearray()
        self._size = 0

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast("asyncio.Transport", transport)
        self._ask()

    def data_received(self, data: bytes) -> None:
        self._received += data
        if not self._size:
            self._size = self._find_size()
        if not self._size or len(self._received) < self._size:
            return
        now = time.perf_counter()
        self._load.latencies.append(now - self._asked)
        if not self._received.startswith(b"HTTP/1.1 200 ") or self._tells_errors():
            self._finish(Unexpected(bytes(self._received[:500]).decode(errors="replace")))
        elif now >= self._until and len(self._load.latencies) >= self._least:
            self._finish(None)
        else:
            self._ask()

    def connection_lost(self, exc: Exception | None) -> None:
        if not self.done.done():
            self.done.set_exception(exc or Unexpected("the connection was closed"))

    def _ask(self) -> None:
        self._received.clear()
        self._size = 0
        request = next(self._requests, None)
        if request is None:
            self._finish(None)
            return
        self._asked = time.perf_counter()
        self._transport.write(request)

    def _find_size(self) -> int:
        """The size of head and body together; 0 while the head is not complete."""
        end = self._received.find(END_OF_HEAD)
        if end < 0:
            return 0
        start = self._received[:end].lower().index(LENGTH) + len(LENGTH)
        return end + len(END_OF_HEAD) + int(self._received[start:end].split(b"\r\n", 1)[0])

    def _tells_errors(self) -> bool:
        return any(errors in self._received for errors in ERRORS)

    def _finish(self, failure: Unexpected | None) -> None:
        if failure:
            self.done.set_exception(failure)
        else:
            self.done.set_result(bytes(self._received))
        self._transport.close()


async def drive(
    port: int, requests: Iterator[bytes], *, connections: int, seconds: float, least: int
) -> Load:
    """Ask the server over so many connections, for so long and for the least number of answers.

    It ends before when there are no more requests. Raises `Unexpected`.
    """
    started = time.perf_counter()
    load = Load(seconds)
    await _ask(port, requests, load, connections, started + seconds, least)
    load.seconds = time.perf_counter() - started
    return load


async def ask(port: int, requests: Iterator[bytes]) -> bytes:
    """The body of one answer. Raises `Unexpected`."""
    (answer,) = await _ask(port, requests, Load(0), connections=1, until=0, least=1)
    return answer.partition(END_OF_HEAD)[2]


async def _ask(
    port: int,
    requests: Iterator[bytes],
    load: Load,
    connections: int,
    until: float,
    least: int,
) -> list[bytes]:
    loop = asyncio.get_running_loop()

    def asking() -> _Asking:
        return _Asking(requests, load, until, least)

    opened = [await loop.create_connection(asking, "127.0.0.1", port) for _ in range(connections)]
    return await asyncio.gather(*(protocol.done for _, protocol in opened))
