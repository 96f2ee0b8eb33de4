"""From a tree of names to one SQL statement that writes the answer's JSON.

The database puts the text of each row together (`resolvers.view`), with everything below it and
the reach at every level: a read costs one statement, and one for an exact count, whatever the size
of the page. Plans are made once for each shape of caller and kept with the tree; a caller's own ids
and departments are parameters. Sizes of pages are part of the text, so that PostgreSQL, which
plans a statement once, knows how few rows it is after.
"""

from collections.abc import Mapping
from itertools import product
from typing import Any

from models import Database, Written, parse_id
from models.json_in_sql import Text, together
from permissions import Scope, reach
from permissions.reach import Walk
from resolvers.connection import CURSOR, Leaf, connection
from resolvers.faults import no_cursor, sound
from resolvers.listing import Listing, id_of
from resolvers.tree import Page, PageArguments, Part, Wanted
from resolvers.view import Level, reach_of
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
        self._walks = self._parts(width)
        self._bounds: dict[str, Bound] = {name: self._bound(name) for name in arguments.bounds}
        self._checks = [(name, self._written(bound.text)) for name, bound in self._bounds.items()]
        self._counted = self._written(self._count())
        super().__init__(writing, self._paged(arguments))

    async def run(self, database: Database, values: Values, pages: Pages) -> str:
        """The connection."""
        arguments = pages[self._page]
        for name in arguments.bounds:
            values[name] = parse_id(CURSOR, getattr(arguments, name))
        rows = await self._rows(database, values, pages) if self._page.asks_rows else ()
        if not rows:
            await self._check(database, values)
        total = 0
        if self._page.asks_total:
            total = (await database.fetch(self._counted, values))[0][0]
        more, rows = len(rows) > arguments.size, rows[: arguments.size]
        if arguments.backward:
            rows = rows[::-1]
        leaves = self._leaves(arguments, rows, more, total)
        return sound("".join(connection(self._page.parts, leaves)))

    async def _check(self, database: Database, values: Values) -> None:
        """Where no row was found, a cursor may be why. Raises `BadArgument`."""
        for name, bound in self._checks:
            if not await database.fetch(bound, values):
                raise no_cursor(name)

    def _leaves(self, arguments: PageArguments, rows: Any, more: bool, total: int) -> Leaf:
        """What stands for each part of the connection, from the rows of the page."""
        forward = not arguments.backward
        after, before = arguments.after is not None, arguments.before is not None
        columns = {part: i for i, part in enumerate(self._page.lists(), start=1)}

        def leaf(part: Part) -> Text:
            match part.name:
                case "nodes" | "edges":
                    column = columns[part]
                    return [",".join([row[column] for row in rows])]
                case "totalCount":
                    return [str(total)]
                case "hasNextPage":
                    return ["true" if (more if forward else before) else "false"]
                case "hasPreviousPage":
                    return ["true" if (after if forward else more) else "false"]
            edge = 0 if part.name == "startCursor" else -1
            return [f'"{CURSOR}{rows[edge][0]}"' if rows else "null"]

        return leaf

    # --- the statements

    def _written(self, text: str) -> Written:
        return Written(self._writing.dialect, text)

    def _parts(self, width: int) -> list[_Part]:
        """The parts of the list. Where there are filters, they find the rows, not the walks."""
        listing = self._listing
        shape = self._writing.shape
        walks = reach.walks(listing.model, shape, listing.at_least, 0 if listing.where else width)
        words = [f"$(one_of_{i})" for i in range(listing.one_of.many)] if listing.one_of else [None]
        return list(product(walks, words))

    def _bound(self, name: str) -> Bound:
        listing = self._listing
        return Bound(self._writing, listing.model, listing.ordered, f"$({name})")

    def _columns(self, walk: Walk, at: At) -> list[str]:
        return [at.says(walk.column(column)) for column in self._listing.ordered.columns]

    def _where(self, part: _Part, at: At, bounds: Mapping[str, Bound]) -> str:
        walk, word = part
        listing = self._listing
        where = [at.says(one) for one in (*listing.where, walk.where)]
        if word and listing.one_of:
            where.append(f"{at.says(walk.column(listing.one_of.column))} = {word}")
        columns = self._columns(walk, at)
        where += [bound.beyond(name, listing.ordered, columns) for name, bound in bounds.items()]
        return " AND ".join(where)

    def _paged(self, arguments: PageArguments) -> str:
        listing = self._listing
        level = Level(self._writing, listing.model)
        made = [together(text) for text in level.items(self._page).values()]
        order, most = listing.ordered, arguments.size + 1
        columns = [level.at.says(column) for column in order.columns]
        again = order.text([level.column(column) for column in columns], arguments.backward)
        chosen = f"SELECT {', '.join([level.key(), *made])}"
        if len(self._walks) == 1:
            where = self._where(self._walks[0], level.at, self._bounds)
            by = order.text(columns, arguments.backward)
            rows = level.rows(f"WHERE {where} ORDER BY {by} LIMIT {most}")
        else:
            owner = level.at.says(reach.in_organization(listing.model))
            on = f"{owner} AND {level.at.says(id_of(listing.model))} = found.k{len(columns) - 1}"
            found = f"JOIN ({self._merged(arguments.backward, most)}) AS found ON {on}"
            rows = level.rows("", found)
        return f"{chosen} FROM {rows} ORDER BY {again}"

    def _merged(self, backward: bool, most: int) -> str:
        """The places, in the order, of the first rows of all parts together."""
        order = self._listing.ordered
        names = [f"k{i}" for i in range(len(order.columns))]
        by = order.text(names, backward)
        merged: list[str] = []
        for part in self._walks:
            walk, _ = part
            at = self._writing.at(walk.model)
            columns = zip(self._columns(walk, at), names, strict=True)
            places = ", ".join(f"{column} AS {name}" for column, name in columns)
            once = "DISTINCT " if walk.repeats else ""
            where = self._where(part, at, self._bounds)
            rows = (
                f"SELECT {once}{places} FROM {at.source} WHERE {where} ORDER BY {by} LIMIT {most}"
            )
            merged.append(f"SELECT * FROM ({rows}) AS p{len(merged)}")
        return f"{' UNION '.join(merged)} ORDER BY {by} LIMIT {most}"

    def _count(self) -> str:
        """How many rows all parts have together."""
        counted = []
        for part in self._walks:
            walk, _ = part
            at = self._writing.at(walk.model)
            key = at.says(walk.column(id_of(self._listing.model)))
            counted.append(f"SELECT {key} FROM {at.source} WHERE {self._where(part, at, {})}")
        return f"SELECT count(*) FROM ({' UNION '.join(counted)}) AS counted"
