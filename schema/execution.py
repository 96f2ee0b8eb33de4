"""Running an operation: first all of it is authorised, then it runs, its reads as planned.

`Executor` is where both hook in. `build` is the only way to get one, so nothing runs that was not
authorised as a whole. `execute_field` answers planned fields with their finished values; all others
are graphql-core's.
"""

import asyncio
import logging
import uuid
from collections import OrderedDict
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass, field, replace
from functools import partial
from typing import Any

import orjson
from graphql import (
    DocumentNode,
    ExecutionResult,
    GraphQLError,
    GraphQLObjectType,
    GraphQLSchema,
    OperationType,
    is_non_null_type,
)
from graphql.error import located_error
from graphql.execution import execute_root_selection_set
from graphql.execution.values import get_argument_values
from graphql.pyutils import Path
from strawberry.schema.schema import StrawberryGraphQLCoreExecutionContext

from models import Unavailable, new_id
from resolvers import (
    BadArgument,
    Context,
    Listing,
    Missing,
    Number,
    Stopped,
    latest,
    read,
    since,
)
from resolvers.tree import Page, PageArguments
from schema.declare import DEFINITION, SOURCE, Planned
from schema.document import parsed, problems
from schema.errors import ErrorCode, failure
from schema.limits import LIMITS, Bounds, Limits, beyond, is_too_costly, too_costly
from schema.measure import UNKNOWN, Measured, Meter
from schema.operation import Demand, Operation, Root, walk
from schema.repeating import begin
from schema.root import build

_DOCUMENTS = 1000
_TOKENS = 200_000
_OPERATIONS = 16

_HOW_TO_FOLLOW = (
    "A subscription is answered again and again: ask over graphql-transport-ws, or with "
    "Accept: text/event-stream."
)

log = logging.getLogger("portal.graphql")


@dataclass(slots=True)
class Prepared:
    """A document, parsed, measured and validated once, and what was found in its operations."""

    document: DocumentNode | None
    measured: Measured = UNKNOWN
    errors: list[GraphQLError] = field(default_factory=list)
    operations: OrderedDict[Any, Operation] = field(default_factory=OrderedDict)
    executors: dict[str | None, "Executor"] = field(default_factory=dict)

    @classmethod
    def of(cls, schema: GraphQLSchema, meter: Meter, text: str, bounds: Bounds) -> "Prepared":
        """The document in this text, or what is wrong with it; too large ones are not validated."""
        try:
            document = parsed(text, bounds)
        except GraphQLError as error:
            return cls(None, errors=[error])
        measured = meter.measured(document)
        too_large = beyond(measured.amounts, bounds)
        errors = [too_large] if too_large else problems(schema, document)
        return cls(document, measured, errors)

    def executor(
        self,
        schema: GraphQLSchema,
        context: Context,
        variables: dict[str, Any] | None,
        operation_name: str | None,
    ) -> "Executor | list[GraphQLError]":
        """Who runs the operation; one that takes no variables is chosen and checked once."""
        known = self.executors.get(operation_name)
        if known is not None:
            return known.again(context).ready()
        assert self.document
        built: Executor | list[GraphQLError] = Executor.build(
            schema,
            self.document,
            context_value=context,
            raw_variable_values=variables,
            operation_name=operation_name,
            prepared=self,
        )
        if isinstance(built, Executor) and not built.operation.variable_definitions:
            self.executors[operation_name] = built.again(None)
        return built

    def operation(self, executor: "Executor") -> Operation:
        """What the walk finds; kept, since it depends on the switches' values only."""
        values = executor.variable_values.coerced
        key = (id(executor.operation), *(values.get(name) for name in self.measured.switches))
        found = self.operations.get(key)
        if found is None:
            found = self.operations[key] = walk(executor)
            if len(self.operations) > _OPERATIONS:
                self.operations.popitem(last=False)
        return found


class Executor(StrawberryGraphQLCoreExecutionContext):
    """Runs one operation, after all of it was authorised."""

    plan: Operation
    pages: Mapping[Page, PageArguments]

    @classmethod
    def build(
        cls,
        schema: GraphQLSchema,
        document: DocumentNode,
        *args: Any,
        prepared: Prepared | None = None,
        **kwargs: Any,
    ) -> Any:
        """An executor, or the errors for which nothing runs."""
        built = super().build(schema, document, *args, **kwargs)
        if isinstance(built, list):
            return built
        assert isinstance(built, Executor)
        built.plan = (prepared or Prepared(document)).operation(built)
        return built.ready()

    def again(self, context: Context | None) -> "Executor":
        """The same operation for somebody else."""
        made = self.build_per_event_executor(None)
        assert isinstance(made, Executor)
        made.context_value = context
        return made

    def ready(self) -> "Executor | list[GraphQLError]":
        """Itself, if the caller may run it; or the errors for which nothing runs."""
        refusals = authorise(self.plan, self.context_value)
        if refusals:
            return refusals
        try:
            self.pages = self.plan.page_arguments(self.variable_values)
        except GraphQLError as error:
            return [error]
        return self

    def execute_field(
        self,
        parent_type: GraphQLObjectType,
        source: Any,
        field_details_list: Any,
        path: Path,
        position_context: Any,
    ) -> Any:
        """The finished value of a planned field; every other field as ever."""
        definition = parent_type.fields.get(field_details_list[0].node.name.value)
        ours = definition and definition.extensions.get(DEFINITION)
        if not ours or not isinstance(ours.metadata.get(SOURCE), Planned):
            return super().execute_field(
                parent_type, source, field_details_list, path, position_context
            )
        return self._read(parent_type, source, field_details_list, path)

    @property
    def is_subscription(self) -> bool:
        """Whether it is not one answer that is asked for, but one after the other."""
        return self.operation.operation is OperationType.SUBSCRIPTION

    @property
    def followed(self) -> Root:
        """The field of a subscription."""
        assert self.plan.roots
        (root,) = self.plan.roots.values()
        assert root
        return root

    async def read_change(self, row: Number) -> bytes | None:
        """The answer that tells of the row; None if it is out of the caller's reach by now."""
        root = self.followed
        text = await read(self.context_value, self.plan.trees[root.key,], row, self.pages)
        return None if text is None else f'{{"data":{{"{root.key}":{text}}}}}'.encode()

    async def read_roots(self, roots: Mapping[str, Root | None]) -> bytes:
        """The answer to a query of planned fields: all of them are read at once."""
        reads = [self._read_root(root) for root in roots.values() if root]
        found = iter([await reads[0]] if len(reads) == 1 else await asyncio.gather(*reads))
        members, errors, whole = [], [], True
        for key, root in roots.items():
            text = next(found) if root else '"Query"'
            if isinstance(text, GraphQLError):
                errors.append(_formatted(text))
                whole &= root is None or not is_non_null_type(root.type)
                text = "null"
            members.append(f'"{key}":{text}')
        data = f"{{{','.join(members)}}}" if whole else "null"
        told = f',"errors":{orjson.dumps(errors).decode()}' if errors else ""
        return f'{{"data":{data}{told}}}'.encode()

    async def _read_root(self, root: Root) -> str | GraphQLError:
        try:
            asked = root.asked(self.context_value, self.variable_values)
            text = await read(self.context_value, self.plan.trees[root.key,], asked, self.pages)
            if text is None and is_non_null_type(root.type):
                raise Missing(root.key)  # noqa: TRY301 - as what is raised below it
        except Exception as error:  # noqa: BLE001 - as graphql-core does with what a field raises
            return located_error(error, root.nodes, [root.key])
        return "null" if text is None else text

    async def _read(
        self, parent_type: GraphQLObjectType, source: Any, details: Any, path: Path
    ) -> Any:
        node = details[0].node
        definition = parent_type.fields[node.name.value]
        try:
            asked = self._asked(parent_type, source, details, path)
            if isinstance(asked, Awaitable):
                asked = await asked
            where = tuple(part for part in path.as_list() if isinstance(part, str))
            text = await read(self.context_value, self.plan.trees[where], asked, self.pages)
        except Exception as error:  # noqa: BLE001 - graphql-core decides what becomes of it
            self.handle_field_error(error, definition.type, details, path)
            return None
        if text is not None:
            return orjson.Fragment(text)
        if is_non_null_type(definition.type):
            missing = Missing(f"{parent_type.name}.{node.name.value}")
            self.handle_field_error(missing, definition.type, details, path)
        return None

    def _asked(self, parent_type: GraphQLObjectType, source: Any, details: Any, path: Path) -> Any:
        """Which rows: what the resolver says, or the object above."""
        node = details[0].node
        definition = parent_type.fields[node.name.value]
        ours = definition.extensions[DEFINITION]
        if ours.base_resolver is None:
            return getattr(source, ours.python_name)
        info = self.build_resolve_info(definition, [one.node for one in details], parent_type, path)
        arguments = get_argument_values(definition, node, self.variable_values)
        assert definition.resolve
        return definition.resolve(source, info, **arguments)


def authorise(operation: Operation, context: Context) -> list[GraphQLError]:
    """Why the caller may not run the operation; empty when they may (`D21`, `D24`)."""
    if context.expired and not operation.public:
        return [_session_over()]
    denied = operation.denied(context.actor.shape)
    if not denied:
        return []
    if context.actor.is_anonymous:
        return [failure(ErrorCode.UNAUTHENTICATED, "Sign in first.")]
    fields = list(dict.fromkeys(one.coordinate for one in denied))
    context.refused([ErrorCode.FORBIDDEN], fields)
    until = " before you have a second factor" if context.actor.second_factor_needed else ""
    message = f"You may not ask for {', '.join(fields)}{until}."
    shown = [_shown(one) for one in denied]
    return [failure(ErrorCode.FORBIDDEN, message, denied=shown)]


def _session_over() -> GraphQLError:
    message = "The session is over. Refresh it, or sign in again."
    return failure(ErrorCode.UNAUTHENTICATED, message)


def _shown(demand: Demand) -> dict[str, Any]:
    return {
        "path": list(demand.path),
        "field": demand.coordinate,
        "permission": demand.rule.permission,
        "scope": demand.rule.scope,
    }


@dataclass(frozen=True, slots=True)
class Response:
    """What goes back: the body as JSON, and whether the operation ran at all."""

    body: bytes
    ran: bool

    @property
    def json(self) -> dict[str, Any]:
        """The body as its readers understand it."""
        return orjson.loads(self.body)  # type: ignore[no-any-return]

    def costing(self, requested: int, limit: int) -> "Response":
        """The same, and it tells the cost of the operation."""
        told = f',"extensions":{{"cost":{{"requested":{requested},"limit":{limit}}}}}}}'
        return Response(self.body[:-1] + told.encode(), self.ran)


@dataclass(frozen=True, slots=True)
class _Begun:
    """An operation that can be run, or why not, and its cost of the `most` that it may have."""

    prepared: Prepared
    executor: Executor | list[GraphQLError]
    cost: int | None
    most: int

    def costing(self, answer: Response) -> Response:
        """The answer, and it tells the cost where that is known."""
        return answer if self.cost is None else answer.costing(self.cost, self.most)


Enter = Callable[[], Awaitable[Context]]


class Live:
    """A subscription under way: whoever drives it says when to look for news.

    `enter` gives the caller's context anew for each look, and each look and each answer may take so
    many seconds; `number` is that of the last thing that happened before.
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
            async with asyncio.timeout(self._seconds):
                executor, changes = await self._look()
            if isinstance(executor, list):
                yield _refused(executor)
                return
            for change in changes:
                async with asyncio.timeout(self._seconds):
                    body = await executor.read_change(change)
                self._number = change.number
                if body is not None:
                    yield Response(body, ran=True)

    async def _look(self) -> tuple[Executor | list[GraphQLError], list[Number]]:
        context = await self._enter()
        if context.actor.is_anonymous:
            return [_session_over()], []
        executor = self._executor.again(context).ready()
        if isinstance(executor, list):
            return executor, []
        listing = executor.followed.asked(context, executor.variable_values)
        assert isinstance(listing, Listing)
        return executor, await since(context, listing, self._number)


class Api:
    """The schema, ready to answer.

    Documents are parsed, measured, validated and planned once each; the thousand good ones used
    last are kept, or fewer when they are large.
    """

    def __init__(self, limits: Limits = LIMITS) -> None:
        self.schema = build()
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
                    answer = _refused(executor)
                elif executor.is_subscription:
                    answer = _refused([failure(ErrorCode.BAD_USER_INPUT, _HOW_TO_FOLLOW)])
                elif idempotency_key is not None:
                    said = text, variables, operation_name
                    answer = await self._once(executor, idempotency_key, *said)
                else:
                    answer = await self._run(executor)
        except TimeoutError:
            answer = self._too_slow(begun.prepared)
        return begun.costing(answer)

    async def follow(
        self,
        enter: Enter,
        text: str,
        variables: dict[str, Any] | None = None,
        operation_name: str | None = None,
    ) -> Response | Live:
        """What goes on being answered; for all else than a subscription, its response.

        `enter` gives the caller's context anew each time that something is told.
        """
        context = await enter()
        begun = self._begin(context, text, variables, operation_name)
        if isinstance(begun.executor, list):
            return begun.costing(_refused(begun.executor))
        if not begun.executor.is_subscription:
            return await self.execute(context, text, variables, operation_name)
        try:
            return Live(begun.executor, enter, self._limits.seconds, await latest(context))
        except Unavailable as cause:
            return begun.costing(_refused([located_error(cause)]))

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
            executor = [_session_over()]
        elif prepared.document is None or prepared.errors:
            executor = prepared.errors
        else:
            executor = prepared.executor(self.schema, context, variables, operation_name)
        if isinstance(executor, Executor) and cost is not None and cost > bounds.cost:
            executor = [too_costly("cost", cost, bounds.cost)]
        return _Begun(prepared, executor, cost, bounds.cost)

    async def _once(self, executor: Executor, key: str, *said: Any) -> Response:
        context: Context = executor.context_value
        try:
            once = await begin(executor, key, *said)
        except (Stopped, Unavailable) as cause:
            return _refused([located_error(cause)])
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
        if result.errors:
            body["errors"] = [_formatted(error) for error in result.errors]
        return Response(orjson.dumps(body), ran=True)

    def _too_slow(self, prepared: Prepared) -> Response:
        message = f"This took longer than {self._limits.seconds:g} seconds, and was stopped."
        if prepared.measured.amounts.mutations:
            message += " Some of it may be done: look, before you try again."
        stopped = failure(ErrorCode.SERVICE_UNAVAILABLE, message)
        return Response(orjson.dumps({"data": None, "errors": [_formatted(stopped)]}), ran=True)

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


def _refused(errors: list[GraphQLError]) -> Response:
    body = {"errors": [_formatted(_of_value(error)) for error in errors]}
    return Response(orjson.dumps(body), ran=False)


def _of_value(error: GraphQLError) -> GraphQLError:
    """The error, in our words where the library stumbled over a value, as over 5,000 digits."""
    if isinstance(error.original_error, GraphQLError | Stopped | Unavailable | None):
        return error
    return failure(ErrorCode.BAD_USER_INPUT, "There is a value that cannot be.", error.nodes)


def _formatted(error: GraphQLError) -> dict[str, Any]:
    """The error as callers see it: with a code, and without what is none of their business."""
    shown: dict[str, Any] = dict(error.formatted)
    extensions = dict(error.extensions or {})
    cause = error.original_error
    match cause:
        case BadArgument():
            extensions["code"] = ErrorCode.BAD_USER_INPUT
        case Stopped():
            extensions |= {"code": ErrorCode(cause.code), **cause.told}
        case Unavailable():
            shown["message"] = "The service is not available. Please try again in a moment."
            extensions["code"] = ErrorCode.SERVICE_UNAVAILABLE
        case None | GraphQLError():
            extensions.setdefault("code", ErrorCode.BAD_USER_INPUT)
        case _:
            incident = new_id().hex
            log.error("incident %s", incident, exc_info=cause)
            shown["message"] = f"Something went wrong. Tell us the incident: {incident}."
            extensions |= {"code": ErrorCode.INTERNAL_SERVER_ERROR, "incident": incident}
    shown["extensions"] = extensions
    return shown
