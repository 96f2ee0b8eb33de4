"""Running operations: documents are prepared once, and answered to whoever may ask."""

import asyncio
from collections import OrderedDict
from collections.abc import Awaitable
from contextlib import suppress
from dataclasses import dataclass, replace
from functools import cache, partial
from typing import Any

import orjson
from graphql import ExecutionResult, GraphQLError, GraphQLSchema
from graphql.error import located_error
from graphql.execution import execute_root_selection_set

from models import Unavailable
from resolvers import BadArgument, Context, Stopped, start
from schema.errors import ErrorCode, failure
from schema.executor import Executor, Prepared, session_over
from schema.limits import LIMITS, Bounds, Limits, beyond, is_too_costly, too_costly
from schema.live import Enter, Live
from schema.measure import Meter
from schema.repeating import begin
from schema.response import Response, formatted, refused
from schema.root import build

_DOCUMENTS = 1000
_TOKENS = 200_000

_HOW_TO_FOLLOW = (
    "A subscription is answered again and again: ask over graphql-transport-ws, or with "
    "Accept: text/event-stream."
)


@cache
def _schema() -> GraphQLSchema:
    """The schema; all of a process answer from one."""
    return build()


@dataclass(frozen=True, slots=True)
class _Begun:
    """An operation that can be run, or why not; its kind; its cost of the `most` it may have."""

    prepared: Prepared
    executor: Executor | list[GraphQLError]
    kind: str | None
    cost: int | None
    most: int

    def told(self, answer: Response) -> Response:
        """The answer with its kind; and it tells the cost where that is known."""
        known = replace(answer, kind=self.kind)
        return known if self.cost is None else known.costing(self.cost, self.most)


class Api:
    """The schema, ready to answer.

    Documents are parsed, measured, validated and planned once each; the thousand good ones used
    last are kept, or fewer when they are large.
    """

    def __init__(self, limits: Limits = LIMITS) -> None:
        self.schema = _schema()
        self._meter = Meter(self.schema)
        self._limits = limits
        self._documents: OrderedDict[str, Prepared] = OrderedDict()
        self._tokens = 0

    async def execute(
        self,
        context: Context,
        text: str,
        variables: dict[str, Any] | None = None,
        operation_name: str | None = None,
        idempotency_key: str | None = None,
    ) -> Response:
        """The response to one operation, with its cost. Never raises for what the caller did.

        With an `idempotency_key`, a mutation that was done already is answered as it was then.
        """
        begun = self._begin(context, text, variables, operation_name)
        executor = begun.executor
        try:
            async with asyncio.timeout(self._limits.seconds):
                if isinstance(executor, list):
                    answer = refused(executor)
                elif executor.is_subscription:
                    answer = refused([failure(ErrorCode.BAD_USER_INPUT, _HOW_TO_FOLLOW)])
                elif idempotency_key is not None:
                    said = text, variables, operation_name
                    answer = await self._once(executor, idempotency_key, *said)
                else:
                    answer = await self._run(executor)
        except TimeoutError:
            answer = self._too_slow(begun)
        return begun.told(answer)

    async def follow(
        self,
        enter: Enter,
        text: str,
        variables: dict[str, Any] | None = None,
        operation_name: str | None = None,
        idempotency_key: str | None = None,
    ) -> Response | Live:
        """What goes on being answered; for all else than a subscription, its response.

        `enter` gives the caller's context anew each time that something is told; the
        `idempotency_key` is as in `execute`.
        """
        context = await enter()
        begun = self._begin(context, text, variables, operation_name)
        executor = begun.executor
        if isinstance(executor, list):
            return begun.told(refused(executor))
        if not executor.is_subscription:
            return await self.execute(context, text, variables, operation_name, idempotency_key)
        try:
            number = await start(context, executor.listing_followed(context))
            return Live(executor, enter, self._limits.seconds, number)
        except (BadArgument, Unavailable) as cause:
            return begun.told(refused([located_error(cause)]))

    def _begin(
        self,
        context: Context,
        text: str,
        variables: dict[str, Any] | None,
        operation_name: str | None,
    ) -> _Begun:
        """Who runs the operation, or the errors for which nobody does; and what it costs."""
        bounds = self._limits.anonymous if context.actor.is_anonymous else self._limits.signed_in
        prepared = self._prepared(text, bounds)
        cost = prepared.measured.cost(operation_name, variables)
        executor: Executor | list[GraphQLError]
        if context.expired and any(map(is_too_costly, prepared.errors)):
            executor = [session_over()]
        elif prepared.document is None or prepared.errors:
            executor = prepared.errors
        else:
            executor = prepared.executor(self.schema, context, variables, operation_name)
        if isinstance(executor, Executor) and cost is not None and cost > bounds.cost:
            executor = [too_costly("cost", cost, bounds.cost)]
        return _Begun(prepared, executor, prepared.kind(operation_name), cost, bounds.cost)

    async def _once(self, executor: Executor, key: str, *said: Any) -> Response:
        context: Context = executor.context_value
        try:
            once = await begin(executor, key, *said)
        except (Stopped, Unavailable) as cause:
            return refused([located_error(cause)])
        if once.answer is not None:
            return Response(once.answer, ran=True)
        executor.context_value = replace(context, once=once)
        response = await self._run(executor)
        if "errors" not in response.json:
            keep = partial(once.keep, response.body)
            with suppress(Unavailable):  # what was done is known, and can be answered anew
                await context.services.database.write(keep)
        return response

    async def _run(self, executor: Executor) -> Response:
        if executor.plan.roots is not None:
            return Response(await executor.read_roots(executor.plan.roots), ran=True)
        result: Any = execute_root_selection_set(executor)
        if isinstance(result, Awaitable):
            result = await result
        assert isinstance(result, ExecutionResult)
        body: dict[str, Any] = {"data": result.data}
        if not result.errors:
            return Response(orjson.dumps(body), ran=True)
        body["errors"] = [formatted(error) for error in result.errors]
        # Below a mutation it is the answer that fails, of what is done.
        below = any(len(error.path or ()) > 1 for error in result.errors)
        return Response(orjson.dumps(body), ran=True, done=executor.mutations + below > 1)

    def _too_slow(self, begun: _Begun) -> Response:
        message = f"This took longer than {self._limits.seconds:g} seconds, and was stopped."
        if begun.prepared.measured.amounts.mutations:
            message += " Some of it may be done: look, before you try again."
        stopped = failure(ErrorCode.SERVICE_UNAVAILABLE, message)
        body = orjson.dumps({"data": None, "errors": [formatted(stopped)]})
        assert isinstance(begun.executor, Executor)
        return Response(body, ran=True, done=begun.executor.mutations > 1)

    def _prepared(self, text: str, bounds: Bounds) -> Prepared:
        found = self._documents.get(text)
        if found is None:
            found = Prepared.of(self.schema, self._meter, text, bounds)
            if not found.errors:
                self._keep(text, found)
            return found
        self._documents.move_to_end(text)
        too_large = beyond(found.measured.amounts, bounds)
        return replace(found, errors=[too_large]) if too_large else found

    def _keep(self, text: str, prepared: Prepared) -> None:
        self._documents[text] = prepared
        self._tokens += prepared.measured.amounts.tokens
        while len(self._documents) > _DOCUMENTS or self._tokens > _TOKENS:
            _, oldest = self._documents.popitem(last=False)
            self._tokens -= oldest.measured.amounts.tokens
