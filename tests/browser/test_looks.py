"""Each page as everybody finds it: in both colour schemes, on phones and desktops (WCAG 2.2 AA)."""

import re
from collections import Counter
from collections.abc import Iterable
from urllib.parse import urlsplit

import pyotp
import pytest

from portal.pages.table import TABLE
from tests.browser.looks import looked_at
from tests.browser.person import PASSWORD, People, Person

_ID = re.compile(r"(?:cli|stf|dep)_[0-9a-f]{32}")
_CURSOR = re.compile(r"cur_[\w%.-]+")
ALIKE = 8
"""How many pages of one kind are looked at: there are so many clients, in all their states."""

# Forms that come back when nothing was filled in, by the buttons that send them.
EMPTY = {
    "/riverside/login": "Sign in",
    "/riverside/register": "Register",
    "/riverside/forgot": "Send me a letter",
    "/riverside/clients/new": "Create",
    "/riverside/staff/new": "Create",
    "/riverside/departments/new": "Create",
    "/riverside/account": "Save password",
}


async def links(person: Person) -> list[str]:
    """Where the links of the page lead within the portal; files are no pages."""
    pages = "a[href^='/']:not([href^='/export/'])"
    found = await person.page.locator(pages).evaluate_all(
        "links => links.map((link) => link.getAttribute('href'))"
    )
    return [one.partition("#")[0] for one in found]


async def walked(person: Person, start: str) -> dict[str, list[str]]:
    """What is wrong with each page that can be reached by links, by its path."""
    found: dict[str, list[str]] = {}
    ahead, seen, alike = [start], {start}, Counter[str]()
    while ahead:
        path = ahead.pop()
        await person.opens(path)
        found[path] = await looked_at(person)
        if button := EMPTY.get(path):
            await person.presses(button)
            await person.sees("There is a problem")
            found[f"{path}, sent empty"] = await looked_at(person)
            await person.opens(path)
        for link in await links(person):
            kind = _CURSOR.sub("{cursor}", _ID.sub("{id}", link))
            if link not in seen and alike[kind] < ALIKE:
                alike[kind] += 1
                seen.add(link)
                ahead.append(link)
    return found


def kinds(paths: Iterable[str]) -> set[str]:
    """Which pages of the table these are."""
    return {_ID.sub("{id}", urlsplit(path).path).replace("/riverside", "/{slug}") for path in paths}


@pytest.mark.parametrize("people", [True], indirect=True, ids=["with scripts"])
async def test_no_page_keeps_anybody_out(people: People) -> None:
    wrong: dict[str, list[str]] = {}
    for username in ("", "petra.practice", "carl.care", "amy.client", "chloe.client"):
        wrong |= await walked(await people.come(username), "/riverside")
    # Whoever sees most comes last, so that what others see otherwise is looked at before.
    wrong |= await walked(await people.come("olivia.admin"), "/riverside")
    assert not (found := [one for page in wrong.values() for one in page]), "\n".join(found)
    mailed = {f"/{{slug}}/{page}" for page in ("confirm", "invitation", "reset", "email")}
    assert {page.path.rstrip("/") for page in TABLE} - mailed <= kinds(wrong)


@pytest.mark.parametrize("people", [True], indirect=True, ids=["with scripts"])
async def test_no_letter_and_no_mailed_link_keeps_anybody_out(people: People) -> None:
    wrong: list[str] = []
    guest = await people.come()
    await guest.opens("/riverside/register")
    await guest.fills(
        {"First name": "Nora", "Last name": "Newcomer", "Date of birth": "1990-05-17"}
    )
    await guest.fills({"Email": "nora@home.example"})
    await guest.presses("Register")
    await guest.sees("Look into your mailbox")
    await guest.opens("/riverside/confirm")
    wrong += await looked_at(guest)
    await guest.opens_letter("nora@home.example", "Confirm your registration")
    await guest.sees("Choose what you will sign in with.")
    wrong += await looked_at(guest)
    await guest.presses("Confirm")
    await guest.sees("There is a problem")
    wrong += await looked_at(guest)
    await guest.fills({"Username": "nora", "Password": PASSWORD})
    await guest.presses("Confirm")
    await guest.sees("Your registration is confirmed.")
    await guest.opens_letter("nora@home.example", "Confirm your registration")
    await guest.sees("This link was used already")
    wrong += await looked_at(guest)

    await guest.opens("/mail")
    wrong += await looked_at(guest)
    rows = guest.page.get_by_role("row").get_by_role("link")
    subjects = dict.fromkeys(await rows.all_inner_texts())
    assert len(subjects) >= 5
    for subject in subjects:
        await guest.opens("/mail")
        await guest.clicks(subject)
        await guest.sees("As text")
        # Where it is shown, nothing runs in a letter; so it is looked at elsewhere.
        letter = await guest.page.request.get(f"{guest.page.url}/body")
        await guest.opens("about:blank")
        await guest.page.set_content(await letter.text())
        wrong += await looked_at(guest)
    assert not wrong, "\n".join(wrong)


@pytest.mark.parametrize("people", [True], indirect=True, ids=["with scripts"])
async def test_no_way_back_in_and_nothing_that_is_refused_keeps_anybody_out(people: People) -> None:
    wrong: list[str] = []
    address = "amy.client@riverside.example"
    guest = await people.come()
    await guest.opens("/riverside/forgot")
    await guest.fills({"Email": address})
    await guest.presses("Send me a letter")
    await guest.opens_letter(address, "Choose a new password")
    await guest.sees("New password")
    wrong += await looked_at(guest)
    await guest.presses("Save")
    await guest.sees("There is a problem")
    wrong += await looked_at(guest)
    await guest.opens("/riverside/reset")
    await guest.fills({"The link from your letter": "vtl_not-one-of-ours"})
    await guest.presses("Go on")
    await guest.sees("We do not know this link")
    wrong += await looked_at(guest)

    amy = await people.come("amy.client")
    await amy.opens("/riverside/account")
    await amy.unfolds("Change the address")
    await amy.fills({"New email": "amy@new.example"})
    await amy.presses("Send me the letter")
    await amy.opens_letter("amy@new.example", "Confirm your new email address")
    wrong += await looked_at(amy)

    dora = await people.come("dora.admin")
    await dora.opens("/riverside/account")
    begin = dora.page.locator("form", has=dora.page.get_by_role("button", name="Set up"))
    await begin.get_by_label("Password").fill(PASSWORD)
    await dora.presses("Set up")
    await dora.sees("Code")
    wrong += await looked_at(dora)
    await dora.fills({"Code": pyotp.TOTP(await dora.page.locator("code").inner_text()).now()})
    await dora.presses("Turn on")
    await dora.sees("Your recovery codes")
    wrong += await looked_at(dora)

    carl = await people.come("carl.care")
    for person, path, status in (
        (carl, "/riverside/audit", 403),
        (carl, f"/riverside/clients/cli_{0:032x}", 404),
        (guest, "/nowhere", 404),
    ):
        await person.opens(path)
        (told,) = people.complaints
        assert told.startswith(f"{status} ") and told.endswith(path)
        people.complaints.clear()
        wrong += await looked_at(person)
    assert not wrong, "\n".join(wrong)
