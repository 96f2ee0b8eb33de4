"""Who makes staff and departments, and with which roles (D6, D8, D11, D13)."""

import asyncio
from typing import Any

import pytest
from sqlalchemy import update
from sqlalchemy.ext.asyncio import AsyncConnection

from models import Staff, StaffStatus
from tests.stories.asking import CLIENT_UPDATE
from tests.world import HIRE, RESEND, STAFF_UPDATE, Clinic, Json, World, problems, refusal

DEPARTMENT = """
mutation ($name: String!) {
  departmentCreate(input: {name: $name}) {
    department { id name active } userErrors { code message field }
  }
}
"""
_OA, _DA, _CC, _PR = (
    "ORGANIZATION_ADMINISTRATOR",
    "DEPARTMENT_ADMINISTRATOR",
    "CARE_COORDINATOR",
    "PRACTITIONER",
)


def form(clinic: Clinic, *roles: tuple[str, str | None], **more: Any) -> Json:
    """The form of a new staff member who is given these roles."""
    return {
        "firstName": "Nils",
        "lastName": "Newhire",
        "email": "nils@riverside.example",
        "roles": [
            {"role": role} | ({"departmentId": clinic.ids.get(where, where)} if where else {})
            for role, where in roles
        ],
        **more,
    }


# D6: Grants are (role, department) pairs. Rights are the union.


@pytest.mark.parametrize(
    ("who", "roles"),
    [
        ("olivia", [(_OA, None)]),
        ("olivia", [(_OA, None), (_PR, "mental")]),
        ("olivia", [(_DA, "family"), (_CC, "mental"), (_PR, "physio"), (_PR, "family")]),
        ("dora", [(_DA, "mental")]),
        ("dora", [(_DA, "mental"), (_CC, "mental"), (_PR, "mental")]),
        ("doris", [(_PR, "mental")]),
        ("twyla", [(_CC, "mental")]),
    ],
)
async def test_d06_administrators_create_staff_with_roles_in_reach(
    world: World, clinic: Clinic, who: str, roles: list[tuple[str, str | None]]
) -> None:
    payload = await world.do(HIRE, {"input": form(clinic, *roles)}, clinic.token(who))

    assert payload["userErrors"] == []
    assert payload["staff"]["onboardingState"] == "AWAITING_CREDENTIALS"
    names = {"family": "Family Medicine", "mental": "Mental Health", "physio": "Physiotherapy"}
    granted = [
        (one["role"], one["department"] and one["department"]["name"])
        for one in payload["staff"]["roles"]
    ]
    assert granted == [(role, names.get(where or "")) for role, where in roles]
    letter = await world.only_mail("nils@riverside.example")
    assert letter.subject == "Your staff account with Riverside Clinic"


@pytest.mark.parametrize(
    ("who", "roles", "expected"),
    [
        ("dora", [(_OA, None)], ("OUT_OF_SCOPE", "input.roles.0.role")),
        ("dora", [(_PR, "family")], ("OUT_OF_SCOPE", "input.roles.0.departmentId")),
        (
            "dora",
            [(_PR, "mental"), (_CC, "physio")],
            ("OUT_OF_SCOPE", "input.roles.1.departmentId"),
        ),
        ("dora", [(_PR, "lakeside.mental")], ("NOT_FOUND", "input.roles.0.departmentId")),
        ("dora", [], ("REQUIRED", "input.roles")),
        ("olivia", [], ("REQUIRED", "input.roles")),
        ("olivia", [(_OA, "mental")], ("INVALID", "input.roles.0.departmentId")),
        ("olivia", [(_PR, None)], ("DEPARTMENT_REQUIRED", "input.roles.0.departmentId")),
        ("olivia", [(_PR, "lakeside.mental")], ("NOT_FOUND", "input.roles.0.departmentId")),
        ("olivia", [(_PR, "nonsense")], ("NOT_FOUND", "input.roles.0.departmentId")),
        ("olivia", [(_PR, "mental"), (_PR, "mental")], ("INVALID", "input.roles.1")),
    ],
)
async def test_d06_nobody_grants_more_than_they_hold_and_nothing_half(
    world: World,
    clinic: Clinic,
    who: str,
    roles: list[tuple[str, str | None]],
    expected: tuple[str, str],
) -> None:
    async with world.unchanged():
        payload = await world.do(HIRE, {"input": form(clinic, *roles)}, clinic.token(who))

    assert payload["staff"] is None
    assert problems(payload) == [expected]


async def test_d06_a_role_without_its_department_is_told_the_choices(
    world: World, clinic: Clinic
) -> None:
    document = """mutation ($input: StaffCreateInput!) {
      staffCreate(input: $input) { userErrors { code choices { name } } }
    }"""

    async with world.unchanged():
        payload = await world.do(
            document, {"input": form(clinic, (_PR, None))}, clinic.token("dora")
        )

    assert payload["userErrors"] == [
        {"code": "DEPARTMENT_REQUIRED", "choices": [{"name": "Mental Health"}]}
    ]


@pytest.mark.parametrize(
    ("who", "code"),
    [
        *((who, "FORBIDDEN") for who in ("carl", "pia", "paul", "norma", "amy", "chloe")),
        (None, "UNAUTHENTICATED"),
    ],
)
async def test_d11_nobody_else_creates_staff(
    world: World, clinic: Clinic, who: str | None, code: str
) -> None:
    async with world.unchanged():
        answer = await world.ask(
            HIRE, {"input": form(clinic, (_PR, "mental"))}, clinic.token(who) if who else None
        )

    assert refusal(answer) == code


async def test_d06_rights_are_the_union_of_the_grants(world: World, clinic: Clinic) -> None:
    roles = (_CC, "family"), (_DA, "physio"), (_PR, "mental")
    await world.do(HIRE, {"input": form(clinic, *roles)}, clinic.token("olivia"))
    letter = await world.only_mail("nils@riverside.example")
    await world.accept(letter.token, "nils")
    nils = await world.sign_in("nils")

    lists = "{ clients(status: null) { nodes { firstName } } viewer { permissions } }"
    found = (await world.ask(lists, token=nils))["data"]

    assert [one["firstName"] for one in found["clients"]["nodes"]] == [
        *("Bea", "Ben", "Cleo", "Phil", "Una")
    ]
    assert "STAFF_UPDATE" in found["viewer"]["permissions"]
    # who creates staff where they administer, not where they coordinate
    async with world.unchanged():
        there = await world.do(
            HIRE, {"input": form(clinic, (_PR, "family"), email="x@riverside.example")}, nils
        )
    assert problems(there) == [("OUT_OF_SCOPE", "input.roles.0.departmentId")]
    # and hears of clients of both departments
    for department in ("family", "physio"):
        token = await world.registered(
            f"{department}@home.example", departmentId=clinic.ids[department]
        )
        await world.confirm(token, department)
        told = [one.to for one in await world.new_mail()]
        assert told == sorted([*clinic.told(department), "nils@riverside.example"])


async def test_d06_who_works_in_other_departments_too_is_edited_by_none_of_them(
    world: World, clinic: Clinic
) -> None:
    for who in ("dora", "fay"):
        async with world.unchanged():
            payload = await world.do(
                STAFF_UPDATE,
                {"id": clinic.ids["petra"], "input": {"lastName": "Taken"}},
                clinic.token(who),
            )
        assert problems(payload) == [("OUT_OF_SCOPE", "id")]
    done = await world.do(
        STAFF_UPDATE,
        {"id": clinic.ids["petra"], "input": {"lastName": "Nová"}},
        clinic.token("olivia"),
    )
    assert done["userErrors"] == []


@pytest.mark.parametrize("who", ["olivia", "dora", "carl", "paul"])
@pytest.mark.parametrize(
    "change", [{"firstName": "Me"}, {"lastName": "Me"}, {"email": "me@riverside.example"}]
)
async def test_d06_of_oneself_only_the_notification_flag(
    world: World, clinic: Clinic, who: str, change: dict[str, str]
) -> None:
    async with world.unchanged():
        payload = await world.do(
            STAFF_UPDATE, {"id": clinic.ids[who], "input": change}, clinic.token(who)
        )

    assert payload["userErrors"] == [
        {
            "code": "OUT_OF_SCOPE",
            "message": "Of your own record you can change the notifications only.",
            "field": ["input"],
        }
    ]
    flag = {"receiveNewClientNotifications": False}
    done = await world.do(STAFF_UPDATE, {"id": clinic.ids[who], "input": flag}, clinic.token(who))
    assert done == {
        "staff": {"id": clinic.ids[who], "receiveNewClientNotifications": False},
        "userErrors": [],
    }


# D8: A mutation looks at the reach of its id first, then at the state, then at its input.


async def test_d08_out_of_reach_is_told_before_anything_about_the_input(
    world: World, clinic: Clinic
) -> None:
    async with world.unchanged():
        payload = await world.do(
            STAFF_UPDATE,
            {"id": clinic.ids["fay"], "input": {"firstName": "", "email": "nonsense"}},
            clinic.token("dora"),
        )
        approved = await world.approve(
            clinic.ids["amy"], clinic.token("fay"), departmentId="nonsense"
        )
        late = await world.approve(clinic.ids["amy"], clinic.token("dora"), departmentId="nonsense")

        null = await world.do(
            STAFF_UPDATE,
            {"id": clinic.ids["fay"], "input": {"firstName": None}},
            clinic.token("dora"),
        )
        own = await world.do(
            STAFF_UPDATE,
            {"id": clinic.ids["dora"], "input": {"firstName": None}},
            clinic.token("dora"),
        )
        client = await world.do(
            CLIENT_UPDATE,
            {"id": clinic.ids["lakeside.amy"], "input": {"firstName": None}},
            clinic.token("olivia"),
        )

    assert problems(payload) == [("NOT_FOUND", "id")]
    assert problems(null) == [("NOT_FOUND", "id")]
    assert problems(own) == [("OUT_OF_SCOPE", "input")]
    assert problems(client) == [("NOT_FOUND", "id")]
    assert problems(approved) == [("NOT_FOUND", "id")]
    assert problems(late) == [("NOT_PENDING", "id")]


# D11: Departments are made by Organizational Administrators; staff accounts are made like clients.


async def test_d11_an_organizational_administrator_makes_a_department_to_choose(
    world: World, clinic: Clinic
) -> None:
    made = await world.do(DEPARTMENT, {"name": "  Dentistry "}, clinic.token("olivia"))

    assert made["userErrors"] == []
    assert (made["department"]["name"], made["department"]["active"]) == ("Dentistry", True)
    document = '{ organization(slug: "riverside") { departments { id name } } }'
    choosable = (await world.do(document))["departments"]
    assert [one["name"] for one in choosable] == [
        *("Dentistry", "Family Medicine", "Mental Health", "Physiotherapy")
    ]
    token = await world.registered(departmentId=made["department"]["id"])
    await world.confirm(token, "nora")
    assert [one.to for one in await world.new_mail()] == clinic.told(None)


@pytest.mark.parametrize(
    ("name", "code"),
    [
        ("Mental Health", "TAKEN"),
        ("MENTAL health", "TAKEN"),
        ("Méntal Health", "TAKEN"),
        ("", "REQUIRED"),
        (" ", "REQUIRED"),
        ("x" * 101, "TOO_LONG"),
        ("a\nb", "INVALID"),
    ],
)
async def test_d11_a_department_has_a_name_of_its_own(
    world: World, clinic: Clinic, name: str, code: str
) -> None:
    async with world.unchanged():
        payload = await world.do(DEPARTMENT, {"name": name}, clinic.token("olivia"))

    assert payload["department"] is None
    assert problems(payload) == [(code, "input.name")]


@pytest.mark.parametrize(
    ("who", "code"),
    [
        *((who, "FORBIDDEN") for who in ("dora", "twyla", "carl", "petra", "norma", "amy")),
        (None, "UNAUTHENTICATED"),
    ],
)
async def test_d11_nobody_else_makes_departments(
    world: World, clinic: Clinic, who: str | None, code: str
) -> None:
    async with world.unchanged():
        answer = await world.ask(
            DEPARTMENT, {"name": "Dentistry"}, clinic.token(who) if who else None
        )

    assert refusal(answer) == code


async def test_d11_two_who_make_one_department_at_once_make_one(
    world: World, clinic: Clinic
) -> None:
    payloads = await asyncio.gather(
        *(
            world.do(DEPARTMENT, {"name": "Dentistry"}, clinic.token(who))
            for who in ["olivia", "oscar"] * 5
        )
    )

    assert sorted(len(one["userErrors"]) for one in payloads) == [0] + [1] * 9
    assert {code for one in payloads for code in problems(one)} == {("TAKEN", "input.name")}
    names = [
        one["name"] for one in await world.do("{ departments { name } }", token=clinic.token("amy"))
    ]
    assert names.count("Dentistry") == 1


async def test_d11_an_invitation_is_accepted_once_however_often_at_once(
    world: World, clinic: Clinic
) -> None:
    await world.do(HIRE, {"input": form(clinic, (_PR, "mental"))}, clinic.token("dora"))
    token = (await world.only_mail("nils@riverside.example")).token

    payloads = await asyncio.gather(*(world.accept(token, f"nils{i}") for i in range(20)))

    won = [one["username"] for one in payloads if not one["userErrors"]]
    assert len(won) == 1
    assert [problems(one) for one in payloads if one["userErrors"]] == [
        [("LINK_USED", "input.token")]
    ] * 19
    assert (await world.login(won[0]))["userErrors"] == []
    assert await world.new_mail() == []


async def test_d05_an_invitation_is_sent_again_on_request_but_not_to_the_inactive(
    world: World, clinic: Clinic
) -> None:
    await world.do(HIRE, {"input": form(clinic, (_PR, "mental"))}, clinic.token("dora"))
    first = await world.only_mail("nils@riverside.example")
    world.clock.advance(days=8)
    assert await world.link_state(first.token) == "EXPIRED"

    accepted = await world.do(RESEND, {"token": first.token})
    second = await world.only_mail("nils@riverside.example")
    assert await world.link_state(second.token) == "VALID"
    assert await world.link_state(first.token) == "SUPERSEDED"

    async def deactivate(connection: AsyncConnection) -> None:
        await connection.execute(
            update(Staff)
            .where(Staff.email == "nils@riverside.example")
            .values(status=StaffStatus.INACTIVE)
        )

    await world.database.write(deactivate)
    async with world.unchanged():
        assert await world.do(RESEND, {"token": second.token}) == accepted


async def test_d03_of_invitations_sent_at_once_the_last_one_is_good(
    world: World, clinic: Clinic
) -> None:
    await world.do(HIRE, {"input": form(clinic, (_PR, "mental"))}, clinic.token("dora"))
    first = await world.only_mail("nils@riverside.example")

    await asyncio.gather(*(world.do(RESEND, {"token": first.token}) for _ in range(8)))

    mails = await world.mail("nils@riverside.example")
    states = [await world.link_state(one.token) for one in mails]
    assert sorted(states) == ["SUPERSEDED"] * (len(mails) - 1) + ["VALID"]


async def test_d03_who_accepts_and_asks_for_a_new_link_at_once_ends_with_one_way_in(
    world: World, clinic: Clinic
) -> None:
    await world.do(HIRE, {"input": form(clinic, (_PR, "mental"))}, clinic.token("dora"))
    token = (await world.only_mail("nils@riverside.example")).token

    accepted, *_ = await asyncio.gather(
        world.accept(token, "nils"),
        *(world.do(RESEND, {"token": token}) for _ in range(8)),
    )

    mails = await world.mail("nils@riverside.example")
    states = [await world.link_state(one.token) for one in mails]
    # Either the new links came first, and the last one is good, or there is none to accept.
    good = 1 if accepted["userErrors"] else 0
    assert states.count("VALID") == good
    assert states.count("USED") == 1 - good
    signed_in = await world.login("nils")
    assert bool(signed_in["userErrors"]) is bool(good)
