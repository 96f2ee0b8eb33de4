"""Whether the process lives, and whether requests should come to it: `/healthz` and `/readyz`."""

import asyncio
import datetime as dt

from sqlalchemy import select
from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response
from starlette.routing import Route

from models import Letter, LetterState, Unavailable
from models.migrate import current, is_behind
from portal.service import Service
from portal.settings import Settings

READY_SECONDS = 3
"""After so long without an answer the database counts as away."""

_DUE_FIRST = (
    select(Letter.due_at).where(Letter.state == LetterState.QUEUED).order_by(Letter.due_at).limit(1)
)


class Health:
    """What the two doors say. `service` is set when the server has started."""

    doors = ("/healthz", "/readyz")
    """They say the same whatever the Host header says: who asks knows an address, but no name."""

    service: Service

    def __init__(self, settings: Settings) -> None:
        self.draining = False
        self._late = dt.timedelta(seconds=settings.letters_late_seconds)

    def routes(self) -> list[Route]:
        """The doors."""
        alive, ready = self.doors
        return [Route(alive, self._alive), Route(ready, self._ready)]

    async def _alive(self, _request: Request) -> Response:
        return PlainTextResponse("alive\n")

    async def _ready(self, _request: Request) -> Response:
        problem = "the server is about to end" if self.draining else await self._problem()
        return PlainTextResponse(f"{problem or 'ready'}\n", 503 if problem else 200)

    async def _problem(self) -> str | None:
        """Why no requests should come: the database is away, or older, or letters lie."""
        services = self.service.services
        try:
            async with asyncio.timeout(READY_SECONDS):
                if is_behind(await current(services.database)):
                    return "the database waits for a migration"
                due = await services.database.read(lambda c: c.scalar(_DUE_FIRST))
        except (Unavailable, TimeoutError):
            return "the database is away"
        # A letter that is tried again and again is due again each time: only what nobody tries
        # is late. Somebody's mailbox that is full must not close the door to everybody.
        is_late = due is not None and services.clock() - due > self._late
        return "letters wait for a courier" if is_late else None
