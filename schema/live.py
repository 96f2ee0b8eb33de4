"""Subscriptions under way: answered anew whenever somebody looks."""

import asyncio
import uuid
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import suppress

from graphql.error import located_error

from models import Unavailable
from resolvers import BadArgument, Context, FoundChanges, Number, last_number, since
from schema.executor import Executor, session_over
from schema.response import Response, refused

FRESH_SECONDS = 1
"""How long whoever follows counts as who they were at the last look."""

Enter = Callable[[], Awaitable[Context]]


class Live:
    """A subscription under way: whoever drives it says when to look for news.

    `enter` gives the caller's context anew for each look, and each look and each answer may take so
    many seconds; `number` is that after which it begins.
    """

    def __init__(self, executor: Executor, enter: Enter, seconds: float, number: int) -> None:
        self._executor = executor
        self._opened: Context = executor.context_value
        self._enter = enter
        self._seconds = seconds
        self._number = number
        self.organization_id: uuid.UUID = self._opened.actor.organization_id

    async def news(self) -> AsyncIterator[Response | None]:
        """What there is to tell since the last look, as the caller reaches it now.

        None comes before each look, of which nothing may come. A response that did not run is the
        end: the session is over, something is not allowed any more, or a cursor is that of no row.
        While the database is away, there is no news.
        """
        clock = asyncio.get_running_loop().time
        with suppress(Unavailable, TimeoutError):
            is_all = False
            while not is_all:
                yield None
                async with asyncio.timeout(self._seconds):
                    look = await self._look()
                if isinstance(look, Response):
                    yield look
                    return
                executor, found = look
                until = clock() + FRESH_SECONDS
                for change in found.changes:
                    response = await self._read(executor, change)
                    self._number = change.number
                    if response is not None:
                        yield response
                        if not response.ran:
                            return
                    if clock() >= until:
                        break
                else:
                    self._number = found.end
                    is_all = found.is_all

    async def _look(self) -> tuple[Executor, FoundChanges] | Response:
        """What there is, and who tells it; or why the caller is told nothing any more."""
        # First of all: who has got a role by now, must not have what came after it passed by.
        last = await last_number(self._opened)
        context = await self._enter()
        if context.actor.is_anonymous:
            return refused([session_over()])
        executor = self._executor.again(context).ready()
        if isinstance(executor, list):
            return refused(executor)
        listing = executor.listing_followed(context)
        return executor, await since(context, listing, self._number, last)

    async def _read(self, executor: Executor, change: Number) -> Response | None:
        """What is told of the change; None if it is out of the caller's reach by now."""
        try:
            async with asyncio.timeout(self._seconds):
                body = await executor.read_change(change)
        except BadArgument as cause:
            return refused([located_error(cause)])
        return None if body is None else Response(body, ran=True)
