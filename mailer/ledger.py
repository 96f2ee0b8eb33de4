"""The ledger: what became of what was delivered, written down in few transactions."""

import asyncio
import contextlib
import logging
from collections.abc import Callable
from typing import Any

from mailer.outbox import Outcome, Post
from models import Database, Unavailable

GATHER_SECONDS = 0.05
"""How long outcomes are gathered after a transaction for the next. What a courier that dies
meanwhile has sent is sent again."""

ENOUGH = 64
"""How many outcomes are written down without waiting for more."""

PAUSES_SECONDS = (0.1, 0.5, 2, 5)

_logger = logging.getLogger(__name__)


class Ledger:
    """Writes outcomes down: one by itself at once, many together.

    `written` is called after every transaction. What cannot be written is left to its lease.
    """

    def __init__(self, database: Database, post: Post[Any], written: Callable[[], None]) -> None:
        self._database = database
        self._post = post
        self._written = written
        self._open: list[Outcome] = []
        self._enough = asyncio.Event()
        self._closing = False
        self._writing: asyncio.Task[None] | None = None

    def __len__(self) -> int:
        """How many outcomes wait to be written down."""
        return len(self._open)

    def note(self, outcome: Outcome) -> None:
        """Have the outcome written down."""
        self._open.append(outcome)
        if self._writing is None:
            self._writing = asyncio.create_task(self._write())
        elif len(self._open) >= ENOUGH:
            self._enough.set()

    async def close(self) -> None:
        """Write all down now; nothing more is, if that is cancelled."""
        if self._writing:
            self._closing = True
            self._enough.set()
            await self._writing

    async def _write(self) -> None:
        try:
            while self._open:
                outcomes, self._open = self._open, []
                try:
                    await self._settle(outcomes)
                except Exception as failure:  # noqa: BLE001 - their leases end by themselves
                    name = type(failure).__name__
                    for each in outcomes:
                        kind, id = self._post.kind, each.taken.id.hex
                        _logger.warning("%s %s: left to its lease, %s", kind, id, name)
                self._written()
                await self._gather()
        finally:
            self._writing = None
            self._closing = False

    async def _gather(self) -> None:
        if not self._closing:
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(GATHER_SECONDS):
                    await self._enough.wait()
        self._enough.clear()

    async def _settle(self, outcomes: list[Outcome]) -> None:
        """Write through a short absence of the database; after a long one the leases have ended."""
        for pause in PAUSES_SECONDS:
            try:
                return await self._database.write(lambda c: self._post.settle(c, outcomes))
            except Unavailable:
                await asyncio.sleep(pause)
        return await self._database.write(lambda c: self._post.settle(c, outcomes))
