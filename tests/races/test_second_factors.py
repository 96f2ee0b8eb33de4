"""Races about a second factor: what two do at once ends as if one had waited for the other."""

from collections.abc import AsyncIterator

import pytest
from sqlalchemy import update

from models import Account
from tests.factors import CONFIRM, RECOVERY, REMOVE, TAKE, give, shown, wrong
from tests.races.course import Ask, Course, course
from tests.races.test_races import ROUNDS, race_loosely
from tests.world import LOGIN, PASSWORD, Clinic, World


@pytest.fixture
async def raced(world: World, clinic: Clinic) -> AsyncIterator[Course]:
    """Carl has a second factor, and doris a secret that awaits its first code."""
    async with course(world) as made:
        hashed = await world.service.services.passwords.hash(PASSWORD)
        everybody_s = update(Account).values(password_hash=hashed)
        known = everybody_s.where(Account.password_hash.is_not(None))
        await world.database.write(lambda c: c.execute(known))
        await give(world, clinic, "carl")
        await give(world, clinic, "doris", confirmed=False)
        await made.mark()
        yield made


def login(code: str) -> Ask:
    who = {"organization": "riverside", "username": "carl", "password": PASSWORD}
    return Ask(LOGIN, {**who, "surface": "APP", "code": code})


@pytest.mark.parametrize("by", ["the app", "a recovery code"])
async def test_a_code_is_used_twice_at_once(raced: Course, by: str) -> None:
    code = shown(raced.world.clock()) if by == "the app" else RECOVERY
    ends = await race_loosely(raced, login(code), login(code), changed={"sessions"})
    assert set(ends) <= {"done INVALID_CODE", "INVALID_CODE done"}


async def test_a_code_is_used_while_another_is_wrong(raced: Course) -> None:
    now = raced.world.clock()
    ends = await race_loosely(raced, login(shown(now)), login(wrong(now)), changed={"sessions"})
    assert set(ends) == {"done INVALID_CODE"}


async def test_no_session_survives_a_reset_that_its_code_races(
    raced: Course, clinic: Clinic
) -> None:
    ends = await race_loosely(
        raced,
        Ask(TAKE, {"id": clinic.ids["carl"]}, clinic.token("dora")),
        login(shown(raced.world.clock())),
        changed={"sessions"},
    )
    assert set(ends) == {"done done"}


async def test_a_second_factor_is_turned_off_and_reset_at_once(
    raced: Course, clinic: Clinic
) -> None:
    """It goes once, and one letter says how; the other is told that there is none any more."""
    both = {"password": PASSWORD, "code": shown(raced.world.clock())}
    for _ in range(ROUNDS):
        end = await raced.together(
            Ask(TAKE, {"id": clinic.ids["carl"]}, clinic.token("dora")),
            Ask(REMOVE, {"input": both}, clinic.token("carl")),
        )
        assert end.codes in (
            ["done", "UNAUTHENTICATED"],
            ["done", "SECOND_FACTOR_OFF"],
            ["SECOND_FACTOR_OFF", "done"],
        )
        how = "reset" if end.codes[0] == "done" else "turned off"
        told = f"Your second factor for Riverside Clinic was {how}"
        assert end.letters == [(clinic.email("carl"), told)]
        await raced.put_back()


async def test_a_second_factor_is_confirmed_twice_at_once(raced: Course, clinic: Clinic) -> None:
    """One set of recovery codes is shown, and good."""
    ask = Ask(CONFIRM, {"code": shown(raced.world.clock())}, clinic.token("doris"))
    for _ in range(ROUNDS):
        end = await raced.together(ask, ask)
        assert sorted(end.codes) == ["SECOND_FACTOR_ON", "done"]
        assert [to for to, _ in end.letters] == [clinic.email("doris")]
        assert len(end.rows["recovery_codes"]) == 10
        await raced.put_back()
