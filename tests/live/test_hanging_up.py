"""Sockets at a server that we are ourselves: what it takes at which moment is for us to say."""

import asyncio
import json
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from typing import Any

import pytest

from portal.call import Call
from portal.socket import PROTOCOL, Socket
from tests.live.following import CHANGED, SECONDS
from tests.waiting import until
from tests.world import Clinic, World

WHO = "{ viewer { surface } }"
DISCONNECT = {"type": "websocket.disconnect", "code": 1006}

Take = Callable[[Any], Awaitable[None]]


class Ours:
    """A socket as ASGI has it. `take` is given each message that the portal sends.

    `logged` are the lines of operations that have ended, and `closed` what it was closed with.
    """

    def __init__(self, take: Take) -> None:
        self._take = take
        self._coming: asyncio.Queue[Any] = asyncio.Queue()
        self.logged: list[Any] = []
        self.closed: int | None = None

    def come(self, message: Any) -> None:
        """Let the message come in."""
        self._coming.put_nowait(message)

    def say(self, type: str, **more: Any) -> None:
        """Let a message of the protocol come in."""
        text = json.dumps({"type": type, **more})
        self.come({"type": "websocket.receive", "text": text})

    def subscribe(self, id: str, query: str) -> None:
        """Ask for something."""
        self.say("subscribe", id=id, payload={"query": query})

    async def receive(self) -> Any:
        """As the portal receives."""
        return await self._coming.get()

    async def send(self, message: Any) -> None:
        """As the portal sends."""
        if message["type"] == "websocket.close":
            self.closed = message["code"]
        if message["type"] == "websocket.send":
            await self._take(json.loads(message["text"]))


@asynccontextmanager
async def ours(world: World, token: str, take: Take) -> AsyncIterator[Ours]:
    """A socket of somebody's, until the portal has done with it."""
    socket = Ours(take)
    app: Any = world.app
    call = Call("ours", None, {b"authorization": b"Bearer " + token.encode()}, ())
    log, receive, send = socket.logged.append, socket.receive, socket.send
    served = Socket(app._operations, app._following, call, log, receive, send)
    socket.come({"type": "websocket.connect"})
    socket.say("connection_init")
    serving = asyncio.create_task(served.run([PROTOCOL]))
    try:
        yield socket
        async with asyncio.timeout(SECONDS):
            await serving
    finally:
        serving.cancel()
        await asyncio.gather(serving, return_exceptions=True)


@pytest.mark.parametrize("document", [WHO, "{ nothing }"])
async def test_who_has_hung_up_when_they_are_told_is_no_incident(
    world: World, clinic: Clinic, caplog: pytest.LogCaptureFixture, document: str
) -> None:
    async def take(message: Any) -> None:
        if message["type"] in ("next", "error"):
            raise OSError

    async with ours(world, clinic.token("carl"), take) as socket:
        socket.subscribe("1", document)
        await until(lambda: bool(socket.logged))
        socket.come(DISCONNECT)
    assert [line["outcome"] for line in socket.logged] == [None]
    assert (caplog.messages, socket.closed) == ([], None)


async def test_who_has_hung_up_when_they_are_answered_a_ping_is_no_incident(
    world: World, clinic: Clinic, caplog: pytest.LogCaptureFixture
) -> None:
    async def take(message: Any) -> None:
        if message["type"] == "pong":
            raise OSError

    async with ours(world, clinic.token("carl"), take) as socket:
        socket.say("ping")
    assert (caplog.messages, socket.closed) == ([], None)


async def test_an_id_that_is_used_again_is_in_use_also_when_what_had_it_ends(
    world: World, clinic: Clinic
) -> None:
    telling, end = asyncio.Event(), asyncio.Event()

    async def take(message: Any) -> None:
        # What is stopped takes its time, as a mutation does that is being written.
        if message["type"] == "next":
            telling.set()
            try:
                await asyncio.sleep(3600)
            finally:
                await end.wait()

    async with ours(world, clinic.token("carl"), take) as socket:
        socket.subscribe("1", WHO)
        await telling.wait()
        socket.say("complete", id="1")
        socket.subscribe("1", CHANGED)
        await until(lambda: world.app._following._running == 1)  # type: ignore[attr-defined]
        end.set()
        await until(lambda: len(socket.logged) == 1)
        socket.subscribe("1", WHO)
    assert socket.closed == 4409
