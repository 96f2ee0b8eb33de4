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
from portal.answers import GRAPHQL, HTML, JSON, RETRY, Answer, Headers, away, bad
from portal.asked import Asked, asked
from portal.call import Call
from portal.media import accepted
from portal.service import Service
from schema import Api, ErrorCode, Response

PARTIAL = 294
"""Data and errors: "Partial Success", a status of the specification's own."""

STATUSES: dict[str, int] = {
    ErrorCode.UNAUTHENTICATED: 401,
    ErrorCode.FORBIDDEN: 403,
    ErrorCode.IDEMPOTENCY_MISMATCH: 422,
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
        facts["operation"] = _name(said, found.ran)
        failed = _failed(found.body)
        if failed is None:
            facts["outcome"] = ["OK"]
            return Answer(200, call.kind, found.body)
        facts["outcome"] = [error["extensions"]["code"] for error in failed["errors"]]
        return _with_errors(call.kind, found, failed)


def _failed(body: bytes) -> dict[str, Any] | None:
    """What an answer says if there are errors in it; most have none, and are not read."""
    if body.rfind(b'"errors":[') < 0:
        return None
    said: dict[str, Any] = orjson.loads(body)
    return said if "errors" in said else None


def _with_errors(kind: bytes, found: Response, said: dict[str, Any]) -> Answer:
    """The answer of an operation of which not everything came, or nothing."""
    errors = said["errors"]
    codes = {error["extensions"]["code"] for error in errors}
    nothing_came = not any((said.get("data") or {}).values())
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
    return Answer(status, kind, found.body, _CHALLENGE if status == 401 else ())


def _wait(error: dict[str, Any]) -> Headers:
    return ((b"retry-after", b"%d" % error["extensions"]["retryAfter"]),)


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
