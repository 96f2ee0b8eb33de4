"""How the dicts of rows get their fields: the steps of a plan.

A step writes one field of every dict from the rows; a read fills one with what is below it, from
statements of its own.
"""

import uuid
from collections.abc import Callable, Collection, Mapping, Sequence
from typing import Any, Protocol

from models import Reading, Rows, Statement
from resolvers.tree import Computed, One, Page, PageArguments

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
Step = Callable[[Reader, Rows, list[Built]], None]
Read = Callable[[Reader, Rows, list[Built]], Reading[None]]


class ById(Protocol):
    """Rows by their own ids."""

    def run(self, reader: Reader, ids: Collection[uuid.UUID]) -> Reading[dict[uuid.UUID, Built]]:
        """What is within reach of these ids."""


class Below(Protocol):
    """What points at the parents: for each, a list or a connection."""

    def run(self, reader: Reader, parents: Collection[uuid.UUID]) -> Reading[dict[uuid.UUID, Any]]:
        """What each parent has below it; parents with nothing may be left out."""


class Builds(Protocol):
    """A view."""

    def build(self, reader: Reader, rows: Rows) -> Reading[list[Built]]:
        """The dict of each row."""


def write_constant(key: str, value: str) -> Step:
    """The same value in every dict."""

    def step(_reader: Reader, _rows: Rows, built: list[Built]) -> None:
        for made in built:
            made[key] = value

    return step


def write_computed(field: Computed, positions: list[int]) -> Step:
    """What a function makes of several columns."""
    key, function, names = field.key, field.function, field.given

    def step(reader: Reader, rows: Rows, built: list[Built]) -> None:
        given = [reader.given[name] for name in names]
        for row, made in zip(rows, built, strict=True):
            made[key] = function(*[row[position] for position in positions], *given)

    return step


def write_id(key: str, prefix: str) -> Step:
    """An id, as the API shows it."""

    def step(_reader: Reader, _rows: Rows, built: list[Built]) -> None:
        for made in built:
            made[key] = prefix + made[key].hex

    return step


def write_guarded(key: str, position: int) -> Step:
    """Null where the column at the position says that it is not readable."""

    def step(_reader: Reader, rows: Rows, built: list[Built]) -> None:
        for row, made in zip(rows, built, strict=True):
            if not row[position]:
                made[key] = None

    return step


def read_one(key: str, candidates: Sequence[ById], required: bool) -> Read:
    """The row that the field points at, from the first candidate that has it."""

    def read(reader: Reader, _rows: Rows, built: list[Built]) -> Reading[None]:
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


def read_joined(one: One, view: Builds, present: int) -> Read:
    """The row that the field points at, from columns of the same rows."""
    key, required = one.key, one.required

    def read(reader: Reader, rows: Rows, built: list[Built]) -> Reading[None]:
        joined = [row for row in rows if row[present] is not None]
        below = iter((yield from view.build(reader, joined)))
        for row, made in zip(rows, built, strict=True):
            pointed, made[key] = made[key], None
            if row[present] is None:
                if required and pointed is not None:
                    raise Missing(key)
            else:
                child = next(below)
                made[key] = child if pointed is not None else None

    return read


def read_many(key: str, children: Below) -> Read:
    """The rows that point at each."""

    def read(reader: Reader, _rows: Rows, built: list[Built]) -> Reading[None]:
        groups = yield from children.run(reader, {made[key] for made in built})
        for made in built:
            made[key] = groups.get(made[key], [])

    return read


def read_page(key: str, pages: Below) -> Read:
    """A page of the rows that point at each."""

    def read(reader: Reader, _rows: Rows, built: list[Built]) -> Reading[None]:
        found = yield from pages.run(reader, {made[key] for made in built})
        for made in built:
            made[key] = found[made[key]]

    return read
