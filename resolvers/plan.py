"""From a tree of names to SQL and dicts: one statement a level, with just the asked columns.

A *view* turns the columns of one `Wanted` into dicts; a *fetch* is the statement of a level: the
columns of its views, the reach in its WHERE, and the rows by the ids of their parents. So a read
costs as many statements as the query has levels, whatever the size of the page. Plans are made
once for each shape of caller and kept with the tree; a caller's own ids and departments are
parameters.
"""

import uuid
from collections import defaultdict
from collections.abc import Callable, Collection, Mapping, Sequence
from typing import Any

from sqlalchemy import ColumnElement, Uuid, bindparam, func, null, select

from models import Base, Query, Reading, Rows, Statement, parse_id, within
from permissions import Scope, Shape, reach
from resolvers.connection import CURSOR, PageRows, connection
from resolvers.listing import (
    Listing,
    Order,
    attribute,
    columns_where,
    id_of,
    pointer,
    relationship,
)
from resolvers.tree import (
    Column,
    Computed,
    Constant,
    Field,
    Many,
    One,
    Page,
    PageArguments,
    Wanted,
)

Built = dict[str, Any]


class BadCursor(Exception):
    """A cursor that names no row of the list, as far as the caller reaches."""

    def __init__(self, argument: str) -> None:
        super().__init__(f"{argument} is not a cursor of this list.")


class Missing(Exception):
    """A row that another one needs was gone between two statements."""


class Reader:
    """One read under way: the caller's values, and the arguments of its pages.

    `given` are values that computed fields need and no row holds (`Computed.given`).
    """

    def __init__(
        self,
        values: Mapping[str, Any],
        pages: Mapping[Page, PageArguments],
        given: Mapping[str, Any],
    ) -> None:
        self.pages = pages
        self.given = given
        self._values = values

    def rows(self, statement: Statement, **values: Any) -> Reading[Rows]:
        """The rows that the statement gives with the caller's values and these."""
        return (yield statement, {**self._values, **values})


# A step writes one field of every dict from the rows; a read fills one with what is below it.
_Step = Callable[[Reader, Rows, list[Built]], None]
_Read = Callable[[Reader, list[Built]], Reading[None]]


class View:
    """The columns that one `Wanted` needs, from position `start` of a row, and the dict of each."""

    def __init__(self, wanted: Wanted, shape: Shape, start: int = 0) -> None:
        self.columns: list[ColumnElement[Any]] = []
        self._wanted = wanted
        self._shape = shape
        self._start = start
        self._keys = tuple(field.key for field in wanted.fields)
        self._steps: list[_Step] = []
        self._reads: list[_Read] = []
        self._guards: dict[Scope, int | None] = {}
        # The first columns are the fields' own, in their order: a row then zips into its dict.
        for field in wanted.fields:
            self._column(_own_column(wanted.model, field))
        for field in wanted.fields:
            self._finish(field)

    def build(self, reader: Reader, rows: Rows) -> Reading[list[Built]]:
        """The dict of each row, with everything below it."""
        keys = self._keys
        if self._start:
            first, last = self._start, self._start + len(keys)
            built = [dict(zip(keys, row[first:last], strict=False)) for row in rows]
        else:
            built = [dict(zip(keys, row, strict=False)) for row in rows]
        for step in self._steps:
            step(reader, rows, built)
        for read in self._reads:
            yield from read(reader, built)
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
                columns = [attribute(self._wanted.model, name) for name in field.attributes]
                positions = [self._column(column) for column in columns]
                self._steps.append(_write_computed(field, positions))
            case Column():
                if field.prefix:
                    self._steps.append(_write_id(key, field.prefix))
                self._guard(key, field.guard)
            case One():
                self._guard(key, field.guard)
                candidates = [ById(wanted, self._shape) for wanted in field.candidates]
                self._reads.append(_read_one(key, candidates, field.required))
            case Many():
                children = Children(self._wanted.model, field, self._shape)
                self._reads.append(_read_many(key, children))
            case Page():
                pages = PageInside(self._wanted.model, field, self._shape)
                self._reads.append(_read_page(key, pages))

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


# --- the steps and reads of a view ---------------------------------------------------------------


def _write_constant(key: str, value: str) -> _Step:
    def step(_reader: Reader, _rows: Rows, built: list[Built]) -> None:
        for made in built:
            made[key] = value

    return step


def _write_computed(field: Computed, positions: list[int]) -> _Step:
    key, function, names = field.key, field.function, field.given

    def step(reader: Reader, rows: Rows, built: list[Built]) -> None:
        given = [reader.given[name] for name in names]
        for row, made in zip(rows, built, strict=True):
            made[key] = function(*[row[position] for position in positions], *given)

    return step


def _write_id(key: str, prefix: str) -> _Step:
    def step(_reader: Reader, _rows: Rows, built: list[Built]) -> None:
        for made in built:
            made[key] = prefix + made[key].hex

    return step


def _write_guarded(key: str, position: int) -> _Step:
    def step(_reader: Reader, rows: Rows, built: list[Built]) -> None:
        for row, made in zip(rows, built, strict=True):
            if not row[position]:
                made[key] = None

    return step


def _read_one(key: str, candidates: list["ById"], required: bool) -> _Read:
    def read(reader: Reader, built: list[Built]) -> Reading[None]:
        wanted = {made[key] for made in built}
        wanted.discard(None)
        found: dict[uuid.UUID, Built] = {}
        for candidate in candidates:
            left = wanted - found.keys()
            if left:
                found |= yield from candidate.run(reader, left)
        if required and len(found) < len(wanted):
            raise Missing(key)
        for made in built:
            made[key] = found.get(made[key])

    return read


def _read_many(key: str, children: "Children") -> _Read:
    def read(reader: Reader, built: list[Built]) -> Reading[None]:
        groups = yield from children.run(reader, [made[key] for made in built])
        for made in built:
            made[key] = groups.get(made[key], [])

    return read


def _read_page(key: str, pages: "PageInside") -> _Read:
    def read(reader: Reader, built: list[Built]) -> Reading[None]:
        found = yield from pages.run(reader, [made[key] for made in built])
        for made in built:
            made[key] = found[made[key]]

    return read


# --- the fetches: each is the statement of a level --------------------------------------------


class ById:
    """Rows by their own ids: the other end of a to-one relationship, or the row of a key."""

    def __init__(self, wanted: Wanted, shape: Shape, at_least: Scope | None = None) -> None:
        self._view = View(wanted, shape)
        key = id_of(wanted.model)
        self._key = len(self._view.columns)
        self._statement = Statement(
            columns_where(
                [*self._view.columns, key],
                within(key, "parents"),
                _reach(wanted, shape, at_least),
            )
        )

    def run(self, reader: Reader, ids: Collection[uuid.UUID]) -> Reading[dict[uuid.UUID, Built]]:
        """What is within reach of these ids."""
        rows = yield from reader.rows(self._statement, parents=ids)
        built = yield from self._view.build(reader, rows)
        key = self._key
        return dict(zip((row[key] for row in rows), built, strict=True))


class Children:
    """All rows that point at the parents, in the relationship's order."""

    def __init__(self, parent: type[Base], many: Many, shape: Shape) -> None:
        related = relationship(parent, many.relationship)
        points = pointer(related)
        self._view = View(many.wanted, shape)
        self._key = len(self._view.columns)
        self._statement = Statement(
            columns_where(
                [*self._view.columns, points],
                within(points, "parents"),
                _reach(many.wanted, shape),
            ).order_by(*related.order_by or ())
        )

    def run(
        self, reader: Reader, parents: Sequence[uuid.UUID]
    ) -> Reading[dict[uuid.UUID, list[Built]]]:
        """The children of each parent that has some."""
        if not parents:
            return {}
        rows = yield from reader.rows(self._statement, parents=parents)
        built = yield from self._view.build(reader, rows)
        groups: defaultdict[uuid.UUID, list[Built]] = defaultdict(list)
        key = self._key
        for row, made in zip(rows, built, strict=True):
            groups[row[key]].append(made)
        return groups


class Listed:
    """All rows of a listing."""

    def __init__(self, wanted: Wanted, listing: Listing, shape: Shape) -> None:
        self._view = View(wanted, shape)
        self._statement = Statement(
            columns_where(
                self._view.columns,
                *listing.where,
                reach.reading(wanted.model, shape, listing.at_least),
            ).order_by(*listing.ordered.by(backward=False))
        )

    def run(self, reader: Reader, listing: Listing) -> Reading[list[Built]]:
        """The rows, in the listing's order."""
        rows = yield from reader.rows(self._statement, **listing.values or {})
        return (yield from self._view.build(reader, rows))


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
        self._columns = [id_of(model), *(c for view in self._views for c in view.columns)]
        self._bound = Statement(
            columns_where(
                list(order.columns),
                id_of(model) == bindparam("cursor", type_=Uuid()),
                reach.reading(model, shape),
            )
        )
        self._statements: dict[tuple[bool, bool, bool], Statement] = {}

    def _bounds(self, reader: Reader, page: PageArguments) -> Reading[dict[str, Any]]:
        """The places of the cursors in the order, looked up within reach. Raises `BadCursor`."""
        found: dict[str, Any] = {}
        for name, cursor in (("after", page.after), ("before", page.before)):
            if cursor is None:
                continue
            id = parse_id(CURSOR, cursor)
            rows = (yield from reader.rows(self._bound, cursor=id)) if id else []
            if not rows:
                raise BadCursor(name)
            found |= {f"{name}_{i}": value for i, value in enumerate(rows[0])}
        return found

    def _statement(self, page: PageArguments) -> Statement:
        """The statement of a page in this direction and with these bounds."""
        mode = (page.backward, page.after is not None, page.before is not None)
        if mode not in self._statements:
            bounds = [
                self._order.beyond(name)
                for name, cursor in (("after", page.after), ("before", page.before))
                if cursor is not None
            ]
            paged = self._paged(page.backward, [*self._where, *bounds])
            self._statements[mode] = Statement(paged)
        return self._statements[mode]

    def _paged(self, backward: bool, where: list[ColumnElement[bool]]) -> Query:
        raise NotImplementedError

    def _build(self, reader: Reader, rows: Rows) -> Reading[list[list[Built]]]:
        """For each view, the dict of each row."""
        built = []
        for view in self._views:
            built.append((yield from view.build(reader, rows)))  # noqa: PERF401 - it yields
        return built


class PageOfListing(_Pages):
    """A page of a listing at the root."""

    def __init__(self, page: Page, listing: Listing, shape: Shape) -> None:
        reachable = reach.reading(listing.model, shape, listing.at_least)
        where = (*listing.where, reachable)
        super().__init__(page, listing.model, listing.ordered, where, shape)
        counted = columns_where([func.count()], *where).select_from(listing.model)
        self._count = Statement(counted)

    def run(self, reader: Reader, listing: Listing) -> Reading[Built]:
        """The connection."""
        values = dict(listing.values or {})
        page = reader.pages[self._page]
        bounds = yield from self._bounds(reader, page)
        statement = self._statement(page)
        rows = yield from reader.rows(statement, **values, **bounds, most=page.size + 1)
        more, rows = len(rows) > page.size, rows[: page.size]
        if page.backward:
            rows = rows[::-1]
        total = 0
        if self._page.asks("totalCount"):
            total = (yield from reader.rows(self._count, **values))[0][0]
        nodes = yield from self._build(reader, rows)
        found = PageRows(page, [row[0] for row in rows], nodes, more, total)
        return connection(self._page.parts, found)

    def _paged(self, backward: bool, where: list[ColumnElement[bool]]) -> Query:
        chosen = columns_where(self._columns, *where).order_by(*self._order.by(backward))
        return chosen.limit(bindparam("most"))


class PageInside(_Pages):
    """A page of the rows that point at each parent: one statement for all parents."""

    def __init__(self, parent: type[Base], page: Page, shape: Shape) -> None:
        assert page.relationship
        related = relationship(parent, page.relationship)
        self._pointer = pointer(related)
        model = related.mapper.class_
        where = (within(self._pointer, "parents"), reach.reading(model, shape))
        order = Order(tuple(related.order_by or ()))
        super().__init__(page, model, order, where, shape)
        counted = columns_where([self._pointer, func.count()], *where)
        self._count = Statement(counted.group_by(self._pointer))

    def run(self, reader: Reader, parents: Sequence[uuid.UUID]) -> Reading[dict[uuid.UUID, Built]]:
        """The connection of each parent."""
        page = reader.pages[self._page]
        bounds = yield from self._bounds(reader, page)
        if not parents:
            return {}
        statement = self._statement(page)
        rows = yield from reader.rows(statement, parents=parents, **bounds, most=page.size + 1)
        groups: defaultdict[uuid.UUID, list[int]] = defaultdict(list)
        for i, row in enumerate(rows):
            groups[row[-2]].append(i)
        totals: dict[uuid.UUID, int] = {}
        if self._page.asks("totalCount"):
            counts = yield from reader.rows(self._count, parents=parents)
            totals = {row[0]: row[1] for row in counts}
        nodes = yield from self._build(reader, rows)
        found = {}
        for parent in parents:
            group = groups.get(parent, [])
            more, kept = len(group) > page.size, group[: page.size]
            if page.backward:
                kept = kept[::-1]
            ids = [rows[i][0] for i in kept]
            its = [[view[i] for i in kept] for view in nodes]
            page_rows = PageRows(page, ids, its, more, totals.get(parent, 0))
            found[parent] = connection(self._page.parts, page_rows)
        return found

    def _paged(self, backward: bool, where: list[ColumnElement[bool]]) -> Query:
        by = self._order.by(backward)
        place = func.row_number().over(partition_by=self._pointer, order_by=by)
        numbered = columns_where([*self._columns, self._pointer, place], *where).subquery(
            "numbered"
        )
        *_, number = numbered.columns
        return select(*numbered.columns).where(number <= bindparam("most")).order_by(number)


# --- models, as a plan sees them --------------------------------------------------------------


def _own_column(model: type[Base], field: Field) -> ColumnElement[Any]:
    """The column at the field's own position: its value, or the id by which its rows are found."""
    match field:
        case Column():
            return attribute(model, field.attribute)
        case One():
            return pointer(relationship(model, field.relationship))
        case Many() | Page():
            return id_of(model)
    return null()


def _reach(wanted: Wanted, shape: Shape, at_least: Scope | None = None) -> ColumnElement[bool]:
    if wanted.bounded:
        return reach.reading(wanted.model, shape, at_least)
    return reach.in_organization(wanted.model)
