"""Manage Client Types: the Clients menu, its lists, and from one to another (S1, S16, S29 to S33).

And what that means for who was never approved, and for who is not sure (D18 to D20).
"""

import asyncio

import pytest

from tests.stories.asking import (
    CLIENT_UPDATE,
    CREATE,
    DEACTIVATE,
    REACTIVATE,
    REJECT,
    ROLES,
    VIEWER,
    met,
    nobody_else,
    pairs,
    record,
    refused,
)
from tests.world import Clinic, World, problems, refusal

REFRESH = """mutation ($token: String!) {
  sessionRefresh(refreshToken: $token) { session { surface } userErrors { code field } }
}"""

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


# S29: Login to the VTConnect Portal and click on the Clients top menu item.


async def test_s29_a_manager_logs_in_and_opens_the_clients_menu(
    world: World, clinic: Clinic
) -> None:
    payload = await world.login("carl")

    page = await world.do(
        "{ clients { nodes { firstName viewerPermissions } } }",
        token=payload["session"]["accessToken"],
    )

    assert [node["firstName"] for node in page["nodes"]] == ["Amy", "Bea"]


@pytest.mark.parametrize("who", list(MANAGED))
async def test_s31_the_three_lists_are_complete_within_everybody_s_scope(
    world: World, clinic: Clinic, who: str
) -> None:
    lists = (await world.ask(LISTS, token=clinic.token(who)))["data"]

    names = {name: [node["firstName"] for node in page["nodes"]] for name, page in lists.items()}
    three = names["active"] + names["inactive"] + names["pending"]
    assert len(three) == len(set(three)) == lists["all"]["totalCount"]
    assert sorted(three) == sorted(names["all"])


# S32: To change a client from Active to Inactive.


@pytest.mark.parametrize(
    ("who", "name"), [("olivia", "cleo"), ("dora", "amy"), ("carl", "amy"), ("fred", "una")]
)
async def test_s32_an_active_client_becomes_inactive_with_a_reason_for_staff(
    world: World, clinic: Clinic, who: str, name: str
) -> None:
    variables = {"id": clinic.ids[name], "reason": " Moved away "}

    payload = await world.do(DEACTIVATE, variables, clinic.token(who))

    assert payload == {
        "client": {"id": clinic.ids[name], "status": "INACTIVE", "statusReason": "Moved away"},
        "userErrors": [],
    }
    lists = (await world.ask(LISTS, token=clinic.token(who)))["data"]
    assert name.title() not in [one["firstName"] for one in lists["active"]["nodes"]]
    assert name.title() in [one["firstName"] for one in lists["inactive"]["nodes"]]
    assert await world.new_mail() == []
    async with world.unchanged():
        again = await world.do(DEACTIVATE, variables, clinic.token(who))
    assert again["userErrors"] == [
        {
            "code": "NOT_ACTIVE",
            "message": "This client is not active.",
            "field": ["id"],
            "choices": None,
        }
    ]
    assert again["client"]["status"] == "INACTIVE"


@pytest.mark.parametrize("document", [DEACTIVATE, REACTIVATE, REJECT])
async def test_s32_who_changes_the_status_of_whom(
    world: World, clinic: Clinic, document: str
) -> None:
    async with world.unchanged():
        for who, name, code in (
            ("dora", "bea", "OUT_OF_SCOPE"),  # in reach by her association in mental
            ("dora", "ben", "NOT_FOUND"),
            ("dora", "dan", "NOT_FOUND"),
            ("pia", "bea", "OUT_OF_SCOPE"),  # whom she treats
            ("pia", "amy", "NOT_FOUND"),
            ("olivia", "lakeside.amy", "NOT_FOUND"),
            ("olivia", "cli_" + "0" * 32, "NOT_FOUND"),
            ("olivia", "nonsense", "NOT_FOUND"),
            ("olivia", "dora", "NOT_FOUND"),
        ):
            variables = {"id": clinic.ids.get(name, name)}
            payload = await world.do(document, variables, clinic.token(who))
            assert problems(payload) == [(code, "id")], (who, name)
            client = payload["client"]
            assert (client is None) is (code == "NOT_FOUND")


@pytest.mark.parametrize("document", [DEACTIVATE, REACTIVATE, REJECT])
@nobody_else
async def test_s32_nobody_else_changes_a_status(
    world: World, clinic: Clinic, who: str | None, code: str, document: str
) -> None:
    assert await refused(world, clinic, who, document, {"id": clinic.ids["amy"]}) == code


async def test_s32_only_an_active_client_can_be_made_inactive(world: World, clinic: Clinic) -> None:
    async with world.unchanged():
        for name in ("gil", "chloe"):
            payload = await world.do(DEACTIVATE, {"id": clinic.ids[name]}, clinic.token("dora"))
            assert problems(payload) == [("NOT_ACTIVE", "id")]
        long = await world.do(
            DEACTIVATE, {"id": clinic.ids["amy"], "reason": "x" * 2001}, clinic.token("dora")
        )
        assert problems(long) == [("TOO_LONG", "reason")]
        out_of_reach = await world.do(
            DEACTIVATE, {"id": clinic.ids["ben"], "reason": "x" * 2001}, clinic.token("dora")
        )
        assert problems(out_of_reach) == [("NOT_FOUND", "id")]


async def test_s27_every_session_of_a_client_who_is_made_inactive_is_dead_on_the_next_request(
    world: World, clinic: Clinic
) -> None:
    opened = (await world.login("amy", "APP"))["session"]
    tokens = [clinic.token("amy"), clinic.token("amy", "APP"), opened["accessToken"]]
    for token in tokens:
        assert (await world.do(VIEWER, token=token))["client"] == {"firstName": "Amy"}

    await world.do(DEACTIVATE, {"id": clinic.ids["amy"]}, clinic.token("dora"))

    async def all_are_dead() -> None:
        async with world.unchanged():
            for token in tokens:
                assert await refusal_of(world, token) == "UNAUTHENTICATED"
                assert await world.do(VIEWER, token=token) is None
            refreshed = await world.do(REFRESH, {"token": opened["refreshToken"]})
            assert problems(refreshed) == [("SESSION_EXPIRED", "refreshToken")]

    await all_are_dead()
    async with world.unchanged():
        for surface in ("PORTAL", "APP"):
            assert problems(await world.login("amy", surface)) == [("CLIENT_INACTIVE", None)]
    # and reactivation revives none of them
    await world.do(REACTIVATE, {"id": clinic.ids["amy"]}, clinic.token("dora"))
    await all_are_dead()
    assert (await world.login("amy", "APP"))["userErrors"] == []


async def refusal_of(world: World, token: str) -> str:
    """The code with which somebody who must be signed in is refused."""
    return refusal(await world.ask("{ departments { id } }", token=token))


# S33: To change a client from Inactive to Active.


async def test_s33_the_old_credentials_and_associations_are_as_before(
    world: World, clinic: Clinic
) -> None:
    before = await record(world, clinic, "bea", "username approvedAt associations { id }")
    reason = {"id": clinic.ids["bea"], "reason": "Away"}
    await world.do(DEACTIVATE, reason, clinic.token("fay"))

    payload = await world.do(REACTIVATE, {"id": clinic.ids["bea"]}, clinic.token("fred"))

    assert payload == {
        "client": {
            "id": clinic.ids["bea"],
            "status": "ACTIVE",
            "statusReason": None,
            "onboardingState": "COMPLETE",
            "department": {"name": "Family Medicine"},
        },
        "userErrors": [],
    }
    after = await record(world, clinic, "bea", "username approvedAt associations { id }")
    assert after == before
    for surface in ("PORTAL", "APP"):
        assert (await world.login("bea", surface))["userErrors"] == []
    assert await world.new_mail() == []


async def test_s33_only_an_inactive_client_can_be_reactivated(world: World, clinic: Clinic) -> None:
    async with world.unchanged():
        for name in ("amy", "chloe"):
            payload = await world.do(REACTIVATE, {"id": clinic.ids[name]}, clinic.token("dora"))
            assert payload["userErrors"] == [
                {
                    "code": "NOT_INACTIVE",
                    "message": "This client is not inactive.",
                    "field": ["id"],
                    "choices": None,
                }
            ]


async def test_s33_who_has_no_credentials_is_invited_again(world: World, clinic: Clinic) -> None:
    await world.do(DEACTIVATE, {"id": clinic.ids["una"]}, clinic.token("fay"))

    await world.do(REACTIVATE, {"id": clinic.ids["una"]}, clinic.token("fay"))

    letter = await world.only_mail("una@riverside.example")
    assert letter.subject == "Your new account with Riverside Clinic"
    assert (await world.accept(letter.token, "una"))["userErrors"] == []


# D20: Reject, and what reactivating somebody means who was never approved.


async def test_d20_a_pending_client_is_rejected_with_a_reason_that_is_not_mailed(
    world: World, clinic: Clinic
) -> None:
    payload = await world.do(
        REJECT, {"id": clinic.ids["chloe"], "reason": "Lives elsewhere"}, clinic.token("carl")
    )

    assert payload == {
        "client": {
            "id": clinic.ids["chloe"],
            "status": "INACTIVE",
            "statusReason": "Lives elsewhere",
            "approvedAt": None,
        },
        "userErrors": [],
    }
    assert await world.new_mail() == []
    assert await refusal_of(world, clinic.token("chloe")) == "UNAUTHENTICATED"
    assert problems(await world.login("chloe")) == [("CLIENT_INACTIVE", None)]
    async with world.unchanged():
        for late in (
            await world.do(REJECT, {"id": clinic.ids["chloe"]}, clinic.token("dora")),
            await world.approve(clinic.ids["chloe"], clinic.token("dora")),
        ):
            (error,) = late["userErrors"]
            assert (error["code"], error["message"], error["field"]) == (
                "NOT_PENDING",
                "This client was rejected already, by Carl Staff on 2026-11-23 12:00 UTC.",
                ["id"],
            )


async def test_d20_reactivating_who_was_never_approved_is_an_approval(
    world: World, clinic: Clinic
) -> None:
    for name in ("chloe", "dan"):
        await world.do(REJECT, {"id": clinic.ids[name]}, clinic.token("olivia"))
    world.clock.advance(minutes=10)

    named = pairs(clinic, "practitionerId", ("petra", None))
    payload = await world.do(
        REACTIVATE,
        {"id": clinic.ids["chloe"], "input": {"associations": named}},
        clinic.token("dora"),
    )

    assert payload["userErrors"] == []
    fields = "approvedAt approvedBy { displayName } status"
    assert await record(world, clinic, "chloe", fields) == {
        "approvedAt": "2026-11-23T12:10:00+00:00",
        "approvedBy": {"displayName": "Dora Staff"},
        "status": "ACTIVE",
    }
    assert await met(world, clinic, "chloe") == [("Petra", "Mental Health")]
    letter = await world.only_mail(clinic.email("chloe"))
    assert letter.subject == "Your account with Riverside Clinic is approved"
    # who was unsure needs a department then, and is still the Organizational Administrators'
    async with world.unchanged():
        unsure = await world.do(REACTIVATE, {"id": clinic.ids["dan"]}, clinic.token("olivia"))
        assert problems(unsure) == [("DEPARTMENT_REQUIRED", "input.departmentId")]
        assert len(unsure["userErrors"][0]["choices"]) == 3
        hidden = await world.do(REACTIVATE, {"id": clinic.ids["dan"]}, clinic.token("dora"))
        assert problems(hidden) == [("NOT_FOUND", "id")]
    done = await world.do(
        REACTIVATE,
        {"id": clinic.ids["dan"], "input": {"departmentId": clinic.ids["physio"]}},
        clinic.token("olivia"),
    )
    assert done["client"]["department"] == {"name": "Physiotherapy"}
    await world.only_mail(clinic.email("dan"))


async def test_d20_a_client_made_by_staff_counts_as_approved_by_its_maker(
    world: World, clinic: Clinic
) -> None:
    said = {
        "firstName": "Nell",
        "lastName": "New",
        "email": "nell@home.example",
        "dateOfBirth": "1984-02-29",
    }
    made = await world.do(CREATE, {"input": said}, clinic.token("dora"))
    id = made["client"]["id"]
    await world.new_mail()
    await world.do(DEACTIVATE, {"id": id}, clinic.token("dora"))

    back = await world.do(REACTIVATE, {"id": id}, clinic.token("dora"))

    assert back["userErrors"] == []
    letter = await world.only_mail("nell@home.example")
    assert letter.subject == "Your new account with Riverside Clinic"  # and not the approval
    late = await world.approve(id, clinic.token("dora"))
    assert late["userErrors"][0]["message"] == (
        "This client was approved already, by Dora Staff on 2026-11-23 12:00 UTC."
    )


# D19: An Organizational Administrator gives a pending client a department without approving.


async def test_d19_a_department_given_without_approval_is_told_once_and_may_approve(
    world: World, clinic: Clinic
) -> None:
    payload = await world.do(
        CLIENT_UPDATE,
        {"id": clinic.ids["dan"], "input": {"departmentId": clinic.ids["mental"]}},
        clinic.token("olivia"),
    )

    assert payload["userErrors"] == []
    assert (payload["client"]["status"], payload["client"]["department"]) == (
        "PENDING",
        {"name": "Mental Health"},
    )
    letters = await world.new_mail()
    assert [one.to for one in letters] == [clinic.email(one) for one in ("carl", "dora", "twyla")]
    for letter in letters:
        assert letter.subject == "A new client awaits approval at Riverside Clinic"
        assert "Department: Mental Health" in letter.text
    # the same again is no news
    for change in ({"departmentId": clinic.ids["mental"]}, {"phone": "1 23 45"}):
        await world.do(
            CLIENT_UPDATE, {"id": clinic.ids["dan"], "input": change}, clinic.token("olivia")
        )
    assert await world.new_mail() == []
    approved = await world.approve(clinic.ids["dan"], clinic.token("carl"))
    assert approved["userErrors"] == []


async def test_d19_who_was_told_of_a_client_is_not_told_again(world: World, clinic: Clinic) -> None:
    role = {"role": "CARE_COORDINATOR", "departmentId": clinic.ids["family"]}
    await world.do(
        ROLES, {"id": clinic.ids["carl"], "input": {"grant": [role]}}, clinic.token("olivia")
    )
    told = []
    for department in ("mental", "family", "mental", "family"):
        await world.do(
            CLIENT_UPDATE,
            {"id": clinic.ids["dan"], "input": {"departmentId": clinic.ids[department]}},
            clinic.token("olivia"),
        )
        told.append([one.to for one in await world.new_mail()])

    assert told[0] == [clinic.email(one) for one in ("carl", "dora", "twyla")]
    # carl may approve in both, and knows
    assert told[1] == [clinic.email(one) for one in ("fay", "fred")]
    assert told[2:] == [[], []]


async def test_d19_moving_an_active_client_tells_nobody(world: World, clinic: Clinic) -> None:
    await world.do(
        CLIENT_UPDATE,
        {"id": clinic.ids["amy"], "input": {"departmentId": clinic.ids["family"]}},
        clinic.token("olivia"),
    )

    assert await world.new_mail() == []
    # her association in mental stays, so that its managers read her, and change her no more (D7)
    async with world.unchanged():
        payload = await world.do(DEACTIVATE, {"id": clinic.ids["amy"]}, clinic.token("dora"))
    assert problems(payload) == [("OUT_OF_SCOPE", "id")]


# D18: Approve and reject at once: one wins.


async def test_d18_of_approve_and_reject_at_once_one_wins(world: World, clinic: Clinic) -> None:
    id = clinic.ids["chloe"]

    approved, rejected = await asyncio.gather(
        world.approve(id, clinic.token("dora")),
        world.do(REJECT, {"id": id}, clinic.token("carl")),
    )

    lost = rejected if approved["userErrors"] == [] else approved
    assert sorted(len(one["userErrors"]) for one in (approved, rejected)) == [0, 1]
    (error,) = lost["userErrors"]
    assert error["code"] == "NOT_PENDING"
    what, by = ("rejected", "Carl") if lost is approved else ("approved", "Dora")
    assert error["message"] == (
        f"This client was {what} already, by {by} Staff on 2026-11-23 12:00 UTC."
    )
    assert len(await world.new_mail()) == (0 if lost is approved else 1)
