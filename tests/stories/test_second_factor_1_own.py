"""A second factor of one's own: turned on, renewed, turned off, and taken away (ASVS 6.4, 6.5)."""

from pathlib import Path

import pyotp
import pytest
from sqlalchemy import Connection, make_url, select, text
from sqlalchemy import inspect as inspector
from sqlalchemy import table as sql_table

from tests.factors import (
    BEGIN,
    CONFIRM,
    RECOVERY,
    REMOVE,
    RENEW,
    TAKE,
    give,
    shown,
    told,
    turn_on,
    with_both,
    wrong,
)
from tests.stories.asking import VIEWER
from tests.stories.test_decisions_10_guessing import CHANGE, HERE, THERE, scaled
from tests.stories.test_decisions_10_guessing import told as answered
from tests.world import PASSWORD, Clinic, World, problems

ASKED = [("SECOND_FACTOR_REQUIRED", "input.code")]
WRONG = [("INVALID_CODE", "input.code")]
REFUSED = "INVALID_CREDENTIALS"


async def is_out(world: World, token: str) -> bool:
    """Whether the session is over."""
    return await world.do(VIEWER, token=token) is None


async def has_one(world: World, clinic: Clinic, who: str, by: str) -> bool | None:
    """Whether the staff member has a second factor, as somebody else reads it."""
    document = "query ($id: ID!) { staffMember(id: $id) { secondFactor } }"
    found = await world.do(document, {"id": clinic.ids[who]}, clinic.token(by))
    second_factor: bool | None = found["secondFactor"]
    return second_factor


# --- on -----------------------------------------------------------------------------------------


async def test_whoever_turns_it_on_signs_in_with_a_code_from_then_on(
    world: World, clinic: Clinic
) -> None:
    mine, other = await world.sign_in("carl"), await world.sign_in("carl", "APP")

    begun = await world.do(BEGIN, {"password": PASSWORD}, mine)

    assert begun["userErrors"] == []
    app = pyotp.parse_uri(begun["otpauthUri"])
    assert isinstance(app, pyotp.TOTP)
    assert (app.secret, app.name, app.issuer) == (begun["secret"], "carl", "Riverside Clinic")
    # until a code of it confirms it, it counts for nothing
    assert await told(world, "carl") == []
    assert await has_one(world, clinic, "carl", "dora") is False

    done = await world.do(CONFIRM, {"code": app.at(world.clock())}, mine)

    assert done["userErrors"] == []
    assert len(set(done["recoveryCodes"])) == 10
    assert await has_one(world, clinic, "carl", "dora") is True
    assert not await is_out(world, mine)
    assert await is_out(world, other)
    assert await is_out(world, clinic.token("carl"))
    letter = await world.only_mail(clinic.email("carl"))
    assert letter.subject == "Your account with Riverside Clinic has a second factor"
    for secret in (begun["secret"], *done["recoveryCodes"]):
        assert secret not in letter.text + letter.html
    assert await told(world, "carl") == ASKED
    world.clock.advance(seconds=30)
    for surface in ("PORTAL", "APP"):
        assert await told(world, "carl", app.at(world.clock()), surface=surface) == []
        world.clock.advance(seconds=30)
    # and it is nobody else's
    assert await told(world, "dora") == []


async def test_the_code_that_confirms_it_is_used_up(world: World, clinic: Clinic) -> None:
    secret, _ = await turn_on(world, clinic.token("carl"))
    assert await told(world, "carl", shown(world.clock(), secret)) == WRONG


async def test_the_last_secret_that_was_begun_counts(world: World, clinic: Clinic) -> None:
    token = clinic.token("carl")
    secrets = [(await world.do(BEGIN, {"password": PASSWORD}, token))["secret"] for _ in range(2)]
    async with world.unchanged():
        late = await world.do(CONFIRM, {"code": shown(world.clock(), secrets[0])}, token)
        assert problems(late) == [("INVALID_CODE", "code")]
    done = await world.do(CONFIRM, {"code": shown(world.clock(), secrets[1])}, token)
    assert done["userErrors"] == []


async def test_a_secret_is_had_with_the_password_and_while_there_is_none(
    world: World, clinic: Clinic
) -> None:
    token = clinic.token("carl")
    async with world.unchanged():
        for password in ("", "nine herons over the river", PASSWORD.upper()):
            refused = await world.do(BEGIN, {"password": password}, token)
            assert refused == {
                "secret": None,
                "otpauthUri": None,
                "userErrors": [
                    {
                        "code": "INVALID_CREDENTIALS",
                        "message": "This is not your current password.",
                        "field": ["password"],
                    }
                ],
            }
        early = await world.do(CONFIRM, {"code": "123456"}, token)
        assert problems(early) == [("SECOND_FACTOR_OFF", "code")]
    secret, _ = await turn_on(world, token)
    world.clock.advance(seconds=30)
    async with world.unchanged():
        again = await world.do(BEGIN, {"password": PASSWORD}, token)
        assert problems(again) == [("SECOND_FACTOR_ON", None)]
        assert again["secret"] is None
        late = await world.do(CONFIRM, {"code": shown(world.clock(), secret)}, token)
        assert problems(late) == [("SECOND_FACTOR_ON", "code")]


async def test_neither_the_secret_nor_a_recovery_code_is_anywhere_in_the_database(
    world: World, clinic: Clinic
) -> None:
    secret, codes = await turn_on(world, clinic.token("carl"))
    begun = await world.do(BEGIN, {"password": PASSWORD}, clinic.token("dora"))

    def dump(connection: Connection) -> str:
        tables = inspector(connection).get_table_names()
        assert {"second_factors", "recovery_codes", "letters"} <= set(tables)
        return repr(
            [
                tuple(row)
                for table in tables
                for row in connection.execute(select(text("*")).select_from(sql_table(table)))
            ]
        )

    dumped = (await world.database.read(dump)).encode()
    url = make_url(world.settings.database_url)
    if url.drivername == "sqlite":
        assert url.database
        files = Path(url.database).parent.glob(f"{Path(url.database).name}*")
        dumped += b"".join(path.read_bytes() for path in files)
    assert clinic.key("carl").hex.encode() in dumped.replace(b"-", b"")
    for one in (secret, begun["secret"], *codes):
        raw = pyotp.TOTP(secret).byte_secret() if one == secret else one.encode()
        for form in (one.encode(), one.replace("-", "").encode(), one.lower().encode(), raw):
            assert form not in dumped


# --- recovery codes -----------------------------------------------------------------------------


async def test_a_recovery_code_lets_in_once_and_its_owner_is_told(
    world: World, clinic: Clinic
) -> None:
    _, codes = await turn_on(world, clinic.token("carl"))
    await world.new_mail()
    spelled = (codes[0], codes[1].lower(), codes[2].replace("-", " "))
    for left, code in zip((9, 8, 7), spelled, strict=True):
        assert await told(world, "carl", code) == []
        letter = await world.only_mail(clinic.email("carl"))
        assert letter.subject == "A recovery code for Riverside Clinic was used"
        assert f"There are {left} left." in letter.text
        assert code not in letter.text + letter.html
        assert await told(world, "carl", code) == WRONG
    for code in codes[3:]:
        assert await told(world, "carl", code) == []
    letters = await world.new_mail()
    assert len(letters) == 7
    assert any("It was the last one." in letter.text for letter in letters)
    assert await told(world, "carl", codes[0]) == WRONG
    assert await told(world, "carl") == ASKED


async def test_nobody_s_recovery_code_lets_in_anybody_else(world: World, clinic: Clinic) -> None:
    _, codes = await turn_on(world, clinic.token("carl"))
    await turn_on(world, clinic.token("dora"))
    await turn_on(world, clinic.token("lakeside.carl"))
    assert await told(world, "dora", codes[0]) == WRONG
    assert await told(world, "carl", codes[0], organization="lakeside") == WRONG
    assert await told(world, "carl", codes[0]) == []


async def test_new_recovery_codes_take_the_place_of_the_old_ones(
    world: World, clinic: Clinic
) -> None:
    token = clinic.token("carl")
    secret, old = await turn_on(world, token)
    other = await world.sign_in("carl", "APP", code=old[0])
    await world.new_mail()
    world.clock.advance(seconds=30)

    renewed = await with_both(world, RENEW, token, shown(world.clock(), secret))

    assert renewed["userErrors"] == []
    assert len(set(renewed["recoveryCodes"]) - set(old)) == 10
    letter = await world.only_mail(clinic.email("carl"))
    assert letter.subject == "New recovery codes for Riverside Clinic"
    assert not await is_out(world, other)
    assert await told(world, "carl", old[1]) == WRONG
    assert await told(world, "carl", renewed["recoveryCodes"][0]) == []
    # a recovery code proves as much as the app does
    again = await with_both(world, RENEW, token, renewed["recoveryCodes"][1])
    assert len(set(again["recoveryCodes"]) - set(renewed["recoveryCodes"])) == 10


# --- off ----------------------------------------------------------------------------------------


@pytest.mark.parametrize("by", ["the app", "a recovery code"])
async def test_it_is_turned_off_with_both_proofs(world: World, clinic: Clinic, by: str) -> None:
    secret, codes = await turn_on(world, clinic.token("carl"))
    await world.new_mail()
    world.clock.advance(seconds=30)
    mine = await world.sign_in("carl", code=shown(world.clock(), secret))
    other = await world.sign_in("carl", code=codes[0])
    await world.new_mail()
    world.clock.advance(seconds=30)
    code = shown(world.clock(), secret) if by == "the app" else codes[1]

    done = await with_both(world, REMOVE, mine, code)

    assert done == {"staff": {"secondFactor": False}, "userErrors": []}
    assert not await is_out(world, mine)
    assert await is_out(world, other)
    subjects = [letter.subject for letter in await world.new_mail()]
    assert "Your second factor for Riverside Clinic was turned off" in subjects
    assert await told(world, "carl") == []
    assert await has_one(world, clinic, "carl", "dora") is False
    # its recovery codes went with it, also when there is another one
    secret, _ = await turn_on(world, mine)
    assert await told(world, "carl", codes[2]) == WRONG
    world.clock.advance(seconds=30)
    assert await told(world, "carl", shown(world.clock(), secret)) == []


@pytest.mark.parametrize("document", [REMOVE, RENEW])
async def test_a_session_and_one_proof_turn_nothing_off(
    world: World, clinic: Clinic, document: str
) -> None:
    await give(world, clinic, "carl")
    token, code = clinic.token("carl"), shown(world.clock())
    async with world.unchanged():
        refused = await with_both(world, document, token, code, password="not that one at all")
        assert problems(refused) == [("INVALID_CREDENTIALS", "input.password")]
        assert problems(await with_both(world, document, token, "")) == ASKED
    assert problems(await with_both(world, document, token, wrong(world.clock()))) == WRONG
    assert await has_one(world, clinic, "carl", "dora") is True
    assert await told(world, "carl", RECOVERY) == []
    # the code was not used up by what was refused
    assert (await with_both(world, document, token, code))["userErrors"] == []


async def test_d33_who_guesses_within_a_session_has_one_budget_for_the_password(
    world: World, clinic: Clinic
) -> None:
    """With that of `passwordChange`; and one for the code that confirms a secret."""
    scaled(world, 1)
    await give(world, clinic, "carl")
    await give(world, clinic, "fred", confirmed=False)
    carl, fred, code = clinic.token("carl"), clinic.token("fred"), shown(world.clock())
    guess, right = "not the password of anybody", {"password": PASSWORD, "code": code}
    wrong_one = {"input": {"password": guess, "code": code}}
    change = {"input": {"currentPassword": guess, "password": "nine otters under the willow"}}
    async with world.unchanged():
        for _ in range(3):
            for document, said in (
                (BEGIN, {"password": guess}),
                (REMOVE, wrong_one),
                (RENEW, wrong_one),
            ):
                assert await answered(world, HERE, document, said, token=carl) == REFUSED
        assert await answered(world, HERE, CHANGE, change, token=carl) == REFUSED
        for document in (REMOVE, RENEW):
            told = await answered(world, HERE, document, {"input": right}, token=carl)
            assert told == "RATE_LIMITED"
        for _ in range(10):
            said = {"code": wrong(world.clock())}
            assert await answered(world, HERE, CONFIRM, said, token=fred) == "INVALID_CODE"
        said = {"code": code}
        assert await answered(world, HERE, CONFIRM, said, token=fred) == "RATE_LIMITED"
    assert await answered(world, THERE, RENEW, {"input": right}, token=carl) == "done"
    assert await answered(world, THERE, CONFIRM, said, token=fred) == "done"


# --- taken away ---------------------------------------------------------------------------------


@pytest.mark.parametrize(("who", "by"), [("carl", "dora"), ("dora", "olivia"), ("oscar", "olivia")])
async def test_whoever_has_lost_it_is_helped_by_an_administrator(
    world: World, clinic: Clinic, who: str, by: str
) -> None:
    await give(world, clinic, who)
    theirs = await world.sign_in(who, code=shown(world.clock()))

    done = await world.do(TAKE, {"id": clinic.ids[who]}, clinic.token(by))

    assert done == {"staff": {"secondFactor": False}, "userErrors": []}
    letter = await world.only_mail(clinic.email(who))
    assert letter.subject == "Your second factor for Riverside Clinic was reset"
    assert "You have been logged out everywhere." in letter.text
    for token in (theirs, clinic.token(who), clinic.token(who, "APP")):
        assert await is_out(world, token)
    assert not await is_out(world, clinic.token(by))
    assert await told(world, who) == []
    # the old codes are ignored, as those of anybody who has none
    assert await told(world, who, RECOVERY) == []
    async with world.unchanged():
        again = await world.do(TAKE, {"id": clinic.ids[who]}, clinic.token(by))
        assert problems(again) == [("SECOND_FACTOR_OFF", "id")]
        assert again["staff"] == {"secondFactor": False}


async def test_who_may_not_change_the_whole_record_takes_nothing_away(
    world: World, clinic: Clinic
) -> None:
    await give(world, clinic, "olivia", "petra", "dora", "fay")
    async with world.unchanged():
        for who, by, code in (
            ("petra", "dora", "OUT_OF_SCOPE"),  # works in another department, too
            ("fay", "dora", "NOT_FOUND"),
            ("olivia", "dora", "NOT_FOUND"),
            ("dora", "dora", "OUT_OF_SCOPE"),
            ("olivia", "olivia", "OUT_OF_SCOPE"),  # a session alone does not turn it off
            ("olivia", "lakeside.olivia", "NOT_FOUND"),
        ):
            payload = await world.do(TAKE, {"id": clinic.ids[who]}, clinic.token(by))
            assert problems(payload) == [(code, "id")]


async def test_who_is_made_inactive_keeps_it_for_later(world: World, clinic: Clinic) -> None:
    await give(world, clinic, "carl")
    for what, code in (("Deactivate", ["STAFF_INACTIVE"]), ("Reactivate", [])):
        document = f"mutation ($id: ID!) {{ staff{what}(id: $id) {{ userErrors {{ code }} }} }}"
        await world.do(document, {"id": clinic.ids["carl"]}, clinic.token("dora"))
        assert [one for one, _ in await told(world, "carl", shown(world.clock()))] == code
