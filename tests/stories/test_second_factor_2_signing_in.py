"""Signing in with a code: once, about now, and not by guessing (ASVS 6.3.5, 6.5.1, 6.5.5)."""

import asyncio

import pytest

from tests.factors import RECOVERY, STEP, give, shown, told, wrong
from tests.stories.test_decisions_7_own_account import BETTER, change, forgot, reset
from tests.world import PASSWORD, Clinic, Mail, World

ASKED = [("SECOND_FACTOR_REQUIRED", "input.code")]
WRONG = [("INVALID_CODE", "input.code")]
WAITS = [("TOO_MANY_WRONG_CODES", "input.code")]
BAD_PASSWORD = [("INVALID_CREDENTIALS", None)]


async def guess(world: World, times: int) -> None:
    """Try so many wrong codes, each of which is looked at."""
    for _ in range(times):
        assert await told(world, "carl", wrong(world.clock())) == WRONG


async def warnings(world: World) -> list[Mail]:
    """The letters about wrong codes since they were asked for last."""
    subject = "Somebody tried to log in to Riverside Clinic as you"
    return [one for one in await world.new_mail() if one.subject == subject]


# --- what is asked ------------------------------------------------------------------------------


async def test_a_code_is_asked_for_after_a_right_password_only(
    world: World, clinic: Clinic
) -> None:
    await give(world, clinic, "carl")
    async with world.unchanged():
        for code in (None, "", "  ", "\t"):
            assert await world.login("carl", code=code) == {
                "session": None,
                "userErrors": [
                    {
                        "code": "SECOND_FACTOR_REQUIRED",
                        "message": "Please type the code that your authenticator app shows, or a "
                        "recovery code.",
                        "field": ["input", "code"],
                    }
                ],
            }
        for code in (None, shown(world.clock()), RECOVERY, wrong(world.clock())):
            assert await told(world, "carl", code, password="not that one") == BAD_PASSWORD
            assert await told(world, "nobody", code) == BAD_PASSWORD
    assert await told(world, "carl", shown(world.clock())) == []


async def test_a_code_of_who_has_no_second_factor_does_not_matter(
    world: World, clinic: Clinic
) -> None:
    for who in ("amy", "dora"):
        for code in ("", "123456", RECOVERY, "x" * 10_000):
            assert await told(world, who, code) == []


async def test_what_is_wrong_with_the_account_is_told_before_a_code_is_looked_at(
    world: World, clinic: Clinic
) -> None:
    await give(world, clinic, "ivan")
    async with world.unchanged():
        for code in (None, wrong(world.clock()), RECOVERY):
            assert await told(world, "ivan", code) == [("STAFF_INACTIVE", None)]


# --- when a code is good ------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("off", "good"), [(-2, False), (-1, True), (0, True), (1, True), (2, False)]
)
async def test_a_clock_may_be_half_a_minute_behind_or_ahead(
    world: World, clinic: Clinic, off: int, good: bool
) -> None:
    await give(world, clinic, "carl")
    code = shown(world.clock() + off * STEP)
    assert await told(world, "carl", code) == ([] if good else WRONG)


async def test_a_code_counts_once_and_none_before_it_counts_any_more(
    world: World, clinic: Clinic
) -> None:
    await give(world, clinic, "carl")
    before, now, after = (shown(world.clock() + i * STEP) for i in (-1, 0, 1))
    assert await told(world, "carl", now) == []
    assert await told(world, "carl", now) == WRONG
    assert await told(world, "carl", before) == WRONG
    assert await told(world, "carl", after) == []
    world.clock.advance(seconds=30)
    for used in (before, now, after):
        assert await told(world, "carl", used) == WRONG
    world.clock.advance(seconds=30)
    assert await told(world, "carl", shown(world.clock())) == []


async def test_of_many_who_use_one_code_at_once_one_gets_in(world: World, clinic: Clinic) -> None:
    await give(world, clinic, "carl")
    for code in (shown(world.clock()), RECOVERY):
        answers = await asyncio.gather(*(told(world, "carl", code) for _ in range(4)))
        assert sorted(answers) == [[], *[WRONG] * 3]


# --- guessing -----------------------------------------------------------------------------------


async def test_after_five_wrong_codes_the_app_s_must_wait_and_the_owner_is_told(
    world: World, clinic: Clinic
) -> None:
    await give(world, clinic, "carl")
    await guess(world, 4)
    assert await warnings(world) == []
    await guess(world, 1)
    (letter,) = await warnings(world)
    assert letter.to == clinic.email("carl")
    assert "somebody knows your password" in letter.text

    async with world.unchanged():
        for code in (wrong(world.clock()), shown(world.clock())):
            refused = await world.login("carl", code=code)
            assert refused["userErrors"] == [
                {
                    "code": "TOO_MANY_WRONG_CODES",
                    "message": "Too many codes were wrong. Wait until 2026-11-23 12:00:30 UTC, or "
                    "use a recovery code.",
                    "field": ["input", "code"],
                }
            ]
        assert await told(world, "carl") == ASKED
    world.clock.advance(seconds=30)
    assert await told(world, "carl", shown(world.clock())) == []
    # and all is forgotten
    await guess(world, 4)
    world.clock.advance(seconds=30)
    assert await told(world, "carl", shown(world.clock())) == []
    assert await warnings(world) == []


async def test_each_wrong_code_more_doubles_the_waiting_up_to_a_day(
    world: World, clinic: Clinic
) -> None:
    await give(world, clinic, "carl")
    await guess(world, 4)
    waits = [30 * 2**i for i in range(12)] + [86_400] * 3
    for seconds in waits:
        await guess(world, 1)
        world.clock.advance(seconds=seconds - 1)
        assert await told(world, "carl", shown(world.clock())) == WAITS
        world.clock.advance(seconds=1)
    assert len(await warnings(world)) == 1
    assert await told(world, "carl", shown(world.clock())) == []


async def test_a_recovery_code_never_waits(world: World, clinic: Clinic) -> None:
    await give(world, clinic, "carl")
    await guess(world, 5)
    assert await told(world, "carl", RECOVERY) == []
    # and ends the waiting: whoever has it is the owner
    assert await told(world, "carl", shown(world.clock())) == []


async def test_others_do_not_wait(world: World, clinic: Clinic) -> None:
    await give(world, clinic, "carl", "dora", "lakeside.carl")
    await guess(world, 5)
    assert await told(world, "dora", shown(world.clock())) == []
    assert await told(world, "carl", shown(world.clock()), organization="lakeside") == []


async def test_many_who_guess_at_once_are_counted_one_by_one(world: World, clinic: Clinic) -> None:
    await give(world, clinic, "carl")
    code = wrong(world.clock())
    answers = await asyncio.gather(*(told(world, "carl", code) for _ in range(8)))
    assert sorted(answers) == [*[WRONG] * 5, *[WAITS] * 3]
    assert len(await warnings(world)) == 1


# --- a new password -----------------------------------------------------------------------------


async def test_a_new_password_ends_the_waiting_and_not_the_second_factor(
    world: World, clinic: Clinic
) -> None:
    """A reset by mail does not go round the second factor, and no guesser locks anybody out."""
    await give(world, clinic, "carl")
    await guess(world, 5)
    await forgot(world, clinic.email("carl"))
    (link,) = [one.token for one in await world.new_mail() if "new password" in one.subject]
    assert await told(world, "carl", shown(world.clock())) == WAITS

    assert (await reset(world, link))["userErrors"] == []

    assert await told(world, "carl", shown(world.clock())) == BAD_PASSWORD
    async with world.unchanged():
        assert await told(world, "carl", password=BETTER) == ASKED
    assert await told(world, "carl", shown(world.clock()), password=BETTER) == []


async def test_a_password_changed_while_signed_in_ends_the_waiting_too(
    world: World, clinic: Clinic
) -> None:
    await give(world, clinic, "carl")
    await guess(world, 5)
    await change(world, clinic.token("carl"), PASSWORD, BETTER)
    assert await told(world, "carl", password=BETTER) == ASKED
    assert await told(world, "carl", shown(world.clock()), password=BETTER) == []
