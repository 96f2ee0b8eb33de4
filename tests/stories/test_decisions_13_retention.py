"""What has served its time goes, and nothing else does: by the clerk, in small batches."""

import asyncio
import contextlib
import datetime as dt
import uuid
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import pytest
from sqlalchemy import and_, insert, select, update

from models import (
    Account,
    AuditEvent,
    Base,
    ClientRead,
    Delivery,
    DeliveryState,
    Letter,
    LetterState,
    Link,
    LinkPurpose,
    Registration,
    ResetRequest,
    Session,
    new_id,
    parse_id,
)
from portal import clerk
from resolvers import Context, Retention, count_over, sweep, sweeping, verify
from tests.hooks import delivery, hook
from tests.stories.asking import CLIENT_UPDATE, DEACTIVATE, REACTIVATE
from tests.stories.test_decisions_7_own_account import forgot
from tests.waiting import until
from tests.world import LINK, RESEND, Clinic, World, problems

KEPT = Retention()
NEVER = dt.datetime(3000, 1, 1, tzinfo=dt.UTC)
READ = "query ($id: ID!) { client(id: $id) { id } }"
REFRESH = """
mutation ($token: String!) {
  sessionRefresh(refreshToken: $token) {
    session { accessToken refreshToken } userErrors { code message field }
  }
}
"""
INVITED = "una@riverside.example"
UNANSWERED = and_(
    Link.purpose == LinkPurpose.DEFINE_CREDENTIALS,
    Link.account_id.in_(select(Account.id).where(Account.username.is_(None))),
)
RESENT = """
mutation ($id: ID!) { clientInvitationResend(id: $id) { userErrors { code message field } } }
"""
LOGOUT = "mutation { logout { userErrors { code } } }"


async def swept(world: World, kept: Retention = KEPT) -> dict[str, int]:
    """What went, of what was counted before, but for budgets, which are always there."""
    nobody = world.service.anonymous()
    counted = await count_over(nobody, kept)
    went = await sweep(nobody, kept)
    assert went == counted
    went.pop("throttles", None)
    return went


async def ids(world: World, model: type[Base], *where: Any) -> set[uuid.UUID]:
    wanted = select(model.__table__.c.id).where(*where)
    return set(await world.database.read(lambda c: c.execute(wanted).scalars().all()))


async def change(world: World, statement: Any) -> None:
    await world.database.write(lambda connection: connection.execute(statement))


@asynccontextmanager
async def kept(world: World, *but: type[Base]) -> AsyncIterator[None]:
    """Every row stays as it is, but those of some tables, and what the trail is told."""
    beside = {"audit_events", *(model.__tablename__ for model in but)}
    before = await world.snapshot()
    yield
    after = await world.snapshot()
    for table in before:
        assert table in beside or after[table] == before[table], table


async def events(world: World) -> list[tuple[Any, ...]]:
    """What the trail was told of what went: of which organization, how many of what."""
    wanted = (
        select(AuditEvent.reason, AuditEvent.times, AuditEvent.actor_kind, AuditEvent.departments)
        .where(AuditEvent.action == "RECORDS_PURGED")
        .order_by(AuditEvent.id)
    )
    return [tuple(row) for row in await world.database.read(lambda c: c.execute(wanted).all())]


async def test_nothing_goes_that_has_not_served_its_time(world: World, clinic: Clinic) -> None:
    await world.registered()
    async with world.unchanged():
        assert await swept(world) == {}


async def test_letters_that_are_done_with_go_after_ninety_days(
    world: World, clinic: Clinic
) -> None:
    await world.settled()
    done = await ids(world, Letter)
    waiting = min(done)
    await change(
        world,
        update(Letter)
        .where(Letter.id == waiting)
        .values(state=LetterState.QUEUED, done_at=None, due_at=NEVER),
    )
    retention = Retention(links=1000, sessions=1000)

    world.clock.advance(days=90)
    assert "letters" not in await swept(world, retention)  # the day begins at midnight
    world.clock.advance(days=1)
    async with kept(world, Letter):
        assert await swept(world, retention) == {"letters": len(done) - 1}

    assert await ids(world, Letter) == {waiting}


async def test_events_to_webhooks_go_after_ninety_days_and_those_that_wait_stay(
    world: World, clinic: Clinic
) -> None:
    webhook = await hook(world, clinic, "mental")
    await delivery(world, clinic, webhook, "amy")
    held = parse_id("dlv_", await delivery(world, clinic, webhook, "amy"))
    waits = {"state": DeliveryState.HELD, "done_at": None}
    await change(world, update(Delivery).where(Delivery.id == held).values(waits))
    retention = Retention(letters=1000, links=1000, sessions=1000)

    world.clock.advance(days=90)
    assert "deliveries" not in await swept(world, retention)
    world.clock.advance(days=1)
    async with kept(world, Delivery):
        assert await swept(world, retention) == {"deliveries": 1}

    assert await ids(world, Delivery) == {held}
    assert [reason for reason, *_ in await events(world)][-1] == "DELIVERIES"


async def test_links_go_after_ninety_days_and_their_letters_may_stay(
    world: World, clinic: Clinic
) -> None:
    await world.do(RESENT, {"id": clinic.ids["una"]}, clinic.token("olivia"))
    token = (await world.only_mail(INVITED)).token
    assert (await world.accept(token, "una"))["userErrors"] == []
    letters = await ids(world, Letter)
    retention = Retention(letters=1000, sessions=1000)

    world.clock.advance(days=90)
    assert "links" not in await swept(world, retention)
    assert await world.link_state(token) == "USED"
    world.clock.advance(days=1)
    many = len(await ids(world, Link, Link.account_id.is_not(None), ~UNANSWERED))
    async with kept(world, Letter, Link):
        assert await swept(world, retention) == {"links": many}

    assert await world.link_state(token) == "UNKNOWN"
    assert await ids(world, Letter) == letters
    assert await ids(world, Link, Link.account_id.is_not(None), ~UNANSWERED) == set()


@pytest.mark.parametrize("how", ["corrected", "reactivated"])
async def test_who_never_answered_an_invitation_is_invited_again(
    world: World, clinic: Clinic, how: str
) -> None:
    """However long ago it was, and whatever was swept meanwhile (`D3`)."""
    await world.do(RESENT, {"id": clinic.ids["una"]}, clinic.token("olivia"))
    token = (await world.only_mail(INVITED)).token
    unanswered = await ids(world, Link, UNANSWERED)
    world.clock.advance(days=400)
    assert (await swept(world, Retention()))["links"]
    assert await ids(world, Link, UNANSWERED) == unanswered
    assert await world.link_state(token) == "EXPIRED"

    olivia, una = await world.sign_in("olivia"), {"id": clinic.ids["una"]}
    if how == "corrected":
        right = {"input": {"email": "una@home.example"}}
        assert (await world.do(CLIENT_UPDATE, una | right, olivia))["userErrors"] == []
    else:
        assert (await world.do(DEACTIVATE, una, olivia))["userErrors"] == []
        assert (await world.do(REACTIVATE, una, olivia))["userErrors"] == []

    fresh = await world.only_mail("una@home.example" if how == "corrected" else INVITED)
    assert (await world.accept(fresh.token, "una"))["userErrors"] == []


async def test_a_link_stays_as_long_as_its_letter_waits(world: World, clinic: Clinic) -> None:
    await forgot(world, clinic.email("amy"))
    await world.new_mail()
    (letter,) = await ids(world, Letter, Letter.name == "password_reset")

    again = {"state": LetterState.QUEUED, "done_at": None, "due_at": NEVER}
    await change(world, update(Letter).where(Letter.id == letter).values(again))
    world.clock.advance(days=100)

    await swept(world, Retention(sessions=1000))

    assert await ids(world, Letter) == {letter}
    assert len(await ids(world, Link, ~UNANSWERED)) == 1


async def test_d01_a_registration_goes_after_thirty_days_and_takes_its_links_along(
    world: World, clinic: Clinic
) -> None:
    token = await world.registered()
    confirmed = await world.registered("ada@home.example")
    assert (await world.confirm(confirmed, "ada"))["userErrors"] == []
    await world.new_mail()
    retention = Retention(sessions=1000, letters=1000)

    world.clock.advance(days=29)
    again = (await resent(world, token)).token
    world.clock.advance(days=2)
    assert await world.link_state(again) == "VALID"
    others = len(await ids(world, Registration)) - 1
    assert (await swept(world, retention))["registrations"] == others
    assert len(await ids(world, Registration)) == 1
    assert await world.link_state(confirmed) == "UNKNOWN"
    assert await world.link_state(token) == "SUPERSEDED"
    assert await world.link_state(again) == "VALID"

    world.clock.advance(days=2)
    assert await swept(world, retention) == {"registrations": 1}
    assert await ids(world, Registration) == set()
    assert await ids(world, Link, Link.registration_id.is_not(None)) == set()
    for gone in (token, again):
        assert problems(await world.confirm(gone, "nora")) == [("LINK_UNKNOWN", "input.token")]
        async with world.unchanged():
            assert await world.do(RESEND, {"token": gone}) == {"accepted": True, "userErrors": []}
    # Who was confirmed is a client as before.
    assert (await world.login("ada"))["userErrors"] == []


async def resent(world: World, token: str) -> Any:
    await world.do(RESEND, {"token": token})
    return await world.only_mail("nora@home.example")


async def test_sessions_go_thirty_days_after_their_end_and_never_before(
    world: World, clinic: Clinic
) -> None:
    going_on = (await world.login("amy"))["session"]
    ended = (await world.login("ben"))["session"]
    await world.do(LOGOUT, token=ended["accessToken"])
    for _ in range(6):
        world.clock.advance(days=10)
        payload = await world.do(REFRESH, {"token": going_on["refreshToken"]})
        assert payload["userErrors"] == []
        going_on = payload["session"]
    everything = Retention(letters=1000, links=1000)
    old = len(await ids(world, Session)) - 1

    went = await swept(world, everything)

    # Those of the clinic ran out after thirty days, and have thirty more.
    assert went["sessions"] == 1
    assert problems(await world.do(REFRESH, {"token": ended["refreshToken"]})) == [
        ("SESSION_EXPIRED", "refreshToken")
    ]
    world.clock.advance(days=1)
    assert (await swept(world, everything))["sessions"] == old - 1
    payload = await world.do(REFRESH, {"token": going_on["refreshToken"]})
    assert payload["userErrors"] == []


async def test_who_opened_whose_record_stays_known_for_six_years(
    world: World, clinic: Clinic
) -> None:
    world.clock.advance(minutes=1)
    await world.do(READ, {"id": clinic.ids["amy"]}, clinic.token("olivia"))
    await world.noted()
    reads = await ids(world, ClientRead)
    assert await ids(world, ClientRead, ClientRead.at == world.clock())

    world.clock.advance(days=2192)
    assert "client_reads" not in await swept(world)
    assert await ids(world, ClientRead) == reads
    world.clock.advance(days=1)
    assert await swept(world) == {"client_reads": len(reads)}
    assert await ids(world, ClientRead) == set()


async def test_a_request_that_nobody_could_answer_goes_after_a_day(
    world: World, clinic: Clinic
) -> None:
    now = world.clock()
    wanted = insert(ResetRequest).values(
        organization_id=clinic.key("riverside"),
        id=new_id(),
        email_key="nobody@home.example",
        created_at=now,
        due_at=NEVER,
    )
    await change(world, wanted)
    world.clock.advance(hours=23)
    assert await swept(world) == {}
    world.clock.advance(hours=1)
    assert await swept(world) == {"reset_requests": 1}
    assert await events(world) == []


async def test_the_trail_is_told_once_how_many_of_what_went_and_stays_whole(
    world: World, clinic: Clinic
) -> None:
    before = await ids(world, AuditEvent)
    world.clock.advance(days=4000)
    went = await swept(world)
    told = await events(world)

    tables = {"client_reads", "letters", "links", "registrations", "sessions"}
    assert {reason.lower() for reason, *_ in told} == went.keys() == tables
    for table in tables:
        assert sum(times for reason, times, *_ in told if reason == table.upper()) == went[table]
    assert {(by, str(departments)) for _, _, by, departments in told} == {("OPERATOR", "[]")}
    assert before < await ids(world, AuditEvent)  # whatever their age
    assert [one.broken async for one in verify(world.database)] == [None] * 3
    async with world.unchanged():
        assert await swept(world) == {}


async def test_little_goes_at_once_and_two_who_sweep_take_nothing_twice(
    world: World, clinic: Clinic, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sweeping, "BATCH", 10)
    world.clock.advance(days=4000)
    nobody = world.service.anonymous()
    over = await count_over(nobody, KEPT)
    gone = await sweep(nobody, KEPT)
    assert max(gone.values()) == 10
    while gone != over:
        for went in await asyncio.gather(*(sweep(nobody, KEPT) for _ in range(3))):
            assert max(went.values(), default=0) <= 10
            gone += went
        assert gone <= over
    assert await count_over(nobody, KEPT) == {}


async def test_the_clerk_goes_on_by_itself_until_nothing_is_left(
    world: World, clinic: Clinic, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sweeping, "BATCH", 10)
    monkeypatch.setattr(clerk, "BATCH", 10)
    monkeypatch.setattr(clerk, "POLL_SECONDS", 0.01)
    monkeypatch.setattr(clerk, "SWEEP_SECONDS", 0)
    world.clock.advance(days=4000)
    nobody = world.service.anonymous()
    at_work = asyncio.create_task(clerk.attend(nobody, asyncio.Event(), KEPT))
    await until(lambda: _is_nothing_left(nobody))
    at_work.cancel()
    with contextlib.suppress(asyncio.CancelledError):
        await at_work
    assert await ids(world, Letter) == await ids(world, Session) == set()
    assert await ids(world, Link, ~UNANSWERED) == set()


async def _is_nothing_left(nobody: Context) -> bool:
    return not await count_over(nobody, KEPT)


async def test_what_a_link_says_is_the_same_for_one_that_went_and_one_that_never_was(
    world: World, clinic: Clinic
) -> None:
    token = await world.registered()
    world.clock.advance(days=40)
    await swept(world)
    never = token[:-4] + "AAAA"
    gone = await world.do(LINK, {"token": token})
    assert gone == await world.do(LINK, {"token": never})
