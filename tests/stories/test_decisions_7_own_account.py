"""One's own account: password, address, and the links for both (D3, D5, D14, D21, D28)."""

from collections.abc import Awaitable, Callable, Coroutine
from typing import Any

import pytest
from sqlalchemy import update

from models import Client
from resolvers import (
    Context,
    Stopped,
    email_change_request,
    password_change,
    recovery_codes_renew,
    second_factor_begin,
    second_factor_confirm,
    second_factor_remove,
)
from tests.factors import give, shown
from tests.stories.asking import DEACTIVATE, ERRORS, STAFF_DEACTIVATE, VIEWER
from tests.world import HIRE, LINK, PASSWORD, RESEND, Clinic, Json, World, problems, refusal

FORGOT = f"""
mutation ($input: PasswordResetRequestInput!) {{
  passwordResetRequest(input: $input) {{ accepted {ERRORS} }}
}}
"""
RESET = f"""
mutation ($input: PasswordResetInput!) {{
  passwordReset(input: $input) {{ username status {ERRORS} }}
}}
"""
CHANGE = f"""
mutation ($input: PasswordChangeInput!) {{
  passwordChange(input: $input) {{ username status {ERRORS} }}
}}
"""
MOVE = f"mutation ($email: String!) {{ emailChangeRequest(email: $email) {{ accepted {ERRORS} }} }}"
MOVED = f"""
mutation ($token: String!) {{ emailChangeConfirm(token: $token) {{ username status {ERRORS} }} }}
"""
REFRESH = """mutation ($token: String!) {
  sessionRefresh(refreshToken: $token) { session { surface } userErrors { code field } }
}"""
LOGOUT = "mutation { logout { userErrors { code } } }"
BETTER = "nine otters under the willow"
DONE = {"accepted": True, "userErrors": []}
OWN = "{ viewer { client { email } staff { email } } }"


async def forgot(world: World, email: str, organization: str = "riverside") -> Any:
    """The payload of `passwordResetRequest`."""
    return await world.do(FORGOT, {"input": {"organization": organization, "email": email}})


async def reset(world: World, token: str, password: str = BETTER) -> Any:
    """The payload of `passwordReset`."""
    return await world.do(RESET, {"input": {"token": token, "password": password}})


async def change(world: World, token: str | None, current: str, password: str) -> Any:
    """The payload of `passwordChange`."""
    said = {"currentPassword": current, "password": password}
    return await world.do(CHANGE, {"input": said}, token)


async def asks_to_move(world: World, token: str, email: str) -> Any:
    """The payload of `emailChangeRequest`."""
    return await world.do(MOVE, {"email": email}, token)


# D21: A session that is opened with an old password does not outlive that password.


async def test_d21_a_login_that_a_reset_overtakes_is_refused(
    world: World, clinic: Clinic, monkeypatch: pytest.MonkeyPatch
) -> None:
    await forgot(world, "amy@riverside.example")
    link = (await world.only_mail("amy@riverside.example")).token
    passwords = world.service.services.passwords
    verify = type(passwords).verify

    async def slowly(self: Any, stored: str | None, password: str) -> bool:
        right = await verify(self, stored, password)
        if right:
            monkeypatch.undo()
            assert (await reset(world, link))["userErrors"] == []
        return right

    monkeypatch.setattr(type(passwords), "verify", slowly)
    before = await world.count("sessions")

    assert problems(await world.login("amy")) == [("INVALID_CREDENTIALS", None)]

    assert await world.count("sessions") == before
    assert (await world.login("amy", password=BETTER))["userErrors"] == []


# D21: Nor does it undo what ended it, though it was good when the request came.


@pytest.mark.parametrize(
    ("other", "told"), [("PORTAL", ("INVALID_CREDENTIALS", "input.currentPassword")), ("APP", None)]
)
async def test_d21_a_change_that_another_overtakes_is_refused(
    world: World,
    clinic: Clinic,
    monkeypatch: pytest.MonkeyPatch,
    other: str,
    told: tuple[str, str] | None,
) -> None:
    passwords = type(world.service.services.passwords)
    hashed = passwords.hash

    async def slowly(self: Any, password: str) -> str:
        monkeypatch.undo()
        done = await change(world, clinic.token("amy", other), PASSWORD, BETTER)
        assert done["userErrors"] == []
        await world.only_mail(clinic.email("amy"))
        return await hashed(self, password)

    monkeypatch.setattr(passwords, "hash", slowly)
    said = {"currentPassword": PASSWORD, "password": "eleven newts in the fountain"}

    answer = await world.ask(CHANGE, {"input": said}, clinic.token("amy"))

    if told:
        assert problems(answer["data"]["passwordChange"]) == [told]
    else:
        assert answer["data"] is None
        (error,) = answer["errors"]
        assert error["message"] == "The session is over. Refresh it, or sign in again."
        assert error["extensions"]["code"] == "UNAUTHENTICATED"
    assert await world.new_mail() == []
    assert (await world.login("amy", password=BETTER))["userErrors"] == []


DEEDS: dict[str, Callable[[Context, str], Coroutine[Any, Any, object]]] = {
    "another password": lambda context, _: password_change(context, PASSWORD, BETTER),
    "another address": lambda context, _: email_change_request(context, "new@home.example"),
    "a second factor": lambda context, _: second_factor_begin(context, PASSWORD),
    "its first code": second_factor_confirm,
    "none any more": lambda context, code: second_factor_remove(context, PASSWORD, code),
    "other recovery codes": lambda context, code: recovery_codes_renew(context, PASSWORD, code),
}


@pytest.mark.parametrize("deed", DEEDS)
async def test_d21_nothing_of_an_account_is_changed_by_a_session_that_has_ended_meanwhile(
    world: World, clinic: Clinic, deed: str
) -> None:
    if deed in ("its first code", "none any more", "other recovery codes"):
        await give(world, clinic, "carl", confirmed=deed != "its first code")
    there, here = [
        await world.service.context(clinic.token("carl", surface), None, "")
        for surface in ("PORTAL", "APP")
    ]
    assert (await world.do(LOGOUT, token=clinic.token("carl")))["userErrors"] == []

    async with world.unchanged():
        with pytest.raises(Stopped, match="The session is over"):
            await DEEDS[deed](there, shown(world.clock()))

    await DEEDS[deed](here, shown(world.clock()))


# D14: A reset sends one letter a person, each naming username and kind.


@pytest.mark.parametrize(
    ("who", "kind", "status"),
    [("amy", "client", "ACTIVE"), ("chloe", "client", "PENDING"), ("dora", "staff member", None)],
)
async def test_d14_who_forgot_the_password_is_mailed_a_link_to_choose_another(
    world: World, clinic: Clinic, who: str, kind: str, status: str | None
) -> None:
    assert await forgot(world, f" {who}@RIVERSIDE.example ") == DONE

    letter = await world.only_mail(clinic.email(who))
    assert letter.subject == "Choose a new password for Riverside Clinic"
    for text in (letter.text, letter.html):
        assert f"for your {kind} account with Riverside Clinic" in text
        assert f"Your username is {who}." in text
    assert letter.link.startswith("https://portal.example/riverside/reset#token=")
    assert await world.do(LINK, {"token": letter.token}) == {
        "state": "VALID",
        "purpose": "RESET_PASSWORD",
        "organizationName": "Riverside Clinic",
        "expiresAt": "2026-11-23T13:00:00+00:00",
    }
    done = await reset(world, letter.token)
    assert done == {"username": who, "status": status, "userErrors": []}
    assert (await world.login(who, password=BETTER))["userErrors"] == []
    assert problems(await world.login(who)) == [("INVALID_CREDENTIALS", None)]
    told = await world.only_mail(clinic.email(who))
    assert told.subject == "Your password for Riverside Clinic was changed"


async def test_d14_one_address_of_two_people_gets_a_letter_for_each(
    world: World, clinic: Clinic
) -> None:
    token = await world.registered("dora@riverside.example", departmentId=clinic.ids["family"])
    await world.confirm(token, "dora.at.home")
    await world.new_mail()

    assert await forgot(world, "dora@riverside.example") == DONE

    letters = {
        one.text.split("username is ")[1].splitlines()[0]: one for one in (await world.new_mail())
    }
    assert set(letters) == {"dora.", "dora.at.home."}
    assert "your staff member account" in letters["dora."].text
    assert "your client account" in letters["dora.at.home."].text
    assert {one.to for one in letters.values()} == {"dora@riverside.example"}
    # each is good for its own person, and the other's stays good
    await reset(world, letters["dora.at.home."].token)
    assert (await world.login("dora"))["userErrors"] == []
    assert (await world.login("dora.at.home", password=BETTER))["userErrors"] == []
    assert await world.link_state(letters["dora."].token) == "VALID"
    assert [one.to for one in await world.new_mail()] == ["dora@riverside.example"]


async def test_d14_the_answer_is_the_same_to_the_byte_whoever_there_is(
    world: World, clinic: Clinic
) -> None:
    async with world.unchanged():
        answers = [
            (await world.send(FORGOT, {"input": {"organization": slug, "email": email}})).content
            for slug, email in (
                ("riverside", "nobody@home.example"),
                ("riverside", "gil@riverside.example"),  # inactive (D5)
                ("riverside", "ina@riverside.example"),
                ("riverside", "amy@lakeside.example"),  # another organization's (D15)
                ("unknown", "amy@riverside.example"),
                ("not a slug", "amy@riverside.example"),
            )
        ]
    answers += [
        (await world.send(FORGOT, {"input": {"organization": "riverside", "email": email}})).content
        for email in ("amy@riverside.example", "una@riverside.example")
    ]

    assert len(set(answers)) == 1
    assert [one.to for one in await world.new_mail()] == [
        "amy@riverside.example",
        "una@riverside.example",
    ]


async def test_d14_what_is_no_address_is_told(world: World, clinic: Clinic) -> None:
    async with world.unchanged():
        for email, code in (("", "REQUIRED"), ("nonsense", "INVALID")):
            payload = await forgot(world, email)
            assert payload["accepted"] is False
            assert problems(payload) == [(code, "input.email")]


@pytest.mark.parametrize("who", ["una", "wes"])
async def test_d05_who_awaits_credentials_and_forgot_them_gets_the_invitation_again(
    world: World, clinic: Clinic, who: str
) -> None:
    assert await forgot(world, clinic.email(who)) == DONE

    letter = await world.only_mail(clinic.email(who))
    assert letter.link.startswith("https://portal.example/riverside/invitation#token=")
    assert (await world.accept(letter.token, who))["userErrors"] == []


# D3: links of one's account are single use, expire, and are bound to their purpose.


async def test_d03_a_link_for_a_new_password_works_once_and_for_an_hour(
    world: World, clinic: Clinic
) -> None:
    await forgot(world, clinic.email("amy"))
    first = (await world.only_mail(clinic.email("amy"))).token
    async with world.unchanged():
        for password in ("short", "x" * 1025, "passwordpassword"):
            assert problems(await reset(world, first, password)) == [
                ("PASSWORD_TOO_WEAK", "input.password")
            ]
        assert problems(await reset(world, "nonsense")) == [("LINK_UNKNOWN", "input.token")]
        assert problems(await world.accept(first, "amy2")) == [("LINK_UNKNOWN", "input.token")]
        moved = await world.do(MOVED, {"token": first})
        assert problems(moved) == [("LINK_UNKNOWN", "token")]
    await forgot(world, clinic.email("amy"))
    second = (await world.only_mail(clinic.email("amy"))).token
    async with world.unchanged():
        assert problems(await reset(world, first)) == [("LINK_SUPERSEDED", "input.token")]
    world.clock.advance(minutes=60)
    async with world.unchanged():
        assert problems(await reset(world, second)) == [("LINK_EXPIRED", "input.token")]

    assert await world.do(RESEND, {"token": second}) == DONE
    third = (await world.only_mail(clinic.email("amy"))).token
    assert (await reset(world, third))["userErrors"] == []
    async with world.unchanged():
        assert problems(await reset(world, third)) == [("LINK_USED", "input.token")]
        assert await world.do(RESEND, {"token": third}) == DONE


@pytest.mark.parametrize(
    ("who", "by", "document"),
    [("amy", "dora", DEACTIVATE), ("paul", "olivia", STAFF_DEACTIVATE)],
)
async def test_d03_making_somebody_inactive_ends_all_their_links(
    world: World, clinic: Clinic, who: str, by: str, document: str
) -> None:
    await forgot(world, clinic.email(who))
    first = (await world.only_mail(clinic.email(who))).token
    await asks_to_move(world, clinic.token(who), "new@home.example")
    second = (await world.only_mail("new@home.example")).token
    if who == "paul":
        await world.do(
            """mutation ($id: ID!, $gone: [ID!]) {
              staffAssociationsUpdate(id: $id, input: {remove: $gone}) { userErrors { code } }
            }""",
            {"id": clinic.ids["paul"], "gone": [clinic.ids["cleo"]]},
            clinic.token(by),
        )

    done = await world.do(document, {"id": clinic.ids[who]}, clinic.token(by))

    assert done["userErrors"] == []
    assert [await world.link_state(one) for one in (first, second)] == ["SUPERSEDED"] * 2
    async with world.unchanged():
        assert problems(await reset(world, first)) == [("LINK_SUPERSEDED", "input.token")]
        assert problems(await world.do(MOVED, {"token": second})) == [("LINK_SUPERSEDED", "token")]
        for token in (first, second):
            assert await world.do(RESEND, {"token": token}) == DONE
        assert await forgot(world, clinic.email(who)) == DONE


# D21: A password change ends the other sessions and is mailed.


@pytest.mark.parametrize("who", ["amy", "chloe", "dora", "norma"])
async def test_d21_a_password_change_ends_the_other_sessions_and_is_mailed(
    world: World, clinic: Clinic, who: str
) -> None:
    mine = (await world.login(who))["session"]
    other = (await world.login(who))["session"]

    done = await change(world, mine["accessToken"], "seven herons over the river", BETTER)

    status = {"amy": "ACTIVE", "chloe": "PENDING"}.get(who)
    assert done == {"username": who, "status": status, "userErrors": []}
    assert (await world.do(VIEWER, token=mine["accessToken"]))["surface"] == "PORTAL"
    assert (await world.do(REFRESH, {"token": mine["refreshToken"]}))["userErrors"] == []
    for dead in (other["accessToken"], clinic.token(who)):
        assert refusal(await world.ask("{ departments { id } }", token=dead)) == "UNAUTHENTICATED"
    refreshed = await world.do(REFRESH, {"token": other["refreshToken"]})
    assert problems(refreshed) == [("SESSION_EXPIRED", "refreshToken")]
    letter = await world.only_mail(clinic.email(who))
    assert letter.subject == "Your password for Riverside Clinic was changed"
    assert "Wherever else you were logged in, you have been logged out." in letter.text
    assert "#token" not in letter.text + letter.html
    assert BETTER not in letter.text + letter.html
    assert problems(await world.login(who)) == [("INVALID_CREDENTIALS", None)]
    assert (await world.login(who, password=BETTER))["userErrors"] == []


async def test_d21_a_reset_ends_every_session(world: World, clinic: Clinic) -> None:
    await forgot(world, clinic.email("amy"))
    token = (await world.only_mail(clinic.email("amy"))).token

    await reset(world, token)

    for surface in ("PORTAL", "APP"):
        dead = clinic.token("amy", surface)
        assert refusal(await world.ask("{ departments { id } }", token=dead)) == "UNAUTHENTICATED"
    # and nobody else's
    assert await world.do(VIEWER, token=clinic.token("ben"))


async def test_d21_a_password_is_changed_by_who_knows_it_and_to_a_good_one(
    world: World, clinic: Clinic
) -> None:
    token, current = clinic.token("amy"), "seven herons over the river"
    async with world.unchanged():
        wrong = await change(world, token, "Seven herons over the river", BETTER)
        assert wrong["userErrors"] == [
            {
                "code": "INVALID_CREDENTIALS",
                "message": "This is not your current password.",
                "field": ["input", "currentPassword"],
                "choices": None,
            }
        ]
        for weak in ("", "fourteen chars", "x" * 1025, "passwordpassword", "amyclientamyclient"):
            payload = await change(world, token, current, weak)
            assert problems(payload) == [("PASSWORD_TOO_WEAK", "input.password")], weak
        strangers = await world.ask(
            CHANGE, {"input": {"currentPassword": current, "password": BETTER}}
        )
        assert refusal(strangers) == "UNAUTHENTICATED"


async def test_d21_a_password_is_not_made_of_the_person_s_own_words(
    world: World, clinic: Clinic
) -> None:
    names = {"firstName": "Quilliamsonfeld", "lastName": "Zebranovskayashvili"}
    email, username = "vqz.plimworth@home.example", "tarnhollowbeckside"
    guessable = [*names.values(), email, username]
    registered = await world.registered(email, departmentId=clinic.ids["mental"], **names)
    hired = {
        "email": email,
        "roles": [{"role": "PRACTITIONER", "departmentId": clinic.ids["mental"]}],
    }
    await world.do(HIRE, {"input": {**names, **hired}}, clinic.token("dora"))
    invited = (await world.only_mail(email)).token

    async with world.unchanged():
        for password in guessable:
            for payload in (
                await world.confirm(registered, username, password),
                await world.accept(invited, username, password),
            ):
                assert problems(payload) == [("PASSWORD_TOO_WEAK", "input.password")], password
    await world.confirm(registered, username)
    token = await world.sign_in(username)
    await world.new_mail()
    await forgot(world, email)
    # the staff member, who has no credentials yet, is invited again
    forgotten = next(mail.token for mail in await world.new_mail() if "/reset#" in mail.link)
    async with world.unchanged():
        for password in guessable:
            for payload in (
                await change(world, token, "seven herons over the river", password),
                await reset(world, forgotten, password),
            ):
                assert problems(payload) == [("PASSWORD_TOO_WEAK", "input.password")], password


@pytest.mark.parametrize("by", ["change", "reset"])
async def test_d21_a_new_password_ends_open_links_for_another_and_for_another_address(
    world: World, clinic: Clinic, by: str
) -> None:
    """Whoever was in with the old one may have asked for their own address."""
    await forgot(world, clinic.email("amy"))
    token = (await world.only_mail(clinic.email("amy"))).token
    await asks_to_move(world, clinic.token("amy"), "thief@home.example")
    move = (await world.only_mail("thief@home.example")).token

    if by == "reset":
        await reset(world, token)
    else:
        await change(world, clinic.token("amy"), PASSWORD, BETTER)

    await world.only_mail(clinic.email("amy"))
    spent = "USED" if by == "reset" else "SUPERSEDED"
    assert [await world.link_state(one) for one in (token, move)] == [spent, "SUPERSEDED"]
    async with world.unchanged():
        assert problems(await world.do(MOVED, {"token": move})) == [("LINK_SUPERSEDED", "token")]
        assert await world.do(RESEND, {"token": move}) == DONE


# D28: Only the person changes their own login address: the new one confirms, the old one is told.


@pytest.mark.parametrize(
    ("who", "kind", "status"), [("amy", "client", "ACTIVE"), ("dora", "staff", None)]
)
async def test_d28_the_new_address_confirms_and_the_old_one_is_told(
    world: World, clinic: Clinic, who: str, kind: str, status: str | None
) -> None:
    assert await asks_to_move(world, clinic.token(who), " New.Address@home.example ") == DONE
    letter = await world.only_mail("New.Address@home.example")
    assert letter.subject == "Confirm your new email address for Riverside Clinic"
    assert letter.link.startswith("https://portal.example/riverside/email#token=")
    assert await world.do(LINK, {"token": letter.token}) == {
        "state": "VALID",
        "purpose": "CONFIRM_EMAIL",
        "organizationName": "Riverside Clinic",
        "expiresAt": "2026-11-24T12:00:00+00:00",
    }
    # until then nothing has changed
    own = (
        await world.do(
            OWN.replace("client { email }" if kind == "staff" else "staff { email }", ""),
            token=clinic.token(who),
        )
    )[kind]
    assert own == {"email": clinic.email(who)}

    # who confirms need not be signed in
    done = await world.do(MOVED, {"token": letter.token})

    assert done == {"username": who, "status": status, "userErrors": []}
    own = (
        await world.do(
            OWN.replace("client { email }" if kind == "staff" else "staff { email }", ""),
            token=clinic.token(who),
        )
    )[kind]
    assert own == {"email": "New.Address@home.example"}
    told = await world.only_mail(clinic.email(who))
    assert told.subject == "Your email address for Riverside Clinic was changed"
    assert "New.Address" not in told.text + told.html
    # letters go to the new one from now on, and none to the old
    await forgot(world, clinic.email(who))
    assert await world.new_mail() == []
    await forgot(world, "new.address@HOME.example")
    await world.only_mail("New.Address@home.example")
    async with world.unchanged():
        again = await world.do(MOVED, {"token": letter.token})
    assert problems(again) == [("LINK_USED", "token")]


async def test_d28_links_to_the_old_address_are_good_no_more(world: World, clinic: Clinic) -> None:
    await forgot(world, clinic.email("amy"))
    old = (await world.only_mail(clinic.email("amy"))).token
    await asks_to_move(world, clinic.token("amy"), "new@home.example")
    token = (await world.only_mail("new@home.example")).token

    await world.do(MOVED, {"token": token})

    assert await world.link_state(old) == "SUPERSEDED"


async def test_d28_another_s_address_gets_no_letter_and_the_answer_is_the_same(
    world: World, clinic: Clinic
) -> None:
    for who, taken in (("amy", "BEN@riverside.example"), ("dora", "carl@RIVERSIDE.example")):
        assert await asks_to_move(world, clinic.token(who), taken) == DONE
    assert await world.new_mail() == []
    async with world.unchanged():
        for email, code in (("", "REQUIRED"), ("nonsense", "INVALID")):
            payload = await asks_to_move(world, clinic.token("amy"), email)
            assert problems(payload) == [(code, "email")]
        strangers = await world.ask(MOVE, {"email": "x@home.example"})
        assert refusal(strangers) == "UNAUTHENTICATED"
    # one address may be a client's and a staff member's (D14)
    await asks_to_move(world, clinic.token("amy"), "dora@riverside.example")
    await world.only_mail("dora@riverside.example")


@pytest.mark.parametrize("email", ["ben@riverside.example", "nobody@home.example"])
async def test_d28_what_becomes_of_an_earlier_link_does_not_tell_whose_the_address_is(
    world: World, clinic: Clinic, email: str
) -> None:
    await asks_to_move(world, clinic.token("amy"), "new@home.example")
    earlier = (await world.only_mail("new@home.example")).token

    assert await asks_to_move(world, clinic.token("amy"), email) == DONE

    await world.new_mail()
    assert await world.link_state(earlier) == "SUPERSEDED"
    async with world.unchanged():
        assert await world.do(RESEND, {"token": earlier}) == DONE
        late = await world.do(MOVED, {"token": earlier})
    assert problems(late) == [("LINK_SUPERSEDED", "token")]


async def test_d28_of_two_who_confirm_one_address_the_first_has_it(
    world: World, clinic: Clinic
) -> None:
    tokens = []
    for who in ("amy", "ben"):
        await asks_to_move(world, clinic.token(who), "both@home.example")
        tokens.append((await world.only_mail("both@home.example")).token)
    await world.do(MOVED, {"token": tokens[0]})

    async with world.unchanged():
        late = await world.do(MOVED, {"token": tokens[1]})

    assert late["userErrors"] == [
        {
            "code": "TAKEN",
            "message": "Somebody else has this address by now.",
            "field": ["token"],
            "choices": None,
        }
    ]


async def test_d28_a_link_that_confirms_an_address_lives_24_hours_and_is_sent_again(
    world: World, clinic: Clinic
) -> None:
    await asks_to_move(world, clinic.token("amy"), "new@home.example")
    first = (await world.only_mail("new@home.example")).token
    world.clock.advance(hours=24)
    async with world.unchanged():
        late = await world.do(MOVED, {"token": first})
    assert problems(late) == [("LINK_EXPIRED", "token")]

    assert await world.do(RESEND, {"token": first}) == DONE

    second = (await world.only_mail("new@home.example")).token
    assert (await world.do(MOVED, {"token": second}))["userErrors"] == []


# D3: linkResend sends a new link for one of any purpose that was not used, without login.


async def _registration(world: World, clinic: Clinic) -> tuple[str, str]:
    return "nora@home.example", await world.registered(departmentId=clinic.ids["mental"])


async def _invitation(world: World, clinic: Clinic) -> tuple[str, str]:
    await forgot(world, clinic.email("una"))
    return clinic.email("una"), (await world.only_mail(clinic.email("una"))).token


async def _password(world: World, clinic: Clinic) -> tuple[str, str]:
    await forgot(world, clinic.email("dora"))
    return clinic.email("dora"), (await world.only_mail(clinic.email("dora"))).token


async def _address(world: World, clinic: Clinic) -> tuple[str, str]:
    await asks_to_move(world, clinic.token("amy"), "new@home.example")
    return "new@home.example", (await world.only_mail("new@home.example")).token


@pytest.mark.parametrize(
    ("made", "purpose", "days"),
    [
        (_registration, "CONFIRM_REGISTRATION", 4),
        (_invitation, "DEFINE_CREDENTIALS", 8),
        (_password, "RESET_PASSWORD", 1),
        (_address, "CONFIRM_EMAIL", 2),
    ],
)
async def test_d03_a_link_of_every_purpose_is_sent_again_when_it_has_ended(
    world: World,
    clinic: Clinic,
    made: Callable[[World, Clinic], Awaitable[tuple[str, str]]],
    purpose: str,
    days: int,
) -> None:
    address, first = await made(world, clinic)
    world.clock.advance(days=days)
    assert await world.link_state(first) == "EXPIRED"

    assert await world.do(RESEND, {"token": first}) == DONE

    second = await world.only_mail(address)
    link: Json = await world.do(LINK, {"token": second.token})
    assert (link["state"], link["purpose"]) == ("VALID", purpose)
    assert await world.link_state(first) == "SUPERSEDED"


# D1: Who moves to an address that they had registered with is a client of it already.


async def test_d1_a_registration_ends_when_a_client_moves_to_its_address(
    world: World, clinic: Clinic
) -> None:
    registered = await world.registered("amy@home.example")
    assert await asks_to_move(world, clinic.token("amy"), "amy@home.example") == DONE
    moving = (await world.only_mail("amy@home.example")).token
    assert (await world.do(MOVED, {"token": moving}))["userErrors"] == []

    assert await world.link_state(registered) == "SUPERSEDED"
    late = await world.confirm(registered, "amy.again")
    assert problems(late) == [("LINK_SUPERSEDED", "input.token")]


async def test_d1_a_registration_that_nobody_saw_makes_no_second_client(
    world: World, clinic: Clinic
) -> None:
    """One that was not committed yet when a client got the address is not ended by that."""
    token = await world.registered("amy@home.example")
    theirs = (Client.id == clinic.key("amy"), Client.organization_id == clinic.key("riverside"))
    home = {"email": "amy@home.example", "email_key": "amy@home.example"}
    await world.database.write(lambda c: c.execute(update(Client).where(*theirs).values(home)))

    async with world.unchanged():
        late = await world.confirm(token, "amy.again")
        assert problems(late) == [("LINK_SUPERSEDED", "input.token")]
