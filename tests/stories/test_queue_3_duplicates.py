"""The approval queue: clients who may be the same person, for managers of both."""

from typing import Any

import pytest

from tests.stories.asking import CLIENT_UPDATE, CREATE, record
from tests.world import Clinic, World, problems

ALIKE = """
query ($id: ID!) { client(id: $id) {
  possibleDuplicates { firstName lastName email department { name } }
} }
"""
NORA = {"firstName": "Nora", "lastName": "Müller", "dateOfBirth": "1990-05-17"}


async def created(world: World, clinic: Clinic, department: str, number: int, **said: Any) -> str:
    """The id of a new client like Nora, but for what is said; each has an address of their own."""
    new = {
        **NORA,
        "email": f"nora.{number}@home.example",
        "departmentId": clinic.ids[department],
        **said,
    }
    payload = await world.do(CREATE, {"input": new}, clinic.token("olivia"))
    assert problems(payload) == []
    return str(payload["client"]["id"])


async def alike(world: World, clinic: Clinic, who: str, id: str) -> list[str] | None:
    """The addresses of those who may be the same person, as somebody reads them."""
    found = await world.do(ALIKE, {"id": id}, clinic.token(who))
    return found and [one["email"] for one in found["possibleDuplicates"]]


@pytest.mark.parametrize(
    "said",
    [
        {},
        {"firstName": "NORA", "lastName": "muller"},
        {"firstName": "Nora", "lastName": "Mu\u0308ller"},
        {"firstName": "Other", "phone": "0031 (20) 123"},
        {"dateOfBirth": "1991-01-01", "phone": "003120123"},
    ],
)
async def test_the_same_name_and_birth_or_the_same_telephone_number_may_be_the_same_person(
    world: World, clinic: Clinic, said: dict[str, str]
) -> None:
    one = await created(world, clinic, "mental", 1, phone="00 31 20-123")
    other = await created(world, clinic, "mental", 2, **said)
    assert await alike(world, clinic, "carl", one) == ["nora.2@home.example"]
    assert await alike(world, clinic, "carl", other) == ["nora.1@home.example"]


@pytest.mark.parametrize(
    "said",
    [
        {"dateOfBirth": "1990-05-18"},
        {"firstName": "Nore"},
        {"firstName": "Müller", "lastName": "Nora"},
        {"firstName": "Other", "phone": "+31 20 124"},
    ],
)
async def test_others_are_not(world: World, clinic: Clinic, said: dict[str, str]) -> None:
    one = await created(world, clinic, "mental", 1, phone="+31 20 123")
    await created(world, clinic, "mental", 2, **said)
    assert await alike(world, clinic, "olivia", one) == []


async def test_who_left_no_telephone_number_is_not_like_all_who_left_none(
    world: World, clinic: Clinic
) -> None:
    one = await created(world, clinic, "mental", 1)
    await created(world, clinic, "mental", 2, firstName="Other")
    await created(world, clinic, "mental", 3, firstName="Another", phone="(---)")
    assert await alike(world, clinic, "olivia", one) == []


async def test_they_are_found_as_they_are_now(world: World, clinic: Clinic) -> None:
    one = await created(world, clinic, "mental", 1, phone="+31 20 123")
    await created(world, clinic, "mental", 2, firstName="Other", phone="+31 20 124")
    for phone, expected in (("+31 20-124", ["nora.2@home.example"]), (None, [])):
        variables = {"id": one, "input": {"phone": phone}}
        assert problems(await world.do(CLIENT_UPDATE, variables, clinic.token("dora"))) == []
        assert await alike(world, clinic, "dora", one) == expected


async def test_who_registers_again_under_another_address_is_found_before_they_are_approved(
    world: World, clinic: Clinic
) -> None:
    await created(world, clinic, "mental", 1, phone="+31 20 123")
    form = {**NORA, "lastName": "Muller", "phone": "000", "departmentId": clinic.ids["mental"]}
    link = await world.registered("nora.again@home.example", **form)
    assert (await world.confirm(link, "nora.again"))["userErrors"] == []
    document = """{ clients(status: PENDING, orderBy: NEWEST, first: 1) {
      nodes { email possibleDuplicates { email status } }
    } }"""
    (pending,) = (await world.do(document, token=clinic.token("carl")))["nodes"]
    assert pending == {
        "email": "nora.again@home.example",
        "possibleDuplicates": [{"email": "nora.1@home.example", "status": "ACTIVE"}],
    }


async def test_only_those_whom_one_manages_are_told_of(world: World, clinic: Clinic) -> None:
    """One of mental, one of family; olivia manages both, and each department its own."""
    mental = await created(world, clinic, "mental", 1)
    family = await created(world, clinic, "family", 2)
    assert await alike(world, clinic, "olivia", mental) == ["nora.2@home.example"]
    assert await alike(world, clinic, "dora", mental) == []
    assert await alike(world, clinic, "dora", family) is None
    assert await alike(world, clinic, "fay", family) == []


async def test_of_whom_one_only_meets_nobody_is_told_to_be_like_them(
    world: World, clinic: Clinic
) -> None:
    """Pia manages physio, and meets bea, of family.

    That a client of physio is like bea would say when bea was born.
    """
    her = await record(world, clinic, "bea", "firstName lastName dateOfBirth")
    await created(world, clinic, "physio", 1, **her)
    document = """{ viewer { staff { associations { nodes { client {
      firstName possibleDuplicates { email }
    } } } } } }"""
    found = await world.do(document, token=clinic.token("pia"))
    met = [one["client"] for one in found["staff"]["associations"]["nodes"]]
    assert met == [{"firstName": "Bea", "possibleDuplicates": []}]
    assert "nora.1@home.example" in (await alike(world, clinic, "olivia", clinic.ids["bea"]) or [])


async def test_there_are_ten_at_most_the_oldest_first(world: World, clinic: Clinic) -> None:
    ids = [await created(world, clinic, "mental", number) for number in range(12)]
    addresses = [f"nora.{number}@home.example" for number in range(12)]
    assert await alike(world, clinic, "carl", ids[0]) == addresses[1:11]
    assert await alike(world, clinic, "carl", ids[11]) == addresses[:10]


@pytest.mark.parametrize("who", ["amy", "petra"])
async def test_nobody_else_may_ask(world: World, clinic: Clinic, who: str) -> None:
    document = """query ($id: ID!) { node(id: $id) {
      ... on Client { possibleDuplicates { id } }
    } }"""
    answer = await world.ask(document, {"id": clinic.ids["amy"]}, clinic.token(who))
    (denied,) = answer["errors"][0]["extensions"]["denied"]
    assert denied["field"] == "Client.possibleDuplicates"
    own = "{ viewer { client { possibleDuplicates { id } } } }"
    if who == "amy":
        assert await world.do(own, token=clinic.token("amy")) == {
            "client": {"possibleDuplicates": []}
        }
