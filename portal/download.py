"""`GET /export/clients.csv` and `/export/clients.jsonl`: clients as a file, sent as it is read."""

from typing import Any
from urllib.parse import parse_qsl

from starlette.requests import Request
from starlette.responses import StreamingResponse
from starlette.routing import Route
from starlette.types import Receive, Scope, Send

from portal.answers import HTML, bad
from portal.asked import Asked
from portal.call import Call
from portal.exporting import FILTERS, WRITINGS, Export, Filters, Format
from portal.operations import Operations, bearer
from portal.pages import Desk
from resolvers import Context

FOLDER = "/export/"
"""Where the files are; pages of `CORS_ORIGINS` may ask for them, too."""


class Download:
    """A file of clients. An ASGI app, so that whatever is wrong with a request is said alike.

    When it cannot go on, the connection is broken off: the last chunk never comes.
    """

    def __init__(self, operations: Operations, desk: Desk, form: Format) -> None:
        self._operations = operations
        self._desk = desk
        self._form = form

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Send the file. Raises `Refusal` and `Unavailable`, also in the middle."""
        call: Call = scope["call"]
        if b"text/html" in call.headers.get(b"accept", b"").lower():
            call.kind = HTML
        if scope["method"] != "GET":
            raise bad(405, "Send a GET.", ((b"allow", b"GET"),))
        filters = _filters(scope["query_string"])
        token = await self._token(call, Request(scope))
        facts = call.begin()

        async def ask(said: Asked) -> tuple[Context, dict[str, Any]]:
            with self._operations.place():
                context = await self._operations.context(call, token)
                known = facts["caller"]
                ran = await self._operations.run(facts, context, said)
            # Of a caller who is cut off the log tells who they were.
            facts["caller"] = known or facts["caller"]
            return context, ran.response.json

        export = Export(ask, self._form, filters)
        await export.begin()
        headers = {
            "content-type": WRITINGS[self._form].kind,
            "content-disposition": f'attachment; filename="clients.{self._form}"',
        }
        await StreamingResponse(export.parts(), headers=headers)(scope, receive, send)

    async def _token(self, call: Call, request: Request) -> str | None:
        """What shows who asks, page for page: the token that came, or else that of the cookie."""
        token = bearer(call.headers.get(b"authorization"))
        if token is not None:
            return token
        with self._operations.place():
            return await self._desk.hand_over(call, request)


def downloads(operations: Operations, desk: Desk) -> list[Route]:
    """The files that there are."""
    return [
        Route(f"{FOLDER}clients.{form}", Download(operations, desk, form), name=form)
        for form in Format
    ]


def _filters(query: bytes) -> Filters:
    """The filters that an address names. An empty status is none: all three lists."""
    try:
        pairs = parse_qsl(
            query.decode("ascii"), keep_blank_values=True, errors="strict", max_num_fields=100
        )
    except ValueError:
        raise bad(400, "This is no query string of ours.") from None
    found = dict(pairs)
    # Who misspells a filter must not get everybody.
    if len(found) < len(pairs) or not found.keys() <= set(FILTERS):
        raise bad(400, f"An export takes {', '.join(FILTERS)}, each once at most.")
    return {**found, **({"status": None} if found.get("status") == "" else {})}
