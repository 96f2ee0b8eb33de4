"""Create Client Account, option 1: the client registers on the organization's portal (S2 to S6)."""

import asyncio

import pytest
from sqlalchemy import update
from sqlalchemy.ext.asyncio import AsyncConnection

from models import Department, Organization
from tests.world import (
    REGISTER,
    STAFF_UPDATE,
    Clinic,
    World,
    problems,
    refusal,
)

ORGANIZATION = """
query ($slug: String!) {
  organization(slug: $slug) {
    name slug portalUrl registrationOpen departments { id name }
  }
}
"""

# S2: Invite clients to go to your unique VTConnect Portal URL and register.


async def test_s02_every_organization_has_a_portal_url_that_shows_its_departments(
    world: World, clinic: Clinic
) -> None:
    riverside = await world.do(ORGANIZATION, {"slug": "riverside"})
    solo = await world.do(ORGANIZATION, {"slug": "solo"})

    assert riverside == {
        "name": "Riverside Clinic",
        "slug": "riverside",
        "portalUrl": "https://portal.example/riverside",
        "registrationOpen": True,
        "departments": [
            {"id": clinic.ids["family"], "name": "Family Medicine"},
            {"id": clinic.ids["mental"], "name": "Mental Health"},
            {"id": clinic.ids["physio"], "name": "Physiotherapy"},
        ],
    }
    assert solo["portalUrl"] == "https://portal.example/solo"
    assert solo["departments"] == [{"id": clinic.ids["solo.general"], "name": "General Practice"}]


async def test_s02_an_inactive_department_is_not_to_choose(world: World, clinic: Clinic) -> None:
    async def close(connection: AsyncConnection) -> None:
        await connection.execute(
            update(Department).where(Department.id == clinic.key("physio")).values(active=False)
        )

    await world.database.write(close)

    profile = await world.do(ORGANIZATION, {"slug": "riverside"})
    async with world.unchanged():
        refused = await world.register("n@home.example", departmentId=clinic.ids["physio"])

    assert [one["name"] for one in profile["departments"]] == ["Family Medicine", "Mental Health"]
    assert problems(refused) == [("NOT_FOUND", "input.departmentId")]


@pytest.mark.parametrize("slug", ["nowhere", "", "RIVERSIDE", "riverside ", "../riverside", "ä"])
async def test_s02_an_unknown_portal_url_is_told_as_such(
    world: World, clinic: Clinic, slug: str
) -> None:
    assert await world.do(ORGANIZATION, {"slug": slug}) is None

    async with world.unchanged():
        refused = await world.register("nora@home.example", organization=slug)

    assert refused == {
        "accepted": False,
        "userErrors": [
            {
                "code": "NOT_FOUND",
                "message": "There is no organization at this address.",
                "field": ["input", "organization"],
            }
        ],
    }


async def test_s02_a_closed_registration_is_told_as_such(world: World, clinic: Clinic) -> None:
    async def close(connection: AsyncConnection) -> None:
        await connection.execute(
            update(Organization)
            .where(Organization.slug == "riverside")
            .values(registration_open=False)
        )

    await world.database.write(close)
    assert (await world.do(ORGANIZATION, {"slug": "riverside"}))["registrationOpen"] is False

    async with world.unchanged():
        refused = await world.register("nora@home.example")

    assert refused == {
        "accepted": False,
        "userErrors": [
            {
                "code": "REGISTRATION_CLOSED",
                "message": "This organization takes no registrations here. Please ask its staff.",
                "field": ["input", "organization"],
            }
        ],
    }


async def test_s02_a_client_registers_with_one_organization_only(
    world: World, clinic: Clinic
) -> None:
    async with world.unchanged():
        abroad = await world.register(
            "nora@home.example", departmentId=clinic.ids["lakeside.mental"]
        )
    assert problems(abroad) == [("NOT_FOUND", "input.departmentId")]

    token = await world.registered(departmentId=clinic.ids["mental"])
    await world.confirm(token, "nora")

    pending = "{ clients(status: PENDING) { totalCount nodes { firstName } } }"
    here = await world.do(pending, token=clinic.token("olivia"))
    there = await world.do(pending, token=clinic.token("lakeside.olivia"))
    assert (here["totalCount"], there["totalCount"]) == (4, 3)
    assert "Nora" not in [one["firstName"] for one in there["nodes"]]


@pytest.mark.parametrize(
    ("form", "problem"),
    [
        ({"firstName": " "}, ("REQUIRED", "input.firstName")),
        ({"lastName": ""}, ("REQUIRED", "input.lastName")),
        ({"firstName": "x" * 101}, ("TOO_LONG", "input.firstName")),
        ({"firstName": "see https://evil.example"}, ("INVALID", "input.firstName")),
        ({"lastName": "New\ncomer"}, ("INVALID", "input.lastName")),
        ({"email": ""}, ("REQUIRED", "input.email")),
        ({"email": "nora"}, ("INVALID", "input.email")),
        ({"email": "nora@home.example, mallory@evil.example"}, ("INVALID", "input.email")),
        ({"email": "nora@home.example\nBcc: mallory@evil.example"}, ("INVALID", "input.email")),
        ({"dateOfBirth": "2026-11-24"}, ("INVALID", "input.dateOfBirth")),
        ({"dateOfBirth": "1899-12-31"}, ("INVALID", "input.dateOfBirth")),
        ({"phone": "call me"}, ("INVALID", "input.phone")),
        ({"departmentId": "dep_nonsense"}, ("NOT_FOUND", "input.departmentId")),
        ({"departmentId": ""}, ("NOT_FOUND", "input.departmentId")),
    ],
)
async def test_s02_a_form_that_is_not_right_names_the_field_and_registers_nobody(
    world: World, clinic: Clinic, form: dict[str, str], problem: tuple[str, str]
) -> None:
    async with world.unchanged():
        refused = await world.register(**{"email": "nora@home.example", **form})

    assert refused["accepted"] is False
    assert problems(refused) == [problem]


async def test_s02_all_that_is_wrong_with_a_form_is_told_at_once(
    world: World, clinic: Clinic
) -> None:
    async with world.unchanged():
        refused = await world.register("nora", firstName="", dateOfBirth="2100-01-01")

    assert problems(refused) == [
        ("REQUIRED", "input.firstName"),
        ("INVALID", "input.email"),
        ("INVALID", "input.dateOfBirth"),
    ]


@pytest.mark.parametrize("born", ["2001-02-31", "17.05.1990", "", None])
async def test_s02_an_impossible_date_is_no_input_at_all(
    world: World, clinic: Clinic, born: str | None
) -> None:
    form = {
        "organization": "riverside",
        "firstName": "Nora",
        "lastName": "Newcomer",
        "email": "nora@home.example",
        "dateOfBirth": born,
    }
    async with world.unchanged():
        answer = await world.ask(REGISTER, {"input": form})

    assert refusal(answer) == "BAD_USER_INPUT"


# S3: After the client completes the brief registration, an email confirmation is sent.


async def test_s03_exactly_one_letter_goes_to_the_registrant_and_none_to_staff(
    world: World, clinic: Clinic
) -> None:
    payload = await world.register("Nora.Newcomer@home.example", departmentId=clinic.ids["mental"])

    assert payload == {"accepted": True, "userErrors": []}
    letter = await world.only_mail("Nora.Newcomer@home.example")
    assert letter.subject == "Confirm your registration with Riverside Clinic"
    assert letter.link.startswith("https://portal.example/riverside/confirm#token=")
    assert "Hello Nora Newcomer" in letter.text
    assert "It ends on Thursday, 26 November 2026 at 12:00 UTC." in letter.text
    assert letter.link in letter.html.replace("&#43;", "+")


async def test_s03_the_letter_comes_from_the_portal_of_the_organization_registered_with(
    world: World, clinic: Clinic
) -> None:
    await world.register("nora@home.example", organization="lakeside")

    letter = await world.only_mail("nora@home.example")
    assert letter.link.startswith("https://portal.example/lakeside/confirm#token=")
    assert "Riverside" not in letter.text


# S4: Once the client clicks the email link to confirm their account, a notification of a pending
# client account that needs approval is sent via email to the organizational administrator(s),
# department administrator(s), and department care coordinator(s).


@pytest.mark.parametrize("department", ["mental", "family", "physio"])
async def test_s04_confirming_tells_everybody_who_may_approve_in_the_chosen_department_once(
    world: World, clinic: Clinic, department: str
) -> None:
    token = await world.registered(departmentId=clinic.ids[department])
    assert await world.count("clients") == 20

    payload = await world.confirm(token, "nora.newcomer")

    assert payload == {"username": "nora.newcomer", "status": "PENDING", "userErrors": []}
    assert await world.count("clients") == 21
    letters = await world.new_mail()
    # Once a person: twyla has two roles in mental. Not told are the opted-out (doris), inactive
    # (ina, ivan), practitioners (petra, pia in mental, paul, wes), and other departments' staff.
    assert [letter.to for letter in letters] == clinic.told(department)
    assert {letter.subject for letter in letters} == {
        "A new client awaits approval at Riverside Clinic"
    }


async def test_s04_those_who_are_told_find_the_client_behind_the_link(
    world: World, clinic: Clinic
) -> None:
    token = await world.registered(departmentId=clinic.ids["mental"])
    await world.confirm(token, "nora")

    letters = {letter.to: letter for letter in await world.new_mail()}
    newest = "{ clients(status: PENDING, orderBy: NEWEST) { nodes { id } } }"
    (id, *_) = [
        node["id"] for node in (await world.do(newest, token=clinic.token("carl")))["nodes"]
    ]
    assert f"https://portal.example/riverside/clients/{id}" in letters[clinic.email("carl")].text
    assert "Hello Carl Staff" in letters[clinic.email("carl")].text
    assert "Department: Mental Health" in letters[clinic.email("carl")].text


async def test_s04_somebody_new_who_has_no_credentials_yet_is_told_as_well(
    world: World, clinic: Clinic
) -> None:
    said = {
        "firstName": "New",
        "lastName": "Coordinator",
        "email": "new@riverside.example",
        "roles": [{"role": "CARE_COORDINATOR", "departmentId": clinic.ids["physio"]}],
    }
    document = """mutation ($input: StaffCreateInput!) {
      staffCreate(input: $input) { staff { status } userErrors { code } }
    }"""
    hired = await world.do(document, {"input": said}, clinic.token("olivia"))
    assert hired == {"staff": {"status": "ACTIVE"}, "userErrors": []}
    await world.only_mail("new@riverside.example")

    token = await world.registered(departmentId=clinic.ids["physio"])
    await world.confirm(token, "nora")

    told = [letter.to for letter in await world.new_mail()]
    assert told == ["new@riverside.example", *clinic.told("physio")]


async def test_s04_a_second_click_sends_nothing(world: World, clinic: Clinic) -> None:
    token = await world.registered(departmentId=clinic.ids["mental"])
    await world.confirm(token, "nora")
    assert len(await world.new_mail()) == 5

    async with world.unchanged():
        again = await world.confirm(token, "nora")
        as_another = await world.confirm(token, "nora2")

    assert again == as_another
    assert again == {
        "username": None,
        "status": None,
        "userErrors": [
            {
                "code": "LINK_USED",
                "message": "This link was used already: a link works once.",
                "field": ["input", "token"],
            }
        ],
    }


async def test_s04_twenty_clicks_at_once_make_one_client_and_one_round_of_letters(
    world: World, clinic: Clinic
) -> None:
    token = await world.registered(departmentId=clinic.ids["mental"])

    payloads = await asyncio.gather(*(world.confirm(token, "nora") for _ in range(20)))

    done = [payload for payload in payloads if not payload["userErrors"]]
    assert done == [{"username": "nora", "status": "PENDING", "userErrors": []}]
    assert [problems(payload) for payload in payloads if payload not in done] == [
        [("LINK_USED", "input.token")]
    ] * 19
    assert await world.count("clients") == 21
    assert [letter.to for letter in await world.new_mail()] == clinic.told("mental")


# S5: By default all Organizational Administrators, Department Administrators, and Care
# Coordinators will receive new client email notifications.


@pytest.mark.parametrize(
    "role", ["ORGANIZATION_ADMINISTRATOR", "DEPARTMENT_ADMINISTRATOR", "CARE_COORDINATOR"]
)
async def test_s05_new_staff_receive_notifications_unless_somebody_says_otherwise(
    world: World, clinic: Clinic, role: str
) -> None:
    department = None if role == "ORGANIZATION_ADMINISTRATOR" else clinic.ids["physio"]
    said = {
        "firstName": "New",
        "lastName": "Staff",
        "email": "new@riverside.example",
        "roles": [{"role": role, "departmentId": department}],
    }
    document = """mutation ($input: StaffCreateInput!) {
      staffCreate(input: $input) {
        staff { receiveNewClientNotifications } userErrors { code }
      }
    }"""

    hired = await world.do(document, {"input": said}, clinic.token("olivia"))

    assert hired == {"staff": {"receiveNewClientNotifications": True}, "userErrors": []}


async def test_s05_everybody_of_the_clinic_receives_them_but_who_opted_out(
    world: World, clinic: Clinic
) -> None:
    document = """{ staff(status: null, first: 100) {
      nodes { firstName receiveNewClientNotifications }
    } }"""

    staff = (await world.do(document, token=clinic.token("olivia")))["nodes"]

    assert len(staff) == 15
    assert [one["firstName"] for one in staff if not one["receiveNewClientNotifications"]] == [
        "Doris"
    ]


# S6: To disable these email notifications, edit the staff account and uncheck the box next to the
# field "Receive New Client Notifications".


async def test_s06_unchecking_the_box_stops_the_letters_to_this_person_only_and_can_be_undone(
    world: World, clinic: Clinic
) -> None:
    async def told(name: str) -> list[str]:
        token = await world.registered(f"{name}@home.example", departmentId=clinic.ids["mental"])
        await world.confirm(token, name)
        return [letter.to for letter in await world.new_mail()]

    async def check(box: bool) -> object:
        change = {"receiveNewClientNotifications": box}
        return await world.do(
            STAFF_UPDATE, {"id": clinic.ids["carl"], "input": change}, clinic.token("carl")
        )

    assert await told("first") == clinic.told("mental")

    assert await check(False) == {
        "staff": {"id": clinic.ids["carl"], "receiveNewClientNotifications": False},
        "userErrors": [],
    }
    assert await told("second") == clinic.told("mental")[1:]

    await check(True)
    assert await told("third") == clinic.told("mental")


async def test_s06_an_administrator_unchecks_it_for_staff_of_theirs(
    world: World, clinic: Clinic
) -> None:
    change = {"receiveNewClientNotifications": False}
    for who, whom in (("olivia", "oscar"), ("olivia", "fay"), ("dora", "carl"), ("dora", "twyla")):
        payload = await world.do(
            STAFF_UPDATE, {"id": clinic.ids[whom], "input": change}, clinic.token(who)
        )
        assert payload["userErrors"] == []
    assert await world.new_mail() == []

    token = await world.registered(departmentId=clinic.ids["mental"])
    await world.confirm(token, "nora")

    assert [letter.to for letter in await world.new_mail()] == [
        clinic.email("dora"),
        clinic.email("olivia"),
    ]


@pytest.mark.parametrize(
    ("who", "whom", "message"),
    [
        ("dora", "petra", "This staff member also works outside your departments."),
        ("dora", "pia", "This staff member also works outside your departments."),
        ("carl", "dora", "Only administrators can change staff."),  # a Care Coordinator reads them
        ("carl", "petra", "Only administrators can change staff."),
        ("dora", "fay", None),
        ("dora", "olivia", None),
        ("dora", "lakeside.dora", None),
        ("paul", "pia", None),
        ("norma", "paul", None),
        ("olivia", "lakeside.olivia", None),
    ],
)
async def test_s06_nobody_unchecks_it_for_others_staff(
    world: World, clinic: Clinic, who: str, whom: str, message: str | None
) -> None:
    change = {"receiveNewClientNotifications": False}

    async with world.unchanged():
        payload = await world.do(
            STAFF_UPDATE, {"id": clinic.ids[whom], "input": change}, clinic.token(who)
        )

    if message:
        member = {"id": clinic.ids[whom], "receiveNewClientNotifications": True}
        error = {"code": "OUT_OF_SCOPE", "message": message, "field": ["id"]}
    else:
        member = None
        error = {"code": "NOT_FOUND", "message": "There is no such staff member.", "field": ["id"]}
    assert payload == {"staff": member, "userErrors": [error]}


@pytest.mark.parametrize(
    ("who", "code"), [("amy", "FORBIDDEN"), ("chloe", "FORBIDDEN"), (None, "UNAUTHENTICATED")]
)
async def test_s06_clients_and_strangers_uncheck_nothing(
    world: World, clinic: Clinic, who: str | None, code: str
) -> None:
    change = {"receiveNewClientNotifications": False}

    async with world.unchanged():
        answer = await world.ask(
            STAFF_UPDATE,
            {"id": clinic.ids["carl"], "input": change},
            clinic.token(who) if who else None,
        )

    assert refusal(answer) == code


async def test_s06_the_box_cannot_be_null(world: World, clinic: Clinic) -> None:
    async with world.unchanged():
        payload = await world.do(
            STAFF_UPDATE,
            {"id": clinic.ids["carl"], "input": {"receiveNewClientNotifications": None}},
            clinic.token("carl"),
        )

    assert problems(payload) == [("REQUIRED", "input.receiveNewClientNotifications")]


async def test_s06_who_is_not_told_may_approve_all_the_same(world: World, clinic: Clinic) -> None:
    token = await world.registered(departmentId=clinic.ids["mental"])
    await world.confirm(token, "nora")
    assert clinic.email("doris") not in [letter.to for letter in await world.new_mail()]

    newest = "{ clients(status: PENDING, orderBy: NEWEST, first: 1) { nodes { id } } }"
    (nora,) = (await world.do(newest, token=clinic.token("doris")))["nodes"]
    payload = await world.approve(nora["id"], clinic.token("doris"))

    assert payload["userErrors"] == []
    assert payload["client"]["status"] == "ACTIVE"
