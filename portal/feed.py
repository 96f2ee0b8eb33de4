"""Waking whoever follows an organization, when something has happened there.

What happened is in the tables, numbered; so nothing is queued here, and nothing is lost when
nobody is woken in time: whoever follows looks again by and by, too.
"""

import asyncio
import contextlib
import logging
import uuid
from collections import defaultdict
from collections.abc import AsyncIterator, Iterator

from sqlalchemy import select

from models import AuditHead, Database, Statement, Unavailable, within

PAUSE_SECONDS = 0.05
"""What happens within it is one piece of news."""

LOOK_SECONDS = 1
"""How long what nobody was told of may go unseen, at most."""

CHECK_SECONDS = 5
"""How often whoever follows is woken, and asked whether they still may, though nothing happens."""

_logger = logging.getLogger(__name__)

_HEADS = Statement(
    select(AuditHead.organization_id, AuditHead.number).where(
        within(AuditHead.organization_id, "organizations")
    )
)


class Feed:
    """Who follows which organization, on this server. `stir` it after every transaction."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self._stirred = asyncio.Event()
        self._told = asyncio.Event()
        self._followers: defaultdict[uuid.UUID, set[asyncio.Event]] = defaultdict(set)
        self._numbers: dict[uuid.UUID, int] = {}

    def stir(self) -> None:
        """Something may have happened here; other servers are told, too."""
        self._stirred.set()
        self._told.set()

    @contextlib.asynccontextmanager
    async def alive(self) -> AsyncIterator[None]:
        """At work meanwhile."""
        tasks = [
            asyncio.create_task(self._look(), name="feed"),
            asyncio.create_task(self._tell(), name="feed of others"),
        ]
        try:
            async with self._database.listening(self._stirred.set):
                yield
        finally:
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)

    async def follow(self, organization_id: uuid.UUID) -> AsyncIterator[None]:
        """Once for all that has happened since; and now and then though nothing has."""
        woken = asyncio.Event()
        followers = self._followers[organization_id]
        followers.add(woken)
        try:
            while True:
                woken.clear()
                yield
                with contextlib.suppress(TimeoutError):
                    async with asyncio.timeout(CHECK_SECONDS):
                        await woken.wait()
        finally:
            followers.discard(woken)
            if not followers:
                self._followers.pop(organization_id, None)
                self._numbers.pop(organization_id, None)

    async def _look(self) -> None:
        """One look for all who follow: at how far their organizations have got."""
        while True:
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(LOOK_SECONDS):
                    await self._stirred.wait()
            self._stirred.clear()
            if self._followers:
                with _going_on():
                    await self._wake()
            await asyncio.sleep(PAUSE_SECONDS)

    async def _wake(self) -> None:
        watched = frozenset(self._followers)
        for organization_id, number in await self._database.fetch(
            _HEADS, {"organizations": watched}
        ):
            if self._numbers.get(organization_id) != number:
                self._numbers[organization_id] = number
                for woken in self._followers.get(organization_id, ()):
                    woken.set()

    async def _tell(self) -> None:
        while True:
            await self._told.wait()
            self._told.clear()
            with _going_on():
                await self._database.signal()
            await asyncio.sleep(PAUSE_SECONDS)


@contextlib.contextmanager
def _going_on() -> Iterator[None]:
    """Nothing may end the feed: it looks again, and so do those whom it could not tell."""
    try:
        yield
    except Unavailable:
        pass  # whoever asks is told so
    except Exception as failure:  # noqa: BLE001 - as it says
        _logger.warning("nobody is woken: %s", type(failure).__name__)
