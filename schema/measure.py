"""What there is in a document, counted in one pass before anything else is done with it.

Every fragment is looked at once and counted wherever it is spread, so that the pass takes as long
as the document is, and not as long as what it comes to. The document may be wrong in any way: what
the schema does not know is counted as well as can be, and the validation names it, as it names
fragments that spread each other in a circle.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from math import ceil
from typing import Any

from graphql import (
    DocumentNode,
    FieldNode,
    FragmentDefinitionNode,
    FragmentSpreadNode,
    GraphQLNamedType,
    GraphQLSchema,
    InlineFragmentNode,
    IntValueNode,
    Node,
    NullValueNode,
    OperationDefinitionNode,
    OperationType,
    SelectionSetNode,
    ValueNode,
    VariableNode,
)

from resolvers.tree import MOST
from schema.cost import COUNTED, FREE, Cost, PageSize, Prices, Sum, points, prices
from schema.limits import Amounts

DEEPEST = 200
"""How far down the pass goes, as does the parser; no bound on depth may be larger."""


@dataclass(frozen=True, slots=True)
class Measured:
    """A document's amounts, and the cost of each of its operations with its variables' defaults.

    `switches` are the variables that `@include` and `@skip` look at.
    """

    amounts: Amounts = Amounts()  # noqa: RUF009 - nobody can change it
    costs: Mapping[str | None, tuple[Cost, Mapping[str, Any]]] = field(default_factory=dict)
    switches: tuple[str, ...] = ()

    def cost(self, name: str | None, variables: Mapping[str, Any] | None) -> int | None:
        """What the operation of this name, or the only one, costs; None when there is none."""
        if name is None and len(self.costs) == 1:
            ((cost, defaults),) = self.costs.values()
        elif name in self.costs:
            cost, defaults = self.costs[name]
        else:
            return None
        if isinstance(cost, int):
            return cost
        return points(cost, {**defaults, **(variables or {})})


UNKNOWN = Measured()
"""Of what is no document."""


class Meter:
    """Measures documents of a schema."""

    def __init__(self, schema: GraphQLSchema) -> None:
        self._schema = schema
        self._prices = prices(schema)

    def measured(self, document: DocumentNode) -> Measured:
        """The amounts and costs of the document."""
        return _Pass(self._schema, self._prices, document).run()


@dataclass(slots=True)
class _Found:
    """What there is in a selection set and in its fragments; `roots` are its own fields."""

    fields: int = 0
    depth: int = 0
    lists: int = 0
    roots: int = 0
    reads: int = 0
    credentials: int = 0
    described: float = 0
    cost: Sum = field(default_factory=Sum)

    def add(self, below: "_Found") -> None:
        """Count what is selected below a field, but for its cost."""
        self.fields = min(self.fields + below.fields, COUNTED)
        self.reads = min(self.reads + below.reads, COUNTED)
        self.described = min(self.described + below.described, COUNTED)
        self.depth = max(self.depth, below.depth + 1)

    def merge(self, fragment: "_Found") -> None:
        """Count a fragment of the same object."""
        self.fields = min(self.fields + fragment.fields, COUNTED)
        self.reads = min(self.reads + fragment.reads, COUNTED)
        self.depth = max(self.depth, fragment.depth)
        self.lists = max(self.lists, fragment.lists)
        self.roots = min(self.roots + fragment.roots, COUNTED)
        self.credentials = min(self.credentials + fragment.credentials, COUNTED)
        self.described = min(self.described + fragment.described, COUNTED)
        self.cost.add(1, fragment.cost.folded())


class _Pass:
    def __init__(self, schema: GraphQLSchema, prices: Prices, document: DocumentNode) -> None:
        self._schema = schema
        self._prices = prices
        self._document = document
        self._definitions: dict[str, FragmentDefinitionNode] = {}
        self._fragments: dict[str, _Found] = {}
        self._level = 0
        self._aliases = 0
        self._directives = 0
        self._together = 0
        self._switches: set[str] = set()

    def run(self) -> Measured:
        operations = []
        for one in self._document.definitions:
            if isinstance(one, FragmentDefinitionNode):
                self._definitions[one.name.value] = one
            elif isinstance(one, OperationDefinitionNode):
                operations.append(one)
        found = [self._operation(one) for one in operations]
        for name in self._definitions:
            self._fragment(name)
        costs = {
            node.name.value if node.name else None: (its.cost.folded(), _defaults(node))
            for node, its in zip(operations, found, strict=True)
        }
        each = map(_amounts, operations, found)
        amounts = Amounts._make(map(max, zip(self._whole(operations), *each, strict=True)))
        return Measured(amounts, costs, tuple(sorted(self._switches)))

    def _whole(self, operations: list[OperationDefinitionNode]) -> Amounts:
        """The amounts of the document as it is written."""
        assert self._document.loc
        return Amounts(
            characters=len(self._document.loc.source.body),
            tokens=self._document.token_count,
            operations=len(operations),
            fragments=len(self._definitions),
            variables=sum(len(one.variable_definitions or ()) for one in operations),
            aliases=self._aliases,
            directives=self._directives,
            directives_together=self._together,
        )

    def _operation(self, node: OperationDefinitionNode) -> _Found:
        self._directed(node)
        for variable in node.variable_definitions or ():
            self._directed(variable)
        return self._selections(node.selection_set, self._schema.get_root_type(node.operation))

    def _fragment(self, name: str) -> _Found:
        found = self._fragments.get(name)
        if found is not None:
            return found
        # A fragment that comes back to itself adds nothing to itself.
        self._fragments[name] = _Found()
        node = self._definitions.get(name)
        if node is not None:
            self._directed(node)
            of = self._schema.type_map.get(node.type_condition.name.value)
            self._fragments[name] = self._selections(node.selection_set, of)
        return self._fragments[name]

    def _selections(self, node: SelectionSetNode, of: GraphQLNamedType | None) -> _Found:
        found = _Found()
        if self._level == DEEPEST:
            found.depth = DEEPEST
            return found
        self._level += 1
        for selection in node.selections:
            self._directed(selection)
            if isinstance(selection, FieldNode):
                self._field(selection, of, found)
            elif isinstance(selection, FragmentSpreadNode):
                found.merge(self._fragment(selection.name.value))
            elif isinstance(selection, InlineFragmentNode):
                on = selection.type_condition
                its = self._schema.type_map.get(on.name.value) if on else of
                found.merge(self._selections(selection.selection_set, its))
        self._level -= 1
        return found

    def _field(self, node: FieldNode, parent: GraphQLNamedType | None, found: _Found) -> None:
        price = self._prices.get((parent.name, node.name.value), FREE) if parent else FREE
        found.fields += 1
        found.roots += 1
        found.reads += price.read
        found.credentials += price.credential
        found.described += price.described > 0
        self._aliases += node.alias is not None
        if node.selection_set is None:
            found.depth = max(found.depth, 1)
            found.cost.add(1, 1 if node.alias else 0)
            return
        below = self._selections(node.selection_set, price.of)
        if price.described:
            below.described = price.described * (below.described + 1)
        found.add(below)
        found.lists = max(found.lists, below.lists + (price.times != 1))
        below.cost.add(1, price.each)
        found.cost.add(1, price.once)
        found.cost.add(price.times or _page(node), below.cost.folded())

    def _directed(self, node: Node) -> None:
        directives = node.directives  # type: ignore[attr-defined]
        if not directives:
            return
        self._directives += len(directives)
        self._together = max(self._together, len(directives))
        self._switches |= {
            argument.value.name.value
            for one in directives
            if one.name.value in ("include", "skip")
            for argument in one.arguments or ()
            if isinstance(argument.value, VariableNode)
        }


def _amounts(node: OperationDefinitionNode, found: _Found) -> Amounts:
    """The amounts of an operation with all its fragments."""
    return Amounts(
        fields=found.fields,
        depth=found.depth,
        nested_lists=found.lists,
        root_fields=found.roots,
        reads=found.reads,
        mutations=found.roots if node.operation is OperationType.MUTATION else 0,
        credential_mutations=found.credentials,
        described=ceil(found.described),
    )


def _page(node: FieldNode) -> PageSize | int:
    """The page that is asked for; just its size, where that depends on no variable."""
    said = {one.name.value: _said(one.value) for one in node.arguments or ()}
    page = PageSize(said.get("first"), said.get("last"))
    by_variable = isinstance(page.first, str) or isinstance(page.last, str)
    return page if by_variable else page.points({})


def _said(node: ValueNode | None) -> int | str | None:
    """A number, the name of a variable, or nothing; whatever else it is counts as the most."""
    match node:
        case None | NullValueNode():
            return None
        case VariableNode():
            return node.name.value
        case IntValueNode() if len(node.value) <= len(str(MOST)):
            return int(node.value)
        case _:
            return MOST


def _defaults(node: OperationDefinitionNode) -> dict[str, Any]:
    return {
        one.variable.name.value: _said(one.default_value) for one in node.variable_definitions or ()
    }
