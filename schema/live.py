"""Subscriptions under way: answered anew whenever somebody looks."""

import asyncio
import uuid
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import suppress

from graphql import GraphQLError

from models import Unavailable
from resolvers import MOST_CHANGES, Context, Number, since
from schema.executor import Executor, session_over
from schema.response import Response, refused

Enter = Callable[[], Awaitable[Context]]


class Live:
    """A subscription under way: whoever drives it says when to look for news.

    `enter` gives the caller's context anew for each look, and each look and each answer may take so
    many seconds; `number` is that after which it begins.
    """

    def __init__(self, executor: Executor, enter: Enter, seconds: float, number: int) -> None:
        self._executor = executor
        self._enter = enter
        self._seconds = seconds
        self._number = number
        self.organization_id: uuid.UUID = executor.context_value.actor.organization_id

    async def news(self) -> AsyncIterator[Response]:
        """What there is to tell since the last look, as the caller reaches it now.

        A response that did not run is the end: the session is over, or something is not allowed any
        more. While the database is away, there is no news.
        """
        with suppress(Unavailable, TimeoutError):
            more = True
            while more:
                async with asyncio.timeout(self._seconds):
                    executor, changes = await self._look()
                if isinstance(executor, list):
                    yield refused(executor)
                    return
                for change in changes:
                    async with asyncio.timeout(self._seconds):
                        body = await executor.read_change(change)
                    self._number = change.number
                    if body is not None:
                        yield Response(body, ran=True)
                more = len(changes) == MOST_CHANGES

    async def _look(self) -> tuple[Executor | list[GraphQLError], list[Number]]:
        context = await self._enter()
        if context.actor.is_anonymous:
            return [session_over()], []
        executor = self._executor.again(context).ready()
        if isinstance(executor, list):
            return executor, []
        listing = executor.listing_followed(context)
        return executor, await since(context, listing, self._number)
