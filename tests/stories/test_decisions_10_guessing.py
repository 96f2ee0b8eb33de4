"""Whoever guesses has a budget, and locks nobody out (D33)."""

import asyncio
from collections.abc import Sequence
from typing import Any

import httpx2
import pytest
from sqlalchemy import select

from models import Throttle
from permissions import ANONYMOUS
from resolvers import Context
from resolvers.sweeping import Retention, sweep
from tests.mailbox import Mailbox
from tests.stories.asking import CREATE, REINVITE
from tests.world import (
    ACCEPT,
    CONFIRM,
    LOGIN,
    PASSWORD,
    REGISTER,
    RESEND,
    Clinic,
    Json,
    World,
)

HERE, THERE = "203.0.113.7", "198.51.100.9"

FORGOT = """mutation ($input: PasswordResetRequestInput!) {
  passwordResetRequest(input: $input) { accepted userErrors { code } }
}"""
CHANGE = """mutation ($input: PasswordChangeInput!) {
  passwordChange(input: $input) { username userErrors { code field } }
}"""
MOVE = """mutation ($email: String!) {
  emailChangeRequest(email: $email) { accepted userErrors { code } }
}"""
REFRESH = """mutation ($token: String!) {
  sessionRefresh(refreshToken: $token) { session { surface } userErrors { code field } }
}"""
NEWS = {
    "organization": "riverside",
    "firstName": "Nora",
    "lastName": "Newcomer",
    "dateOfBirth": "1990-05-17",
}
WRONG = "not the password of anybody"


def scaled(world: World, by: float) -> None:
    """Let the world's budgets be of this size: in other tests they are out of the way."""
    object.__setattr__(world.service.services, "throttle", by)


async def send(
    world: World,
    source: str,
    document: str,
    variables: Json,
    token: str | None = None,
    **headers: str,
) -> httpx2.Response:
    """The answer on the wire to somebody at this address."""
    transport = httpx2.ASGITransport(app=world.app, client=(source, 49152))
    if token:
        headers["authorization"] = f"Bearer {token}"
    async with httpx2.AsyncClient(transport=transport, base_url="http://other.example") as http:
        body = {"query": document, "variables": variables}
        return await http.post("/graphql", json=body, headers=headers)


async def told(world: World, source: str, document: str, variables: Json, **more: Any) -> str:
    """What somebody at this address is told: "done", or the code of what is wrong."""
    answer = (await send(world, source, document, variables, **more)).json()
    if "errors" in answer:
        (error,) = answer["errors"]
        assert answer["data"] is None
        return str(error["extensions"]["code"])
    (payload,) = answer["data"].values()
    return "+".join(one["code"] for one in payload["userErrors"]) or "done"


def login(username: str, password: str = WRONG, organization: str = "riverside") -> Json:
    who = {"organization": organization, "username": username, "password": password}
    return who | {"surface": "PORTAL"}


def form(email: str) -> Json:
    return {"input": {**NEWS, "email": email}}


def forgotten(email: str, organization: str = "riverside") -> Json:
    return {"input": {"organization": organization, "email": email}}


@pytest.mark.parametrize(
    "who",
    [("riverside", "amy"), ("riverside", "gil"), ("riverside", "nobody"), ("nowhere", "amy")],
    ids=["known", "inactive", "unknown", "nowhere"],
)
async def test_d33_the_eleventh_sign_in_of_a_name_is_refused_at_the_same_point_for_everybody(
    world: World, clinic: Clinic, who: tuple[str, str]
) -> None:
    scaled(world, 1)
    organization, username = who
    guess = login(username, organization=organization)

    for _ in range(10):
        assert await told(world, HERE, LOGIN, guess) == "INVALID_CREDENTIALS"
    async with world.unchanged():
        answer = await send(world, HERE, LOGIN, guess)

    assert answer.status_code == 200
    (error,) = answer.json()["errors"]
    assert answer.json()["data"] is None
    assert error["message"] == "That was tried too often. Please try again in 10 minutes."
    assert error["path"] == ["login"]
    assert error["extensions"] == {"code": "RATE_LIMITED", "retryAfter": 600}


async def test_d33_the_owner_signs_in_from_elsewhere_while_others_guess(
    world: World, clinic: Clinic
) -> None:
    scaled(world, 1)
    for _ in range(12):
        await told(world, HERE, LOGIN, login("amy"))

    async with world.unchanged():
        assert await told(world, HERE, LOGIN, login("amy", PASSWORD)) == "RATE_LIMITED"
    assert await told(world, THERE, LOGIN, login("amy", PASSWORD)) == "done"
    # others are not kept out where somebody guessed, nor is a namesake
    assert await told(world, HERE, LOGIN, login("ben", PASSWORD)) == "done"
    assert await told(world, HERE, LOGIN, login("amy", PASSWORD, "lakeside")) == "done"

    world.clock.advance(minutes=9, seconds=59.5)
    answer = (await send(world, HERE, LOGIN, login("amy", PASSWORD))).json()
    assert answer["errors"][0]["extensions"]["retryAfter"] == 1
    assert answer["errors"][0]["message"].endswith("Please try again in a minute.")
    world.clock.advance(seconds=0.5)
    assert await told(world, HERE, LOGIN, login("amy", PASSWORD)) == "done"


async def test_d33_a_refused_password_is_not_looked_at(
    world: World, clinic: Clinic, monkeypatch: pytest.MonkeyPatch
) -> None:
    scaled(world, 0.1)
    assert await told(world, HERE, LOGIN, login("amy")) == "INVALID_CREDENTIALS"
    passwords = type(world.service.services.passwords)
    monkeypatch.delattr(passwords, "verify")

    assert await told(world, HERE, LOGIN, login("amy", PASSWORD)) == "RATE_LIMITED"


@pytest.mark.parametrize(
    ("document", "spellings"),
    [
        (LOGIN, [login(name) for name in ("amy", "AMY", "Amy", "\uff41\uff4d\uff59")]),
        (
            REGISTER,
            [form(email) for email in ("a@home.example", "A@HOME.EXAMPLE", " a@home.example ")],
        ),
        (FORGOT, [forgotten(email) for email in ("b@home.example", "B@Home.Example ")]),
    ],
    ids=["login", "register", "reset"],
)
async def test_d33_other_spellings_of_a_name_are_no_new_budget(
    world: World, clinic: Clinic, document: str, spellings: Sequence[Json]
) -> None:
    scaled(world, 0.1)  # one a pair
    first = await told(world, HERE, document, spellings[0])
    assert first in ("done", "INVALID_CREDENTIALS")

    for spelling in spellings:
        assert await told(world, HERE, document, spelling) == "RATE_LIMITED"


async def test_d33_a_source_has_one_budget_for_all_that_it_tries(
    world: World, clinic: Clinic
) -> None:
    scaled(world, 1 / 50)  # six a source, one a pair
    token = clinic.token("amy")
    link = {"token": "vtl_" + "A" * 56}
    credentials = {"input": {**link, "username": "nora", "password": PASSWORD}}
    async with world.unchanged():
        assert await told(world, HERE, LOGIN, login("amy")) == "INVALID_CREDENTIALS"
        assert await told(world, HERE, CONFIRM, credentials) == "LINK_UNKNOWN"
        assert await told(world, HERE, ACCEPT, credentials) == "LINK_UNKNOWN"
        assert await told(world, HERE, RESEND, link) == "done"
        assert await told(world, HERE, FORGOT, forgotten("nobody@home.example")) == "done"
        assert await told(world, HERE, MOVE, {"email": "no address"}, token=token) == "INVALID"

        for document, variables in [
            (LOGIN, login("ben", PASSWORD)),
            (REGISTER, form("nora@home.example")),
            (CONFIRM, credentials),
            (ACCEPT, credentials),
            (RESEND, {"token": "x"}),
            (FORGOT, forgotten("amy@riverside.example")),
            (MOVE, {"email": "amy@home.example"}),
        ]:
            assert await told(world, HERE, document, variables, token=token) == "RATE_LIMITED"
    # whoever is signed in works on, and elsewhere nothing has happened
    assert await world.do("{ departments { id } }", token=token)
    assert await told(world, THERE, LOGIN, login("ben", PASSWORD)) == "done"


async def test_d33_who_knows_no_password_guesses_none_within_a_session(
    world: World, clinic: Clinic
) -> None:
    scaled(world, 1)
    guess = {"input": {"currentPassword": WRONG, "password": "nine otters under the willow"}}
    right = {"input": {**guess["input"], "currentPassword": PASSWORD}}
    token = clinic.token("amy")
    async with world.unchanged():
        for _ in range(10):
            assert await told(world, HERE, CHANGE, guess, token=token) == "INVALID_CREDENTIALS"
        assert await told(world, HERE, CHANGE, right, token=token) == "RATE_LIMITED"
    assert await told(world, THERE, CHANGE, right, token=token) == "done"


async def test_d33_refreshes_have_a_budget_of_their_own(world: World, clinic: Clinic) -> None:
    session = (await world.login("amy"))["session"]
    scaled(world, 1 / 1000)  # three refreshes, one of all else
    for _ in range(3):
        forged = {"token": "vtr_" + "A" * 56}
        assert await told(world, HERE, REFRESH, forged) == "SESSION_EXPIRED"

    async with world.unchanged():
        token = {"token": session["refreshToken"]}
        assert await told(world, HERE, REFRESH, token) == "RATE_LIMITED"
    assert await told(world, HERE, LOGIN, login("ben", PASSWORD)) == "done"
    assert await told(world, THERE, REFRESH, token) == "done"


async def test_d33_of_many_at_once_as_many_are_heard_as_the_budget_has(
    world: World, clinic: Clinic
) -> None:
    scaled(world, 1)

    codes = await asyncio.gather(*(told(world, HERE, LOGIN, login("amy")) for _ in range(20)))

    assert sorted(codes) == ["INVALID_CREDENTIALS"] * 10 + ["RATE_LIMITED"] * 10


async def test_d33_what_a_caller_says_of_its_address_is_no_new_budget(
    world: World, clinic: Clinic
) -> None:
    scaled(world, 0.1)
    assert await told(world, HERE, LOGIN, login("amy")) == "INVALID_CREDENTIALS"

    for name in ("x-forwarded-for", "forwarded", "x-real-ip"):
        more: Any = {name: THERE if name != "forwarded" else f"for={THERE}"}
        assert await told(world, HERE, LOGIN, login("amy"), **more) == "RATE_LIMITED"


@pytest.mark.parametrize(
    ("other", "same"),
    [
        ("2001:db8:1:2:ffff::9", True),
        ("2001:db8:1:3::1", False),
        ("::ffff:203.0.113.7", False),
    ],
)
async def test_d33_a_network_of_ipv6_is_one_source(
    world: World, clinic: Clinic, other: str, same: bool
) -> None:
    scaled(world, 0.1)
    assert await told(world, "2001:db8:1:2::1", LOGIN, login("amy")) == "INVALID_CREDENTIALS"

    code = await told(world, other, LOGIN, login("amy"))

    assert code == ("RATE_LIMITED" if same else "INVALID_CREDENTIALS")


async def test_d33_an_address_is_the_same_in_both_spellings(world: World, clinic: Clinic) -> None:
    scaled(world, 0.1)
    assert await told(world, HERE, LOGIN, login("amy")) == "INVALID_CREDENTIALS"
    assert await told(world, f"::ffff:{HERE}", LOGIN, login("amy")) == "RATE_LIMITED"


# Five letters a day to an address.


async def test_d33_the_public_has_five_letters_a_day_written_to_an_address(
    world: World, clinic: Clinic
) -> None:
    scaled(world, 1)
    answers = [
        await send(world, f"203.0.113.{i}", REGISTER, form("nora@home.example")) for i in range(5)
    ]
    assert len(await world.new_mail()) == 5

    async with world.unchanged():
        answers += [
            await send(world, f"203.0.113.{i}", REGISTER, form("NORA@home.example"))
            for i in range(5, 8)
        ]

    assert len({(answer.status_code, answer.content) for answer in answers}) == 1
    assert answers[0].json()["data"]["clientRegister"]["accepted"] is True
    # nobody else's letters are fewer, and tomorrow is another day
    assert await told(world, HERE, REGISTER, form("eve@home.example")) == "done"
    assert [one.to for one in await world.new_mail()] == ["eve@home.example"]
    world.clock.advance(days=1)
    assert await told(world, HERE, REGISTER, form("nora@home.example")) == "done"
    assert [one.to for one in await world.new_mail()] == ["nora@home.example"]


async def test_d33_every_letter_that_the_public_asks_for_counts_whatever_asks_for_it(
    world: World, clinic: Clinic
) -> None:
    scaled(world, 1)
    dora, move = clinic.email("dora"), {"email": clinic.email("dora")}
    assert await told(world, HERE, FORGOT, forgotten(dora)) == "done"
    reset = {"token": (await world.only_mail(dora)).token}
    assert await told(world, HERE, REGISTER, form(dora)) == "done"
    assert await told(world, HERE, RESEND, reset) == "done"
    assert await told(world, HERE, MOVE, move, token=clinic.token("amy")) == "done"
    assert await told(world, HERE, MOVE, move, token=clinic.token("ben")) == "done"
    assert [one.to for one in await world.new_mail()] == [dora] * 4

    async with world.unchanged():
        assert await told(world, THERE, FORGOT, forgotten(dora)) == "done"
        assert await told(world, THERE, REGISTER, form(dora)) == "done"
        assert await told(world, THERE, RESEND, reset) == "done"
        assert await told(world, THERE, MOVE, move, token=clinic.token("cleo")) == "done"


async def test_d33_a_registration_is_confirmed_anew_as_long_as_there_are_letters(
    world: World, clinic: Clinic
) -> None:
    scaled(world, 1)
    token = await world.registered("nora@home.example")
    for _ in range(6):
        await world.settled()  # a letter whose link was superseded before it left is not sent
        assert await told(world, HERE, RESEND, {"token": token}) == "done"
    letters = await world.new_mail()
    assert len(letters) == 4
    # the last that was sent is good
    states = [await world.link_state(one.token) for one in letters]
    assert sorted(states) == ["SUPERSEDED"] * 3 + ["VALID"]


async def test_d33_letters_that_staff_have_written_are_not_counted(
    world: World, clinic: Clinic
) -> None:
    scaled(world, 1)
    new = {**NEWS, "email": "nora@home.example", "departmentId": clinic.ids["mental"]}
    del new["organization"]
    made = await world.do(CREATE, {"input": new}, clinic.token("olivia"))
    for _ in range(6):
        again = {"id": made["client"]["id"]}
        await world.settled()  # a letter whose link was superseded before it left is not sent
        payload = await world.do(REINVITE, again, clinic.token("olivia"))
        assert payload["userErrors"] == []
    assert len(await world.new_mail()) == 7

    assert await told(world, HERE, FORGOT, forgotten("nora@home.example")) == "done"
    assert len(await world.new_mail()) == 1


# What is kept of it.


async def rows(world: World) -> list[Any]:
    return await world.database.read(lambda c: list(c.execute(select(Throttle))))


async def test_d33_counts_name_nobody_and_go_when_they_are_over(
    world: World, clinic: Clinic
) -> None:
    world.clock.advance(days=1)
    await sweep(Context(world.service.services, ANONYMOUS), Retention())
    assert await rows(world) == []
    await told(world, HERE, REGISTER, form("nora@home.example"))
    counted = await rows(world)
    assert [len(row.key) for row in counted] == [32] * 3  # the source, the pair, the letter

    world.clock.advance(minutes=10)
    await sweep(Context(world.service.services, ANONYMOUS), Retention())
    (left,) = await rows(world)
    assert left.attempts == 1  # the letter
    world.clock.advance(days=1)
    await sweep(Context(world.service.services, ANONYMOUS), Retention())
    assert await rows(world) == []


async def test_d33_a_clock_that_was_wrong_keeps_nobody_out(world: World, clinic: Clinic) -> None:
    scaled(world, 0.1)
    world.clock.advance(days=40)
    assert await told(world, HERE, LOGIN, login("amy")) == "INVALID_CREDENTIALS"
    assert await told(world, HERE, LOGIN, login("amy")) == "RATE_LIMITED"
    world.clock.advance(days=-40)
    assert await told(world, HERE, LOGIN, login("amy", PASSWORD)) == "done"


async def test_d33_budgets_are_as_large_as_the_setting_says(url: str, mailbox: Mailbox) -> None:
    async with World(url, mailbox, throttle=0.3) as world:
        codes = [await told(world, HERE, LOGIN, login("amy")) for _ in range(4)]
    assert codes == ["INVALID_CREDENTIALS"] * 3 + ["RATE_LIMITED"]
