"""Client and practitioner associations, from an approval and from both tabs (S12, S15 to S25)."""

import asyncio
from typing import Any

import pytest
from sqlalchemy import update
from sqlalchemy.ext.asyncio import AsyncConnection

from models import Staff, StaffStatus
from tests.stories.asking import (
    FROM_CLIENT,
    FROM_STAFF,
    PR,
    ROLES,
    STAFF_DEACTIVATE,
    met,
    nobody_else,
    pairs,
    refused,
)
from tests.world import Clinic, Json, World, problems


def asked(clinic: Clinic, *named: tuple[str, str | None]) -> list[Json]:
    """Practitioners, and the departments named for them."""
    return pairs(clinic, "practitionerId", *named)


def said(clinic: Clinic, side: str, deltas: dict[str, Any]) -> Json:
    """Deltas as an input says them."""
    return {
        name: [clinic.ids.get(one, one) for one in rows]
        if name == "remove"
        else pairs(clinic, side, *rows)
        for name, rows in deltas.items()
    }


async def of_client(world: World, clinic: Clinic, client: str, who: str, **deltas: Any) -> Json:
    """The payload of what `who` saves on the Clients tab, for one client."""
    input = said(clinic, "practitionerId", deltas)
    variables = {"id": clinic.ids.get(client, client), "input": input}
    payload: Json = await world.do(FROM_CLIENT, variables, clinic.token(who))
    return payload


async def of_staff(world: World, clinic: Clinic, member: str, who: str, **deltas: Any) -> Json:
    """The payload of what `who` saves on the Staff tab, for one practitioner."""
    input = said(clinic, "clientId", deltas)
    variables = {"id": clinic.ids.get(member, member), "input": input}
    payload: Json = await world.do(FROM_STAFF, variables, clinic.token(who))
    return payload


# S12: Assign the client to any practitioners they might need to connect with.


async def test_s12_an_approval_takes_any_number_of_practitioners(
    world: World, clinic: Clinic
) -> None:
    named = asked(clinic, ("petra", "family"), ("pia", None), ("paul", "physio"))

    payload = await world.approve(clinic.ids["chloe"], clinic.token("olivia"), associations=named)

    assert payload["userErrors"] == []
    assert await met(world, clinic, "chloe") == [
        ("Petra", "Family Medicine"),
        ("Pia", "Mental Health"),
        ("Paul", "Physiotherapy"),
    ]


# S15: Organization Administrators can associate clients to staff in any department, but Department
# Administrators and Care Coordinators can only associate clients to staff in their department.


@pytest.mark.parametrize("who", ["dora", "doris", "carl", "twyla"])
async def test_s15_others_associate_in_their_department_only(
    world: World, clinic: Clinic, who: str
) -> None:
    async with world.unchanged():
        payload = await world.approve(
            clinic.ids["chloe"], clinic.token(who), associations=asked(clinic, ("petra", "family"))
        )
    assert payload["userErrors"] == [
        {
            "code": "OUT_OF_SCOPE",
            "message": "You cannot associate clients in Family Medicine.",
            "field": ["input", "associations", "0", "departmentId"],
            "choices": None,
        }
    ]

    payload = await world.approve(
        clinic.ids["chloe"], clinic.token(who), associations=asked(clinic, ("petra", "mental"))
    )
    assert payload["userErrors"] == []
    assert await met(world, clinic, "chloe") == [("Petra", "Mental Health")]


@pytest.mark.parametrize(
    "practitioner", ["paul", "wes", "lakeside.petra", "stf_" + "0" * 32, "nonsense", "amy"]
)
async def test_s15_staff_out_of_reach_are_as_if_there_were_none(
    world: World, clinic: Clinic, practitioner: str
) -> None:
    async with world.unchanged():
        payload = await world.approve(
            clinic.ids["chloe"],
            clinic.token("dora"),
            associations=asked(clinic, (practitioner, "mental")),
        )

    assert payload["userErrors"] == [
        {
            "code": "NOT_FOUND",
            "message": "There is no such staff member.",
            "field": ["input", "associations", "0", "practitionerId"],
            "choices": None,
        }
    ]


@pytest.mark.parametrize("who", ["olivia", "oscar"])
async def test_s15_organization_administrators_associate_in_any_department(
    world: World, clinic: Clinic, who: str
) -> None:
    first = await of_client(
        world, clinic, "una", who, add=[("petra", "mental"), ("paul", "physio")]
    )
    second = await of_staff(world, clinic, "wes", who, add=[("una", None)])

    assert first["userErrors"] == second["userErrors"] == []
    assert await met(world, clinic, "una") == [
        ("Petra", "Mental Health"),
        ("Paul", "Physiotherapy"),
        ("Wes", "Family Medicine"),
    ]


@pytest.mark.parametrize("who", ["dora", "carl"])
async def test_s15_from_both_tabs_others_associate_in_their_department_only(
    world: World, clinic: Clinic, who: str
) -> None:
    await of_client(world, clinic, "amy", "olivia", remove=["petra"])
    async with world.unchanged():
        from_client = await of_client(world, clinic, "amy", who, add=[("petra", "family")])
        from_staff = await of_staff(world, clinic, "petra", who, add=[("amy", "family")])

    for payload in (from_client, from_staff):
        assert payload["userErrors"] == [
            {
                "code": "OUT_OF_SCOPE",
                "message": "You cannot associate clients in Family Medicine.",
                "field": ["input", "add", "0", "departmentId"],
                "choices": None,
            }
        ]
    done = await of_client(world, clinic, "amy", who, add=[("petra", "mental")])
    assert done["userErrors"] == []
    # nor do they move one out of their department
    async with world.unchanged():
        for payload in (
            await of_client(world, clinic, "amy", who, change=[("petra", "family")]),
            await of_staff(world, clinic, "petra", who, change=[("amy", "family")]),
        ):
            assert problems(payload) == [("OUT_OF_SCOPE", "input.change.0.departmentId")]
    gone = await of_client(world, clinic, "amy", who, remove=["petra"])
    assert gone["userErrors"] == []
    assert await met(world, clinic, "amy") == []


async def test_s15_other_departments_associations_are_not_there_and_stay_as_they_are(
    world: World, clinic: Clinic
) -> None:
    # bea meets petra in family, and pia in mental; fay keeps family, dora mental
    async with world.unchanged():
        for who, other in (("fay", "pia"), ("dora", "petra")):
            department = "family" if who == "fay" else "mental"
            removed = await of_client(world, clinic, "bea", who, remove=[f"bea-{other}"])
            assert problems(removed) == [("NOT_FOUND", "input.remove.0")]
            removed = await of_client(world, clinic, "bea", who, remove=[other])
            assert problems(removed) == [("NOT_FOUND", "input.remove.0")]
            changed = await of_client(world, clinic, "bea", who, change=[(other, department)])
            assert problems(changed) == [("NOT_FOUND", "input.change.0.practitionerId")]

    # client null and no errors: done, and now out of dora's reach
    done = await of_client(world, clinic, "bea", "dora", remove=["pia"])
    assert done == {"client": None, "userErrors": []}
    assert await met(world, clinic, "bea") == [("Petra", "Family Medicine")]


async def test_s15_clients_out_of_reach_are_as_if_there_were_none(
    world: World, clinic: Clinic
) -> None:
    for name in ("ben", "cleo", "dan", "lakeside.amy", "cli_" + "0" * 32, "nonsense", "petra"):
        async with world.unchanged():
            from_client = await of_client(world, clinic, name, "dora", add=[("petra", "mental")])
            from_staff = await of_staff(world, clinic, "petra", "dora", add=[(name, "mental")])
        assert problems(from_client) == [("NOT_FOUND", "id")]
        assert from_client["userErrors"][0]["message"] == "There is no such client."
        assert problems(from_staff) == [("NOT_FOUND", "input.add.0.clientId")]
        assert from_staff["userErrors"][0]["message"] == "There is no such client."


async def test_s15_a_client_whom_one_only_treats_is_not_ones_own_to_associate(
    world: World, clinic: Clinic
) -> None:
    # pia is Care Coordinator of physio; bea she meets as a practitioner of mental
    async with world.unchanged():
        added = await of_client(world, clinic, "bea", "pia", add=[("paul", "physio")])
        removed = await of_client(world, clinic, "bea", "pia", remove=["bea-pia"])
        from_staff = await of_staff(world, clinic, "paul", "pia", add=[("bea", "physio")])
        own = await of_staff(world, clinic, "pia", "pia", remove=["bea"])

    assert problems(added) == problems(removed) == [("OUT_OF_SCOPE", "id")]
    assert problems(from_staff) == [("NOT_FOUND", "input.add.0.clientId")]
    assert problems(own) == [("OUT_OF_SCOPE", "input.remove.0")]


@pytest.mark.parametrize(("client", "who"), [("chloe", "Chloe"), ("gil", "Gil")])
async def test_s15_only_active_clients_are_associated_and_remove_always_works(
    world: World, clinic: Clinic, client: str, who: str
) -> None:
    async with world.unchanged():
        added = await of_client(world, clinic, client, "olivia", add=[("paul", "physio")])
        changed = await of_client(world, clinic, client, "olivia", change=[("petra", "family")])
        from_staff = await of_staff(world, clinic, "paul", "olivia", add=[(client, "physio")])
        moved = await of_staff(world, clinic, "petra", "olivia", change=[(client, "family")])

    assert problems(added) == problems(changed) == [("NOT_ACTIVE", "id")]
    assert added["userErrors"][0]["message"] == (
        "Only an active client can be associated with practitioners."
    )
    assert problems(from_staff) == [("NOT_ACTIVE", "input.add.0.clientId")]
    assert problems(moved) == [("NOT_ACTIVE", "input.change.0.clientId")]
    assert moved["userErrors"][0]["message"] == f"{who} Client is not an active client."
    if client == "gil":
        removed = await of_client(world, clinic, "gil", "dora", remove=["petra"])
        assert removed["userErrors"] == []
        assert await met(world, clinic, "gil") == []


# S17: The staff member must be assigned the practitioner role.


@pytest.mark.parametrize(
    ("practitioner", "department", "field"),
    [
        ("carl", None, "practitionerId"),
        ("carl", "mental", "departmentId"),
        ("oscar", None, "practitionerId"),
        ("norma", None, "practitionerId"),
        ("norma", "physio", "departmentId"),
        ("petra", "physio", "departmentId"),
        ("pia", "physio", "departmentId"),  # where she is a Care Coordinator
    ],
)
async def test_s17_who_is_no_practitioner_there_is_associated_with_nobody(
    world: World, clinic: Clinic, practitioner: str, department: str | None, field: str
) -> None:
    async with world.unchanged():
        payload = await world.approve(
            clinic.ids["chloe"],
            clinic.token("olivia"),
            associations=asked(clinic, (practitioner, department)),
        )

    assert problems(payload) == [("NOT_A_PRACTITIONER", f"input.associations.0.{field}")]


async def test_s17_who_is_no_practitioner_anywhere_is_told_apart_from_anywhere_of_ones_own(
    world: World, clinic: Clinic
) -> None:
    async with world.unchanged():
        for who, where in (("olivia", "any department"), ("dora", "a department of yours")):
            payload = await of_client(world, clinic, "amy", who, add=[("carl", None)])
            assert problems(payload) == [("NOT_A_PRACTITIONER", "input.add.0.practitionerId")]
            message = f"Carl Staff is not a practitioner of {where}."
            assert payload["userErrors"][0]["message"] == message


async def test_s17_an_inactive_practitioner_meets_nobody_new(world: World, clinic: Clinic) -> None:
    async def deactivate(connection: AsyncConnection) -> None:
        await connection.execute(
            update(Staff).where(Staff.id == clinic.key("petra")).values(status=StaffStatus.INACTIVE)
        )

    await world.database.write(deactivate)

    async with world.unchanged():
        payload = await world.approve(
            clinic.ids["chloe"],
            clinic.token("olivia"),
            associations=asked(clinic, ("petra", "mental")),
        )

    assert problems(payload) == [("NOT_ACTIVE", "input.associations.0.practitionerId")]


async def test_s17_from_both_tabs_it_is_the_role_in_that_department_that_counts(
    world: World, clinic: Clinic
) -> None:
    for who, where, field in (
        ("carl", None, "practitionerId"),
        ("norma", "physio", "departmentId"),
        ("petra", "physio", "departmentId"),
        ("pia", "physio", "departmentId"),
    ):
        async with world.unchanged():
            from_client = await of_client(world, clinic, "una", "olivia", add=[(who, where)])
            from_staff = await of_staff(world, clinic, who, "olivia", add=[("una", where)])
        there = field if where else "clientId"
        assert problems(from_client) == [("NOT_A_PRACTITIONER", f"input.add.0.{field}")]
        assert problems(from_staff) == [("NOT_A_PRACTITIONER", f"input.add.0.{there}")]


# S18: If not assigned this role, click Edit, check the box next to Practitioner and click Save.


async def test_s18_granting_the_practitioner_role_makes_the_association_possible(
    world: World, clinic: Clinic
) -> None:
    async with world.unchanged():
        before = await of_client(world, clinic, "amy", "dora", add=[("carl", "mental")])
    assert problems(before) == [("NOT_A_PRACTITIONER", "input.add.0.departmentId")]

    grant = [{"role": PR, "departmentId": clinic.ids["mental"]}]
    granted = await world.do(
        ROLES, {"id": clinic.ids["carl"], "input": {"grant": grant}}, clinic.token("dora")
    )

    assert granted["userErrors"] == []
    assert granted["staff"]["roles"] == [
        {"role": "CARE_COORDINATOR", "department": {"name": "Mental Health"}},
        {"role": "PRACTITIONER", "department": {"name": "Mental Health"}},
    ]
    after = await of_client(world, clinic, "amy", "dora", add=[("carl", "mental")])
    assert after["userErrors"] == []
    assert await met(world, clinic, "amy") == [
        ("Petra", "Mental Health"),
        ("Carl", "Mental Health"),
    ]


# S19: Once saved, click Edit and choose the client(s) to associate with this staff member.


async def test_s19_many_clients_are_associated_with_one_practitioner(
    world: World, clinic: Clinic
) -> None:
    named: list[tuple[str, str | None]] = [("amy", "mental"), ("ben", None), ("una", "mental")]

    payload = await of_staff(world, clinic, "pia", "olivia", add=named)

    assert payload["userErrors"] == []
    assert [
        (one["client"]["firstName"], one["department"]["name"])
        for one in payload["staff"]["associations"]["nodes"]
    ] == [
        ("Bea", "Mental Health"),
        ("Amy", "Mental Health"),
        ("Ben", "Mental Health"),
        ("Una", "Mental Health"),
    ]
    assert await met(world, clinic, "ben") == [
        ("Petra", "Family Medicine"),
        ("Pia", "Mental Health"),
    ]
    # the practitioner meets them on the app at once, and nobody is written to
    document = "{ viewer { staff { associations { nodes { client { firstName } } } } } }"
    viewer = await world.do(document, token=clinic.token("pia", "APP"))
    assert len(viewer["staff"]["associations"]["nodes"]) == 4
    assert await world.new_mail() == []


async def test_s19_one_save_removes_changes_and_adds(world: World, clinic: Clinic) -> None:
    payload = await of_staff(
        world,
        clinic,
        "petra",
        "olivia",
        add=[("una", "family"), ("cleo", "mental")],
        change=[("ben", "mental")],
        remove=["amy", "gil-petra"],
    )

    assert payload["userErrors"] == []
    assert [
        (one["client"]["firstName"], one["department"]["name"])
        for one in payload["staff"]["associations"]["nodes"]
    ] == [
        ("Ben", "Mental Health"),
        ("Bea", "Family Medicine"),
        ("Una", "Family Medicine"),
        ("Cleo", "Mental Health"),
    ]
    moved = payload["staff"]["associations"]["nodes"][0]["id"]
    assert moved == clinic.ids["ben-petra"]
    assert await met(world, clinic, "amy") == []
    assert await met(world, clinic, "gil") == []


@nobody_else
async def test_s19_nobody_else_associates_from_the_staff_tab(
    world: World, clinic: Clinic, who: str | None, code: str
) -> None:
    said = {"add": pairs(clinic, "clientId", ("una", "family"))}
    variables = {"id": clinic.ids["petra"], "input": said}
    assert await refused(world, clinic, who, FROM_STAFF, variables) == code


@pytest.mark.parametrize("who", ["fay", "fred"])
async def test_s19_staff_out_of_reach_are_as_if_there_were_none(
    world: World, clinic: Clinic, who: str
) -> None:
    for name in ("pia", "olivia", "norma", "lakeside.petra", "stf_" + "0" * 32, "x", "amy"):
        async with world.unchanged():
            payload = await of_staff(world, clinic, name, who, add=[("una", "family")])
        assert problems(payload) == [("NOT_FOUND", "id")]
        assert payload["userErrors"][0]["message"] == "There is no such staff member."


# S20: Be sure to click "Save": every save is all or nothing.


async def test_s20_one_bad_association_means_no_approval_and_each_is_told(
    world: World, clinic: Clinic
) -> None:
    named = asked(
        clinic, ("petra", "mental"), ("carl", None), ("nonsense", None), ("paul", "mental")
    )

    async with world.unchanged():
        payload = await world.approve(
            clinic.ids["chloe"], clinic.token("olivia"), associations=named
        )

    assert problems(payload) == [
        ("NOT_A_PRACTITIONER", "input.associations.1.practitionerId"),
        ("NOT_FOUND", "input.associations.2.practitionerId"),
        ("NOT_A_PRACTITIONER", "input.associations.3.departmentId"),
    ]
    record = await world.do(
        "query ($id: ID!) { client(id: $id) { status } }",
        {"id": clinic.ids["chloe"]},
        clinic.token("olivia"),
    )
    assert record == {"status": "PENDING"}


async def test_s20_a_save_from_either_tab_is_all_or_nothing_and_names_each_row(
    world: World, clinic: Clinic
) -> None:
    async with world.unchanged():
        from_client = await of_client(
            world,
            clinic,
            "amy",
            "olivia",
            add=[("paul", "physio"), ("pia", "nonsense"), ("carl", None), ("nonsense", "mental")],
            change=[("petra", "physio"), ("wes", "family")],
            remove=["ben-petra", "norma"],
        )
        from_staff = await of_staff(
            world,
            clinic,
            "petra",
            "olivia",
            add=[("una", "family"), ("cleo", None), ("una", "mental")],
            change=[("ben", "mental"), ("una", "mental"), ("amy", None)],
            remove=["bea-pia", "bea"],
        )

    assert problems(from_client) == [
        ("NOT_FOUND", "input.remove.0"),
        ("NOT_FOUND", "input.remove.1"),
        ("NOT_A_PRACTITIONER", "input.change.0.departmentId"),
        ("NOT_FOUND", "input.change.1.practitionerId"),
        ("NOT_FOUND", "input.add.1.departmentId"),
        ("NOT_A_PRACTITIONER", "input.add.2.practitionerId"),
        ("NOT_FOUND", "input.add.3.practitionerId"),
    ]
    assert problems(from_staff) == [
        ("NOT_FOUND", "input.remove.0"),
        ("NOT_FOUND", "input.change.1.clientId"),
        ("DEPARTMENT_REQUIRED", "input.change.2.departmentId"),
        ("INVALID", "input.add.0.clientId"),
        ("DEPARTMENT_REQUIRED", "input.add.1.departmentId"),
        ("INVALID", "input.add.2.clientId"),
    ]


async def test_s20_the_reach_of_the_id_is_told_before_the_state_and_the_state_before_the_rows(
    world: World, clinic: Clinic
) -> None:
    async with world.unchanged():
        for name, expected in (("ben", "NOT_FOUND"), ("gil", "NOT_ACTIVE")):
            payload = await of_client(world, clinic, name, "dora", add=[("nonsense", None)])
            assert problems(payload) == [(expected, "id")]


# S21: If the practitioner is assigned to more than one department, only one department can be
# selected for the client association to that particular practitioner.


async def test_s21_a_practitioner_of_several_departments_needs_one_named(
    world: World, clinic: Clinic
) -> None:
    async with world.unchanged():
        payload = await world.approve(
            clinic.ids["chloe"], clinic.token("olivia"), associations=asked(clinic, ("petra", None))
        )

    assert payload["userErrors"] == [
        {
            "code": "DEPARTMENT_REQUIRED",
            "message": "Petra Staff is a practitioner of several departments: choose one.",
            "field": ["input", "associations", "0", "departmentId"],
            "choices": [
                {"id": clinic.ids["family"], "name": "Family Medicine"},
                {"id": clinic.ids["mental"], "name": "Mental Health"},
            ],
        }
    ]


async def test_s21_the_choices_are_those_within_the_caller_s_reach(
    world: World, clinic: Clinic
) -> None:
    payload = await world.approve(
        clinic.ids["chloe"], clinic.token("dora"), associations=asked(clinic, ("petra", None))
    )

    assert payload["userErrors"] == []
    assert await met(world, clinic, "chloe") == [("Petra", "Mental Health")]


async def test_s21_one_pair_meets_in_one_department(world: World, clinic: Clinic) -> None:
    named = asked(clinic, ("petra", "mental"), ("petra", "family"))

    async with world.unchanged():
        payload = await world.approve(
            clinic.ids["chloe"], clinic.token("olivia"), associations=named
        )

    assert problems(payload) == [("INVALID", "input.associations.1.practitionerId")]


@pytest.mark.parametrize("tab", ["client", "staff"])
async def test_s21_the_third_row_names_its_department_and_the_choices(
    world: World, clinic: Clinic, tab: str
) -> None:
    await of_client(world, clinic, "amy", "olivia", remove=["petra"])
    async with world.unchanged():
        if tab == "client":
            payload = await of_client(
                world,
                clinic,
                "amy",
                "olivia",
                add=[("paul", None), ("wes", "family"), ("petra", None)],
            )
        else:
            payload = await of_staff(
                world,
                clinic,
                "petra",
                "olivia",
                add=[("una", "family"), ("cleo", "mental"), ("amy", None)],
            )

    assert payload["userErrors"] == [
        {
            "code": "DEPARTMENT_REQUIRED",
            "message": "Petra Staff is a practitioner of several departments: choose one.",
            "field": ["input", "add", "2", "departmentId"],
            "choices": [
                {"id": clinic.ids["family"], "name": "Family Medicine"},
                {"id": clinic.ids["mental"], "name": "Mental Health"},
            ],
        }
    ]


async def test_s21_a_second_department_for_the_same_pair_is_refused_and_change_moves_it(
    world: World, clinic: Clinic
) -> None:
    async with world.unchanged():
        for who in ("olivia", "dora"):  # also who does not see the other department's (D8)
            for payload, field in (
                (
                    await of_client(world, clinic, "bea", who, add=[("petra", "mental")]),
                    "practitionerId",
                ),
                (await of_staff(world, clinic, "petra", who, add=[("bea", "mental")]), "clientId"),
            ):
                assert payload["userErrors"] == [
                    {
                        "code": "ALREADY_ASSOCIATED",
                        "message": "The client and Petra Staff are associated already.",
                        "field": ["input", "add", "0", field],
                        "choices": None,
                    }
                ]

    moved = await of_client(world, clinic, "bea", "olivia", change=[("petra", "mental")])
    assert moved["userErrors"] == []
    assert await met(world, clinic, "bea") == [
        ("Petra", "Mental Health"),
        ("Pia", "Mental Health"),
    ]
    ids = [one["id"] for one in moved["client"]["associations"]]
    assert ids == [clinic.ids["bea-petra"], clinic.ids["bea-pia"]]


async def test_s21_change_needs_a_department_even_where_there_is_one_only(
    world: World, clinic: Clinic
) -> None:
    async with world.unchanged():
        payload = await of_client(world, clinic, "bea", "olivia", change=[("pia", None)])

    assert payload["userErrors"] == [
        {
            "code": "DEPARTMENT_REQUIRED",
            "message": "Choose the department to move to.",
            "field": ["input", "change", "0", "departmentId"],
            "choices": [{"id": clinic.ids["mental"], "name": "Mental Health"}],
        }
    ]


async def test_s21_a_pair_is_named_once_in_all_the_lists(world: World, clinic: Clinic) -> None:
    async with world.unchanged():
        payload = await of_client(
            world,
            clinic,
            "amy",
            "olivia",
            add=[("paul", "physio"), ("petra", "family"), ("paul", "physio")],
            remove=["petra", "amy-petra"],
        )

    assert problems(payload) == [
        ("INVALID", "input.remove.1"),
        ("INVALID", "input.add.1.practitionerId"),
        ("INVALID", "input.add.2.practitionerId"),
    ]
    assert {one["message"] for one in payload["userErrors"]} == {"This pair is named twice."}


async def test_s21_of_twenty_who_associate_one_pair_at_once_one_does(
    world: World, clinic: Clinic
) -> None:
    tabs = [
        of_client(world, clinic, "una", "olivia", add=[("petra", "family")]),
        of_client(world, clinic, "una", "fay", add=[("petra", None)]),
        of_staff(world, clinic, "petra", "oscar", add=[("una", "mental")]),
        of_staff(world, clinic, "petra", "fred", add=[("una", "family")]),
    ]

    payloads = await asyncio.gather(*tabs)

    told = [code for one in payloads for code, _ in problems(one)]
    assert told == ["ALREADY_ASSOCIATED"] * 3
    assert [who for who, _ in await met(world, clinic, "una")] == ["Petra"]


# S22: Go to the Clients tab and click to view a particular client record. S23: Click Edit and
# choose the staff member(s) to associate with this client. S24, S25: one department, and Save.


async def test_s22_the_client_s_record_shows_whom_they_meet(world: World, clinic: Clinic) -> None:
    assert await met(world, clinic, "bea") == [
        ("Petra", "Family Medicine"),
        ("Pia", "Mental Health"),
    ]


async def test_s23_one_save_from_the_clients_tab_removes_changes_and_adds(
    world: World, clinic: Clinic
) -> None:
    payload = await of_client(
        world,
        clinic,
        "bea",
        "olivia",
        add=[("paul", None), ("wes", "family")],
        change=[("petra", "mental")],
        remove=["bea-pia"],
    )

    assert payload["userErrors"] == []
    assert await met(world, clinic, "bea") == [
        ("Petra", "Mental Health"),
        ("Paul", "Physiotherapy"),
        ("Wes", "Family Medicine"),
    ]
    assert await world.new_mail() == []


@nobody_else
async def test_s23_nobody_else_associates_from_the_clients_tab(
    world: World, clinic: Clinic, who: str | None, code: str
) -> None:
    said = {"add": pairs(clinic, "practitionerId", ("wes", "family"))}
    variables = {"id": clinic.ids["ben"], "input": said}
    assert await refused(world, clinic, who, FROM_CLIENT, variables) == code


async def test_s23_nothing_asked_is_nothing_done(world: World, clinic: Clinic) -> None:
    async with world.unchanged():
        payload = await of_client(world, clinic, "amy", "carl")

    assert payload["userErrors"] == []
    assert payload["client"]["id"] == clinic.ids["amy"]


async def test_s24_the_rule_of_one_department_holds_from_the_clients_tab_too(
    world: World, clinic: Clinic
) -> None:
    # the only choice is taken; who has two is asked
    async with world.unchanged():
        asked_back = await of_client(world, clinic, "una", "olivia", add=[("petra", None)])
    assert problems(asked_back) == [("DEPARTMENT_REQUIRED", "input.add.0.departmentId")]
    taken = await of_client(world, clinic, "una", "fay", add=[("petra", None)])
    assert taken["userErrors"] == []
    assert await met(world, clinic, "una") == [("Petra", "Family Medicine")]


async def test_s25_both_tabs_write_the_same_rows(world: World, clinic: Clinic) -> None:
    added = await of_client(world, clinic, "una", "olivia", add=[("petra", "family")])
    (there,) = [
        one
        for one in (await of_staff(world, clinic, "petra", "olivia"))["staff"]["associations"][
            "nodes"
        ]
        if one["client"]["firstName"] == "Una"
    ]

    assert there["id"] == added["client"]["associations"][0]["id"]
    # by the association's id, from the other tab
    removed = await world.do(
        FROM_STAFF,
        {"id": clinic.ids["petra"], "input": {"remove": [there["id"]]}},
        clinic.token("olivia"),
    )
    assert removed["userErrors"] == []
    assert await met(world, clinic, "una") == []


async def test_s25_a_practitioner_who_became_inactive_is_associated_with_nobody_new(
    world: World, clinic: Clinic
) -> None:
    out = await world.do(STAFF_DEACTIVATE, {"id": clinic.ids["wes"]}, clinic.token("fay"))
    assert out["userErrors"] == []

    async with world.unchanged():
        from_client = await of_client(world, clinic, "una", "olivia", add=[("wes", None)])
        from_staff = await of_staff(world, clinic, "wes", "olivia", add=[("una", None)])

    assert problems(from_client) == [("NOT_ACTIVE", "input.add.0.practitionerId")]
    assert problems(from_staff) == [("NOT_ACTIVE", "input.add.0.clientId")]
