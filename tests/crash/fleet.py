"""Several servers and couriers on one database, which are killed in turn."""

import asyncio
import time
from collections import Counter
from collections.abc import AsyncIterator, Mapping
from contextlib import AsyncExitStack, asynccontextmanager
from itertools import count
from pathlib import Path

from tests.crash.programs import Program, program
from tests.servers import held_port

SERVERS = 3
COURIERS = 2
SECONDS_BETWEEN = 2.5
"""How long everybody is left alone, at least, after a server and a courier were killed."""


class Place:
    """A place in the fleet: what runs there, one process after the other.

    `ready` is what it says when it is at work, and `faults` are the lines of errors that it logged.
    """

    def __init__(self, env: Mapping[str, str], folder: Path, *words: str, ready: str) -> None:
        self._env = env
        self._folder = folder
        self._words = words
        self._ready = ready
        self._running: Program
        self.faults: list[str] = []

    async def begin(self, programs: AsyncExitStack) -> None:
        """Start a process, which ends with the stack at last."""
        self._running = await programs.enter_async_context(
            program(*self._words, env=self._env, folder=self._folder)
        )

    async def ready(self) -> None:
        """Wait until it is at work."""
        await self._running.until(self._ready)

    async def kill(self) -> None:
        """Kill it with -9, and look at what it logged."""
        await self._running.kill()
        logged = (await self._running.end()).complained
        self.faults += [line for line in logged.splitlines() if '"level":"error"' in line]


class Fleet:
    """Servers, each at a port that stays its own, and couriers; `killed` counts both."""

    def __init__(self, env: Mapping[str, str], folder: Path, programs: AsyncExitStack) -> None:
        self._programs = programs
        self.ports = [programs.enter_context(held_port()) for _ in range(SERVERS)]
        self.killed = Counter[str]()
        self._servers = [
            Place(env, folder, "serve", "--port", str(port), ready="Uvicorn running on")
            for port in self.ports
        ]
        self._couriers = [
            Place(env, folder, "courier", ready="Delivering letters") for _ in range(COURIERS)
        ]

    @property
    def addresses(self) -> list[str]:
        """Where the servers are, one after the other."""
        return [f"http://127.0.0.1:{port}" for port in self.ports]

    @property
    def faults(self) -> list[str]:
        """The errors that anybody logged."""
        return [line for one in (*self._servers, *self._couriers) for line in one.faults]

    async def begin(self) -> None:
        """Start everybody, and wait until they are at work."""
        for one in (*self._servers, *self._couriers):
            await one.begin(self._programs)
        await self.ready()

    async def ready(self) -> None:
        """Wait until everybody is at work."""
        for one in (*self._servers, *self._couriers):
            await one.ready()

    async def storm(self, seconds: float) -> None:
        """For so long a server and a courier are killed, in turn, and started anew.

        Not before all are at work again, so that there is somebody to ask; and each server once.
        """
        end = time.monotonic() + seconds
        for number in count():
            if number >= SERVERS and time.monotonic() > end:
                return
            await asyncio.sleep(SECONDS_BETWEEN)
            await self.ready()
            for kind, places in (("servers", self._servers), ("couriers", self._couriers)):
                one = places[number % len(places)]
                await one.kill()
                self.killed[kind] += 1
                await one.begin(self._programs)

    async def end(self) -> None:
        """Kill everybody."""
        for one in (*self._servers, *self._couriers):
            await one.kill()


@asynccontextmanager
async def fleet(env: Mapping[str, str], folder: Path) -> AsyncIterator[Fleet]:
    """Everybody at work."""
    async with AsyncExitStack() as programs:
        made = Fleet(env, folder, programs)
        await made.begin()
        yield made
