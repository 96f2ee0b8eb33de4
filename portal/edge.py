"""GraphQL over HTTP, after the specification of September 2026.

`POST` with a JSON body. The answer is `application/graphql-response+json` for who accepts that,
with a status that tells what became of the operation; for others it is `application/json`, and 200
for whatever was an operation. Who likes `text/event-stream` best gets one answer after the other.
`GET` is for people with a browser, who get a page.
"""

from functools import partial
from typing import Any

import orjson
from starlette.requests import Request
from starlette.types import Receive, Scope

from portal import explorer
from portal.answers import EVENTS, GRAPHQL, JSON, RETRY, Answer, Headers, bad
from portal.asked import asked
from portal.call import Call
from portal.following import Following
from portal.media import accepted
from portal.operations import Operations, bearer
from portal.pages import Desk
from portal.stream import Stream, single
from schema import ErrorCode, Live, Response

PARTIAL = 294
"""Data and errors: "Partial Success", a status of the specification's own."""

STATUSES: dict[str, int] = {
    ErrorCode.UNAUTHENTICATED: 401,
    ErrorCode.FORBIDDEN: 403,
    ErrorCode.IDEMPOTENCY_MISMATCH: 422,
}
"""The status of an operation that did not run, by the code of its first error; otherwise 400."""

FORM_TOKEN = b"x-form-token"
"""With it a page of ours asks as whoever is signed in at the pages, by their cookie."""

CHALLENGE = ((b"www-authenticate", b"Bearer"),)


class Edge:
    """What is at `/graphql`."""

    def __init__(self, operations: Operations, desk: Desk, following: Following) -> None:
        self._operations = operations
        self._desk = desk
        self._following = following

    async def __call__(self, call: Call, scope: Scope, receive: Receive) -> Answer | Stream:
        """The answer to one request. Raises `Refusal`, `Unavailable` and `Gone`."""
        if scope["method"] != "POST":
            return self._page(call, scope)
        kind = accepted(call.headers.get(b"accept"))
        if kind == EVENTS:
            return await self._stream(call, scope, receive)
        facts = call.begin()
        if kind is None:
            raise bad(406, f"The answer is {GRAPHQL.decode()} or {JSON.decode()}.")
        call.kind = kind
        said = await asked(call.headers, receive)
        facts["document"] = said.digest
        with self._operations.place():
            context = await self._operations.context(call, await self._token(call, scope))
            found, failed = await self._operations.run(facts, context, said, _key(call))
        if failed is None:
            return Answer(200, call.kind, found.body)
        return _with_errors(call.kind, found, failed)

    async def _stream(self, call: Call, scope: Scope, receive: Receive) -> Answer | Stream:
        """What is answered as a stream of events; what does not run is answered as ever."""
        facts = call.begin()
        call.kind = GRAPHQL
        said = await asked(call.headers, receive)
        with self._operations.place():
            # Once: a cookie that changes later does not reach the browser any more.
            token = await self._token(call, scope)
            enter = partial(self._operations.context, call, token)
            found = await self._operations.follow(facts, enter, said, _key(call))
        if isinstance(found, Live):
            return Stream(self._following.responses(found), receive)
        if found.ran:
            return Stream(single(found), receive)
        return _with_errors(GRAPHQL, found, found.json)

    async def _token(self, call: Call, scope: Scope) -> str | None:
        """What shows who asks: the token that came, or else, for a page of ours, its cookie's."""
        token = bearer(call.headers.get(b"authorization"))
        form_token = call.headers.get(FORM_TOKEN)
        if token is not None or form_token is None:
            return token
        return await self._desk.lend(call, Request(scope), form_token.decode("latin-1"))

    def _page(self, call: Call, scope: Scope) -> Answer:
        wants_page = b"text/html" in call.headers.get(b"accept", b"").lower()
        if scope["method"] not in ("GET", "HEAD") or not wants_page:
            raise bad(405, "Send a POST.", ((b"allow", b"GET, HEAD, POST"),))
        return explorer.page(self._desk.form_token(Request(scope)))


def _key(call: Call) -> str | None:
    key = call.headers.get(b"idempotency-key")
    return None if key is None else key.decode("latin-1")


def _with_errors(kind: bytes, found: Response, said: dict[str, Any]) -> Answer:
    """The answer of an operation of which not everything came, or nothing."""
    errors = said["errors"]
    codes = {error["extensions"]["code"] for error in errors}
    nothing_came = not found.done and not any((said.get("data") or {}).values())
    if nothing_came and codes == {ErrorCode.SERVICE_UNAVAILABLE}:
        return Answer(503, kind, found.body, RETRY)
    limited = nothing_came and codes == {ErrorCode.RATE_LIMITED}
    wait = _wait(errors[0]) if limited else ()
    if kind is JSON:
        return Answer(200, kind, found.body, wait)
    if limited:
        return Answer(429, kind, orjson.dumps({"errors": errors}), wait)
    if found.ran:
        return Answer(PARTIAL, kind, found.body)
    status = STATUSES.get(errors[0]["extensions"]["code"], 400)
    return Answer(status, kind, found.body, CHALLENGE if status == 401 else ())


def _wait(error: dict[str, Any]) -> Headers:
    return ((b"retry-after", b"%d" % error["extensions"]["retryAfter"]),)
