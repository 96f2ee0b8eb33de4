"""Views: the JSON of a row, as an expression that the database evaluates.

What is wanted of a row is known when its plan is made, so the object is written down once, as SQL
that puts its text together: `'{"id":"cli_' || … || '","department":' || CASE WHEN … END || '}'`.
What a row points at is joined to it, within reach; what points at a row is a subquery of its own.
"""

from collections.abc import Callable, Mapping
from functools import cache
from itertools import groupby
from typing import Any

from sqlalchemy import Boolean, ColumnElement, String, bindparam
from sqlalchemy.types import TypeEngine

from models import Base
from models.base import Instant
from models.json_in_sql import (
    Sql,
    Text,
    condition,
    hexadecimal,
    identity,
    listed,
    quoted,
    together,
    value,
)
from permissions import Permission, Scope, Shape, reach
from resolvers.connection import CURSOR, connection
from resolvers.faults import absent, bad_cursor
from resolvers.listing import Order, attribute, id_of, order_of, pointer, relationship
from resolvers.tree import (
    Alike,
    Column,
    Computed,
    Constant,
    Field,
    Held,
    Many,
    One,
    Page,
    PageArguments,
    Part,
    Rights,
    Wanted,
)
from resolvers.writing import At, Bound, Writing

_FIRST_PLACE = 10_000
"""Places of rows in a page are counted from here: as text they sort as they do as numbers."""

_OPEN, _CLOSE = f'"{CURSOR}', '"'


class Level:
    """The rows of one table with what is joined to them, and the JSON that is made of each.

    The rows are a subquery that gives just the columns that the JSON is made of, each once, and
    the lists below them; the JSON is made around it.
    """

    def __init__(self, writing: Writing, model: type[Base]) -> None:
        self.at = writing.at(model)
        self.name = f"r{self.at.name[1:]}"
        self.model = model
        self._writing = writing
        self._lists: list[str] = []
        self._columns: dict[str, str] = {}
        self._joins: list[str] = []
        self._joined: dict[tuple[At, str, type[Base], bool], At] = {}

    def column(self, said: str) -> str:
        """What the rows have of the table or what is joined to it, as the JSON reads it."""
        name = self._columns.setdefault(said, f"c{len(self._columns)}")
        return f"{self.name}.{name}"

    def rows(self, which: str, *found: str) -> str:
        """The subquery, once all JSON is written; `which` rows, and in which order.

        `found`: what else the table is joined to, so that they are the rows found there.
        """
        # Lists first: a parser's stack is short, and what precedes a nested query stays on it.
        columns = [*self._lists, *(f"{said} AS {name}" for said, name in self._columns.items())]
        source = " ".join([self.at.source, *found, *self._joins, which])
        return f"(SELECT {', '.join(columns or ['1'])} FROM {source}) AS {self.name}"

    def object(self, wanted: Wanted, at: At | None = None) -> Text:
        """The object of a row."""
        at = at or self.at
        text: Text = ["{"]
        for guard, fields in groupby(wanted.fields, lambda one: self._guard(wanted, one, at)):
            text += ["," if len(text) > 1 else "", *self._fields(wanted, [*fields], guard, at)]
        return [*text, "}"]

    def _items(self, page: Page) -> dict[Part, Text]:
        """For each list of the page, the JSON of one of its items."""
        return {
            part: self.object(page.wanted[part.index])
            if part.name == "nodes"
            else connection(part.parts, lambda one: self._of_edge(page, one))
            for part in page.lists()
        }

    def _key(self) -> str:
        """The digits of the row's id."""
        key = id_of(self.model)
        return hexadecimal(self._writing.dialect, key.type, self.column(self.at.says(key)))

    def _of_edge(self, page: Page, part: Part) -> Text:
        if part.name == "node":
            return self.object(page.wanted[part.index])
        return ['"' + CURSOR, Sql(self._key()), '"']

    def _fields(self, wanted: Wanted, fields: list[Field], guard: str | None, at: At) -> Text:
        """Fields that are read under one condition; where it does not hold they are null (`D7`)."""
        text: Text = []
        for one in fields:
            text += [f'{"," if text else ""}"{one.key}":', *self._value(wanted.model, one, at)]
        if guard is None:
            return text
        hidden = quoted(",".join(f'"{one.key}":null' for one in fields))
        return [Sql(f"CASE WHEN {guard} THEN {together(text)} ELSE {hidden} END")]

    def _guard(self, wanted: Wanted, field: Field, at: At) -> str | None:
        """The condition under which a reader of the row reads the field; None for always."""
        if not isinstance(field, Column | One) or field.guard is None:
            return None
        readable = reach.guard(wanted.model, self._writing.shape, field.guard)
        return None if readable is None else self.column(at.says(readable))

    def _value(  # noqa: PLR0911 - one for each kind of field
        self, model: type[Base], field: Field, at: At
    ) -> Text:
        match field:
            case Constant():
                return [f'"{field.value}"']
            case Column():
                return self._leaf(model, field, at)
            case Computed():
                made = _computed(model, field.attributes, field.given, field.function)
                said = self.column(at.says(made))
                return value(self._writing.dialect, made.type, said, nullable=field.nullable)
            case Rights():
                return self._rights(model, at)
            case Held():
                held = [f'"{one}"' for one in Permission if self._writing.shape.scopes(one)]
                return [f"[{','.join(held)}]"]
            case One():
                return self._one(model, field, at)
            case Many():
                return self._list(self._many(model, field, at))
            case Alike():
                return self._list(self._alike(model, field, at))
            case Page():
                return self._list(self._page(model, field, at))

    def _leaf(self, model: type[Base], field: Column, at: At) -> Text:
        column = attribute(model, field.attribute)
        said, dialect = self.column(at.says(column)), self._writing.dialect
        if field.prefix:
            return identity(dialect, field.prefix, column.type, said)
        return value(dialect, column.type, said, nullable=getattr(column, "nullable", True))

    def _rights(self, model: type[Base], at: At) -> Text:
        """The permissions held on the row, as a list."""
        held: Text = []
        for permission, where in reach.rights(model, self._writing.shape):
            item = f',"{permission}"'
            if where is not None:
                condition = self.column(at.says(where))
                item = Sql(f"CASE WHEN {condition} THEN {quoted(item)} ELSE '' END")
            held.append(item)
        return ["[", Sql(f"substr({together(held)}, 2)"), "]"]

    def _one(self, model: type[Base], field: One, at: At) -> Text:
        """The object at the other end, from the first candidate that has it; or null."""
        pointed = at.says(pointer(relationship(model, field.relationship)))
        cases = []
        for there in field.candidates:
            joined = self._join(there, model, field.relationship, pointed, at)
            key = self.column(joined.says(id_of(there.model)))
            cases.append(f"WHEN {key} IS NOT NULL THEN {together(self.object(there, joined))}")
        if field.required:
            marker = quoted(absent(field.key))
            cases.append(f"WHEN {self.column(pointed)} IS NOT NULL THEN {marker}")
        return [Sql(f"CASE {' '.join(cases)} ELSE 'null' END")]

    def _join(
        self, there: Wanted, model: type[Base], relationship: str, pointed: str, at: At
    ) -> At:
        """Where the row that is pointed at is found, within reach; joined once."""
        key = (at, relationship, there.model, there.bounded)
        if key not in self._joined:
            joined = self._joined[key] = self._writing.at(there.model)
            on = f"{joined.says(id_of(there.model))} = {pointed}"
            implied = (model, relationship) in reach.IMPLIED
            within = joined.says(
                reach.in_organization(there.model)
                if implied
                else reach_of(there, self._writing.shape)
            )
            self._joins.append(f"LEFT JOIN {joined.source} ON {on} AND {within}")
        return self._joined[key]

    def _list(self, said: str) -> Text:
        name = f"l{len(self._lists)}"
        self._lists.append(f"{said} AS {name}")
        return [Sql(f"{self.name}.{name}")]

    def _many(self, model: type[Base], field: Many, at: At) -> str:
        """All rows that point at the row, in the relationship's order."""
        below = self._below(model, field)
        made = together(below.object(field.wanted))
        order = order_of(relationship(model, field.relationship))
        by = order.text([below.at.says(column) for column in order.columns], backward=False)
        where = self._pointing(model, field, at, below)
        rows = below.rows(f"WHERE {where} ORDER BY {by}")
        text = together(["[", listed(self._writing.dialect, made), "]"])
        return f"(SELECT {text} FROM {rows})"

    def _alike(self, model: type[Base], field: Alike, at: At) -> str:
        """The first other rows that are like the row. Each way has an index to itself."""
        below = Level(self._writing, model)
        made = together(below.object(field.wanted))
        key = id_of(model)
        within = reach.reading(model, self._writing.shape, field.guard)
        where = [
            f"{below.at.says(key)} IN ({' UNION '.join(self._found(model, field, at))})",
            f"{below.at.says(key)} <> {at.says(key)}",
            below.at.says(within),
        ]
        readable = reach.guard(model, self._writing.shape, field.guard)
        if readable is not None:
            where.append(f"({at.says(readable)})")
        by = f"ORDER BY {below.at.says(key)} LIMIT {field.most}"
        rows = below.rows(f"WHERE {' AND '.join(where)} {by}")
        text = together(["[", listed(self._writing.dialect, made), "]"])
        return f"(SELECT {text} FROM {rows})"

    def _found(self, model: type[Base], field: Alike, at: At) -> list[str]:
        """For each way the query for the ids of rows that are like the row, itself among them."""
        found = []
        for way in field.ways:
            there = self._writing.at(model)
            columns = [attribute(model, name) for name in way]
            same = [f"{there.says(column)} = {at.says(column)}" for column in columns]
            where = " AND ".join([there.says(reach.in_organization(model)), *same])
            key = there.says(id_of(model))
            found.append(f"SELECT {key} FROM {there.source} WHERE {where}")
        return found

    def _below(self, model: type[Base], field: Many | Page) -> "Level":
        assert field.relationship
        there: type[Base] = relationship(model, field.relationship).mapper.class_
        return Level(self._writing, there)

    def _pointing(self, model: type[Base], field: Many | Page, at: At, below: "Level") -> str:
        """The rows below that point at the row, within reach."""
        assert field.relationship
        related = relationship(model, field.relationship)
        within = reach.reading(below.model, self._writing.shape)
        here, there = at.says(id_of(model)), below.at.says(pointer(related))
        return f"{there} = {here} AND {below.at.says(within)}"

    def _page(self, model: type[Base], field: Page, at: At) -> str:
        """A page of the rows that point at the row."""
        assert field.relationship
        below, page = self._below(model, field), self._writing.pages[field]
        order = order_of(relationship(model, field.relationship))
        where = self._pointing(model, field, at, below)
        counted = f"SELECT count(*) FROM {below.at.source} WHERE {where}"
        bounds = {
            name: Bound(self._writing, below.model, order, self._writing.cursor(field, name))
            for name in page.bounds
        }
        columns = [below.at.says(column) for column in order.columns]
        beyond = [bound.beyond(name, order, columns) for name, bound in bounds.items()]
        which = f"WHERE {' AND '.join([where, *beyond])}"
        return checked(bounds, below.paged(field, page, order, counted, which))

    def paged(
        self, field: Page, page: PageArguments, order: Order, counted: str, which: str, *found: str
    ) -> str:
        """The connection of a page of these rows; `counted` is the query for their number."""
        by = order.text([self.at.says(column) for column in order.columns], page.backward)
        place = self.column(f"{_FIRST_PLACE} + row_number() OVER (ORDER BY {by})")
        text = together(self._connection(field, page, place, counted))
        if not field.asks_rows(backward=page.backward):
            return text
        rows = self.rows(f"{which} ORDER BY {by} LIMIT {page.size + 1}", *found)
        if page.backward:
            rows = f"(SELECT * FROM {rows} ORDER BY {place} DESC) AS {self.name}"
        return f"(SELECT {text} FROM {rows})"

    def _connection(self, field: Page, page: PageArguments, place: str, counted: str) -> Text:
        """The connection over its rows, of which each knows its `place`."""
        items, dialect = self._items(field), self._writing.dialect
        kept = f"{place} <= {_FIRST_PLACE + page.size}"
        more = condition(f"count(*) > {page.size}")

        def leaf(part: Part) -> Text:
            match part.name:
                case "nodes" | "edges":
                    return [listed(dialect, f"CASE WHEN {kept} THEN {together(items[part])} END")]
                case "hasNextPage":
                    return [("false" if page.before is None else "true") if page.backward else more]
                case "hasPreviousPage":
                    return [more if page.backward else ("false" if page.after is None else "true")]
                case "totalCount":
                    return [Sql(f"CAST(({counted}) AS TEXT)")]
            if (part.name == "startCursor") is page.backward:
                placed = f"CAST({place} AS TEXT) || {self._key()}"
                key = f"substr(max(CASE WHEN {kept} THEN {placed} END), 6)"
            else:
                key = f"max(CASE WHEN {place} = {_FIRST_PLACE + 1} THEN {self._key()} END)"
            return [Sql(f"coalesce({quoted(_OPEN)} || {key} || {quoted(_CLOSE)}, 'null')")]

        return connection(field.parts, leaf)


def checked(bounds: Mapping[str, Bound], page: str) -> str:
    """The page, or a marker where a cursor names no row of its list."""
    checks = [
        f"WHEN NOT EXISTS ({bound.text}) THEN {quoted(bad_cursor(name))}"
        for name, bound in bounds.items()
    ]
    return f"CASE {' '.join(checks)} ELSE {page} END" if checks else page


GIVEN: dict[str, TypeEngine[Any]] = {
    "public_url": String(),
    "second_factor_needed": Boolean(),
    "now": Instant(),
}
"""Values that come with a read, and that computed fields may be made of."""


@cache
def _computed(
    model: type[Base],
    attributes: tuple[str, ...],
    given: tuple[str, ...],
    function: Callable[..., ColumnElement[Any]],
) -> ColumnElement[Any]:
    """What the function makes of its columns."""
    columns = [attribute(model, name) for name in attributes]
    return function(*columns, *(bindparam(name, type_=GIVEN[name]) for name in given))


def reach_of(wanted: Wanted, shape: Shape, at_least: Scope | None = None) -> ColumnElement[bool]:
    """The rows that may be shown as this."""
    if wanted.bounded:
        return reach.reading(wanted.model, shape, at_least)
    return reach.in_organization(wanted.model)
