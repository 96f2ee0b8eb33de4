"""Who reads what of which row, and what is not there for whom (D7, D8, D9, D15, D24, D25, D29)."""

from string import hexdigits
from typing import Any

import pytest
from sqlalchemy import update
from sqlalchemy.ext.asyncio import AsyncConnection

from models import Department
from tests.stories.asking import CC, DA, OA, PR
from tests.world import Clinic, World, problems, refusal

RECORD = """query ($id: ID!) { node(id: $id) { ... on Client {
  firstName lastName status createdAt department { name }
  associations { department { name } practitioner { firstName } }
} } }"""
GUARDED = """query ($id: ID!) { node(id: $id) { ... on Client {
  firstName email phone dateOfBirth username statusReason approvedAt approvedBy { displayName }
} } }"""


# D7: Reach: who reads which rows, and the guarded columns.


async def test_d07_guarded_columns_are_null_on_rows_that_one_reads_as_a_practitioner_only(
    world: World, clinic: Clinic
) -> None:
    # pia coordinates physio (cleo) and meets bea as a practitioner of mental.
    cleo = await world.do(GUARDED, {"id": clinic.ids["cleo"]}, clinic.token("pia"))
    bea = await world.do(GUARDED, {"id": clinic.ids["bea"]}, clinic.token("pia"))

    assert cleo == {
        "firstName": "Cleo",
        "email": "cleo@riverside.example",
        "phone": "+1 555 0100",
        "dateOfBirth": "1990-05-17",
        "username": "cleo",
        "statusReason": None,
        "approvedAt": "2026-11-23T12:00:00+00:00",
        "approvedBy": {"displayName": "Olivia Hart"},
    }
    assert bea == {
        "firstName": "Bea",
        "email": None,
        "phone": None,
        "dateOfBirth": None,
        "username": None,
        "statusReason": None,
        "approvedAt": None,
        "approvedBy": None,
    }


async def test_d07_a_client_reads_their_own_record_and_of_their_practitioners_id_and_names(
    world: World, clinic: Clinic
) -> None:
    own = await world.do(GUARDED, {"id": clinic.ids["amy"]}, clinic.token("amy"))
    assert own["email"] == "amy@riverside.example"
    assert own["approvedBy"] == {"displayName": "Olivia Hart"}

    names = """query ($id: ID!) { node(id: $id) { ... on Staff {
      id displayName firstName lastName
    } } }"""
    petra = await world.do(names, {"id": clinic.ids["petra"]}, clinic.token("amy"))
    assert petra == {
        "id": clinic.ids["petra"],
        "displayName": "Petra Staff",
        "firstName": "Petra",
        "lastName": "Staff",
    }
    for more in (
        "email",
        "username",
        "status",
        "createdAt",
        "onboardingState",
        "receiveNewClientNotifications",
        "roles { role }",
        "associations { totalCount }",
    ):
        document = names.replace("lastName", more)
        answer = await world.ask(document, {"id": clinic.ids["petra"]}, clinic.token("amy"))
        assert refusal(answer) == "FORBIDDEN", more


async def test_d07_a_practitioner_reads_associated_active_clients_only(
    world: World, clinic: Clinic
) -> None:
    for name, reads in {
        "amy": True,
        "ben": True,
        "bea": True,
        "gil": False,
        "cleo": False,
        "chloe": False,
    }.items():
        record = await world.do(RECORD, {"id": clinic.ids[name]}, clinic.token("petra"))
        assert (record is not None) is reads, name
    # and of associations those with them: gil is inactive
    document = "{ viewer { staff { associations { totalCount nodes { client { firstName } } } } } }"
    viewer = await world.do(document, token=clinic.token("petra"))
    assert viewer["staff"]["associations"] == {
        "totalCount": 3,
        "nodes": [{"client": {"firstName": name}} for name in ("Amy", "Ben", "Bea")],
    }
    node = "query ($id: ID!) { node(id: $id) { id } }"
    assert await world.do(node, {"id": clinic.ids["gil-petra"]}, clinic.token("petra")) is None


async def test_d07_everyone_signed_in_reads_the_departments_of_their_organization(
    world: World, clinic: Clinic
) -> None:
    names = ["Family Medicine", "Mental Health", "Physiotherapy"]
    for who in ("olivia", "dora", "paul", "norma", "amy", "chloe", "dan"):
        found = await world.do("{ departments { name active } }", token=clinic.token(who))
        assert found == [{"name": name, "active": True} for name in names]
    solo = await world.do("{ departments { name } }", token=clinic.token("solo.amy"))
    assert solo == [{"name": "General Practice"}]


async def test_d13_grants_in_an_inactive_department_give_no_reach(
    world: World, clinic: Clinic
) -> None:
    async def close(connection: AsyncConnection) -> None:
        await connection.execute(
            update(Department).where(Department.id == clinic.key("mental")).values(active=False)
        )

    await world.database.write(close)

    answer = await world.ask("{ clients { totalCount } }", token=clinic.token("dora"))
    assert refusal(answer) == "FORBIDDEN"
    olivia = await world.do("{ clients { totalCount } }", token=clinic.token("olivia"))
    assert olivia == {"totalCount": 5}


# D8: Out of reach is exactly as if it did not exist.


async def test_d08_another_organization_s_rows_are_absent_by_every_path(
    world: World, clinic: Clinic
) -> None:
    node = "query ($id: ID!) { node(id: $id) { id } }"
    for name, id in clinic.ids.items():
        ours = not name.startswith(("lakeside", "solo"))
        found = await world.do(node, {"id": id}, clinic.token("olivia"))
        assert (found is not None) is ours, name
        if ours:
            assert await world.do(node, {"id": id}, clinic.token("lakeside.olivia")) is None, name
    by_id = "query ($id: ID!) { client(id: $id) { id } }"
    member = "query ($id: ID!) { staffMember(id: $id) { id } }"
    assert await world.do(by_id, {"id": clinic.ids["lakeside.amy"]}, clinic.token("olivia")) is None
    assert await world.do(member, {"id": clinic.ids["lakeside.dora"]}, clinic.token("olivia")) is (
        None
    )


@pytest.mark.parametrize(
    "id", ["", "x", "cli_", "cli_" + "g" * 32, "CLI_" + "0" * 32, "cli_" + "0" * 33, "\u0000", "é"]
)
async def test_d08_a_malformed_id_is_as_an_unknown_one(
    world: World, clinic: Clinic, id: str
) -> None:
    for field in ("client", "staffMember", "node"):
        document = f"query ($id: ID!) {{ {field}(id: $id) {{ id }} }}"
        assert await world.do(document, {"id": id}, clinic.token("olivia")) is None


async def test_d08_an_id_is_good_in_one_spelling_and_for_its_kind_only(
    world: World, clinic: Clinic
) -> None:
    node = "query ($id: ID!) { node(id: $id) { id } }"
    amy = clinic.ids["amy"]
    for other in (amy.upper(), amy.replace("cli_", "stf_"), f" {amy}", f"{amy}\n", amy[4:]):
        assert await world.do(node, {"id": other}, clinic.token("olivia")) is None


# D9: A client with associations in two departments.


async def test_d09_each_department_s_managers_see_only_their_own_associations(
    world: World, clinic: Clinic
) -> None:
    in_family = {"department": {"name": "Family Medicine"}, "practitioner": {"firstName": "Petra"}}
    in_mental = {"department": {"name": "Mental Health"}, "practitioner": {"firstName": "Pia"}}

    for who, seen in {
        "olivia": [in_family, in_mental],
        "fay": [in_family],
        "fred": [in_family],
        "dora": [in_mental],
        "carl": [in_mental],
        "bea": [in_family, in_mental],
        "petra": [in_family],
        "pia": [in_mental],
    }.items():
        record = await world.do(RECORD, {"id": clinic.ids["bea"]}, clinic.token(who))
        assert record["department"] == {"name": "Family Medicine"}
        assert record["associations"] == seen, who
    dora = clinic.token("dora")
    node = "query ($id: ID!) { node(id: $id) { id } }"
    assert await world.do(node, {"id": clinic.ids["bea-petra"]}, dora) is None
    assert await world.do(node, {"id": clinic.ids["bea-pia"]}, dora) is not None


# D15: Two organizations: nothing is shared.


async def test_d15_the_same_address_and_username_elsewhere_is_another_person(
    world: World, clinic: Clinic
) -> None:
    token = await world.registered("amy@riverside.example", organization="lakeside")
    taken = await world.confirm(token, "amy")  # lakeside has an amy of its own
    assert problems(taken) == [("TAKEN", "input.username")]
    done = await world.confirm(token, "amy.r", "another password altogether")
    assert done["status"] == "PENDING"
    assert [letter.to for letter in await world.new_mail()] == [
        "olivia@lakeside.example",
        "oscar@lakeside.example",
    ]

    me = "{ viewer { organization { slug } client { id } } }"
    for organization, name in (("riverside", "amy"), ("lakeside", "lakeside.amy")):
        access = await world.sign_in("amy", "APP", organization)
        assert await world.do(me, token=access) == {
            "organization": {"slug": organization},
            "client": {"id": clinic.ids[name]},
        }
    async with world.unchanged():
        refused = await world.login("amy.r", password="another password altogether")
    assert problems(refused) == [("INVALID_CREDENTIALS", None)]


async def test_d15_letters_of_one_organization_go_to_its_staff_only(
    world: World, clinic: Clinic
) -> None:
    token = await world.registered(
        organization="lakeside", departmentId=clinic.ids["lakeside.mental"]
    )
    await world.confirm(token, "nora")

    assert [letter.to for letter in await world.new_mail()] == [
        address.replace("riverside", "lakeside") for address in clinic.told("mental")
    ]


# D24: The whole operation is refused before anything runs.


async def test_d24_every_denied_field_is_listed_with_its_path(world: World, clinic: Clinic) -> None:
    document = """query ($id: ID!) {
      mine: viewer { staff { email } }
      clients { nodes { id } }
      person: node(id: $id) { ... on Client { firstName mail: email } }
    }"""

    async with world.unchanged():
        answer = await world.ask(document, {"id": clinic.ids["cleo"]}, clinic.token("paul"))

    assert answer == {
        "errors": [
            {
                "message": "You may not ask for Query.clients, Client.email.",
                "extensions": {
                    "code": "FORBIDDEN",
                    "denied": [
                        {
                            "path": ["clients"],
                            "field": "Query.clients",
                            "permission": "CLIENT_READ",
                            "scope": "DEPARTMENT",
                        },
                        {
                            "path": ["person", "mail"],
                            "field": "Client.email",
                            "permission": "CLIENT_READ",
                            "scope": "DEPARTMENT",
                        },
                    ],
                },
            }
        ]
    }


async def test_d24_no_half_of_a_mutation_is_executed_either(world: World, clinic: Clinic) -> None:
    document = """mutation ($me: ID!) {
      staffUpdate(id: $me, input: {receiveNewClientNotifications: false}) { staff { id } }
      departmentCreate(input: {name: "Dentistry"}) { department { id } }
    }"""

    async with world.unchanged():
        answer = await world.ask(document, {"me": clinic.ids["dora"]}, clinic.token("dora"))

    assert refusal(answer) == "FORBIDDEN"
    assert [one["path"] for one in answer["errors"][0]["extensions"]["denied"]] == [
        ["departmentCreate"]
    ]


async def test_d24_what_is_left_out_and_operations_not_chosen_do_not_count(
    world: World, clinic: Clinic
) -> None:
    document = """query Mine($all: Boolean = false) {
      viewer { staff { firstName } }
      clients @include(if: $all) { totalCount }
      staff @skip(if: true) { totalCount }
    }
    query Theirs { clients { totalCount } }"""

    async def ask(name: str, **variables: bool) -> Any:
        body = {"query": document, "operationName": name, "variables": variables}
        headers = {"authorization": f"Bearer {clinic.token('paul')}"}
        return (await world.http.post("/graphql", json=body, headers=headers)).json()

    assert (await ask("Mine"))["data"] == {"viewer": {"staff": {"firstName": "Paul"}}}
    assert refusal(await ask("Mine", all=True)) == "FORBIDDEN"
    assert refusal(await ask("Theirs")) == "FORBIDDEN"


async def test_d24_of_ones_own_record_below_viewer_nothing_is_denied(
    world: World, clinic: Clinic
) -> None:
    staff = """{ viewer { staff {
      id status onboardingState createdAt displayName email username
      receiveNewClientNotifications roles { role department { name } }
      associations { totalCount }
    } } }"""
    client = """{ viewer { client {
      id status onboardingState createdAt email phone dateOfBirth username statusReason
      approvedAt approvedBy { displayName } department { name } associations { id }
    } } }"""
    for who, roles in (
        ("olivia", [OA]),
        ("dora", [DA]),
        ("carl", [CC]),
        ("petra", [PR, PR]),
        ("norma", []),
    ):
        for surface in ("PORTAL", "APP"):
            mine = await world.do(staff, token=clinic.token(who, surface))
            assert [one["role"] for one in mine["staff"]["roles"]] == roles
            assert mine["staff"]["email"] == clinic.email(who)
            assert mine["staff"]["username"] == who
            assert mine["staff"]["receiveNewClientNotifications"] is True
    for who in ("amy", "chloe", "dan"):
        mine = await world.do(client, token=clinic.token(who))
        assert mine["client"]["email"] == clinic.email(who)


async def test_d24_a_refused_document_tells_nothing_of_the_rows_it_names(
    world: World, clinic: Clinic
) -> None:
    document = "query ($id: ID!) { client(id: $id) { email } }"

    answers = [
        await world.send(document, {"id": id}, clinic.token("paul"))
        for id in (clinic.ids["cleo"], clinic.ids["lakeside.cleo"], "cli_" + "0" * 32, "nonsense")
    ]

    assert len({answer.content for answer in answers}) == 1


# D25: Time.


async def test_d25_times_are_in_utc_with_offset_and_dates_of_birth_are_plain(
    world: World, clinic: Clinic
) -> None:
    world.clock.advance(hours=-3.5, microseconds=123456)
    token = await world.registered(dateOfBirth="2000-02-29")
    await world.confirm(token, "nora")
    access = await world.sign_in("nora")

    document = "{ viewer { client { createdAt dateOfBirth approvedAt } } }"
    assert (await world.do(document, token=access))["client"] == {
        "createdAt": "2026-11-23T08:30:00.123456+00:00",
        "dateOfBirth": "2000-02-29",
        "approvedAt": None,
    }


# D29: Pages and limits.

PAGE = """query (
  $first: Int, $after: String, $last: Int, $before: String, $order: ClientOrder,
  $status: ClientStatus, $department: ID, $practitioner: ID
) {
  clients(
    first: $first, after: $after, last: $last, before: $before, orderBy: $order,
    status: $status, departmentId: $department, practitionerId: $practitioner
  ) {
    totalCount
    edges { cursor node { firstName } }
    pageInfo { hasNextPage hasPreviousPage startCursor endCursor }
  }
}"""


def names(page: dict[str, Any]) -> list[str]:
    return [edge["node"]["firstName"] for edge in page["edges"]]


@pytest.mark.parametrize("order", ["NAME", "NEWEST", "OLDEST"])
async def test_d29_a_list_is_walked_forward_and_backward_without_loss(
    world: World, clinic: Clinic, order: str
) -> None:
    olivia = clinic.token("olivia")
    asked: dict[str, Any] = {"status": None, "order": order}
    whole = names(await world.do(PAGE, asked, olivia))
    assert len(whole) == 9
    if order == "NAME":
        assert whole == ["Amy", "Bea", "Ben", "Chloe", "Cleo", "Dan", "Gil", "Phil", "Una"]
    else:
        oldest = ["Amy", "Ben", "Bea", "Cleo", "Gil", "Chloe", "Phil", "Dan", "Una"]
        assert whole == (oldest if order == "OLDEST" else oldest[::-1])

    forward: list[str] = []
    after = None
    while True:
        page = await world.do(PAGE, {**asked, "first": 2, "after": after}, olivia)
        assert page["totalCount"] == 9
        assert page["pageInfo"]["hasPreviousPage"] is (after is not None)
        assert page["pageInfo"]["startCursor"] == page["edges"][0]["cursor"]
        forward += names(page)
        after = page["pageInfo"]["endCursor"]
        if not page["pageInfo"]["hasNextPage"]:
            break
    backward: list[str] = []
    before = None
    while True:
        page = await world.do(PAGE, {**asked, "last": 2, "before": before}, olivia)
        backward = names(page) + backward
        before = page["pageInfo"]["startCursor"]
        if not page["pageInfo"]["hasPreviousPage"]:
            break

    assert forward == backward == whole


@pytest.mark.parametrize(
    "arguments",
    [
        {"first": 0},
        {"first": -1},
        {"first": 101},
        {"last": 0},
        {"last": 101},
        {"first": 1, "last": 1},
        {"after": "nonsense"},
        {"after": ""},
        {"before": "nonsense"},
        {"first": 2**31},
    ],
)
async def test_d29_what_is_no_page_is_bad_input(
    world: World, clinic: Clinic, arguments: dict[str, Any]
) -> None:
    answer = await world.ask(PAGE, {"status": None, **arguments}, clinic.token("olivia"))

    assert answer.get("data") is None
    assert [one["extensions"]["code"] for one in answer["errors"]] == ["BAD_USER_INPUT"]


async def test_d29_a_page_has_25_rows_unless_more_are_asked_for(
    world: World, clinic: Clinic
) -> None:
    async def hire(i: int) -> None:
        said = {
            "firstName": f"Extra{i:02}",
            "lastName": "Staff",
            "email": f"extra{i}@riverside.example",
            "roles": [{"role": "PRACTITIONER", "departmentId": clinic.ids["physio"]}],
        }
        document = """mutation ($input: StaffCreateInput!) {
          staffCreate(input: $input) { userErrors { code } }
        }"""
        done = await world.do(document, {"input": said}, clinic.token("olivia"))
        assert done == {"userErrors": []}

    for i in range(20):
        await hire(i)

    counted = "totalCount nodes { id } pageInfo { hasNextPage }"
    page = await world.do(f"{{ staff {{ {counted} }} }}", token=clinic.token("olivia"))
    whole = await world.do(f"{{ staff(first: 100) {{ {counted} }} }}", token=clinic.token("olivia"))

    assert (page["totalCount"], len(page["nodes"])) == (33, 25)
    assert page["pageInfo"]["hasNextPage"] is True
    assert (whole["totalCount"], len(whole["nodes"])) == (33, 33)
    assert whole["pageInfo"]["hasNextPage"] is False


async def test_d29_cursors_hold_no_personal_data_and_are_looked_up_within_reach(
    world: World, clinic: Clinic
) -> None:
    page = await world.do(PAGE, {"status": None}, clinic.token("olivia"))
    cursors = {edge["node"]["firstName"]: edge["cursor"] for edge in page["edges"]}
    for name, cursor in cursors.items():
        # Bea may be in any number.
        assert set(name.lower()) <= set(hexdigits) or name.lower() not in cursor.lower()
    # dora reads amy and not ben.
    within = await world.do(PAGE, {"status": None, "after": cursors["Amy"]}, clinic.token("dora"))
    assert names(within) == ["Bea", "Chloe", "Gil"]
    for who, whose in (("dora", "Ben"), ("dora", "Dan"), ("lakeside.olivia", "Amy")):
        answer = await world.ask(PAGE, {"status": None, "after": cursors[whose]}, clinic.token(who))
        unknown = await world.ask(PAGE, {"status": None, "after": "x"}, clinic.token(who))
        assert answer["errors"][0]["extensions"]["code"] == "BAD_USER_INPUT"
        assert answer["errors"][0]["message"] == unknown["errors"][0]["message"]


async def test_d29_filters_go_through_the_reach(world: World, clinic: Clinic) -> None:
    async def found(who: str, **filters: str) -> list[str]:
        page = await world.do(PAGE, {"status": None, **filters}, clinic.token(who))
        assert page["totalCount"] == len(page["edges"])
        return names(page)

    ids = clinic.ids
    # departmentId is the client's department
    assert await found("olivia", department=ids["mental"]) == ["Amy", "Chloe", "Gil"]
    assert await found("dora", department=ids["mental"]) == ["Amy", "Chloe", "Gil"]
    assert await found("dora", department=ids["family"]) == ["Bea"]
    assert await found("olivia", practitioner=ids["petra"]) == ["Amy", "Bea", "Ben", "Gil"]
    # bea's association with petra is in family, which dora does not see
    assert await found("dora", practitioner=ids["petra"]) == ["Amy", "Gil"]
    assert await found("dora", practitioner=ids["pia"]) == ["Bea"]
    assert await found("olivia", practitioner=ids["paul"], department=ids["physio"]) == ["Cleo"]
    for nonsense in ("", "nonsense", "dep_" + "0" * 32, ids["lakeside.mental"], ids["petra"]):
        assert await found("olivia", department=nonsense) == []
    for nonsense in ("", "stf_" + "0" * 32, ids["lakeside.petra"], ids["mental"]):
        assert await found("olivia", practitioner=nonsense) == []


async def test_d29_names_are_ordered_without_case_and_accents_alike_on_both_databases(
    world: World, clinic: Clinic
) -> None:
    people = [
        ("Zoë", "Ångström"),
        ("zoe", "angstrom"),
        ("Émile", "Zola"),
        ("eva", "Zola"),
        ("Ada", "de la Cruz"),
        ("Bob", "Österreich"),
        ("Bob", "O'Neill"),
    ]
    for i, (first, last) in enumerate(people):
        token = await world.registered(
            f"p{i}@home.example", organization="solo", firstName=first, lastName=last
        )
        await world.confirm(token, f"person{i}")

    document = "{ clients(status: PENDING) { nodes { firstName lastName } } }"
    page = await world.do(document, token=clinic.token("solo.olivia"))

    assert [(node["firstName"], node["lastName"]) for node in page["nodes"]] == [
        ("Zoë", "Ångström"),
        ("zoe", "angstrom"),
        ("Chloe", "Client"),
        ("Ada", "de la Cruz"),
        ("Bob", "O'Neill"),
        ("Bob", "Österreich"),
        ("Émile", "Zola"),
        ("eva", "Zola"),
    ]
