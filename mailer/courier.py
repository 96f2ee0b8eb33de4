"""The courier: takes post that is due out of the outbox and sees it off (`D22`).

Each kind of post has a courier of its own, so that neither waits for the other; they differ by
their `Post`. It holds a letter, or an event, by a lease that ends by itself, and what it writes
down counts only while the row still names that lease: a courier that stalled past it changes
nothing. One may leave twice when a courier dies between sending it and writing so down, with the
same Message-ID and the same link, or the same `webhook-id`; none is lost.
"""

import asyncio
import contextlib
import datetime as dt
import logging
import random
import time
from collections.abc import AsyncIterator, Callable
from typing import Generic, TypeVar

from sqlalchemy.ext.asyncio import AsyncConnection

from mailer.ledger import Ledger
from mailer.outbox import Outcome, Post, Rejected, Taken, TryAgain, Void
from models import Database, LetterState, answered, asking, fail, to_its_end

POLL_SECONDS = 1
"""How long what another process put in may go unseen, at most."""

GRACE_SECONDS = 5
"""How long what is on its way is waited for when the courier is told to stop."""

LEDGER_SECONDS = 2
"""How long it may take after that to write down what left; it would leave again otherwise."""

HOLD = 256
"""How many wait for a carrier at once, at most; they do so under their lease."""

LEAST_OF_LEASE = 1 / 2
"""What must be left of a lease for an attempt to begin; otherwise it is left to its lease."""

SHARE_OF_LEASE = 5 / 6
"""What an attempt may take of what is left; the rest is for writing down what came of it."""

FIRST_RETRY_SECONDS = 4
LAST_RETRY_SECONDS = 3600

T = TypeVar("T", bound=Taken)

_logger = logging.getLogger(__name__)


class Courier(Generic[T]):
    """Sees post of a kind off, much of it at once, so that a slow one holds up no other.

    `concurrency` is how much, where it is not what the post says.
    `clock` is the time, aware. What could not leave is tried again, ever later, until it is
    `give_up_days` old. No attempt outlasts its lease. `beat` is called after each look into the
    outbox, or where none is needed, and `ended` when an attempt has come to an end.
    """

    def __init__(
        self,
        database: Database,
        post: Post[T],
        *,
        clock: Callable[[], dt.datetime],
        lease_seconds: float = 60,
        give_up_days: float = 5,
        concurrency: int | None = None,
        beat: Callable[[], None] = lambda: None,
        ended: Callable[[Outcome], None] = lambda _: None,
    ) -> None:
        self._database = database
        self._post = post
        self._clock = clock
        self._lease = dt.timedelta(seconds=lease_seconds)
        self._give_up = dt.timedelta(days=give_up_days)
        self._concurrency = concurrency or post.at_once
        self._beat = beat
        self._ended = ended
        self._woken = asyncio.Event()
        self._outbox_in_reach = True
        self._more_are_due = False
        self._hold = self._concurrency
        self._taken_at = 0.0
        self._held = set[T]()
        self._ledger = Ledger(database, post, written=self._wake_for_more)

    def wake(self) -> None:
        """Look into the outbox now, something was committed; to be called on the courier's loop."""
        self._woken.set()

    async def run(self) -> None:
        """See post off until cancelled; then finish what is held, or leave it be."""
        async with self._carriers() as waiting:
            try:
                while True:
                    self._woken.clear()
                    # What a look took is held already, and would wait for its lease.
                    await to_its_end(self._fill(waiting))
                    if self._outbox_in_reach:
                        self._beat()
                    with contextlib.suppress(TimeoutError):
                        async with asyncio.timeout(POLL_SECONDS):
                            await self._woken.wait()
            finally:
                with contextlib.suppress(TimeoutError):
                    async with asyncio.timeout(GRACE_SECONDS):
                        await waiting.join()

    async def deliver_due(self) -> int:
        """Try everything that is due now, once; how much that was. Raises `Unavailable`."""
        due, count = self._clock(), 0
        async with self._carriers() as waiting:
            while taken := await self._take(HOLD, due):
                for each in taken:
                    waiting.put_nowait(each)
                await waiting.join()
                await self._ledger.close()
                count += len(taken)
        return count

    @contextlib.asynccontextmanager
    async def _carriers(self) -> AsyncIterator[asyncio.Queue[T]]:
        """What is put here is delivered, `concurrency` at once; and what left, written down."""
        waiting: asyncio.Queue[T] = asyncio.Queue()
        carriers = [asyncio.create_task(self._carry(waiting)) for _ in range(self._concurrency)]
        try:
            yield waiting
        finally:
            for each in carriers:
                each.cancel()
            await asyncio.gather(*carriers, return_exceptions=True)
            while not waiting.empty():
                self._held.discard(waiting.get_nowait())
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(LEDGER_SECONDS):
                    await self._ledger.close()
            await self._post.close()

    async def _carry(self, waiting: asyncio.Queue[T]) -> None:
        while True:
            taken = await waiting.get()
            try:
                await self._deliver(taken)
            finally:
                self._held.discard(taken)
                waiting.task_done()
            self._woken.set()

    async def _fill(self, waiting: asyncio.Queue[T]) -> None:
        """Take what is due: many at once when there are many."""
        if self._is_busy(waiting):
            self._more_are_due = True
            return
        room = self._hold - waiting.qsize()
        try:
            taken = await self._take(room, self._clock())
        except Exception as failure:  # noqa: BLE001 - the next look may find it well again
            if self._outbox_in_reach:
                _logger.warning("the outbox is out of reach: %s", type(failure).__name__)
            self._outbox_in_reach = False
            return
        self._outbox_in_reach = True
        self._more_are_due = len(taken) == room
        if self._more_are_due:
            self._adapt()
        for each in taken:
            waiting.put_nowait(each)
        if not self._held:
            await self._post.close()

    def _is_busy(self, waiting: asyncio.Queue[T]) -> bool:
        """Whether a look into the outbox would not be worth it yet."""
        return waiting.qsize() > self._hold // 2 or len(self._ledger) > HOLD

    def _adapt(self) -> None:
        """Hold more when they leave fast, so that the outbox is asked seldom; fewer when not.

        Those that are held can be taken by no other courier, and wait for its lease if it dies.
        """
        now = time.monotonic()
        fast, self._taken_at = now - self._taken_at < POLL_SECONDS, now
        self._hold = min(self._hold * 2, HOLD) if fast else max(self._hold // 2, self._concurrency)

    def _wake_for_more(self) -> None:
        if self._more_are_due:
            self._woken.set()

    async def _take(self, most: int, due: dt.datetime) -> list[T]:
        now = self._clock()

        async def work(connection: AsyncConnection) -> list[T]:
            until = now + self._lease
            return await self._post.take(
                connection, most, held=self._held, due=due, now=now, until=until
            )

        taken = await self._database.write(work)
        self._held.update(taken)
        return taken

    async def _deliver(self, taken: T) -> None:
        left = (taken.until - self._clock()).total_seconds()
        if left < self._lease.total_seconds() * LEAST_OF_LEASE:
            return
        attempt = asking(f"deliver {self._post.kind}", {"portal.post.kind": self._post.kind})
        outcome = await self._attempt(taken, left * SHARE_OF_LEASE)
        level = logging.INFO if outcome.error is None else logging.WARNING
        _logger.log(level, "%s %s: %s", self._post.kind, taken.id.hex, outcome.state)
        self._ended(outcome)
        attempt.set_attribute("portal.post.state", outcome.state)
        if outcome.error is not None:
            fail(attempt, outcome.state)
        answered(attempt)
        self._ledger.note(outcome)

    async def _attempt(self, taken: T, seconds: float) -> Outcome:
        wait = backoff(taken.attempts + 1)
        try:
            async with asyncio.timeout(seconds):
                await self._post.send(taken)
        except Void:
            return Outcome(taken, LetterState.CANCELLED, self._clock())
        except Rejected as rejection:
            return Outcome(taken, LetterState.REFUSED, self._clock(), str(rejection))
        except TryAgain as failure:
            error = str(failure)
            wait = failure.wait or wait
        except TimeoutError:
            error = f"the {self._post.kind} did not leave in time"
        except Exception as failure:  # noqa: BLE001 - no mistake of ours may lose one
            error = f"the {self._post.kind} could not be sent: {type(failure).__name__}"
        else:
            return Outcome(taken, LetterState.SENT, self._clock())
        now = self._clock()
        if now - taken.since >= self._give_up:
            return Outcome(taken, LetterState.EXPIRED, now, error)
        return Outcome(taken, LetterState.QUEUED, now + wait, error)


def backoff(attempts: int) -> dt.timedelta:
    """How long to wait after so many attempts: any time up to one that doubles ("full jitter").

    At least a second, at most an hour.
    """
    longest = min(FIRST_RETRY_SECONDS * 2 ** min(attempts - 1, 32), LAST_RETRY_SECONDS)
    return dt.timedelta(seconds=random.uniform(1, longest))  # noqa: S311 - jitter
