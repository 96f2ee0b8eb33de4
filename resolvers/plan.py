"""From a tree of names to SQL and dicts: one statement a level, with just the asked columns.

A *view* turns the columns of one `Wanted` into dicts; a *fetch* is the statement of a level: the
columns of its views, the reach in its WHERE, and the rows by the ids of their parents. What a row
points at is joined to it, within reach, so a level is what one must go down by lists: a read costs
at most as many statements as the query has levels, whatever the size of the page. Plans are made
once for each shape of caller and kept with the tree; a caller's own ids and departments are
parameters.
"""

import uuid
from collections import defaultdict
from collections.abc import Callable, Collection, Iterable, Sequence
from typing import Any, NamedTuple

from sqlalchemy import ColumnElement, FromClause, Uuid, and_, bindparam, func, null, select
from sqlalchemy.sql.util import ClauseAdapter

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
from resolvers.steps import (
    BadCursor,
    Built,
    Read,
    Reader,
    Step,
    read_joined,
    read_many,
    read_one,
    read_page,
    write_computed,
    write_constant,
    write_guarded,
    write_id,
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

# Where the columns of a model are found.
Place = Callable[[ColumnElement[Any]], ColumnElement[Any]]


def own_table(column: ColumnElement[Any]) -> ColumnElement[Any]:
    """In the model's own table."""
    return column


class Alias:
    """In an alias of the model's table, as a predicate of the reach is too, when it is joined."""

    def __init__(self, model: type[Base]) -> None:
        self.table = model.__table__.alias()
        self._adapt = ClauseAdapter(self.table).traverse

    def __call__(self, column: ColumnElement[Any]) -> ColumnElement[Any]:
        return self._adapt(column)


class Join(NamedTuple):
    """A table that is joined, where there is such a row."""

    table: FromClause
    on: ColumnElement[bool]


class View:
    """The columns that one `Wanted` needs, from position `start` of a row, and the dict of each.

    `joins` are the tables beside the model's own that the columns come from. `place` says where
    the model's columns are found: in its own table, or in an alias that was joined.
    """

    def __init__(
        self, wanted: Wanted, shape: Shape, start: int = 0, place: Place = own_table
    ) -> None:
        self.columns: list[ColumnElement[Any]] = []
        self.joins: list[Join] = []
        self._wanted = wanted
        self._shape = shape
        self._start = start
        self._place = place
        self._keys = tuple(field.key for field in wanted.fields)
        self._steps: list[Step] = []
        self._reads: list[Read] = []
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
            yield from read(reader, rows, built)
        return built

    def _column(self, column: ColumnElement[Any]) -> int:
        """The position in a row at which the column will be."""
        self.columns.append(self._place(column))
        return self._start + len(self.columns) - 1

    def _finish(self, field: Field) -> None:
        """Add what the field needs beyond its own column, and the step that writes it."""
        key = field.key
        match field:
            case Constant():
                self._steps.append(write_constant(key, field.value))
            case Computed():
                columns = [attribute(self._wanted.model, name) for name in field.attributes]
                positions = [self._column(column) for column in columns]
                self._steps.append(write_computed(field, positions))
            case Column():
                if field.prefix:
                    self._steps.append(write_id(key, field.prefix))
                self._guard(key, field.guard)
            case One():
                self._guard(key, field.guard)
                self._reads.append(self._one(field))
            case Many():
                children = Children(self._wanted.model, field, self._shape)
                self._reads.append(read_many(key, children))
            case Page():
                pages = PageInside(self._wanted.model, field, self._shape)
                self._reads.append(read_page(key, pages))

    def _one(self, one: One) -> Read:
        """Join the row that the field points at; look for it in turn where it may be of several."""
        if len(one.candidates) > 1:
            found = [ById(wanted, self._shape) for wanted in one.candidates]
            return read_one(one.key, found, one.required)
        (wanted,) = one.candidates
        place = Alias(wanted.model)
        pointed = self._place(pointer(relationship(self._wanted.model, one.relationship)))
        within_reach = place(_reach(wanted, self._shape))
        self.joins.append(
            Join(place.table, and_(place(id_of(wanted.model)) == pointed, within_reach))
        )
        present = len(self.columns) + self._start
        self.columns.append(place(id_of(wanted.model)))
        view = View(wanted, self._shape, present + 1, place)
        self.columns += view.columns
        self.joins += view.joins
        return read_joined(one, view, present)

    def _guard(self, key: str, scope: Scope | None) -> None:
        """Null the field where the caller reads the row, but not this."""
        if scope is None:
            return
        if scope not in self._guards:
            readable = reach.guard(self._wanted.model, self._shape, scope)
            self._guards[scope] = None if readable is None else self._column(readable)
        position = self._guards[scope]
        if position is not None:
            self._steps.append(write_guarded(key, position))


# --- the fetches: each is the statement of a level ----------------------------------------------


class ById:
    """Rows by their own ids: the other end of a to-one relationship, or the row of a key."""

    def __init__(self, wanted: Wanted, shape: Shape, at_least: Scope | None = None) -> None:
        self._view = View(wanted, shape)
        key = id_of(wanted.model)
        self._key = len(self._view.columns)
        where = within(key, "parents"), _reach(wanted, shape, at_least)
        self._statement = Statement(_selected(wanted.model, [self._view], [key], where))

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
        where = within(points, "parents"), _reach(many.wanted, shape)
        chosen = _selected(many.wanted.model, [self._view], [points], where)
        self._statement = Statement(chosen.order_by(*related.order_by or ()))

    def run(
        self, reader: Reader, parents: Collection[uuid.UUID]
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
        where = *listing.where, reach.reading(wanted.model, shape, listing.at_least)
        # Beside it the id: of the view there may be nothing, where switches left out every field.
        chosen = _selected(wanted.model, [self._view], [id_of(wanted.model)], where)
        self._statement = Statement(chosen.order_by(*listing.ordered.by(backward=False)))

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
        self._id = 0
        for wanted in page.wanted:
            view = View(wanted, shape, self._id)
            self._views.append(view)
            self._id += len(view.columns)
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
        found = PageRows(page, [row[self._id] for row in rows], nodes, more, total)
        return connection(self._page.parts, found)

    def _paged(self, backward: bool, where: list[ColumnElement[bool]]) -> Query:
        chosen = _selected(self._model, self._views, [id_of(self._model)], where)
        return chosen.order_by(*self._order.by(backward)).limit(bindparam("most"))


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

    def run(
        self, reader: Reader, parents: Collection[uuid.UUID]
    ) -> Reading[dict[uuid.UUID, Built]]:
        """The connection of each parent."""
        if not parents:
            return {}
        page = reader.pages[self._page]
        bounds = yield from self._bounds(reader, page)
        statement = self._statement(page)
        rows = yield from reader.rows(statement, parents=parents, **bounds, most=page.size + 1)
        groups: defaultdict[uuid.UUID, list[int]] = defaultdict(list)
        for i, row in enumerate(rows):
            groups[row[self._id + 1]].append(i)
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
            ids = [rows[i][self._id] for i in kept]
            its = [[view[i] for i in kept] for view in nodes]
            page_rows = PageRows(page, ids, its, more, totals.get(parent, 0))
            found[parent] = connection(self._page.parts, page_rows)
        return found

    def _paged(self, backward: bool, where: list[ColumnElement[bool]]) -> Query:
        by = self._order.by(backward)
        place = func.row_number().over(partition_by=self._pointer, order_by=by)
        beside = [id_of(self._model), self._pointer, place]
        numbered = _selected(self._model, self._views, beside, where).subquery("numbered")
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


def _selected(
    model: type[Base],
    views: Sequence[View],
    beside: Sequence[ColumnElement[Any]],
    where: Iterable[ColumnElement[bool]],
) -> Query:
    """The columns of the views, and those beside them, from the model and what views join to it."""
    columns = [column for view in views for column in view.columns]
    joined: FromClause = model.__table__
    for view in views:
        for join in view.joins:
            joined = joined.outerjoin(join.table, join.on)
    return columns_where([*columns, *beside], *where).select_from(joined)
