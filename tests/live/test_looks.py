"""The looks of who follows: each goes so far, as whoever the caller is then, and no way twice."""

from collections.abc import Awaitable, Callable
from typing import Any

import pytest
from sqlalchemy import select

from models import AuditHead, parse_id
from resolvers import Context, changes
from schema import Api, Live, Response, live
from tests.live.following import BEGINNING, CHANGED
from tests.live.test_live import DEACTIVATE, REACTIVATE, do, told
from tests.world import Clinic, World

ROLES = """mutation ($id: ID!, $input: StaffRolesInput!) {
  staffRolesUpdate(id: $id, input: $input) { userErrors { code } }
}"""

Told = tuple[str, str]


async def followed(enter: Callable[[], Awaitable[Context]], after: str) -> Live:
    """A subscription at which somebody looks by hand."""
    found = await Api().follow(enter, CHANGED, {"after": after})
    assert isinstance(found, Live)
    return found


def entering(world: World, clinic: Clinic, who: str) -> Callable[[], Awaitable[Context]]:
    """How somebody comes in, each time anew."""
    return lambda: world.service.context(clinic.token(who), None, "")


async def look(live: Live) -> tuple[int, list[Told]]:
    """How often the tables were looked at, until all was told; and what was."""
    news = [one async for one in live.news()]
    return news.count(None), [change(one) for one in news if one]


def change(response: Response) -> Told:
    heard = response.json["data"]["clientChanged"]
    return heard["action"], heard["client"]["firstName"]


async def last(world: World, clinic: Clinic) -> int:
    """The number of the organization's last event."""
    riverside = parse_id("org_", clinic.ids["riverside"])
    number = select(AuditHead.number).where(AuditHead.organization_id == riverside)
    found = await world.database.read(lambda c: c.scalar(number))
    assert found
    return found


async def roles(world: World, clinic: Clinic, name: str, **input: Any) -> None:
    """Olivia grants roles to somebody, or revokes some."""
    said = {"id": clinic.ids[name], "input": input}
    done = await world.do(ROLES, said, clinic.token("olivia"))
    assert done["userErrors"] == []


async def test_looks_of_a_few_events_each_tell_all_of_them(
    world: World, clinic: Clinic, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(changes, "MOST_EVENTS", 3)
    fay = await followed(entering(world, clinic, "fay"), BEGINNING)
    looks, heard = await look(fay)
    assert heard == await told(world, clinic, "fay", first=100) != []
    assert looks == -(-await last(world, clinic) // 3)


async def test_what_was_looked_through_for_nothing_is_not_looked_through_again(
    world: World, clinic: Clinic, monkeypatch: pytest.MonkeyPatch
) -> None:
    fay = await followed(entering(world, clinic, "fay"), BEGINNING)
    await look(fay)
    before = await last(world, clinic)
    for mutation in (DEACTIVATE, REACTIVATE, DEACTIVATE):
        await do(world, clinic, mutation, "amy")
    monkeypatch.setattr(changes, "MOST_EVENTS", await last(world, clinic) - before)
    assert await look(fay) == (1, [])
    await do(world, clinic, DEACTIVATE, "ben")
    assert await look(fay) == (1, [("CLIENT_DEACTIVATED", "Ben")])


async def test_more_changes_than_are_found_at_once_are_all_told(
    world: World, clinic: Clinic, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(changes, "MOST_CHANGES", 2)
    changes._since.cache_clear()
    olivia = await followed(entering(world, clinic, "olivia"), BEGINNING)
    looks, heard = await look(olivia)
    changes._since.cache_clear()
    assert heard == await told(world, clinic, "olivia", first=100)
    assert looks >= len(heard) // 2 > 1


async def test_who_is_given_a_role_misses_nothing_that_comes_after_it(
    world: World, clinic: Clinic
) -> None:
    enter = entering(world, clinic, "fay")
    meanwhile: list[Callable[[], Awaitable[None]]] = []

    async def entered() -> Context:
        context = await enter()
        while meanwhile:
            await meanwhile.pop()()
        return context

    async def happens() -> None:
        mental = {"role": "CARE_COORDINATOR", "departmentId": clinic.ids["mental"]}
        await roles(world, clinic, "fay", grant=[mental])
        await do(world, clinic, REACTIVATE, "amy")

    fay = await followed(entered, BEGINNING)
    await look(fay)
    await do(world, clinic, DEACTIVATE, "amy")
    meanwhile.append(happens)
    # It is known who she was then, and the look goes no further than what had happened by then.
    assert (await look(fay))[1] == []
    assert (await look(fay))[1] == [("CLIENT_REACTIVATED", "Amy")]


async def test_a_cursor_from_the_future_is_waited_for(world: World, clinic: Clinic) -> None:
    number = await last(world, clinic)
    ahead = f"cur_{number + 1:032x}"
    fay = await followed(entering(world, clinic, "fay"), ahead)
    await do(world, clinic, DEACTIVATE, "ben")
    assert await look(fay) == (1, [])
    await do(world, clinic, REACTIVATE, "ben")
    assert await look(fay) == (1, [("CLIENT_REACTIVATED", "Ben")])


async def test_who_is_told_slowly_is_looked_at_again_in_between(
    world: World, clinic: Clinic, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(live, "FRESH_SECONDS", 0)
    carl = await followed(entering(world, clinic, "carl"), BEGINNING)
    news = (one async for one in carl.news() if one)
    assert (await anext(news)).ran
    assert (await anext(news)).ran
    mental = {"role": "CARE_COORDINATOR", "departmentId": clinic.ids["mental"]}
    await roles(world, clinic, "carl", revoke=[mental])
    refused = await anext(news)
    assert not refused.ran
    assert refused.json["errors"][0]["extensions"]["code"] == "FORBIDDEN"
    assert [one async for one in news] == []
