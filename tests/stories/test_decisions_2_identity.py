"""Who is who: addresses that register twice, usernames, other organizations (D14 to D16)."""

import asyncio
import datetime as dt
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace
from functools import partial
from typing import Any

import pytest
from sqlalchemy import delete, event, select

from models import ResetRequest, Surface, Throttle
from portal.service import service
from resolvers import (
    Context,
    NewRegistration,
    Refused,
    answer_resets,
    client_register,
    email_change_request,
    login,
    password_reset_request,
    resets,
)
from tests.rooms.test_mailer_courier import Slow
from tests.stories.asking import same_headers
from tests.world import (
    REGISTER,
    Clinic,
    Clock,
    World,
    problems,
)

# D14: The same address registers twice.


async def test_d14_the_public_answer_is_the_same_to_the_byte_whoever_has_the_address(
    world: World, clinic: Clinic
) -> None:
    form = {
        "organization": "riverside",
        "firstName": "Nora",
        "lastName": "Newcomer",
        "dateOfBirth": "1990-05-17",
        "departmentId": clinic.ids["mental"],
    }
    answers = [
        await world.send(REGISTER, {"input": {**form, "email": email}})
        for email in (
            "nora@home.example",  # nobody
            "nora@home.example",  # registered, not confirmed
            "amy@riverside.example",  # active
            "AMY@RIVERSIDE.EXAMPLE",
            "chloe@riverside.example",  # pending
            "gil@riverside.example",  # inactive
            "una@riverside.example",  # awaits credentials
            "dora@riverside.example",  # staff, who may be clients too
        )
    ]

    first = answers[0]
    assert first.status_code == 200
    assert first.json()["data"] == {"clientRegister": {"accepted": True, "userErrors": []}}
    for answer in answers:
        assert answer.status_code == first.status_code
        assert answer.content == first.content
        assert same_headers(answer) == same_headers(first)
    assert [(letter.to, letter.subject) for letter in await world.new_mail()] == [
        ("amy@riverside.example", "You already have an account with Riverside Clinic"),
        ("amy@riverside.example", "You already have an account with Riverside Clinic"),
        ("chloe@riverside.example", "You already have an account with Riverside Clinic"),
        ("dora@riverside.example", "Confirm your registration with Riverside Clinic"),
        ("gil@riverside.example", "You already have an account with Riverside Clinic"),
        ("nora@home.example", "Confirm your registration with Riverside Clinic"),
        ("nora@home.example", "Confirm your registration with Riverside Clinic"),
        ("una@riverside.example", "Your new account with Riverside Clinic"),
    ]


async def test_d14_the_owner_is_told_that_they_have_an_account_and_nothing_of_the_form(
    world: World, clinic: Clinic
) -> None:
    await world.register("amy@RIVERSIDE.example", firstName="Mallory", lastName="Evil")

    letter = await world.only_mail("amy@riverside.example")
    assert "Hello Amy Client" in letter.text
    assert "You already have an account" in letter.text
    assert "https://portal.example/riverside/login" in letter.text
    assert "#token" not in letter.text
    assert "Mallory" not in letter.text + letter.html
    # Nothing has changed for amy.
    assert (await world.login("amy", "APP"))["userErrors"] == []


async def test_d14_staff_may_be_clients_of_the_same_address_with_another_username(
    world: World, clinic: Clinic
) -> None:
    token = await world.registered("dora@riverside.example", departmentId=clinic.ids["family"])

    async with world.unchanged():
        taken = await world.confirm(token, "DORA")
    confirmed = await world.confirm(token, "dora.at.home")

    assert problems(taken) == [("TAKEN", "input.username")]
    assert confirmed["status"] == "PENDING"


# D16: Usernames and addresses.


@pytest.mark.parametrize(
    "username",
    ["amy", "AMY", "Amy", "\uff41\uff4d\uff59", "dora", "DORA", "olivia", "gil", "chloe"],
)
async def test_d16_a_username_is_unique_over_clients_and_staff_however_it_is_written(
    world: World, clinic: Clinic, username: str
) -> None:
    token = await world.registered()

    async with world.unchanged():
        payload = await world.confirm(token, username)

    assert problems(payload) == [("TAKEN", "input.username")]


@pytest.mark.parametrize(
    ("username", "message"),
    [
        ("no", "A username has 3 to 64 letters, digits, dots, hyphens or underscores."),
        ("n" * 65, "A username has 3 to 64 letters, digits, dots, hyphens or underscores."),
        (
            "nora@home.example",
            "A username has 3 to 64 letters, digits, dots, hyphens or underscores.",
        ),
        ("nora newcomer", "A username has 3 to 64 letters, digits, dots, hyphens or underscores."),
        ("nor\u0430", "A username has 3 to 64 letters, digits, dots, hyphens or underscores."),
        ("", "Please choose a username."),
    ],
)
async def test_d16_a_username_is_made_of_plain_letters_and_is_never_an_address(
    world: World, clinic: Clinic, username: str, message: str
) -> None:
    token = await world.registered()

    async with world.unchanged():
        payload = await world.confirm(token, username)

    (error,) = payload["userErrors"]
    assert (error["message"], error["field"]) == (message, ["input", "username"])


async def test_d16_a_username_is_shown_as_typed_and_signs_in_in_any_case(
    world: World, clinic: Clinic
) -> None:
    token = await world.registered("Nora.N@home.example")
    assert (await world.confirm(token, "Nora.N-1_x"))["username"] == "Nora.N-1_x"

    access = await world.sign_in("NORA.n-1_X")

    me = await world.do("{ viewer { client { username email } } }", token=access)
    assert me["client"] == {"username": "Nora.N-1_x", "email": "Nora.N@home.example"}


async def test_d16_two_who_want_one_username_at_once_and_one_gets_it(
    world: World, clinic: Clinic
) -> None:
    tokens = [await world.registered(f"nora{i}@home.example") for i in range(6)]

    payloads = await asyncio.gather(*(world.confirm(token, "nora") for token in tokens))

    won = [i for i, payload in enumerate(payloads) if not payload["userErrors"]]
    assert len(won) == 1
    lost = [payload for payload in payloads if payload["userErrors"]]
    assert [problems(payload) for payload in lost] == [[("TAKEN", "input.username")]] * 5
    # Whoever lost chooses another one: their links were not used up.
    for i, token in enumerate(tokens):
        if i not in won:
            assert (await world.confirm(token, f"nora{i}"))["userErrors"] == []
    assert await world.count("clients") == 26


@pytest.mark.parametrize(
    "email",
    ["amy@riverside.example", "AMY@Riverside.Example", " amy@riverside.example "],
)
async def test_d16_an_address_is_compared_in_one_spelling(
    world: World, clinic: Clinic, email: str
) -> None:
    await world.register(email)

    letter = await world.only_mail("amy@riverside.example")
    assert letter.subject == "You already have an account with Riverside Clinic"


async def test_d16_staff_addresses_are_unique_among_staff(world: World, clinic: Clinic) -> None:
    said = {
        "firstName": "Second",
        "lastName": "Dora",
        "email": "Dora@RIVERSIDE.example",
        "roles": [{"role": "PRACTITIONER", "departmentId": clinic.ids["mental"]}],
    }
    document = """mutation ($input: StaffCreateInput!) {
      staffCreate(input: $input) { staff { id } userErrors { code message field } }
    }"""

    async with world.unchanged():
        taken = await world.do(document, {"input": said}, clinic.token("olivia"))
    amys = await world.do(
        document, {"input": {**said, "email": "amy@riverside.example"}}, clinic.token("olivia")
    )

    assert taken == {
        "staff": None,
        "userErrors": [
            {
                "code": "TAKEN",
                "message": "A staff member has this address already.",
                "field": ["input", "email"],
            }
        ],
    }
    assert amys["userErrors"] == []  # a client's address may be a staff member's too


# D14 and D17: The same statements, so that the same time, whoever there is.


@asynccontextmanager
async def quiet(
    world: World, clock: Clock | None = None
) -> AsyncIterator[tuple[Context, list[str]]]:
    """A server where nobody answers and delivers, and the statements that it runs, in short."""
    async with service(world.settings, clock or world.clock) as made:
        ran: list[str] = []

        def executed(_connection: Any, _cursor: Any, statement: str, *_: Any) -> None:
            verb, *rest = statement.split()
            ran.append(f"{verb} {rest[rest.index('FROM') + 1] if verb == 'SELECT' else rest[:2]}")

        database = made.services.database
        for engine in (database._reads, database._writes):
            event.listen(engine.sync_engine, "before_cursor_execute", executed)
        yield made.anonymous(), ran


def form(email: str) -> NewRegistration:
    """The portal page's form."""
    born = dt.date(1990, 5, 17)
    return NewRegistration("riverside", "Nora", "Newcomer", email, born, None, None)


async def test_d14_registering_takes_the_same_statements_whoever_has_the_address(
    world: World, clinic: Clinic
) -> None:
    runs = set()
    async with quiet(world) as (nobody, ran):
        for email in (
            "nora@home.example",
            "amy@riverside.example",  # active
            "chloe@riverside.example",  # pending
            "gil@riverside.example",  # inactive
            "una@riverside.example",  # awaits credentials
            "dora@riverside.example",  # staff, who may be clients too
        ):
            ran.clear()
            await client_register(nobody, form(email))
            runs.add(tuple(ran))
    (run,) = runs
    assert [one for one in run if one.startswith("INSERT")] == [
        "INSERT ['INTO', 'throttles']",
        "INSERT ['INTO', 'throttles']",
        "INSERT ['INTO', 'throttles']",
        "INSERT ['INTO', 'registrations']",
        "INSERT ['INTO', 'links']",
        "INSERT ['INTO', 'letters']",
        "INSERT ['INTO', 'audit_events']",
    ]


async def test_d14_forgetting_takes_the_same_statements_whoever_has_the_address(
    world: World, clinic: Clinic
) -> None:
    runs = set()
    async with quiet(world) as (nobody, ran):
        for email in ("nobody@home.example", *map(clinic.email, ("amy", "gil", "una", "ina"))):
            ran.clear()
            await password_reset_request(nobody, "riverside", email)
            runs.add(tuple(ran))
    (run,) = runs
    assert run[-1] == "INSERT ['INTO', 'reset_requests']"


@pytest.mark.parametrize(("resets", "letters"), [(4, ["INSERT ['INTO', 'letters']"]), (5, [])])
async def test_d14_what_was_asked_before_leaves_the_same_whoever_has_the_address(
    world: World, clinic: Clinic, resets: int, letters: list[str]
) -> None:
    """The day's five letters are counted by what was typed, and not by whom it was (`D33`)."""
    token = await world.registered(clinic.email("dora"), departmentId=clinic.ids["family"])
    await world.confirm(token, "dora.at.home")
    budgets, runs = set(), set()
    async with quiet(world) as (nobody, ran):
        object.__setattr__(nobody.services, "throttle", 1)
        for email in (
            "nobody@home.example",
            clinic.email("amy"),  # active
            clinic.email("gil"),  # inactive
            clinic.email("una"),  # awaits credentials
            clinic.email("carl"),  # staff
            clinic.email("dora"),  # staff, and a client
        ):
            await world.database.write(lambda c: c.execute(delete(Throttle)))
            for _ in range(resets):
                await password_reset_request(nobody, "riverside", email)
                await answer_resets(nobody)
                await world.settled()
            spent = await world.database.read(lambda c: c.execute(select(Throttle.attempts)).all())
            budgets.add(tuple(sorted(row.attempts for row in spent)))
            ran.clear()
            await client_register(nobody, form(email))
            runs.add(tuple(ran))
    assert budgets == {(resets, resets, resets)}  # the source, the pair, the letters
    (run,) = runs
    assert [one for one in run if "'letters'" in one] == letters


async def test_d14_asking_for_another_address_takes_the_same_statements_whoever_has_it(
    world: World, clinic: Clinic
) -> None:
    runs = set()
    async with quiet(world) as (nobody, ran):
        for who in ("amy", "carl"):
            signed_in = await world.service.context(clinic.token(who), None, "")
            asking = replace(nobody, actor=signed_in.actor)
            for email in ("nobody@home.example", clinic.email("ben"), clinic.email("dora")):
                ran.clear()
                await email_change_request(asking, email)
                runs.add((who, *ran))
    assert len(runs) == 2


async def test_d17_signing_in_takes_the_same_statements_whoever_there_is(
    world: World, clinic: Clinic
) -> None:
    runs = set()
    async with quiet(world) as (nobody, ran):
        for username in ("nobody", "amy", "gil", "chloe", "una", "dora"):
            ran.clear()
            with pytest.raises(Refused):
                await login(nobody, "riverside", username, "not this one", Surface.APP)
            runs.add(tuple(ran))
    (run,) = runs
    assert run[-1] == "SELECT accounts"


# D14: What was asked is answered once, by whoever comes to it.


async def test_d14_a_reset_that_a_killed_server_left_is_answered_once(
    world: World, clinic: Clinic
) -> None:
    async with quiet(world) as (nobody, _):
        await password_reset_request(nobody, "riverside", clinic.email("amy"))

        await asyncio.gather(answer_resets(nobody), answer_resets(world.service.anonymous()))

    letter = await world.only_mail(clinic.email("amy"))
    assert letter.subject == "Choose a new password for Riverside Clinic"
    assert await world.count("reset_requests") == 0


async def test_d14_who_held_a_reset_for_too_long_answers_it_no_more(
    world: World, clinic: Clinic
) -> None:
    ahead = Clock()
    ahead.advance(hours=1)  # so that nobody else finds it due
    async with quiet(world, ahead) as (nobody, _):
        await password_reset_request(nobody, "riverside", clinic.email("amy"))
        database = nobody.services.database
        stalled = await database.write(partial(resets._take, now=ahead()))
        assert stalled
        assert await database.write(partial(resets._take, now=ahead())) is None
        ahead.advance(minutes=1)
        await answer_resets(nobody)
        world.clock.advance(hours=2)
        await world.only_mail(clinic.email("amy"))

        async with world.unchanged():
            await nobody.write(partial(resets._answer, nobody, stalled))


async def test_d14_a_clerk_who_is_told_to_end_answers_the_reset_that_was_taken(
    world: World, clinic: Clinic
) -> None:
    ahead = Clock()
    ahead.advance(hours=1)  # so that nobody else finds it due
    slow = Slow(world.settings.database_url)
    async with quiet(world, ahead) as (nobody, _):
        for name in ("amy", "carl"):
            await password_reset_request(nobody, "riverside", clinic.email(name))
        clerk = replace(nobody, services=replace(nobody.services, database=slow))
        answering = asyncio.create_task(answer_resets(clerk))
        await slow.committed.wait()
        answering.cancel()
        await asyncio.sleep(0)
        slow.release.set()
        with pytest.raises(asyncio.CancelledError):
            await answering
        left = select(ResetRequest.due_at)
        due = await world.database.read(lambda c: c.scalars(left).all())
        assert due == [ahead()], "nobody holds the other one"
        await answer_resets(nobody)
    await slow.close()
    world.clock.advance(hours=1)
    letters = [mail.to for mail in await world.new_mail()]
    assert letters == [clinic.email("amy"), clinic.email("carl")]
