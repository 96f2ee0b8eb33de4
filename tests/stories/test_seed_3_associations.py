"""Client and practitioner associations, as an approval makes them (S8, S15, S17, S20, S21)."""

from typing import Any

import pytest
from sqlalchemy import update
from sqlalchemy.ext.asyncio import AsyncConnection

from models import Staff, StaffStatus
from tests.world import Clinic, World, problems


async def met(world: World, clinic: Clinic, client: str) -> list[tuple[str, str]]:
    """Whom a client meets, and in which department."""
    document = """query ($id: ID!) { client(id: $id) {
      associations { department { name } practitioner { firstName } }
    } }"""
    found = await world.do(document, {"id": clinic.ids[client]}, clinic.token("olivia"))
    return [
        (one["practitioner"]["firstName"], one["department"]["name"])
        for one in found["associations"]
    ]


def asked(clinic: Clinic, *pairs: tuple[str, str | None]) -> list[dict[str, Any]]:
    """Practitioners, and the departments named for them."""
    return [
        {"practitionerId": clinic.ids.get(who, who)}
        | ({"departmentId": clinic.ids.get(where, where)} if where is not None else {})
        for who, where in pairs
    ]


# S12: Assign the client to any practitioners they might need to connect with.


async def test_s12_an_approval_takes_any_number_of_practitioners(
    world: World, clinic: Clinic
) -> None:
    pairs = asked(clinic, ("petra", "family"), ("pia", None), ("paul", "physio"))

    payload = await world.approve(clinic.ids["chloe"], clinic.token("olivia"), associations=pairs)

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


# S20: Be sure to click "Save": every save is all or nothing.


async def test_s20_one_bad_association_means_no_approval_and_each_is_told(
    world: World, clinic: Clinic
) -> None:
    pairs = asked(
        clinic, ("petra", "mental"), ("carl", None), ("nonsense", None), ("paul", "mental")
    )

    async with world.unchanged():
        payload = await world.approve(
            clinic.ids["chloe"], clinic.token("olivia"), associations=pairs
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
    pairs = asked(clinic, ("petra", "mental"), ("petra", "family"))

    async with world.unchanged():
        payload = await world.approve(
            clinic.ids["chloe"], clinic.token("olivia"), associations=pairs
        )

    assert problems(payload) == [("INVALID", "input.associations.1.practitionerId")]
