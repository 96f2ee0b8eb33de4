"""Manage Client Types: the Clients menu, its lists and records (S1, S16, S29 to S31)."""

import pytest

from tests.world import Clinic, World, refusal

LISTS = """{
  active: clients { totalCount nodes { firstName status } }
  inactive: clients(status: INACTIVE) { totalCount nodes { firstName status } }
  pending: clients(status: PENDING) { totalCount nodes { firstName status } }
  all: clients(status: null) { totalCount nodes { firstName } }
}"""
CLIENT = "query ($id: ID!) { client(id: $id) { firstName } }"
NODE = "query ($id: ID!) { node(id: $id) { id } }"
MEMBER = "query ($id: ID!) { staffMember(id: $id) { firstName } }"

MANAGED = {
    "olivia": {
        "active": ["Amy", "Bea", "Ben", "Cleo", "Una"],
        "inactive": ["Gil"],
        "pending": ["Chloe", "Dan", "Phil"],
    },
    # bea is of family, and associated with pia in mental
    "dora": {"active": ["Amy", "Bea"], "inactive": ["Gil"], "pending": ["Chloe"]},
    "carl": {"active": ["Amy", "Bea"], "inactive": ["Gil"], "pending": ["Chloe"]},
    "fay": {"active": ["Bea", "Ben", "Una"], "inactive": [], "pending": []},
    "fred": {"active": ["Bea", "Ben", "Una"], "inactive": [], "pending": []},
    # Care Coordinator of physio; as practitioner of mental she manages nobody there
    "pia": {"active": ["Cleo"], "inactive": [], "pending": ["Phil"]},
}
MANAGED |= dict.fromkeys(["oscar"], MANAGED["olivia"])
MANAGED |= dict.fromkeys(["doris", "twyla"], MANAGED["dora"])
EVERYBODY = ["amy", "bea", "ben", "cleo", "una", "gil", "chloe", "dan", "phil"]


# S1: The ability to manage clients requires a staff to have the Organizational Administrator,
# Department Administrator, or Department Care Coordinator role.


@pytest.mark.parametrize("who", list(MANAGED))
async def test_s01_managers_see_whom_they_manage_the_same_in_lists_counts_and_by_id(
    world: World, clinic: Clinic, who: str
) -> None:
    token = clinic.token(who)

    answer = await world.ask(LISTS, token=token)

    lists = answer["data"]
    seen = {name: [node["firstName"] for node in page["nodes"]] for name, page in lists.items()}
    everyone = seen.pop("all")
    assert seen == MANAGED[who]
    assert sorted(everyone) == sorted(name for names in seen.values() for name in names)
    for page in lists.values():
        assert page["totalCount"] == len(page["nodes"])
    for name in EVERYBODY:
        record = await world.do(CLIENT, {"id": clinic.ids[name]}, token)
        expected = {"firstName": name.title()} if name.title() in everyone else None
        assert record == expected
        node = await world.do(NODE, {"id": clinic.ids[name]}, token)
        # By `node` she also sees her own client as a practitioner.
        assert (node is not None) is (expected is not None or (who, name) == ("pia", "bea"))


@pytest.mark.parametrize("who", ["petra", "paul", "norma", "amy", "chloe"])
@pytest.mark.parametrize(
    "document",
    [
        "{ clients { totalCount } }",
        "{ clients(status: PENDING) { nodes { id } } }",
        "{ viewer { surface } clients { pageInfo { hasNextPage } } }",
        'query { client(id: "nonsense") { id } }',
        'mutation { clientApprove(id: "nonsense") { userErrors { code } } }',
    ],
)
async def test_s01_others_manage_nobody(
    world: World, clinic: Clinic, who: str, document: str
) -> None:
    async with world.unchanged():
        answer = await world.ask(document, token=clinic.token(who))

    assert refusal(answer) == "FORBIDDEN"


@pytest.mark.parametrize(
    "document",
    [
        "{ clients { totalCount } }",
        'query { client(id: "nonsense") { id } }',
        "{ staff { totalCount } }",
        'query { staffMember(id: "nonsense") { id } }',
        "{ departments { id } }",
        'query { node(id: "nonsense") { id } }',
        "{ permissionMatrix { role } }",
        'mutation { clientApprove(id: "nonsense") { userErrors { code } } }',
        'mutation { departmentCreate(input: {name: "Dentistry"}) { userErrors { code } } }',
    ],
)
async def test_s01_strangers_are_asked_to_sign_in(
    world: World, clinic: Clinic, document: str
) -> None:
    async with world.unchanged():
        answer = await world.ask(document)

    assert answer == {
        "errors": [{"message": "Sign in first.", "extensions": {"code": "UNAUTHENTICATED"}}]
    }


async def test_s01_ones_own_rows_are_read_below_viewer_and_by_node(
    world: World, clinic: Clinic
) -> None:
    own = """{ viewer {
      client { id email username dateOfBirth phone department { name } associations {
        department { name } practitioner { id firstName lastName }
      } }
      staff { id email associations { nodes { client { id firstName } } } }
    } }"""

    amy = await world.do(
        own.replace("email associations", "firstName associations"), token=clinic.token("amy")
    )
    petra = await world.do(
        own.replace("id email username dateOfBirth phone", "id"), token=clinic.token("petra")
    )

    assert amy == {
        "client": {
            "id": clinic.ids["amy"],
            "email": "amy@riverside.example",
            "username": "amy",
            "dateOfBirth": "1990-05-17",
            "phone": "+1 555 0100",
            "department": {"name": "Mental Health"},
            "associations": [
                {
                    "department": {"name": "Mental Health"},
                    "practitioner": {
                        "id": clinic.ids["petra"],
                        "firstName": "Petra",
                        "lastName": "Staff",
                    },
                }
            ],
        },
        "staff": None,
    }
    assert petra["staff"] == {
        "id": clinic.ids["petra"],
        "email": "petra@riverside.example",
        # in the order in which they were associated; gil is inactive
        "associations": {
            "nodes": [
                {"client": {"id": clinic.ids[name], "firstName": name.title()}}
                for name in ("amy", "ben", "bea")
            ]
        },
    }
    for who, reads in {
        "amy": ["amy", "petra", "amy-petra", "mental", "family", "riverside"],
        "petra": ["amy", "ben", "bea", "petra", "amy-petra", "ben-petra", "bea-petra", "physio"],
    }.items():
        for name in reads:
            node = await world.do(NODE, {"id": clinic.ids[name]}, clinic.token(who))
            assert node == {"id": clinic.ids[name]}, (who, name)
    for who, misses in {
        "amy": ["ben", "pia", "bea-pia", "olivia", "lakeside", "lakeside.amy", "lakeside.mental"],
        "petra": ["gil", "gil-petra", "bea-pia", "cleo", "chloe", "una", "pia", "dora", "lakeside"],
    }.items():
        for name in misses:
            node = await world.do(NODE, {"id": clinic.ids[name]}, clinic.token(who))
            assert node is None, (who, name)


# S16: Go to the Staff tab and click to view a particular Staff record.

SEEN_STAFF = {
    "olivia": [
        "carl",
        "dora",
        "doris",
        "fay",
        "fred",
        "norma",
        "oscar",
        "paul",
        "petra",
        "pia",
        "twyla",
        "wes",
        "olivia",
    ],
    "dora": ["carl", "dora", "doris", "petra", "pia", "twyla"],
    "carl": ["carl", "dora", "doris", "petra", "pia", "twyla"],
    "fay": ["fay", "fred", "petra", "wes"],
    "fred": ["fay", "fred", "petra", "wes"],
    "pia": ["paul", "pia"],
}


@pytest.mark.parametrize("who", list(SEEN_STAFF))
async def test_s16_managers_view_the_staff_in_scope_the_same_in_the_list_and_by_id(
    world: World, clinic: Clinic, who: str
) -> None:
    token = clinic.token(who)
    page = await world.do("{ staff { totalCount nodes { id } } }", token=token)

    names = {id: name for name, id in clinic.ids.items()}
    seen = [names[node["id"]] for node in page["nodes"]]
    assert sorted(seen) == sorted(SEEN_STAFF[who])
    assert page["totalCount"] == len(seen)
    for name in SEEN_STAFF["olivia"]:
        record = await world.do(MEMBER, {"id": clinic.ids[name]}, token)
        assert (record is not None) is (name in seen)
    assert await world.do(MEMBER, {"id": clinic.ids["lakeside.dora"]}, token) is None


async def test_s16_a_staff_record_shows_its_associations_within_scope(
    world: World, clinic: Clinic
) -> None:
    document = """query ($id: ID!) { staffMember(id: $id) {
      displayName roles { role department { name } }
      associations { totalCount nodes { department { name } client { firstName } } }
    } }"""

    async def clients_of_petra(who: str) -> list[tuple[str, str]]:
        record = await world.do(document, {"id": clinic.ids["petra"]}, clinic.token(who))
        # all grants, also those in other departments (D7)
        assert [(one["role"], one["department"]["name"]) for one in record["roles"]] == [
            ("PRACTITIONER", "Mental Health"),
            ("PRACTITIONER", "Family Medicine"),
        ]
        page = record["associations"]
        assert page["totalCount"] == len(page["nodes"])
        return [(one["client"]["firstName"], one["department"]["name"]) for one in page["nodes"]]

    mental = [("Amy", "Mental Health"), ("Gil", "Mental Health")]
    family = [("Ben", "Family Medicine"), ("Bea", "Family Medicine")]
    assert await clients_of_petra("olivia") == [mental[0], *family, mental[1]]
    assert await clients_of_petra("dora") == mental
    assert await clients_of_petra("carl") == mental
    assert await clients_of_petra("fay") == family


@pytest.mark.parametrize("who", ["petra", "paul", "norma", "amy"])
async def test_s16_others_view_no_staff(world: World, clinic: Clinic, who: str) -> None:
    for document in ("{ staff { totalCount } }", 'query { staffMember(id: "x") { id } }'):
        async with world.unchanged():
            answer = await world.ask(document, token=clinic.token(who))
        assert refusal(answer) == "FORBIDDEN"


async def test_s16_staff_are_found_by_status_role_and_department(
    world: World, clinic: Clinic
) -> None:
    document = """query ($status: StaffStatus, $role: Role, $department: ID) {
      staff(status: $status, role: $role, departmentId: $department) {
        totalCount nodes { firstName }
      }
    }"""

    async def found(who: str, **filters: str | None) -> list[str]:
        page = await world.do(document, filters, clinic.token(who))
        names = [node["firstName"] for node in page["nodes"]]
        assert page["totalCount"] == len(names)
        return names

    mental, family = clinic.ids["mental"], clinic.ids["family"]
    assert await found("olivia", status="INACTIVE") == ["Ina", "Ivan"]
    assert len(await found("olivia", status=None)) == 15
    active = {"status": "ACTIVE"}
    assert await found("olivia", **active, role="ORGANIZATION_ADMINISTRATOR") == [
        "Olivia",
        "Oscar",
    ]
    assert await found("olivia", **active, role="PRACTITIONER") == ["Paul", "Petra", "Pia", "Wes"]
    assert await found("olivia", **active, role="CARE_COORDINATOR", department=mental) == [
        "Carl",
        "Twyla",
    ]
    assert await found("dora", **active, role="PRACTITIONER", department=mental) == ["Petra", "Pia"]
    # The role must be held there: pia is Care Coordinator of physio, practitioner of mental.
    assert await found("olivia", **active, role="CARE_COORDINATOR", department=family) == ["Fred"]
    for nonsense in ("nonsense", "dep_" + "0" * 32, clinic.ids["lakeside.mental"]):
        assert await found("olivia", **active, department=nonsense) == []


# S29, S30: click on the Clients top menu item. The default view is the Active clients list.


async def test_s30_the_default_view_is_the_active_list(world: World, clinic: Clinic) -> None:
    token = await world.sign_in("olivia")

    page = await world.do("{ clients { totalCount nodes { firstName status } } }", token=token)

    assert page == {
        "totalCount": 5,
        "nodes": [{"firstName": name, "status": "ACTIVE"} for name in MANAGED["olivia"]["active"]],
    }


# S31: To change the view to Inactive or Pending clients, use the drop down menu.


async def test_s31_the_three_lists_are_disjoint_and_together_complete(
    world: World, clinic: Clinic
) -> None:
    lists = (await world.ask(LISTS, token=clinic.token("olivia")))["data"]

    for status in ("active", "inactive", "pending"):
        assert {node["status"] for node in lists[status]["nodes"]} == {status.upper()}
    counts = {name: page["totalCount"] for name, page in lists.items()}
    assert counts == {"active": 5, "inactive": 1, "pending": 3, "all": 9}
