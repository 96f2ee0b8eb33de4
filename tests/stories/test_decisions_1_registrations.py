"""How a registration becomes a client, and what the mailed links do (D1, D2, D3, D5)."""

import asyncio

import pytest

from resolvers import Founding, create_organization
from tests.stories.asking import same_headers
from tests.world import (
    PASSWORD,
    REGISTER,
    RESEND,
    STAFF_UPDATE,
    Clinic,
    World,
    problems,
    refusal,
)

# D1: Before the mail is confirmed, a registration is not a client yet.


async def test_d01_until_it_is_confirmed_a_registration_is_in_no_list(
    world: World, clinic: Clinic
) -> None:
    lists = """{
      active: clients { totalCount }
      pending: clients(status: PENDING) { totalCount }
      all: clients(status: null) { totalCount }
    }"""
    before = await world.ask(lists, token=clinic.token("olivia"))

    token = await world.registered(departmentId=clinic.ids["mental"])
    assert await world.ask(lists, token=clinic.token("olivia")) == before

    await world.confirm(token, "nora")
    after = await world.ask(lists, token=clinic.token("olivia"))
    assert before["data"] == {
        "active": {"totalCount": 5},
        "pending": {"totalCount": 3},
        "all": {"totalCount": 9},
    }
    assert after["data"] == {
        "active": {"totalCount": 5},
        "pending": {"totalCount": 4},
        "all": {"totalCount": 10},
    }


async def test_d01_registrations_of_one_address_stand_side_by_side_until_one_is_confirmed(
    world: World, clinic: Clinic
) -> None:
    first = await world.registered(departmentId=clinic.ids["mental"])
    second = await world.registered("NORA@home.example", departmentId=clinic.ids["family"])
    elsewhere = await world.registered(organization="lakeside")
    assert await world.link_state(first) == "VALID"
    assert await world.link_state(second) == "VALID"

    assert (await world.confirm(second, "nora"))["status"] == "PENDING"

    # The department is that of the registration that was confirmed; the other's link is over.
    assert [one.to for one in await world.new_mail()] == clinic.told("family")
    assert await world.link_state(second) == "USED"
    assert await world.link_state(first) == "SUPERSEDED"
    assert await world.link_state(elsewhere) == "VALID"
    async with world.unchanged():
        late = await world.confirm(first, "nora.again")
    assert late["userErrors"] == [
        {
            "code": "LINK_SUPERSEDED",
            "message": "This link is no longer good: a newer one was sent, "
            "or it is not needed any more.",
            "field": ["input", "token"],
        }
    ]


async def test_d01_two_registrations_of_one_address_confirmed_at_once_make_one_client(
    world: World, clinic: Clinic
) -> None:
    tokens = [await world.registered(departmentId=clinic.ids["mental"]) for _ in range(4)]

    payloads = await asyncio.gather(
        *(world.confirm(token, f"nora{i}") for i, token in enumerate(tokens))
    )

    lost = [problems(payload) for payload in payloads if payload["userErrors"]]
    assert lost == [[("LINK_SUPERSEDED", "input.token")]] * 3
    assert await world.count("clients") == 21
    assert [one.to for one in await world.new_mail()] == clinic.told("mental")


async def test_d01_an_expired_link_can_ask_for_a_new_one_for_thirty_days(
    world: World, clinic: Clinic
) -> None:
    token = await world.registered(departmentId=clinic.ids["mental"])

    world.clock.advance(days=29)
    async with world.unchanged():
        expired = await world.confirm(token, "nora")
    assert expired["userErrors"] == [
        {
            "code": "LINK_EXPIRED",
            "message": "This link has expired. Ask for a new one.",
            "field": ["input", "token"],
        }
    ]
    resent = await world.do(RESEND, {"token": token})
    fresh = (await world.only_mail("nora@home.example")).token
    assert resent == {"accepted": True, "userErrors": []}
    assert await world.link_state(fresh) == "VALID"

    world.clock.advance(days=1, seconds=1)
    async with world.unchanged():
        # The answer tells nothing.
        assert await world.do(RESEND, {"token": token}) == resent


# D2: A self-registered client gets credentials on the page behind the mailed link.


async def test_d02_the_registration_takes_no_password_and_the_confirmation_does(
    world: World, clinic: Clinic
) -> None:
    async with world.unchanged():
        answer = await world.ask(
            REGISTER,
            {
                "input": {
                    "organization": "riverside",
                    "firstName": "Nora",
                    "lastName": "Newcomer",
                    "email": "nora@home.example",
                    "dateOfBirth": "1990-05-17",
                    "password": PASSWORD,
                }
            },
        )
    assert refusal(answer) == "BAD_USER_INPUT"

    token = await world.registered()
    before = await world.login("nora")
    await world.confirm(token, "nora")
    after = await world.login("nora")

    assert problems(before) == [("INVALID_CREDENTIALS", None)]
    assert after["userErrors"] == []


async def test_d02_whoever_leaves_without_choosing_credentials_has_not_confirmed(
    world: World, clinic: Clinic
) -> None:
    token = await world.registered(departmentId=clinic.ids["mental"])

    async with world.unchanged():
        for _ in range(3):
            assert await world.link_state(token) == "VALID"
        weak = await world.confirm(token, "nora", "too short")
        guessed = await world.confirm(token, "nora", "nora@home.example")
        nameless = await world.confirm(token, "", PASSWORD)
        taken = await world.confirm(token, "amy", PASSWORD)

    assert problems(weak) == [("PASSWORD_TOO_WEAK", "input.password")]
    assert weak["userErrors"][0]["message"] == (
        "Use at least 15 characters: a few words in a row do well."
    )
    assert problems(guessed) == [("PASSWORD_TOO_WEAK", "input.password")]
    assert problems(nameless) == [("REQUIRED", "input.username")]
    assert taken["userErrors"] == [
        {
            "code": "TAKEN",
            "message": "Somebody has this username already.",
            "field": ["input", "username"],
        }
    ]
    assert (await world.confirm(token, "nora"))["userErrors"] == []


# D3: A mailed link opens a page; only the mutation uses it up.


async def test_d03_a_link_tells_what_has_become_of_it_without_being_used(
    world: World, clinic: Clinic
) -> None:
    document = """query ($token: String!) {
      link(token: $token) { state purpose organizationName expiresAt }
    }"""
    token = await world.registered()

    async with world.unchanged():
        seen = await world.do(document, {"token": token})
        unknown = [
            await world.do(document, {"token": garbled})
            for garbled in ("", "nonsense", token[:-1], token + "A", token.swapcase())
        ]

    assert seen == {
        "state": "VALID",
        "purpose": "CONFIRM_REGISTRATION",
        "organizationName": "Riverside Clinic",
        "expiresAt": "2026-11-26T12:00:00+00:00",
    }
    nothing = {"state": "UNKNOWN", "purpose": None, "organizationName": None, "expiresAt": None}
    assert unknown == [nothing] * 5


@pytest.mark.parametrize(
    ("hours", "state"), [(71.99, "VALID"), (72, "EXPIRED"), (24 * 365, "EXPIRED")]
)
async def test_d03_a_confirmation_link_lives_72_hours(
    world: World, clinic: Clinic, hours: float, state: str
) -> None:
    token = await world.registered()

    world.clock.advance(hours=hours)

    assert await world.link_state(token) == state


@pytest.mark.parametrize(("days", "state"), [(6.99, "VALID"), (7, "EXPIRED")])
async def test_d03_an_invitation_lives_7_days(empty_world: World, days: float, state: str) -> None:
    world = empty_world
    await create_organization(
        world.service.anonymous(),
        Founding("Clinic", "clinic", "All", "ada@clinic.example", "Ada", "Admin"),
    )
    token = (await world.only_mail("ada@clinic.example")).token

    world.clock.advance(days=days)

    assert await world.link_state(token) == state
    if state == "EXPIRED":
        async with world.unchanged():
            refused = await world.accept(token, "ada")
        assert problems(refused) == [("LINK_EXPIRED", "input.token")]


async def test_d03_a_link_is_good_for_its_purpose_only(world: World, clinic: Clinic) -> None:
    token = await world.registered()

    async with world.unchanged():
        refused = await world.accept(token, "nora")

    assert problems(refused) == [("LINK_UNKNOWN", "input.token")]
    assert await world.link_state(token) == "VALID"


async def test_d03_a_new_link_supersedes_the_old_one(world: World, clinic: Clinic) -> None:
    first = await world.registered(departmentId=clinic.ids["mental"])

    assert await world.do(RESEND, {"token": first}) == {"accepted": True, "userErrors": []}

    letter = await world.only_mail("nora@home.example")
    assert letter.subject == "Confirm your registration with Riverside Clinic"
    second = letter.token
    assert second != first
    assert await world.link_state(first) == "SUPERSEDED"
    assert await world.link_state(second) == "VALID"
    async with world.unchanged():
        refused = await world.confirm(first, "nora")
    assert problems(refused) == [("LINK_SUPERSEDED", "input.token")]
    # The old letter's link can still ask for a new one: it was not used.
    await world.do(RESEND, {"token": first})
    third = (await world.only_mail("nora@home.example")).token
    assert (await world.confirm(third, "nora"))["userErrors"] == []


async def test_d03_link_resend_never_tells_whether_a_letter_went(
    world: World, clinic: Clinic
) -> None:
    live = await world.registered("live@home.example")
    used = await world.registered("used@home.example")
    await world.confirm(used, "used")
    await world.new_mail()

    sent = await world.send(RESEND, {"token": live})
    await world.only_mail("live@home.example")
    async with world.unchanged():
        nothing = [
            await world.send(RESEND, {"token": token})
            for token in (used, "nonsense", live[:-1] + "_")
        ]

    assert sent.status_code == 200
    for answer in nothing:
        assert answer.content == sent.content
        assert same_headers(answer) == same_headers(sent)


async def test_d03_a_copy_of_the_database_yields_no_usable_link(
    world: World, clinic: Clinic
) -> None:
    token = await world.registered()

    written = await world.written()

    assert token not in written
    assert token.removeprefix("vtl_") not in written


async def test_d03_correcting_an_address_ends_the_links_and_sends_a_new_invitation(
    world: World, clinic: Clinic
) -> None:
    # The invitation of wes is from before this test; a resend tells nobody but wes its token.
    change = {"email": "wes.weber@riverside.example"}
    payload = await world.do(
        STAFF_UPDATE, {"id": clinic.ids["wes"], "input": change}, clinic.token("olivia")
    )
    assert payload["userErrors"] == []
    first = await world.only_mail("wes.weber@riverside.example")
    # another name is no other address
    change = {"firstName": "Wesley"}
    await world.do(STAFF_UPDATE, {"id": clinic.ids["wes"], "input": change}, clinic.token("fay"))
    assert await world.new_mail() == []
    assert await world.link_state(first.token) == "VALID"

    change = {"email": "wes@weber.example"}
    await world.do(STAFF_UPDATE, {"id": clinic.ids["wes"], "input": change}, clinic.token("fay"))
    second = await world.only_mail("wes@weber.example")

    assert first.subject == second.subject == "Your staff account with Riverside Clinic"
    assert await world.link_state(first.token) == "SUPERSEDED"
    assert await world.link_state(second.token) == "VALID"
    # D28: with credentials, the address is its owner's own business.
    assert (await world.accept(second.token, "wes"))["userErrors"] == []
    async with world.unchanged():
        locked = await world.do(
            STAFF_UPDATE,
            {"id": clinic.ids["wes"], "input": {"email": "fay2@riverside.example"}},
            clinic.token("fay"),
        )
    assert problems(locked) == [("EMAIL_LOCKED", "input.email")]


# D5: Whoever was invited and never answered gets the invitation again.


async def test_d05_who_awaits_credentials_and_registers_gets_the_invitation_again(
    world: World, clinic: Clinic
) -> None:
    payload = await world.register("UNA@riverside.example", firstName="Not", lastName="Una")

    assert payload == {"accepted": True, "userErrors": []}
    letter = await world.only_mail("una@riverside.example")
    assert letter.subject == "Your new account with Riverside Clinic"
    assert letter.link.startswith("https://portal.example/riverside/invitation#token=")
    assert "Hello Una Client" in letter.text
    accepted = await world.accept(letter.token, "una")
    assert accepted == {"username": "una", "status": "ACTIVE", "userErrors": []}
    assert await world.new_mail() == []
    assert (await world.login("una", "APP"))["userErrors"] == []


async def test_d03_who_confirms_and_asks_for_a_new_link_at_once_ends_with_one_way_in(
    world: World, clinic: Clinic
) -> None:
    token = await world.registered(departmentId=clinic.ids["mental"])

    *asked, confirmed = await asyncio.gather(
        *(world.do(RESEND, {"token": token}) for _ in range(5)), world.confirm(token, "nora")
    )

    assert asked == [{"accepted": True, "userErrors": []}] * 5
    if confirmed["userErrors"]:
        # The new link came first; it, the last one, is good.
        assert problems(confirmed) == [("LINK_SUPERSEDED", "input.token")]
        states = [
            await world.link_state(one.token) for one in await world.mail("nora@home.example")
        ]
        assert states.count("VALID") == 1
    else:
        assert [
            one.to for one in await world.new_mail() if "approval" in one.subject
        ] == clinic.told("mental")
    assert await world.count("clients") == (20 if confirmed["userErrors"] else 21)
