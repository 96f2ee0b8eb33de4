"""Passwords, addresses and second factors: what people do with their own account."""

import re

import pyotp
import pytest
from playwright.async_api import expect

from portal import built
from tests.browser.person import PASSWORD, People

AMY = "amy.client@riverside.example"
BETTER = "nine otters under the bridge"
RESET = "Choose a new password for Riverside Clinic"
CONFIRM = "Confirm your registration with Riverside Clinic"

# What is typed, by what is said of it at once: the last two are what the API says.
JUDGED = {
    "short": "10 more characters, please.",
    "passwordpassword": "Choose one that nobody would guess.",
    "seven herons over the river": "This is a good password.",
}


async def test_a_forgotten_password_is_chosen_anew_with_the_letters_link_once(
    people: People,
) -> None:
    amy = await people.come()
    await amy.opens("/riverside/login")
    await amy.clicks("I have forgotten my username or password")
    await amy.fills({"Email": AMY})
    await amy.presses("Send me a letter")
    await amy.sees("a letter is on its way")
    await amy.opens_letter(AMY, RESET)
    await amy.fills({"New password": BETTER})
    await amy.presses("Save")
    await amy.sees("Sign in with your new password.")
    await amy.fills({"Username": "amy.client", "Password": BETTER})
    await amy.presses("Sign in")
    await amy.sees("Hello Amy")
    await amy.opens_letter(AMY, RESET)
    await amy.sees("This link was used already")


async def test_a_new_address_is_confirmed_by_its_owner(people: People) -> None:
    amy = await people.come("amy.client")
    await amy.opens("/riverside/account")
    await amy.unfolds("Change the address")
    await amy.fills({"New email": "amy@new.example"})
    await amy.presses("Send me the letter")
    await amy.opens_letter("amy@new.example", "Confirm your new email address")
    await amy.presses("Confirm")
    await amy.sees("Your new address is confirmed.")
    await amy.opens("/riverside/account")
    await amy.sees("amy@new.example")


async def test_a_second_factor_is_scanned_and_asked_for(people: People) -> None:
    dora = await people.come("dora.admin")
    await dora.opens("/riverside/account")
    begin = dora.page.locator("form", has=dora.page.get_by_role("button", name="Set up"))
    await begin.get_by_label("Password").fill(PASSWORD)
    await dora.presses("Set up")
    await expect(dora.page.get_by_role("img", name="QR code")).to_be_visible()
    secret = await dora.page.locator("code").inner_text()
    await dora.fills({"Code": pyotp.TOTP(secret).now()})
    await dora.presses("Turn on")
    await dora.sees("Your recovery codes")
    recovery = await dora.page.locator(".codes li").first.inner_text()
    await dora.presses("Sign out")
    await dora.signs_in("dora.admin")
    await dora.sees("There is a problem")
    await dora.fills({"Username": "dora.admin", "Password": PASSWORD, "Code": recovery})
    await dora.presses("Sign in")
    await dora.sees("Hello Dora Silva")


@pytest.mark.parametrize("people", [True], indirect=True, ids=["with scripts"])
async def test_a_password_is_judged_while_it_is_typed_as_the_api_judges_it(people: People) -> None:
    if built.entry("src/strength.js") is None:
        pytest.skip("There is no Node here: passwords are judged when they are sent.")
    amy = await people.come("amy.client")
    await amy.opens("/riverside/account")
    advice = amy.page.locator("[data-least] ~ [role=status]")
    for typed, said in JUDGED.items():
        await amy.fills({"Current password": PASSWORD, "New password": typed})
        await expect(advice).to_contain_text(said)
        told = await advice.inner_text()
        await amy.presses("Save password")
        if "good" in said:
            await amy.sees("Your new password is saved.")
        elif "guess" in said:
            await amy.sees(told)
        else:
            await amy.sees("Use at least 15 characters")


async def test_a_link_that_was_not_copied_whole_is_not_known(people: People) -> None:
    guest = await people.come()
    await guest.opens("/riverside/confirm")
    await guest.fills({"The link from your letter": "vtl_not-one-of-ours"})
    await guest.presses("Go on")
    await expect(guest.page).to_have_title(re.compile("We do not know this link"))
