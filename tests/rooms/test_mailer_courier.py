"""The outbox and the courier: a letter leaves whatever fails, and none that should not."""

import asyncio
import datetime as dt
import email
import logging
import uuid
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager, suppress
from dataclasses import replace
from pathlib import Path
from typing import Any, TypeVar

import pytest
from jinja2 import TemplateNotFound
from sqlalchemy import insert, select, update
from sqlalchemy.ext.asyncio import AsyncConnection

from mailer import (
    AlreadyRegistered,
    ConfirmRegistration,
    Contents,
    Courier,
    Mail,
    Message,
    Rejected,
    TakenLetter,
    Transport,
    post,
    transport,
)
from mailer.courier import HOLD, POLL_SECONDS, backoff
from mailer.outbox import Outcome
from mailer.transports import Smtp
from models import (
    Database,
    Letter,
    LetterState,
    Link,
    LinkPurpose,
    Organization,
    Registration,
    Unavailable,
    new_id,
)
from tests import waiting
from tests.mailbox import Fault, Mailbox
from tests.waiting import PATIENCE

T = TypeVar("T")

NOW = dt.datetime(2026, 11, 23, 9, 30, 15, tzinfo=dt.UTC)


class Clock:
    """The time as the test says; `ahead` are jumps, one a look at it."""

    def __init__(self) -> None:
        self.now = NOW
        self.ahead = list[float]()

    def __call__(self) -> dt.datetime:
        if self.ahead:
            self.pass_(self.ahead.pop(0))
        return self.now

    def pass_(self, seconds: float) -> None:
        self.now += dt.timedelta(seconds=seconds)


class Held:
    """A transport that holds every letter until it is released, and then says what it was told."""

    def __init__(self) -> None:
        self.reached = asyncio.Event()
        self.release = asyncio.Event()
        self.answer: Exception | None = None
        self.sent = list[Message]()

    async def send(self, message: Message) -> None:
        self.reached.set()
        await self.release.wait()
        if self.answer:
            raise self.answer
        self.sent.append(message)

    async def close(self) -> None:
        pass


class Away(Database):
    """A database that is away while the test says so, and counts its transactions."""

    away = False
    writes = 0
    refused = 0

    async def write(self, work: Callable[[AsyncConnection], Awaitable[T]]) -> T:
        if self.away:
            self.refused += 1
            raise Unavailable("the database is away")
        self.writes += 1
        return await super().write(work)


class Slow(Database):
    """A database of which nobody hears that a transaction is committed before the test says so."""

    def __init__(self, url: str) -> None:
        super().__init__(url)
        self.committed = asyncio.Event()
        self.release = asyncio.Event()

    async def write(self, work: Callable[[AsyncConnection], Awaitable[T]]) -> T:
        done = await super().write(work)
        self.committed.set()
        await self.release.wait()
        return done


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
async def organization(database: Database) -> uuid.UUID:
    id = new_id()
    row = {"id": id, "slug": "riverside", "name": "Riverside Clinic", "created_at": NOW}
    await database.write(lambda connection: connection.execute(insert(Organization).values(row)))
    return id


def courier(
    database: Database, way: Transport | Mailbox, clock: Clock, **options: Any
) -> Courier[TakenLetter]:
    mail = Mail(
        transport(way.url) if isinstance(way, Mailbox) else way,
        public_url="https://portal.example",
        sender="VTConnect <portal@mail.example>",
        link_token=lambda link_id: f"vtl_{link_id.hex}",
    )
    return Courier(database, mail, clock=clock, **options)


@asynccontextmanager
async def running(courier: Courier[TakenLetter]) -> AsyncIterator[asyncio.Task[None]]:
    task = asyncio.create_task(courier.run())
    try:
        yield task
    finally:
        task.cancel()
        with suppress(asyncio.CancelledError):
            await task


async def posted(
    database: Database,
    organization: uuid.UUID,
    recipient: str = "jane@example.org",
    contents: Contents | None = None,
    link_id: uuid.UUID | None = None,
) -> uuid.UUID:
    """A letter in the outbox, due at NOW."""
    return await database.write(
        lambda connection: post(
            connection,
            contents or AlreadyRegistered.sample(),
            organization_id=organization,
            recipient=recipient,
            now=NOW,
            link_id=link_id,
        )
    )


async def linked(database: Database, organization: uuid.UUID, **changes: Any) -> uuid.UUID:
    """A registration and its link, good for 72 hours, with the changes."""
    registration = {
        "organization_id": organization,
        "id": new_id(),
        "first_name": "Jane",
        "last_name": "Doe",
        "email": "jane@example.org",
        "email_key": "jane@example.org",
        "date_of_birth": dt.date(1980, 1, 2),
        "created_at": NOW,
        "ended_at": changes.pop("ended_at", None),
    }
    link = {
        "organization_id": organization,
        "id": new_id(),
        "purpose": LinkPurpose.CONFIRM_REGISTRATION,
        "registration_id": registration["id"],
        "created_at": NOW,
        "expires_at": NOW + dt.timedelta(hours=72),
    }

    async def work(connection: AsyncConnection) -> uuid.UUID:
        await connection.execute(insert(Registration).values(registration))
        await connection.execute(insert(Link).values(link | changes))
        return uuid.UUID(str(link["id"]))

    return await database.write(work)


async def posted_many(database: Database, organization: uuid.UUID, count: int) -> list[str]:
    """Their recipients, of letters in the outbox that are due at NOW."""
    recipients = [f"client{number}@example.org" for number in range(count)]

    async def work(connection: AsyncConnection) -> None:
        for recipient in recipients:
            await post(
                connection,
                AlreadyRegistered.sample(),
                organization_id=organization,
                recipient=recipient,
                now=NOW,
            )

    await database.write(work)
    return recipients


async def row(database: Database, id: uuid.UUID) -> Any:
    statement = select(*Letter.__table__.columns).where(Letter.id == id)
    return await database.read(lambda connection: connection.execute(statement).one())


async def rows(database: Database) -> list[Any]:
    statement = select(*Letter.__table__.columns).order_by(Letter.id)
    return await database.read(lambda connection: list(connection.execute(statement)))


async def until(state: LetterState, database: Database, id: uuid.UUID) -> Any:
    """The row, when the letter is in the state."""
    async with asyncio.timeout(PATIENCE):
        while (found := await row(database, id)).state is not state:  # noqa: ASYNC110 - a row
            await asyncio.sleep(0.01)
    return found


async def test_letter_is_in_the_outbox_without_its_token(
    database: Database, organization: uuid.UUID
) -> None:
    link_id = await linked(database, organization)
    sample = ConfirmRegistration.sample()
    id = await posted(database, organization, "Jane@Example.org", sample, link_id)
    letter = await row(database, id)
    assert letter.organization_id == organization
    assert (letter.name, letter.recipient) == ("confirm_registration", "Jane@Example.org")
    assert letter.contents == sample.to_json()
    assert letter.link_id == link_id
    assert (letter.state, letter.attempts, letter.lease) == (LetterState.QUEUED, 0, None)
    assert letter.created_at == letter.due_at == NOW
    assert (letter.done_at, letter.error) == (None, None)
    assert "vtl_" not in repr(letter)


async def test_roll_back_leaves_no_letter(
    database: Database, organization: uuid.UUID, mailbox: Mailbox, clock: Clock
) -> None:
    async def work(connection: AsyncConnection) -> None:
        await post(
            connection,
            AlreadyRegistered.sample(),
            organization_id=organization,
            recipient="jane@example.org",
            now=NOW,
        )
        raise LookupError

    with pytest.raises(LookupError):
        await database.write(work)
    assert await rows(database) == []
    assert await courier(database, mailbox, clock).deliver_due() == 0
    assert mailbox.attempts == []


@pytest.mark.parametrize(
    ("contents", "recipient", "with_link", "words"),
    [
        (AlreadyRegistered.sample(), "a@b.example, c@d.example", False, "one e-mail address"),
        (AlreadyRegistered.sample(), "jane@example.org\r\nBcc: eve@d.example", False, "address"),
        (
            replace(AlreadyRegistered.sample(), organization_contact="ask us"),
            "jane@example.org",
            False,
            "one e-mail address",
        ),
        (AlreadyRegistered.sample(), "jane@example.org", True, "is written without a link"),
        (ConfirmRegistration.sample(), "jane@example.org", False, "is written with a link"),
    ],
)
async def test_letter_that_could_not_be_sent_fails_the_mutation(
    database: Database,
    organization: uuid.UUID,
    contents: Contents,
    recipient: str,
    with_link: bool,
    words: str,
) -> None:
    link_id = await linked(database, organization) if with_link else None
    with pytest.raises(ValueError, match=words):
        await posted(database, organization, recipient, contents, link_id)
    assert await rows(database) == []


async def test_letter_that_cannot_be_written_fails_the_mutation(
    database: Database, organization: uuid.UUID
) -> None:
    class BirthdayWishes(AlreadyRegistered):
        name = "birthday_wishes"

    async def work(connection: AsyncConnection) -> None:
        with pytest.raises(TemplateNotFound):
            await post(
                connection,
                BirthdayWishes.sample(),
                organization_id=organization,
                recipient="jane@example.org",
                now=NOW,
            )

    await database.write(work)
    assert await rows(database) == []


async def test_letter_that_was_sent_keeps_nothing_of_its_contents(
    database: Database, organization: uuid.UUID, mailbox: Mailbox, clock: Clock
) -> None:
    link_id = await linked(database, organization)
    id = await posted(
        database, organization, contents=ConfirmRegistration.sample(), link_id=link_id
    )
    clock.pass_(3)
    assert await courier(database, mailbox, clock).deliver_due() == 1
    letter = await row(database, id)
    assert (letter.state, letter.attempts, letter.lease) == (LetterState.SENT, 1, None)
    assert letter.done_at == NOW + dt.timedelta(seconds=3)
    assert (letter.contents, letter.error) == (None, None)
    [delivery] = mailbox.deliveries
    assert delivery.recipients == ["jane@example.org"]
    assert delivery.message["Message-ID"] == f"<{id.hex}@mail.example>"
    assert delivery.message["From"] == "Riverside Clinic <portal@mail.example>"
    link = f"https://portal.example/riverside/confirm#token=vtl_{link_id.hex}"
    assert Mailbox.link(delivery.message) == link
    assert await courier(database, mailbox, clock).deliver_due() == 0
    assert len(mailbox.deliveries) == 1


async def test_wake_starts_delivery_at_once_and_close_ends_the_connection(
    database: Database,
    organization: uuid.UUID,
    mailbox: Mailbox,
    clock: Clock,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("mailer.courier.POLL_SECONDS", 3600)  # nothing else finds a letter
    one = courier(database, mailbox, clock)
    async with running(one):
        await asyncio.sleep(0.1)
        for count in (1, 2, 3):
            await posted(database, organization)
            one.wake()
            await mailbox.wait(count)
        await waiting.until(lambda: not mailbox._connections)


async def test_letter_of_another_process_is_found_within_two_seconds(
    database: Database, organization: uuid.UUID, mailbox: Mailbox, clock: Clock
) -> None:
    assert POLL_SECONDS <= 1  # and it leaves well within another
    async with running(courier(database, mailbox, clock)):
        await asyncio.sleep(0.1)
        id = await posted(database, organization)
        await until(LetterState.SENT, database, id)
    assert len(mailbox.deliveries) == 1


async def test_four_couriers_send_each_letter_once(
    url: str, database: Database, organization: uuid.UUID, mailbox: Mailbox, clock: Clock
) -> None:
    recipients = [f"client{number}@example.org" for number in range(60)]
    for recipient in recipients:
        await posted(database, organization, recipient)
    others = [Database(url) for _ in range(3)]
    couriers = [courier(each, mailbox, clock, concurrency=5) for each in (database, *others)]
    counts = await asyncio.gather(*(each.deliver_due() for each in couriers))
    for each in others:
        await each.close()
    assert sum(counts) == 60
    assert sorted(mailbox.attempts) == sorted(recipients)
    assert {letter.attempts for letter in await rows(database)} == {1}
    assert {letter.state for letter in await rows(database)} == {LetterState.SENT}


async def test_many_letters_leave_without_a_pause_and_few_at_once(
    database: Database,
    organization: uuid.UUID,
    mailbox: Mailbox,
    clock: Clock,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("mailer.courier.POLL_SECONDS", 3600)
    monkeypatch.setattr("mailer.courier.GRACE_SECONDS", 0.1)
    recipients = await posted_many(database, organization, HOLD)
    mailbox.faults[recipients[0]] = Fault.HANG
    busiest = 0

    class Counted(Smtp):
        async def send(self, message: Message) -> None:
            nonlocal busiest
            busiest = max(busiest, len(mailbox._connections))
            await super().send(message)

    way = Counted("smtp", "127.0.0.1", mailbox.port, user="", password="")
    async with running(courier(database, way, clock, concurrency=3)) as task:
        await mailbox.wait(len(recipients) - 1)
        assert not task.done()
    assert sorted(mailbox.attempts) == sorted(recipients)
    assert busiest == 3


async def test_letters_that_leave_fast_cost_few_transactions(
    url: str, database: Database, organization: uuid.UUID, clock: Clock
) -> None:
    await posted_many(database, organization, 2 * HOLD)
    theirs, swift = Away(url), Held()
    swift.release.set()
    async with running(courier(theirs, swift, clock)):
        async with asyncio.timeout(PATIENCE):
            while {each.state for each in await rows(database)} != {LetterState.SENT}:  # noqa: ASYNC110 - rows
                await asyncio.sleep(0.05)
    assert len(swift.sent) == 2 * HOLD
    assert theirs.writes < 2 * HOLD / 8
    await theirs.close()


async def test_letters_that_leave_slowly_are_left_to_other_couriers(
    url: str,
    database: Database,
    organization: uuid.UUID,
    mailbox: Mailbox,
    clock: Clock,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("mailer.courier.POLL_SECONDS", 0.1)
    monkeypatch.setattr("mailer.courier.GRACE_SECONDS", PATIENCE)
    await posted_many(database, organization, HOLD)
    slow, theirs = Held(), Database(url)

    async def holds_eight() -> bool:
        return sum(each.lease is not None for each in await rows(database)) == 8

    async with running(courier(database, slow, clock, concurrency=4)):
        await waiting.until(holds_eight)  # four with carriers, and four for when those are back
        await asyncio.sleep(0.5)
        assert await holds_eight()
        assert await courier(theirs, mailbox, clock).deliver_due() == HOLD - 8
        slow.release.set()
    await theirs.close()
    assert {each.state for each in await rows(database)} == {LetterState.SENT}
    assert len(mailbox.deliveries) + len(slow.sent) == HOLD


async def test_courier_that_stalled_past_its_lease_changes_nothing(
    database: Database, organization: uuid.UUID, mailbox: Mailbox, clock: Clock
) -> None:
    id = await posted(database, organization)
    held = Held()
    held.answer = Rejected("the recipient was refused: 550")
    stalled = asyncio.create_task(courier(database, held, clock).deliver_due())
    await held.reached.wait()

    assert await courier(database, mailbox, clock).deliver_due() == 0
    clock.pass_(59)
    assert await courier(database, mailbox, clock).deliver_due() == 0
    clock.pass_(1)
    second = Held()
    resumed = asyncio.create_task(courier(database, second, clock).deliver_due())
    await second.reached.wait()
    taken = await row(database, id)

    held.release.set()
    await stalled
    assert await row(database, id) == taken
    assert (taken.state, taken.attempts) == (LetterState.QUEUED, 0)

    second.release.set()
    await resumed
    sent = await row(database, id)
    assert (sent.state, sent.attempts, sent.error) == (LetterState.SENT, 1, None)
    assert len(second.sent) == 1


async def test_courier_that_stalled_before_sending_sends_nothing(
    database: Database, organization: uuid.UUID, mailbox: Mailbox, clock: Clock
) -> None:
    id = await posted(database, organization)
    clock.ahead = [0, 0, 61]
    await courier(database, mailbox, clock).deliver_due()
    assert mailbox.attempts == []
    assert (await row(database, id)).state is LetterState.QUEUED
    await courier(database, mailbox, clock).deliver_due()
    assert mailbox.attempts == ["jane@example.org"]


@pytest.mark.parametrize(
    ("fault", "error"),
    [
        (Fault.LATER, "the recipient was refused: 450 4.2.1"),
        (Fault.LATER_AT_DATA, "the message was refused: 451 4.3.0"),
        (Fault.CUT, "the connection failed: SMTPServerDisconnected"),
    ],
)
async def test_letter_that_could_not_leave_is_tried_again_later(
    database: Database,
    organization: uuid.UUID,
    mailbox: Mailbox,
    clock: Clock,
    fault: Fault,
    error: str,
) -> None:
    id = await posted(database, organization)
    mailbox.upcoming += [fault, fault]
    for attempts, longest in ((1, 4), (2, 8)):
        assert await courier(database, mailbox, clock).deliver_due() == 1
        letter = await row(database, id)
        assert (letter.state, letter.attempts, letter.lease) == (
            LetterState.QUEUED,
            attempts,
            None,
        )
        assert letter.error == error
        assert letter.contents is not None
        assert 1 <= (letter.due_at - clock.now).total_seconds() <= longest
        clock.now = letter.due_at - dt.timedelta(milliseconds=1)
        assert await courier(database, mailbox, clock).deliver_due() == 0
        clock.now = letter.due_at
    assert await courier(database, mailbox, clock).deliver_due() == 1
    letter = await row(database, id)
    assert (letter.state, letter.attempts, letter.error) == (LetterState.SENT, 3, None)
    assert len(mailbox.deliveries) == 1


def test_back_off_doubles_up_to_an_hour_with_full_jitter() -> None:
    for attempts, longest in ((1, 4), (2, 8), (5, 64), (10, 2048), (11, 3600), (10_000, 3600)):
        waits = [backoff(attempts).total_seconds() for _ in range(400)]
        assert 1 <= min(waits) < longest / 4 + 1
        assert longest * 3 / 4 < max(waits) <= longest


async def test_retry_of_a_letter_that_did_arrive_is_the_same_letter(
    database: Database, organization: uuid.UUID, mailbox: Mailbox, clock: Clock
) -> None:
    link_id = await linked(database, organization)
    await posted(database, organization, contents=ConfirmRegistration.sample(), link_id=link_id)
    mailbox.upcoming.append(Fault.CUT_AFTER)
    await courier(database, mailbox, clock).deliver_due()
    clock.pass_(10)
    await courier(database, mailbox, clock).deliver_due()
    first, second = mailbox.messages
    assert first["Message-ID"] == second["Message-ID"]
    assert Mailbox.token(first) == Mailbox.token(second) == f"vtl_{link_id.hex}"
    assert first.as_bytes() == second.as_bytes()


@pytest.mark.parametrize(
    ("fault", "error"),
    [
        (Fault.NEVER, "the recipient was refused: 550 5.1.1"),
        (Fault.NEVER_AT_DATA, "the message was refused: 554 5.7.1"),
    ],
)
async def test_letter_that_is_refused_for_good_is_not_tried_again(
    database: Database,
    organization: uuid.UUID,
    mailbox: Mailbox,
    clock: Clock,
    fault: Fault,
    error: str,
) -> None:
    id = await posted(database, organization)
    mailbox.upcoming.append(fault)
    await courier(database, mailbox, clock).deliver_due()
    letter = await row(database, id)
    assert (letter.state, letter.error) == (LetterState.REFUSED, error)
    assert (letter.contents, letter.lease, letter.done_at) == (None, None, NOW)
    clock.pass_(86_400)
    assert await courier(database, mailbox, clock).deliver_due() == 0
    assert mailbox.attempts == ["jane@example.org"]


async def test_letter_is_given_up_by_age_and_never_by_count(
    database: Database, organization: uuid.UUID, mailbox: Mailbox, clock: Clock
) -> None:
    id = await posted(database, organization)
    mailbox.faults["jane@example.org"] = Fault.LATER
    tireless = courier(database, mailbox, clock, give_up_days=2)
    while clock.now < NOW + dt.timedelta(days=2):
        assert (await row(database, id)).state is LetterState.QUEUED
        clock.now = (await row(database, id)).due_at
        await tireless.deliver_due()
    letter = await row(database, id)
    assert letter.attempts > 40
    assert letter.state is LetterState.EXPIRED
    assert letter.error == "the recipient was refused: 450 4.2.1"
    assert (letter.contents, letter.done_at) == (None, clock.now)


async def test_old_letter_is_tried_once_before_it_is_given_up(
    database: Database, organization: uuid.UUID, mailbox: Mailbox, clock: Clock
) -> None:
    id = await posted(database, organization)
    clock.pass_(30 * 86_400)
    await courier(database, mailbox, clock).deliver_due()
    assert (await row(database, id)).state is LetterState.SENT
    assert len(mailbox.deliveries) == 1


@pytest.mark.parametrize(
    "changes",
    [
        {"used_at": NOW},
        {"superseded_at": NOW},
        {"expires_at": NOW},
        {"ended_at": NOW},
    ],
    ids=lambda changes: next(iter(changes)),
)
async def test_letter_whose_link_has_ended_is_cancelled(
    database: Database,
    organization: uuid.UUID,
    mailbox: Mailbox,
    clock: Clock,
    changes: dict[str, dt.datetime],
) -> None:
    ended = await linked(database, organization, **changes)
    valid = await linked(database, organization, expires_at=NOW + dt.timedelta(microseconds=1))
    sample = ConfirmRegistration.sample()
    cancelled = await posted(database, organization, "old@example.org", sample, ended)
    sent = await posted(database, organization, "new@example.org", sample, valid)
    assert await courier(database, mailbox, clock).deliver_due() == 2
    assert mailbox.attempts == ["new@example.org"]
    assert (await row(database, sent)).state is LetterState.SENT
    letter = await row(database, cancelled)
    assert (letter.state, letter.contents) == (LetterState.CANCELLED, None)
    assert (letter.done_at, letter.error) == (NOW, None)


async def test_link_that_is_used_between_two_tries_cancels_the_second(
    database: Database, organization: uuid.UUID, mailbox: Mailbox, clock: Clock
) -> None:
    link_id = await linked(database, organization)
    sample = ConfirmRegistration.sample()
    id = await posted(database, organization, contents=sample, link_id=link_id)
    mailbox.upcoming.append(Fault.CUT_AFTER)
    await courier(database, mailbox, clock).deliver_due()
    used = update(Link).where(Link.id == link_id).values(used_at=clock.now)
    await database.write(lambda connection: connection.execute(used))
    clock.pass_(10)
    await courier(database, mailbox, clock).deliver_due()
    assert (await row(database, id)).state is LetterState.CANCELLED
    assert len(mailbox.attempts) == 1


async def test_letters_that_hang_do_not_hold_up_the_others(
    database: Database,
    organization: uuid.UUID,
    mailbox: Mailbox,
    clock: Clock,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("mailer.courier.GRACE_SECONDS", 0.1)
    for number in range(7):
        await posted(database, organization, f"hang{number}@example.org")
        mailbox.faults[f"hang{number}@example.org"] = Fault.HANG
    for number in range(20):
        await posted(database, organization, f"flows{number}@example.org")

    async def twenty_are_sent() -> bool:
        return [each.state for each in await rows(database)].count(LetterState.SENT) == 20

    async def seven_are_late() -> bool:
        late = "the letter did not leave in time"
        return [each.error for each in await rows(database) if each.error] == [late] * 7

    async with running(courier(database, mailbox, clock)):
        await waiting.until(twenty_are_sent)
    assert len(mailbox.deliveries) == 20
    clock.pass_(60)
    async with running(courier(database, mailbox, clock, lease_seconds=0.3)):
        await waiting.until(seven_are_late)


async def test_absence_of_the_database_is_survived(
    url: str,
    database: Database,
    organization: uuid.UUID,
    mailbox: Mailbox,
    clock: Clock,
    caplog: pytest.LogCaptureFixture,
) -> None:
    theirs = Away(url)
    theirs.away = True
    async with running(courier(theirs, mailbox, clock)) as task:
        id = await posted(database, organization)
        await asyncio.sleep(1.2)
        assert not task.done()
        theirs.away = False
        await until(LetterState.SENT, database, id)
    await theirs.close()
    assert caplog.messages.count("the outbox is out of reach: Unavailable") == 1


async def test_outcome_is_written_through_a_short_absence_of_the_database(
    url: str, database: Database, organization: uuid.UUID, clock: Clock
) -> None:
    theirs, held = Away(url), Held()
    id = await posted(database, organization)
    delivery = asyncio.create_task(courier(theirs, held, clock).deliver_due())
    await held.reached.wait()
    theirs.away = True
    held.release.set()
    await asyncio.sleep(0.05)
    assert (await row(database, id)).state is LetterState.QUEUED
    theirs.away = False
    assert await delivery == 1
    assert (await row(database, id)).state is LetterState.SENT
    await theirs.close()


async def test_outcome_that_cannot_be_written_is_left_to_its_lease(
    url: str,
    database: Database,
    organization: uuid.UUID,
    clock: Clock,
    caplog: pytest.LogCaptureFixture,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("mailer.ledger.PAUSES_SECONDS", (0.01, 0.01))
    theirs, held = Away(url), Held()
    ids = [await posted(database, organization) for _ in range(2)]
    async with running(courier(theirs, held, clock)):
        await held.reached.wait()
        theirs.away = True
        held.release.set()
        told = {f"letter {id.hex}: left to its lease, Unavailable" for id in ids}
        await waiting.until(lambda: told <= set(caplog.messages))
        theirs.away = False
        for id in ids:
            assert (await row(database, id)).state is LetterState.QUEUED
        clock.pass_(60)
        for id in ids:
            await until(LetterState.SENT, database, id)
    await theirs.close()
    assert {(await row(database, id)).attempts for id in ids} == {1}


async def test_courier_that_is_told_to_stop_finishes_its_letter(
    database: Database, organization: uuid.UUID, clock: Clock, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("mailer.courier.GRACE_SECONDS", PATIENCE)
    id, held = await posted(database, organization), Held()
    async with running(courier(database, held, clock)) as task:
        await held.reached.wait()
        task.cancel()
        await asyncio.sleep(0.05)
        assert not task.done()
        held.release.set()
        with suppress(asyncio.CancelledError):
            await task
    assert (await row(database, id)).state is LetterState.SENT


async def test_courier_that_is_told_to_stop_while_it_takes_a_letter_sends_it(
    database: Database,
    url: str,
    organization: uuid.UUID,
    clock: Clock,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("mailer.courier.GRACE_SECONDS", PATIENCE)
    id, held = await posted(database, organization), Held()
    held.release.set()
    slow = Slow(url)
    async with running(courier(slow, held, clock)) as task:
        await slow.committed.wait()
        task.cancel()
        await asyncio.sleep(0.05)
        slow.release.set()
        with suppress(asyncio.CancelledError):
            await task
    assert (await row(database, id)).state is LetterState.SENT
    await slow.close()


async def test_courier_that_is_told_to_stop_leaves_a_hanging_letter_to_its_lease(
    database: Database, organization: uuid.UUID, clock: Clock, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("mailer.courier.GRACE_SECONDS", 0.1)
    id, held = await posted(database, organization), Held()
    async with running(courier(database, held, clock)):
        await held.reached.wait()
    letter = await row(database, id)
    assert (letter.state, letter.due_at) == (
        LetterState.QUEUED,
        NOW + dt.timedelta(seconds=60),
    )
    held.release.set()
    clock.pass_(60)
    assert await courier(database, held, clock).deliver_due() == 1
    assert len(held.sent) == 1


async def test_what_left_before_the_grace_was_over_is_written_down(
    database: Database,
    organization: uuid.UUID,
    mailbox: Mailbox,
    clock: Clock,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("mailer.courier.GRACE_SECONDS", 0.1)
    monkeypatch.setattr("mailer.courier.LEDGER_SECONDS", PATIENCE)
    monkeypatch.setattr("mailer.ledger.GATHER_SECONDS", 3600)
    mailbox.faults["hangs@example.org"] = Fault.HANG
    hanging = await posted(database, organization, "hangs@example.org")
    outcomes = list[Outcome]()
    one = courier(database, mailbox, clock, ended=outcomes.append)
    async with running(one):
        first = await posted(database, organization)
        one.wake()
        await until(LetterState.SENT, database, first)
        last = await posted(database, organization)
        one.wake()
        await waiting.until(lambda: len(outcomes) == 2)
        assert (await row(database, last)).state is LetterState.QUEUED, "more may come"
    assert (await row(database, last)).state is LetterState.SENT
    assert (await row(database, hanging)).state is LetterState.QUEUED


@pytest.mark.parametrize(
    "change",
    [{"name": "birthday_wishes"}, {"contents": {"shoe_size": 39}}],
    ids=["unknown letter", "other contents"],
)
async def test_letter_of_another_release_waits_for_it(
    database: Database,
    organization: uuid.UUID,
    mailbox: Mailbox,
    clock: Clock,
    change: dict[str, Any],
) -> None:
    id = await posted(database, organization)
    other = await posted(database, organization, "john@example.org")
    statement = update(Letter).where(Letter.id == id).values(**change)
    await database.write(lambda connection: connection.execute(statement))
    await courier(database, mailbox, clock).deliver_due()
    letter = await row(database, id)
    assert letter.state is LetterState.QUEUED
    assert letter.error.startswith("the letter could not be sent: ")
    assert letter.contents is not None
    assert (await row(database, other)).state is LetterState.SENT


async def test_logs_and_errors_name_nobody(
    database: Database,
    organization: uuid.UUID,
    mailbox: Mailbox,
    clock: Clock,
    caplog: pytest.LogCaptureFixture,
) -> None:
    caplog.set_level(logging.DEBUG)
    link_id = await linked(database, organization)
    sample = ConfirmRegistration.sample()
    for fault in (None, *Fault):
        if fault is not Fault.HANG:
            recipient = f"canary-{fault and fault.name.lower()}@example.org"
            await posted(database, organization, recipient, sample, link_id)
            if fault:
                mailbox.faults[recipient] = fault
    assert await courier(database, mailbox, clock).deliver_due() == 7
    ours = [record for record in caplog.records if record.name.startswith("mailer")]
    assert len(ours) == 7
    letters = {letter.id.hex: letter for letter in await rows(database)}
    for record in ours:
        _, id, outcome = record.getMessage().split()
        assert letters[id.rstrip(":")].state == outcome
    told = " ".join(
        [record.getMessage() for record in ours]
        + [letter.error or "" for letter in letters.values()]
    )
    for canary in ("canary", "example.org", "Jane", "Riverside", "vtl_", "token"):
        assert canary not in told


async def test_letters_leave_into_a_directory(
    database: Database, organization: uuid.UUID, clock: Clock, tmp_path: Path
) -> None:
    id = await posted(database, organization)
    way = transport(f"file://{tmp_path}/mail")
    await courier(database, way, clock).deliver_due()
    file = tmp_path / "mail" / f"20261123T093015-{id.hex}.eml"
    assert email.message_from_bytes(file.read_bytes())["To"] == "jane@example.org"


@pytest.mark.parametrize("sender", ["", "VTConnect", "a@b.example, c@d.example", "a b@c.example"])
def test_sender_must_be_one_address(sender: str) -> None:
    with pytest.raises(ValueError, match="is not one e-mail address"):
        Mail(Held(), public_url="https://portal.example", sender=sender, link_token=str)
