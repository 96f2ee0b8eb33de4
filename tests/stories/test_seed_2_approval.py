"""A client waits for approval: by whom, to where, and who is told (S7, S8, S34, D18)."""

import asyncio

import pytest
from sqlalchemy import delete, update
from sqlalchemy.ext.asyncio import AsyncConnection

from models import Department, RoleGrant
from tests.world import APPROVE, Clinic, Json, World, problems, refusal

CLIENT = """
query ($id: ID!) {
  client(id: $id) {
    status onboardingState department { name } approvedAt
    approvedBy { displayName } associations { department { name } practitioner { firstName } }
  }
}
"""
PENDING = """{ clients(status: PENDING) { totalCount nodes { firstName } } }"""


async def pending(world: World, token: str) -> list[str]:
    """The given names in the Pending list, which counts them all."""
    page = await world.do(PENDING, token=token)
    assert page["totalCount"] == len(page["nodes"])
    return [node["firstName"] for node in page["nodes"]]


async def unsure(world: World, name: str = "nora", **form: object) -> None:
    """Somebody registers without a department, and confirms."""
    token = await world.registered(f"{name}@home.example", departmentId=None, **form)
    assert (await world.confirm(token, name))["status"] == "PENDING"


# S7: The client is not able to login to the VTConnect App until one of the notified staff logs in
# to the Portal, goes to the Client tab, views the list of Pending Clients and approves the account.


async def test_s07_no_app_login_until_one_of_the_notified_staff_approves_from_the_pending_list(
    world: World, clinic: Clinic
) -> None:
    # Given a client who has registered and confirmed,
    token = await world.registered(departmentId=clinic.ids["mental"])
    await world.confirm(token, "nora")
    assert [letter.to for letter in await world.new_mail()] == clinic.told("mental")

    # the right password opens no session on the App,
    async with world.unchanged():
        refused = await world.login("nora", "APP")
    assert refused == {
        "session": None,
        "userErrors": [
            {
                "code": "CLIENT_PENDING_APPROVAL",
                "message": "Your account is waiting to be approved. Until then you can sign in "
                "to the portal, but not to the app. We will write to you as soon as it is "
                "approved.",
                "field": None,
            }
        ],
    }

    # until one of the notified staff logs in, views the list of Pending Clients, and approves.
    carl = await world.sign_in("carl")
    nodes = (await world.do("{ clients(status: PENDING) { nodes { id firstName } } }", token=carl))[
        "nodes"
    ]
    (nora,) = [node["id"] for node in nodes if node["firstName"] == "Nora"]
    payload = await world.approve(nora, carl)
    assert payload == {
        "client": {"id": nora, "status": "ACTIVE", "department": {"name": "Mental Health"}},
        "userErrors": [],
    }

    # Right after, the same credentials work on the App.
    opened = await world.login("nora", "APP")
    assert opened["userErrors"] == []
    assert opened["session"]["surface"] == "APP"


@pytest.mark.parametrize(
    ("who", "client"),
    [
        *((who, "chloe") for who in ("olivia", "oscar", "dora", "doris", "carl", "twyla")),
        *((who, "phil") for who in ("olivia", "oscar", "pia")),
    ],
)
async def test_s07_any_manager_in_scope_may_approve(
    world: World, clinic: Clinic, who: str, client: str
) -> None:
    payload = await world.approve(clinic.ids[client], clinic.token(who))

    assert payload["userErrors"] == []
    record = await world.do(CLIENT, {"id": clinic.ids[client]}, clinic.token(who))
    assert record == {
        "status": "ACTIVE",
        "onboardingState": "COMPLETE",
        "department": {"name": {"chloe": "Mental Health", "phil": "Physiotherapy"}[client]},
        "approvedAt": "2026-11-23T12:00:00+00:00",
        "approvedBy": {"displayName": f"{who.title()} {'Hart' if who == 'olivia' else 'Staff'}"},
        "associations": [],
    }
    await world.only_mail(clinic.email(client))


@pytest.mark.parametrize(
    ("who", "client"),
    [
        ("fay", "chloe"),
        ("fred", "chloe"),
        ("dora", "phil"),
        ("carl", "phil"),
        ("pia", "chloe"),  # a practitioner of mental, and Care Coordinator of physio only
        ("lakeside.olivia", "chloe"),
        ("lakeside.dora", "chloe"),
        ("solo.olivia", "chloe"),
    ],
)
async def test_s07_a_pending_client_out_of_scope_is_as_if_there_were_none(
    world: World, clinic: Clinic, who: str, client: str
) -> None:
    nobody = {
        "client": None,
        "userErrors": [
            {
                "code": "NOT_FOUND",
                "message": "There is no such client.",
                "field": ["id"],
                "choices": None,
            }
        ],
    }

    async with world.unchanged():
        payload = await world.approve(clinic.ids[client], clinic.token(who))
        unknown = await world.approve("cli_" + "0" * 32, clinic.token(who))
        malformed = await world.approve("amy", clinic.token(who))

    assert payload == unknown == malformed == nobody


@pytest.mark.parametrize("id", ["", "cli_", "CLI_" + "0" * 32, "stf_" + "0" * 32, "\u0000", "1"])
async def test_s07_a_malformed_id_is_as_if_there_were_nobody(
    world: World, clinic: Clinic, id: str
) -> None:
    async with world.unchanged():
        payload = await world.approve(id, clinic.token("olivia"))

    assert problems(payload) == [("NOT_FOUND", "id")]


@pytest.mark.parametrize("who", ["petra", "paul", "norma", "amy", "chloe", "lakeside.petra"])
async def test_s07_nobody_else_may_approve(world: World, clinic: Clinic, who: str) -> None:
    async with world.unchanged():
        answer = await world.ask(APPROVE, {"id": clinic.ids["chloe"]}, clinic.token(who))

    assert "data" not in answer
    (error,) = answer["errors"]
    assert error["extensions"]["code"] == "FORBIDDEN"
    assert error["extensions"]["denied"][0] == {
        "path": ["clientApprove"],
        "field": "Mutation.clientApprove",
        "permission": "CLIENT_APPROVE",
        "scope": "DEPARTMENT",
    }


@pytest.mark.parametrize("who", ["olivia", "dora", "carl"])
async def test_s07_nobody_approves_on_the_app(world: World, clinic: Clinic, who: str) -> None:
    async with world.unchanged():
        answer = await world.ask(APPROVE, {"id": clinic.ids["chloe"]}, clinic.token(who, "APP"))

    assert refusal(answer) == "FORBIDDEN"


async def test_s07_strangers_approve_nobody(world: World, clinic: Clinic) -> None:
    async with world.unchanged():
        answer = await world.ask(APPROVE, {"id": clinic.ids["chloe"]})
        forged = await world.ask(APPROVE, {"id": clinic.ids["chloe"]}, "vta_" + "A" * 56)

    assert refusal(answer) == refusal(forged) == "UNAUTHENTICATED"


async def test_s07_a_role_that_was_taken_away_approves_nobody_any_more(
    world: World, clinic: Clinic
) -> None:
    async def revoke(connection: AsyncConnection) -> None:
        await connection.execute(delete(RoleGrant).where(RoleGrant.staff_id == clinic.key("dora")))

    assert await pending(world, clinic.token("dora")) == ["Chloe"]
    await world.database.write(revoke)

    async with world.unchanged():
        answer = await world.ask(APPROVE, {"id": clinic.ids["chloe"]}, clinic.token("dora"))
        looked = await world.ask(PENDING, token=clinic.token("dora"))

    assert refusal(answer) == refusal(looked) == "FORBIDDEN"


# S8: If your organization has more than one department and a client indicates during registration
# they are unsure of the department they are registering with, only the Organizational
# Administrator(s) will be notified and be able to approve and assign the client to a
# department/practitioner.


async def test_s08_unsure_client_is_seen_approved_and_assigned_by_organization_administrators_only(
    world: World, clinic: Clinic
) -> None:
    # Given a client who was not sure: only Organizational Administrators are told,
    await unsure(world)
    assert [letter.to for letter in await world.new_mail()] == clinic.told(None)

    # and only they see the client.
    newest = "{ clients(status: PENDING, orderBy: NEWEST, first: 1) { nodes { id } } }"
    (nora,) = (await world.do(newest, token=clinic.token("olivia")))["nodes"]
    assert await pending(world, clinic.token("oscar")) == ["Chloe", "Dan", "Phil", "Nora"]
    for who, theirs in {
        "dora": ["Chloe"],
        "carl": ["Chloe"],
        "twyla": ["Chloe"],
        "fay": [],
        "fred": [],
        "pia": ["Phil"],
    }.items():
        assert await pending(world, clinic.token(who)) == theirs
        assert await world.do(CLIENT, nora, clinic.token(who)) is None
        node = await world.do("query ($id: ID!) { node(id: $id) { id } }", nora, clinic.token(who))
        assert node is None
        async with world.unchanged():
            with_department = await world.approve(
                nora["id"], clinic.token(who), departmentId=clinic.ids["mental"]
            )
            without = await world.approve(nora["id"], clinic.token(who))
        assert problems(with_department) == problems(without) == [("NOT_FOUND", "id")]

    # They approve and assign, to department and practitioner, in one step.
    document = """mutation ($id: ID!, $input: ClientApproveInput) {
      clientApprove(id: $id, input: $input) {
        client {
          status department { name }
          associations { department { name } practitioner { firstName } }
        }
        userErrors { code }
      }
    }"""
    input = {
        "departmentId": clinic.ids["family"],
        "associations": [
            {"practitionerId": clinic.ids["petra"], "departmentId": clinic.ids["family"]},
            {"practitionerId": clinic.ids["paul"]},
        ],
    }
    payload = await world.do(document, {**nora, "input": input}, clinic.token("olivia"))
    assert payload == {
        "client": {
            "status": "ACTIVE",
            "department": {"name": "Family Medicine"},
            "associations": [
                {
                    "department": {"name": "Family Medicine"},
                    "practitioner": {"firstName": "Petra"},
                },
                {"department": {"name": "Physiotherapy"}, "practitioner": {"firstName": "Paul"}},
            ],
        },
        "userErrors": [],
    }
    letter = await world.only_mail("nora@home.example")
    assert letter.subject == "Your account with Riverside Clinic is approved"

    # Afterwards the normal reach holds.
    names = "{ clients { nodes { firstName } } }"
    for who, sees in {"fay": True, "fred": True, "pia": True, "dora": False, "carl": False}.items():
        listed = (await world.do(names, token=clinic.token(who)))["nodes"]
        assert ({"firstName": "Nora"} in listed) is sees
        assert (await world.do(CLIENT, nora, clinic.token(who)) is not None) is sees


async def test_s08_the_approval_of_an_unsure_client_must_name_a_department(
    world: World, clinic: Clinic
) -> None:
    async with world.unchanged():
        payload = await world.approve(clinic.ids["dan"], clinic.token("olivia"))
        with_practitioner = await world.approve(
            clinic.ids["dan"],
            clinic.token("olivia"),
            associations=[{"practitionerId": clinic.ids["paul"]}],
        )

    assert payload == with_practitioner
    assert payload == {
        "client": {"id": clinic.ids["dan"], "status": "PENDING", "department": None},
        "userErrors": [
            {
                "code": "DEPARTMENT_REQUIRED",
                "message": "The client was not sure of the department: choose one.",
                "field": ["input", "departmentId"],
                "choices": [
                    {"id": clinic.ids["family"], "name": "Family Medicine"},
                    {"id": clinic.ids["mental"], "name": "Mental Health"},
                    {"id": clinic.ids["physio"], "name": "Physiotherapy"},
                ],
            }
        ],
    }


@pytest.mark.parametrize("department", ["", "nonsense", "dep_" + "0" * 32, "lakeside.mental"])
async def test_s08_a_department_that_is_none_of_the_organization_s_is_not_found(
    world: World, clinic: Clinic, department: str
) -> None:
    async with world.unchanged():
        payload = await world.approve(
            clinic.ids["dan"],
            clinic.token("olivia"),
            departmentId=clinic.ids.get(department, department),
        )

    assert problems(payload) == [("NOT_FOUND", "input.departmentId")]
    assert payload["client"] is None or payload["client"]["status"] == "PENDING"


async def test_s08_an_inactive_department_takes_nobody(world: World, clinic: Clinic) -> None:
    async def close(connection: AsyncConnection) -> None:
        await connection.execute(
            update(Department).where(Department.id == clinic.key("physio")).values(active=False)
        )

    await world.database.write(close)

    async with world.unchanged():
        payload = await world.approve(
            clinic.ids["dan"], clinic.token("olivia"), departmentId=clinic.ids["physio"]
        )
        unsaid = await world.approve(clinic.ids["dan"], clinic.token("olivia"))

    assert problems(payload) == [("NOT_FOUND", "input.departmentId")]
    assert [one["name"] for one in unsaid["userErrors"][0]["choices"]] == [
        "Family Medicine",
        "Mental Health",
    ]


async def test_s08_with_a_single_department_there_is_nothing_to_be_unsure_about(
    world: World, clinic: Clinic
) -> None:
    await unsure(world, organization="solo")

    # It resolves to the only department, so its administrators are told too.
    assert [letter.to for letter in await world.new_mail()] == [
        "dora@solo.example",
        "olivia@solo.example",
    ]
    newest = "{ clients(status: PENDING, orderBy: NEWEST) { nodes { id department { name } } } }"
    (nora, _) = (await world.do(newest, token=clinic.token("solo.dora")))["nodes"]
    assert nora["department"] == {"name": "General Practice"}
    payload = await world.approve(nora["id"], clinic.token("solo.dora"))
    assert payload["client"]["status"] == "ACTIVE"


async def test_s08_departments_are_counted_when_the_client_confirms(
    world: World, clinic: Clinic
) -> None:
    # Given somebody who registered unsure, with a clinic of one department,
    token = await world.registered(organization="solo", departmentId=None)
    # when a second one opens before the confirmation,
    document = """mutation { departmentCreate(input: {name: "Dentistry"}) {
      department { name } userErrors { code }
    } }"""
    await world.do(document, token=clinic.token("solo.olivia"))
    await world.confirm(token, "nora")

    # then the client is unsure, and only Organizational Administrators know.
    assert [letter.to for letter in await world.new_mail()] == ["olivia@solo.example"]
    assert await pending(world, clinic.token("solo.dora")) == ["Chloe"]
    assert await pending(world, clinic.token("solo.olivia")) == ["Chloe", "Nora"]


async def test_s08_a_department_that_was_closed_meanwhile_confirms_as_unsure(
    world: World, clinic: Clinic
) -> None:
    token = await world.registered(departmentId=clinic.ids["physio"])

    async def close(connection: AsyncConnection) -> None:
        await connection.execute(
            update(Department).where(Department.id == clinic.key("physio")).values(active=False)
        )

    await world.database.write(close)
    await world.confirm(token, "nora")

    assert [letter.to for letter in await world.new_mail()] == clinic.told(None)


# S34: To approve a Pending client and move them to the Active client list, click on the client
# record in the Pending client list and click the button to "Approve this Account".


async def test_s34_the_approved_client_moves_to_the_active_list_and_is_told(
    world: World, clinic: Clinic
) -> None:
    lists = """{
      active: clients { nodes { firstName } }
      pending: clients(status: PENDING) { nodes { firstName } }
    }"""

    async def seen() -> dict[str, list[str]]:
        answer = await world.ask(lists, token=clinic.token("dora"))
        return {
            name: [node["firstName"] for node in page["nodes"]]
            for name, page in answer["data"].items()
        }

    assert await seen() == {"active": ["Amy", "Bea"], "pending": ["Chloe"]}
    world.clock.advance(minutes=7)

    await world.approve(clinic.ids["chloe"], clinic.token("dora"))

    assert await seen() == {"active": ["Amy", "Bea", "Chloe"], "pending": []}
    letter = await world.only_mail("chloe@riverside.example")
    assert letter.subject == "Your account with Riverside Clinic is approved"
    assert "Hello Chloe Client" in letter.text
    assert "You can now log in to the VTConnect Portal and the VTConnect App" in letter.text
    assert "https://portal.example/riverside/login" in letter.text
    record = await world.do(CLIENT, {"id": clinic.ids["chloe"]}, clinic.token("carl"))
    assert record["approvedAt"] == "2026-11-23T12:07:00+00:00"
    assert record["approvedBy"] == {"displayName": "Dora Staff"}


@pytest.mark.parametrize("client", ["amy", "una"])
async def test_s34_only_a_pending_client_can_be_approved(
    world: World, clinic: Clinic, client: str
) -> None:
    async with world.unchanged():
        payload = await world.approve(clinic.ids[client], clinic.token("oscar"))

    assert payload["client"]["status"] == "ACTIVE"
    assert payload["userErrors"] == [
        {
            "code": "NOT_PENDING",
            "message": "This client was approved already, by Olivia Hart on 2026-11-23 12:00 UTC.",
            "field": ["id"],
            "choices": None,
        }
    ]


async def test_s34_an_inactive_client_is_not_pending_either(world: World, clinic: Clinic) -> None:
    async with world.unchanged():
        payload = await world.approve(clinic.ids["gil"], clinic.token("dora"))

    assert payload["client"]["status"] == "INACTIVE"
    assert problems(payload) == [("NOT_PENDING", "id")]


async def test_s34_reading_another_department_s_client_does_not_mean_approving(
    world: World, clinic: Clinic
) -> None:
    # bea is of family; dora reads her because she meets pia in mental.
    async with world.unchanged():
        payload = await world.approve(clinic.ids["bea"], clinic.token("dora"))

    assert problems(payload) == [("OUT_OF_SCOPE", "id")]
    assert payload["client"]["department"] == {"name": "Family Medicine"}


# The department of an approved client (D7, D10): the one named, or the client's own.


async def test_d10_an_organizational_administrator_approves_into_any_department(
    world: World, clinic: Clinic
) -> None:
    payload = await world.approve(
        clinic.ids["chloe"], clinic.token("olivia"), departmentId=clinic.ids["physio"]
    )

    assert payload["client"] == {
        "id": clinic.ids["chloe"],
        "status": "ACTIVE",
        "department": {"name": "Physiotherapy"},
    }
    assert await world.do(CLIENT, {"id": clinic.ids["chloe"]}, clinic.token("dora")) is None


async def test_d10_others_approve_into_departments_of_theirs_only(
    world: World, clinic: Clinic
) -> None:
    for who in ("dora", "carl", "twyla"):
        async with world.unchanged():
            payload = await world.approve(
                clinic.ids["chloe"], clinic.token(who), departmentId=clinic.ids["physio"]
            )
        assert payload["userErrors"] == [
            {
                "code": "OUT_OF_SCOPE",
                "message": "You cannot move clients to Physiotherapy.",
                "field": ["input", "departmentId"],
                "choices": None,
            }
        ]

    named = await world.approve(
        clinic.ids["chloe"], clinic.token("dora"), departmentId=clinic.ids["mental"]
    )
    assert named["userErrors"] == []


# D18: Two staff approve at once, or approve twice.


async def test_d18_whoever_comes_second_is_told_who_approved_and_when(
    world: World, clinic: Clinic
) -> None:
    world.clock.advance(minutes=5)
    assert (await world.approve(clinic.ids["chloe"], clinic.token("carl")))["userErrors"] == []
    await world.only_mail(clinic.email("chloe"))
    world.clock.advance(minutes=5)

    for who in ("carl", "dora", "olivia"):
        async with world.unchanged():
            payload = await world.approve(
                clinic.ids["chloe"], clinic.token(who), departmentId=clinic.ids["mental"]
            )
        assert payload == {
            "client": {
                "id": clinic.ids["chloe"],
                "status": "ACTIVE",
                "department": {"name": "Mental Health"},
            },
            "userErrors": [
                {
                    "code": "NOT_PENDING",
                    "message": "This client was approved already, by Carl Staff on "
                    "2026-11-23 12:05 UTC.",
                    "field": ["id"],
                    "choices": None,
                }
            ],
        }


async def test_d18_of_twenty_approvals_at_once_one_wins_and_one_letter_goes(
    world: World, clinic: Clinic
) -> None:
    names = {"olivia": "Olivia Hart", "oscar": "Oscar Staff", "dora": "Dora Staff"}
    names |= {"doris": "Doris Staff", "carl": "Carl Staff"}
    callers = [*names] * 4

    async def approve(who: str) -> tuple[str, Json]:
        return who, await world.approve(clinic.ids["chloe"], clinic.token(who))

    answers = await asyncio.gather(*map(approve, callers))

    won = [who for who, payload in answers if not payload["userErrors"]]
    assert len(won) == 1
    as_it_is = {
        "id": clinic.ids["chloe"],
        "status": "ACTIVE",
        "department": {"name": "Mental Health"},
    }
    told = {
        "code": "NOT_PENDING",
        "message": f"This client was approved already, by {names[won[0]]} on 2026-11-23 12:00 UTC.",
        "field": ["id"],
        "choices": None,
    }
    assert [payload for _, payload in answers if payload["userErrors"]] == [
        {"client": as_it_is, "userErrors": [told]}
    ] * 19
    assert (await world.only_mail(clinic.email("chloe"))).subject == (
        "Your account with Riverside Clinic is approved"
    )
    record = await world.do(CLIENT, {"id": clinic.ids["chloe"]}, clinic.token("dora"))
    assert record["approvedBy"] == {"displayName": names[won[0]]}


async def test_d18_of_twenty_approvals_into_other_departments_one_decides(
    world: World, clinic: Clinic
) -> None:
    departments = [clinic.ids[name] for name in ("family", "mental", "physio", "family")] * 5

    payloads = await asyncio.gather(
        *(
            world.approve(
                clinic.ids["dan"],
                clinic.token("olivia"),
                departmentId=department,
                associations=[{"practitionerId": clinic.ids["paul"]}],
            )
            for department in departments
        )
    )

    assert sorted(len(payload["userErrors"]) for payload in payloads) == [0] + [1] * 19
    assert len({payload["client"]["department"]["name"] for payload in payloads}) == 1
    record = await world.do(CLIENT, {"id": clinic.ids["dan"]}, clinic.token("olivia"))
    assert record["associations"] == [
        {"department": {"name": "Physiotherapy"}, "practitioner": {"firstName": "Paul"}}
    ]
    await world.only_mail(clinic.email("dan"))


async def test_d18_the_name_of_who_decided_is_told_even_where_their_record_is_out_of_reach(
    world: World, clinic: Clinic
) -> None:
    await world.approve(clinic.ids["chloe"], clinic.token("olivia"))

    document = """query ($id: ID!) { client(id: $id) {
      approvedBy { __typename displayName ... on Staff { email } }
    } }"""
    to_dora = await world.do(document, {"id": clinic.ids["chloe"]}, clinic.token("dora"))
    to_oscar = await world.do(document, {"id": clinic.ids["chloe"]}, clinic.token("oscar"))

    assert to_dora["approvedBy"] == {"__typename": "NamedActor", "displayName": "Olivia Hart"}
    assert to_oscar["approvedBy"] == {
        "__typename": "Staff",
        "displayName": "Olivia Hart",
        "email": "olivia@riverside.example",
    }
