"""The Clients menu: the seed's steps, by links and forms (`S8` to `S15`, `S21` to `S34`)."""

import itertools

import pytest

from tests.pages.browsing import Browser
from tests.stories.asking import (
    CLIENT_UPDATE,
    FROM_CLIENT,
    REJECT,
    STAFF_DEACTIVATE,
    met,
    record,
)
from tests.world import PASSWORD, Clinic, World

FINN = {
    "firstName": "Finn",
    "lastName": "Fischer",
    "email": "finn@home.example",
    "dateOfBirth": "1991-07-30",
}


def pair(clinic: Clinic, who: str) -> str:
    """The select that says where somebody meets the other."""
    return f"pair.{clinic.ids[who]}.now"


def names(browser: Browser) -> list[str]:
    """The people of the list on the page."""
    return [link for link, where in browser.page.links.items() if "/clients/cli_" in where]


# --- lists --------------------------------------------------------------------------------------


async def test_s29_s30_s31_the_list_opens_on_active_and_a_drop_down_shows_the_others(
    browser: Browser, clinic: Clinic
) -> None:
    await browser.sign_in("olivia")
    await browser.follow("Clients")
    assert "Active clients" in browser.text
    assert names(browser) == [f"Client, {name}" for name in ("Amy", "Bea", "Ben", "Cleo", "Una")]
    (show,) = [form for form in browser.page.forms if "status" in form.options]
    assert list(show.options["status"]) == ["Active", "Inactive", "Pending"]
    for status, expected in [("INACTIVE", ["Gil"]), ("PENDING", ["Chloe", "Dan", "Phil"])]:
        await browser.open(f"{show.action}?status={status}")
        assert names(browser) == [f"Client, {name}" for name in expected]


async def test_d7_a_department_administrator_sees_their_own(
    browser: Browser, clinic: Clinic
) -> None:
    await browser.sign_in("dora")
    await browser.open("/riverside/clients?status=PENDING")
    assert names(browser) == ["Client, Chloe"]
    await browser.open(f"/riverside/clients/{clinic.ids['phil']}", 404)
    assert "There is no such page, or it is not for you to see." in browser.text


async def test_a_list_is_searched_and_read_page_by_page(
    browser: Browser, world: World, clinic: Clinic
) -> None:
    create = """mutation ($input: ClientCreateInput!) {
      clientCreate(input: $input) { userErrors { code } }
    }"""
    for number in range(60):
        said = FINN | {"email": f"finn{number}@home.example", "lastName": f"Fischer {number:02}"}
        said |= {"departmentId": clinic.ids["family"]}
        await world.do(create, {"input": said}, clinic.token("olivia"))
    await browser.sign_in("olivia")
    await browser.open("/riverside/clients?find=fischer")
    pages = [names(browser)]
    assert "← Previous" not in browser.page.links
    while "Next →" in browser.page.links:
        await browser.follow("Next →")
        pages.append(names(browser))
    assert [len(page) for page in pages] == [25, 25, 10]
    assert [*itertools.chain(*pages)] == [f"Fischer {number:02}, Finn" for number in range(60)]
    await browser.follow("← Previous")
    assert names(browser) == pages[1]
    await browser.follow("Next →")
    assert names(browser) == pages[2]
    await browser.open("/riverside/clients?find=nobody")
    assert "No active client is found by “nobody”." in browser.text


@pytest.mark.parametrize("people", ["clients", "staff"])
async def test_an_address_that_says_nothing_of_a_list_shows_what_one_without_it_shows(
    browser: Browser, clinic: Clinic, people: str
) -> None:
    await browser.sign_in("olivia")
    await browser.open(f"/riverside/{people}")
    shown = browser.text
    assert f"Active {people}" in shown
    await browser.open(f"/riverside/{people}?status=&find=&last=")
    assert browser.text == shown


@pytest.mark.parametrize("query", ["status=NONE", "last=x", "after=nothing"])
async def test_an_address_that_is_not_ours_says_so(
    browser: Browser, clinic: Clinic, query: str
) -> None:
    await browser.sign_in("olivia")
    await browser.open(f"/riverside/clients?{query}", 400)
    assert "This address, or this form, is not one of ours." in browser.text or (
        "This address is not one of ours." in browser.text
    )


@pytest.mark.parametrize("who", ["petra", "norma", "amy"])
async def test_s1_nobody_else_comes_in(browser: Browser, clinic: Clinic, who: str) -> None:
    await browser.sign_in(who)
    for path in ("clients", "clients/new", f"clients/{clinic.ids['amy']}", "staff", "departments"):
        await browser.open(f"/riverside/{path}", 403)
        assert "this is not for you to see or do" in browser.text


async def test_who_is_not_signed_in_is_led_to_signing_in_and_back(
    browser: Browser, clinic: Clinic
) -> None:
    path = f"/riverside/clients/{clinic.ids['chloe']}"
    await browser.open(path)
    assert browser.path == "/riverside/login"
    await browser.send("sign-in", username="dora", password=PASSWORD)
    assert browser.path == path


async def test_what_of_a_list_was_asked_for_is_shown_after_signing_in(
    browser: Browser, clinic: Clinic
) -> None:
    await browser.open("/riverside/clients?status=PENDING&find=zo%C3%AB+%2F%2F%26&done=sign-out")
    assert browser.path == "/riverside/login"
    await browser.send("sign-in", username="dora", password=PASSWORD)
    assert browser.path == "/riverside/clients"
    assert "No pending client is found by “zoë //&”." in browser.text
    assert "You have signed out." not in browser.text


# --- option 2: Create New -----------------------------------------------------------------------


async def test_s10_to_s14_staff_create_a_client_with_practitioners(
    browser: Browser, world: World, clinic: Clinic
) -> None:
    await world.new_mail()
    await browser.sign_in("olivia")
    await browser.follow("Clients")
    await browser.follow("Create New")
    form = browser.form("client-create")
    assert list(form.options[pair(clinic, "petra")]) == [
        "Not associated",
        "Family Medicine",
        "Mental Health",
    ]
    await browser.send(
        "client-create",
        **FINN,
        departmentId="Mental Health",
        **{pair(clinic, "petra"): "Mental Health"},
    )
    assert "Finn Fischer Active" in browser.text
    assert "The client is created" in browser.text
    assert "Petra Staff Mental Health" in browser.text
    assert (await world.only_mail("finn@home.example")).link.startswith(
        "https://portal.example/riverside/invitation#token="
    )


async def test_s11_s13_what_is_wrong_creates_nothing_and_keeps_what_was_typed(
    browser: Browser, world: World, clinic: Clinic
) -> None:
    await browser.sign_in("olivia")
    await browser.open("/riverside/clients/new")
    async with world.unchanged():
        await browser.fail(
            "client-create",
            **FINN | {"email": clinic.email("amy")},
            departmentId="Family Medicine",
            **{pair(clinic, "petra"): "Family Medicine"},
        )
        assert "A client has this address already." in browser.text
        form = browser.form("client-create")
        assert form.controls["lastName"] == "Fischer"
        assert form.controls[pair(clinic, "petra")] == clinic.ids["family"]
        await browser.fail(
            "client-create", email="finn@home.example", departmentId="Choose a department"
        )
        assert browser.page.links["Choose the client's department."] == (
            "#client-create-departmentId"
        )


async def test_s15_a_care_coordinator_creates_in_their_department_only(
    browser: Browser, clinic: Clinic
) -> None:
    await browser.sign_in("carl")
    await browser.open("/riverside/clients/new")
    form = browser.form("client-create")
    assert list(form.options["departmentId"]) == ["Mental Health"]
    assert list(form.options[pair(clinic, "petra")]) == ["Not associated", "Mental Health"]
    assert pair(clinic, "paul") not in form.controls
    await browser.send("client-create", **FINN)
    assert "Finn Fischer Active" in browser.text


async def test_d5_the_notification_is_sent_again_until_it_is_used(
    browser: Browser, world: World, clinic: Clinic
) -> None:
    await browser.sign_in("olivia")
    await browser.open(f"/riverside/clients/{clinic.ids['una']}")
    await world.new_mail()
    await browser.send("client-resend")
    assert "The notification is on its way again" in browser.text
    assert (await world.only_mail(clinic.email("una"))).token
    await browser.open(f"/riverside/clients/{clinic.ids['amy']}")
    assert not browser.has("client-resend")


# --- approving ----------------------------------------------------------------------------------


async def test_s7_s34_a_pending_client_is_approved_with_one_click(
    browser: Browser, world: World, clinic: Clinic
) -> None:
    await world.new_mail()
    await browser.sign_in("carl")
    await browser.open("/riverside/clients?status=PENDING")
    await browser.follow("Client, Chloe")
    assert "Approve this Account" in browser.form("client-approve").buttons
    await browser.send("client-approve")
    assert "Chloe Client Active" in browser.text
    assert "The account is approved." in browser.text
    assert (await world.only_mail(clinic.email("chloe"))).subject
    assert (await world.login("chloe", "APP"))["userErrors"] == []


async def test_s8_a_client_who_was_not_sure_is_approved_with_department_and_practitioners(
    browser: Browser, world: World, clinic: Clinic
) -> None:
    await browser.sign_in("olivia")
    await browser.open(f"/riverside/clients/{clinic.ids['dan']}")
    assert not browser.has("client-approve")
    await browser.follow("Approve this Account")
    async with world.unchanged():
        await browser.fail("client-approve")
    message = "The client was not sure of the department: choose one."
    assert browser.page.links[message] == "#client-approve-departmentId"
    await browser.send(
        "client-approve", departmentId="Physiotherapy", **{pair(clinic, "paul"): "Physiotherapy"}
    )
    assert browser.path == f"/riverside/clients/{clinic.ids['dan']}"
    assert "Dan Client Active" in browser.text
    assert await met(world, clinic, "dan") == [("Paul", "Physiotherapy")]


async def test_d18_who_comes_too_late_is_told_who_was_faster(
    browser: Browser, world: World, clinic: Clinic
) -> None:
    await browser.sign_in("carl")
    await browser.open(f"/riverside/clients/{clinic.ids['chloe']}")
    await world.approve(clinic.ids["chloe"], clinic.token("dora"))
    await browser.fail("client-approve")
    assert "This client was approved already, by Dora Staff on 2026-11-23" in browser.text
    assert "Chloe Client Active" in browser.text
    assert not browser.has("client-approve")


async def test_d20_a_pending_client_is_rejected_with_a_reason_and_approved_after_all(
    browser: Browser, world: World, clinic: Clinic
) -> None:
    await browser.sign_in("carl")
    await browser.open(f"/riverside/clients/{clinic.ids['chloe']}")
    await browser.send("client-reject", reason="Registered twice.")
    assert "Chloe Client Inactive" in browser.text
    assert "Reason Registered twice." in browser.text
    await browser.follow("Edit")
    await browser.send("client-status", active=True)
    assert "Chloe Client Active" in browser.text


async def test_s34_who_is_inactive_is_approved_by_being_made_active_again(
    browser: Browser, clinic: Clinic
) -> None:
    await browser.sign_in("olivia")
    await browser.open(f"/riverside/clients/{clinic.ids['gil']}/approve")
    assert "Gil Client is inactive: there is nothing to approve." in browser.text
    assert not browser.has("client-approve")
    await browser.follow("edit the account")
    await browser.send("client-status", active=True)
    assert "Gil Client Active" in browser.text


# --- Edit ---------------------------------------------------------------------------------------


async def test_s32_s33_the_active_box_moves_a_client_out_and_in_again(
    browser: Browser, world: World, clinic: Clinic
) -> None:
    await browser.sign_in("olivia")
    await browser.follow("Clients")
    await browser.follow("Client, Amy")
    await browser.follow("Edit")
    assert browser.form("client-status").boxes["active"] is True
    await browser.send("client-status", active=False, reason="Moved away.")
    assert "Amy Client Inactive" in browser.text
    assert "Moved away." in browser.text
    assert (await world.login("amy"))["userErrors"][0]["code"] == "CLIENT_INACTIVE"
    await browser.follow("Edit")
    async with world.unchanged():
        await browser.send("client-status")
    await browser.follow("Edit")
    await browser.send("client-status", active=True)
    assert "Amy Client Active" in browser.text
    assert await met(world, clinic, "amy") == [("Petra", "Mental Health")]


async def test_s32_a_reason_without_leaving_is_not_lost_in_silence(
    browser: Browser, world: World, clinic: Clinic
) -> None:
    message = "A reason or a department is saved only when this box is changed."
    await browser.sign_in("olivia")
    await browser.open(f"/riverside/clients/{clinic.ids['amy']}/edit")
    async with world.unchanged():
        await browser.fail("client-status", reason="Moved away.")
    assert browser.page.links[message] == "#client-status-active"
    form = browser.form("client-status")
    assert form.controls["reason"] == "Moved away."
    assert form.boxes == {"active": True}
    await browser.send("client-status", active=False)
    assert "Amy Client Inactive" in browser.text
    assert "Reason Moved away." in browser.text


async def test_d20_a_department_without_coming_back_is_not_lost_in_silence(
    browser: Browser, world: World, clinic: Clinic
) -> None:
    await browser.sign_in("olivia")
    await world.do(REJECT, {"id": clinic.ids["dan"]}, clinic.token("olivia"))
    await browser.open(f"/riverside/clients/{clinic.ids['dan']}/edit")
    async with world.unchanged():
        await browser.fail("client-status", departmentId="Mental Health")
    await browser.send("client-status", active=True)
    assert "Dan Client Active" in browser.text
    assert await record(world, clinic, "dan", "department { name }") == {
        "department": {"name": "Mental Health"}
    }


async def test_s22_to_s25_associations_are_chosen_changed_and_ended(
    browser: Browser, world: World, clinic: Clinic
) -> None:
    await browser.sign_in("olivia")
    await browser.open(f"/riverside/clients/{clinic.ids['amy']}")
    await browser.follow("Edit")
    form = browser.form("client-associations")
    assert form.controls[pair(clinic, "petra")] == clinic.ids["mental"]
    events = await world.count("audit_events")
    await browser.send("client-associations")
    assert await met(world, clinic, "amy") == [("Petra", "Mental Health")]
    assert await world.count("audit_events") == events
    await browser.follow("Edit")
    await browser.send(
        "client-associations",
        **{pair(clinic, "petra"): "Family Medicine", pair(clinic, "pia"): "Mental Health"},
    )
    assert "The associations are saved." in browser.text
    assert await met(world, clinic, "amy") == [
        ("Petra", "Family Medicine"),
        ("Pia", "Mental Health"),
    ]
    await browser.follow("Edit")
    await browser.send("client-associations", **{pair(clinic, "petra"): "Not associated"})
    assert await met(world, clinic, "amy") == [("Pia", "Mental Health")]


async def test_s20_one_row_that_is_wrong_saves_nothing_and_says_which(
    browser: Browser, world: World, clinic: Clinic
) -> None:
    await browser.sign_in("olivia")
    await browser.open(f"/riverside/clients/{clinic.ids['amy']}/edit")
    deactivate = "mutation ($id: ID!) { staffDeactivate(id: $id) { userErrors { code } } }"
    await world.do(deactivate, {"id": clinic.ids["wes"]}, clinic.token("olivia"))
    async with world.unchanged():
        await browser.fail(
            "client-associations",
            **{pair(clinic, "pia"): "Mental Health", pair(clinic, "wes"): "Family Medicine"},
        )
    assert "Wes Staff is inactive." in browser.text
    assert browser.form("client-associations").controls[pair(clinic, "pia")]


async def test_e10_whom_others_have_moved_meanwhile_stays_there(
    browser: Browser, world: World, clinic: Clinic
) -> None:
    petra, wes = pair(clinic, "petra"), pair(clinic, "wes")
    await browser.sign_in("olivia")
    await browser.open(f"/riverside/clients/{clinic.ids['amy']}/edit")
    family = clinic.ids["family"]
    change = {"change": [{"practitionerId": clinic.ids["petra"], "departmentId": family}]}
    amy = {"id": clinic.ids["amy"], "input": change}
    await world.do(FROM_CLIENT, amy, clinic.token("olivia"))
    await world.do(STAFF_DEACTIVATE, {"id": clinic.ids["wes"]}, clinic.token("olivia"))
    await browser.fail("client-associations", **{wes: "Family Medicine"})
    assert browser.form("client-associations").controls[petra] == family
    await browser.send("client-associations", **{wes: "Not associated"})
    assert await met(world, clinic, "amy") == [("Petra", "Family Medicine")]


async def test_practitioners_are_searched_for_and_who_is_chosen_stays_chosen(
    browser: Browser, world: World, clinic: Clinic
) -> None:
    petra, pia, wes = (pair(clinic, who) for who in ("petra", "pia", "wes"))
    await browser.sign_in("olivia")
    await browser.open(f"/riverside/clients/{clinic.ids['amy']}/edit")
    async with world.unchanged():
        await browser.search("client-associations", find="wes", **{pia: "Mental Health"})
    form = browser.form("client-associations")
    assert list(form.options) == [petra, pia, wes]
    assert list(form.options[pia]) == ["Not associated", "Mental Health"]
    assert form.controls["find"] == "wes"
    await browser.send("client-associations", **{wes: "Family Medicine"})
    assert "Pia Staff Mental Health" in browser.text
    assert "Wes Staff Family Medicine" in browser.text


async def test_what_is_typed_of_a_new_client_stays_while_practitioners_are_searched_for(
    browser: Browser, world: World, clinic: Clinic
) -> None:
    await browser.sign_in("olivia")
    await browser.open("/riverside/clients/new")
    async with world.unchanged():
        await browser.search("client-create", firstName="Finn", find="pia")
    form = browser.form("client-create")
    assert form.controls["firstName"] == "Finn"
    assert pair(clinic, "pia") in form.options
    assert pair(clinic, "wes") not in form.options
    await browser.search("client-create", find="nobody")
    assert "Nobody else to choose." in browser.text


async def test_details_are_edited_and_each_part_is_saved_by_itself(
    browser: Browser, world: World, clinic: Clinic
) -> None:
    await browser.sign_in("carl")
    await browser.open(f"/riverside/clients/{clinic.ids['amy']}/edit")
    form = browser.form("client-details")
    assert "email" not in form.controls
    await browser.send("client-details", lastName="Adams", phone="")
    assert "Amy Adams Active" in browser.text
    assert "The details are saved." in browser.text
    fields = "lastName phone dateOfBirth department { name }"
    assert await record(world, clinic, "amy", fields) == {
        "lastName": "Adams",
        "phone": None,
        "dateOfBirth": "1990-05-17",
        "department": {"name": "Mental Health"},
    }


async def test_s8_details_of_who_was_not_sure_are_saved_without_deciding(
    browser: Browser, world: World, clinic: Clinic
) -> None:
    await browser.sign_in("olivia")
    await browser.open(f"/riverside/clients/{clinic.ids['dan']}/edit")
    await browser.send("client-details", firstName="Daniel")
    assert await record(world, clinic, "dan", "firstName department { name }") == {
        "firstName": "Daniel",
        "department": None,
    }


async def test_who_moves_a_client_out_of_their_reach_is_led_to_the_list(
    browser: Browser, world: World, clinic: Clinic
) -> None:
    grant = """mutation ($id: ID!, $input: StaffRolesInput!) {
      staffRolesUpdate(id: $id, input: $input) { userErrors { code } }
    }"""
    roles = {"grant": [{"role": "CARE_COORDINATOR", "departmentId": clinic.ids["physio"]}]}
    await world.do(grant, {"id": clinic.ids["carl"], "input": roles}, clinic.token("olivia"))
    await browser.sign_in("carl")
    await browser.open(f"/riverside/clients/{clinic.ids['phil']}/edit")
    revoke = {"revoke": roles["grant"]}
    await browser.send("client-details", departmentId="Mental Health")
    assert "Phil Client Pending" in browser.text
    await world.do(grant, {"id": clinic.ids["carl"], "input": revoke}, clinic.token("olivia"))


async def test_e10_somebody_elses_change_is_said_in_words_and_shown(
    browser: Browser, world: World, clinic: Clinic
) -> None:
    await browser.sign_in("olivia")
    await browser.open(f"/riverside/clients/{clinic.ids['amy']}/edit")
    change = {"id": clinic.ids["amy"], "input": {"phone": "+1 555 0199"}}
    await world.do(CLIENT_UPDATE, change, clinic.token("dora"))
    async with world.unchanged():
        await browser.fail("client-details", lastName="Adams")
    assert "Somebody else has changed this client meanwhile." in browser.text
    assert "Somebody has changed this to: +1 555 0199" in browser.text
    assert browser.form("client-details").controls["lastName"] == "Adams"
    await browser.send("client-details", phone="+1 555 0199")
    assert "Amy Adams Active" in browser.text


# --- the approval queue -------------------------------------------------------------------------


async def test_a_note_is_written_and_read_by_managers_page_by_page(
    browser: Browser, world: World, clinic: Clinic
) -> None:
    await browser.sign_in("carl")
    await browser.open(f"/riverside/clients/{clinic.ids['amy']}")
    for number in range(12):
        await browser.send("client-note", text=f"Note <{number}>")
        assert "The note is saved." in browser.text
    assert "Note <11> Carl Staff, 23 November 2026 at 12:00 UTC" in browser.text
    assert browser.form("client-note").controls["text"] == ""
    assert "Note <1>" not in browser.text
    await browser.follow("Older notes")
    assert "Note <1> Carl Staff" in browser.text
    assert "Note <11>" not in browser.text
    assert "Older notes" not in browser.page.links


async def test_what_cannot_be_noted_comes_back_as_it_was_typed(
    browser: Browser, world: World, clinic: Clinic
) -> None:
    await browser.sign_in("olivia")
    await browser.open(f"/riverside/clients/{clinic.ids['amy']}")
    async with world.unchanged():
        await browser.fail("client-note", text="x" * 2001)
        assert browser.page.links["Use at most 2000 characters."] == "#client-note-text"
        assert browser.form("client-note").controls["text"] == "x" * 2001
        await browser.fail("client-note", text="")


async def test_who_may_not_edit_a_client_reads_notes_and_writes_none(
    browser: Browser, world: World, clinic: Clinic
) -> None:
    """Bea is of family, and meets pia in mental."""
    note = {"id": clinic.ids["bea"], "input": {"text": "Asks for pia."}}
    document = """mutation ($id: ID!, $input: ClientNoteInput!) {
      clientNoteAdd(id: $id, input: $input) { userErrors { code } }
    }"""
    await world.do(document, note, clinic.token("fay"))
    await browser.sign_in("dora")
    await browser.open(f"/riverside/clients/{clinic.ids['bea']}")
    assert "Asks for pia. Fay Staff" in browser.text
    assert not browser.has("client-note")


async def test_decisions_are_shown_with_who_and_why(browser: Browser, clinic: Clinic) -> None:
    await browser.sign_in("carl")
    await browser.open(f"/riverside/clients/{clinic.ids['chloe']}")
    await browser.send("client-reject", reason="Registered twice.")
    await browser.follow("Edit")
    await browser.send("client-status", active=True)
    at = "23 November 2026 at 12:00 UTC"
    assert (
        f"Decisions Approved by Carl Staff {at} Rejected by Carl Staff: Registered twice. {at} "
        f"Registered {at}"
    ) in browser.text


async def test_who_may_be_the_same_person_is_a_link_away(browser: Browser, clinic: Clinic) -> None:
    await browser.sign_in("olivia")
    await browser.open("/riverside/clients/new")
    await browser.send("client-create", **FINN, departmentId="Family Medicine")
    assert "Possible duplicates" not in browser.text
    first = browser.path
    await browser.open("/riverside/clients/new")
    again = FINN | {"email": "finn.again@home.example"}
    await browser.send("client-create", **again, departmentId="Mental Health")
    assert (
        "Possible duplicates With the same name and date of birth, or with the same telephone "
        "number: Finn Fischer Active 30 July 1991, Family Medicine"
    ) in browser.text
    await browser.follow("Finn Fischer")
    assert browser.path == first
