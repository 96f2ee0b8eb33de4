"""A storm: a mail server that fails one letter in five, and couriers that are killed meanwhile."""

import asyncio
import random
import time
from collections import Counter, defaultdict, deque
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from aiosmtpd.smtp import Envelope
from sqlalchemy import insert, select
from sqlalchemy.ext.asyncio import AsyncConnection

from mailer import AlreadyRegistered, post
from models import Database, Letter, LetterState, Organization, new_id
from portal.service import utc_now
from tests.crash.programs import Program, environment, program
from tests.mailbox import Fault, Mailbox

FAILING = 1 / 5
A_TRANSACTION = 500


@dataclass(frozen=True, slots=True)
class Damage:
    """What a storm did to letters, which are named by their recipients."""

    states: Counter[LetterState]
    """What has become of them, as the outbox says."""
    lost: set[str]
    """Sent as the outbox says, and nowhere; or refused, and by nobody."""
    twice: set[str]
    """Those that came more than once."""
    unlike: set[str]
    """Those whose copies are not the same to the byte, Message-ID and all."""
    needless: set[str]
    """Those that came again although the connection of an earlier copy ended in good order."""
    killed: int
    """How many couriers were."""
    seconds: float


class Sea(Mailbox):
    """A mail server that fails one time in five, in every way there is."""

    def __init__(self, seed: int) -> None:
        super().__init__()
        self._random = random.Random(seed)
        self.refused = set[str]()
        self.copies = defaultdict[str, list[tuple[bytes, Any]]](list)
        self.in_order = set[Any]()

    async def handle_RCPT(self, *args: Any) -> str:  # noqa: N802 - called by this name
        if self._random.random() < FAILING:
            self.upcoming.append(self._random.choice(list(Fault)))
        answer = await super().handle_RCPT(*args)
        if answer == Fault.NEVER.value:
            self.refused.add(args[3])
        return answer

    async def handle_DATA(self, server: Any, session: Any, envelope: Envelope) -> str:  # noqa: N802
        [recipient] = envelope.rcpt_tos
        if server.fault in {None, Fault.CUT_AFTER}:
            assert isinstance(envelope.content, bytes)
            self.copies[recipient].append((envelope.content, server))
        answer = await super().handle_DATA(server, session, envelope)
        if answer == Fault.NEVER_AT_DATA.value:
            self.refused.add(recipient)
        return answer

    async def handle_QUIT(self, server: Any, *_: Any) -> str:  # noqa: N802
        self.in_order.add(server)
        return "221 Bye"


async def storm(url: str, folder: Path, letters: int, couriers: int, seed: int = 1) -> Damage:
    """Deliver so many letters; every second the courier that has lived longest is killed."""
    database = Database(url)
    async with Sea(seed) as sea:
        await _post(database, letters)
        started = time.monotonic()
        async with _killing(environment(url, sea), folder, couriers) as killed:
            while LetterState.QUEUED in await _states(database):
                sea.deliveries.clear()
                await asyncio.sleep(0.5)
        seconds = time.monotonic() - started
    outbox = select(Letter.recipient, Letter.state)
    found = await database.read(lambda connection: connection.execute(outbox).all())
    await database.close()
    twice = {recipient for recipient, copies in sea.copies.items() if len(copies) > 1}
    return Damage(
        states=Counter(state for _, state in found),
        lost={
            recipient
            for recipient, state in found
            if recipient not in (sea.copies if state is LetterState.SENT else sea.refused)
        },
        twice=twice,
        unlike={one for one in twice if len({content for content, _ in sea.copies[one]}) > 1},
        needless={
            one for one in twice if any(over in sea.in_order for _, over in sea.copies[one][:-1])
        },
        killed=len(killed),
        seconds=seconds,
    )


async def _post(database: Database, number: int) -> None:
    id, now = new_id(), utc_now()
    row = {"id": id, "slug": "riverside", "name": "Riverside Clinic", "created_at": now}
    await database.write(lambda connection: connection.execute(insert(Organization).values(row)))
    for start in range(0, number, A_TRANSACTION):

        async def work(connection: AsyncConnection, start: int = start) -> None:
            for i in range(start, min(start + A_TRANSACTION, number)):
                await post(
                    connection,
                    AlreadyRegistered.sample(),
                    organization_id=id,
                    recipient=f"client{i}@home.example",
                    now=now,
                )

        await database.write(work)


async def _states(database: Database) -> set[LetterState]:
    found = select(Letter.state).group_by(Letter.state)
    return await database.read(lambda connection: set(connection.execute(found).scalars()))


@asynccontextmanager
async def _killing(
    env: dict[str, str], folder: Path, couriers: int
) -> AsyncIterator[list[Program]]:
    """So many couriers meanwhile; gives those that were killed."""
    killed = list[Program]()
    living = deque[Program]()

    async with AsyncExitStack() as programs:

        async def begin() -> None:
            living.append(
                await programs.enter_async_context(program("courier", env=env, folder=folder))
            )

        async def kill() -> None:
            while True:
                oldest = living.popleft()
                await oldest.until("Delivering letters")
                await asyncio.sleep(1)
                await oldest.kill()
                killed.append(oldest)
                await begin()

        for _ in range(couriers):
            await begin()
        killing = asyncio.create_task(kill())
        try:
            yield killed
        finally:
            killing.cancel()
            await asyncio.gather(killing, return_exceptions=True)
