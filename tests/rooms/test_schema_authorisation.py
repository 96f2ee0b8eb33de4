"""An operation is authorised as a whole, before anything of it runs (`D24`, `D21`)."""

from collections.abc import AsyncIterator
from dataclasses import replace
from typing import Any

import pytest

from models import Surface, outside
from permissions import ANONYMOUS, Permission, Requires
from schema import Api
from schema.declare import DEFINITION, RULE
from tests.conftest import Databases
from tests.oracle.clinic import CLINIC, Caller
from tests.oracle.served import Served, serving

PORTAL, APP = Surface.PORTAL, Surface.APP
OA: Caller = ("oa", PORTAL)
DA: Caller = ("da.two", PORTAL)
CC: Caller = ("cc", PORTAL)
PR: Caller = ("pr", PORTAL)
ANN: Caller = ("ann", PORTAL)
NOBODY: Caller = ("nobody", PORTAL)

READ = {"permission": "CLIENT_READ", "scope": "DEPARTMENT"}
STAFF = {"permission": "STAFF_READ", "scope": "DEPARTMENT"}
OWN = {"permission": "STAFF_READ", "scope": "OWN"}


@pytest.fixture(scope="module")
async def served(
    databases: Databases, tmp_path_factory: pytest.TempPathFactory
) -> AsyncIterator[Served]:
    """The API over the clinic; what is decided here is decided before any database is asked."""
    url = await databases.sqlite(tmp_path_factory.mktemp("authorisation"))
    async with serving(url, Api()) as made:
        yield made


async def refused(served: Served, *asked: Any) -> dict[str, Any]:
    """The one error for which nothing ran."""
    response = await served.answer(*asked)
    assert "data" not in response.json
    assert not response.ran
    assert served.database.statements == []
    (error,) = response.json["errors"]
    return error  # type: ignore[no-any-return]


async def denied(served: Served, *asked: Any) -> list[dict[str, Any]]:
    """The fields for which the operation was FORBIDDEN."""
    error = await refused(served, *asked)
    assert error["extensions"]["code"] == "FORBIDDEN"
    assert "path" not in error
    return error["extensions"]["denied"]  # type: ignore[no-any-return]


def field(path: str, name: str, needs: dict[str, str]) -> dict[str, Any]:
    return {"path": path.split("."), "field": name, **needs}


async def test_every_denied_field_is_named_with_its_path(served: Served) -> None:
    document = """query All($id: ID!) {
        departments { id }
        list: clients { nodes { who: firstName email edges: associations { practitioner {
            username roles { role } } } } }
        node(id: $id) { ... on Client { phone } ... on Staff { name: email status } }
    }"""
    found = await denied(served, ANN, document, {"id": "x"})
    assert found == [
        field("list", "Query.clients", READ),
        field("list.nodes.edges.practitioner.username", "Staff.username", STAFF),
        field("list.nodes.edges.practitioner.roles", "Staff.roles", OWN),
        field("node.name", "Staff.email", STAFF),
        field("node.status", "Staff.status", OWN),
    ]


async def test_the_message_names_each_field_once(served: Served) -> None:
    error = await refused(served, PR, "{ a: clients { totalCount } b: clients { totalCount } }")
    assert error["message"] == "You may not ask for Query.clients."
    assert [one["path"] for one in error["extensions"]["denied"]] == [["a"], ["b"]]


@pytest.mark.parametrize(
    "selections",
    [
        "client(id: $id) { email }",
        "node(id: $id) { ... on Client { email } }",
        "node(id: $id) { ... on Client { ... on Node { ... on Client { e: email } } } }",
        "node(id: $id) { ... { ... on Client { email } } }",
        "node(id: $id) { id } again: node(id: $id) { ... on Client { email } }",
        "node(id: $id) { ... on Association { client { email } } }",
        "node(id: $id) { ...Spread }",
    ],
)
async def test_every_spelling_gets_one_decision(served: Served, selections: str) -> None:
    document = f"query Q($id: ID!) {{ {selections} }}"
    if "Spread" in document:
        document += " fragment Spread on Node { ...Deeper } fragment Deeper on Client { email }"
    variables = {"id": outside("cli_", CLINIC.ids["ann"])}
    assert "Client.email" in {one["field"] for one in await denied(served, PR, document, variables)}
    response = await served.answer(OA, document, variables)
    assert "errors" not in response.json


async def test_what_switches_leave_out_does_not_count(served: Served) -> None:
    document = """query Q($more: Boolean!) { departments { id }
        clients @include(if: $more) { totalCount } ... @skip(if: true) { staff { totalCount } }
        viewer { staff { associations { nodes { client { email @include(if: $more) id } } } } } }"""
    response = await served.answer(PR, document, {"more": False})
    assert "errors" not in response.json
    found = await denied(served, PR, document, {"more": True})
    assert [one["field"] for one in found] == ["Query.clients", "Client.email"]


@pytest.mark.parametrize(
    "document",
    [
        "query Q($is: Boolean = true) { departments @include(if: $is) { id } }",
        "query Q($is: Boolean = true) { ... @skip(if: $is) { departments { id } } }",
        "query Q($is: Boolean = true) { ...F @skip(if: $is) } fragment F on Query { __typename }",
        "query Q($is: Boolean = true) { departments { id name @include(if: $is) } }",
        "query Q($is: Boolean = true) { clients { nodes { id ... @skip(if: $is) { email } } } }",
        "mutation Q($is: Boolean = true) { logout @include(if: $is) { userErrors { code } } }",
        "mutation Q($is: Boolean = true) { logout { userErrors { code @skip(if: $is) } } }",
        "subscription Q($is: Boolean = true) { clientChanged { id at @skip(if: $is) } }",
    ],
    ids=range(8),
)
async def test_a_switch_that_is_null_stops_the_operation(served: Served, document: str) -> None:
    """It may be left out, and is its default then; the document is right, and the null is not."""
    error = await refused(served, OA, document, {"is": None})
    assert error["extensions"] == {"code": "BAD_USER_INPUT"}
    assert "'$is'" in error["message"]


async def test_a_switch_may_be_anything_in_another_operation(served: Served) -> None:
    document = """query One($it: Boolean = true) { departments @include(if: $it) { id } }
        query Two($it: [AuditAction!]) { auditEvents(action: $it) { totalCount } }
        mutation Three($it: DepartmentInput!) {
            departmentCreate(input: $it) { userErrors { code } } }"""
    for actions in (["CLIENT_CREATED"], None):
        assert "errors" not in (await served.answer(OA, document, {"it": actions}, "Two")).json
    response = await served.answer(OA, document, {"it": {"name": " "}}, "Three")
    assert response.json["data"]["departmentCreate"]["userErrors"] == [{"code": "REQUIRED"}]
    for it, found in ((True, {"departments"}), (False, set())):
        response = await served.answer(OA, document, {"it": it}, "One")
        assert set(response.json["data"]) == found
    await refused(served, OA, document, {"it": None}, "One")


async def test_an_operation_that_is_not_chosen_does_not_count(served: Served) -> None:
    document = "query Mine { departments { id } } query Other { clients { totalCount } }"
    response = await served.answer(PR, document, {}, "Mine")
    assert "errors" not in response.json
    assert [one["field"] for one in await denied(served, PR, document, {}, "Other")] == [
        "Query.clients"
    ]


async def test_of_one_s_own_record_nothing_is_denied_and_below_it_the_rules_hold(
    served: Served,
) -> None:
    mine = """{ viewer { client { email phone dateOfBirth username statusReason approvedAt
        approvedBy { displayName } } staff { email username status roles { role } } } }"""
    for caller in (ANN, PR, NOBODY, ("pr", APP), ("new", PORTAL)):
        response = await served.answer(caller, mine)
        assert "errors" not in response.json
    below = "{ viewer { client { associations { practitioner { email } } } } }"
    path = "viewer.client.associations.practitioner.email"
    assert await denied(served, ANN, below) == [field(path, "Staff.email", STAFF)]


async def test_on_the_app_managers_manage_nothing(served: Served) -> None:
    """`S28`."""
    document = "{ clients { totalCount } staff { totalCount } }"
    for label in ("oa", "da.two", "cc"):
        found = await denied(served, (label, APP), document)
        assert [one["field"] for one in found] == ["Query.clients", "Query.staff"]
        assert "errors" not in (await served.answer((label, PORTAL), document)).json


@pytest.mark.parametrize(
    "document",
    [
        "{ departments { id } }",
        "{ viewer { surface } departments { id } }",
        "{ permissionMatrix { role } }",
        "{ viewer { staff { associations { nodes { client { email } } } } } }",
        'mutation { departmentCreate(input: { name: "New" }) { department { id } } }',
    ],
)
async def test_nobody_is_asked_to_sign_in(served: Served, document: str) -> None:
    error = await refused(served, None, document)
    assert error["extensions"] == {"code": "UNAUTHENTICATED"}


async def test_nobody_may_ask_what_is_public(served: Served) -> None:
    document = '{ __typename viewer { staff { email } } organization(slug: "east") { name } }'
    response = await served.answer(None, document)
    assert response.json["data"]["viewer"] is None
    assert response.json["data"]["organization"] == {"name": "East & Œuvre"}


@pytest.mark.parametrize(
    ("document", "runs"),
    [
        ('{ organization(slug: "east") { name } }', True),
        ("{ viewer { surface } }", True),
        ("{ __typename }", True),
        ("{ departments { id } }", False),
        ("{ viewer { surface } departments { id } }", False),
        ("{ viewer { surface } departments @include(if: false) { id } }", True),
    ],
)
async def test_a_dead_token_is_ignored_where_all_is_public(
    served: Served, document: str, runs: bool
) -> None:
    """`D21`."""
    dead = replace(served.contexts[None], expired=True)
    assert dead.actor is ANONYMOUS
    response = await served.api.execute(dead, document)
    assert response.ran is runs
    if not runs:
        (error,) = response.json["errors"]
        assert error["extensions"] == {"code": "UNAUTHENTICATED"}


async def test_of_two_mutations_the_allowed_one_does_not_run_either(served: Served) -> None:
    """No half of it: nothing is written, no letter, not even a statement."""
    document = """mutation Both($id: ID!) {
        mine: staffUpdate(id: $id, input: { receiveNewClientNotifications: false }) {
            staff { id } userErrors { code } }
        departmentCreate(input: { name: "Mine" }) { department { id } }
    }"""
    asked = document, {"id": outside("stf_", CLINIC.ids["nobody"])}
    found = await denied(served, NOBODY, *asked)
    needs = {"permission": "DEPARTMENT_UPDATE", "scope": "ORGANIZATION"}
    assert found == [field("departmentCreate", "Mutation.departmentCreate", needs)]
    mine = "{ viewer { staff { receiveNewClientNotifications } } }"
    after = await served.answer(NOBODY, mine)
    assert after.json["data"]["viewer"]["staff"] == {"receiveNewClientNotifications": True}


async def test_a_field_denied_in_the_payload_stops_the_mutation(served: Served) -> None:
    document = """mutation Own($id: ID!) {
        staffUpdate(id: $id, input: { receiveNewClientNotifications: false }) {
            staff { associations { nodes { client { email } } } } userErrors { code } } }"""
    asked = document, {"id": outside("stf_", CLINIC.ids["nobody"])}
    found = await denied(served, NOBODY, *asked)
    path = "staffUpdate.staff.associations.nodes.client.email"
    assert found == [field(path, "Client.email", READ)]
    after = await served.answer(NOBODY, "{ viewer { staff { receiveNewClientNotifications } } }")
    assert after.json["data"]["viewer"]["staff"] == {"receiveNewClientNotifications": True}


async def test_a_bad_page_stops_the_mutation(served: Served) -> None:
    document = """mutation Paged($id: ID!) {
        staffUpdate(id: $id, input: { receiveNewClientNotifications: false }) {
            staff { associations(first: 0) { totalCount } } userErrors { code } } }"""
    asked = document, {"id": outside("stf_", CLINIC.ids["nobody"])}
    error = await refused(served, NOBODY, *asked)
    assert error["extensions"] == {"code": "BAD_USER_INPUT"}


@pytest.mark.parametrize(
    "document",
    ["", "{", "{ nothing }", "{ clients { nodes } }", "query A { __typename } query B { nothing }"],
)
async def test_what_is_no_operation_of_ours_does_not_run(served: Served, document: str) -> None:
    error = await refused(served, OA, document)
    assert error["extensions"] == {"code": "BAD_USER_INPUT"}


async def test_a_type_s_own_rule_holds_where_its_interface_has_none(
    served: Served, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Of the types behind an interface each keeps its rule: `id` of a Node, if of a Client."""
    api = Api()
    definition: Any = api.schema.type_map["Client"]
    its = definition.fields["id"].extensions[DEFINITION]
    rule = Requires(Permission.CLIENT_UPDATE)
    monkeypatch.setattr(its, "metadata", {**its.metadata, RULE: rule})
    strict = Served(api, served.database, served.contexts)
    document = "query Any($id: ID!) { node(id: $id) { id } }"
    asked = document, {"id": outside("dep_", CLINIC.ids["speech"])}
    needs = {"permission": "CLIENT_UPDATE", "scope": "DEPARTMENT"}
    assert await denied(strict, PR, *asked) == [field("node.id", "Client.id", needs)]
    assert "errors" not in (await strict.answer(DA, *asked)).json
    only = "query Any($id: ID!) { node(id: $id) { ... on Department { id } } }"
    assert "errors" not in (await strict.answer(PR, only, asked[1])).json


@pytest.mark.parametrize(
    "field",
    ["organization", "username"],
)
async def test_a_megabyte_of_accents_is_refused_at_once(served: Served, field: str) -> None:
    """Normalizing it would take minutes, in which nobody else is served."""
    values = {"organization": "east", "username": "oa", "password": "p", "surface": "PORTAL"}
    values[field] = "a" + "\u0301\u0327" * 250_000
    document = """mutation Login($input: LoginInput!) {
        login(input: $input) { session { surface } userErrors { code } } }"""
    response = await served.answer(None, document, {"input": values})
    assert response.json["data"]["login"]["userErrors"] == [{"code": "INVALID_CREDENTIALS"}]


async def test_a_search_as_long_is_refused_as_well(served: Served) -> None:
    document = "query Find($text: String) { clients(search: $text) { totalCount } }"
    accents = "a" + "\u0301\u0327" * 250_000
    response = await served.answer(OA, document, {"text": accents})
    (error,) = response.json["errors"]
    assert error["message"] == "search takes at most 1000 characters."
    assert error["extensions"] == {"code": "BAD_USER_INPUT"}
    assert served.database.statements == []
    response = await served.answer(OA, document, {"text": accents[:1000]})
    assert response.json["data"] == {"clients": {"totalCount": 4}}  # who have a word with "a"
