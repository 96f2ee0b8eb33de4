"""A service key that is revoked while it is used: used first, or refused (`0018`)."""

from tests.keys import CLIENTS, REVOKE_KEY, issue
from tests.races.course import Ask, Course
from tests.races.test_races import CROWD, EDIT_BLINDLY, race
from tests.world import Clinic


async def lent(raced: Course, clinic: Clinic) -> tuple[str, Ask]:
    """The token of a key that was used before, and what revokes it."""
    payload = await issue(raced.world, clinic, *CLIENTS)
    await raced.world.do("{ serviceKey { id } }", token=payload["token"])
    await raced.world.noted()
    await raced.mark()
    revoke = Ask(REVOKE_KEY, {"id": payload["serviceKey"]["id"]}, clinic.token("olivia"))
    return payload["token"], revoke


async def test_a_key_is_used_before_it_is_revoked_or_not_at_all(
    raced: Course, clinic: Clinic
) -> None:
    token, revoke = await lent(raced, clinic)
    edit = Ask(EDIT_BLINDLY, {"id": clinic.ids["amy"], "input": {"phone": "+1 555 0199"}}, token)
    ends = await race(raced, edit, revoke)
    assert set(ends) <= {"done done", "UNAUTHENTICATED done"}


async def test_of_all_who_revoke_a_key_one_does_and_the_trail_tells_it_once(
    raced: Course, clinic: Clinic
) -> None:
    _, revoke = await lent(raced, clinic)
    end = await raced.together(*[revoke] * CROWD)
    assert end.codes == ["done"] * CROWD
    assert len(end.rows["service_keys"]) == len(end.rows["audit_events"]) == 1


async def test_once_it_is_revoked_nothing_of_a_crowd_passes(raced: Course, clinic: Clinic) -> None:
    token, revoke = await lent(raced, clinic)
    await raced.serially(revoke)
    await raced.mark()
    edits = [
        Ask(EDIT_BLINDLY, {"id": clinic.ids["amy"], "input": {"phone": f"+1 555 02{i:02}"}}, token)
        for i in range(CROWD)
    ]
    end = await raced.together(*edits)
    assert end.codes == ["UNAUTHENTICATED"] * CROWD
    assert not any(end.rows.values())
