"""Somebody who follows what happens: over a WebSocket, or as server-sent events."""

import asyncio
import json
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from types import MappingProxyType
from typing import Any

import httpx2
from websockets.asyncio.client import ClientConnection, connect
from websockets.typing import Origin, Subprotocol

from portal.socket import PROTOCOL

SECONDS = 30
NOW = "{ clientChanges(last: 1) { pageInfo { endCursor } } }"
BEGINNING = "cur_" + "0" * 32
CHANGED = """subscription ($status: ClientStatus, $departmentId: ID, $after: String) {
  clientChanged(status: $status, departmentId: $departmentId, after: $after) {
    id action client { id firstName status }
  }
}"""


class Socket:
    """A WebSocket, and the messages that come over it."""

    def __init__(self, connection: ClientConnection) -> None:
        self.connection = connection

    async def say(self, type: str, **more: Any) -> None:
        """Send a message."""
        await self.connection.send(json.dumps({"type": type, **more}))

    async def hear(self) -> dict[str, Any]:
        """The next message."""
        async with asyncio.timeout(SECONDS):
            heard: dict[str, Any] = json.loads(await self.connection.recv())
        return heard

    async def init(self, token: str | None = None) -> None:
        """Say who one is, and be acknowledged."""
        payload = {"authorization": f"Bearer {token}"} if token else {}
        await self.say("connection_init", payload=payload)
        assert await self.hear() == {"type": "connection_ack"}

    async def subscribe(self, id: str, query: str = CHANGED, **variables: Any) -> None:
        """Ask for something."""
        await self.say("subscribe", id=id, payload={"query": query, "variables": variables})

    async def follow(self, id: str, **variables: Any) -> None:
        """Follow what happens from now on.

        Nothing says when a subscription has begun; so it is told after what it is to begin.
        """
        await self.subscribe("now", NOW)
        last = (await self.next("now"))["pageInfo"]["endCursor"]
        assert await self.hear() == {"id": "now", "type": "complete"}
        await self.subscribe(id, after=last or BEGINNING, **variables)

    async def next(self, id: str) -> Any:
        """What the next answer to it says of its only field."""
        heard = await self.hear()
        assert (heard["type"], heard["id"]) == ("next", id), heard
        (value,) = heard["payload"]["data"].values()
        return value

    async def closed(self) -> tuple[int, str]:
        """Wait until it is closed; with which code, and why."""
        async with asyncio.timeout(SECONDS):
            await self.connection.wait_closed()
        assert self.connection.close_code is not None
        return self.connection.close_code, self.connection.close_reason or ""


@asynccontextmanager
async def socket(
    port: int,
    *,
    protocols: tuple[str, ...] = (PROTOCOL,),
    origin: str | None = None,
    headers: dict[str, str] | None = None,
) -> AsyncIterator[Socket]:
    """A socket that is open; `websockets.InvalidStatus` where it is refused."""
    async with connect(
        f"ws://127.0.0.1:{port}/graphql",
        subprotocols=[Subprotocol(one) for one in protocols] or None,
        origin=Origin(origin) if origin else None,
        additional_headers=headers,
        compression=None,
    ) as connection:
        yield Socket(connection)


class Events:
    """Server-sent events: what comes after `event:` and `data:`, and nothing of signs of life."""

    def __init__(self, answer: httpx2.Response) -> None:
        self.answer = answer
        self._lines = answer.aiter_lines()

    async def next(self) -> tuple[str, Any]:
        """The next event, with its data."""
        kind, data = "", ""
        async with asyncio.timeout(SECONDS):
            async for line in self._lines:
                if line.startswith("event: "):
                    kind = line.removeprefix("event: ")
                elif line.startswith("data:"):
                    data = line.removeprefix("data:").strip()
                elif not line and kind:
                    return kind, json.loads(data) if data else None
        raise AssertionError("the stream has ended")


@asynccontextmanager
async def events(
    port: int,
    token: str | None,
    query: str = CHANGED,
    shown: Mapping[str, str] = MappingProxyType({}),
    **variables: Any,
) -> AsyncIterator[Events]:
    """Follow it, with the token or with whatever else is `shown` in headers."""
    headers = {"accept": "text/event-stream", **shown}
    if token:
        headers["authorization"] = f"Bearer {token}"
    body = {"query": query, "variables": variables}
    async with (
        httpx2.AsyncClient(base_url=f"http://127.0.0.1:{port}", timeout=SECONDS) as client,
        client.stream("POST", "/graphql", json=body, headers=headers) as answer,
    ):
        yield Events(answer)
