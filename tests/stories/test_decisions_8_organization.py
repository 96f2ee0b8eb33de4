"""Who works here as what, departments, and the organization (S18, D6, D11 to D13, D28, D34)."""

import asyncio
from typing import Any

import pytest
from sqlalchemy import update
from sqlalchemy.ext.asyncio import AsyncConnection

from models import Department
from resolvers import Founding, Refused, create_organization
from tests.stories.asking import (
    CC,
    CLIENT_UPDATE,
    DA,
    DEACTIVATE,
    ERRORS,
    FROM_CLIENT,
    FROM_STAFF,
    NO_ADMINISTRATORS,
    NO_ORGANIZATION_ADMINISTRATORS,
    OA,
    PR,
    REACTIVATE,
    REINVITE,
    REJECT,
    ROLES,
    STAFF_DEACTIVATE,
    STAFF_REACTIVATE,
    STAFF_REINVITE,
    pairs,
    refused,
)
from tests.world import APPROVE, STAFF_UPDATE, Clinic, Json, World, problems, refusal

RENAME = f"""
mutation ($id: ID!, $name: String!) {{
  departmentUpdate(id: $id, input: {{name: $name}}) {{ department {{ id name }} {ERRORS} }}
}}
"""
CLOSE = f"""
mutation ($id: ID!) {{ departmentDeactivate(id: $id) {{ department {{ id active }} {ERRORS} }} }}
"""
OPEN = f"""
mutation ($id: ID!) {{ departmentReactivate(id: $id) {{ department {{ id active }} {ERRORS} }} }}
"""
ORGANIZATION = f"""
mutation ($input: OrganizationUpdateInput!) {{
  organizationUpdate(input: $input) {{
    organization {{ name slug registrationOpen contactEmail }} {ERRORS}
  }}
}}
"""
administrators_only = pytest.mark.parametrize(("who", "code"), NO_ADMINISTRATORS)
organization_administrators_only = pytest.mark.parametrize(
    ("who", "code"), NO_ORGANIZATION_ADMINISTRATORS
)

Named = tuple[str, str | None]


async def roles(
    world: World,
    clinic: Clinic,
    who: str,
    name: str,
    grant: list[Named] | None = None,
    revoke: list[Named] | None = None,
) -> Any:
    """The payload of `staffRolesUpdate`."""
    input = {
        field: [
            {"role": role} | ({"departmentId": clinic.ids.get(where, where)} if where else {})
            for role, where in named
        ]
        for field, named in (("grant", grant), ("revoke", revoke))
        if named is not None
    }
    variables = {"id": clinic.ids.get(name, name), "input": input}
    return await world.do(ROLES, variables, clinic.token(who))


async def on(world: World, clinic: Clinic, who: str, document: str, row: str, **more: Any) -> Any:
    """The payload of a mutation of one row."""
    return await world.do(document, {"id": clinic.ids.get(row, row), **more}, clinic.token(who))


def held(payload: Json) -> list[Named]:
    """The roles of the staff member that a payload shows."""
    return [
        (one["role"], one["department"] and one["department"]["name"])
        for one in payload["staff"]["roles"]
    ]


# D8: In reach but not allowed: what is wrong is told, and the row is shown as it is.


async def test_d08_who_is_refused_a_row_in_reach_is_shown_it_as_it_is(
    world: World, clinic: Clinic
) -> None:
    await on(world, clinic, "fay", DEACTIVATE, "una")
    await on(world, clinic, "fay", STAFF_DEACTIVATE, "wes")
    petra = {"input": {"add": pairs(clinic, "practitionerId", ("petra", "mental"))}}
    own = {"input": {"grant": [{"role": PR, "departmentId": clinic.ids["mental"]}]}}
    async with world.unchanged():
        for who, document, row, more, code in (
            ("dora", APPROVE, "amy", {}, "NOT_PENDING"),
            ("olivia", APPROVE, "dan", {}, "DEPARTMENT_REQUIRED"),
            ("dora", REJECT, "amy", {}, "NOT_PENDING"),
            ("dora", DEACTIVATE, "gil", {}, "NOT_ACTIVE"),
            ("dora", DEACTIVATE, "bea", {}, "OUT_OF_SCOPE"),
            ("dora", REACTIVATE, "amy", {}, "NOT_INACTIVE"),
            ("dora", REINVITE, "amy", {}, "ALREADY_ONBOARDED"),
            ("fay", REINVITE, "una", {}, "NOT_ACTIVE"),
            ("dora", CLIENT_UPDATE, "amy", {"input": {"email": "a@b.example"}}, "EMAIL_LOCKED"),
            ("dora", FROM_CLIENT, "gil", petra, "NOT_ACTIVE"),
            ("dora", STAFF_UPDATE, "dora", {"input": {"firstName": "D"}}, "OUT_OF_SCOPE"),
            ("dora", STAFF_UPDATE, "petra", {"input": {"firstName": "P"}}, "OUT_OF_SCOPE"),
            ("dora", ROLES, "dora", own, "OUT_OF_SCOPE"),
            ("fay", STAFF_REINVITE, "fred", {}, "ALREADY_ONBOARDED"),
            ("fay", STAFF_REINVITE, "wes", {}, "NOT_ACTIVE"),
            ("dora", STAFF_DEACTIVATE, "ivan", {}, "NOT_ACTIVE"),
            ("dora", STAFF_DEACTIVATE, "dora", {}, "OUT_OF_SCOPE"),
            ("olivia", STAFF_DEACTIVATE, "paul", {}, "HAS_ASSOCIATIONS"),
            ("dora", STAFF_REACTIVATE, "carl", {}, "NOT_INACTIVE"),
            ("olivia", CLOSE, "family", {}, "HAS_CLIENTS"),
            ("solo.olivia", CLOSE, "solo.general", {}, "LAST_DEPARTMENT"),
        ):
            payload = await on(world, clinic, who, document, row, **more)
            (told,) = payload.pop("userErrors")
            (shown,) = payload.values()
            assert (told["code"], shown and shown["id"]) == (code, clinic.ids[row]), row


# D6: A Department Administrator may grant and revoke DA, CC and PR in own departments, never OA.


async def test_d06_roles_are_granted_and_revoked_in_one_save(world: World, clinic: Clinic) -> None:
    payload = await roles(
        world,
        clinic,
        "dora",
        "twyla",
        grant=[(PR, "mental"), (DA, "mental")],  # she is that already
        revoke=[(CC, "mental")],
    )

    assert payload["userErrors"] == []
    assert held(payload) == [(DA, "Mental Health"), (PR, "Mental Health")]
    assert await world.new_mail() == []
    everywhere = await roles(
        world, clinic, "olivia", "norma", grant=[(OA, None), (CC, "family"), (DA, "physio")]
    )
    assert everywhere["userErrors"] == []
    # and it counts at once, in the session that is open (D21)
    viewer = await world.do("{ viewer { permissions } }", token=clinic.token("norma"))
    assert "ORGANIZATION_UPDATE" in viewer["permissions"]


async def test_d06_who_loses_the_last_role_in_reach_is_out_of_it(
    world: World, clinic: Clinic
) -> None:
    payload = await roles(world, clinic, "dora", "carl", revoke=[(CC, "mental")])

    assert payload == {"staff": None, "userErrors": []}
    answer = await world.ask("{ clients { totalCount } }", token=clinic.token("carl"))
    assert refusal(answer) == "FORBIDDEN"
    async with world.unchanged():
        back = await roles(world, clinic, "dora", "carl", grant=[(CC, "mental")])
    assert problems(back) == [("NOT_FOUND", "id")]


@pytest.mark.parametrize(
    ("who", "name", "grant", "revoke", "expected"),
    [
        ("dora", "carl", [(OA, None)], [], ("OUT_OF_SCOPE", "input.grant.0.role")),
        ("dora", "carl", [(PR, "family")], [], ("OUT_OF_SCOPE", "input.grant.0.departmentId")),
        ("dora", "petra", [], [(PR, "family")], ("OUT_OF_SCOPE", "input.revoke.0.departmentId")),
        (
            "dora",
            "carl",
            [(PR, "mental"), (PR, "lakeside.mental")],
            [],
            ("NOT_FOUND", "input.grant.1.departmentId"),
        ),
        ("dora", "carl", [(PR, None)], [], ("DEPARTMENT_REQUIRED", "input.grant.0.departmentId")),
        ("dora", "carl", [(PR, "mental")], [(DA, "mental")], ("NOT_FOUND", "input.revoke.0")),
        ("dora", "carl", [(PR, "mental"), (PR, "mental")], [], ("INVALID", "input.grant.1")),
        ("dora", "dora", [(PR, "mental")], [], ("OUT_OF_SCOPE", "id")),
        ("dora", "twyla", [], [(DA, "mental"), (PR, "mental")], ("NOT_FOUND", "input.revoke.1")),
        ("dora", "fay", [(PR, "mental")], [], ("NOT_FOUND", "id")),
        ("dora", "olivia", [(PR, "mental")], [], ("NOT_FOUND", "id")),
        ("dora", "norma", [(PR, "mental")], [], ("NOT_FOUND", "id")),
        ("olivia", "lakeside.dora", [(PR, "mental")], [], ("NOT_FOUND", "id")),
        ("olivia", "nonsense", [(PR, "mental")], [], ("NOT_FOUND", "id")),
        ("olivia", "amy", [(PR, "mental")], [], ("NOT_FOUND", "id")),
        ("olivia", "norma", [(OA, "mental")], [], ("INVALID", "input.grant.0.departmentId")),
    ],
)
async def test_d06_no_grant_beyond_what_the_granter_holds_and_nothing_half(
    world: World,
    clinic: Clinic,
    who: str,
    name: str,
    grant: list[Named],
    revoke: list[Named],
    expected: Named,
) -> None:
    async with world.unchanged():
        payload = await roles(world, clinic, who, name, grant, revoke)

    assert problems(payload) == [expected]


async def test_d13_roles_in_a_closed_department_can_be_taken_and_not_given(
    world: World, clinic: Clinic
) -> None:
    async def close(connection: AsyncConnection) -> None:
        await connection.execute(
            update(Department).where(Department.id == clinic.key("mental")).values(active=False)
        )

    await world.database.write(close)

    given = await roles(world, clinic, "olivia", "norma", [(DA, "mental")], [])
    taken = await roles(world, clinic, "olivia", "dora", [], [(DA, "mental")])

    assert problems(given) == [("NOT_FOUND", "input.grant.0.departmentId")]
    assert taken["userErrors"] == []
    assert taken["staff"]["roles"] == []


@administrators_only
async def test_d06_nobody_else_grants_roles(
    world: World, clinic: Clinic, who: str | None, code: str
) -> None:
    said = {"grant": [{"role": PR, "departmentId": clinic.ids["mental"]}]}
    variables = {"id": clinic.ids["carl"], "input": said}
    assert await refused(world, clinic, who, ROLES, variables) == code


# D6, D11: who deactivates, reactivates and invites staff again.


async def test_d11_staff_become_inactive_and_active_again(world: World, clinic: Clinic) -> None:
    opened = (await world.login("carl"))["session"]["accessToken"]

    out = await on(world, clinic, "dora", STAFF_DEACTIVATE, "carl")

    assert out == {"staff": {"id": clinic.ids["carl"], "status": "INACTIVE"}, "userErrors": []}
    for token in (opened, clinic.token("carl"), clinic.token("carl", "APP")):
        answer = await world.ask("{ departments { id } }", token=token)
        assert refusal(answer) == "UNAUTHENTICATED"
    async with world.unchanged():
        assert problems(await world.login("carl")) == [("STAFF_INACTIVE", None)]
        again = await on(world, clinic, "dora", STAFF_DEACTIVATE, "carl")
    assert problems(again) == [("NOT_ACTIVE", "id")]
    # who is inactive is told of no new client (S4)
    token = await world.registered(departmentId=clinic.ids["mental"])
    await world.confirm(token, "nora")
    told = [one for one in clinic.told("mental") if one != clinic.email("carl")]
    assert [one.to for one in await world.new_mail()] == told

    back = await on(world, clinic, "doris", STAFF_REACTIVATE, "carl")

    assert back["staff"]["status"] == "ACTIVE"
    assert (await world.login("carl"))["userErrors"] == []
    answer = await world.ask("{ departments { id } }", token=opened)
    assert refusal(answer) == "UNAUTHENTICATED"
    async with world.unchanged():
        again = await on(world, clinic, "dora", STAFF_REACTIVATE, "carl")
    assert problems(again) == [("NOT_INACTIVE", "id")]


async def test_d11_staff_who_never_answered_are_invited_again(world: World, clinic: Clinic) -> None:
    await world.new_mail()
    tokens: list[str] = []
    for _ in range(2):
        payload = await on(world, clinic, "fay", STAFF_REINVITE, "wes")
        assert payload == {"staff": {"id": clinic.ids["wes"]}, "userErrors": []}
        tokens.append((await world.only_mail(clinic.email("wes"))).token)
    await on(world, clinic, "fay", STAFF_DEACTIVATE, "wes")
    assert [await world.link_state(one) for one in tokens] == ["SUPERSEDED"] * 2
    async with world.unchanged():
        inactive = await on(world, clinic, "fay", STAFF_REINVITE, "wes")
    assert problems(inactive) == [("NOT_ACTIVE", "id")]
    await on(world, clinic, "olivia", STAFF_REACTIVATE, "wes")  # which invites too (D3)
    letter = await world.only_mail(clinic.email("wes"))
    await world.accept(letter.token, "wes")
    async with world.unchanged():
        done = await on(world, clinic, "fay", STAFF_REINVITE, "wes")
    assert problems(done) == [("ALREADY_ONBOARDED", "id")]


@pytest.mark.parametrize("document", [STAFF_DEACTIVATE, STAFF_REACTIVATE, STAFF_REINVITE])
async def test_d06_only_staff_all_of_whose_grants_are_in_ones_departments(
    world: World, clinic: Clinic, document: str
) -> None:
    async with world.unchanged():
        for who, name, code in (
            ("dora", "petra", "OUT_OF_SCOPE"),
            ("dora", "pia", "OUT_OF_SCOPE"),
            ("dora", "dora", "OUT_OF_SCOPE"),
            ("dora", "fay", "NOT_FOUND"),
            ("dora", "olivia", "NOT_FOUND"),
            ("dora", "norma", "NOT_FOUND"),
            ("olivia", "lakeside.carl", "NOT_FOUND"),
            ("olivia", "nonsense", "NOT_FOUND"),
        ):
            payload = await on(world, clinic, who, document, name)
            assert problems(payload) == [(code, "id")], (who, name)
    assert await on(world, clinic, "dora", document, "petra") == {
        "staff": {"id": clinic.ids["petra"]}
        | ({} if document == STAFF_REINVITE else {"status": "ACTIVE"}),
        "userErrors": [
            {
                "code": "OUT_OF_SCOPE",
                "message": "This staff member also works outside your departments.",
                "field": ["id"],
                "choices": None,
            }
        ],
    }


@pytest.mark.parametrize("document", [STAFF_DEACTIVATE, STAFF_REACTIVATE, STAFF_REINVITE])
@administrators_only
async def test_d11_nobody_else_manages_staff(
    world: World, clinic: Clinic, who: str | None, code: str, document: str
) -> None:
    assert await refused(world, clinic, who, document, {"id": clinic.ids["carl"]}) == code


async def test_d28_the_address_of_staff_is_locked_too_once_they_have_credentials(
    world: World, clinic: Clinic
) -> None:
    async with world.unchanged():
        for who in ("olivia", "dora"):
            payload = await on(
                world, clinic, who, STAFF_UPDATE, "carl", input={"email": "c@riverside.example"}
            )
            assert payload["userErrors"] == [
                {
                    "code": "EMAIL_LOCKED",
                    "message": "Only the staff member can change an address "
                    "that they sign in with.",
                    "field": ["input", "email"],
                }
            ]


# D12: The last Organizational Administrator can't be deactivated or lose the role, on any path.


async def test_d12_one_organizational_administrator_stays(world: World, clinic: Clinic) -> None:
    first = await roles(world, clinic, "olivia", "oscar", revoke=[(OA, None)])
    assert first["userErrors"] == []

    # ina has the role, and is inactive
    async with world.unchanged():
        revoked = await roles(
            world, clinic, "olivia", "olivia", grant=[(DA, "mental")], revoke=[(OA, None)]
        )
        deactivated = await on(world, clinic, "olivia", STAFF_DEACTIVATE, "olivia")

    for payload, field in ((revoked, ["input", "revoke"]), (deactivated, ["id"])):
        assert payload["userErrors"] == [
            {
                "code": "LAST_ORGANIZATION_ADMINISTRATOR",
                "message": "An organization keeps one active Organizational Administrator.",
                "field": field,
                "choices": None,
            }
        ]
    # taken and given in one save is no loss
    kept = await roles(world, clinic, "olivia", "olivia", grant=[(OA, None)], revoke=[(OA, None)])
    assert (kept["userErrors"], held(kept)) == ([], [(OA, None)])


async def test_d12_of_two_who_put_each_other_out_at_once_one_stays(
    world: World, clinic: Clinic
) -> None:
    await asyncio.gather(
        world.ask(
            ROLES,
            {"id": clinic.ids["oscar"], "input": {"revoke": [{"role": OA}]}},
            clinic.token("olivia"),
        ),
        world.ask(STAFF_DEACTIVATE, {"id": clinic.ids["olivia"]}, clinic.token("oscar")),
    )

    answers = [
        await world.ask("{ clients { totalCount } }", None, clinic.token(who))
        for who in ("olivia", "oscar")
    ]
    assert sorted("data" in answer for answer in answers) == [False, True]


# D13: Taking away what is used.


async def test_d13_a_practitioner_with_associations_keeps_the_role_and_stays_active(
    world: World, clinic: Clinic
) -> None:
    async with world.unchanged():
        revoked = await roles(world, clinic, "dora", "petra", revoke=[(PR, "mental")])
        deactivated = await on(world, clinic, "olivia", STAFF_DEACTIVATE, "petra")

    assert problems(revoked) == [("HAS_ASSOCIATIONS", "input.revoke.0")]
    assert revoked["userErrors"][0]["message"] == (
        "Petra Staff has 2 associations with clients there, which must end first."
    )
    assert problems(deactivated) == [("HAS_ASSOCIATIONS", "id")]
    assert "4 associations" in deactivated["userErrors"][0]["message"]
    # the inactive client's counts too; without them, it goes
    gone = {"remove": [clinic.ids["amy"], clinic.ids["gil"]]}
    await on(world, clinic, "dora", FROM_STAFF, "petra", input=gone)
    done = await roles(world, clinic, "dora", "petra", revoke=[(PR, "mental")])
    assert done == {"staff": None, "userErrors": []}


async def test_d13_one_association_is_counted_as_one(world: World, clinic: Clinic) -> None:
    async with world.unchanged():
        payload = await on(world, clinic, "olivia", STAFF_DEACTIVATE, "paul")

    assert payload["userErrors"][0]["message"] == (
        "Paul Staff has 1 association with clients there, which must end first."
    )


async def test_d13_a_department_is_closed_when_nobody_is_in_it(
    world: World, clinic: Clinic
) -> None:
    async with world.unchanged():
        clients = await on(world, clinic, "olivia", CLOSE, "physio")
    assert clients == {
        "department": {"id": clinic.ids["physio"], "active": True},
        "userErrors": [
            {
                "code": "HAS_CLIENTS",
                "message": "2 active or pending clients belong to Physiotherapy.",
                "field": ["id"],
                "choices": None,
            }
        ],
    }
    await on(world, clinic, "olivia", REJECT, "phil")
    await on(world, clinic, "olivia", DEACTIVATE, "cleo")
    async with world.unchanged():
        associations = await on(world, clinic, "olivia", CLOSE, "physio")
    assert problems(associations) == [("HAS_ASSOCIATIONS", "id")]
    assert associations["userErrors"][0]["message"] == ("There is 1 association in Physiotherapy.")
    gone = {"remove": [clinic.ids["cleo"]]}
    await on(world, clinic, "olivia", FROM_STAFF, "paul", input=gone)
    token = await world.registered(departmentId=clinic.ids["physio"])

    closed = await on(world, clinic, "olivia", CLOSE, "physio")

    assert closed["department"]["active"] is False
    # nobody chooses it any more, and who has chosen it is unsure
    profile = await world.do('{ organization(slug: "riverside") { departments { name } } }')
    assert [one["name"] for one in profile["departments"]] == ["Family Medicine", "Mental Health"]
    await world.confirm(token, "nora")
    assert [one.to for one in await world.new_mail()] == clinic.told(None)
    async with world.unchanged():
        granted = await roles(world, clinic, "olivia", "norma", grant=[(PR, "physio")])
        moved = await on(
            world,
            clinic,
            "olivia",
            CLIENT_UPDATE,
            "amy",
            input={"departmentId": clinic.ids["physio"]},
        )
    assert problems(granted) == [("NOT_FOUND", "input.grant.0.departmentId")]
    assert problems(moved) == [("NOT_FOUND", "input.departmentId")]
    # grants in it give no reach (pia coordinates there), and its clients are the OA's
    answer = await world.ask("{ clients { totalCount } }", token=clinic.token("pia"))
    assert refusal(answer) == "FORBIDDEN"
    # reactivating one of them needs a department
    async with world.unchanged():
        needs = await on(world, clinic, "olivia", REACTIVATE, "cleo")
    assert problems(needs) == [("DEPARTMENT_REQUIRED", "input.departmentId")]
    assert needs["userErrors"][0]["message"] == (
        "The client's department is closed: choose another one."
    )
    assert [one["name"] for one in needs["userErrors"][0]["choices"]] == [
        "Family Medicine",
        "Mental Health",
    ]
    back = await on(
        world, clinic, "olivia", REACTIVATE, "cleo", input={"departmentId": clinic.ids["mental"]}
    )
    assert back["client"]["department"] == {"name": "Mental Health"}

    opened = await on(world, clinic, "olivia", OPEN, "physio")

    assert opened["department"]["active"] is True
    page = await world.do(
        "{ clients(status: INACTIVE) { nodes { firstName } } }", token=clinic.token("pia")
    )
    assert page["nodes"] == [{"firstName": "Phil"}]


async def test_d13_the_last_active_department_stays_open(world: World, clinic: Clinic) -> None:
    async with world.unchanged():
        payload = await on(world, clinic, "solo.olivia", CLOSE, "solo.general")

    assert payload["userErrors"] == [
        {
            "code": "LAST_DEPARTMENT",
            "message": "An organization keeps one active department.",
            "field": ["id"],
            "choices": None,
        }
    ]


# D11: Departments and the organization are kept by Organizational Administrators.


async def test_d11_a_department_gets_another_name(world: World, clinic: Clinic) -> None:
    renamed = await on(world, clinic, "olivia", RENAME, "physio", name=" Physical Therapy ")
    assert renamed == {
        "department": {"id": clinic.ids["physio"], "name": "Physical Therapy"},
        "userErrors": [],
    }
    same = await on(world, clinic, "olivia", RENAME, "physio", name="PHYSICAL therapy")
    assert same["userErrors"] == []
    async with world.unchanged():
        for name, code in (("mental HEALTH", "TAKEN"), (" ", "REQUIRED"), ("x" * 101, "TOO_LONG")):
            payload = await on(world, clinic, "olivia", RENAME, "physio", name=name)
            assert problems(payload) == [(code, "input.name")]
        for name in ("lakeside.physio", "nonsense", "dep_" + "0" * 32, "amy"):
            for document in (RENAME, CLOSE, OPEN):
                more = {"name": ""} if document is RENAME else {}
                payload = await on(world, clinic, "olivia", document, name, **more)
                assert problems(payload) == [("NOT_FOUND", "id")]


async def test_d11_departments_are_listed_by_their_names_of_now(
    world: World, clinic: Clinic
) -> None:
    # Given a practitioner of three, the last made of which gets a name that comes first,
    await roles(world, clinic, "olivia", "petra", grant=[(PR, "physio")])
    await on(world, clinic, "olivia", RENAME, "physio", name="Acupuncture")

    # then that is the order of all departments, and of the choices where one must be named.
    names = ["Acupuncture", "Family Medicine", "Mental Health"]
    listed = await world.do("{ departments { name } }", token=clinic.token("amy"))
    assert [one["name"] for one in listed] == names
    async with world.unchanged():
        asked = [
            await world.approve(clinic.ids["dan"], clinic.token("olivia")),
            await on(
                world,
                clinic,
                "olivia",
                FROM_STAFF,
                "petra",
                input={"add": pairs(clinic, "clientId", ("cleo", None))},
            ),
            await roles(world, clinic, "olivia", "norma", grant=[(PR, None)]),
        ]
    for payload in asked:
        assert payload["userErrors"][0]["code"] == "DEPARTMENT_REQUIRED"
        assert [one["name"] for one in payload["userErrors"][0]["choices"]] == names


@organization_administrators_only
async def test_d11_nobody_else_keeps_departments_and_the_organization(
    world: World, clinic: Clinic, who: str | None, code: str
) -> None:
    physio = {"id": clinic.ids["physio"]}
    for document, variables in (
        (RENAME, physio | {"name": "Dentistry"}),
        (CLOSE, physio),
        (OPEN, physio),
        (ORGANIZATION, {"input": {"name": "Mine"}}),
    ):
        assert await refused(world, clinic, who, document, variables) == code


async def test_d11_the_organization_is_renamed_closed_and_gets_a_contact_address(
    world: World, clinic: Clinic
) -> None:
    said = {
        "name": " Riverbend ",
        "registrationOpen": False,
        "contactEmail": "hi@riverbend.example",
    }

    payload = await world.do(ORGANIZATION, {"input": said}, clinic.token("olivia"))

    assert payload == {
        "organization": {
            "name": "Riverbend",
            "slug": "riverside",
            "registrationOpen": False,
            "contactEmail": "hi@riverbend.example",
        },
        "userErrors": [],
    }
    async with world.unchanged():
        closed = await world.register("nora@home.example")
    assert problems(closed) == [("REGISTRATION_CLOSED", "input.organization")]
    await on(world, clinic, "olivia", STAFF_REINVITE, "wes")
    letter = await world.only_mail(clinic.email("wes"))
    assert letter.subject == "Your staff account with Riverbend"
    assert "hi@riverbend.example" in letter.text
    # lakeside is as it was (D15)
    profile = await world.do('{ organization(slug: "lakeside") { name registrationOpen } }')
    assert profile == {"name": "Lakeside Clinic", "registrationOpen": True}


async def test_d32_of_an_organization_only_the_contact_address_may_be_empty(
    world: World, clinic: Clinic
) -> None:
    async with world.unchanged():
        for said, expected in (
            (
                {"name": None, "registrationOpen": None},
                [("REQUIRED", "input.name"), ("REQUIRED", "input.registrationOpen")],
            ),
            ({"name": " "}, [("REQUIRED", "input.name")]),
            ({"contactEmail": "nonsense"}, [("INVALID", "input.contactEmail")]),
            ({}, []),
        ):
            payload = await world.do(ORGANIZATION, {"input": said}, clinic.token("olivia"))
            assert problems(payload) == expected
    cleared = await world.do(
        ORGANIZATION, {"input": {"contactEmail": None}}, clinic.token("olivia")
    )
    assert cleared["organization"]["contactEmail"] is None
    assert cleared["organization"]["name"] == "Riverside Clinic"


# D34: Slugs.


async def test_d34_slugs_are_plain_and_never_the_server_s_own_paths(
    world: World, clinic: Clinic
) -> None:
    async with world.unchanged():
        for slug, code in (
            ("graphql", "TAKEN"),
            ("healthz", "TAKEN"),
            ("riverside", "TAKEN"),
            ("Riverside", "INVALID"),
            ("river side", "INVALID"),
            ("river_side", "INVALID"),
            ("-river", "INVALID"),
            ("river-", "INVALID"),
            ("flüsse", "INVALID"),
            ("", "INVALID"),
            ("x" * 64, "INVALID"),
        ):
            with pytest.raises(Refused) as told:
                await create_organization(
                    world.service.anonymous(),
                    Founding(
                        name="Another",
                        slug=slug,
                        department="General",
                        admin_email="a@another.example",
                        admin_first_name="Ann",
                        admin_last_name="Other",
                    ),
                )
            assert [(one.code, one.field) for one in told.value.problems] == [(code, ("slug",))]
