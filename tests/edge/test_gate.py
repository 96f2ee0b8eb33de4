"""What every request passes: C10 (other pages), C13 (hosts), C18 (caches), A5 (whence)."""

import logging
from collections.abc import Callable
from pathlib import Path
from typing import Any

import httpx2
import pytest

from portal import gate
from portal.places import network
from portal.source import source
from tests.conftest import Databases
from tests.mailbox import Mailbox
from tests.world import World

APP = "https://app.example"
WHO = '{"query": "{ __typename }"}'
JSON = {"content-type": "application/json"}

SAFE = {
    "cache-control": "no-store",
    "content-security-policy": "default-src 'none'; frame-ancestors 'none'",
    "referrer-policy": "no-referrer",
    "strict-transport-security": "max-age=63072000; includeSubDomains",
    "vary": "Accept, Origin",
    "x-content-type-options": "nosniff",
}

Opens = Callable[..., World]


@pytest.fixture
async def opens(databases: Databases, mailbox: Mailbox, tmp_path: Path) -> Opens:
    """A world with these settings. Which database is behind it is no matter here."""
    url = await databases.sqlite(tmp_path)
    return lambda **settings: World(url, mailbox, **settings)


async def post(world: World, **headers: str) -> httpx2.Response:
    return await world.http.post("/graphql", content=WHO, headers={**JSON, **headers})


def check_is_safe(answer: httpx2.Response) -> None:
    assert {name: answer.headers.get(name) for name in SAFE} == SAFE
    assert answer.headers.get_list("cache-control") == ["no-store"]
    assert len(answer.headers["x-request-id"]) == 24


# --- C10: other pages ---------------------------------------------------------------------------


def allowed(answer: httpx2.Response) -> dict[str, str]:
    """What the answer lets pages of other origins do."""
    return {
        name.removeprefix("access-control-"): value
        for name, value in answer.headers.items()
        if name.startswith("access-control-")
    }


READ = {"allow-origin": APP, "expose-headers": "retry-after, x-request-id"}
ASK = {
    "allow-methods": "POST",
    "allow-headers": "authorization, content-type, idempotency-key",
    "max-age": "7200",
}
STRANGERS = [
    "null",
    "https://evil.example",
    "http://app.example",
    "https://app.example:444",
    "https://app.example.evil.example",
    "https://evil-app.example",
    "HTTPS://APP.EXAMPLE",
    "*",
    "",
    "https://other.example",
]


async def test_c10_pages_of_allowed_origins_may_ask_and_read(opens: Opens) -> None:
    async with opens(cors_origins=[APP]) as world:
        for path in ("/graphql", "/graphql/", "/export/clients.csv"):
            asked = await world.http.options(
                path, headers={"origin": APP, "access-control-request-method": "POST"}
            )
            assert (asked.status_code, asked.content) == (204, b"")
            assert allowed(asked) == READ | ASK
            check_is_safe(asked)
        assert allowed(await post(world, origin=APP)) == READ
        # They can also read why not, whatever went wrong.
        refused = await post(world, **{"origin": APP, "content-encoding": "gzip"})
        assert (refused.status_code, allowed(refused)) == (415, READ)
        for path, status in (("/schema.graphql", 200), ("/export/clients.csv", 401)):
            answer = await world.http.get(path, headers={"origin": APP})
            assert (answer.status_code, allowed(answer)) == (status, READ)


@pytest.mark.parametrize("origin", STRANGERS)
async def test_c10_pages_of_others_may_do_nothing(opens: Opens, origin: str) -> None:
    for settings in ({}, {"cors_origins": [APP]}):
        async with opens(**settings) as world:
            for path, method in (("/graphql", "POST"), ("/export/clients.csv", "GET")):
                asked = await world.http.options(
                    path, headers={"origin": origin, "access-control-request-method": method}
                )
                assert (asked.status_code, allowed(asked)) == (405, {})
            answer = await post(world, origin=origin)
            assert (answer.status_code, allowed(answer)) == (200, {})
            assert "Origin" in answer.headers["vary"]
            assert origin not in {*answer.headers.values()} - {"*", ""}


# --- C13: hosts ---------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "host",
    [
        "portal.example",
        "PORTAL.example",
        "portal.example:443",
        "portal.example:8000",
        "also.example",
        "localhost",
        "127.0.0.1:8000",
        "[::1]",
        "[::1]:8000",
    ],
)
async def test_c13_the_servers_own_names_are_known(opens: Opens, host: str) -> None:
    async with opens(allowed_hosts=["also.example"]) as world:
        assert (await post(world, host=host)).status_code == 200


@pytest.mark.parametrize(
    "host",
    [
        "",
        "evil.example",
        "portal.example.evil.example",
        "evilportal.example",
        "portal.example.",
        "portal.example:80:80",
        "portal.example:evil",
        "user@portal.example",
        "portal.example/evil",
        "portal.example, evil.example",
        "other.example",
        "127.0.0.2",
        "::1",
    ],
)
async def test_c13_other_names_lead_nowhere_and_are_not_repeated(opens: Opens, host: str) -> None:
    async with opens(allowed_hosts=[]) as world:
        headers = {**JSON, "host": host, "x-forwarded-host": "portal.example"}
        for method, path in (
            ("POST", "/graphql"),
            ("POST", "/graphql/"),
            ("GET", "/graphql"),
            ("GET", "/schema.graphql"),
            ("GET", "/"),
        ):
            answer = await world.http.request(method, path, content=WHO, headers=headers)
            assert answer.status_code == 400
            message = "The Host header names none of this server's hosts."
            assert answer.json()["errors"][0]["message"] == message
            assert "evil" not in f"{answer.headers} {answer.text}"
            check_is_safe(answer)


async def test_c13_what_others_say_of_the_host_is_never_heard(opens: Opens) -> None:
    async with opens(trusted_proxies=[network("127.0.0.1")]) as world:
        headers = {
            "x-forwarded-host": "evil.example",
            "x-forwarded-proto": "ftp",
            "x-original-url": "/evil",
            "x-rewrite-url": "/evil",
            "forwarded": "host=evil.example",
        }
        plain, told = await post(world), await post(world, **headers)
        assert told.status_code == 200
        del plain.headers["x-request-id"], told.headers["x-request-id"]
        assert (plain.headers, plain.content) == (told.headers, told.content)


async def test_health_is_told_to_probes_that_know_an_address_only(opens: Opens) -> None:
    async with opens() as world:
        for path in ("/healthz", "/readyz"):
            answer = await world.http.get(path, headers={"host": "10.1.2.3:8000"})
            assert answer.status_code == 200
            check_is_safe(answer)


@pytest.mark.parametrize(
    "name",
    ["host", "authorization", "content-type", "content-encoding", "idempotency-key", "origin"],
)
async def test_a_header_that_counts_is_there_once(opens: Opens, name: str) -> None:
    async with opens() as world:
        plain = {"host": "portal.example", **JSON}
        twice = [*plain.items(), (name, plain.get(name, "x")), (name, "y")]
        answer = await world.http.post("/graphql", content=WHO, headers=twice)
        assert answer.status_code == 400
        error = answer.json()["errors"][0]
        assert error["message"] == "A header that may come once came twice."


async def test_other_headers_may_be_there_twice(opens: Opens) -> None:
    async with opens() as world:
        twice = [*JSON.items(), ("x-forwarded-for", "10.0.0.1"), ("x-forwarded-for", "10.0.0.2")]
        answer = await world.http.post("/graphql", content=WHO, headers=twice)
        assert answer.status_code == 200


# --- C18: caches, and what else every answer says -----------------------------------------------


async def test_c18_no_answer_is_kept_framed_or_guessed_at(opens: Opens) -> None:
    async with opens() as world:
        for method, path, status in (
            ("POST", "/graphql", 200),
            ("GET", "/graphql", 405),
            ("PUT", "/graphql", 405),
            ("GET", "/schema.graphql", 200),
            ("HEAD", "/schema.graphql", 200),
            ("POST", "/schema.graphql", 405),
            ("GET", "/healthz", 200),
            ("GET", "/readyz", 200),
            ("GET", "/", 404),
        ):
            answer = await world.http.request(method, path, content=WHO, headers=JSON)
            assert answer.status_code == status, path
            assert "set-cookie" not in answer.headers
            assert "server" not in answer.headers
            assert "etag" not in answer.headers
            check_is_safe(answer)


async def test_only_a_portal_that_is_reached_by_https_asks_to_be(opens: Opens) -> None:
    for said, asks in (("http://portal.example", False), ("HTTPS://Portal.example:443", True)):
        async with opens(public_url=said) as world:
            assert ("strict-transport-security" in (await post(world)).headers) is asks


async def test_every_answer_has_an_id_of_its_own_which_nobody_else_chooses(opens: Opens) -> None:
    async with opens() as world:
        headers = {"x-request-id": "mine", "x-correlation-id": "mine", "traceparent": "mine"}
        ids = [(await post(world, **headers)).headers["x-request-id"] for _ in range(100)]
        assert len(set(ids)) == 100
        assert "mine" not in ids


async def test_c12_a_fault_of_ours_is_an_incident_that_only_the_log_knows_more_of(
    opens: Opens, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    async def broken(*_: Any) -> Any:
        raise LookupError("the password is hunter2")

    async with opens(cors_origins=[APP]) as world:
        monkeypatch.setattr("schema.Api.execute", broken)
        with caplog.at_level(logging.ERROR, gate.__name__):
            answer = await post(world, origin=APP)
        assert answer.status_code == 500
        incident = answer.headers["x-request-id"]
        assert answer.json() == {
            "errors": [
                {
                    "message": f"Something went wrong. Tell us the incident: {incident}.",
                    "extensions": {"code": "INTERNAL_SERVER_ERROR"},
                }
            ]
        }
        assert allowed(answer) == READ
        check_is_safe(answer)
        (record,) = caplog.records
        assert record.getMessage() == f"incident {incident}"
        assert record.exc_info
        assert (await world.http.get("/healthz")).status_code == 200


# --- whom a request comes from ------------------------------------------------------------------


@pytest.mark.parametrize(
    ("peer", "said", "proxies", "whence"),
    [
        ("203.0.113.7", ["1.1.1.1"], [], "203.0.113.7"),
        ("203.0.113.7", ["1.1.1.1"], ["10.0.0.0/8"], "203.0.113.7"),
        ("10.0.0.1", [], ["10.0.0.0/8"], "10.0.0.1"),
        ("10.0.0.1", [""], ["10.0.0.0/8"], "10.0.0.1"),
        ("10.0.0.1", ["1.1.1.1"], ["10.0.0.0/8"], "1.1.1.1"),
        # What the caller made up stands before what the proxy wrote.
        ("10.0.0.1", ["9.9.9.9, 1.1.1.1"], ["10.0.0.0/8"], "1.1.1.1"),
        ("10.0.0.1", ["9.9.9.9", "1.1.1.1"], ["10.0.0.0/8"], "1.1.1.1"),
        ("10.0.0.1", ["9.9.9.9, 1.1.1.1, 10.0.0.2"], ["10.0.0.0/8"], "1.1.1.1"),
        ("10.0.0.1", ["10.0.0.3, 10.0.0.2"], ["10.0.0.0/8"], "10.0.0.3"),
        ("10.0.0.1", ["1.1.1.1, unknown"], ["10.0.0.0/8"], "10.0.0.1"),
        ("10.0.0.1", ["1.1.1.1, hunter2\x1b[31m, 10.0.0.2"], ["10.0.0.0/8"], "10.0.0.2"),
        ("10.0.0.1", ["1.1.1.1:5678"], ["10.0.0.0/8"], "1.1.1.1"),
        ("10.0.0.1", ["[2001:db8::7]:5678"], ["10.0.0.0/8"], "2001:db8::7"),
        ("10.0.0.1", ["2001:DB8:0::7"], ["10.0.0.0/8"], "2001:db8::7"),
        ("10.0.0.1", ["::ffff:1.1.1.1"], ["10.0.0.0/8"], "1.1.1.1"),
        ("::ffff:10.0.0.1", ["1.1.1.1"], ["10.0.0.0/8"], "1.1.1.1"),
        ("fd00::1", ["1.1.1.1"], ["fd00::/8", "10.0.0.0/8"], "1.1.1.1"),
        (None, ["1.1.1.1"], ["10.0.0.0/8"], None),
    ],
)
def test_a5_whence_is_what_our_own_proxies_say_and_nobody_else(
    peer: str | None, said: list[str], proxies: list[str], whence: str | None
) -> None:
    headers = [(b"x-forwarded-for", value.encode()) for value in said]
    ours: Any = tuple(map(network, proxies))
    assert source(peer, [(b"host", b"x"), *headers], ours) == whence
