"""The Staff menu, and Departments (`S6`, `S16` to `S21`, `D6`, `D11` to `D13`)."""

from sqlalchemy import update
from sqlalchemy.ext.asyncio import AsyncConnection

from models import Department
from tests.factors import give
from tests.pages.browsing import Browser
from tests.pages.test_clients import pair
from tests.stories.asking import FROM_STAFF, ROLES, met
from tests.world import Clinic, World


def role(clinic: Clinic, name: str, where: str | None) -> str:
    """The box that says whether somebody is this there."""
    return f"role.{name}.{clinic.ids[where] if where else 'anywhere'}.now"


async def edit(browser: Browser, clinic: Clinic, who: str) -> None:
    await browser.open(f"/riverside/staff/{clinic.ids[who]}")
    await browser.follow("Edit")


async def close(world: World, clinic: Clinic, department: str) -> None:
    """Close it as if nobody were in it."""

    async def work(connection: AsyncConnection) -> None:
        which = Department.id == clinic.key(department)
        await connection.execute(update(Department).where(which).values(active=False))

    await world.database.write(work)


async def test_s16_s17_s18_s19_a_practitioner_is_made_and_given_clients(
    browser: Browser, world: World, clinic: Clinic
) -> None:
    await browser.sign_in("olivia")
    await browser.follow("Staff")
    await browser.follow("Norma Staff")
    assert "Norma has no role." in browser.text
    await browser.follow("Edit")
    await browser.send("staff-roles", **{role(clinic, "PRACTITIONER", "mental"): True})
    assert "The roles are saved." in browser.text
    assert "Practitioner Mental Health" in browser.text
    await browser.follow("Edit")
    await browser.send("staff-associations", **{pair(clinic, "amy"): "Mental Health"})
    assert "The associations are saved." in browser.text
    assert ("Norma", "Mental Health") in await met(world, clinic, "amy")


async def test_s17_without_the_role_nobody_is_to_be_chosen(
    browser: Browser, clinic: Clinic
) -> None:
    await browser.sign_in("olivia")
    await edit(browser, clinic, "dora")
    assert "must be assigned the Practitioner role: tick its box above and save." in browser.text
    assert not browser.has("staff-associations")
    await browser.sign_in("carl")
    await edit(browser, clinic, "dora")
    assert "must be assigned the Practitioner role." in browser.text
    assert [form.name for form in browser.page.forms if form.name] == []


async def test_s21_of_several_departments_one_is_chosen(
    browser: Browser, world: World, clinic: Clinic
) -> None:
    await browser.sign_in("olivia")
    await edit(browser, clinic, "petra")
    form = browser.form("staff-associations")
    assert list(form.options[pair(clinic, "cleo")]) == [
        "Not associated",
        "Family Medicine",
        "Mental Health",
    ]
    assert form.controls[pair(clinic, "amy")] == clinic.ids["mental"]
    await browser.send("staff-associations", **{pair(clinic, "amy"): "Family Medicine"})
    assert await met(world, clinic, "amy") == [("Petra", "Family Medicine")]


async def test_s6_the_notifications_are_unchecked(
    browser: Browser, world: World, clinic: Clinic
) -> None:
    await browser.sign_in("carl")
    await edit(browser, clinic, "carl")
    form = browser.form("staff-details")
    assert form.boxes == {"receiveNewClientNotifications": True}
    assert "firstName" not in form.controls
    await browser.send("staff-details", receiveNewClientNotifications=False)
    assert "Receive New Client Notifications No" in browser.text
    token = await world.registered(departmentId=clinic.ids["mental"])
    await world.confirm(token, "nora")
    assert clinic.email("carl") not in [mail.to for mail in await world.new_mail()]


async def test_d6_a_department_administrator_grants_in_their_department_only(
    browser: Browser, clinic: Clinic
) -> None:
    await browser.sign_in("dora")
    await edit(browser, clinic, "carl")
    boxes = browser.form("staff-roles").boxes
    assert boxes == {
        role(clinic, "PRACTITIONER", "mental"): False,
        role(clinic, "CARE_COORDINATOR", "mental"): True,
        role(clinic, "DEPARTMENT_ADMINISTRATOR", "mental"): False,
    }
    await edit(browser, clinic, "dora")
    assert not browser.has("staff-roles")
    assert not browser.has("staff-status")


async def test_d13_a_role_in_a_closed_department_can_be_taken_and_no_other_given_there(
    browser: Browser, world: World, clinic: Clinic
) -> None:
    practises = role(clinic, "PRACTITIONER", "physio")
    await close(world, clinic, "physio")
    await browser.sign_in("olivia")
    await browser.open("/riverside/staff/new")
    assert practises not in browser.form("staff-create").boxes
    await edit(browser, clinic, "paul")
    boxes = browser.form("staff-roles").boxes
    assert [name for name in boxes if clinic.ids["physio"] in name] == [practises]
    assert "Physiotherapy closed" in browser.text
    async with world.unchanged():
        await browser.fail("staff-roles", **{practises: False})
    assert "which must end first." in browser.text
    assert browser.form("staff-roles").boxes[practises] is False
    message = next(link for link in browser.page.links if "which must end first." in link)
    assert browser.page.links[message].removeprefix("#") in browser.page.ids
    end = {"remove": [clinic.ids["cleo"]]}
    await world.do(FROM_STAFF, {"id": clinic.ids["paul"], "input": end}, clinic.token("olivia"))
    await browser.send("staff-roles")
    assert "The roles are saved." in browser.text
    assert "Paul has no role." in browser.text


async def test_e10_what_others_have_changed_meanwhile_stays_where_a_form_is_sent_again(
    browser: Browser, world: World, clinic: Clinic
) -> None:
    """It comes back as it was filled in; but what was left alone there, as it is by now."""
    practises = role(clinic, "PRACTITIONER", "mental")
    await browser.sign_in("olivia")
    await edit(browser, clinic, "carl")
    grant = {"grant": [{"role": "PRACTITIONER", "departmentId": clinic.ids["mental"]}]}
    await world.do(ROLES, {"id": clinic.ids["carl"], "input": grant}, clinic.token("olivia"))
    await close(world, clinic, "physio")
    async with world.unchanged():
        await browser.fail(
            "staff-roles",
            **{
                role(clinic, "PRACTITIONER", "physio"): True,
                role(clinic, "PRACTITIONER", "family"): True,
            },
        )
    boxes = browser.form("staff-roles").boxes
    assert boxes[practises] is True
    assert boxes[role(clinic, "PRACTITIONER", "family")] is True
    await browser.send("staff-roles")
    for where in ("Mental Health", "Family Medicine"):
        assert f"Practitioner {where}" in browser.text


async def test_d7_whom_one_meets_where_one_does_not_manage_is_shown_and_not_to_be_changed(
    browser: Browser, world: World, clinic: Clinic
) -> None:
    """Pia manages physio, and meets bea and by now cleo, who is of physio, in mental."""
    add = {"add": [{"clientId": clinic.ids["cleo"], "departmentId": clinic.ids["mental"]}]}
    await world.do(FROM_STAFF, {"id": clinic.ids["pia"], "input": add}, clinic.token("olivia"))
    await browser.sign_in("pia")
    await browser.open(f"/riverside/staff/{clinic.ids['pia']}")
    assert "Bea Client Mental Health" in browser.text
    assert "Bea Client" not in browser.page.links
    await browser.follow("Edit")
    assert "Bea Client Mental Health, which you do not manage" in browser.text
    assert not browser.has("staff-associations")
    await browser.open(f"/riverside/staff/{clinic.ids['pia']}")
    await browser.follow("Cleo Client")
    await browser.follow("Edit")
    assert "Pia Staff Mental Health, which you do not manage" in browser.text
    controls = browser.form("client-associations").controls
    assert pair(clinic, "pia") not in controls
    await browser.send("client-associations", **{pair(clinic, "paul"): "Not associated"})
    assert await met(world, clinic, "cleo") == [("Pia", "Mental Health")]


async def test_d11_new_staff_are_created_with_a_role_and_invited_again(
    browser: Browser, world: World, clinic: Clinic
) -> None:
    await world.new_mail()
    await browser.sign_in("dora")
    await browser.follow("Staff")
    await browser.follow("Create New")
    said = {"firstName": "Nils", "lastName": "New", "email": "nils@riverside.example"}
    async with world.unchanged():
        await browser.fail("staff-create", **said)
    assert browser.page.links["Choose at least one role."] == "#staff-create-role"
    assert "staff-create-role" in browser.page.ids
    await browser.send("staff-create", **{role(clinic, "CARE_COORDINATOR", "mental"): True})
    assert "Nils New Active" in browser.text
    assert (await world.only_mail("nils@riverside.example")).token
    await browser.send("staff-resend")
    assert (await world.only_mail("nils@riverside.example")).token


async def test_d12_d13_what_must_stay_says_why(
    browser: Browser, world: World, clinic: Clinic
) -> None:
    await browser.sign_in("olivia")
    await edit(browser, clinic, "petra")
    async with world.unchanged():
        await browser.fail("staff-status", active=False)
        assert "has 4 associations with clients there" in browser.text
        await browser.fail("staff-roles", **{role(clinic, "PRACTITIONER", "mental"): False})
    assert "which must end first." in browser.text
    await edit(browser, clinic, "doris")
    await browser.send("staff-status", active=False)
    assert "Doris Staff Inactive" in browser.text


async def test_a_lost_second_factor_is_taken_away(
    browser: Browser, world: World, clinic: Clinic
) -> None:
    await give(world, clinic, "carl")
    await browser.sign_in("olivia")
    await browser.open(f"/riverside/staff/{clinic.ids['carl']}")
    await browser.send("staff-second-factor-reset")
    assert "Second factor Off" in browser.text
    assert not browser.has("staff-second-factor-reset")


async def test_departments_are_made_renamed_closed_and_opened(
    browser: Browser, world: World, clinic: Clinic
) -> None:
    await browser.sign_in("olivia")
    await browser.follow("Departments")
    await browser.follow("Create New")
    async with world.unchanged():
        await browser.fail("department-create", name="Physiotherapy")
    await browser.send("department-create", name="Speech")
    await browser.follow("Speech")
    await browser.send("department-rename", name="Speech Therapy")
    await browser.follow("Speech Therapy")
    await browser.send("department-status", active=False)
    assert "Speech Therapy Inactive" in browser.text
    await browser.follow("Mental Health")
    async with world.unchanged():
        await browser.fail("department-status", active=False)
    assert "belong" in browser.text
    await browser.open(f"/riverside/departments/{clinic.ids['amy']}", 404)
