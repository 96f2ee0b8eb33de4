"""How much lists in inputs hold: no more than is done while others wait to write."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any, NamedTuple

import pytest
from graphql import GraphQLInputObjectType, get_nullable_type, is_list_type
from sqlalchemy import Engine, event

from resolvers import MOST_ASSOCIATIONS, MOST_LISTED
from tests.hooks import hook
from tests.keys import CREATE_KEY, said
from tests.leaks.paths import SCHEMA
from tests.stories.asking import CREATE, FROM_CLIENT, FROM_STAFF, PR, REACTIVATE, ROLES, record
from tests.stories.test_bulk_1_importing import imported, row
from tests.stories.test_bulk_3_deciding import APPROVE as APPROVE_MANY
from tests.stories.test_bulk_3_deciding import decide
from tests.world import APPROVE, HIRE, Clinic, Json, World

EVENTS = """mutation ($input: WebhookCreateInput!) {
  webhookCreate(input: $input) { webhook { id } userErrors { code message field } }
}"""
NEW_EVENTS = """mutation ($id: ID!, $input: WebhookUpdateInput!) {
  webhookUpdate(id: $id, input: $input) { webhook { id } userErrors { code message field } }
}"""
NOBODY = {"practitionerId": "nobody"}
HIRED = {"firstName": "Nils", "lastName": "New", "email": "nils@riverside.example"}


class Listed(NamedTuple):
    """A list of an input, by the document that takes it, and something that it may hold.

    `of` names the row of the clinic that is changed, `beside` is what else the input has.
    """

    document: str
    input: str
    field: str
    one: Any
    of: str | None = None
    beside: Callable[[Clinic], Json] = lambda _: {}

    async def ask(self, world: World, clinic: Clinic, many: int) -> Any:
        """The payload for a list of so many."""
        one = clinic.ids.get(self.one, self.one) if isinstance(self.one, str) else self.one
        asked: Json = {"input": {**self.beside(clinic), self.field: [one] * many}}
        if self.of:
            asked["id"] = clinic.ids[self.of]
        return await world.do(self.document, asked, clinic.token("olivia"))


LISTS = [
    Listed(
        CREATE,
        "ClientCreateInput",
        "associations",
        NOBODY,
        beside=lambda clinic: row("nell", departmentId=clinic.ids["mental"]),
    ),
    Listed(APPROVE, "ClientApproveInput", "associations", NOBODY, "chloe"),
    Listed(REACTIVATE, "ClientApproveInput", "associations", NOBODY, "gil"),
    *(
        Listed(FROM_CLIENT, "ClientAssociationsInput", field, one, "amy")
        for field, one in (("add", NOBODY), ("change", NOBODY), ("remove", "nobody"))
    ),
    *(
        Listed(FROM_STAFF, "StaffAssociationsInput", field, one, "petra")
        for field, one in (
            ("add", {"clientId": "nobody"}),
            ("change", {"clientId": "nobody"}),
            ("remove", "nobody"),
        )
    ),
    Listed(HIRE, "StaffCreateInput", "roles", {"role": PR}, beside=lambda _: HIRED),
    Listed(ROLES, "StaffRolesInput", "grant", {"role": PR}, "norma"),
    Listed(ROLES, "StaffRolesInput", "revoke", {"role": PR}, "paul"),
    Listed(CREATE_KEY, "ServiceKeyInput", "permissions", "CLIENT_READ", beside=said),
    Listed(
        CREATE_KEY,
        "ServiceKeyInput",
        "departmentIds",
        "mental",
        beside=lambda clinic: said(clinic, "CLIENT_READ"),
    ),
    Listed(
        EVENTS,
        "WebhookCreateInput",
        "events",
        "CLIENT_APPROVED",
        beside=lambda _: {"name": "Partner", "url": "https://partner.example/events"},
    ),
    Listed(NEW_EVENTS, "WebhookUpdateInput", "events", "CLIENT_APPROVED", "a webhook"),
]
ELSEWHERE = {
    # Lists of rows, which have a story of their own.
    *(("ClientsImportInput", "clients"), ("ClientsApproveInput", "clients")),
    *(("ClientsRejectInput", "clients"), ("ClientApprovalInput", "associations")),
}


def too_long(*path: str) -> list[tuple[str, str, list[str]]]:
    """The errors of who names too much in the list there."""
    return [("INVALID", "Name at most 100 at once.", ["input", *path])]


def errors(payload: Json) -> list[tuple[str, str, list[str]]]:
    """The user errors of a payload, or of a row in it."""
    return [(one["code"], one["message"], one["field"]) for one in payload["userErrors"]]


@pytest.fixture(params=LISTS, ids=lambda one: f"{one.input}.{one.field}")
async def listed(request: pytest.FixtureRequest, world: World, clinic: Clinic) -> Listed:
    """Each list of an input."""
    clinic.ids["a webhook"] = await hook(world, clinic, None)
    one: Listed = request.param
    return one


def test_no_list_of_an_input_is_left_out() -> None:
    lists = {
        (name, field)
        for name, type_ in SCHEMA.type_map.items()
        if isinstance(type_, GraphQLInputObjectType)
        for field, said in type_.fields.items()
        if is_list_type(get_nullable_type(said.type))
    }
    assert lists == {(one.input, one.field) for one in LISTS} | ELSEWHERE


async def test_who_names_more_than_a_hundred_is_told_where_and_nothing_is_done(
    world: World, clinic: Clinic, listed: Listed
) -> None:
    async with world.unchanged():
        payload = await listed.ask(world, clinic, MOST_LISTED + 1)

    assert errors(payload) == too_long(listed.field)


async def test_a_hundred_are_looked_at_each(world: World, clinic: Clinic, listed: Listed) -> None:
    payload = await listed.ask(world, clinic, MOST_LISTED)

    wrong = [field for *_, field in errors(payload)]
    if listed.input in ("ServiceKeyInput", "WebhookCreateInput", "WebhookUpdateInput"):
        assert wrong == []  # the same, named again
    else:
        rows = [field[:3] for field in wrong]
        assert rows == [["input", listed.field, str(i)] for i in range(MOST_LISTED)]


async def test_a_hundred_clients_begin_to_meet_a_practitioner_move_and_end_at_once(
    world: World, clinic: Clinic
) -> None:
    token = clinic.token("olivia")
    mental, family = clinic.ids["mental"], clinic.ids["family"]
    new = [row(f"n{i}", departmentId=mental) for i in range(MOST_LISTED)]
    ids = [one["id"] for one in (await imported(world, clinic, "olivia", *new))["clients"]]
    meet = {"id": clinic.ids["petra"]}
    before = await world.count("associations")
    for input, more in (
        ({"add": [{"clientId": id, "departmentId": mental} for id in ids]}, MOST_LISTED),
        ({"change": [{"clientId": id, "departmentId": family} for id in ids]}, MOST_LISTED),
        ({"remove": ids}, 0),
    ):
        payload = await world.do(FROM_STAFF, meet | {"input": input}, token)
        assert errors(payload) == []
        assert await world.count("associations") == before + more


async def test_of_many_who_are_approved_only_the_one_with_a_list_too_long_is_not(
    world: World, clinic: Clinic
) -> None:
    long = {"clientId": "chloe", "associations": [NOBODY] * (MOST_LISTED + 1)}
    payload = await decide(world, clinic, "olivia", APPROVE_MANY, long, {"clientId": "phil"})

    assert errors(payload) == []
    assert errors(payload["rows"][0]) == too_long("clients", "0", "associations")
    assert [one["id"] for one in payload["clients"]] == [clinic.ids["phil"]]
    assert await record(world, clinic, "chloe", "status") == {"status": "PENDING"}


async def test_of_many_who_are_imported_only_the_one_with_a_list_too_long_is_not(
    world: World, clinic: Clinic
) -> None:
    said = [row("nell", associations=[NOBODY] * (MOST_LISTED + 1)), row("nick")]
    async with world.unchanged():
        nothing = await imported(world, clinic, "dora", *said)
    payload = await imported(world, clinic, "dora", *said, policy="GOOD_ROWS")

    for one in (nothing, payload):
        assert errors(one["rows"][0]) == too_long("clients", "0", "associations")
    assert [one["firstName"] for one in payload["clients"]] == ["Nick"]


async def test_an_import_has_a_thousand_associations_and_no_more(
    world: World, clinic: Clinic
) -> None:
    practitioners = [
        {"practitionerId": clinic.ids[who], "departmentId": clinic.ids["mental"]}
        for who in ("petra", "pia")
    ]
    many = MOST_ASSOCIATIONS // 2
    said = [row(f"n{i}", associations=practitioners) for i in range(many)]
    more = [*said[1:], row("n0", associations=[*practitioners, NOBODY])]
    before = await world.count("associations")
    async with world.unchanged():
        payload = await imported(world, clinic, "dora", *more)
    message = "Import at most 1,000 associations at once."
    assert errors(payload) == [("INVALID", message, ["input", "clients"])]
    assert payload["rows"] == []

    payload = await imported(world, clinic, "dora", *said)
    assert errors(payload) == []
    assert len(payload["clients"]) == many
    assert await world.count("associations") == before + MOST_ASSOCIATIONS


async def test_the_departments_to_choose_from_are_looked_up_once(
    world: World, clinic: Clinic
) -> None:
    input = {"grant": [{"role": PR}] * MOST_LISTED}
    engine = world.database._writes.sync_engine
    with statements(engine, "FROM departments") as found:
        payload = await world.do(
            ROLES, {"id": clinic.ids["norma"], "input": input}, clinic.token("olivia")
        )

    assert [len(one["choices"]) for one in payload["userErrors"]] == [3] * MOST_LISTED
    assert len(found) == 1


@contextmanager
def statements(engine: Engine, part: str) -> Iterator[list[str]]:
    """The statements meanwhile that have this in them."""
    found: list[str] = []

    def executed(_connection: Any, _cursor: Any, statement: str, *_: Any) -> None:
        if part in statement:
            found.append(statement)

    event.listen(engine, "before_cursor_execute", executed)
    yield found
    event.remove(engine, "before_cursor_execute", executed)
