"""A read under way, and what fills the fields that are read below a row."""

import uuid
from collections.abc import Callable, Collection, Mapping, Sequence
from typing import Any, Protocol

from models import Reading, Rows, Statement
from resolvers.tree import Page, PageArguments

Built = dict[str, Any]


class BadArgument(Exception):
    """An argument of a list that cannot be right, with a sentence that names it.

    As a cursor that names no row of the list, as far as the caller reaches.
    """


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


# Fills one field of every dict: until then it holds the id by which its rows are found.
Read = Callable[[Reader, list[Built]], Reading[None]]


class Finds(Protocol):
    """A fetch: what it finds for each of these ids; an id with nothing may be left out."""

    def run(self, reader: Reader, ids: Collection[uuid.UUID]) -> Reading[dict[uuid.UUID, Any]]:
        """What there is, within reach."""


def read_one(key: str, candidates: Sequence[Finds]) -> Read:
    """The row that the field points at, from the first candidate that has it."""

    def read(reader: Reader, built: list[Built]) -> Reading[None]:
        wanted = {made[key] for made in built} - {None}
        found: dict[uuid.UUID, Built] = {}
        for candidate in candidates:
            left = wanted - found.keys()
            if left:
                found |= yield from candidate.run(reader, left)
        for made in built:
            made[key] = found.get(made[key])

    return read


def read_many(key: str, children: Finds) -> Read:
    """The rows that point at each."""

    def read(reader: Reader, built: list[Built]) -> Reading[None]:
        groups = yield from children.run(reader, {made[key] for made in built})
        for made in built:
            made[key] = groups.get(made[key], [])

    return read


def read_page(key: str, pages: Finds) -> Read:
    """A page of the rows that point at each."""

    def read(reader: Reader, built: list[Built]) -> Reading[None]:
        found = yield from pages.run(reader, {made[key] for made in built})
        for made in built:
            made[key] = found[made[key]]

    return read
