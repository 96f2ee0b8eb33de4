"""GraphQL over HTTP: bytes in, bytes out, and everything about the request that is not GraphQL.

Written after the GraphQL-over-HTTP specification: `POST` with a JSON body; the answer is
`application/graphql-response+json` for who accepts that, `application/json` otherwise.
"""

from typing import Any

import orjson
from starlette.requests import Request
from starlette.responses import HTMLResponse, Response
from starlette.types import Receive, Scope, Send

from models import Unavailable
from portal.service import Service
from schema import Api

NEW = "application/graphql-response+json"
OLD = "application/json"
MOST_BYTES = 1_000_000

_HEADERS = {"cache-control": "no-store", "x-content-type-options": "nosniff"}

_EXPLAINED = """\
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


class BadRequest(Exception):
    """A request that is no GraphQL request: its status, and a sentence."""

    def __init__(self, status: int, message: str) -> None:
        super().__init__(message)
        self.status = status


class Edge:
    """The ASGI app at `/graphql`. `service` is set when the server has started."""

    service: Service

    def __init__(self, api: Api) -> None:
        self._api = api

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request."""
        request = Request(scope, receive)
        asking = request.method == "POST"
        response = await self._answer(request) if asking else self._explain()
        await response(scope, receive, send)

    async def _answer(self, request: Request) -> Response:
        media = NEW if NEW in request.headers.get("accept", "").lower() else OLD
        try:
            asked = _asked(await _body(request))
            source = request.client.host if request.client else None
            context = await self.service.context(_token(request), source)
        except BadRequest as bad:
            return _error(media, bad.status, "BAD_USER_INPUT", str(bad))
        except Unavailable:
            message = "The service is not available. Please try again in a moment."
            return _error(media, 503, "SERVICE_UNAVAILABLE", message)
        key = request.headers.get("idempotency-key")
        found = await self._api.execute(context, *asked, idempotency_key=key)
        status = 200 if found.ran or media == OLD else 400
        return _json(media, status, found.body)

    def _explain(self) -> Response:
        return HTMLResponse(_EXPLAINED, headers=_HEADERS)


async def _body(request: Request) -> bytes:
    """The body, as far as it is one that we read."""
    kind = request.headers.get("content-type", "").partition(";")[0].strip().lower()
    if kind != OLD:
        raise BadRequest(415, f"The content type must be {OLD}.")
    body = bytearray()
    async for chunk in request.stream():
        body += chunk
        if len(body) > MOST_BYTES:
            raise BadRequest(413, f"The body is larger than {MOST_BYTES} bytes.")
    return bytes(body)


def _asked(body: bytes) -> tuple[str, dict[str, Any] | None, str | None]:
    """Query, variables and operation name."""
    try:
        said = orjson.loads(body)
    except orjson.JSONDecodeError:
        raise BadRequest(400, "The body is not JSON in UTF-8.") from None
    if not isinstance(said, dict):
        raise BadRequest(400, "The body must be an object with a query.")
    query, variables = said.get("query"), said.get("variables")
    name = said.get("operationName")
    if not isinstance(query, str):
        raise BadRequest(400, "query must be a string.")
    if variables is not None and not isinstance(variables, dict):
        raise BadRequest(400, "variables must be an object.")
    if name is not None and not isinstance(name, str):
        raise BadRequest(400, "operationName must be a string.")
    return query, variables, name


def _token(request: Request) -> str | None:
    """The access token that the request shows; an odd header counts as one that is no good."""
    header = request.headers.get("authorization")
    if header is None:
        return None
    scheme, _, token = header.partition(" ")
    return token.strip() if scheme.lower() == "bearer" else ""


def _json(media: str, status: int, body: bytes) -> Response:
    kind = f"{media}; charset=utf-8"
    return Response(body, status, headers=_HEADERS, media_type=kind)


def _error(media: str, status: int, code: str, message: str) -> Response:
    error = {"message": message, "extensions": {"code": code}}
    return _json(media, status, orjson.dumps({"errors": [error]}))
