"""Two who edit one record do not overwrite each other (hostile E10)."""

from itertools import pairwise
from typing import Any

import pytest

from tests.stories.asking import (
    DEACTIVATE,
    ERRORS,
    FROM_CLIENT,
    OA,
    PR,
    REACTIVATE,
    REJECT,
    ROLES,
    STAFF_DEACTIVATE,
    STAFF_REACTIVATE,
    pairs,
    record,
)
from tests.world import APPROVE, Clinic, Json, World, problems

EDIT = f"""
mutation ($id: ID!, $input: ClientUpdateInput!) {{
  clientUpdate(id: $id, input: $input) {{
    client {{ version firstName lastName phone department {{ name }} }} {ERRORS}
  }}
}}
"""
STAFF_EDIT = f"""
mutation ($id: ID!, $input: StaffUpdateInput!) {{
  staffUpdate(id: $id, input: $input) {{
    staff {{ version firstName receiveNewClientNotifications }} {ERRORS}
  }}
}}
"""


async def edit(
    world: World, clinic: Clinic, who: str, client: str, document: str = EDIT, **change: Any
) -> Any:
    """The payload of an edit."""
    said = {"id": clinic.ids[client], "input": change}
    return await world.do(document, said, clinic.token(who))


async def version(world: World, clinic: Clinic, name: str) -> int:
    """The version of a client or a staff member."""
    document = """query ($id: ID!) {
      node(id: $id) { ... on Client { version } ... on Staff { version } }
    }"""
    found = await world.do(document, {"id": clinic.ids[name]}, clinic.token("olivia"))
    return int(found["version"])


async def test_e10_the_second_of_two_who_edited_the_same_version_is_shown_the_first_one_s(
    world: World, clinic: Clinic
) -> None:
    seen = await version(world, clinic, "amy")
    first = await edit(world, clinic, "dora", "amy", expectedVersion=seen, phone="+1 555 0111")
    assert first["userErrors"] == []
    assert first["client"]["version"] == seen + 1

    async with world.unchanged():
        second = await edit(
            world, clinic, "carl", "amy", expectedVersion=seen, firstName="Amélie", phone=None
        )

    assert second["userErrors"] == [
        {
            "code": "CONFLICT",
            "message": "Somebody else has changed this client meanwhile. "
            "Look again before you change it.",
            "field": ["input", "expectedVersion"],
            "choices": None,
        }
    ]
    assert second["client"] == {
        "version": seen + 1,
        "firstName": "Amy",
        "lastName": "Client",
        "phone": "+1 555 0111",
        "department": {"name": "Mental Health"},
    }
    again = await edit(
        world, clinic, "carl", "amy", expectedVersion=seen + 1, firstName="Amélie", phone=None
    )
    assert again["client"]["version"] == seen + 2
    assert (again["client"]["firstName"], again["client"]["phone"]) == ("Amélie", None)


async def test_e10_the_same_holds_of_staff(world: World, clinic: Clinic) -> None:
    seen = await version(world, clinic, "petra")
    first = await edit(
        world, clinic, "olivia", "petra", STAFF_EDIT, expectedVersion=seen, firstName="Petronella"
    )
    assert first["userErrors"] == []

    async with world.unchanged():
        second = await edit(
            world,
            clinic,
            "petra",
            "petra",
            STAFF_EDIT,
            expectedVersion=seen,
            receiveNewClientNotifications=False,
        )

    assert problems(second) == [("CONFLICT", "input.expectedVersion")]
    assert second["userErrors"][0]["message"].startswith("Somebody else has changed this staff mem")
    assert second["staff"] == {
        "version": seen + 1,
        "firstName": "Petronella",
        "receiveNewClientNotifications": True,
    }


@pytest.mark.parametrize("expected", [{}, {"expectedVersion": None}])
async def test_e10_who_expects_no_version_is_the_last_to_say_something_of_a_field(
    world: World, clinic: Clinic, expected: Json
) -> None:
    await edit(world, clinic, "dora", "amy", firstName="Amélie", phone="+1 555 0111")

    last = await edit(world, clinic, "carl", "amy", phone="+1 555 0122", **expected)

    assert last["userErrors"] == []
    assert last["client"]["firstName"] == "Amélie"
    assert last["client"]["phone"] == "+1 555 0122"


@pytest.mark.parametrize("expected", [0, -1, 2**31 - 1])
async def test_e10_a_version_that_never_was_is_a_conflict(
    world: World, clinic: Clinic, expected: int
) -> None:
    async with world.unchanged():
        payload = await edit(world, clinic, "dora", "amy", expectedVersion=expected, phone=None)
    assert problems(payload) == [("CONFLICT", "input.expectedVersion")]


async def test_e10_a_conflict_tells_nothing_of_who_is_out_of_reach(
    world: World, clinic: Clinic
) -> None:
    async with world.unchanged():
        for client, told in (("cleo", "NOT_FOUND"), ("bea", "OUT_OF_SCOPE")):
            payload = await edit(world, clinic, "dora", client, expectedVersion=7, phone=None)
            assert problems(payload) == [(told, "id")]


async def test_e10_who_expects_a_version_and_says_nothing_changes_nothing(
    world: World, clinic: Clinic
) -> None:
    async with world.unchanged():
        payload = await edit(world, clinic, "dora", "amy", expectedVersion=7)
    assert payload["userErrors"] == []
    assert payload["client"]["version"] == await version(world, clinic, "amy")


# What counts.


async def test_e10_every_change_of_a_client_counts_and_associations_do_not(
    world: World, clinic: Clinic
) -> None:
    counted = [await version(world, clinic, "phil")]

    async def do(document: str, **variables: Any) -> None:
        said = {"id": clinic.ids["phil"], **variables}
        payload = await world.do(document, said, clinic.token("olivia"))
        assert payload["userErrors"] == []
        counted.append(await version(world, clinic, "phil"))

    await do(EDIT, input={"departmentId": clinic.ids["mental"]})
    await do(REJECT)
    await do(REACTIVATE)
    await do(DEACTIVATE)
    await do(REACTIVATE)
    met = pairs(clinic, "practitionerId", ("petra", "mental"))
    await do(FROM_CLIENT, input={"add": met})

    assert [later - earlier for earlier, later in pairwise(counted)] == [
        *[1] * 5,
        0,
    ]


async def test_e10_an_approval_counts(world: World, clinic: Clinic) -> None:
    assert await version(world, clinic, "chloe") == 1
    await world.do(APPROVE, {"id": clinic.ids["chloe"]}, clinic.token("dora"))
    assert (await record(world, clinic, "chloe", "version status")) == {
        "version": 2,
        "status": "ACTIVE",
    }


async def test_e10_every_change_of_staff_counts_their_roles_too(
    world: World, clinic: Clinic
) -> None:
    counted = [await version(world, clinic, "norma")]

    async def do(document: str, **variables: Any) -> None:
        said = {"id": clinic.ids["norma"], **variables}
        payload = await world.do(document, said, clinic.token("olivia"))
        assert payload["userErrors"] == []
        counted.append(await version(world, clinic, "norma"))

    await do(STAFF_EDIT, input={"receiveNewClientNotifications": False})
    role = {"role": PR, "departmentId": clinic.ids["mental"]}
    await do(ROLES, input={"grant": [role]})
    await do(ROLES, input={"grant": [role]})  # holds it already
    await do(ROLES, input={"revoke": [role], "grant": [{"role": OA}]})
    await do(STAFF_DEACTIVATE)
    await do(STAFF_REACTIVATE)

    changes = [later - earlier for earlier, later in pairwise(counted)]
    assert changes == [1, 1, 0, 1, 1, 1]


async def test_e10_the_person_s_own_change_of_address_counts(world: World, clinic: Clinic) -> None:
    seen = await version(world, clinic, "amy")
    move = "mutation ($email: String!) { emailChangeRequest(email: $email) { accepted } }"
    await world.do(move, {"email": "amy@home.example"}, clinic.token("amy"))
    token = (await world.only_mail("amy@home.example")).token
    moved = "mutation ($token: String!) { emailChangeConfirm(token: $token) { username } }"
    await world.do(moved, {"token": token})

    payload = await edit(world, clinic, "dora", "amy", expectedVersion=seen, phone=None)

    assert problems(payload) == [("CONFLICT", "input.expectedVersion")]
