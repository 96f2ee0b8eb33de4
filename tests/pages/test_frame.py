"""What all pages share: cookies, tokens of forms, headers, sessions that are refreshed."""

import asyncio
import re
from functools import partial
from typing import Any
from urllib.parse import urlencode

import httpx2
import pytest
from sqlalchemy import insert
from sqlalchemy.ext.asyncio import AsyncConnection

from models import Department, new_id, sort_key
from portal.asked import Asked
from portal.operations import Operations, Ran
from portal.pages.desk import MOST_BYTES
from portal.pages.typed import MOST_FIELDS
from tests.factors import RECOVERY, give
from tests.pages.browsing import Browser
from tests.world import PASSWORD, PUBLIC_URL, Clinic, World

PEOPLE = (("clients", "amy"), ("staff", "petra"))
FORM = {"content-type": "application/x-www-form-urlencoded", "origin": PUBLIC_URL}
COOKIE = re.compile(
    r"__Host-visit=[\w-]{22}\.[\w-]*\.[\w-]*; HttpOnly; Path=/; SameSite=lax; Secure"
)


def cookie(browser: Browser) -> str:
    return browser.http.cookies["__Host-visit"]


# --- signing in and out -------------------------------------------------------------------------


async def test_staff_sign_in_and_see_the_menu_of_what_they_may(
    browser: Browser, clinic: Clinic
) -> None:
    await browser.open("/riverside")
    await browser.follow("Sign in You have a username and a password.")
    before = cookie(browser)
    await browser.send("sign-in", username="olivia", password=PASSWORD)
    assert browser.path == "/riverside"
    assert cookie(browser).partition(".")[0] != before.partition(".")[0]
    menu = {"Clients", "Staff", "Departments"}
    assert menu <= browser.page.links.keys()
    for who, seen in [
        ("carl", {"Clients", "Staff"}),
        ("petra", set()),
        ("norma", set()),
        ("amy", set()),
    ]:
        await browser.sign_in(who)
        assert browser.page.links.keys() & menu == seen


async def test_s28_a_pending_client_sees_what_they_wait_for_and_an_active_one_whom_they_meet(
    browser: Browser, clinic: Clinic
) -> None:
    await browser.sign_in("chloe")
    assert "Pending Your account is waiting to be approved." in browser.text
    assert "with Riverside Clinic, Mental Health" in browser.text
    await browser.sign_in("amy")
    assert "Your practitioners Petra Staff Mental Health" in browser.text


async def test_s27_who_is_inactive_is_told_so_and_what_was_typed_stays_but_for_the_password(
    browser: Browser, clinic: Clinic
) -> None:
    await browser.open("/riverside/login")
    await browser.fail("sign-in", username="gil", password=PASSWORD)
    assert "Your account is inactive, so you cannot sign in." in browser.text
    assert browser.answer.text.startswith("<!doctype html>")
    assert "<title>Problem: Sign in" in browser.answer.text
    assert browser.form("sign-in").controls["username"] == "gil"
    assert browser.form("sign-in").controls["password"] == ""
    assert PASSWORD not in browser.answer.text
    assert cookie(browser).endswith("..")


async def test_a_second_factor_is_asked_for_and_taken(
    browser: Browser, world: World, clinic: Clinic
) -> None:
    await give(world, clinic, "carl")
    await browser.open("/riverside/login")
    await browser.fail("sign-in", username="carl", password=PASSWORD)
    assert browser.page.links["Please type the code that your authenticator app shows, or a "
                              "recovery code."] == "#sign-in-code"  # fmt: skip
    assert "sign-in-code" in browser.page.ids
    await browser.send("sign-in", password=PASSWORD, code=RECOVERY)
    assert "Hello Carl Staff" in browser.text


async def test_signing_out_ends_the_session_and_leaves_nothing_in_the_cookie(
    browser: Browser, world: World, clinic: Clinic
) -> None:
    await browser.sign_in("olivia")
    _, access, refresh = cookie(browser).split(".")
    out = next(form for form in browser.page.forms if form.action.endswith("/sign-out"))
    await browser.http.post(out.action, data=out.controls, headers={"origin": PUBLIC_URL})
    assert cookie(browser).endswith("..")
    assert (await world.ask("{ departments { id } }", token=access))["errors"]
    document = """mutation ($token: String!) {
      sessionRefresh(refreshToken: $token) { session { surface } }
    }"""
    assert await world.do(document, {"token": refresh}) == {"session": None}
    await browser.open("/riverside")
    assert "Welcome to Riverside Clinic" in browser.text


async def test_a_new_session_ends_the_one_before_it(
    browser: Browser, world: World, clinic: Clinic
) -> None:
    await browser.sign_in("olivia")
    _, access, _ = cookie(browser).split(".")
    await browser.sign_in("carl")
    assert "Hello Carl Staff" in browser.text
    assert (await world.ask("{ departments { id } }", token=access))["errors"]


async def test_who_is_signed_in_elsewhere_is_nobody_here(browser: Browser, clinic: Clinic) -> None:
    await browser.sign_in("olivia")
    await browser.open("/lakeside")
    assert "Welcome to Lakeside" in browser.text
    assert "Olivia" not in browser.text


@pytest.mark.parametrize(
    ("back", "leads"),
    [
        ("/riverside/clients/cli_1?x=1", "/riverside/clients/cli_1?x=1"),
        ("/riverside", "/riverside"),
        ("/lakeside/clients", "/riverside"),
        ("https://evil.example/riverside/", "/riverside"),
        ("//evil.example", "/riverside"),
        ("/riverside//evil.example", "/riverside"),
        ("/riverside/\\evil.example", "/riverside"),
        ("/riverside/\r\nx: y", "/riverside"),
    ],
)
async def test_c14_signing_in_leads_back_but_never_elsewhere(
    browser: Browser, clinic: Clinic, back: str, leads: str
) -> None:
    await browser.open(f"/riverside/login?{urlencode({'next': back})}")
    browser.http.follow_redirects = False
    await browser.submit("sign-in", 303, {"username": "amy", "password": PASSWORD})
    assert browser.answer.headers["location"] == leads


# --- the cookie ---------------------------------------------------------------------------------


async def test_the_cookie_is_of_this_host_alone_and_no_script_reads_it(
    browser: Browser, clinic: Clinic
) -> None:
    await browser.open("/riverside/login")
    assert COOKIE.fullmatch(browser.answer.headers["set-cookie"])
    await browser.open("/riverside/login")
    assert "set-cookie" not in browser.answer.headers
    browser.http.follow_redirects = False
    form = browser.form("sign-in").controls | {"username": "amy", "password": PASSWORD}
    answer = await browser.http.post("/riverside/login", data=form, headers=FORM)
    assert (answer.status_code, answer.headers["location"]) == (303, "/riverside")
    assert COOKIE.fullmatch(answer.headers["set-cookie"])


async def test_the_api_does_not_look_at_the_cookie(browser: Browser, clinic: Clinic) -> None:
    await browser.sign_in("olivia")
    asked = {"query": "{ viewer { surface } }"}
    answer = await browser.http.post("/graphql", json=asked, headers={"origin": PUBLIC_URL})
    assert answer.json()["data"] == {"viewer": None}


@pytest.mark.parametrize("kept", ["", "x", "a.b.c", "é", "x" * 22 + ".vta_x.vtr_x", "a" * 5000])
async def test_a_cookie_that_is_not_ours_is_nobodys(
    browser: Browser, clinic: Clinic, kept: str
) -> None:
    headers = {b"cookie": f"__Host-visit={kept}".encode()}
    answer = await browser.http.get("/riverside", headers=headers)
    assert answer.status_code == 200
    assert "Welcome to Riverside Clinic" in answer.text


async def test_d21_a_session_is_refreshed_where_its_access_token_has_run_out(
    browser: Browser, world: World, clinic: Clinic
) -> None:
    await browser.sign_in("olivia")
    before = cookie(browser)
    world.clock.advance(minutes=14)
    await browser.open("/riverside")
    assert cookie(browser) == before
    world.clock.advance(minutes=2)
    await browser.open("/riverside")
    assert "Hello Olivia Hart" in browser.text
    after = cookie(browser)
    assert after.partition(".")[0] == before.partition(".")[0]
    assert after != before
    await browser.open("/riverside")
    assert "Hello Olivia Hart" in browser.text
    assert cookie(browser) == after
    world.clock.advance(minutes=16)
    await browser.open("/riverside/clients/cli_nobody", 404)
    assert cookie(browser) != after
    world.clock.advance(minutes=1)
    await browser.open("/riverside")
    assert "Hello Olivia Hart" in browser.text
    world.clock.advance(days=31)
    await browser.open("/riverside")
    assert "Welcome to Riverside Clinic" in browser.text
    assert cookie(browser).endswith("..")


# --- forms of others ----------------------------------------------------------------------------


@pytest.mark.parametrize(
    "origin",
    ["https://evil.example", "null", "", "https://portal.example.evil.example", None],
)
async def test_c9_a_form_on_a_page_of_others_is_not_taken(
    browser: Browser, world: World, clinic: Clinic, origin: str | None
) -> None:
    await browser.open("/riverside/login")
    said = browser.form("sign-in").controls | {"username": "amy", "password": PASSWORD}
    headers = {} if origin is None else {"origin": origin}
    async with world.unchanged():
        answer = await browser.http.post("/riverside/login", data=said, headers=headers)
    assert answer.status_code == 403
    assert "This was sent from a page of somebody else&#x27;s." in answer.text


@pytest.mark.parametrize("token", ["", "x", "é", None])
async def test_c9_a_form_without_the_token_of_the_visit_is_not_taken(
    browser: Browser, world: World, clinic: Clinic, token: str | None
) -> None:
    await browser.open("/riverside/login")
    said = browser.form("sign-in").controls | {"username": "amy", "password": PASSWORD}
    if token is None:  # the token of another browser's visit
        async with Browser(world) as other:
            token = (await other.open("/riverside/login")).form("sign-in").controls["csrf"]
    said["csrf"] = token
    async with world.unchanged():
        answer = await browser.http.post("/riverside/login", data=said, headers=FORM)
    assert answer.status_code == 403
    assert "Somebody has signed in or out since this page was opened." in answer.text


@pytest.mark.parametrize("key", ["9" * 5000, "x", "٣", ""])
async def test_c4_a_place_in_a_list_that_is_no_place_is_no_form_of_ours(
    browser: Browser, world: World, clinic: Clinic, key: str
) -> None:
    await browser.sign_in("olivia")
    await browser.open("/riverside/clients/new")
    said = browser.form("client-create").controls | {f"associations.{key}.practitionerId": "x"}
    async with world.unchanged():
        answer = await browser.http.post("/riverside/clients/new", data=said, headers=FORM)
    assert answer.status_code == 400
    assert "This is not a form of ours." in answer.text


async def test_c9_a_form_from_before_signing_in_is_not_taken_afterwards(
    browser: Browser, world: World, clinic: Clinic
) -> None:
    await browser.open("/riverside/login")
    said = browser.form("sign-in").controls | {"username": "amy", "password": PASSWORD}
    await browser.send("sign-in", username="olivia", password=PASSWORD)
    async with world.unchanged():
        answer = await browser.http.post("/riverside/login", data=said, headers=FORM)
    assert answer.status_code == 403


async def test_e6_a_form_that_is_sent_twice_is_done_once(
    browser: Browser, world: World, clinic: Clinic
) -> None:
    await browser.sign_in("olivia")

    async def twice(path: str, form: str, **more: str) -> httpx2.Response:
        """Two clicks, one so soon after the other that both forms are on their way."""
        await browser.open(path)
        said = browser.form(form).controls | more
        answers = await asyncio.gather(
            *(browser.http.post(path, data=said, headers=FORM) for _ in range(2))
        )
        one, other = (answer.url for answer in answers)
        assert [answer.status_code for answer in answers] == [200, 200]
        assert one == other
        return await browser.http.post(path, data=said, headers=FORM)

    amy, una = (f"/riverside/clients/{clinic.ids[who]}" for who in ("amy", "una"))
    await world.new_mail()
    answer = await twice(amy, "client-note", text="Called, and nobody was there.")
    assert "The note is saved." in answer.text
    assert answer.text.count("Called, and nobody was there.") == 1
    await twice(una, "client-resend")
    assert (await world.only_mail(clinic.email("una"))).token
    nils = {"firstName": "Nils", "lastName": "New", "email": "nils@riverside.example"}
    box = f"role.PRACTITIONER.{clinic.ids['mental']}.now"
    answer = await twice("/riverside/staff/new", "staff-create", **nils, **{box: "true"})
    assert "The account is created." in answer.text
    assert (await world.only_mail("nils@riverside.example")).token


async def test_a_form_that_is_filled_in_otherwise_is_another_one(
    browser: Browser, clinic: Clinic
) -> None:
    """Browsers go back to a page as it was."""
    path = f"/riverside/clients/{clinic.ids['amy']}"
    await browser.sign_in("olivia")
    await browser.open(path)
    said = browser.form("client-note").controls
    for more in ({"text": "One."}, {"text": "Another."}, {"text": "A third.", "once": ""}):
        answer = await browser.http.post(path, data=said | more, headers=FORM)
        assert "The note is saved." in answer.text
    await browser.open(path)
    for text in ("One.", "Another.", "A third."):
        assert f"{text} Olivia Hart" in browser.text


async def test_a_form_is_as_large_as_what_is_ticked_however_many_departments_there_are(
    browser: Browser, world: World, clinic: Clinic
) -> None:
    """A department has three boxes: with all of them there would be more fields than are read."""

    async def work(connection: AsyncConnection) -> None:
        names = [f"Department {number:03}" for number in range(MOST_FIELDS // 3 + 1)]
        organization = {"organization_id": clinic.key("riverside"), "active": True}
        rows = [
            organization
            | {
                "id": new_id(),
                "name": name,
                "name_key": sort_key(name),
                "created_at": world.clock(),
            }
            for name in names
        ]
        await connection.execute(insert(Department), rows)

    await world.database.write(work)
    await browser.sign_in("olivia")
    await browser.open("/riverside/staff/new")
    form = browser.form("staff-create")
    assert len(form.boxes) > MOST_FIELDS
    assert not [name for name in form.controls if name.startswith("role.")]
    said = {"firstName": "Nils", "lastName": "New", "email": "nils@riverside.example"}
    first, *_, last = [name for name in form.boxes if name.startswith("role.PRACTITIONER.")]
    await browser.send("staff-create", **said, **{first: True, last: True})
    assert "Nils New Active" in browser.text
    await browser.follow("Edit")
    assert [name for name, ticked in browser.form("staff-roles").boxes.items() if ticked] == [
        first,
        last,
    ]
    await browser.send("staff-roles", **{first: False})
    assert "The roles are saved." in browser.text
    assert "Practitioner Physiotherapy" in browser.text
    assert "Practitioner Department 000" not in browser.text


async def test_a_form_is_urlencoded_and_small(browser: Browser, clinic: Clinic) -> None:
    await browser.open("/riverside/login")
    said = browser.form("sign-in").controls | {"username": "amy", "password": PASSWORD}
    path = "/riverside/login"

    async def sent(content: bytes, **headers: str) -> httpx2.Response:
        return await browser.http.post(path, content=content, headers=FORM | headers)

    good = urlencode(said).encode()
    for kind in ("text/plain", "multipart/form-data; boundary=x", "application/json", ""):
        assert (await sent(good, **{"content-type": kind})).status_code == 415
    assert (await sent(good, **{"content-encoding": "gzip"})).status_code == 415
    assert (await sent(good + b"&x=" + b"x" * MOST_BYTES)).status_code == 413
    for bad in (b"&x=%ff", b"&x=\xff", b"&x" * 1001, b"&username.x=1", b"&username.x.y=1"):
        assert (await sent(good + bad)).status_code == 400
    other = good.replace(b"form=sign-in", b"form=sign-out")
    assert (await sent(other)).status_code == 400


# --- headers ------------------------------------------------------------------------------------


async def test_pages_bring_everything_themselves_and_nobody_keeps_them(
    browser: Browser, clinic: Clinic
) -> None:
    await browser.open("/riverside/login")
    headers = browser.answer.headers
    assert headers["cache-control"] == "no-store"
    assert headers.get_list("content-security-policy") == [
        (
            "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; "
            "form-action 'self'; base-uri 'none'; frame-ancestors 'none'"
        )
    ]
    assert headers["referrer-policy"] == "same-origin"
    assert headers["x-content-type-options"] == "nosniff"
    assert "http" not in browser.answer.text.replace("https://portal.example", "")
    for tag, said in browser.page.tags:
        assert "style" not in said
        assert not any(name.startswith("on") for name in said)
        assert tag != "script" or said["src"].startswith("/static/")


async def test_what_pages_are_dressed_in_is_kept_until_it_changes(
    browser: Browser, clinic: Clinic
) -> None:
    await browser.open("/riverside/login")
    for tag, said in browser.page.tags:
        if tag == "link":
            asset = await browser.http.get(said["href"])
            assert asset.headers["cache-control"] == "public, max-age=31536000, immutable"
            plain = await browser.http.get(said["href"].partition("?")[0])
            assert (plain.content, plain.headers["cache-control"]) == (asset.content, "no-cache")
    assert (await browser.http.get("/static/../desk.py")).status_code == 404


@pytest.fixture
def asked(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The documents that pages ask from here on."""
    found: list[str] = []
    run = Operations.run

    async def counted(
        self: Operations, facts: Any, context: Any, said: Asked, key: str | None
    ) -> Ran:
        found.append(said.query)
        return await run(self, facts, context, said, key)

    monkeypatch.setattr(Operations, "run", counted)
    return found


async def test_a_page_asks_one_document_and_one_that_comes_back_two(
    browser: Browser, clinic: Clinic, asked: list[str]
) -> None:
    await browser.sign_in("olivia")
    amy, petra = (f"{kind}/{clinic.ids[who]}" for kind, who in PEOPLE)
    for path in ("", "/clients", f"/{amy}", f"/{amy}/edit", "/staff", f"/{petra}/edit", "/account"):
        asked.clear()
        await browser.open(f"/riverside{path}")
        assert len(asked) == 1
    asked.clear()
    await browser.fail("password-change", currentPassword=PASSWORD, password="short")
    assert len(asked) == 2


async def test_d21_a_session_that_has_run_out_is_refreshed_by_one_document_before_these(
    browser: Browser, world: World, clinic: Clinic, asked: list[str]
) -> None:
    await browser.sign_in("olivia")
    for count, turn in [
        (1, partial(browser.open, "/riverside/account")),
        (2, partial(browser.fail, "password-change", currentPassword=PASSWORD, password="short")),
    ]:
        world.clock.advance(minutes=16)
        asked.clear()
        await turn()
        refreshing, *others = asked
        assert "sessionRefresh" in refreshing
        assert len(others) == count


async def test_signing_in_ends_the_session_before_it_by_one_document_more(
    browser: Browser, clinic: Clinic, asked: list[str]
) -> None:
    await browser.sign_in("olivia")
    await browser.open("/riverside/login")
    browser.http.follow_redirects = False
    asked.clear()
    await browser.submit("sign-in", 303, {"username": "carl", "password": PASSWORD})
    opening, ending = asked
    assert "login" in opening
    assert "logout" in ending


@pytest.mark.parametrize("path", ["/nowhere", "/nowhere/login", "/riverside/x", "/riverside/x/y"])
async def test_other_addresses_lead_to_a_page_that_says_so(
    browser: Browser, clinic: Clinic, path: str
) -> None:
    await browser.open(path, 404)
    assert "There is no such page" in browser.text


@pytest.mark.parametrize("path", ["/mail", "/mail/x", "/mail/x/body"])
async def test_nobody_but_the_demo_has_a_mailbox(
    browser: Browser, clinic: Clinic, path: str
) -> None:
    await browser.sign_in("olivia")
    await browser.open(path, 404)
