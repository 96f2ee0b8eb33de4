"""Option 2: a staff member creates the client (S10 to S14, D5, D10, D13, D20, D28)."""

from typing import Any

import pytest

from tests.stories.asking import (
    CLIENT_UPDATE,
    CREATE,
    DEACTIVATE,
    REINVITE,
    met,
    nobody_else,
    pairs,
    refused,
)
from tests.world import LINK, RESEND, Clinic, Json, World, problems

ADDRESS = "nell@home.example"


def form(clinic: Clinic, department: str | None = "mental", **more: Any) -> Json:
    """The form of "Create New", with what is not said filled in."""
    said = {
        "firstName": "Nell",
        "lastName": "New",
        "email": ADDRESS,
        "dateOfBirth": "1984-02-29",
        **more,
    }
    return said | ({"departmentId": clinic.ids.get(department, department)} if department else {})


async def create(
    world: World, clinic: Clinic, who: str, department: str | None = "mental", **more: Any
) -> Any:
    """The payload of `clientCreate`."""
    return await world.do(CREATE, {"input": form(clinic, department, **more)}, clinic.token(who))


# S10: A staff member with one of these roles clicks "Create New" on the Clients tab.


@pytest.mark.parametrize(
    ("who", "department"),
    [
        ("olivia", "physio"),
        ("dora", "mental"),
        ("carl", "mental"),
        ("fred", "family"),
        ("pia", "physio"),
    ],
)
async def test_s10_managers_create_clients(
    world: World, clinic: Clinic, who: str, department: str
) -> None:
    payload = await create(world, clinic, who, department, phone=" +1 555 0199 ")

    names = {"family": "Family Medicine", "mental": "Mental Health", "physio": "Physiotherapy"}
    assert payload["userErrors"] == []
    id = payload["client"].pop("id")
    assert payload["client"] == {
        "status": "ACTIVE",
        "onboardingState": "AWAITING_CREDENTIALS",
        "firstName": "Nell",
        "lastName": "New",
        "email": ADDRESS,
        "phone": "+1 555 0199",
        "dateOfBirth": "1984-02-29",
        "username": None,
        "department": {"name": names[department]},
        # A client made by staff counts as approved by its maker (D20).
        "approvedBy": {"displayName": "Olivia Hart" if who == "olivia" else f"{who.title()} Staff"},
        "associations": [],
    }
    page = await world.do("{ clients { nodes { id } } }", token=clinic.token(who))
    assert {"id": id} in page["nodes"]


@nobody_else
async def test_s10_nobody_else_creates_clients(
    world: World, clinic: Clinic, who: str | None, code: str
) -> None:
    assert await refused(world, clinic, who, CREATE, {"input": form(clinic)}) == code


async def test_s10_nobody_creates_clients_on_the_app(world: World, clinic: Clinic) -> None:
    async with world.unchanged():
        answer = await world.ask(CREATE, {"input": form(clinic)}, clinic.token("dora", "APP"))

    assert answer["errors"][0]["extensions"]["code"] == "FORBIDDEN"


# S11: Fill in the required fields: First Name, Last Name, Email and DOB.


@pytest.mark.parametrize("missing", ["firstName", "lastName", "email", "dateOfBirth"])
async def test_s11_what_is_required_is_not_left_out(
    world: World, clinic: Clinic, missing: str
) -> None:
    without = {name: value for name, value in form(clinic).items() if name != missing}
    for input in (without, without | {missing: None}):
        async with world.unchanged():
            answer = await world.ask(CREATE, {"input": input}, clinic.token("dora"))
        assert answer["errors"][0]["extensions"]["code"] == "BAD_USER_INPUT"
        assert "data" not in answer


@pytest.mark.parametrize(
    "date", ["1984-02-31", "1983-02-29", "31.01.1984", "yesterday", "", "1984-13-01", 1984]
)
async def test_s11_an_impossible_date_is_no_input_at_all(
    world: World, clinic: Clinic, date: str | int
) -> None:
    async with world.unchanged():
        answer = await world.ask(
            CREATE, {"input": form(clinic, dateOfBirth=date)}, clinic.token("dora")
        )

    assert answer["errors"][0]["extensions"]["code"] == "BAD_USER_INPUT"


async def test_s11_every_field_that_is_not_right_is_named_and_there_is_no_client(
    world: World, clinic: Clinic
) -> None:
    for more, expected in (
        ({"firstName": " ", "lastName": ""}, [("REQUIRED", "firstName"), ("REQUIRED", "lastName")]),
        (
            {"email": "not an address", "dateOfBirth": "2026-11-24"},
            [("INVALID", "email"), ("INVALID", "dateOfBirth")],
        ),
        (
            {"email": "", "dateOfBirth": "1899-12-31", "phone": "call me"},
            [("REQUIRED", "email"), ("INVALID", "dateOfBirth"), ("INVALID", "phone")],
        ),
        ({"firstName": "x" * 101}, [("TOO_LONG", "firstName")]),
        ({"email": "AMY@riverside.example"}, [("TAKEN", "email")]),
    ):
        async with world.unchanged():
            payload = await create(world, clinic, "dora", **more)
        assert payload["client"] is None
        assert problems(payload) == [(code, f"input.{field}") for code, field in expected]


@pytest.mark.parametrize("date", ["1900-01-01", "2026-11-23"])
async def test_s11_from_1900_to_today_everybody_was_born(
    world: World, clinic: Clinic, date: str
) -> None:
    payload = await create(world, clinic, "dora", dateOfBirth=date, phone=None)

    assert payload["userErrors"] == []
    assert payload["client"]["dateOfBirth"] == date
    assert payload["client"]["phone"] is None


# D10: The department of a new client.


async def test_d10_the_only_department_of_who_creates_is_the_default(
    world: World, clinic: Clinic
) -> None:
    for who, organization, expected in (
        ("dora", "riverside", "Mental Health"),
        ("pia", "riverside", "Physiotherapy"),
        ("solo.olivia", "solo", "General Practice"),
        ("solo.dora", "solo", "General Practice"),
    ):
        payload = await create(world, clinic, who, None, email=f"x{who}@{organization}.example")
        assert payload["userErrors"] == []
        assert payload["client"]["department"] == {"name": expected}


async def test_d10_who_has_several_chooses_one_and_is_told_which(
    world: World, clinic: Clinic
) -> None:
    async with world.unchanged():
        payload = await create(world, clinic, "olivia", None)

    assert payload["client"] is None
    assert payload["userErrors"] == [
        {
            "code": "DEPARTMENT_REQUIRED",
            "message": "Choose the client's department.",
            "field": ["input", "departmentId"],
            "choices": [
                {"id": clinic.ids["family"], "name": "Family Medicine"},
                {"id": clinic.ids["mental"], "name": "Mental Health"},
                {"id": clinic.ids["physio"], "name": "Physiotherapy"},
            ],
        }
    ]


async def test_d10_others_create_in_departments_of_theirs_only(
    world: World, clinic: Clinic
) -> None:
    for who, department, code in (
        ("dora", "family", "OUT_OF_SCOPE"),
        ("pia", "mental", "OUT_OF_SCOPE"),  # where she is a practitioner
        ("dora", "lakeside.mental", "NOT_FOUND"),
        ("olivia", "lakeside.mental", "NOT_FOUND"),
        ("olivia", "nonsense", "NOT_FOUND"),
        ("olivia", "amy", "NOT_FOUND"),
    ):
        async with world.unchanged():
            payload = await create(world, clinic, who, department)
        assert problems(payload) == [(code, "input.departmentId")]


# S12: Assign the client to any practitioners they might need to connect with.


async def test_s12_a_new_client_is_assigned_to_any_number_of_practitioners(
    world: World, clinic: Clinic
) -> None:
    named = pairs(clinic, "practitionerId", ("petra", "family"), ("pia", None), ("paul", "physio"))

    payload = await create(world, clinic, "olivia", "family", associations=named)

    assert payload["userErrors"] == []
    assert payload["client"]["associations"] == [
        {"practitioner": {"firstName": "Petra"}, "department": {"name": "Family Medicine"}},
        {"practitioner": {"firstName": "Pia"}, "department": {"name": "Mental Health"}},
        {"practitioner": {"firstName": "Paul"}, "department": {"name": "Physiotherapy"}},
    ]


# S13: Click "Create": one transaction.


@pytest.mark.parametrize(
    ("who", "named", "expected"),
    [
        ("dora", ("petra", "family"), ("OUT_OF_SCOPE", "departmentId")),
        ("dora", ("paul", None), ("NOT_FOUND", "practitionerId")),
        ("dora", ("carl", None), ("NOT_A_PRACTITIONER", "practitionerId")),
        ("olivia", ("carl", "mental"), ("NOT_A_PRACTITIONER", "departmentId")),
        ("olivia", ("petra", None), ("DEPARTMENT_REQUIRED", "departmentId")),
        ("olivia", ("lakeside.petra", None), ("NOT_FOUND", "practitionerId")),
        ("olivia", ("pia", "mental"), ("INVALID", "practitionerId")),
    ],
)
async def test_s13_one_invalid_part_means_no_client_no_association_no_letter(
    world: World,
    clinic: Clinic,
    who: str,
    named: tuple[str, str | None],
    expected: tuple[str, str],
) -> None:
    # An open registration of the address is not ended either.
    await world.registered(ADDRESS, departmentId=clinic.ids["mental"])
    associations = pairs(clinic, "practitionerId", ("pia", "mental"), named)

    async with world.unchanged():
        payload = await create(world, clinic, who, associations=associations)

    assert payload["client"] is None
    code, field = expected
    assert problems(payload) == [(code, f"input.associations.1.{field}")]


async def test_s13_creating_ends_open_registrations_of_the_address(
    world: World, clinic: Clinic
) -> None:
    token = await world.registered(ADDRESS, departmentId=clinic.ids["mental"])

    await create(world, clinic, "fay", "family")

    assert await world.link_state(token) == "SUPERSEDED"
    await world.only_mail(ADDRESS)
    async with world.unchanged():
        assert problems(await world.confirm(token, "nell")) == [("LINK_SUPERSEDED", "input.token")]


# S14: An automatic email with a link to define their username and password goes to the client.


async def test_s14_the_new_client_is_mailed_a_link_to_define_username_and_password(
    world: World, clinic: Clinic
) -> None:
    await create(world, clinic, "dora")

    letter = await world.only_mail(ADDRESS)
    assert letter.subject == "Your new account with Riverside Clinic"
    assert "Hello Nell New" in letter.text
    assert letter.link.startswith("https://portal.example/riverside/invitation#token=")
    assert await world.do(LINK, {"token": letter.token}) == {
        "state": "VALID",
        "purpose": "DEFINE_CREDENTIALS",
        "organizationName": "Riverside Clinic",
        "expiresAt": "2026-11-30T12:00:00+00:00",
    }
    async with world.unchanged():
        for surface in ("PORTAL", "APP"):
            payload = await world.login("nell", surface)
            assert problems(payload) == [("INVALID_CREDENTIALS", None)]

    accepted = await world.accept(letter.token, "nell")
    assert accepted == {"username": "nell", "status": "ACTIVE", "userErrors": []}
    for surface in ("PORTAL", "APP"):
        assert (await world.login("nell", surface))["userErrors"] == []
    async with world.unchanged():
        again = await world.accept(letter.token, "nell2")
    assert problems(again) == [("LINK_USED", "input.token")]
    # Nobody has to approve (S34), and nobody is told of it.
    assert await world.new_mail() == []


async def test_s14_credentials_that_are_not_good_leave_the_link_as_it_was(
    world: World, clinic: Clinic
) -> None:
    await create(world, clinic, "dora")
    token = (await world.only_mail(ADDRESS)).token

    async with world.unchanged():
        for username, password, expected in (
            ("nell", "short", ("PASSWORD_TOO_WEAK", "input.password")),
            ("nell", "passwordpassword", ("PASSWORD_TOO_WEAK", "input.password")),
            ("nell@home.example", None, ("INVALID", "input.username")),
            ("AMY", None, ("TAKEN", "input.username")),
        ):
            said = {"password": password} if password else {}
            assert problems(await world.accept(token, username, **said)) == [expected]
    assert await world.link_state(token) == "VALID"


async def test_s14_an_expired_invitation_is_sent_again(world: World, clinic: Clinic) -> None:
    await create(world, clinic, "dora")
    first = (await world.only_mail(ADDRESS)).token
    world.clock.advance(days=7)
    async with world.unchanged():
        late = await world.accept(first, "nell")
    assert problems(late) == [("LINK_EXPIRED", "input.token")]

    assert await world.do(RESEND, {"token": first}) == {"accepted": True, "userErrors": []}

    second = (await world.only_mail(ADDRESS)).token
    assert (await world.accept(second, "nell"))["userErrors"] == []


# D5: Invited, never answered.


@pytest.mark.parametrize("who", ["olivia", "fay", "fred"])
async def test_d05_staff_send_the_invitation_again_until_credentials_are_set(
    world: World, clinic: Clinic, who: str
) -> None:
    first = await world.do(REINVITE, {"id": clinic.ids["una"]}, clinic.token(who))
    earlier = (await world.new_mail())[-1].token
    second = await world.do(REINVITE, {"id": clinic.ids["una"]}, clinic.token(who))

    assert first == second == {"client": {"id": clinic.ids["una"]}, "userErrors": []}
    letter = await world.only_mail("una@riverside.example")
    assert letter.subject == "Your new account with Riverside Clinic"
    assert await world.link_state(earlier) == "SUPERSEDED"
    await world.accept(letter.token, "una")
    async with world.unchanged():
        late = await world.do(REINVITE, {"id": clinic.ids["una"]}, clinic.token(who))
    assert late["userErrors"] == [
        {
            "code": "ALREADY_ONBOARDED",
            "message": "The client has a username and a password already.",
            "field": ["id"],
            "choices": None,
        }
    ]
    assert late["client"] == {"id": clinic.ids["una"]}


async def test_d05_the_invitation_of_others_clients_and_of_the_inactive_is_not_sent(
    world: World, clinic: Clinic
) -> None:
    await world.do(DEACTIVATE, {"id": clinic.ids["una"]}, clinic.token("fay"))
    async with world.unchanged():
        for who, name, code in (
            ("dora", "una", "NOT_FOUND"),
            ("dora", "bea", "OUT_OF_SCOPE"),  # in reach by her association in mental
            ("olivia", "lakeside.una", "NOT_FOUND"),
            ("olivia", "nonsense", "NOT_FOUND"),
            ("fay", "una", "NOT_ACTIVE"),
        ):
            variables = {"id": clinic.ids.get(name, name)}
            payload = await world.do(REINVITE, variables, clinic.token(who))
            assert problems(payload) == [(code, "id")], (who, name)


@nobody_else
async def test_d05_nobody_else_sends_it_again(
    world: World, clinic: Clinic, who: str | None, code: str
) -> None:
    assert await refused(world, clinic, who, REINVITE, {"id": clinic.ids["una"]}) == code


# D28: Staff may correct an address while credentials are not set.


async def test_d28_staff_correct_an_address_until_credentials_are_set(
    world: World, clinic: Clinic
) -> None:
    await world.do(REINVITE, {"id": clinic.ids["una"]}, clinic.token("fay"))
    old = (await world.new_mail())[-1].token
    await world.do(
        CLIENT_UPDATE,
        {"id": clinic.ids["una"], "input": {"phone": "1 23 45"}},
        clinic.token("fay"),
    )
    assert await world.new_mail() == []
    assert await world.link_state(old) == "VALID"

    payload = await world.do(
        CLIENT_UPDATE,
        {"id": clinic.ids["una"], "input": {"email": "Una@home.example"}},
        clinic.token("fay"),
    )

    assert payload["userErrors"] == []
    assert payload["client"]["email"] == "Una@home.example"
    # the link of the wrong address is dead, and the right one gets a new invitation (D3)
    assert await world.link_state(old) == "SUPERSEDED"
    letter = await world.only_mail("Una@home.example")
    assert (await world.accept(letter.token, "una"))["userErrors"] == []
    async with world.unchanged():
        locked = await world.do(
            CLIENT_UPDATE,
            {"id": clinic.ids["una"], "input": {"firstName": "U", "email": "u@home.example"}},
            clinic.token("fay"),
        )
    assert locked["userErrors"] == [
        {
            "code": "EMAIL_LOCKED",
            "message": "Only the client can change an address that they sign in with.",
            "field": ["input", "email"],
            "choices": None,
        }
    ]
    async with world.unchanged():
        for email, code in (("amy@RIVERSIDE.example", "EMAIL_LOCKED"), ("nonsense", "INVALID")):
            payload = await world.do(
                CLIENT_UPDATE,
                {"id": clinic.ids["ben"], "input": {"email": email}},
                clinic.token("fay"),
            )
            assert problems(payload) == [(code, "input.email")]


async def test_d28_an_address_is_not_corrected_to_somebody_else_s(
    world: World, clinic: Clinic
) -> None:
    async with world.unchanged():
        payload = await world.do(
            CLIENT_UPDATE,
            {"id": clinic.ids["una"], "input": {"email": "AMY@riverside.example"}},
            clinic.token("fay"),
        )
    assert problems(payload) == [("TAKEN", "input.email")]
    assert await met(world, clinic, "una") == []
