"""What goes back over the wire: a status, headers and a body, and what every answer says."""

from dataclasses import dataclass

import orjson
from starlette.types import Send

from schema import ErrorCode

Headers = tuple[tuple[bytes, bytes], ...]

GRAPHQL = b"application/graphql-response+json; charset=utf-8"
JSON = b"application/json; charset=utf-8"
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
        headers = [*more, *self.headers]
        if self.body:
            headers.append((b"content-type", self.kind))
            headers.append((b"content-length", b"%d" % len(self.body)))
        await send({"type": "http.response.start", "status": self.status, "headers": headers})
        await send({"type": "http.response.body", "body": self.body})


class Refusal(Exception):
    """A request that is answered with one error: its status, its code, a sentence for people."""

    def __init__(self, status: int, code: ErrorCode, message: str, headers: Headers = ()) -> None:
        super().__init__(message)
        self.status = status
        self.code = code
        self.headers = headers

    def answer(self, kind: bytes = JSON) -> Answer:
        """The answer that says so, in the shape of GraphQL."""
        error = {"message": str(self), "extensions": {"code": self.code}}
        return Answer(self.status, kind, orjson.dumps({"errors": [error]}), self.headers)


def bad(status: int, message: str, headers: Headers = ()) -> Refusal:
    """The caller's mistake."""
    return Refusal(status, ErrorCode.BAD_USER_INPUT, message, headers)


def away(message: str = "The service is not available. Please try again in a moment.") -> Refusal:
    """Nobody's mistake, and another try may help."""
    return Refusal(503, ErrorCode.SERVICE_UNAVAILABLE, message, RETRY)
