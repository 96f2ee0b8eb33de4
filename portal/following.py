"""Subscriptions under way: so many at once, each told of news when there are some."""

from collections.abc import AsyncGenerator
from typing import TypeAlias

from portal.answers import away
from portal.health import Health
from portal.metrics import SUBSCRIPTIONS
from portal.operations import Operations
from schema import Live, Response

Responses: TypeAlias = AsyncGenerator[Response | None, None]


class Following:
    """Where all subscriptions of a process are driven, `at_once` at most."""

    def __init__(self, operations: Operations, health: Health, at_once: int) -> None:
        self._operations = operations
        self._health = health
        self._at_once = at_once
        self._running = 0

    def responses(self, live: Live) -> Responses:
        """One response after the other; None now and then, as `Live.news` has it.

        It ends with a response that did not run, or when the server is about to end. Raises
        `Refusal` when too many are followed.
        """
        self._check_room()
        return self._responses(live)

    async def _responses(self, live: Live) -> Responses:
        self._check_room()  # others may have begun since
        self._running += 1
        SUBSCRIPTIONS.inc()
        try:
            async for _ in self._operations.service.feed.follow(live.organization_id):
                async for response in live.news():
                    if self._health.draining:
                        return
                    yield response
                    if response and not response.ran:
                        return
        finally:
            self._running -= 1
            SUBSCRIPTIONS.dec()

    def _check_room(self) -> None:
        if self._running >= self._at_once:
            raise away("The server is busy. Please try again in a moment.")
