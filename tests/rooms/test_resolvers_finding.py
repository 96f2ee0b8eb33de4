"""Finding people: an index finds them, and every use case keeps the words they are found by."""

import uuid
from collections.abc import AsyncIterator, Awaitable, Callable
from functools import partial
from typing import Any

import pytest
from sqlalchemy import Connection, and_, select

from models import (
    Account,
    Client,
    Query,
    Role,
    SearchWord,
    Staff,
    Statement,
    words_of,
)
from tests.conftest import Databases
from tests.rooms.crowd import CC, DA, OA, Crowd, crowded
from tests.world import Clinic, World

# --- by an index ----------------------------------------------------------------------------------


@pytest.fixture(scope="module", params=["sqlite", "postgresql"])
async def crowd(
    request: pytest.FixtureRequest, databases: Databases, tmp_path_factory: pytest.TempPathFactory
) -> AsyncIterator[Crowd]:
    """A clinic of thousands, which these tests only read."""
    async with crowded(request.param, databases, tmp_path_factory.mktemp("crowd")) as made:
        yield made


@pytest.mark.parametrize("role", [OA, DA, CC])
@pytest.mark.parametrize(
    ("field", "text"),
    [
        ("clients", "kowalski zoe"),
        ("clients", "client.123"),
        ("clients", "olga.kowalski.17"),
        ("staff", "lindqvist"),
        ("staff", "smith pr.2"),
    ],
)
async def test_people_are_found_by_an_index(
    crowd: Crowd, field: str, text: str, role: Role
) -> None:
    document = f"""query Find($text: String!) {{
      {field}(search: $text, status: null) {{ totalCount nodes {{ id }} }}
    }}"""
    await crowd.ask(role, document, text=text)
    assert len(crowd.database.kept) == 1
    assert await crowd.scanned() == []


async def test_a_scan_would_be_seen(crowd: Crowd) -> None:
    whole = Statement(select(Client.id).where(Client.phone == "of nobody"))
    crowd.database.kept[:] = [(whole.written(crowd.database.dialect), {})]
    assert len(await crowd.scanned()) == 1


# --- the words are kept ---------------------------------------------------------------------------


class Desk:
    """Where people get names, addresses and usernames, by each use case there is."""

    def __init__(self, world: World, clinic: Clinic) -> None:
        self.world, self.clinic = world, clinic

    async def do(self, document: str, name: str = "olivia") -> Any:
        payload = await self.world.do(document, token=self.clinic.token(name))
        assert payload["userErrors"] == []
        return payload

    async def letter(self, address: str) -> str:
        """The token in the last letter to the address."""
        return (await self.world.mail(address))[-1].token

    async def registration(self) -> None:
        token = await self.world.registered("zelda@home.example", lastName="Zimmer")
        assert not (await self.world.confirm(token, "zz.top"))["userErrors"]

    async def client_create(self) -> None:
        await self.do(f"""mutation {{ clientCreate(input: {{
          firstName: "Zoë", lastName: "Zimmer", email: "zelda@home.example",
          dateOfBirth: "1990-05-17", departmentId: "{self.clinic.ids["family"]}"
        }}) {{ userErrors {{ code }} }} }}""")

    async def client_invitation(self) -> None:
        await self.client_create()
        token = await self.letter("zelda@home.example")
        assert not (await self.world.accept(token, "zz.top"))["userErrors"]

    async def client_name(self) -> None:
        await self._client("amy", 'firstName: "Zoë", lastName: "Zimmer"')

    async def client_address(self) -> None:
        await self._client("una", 'email: "zelda@home.example"')

    async def client_new_address(self) -> None:
        await self._new_address("amy")

    async def staff_create(self) -> None:
        role = f'{{role: PRACTITIONER, departmentId: "{self.clinic.ids["family"]}"}}'
        await self.do(f"""mutation {{ staffCreate(input: {{
          firstName: "Zoë", lastName: "Zimmer", email: "zelda@home.example", roles: [{role}]
        }}) {{ userErrors {{ code }} }} }}""")

    async def staff_invitation(self) -> None:
        await self.staff_create()
        token = await self.letter("zelda@home.example")
        assert not (await self.world.accept(token, "zz.top"))["userErrors"]

    async def staff_name(self) -> None:
        await self._staff("carl", 'firstName: "Zoë", lastName: "Zimmer"')

    async def staff_address(self) -> None:
        await self._staff("wes", 'email: "zelda@home.example"')

    async def staff_new_address(self) -> None:
        await self._new_address("carl")

    async def _client(self, name: str, input: str) -> None:
        said = f'id: "{self.clinic.ids[name]}", input: {{{input}}}'
        await self.do(f"mutation {{ clientUpdate({said}) {{ userErrors {{ code }} }} }}")

    async def _staff(self, name: str, input: str) -> None:
        said = f'id: "{self.clinic.ids[name]}", input: {{{input}}}'
        await self.do(f"mutation {{ staffUpdate({said}) {{ userErrors {{ code }} }} }}")

    async def _new_address(self, name: str) -> None:
        email = "zelda@home.example"
        asked = f'mutation {{ emailChangeRequest(email: "{email}") {{ userErrors {{ code }} }} }}'
        await self.do(asked, name)
        token = await self.letter(email)
        confirmed = (
            f'mutation {{ emailChangeConfirm(token: "{token}") {{ userErrors {{ code }} }} }}'
        )
        await self.do(confirmed, name)


@pytest.mark.parametrize(
    ("change", "found", "lost"),
    [
        (Desk.registration, ["zelda", "ZZ to", "zimm home nora"], []),
        (Desk.client_create, ["zimmer zoe", "zelda home"], []),
        (Desk.client_invitation, ["zimmer zoe", "zelda home", "zz top"], []),
        (Desk.client_name, ["zimmer zoe amy"], ["amy client"]),
        (Desk.client_address, ["una zelda"], ["una riverside"]),
        (Desk.client_new_address, ["amy zelda"], ["amy riverside"]),
        (Desk.staff_create, ["zimmer zoe", "zelda home"], []),
        (Desk.staff_invitation, ["zimmer zoe", "zelda home", "zz top"], []),
        (Desk.staff_name, ["zimmer zoe carl"], ["carl staff"]),
        (Desk.staff_address, ["wes zelda"], ["wes riverside"]),
        (Desk.staff_new_address, ["carl zelda"], ["carl riverside"]),
    ],
)
async def test_whoever_gets_another_name_is_found_by_it(
    world: World,
    clinic: Clinic,
    change: Callable[[Desk], Awaitable[None]],
    found: list[str],
    lost: list[str],
) -> None:
    field = "staff" if change.__name__.startswith("staff") else "clients"
    before = await _words(world)
    await change(Desk(world, clinic))

    document = f"query ($text: String!) {{ {field}(search: $text, status: null) {{ totalCount }} }}"
    for text in found:
        answer = await world.do(document, {"text": text}, clinic.token("olivia"))
        assert answer["totalCount"] == 1, text
    for text in lost:
        answer = await world.do(document, {"text": text}, clinic.token("olivia"))
        assert answer["totalCount"] == 0, text

    after, people = await _words(world), await _people(world)
    changed = {id for id in people if after.get(id) != before.get(id)}
    assert len(changed) == 1
    for id in changed:
        assert after[id] == words_of(*people[id])


async def _words(world: World) -> dict[uuid.UUID, set[str]]:
    """The words by which each person is found."""
    words: dict[uuid.UUID, set[str]] = {}
    chosen = select(SearchWord.account_id, SearchWord.word)
    for id, word in await world.database.read(lambda one: one.execute(chosen).all()):
        words.setdefault(id, set()).add(word)
    return words


async def _people(world: World) -> dict[uuid.UUID, list[str | None]]:
    """The names, address and username of everybody."""
    people: dict[uuid.UUID, list[str | None]] = {}
    for model in (Client, Staff):
        chosen = select(
            model.id, model.first_name, model.last_name, model.email, Account.username
        ).join(
            Account,
            and_(Account.organization_id == model.organization_id, Account.id == model.id),
        )
        people |= await world.database.read(partial(_texts, chosen))
    return people


def _texts(chosen: Query, connection: Connection) -> dict[uuid.UUID, list[str | None]]:
    return {id: texts for id, *texts in connection.execute(chosen)}
