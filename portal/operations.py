"""Running operations for whoever is at the door: so many at once, each with a line in the log."""

import re
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, NamedTuple

import orjson
from opentelemetry.trace import Span

from models import AccountKind, outside
from permissions import Actor
from portal import metrics
from portal.answers import away
from portal.asked import Asked
from portal.call import Call
from portal.service import Service
from portal.tracing import operated, operating
from resolvers import Context
from schema import Api, Enter, Live, Response

# What follows the first word of a document. Further inside, it could stand in somebody's text.
_NAME = re.compile(r"[\s,]*(?:query|mutation|subscription)[\s,]+([_A-Za-z]\w{0,99})", re.ASCII)
_PREFIXES = {
    AccountKind.STAFF: "stf_",
    AccountKind.CLIENT: "cli_",
    AccountKind.SERVICE_KEY: "key_",
}


class Ran(NamedTuple):
    """What came of an operation; `failed` is what it says, read, where there are errors in it."""

    response: Response
    failed: dict[str, Any] | None


class Operations:
    """Where all operations of a process are run. `service` is set when the server has started."""

    service: Service

    def __init__(self, api: Api, at_once: int) -> None:
        self._api = api
        self._at_once = at_once
        self._running = 0

    @contextmanager
    def place(self) -> Iterator[None]:
        """A place among those that are worked on at once. Raises `Refusal` when all are taken."""
        if self._running >= self._at_once:
            raise away("The server is busy. Please try again in a moment.")
        self._running += 1
        metrics.OPERATIONS_RUNNING.inc()
        try:
            yield
        finally:
            self._running -= 1
            metrics.OPERATIONS_RUNNING.dec()

    async def context(self, call: Call, token: str | None) -> Context:
        """Who asks, by the access token that came along."""
        return await self.service.context(token, call.source, call.id)

    async def follow(
        self, facts: dict[str, Any], enter: Enter, said: Asked, key: str | None = None
    ) -> Response | Live:
        """What goes on being answered, or the response; `enter` as in `Api.follow`."""
        facts["document"] = said.digest
        with metrics.working() as work, operating(said.digest) as span:

            async def entered() -> Context:
                context = await enter()
                work.begin()
                facts["caller"] = _caller(context.actor)
                return context

            found = await self._api.follow(entered, *said, idempotency_key=key)
            if isinstance(found, Live):
                facts |= {"type": "subscription", "operation": _name(said, ran=True)}
                facts["outcome"] = ["OK"]
                operated(span, facts, None)
            else:
                _done(work, span, facts, said, found)
        return found

    async def run(
        self, facts: dict[str, Any], context: Context, said: Asked, key: str | None = None
    ) -> Ran:
        """What comes of one operation; `facts` are what its line in the log will tell."""
        facts["document"] = said.digest
        facts["caller"] = _caller(context.actor)
        with metrics.working() as work, operating(said.digest) as span:
            found = await self._api.execute(context, *said, idempotency_key=key)
            failed = _done(work, span, facts, said, found)
        return Ran(found, failed)


def _done(
    work: metrics.Work, span: Span, facts: dict[str, Any], said: Asked, found: Response
) -> dict[str, Any] | None:
    """Tell log, metrics and trace what came of it; what it says where there are errors in it."""
    facts |= {"type": found.kind, "operation": _name(said, found.ran)}
    work.done(facts)
    failed = _failed(found.body)
    facts["outcome"] = _outcome(failed)
    operated(span, facts, found.cost)
    return failed


def bearer(header: bytes | None) -> str | None:
    """The access token that a header shows; an odd header counts as one that is no good."""
    if header is None:
        return None
    scheme, _, token = header.partition(b" ")
    return token.strip().decode("latin-1") if scheme.lower() == b"bearer" else ""


def _outcome(failed: dict[str, Any] | None) -> list[str]:
    errors = failed["errors"] if failed else []
    return [error["extensions"]["code"] for error in errors] or ["OK"]


def _failed(body: bytes) -> dict[str, Any] | None:
    """What an answer says if there are errors in it; most have none, and are not read."""
    if body.rfind(b'"errors":[') < 0:
        return None
    said: dict[str, Any] = orjson.loads(body)
    return said if "errors" in said else None


def _name(said: Asked, ran: bool) -> str | None:
    """The operation's name, when it surely is one and not just anything that somebody typed."""
    if ran and said.operation_name:
        return said.operation_name[:100]
    first = _NAME.match(said.query)
    return first[1] if first and said.operation_name in (None, first[1]) else None


def _caller(actor: Actor) -> str:
    kind = actor.shape.kind
    return outside(_PREFIXES[kind], actor.id) if kind else "anonymous"
