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
import uuid
from collections.abc import Awaitable, Callable
from email.utils import getaddresses

from sqlalchemy.ext.asyncio import AsyncConnection

from mailer.letters import LETTERS
from mailer.message import Message, compose, mailbox
from mailer.outbox import Outcome, Taken, settle, take
from mailer.rendering import render
from mailer.transports import Rejected, Transport, TryAgain
from models import Database, LetterState, Unavailable

POLL_SECONDS = 1
"""How long a letter that another process wrote may go unseen, at most."""

GRACE_SECONDS = 5
"""How long letters on their way are waited for when the courier is told to stop."""

BATCH = 64
"""How many letters are taken at once, at most; those that find no slot wait under their lease."""

LEAST_OF_LEASE = 1 / 2
"""What must be left of a lease for an attempt to begin; otherwise the letter is left to it."""

SHARE_OF_LEASE = 5 / 6
"""What an attempt may take of what is left; the rest is for writing down what came of it."""

FIRST_RETRY_SECONDS = 4
LAST_RETRY_SECONDS = 3600
SETTLING_PAUSES_SECONDS = (0.1, 0.5, 2, 5)

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
        self._slots = asyncio.Semaphore(concurrency)
        self._woken = asyncio.Event()
        self._outbox_in_reach = True
        self._more_are_due = False
        self._outcomes: list[Outcome] = []
        self._settling = asyncio.Lock()

    def wake(self) -> None:
        """Look into the outbox now, a letter was committed; to be called on the courier's loop."""
        self._woken.set()

    async def run(self) -> None:
        """See letters off until cancelled; then finish those on their way, or leave them be."""
        sending: set[asyncio.Task[None]] = set()
        try:
            while True:
                self._woken.clear()
                await self._fill(sending)
                with contextlib.suppress(TimeoutError):
                    async with asyncio.timeout(POLL_SECONDS):
                        await self._woken.wait()
        finally:
            await _finish(sending)
            await self._transport.close()

    async def deliver_due(self) -> int:
        """Try every letter that is due now, once; how many there were. Raises `Unavailable`."""
        due, count = self._clock(), 0
        try:
            while letters := await self._take(BATCH, due):
                await asyncio.gather(*map(self._deliver, letters))
                count += len(letters)
        finally:
            await self._transport.close()
        return count

    async def _fill(self, sending: set[asyncio.Task[None]]) -> None:
        """Take letters that are due, and set off with them: many at once when there are many."""
        room = BATCH - len(sending)
        if room < BATCH // 2:
            self._more_are_due = True
            return
        try:
            letters = await self._take(room, self._clock())
        except Exception as failure:  # noqa: BLE001 - the next look may find it well again
            if self._outbox_in_reach:
                _logger.warning("the outbox is out of reach: %s", type(failure).__name__)
            self._outbox_in_reach = False
            return
        self._outbox_in_reach = True
        self._more_are_due = len(letters) == room

        def arrived(task: asyncio.Task[None]) -> None:
            sending.discard(task)
            if not sending or (self._more_are_due and len(sending) == BATCH // 2):
                self._woken.set()

        for letter in letters:
            task = asyncio.create_task(self._deliver(letter))
            sending.add(task)
            task.add_done_callback(arrived)
        if not sending:
            await self._transport.close()

    async def _take(self, most: int, due: dt.datetime) -> list[Taken]:
        now = self._clock()

        async def work(connection: AsyncConnection) -> list[Taken]:
            return await take(connection, most, due=due, now=now, until=now + self._lease)

        return await self._database.write(work)

    async def _deliver(self, letter: Taken) -> None:
        async with self._slots:
            left = (letter.until - self._clock()).total_seconds()
            if left < self._lease.total_seconds() * LEAST_OF_LEASE:
                return
            outcome = await self._attempt(letter, left * SHARE_OF_LEASE)
        level = logging.INFO if outcome.error is None else logging.WARNING
        _logger.log(level, "letter %s: %s", letter.id.hex, outcome.state)
        try:
            await self._settle(outcome)
        except Exception as failure:  # noqa: BLE001 - its lease ends by itself
            name = type(failure).__name__
            _logger.warning("letter %s: left to its lease, %s", letter.id.hex, name)

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
        return Outcome(letter, LetterState.QUEUED, now + backoff(letter.attempts), error)

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

    async def _settle(self, outcome: Outcome) -> None:
        """Write the outcome down, in one transaction with all that came meanwhile."""
        self._outcomes.append(outcome)
        async with self._settling:
            outcomes, self._outcomes = self._outcomes, []
            if outcomes:
                await self._write(lambda connection: settle(connection, outcomes))

    async def _write(self, work: Callable[[AsyncConnection], Awaitable[None]]) -> None:
        """Write through a short absence of the database; after a long one the lease has ended."""
        for pause in SETTLING_PAUSES_SECONDS:
            try:
                return await self._database.write(work)
            except Unavailable:
                await asyncio.sleep(pause)
        return await self._database.write(work)


def backoff(attempts: int) -> dt.timedelta:
    """How long to wait after so many attempts: any time up to one that doubles ("full jitter").

    At least a second, at most an hour.
    """
    longest = min(FIRST_RETRY_SECONDS * 2 ** min(attempts - 1, 32), LAST_RETRY_SECONDS)
    return dt.timedelta(seconds=random.uniform(1, longest))  # noqa: S311 - jitter


async def _finish(sending: set[asyncio.Task[None]]) -> None:
    """Give letters on their way a moment to arrive; what is left then is left to its lease."""
    try:
        if sending:
            await asyncio.wait(sending, timeout=GRACE_SECONDS)
    finally:
        left = list(sending)
        for task in left:
            task.cancel()
        await asyncio.gather(*left, return_exceptions=True)
