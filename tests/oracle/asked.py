"""What an operation asks for, found by walking it without any merging, and who may not (`D24`)."""

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

from graphql import (
    DocumentNode,
    FieldNode,
    FragmentDefinitionNode,
    GraphQLField,
    GraphQLObjectType,
    GraphQLSchema,
    InlineFragmentNode,
    OperationDefinitionNode,
    SelectionSetNode,
    get_named_type,
)
from graphql.execution.values import get_argument_values, get_directive_values
from graphql.type import GraphQLIncludeDirective, GraphQLSkipDirective

from tests.oracle.people import Me

Path = tuple[str, ...]

OWN = ("Viewer.client", "Viewer.staff")
FOR_MANAGERS = ("Client.notes", "Client.decisions", "Client.possibleDuplicates")
"""Of a client; not even their own person may ask for these."""


@dataclass
class Asked:
    """The fields asked for, as path and `Type.field`.

    Those directly below one's own record, of which nothing is denied, are left out.
    """

    fields: set[tuple[Path, str]] = field(default_factory=set)
    bad_pages: int = 0
    count: int = 0

    def denied(self, schema: GraphQLSchema, me: Me) -> list[tuple[Path, str]]:
        """What the caller may not ask for."""
        return sorted(one for one in self.fields if not permits(schema, me, one[1]))


def walk(
    schema: GraphQLSchema, document: DocumentNode, operation: OperationDefinitionNode, values: Any
) -> Asked:
    """What the operation asks for with these values of its variables."""
    fragments = {
        one.name.value: one
        for one in document.definitions
        if isinstance(one, FragmentDefinitionNode)
    }
    asked = Asked()

    def below(selections: SelectionSetNode, parent: Any, path: Path, own: bool) -> None:
        for node in _selected(selections, parent, fragments, values):
            asked.count += 1
            definition = parent.fields.get(node.name.value)
            if definition is None:
                continue
            coordinate = f"{parent.name}.{node.name.value}"
            inner = (*path, node.alias.value if node.alias else node.name.value)
            if not own:
                asked.fields.add((inner, coordinate))
            if "first" in definition.args:
                said = get_argument_values(definition, node, values)
                asked.bad_pages += not _is_good_page(said)
            if node.selection_set:
                for possible in _possible(schema, get_named_type(definition.type)):
                    below(node.selection_set, possible, inner, coordinate in OWN)

    root = schema.get_root_type(operation.operation)
    below(operation.selection_set, root, (), own=False)
    return asked


def permits(schema: GraphQLSchema, me: Me, coordinate: str) -> bool:
    """Whether the caller could read the field on some row, as the directives say."""
    if _directive(schema, coordinate, "authenticated") is not None:
        return me.person is not None
    said = _directive(schema, coordinate, "requires")
    if said is None:
        return True
    if coordinate.startswith(f"{me.kind}.") and coordinate not in FOR_MANAGERS:
        return True  # on one's own record
    return me.holds(said["permission"], said["scope"])


def shown(schema: GraphQLSchema, path: Path, coordinate: str) -> dict[str, Any]:
    """The denied field, as `FORBIDDEN` tells of it."""
    said = _directive(schema, coordinate, "requires") or {}
    needs = {"permission": said.get("permission"), "scope": said.get("scope")}
    return {"path": list(path), "field": coordinate, **needs}


def definition_of(schema: GraphQLSchema, coordinate: str) -> GraphQLField:
    """The field of `Type.field`."""
    type_name, _, field_name = coordinate.partition(".")
    type_: Any = schema.type_map[type_name]
    return type_.fields[field_name]  # type: ignore[no-any-return]


def _directive(schema: GraphQLSchema, coordinate: str, name: str) -> dict[str, Any] | None:
    directive, node = schema.get_directive(name), definition_of(schema, coordinate).ast_node
    assert directive and node
    return get_directive_values(directive, node)


def _possible(schema: GraphQLSchema, named: Any) -> list[GraphQLObjectType]:
    if isinstance(named, GraphQLObjectType):
        return [named]
    return list(schema.get_possible_types(named))


def _selected(
    selections: SelectionSetNode,
    parent: GraphQLObjectType,
    fragments: dict[str, FragmentDefinitionNode],
    values: Any,
) -> Iterator[FieldNode]:
    """The fields selected on an object of this type, with duplicates."""
    for node in selections.selections:
        skip = get_directive_values(GraphQLSkipDirective, node, values)
        include = get_directive_values(GraphQLIncludeDirective, node, values)
        if (skip and skip["if"]) or (include and not include["if"]):
            continue
        if isinstance(node, FieldNode):
            yield node
            continue
        inline = isinstance(node, InlineFragmentNode)
        fragment: Any = node if inline else fragments[node.name.value]  # type: ignore[attr-defined]
        on = fragment.type_condition.name.value if fragment.type_condition else parent.name
        if on in (parent.name, *(one.name for one in parent.interfaces)):
            yield from _selected(fragment.selection_set, parent, fragments, values)


def _is_good_page(said: dict[str, Any]) -> bool:
    """`first` or `last`, from 1 to 100 (`D29`)."""
    first, last = said.get("first"), said.get("last")
    both = first is not None and last is not None
    return not both and all(size is None or 1 <= size <= 100 for size in (first, last))
