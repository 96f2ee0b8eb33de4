"""What goes back over the wire: a status, headers and a body, and what every answer says."""

import html
from collections.abc import Iterable
from dataclasses import dataclass

import orjson
from starlette.types import Send

from schema import ErrorCode

Headers = tuple[tuple[bytes, bytes], ...]

GRAPHQL = b"application/graphql-response+json; charset=utf-8"
JSON = b"application/json; charset=utf-8"
EVENTS = b"text/event-stream; charset=utf-8"
HTML = b"text/html; charset=utf-8"

SAFE: Headers = (
    (b"cache-control", b"no-store"),
    (b"content-security-policy", b"default-src 'none'; frame-ancestors 'none'"),
    (b"referrer-policy", b"no-referrer"),
    (b"vary", b"Accept, Origin"),
    (b"x-content-type-options", b"nosniff"),
)
"""For every answer: nobody keeps, frames or guesses at it, and no page learns where it was."""

HTTPS_ONLY: Headers = ((b"strict-transport-security", b"max-age=63072000; includeSubDomains"),)
"""Beside them where `PUBLIC_URL` says https: two years, as browsers' own lists ask for."""

PAGES: Headers = (
    (
        b"content-security-policy",
        (
            b"default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; "
            b"form-action 'self'; base-uri 'none'; frame-ancestors 'none'"
        ),
    ),
    (b"cross-origin-opener-policy", b"same-origin"),
    (b"referrer-policy", b"same-origin"),
)
"""What pages say instead: style, script and pictures are files of ours, and nothing is inline.

With `no-referrer` a browser would not say, either, from which origin a form comes.
"""

FOREVER = "public, max-age=31536000, immutable"
"""Of files that have another address whenever they change (`cache-control`)."""

_PAGE = """\
<!doctype html>
<html lang="en">
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="color-scheme" content="light dark">
<title>This did not work</title>
<link rel="icon" href="/static/icon.svg">
<link rel="stylesheet" href="/static/portal.css">
<main class="narrow">
<h1>This did not work</h1>
<p>{message}</p>
<p>Go back in your browser, or start anew from your organization's portal address.</p>
</main>
</html>
"""

RETRY: Headers = ((b"retry-after", b"1"),)
"""Seconds after which another try may help."""


@dataclass(frozen=True, slots=True)
class Answer:
    """A finished answer."""

    status: int
    kind: bytes = JSON
    body: bytes = b""
    headers: Headers = ()

    async def send(self, send: Send, more: Headers) -> None:
        """Send it, with headers that others add."""
        headers = added(self.headers, more)
        if self.body:
            headers.append((b"content-type", self.kind))
            headers.append((b"content-length", b"%d" % len(self.body)))
        await send({"type": "http.response.start", "status": self.status, "headers": headers})
        await send({"type": "http.response.body", "body": self.body})


def added(headers: Iterable[tuple[bytes, bytes]], more: Headers) -> list[tuple[bytes, bytes]]:
    """The headers, and those of `more` of which they say nothing themselves."""
    own = list(headers)
    names = {name for name, _ in own}
    return [*(one for one in more if one[0] not in names), *own]


class Refusal(Exception):
    """A request that is answered with one error: its status, its code, a sentence for people."""

    def __init__(self, status: int, code: ErrorCode, message: str, headers: Headers = ()) -> None:
        super().__init__(message)
        self.status = status
        self.code = code
        self.headers = headers

    def answer(self, kind: bytes = JSON) -> Answer:
        """The answer that says so: a page for people, or else in the shape of GraphQL."""
        if kind is HTML:
            page = _PAGE.format(message=html.escape(str(self)))
            return Answer(self.status, kind, page.encode(), self.headers + PAGES)
        error = {"message": str(self), "extensions": {"code": self.code}}
        return Answer(self.status, kind, orjson.dumps({"errors": [error]}), self.headers)


def bad(status: int, message: str, headers: Headers = ()) -> Refusal:
    """The caller's mistake."""
    return Refusal(status, ErrorCode.BAD_USER_INPUT, message, headers)


def away(message: str = "The service is not available. Please try again in a moment.") -> Refusal:
    """Nobody's mistake, and another try may help."""
    return Refusal(503, ErrorCode.SERVICE_UNAVAILABLE, message, RETRY)
