"""GraphQL over HTTP, after the specification of September 2026.

`POST` with a JSON body. The answer is `application/graphql-response+json` for who accepts that,
with a status that tells what became of the operation; for others it is `application/json`, and 200
for whatever was an operation. `GET` is for people with a browser, who get a page.
"""

import re
from hashlib import sha256
from typing import Any

import orjson
from starlette.types import Receive, Scope

from models import AccountKind, outside
from permissions import Actor
from portal.answers import GRAPHQL, HTML, JSON, RETRY, Answer, away, bad
from portal.asked import Asked, asked
from portal.call import Call
from portal.media import accepted
from portal.service import Service
from schema import Api, ErrorCode

PARTIAL = 294
"""Data and errors: "Partial Success", a status of the specification's own."""

STATUSES: dict[str, int] = {
    ErrorCode.UNAUTHENTICATED: 401,
    ErrorCode.FORBIDDEN: 403,
    ErrorCode.RATE_LIMITED: 429,
}
"""The status of an operation that did not run, by the code of its first error; otherwise 400."""

# What follows the first word of a document. Further inside, it could stand in somebody's text.
_NAME = re.compile(r"[\s,]*(?:query|mutation|subscription)[\s,]+([_A-Za-z]\w{0,99})", re.ASCII)
_CHALLENGE = ((b"www-authenticate", b"Bearer"),)
_PREFIXES = {AccountKind.STAFF: "stf_", AccountKind.CLIENT: "cli_"}
_PAGE = """\
<!doctype html>
<html lang="en">
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="color-scheme" content="light dark">
<title>GraphQL</title>
<h1>This is a GraphQL endpoint</h1>
<p>Send it a <code>POST</code> with <code>{"query": "…", "variables": {…}}</code> as
<code>application/json</code>; what can be asked is in <a href="/schema.graphql">the schema</a>.</p>
</html>
"""


class Edge:
    """What is at `/graphql`. `service` is set when the server has started."""

    service: Service

    def __init__(self, api: Api, at_once: int) -> None:
        self._api = api
        self._at_once = at_once
        self._running = 0

    async def __call__(self, call: Call, scope: Scope, receive: Receive) -> Answer:
        """The answer to one request. Raises `Refusal`, `Unavailable` and `Gone`."""
        if scope["method"] != "POST":
            return _page(call)
        facts: dict[str, Any] = dict.fromkeys(("operation", "document", "caller", "outcome"))
        call.facts = facts
        kind = accepted(call.headers.get(b"accept"))
        if kind is None:
            raise bad(406, f"The answer is {GRAPHQL.decode()} or {JSON.decode()}.")
        call.kind = kind
        said = await asked(call.headers, receive)
        facts["document"] = sha256(said.query.encode()).hexdigest()[:16]
        if self._running >= self._at_once:
            raise away("The server is busy. Please try again in a moment.")
        self._running += 1
        try:
            return await self._execute(call, facts, said)
        finally:
            self._running -= 1

    async def _execute(self, call: Call, facts: dict[str, Any], said: Asked) -> Answer:
        token = _token(call.headers.get(b"authorization"))
        context = await self.service.context(token, call.source, call.id)
        facts["caller"] = _caller(context.actor)
        key = call.headers.get(b"idempotency-key")
        found = await self._api.execute(
            context, *said, idempotency_key=None if key is None else key.decode("latin-1")
        )
        body = found.body
        facts["operation"] = _name(said, found.ran)
        errors, data = _errors(body)
        codes = [error["extensions"]["code"] for error in errors]
        facts["outcome"] = codes or ["OK"]
        if set(codes) == {ErrorCode.SERVICE_UNAVAILABLE} and not any((data or {}).values()):
            return Answer(503, call.kind, body, RETRY)
        status = _status(call.kind, found.ran, codes)
        return Answer(status, call.kind, body, _CHALLENGE if status == 401 else ())


def _errors(body: bytes) -> tuple[list[dict[str, Any]], dict[str, Any] | None]:
    """The errors of an answer, and its data if there are any; most have none, and are not read."""
    if b'"errors":[' not in body:
        return [], None
    said = orjson.loads(body)
    return said.get("errors", []), said.get("data")


def _status(kind: bytes, ran: bool, codes: list[str]) -> int:
    if kind is JSON or not codes:
        return 200
    return PARTIAL if ran else STATUSES.get(codes[0], 400)


def _name(said: Asked, ran: bool) -> str | None:
    """The operation's name, when it surely is one and not just anything that somebody typed."""
    if ran and said.operation_name:
        return said.operation_name[:100]
    first = _NAME.match(said.query)
    return first[1] if first and said.operation_name in (None, first[1]) else None


def _caller(actor: Actor) -> str:
    kind = actor.shape.kind
    return outside(_PREFIXES[kind], actor.id) if kind else "anonymous"


def _token(header: bytes | None) -> str | None:
    """The access token that the request shows; an odd header counts as one that is no good."""
    if header is None:
        return None
    scheme, _, token = header.partition(b" ")
    return token.strip().decode("latin-1") if scheme.lower() == b"bearer" else ""


def _page(call: Call) -> Answer:
    if b"text/html" not in call.headers.get(b"accept", b"").lower():
        raise bad(405, "Send a POST.", ((b"allow", b"POST"),))
    return Answer(200, HTML, _PAGE.encode())
