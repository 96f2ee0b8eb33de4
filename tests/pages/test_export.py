"""The button above the list of clients, and the cookie that counts for a file."""

import csv

import pytest

from tests.pages.browsing import Browser
from tests.world import PUBLIC_URL, Clinic, World

FILE = "/export/clients.csv"
HERE = {"sec-fetch-site": "same-origin"}
ELSEWHERE = "This was linked to by somebody else&#x27;s page."


def names(text: str) -> list[str]:
    """The given names in a file."""
    return sorted(row["firstName"] for row in csv.DictReader(text[1:].splitlines()))


async def test_the_button_exports_what_the_list_shows(browser: Browser, clinic: Clinic) -> None:
    await browser.sign_in("olivia")
    await browser.open("/riverside/clients?status=PENDING&find=ph")
    link = browser.page.links["Export"]

    answer = await browser.http.get(link, headers=HERE)

    assert answer.status_code == 200
    assert answer.headers["content-disposition"] == 'attachment; filename="clients.csv"'
    assert names(answer.text) == ["Phil"]
    await browser.open("/riverside/clients")
    answer = await browser.http.get(browser.page.links["Export"], headers=HERE)
    assert names(answer.text) == ["Amy", "Bea", "Ben", "Cleo", "Una"]


async def test_a_session_is_refreshed_first_so_that_it_lasts(
    browser: Browser, world: World, clinic: Clinic
) -> None:
    await browser.sign_in("dora")
    for minutes in (14, 20):  # its access token is about to end, or has ended
        world.clock.advance(minutes=minutes)
        before = browser.http.cookies["__Host-visit"]
        answer = await browser.http.get(FILE, headers=HERE)
        assert names(answer.text) == ["Amy", "Bea"]
        assert browser.http.cookies["__Host-visit"] != before
        world.clock.advance(minutes=14)
        await browser.open("/riverside/clients")
        assert browser.path == "/riverside/clients"


@pytest.mark.parametrize(
    ("headers", "is_ours"),
    [
        ({"sec-fetch-site": "none"}, True),
        ({"referer": f"{PUBLIC_URL}/riverside/clients"}, True),
        ({"sec-fetch-site": "cross-site"}, False),
        ({"sec-fetch-site": "same-site", "referer": f"{PUBLIC_URL}/riverside/clients"}, False),
        ({"referer": "https://evil.example/riverside/clients"}, False),
        ({"referer": "https://[evil"}, False),
        ({}, False),
    ],
)
async def test_c10_pages_of_others_have_no_file_asked_for(
    browser: Browser, world: World, clinic: Clinic, headers: dict[str, str], is_ours: bool
) -> None:
    await browser.sign_in("dora")
    if is_ours:
        assert (await browser.http.get(FILE, headers=headers)).status_code == 200
        return
    async with world.unchanged():
        answer = await browser.http.get(FILE, headers={**headers, "accept": "text/html"})
    assert answer.status_code == 403
    assert answer.headers["content-type"] == "text/html; charset=utf-8"
    assert ELSEWHERE in answer.text


@pytest.mark.parametrize("who", ["petra", "norma", "amy"])
async def test_who_has_no_list_has_no_file(
    browser: Browser, world: World, clinic: Clinic, who: str
) -> None:
    await browser.sign_in(who)
    answer = await browser.http.get(FILE, headers={**HERE, "accept": "text/html"})
    assert answer.status_code == 403
    assert "You may not ask for" in answer.text


async def test_who_is_signed_in_nowhere_is_told_to_sign_in(
    browser: Browser, world: World, clinic: Clinic
) -> None:
    async with world.unchanged():
        await browser.open(FILE, 401)
        assert "Sign in first." in browser.text
        await browser.open("/riverside/login")
        await browser.open(FILE, 401)
    browser.http.cookies["__Host-visit"] = ".".join(("x" * 22, "vta_no", "vtr_no"))
    answer = await browser.http.get(FILE, headers=HERE)
    assert answer.status_code == 401


async def test_a_token_that_is_shown_counts_and_not_the_cookie(
    browser: Browser, clinic: Clinic
) -> None:
    await browser.sign_in("dora")
    shown = {"authorization": f"Bearer {clinic.token('fay')}"}
    answer = await browser.http.get(FILE, headers=shown)
    assert names(answer.text) == ["Bea", "Ben", "Una"]
    answer = await browser.http.get(FILE, headers={**HERE, "authorization": "Bearer no"})
    assert answer.status_code == 401
