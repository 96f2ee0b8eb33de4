"""Those who follow what happens to clients, at one server after the other, and miss nothing."""

import asyncio
from collections.abc import Sequence
from itertools import cycle
from typing import Any

import httpx2
from websockets.exceptions import WebSocketException

from tests.crash.callers import Caller
from tests.live.following import BEGINNING, CHANGED, events, socket

CHANGES = """query ($after: String) {
  clientChanges(after: $after, first: 100) {
    nodes { id action client { id } } pageInfo { hasNextPage }
  }
}"""
PAUSE = 0.05

Told = tuple[str, str, str]
"""A change: its id, what happened, and the client's id."""


class Follower:
    """Somebody who is told of all changes; `told` are they, in the order in which they came.

    `cut_off` counts how often the server went away.
    """

    def __init__(self, caller: Caller, ports: Sequence[int]) -> None:
        assert caller.token
        self._caller = caller
        self._token = caller.token
        self._ports = ports
        self.told: list[Told] = []
        self.cut_off = 0

    async def by_socket(self) -> None:
        """Over a WebSocket, which goes on after the last that was told."""
        for port in cycle(self._ports):
            try:
                async with socket(port) as open_:
                    await open_.init(self._token)
                    await open_.subscribe("1", after=self._last)
                    while (heard := await open_.hear())["type"] == "next":
                        self._hear(heard["payload"]["data"]["clientChanged"])
            except TimeoutError:
                continue  # nothing happened for long: it asks anew
            except (ConnectionError, WebSocketException):
                self.cut_off += bool(self.told)
            await asyncio.sleep(PAUSE)

    async def by_events(self) -> None:
        """As server-sent events; what came before the stream had begun is looked up first."""
        for port in cycle(self._ports):
            try:
                async with events(port, self._token, CHANGED) as stream:
                    if stream.answer.status_code == 200:
                        await self._catch_up()
                        known = {id for id, _, _ in self.told}
                        while (event := await stream.next())[0] == "next":
                            change = event[1]["data"]["clientChanged"]
                            if change["id"] not in known:
                                self._hear(change)
            except TimeoutError:
                continue
            except httpx2.TransportError:
                self.cut_off += bool(self.told)
            await asyncio.sleep(PAUSE)

    @property
    def _last(self) -> str:
        return self.told[-1][0] if self.told else BEGINNING

    async def _catch_up(self) -> None:
        more = True
        while more:
            page = await self._caller.ask(CHANGES, after=self._last)
            for change in page["nodes"]:
                self._hear(change)
            more = page["pageInfo"]["hasNextPage"]

    def _hear(self, change: dict[str, Any]) -> None:
        self.told.append((change["id"], change["action"], change["client"]["id"]))
