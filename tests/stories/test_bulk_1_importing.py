"""Create now and invite later, and many at once: `invite: false`, `clientsImport`."""

import asyncio
from collections import defaultdict
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pytest
from sqlalchemy import event

from tests.stories.asking import (
    CLIENT_UPDATE,
    CREATE,
    DEACTIVATE,
    ERRORS,
    REACTIVATE,
    REINVITE,
    nobody_else,
    pairs,
    refused,
)
from tests.world import Clinic, Json, World, problems

IMPORT = f"""
mutation ($input: ClientsImportInput!) {{
  clientsImport(input: $input) {{
    rows {{ clientId {ERRORS} }}
    clients {{ id status firstName department {{ name }} approvedBy {{ displayName }} }}
    {ERRORS}
  }}
}}
"""
FORGOTTEN = """
mutation ($email: String!) {
  passwordResetRequest(input: {organization: "riverside", email: $email}) { accepted }
}
"""


def row(name: str, **more: Any) -> Json:
    """A row of an import, with what is not said filled in."""
    return {
        "firstName": name.title(),
        "lastName": "New",
        "email": f"{name}@home.example",
        "dateOfBirth": "1984-02-29",
        **more,
    }


def rows(many: int) -> list[Json]:
    return [row(f"n{i}") for i in range(many)]


async def imported(world: World, clinic: Clinic, who: str, *rows: Json, **how: Any) -> Any:
    """The payload of `clientsImport`."""
    return await world.do(IMPORT, {"input": {"clients": rows, **how}}, clinic.token(who))


def problems_of(payload: Json) -> list[list[tuple[str, str | None]]]:
    """What is wrong with each row."""
    return [problems(one) for one in payload["rows"]]


# --- create now, invite later -------------------------------------------------------------------


async def later(world: World, clinic: Clinic) -> str:
    """The id of Nell, of mental, who is to be invited later."""
    said = {**row("nell"), "departmentId": clinic.ids["mental"], "invite": False}
    payload = await world.do(CREATE, {"input": said}, clinic.token("dora"))
    assert payload["userErrors"] == []
    assert payload["client"]["status"] == "ACTIVE"
    assert await world.new_mail() == []
    return str(payload["client"]["id"])


async def test_who_is_to_be_invited_later_is_written_to_when_staff_say_so(
    world: World, clinic: Clinic
) -> None:
    id = await later(world, clinic)

    assert (await world.do(REINVITE, {"id": id}, clinic.token("carl")))["userErrors"] == []

    letter = await world.only_mail("nell@home.example")
    assert letter.subject == "Your new account with Riverside Clinic"
    accepted = await world.accept(letter.token, "nell")
    assert accepted == {"username": "nell", "status": "ACTIVE", "userErrors": []}


async def test_a_corrected_address_and_a_return_invite_nobody_who_was_not_invited_before(
    world: World, clinic: Clinic
) -> None:
    id, token = await later(world, clinic), clinic.token("dora")

    corrected = {"id": id, "input": {"email": "nell.new@home.example"}}
    for document, variables in (
        (CLIENT_UPDATE, corrected),
        (DEACTIVATE, {"id": id}),
        (REACTIVATE, {"id": id}),
    ):
        assert (await world.do(document, variables, token))["userErrors"] == []
    assert await world.new_mail() == []

    await world.do(REINVITE, {"id": id}, token)
    await world.only_mail("nell.new@home.example")


async def test_who_asks_for_a_password_is_not_kept_waiting(world: World, clinic: Clinic) -> None:
    await later(world, clinic)

    assert (await world.do(FORGOTTEN, {"email": "nell@home.example"}))["accepted"]
    await world.settled()

    letter = await world.only_mail("nell@home.example")
    assert letter.subject == "Your new account with Riverside Clinic"


# --- many at once -------------------------------------------------------------------------------


async def test_many_clients_are_made_as_one_is(world: World, clinic: Clinic) -> None:
    token = await world.registered("nell@home.example")
    named = pairs(clinic, "practitionerId", ("petra", "mental"), ("pia", None))

    payload = await imported(
        world,
        clinic,
        "dora",
        row("nell", phone=" +1 555 0199 "),
        row("nick", associations=named),
        row("nora", invite=False, departmentId=clinic.ids["mental"]),
    )

    assert payload["userErrors"] == []
    assert problems_of(payload) == [[], [], []]
    ids = [one["clientId"] for one in payload["rows"]]
    assert payload["clients"] == [
        {
            "id": id,
            "status": "ACTIVE",
            "firstName": name,
            "department": {"name": "Mental Health"},
            "approvedBy": {"displayName": "Dora Staff"},
        }
        for id, name in zip(ids, ("Nell", "Nick", "Nora"), strict=True)
    ]
    assert await kept(world, clinic, ids[1]) == {
        "phone": None,
        "associations": [
            {"practitioner": {"firstName": "Petra"}, "department": {"name": "Mental Health"}},
            {"practitioner": {"firstName": "Pia"}, "department": {"name": "Mental Health"}},
        ],
    }
    assert await kept(world, clinic, ids[0]) == {"phone": "+1 555 0199", "associations": []}
    # An open registration of the address ends (D1).
    assert await world.link_state(token) == "SUPERSEDED"
    letters = [mail for mail in await world.new_mail() if "new account" in mail.subject]
    assert [mail.to for mail in letters] == ["nell@home.example", "nick@home.example"]
    accepted = await world.accept(letters[1].token, "nick")
    assert accepted == {"username": "nick", "status": "ACTIVE", "userErrors": []}
    search = '{ clients(search: "nor new") { nodes { firstName } } }'
    found = await world.do(search, token=clinic.token("carl"))
    assert found == {"nodes": [{"firstName": "Nora"}]}


async def kept(world: World, clinic: Clinic, id: str) -> Any:
    """What the import does not answer of a client."""
    document = """query ($id: ID!) { client(id: $id) {
      phone associations { practitioner { firstName } department { name } }
    } }"""
    return await world.do(document, {"id": id}, clinic.token("dora"))


BAD = [
    row("nell"),
    row("none", email="nobody", lastName=" "),
    row("nick", email="Amy@riverside.example"),
    row("nora", email="NELL@home.example"),
]
WRONG = [
    [],
    [("REQUIRED", "input.clients.1.lastName"), ("INVALID", "input.clients.1.email")],
    [("TAKEN", "input.clients.2.email")],
    [("TAKEN", "input.clients.3.email")],
]


async def test_nothing_is_imported_unless_every_row_is_good(world: World, clinic: Clinic) -> None:
    async with world.unchanged():
        payload = await imported(world, clinic, "dora", *BAD)

    assert problems_of(payload) == WRONG
    assert payload["rows"][3]["userErrors"][0]["message"] == (
        "Row 1 of the import has this address already."
    )
    assert [one["clientId"] for one in payload["rows"]] == [None] * 4
    assert payload["clients"] == []
    assert payload["userErrors"] == [
        {
            "code": "INVALID",
            "message": "Nothing is imported, because of what is wrong with 3 of the rows.",
            "field": ["input", "clients"],
            "choices": None,
        }
    ]


async def test_good_rows_are_imported_beside_bad_ones_where_that_is_asked(
    world: World, clinic: Clinic
) -> None:
    payload = await imported(world, clinic, "dora", *BAD, policy="GOOD_ROWS")

    assert payload["userErrors"] == []
    assert problems_of(payload) == WRONG
    assert [one["firstName"] for one in payload["clients"]] == ["Nell"]
    await world.only_mail("nell@home.example")
    # Sent again, it makes nobody twice.
    async with world.unchanged():
        again = await imported(world, clinic, "dora", *BAD, policy="GOOD_ROWS")
    assert problems_of(again) == [[("TAKEN", "input.clients.0.email")], *WRONG[1:]]


async def test_validating_tells_what_is_wrong_and_does_nothing(
    world: World, clinic: Clinic
) -> None:
    for policy in ("ALL_OR_NOTHING", "GOOD_ROWS"):
        async with world.unchanged():
            payload = await imported(world, clinic, "dora", *BAD, policy=policy, validateOnly=True)
            good = await imported(world, clinic, "dora", BAD[0], policy=policy, validateOnly=True)
        assert problems_of(payload) == WRONG
        assert good == {
            "rows": [{"clientId": None, "userErrors": []}],
            "clients": [],
            "userErrors": [],
        }


async def test_each_row_is_held_to_its_makers_reach(world: World, clinic: Clinic) -> None:
    named = pairs(clinic, "practitionerId", ("petra", "family"))
    bad = [
        row("nell", departmentId=clinic.ids["family"]),
        row("nick", departmentId=clinic.ids["lakeside.mental"]),
        row("nora", associations=named),
        row("nils", associations=pairs(clinic, "practitionerId", ("paul", None))),
    ]
    async with world.unchanged():
        payload = await imported(world, clinic, "dora", *bad, policy="GOOD_ROWS")
        unsaid = await imported(world, clinic, "olivia", row("nell"))

    assert problems_of(payload) == [
        [("OUT_OF_SCOPE", "input.clients.0.departmentId")],
        [("NOT_FOUND", "input.clients.1.departmentId")],
        [("OUT_OF_SCOPE", "input.clients.2.associations.0.departmentId")],
        [("NOT_FOUND", "input.clients.3.associations.0.practitionerId")],
    ]
    assert problems_of(unsaid) == [[("DEPARTMENT_REQUIRED", "input.clients.0.departmentId")]]
    assert len(unsaid["rows"][0]["userErrors"][0]["choices"]) == 3


@pytest.mark.parametrize("many", [0, 501])
async def test_an_import_has_from_1_to_500_rows(world: World, clinic: Clinic, many: int) -> None:
    async with world.unchanged():
        payload = await imported(world, clinic, "dora", *rows(many))

    assert problems(payload) == [("INVALID", "input.clients")]
    assert payload["rows"] == []


@nobody_else
async def test_nobody_but_managers_imports(
    world: World, clinic: Clinic, who: str | None, code: str
) -> None:
    assert await refused(world, clinic, who, IMPORT, {"input": {"clients": rows(1)}}) == code


@contextmanager
def transactions(world: World) -> Iterator[list[list[str]]]:
    """The statements of each transaction that writes meanwhile."""
    engine = world.service.services.database._writes.sync_engine
    under_way: dict[Any, list[str]] = defaultdict(list)
    found: list[list[str]] = []

    def executed(connection: Any, _cursor: Any, statement: str, *_: Any) -> None:
        under_way[connection].append(statement)

    def committed(connection: Any) -> None:
        found.append(under_way.pop(connection, []))

    event.listen(engine, "before_cursor_execute", executed)
    event.listen(engine, "commit", committed)
    yield found
    event.remove(engine, "before_cursor_execute", executed)
    event.remove(engine, "commit", committed)


async def test_how_many_statements_an_import_takes_does_not_depend_on_its_rows(
    world: World, clinic: Clinic
) -> None:
    counts = []
    for many in (1, 500):
        said = [
            row(f"n{many}x{i}", associations=pairs(clinic, "practitionerId", ("pia", None)))
            for i in range(many)
        ]
        with transactions(world) as found:
            payload = await imported(world, clinic, "dora", *said)
        assert payload["userErrors"] == []
        assert len(payload["clients"]) == many
        (its,) = (one for one in found if any("INTO clients" in each for each in one))
        counts.append(len(its))
    assert counts[0] == counts[1] < 20


async def test_of_two_who_import_the_same_at_once_one_does_and_the_other_is_told(
    world: World, clinic: Clinic
) -> None:
    said = rows(20)
    one, other = await asyncio.gather(
        imported(world, clinic, "dora", *said),
        imported(world, clinic, "carl", *reversed(said)),
    )

    done, late = (one, other) if one["clients"] else (other, one)
    assert len(done["clients"]) == 20
    assert late["clients"] == []
    assert {problem[0][0] for problem in problems_of(late)} == {"TAKEN"}
    mails = [mail.to for mail in await world.new_mail()]
    assert sorted(mails) == sorted(one["email"] for one in said)
