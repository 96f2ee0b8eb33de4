"""What every request passes, whatever it is for: an id, hosts and origins, headers, the log."""

import asyncio
import datetime as dt
import logging
import random
import time
from collections.abc import Awaitable, Callable
from typing import Any

from starlette.types import ASGIApp, Message, Receive, Scope, Send

from models import UNTOLD, Unavailable
from portal import logs, metrics
from portal.answers import HTTPS_ONLY, SAFE, Answer, Headers, Refusal, added, away, bad
from portal.call import Call, Gone
from portal.download import FOLDER
from portal.health import Health
from portal.settings import Settings
from portal.socket import Facts, Socket
from portal.source import source
from portal.stream import Stream
from portal.tracing import requested, responded
from schema import ErrorCode

_ONCE = (
    *(b"authorization", b"content-encoding", b"content-type", b"host", b"idempotency-key"),
    b"origin",
)
_PREFLIGHT: Headers = (
    (b"access-control-allow-methods", b"POST"),
    (b"access-control-allow-headers", b"authorization, content-type, idempotency-key"),
    (b"access-control-max-age", b"7200"),
)
_EXPOSED = (b"access-control-expose-headers", b"retry-after, x-request-id")
_HANG_UP = (b"connection", b"close")

_logger = logging.getLogger(__name__)

Endpoint = Callable[[Call, Scope, Receive], Awaitable[Answer | Stream]]
Sockets = Callable[[Call, Callable[[Facts], None], Receive, Send], Socket]


class Gate:
    """An ASGI app before all others: `graphql` has the requests to `/graphql`, `rest` the others.

    `sockets` has those that want a WebSocket there.

    `/graphql/` is the same place: who forgets a slash, or adds one, must not be sent wherever the
    Host header says.
    """

    def __init__(
        self,
        settings: Settings,
        health: Health,
        graphql: Endpoint,
        sockets: Sockets,
        rest: ASGIApp,
    ) -> None:
        self._hosts = frozenset(name.encode() for name in settings.hosts)
        self._origins = frozenset(origin.encode() for origin in settings.cors_origins)
        self._home = settings.public_url.encode()
        self._proxies = settings.trusted_proxies
        self._more = SAFE + HTTPS_ONLY if settings.public_url.startswith("https:") else SAFE
        self._health = health
        self._graphql = graphql
        self._sockets = sockets
        self._rest = rest
        self._tell = logs.operations()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Let one request in, and see to it that it is answered."""
        if scope["type"] == "websocket":
            await self._socket(scope, receive, send)
            return
        if scope["type"] != "http":
            await self._rest(scope, receive, send)
            return
        started = time.perf_counter()
        call = self._call(scope)
        is_graphql = _is_graphql(scope["path"])
        with requested(call, scope, self._proxies) if is_graphql else UNTOLD as span:
            answer = await self._answered(call, scope, receive, send)
            if answer:
                responded(span, answer.status)
        try:
            if answer:
                call.status = answer.status
                await self._send(call, answer, send)
        finally:
            if call.status:
                seconds = time.perf_counter() - started
                place = "live" if isinstance(answer, Stream) else self._place(scope["path"])
                metrics.answered(place, call.status, seconds)
                for facts in call.facts:
                    self._tell_of(call, facts, seconds)

    async def _socket(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Let one socket in, if it comes from nowhere else than where requests may come from."""
        call = self._call(scope)
        origin = call.headers.get(b"origin", self._home).lower()
        if (
            not _is_graphql(scope["path"])
            or not self._is_ours(call.headers.get(b"host", b""))
            or origin not in (self._home, *self._origins)
        ):
            await send({"type": "websocket.close"})
            return
        call.status = 101
        started = time.perf_counter()

        def tell(facts: Facts) -> None:
            self._tell_of(call, facts, time.perf_counter() - started)

        await self._sockets(call, tell, receive, send).run(scope["subprotocols"])
        metrics.answered("live", call.status, time.perf_counter() - started)

    def _call(self, scope: Scope) -> Call:
        headers = dict(scope["headers"])
        peer, origin = scope["client"], headers.get(b"origin")
        id = f"{random.getrandbits(96):024x}"
        more = (*self._more, (b"x-request-id", id.encode()))
        if self._health.draining:
            more += (_HANG_UP,)
        if origin is not None and origin in self._origins:
            more += ((b"access-control-allow-origin", origin), _EXPOSED)
        whence = source(peer and peer[0], scope["headers"], self._proxies)
        return Call(id, whence, headers, more)

    async def _answered(
        self, call: Call, scope: Scope, receive: Receive, send: Send
    ) -> Answer | Stream | None:
        """The answer; None when there is none to send (any more)."""
        try:
            return await self._let_in(call, scope, receive, send)
        except Gone:
            return None
        except asyncio.CancelledError:
            # The server ends, and has waited for this one as long as it may.
            failure = away(
                "The server is about to end. What this was to change may be done: look, before you "
                "try again."
            )
        except Exception as cause:  # noqa: BLE001 - it is told of
            failure = _refusal(call, cause)
        if call.facts:
            call.facts[-1]["outcome"] = [failure.code]
        return None if call.status else failure.answer(call.kind)

    async def _send(self, call: Call, answer: Answer | Stream, send: Send) -> None:
        """Send it. A stream that cannot go on ends with why."""
        if isinstance(answer, Answer):
            await answer.send(send, call.more)
            return
        try:
            await answer.send(send, call.more)
        except Exception as cause:  # noqa: BLE001 - it is told of
            failure = _refusal(call, cause)
            call.facts[-1]["outcome"] = [failure.code]
            await answer.end(send, failure.answer().body)

    async def _let_in(
        self, call: Call, scope: Scope, receive: Receive, send: Send
    ) -> Answer | Stream | None:
        headers, path = call.headers, scope["path"]
        if len(headers) < len(scope["headers"]):
            names = [name for name, _ in scope["headers"]]
            if any(names.count(name) > 1 for name in _ONCE):
                raise bad(400, "A header that may come once came twice.")
        if not self._is_ours(headers.get(b"host", b"")) and path not in self._health.doors:
            raise bad(400, "The Host header names none of this server's hosts.")
        is_graphql = _is_graphql(path)
        is_shared = is_graphql or path.startswith(FOLDER)
        if is_shared and scope["method"] == "OPTIONS" and headers.get(b"origin") in self._origins:
            return Answer(204, headers=_PREFLIGHT)
        if is_graphql:
            return await self._graphql(call, scope, receive)
        await self._rest({**scope, "call": call}, receive, _with_headers(call, send))
        return None

    def _is_ours(self, host: bytes) -> bool:
        name, _, port = host.rpartition(b":")
        return (name if port.isdigit() else host).lower() in self._hosts

    def _place(self, path: str) -> str:
        """What kind of place this is, for metrics."""
        if _is_graphql(path):
            return "graphql"
        if path in self._health.doors:
            return "health"
        return "static" if path.startswith("/static/") else "pages"

    def _tell_of(self, call: Call, facts: dict[str, Any], seconds: float) -> None:
        """Count an operation, and log it."""
        metrics.told(facts)
        self._tell(
            {
                "at": dt.datetime.now(dt.UTC),
                "level": "info",
                "event": "operation",
                **facts,
                "status": call.status,
                "ms": round(seconds * 1000, 2),
                "request": call.id,
                "source": call.source,
            }
        )


def _refusal(call: Call, cause: Exception) -> Refusal:
    """What the caller is told of it. Of a fault of ours, the log knows more."""
    if isinstance(cause, Refusal):
        return cause
    if isinstance(cause, Unavailable):
        return away()
    _logger.error("incident %s", call.id, exc_info=cause)
    message = f"Something went wrong. Tell us the incident: {call.id}."
    return Refusal(500, ErrorCode.INTERNAL_SERVER_ERROR, message)


def _is_graphql(path: str) -> bool:
    return path in ("/graphql", "/graphql/")


def _with_headers(call: Call, send: Send) -> Send:
    """Add ours to whatever somebody else answers, but for those that it has of its own."""

    async def send_more(message: Message) -> None:
        if message["type"] == "http.response.start":
            call.status = message["status"]
            message["headers"] = added(message["headers"], call.more)
        await send(message)

    return send_more
