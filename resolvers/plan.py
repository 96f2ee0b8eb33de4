"""From a tree of names to SQL and dicts: one statement a level, with just the asked columns.

A *fetch* is the statement of a level: the columns of its views (`resolvers.view`), the reach in
its WHERE, and the rows by the ids of their parents. What a row points at is joined to it, within
reach, so a level is what one must go down by lists: a read costs
at most as many statements as the query has levels, whatever the size of the page. Plans are made
once for each shape of caller and kept with the tree; a caller's own ids and departments are
parameters.
"""

import uuid
from collections import defaultdict
from collections.abc import Collection, Iterable
from functools import partial
from typing import Any

from sqlalchemy import ColumnElement, FromClause, Uuid, bindparam, func, select

from models import Base, Query, Reading, Rows, Statement, parse_id, within
from permissions import Scope, Shape, reach
from resolvers.connection import CURSOR, PageRows, connection
from resolvers.listing import Listing, Order, columns_where, id_of, pointer, relationship
from resolvers.steps import BadArgument, Built, Read, Reader, read_many, read_one, read_page
from resolvers.tree import Many, One, Page, PageArguments, Wanted
from resolvers.view import Columns, View, reach_of


class ById:
    """Rows by their own ids: the other end of a to-one relationship, or the row of a key."""

    def __init__(self, wanted: Wanted, shape: Shape, at_least: Scope | None = None) -> None:
        columns = Columns()
        self._view = View(columns, wanted, shape, partial(_below, shape))
        key = id_of(wanted.model)
        self._key = columns.add(key)
        where = within(key, "parents"), reach_of(wanted, shape, at_least)
        self._statement = Statement(_selected(wanted.model, columns, where))

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
        columns = Columns()
        self._view = View(columns, many.wanted, shape, partial(_below, shape))
        self._key = columns.add(points)
        where = within(points, "parents"), reach_of(many.wanted, shape)
        chosen = _selected(many.wanted.model, columns, where)
        # Parent by parent, as the index has them: in the order of ids alone, SQLite would rather
        # go through all rows of the organization.
        self._statement = Statement(chosen.order_by(points, *related.order_by or ()))

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
        columns = Columns()
        self._view = View(columns, wanted, shape, partial(_below, shape))
        # The view may need nothing, where switches left out every field.
        columns.add(id_of(wanted.model))
        where = *listing.where, reach.reading(wanted.model, shape, listing.at_least)
        chosen = _selected(wanted.model, columns, where)
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
        self._columns = Columns()
        self._id = self._columns.add(id_of(model))
        below = partial(_below, shape)
        self._views = [View(self._columns, wanted, shape, below) for wanted in page.wanted]
        self._bound = Statement(
            columns_where(
                list(order.columns),
                id_of(model) == bindparam("cursor", type_=Uuid()),
                reach.reading(model, shape),
            )
        )
        self._statements: dict[tuple[bool, bool, bool], Statement] = {}

    def _bounds(self, reader: Reader, page: PageArguments) -> Reading[dict[str, Any]]:
        """The places of the cursors in the order, looked up within reach. Raises `BadArgument`."""
        found: dict[str, Any] = {}
        for name, cursor in (("after", page.after), ("before", page.before)):
            if cursor is None:
                continue
            id = parse_id(CURSOR, cursor)
            rows = (yield from reader.rows(self._bound, cursor=id)) if id else []
            if not rows:
                raise BadArgument(f"{name} is not a cursor of this list.")
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
        chosen = _selected(self._model, self._columns, where)
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
        self._parent = self._columns.add(self._pointer)
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
            groups[row[self._parent]].append(i)
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
        numbered = _selected(self._model, self._columns, where, place).subquery("numbered")
        *_, number = numbered.columns
        return select(*numbered.columns).where(number <= bindparam("most")).order_by(number)


def _below(shape: Shape, model: type[Base], field: One | Many | Page) -> Read:
    """What fills a field that is read below rows of the model."""
    match field:
        case One():
            return read_one(field.key, [ById(wanted, shape) for wanted in field.candidates])
        case Many():
            return read_many(field.key, Children(model, field, shape))
        case Page():
            return read_page(field.key, PageInside(model, field, shape))


def _selected(
    model: type[Base],
    columns: Columns,
    where: Iterable[ColumnElement[bool]],
    *beside: ColumnElement[Any],
) -> Query:
    """The columns, and those beside them, from the model and what is joined to it."""
    joined: FromClause = model.__table__
    for join in columns.joins:
        joined = joined.outerjoin(join.table, join.on)
    return columns_where([*columns.selected, *beside], *where).select_from(joined)
