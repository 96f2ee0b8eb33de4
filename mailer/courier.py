"""The courier: takes letters that are due out of the outbox and sees them off (`D22`).

It holds a letter by a lease that ends by itself, and what it writes down counts only while the
letter still names that lease: a courier that stalled past it changes nothing. A letter may leave
twice when a courier dies between sending it and writing so down, with the same Message-ID and
the same link; no letter is lost.
"""

import asyncio
import contextlib
import datetime as dt
import logging
import random
import time
import uuid
from collections.abc import AsyncIterator, Callable
from email.utils import getaddresses

from sqlalchemy.ext.asyncio import AsyncConnection

from mailer.ledger import Ledger
from mailer.letters import LETTERS
from mailer.message import Message, compose, mailbox
from mailer.outbox import Outcome, Taken, take
from mailer.rendering import render
from mailer.transports import Rejected, Transport, TryAgain
from models import Database, LetterState

POLL_SECONDS = 1
"""How long a letter that another process wrote may go unseen, at most."""

GRACE_SECONDS = 5
"""How long letters on their way are waited for when the courier is told to stop."""

HOLD = 256
"""How many letters wait for a carrier at once, at most; they do so under their lease."""

LEAST_OF_LEASE = 1 / 2
"""What must be left of a lease for an attempt to begin; otherwise the letter is left to it."""

SHARE_OF_LEASE = 5 / 6
"""What an attempt may take of what is left; the rest is for writing down what came of it."""

FIRST_RETRY_SECONDS = 4
LAST_RETRY_SECONDS = 3600

_Waiting = asyncio.Queue[Taken]

_logger = logging.getLogger(__name__)


class Courier:
    """Sees letters off, `concurrency` of them at once, so that a slow one holds up no other.

    `public_url` is where links lead, `sender` the address that letters come from, `link_token`
    gives a link's token from its id, `clock` the time, aware. A letter that could not leave is
    tried again, ever later, until it is `give_up_days` old. No attempt outlasts its lease.
    Raises `ValueError` for a `sender` that is not one address.
    """

    def __init__(
        self,
        database: Database,
        transport: Transport,
        *,
        public_url: str,
        sender: str,
        link_token: Callable[[uuid.UUID], str],
        clock: Callable[[], dt.datetime],
        lease_seconds: float = 60,
        give_up_days: float = 5,
        concurrency: int = 8,
    ) -> None:
        self._database = database
        self._transport = transport
        self._public_url = public_url
        self._sender = mailbox(", ".join(address for _, address in getaddresses([sender])))
        self._link_token = link_token
        self._clock = clock
        self._lease = dt.timedelta(seconds=lease_seconds)
        self._give_up = dt.timedelta(days=give_up_days)
        self._concurrency = concurrency
        self._woken = asyncio.Event()
        self._outbox_in_reach = True
        self._more_are_due = False
        self._hold = concurrency
        self._taken_at = 0.0
        self._under_way = 0
        self._ledger = Ledger(database, written=self._wake_for_more)

    def wake(self) -> None:
        """Look into the outbox now, a letter was committed; to be called on the courier's loop."""
        self._woken.set()

    async def run(self) -> None:
        """See letters off until cancelled; then finish those that are held, or leave them be."""
        async with self._carriers() as waiting:
            try:
                while True:
                    self._woken.clear()
                    await self._fill(waiting)
                    with contextlib.suppress(TimeoutError):
                        async with asyncio.timeout(POLL_SECONDS):
                            await self._woken.wait()
            finally:
                with contextlib.suppress(TimeoutError):
                    async with asyncio.timeout(GRACE_SECONDS):
                        await waiting.join()
                        await self._ledger.close()

    async def deliver_due(self) -> int:
        """Try every letter that is due now, once; how many there were. Raises `Unavailable`."""
        due, count = self._clock(), 0
        async with self._carriers() as waiting:
            while letters := await self._take(HOLD, due):
                for letter in letters:
                    waiting.put_nowait(letter)
                await waiting.join()
                await self._ledger.close()
                count += len(letters)
        return count

    @contextlib.asynccontextmanager
    async def _carriers(self) -> AsyncIterator[_Waiting]:
        """Letters that are put here are delivered, `concurrency` at once."""
        waiting: _Waiting = asyncio.Queue()
        carriers = [asyncio.create_task(self._carry(waiting)) for _ in range(self._concurrency)]
        try:
            yield waiting
        finally:
            for each in carriers:
                each.cancel()
            await asyncio.gather(*carriers, return_exceptions=True)
            await self._transport.close()

    async def _carry(self, waiting: _Waiting) -> None:
        while True:
            letter = await waiting.get()
            self._under_way += 1
            try:
                await self._deliver(letter)
            finally:
                self._under_way -= 1
                waiting.task_done()
            if not self._under_way:
                self._woken.set()
            elif not self._is_busy(waiting):
                self._wake_for_more()

    async def _fill(self, waiting: _Waiting) -> None:
        """Take letters that are due: many at once when there are many."""
        if self._is_busy(waiting):
            self._more_are_due = True
            return
        room = self._hold - waiting.qsize()
        try:
            letters = await self._take(room, self._clock())
        except Exception as failure:  # noqa: BLE001 - the next look may find it well again
            if self._outbox_in_reach:
                _logger.warning("the outbox is out of reach: %s", type(failure).__name__)
            self._outbox_in_reach = False
            return
        self._outbox_in_reach = True
        self._more_are_due = len(letters) == room
        if self._more_are_due:
            self._adapt()
        for letter in letters:
            waiting.put_nowait(letter)
        if not letters and not self._under_way:
            await self._transport.close()

    def _is_busy(self, waiting: _Waiting) -> bool:
        """Whether a look into the outbox would not be worth it yet."""
        return waiting.qsize() > self._hold // 2 or len(self._ledger) > HOLD

    def _adapt(self) -> None:
        """Hold more when letters leave fast, so that the outbox is asked seldom; fewer when not.

        Those that are held can be taken by no other courier, and wait for its lease if it dies.
        """
        now = time.monotonic()
        fast, self._taken_at = now - self._taken_at < POLL_SECONDS, now
        self._hold = min(self._hold * 2, HOLD) if fast else max(self._hold // 2, self._concurrency)

    def _wake_for_more(self) -> None:
        if self._more_are_due:
            self._woken.set()

    async def _take(self, most: int, due: dt.datetime) -> list[Taken]:
        now = self._clock()

        async def work(connection: AsyncConnection) -> list[Taken]:
            return await take(connection, most, due=due, now=now, until=now + self._lease)

        return await self._database.write(work)

    async def _deliver(self, letter: Taken) -> None:
        left = (letter.until - self._clock()).total_seconds()
        if left < self._lease.total_seconds() * LEAST_OF_LEASE:
            return
        outcome = await self._attempt(letter, left * SHARE_OF_LEASE)
        level = logging.INFO if outcome.error is None else logging.WARNING
        _logger.log(level, "letter %s: %s", letter.id.hex, outcome.state)
        self._ledger.note(outcome)

    async def _attempt(self, letter: Taken, seconds: float) -> Outcome:
        if letter.link_ended:
            return Outcome(letter, LetterState.CANCELLED, self._clock())
        try:
            async with asyncio.timeout(seconds):
                await self._transport.send(self._message(letter))
        except Rejected as rejection:
            return Outcome(letter, LetterState.REFUSED, self._clock(), str(rejection))
        except TryAgain as failure:
            error = str(failure)
        except TimeoutError:
            error = "the letter did not leave in time"
        except Exception as failure:  # noqa: BLE001 - no mistake of ours may lose a letter
            error = f"the letter could not be sent: {type(failure).__name__}"
        else:
            return Outcome(letter, LetterState.SENT, self._clock())
        now = self._clock()
        if now - letter.created_at >= self._give_up:
            return Outcome(letter, LetterState.EXPIRED, now, error)
        return Outcome(letter, LetterState.QUEUED, now + backoff(letter.attempts + 1), error)

    def _message(self, letter: Taken) -> Message:
        contents = LETTERS[letter.name].from_json(letter.contents)
        token = self._link_token(letter.link_id) if letter.link_id else None
        contact = contents.organization_contact
        return compose(
            letter.id,
            render(contents, contents.link(self._public_url, token)),
            sender=self._sender,
            sender_name=contents.organization_name,
            recipient=mailbox(letter.recipient),
            reply_to=mailbox(contact) if contact else None,
            written_at=letter.created_at,
        )


def backoff(attempts: int) -> dt.timedelta:
    """How long to wait after so many attempts: any time up to one that doubles ("full jitter").

    At least a second, at most an hour.
    """
    longest = min(FIRST_RETRY_SECONDS * 2 ** min(attempts - 1, 32), LAST_RETRY_SECONDS)
    return dt.timedelta(seconds=random.uniform(1, longest))  # noqa: S311 - jitter
