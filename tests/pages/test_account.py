"""One's own account, the organization's, and what happened (`D11`, `D21`, `D28`)."""

import re

from tests.factors import shown
from tests.pages.browsing import Browser
from tests.stories.test_decisions_7_own_account import BETTER
from tests.world import PASSWORD, Clinic, World


async def test_d21_the_password_is_changed_and_the_session_goes_on(
    browser: Browser, world: World, clinic: Clinic
) -> None:
    await browser.sign_in("amy")
    await browser.follow("Amy Client")
    async with world.unchanged():
        await browser.fail("password-change", currentPassword="not that one", password=BETTER)
    message = "This is not your current password."
    assert browser.page.links[message] == "#password-change-currentPassword"
    assert BETTER not in browser.answer.text
    await browser.send("password-change", currentPassword=PASSWORD, password=BETTER)
    assert "Your new password is saved." in browser.text
    assert not browser.has("second-factor-begin")


async def test_d28_a_new_address_is_asked_for(
    browser: Browser, world: World, clinic: Clinic
) -> None:
    await world.new_mail()
    await browser.sign_in("amy")
    await browser.open("/riverside/account")
    await browser.send("email-change", email="amy@new.example")
    assert "A letter is on its way to the new address" in browser.text
    assert (await world.only_mail("amy@new.example")).token


async def test_staff_who_need_a_second_factor_are_led_to_setting_one_up(
    browser: Browser, world: World, clinic: Clinic
) -> None:
    await browser.sign_in("olivia")
    await browser.open("/riverside/organization")
    await browser.fail("organization-update", secondFactorRequired=True)
    assert "second factor" in browser.text
    await browser.open("/riverside/account")
    await browser.send("second-factor-begin", password=PASSWORD)
    found = re.search(r"<code>(\w+)</code>", browser.answer.text)
    assert found
    await browser.fail("second-factor-confirm", code="x")
    await browser.send("second-factor-confirm", code=shown(world.clock(), found[1]))
    assert len(re.findall(r"<li>[A-Z0-9-]{20,}</li>", browser.answer.text)) == 10
    await browser.open("/riverside/organization")
    await browser.send("organization-update", secondFactorRequired=True)
    async with Browser(world) as other:
        await other.sign_in("carl")
        assert "Riverside Clinic asks its staff for a second factor." in other.text
        assert "Clients" not in other.page.links
        await other.open("/riverside/clients", 403)
        await other.open("/riverside/account")
        assert other.has("second-factor-begin")


async def test_the_organization_is_edited(browser: Browser, world: World, clinic: Clinic) -> None:
    await browser.sign_in("olivia")
    await browser.open("/riverside/departments")
    await browser.follow("Organization")
    said = {"name": "Riverside", "contactEmail": "help@riverside.example"}
    await browser.send("organization-update", **said, registrationOpen=False)
    form = browser.form("organization-update")
    assert {name: form.controls[name] for name in said} == said
    assert form.boxes == {"registrationOpen": False, "secondFactorRequired": False}
    await browser.open("/riverside")
    assert "Register" not in browser.text
    await browser.sign_in("dora")
    await browser.open("/riverside/organization", 403)


async def test_signing_out_everywhere_ends_other_browsers_sessions(
    browser: Browser, world: World, clinic: Clinic
) -> None:
    async with Browser(world) as other:
        await other.sign_in("amy")
        await browser.sign_in("amy")
        await browser.open("/riverside/account")
        (form,) = [form for form in browser.page.forms if "everywhere" in form.controls]
        headers = {"origin": "https://portal.example"}
        await browser.http.post(form.action, data=form.controls, headers=headers)
        await other.open("/riverside")
        assert "Welcome to Riverside Clinic" in other.text


async def test_administrators_read_what_happened(
    browser: Browser, world: World, clinic: Clinic
) -> None:
    await browser.sign_in("dora")
    await browser.open(f"/riverside/clients/{clinic.ids['chloe']}")
    await browser.send("client-approve")
    await browser.follow("What happened to this account")
    assert "Client approved" in browser.text
    assert "status: PENDING → ACTIVE" in browser.text
    assert "Dora Staff" in browser.text
    await browser.follow("Show everything")
    mental, family = clinic.ids["mental"], clinic.ids["family"]
    document = """mutation ($id: ID!, $roles: StaffRolesInput!) {
      staffUpdate(id: $id, input: { receiveNewClientNotifications: false }) {
        userErrors { code }
      }
      staffRolesUpdate(id: $id, input: $roles) { userErrors { code } }
    }"""
    moved = {
        "grant": [{"role": "CARE_COORDINATOR", "departmentId": family}],
        "revoke": [{"role": "CARE_COORDINATOR", "departmentId": mental}],
    }
    said = {"id": clinic.ids["carl"], "roles": moved}
    done = await world.ask(document, said, clinic.token("olivia"))
    assert all(payload == {"userErrors": []} for payload in done["data"].values())
    await browser.open("/riverside/audit")
    assert "receiveNewClientNotifications: yes → no" in browser.text
    await browser.sign_in("olivia")
    await browser.open("/riverside/audit")
    assert f"roles: Care Coordinator of {mental} → Care Coordinator of {family}" in browser.text
    await browser.sign_in("dora")
    await browser.open("/riverside/audit?action=CLIENT_REJECTED")
    assert "Nothing to show." in browser.text
    await browser.sign_in("carl")
    assert "Audit" not in browser.page.links
    await browser.open("/riverside/audit", 403)
