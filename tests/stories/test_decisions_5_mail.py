"""Letters: when they go, and what stands in them; the first organization (D4, D22, D23, D26)."""

import asyncio
import datetime as dt
from pathlib import Path

import pytest

from resolvers import Founding, create_organization
from tests.crash.programs import environment, run
from tests.mailbox import Fault, Mailbox
from tests.world import LINK, PUBLIC_URL, SECRET, SENDER, Clinic, Mail, World

HIRE = """mutation ($input: StaffCreateInput!) {
  staffCreate(input: $input) { staff { id } userErrors { code } }
}"""


# D4: A client made by staff is active, and awaits credentials.


async def test_d04_a_client_made_by_staff_is_active_and_awaits_credentials(
    world: World, clinic: Clinic
) -> None:
    document = """query ($id: ID!) { client(id: $id) { status onboardingState username } }"""
    una = {"id": clinic.ids["una"]}
    before = await world.do(document, una, clinic.token("fay"))
    await world.register("una@riverside.example")  # which sends the invitation again (D5)
    token = (await world.only_mail("una@riverside.example")).token

    await world.accept(token, "una.u")

    after = await world.do(document, una, clinic.token("fay"))
    assert before == {
        "status": "ACTIVE",
        "onboardingState": "AWAITING_CREDENTIALS",
        "username": None,
    }
    assert after == {"status": "ACTIVE", "onboardingState": "COMPLETE", "username": "una.u"}
    assert await world.new_mail() == []


# D22: Mail trouble never fails or delays a mutation.


async def test_d22_a_letter_is_tried_within_a_second_of_its_mutation(
    world: World, clinic: Clinic, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The mutation itself wakes the courier, which looks by itself but once an hour here."""
    monkeypatch.setattr("mailer.courier.POLL_SECONDS", 3600)
    world.service.courier.wake()
    await asyncio.sleep(0.2)

    await world.register("nora@home.example")

    await world.mailbox.wait(to="nora@home.example")


async def test_d22_a_mail_server_that_refuses_for_now_delays_nothing_and_loses_nothing(
    world: World, clinic: Clinic
) -> None:
    token = await world.registered(departmentId=clinic.ids["mental"])
    for name in ("olivia", "dora"):
        world.mailbox.faults[clinic.email(name)] = Fault.LATER

    assert (await world.confirm(token, "nora"))["userErrors"] == []

    told = [letter.to for letter in await world.new_mail()]
    assert told == [clinic.email(name) for name in ("carl", "oscar", "twyla")]
    world.mailbox.faults.clear()
    world.clock.advance(hours=1)
    await world.service.courier.deliver_due()
    late = [letter.to for letter in await world.new_mail()]
    assert late == [clinic.email("dora"), clinic.email("olivia")]
    world.clock.advance(days=30)
    await world.service.courier.deliver_due()
    assert await world.new_mail() == []


async def test_d22_a_mail_server_that_never_answers_delays_no_mutation_and_no_other_letter(
    world: World, clinic: Clinic
) -> None:
    world.mailbox.faults["slow@home.example"] = Fault.HANG
    await world.register("slow@home.example")

    payload = await world.register("nora@home.example")
    await world.mailbox.wait(to="nora@home.example", timeout=20)

    assert payload["accepted"] is True
    assert world.mailbox.to("slow@home.example") == []
    world.mailbox.faults.clear()
    for connection in list(world.mailbox._connections):
        connection.cut()
    await world.settled()
    world.clock.advance(hours=1)
    await world.service.courier.deliver_due()
    assert len(await world.mail("slow@home.example")) == 1


async def test_d22_every_retry_carries_the_same_working_link(world: World, clinic: Clinic) -> None:
    # The letter arrives, but the courier never learns.
    world.mailbox.upcoming.append(Fault.CUT_AFTER)
    await world.register("nora@home.example")
    await world.settled()
    world.clock.advance(hours=1)
    await world.service.courier.deliver_due()

    first, second = await world.mail("nora@home.example")
    assert first.message["Message-ID"] == second.message["Message-ID"]
    assert first.link == second.link
    assert (await world.confirm(first.token, "nora"))["userErrors"] == []


# D23: Mail contents.


async def everything_mailed(world: World, clinic: Clinic) -> dict[str, Mail]:
    """One letter of every kind, by its name, as a whole journey brings them."""
    token = await world.registered("nora@home.example", departmentId=clinic.ids["mental"])
    confirm = (await world.mail("nora@home.example"))[-1]
    await world.confirm(token, "nora.secret.name")
    await world.register("nora@home.example")
    await world.register("una@riverside.example")
    newest = "{ clients(status: PENDING, orderBy: NEWEST, first: 1) { nodes { id } } }"
    (nora,) = (await world.do(newest, token=clinic.token("dora")))["nodes"]
    await world.settled()  # of what is approved at once, nobody is told first
    await world.approve(nora["id"], clinic.token("dora"))
    said = {
        "firstName": "Nils",
        "lastName": "Newhire",
        "email": "nils@riverside.example",
        "roles": [{"role": "PRACTITIONER", "departmentId": clinic.ids["physio"]}],
    }
    await world.do(HIRE, {"input": said}, clinic.token("olivia"))
    to_nora = {mail.subject: mail for mail in await world.mail("nora@home.example")}
    return {
        "confirm_registration": confirm,
        "already_registered": to_nora["You already have an account with Riverside Clinic"],
        "client_approved": to_nora["Your account with Riverside Clinic is approved"],
        "client_awaits_approval": (await world.mail(clinic.email("dora")))[0],
        "client_invitation": (await world.mail("una@riverside.example"))[0],
        "staff_invitation": (await world.mail("nils@riverside.example"))[0],
    }


async def test_d23_every_letter_says_who_writes_to_whom_and_whom_to_ask(
    world: World, clinic: Clinic
) -> None:
    greeted = {
        "confirm_registration": "Nora Newcomer",
        "already_registered": "Nora Newcomer",
        "client_approved": "Nora Newcomer",
        "client_awaits_approval": "Dora Staff",
        "client_invitation": "Una Client",
        "staff_invitation": "Nils Newhire",
    }
    ends = {
        "confirm_registration": "Thursday, 26 November 2026 at 12:00 UTC",
        "client_invitation": "Monday, 30 November 2026 at 12:00 UTC",
        "staff_invitation": "Monday, 30 November 2026 at 12:00 UTC",
    }
    for name, letter in (await everything_mailed(world, clinic)).items():
        message = letter.message
        assert message["From"] == f"Riverside Clinic <{SENDER}>"
        assert message["Reply-To"] == "olivia@riverside.example"
        assert letter.to in message["To"]
        assert message["Cc"] is None and message["Bcc"] is None
        for body in (letter.text, letter.html):
            assert f"Hello {greeted[name]}" in body, name
            assert "Riverside Clinic" in body
            assert "olivia@riverside.example" in body
            assert "https://portal.example/riverside/" in body
            assert (ends[name] in body) if name in ends else ("It ends" not in body)
        assert ("#token=" in letter.text) is (name in ends)


async def test_d23_no_letter_has_other_personal_data_and_staff_are_not_told_who_the_client_is(
    world: World, clinic: Clinic
) -> None:
    letters = await everything_mailed(world, clinic)

    for name, letter in letters.items():
        whole = letter.message.as_string() + letter.text + letter.html
        for secret in ("1990", "17 May", "555 0", "nora.secret.name", "seven herons", "Password:"):
            assert secret not in whole, (name, secret)
    staffs = letters["client_awaits_approval"]
    whole = (staffs.message.as_string() + staffs.text + staffs.html).lower()
    for word in ("nora", "newcomer", "home.example"):
        assert word not in whole


async def test_d23_no_link_is_built_from_the_request_s_host_header(
    world: World, clinic: Clinic
) -> None:
    form = {
        "organization": "riverside",
        "firstName": "Nora",
        "lastName": "Newcomer",
        "email": "nora@home.example",
        "dateOfBirth": "1990-05-17",
    }
    document = """mutation ($input: ClientRegisterInput!) {
      clientRegister(input: $input) { accepted }
    }"""

    answer = await world.http.post(
        "/graphql",
        json={"query": document, "variables": {"input": form}},
        headers={
            "host": "other.example",
            "x-forwarded-host": "other.example",
            "origin": "https://other.example",
            "referer": "https://other.example/",
        },
    )

    assert answer.json()["data"] == {"clientRegister": {"accepted": True}}
    letter = await world.only_mail("nora@home.example")
    assert letter.link.startswith(f"{PUBLIC_URL}/riverside/confirm#token=")
    assert "other.example" not in letter.message.as_string() + letter.text + letter.html


# D26: The first organization is made at the command line.


async def test_d26_the_command_line_makes_an_organization_its_department_and_its_administrator(
    url: str, mailbox: Mailbox, tmp_path: Path
) -> None:
    command = [
        *("--name", "Hilltop Clinic", "--slug", "hilltop", "--department", "General"),
        *("--admin-email", "ada@hilltop.example"),
        *("--admin-first-name", "Ada", "--admin-last-name", "Admin"),
    ]
    env = environment(url, mailbox, SECRET_KEY=SECRET)

    async def create(*arguments: str) -> tuple[int, str, str]:
        ended = await run("create-organization", *arguments, env=env, folder=tmp_path)
        return ended.status, ended.said, ended.complained

    said = "Hilltop Clinic is at https://portal.example/hilltop; a letter went to %s.\n"
    assert await create(*command) == (0, said % "ada@hilltop.example", "")

    async with World(url, mailbox) as world:
        world.clock.now = dt.datetime.now(dt.UTC)
        letter = await world.only_mail("ada@hilltop.example")
        assert letter.subject == "Your staff account with Hilltop Clinic"
        assert (await world.do(LINK, {"token": letter.token}))["state"] == "VALID"
        assert (await world.accept(letter.token, "ada"))["userErrors"] == []
        ada = await world.sign_in("ada", "PORTAL", "hilltop")
        viewer = await world.do(
            """{ viewer {
              organization { name slug contactEmail registrationOpen }
              staff { displayName roles { role department { name } } }
            } }""",
            token=ada,
        )
        assert viewer == {
            "organization": {
                "name": "Hilltop Clinic",
                "slug": "hilltop",
                "contactEmail": "ada@hilltop.example",
                "registrationOpen": True,
            },
            "staff": {
                "displayName": "Ada Admin",
                "roles": [{"role": "ORGANIZATION_ADMINISTRATOR", "department": None}],
            },
        }
        departments = await world.do("{ departments { name active } }", token=ada)
        assert departments == [{"name": "General", "active": True}]

        # The same slug again, or one of the server's own paths (D34): nothing happens.
        async with world.unchanged():
            again = await create(*command)
            command[3] = "graphql"
            reserved = await create(*command)
    assert again == (2, "", "--slug: An organization has this slug already.\n")
    assert reserved == (2, "", "--slug: This name is the server's own.\n")


@pytest.mark.parametrize("fault", [Fault.LATER, Fault.CUT])
async def test_d26_the_letter_of_a_new_organization_survives_mail_trouble(
    empty_world: World, fault: Fault
) -> None:
    world = empty_world
    world.mailbox.upcoming.append(fault)

    await create_organization(
        world.service.anonymous(),
        Founding("Hilltop Clinic", "hilltop", "General", "ada@hilltop.example", "Ada", "Admin"),
    )

    assert await world.new_mail() == []
    world.clock.advance(hours=1)
    await world.service.courier.deliver_due()
    assert (await world.only_mail("ada@hilltop.example")).token
