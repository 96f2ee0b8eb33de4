"""Answers that go on, as server-sent events: the `graphql-sse` protocol, one connection each."""

import asyncio
import contextlib

from starlette.types import Receive, Send

from portal.answers import EVENTS, Headers, added
from portal.following import Responses
from schema import Response

_HEADERS: Headers = (
    (b"content-type", EVENTS),
    (b"x-accel-buffering", b"no"),  # proxies pass on each event as it comes
)
_NEXT = b"event: next\ndata: %b\n\n"
_COMPLETE = b"event: complete\ndata:\n\n"
_NOTHING = b":\n\n"


class Stream:
    """An answer of many responses; None among them is only a sign of life."""

    status = 200

    def __init__(self, responses: Responses, receive: Receive) -> None:
        self._responses = responses
        self._receive = receive

    async def send(self, send: Send, more: Headers) -> None:
        """Send what comes, until there is no more, or nobody there."""
        start = {"type": "http.response.start", "status": self.status}
        await send({**start, "headers": added(_HEADERS, more)})
        telling = asyncio.ensure_future(self._tell(send))
        gone = asyncio.ensure_future(self._gone())
        try:
            await asyncio.wait((telling, gone), return_when=asyncio.FIRST_COMPLETED)
        finally:
            for task in (telling, gone):
                task.cancel()
            await asyncio.gather(telling, gone, return_exceptions=True)
        if telling.done() and not telling.cancelled():
            telling.result()

    async def end(self, send: Send, body: bytes) -> None:
        """End it with this body, after it has raised what was wrong."""
        await send({"type": "http.response.body", "body": _NEXT % body + _COMPLETE})

    async def _tell(self, send: Send) -> None:
        async with contextlib.aclosing(self._responses) as responses:
            async for response in responses:
                event = _NEXT % response.body if response else _NOTHING
                await send({"type": "http.response.body", "body": event, "more_body": True})
        await send({"type": "http.response.body", "body": _COMPLETE})

    async def _gone(self) -> None:
        while (await self._receive())["type"] != "http.disconnect":
            pass


async def single(response: Response) -> Responses:
    """The answer to what is asked once."""
    yield response
