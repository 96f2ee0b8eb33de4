"""Operations over one WebSocket: the `graphql-transport-ws` protocol.

Who asks says so in the payload of `connection_init`, as `{"authorization": "Bearer …"}`, or in a
header. A socket whose session has ended is closed within seconds.
"""

import asyncio
import contextlib
import logging
from collections.abc import Callable, Mapping
from typing import Any

import orjson
from starlette.types import Receive, Send

from models import Unavailable
from portal.answers import Refusal, away
from portal.asked import Asked, understood
from portal.call import Call, Gone
from portal.feed import CHECK_SECONDS
from portal.following import Following
from portal.operations import Operations, bearer
from resolvers import Context
from schema import ErrorCode, Response

PROTOCOL = "graphql-transport-ws"
INIT_SECONDS = 10
"""How long somebody may be connected without `connection_init`."""
MOST_OPERATIONS = 100
"""How many may be under way on one socket."""
MOST_ID = 100

Facts = dict[str, Any]

_logger = logging.getLogger(__name__)


class Close(Exception):
    """The socket is closed, with a code of the protocol and why."""

    def __init__(self, code: int, reason: str) -> None:
        super().__init__(reason)
        self.code = code
        self.reason = reason


_OVER = Close(4403, "Forbidden")
_BAD = Close(4400, "This is no message of graphql-transport-ws")


class Socket:
    """One socket. `log` is told of each operation when it has ended."""

    def __init__(
        self,
        operations: Operations,
        following: Following,
        call: Call,
        log: Callable[[Facts], None],
        receive: Receive,
        send: Send,
    ) -> None:
        self._operations = operations
        self._following = following
        self._call = call
        self._log = log
        self._receive = receive
        self._send = send
        self._token: str | None = None
        self._running: dict[str, asyncio.Task[None]] = {}

    async def run(self, subprotocols: list[str]) -> None:
        """Accept it, and serve it until it is closed."""
        await self._receive()
        accepted = {"type": "websocket.accept", "headers": list(self._call.more)}
        if PROTOCOL not in subprotocols:
            await self._send(accepted)
            await self._close(4406, "Subprotocol not acceptable")
            return
        await self._send({**accepted, "subprotocol": PROTOCOL})
        try:
            await self._begin()
            await self._serve()
        except Gone:
            return
        except Close as close:
            await self._close(close.code, close.reason)
        except Unavailable:
            await self._close(1013, "Try again later")
        except Exception:
            _logger.exception("incident %s", self._call.id)
            await self._close(4500, f"Something went wrong: {self._call.id}")
        finally:
            for task in self._running.values():
                task.cancel()
            await asyncio.gather(*self._running.values(), return_exceptions=True)

    async def _begin(self) -> None:
        """Somebody says who they are."""
        try:
            async with asyncio.timeout(INIT_SECONDS):
                message = await self._message()
        except TimeoutError:
            raise Close(4408, "Connection initialisation timeout") from None
        if message.get("type") != "connection_init":
            raise Close(4401, "Unauthorized")
        payload = message.get("payload")
        said = {**payload} if isinstance(payload, dict) else {}
        header = said.get("authorization", said.get("Authorization"))
        if header is not None and not isinstance(header, str):
            raise _BAD
        shown = self._call.headers.get(b"authorization")
        self._token = bearer(shown if header is None else header.encode())
        if (await self._enter()).expired:
            raise _OVER
        await self._say({"type": "connection_ack"})

    async def _serve(self) -> None:
        """Answer what comes, and look now and then whether the session still lives."""
        watching = asyncio.ensure_future(self._watch())
        try:
            while True:
                coming = asyncio.ensure_future(self._message())
                try:
                    await asyncio.wait((coming, watching), return_when=asyncio.FIRST_COMPLETED)
                    if watching.done():
                        watching.result()
                    message = await coming
                finally:
                    coming.cancel()
                await self._heed(message)
        finally:
            watching.cancel()
            await asyncio.gather(watching, return_exceptions=True)

    async def _heed(self, message: Mapping[str, Any]) -> None:
        match message:
            case {"type": "ping"}:
                await self._say({"type": "pong"})
            case {"type": "pong"}:
                pass
            case {"type": "subscribe", "id": str(id), "payload": payload} if id:
                self._subscribe(id, payload)
            case {"type": "complete", "id": str(id)}:
                if task := self._running.pop(id, None):
                    task.cancel()
            case {"type": "connection_init"}:
                raise Close(4429, "Too many initialisation requests")
            case _:
                raise _BAD

    def _subscribe(self, id: str, payload: Any) -> None:
        if id in self._running:
            raise Close(4409, f"Subscriber for {id[:MOST_ID]} already exists")
        if len(id) > MOST_ID or len(self._running) >= MOST_OPERATIONS:
            raise _BAD
        try:
            said = understood(payload)
        except Refusal:
            raise _BAD from None
        self._running[id] = asyncio.create_task(self._answer(id, said))

    async def _answer(self, id: str, said: Asked) -> None:
        facts = self._call.begin()
        try:
            await self._respond(id, facts, said)
        except Gone:
            facts["outcome"] = None
        except Exception:
            _logger.exception("incident %s", self._call.id)
            facts["outcome"] = [ErrorCode.INTERNAL_SERVER_ERROR]
            await self._close(4500, f"Something went wrong: {self._call.id}")
        finally:
            self._call.facts.remove(facts)
            # Somebody who stopped it may use its id again before it has come to its end.
            if self._running.get(id) is asyncio.current_task():
                del self._running[id]
            self._log(facts)

    async def _respond(self, id: str, facts: Facts, said: Asked) -> None:
        """Tell what comes of it, or why nothing does. Raises `Gone`."""
        try:
            await self._tell(id, facts, said)
        except (Refusal, Unavailable) as cause:
            refusal = cause if isinstance(cause, Refusal) else away()
            facts["outcome"] = [refusal.code]
            await self._fail(id, refusal.answer().body)

    async def _tell(self, id: str, facts: Facts, said: Asked) -> None:
        with self._operations.place():
            found = await self._operations.follow(facts, self._enter, said)
        if isinstance(found, Response):
            if not found.ran:
                await self._fail(id, found.body)
                return
            await self._next(id, found)
        else:
            async with contextlib.aclosing(self._following.responses(found)) as responses:
                async for response in responses:
                    if response and not response.ran:
                        await self._fail(id, response.body)
                        return
                    if response:
                        await self._next(id, response)
        await self._say({"id": id, "type": "complete"})

    async def _next(self, id: str, response: Response) -> None:
        payload = orjson.Fragment(response.body)
        await self._say({"id": id, "type": "next", "payload": payload})

    async def _fail(self, id: str, body: bytes) -> None:
        errors = orjson.loads(body)["errors"]
        await self._say({"id": id, "type": "error", "payload": errors})

    async def _enter(self) -> Context:
        return await self._operations.context(self._call, self._token)

    async def _watch(self) -> None:
        while True:
            await asyncio.sleep(CHECK_SECONDS)
            with contextlib.suppress(Unavailable):
                if (await self._enter()).expired:
                    raise _OVER

    async def _message(self) -> Mapping[str, Any]:
        """The next message. Raises `Close` for what is none, and `Gone`."""
        received = await self._receive()
        if received["type"] == "websocket.disconnect":
            raise Gone
        try:
            message = orjson.loads(received.get("text") or "")
        except orjson.JSONDecodeError:
            raise _BAD from None
        if not isinstance(message, dict):
            raise _BAD
        return message

    async def _say(self, message: Mapping[str, Any]) -> None:
        try:
            await self._send({"type": "websocket.send", "text": orjson.dumps(message).decode()})
        except OSError:  # it is how servers say, in ASGI, that nobody is there any more
            raise Gone from None

    async def _close(self, code: int, reason: str) -> None:
        # Whoever has hung up need not be told.
        with contextlib.suppress(Exception):
            await self._send({"type": "websocket.close", "code": code, "reason": reason})
