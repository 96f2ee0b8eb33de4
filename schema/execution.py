"""Running an operation: first all of it is authorised, then it runs, its reads as planned.

`Executor` is where both hook in. `build` is the only way to get one, so nothing runs that was not
authorised as a whole. `execute_field` answers planned fields with their finished values; all others
are graphql-core's.
"""

import logging
from collections import OrderedDict
from collections.abc import Awaitable, Mapping
from dataclasses import dataclass, field
from typing import Any

from graphql import (
    DirectiveNode,
    DocumentNode,
    ExecutionResult,
    GraphQLError,
    GraphQLObjectType,
    GraphQLSchema,
    VariableNode,
    Visitor,
    is_non_null_type,
    parse,
    specified_rules,
    visit,
)
from graphql.execution import execute_root_selection_set
from graphql.execution.values import get_argument_values
from graphql.pyutils import Path
from graphql.validation import validate
from strawberry.schema.schema import StrawberryGraphQLCoreExecutionContext
from strawberry.schema.validation_rules.maybe_null import MaybeNullValidationRule
from strawberry.schema.validation_rules.one_of import OneOfInputValidationRule

from models import Unavailable, new_id
from resolvers import BadArgument, Context, Missing, read
from resolvers.tree import Page, PageArguments
from schema.declare import DEFINITION, SOURCE, Planned
from schema.operation import Demand, Operation, TooLarge, walk
from schema.root import build

_RULES = (*specified_rules, MaybeNullValidationRule, OneOfInputValidationRule)
_DOCUMENTS = 1000
_OPERATIONS = 16

log = logging.getLogger("portal.graphql")


@dataclass(slots=True)
class Prepared:
    """A document, parsed and validated once, and what was found in its operations."""

    document: DocumentNode | None
    errors: list[GraphQLError] = field(default_factory=list)
    switches: tuple[str, ...] = ()
    operations: OrderedDict[Any, Operation] = field(default_factory=OrderedDict)

    @classmethod
    def of(cls, schema: GraphQLSchema, text: str) -> "Prepared":
        """The document in this text, or what is wrong with it."""
        try:
            document = parse(text)
        except GraphQLError as error:
            return cls(None, [error])
        errors = validate(schema, document, _RULES)
        return cls(document, errors, _switches(document))

    def operation(self, executor: "Executor") -> Operation:
        """What the walk finds; kept, since it depends on the switches' values only."""
        values = executor.variable_values.coerced
        key = (id(executor.operation), *(values.get(name) for name in self.switches))
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
        prepared = prepared or Prepared(document, switches=_switches(document))
        try:
            built.plan = prepared.operation(built)
            refusals = authorise(built.plan, built.context_value)
            if refusals:
                return refusals
            built.pages = built.plan.page_arguments(built)
        except TooLarge:
            message = "The operation asks for too many fields."
            return [GraphQLError(message, extensions={"code": "QUERY_TOO_COSTLY"})]
        except GraphQLError as error:
            return [error]
        return built

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
            value = await read(self.context_value, self.plan.trees[where], asked, self.pages)
        except Exception as error:  # noqa: BLE001 - graphql-core decides what becomes of it
            self.handle_field_error(error, definition.type, details, path)
            return None
        if value is None and is_non_null_type(definition.type):
            missing = Missing(f"{parent_type.name}.{node.name.value}")
            self.handle_field_error(missing, definition.type, details, path)
        return value

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
        return [_unauthenticated("The session is over. Refresh it, or sign in again.")]
    denied = operation.denied(context.actor.shape)
    if not denied:
        return []
    if context.actor.is_anonymous:
        return [_unauthenticated("Sign in first.")]
    fields = list(dict.fromkeys(one.coordinate for one in denied))
    context.forbidden(fields)
    return [
        GraphQLError(
            f"You may not ask for {', '.join(fields)}.",
            extensions={"code": "FORBIDDEN", "denied": [_shown(one) for one in denied]},
        )
    ]


def _unauthenticated(message: str) -> GraphQLError:
    return GraphQLError(message, extensions={"code": "UNAUTHENTICATED"})


def _shown(demand: Demand) -> dict[str, Any]:
    return {
        "path": list(demand.path),
        "field": demand.coordinate,
        "permission": demand.rule.permission,
        "scope": demand.rule.scope,
    }


@dataclass(frozen=True, slots=True)
class Response:
    """What goes back: the body, and whether the operation ran at all."""

    body: dict[str, Any]
    ran: bool


class Api:
    """The schema, ready to answer.

    Documents are parsed, validated and planned once each; the thousand used last are kept.
    """

    def __init__(self) -> None:
        self.schema = build()
        self._documents: OrderedDict[str, Prepared] = OrderedDict()

    async def execute(
        self,
        context: Context,
        text: str,
        variables: dict[str, Any] | None = None,
        operation_name: str | None = None,
    ) -> Response:
        """The response to one operation. Never raises for what the caller did."""
        prepared = self._prepared(text)
        if prepared.document is None or prepared.errors:
            return _refused(prepared.errors)
        executor = Executor.build(
            self.schema,
            prepared.document,
            context_value=context,
            raw_variable_values=variables,
            operation_name=operation_name,
            prepared=prepared,
        )
        if isinstance(executor, list):
            return _refused(executor)
        result: Any = execute_root_selection_set(executor)
        if isinstance(result, Awaitable):
            result = await result
        assert isinstance(result, ExecutionResult)
        body: dict[str, Any] = {"data": result.data}
        if result.errors:
            body["errors"] = [_formatted(error) for error in result.errors]
        return Response(body, ran=True)

    def _prepared(self, text: str) -> Prepared:
        found = self._documents.get(text)
        if found is None:
            found = self._documents[text] = Prepared.of(self.schema, text)
            if len(self._documents) > _DOCUMENTS:
                self._documents.popitem(last=False)
        else:
            self._documents.move_to_end(text)
        return found


def _refused(errors: list[GraphQLError]) -> Response:
    return Response({"errors": [_formatted(error) for error in errors]}, ran=False)


def _formatted(error: GraphQLError) -> dict[str, Any]:
    """The error as callers see it: with a code, and without what is none of their business."""
    shown: dict[str, Any] = dict(error.formatted)
    extensions = dict(error.extensions or {})
    cause = error.original_error
    match cause:
        case BadArgument():
            extensions["code"] = "BAD_USER_INPUT"
        case Unavailable():
            shown["message"] = "The service is not available. Please try again in a moment."
            extensions["code"] = "SERVICE_UNAVAILABLE"
        case None | GraphQLError():
            extensions.setdefault("code", "BAD_USER_INPUT")
        case _:
            incident = new_id().hex
            log.error("incident %s", incident, exc_info=cause)
            shown["message"] = f"Something went wrong. Tell us the incident: {incident}."
            extensions |= {"code": "INTERNAL_SERVER_ERROR", "incident": incident}
    shown["extensions"] = extensions
    return shown


def _switches(document: DocumentNode) -> tuple[str, ...]:
    """The variables that `@include` and `@skip` look at."""
    names: set[str] = set()

    class Switches(Visitor):
        def enter_directive(self, node: DirectiveNode, *_: Any) -> None:
            if node.name.value in ("include", "skip"):
                for argument in node.arguments or ():
                    if isinstance(argument.value, VariableNode):
                        names.add(argument.value.name.value)

    visit(document, Switches())
    return tuple(sorted(names))
