"""Views: from the columns of a row to its dict, as one expression.

What is wanted of a row is known when its plan is made, so a view writes down, once, the
expression that makes the dict: `{'id': 'cli_' + row[0].hex, 'department': {'name': row[3]} if …}`.
What a row points at is joined to it and is part of the expression; what points at a row is read
below it, by statements of their own, and put in afterwards.
"""

from collections.abc import Callable
from typing import Any, NamedTuple

from sqlalchemy import ColumnElement, FromClause, and_
from sqlalchemy.sql.util import ClauseAdapter

from models import Base, Reading, Rows
from permissions import Scope, Shape, reach
from resolvers.listing import attribute, id_of, pointer, relationship
from resolvers.steps import Built, Missing, Read, Reader
from resolvers.tree import Column, Computed, Constant, Field, Many, One, Page, Rights, Wanted

# Where the columns of a model are found.
Place = Callable[[ColumnElement[Any]], ColumnElement[Any]]

# What fills a field that is read below its row: made by the plan, which knows the statements.
Below = Callable[[type[Base], One | Many | Page], Read]


def own_table(column: ColumnElement[Any]) -> ColumnElement[Any]:
    """In the model's own table."""
    return column


class Alias:
    """In an alias of the model's table, as a predicate of the reach is too, when it is joined."""

    def __init__(self, model: type[Base]) -> None:
        self.table = model.__table__.alias()
        self._adapt = ClauseAdapter(self.table).traverse
        self._adapted: dict[ColumnElement[Any], ColumnElement[Any]] = {}

    def __call__(self, column: ColumnElement[Any]) -> ColumnElement[Any]:
        if column not in self._adapted:
            self._adapted[column] = self._adapt(column)
        return self._adapted[column]


class Join(NamedTuple):
    """A table that is joined, where there is such a row."""

    table: FromClause
    on: ColumnElement[bool]


class Columns:
    """What a statement selects, for all its views, and what it joins to have it: each once.

    So however often a document asks for the same thing under other names, the statement is no
    longer than the model is wide; databases bound both columns and joins.
    """

    def __init__(self) -> None:
        self.selected: list[ColumnElement[Any]] = []
        self.joins: list[Join] = []
        self._positions: dict[ColumnElement[Any], int] = {}
        self._aliases: dict[tuple[Place, str, bool], Alias] = {}

    def add(self, column: ColumnElement[Any]) -> int:
        """The position at which rows have the column."""
        if column not in self._positions:
            self._positions[column] = len(self.selected)
            self.selected.append(column)
        return self._positions[column]

    def join(self, wanted: Wanted, one: One, place: Place, shape: Shape) -> Alias:
        """Where the row that the field points at is found, within reach."""
        (there,) = one.candidates
        key = (place, one.relationship, there.bounded)
        if key not in self._aliases:
            alias = self._aliases[key] = Alias(there.model)
            pointed = place(pointer(relationship(wanted.model, one.relationship)))
            on = and_(alias(id_of(there.model)) == pointed, alias(reach_of(there, shape)))
            self.joins.append(Join(alias.table, on))
        return self._aliases[key]


class View:
    """The dict of a row for one `Wanted`, from the columns that it adds to its statement's."""

    def __init__(self, columns: Columns, wanted: Wanted, shape: Shape, below: Below) -> None:
        self._columns = columns
        self._shape = shape
        self._below = below
        self._reads: list[tuple[tuple[str, ...], Read]] = []
        self._guards: dict[tuple[Place, Scope], str | None] = {}
        self._names: dict[str, Any] = {"absent": _absent}
        text = self._object(wanted, own_table, ())
        # Its words are positions, our own prefixes and functions, and names as GraphQL allows them.
        self._make: Callable[[Any, Any], Built] = eval(f"lambda row, given: {text}", self._names)  # noqa: S307

    def build(self, reader: Reader, rows: Rows) -> Reading[list[Built]]:
        """The dict of each row, with everything below it."""
        make, given = self._make, reader.given
        built = [make(row, given) for row in rows]
        for path, read in self._reads:
            holders = built
            for key in path:
                holders = [one[key] for one in holders if one[key] is not None]
            yield from read(reader, holders)
        return built

    def _object(self, wanted: Wanted, place: Place, path: tuple[str, ...]) -> str:
        fields = (f"{one.key!r}: {self._value(wanted, one, place, path)}" for one in wanted.fields)
        return f"{{{', '.join(fields)}}}"

    def _value(  # noqa: PLR0911 - one for each kind of field
        self, wanted: Wanted, field: Field, place: Place, path: tuple[str, ...]
    ) -> str:
        """The expression of one field of the dict."""
        match field:
            case Constant():
                return repr(field.value)
            case Computed():
                return self._computed(wanted, field, place)
            case Rights():
                return self._rights(wanted, place)
            case Column():
                value = self._column(place(attribute(wanted.model, field.attribute)))
                if field.prefix:
                    value = f"{field.prefix!r} + {value}.hex"
                return self._guarded(value, wanted, field.guard, place)
            case One(candidates=(one,)):
                value = self._joined(wanted, field, one, place, path)
                return self._guarded(value, wanted, field.guard, place)
            case One():
                self._reads.append((path, self._below(wanted.model, field)))
                pointed = pointer(relationship(wanted.model, field.relationship))
                return self._guarded(self._column(place(pointed)), wanted, field.guard, place)
            case Many() | Page():
                self._reads.append((path, self._below(wanted.model, field)))
                return self._column(place(id_of(wanted.model)))

    def _column(self, column: ColumnElement[Any]) -> str:
        return f"row[{self._columns.add(column)}]"

    def _computed(self, wanted: Wanted, field: Computed, place: Place) -> str:
        name = f"function_{len(self._names)}"
        self._names[name] = field.function
        read = [self._column(place(attribute(wanted.model, one))) for one in field.attributes]
        given = [f"given[{one!r}]" for one in field.given]
        return f"{name}({', '.join([*read, *given])})"

    def _rights(self, wanted: Wanted, place: Place) -> str:
        """The permissions held on the row, as a list."""
        held = (
            f"*([{str(permission)!r}] if {self._column(place(where))} else ())"
            if where is not None
            else repr(str(permission))
            for permission, where in reach.rights(wanted.model, self._shape)
        )
        return f"[{', '.join(held)}]"

    def _joined(
        self, wanted: Wanted, field: One, one: Wanted, place: Place, path: tuple[str, ...]
    ) -> str:
        """The object at the other end, joined within reach; or null, if the schema allows it."""
        there = self._columns.join(wanted, field, place, self._shape)
        pointed = place(pointer(relationship(wanted.model, field.relationship)))
        present = self._column(there(id_of(one.model)))
        inner = self._object(one, there, (*path, field.key))
        other = f"absent({field.key!r}, {self._column(pointed)})" if field.required else "None"
        return f"({inner} if {present} is not None else {other})"

    def _guarded(self, value: str, wanted: Wanted, scope: Scope | None, place: Place) -> str:
        """Null where the caller reads the row, but not this."""
        if scope is None:
            return value
        key = (place, scope)
        if key not in self._guards:
            readable = reach.guard(wanted.model, self._shape, scope)
            self._guards[key] = None if readable is None else self._column(place(readable))
        condition = self._guards[key]
        return f"({value} if {condition} else None)" if condition else value


def reach_of(wanted: Wanted, shape: Shape, at_least: Scope | None = None) -> ColumnElement[bool]:
    """The rows that may be shown as this."""
    if wanted.bounded:
        return reach.reading(wanted.model, shape, at_least)
    return reach.in_organization(wanted.model)


def _absent(key: str, pointed: object) -> None:
    """Raises `Missing` for a row that is pointed at, and that the schema says is there."""
    if pointed is not None:
        raise Missing(key)
