"""GraphiQL at `/graphql`: built or not, and the session of the pages that works in it."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import httpx2
import orjson
import pytest
from graphql import (
    OperationDefinitionNode,
    build_client_schema,
    coerce_input_value,
    get_introspection_query,
    parse,
    type_from_ast,
    validate,
)

from portal import built as building
from portal import feed
from schema import build
from tests.edge.wire import served
from tests.live.following import events
from tests.live.test_live import DEACTIVATE
from tests.pages.browsing import Browser
from tests.world import PUBLIC_URL, Clinic, World, refusal

JOURNEYS = sorted((building.BUILT.parent / "src" / "graphiql" / "journeys").glob("*.graphql"))
SCHEMA = build()
WHO = "{ viewer { staff { displayName } } }"
CREATE = 'mutation { departmentCreate(input: {name: "Oncology"}) { department { name } } }'
OLIVIA = {"viewer": {"staff": {"displayName": "Olivia Hart"}}}
NOBODY = {"viewer": None}
FILES = {
    "main-1.js": b"let x",
    "main-1.css": b"a {}",
    "codicon-1.ttf": b"\0",
    "main-1.js.map": b"{",
}


@pytest.fixture
def built(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder as Vite leaves it."""
    folder = tmp_path / "built"
    folder.mkdir()
    entry = {"file": "main-1.js", "css": ["main-1.css"], "isEntry": True}
    (folder / "manifest.json").write_bytes(orjson.dumps({"src/graphiql/main.js": entry}))
    for name, content in FILES.items():
        (folder / name).write_bytes(content)
    monkeypatch.setattr(building, "BUILT", folder)
    return folder


async def form_token(browser: Browser) -> str:
    """What the page of GraphiQL is given to ask with."""
    await browser.open("/graphql")
    (token,) = (said["data-form-token"] for _, said in browser.page.tags if said.get("id"))
    return token


async def ask(browser: Browser, query: str, headers: Mapping[str, str]) -> httpx2.Response:
    return await browser.http.post("/graphql", json={"query": query}, headers=headers)


# --- the page -----------------------------------------------------------------------------------


async def test_where_it_is_not_built_the_page_says_so_and_how_to_ask(
    browser: Browser, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(building, "BUILT", tmp_path / "nowhere")
    await browser.open("/graphql")
    assert "Send it a POST" in browser.text
    assert "GraphiQL would be here if it was built: make install does that" in browser.text
    policy = browser.answer.headers["content-security-policy"]
    assert policy == "default-src 'none'; frame-ancestors 'none'"
    assert (await browser.http.get("/static/built/main-1.js")).status_code == 404


@pytest.mark.usefixtures("built")
async def test_where_it_is_built_it_runs_nothing_but_files_of_ours(browser: Browser) -> None:
    await browser.open("/graphql")
    headers = browser.answer.headers
    assert headers.get_list("content-security-policy") == [
        (
            "default-src 'none'; script-src 'self'; worker-src 'self'; connect-src 'self'; "
            "style-src 'self' 'unsafe-inline'; font-src 'self' data:; img-src 'self' data:; "
            "form-action 'none'; base-uri 'none'; frame-ancestors 'none'"
        )
    ]
    assert headers["cache-control"] == "no-store"
    assert headers["cross-origin-opener-policy"] == "same-origin"
    assert headers["x-content-type-options"] == "nosniff"
    brought = {said.get("src") or said["href"] for _, said in browser.page.tags if
               said.keys() & {"src", "href"}}  # fmt: skip
    assert brought == {
        "/static/icon.svg",
        "/static/built/main-1.css",
        "/static/built/main-1.js",
        "/schema.graphql",
    }
    assert "http" not in browser.answer.text


async def test_its_files_are_kept_for_good_and_nothing_else_is_there(
    browser: Browser, built: Path
) -> None:
    (built.parent / "secret.js").write_text("secret")
    kinds = {"js": "text/javascript", "css": "text/css", "ttf": "font/ttf"}
    for name, content in FILES.items():
        answer = await browser.http.get(f"/static/built/{name}")
        kind = kinds.get(name.rpartition(".")[2])
        if kind is None:
            assert answer.status_code == 404
            continue
        assert (answer.status_code, answer.content) == (200, content)
        assert answer.headers["content-type"].partition(";")[0] == kind
        assert answer.headers["cache-control"] == "public, max-age=31536000, immutable"
    for name in ("manifest.json", "main-2.js", "..%2Fsecret.js", "../secret.js", "", "%00.js"):
        assert (await browser.http.get(f"/static/built/{name}")).status_code == 404, name


@pytest.mark.parametrize("path", JOURNEYS, ids=lambda path: path.stem)
def test_a_journey_is_one_of_the_schema_and_its_variables_fit(path: Path) -> None:
    document = parse(path.read_text())
    assert validate(SCHEMA, document) == []
    variables = orjson.loads(path.with_suffix(".json").read_bytes())
    declared: dict[str, Any] = {
        one.variable.name.value: type_from_ast(SCHEMA, one.type)
        for operation in document.definitions
        if isinstance(operation, OperationDefinitionNode)
        for one in operation.variable_definitions or ()
    }
    assert variables.keys() == declared.keys()
    for name, value in variables.items():
        coerce_input_value(value, declared[name])


def test_its_lock_holds_digests_and_no_host() -> None:
    lock = (building.BUILT.parent / "package-lock.json").read_text()
    packages = orjson.loads(lock)["packages"]
    assert all("integrity" in one for name, one in packages.items() if name)
    assert "://" not in lock


# --- the session --------------------------------------------------------------------------------


@pytest.mark.usefixtures("built")
async def test_who_is_signed_in_at_the_pages_asks_as_themself(
    browser: Browser, clinic: Clinic
) -> None:
    await browser.sign_in("olivia")
    shown = {"x-form-token": await form_token(browser), "origin": PUBLIC_URL}
    answer = await ask(browser, WHO, shown)
    assert answer.json()["data"] == OLIVIA
    assert "set-cookie" not in answer.headers
    created = (await ask(browser, CREATE, shown)).json()["data"]
    assert created == {"departmentCreate": {"department": {"name": "Oncology"}}}


@pytest.mark.usefixtures("built")
async def test_b11_it_is_there_for_everybody_and_can_do_no_more_than_who_asks(
    browser: Browser, world: World, clinic: Clinic
) -> None:
    await browser.open("/riverside/login")
    for code in ("UNAUTHENTICATED", "FORBIDDEN"):
        shown = {"x-form-token": await form_token(browser), "origin": PUBLIC_URL}
        standard = (await ask(browser, get_introspection_query(), shown)).json()
        assert build_client_schema(standard["data"]).mutation_type
        async with world.unchanged():
            assert refusal((await ask(browser, CREATE, shown)).json()) == code
        await browser.sign_in("carl")


@pytest.mark.usefixtures("built")
async def test_who_is_nobody_there_is_nobody_here(browser: Browser, clinic: Clinic) -> None:
    assert await form_token(browser) == ""
    await browser.open("/riverside/login")
    shown = {"x-form-token": await form_token(browser), "origin": PUBLIC_URL}
    assert (await ask(browser, WHO, shown)).json()["data"] == NOBODY


@pytest.mark.usefixtures("built")
@pytest.mark.parametrize(
    "wrong",
    [
        {"origin": "https://evil.example"},
        {"origin": "null"},
        {"origin": ""},
        {"origin": None},
        {"x-form-token": ""},
        {"x-form-token": "x"},
        {"x-form-token": "of another visit"},
    ],
    ids=str,
)
async def test_c9_the_cookie_counts_only_with_the_token_of_its_page_and_from_here(
    browser: Browser, world: World, clinic: Clinic, wrong: dict[str, str | None]
) -> None:
    await browser.sign_in("olivia")
    told = {"x-form-token": await form_token(browser), "origin": PUBLIC_URL} | wrong
    if told["x-form-token"] == "of another visit":
        async with Browser(world) as other:
            await other.sign_in("olivia")
            told["x-form-token"] = await form_token(other)
    headers = {name: value for name, value in told.items() if value is not None}
    async with world.unchanged():
        answer = await ask(browser, CREATE, headers)
    assert answer.status_code == 403
    assert answer.json()["errors"][0]["extensions"] == {"code": "FORBIDDEN"}
    assert "data" not in answer.json()


@pytest.mark.usefixtures("built")
async def test_c9_without_the_header_the_cookie_does_not_count(
    browser: Browser, world: World, clinic: Clinic
) -> None:
    await browser.sign_in("olivia")
    async with world.unchanged():
        answer = await ask(browser, CREATE, {"origin": PUBLIC_URL})
    assert answer.json()["errors"][0]["extensions"]["code"] == "UNAUTHENTICATED"


@pytest.mark.usefixtures("built")
async def test_a_token_that_is_shown_goes_before_the_cookie(
    browser: Browser, clinic: Clinic
) -> None:
    await browser.sign_in("olivia")
    shown = {"x-form-token": await form_token(browser), "origin": PUBLIC_URL}
    bearer = {"authorization": f"Bearer {clinic.token('carl')}"}
    answer = (await ask(browser, WHO, shown | bearer)).json()
    assert answer["data"] == {"viewer": {"staff": {"displayName": "Carl Staff"}}}
    answer = (await ask(browser, WHO, shown | {"authorization": "Bearer none"})).json()
    assert answer["data"] == NOBODY


@pytest.mark.usefixtures("built")
async def test_a_session_is_refreshed_and_kept_also_here(
    browser: Browser, world: World, clinic: Clinic
) -> None:
    await browser.sign_in("olivia")
    shown = {"x-form-token": await form_token(browser), "origin": PUBLIC_URL}
    before = browser.http.cookies["__Host-visit"]
    world.clock.advance(minutes=16)
    answer = await ask(browser, WHO, shown)
    assert answer.json()["data"] == OLIVIA
    assert "HttpOnly; Path=/; SameSite=lax; Secure" in answer.headers["set-cookie"]
    assert browser.http.cookies["__Host-visit"] != before
    assert (await ask(browser, WHO, shown)).json()["data"] == OLIVIA
    world.clock.advance(days=31)
    assert (await ask(browser, WHO, shown)).json()["data"] == NOBODY
    assert browser.http.cookies["__Host-visit"].endswith("..")


def visiting(browser: Browser) -> dict[str, str]:
    """The cookie that the browser has, as it sends it to any port."""
    return {"cookie": f"__Host-visit={browser.http.cookies['__Host-visit']}"}


@pytest.mark.usefixtures("built")
async def test_who_follows_until_their_token_runs_out_is_told_so_and_stays_signed_in(
    browser: Browser, world: World, clinic: Clinic, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(feed, "CHECK_SECONDS", 0.05)
    await browser.sign_in("olivia")
    shown = {"x-form-token": await form_token(browser), "origin": PUBLIC_URL}
    async with (
        served(world.app) as port,
        events(port, None, shown=shown | visiting(browser)) as stream,
    ):
        assert stream.answer.status_code == 200
        world.clock.advance(minutes=16)
        kind, heard = await stream.next()
        assert (kind, heard["errors"][0]["extensions"]["code"]) == ("next", "UNAUTHENTICATED")
        assert await stream.next() == ("complete", None)
    world.clock.advance(seconds=11)
    assert (await ask(browser, WHO, shown)).json()["data"] == OLIVIA


@pytest.mark.usefixtures("built")
async def test_a_session_is_refreshed_when_somebody_begins_to_follow_and_only_then(
    browser: Browser, world: World, clinic: Clinic
) -> None:
    await browser.sign_in("olivia")
    shown = {"x-form-token": await form_token(browser), "origin": PUBLIC_URL}
    world.clock.advance(minutes=16)
    async with (
        served(world.app) as port,
        events(port, None, shown=shown | visiting(browser)) as stream,
    ):
        refreshed = stream.answer.cookies["__Host-visit"]
        world.clock.advance(seconds=11)
        oscar = await world.sign_in("oscar")
        done = await world.do(DEACTIVATE, {"id": clinic.ids["amy"]}, oscar)
        assert done["userErrors"] == []
        _, heard = await stream.next()
        assert heard["data"]["clientChanged"]["action"] == "CLIENT_DEACTIVATED"
    kept = {"cookie": f"__Host-visit={refreshed}"}
    answer = await world.http.post("/graphql", json={"query": WHO}, headers=shown | kept)
    assert answer.json()["data"] == OLIVIA
    assert "set-cookie" not in answer.headers
