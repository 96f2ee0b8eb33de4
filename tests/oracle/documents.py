"""Random valid operations over the read fields of the schema, as hypothesis strategies.

A document is written from the top down. One response key means one field with the same arguments
and type in the whole document, so whatever is merged can be merged.
"""

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from graphql import (
    GraphQLEnumType,
    GraphQLField,
    GraphQLInterfaceType,
    GraphQLNonNull,
    GraphQLObjectType,
    GraphQLSchema,
    OperationType,
    get_named_type,
    is_leaf_type,
    is_required_argument,
)
from hypothesis import strategies as st

Draw = Callable[[st.SearchStrategy[Any]], Any]

_SIZES = (1, 2, 3, 5, 25, 100, None)
_BAD_SIZES = (0, 101, -1)
_KEYS = ("a", "b", "id", "node", "nodes", "edges", "totalCount", "cursor", "client", "__typename_")
_ROOTS = {
    "clients": 4,
    "auditEvents": 3,
    "viewer": 3,
    "node": 3,
    "staff": 2,
    "client": 2,
    "staffMember": 2,
}
_FRAGMENTS = 8
_PREFIXES = {"departmentId": "dep_", "practitionerId": "stf_", "Client": "cli_", "Staff": "stf_"}
_TIMES = (
    *("2026-06-01T12:00:00Z", "2026-06-01T12:00:30+00:00", "2026-06-01T14:00:20.5+02:00"),
    *("2026-06-01T12:00:10.25Z", "0001-01-02T00:00:00Z", "9999-12-30T23:59:59-12:00"),
)


@dataclass(frozen=True)
class Document:
    """An operation to execute."""

    text: str
    variables: dict[str, Any] = field(default_factory=dict)
    operation_name: str | None = None

    def __repr__(self) -> str:
        name = f"\n# operation {self.operation_name}" if self.operation_name else ""
        return f"{self.text}\n# variables {json.dumps(self.variables, ensure_ascii=False)}{name}"


@dataclass(frozen=True)
class Pool:
    """What arguments can be: ids and cursors of rows in and out of reach, and of none; words.

    `cursors` has those of each type of connection, and `""` those of none.
    """

    ids: Sequence[str]
    cursors: Mapping[str, Sequence[str]]
    slugs: Sequence[str]
    tokens: Sequence[str]
    searches: Sequence[str]


@dataclass(frozen=True)
class _Fragment:
    name: str
    on: str
    own: bool
    size: int


@dataclass
class _Variable:
    type: str
    default: str | None


@st.composite
def documents(
    draw: Draw, schema: GraphQLSchema, pool: Pool, may: Callable[[str], bool]
) -> Document:
    """A random operation. Most ask only for what `may` allows (`Type.field`), some for more."""
    polite = draw(st.sampled_from((True, True, True, True, True, False)))
    writer = _Writer(draw, schema, pool, may if polite else lambda _: True)
    return writer.document()


@st.composite
def operations(
    draw: Draw, schema: GraphQLSchema, pool: Pool, kind: str, name: str, given: Any
) -> Document:
    """One root field with these arguments, asking for anything of what it answers."""
    return _Writer(draw, schema, pool, lambda _: True).operation(kind, name, given)


class _Writer:
    def __init__(
        self, draw: Draw, schema: GraphQLSchema, pool: Pool, may: Callable[[str], bool]
    ) -> None:
        self._draw = draw
        self._schema = schema
        self._pool = pool
        self._may = may
        self._keys: dict[str, tuple[str, str, str]] = {}
        self._variables: dict[str, _Variable] = {}
        self._values: dict[str, Any] = {}
        self._fragments: list[_Fragment] = []
        self._definitions: list[str] = []
        self._named = 0
        self._left = draw(st.sampled_from((12, 30, 60)))
        # Bad sizes refuse the whole document, so only some documents have any.
        self._sizes = _SIZES * 2 + _BAD_SIZES if self._one_in(12) else _SIZES

    def document(self) -> Document:
        root = self._schema.query_type
        assert root
        selections = self._selections(root, depth=0, own=False)
        parts = [f"query Asked{self._head()} {selections}", *self._definitions]
        name = None
        if self._one_in(10):
            name = "Asked"
            parts.insert(0, "query Other { clients { nodes { email } totalCount } }")
        if self._one_in(3):
            parts.reverse()
        return Document("\n".join(parts), self._values, name)

    def operation(self, kind: str, name: str, given: Mapping[str, Any]) -> Document:
        root = self._schema.get_root_type(OperationType(kind))
        assert root
        definition = root.fields[name]
        for argument, value in given.items():
            self._variables[argument] = _Variable(str(definition.args[argument].type), None)
            self._values[argument] = value
        selections = self._selections(get_named_type(definition.type), depth=1, own=False)
        arguments = ", ".join(f"{argument}: ${argument}" for argument in given)
        asked = f"{name}({arguments}) {selections}" if given else f"{name} {selections}"
        parts = [f"{kind} Asked{self._head()} {{ {asked} }}", *self._definitions]
        return Document("\n".join(parts), self._values)

    def _head(self) -> str:
        """The operation's variables."""
        said = ", ".join(
            f"${name}: {one.type}" + (f" = {one.default}" if one.default else "")
            for name, one in self._variables.items()
        )
        return said and f"({said})"

    # --- selections -----------------------------------------------------------------------------

    def _selections(self, parent: Any, depth: int, own: bool) -> str:
        most = 5 if depth == 0 else 4
        parts = [
            self._selection(parent, depth, own) for _ in range(self._draw(st.integers(1, most)))
        ]
        return "{ " + " ".join(parts) + " }"

    def _selection(self, parent: Any, depth: int, own: bool) -> str:
        self._left -= 1
        kind = self._draw(st.integers(0, 11))
        if kind == 9 and depth < 8:
            return self._inline(parent, depth, own)
        if kind == 10 and depth < 8:
            return self._spread(parent, depth, own)
        if kind == 11:
            return self._typename()
        return self._field(parent, depth, own)

    def _typename(self) -> str:
        key = self._key("__typename", "", "String!")
        return f"{_aliased(key, '__typename')}{self._switches()}"

    def _field(self, parent: Any, depth: int, own: bool) -> str:
        names = [
            name
            for name, one in parent.fields.items()
            if (own or self._may(f"{parent.name}.{name}"))
            and (is_leaf_type(get_named_type(one.type)) or (self._left > 0 and depth < 8))
        ]
        if parent is self._schema.query_type:
            names = [name for name in names for _ in range(_ROOTS.get(name, 1))]
        elif isinstance(parent, GraphQLObjectType):
            # What leads on counts twice: a document of leaves shows little.
            names += [
                name for name in names if not is_leaf_type(get_named_type(parent.fields[name].type))
            ]
        if not names:
            return self._typename()
        name = self._draw(st.sampled_from(names))
        definition = parent.fields[name]
        arguments, key = self._again(name, definition)
        if key is None:
            arguments = self._arguments(definition)
            key = self._key(name, arguments, _signature(definition))
        below = get_named_type(definition.type)
        selections = ""
        if not is_leaf_type(below):
            mine = f"{parent.name}.{name}" in ("Viewer.client", "Viewer.staff")
            selections = " " + self._selections(below, depth + 1, mine)
        return f"{_aliased(key, name)}{arguments}{self._switches()}{selections}"

    def _inline(self, parent: Any, depth: int, own: bool) -> str:
        on = self._draw(st.sampled_from((None, *self._conditions(parent))))
        condition = f" on {on.name}" if on else ""
        return f"...{condition}{self._switches()} {self._selections(on or parent, depth + 1, own)}"

    def _spread(self, parent: Any, depth: int, own: bool) -> str:
        possible = {one.name for one in self._possible(parent)}
        fitting = [
            one
            for one in self._fragments
            if (own or not one.own)
            and one.size <= self._left
            and not possible.isdisjoint(
                each.name for each in self._possible(self._schema.type_map[one.on])
            )
        ]
        if fitting and self._draw(st.booleans()):
            fragment = self._draw(st.sampled_from(fitting))
            self._left -= fragment.size
        elif self._named == _FRAGMENTS:
            return self._typename()
        else:
            self._named += 1
            name, before = f"F{self._named}", self._left
            on = self._draw(st.sampled_from(self._conditions(parent)))
            selections = self._selections(on, depth + 1, own)
            fragment = _Fragment(name, on.name, own, before - self._left)
            self._fragments.append(fragment)
            self._definitions.append(f"fragment {name} on {on.name} {selections}")
        return f"...{fragment.name}{self._switches()}"

    def _conditions(self, parent: Any) -> list[Any]:
        """The types on which a fragment fits here."""
        mine = {one.name for one in self._possible(parent)}
        return [
            type_
            for name, type_ in self._schema.type_map.items()
            if isinstance(type_, GraphQLObjectType | GraphQLInterfaceType)
            and not name.startswith("__")
            and not mine.isdisjoint(one.name for one in self._possible(type_))
        ]

    def _possible(self, named: Any) -> Sequence[GraphQLObjectType]:
        if isinstance(named, GraphQLObjectType):
            return [named]
        return self._schema.get_possible_types(named)

    # --- keys -----------------------------------------------------------------------------------

    def _again(self, name: str, definition: GraphQLField) -> tuple[str, str | None]:
        """The arguments and key of the same field elsewhere in the document, to be merged."""
        known = [
            (arguments, key)
            for key, (its_name, arguments, type_) in self._keys.items()
            if its_name == name and type_ == _signature(definition)
        ]
        if known and not self._one_in(3):
            return self._draw(st.sampled_from(known))  # type: ignore[no-any-return]
        return "", None

    def _key(self, name: str, arguments: str, type_: str) -> str:
        meaning = (name, arguments, type_)
        wanted = name
        if self._one_in(4):
            wanted = self._draw(st.sampled_from(_KEYS))
        number = 1
        key = wanted
        while self._keys.get(key, meaning) != meaning:
            number += 1
            key = f"{wanted}{number}"
        self._keys[key] = meaning
        return key

    # --- arguments and switches -------------------------------------------------------------------

    def _arguments(self, definition: GraphQLField) -> str:
        said = []
        for name, argument in definition.args.items():
            if not is_required_argument(argument) and not self._one_in(4):
                continue
            returned = get_named_type(definition.type).name
            said.append(f"{name}: {self._value(name, argument.type, returned)}")
        return f"({', '.join(said)})" if said else ""

    def _value(self, name: str, type_: Any, returned: str) -> str:
        """The value of an argument of a field that returns such, as a literal or by a variable."""
        value = self._draw(self._values_of(name, get_named_type(type_), returned))
        if isinstance(type_, GraphQLNonNull) and value is None:
            value = ""
        is_word = isinstance(get_named_type(type_), GraphQLEnumType) and value is not None
        literal = value if is_word else json.dumps(value, ensure_ascii=False)
        if not self._one_in(3):
            return str(literal)
        variable = f"{name}{len(self._variables) + 1}"
        default = None
        if not isinstance(type_, GraphQLNonNull) and self._one_in(4):
            default = literal
            if self._one_in(2):
                self._variables[variable] = _Variable(str(type_), default)
                return f"${variable}"
        absent = not isinstance(type_, GraphQLNonNull) and self._one_in(6)
        self._variables[variable] = _Variable(str(type_), default)
        if not absent:
            self._values[variable] = value
        return f"${variable}"

    def _values_of(self, name: str, named: Any, returned: str) -> st.SearchStrategy[Any]:
        match name:
            case "first" | "last":
                return st.sampled_from(self._sizes)
            case "after" | "before":
                return self._cursors(returned)
            case "since" | "until":
                return st.sampled_from(_TIMES)
            case "slug" | "token" | "search":
                pool = self._pool
                texts = {"slug": pool.slugs, "token": pool.tokens, "search": pool.searches}
                return st.sampled_from(texts[name])
        if isinstance(named, GraphQLEnumType):
            return st.sampled_from((*named.values, None))
        return self._ids(self._pool.ids, _PREFIXES.get(name) or _PREFIXES.get(returned, ""))

    def _cursors(self, connection: str) -> st.SearchStrategy[str]:
        return st.sampled_from(self._pool.cursors["" if self._one_in(8) else connection])

    def _ids(self, ids: Sequence[str], prefix: str) -> st.SearchStrategy[str]:
        """Mostly of what is asked for; sometimes of anything."""
        fitting = [id for id in ids if id.startswith(prefix)]
        return st.sampled_from(ids if self._one_in(8) else fitting)

    def _switches(self) -> str:
        """`@include` and `@skip`, mostly none."""
        if not self._one_in(7):
            return ""
        names = self._draw(st.sampled_from((("include",), ("skip",), ("skip", "include"))))
        return "".join(f" @{name}(if: {self._switch()})" for name in names)

    def _switch(self) -> str:
        value = self._draw(st.booleans())
        literal = json.dumps(value)
        if not self._draw(st.booleans()):
            return literal
        name = self._draw(st.sampled_from(("s1", "s2", "s3")))
        if name not in self._variables:
            given = self._draw(st.sampled_from(("given", "default", "both")))
            default = json.dumps(not value) if given == "both" else literal
            has_default = given != "given"
            self._variables[name] = _Variable("Boolean!", default if has_default else None)
            if given != "default":
                self._values[name] = value
        return f"${name}"

    def _one_in(self, number: int) -> bool:
        """True once in so many; hypothesis shrinks to False."""
        return bool(self._draw(st.integers(0, number - 1)) == number - 1)


def _signature(definition: GraphQLField) -> str:
    """The type with the names of the arguments: what fields of one name and key must share."""
    return f"({' '.join(definition.args)}) {definition.type}"


def _aliased(key: str, name: str) -> str:
    return name if key == name else f"{key}: {name}"
