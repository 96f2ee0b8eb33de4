"""What of a schema is different from an older one, and whom that breaks.

graphql-core compares types, fields, arguments and values. It does not look at what we add: the
rule of a field, who holds the permission that it requires, and what was announced to go.
"""

import re
from collections.abc import Iterator
from enum import StrEnum
from typing import NamedTuple

from graphql import (
    DirectiveNode,
    GraphQLArgument,
    GraphQLEnumType,
    GraphQLEnumValue,
    GraphQLField,
    GraphQLInputField,
    GraphQLInputObjectType,
    GraphQLInterfaceType,
    GraphQLNamedType,
    GraphQLObjectType,
    GraphQLSchema,
    GraphQLType,
    build_schema,
    get_named_type,
    is_abstract_type,
    print_ast,
)
from graphql.utilities import find_schema_changes
from graphql.utilities.find_schema_changes import (
    BreakingChange,
    DangerousChange,
    SafeChange,
    SafeChangeType,
)

from permissions import Scope

Part = GraphQLField | GraphQLArgument | GraphQLInputField | GraphQLEnumValue


class Weight(StrEnum):
    """What a change does to clients that were written for the older schema."""

    BREAKING = "breaking"
    DANGEROUS = "dangerous"
    ANNOUNCED = "announced"
    SAFE = "safe"


class Difference(NamedTuple):
    """One change, and how much it weighs."""

    weight: Weight
    text: str


_WEIGHTS = {
    BreakingChange: Weight.BREAKING,
    DangerousChange: Weight.DANGEROUS,
    SafeChange: Weight.SAFE,
}
_REMOVED = re.compile(r"(@?[\w.]+(?:\(\w+:\))?) was removed\.")
_OPENNESS = ("public", "authenticated", "", "staff", "requires")
"""The rules, from the one that keeps out nobody on; without one, whoever reads the row may ask."""
_SCOPES = [Scope.OWN, Scope.DEPARTMENT, Scope.ORGANIZATION]
_HOLDERS = re.compile(r"Requires \w+: .*", re.DOTALL)


def differences(before: str, after: str) -> list[Difference]:
    """All changes from one printed schema to another, the worst first.

    Descriptions do not count. Raises `GraphQLError` where the text is no schema.
    """
    old, new = build_schema(before), build_schema(after)
    found = [*_of_shape(old, new), *_of_rules(old, new), *_of_promises(old, new)]
    order = list(Weight)
    return sorted(found, key=lambda one: (order.index(one.weight), one.text))


def _of_shape(old: GraphQLSchema, new: GraphQLSchema) -> Iterator[Difference]:
    """What graphql-core sees; what was removed as it was announced, breaks nobody by surprise."""
    in_use = _in_use(old)
    for change in find_schema_changes(old, new):
        if change.type is SafeChangeType.DESCRIPTION_CHANGED:
            continue
        weight = _WEIGHTS[type(change)]
        removed = _REMOVED.search(change.description)
        if weight is Weight.BREAKING and removed and removed[1] not in in_use:
            weight = Weight.ANNOUNCED
        yield Difference(weight, change.description)


def _in_use(schema: GraphQLSchema) -> set[str]:
    """The coordinates of all that can be reached without anything that is deprecated."""
    reached = {f"@{directive.name}" for directive in schema.directives}
    roots = (schema.query_type, schema.mutation_type, schema.subscription_type)
    waiting: list[GraphQLNamedType] = [root for root in roots if root]
    while waiting:
        here = waiting.pop()
        if here.name in reached:
            continue
        reached.add(here.name)
        found: list[GraphQLType] = [*getattr(here, "interfaces", ())]
        if is_abstract_type(here):
            found += schema.get_possible_types(here)
        for coordinate, part in _parts(here):
            if part.deprecation_reason is None:
                reached.add(coordinate)
                found += [] if isinstance(part, GraphQLEnumValue) else [part.type]
        waiting += [get_named_type(one) for one in found]
    return reached


def _parts(here: GraphQLNamedType) -> Iterator[tuple[str, Part]]:
    """What a type is made of, by coordinates; the arguments of fields, while these stay."""
    match here:
        case GraphQLObjectType() | GraphQLInterfaceType():
            for name, field in here.fields.items():
                yield f"{here}.{name}", field
                if field.deprecation_reason is None:
                    yield from ((f"{here}.{name}({a}:)", one) for a, one in field.args.items())
        case GraphQLInputObjectType():
            yield from ((f"{here}.{name}", input) for name, input in here.fields.items())
        case GraphQLEnumType():
            yield from ((f"{here}.{name}", value) for name, value in here.values.items())


def _fields(
    old: GraphQLSchema, new: GraphQLSchema
) -> Iterator[tuple[str, GraphQLField, GraphQLField]]:
    """The fields that are in both, by their coordinates."""
    for name, before in old.type_map.items():
        after = new.type_map.get(name)
        if isinstance(before, GraphQLObjectType | GraphQLInterfaceType) and isinstance(
            after, GraphQLObjectType | GraphQLInterfaceType
        ):
            for field in before.fields.keys() & after.fields.keys():
                yield f"{name}.{field}", before.fields[field], after.fields[field]


def _of_rules(old: GraphQLSchema, new: GraphQLSchema) -> Iterator[Difference]:
    """What became of the rules: fewer may ask, others may, or more."""
    for coordinate, before, after in _fields(old, new):
        was, is_ = _rule(before), _rule(after)
        told = f"{_said(was)} before, {_said(is_)} now."
        if _strictness(was) < _strictness(is_):
            yield Difference(Weight.BREAKING, f"The rule of {coordinate} is stricter: {told}")
        elif _permission(was) != _permission(is_) and _permission(was) and _permission(is_):
            yield Difference(Weight.BREAKING, f"The rule of {coordinate} is another: {told}")
        elif _strictness(was) > _strictness(is_):
            yield Difference(Weight.SAFE, f"The rule of {coordinate} is looser: {told}")
        elif (held := _holders(before)) != (hold := _holders(after)):
            told = f"“{held}” before, “{hold}” now."
            yield Difference(Weight.DANGEROUS, f"Others may ask for {coordinate}: {told}")


def _of_promises(old: GraphQLSchema, new: GraphQLSchema) -> Iterator[Difference]:
    """What is announced to go from now on."""
    for coordinate, before, after in _fields(old, new):
        if before.deprecation_reason is None and after.deprecation_reason is not None:
            text = f"{coordinate} is deprecated: {after.deprecation_reason}"
            yield Difference(Weight.SAFE, text)


def _rule(field: GraphQLField) -> DirectiveNode | None:
    node = field.ast_node
    rules = [one for one in (node and node.directives) or () if one.name.value in _OPENNESS]
    return rules[0] if rules else None


def _said(rule: DirectiveNode | None) -> str:
    return print_ast(rule) if rule else "no rule of its own"


def _arguments(rule: DirectiveNode | None) -> dict[str, str]:
    return {one.name.value: print_ast(one.value) for one in (rule and rule.arguments) or ()}


def _permission(rule: DirectiveNode | None) -> str | None:
    return _arguments(rule).get("permission")


def _strictness(rule: DirectiveNode | None) -> tuple[int, int]:
    scope = Scope(_arguments(rule).get("scope", Scope.DEPARTMENT))
    return _OPENNESS.index(rule.name.value if rule else ""), _SCOPES.index(scope)


def _holders(field: GraphQLField) -> str:
    """Who may ask, as the end of the description says it (`permissions.roles`)."""
    found = _HOLDERS.search(field.description or "")
    return found[0] if found else ""
