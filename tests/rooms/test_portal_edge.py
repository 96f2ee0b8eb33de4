"""What comes to `/graphql` and is no GraphQL, what goes back, and the doors beside it."""

import json
from pathlib import Path
from typing import Any

import httpx2
import pytest
from sqlalchemy import text

from models import new_id
from portal.edge import MOST_BYTES
from tests.conftest import Databases
from tests.mailbox import Mailbox
from tests.world import Clinic, World

NEW = "application/graphql-response+json"
OLD = "application/json"
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
    [OLD, "application/json; charset=utf-8", "Application/JSON", "application/json ;charset=UTF-8"],
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
    ],
)
async def test_other_content_is_refused_so_that_no_page_of_others_can_send_it(
    empty_world: World, kind: str | None
) -> None:
    answer = await post(empty_world, WHO, kind)
    check(answer, 415, "The content type must be application/json.")


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


@pytest.mark.parametrize(
    ("accept", "kind", "refused"),
    [
        (None, OLD, 200),
        ("*/*", OLD, 200),
        (OLD, OLD, 200),
        ("text/html", OLD, 200),
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
        ("query A { __typename } query B { __typename }", None, refused),
        ("subscription { x }", None, refused),
        ("{ clients { totalCount } }", None, refused),
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


@pytest.mark.parametrize("path", ["/graphql", "/graphql/", "/graphql?query={__typename}"])
async def test_browser_is_told_what_this_is(empty_world: World, path: str) -> None:
    page = await empty_world.http.get(path, headers={"accept": "text/html,*/*;q=0.8"})
    assert page.status_code == 200
    assert page.headers["content-type"] == "text/html; charset=utf-8"
    assert page.headers["cache-control"] == "no-store"
    assert 'href="/schema.graphql"' in page.text
    assert "http" not in page.text.replace("http-equiv", "")
    head = await empty_world.http.head(path)
    assert (head.status_code, head.content) == (200, b"")
    assert head.headers == page.headers


@pytest.mark.parametrize(
    ("method", "path", "status"),
    [
        ("GET", "/", 404),
        ("GET", "/nowhere", 404),
        ("POST", "/nowhere", 404),
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
async def test_other_paths_lead_nowhere_whatever_the_host_is_called(
    empty_world: World, method: str, path: str, status: int
) -> None:
    answer = await empty_world.http.request(method, path, headers={"host": "evil.example"})
    assert answer.status_code == status
    assert "location" not in answer.headers
    assert "evil" not in answer.text


async def test_a_slash_more_is_no_matter(empty_world: World) -> None:
    headers = {"host": "evil.example", "content-type": OLD}
    answer = await empty_world.http.post("/graphql/", content=WHO, headers=headers)
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


async def test_server_is_not_ready_for_a_database_of_another_release(empty_world: World) -> None:
    older = text("UPDATE alembic_version SET version_num = 'older'")
    await empty_world.database.write(lambda connection: connection.execute(older))
    ready = await empty_world.http.get("/readyz")
    assert (ready.status_code, ready.text) == (503, "the database waits for a migration\n")
    assert (await empty_world.http.get("/healthz")).status_code == 200


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
