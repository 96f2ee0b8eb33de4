"""From a tree of names to one SQL statement that writes the answer's JSON.

The database puts the text of each row together (`resolvers.view`), with everything below it and
the reach at every level: a read costs one statement, whatever is asked below it. Plans are made
once for each shape of caller and kept with the tree; a caller's own ids and departments are
parameters. Sizes of pages are part of the text, so that PostgreSQL, which plans a statement once,
knows how few rows it is after.
"""

import uuid
from collections.abc import Mapping
from itertools import product
from typing import Any

from models import Database, Written, parse_id
from models.json_in_sql import together
from permissions import Scope, reach
from permissions.reach import Walk
from resolvers.connection import CURSOR, number_at
from resolvers.faults import sound
from resolvers.listing import Listing, id_of, is_numbered
from resolvers.tree import Page, PageArguments, Wanted
from resolvers.view import Level, checked, reach_of
from resolvers.writing import At, Bound, Writing

Values = dict[str, Any]
_Part = tuple[Walk, str | None]
"""A walk, and the parameter of the one word of `Listing.one_of` that its rows hold."""
Pages = Mapping[Page, PageArguments]


class _Plan:
    """What all plans know: the statement, and the cursors of pages inside it."""

    def __init__(self, writing: Writing, text: str) -> None:
        self._statement = Written(writing.dialect, text)
        self._cursors = writing.cursors

    async def _rows(self, database: Database, values: Values, pages: Pages) -> Any:
        """The rows of the statement."""
        for parameter, (page, name) in self._cursors.items():
            values[parameter] = parse_id(CURSOR, getattr(pages[page], name))
        return await database.fetch(self._statement, values)


class ById(_Plan):
    """The row of an id."""

    def __init__(self, writing: Writing, wanted: Wanted, at_least: Scope | None) -> None:
        level = Level(writing, wanted.model)
        made = together(level.object(wanted))
        key = level.at.says(id_of(wanted.model))
        within = level.at.says(reach_of(wanted, writing.shape, at_least))
        rows = level.rows(f"WHERE {key} = $(key) AND {within}")
        super().__init__(writing, f"SELECT {made} FROM {rows}")

    async def run(self, database: Database, values: Values, pages: Pages) -> str | None:
        """The object; None where there is none within reach."""
        rows = await self._rows(database, values, pages)
        return sound(rows[0][0]) if rows else None


class Listed(_Plan):
    """All rows of a listing."""

    def __init__(self, writing: Writing, wanted: Wanted, listing: Listing) -> None:
        level = Level(writing, wanted.model)
        made = together(level.object(wanted))
        order = listing.ordered
        within = reach.reading(listing.model, writing.shape, listing.at_least)
        where = [level.at.says(one) for one in (*listing.where, within)]
        columns = [level.at.says(column) for column in order.columns]
        again = order.text([level.column(column) for column in columns], backward=False)
        by = order.text(columns, backward=False)
        rows = level.rows(f"WHERE {' AND '.join(where)} ORDER BY {by}")
        super().__init__(writing, f"SELECT {made} FROM {rows} ORDER BY {again}")

    async def run(self, database: Database, values: Values, pages: Pages) -> str:
        """The list, in the listing's order."""
        rows = await self._rows(database, values, pages)
        return sound(f"[{','.join([row[0] for row in rows])}]")


class PageOfListing(_Plan):
    """A page of a listing at the root.

    A list that has several parts, each in its order by an index of its own (a caller's departments,
    the three statuses), is merged from the first rows of each.
    """

    def __init__(
        self, writing: Writing, page: Page, arguments: PageArguments, listing: Listing, width: int
    ) -> None:
        self._page = page
        self._writing = writing
        self._listing = listing
        self._parts = self._walked(width)
        self._bounds = {name: self._bound(name) for name in arguments.bounds}
        super().__init__(writing, f"SELECT {checked(self._bounds, self._paged(arguments))}")

    async def run(self, database: Database, values: Values, pages: Pages) -> str:
        """The connection."""
        arguments = pages[self._page]
        for name in arguments.bounds:
            values[name] = self._place(getattr(arguments, name))
        ((text,),) = await self._rows(database, values, pages)
        return sound(text)

    def _place(self, cursor: str) -> uuid.UUID | int | None:
        """Where the cursor is; None for what is none."""
        if is_numbered(self._listing.model):
            return number_at(cursor)
        return parse_id(CURSOR, cursor)

    def _walked(self, width: int) -> list[_Part]:
        """The parts of the list. Where there are filters, they find the rows, not the walks."""
        listing = self._listing
        shape = self._writing.shape
        walks = reach.walks(listing.model, shape, listing.at_least, 0 if listing.where else width)
        if listing.one_of is None:
            return [(walk, None) for walk in walks]
        return list(product(walks, [f"$(one_of_{i})" for i in range(listing.one_of.many)]))

    def _bound(self, name: str) -> Bound:
        listing = self._listing
        return Bound(self._writing, listing.model, listing.ordered, f"$({name})")

    def _where(self, part: _Part, at: At, bounds: Mapping[str, Bound]) -> str:
        walk, word = part
        listing = self._listing
        where = [at.says(one) for one in (*listing.where, walk.where)]
        if word and listing.one_of:
            where.append(f"{at.says(walk.column(listing.one_of.column))} = {word}")
        columns = self._columns(walk, at)
        where += [bound.beyond(name, listing.ordered, columns) for name, bound in bounds.items()]
        return " AND ".join(where)

    def _columns(self, walk: Walk, at: At) -> list[str]:
        return [at.says(walk.column(column)) for column in self._listing.ordered.columns]

    def _paged(self, arguments: PageArguments) -> str:
        listing = self._listing
        level, counted = Level(self._writing, listing.model), self._count()
        if len(self._parts) == 1:
            which = f"WHERE {self._where(self._parts[0], level.at, self._bounds)}"
            return level.paged(self._page, arguments, listing.ordered, counted, which)
        owner = level.at.says(reach.in_organization(listing.model))
        key = level.at.says(id_of(listing.model))
        last = f"found.k{len(listing.ordered.columns) - 1}"
        found = f"JOIN ({self._merged(arguments)}) AS found ON {owner} AND {key} = {last}"
        return level.paged(self._page, arguments, listing.ordered, counted, "", found)

    def _merged(self, arguments: PageArguments) -> str:
        """The places, in the order, of the first rows of all parts together."""
        order = self._listing.ordered
        names = [f"k{i}" for i in range(len(order.columns))]
        end = f"ORDER BY {order.text(names, arguments.backward)} LIMIT {arguments.size + 1}"
        merged: list[str] = []
        for part in self._parts:
            walk, _ = part
            at = self._writing.at(walk.model)
            columns = zip(self._columns(walk, at), names, strict=True)
            places = ", ".join(f"{column} AS {name}" for column, name in columns)
            once = "DISTINCT " if walk.repeats else ""
            where = self._where(part, at, self._bounds)
            rows = f"SELECT {once}{places} FROM {at.source} WHERE {where} {end}"
            merged.append(f"SELECT * FROM ({rows}) AS p{len(merged)}")
        return f"{' UNION '.join(merged)} {end}"

    def _count(self) -> str:
        """The query for how many rows all parts have together."""
        counted = []
        for part in self._parts:
            walk, _ = part
            at = self._writing.at(walk.model)
            key = at.says(walk.column(id_of(self._listing.model)))
            counted.append(f"SELECT {key} FROM {at.source} WHERE {self._where(part, at, {})}")
        return f"SELECT count(*) FROM ({' UNION '.join(counted)}) AS counted"
