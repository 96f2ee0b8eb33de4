"""What an operation costs: about how many objects its answer may hold.

- An object is 1, and so is a value that is asked for by another name.
- A list multiplies what is in it: a page (a field with `first` and `last`) by its size, which is 25
  where none is given, every other list by 10, or by what is declared for it (`roles` by 3).
- A mutation is 100 more, and one of credentials 500 more.
- `__schema` is 200 and `__type` 20, whatever is asked of them.

How much is asked of them has a limit of its own, which the standard introspection query keeps with
all its options: `described`, by which each field is 1, and so is each object. What is in a list
counts for as many as there are on average, and a type by its name for the largest.

What `@include` and `@skip` may leave out counts. The size of a page may be a variable, so a cost is
an expression of variables, made once a document and counted once a request.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, NamedTuple, TypeAlias

from graphql import (
    GraphQLField,
    GraphQLInterfaceType,
    GraphQLNamedType,
    GraphQLObjectType,
    GraphQLSchema,
    SchemaMetaFieldDef,
    TypeMetaFieldDef,
    TypeNameMetaFieldDef,
    get_named_type,
    get_nullable_type,
    is_introspection_type,
    is_leaf_type,
    is_list_type,
)

from resolvers.tree import MOST, USUAL
from schema.declare import CREDENTIAL, DEFINITION, SIZE, SOURCE, Planned

LISTED = 10
MUTATION = 100
CREDENTIAL_MUTATION = 500
INTROSPECTION = {"__schema": (200, SchemaMetaFieldDef), "__type": (20, TypeMetaFieldDef)}

DESCRIBED = {
    "__type": 50,
    "queryType": 50,
    "mutationType": 50,
    "subscriptionType": 50,
    "types": 130,
    "directives": 10,
    "fields": 3,
    "args": 1,
    "inputFields": 1,
    "interfaces": 1,
    "possibleTypes": 1,
    "enumValues": 3,
    "ofType": 0.75,
}
"""How many there are of what describes the schema, on average, wherever one comes from; else 1."""

COUNTED = 2**53 - 1
"""Where counting ends: the last whole number that JavaScript reads exactly."""


class Price(NamedTuple):
    """What a field costs: `once`, and for `each` of so many `times` an object `of` this type.

    `times` is None for a page. `read`: a statement of its own may read it. `described`: how many
    there are, of what describes the schema; of all else none.
    """

    once: int = 0
    each: int = 0
    times: int | None = 1
    of: GraphQLNamedType | None = None
    read: bool = False
    credential: bool = False
    described: float = 0


FREE = Price()

Prices: TypeAlias = Mapping[tuple[str, str], Price]
"""By the names of type and field."""


def prices(schema: GraphQLSchema) -> Prices:
    """What each field of the schema costs, `__schema` and `__type` included."""
    assert schema.query_type
    found = {
        (schema.query_type.name, name): _description(name, definition)._replace(once=points)
        for name, (points, definition) in INTROSPECTION.items()
    }
    for type_ in schema.type_map.values():
        if not isinstance(type_, (GraphQLObjectType, GraphQLInterfaceType)):
            continue
        if is_introspection_type(type_):
            for name, definition in {**type_.fields, "__typename": TypeNameMetaFieldDef}.items():
                found[type_.name, name] = _description(name, definition)
            continue
        for name, definition in type_.fields.items():
            found[type_.name, name] = _price(schema, type_, name, definition)
    return found


def _description(name: str, definition: GraphQLField) -> Price:
    return Price(of=get_named_type(definition.type), described=DESCRIBED.get(name, 1))


def _price(
    schema: GraphQLSchema,
    parent: GraphQLObjectType | GraphQLInterfaceType,
    name: str,
    definition: GraphQLField,
) -> Price:
    of = get_named_type(definition.type)
    metadata = definition.extensions[DEFINITION].metadata
    if is_leaf_type(of):
        return Price(read=name == "totalCount")
    if "first" in definition.args:
        return Price(1, 0, None, of, read=True)
    if parent.name.endswith("Connection"):
        # The page multiplies; what it says of itself comes with it.
        return Price(0, 0 if name == "pageInfo" else 1, 1, of)
    if is_list_type(get_nullable_type(definition.type)):
        return Price(0, 1, metadata.get(SIZE, LISTED), of, read=True)
    if parent is schema.mutation_type:
        credential = CREDENTIAL in metadata
        once = CREDENTIAL_MUTATION if credential else MUTATION
        return Price(once, 1, 1, of, credential=credential)
    return Price(0, 1, 1, of, read=isinstance(metadata.get(SOURCE), Planned))


@dataclass(frozen=True, slots=True)
class PageSize:
    """How many of a list are asked for: numbers, names of variables, or nothing."""

    first: int | str | None
    last: int | str | None

    def points(self, values: Mapping[str, Any]) -> int:
        """The size. What no page can have counts as the most; it is refused later."""
        for said in (self.first, self.last):
            size = values.get(said) if isinstance(said, str) else said
            if size is not None:
                return size if isinstance(size, int) and 0 < size < MOST else MOST
        return USUAL


@dataclass(slots=True)
class Sum:
    """A number, and costs that count so many times."""

    number: int = 0
    parts: list[tuple[int | PageSize, "Cost"]] = field(default_factory=list)

    def add(self, times: int | PageSize, cost: "Cost") -> None:
        """Count the cost so many times more."""
        if isinstance(cost, int) and isinstance(times, int):
            self.number = min(self.number + times * cost, COUNTED)
        elif cost:
            self.parts.append((times, cost))

    def folded(self) -> "Cost":
        """The cost, as a number where it depends on no variable."""
        return self if self.parts else self.number


Cost: TypeAlias = int | Sum


def points(cost: Cost, values: Mapping[str, Any]) -> int:
    """The cost with these values of the variables."""
    return cost if isinstance(cost, int) else _points(cost, values, {})


def _points(cost: Cost, values: Mapping[str, Any], known: dict[int, int]) -> int:
    """The cost; a part that several have is counted once, since there may be a great many."""
    if isinstance(cost, int):
        return cost
    found = known.get(id(cost))
    if found is None:
        found = cost.number
        for times, part in cost.parts:
            size = times if isinstance(times, int) else times.points(values)
            found += size * _points(part, values, known)
        found = known[id(cost)] = min(found, COUNTED)
    return found
