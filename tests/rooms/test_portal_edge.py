"""What comes to `/graphql` and is no GraphQL, what goes back, and the doors beside it."""

import json
from pathlib import Path
from typing import Any

import httpx2
import pytest
from sqlalchemy import text

from models import new_id
from models.migrate import current
from portal.asked import MOST_BYTES, MOST_DEPTH
from portal.media import accepted
from schema.limits import Limits
from tests.conftest import Databases
from tests.mailbox import Mailbox
from tests.world import LOGIN, REGISTER, Clinic, World

NEW = "application/graphql-response+json"
OLD = "application/json"
STREAM = "text/event-stream"
ROOT = Path(__file__).parents[2]

WHO = '{"query": "{ viewer { surface } }"}'


async def post(
    world: World, content: Any, kind: str | None = OLD, accept: str | None = None
) -> httpx2.Response:
    headers = {"content-type": kind, "accept": accept}
    given = {name: value for name, value in headers.items() if value is not None}
    return await world.http.post("/graphql", content=content, headers=given)


def check(answer: httpx2.Response, status: int, message: str | None = None) -> None:
    """The answer is JSON of this status that nobody keeps, with this one message or with data."""
    assert answer.status_code == status, answer.text
    assert answer.headers["cache-control"] == "no-store"
    assert answer.headers["x-content-type-options"] == "nosniff"
    body = answer.json()
    if message is None:
        assert set(body) == {"data", "extensions"}
        return
    (error,) = body["errors"]
    assert set(body) == {"errors"}
    assert error == {"message": message, "extensions": {"code": "BAD_USER_INPUT"}}


@pytest.mark.parametrize(
    "kind",
    [
        OLD,
        "application/json; charset=utf-8",
        "Application/JSON",
        "application/json ;charset=UTF-8",
        'application/json; charset="utf-8"',
    ],
)
async def test_json_is_answered(empty_world: World, kind: str) -> None:
    check(await post(empty_world, WHO, kind), 200)


@pytest.mark.parametrize(
    "kind",
    [
        None,
        "",
        "text/plain",
        "application/x-www-form-urlencoded",
        "multipart/form-data; boundary=x",
        "application/graphql",
        "application/jsonp",
        "text/plain; application/json",
        "application/json, text/plain",
        "application/json; charset=utf-16",
        "application/json; charset=latin-1",
        "application/json; a=b",
    ],
)
async def test_c9_other_content_is_refused_so_that_no_page_of_others_can_send_it(
    empty_world: World, kind: str | None
) -> None:
    answer = await post(empty_world, WHO, kind)
    check(answer, 415, "The content type must be application/json.")


@pytest.mark.parametrize("coding", ["gzip", "deflate", "br", "x-nonsense", "identity, gzip"])
async def test_c16_a_body_that_is_packed_is_not_unpacked(empty_world: World, coding: str) -> None:
    headers = {"content-type": OLD, "content-encoding": coding}
    answer = await empty_world.http.post("/graphql", content=WHO, headers=headers)
    check(answer, 415, "The body must come as it is, without a content encoding.")
    assert answer.headers["accept-encoding"] == "identity"


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b" ",
        b"{",
        b"query { viewer { surface } }",
        b'{"query": "{ __typename }",}',
        b"{'query': '{ __typename }'}",
        b'{"query": "\xff"}',
        b'{"query": "\xed\xa0\x80"}',
        b'{"query": "\\ud800"}',
        b'\xef\xbb\xbf{"query": "{ __typename }"}',
        WHO.encode("utf-16"),
        b'{"query": "{ __typename }", "variables": {"f": 1e999}}',
        b'{"query": "{ __typename }", "variables": {"f": NaN}}',
        b'{"query": "{ __typename }", "variables": {"f": ' + b"9" * 5000 + b"}}",
        b"[" * 100_000,
        b"\x1f\x8b\x08\x00",
    ],
    ids=range(16),
)
async def test_what_is_no_json_in_utf_8_is_refused(empty_world: World, body: bytes) -> None:
    check(await post(empty_world, body), 400, "The body is not JSON in UTF-8.")


@pytest.mark.parametrize(
    ("body", "message"),
    [
        ("null", "The body must be an object with a query."),
        ("1", "The body must be an object with a query."),
        ('"{ __typename }"', "The body must be an object with a query."),
        ("[]", "The body must be an object with a query."),
        (f"[{WHO}, {WHO}]", "The body must be an object with a query."),
        ("{}", "query must be a string."),
        ('{"query": null}', "query must be a string."),
        ('{"query": ["{ __typename }"]}', "query must be a string."),
        ('{"query": "{ __typename }", "variables": []}', "variables must be an object."),
        ('{"query": "{ __typename }", "variables": "{}"}', "variables must be an object."),
        ('{"query": "{ __typename }", "operationName": 1}', "operationName must be a string."),
        ('{"query": "{ __typename }", "extensions": 0}', "extensions must be an object."),
        ('{"query": "{ __typename }", "extensions": []}', "extensions must be an object."),
    ],
)
async def test_what_is_no_request_is_refused(empty_world: World, body: str, message: str) -> None:
    for accept, kind in ((None, OLD), (NEW, NEW)):
        answer = await post(empty_world, body, accept=accept)
        check(answer, 400, message)
        assert answer.headers["content-type"] == f"{kind}; charset=utf-8"


@pytest.mark.parametrize(
    "body",
    [
        '{"query": "{ __typename }", "variables": null, "operationName": null}',
        '{"query": "{ __typename }", "variables": {"more": {"than": ["asked"]}}}',
        '{"query": "query A { __typename } query B { x: __typename }", "operationName": "A"}',
        '{"query": "{ __typename }", "extensions": {"persistedQuery": 1}, "else": 2}',
    ],
)
async def test_what_need_not_be_said_may_be_left_out_or_null(empty_world: World, body: str) -> None:
    answer = await post(empty_world, body)
    check(answer, 200)
    assert answer.json()["data"] == {"__typename": "Query"}


async def test_body_of_a_million_bytes_is_read_and_no_more(empty_world: World) -> None:
    padded = WHO.encode().ljust(MOST_BYTES)
    check(await post(empty_world, padded), 200)
    answer = await post(empty_world, padded + b" ")
    check(answer, 413, "The body is larger than 1000000 bytes.")


def nested(levels: int, kind: str) -> dict[str, Any]:
    """Variables with so many levels of lists or objects, themselves the first."""
    value: Any = 1
    for _ in range(levels - 1):
        value = {"a": value} if kind == "objects" else [value]
    return {"a": value}


@pytest.mark.parametrize("kind", ["lists", "objects"])
async def test_variables_are_nested_as_deep_as_we_look(empty_world: World, kind: str) -> None:
    for levels in (1, MOST_DEPTH):
        body = {"query": "{ __typename }", "variables": nested(levels, kind)}
        check(await post(empty_world, json.dumps(body)), 200)
    for levels in (MOST_DEPTH + 1, 500):
        body = {"query": "{ __typename }", "variables": nested(levels, kind)}
        answer = await post(empty_world, json.dumps(body))
        check(answer, 400, "variables are nested deeper than 32 levels.")


async def test_text_may_have_as_many_brackets_as_it_likes(empty_world: World) -> None:
    body = {"query": "{ __typename }", "variables": {"text": "[{" * 1000}}
    check(await post(empty_world, json.dumps(body)), 200)


@pytest.mark.parametrize(
    ("accept", "kind", "refused"),
    [
        (None, OLD, 200),
        ("*/*", OLD, 200),
        (OLD, OLD, 200),
        ("", OLD, 200),
        (NEW, NEW, 400),
        (NEW.upper(), NEW, 400),
        (f"{NEW}; charset=utf-8, {OLD}; charset=utf-8", NEW, 400),
        (f"{OLD}, {NEW}", NEW, 400),
    ],
)
async def test_answer_is_of_the_kind_that_is_accepted(
    world: World, clinic: Clinic, accept: str | None, kind: str, refused: int
) -> None:
    token = clinic.token("norma")
    for document, variables, status in [
        ("{ viewer { surface } }", None, 200),
        ('{ node(id: "x") { id } }', None, 200),
        ('mutation { linkResend(token: "x") { accepted } }', None, 200),
        ("{", None, refused),
        ("", None, refused),
        ("{ nothing }", None, refused),
        ("query ($id: ID!) { node(id: $id) { id } }", {"id": None}, refused),
        ("query ($id: ID!) { node(id: $id) { id } }", None, refused),
        (
            "query ($is: Boolean = true) { node(id: 1) { id @skip(if: $is) } }",
            {"is": None},
            refused,
        ),
        ("query A { __typename } query B { __typename }", None, refused),
        ("subscription { x }", None, refused),
        ("{ clients { totalCount } }", None, 403 if kind == NEW else 200),
    ]:
        headers = {"authorization": f"Bearer {token}", "content-type": OLD}
        content = json.dumps({"query": document, "variables": variables})
        if accept is not None:
            headers["accept"] = accept
        answer = await world.http.post("/graphql", content=content, headers=headers)
        assert answer.headers["content-type"] == f"{kind}; charset=utf-8"
        assert answer.headers["cache-control"] == "no-store"
        assert answer.status_code == status, document
        body = answer.json()
        assert ("data" in body) is ("errors" not in body)
        for error in body.get("errors", ()):
            assert error["extensions"]["code"] in ("BAD_USER_INPUT", "FORBIDDEN")


@pytest.mark.parametrize(
    "document",
    [
        "{a" * 5000 + "}" * 5000,
        "{ link(token: " + "[" * 5000 + "]" * 5000 + ") { state } }",
        "{ ...f0 } "
        + " ".join(f"fragment f{i} on Query {{ ...f{i + 1} ...f{i + 1} }}" for i in range(40))
        + " fragment f40 on Query { __typename }",
        "\u0000",
        '{ organization(slug: "a\\u0000b") { name } }',
        '{ link(token: "\\ud800") { state } }',
    ],
    ids=range(6),
)
async def test_nothing_asked_is_a_fault_of_ours(empty_world: World, document: str) -> None:
    answer = await empty_world.send(document)
    assert answer.status_code == 200
    for error in answer.json().get("errors", ()):
        assert error["extensions"]["code"] in ("BAD_USER_INPUT", "QUERY_TOO_COSTLY")


@pytest.mark.parametrize(
    ("accept", "kind"),
    [
        (f"{NEW}, {OLD};q=0.9", NEW),
        (f"{OLD};q=0.9, {NEW}", NEW),
        (f"{NEW};q=0.5, {OLD}", OLD),
        (f"{NEW};q=0, {OLD};q=0.1", OLD),
        (f"{OLD};q=0, */*", NEW),
        (f"{NEW};q=0, */*", OLD),
        (f"{NEW};q=0.2, */*;q=0.1", NEW),
        (f"{OLD}, */*", OLD),
        (f"{NEW}, */*", NEW),
        ("application/*", OLD),
        ("application/*;q=0.1, text/html", OLD),
        (f"text/html, {NEW} ; q=0.001", NEW),
        (f"{NEW};charset=utf-8;q=0.9,{OLD};charset=utf-8;q=0.8", NEW),
        (f"{NEW};q=nonsense, {OLD};q=0.1", OLD),
        (f"{NEW}x, {OLD}", OLD),
        ("text/html", None),
        ("text/*", None),
        ("application/xml", None),
        (f"{OLD};q=0", None),
        ("*/*;q=0", None),
        (",;,", None),
        ("/", None),
        (STREAM, STREAM),
        (f"{STREAM.upper()}, multipart/mixed", STREAM),
        (f"{STREAM}, */*", STREAM),
        (f"{STREAM}, {OLD};q=0.9", STREAM),
        (f"{NEW}, application/graphql+json, {OLD}, {STREAM}, multipart/mixed", NEW),
        (f"{STREAM}, {OLD}", OLD),
        (f"{STREAM};q=0.9, {OLD}", OLD),
        (f"{STREAM};q=0", None),
    ],
)
def test_of_what_is_accepted_the_best_is_taken(accept: str, kind: str | None) -> None:
    found = accepted(accept.encode())
    assert (found and found.decode()) == (kind and f"{kind}; charset=utf-8")


async def test_who_accepts_neither_kind_gets_neither(empty_world: World) -> None:
    answer = await post(empty_world, WHO, accept="text/html, application/xml")
    message = f"The answer is {NEW}; charset=utf-8 or {OLD}; charset=utf-8."
    check(answer, 406, message)


async def test_status_tells_what_became_of_the_operation(world: World, clinic: Clinic) -> None:
    half = '{ viewer { surface } clients(after: "x") { totalCount } }'
    for document, token, status, code in [
        ("{ viewer { surface } }", clinic.token("dora"), 200, None),
        ("{ viewer { surface } }", None, 200, None),
        (half, clinic.token("dora"), 294, "BAD_USER_INPUT"),
        ("{ clients { totalCount } }", clinic.token("norma"), 403, "FORBIDDEN"),
        ("{ clients { totalCount } }", None, 401, "UNAUTHENTICATED"),
        ("{ clients { totalCount } }", "forged", 401, "UNAUTHENTICATED"),
        ("{ nothing }", None, 400, "BAD_USER_INPUT"),
    ]:
        for accept in (NEW, OLD):
            headers = {"content-type": OLD, "accept": accept}
            if token:
                headers["authorization"] = f"Bearer {token}"
            content = json.dumps({"query": document})
            answer = await world.http.post("/graphql", content=content, headers=headers)
            assert answer.status_code == (status if accept == NEW else 200), document
            body = answer.json()
            assert ("data" in body) is (status < 300)
            assert [one["extensions"]["code"] for one in body.get("errors", [])] == (
                [code] if code else []
            )
            wanted = "Bearer" if answer.status_code == 401 else None
            assert answer.headers.get("www-authenticate") == wanted


async def test_who_is_to_wait_is_told_how_long(empty_world: World) -> None:
    object.__setattr__(empty_world.service.services, "throttle", 1)
    who = {"organization": "x", "username": "x", "password": "x", "surface": "PORTAL"}
    content = json.dumps({"query": LOGIN, "variables": who})
    for _ in range(10):
        assert (await post(empty_world, content, accept=NEW)).status_code == 200
    for accept, status, said in (
        (NEW, 429, {"errors"}),
        (OLD, 200, {"data", "errors", "extensions"}),
    ):
        answer = await post(empty_world, content, accept=accept)
        assert answer.status_code == status
        assert answer.headers["retry-after"] == "600"
        (error,) = answer.json()["errors"]
        assert error["extensions"] == {"code": "RATE_LIMITED", "retryAfter": 600}
        assert set(answer.json()) == said


async def test_what_took_too_long_says_so_and_is_not_lightly_asked_again(
    empty_world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(empty_world.app._operations._api, "_limits", Limits(seconds=0))  # type: ignore[attr-defined]
    form = {
        "organization": "riverside",
        "firstName": "Nora",
        "lastName": "Newcomer",
        "email": "nora@home.example",
        "dateOfBirth": "1990-05-17",
    }
    for document, variables, more in (
        ('{ organization(slug: "riverside") { name } }', None, ""),
        (REGISTER, {"input": form}, " Some of it may be done: look, before you try again."),
    ):
        answer = await empty_world.send(document, variables)
        assert (answer.status_code, answer.headers["retry-after"]) == (503, "1")
        (error,) = answer.json()["errors"]
        assert error["message"] == f"This took longer than 0 seconds, and was stopped.{more}"
        assert error["extensions"] == {"code": "SERVICE_UNAVAILABLE"}


async def test_another_mutation_under_a_key_is_not_processed(world: World, clinic: Clinic) -> None:
    headers = {
        "content-type": OLD,
        "accept": NEW,
        "authorization": f"Bearer {clinic.token('olivia')}",
        "idempotency-key": "one",
    }
    for name, status in (("Cardiology", 200), ("Cardiology", 200), ("Dentistry", 422)):
        document = f"""mutation {{
          departmentCreate(input: {{name: "{name}"}}) {{ department {{ name }} }}
        }}"""
        content = json.dumps({"query": document})
        answer = await world.http.post("/graphql", content=content, headers=headers)
        assert answer.status_code == status


@pytest.mark.parametrize("path", ["/graphql", "/graphql/", "/graphql?query={__typename}"])
async def test_browser_is_told_what_this_is(empty_world: World, path: str) -> None:
    accept = {"accept": "text/html,*/*;q=0.8"}
    page = await empty_world.http.get(path, headers=accept)
    assert page.status_code == 200
    assert page.headers["content-type"] == "text/html; charset=utf-8"
    assert page.headers["cache-control"] == "no-store"
    assert 'href="/schema.graphql"' in page.text
    assert "http" not in page.text.replace("http-equiv", "")
    head = await empty_world.http.head(path, headers=accept)
    assert (head.status_code, head.content) == (200, b"")
    del head.headers["x-request-id"], page.headers["x-request-id"]
    assert head.headers == page.headers


@pytest.mark.parametrize("query", ["{ __typename }", "mutation { logout { success } }", ""])
async def test_c9_nothing_is_asked_with_get(empty_world: World, query: str) -> None:
    for accept in (NEW, OLD, "*/*", ""):
        answer = await empty_world.http.get(
            "/graphql", params={"query": query}, headers={"accept": accept}
        )
        check(answer, 405, "Send a POST.")
        assert answer.headers["allow"] == "GET, HEAD, POST"


@pytest.mark.parametrize("method", ["PUT", "DELETE", "PATCH", "OPTIONS", "QUERY"])
async def test_the_page_is_for_who_looks_at_it(empty_world: World, method: str) -> None:
    accept = {"accept": "text/html,*/*;q=0.8"}
    answer = await empty_world.http.request(method, "/graphql", headers=accept)
    check(answer, 405, "Send a POST.")
    assert answer.headers["allow"] == "GET, HEAD, POST"


@pytest.mark.parametrize(
    ("method", "path", "status"),
    [
        ("GET", "/", 404),
        ("GET", "/nowhere", 404),
        ("POST", "/nowhere", 405),
        ("GET", "/graphql/nowhere", 404),
        ("GET", "/healthz/", 404),
        ("GET", "/schema.graphql/", 404),
        ("GET", "//evil.example/%2e%2e", 404),
        ("PUT", "/graphql", 405),
        ("DELETE", "/graphql", 405),
        ("OPTIONS", "/graphql", 405),
        ("POST", "/healthz", 405),
        ("POST", "/schema.graphql", 405),
    ],
)
async def test_c13_other_paths_lead_nowhere(
    empty_world: World, method: str, path: str, status: int
) -> None:
    answer = await empty_world.http.request(method, path)
    assert answer.status_code == status
    assert "location" not in answer.headers
    assert "evil" not in answer.text


async def test_c13_a_slash_more_is_no_matter(empty_world: World) -> None:
    answer = await empty_world.http.post("/graphql/", content=WHO, headers={"content-type": OLD})
    check(answer, 200)


async def test_the_schema_is_there_to_read(empty_world: World) -> None:
    answer = await empty_world.http.get("/schema.graphql")
    assert answer.status_code == 200
    assert answer.headers["content-type"] == "text/plain; charset=utf-8"
    assert answer.content == (ROOT / "schema.graphql").read_bytes()


async def test_server_is_alive_and_ready(empty_world: World) -> None:
    for path, said in (("/healthz", "alive\n"), ("/readyz", "ready\n")):
        answer = await empty_world.http.get(path)
        assert (answer.status_code, answer.text) == (200, said)


async def _at(world: World, revision: str) -> httpx2.Response:
    """What the server says of itself when the tables are of this revision."""
    moved = text("UPDATE alembic_version SET version_num = :to").bindparams(to=revision)
    await world.database.write(lambda connection: connection.execute(moved))
    assert (await world.http.get("/healthz")).status_code == 200
    return await world.http.get("/readyz")


async def test_server_is_not_ready_for_a_database_of_an_earlier_release(empty_world: World) -> None:
    ready = await _at(empty_world, "0003")
    assert (ready.status_code, ready.text) == (503, "the database waits for a migration\n")


async def test_server_serves_on_a_database_of_a_later_release_while_it_is_replaced(
    empty_world: World, mailbox: Mailbox
) -> None:
    """It starts anew there, too, and leaves the tables as they are."""
    ready = await _at(empty_world, "9999")
    assert (ready.status_code, ready.text) == (200, "ready\n")
    async with World(empty_world.settings.database_url, mailbox) as again:
        assert (await again.http.get("/readyz")).status_code == 200
        assert await current(again.database) == "9999"


async def test_server_says_so_when_the_database_is_away(
    databases: Databases, mailbox: Mailbox
) -> None:
    url = await databases.postgresql()
    async with World(url, mailbox) as world:
        token = world.service.services.tokens.access(new_id(), 1)
        await databases.drop(url)
        ready = await world.http.get("/readyz")
        assert (ready.status_code, ready.text) == (503, "the database is away\n")
        assert (await world.http.get("/healthz")).status_code == 200
        for asked_by in (token, None):
            answer = await world.send(
                '{ organization(slug: "riverside") { name } }', token=asked_by
            )
            (error,) = answer.json()["errors"]
            assert error["extensions"] == {"code": "SERVICE_UNAVAILABLE"}
            assert error["message"] == (
                "The service is not available. Please try again in a moment."
            )
            assert answer.headers["cache-control"] == "no-store"
