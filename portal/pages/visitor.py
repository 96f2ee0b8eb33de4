"""Whoever is at a page, and asks the API as themself."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from portal.answers import Refusal, away, bad
from portal.asked import Asked
from portal.call import Call
from portal.operations import Operations
from portal.pages.documents import Document
from portal.pages.visit import Visit
from schema import ErrorCode

NOT_YOURS = "You are signed in, but this is not for you to see or do."


class SignInFirst(Exception):
    """The page is for who is signed in at this organization, and nobody is."""


@dataclass(frozen=True, slots=True)
class Told:
    """What the API answers: the fields of the root, and what was wrong with the operation."""

    data: dict[str, Any]
    errors: list[dict[str, Any]]

    @property
    def payload(self) -> dict[str, Any]:
        """What a mutation answers; nothing where the document found nothing to do."""
        return next(iter(self.data.values()), {})

    def without_errors(self) -> dict[str, Any]:
        """The data, where nothing was wrong. Raises `SignInFirst` and `Refusal`."""
        if self.errors:
            raise _refusal(self.errors[0])
        return self.data


class Visitor:
    """A browser's request to a page. `visit` is what it will keep; `arrive` or `enter` comes first.

    After that `context` is what operations of who is there run in.
    """

    def __init__(
        self, operations: Operations, documents: Mapping[str, Document], call: Call, visit: Visit
    ) -> None:
        self._operations = operations
        self._documents = documents
        self._call = call
        self.visit = visit

    async def arrive(self) -> None:
        """Find out who it is. A session whose access token has run out is refreshed, once."""
        await self.enter()
        if self.context.expired:
            await self.refresh()

    async def enter(self) -> None:
        """Find out who it is, by the access token as it is."""
        token = self.visit.access_token or None
        self.context = await self._operations.context(self._call, token)

    async def refresh(self) -> None:
        """Refresh the session, which is over if that cannot be."""
        told = await self.ask("session-refresh", {"refreshToken": self.visit.refresh_token})
        session = told.without_errors()["sessionRefresh"]["session"]
        self.visit = Visit(self.visit.id, *_tokens(session))
        await self.enter()

    async def ask(self, name: str, variables: dict[str, Any], key: str | None = None) -> Told:
        """What the API answers to the document of this name; with a `key` it is done once."""
        said = Asked(self._documents[name].text, variables, None)
        ran = await self._operations.run(self._call.begin(), self.context, said, key)
        answer = ran.response.json
        return Told(answer.get("data") or {}, answer.get("errors") or [])

    async def sign_in(self, session: dict[str, Any]) -> None:
        """Keep this session, and end the one before it."""
        if self.visit.refresh_token:
            await self.sign_out()
        self.visit = Visit.begin(*_tokens(session))

    async def sign_out(self, *, everywhere: bool = False) -> None:
        """End the session, or all of this person's. Raises `Refusal`."""
        said = {"refreshToken": self.visit.refresh_token, "everywhere": everywhere}
        (await self.ask("sign-out", said)).without_errors()
        self.visit = Visit.begin()


def _tokens(session: dict[str, Any] | None) -> tuple[str, str]:
    return (session["accessToken"], session["refreshToken"]) if session else ("", "")


def _refusal(error: dict[str, Any]) -> Exception:
    """What an error of an operation is to people at a page."""
    code, message = error["extensions"]["code"], error["message"]
    match code:
        case ErrorCode.UNAUTHENTICATED:
            return SignInFirst()
        case ErrorCode.FORBIDDEN:
            return Refusal(403, code, NOT_YOURS)
        case ErrorCode.RATE_LIMITED:
            wait = b"%d" % error["extensions"]["retryAfter"]
            return Refusal(429, code, message, ((b"retry-after", wait),))
        case ErrorCode.SERVICE_UNAVAILABLE:
            return away(message)
        case ErrorCode.INTERNAL_SERVER_ERROR:
            return Refusal(500, code, message)
        case _:
            return bad(400, "This address, or this form, is not one of ours.")
