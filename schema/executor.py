"""One operation: first all of it is authorised, then it runs, its reads as planned.

`Executor` is where both hook into graphql-core. `build` is the only way to get one, so nothing runs
that was not authorised as a whole. `execute_field` answers planned fields with their finished
values; all others are graphql-core's. `Prepared` is a document of which all that is the same for
everybody was done once.
"""

import asyncio
from collections import OrderedDict
from collections.abc import Awaitable, Mapping
from dataclasses import dataclass, field
from typing import Any

import orjson
from graphql import (
    DocumentNode,
    GraphQLError,
    GraphQLObjectType,
    GraphQLSchema,
    OperationType,
    get_operation_ast,
    is_non_null_type,
)
from graphql.error import located_error
from graphql.execution.values import get_argument_values
from graphql.pyutils import Path
from strawberry.schema.schema import StrawberryGraphQLCoreExecutionContext

from resolvers import SESSION_OVER, Context, Listing, Missing, Number, read
from resolvers.tree import Page, PageArguments
from schema.declare import DEFINITION, SOURCE, Planned
from schema.document import parsed, problems
from schema.errors import ErrorCode, failure
from schema.limits import Bounds, beyond
from schema.measure import UNKNOWN, Measured, Meter
from schema.operation import Demand, Operation, Root, walk
from schema.response import formatted

_OPERATIONS = 16


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

    def kind(self, operation_name: str | None) -> str | None:
        """`query`, `mutation` or `subscription`; None where there is no such operation."""
        found = self.document and get_operation_ast(self.document, operation_name)
        return found.operation.value if found else None

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
        """What the walk finds; kept, since it depends on the switches' values only.

        Raises `GraphQLError` for a switch that is null.
        """
        values = executor.variable_values.coerced
        named = (values.get(name) for name in self.measured.switches)
        # What is a switch in another operation may be anything in this one.
        switches = (one if isinstance(one, bool) else None for one in named)
        key = (id(executor.operation), *switches)
        found = self.operations.get(key)
        if found is None:
            found = self.operations[key] = walk(executor)
            if len(self.operations) > _OPERATIONS:
                self.operations.popitem(last=False)
        return found


class Executor(StrawberryGraphQLCoreExecutionContext):
    """Runs one operation, after all of it was authorised.

    `mutations` is how many were begun, each when the one before it had come to its end.
    """

    plan: Operation
    pages: Mapping[Page, PageArguments]
    mutations: int = 0

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
        try:
            built.plan = (prepared or Prepared(document)).operation(built)
        except GraphQLError as error:
            return [error]
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
        if ours and parent_type is self.schema.mutation_type:
            self.mutations += 1
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

    def listing_followed(self, context: Context) -> Listing:
        """Which rows the field of a subscription tells of. Raises `BadArgument`."""
        listing = self.followed.asked(context, self.variable_values)
        assert isinstance(listing, Listing)
        return listing

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
                errors.append(formatted(text))
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
        return [session_over()]
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


def session_over() -> GraphQLError:
    """What whoever was signed in is told."""
    return failure(ErrorCode.UNAUTHENTICATED, SESSION_OVER)


def _shown(demand: Demand) -> dict[str, Any]:
    return {
        "path": list(demand.path),
        "field": demand.coordinate,
        "permission": demand.rule.permission,
        "scope": demand.rule.scope,
    }
