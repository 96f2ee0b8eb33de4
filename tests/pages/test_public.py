"""The pages for everybody: registering, what mailed links open, forgotten passwords."""

from urllib.parse import urlsplit

import pytest

from tests.pages.browsing import Browser
from tests.stories.test_decisions_7_own_account import BETTER
from tests.world import PASSWORD, Clinic, Mail, World, problems

NORA = {
    "firstName": "Nora",
    "lastName": "Newcomer",
    "email": "nora@home.example",
    "dateOfBirth": "1990-05-17",
}


async def registered(browser: Browser, world: World, **said: str) -> Mail:
    """The letter to somebody who has filled in the form."""
    await world.new_mail()
    await browser.open("/riverside/register")
    await browser.send("client-register", **NORA, **said)
    return await world.only_mail("nora@home.example")


async def opened(browser: Browser, mail: Mail) -> None:
    """Open the letter's link as who has no scripts: copy it, and paste it into the page."""
    await browser.open(urlsplit(mail.link).path)
    await browser.send("look", token=mail.link)
    assert mail.token not in str(browser.answer.url)


# --- registering --------------------------------------------------------------------------------


async def test_s2_s3_s4_a_client_registers_confirms_and_sees_that_they_wait(
    browser: Browser, world: World, clinic: Clinic
) -> None:
    await browser.open("/riverside")
    await browser.follow("Register You are a new client of Riverside Clinic.")
    form = browser.form("client-register")
    assert list(form.options["departmentId"]) == [
        "I am not sure",
        "Family Medicine",
        "Mental Health",
        "Physiotherapy",
    ]
    mail = await registered(browser, world, departmentId="Mental Health")
    assert browser.path == "/riverside"
    assert "Thank you. Look into your mailbox" in browser.text

    await opened(browser, mail)
    assert "Confirm your registration" in browser.text
    assert "The link is good until 26 November 2026 at 12:00 UTC." in browser.text
    await browser.send("registration-confirm", username="nora", password=PASSWORD)
    assert browser.path == "/riverside/login"
    assert "Your registration is confirmed." in browser.text
    told = [mail.to for mail in await world.new_mail()]
    assert told == clinic.told("mental")
    await browser.send("sign-in", username="nora", password=PASSWORD)
    assert "Your account is waiting to be approved." in browser.text


async def test_s8_who_is_not_sure_says_so(browser: Browser, world: World, clinic: Clinic) -> None:
    mail = await registered(browser, world)
    await opened(browser, mail)
    await browser.send("registration-confirm", username="nora", password=PASSWORD)
    assert [mail.to for mail in await world.new_mail()] == clinic.told(None)


async def test_s11_what_is_wrong_is_said_at_its_field_and_what_was_typed_stays(
    browser: Browser, world: World, clinic: Clinic
) -> None:
    await browser.open("/riverside/register")
    async with world.unchanged():
        await browser.fail("client-register", firstName="Nora", email="nora@", lastName=" ")
        assert "Please fill this in." in browser.text
        assert browser.page.links["Please fill this in."] == "#client-register-dateOfBirth"
        await browser.fail("client-register", dateOfBirth="1890-02-29")
        assert "Write a date as in 1984-02-29" in browser.text
        await browser.fail("client-register", dateOfBirth="1890-02-28")
    links = browser.page.links
    assert links["This is not an e-mail address."] == "#client-register-email"
    assert links["Please fill this in."] == "#client-register-lastName"
    assert links["A date of birth cannot be before 1900."] == "#client-register-dateOfBirth"
    controls = browser.form("client-register").controls
    assert (controls["firstName"], controls["email"]) == ("Nora", "nora@")
    described = [said for tag, said in browser.page.tags if said.get("name") == "email"]
    assert described[0]["aria-invalid"] == "true"
    assert described[0]["aria-describedby"] == "client-register-email-error1"


async def test_s2_who_takes_no_registrations_says_so(
    browser: Browser, world: World, clinic: Clinic
) -> None:
    close = """mutation {
      organizationUpdate(input: {registrationOpen: false}) { userErrors { code } }
    }"""
    assert problems(await world.do(close, token=clinic.token("olivia"))) == []
    await browser.open("/riverside")
    assert "Register" not in browser.text
    await browser.open("/riverside/register")
    assert "Riverside Clinic takes no registrations here." in browser.text
    assert not browser.has("client-register")


async def test_d33_who_tries_too_often_is_told_how_long_to_wait(
    browser: Browser, world: World, clinic: Clinic, monkeypatch: pytest.MonkeyPatch
) -> None:
    object.__setattr__(world.service.services, "throttle", 0.1)
    await browser.open("/riverside/login")
    await browser.fail("sign-in", username="amy", password="not that one")
    await browser.submit("sign-in", 429, {"username": "amy", "password": PASSWORD})
    assert "That was tried too often. Please try again in 10 minutes." in browser.text
    assert browser.form("sign-in").controls["username"] == "amy"


# --- mailed links -------------------------------------------------------------------------------


async def test_d3_a_link_is_looked_at_and_only_the_form_uses_it(
    browser: Browser, world: World, clinic: Clinic
) -> None:
    mail = await registered(browser, world)
    async with world.unchanged():
        for _ in range(2):
            await opened(browser, mail)
        await browser.fail("registration-confirm", username="n", password="short")
        assert "A username has 3 to 64 letters" in browser.text
        assert "Use at least 15 characters" in browser.text
        assert browser.form("registration-confirm").controls["username"] == "n"
    assert await world.link_state(mail.token) == "VALID"


async def test_d3_a_used_link_leads_on_to_signing_in(
    browser: Browser, world: World, clinic: Clinic
) -> None:
    mail = await registered(browser, world)
    assert problems(await world.confirm(mail.token, "nora")) == []
    await opened(browser, mail)
    assert "This link was used already" in browser.text
    await browser.follow("Sign in")
    assert browser.path == "/riverside/login"


async def test_d3_a_link_that_is_used_meanwhile_says_so(
    browser: Browser, world: World, clinic: Clinic
) -> None:
    mail = await registered(browser, world)
    await opened(browser, mail)
    assert problems(await world.confirm(mail.token, "nora")) == []
    await browser.fail("registration-confirm", username="nora2", password=PASSWORD)
    assert "This link was used already: a link works once." in browser.text
    assert not browser.has("registration-confirm")


async def test_d3_an_expired_link_leads_to_a_new_one_which_ends_the_old(
    browser: Browser, world: World, clinic: Clinic
) -> None:
    mail = await registered(browser, world)
    world.clock.advance(hours=73)
    await opened(browser, mail)
    assert "This link has expired" in browser.text
    await browser.send("link-resend")
    assert browser.path == "/riverside"
    assert "it is on its way: look into your mailbox." in browser.text
    newer = await world.only_mail("nora@home.example")
    await opened(browser, mail)
    assert "This link is no longer good" in browser.text
    await opened(browser, newer)
    await browser.send("registration-confirm", username="nora", password=PASSWORD)
    assert browser.path == "/riverside/login"


@pytest.mark.parametrize("token", ["vtl_nonsense", "https://portal.example/riverside/confirm#x"])
async def test_d3_an_unknown_link_leads_to_trying_again(
    browser: Browser, world: World, clinic: Clinic, token: str
) -> None:
    await browser.open("/riverside/confirm")
    async with world.unchanged():
        await browser.send("look", token=token)
    assert "Riverside Clinic has not sent this link. Was it copied whole?" in browser.text
    assert browser.has("look")


@pytest.mark.parametrize("state", ["VALID", "EXPIRED", "SUPERSEDED", "USED", "UNKNOWN"])
async def test_d3_a_token_in_the_address_itself_is_not_looked_at_and_goes_no_further(
    browser: Browser, world: World, clinic: Clinic, state: str
) -> None:
    """Some mail programs make a `?` of a link's `#`."""
    mail = await registered(browser, world)
    token = "vtl_nonsense" if state == "UNKNOWN" else mail.token
    if state in {"EXPIRED", "SUPERSEDED"}:
        world.clock.advance(hours=73)
    if state == "SUPERSEDED":
        await opened(browser, mail)
        await browser.send("link-resend")
    if state == "USED":
        assert problems(await world.confirm(token, "nora")) == []
    assert await world.link_state(token) == state
    mended = f"/riverside/confirm?token={token}"
    async with world.unchanged():
        await browser.open(mended)
    assert "Open your link" in browser.text
    assert token not in browser.answer.text
    await browser.send("look", token=f"https://portal.example{mended}")
    assert urlsplit(str(browser.answer.url)).query == ""
    assert ("Confirm your registration" in browser.text) is (state == "VALID")


async def test_d15_a_link_of_another_organization_is_not_this_ones(
    browser: Browser, world: World, clinic: Clinic
) -> None:
    mail = await registered(browser, world)
    await browser.open("/lakeside/confirm")
    await browser.send("look", token=mail.link)
    assert "has not sent this link" in browser.text
    assert "Riverside" not in browser.text


async def test_s14_an_invited_client_chooses_username_and_password(
    browser: Browser, world: World, clinic: Clinic
) -> None:
    await world.new_mail()
    resend = """mutation ($id: ID!) {
      clientInvitationResend(id: $id) { userErrors { code } }
    }"""
    await world.do(resend, {"id": clinic.ids["una"]}, clinic.token("olivia"))
    mail = await world.only_mail(clinic.email("una"))
    await opened(browser, mail)
    assert "Riverside Clinic has made an account for you." in browser.text
    await browser.send("invitation-accept", username="una", password=PASSWORD)
    assert "Now you can sign in with what you have chosen." in browser.text
    await browser.send("sign-in", username="una", password=PASSWORD)
    assert "Hello Una" in browser.text


async def test_d14_a_forgotten_password_is_chosen_anew(
    browser: Browser, world: World, clinic: Clinic
) -> None:
    await world.new_mail()
    await browser.open("/riverside/login")
    await browser.follow("I have forgotten my username or password")
    await browser.send("password-forgot", email=clinic.email("amy"))
    assert "If there is an account of this address" in browser.text
    mail = await world.only_mail(clinic.email("amy"))
    await opened(browser, mail)
    await browser.send("password-reset", password=BETTER)
    await browser.send("sign-in", username="amy", password=BETTER)
    assert "Hello Amy" in browser.text


async def test_d28_a_new_address_is_confirmed(
    browser: Browser, world: World, clinic: Clinic
) -> None:
    await world.new_mail()
    change = """mutation ($email: String!) {
      emailChangeRequest(email: $email) { accepted }
    }"""
    await world.do(change, {"email": "amy@new.example"}, clinic.token("amy"))
    mail = await world.only_mail("amy@new.example")
    await opened(browser, mail)
    async with world.unchanged():
        await opened(browser, mail)
    await browser.send("email-confirm")
    assert "Your new address is confirmed." in browser.text
