"""From a tree of names to SQL and dicts: one statement a level, with just the asked columns.

A *view* turns the columns of one `Wanted` into dicts; a *fetch* is the statement of a level: the
columns of its views, the reach in its WHERE, and the rows by the ids of their parents. So a read
costs as many statements as the query has levels, whatever the size of the page. Plans are made
once for each shape of caller and kept with the tree; a caller's own ids and departments are
parameters.
"""

import uuid
from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

from sqlalchemy import (
    ColumnElement,
    Connection,
    Enum,
    Select,
    String,
    Uuid,
    bindparam,
    func,
    inspect,
    null,
    select,
    tuple_,
    type_coerce,
)
from sqlalchemy.orm import ColumnProperty, RelationshipProperty

from models import Base, outside, parse_id, within
from permissions import Scope, Shape, reach
from resolvers.tree import (
    Column,
    Computed,
    Constant,
    Many,
    One,
    Page,
    PageArguments,
    Part,
    Wanted,
)

CURSOR = "cur_"

Values = dict[str, Any]
Rows = Sequence[Sequence[Any]]


class BadCursor(Exception):
    """A cursor that names no row of the list, as far as the caller reaches."""

    def __init__(self, argument: str) -> None:
        super().__init__(f"{argument} is not a cursor of this list.")


class Missing(Exception):
    """A row that another one needs was gone between two statements."""


class Order(NamedTuple):
    """The order of a list: columns that end with the id, all in one direction."""

    columns: tuple[ColumnElement[Any], ...]
    descending: bool = False

    def by(self, backward: bool) -> tuple[ColumnElement[Any], ...]:
        """The ORDER BY, or the opposite one."""
        if self.descending is backward:
            return tuple(column.asc() for column in self.columns)
        return tuple(column.desc() for column in self.columns)

    def beyond(self, bound: str) -> ColumnElement[bool]:
        """The rows behind (`after`) or in front of (`before`) the one that the bound names."""
        here = tuple_(*self.columns)
        there = tuple_(
            *(bindparam(f"{bound}_{i}", type_=column.type) for i, column in enumerate(self.columns))
        )
        return here > there if (bound == "after") is not self.descending else here < there


@dataclass(frozen=True, slots=True)
class Listing:
    """Which rows a field of the root lists: what the resolver says, and nothing is fetched yet.

    `where` holds predicates made once (they are part of the plan's key), with named parameters
    that `values` fills; `at_least` as in `reach.reading`.
    """

    model: type[Base]
    where: tuple[ColumnElement[bool], ...] = ()
    order: Order | None = None
    values: Mapping[str, Any] | None = None
    at_least: Scope | None = None


class Reader:
    """One read under way: a connection, the caller's values, the arguments of its pages.

    `given` are values that computed fields need and no row holds (`Computed.given`).
    """

    def __init__(
        self,
        connection: Connection,
        values: Values,
        pages: Mapping[Page, PageArguments],
        given: Mapping[str, Any],
    ) -> None:
        self.pages = pages
        self.given = given
        self._connection = connection
        self._values = values

    def rows(self, statement: Select[Any], **values: Any) -> Rows:
        """The rows that the statement gives with the caller's values and these."""
        return self._connection.execute(statement, {**self._values, **values}).all()


class View:
    """The columns that one `Wanted` needs, from position `start` of a row, and the dict of each."""

    def __init__(self, wanted: Wanted, shape: Shape, start: int = 0) -> None:
        self.columns: list[ColumnElement[Any]] = []
        self._wanted = wanted
        self._shape = shape
        self._start = start
        self._keys = tuple(field.key for field in wanted.fields)
        self._steps: list[Callable[[Reader, Rows, list[dict[str, Any]]], None]] = []
        self._guards: dict[Scope, int | None] = {}
        # The first columns are the fields' own, in their order: a row then zips into its dict.
        for field in wanted.fields:
            self._column(_own_column(wanted.model, field))
        for field in wanted.fields:
            self._finish(field)

    def build(self, reader: Reader, rows: Rows) -> list[dict[str, Any]]:
        """The dict of each row, with everything below it."""
        keys = self._keys
        if self._start:
            first, last = self._start, self._start + len(keys)
            built = [dict(zip(keys, row[first:last], strict=False)) for row in rows]
        else:
            built = [dict(zip(keys, row, strict=False)) for row in rows]
        for step in self._steps:
            step(reader, rows, built)
        return built

    def _column(self, column: ColumnElement[Any]) -> int:
        """The position in a row at which the column will be."""
        self.columns.append(column)
        return self._start + len(self.columns) - 1

    def _finish(self, field: Any) -> None:
        """Add what the field needs beyond its own column, and the step that writes it."""
        key = field.key
        match field:
            case Constant():
                self._steps.append(_write_constant(key, field.value))
            case Computed():
                columns = [_attribute(self._wanted.model, name) for name in field.attributes]
                positions = [self._column(column) for column in columns]
                self._steps.append(_write_computed(field, positions))
            case Column():
                if field.prefix:
                    self._steps.append(_write_id(key, field.prefix))
                self._guard(key, field.guard)
            case One():
                self._guard(key, field.guard)
                candidates = [ById(wanted, self._shape) for wanted in field.candidates]
                self._steps.append(_write_one(key, candidates, field.required))
            case Many():
                children = Children(self._wanted.model, field, self._shape)
                self._steps.append(_write_many(key, children))
            case Page():
                pages = PageInside(self._wanted.model, field, self._shape)
                self._steps.append(_write_page(key, pages))

    def _guard(self, key: str, scope: Scope | None) -> None:
        """Null the field where the caller reads the row, but not this."""
        if scope is None:
            return
        if scope not in self._guards:
            readable = reach.guard(self._wanted.model, self._shape, scope)
            self._guards[scope] = None if readable is None else self._column(readable)
        position = self._guards[scope]
        if position is not None:
            self._steps.append(_write_guarded(key, position))


# --- the steps of a view: each writes one field of every dict ---------------------------------

_Step = Callable[[Reader, Rows, list[dict[str, Any]]], None]


def _write_constant(key: str, value: str) -> _Step:
    def step(_reader: Reader, _rows: Rows, built: list[dict[str, Any]]) -> None:
        for made in built:
            made[key] = value

    return step


def _write_computed(field: Computed, positions: list[int]) -> _Step:
    key, function, names = field.key, field.function, field.given

    def step(reader: Reader, rows: Rows, built: list[dict[str, Any]]) -> None:
        given = [reader.given[name] for name in names]
        for row, made in zip(rows, built, strict=True):
            made[key] = function(*[row[position] for position in positions], *given)

    return step


def _write_id(key: str, prefix: str) -> _Step:
    def step(_reader: Reader, _rows: Rows, built: list[dict[str, Any]]) -> None:
        for made in built:
            made[key] = prefix + made[key].hex

    return step


def _write_guarded(key: str, position: int) -> _Step:
    def step(_reader: Reader, rows: Rows, built: list[dict[str, Any]]) -> None:
        for row, made in zip(rows, built, strict=True):
            if not row[position]:
                made[key] = None

    return step


def _write_one(key: str, candidates: list["ById"], required: bool) -> _Step:
    def step(reader: Reader, _rows: Rows, built: list[dict[str, Any]]) -> None:
        wanted = {made[key] for made in built}
        wanted.discard(None)
        found: dict[uuid.UUID, dict[str, Any]] = {}
        for candidate in candidates:
            left = wanted - found.keys()
            if left:
                found |= candidate.run(reader, left)
        if required and len(found) < len(wanted):
            raise Missing(key)
        for made in built:
            made[key] = found.get(made[key])

    return step


def _write_many(key: str, children: "Children") -> _Step:
    def step(reader: Reader, _rows: Rows, built: list[dict[str, Any]]) -> None:
        groups = children.run(reader, [made[key] for made in built])
        for made in built:
            made[key] = groups.get(made[key], [])

    return step


def _write_page(key: str, pages: "PageInside") -> _Step:
    def step(reader: Reader, _rows: Rows, built: list[dict[str, Any]]) -> None:
        found = pages.run(reader, [made[key] for made in built])
        for made in built:
            made[key] = found[made[key]]

    return step


# --- the fetches: each is the statement of a level --------------------------------------------


class ById:
    """Rows by their own ids: the other end of a to-one relationship, or the row of a key."""

    def __init__(self, wanted: Wanted, shape: Shape, at_least: Scope | None = None) -> None:
        self._view = View(wanted, shape)
        model = _table(wanted.model)
        self._key = len(self._view.columns)
        self._statement = _select(
            [*self._view.columns, model.id],
            within(model.id, "parents"),
            _reach(wanted, shape, at_least),
        )

    def run(self, reader: Reader, ids: Iterable[uuid.UUID]) -> dict[uuid.UUID, dict[str, Any]]:
        """What is within reach of these ids."""
        rows = reader.rows(self._statement, parents=ids)
        key = self._key
        return dict(zip((row[key] for row in rows), self._view.build(reader, rows), strict=True))


class Children:
    """All rows that point at the parents, in the relationship's order."""

    def __init__(self, parent: type[Base], many: Many, shape: Shape) -> None:
        relationship = _relationship(parent, many.relationship)
        pointer = _pointer(relationship)
        self._view = View(many.wanted, shape)
        self._key = len(self._view.columns)
        self._statement = _select(
            [*self._view.columns, pointer],
            within(pointer, "parents"),
            _reach(many.wanted, shape),
        ).order_by(*relationship.order_by or ())

    def run(
        self, reader: Reader, parents: Sequence[uuid.UUID]
    ) -> dict[uuid.UUID, list[dict[str, Any]]]:
        """The children of each parent that has some."""
        if not parents:
            return {}
        rows = reader.rows(self._statement, parents=parents)
        groups: defaultdict[uuid.UUID, list[dict[str, Any]]] = defaultdict(list)
        key = self._key
        for row, made in zip(rows, self._view.build(reader, rows), strict=True):
            groups[row[key]].append(made)
        return groups


class Listed:
    """All rows of a listing."""

    def __init__(self, wanted: Wanted, listing: Listing, shape: Shape) -> None:
        self._view = View(wanted, shape)
        self._statement = _select(
            self._view.columns,
            *listing.where,
            reach.reading(wanted.model, shape, listing.at_least),
        ).order_by(*_order(listing).by(backward=False))

    def run(self, reader: Reader, listing: Listing) -> list[dict[str, Any]]:
        """The rows, in the listing's order."""
        return self._view.build(reader, reader.rows(self._statement, **listing.values or {}))


class _Pages:
    """What pages at the root and pages inside parents share: bounds, counts, connections."""

    def __init__(
        self,
        page: Page,
        model: type[Base],
        order: Order,
        where: tuple[ColumnElement[bool], ...],
        shape: Shape,
    ) -> None:
        self._page = page
        self._model = model
        self._order = order
        self._where = where
        self._views: list[View] = []
        start = 1
        for wanted in page.wanted:
            view = View(wanted, shape, start)
            self._views.append(view)
            start += len(view.columns)
        # The first column is the id, which is the cursor; then come the columns of the views.
        self._columns = [_table(model).id, *(c for view in self._views for c in view.columns)]
        self._readable = reach.reading(model, shape)
        self._bound = _select(
            list(order.columns),
            _table(model).id == bindparam("cursor", type_=Uuid()),
            self._readable,
        )
        self._statements: dict[tuple[bool, bool, bool], Select[Any]] = {}

    def _bounds(self, reader: Reader, page: PageArguments, values: Values) -> Values:
        """The places of the cursors in the order, looked up within reach. Raises `BadCursor`."""
        found: Values = {}
        for name, cursor in (("after", page.after), ("before", page.before)):
            if cursor is None:
                continue
            id = parse_id(CURSOR, cursor)
            rows = reader.rows(self._bound, **values, cursor=id) if id else []
            if not rows:
                raise BadCursor(name)
            found |= {f"{name}_{i}": value for i, value in enumerate(rows[0])}
        return found

    def _statement(self, page: PageArguments) -> Select[Any]:
        """The statement of a page in this direction and with these bounds."""
        mode = (page.backward, page.after is not None, page.before is not None)
        if mode not in self._statements:
            bounds = [
                self._order.beyond(name)
                for name, cursor in (("after", page.after), ("before", page.before))
                if cursor is not None
            ]
            self._statements[mode] = self._paged(page.backward, [*self._where, *bounds])
        return self._statements[mode]

    def _paged(self, backward: bool, where: list[ColumnElement[bool]]) -> Select[Any]:
        raise NotImplementedError

    def _build(self, reader: Reader, rows: Rows) -> list[list[dict[str, Any]]]:
        """For each view, the dict of each row."""
        return [view.build(reader, rows) for view in self._views]

    def _connection(
        self,
        page: PageArguments,
        ids: list[uuid.UUID],
        nodes: list[list[dict[str, Any]]],
        more: bool,
        total: int,
    ) -> dict[str, Any]:
        """The connection's dict, from the rows of its page in the list's order."""
        cursors = [outside(CURSOR, id) for id in ids]

        def edge(part: Part, i: int) -> Any:
            match part.name:
                case "cursor":
                    return cursors[i]
                case "node":
                    return nodes[part.index][i]
            return part.value

        def value(part: Part) -> Any:
            match part.name:
                case "edges":
                    return [
                        {inner.key: edge(inner, i) for inner in part.parts}
                        for i in range(len(cursors))
                    ]
                case "nodes":
                    return nodes[part.index]
                case "pageInfo":
                    return {inner.key: value(inner) for inner in part.parts}
                case "totalCount":
                    return total
                case "hasNextPage":
                    return page.before is not None if page.backward else more
                case "hasPreviousPage":
                    return more if page.backward else page.after is not None
                case "startCursor":
                    return cursors[0] if cursors else None
                case "endCursor":
                    return cursors[-1] if cursors else None
            return part.value

        return {part.key: value(part) for part in self._page.parts}


class PageOfListing(_Pages):
    """A page of a listing at the root."""

    def __init__(self, page: Page, listing: Listing, shape: Shape) -> None:
        reachable = reach.reading(listing.model, shape, listing.at_least)
        where = (*listing.where, reachable)
        super().__init__(page, listing.model, _order(listing), where, shape)
        self._count = _select([func.count()], *where).select_from(listing.model)

    def run(self, reader: Reader, listing: Listing) -> dict[str, Any]:
        """The connection."""
        values = dict(listing.values or {})
        page = reader.pages[self._page]
        bounds = self._bounds(reader, page, values)
        rows = reader.rows(self._statement(page), **values, **bounds, most=page.size + 1)
        more, rows = len(rows) > page.size, rows[: page.size]
        if page.backward:
            rows = rows[::-1]
        total = 0
        if self._page.asks("totalCount"):
            total = reader.rows(self._count, **values)[0][0]
        nodes = self._build(reader, rows)
        return self._connection(page, [row[0] for row in rows], nodes, more, total)

    def _paged(self, backward: bool, where: list[ColumnElement[bool]]) -> Select[Any]:
        chosen = _select(self._columns, *where).order_by(*self._order.by(backward))
        return chosen.limit(bindparam("most"))


class PageInside(_Pages):
    """A page of the rows that point at each parent: one statement for all parents."""

    def __init__(self, parent: type[Base], page: Page, shape: Shape) -> None:
        assert page.relationship
        relationship = _relationship(parent, page.relationship)
        self._pointer = _pointer(relationship)
        model = relationship.mapper.class_
        where = (within(self._pointer, "parents"), reach.reading(model, shape))
        order = Order(tuple(relationship.order_by or ()))
        super().__init__(page, model, order, where, shape)
        counted = _select([self._pointer, func.count()], *where)
        self._count = counted.group_by(self._pointer)

    def run(self, reader: Reader, parents: Sequence[uuid.UUID]) -> dict[uuid.UUID, dict[str, Any]]:
        """The connection of each parent."""
        page = reader.pages[self._page]
        bounds = self._bounds(reader, page, {})
        if not parents:
            return {}
        rows = reader.rows(self._statement(page), parents=parents, **bounds, most=page.size + 1)
        groups: defaultdict[uuid.UUID, list[int]] = defaultdict(list)
        for i, row in enumerate(rows):
            groups[row[-2]].append(i)
        totals: dict[uuid.UUID, int] = {}
        if self._page.asks("totalCount"):
            totals = dict(reader.rows(self._count, parents=parents))  # type: ignore[arg-type]
        nodes = self._build(reader, rows)
        found = {}
        for parent in parents:
            group = groups.get(parent, [])
            more, kept = len(group) > page.size, group[: page.size]
            if page.backward:
                kept = kept[::-1]
            found[parent] = self._connection(
                page,
                [rows[i][0] for i in kept],
                [[view[i] for i in kept] for view in nodes],
                more,
                totals.get(parent, 0),
            )
        return found

    def _paged(self, backward: bool, where: list[ColumnElement[bool]]) -> Select[Any]:
        by = self._order.by(backward)
        place = func.row_number().over(partition_by=self._pointer, order_by=by)
        numbered = _select([*self._columns, self._pointer, place], *where).subquery("numbered")
        *_, number = numbered.columns
        return select(*numbered.columns).where(number <= bindparam("most")).order_by(number)


# --- models, as a plan sees them --------------------------------------------------------------


def _table(model: type[Base]) -> Any:
    """The model, for the columns that every row of an organization has."""
    return model


def _attribute(model: type[Base], name: str) -> ColumnElement[Any]:
    """The column of an attribute; a word as the text that it is stored as."""
    found = inspect(model).attrs[name]
    assert isinstance(found, ColumnProperty)
    column: ColumnElement[Any] = found.columns[0]
    return type_coerce(column, String) if isinstance(column.type, Enum) else column


def _relationship(model: type[Base], name: str) -> RelationshipProperty[Any]:
    found = inspect(model).attrs[name]
    assert isinstance(found, RelationshipProperty)
    return found


def _pointer(relationship: RelationshipProperty[Any]) -> ColumnElement[Any]:
    """The column, beside the organization's, by which one end points at the other."""
    return next(
        remote if relationship.uselist else local
        for local, remote in relationship.local_remote_pairs or ()
        if "organization_id" not in (local.key, remote.key)
    )


def _own_column(model: type[Base], field: Any) -> ColumnElement[Any]:
    """The column at the field's own position: its value, or the id by which its rows are found."""
    match field:
        case Column():
            return _attribute(model, field.attribute)
        case One():
            return _pointer(_relationship(model, field.relationship))
        case Many() | Page():
            return _attribute(model, "id")
    return null()


def _reach(wanted: Wanted, shape: Shape, at_least: Scope | None = None) -> ColumnElement[bool]:
    if wanted.bounded:
        return reach.reading(wanted.model, shape, at_least)
    return reach.in_organization(wanted.model)


def _order(listing: Listing) -> Order:
    return listing.order or Order((_table(listing.model).id,))


def _select(columns: Sequence[ColumnElement[Any]], *where: ColumnElement[bool]) -> Select[Any]:
    return select(*(column.label(f"c{i}") for i, column in enumerate(columns))).where(*where)
