"""What a read asks for: a plain tree of names, as the GraphQL selection said them.

The schema makes it once a document; `resolvers.plan` turns it into SQL. There is no GraphQL in it.
Nodes are compared by identity: a plan, and the arguments of a page, belong to one place in one
document.

    Wanted                      of each row: these fields, in this order
    ├── Column                  an attribute of the model, as it is
    ├── Computed                a function of several attributes
    ├── Rights                  what the caller may do with it
    ├── Held                    what the caller may do, somewhere
    ├── Constant                the same for every row (__typename)
    ├── One                     a row that the row points at
    ├── Many                    all rows that point at it
    ├── Alike                   the first rows of its own model that are like it
    └── Page                    a page of the rows that point at it
"""

import uuid
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, Literal

from models import Base
from permissions import Scope

MOST = 100
USUAL = 25


@dataclass(frozen=True, slots=True, eq=False)
class Column:
    """An attribute of the model. With a prefix it is an id, shown as `models.outside` writes it.

    `guard`: the scope of CLIENT_READ or STAFF_READ that a caller needs on the row, or null (`D7`).
    """

    key: str
    attribute: str
    prefix: str | None = None
    guard: Scope | None = None


@dataclass(frozen=True, slots=True, eq=False)
class Computed:
    """A function of several columns, and of values `given` with the read, in this order."""

    key: str
    attributes: tuple[str, ...]
    function: Callable[..., Any]
    given: tuple[str, ...]
    nullable: bool


@dataclass(frozen=True, slots=True, eq=False)
class Rights:
    """What the caller may do with this very row, as `reach.rights` says."""

    key: str


@dataclass(frozen=True, slots=True, eq=False)
class Held:
    """What the caller may do, somewhere: the same for every row."""

    key: str


@dataclass(frozen=True, slots=True, eq=False)
class Constant:
    """The same value for every row."""

    key: str
    value: str


@dataclass(frozen=True, slots=True, eq=False)
class One:
    """The row at the other end of a relationship. The first of `candidates` that has it, shows it.

    `required`: the schema says that it is never null.
    """

    key: str
    relationship: str
    candidates: tuple["Wanted", ...]
    required: bool
    guard: Scope | None = None


@dataclass(frozen=True, slots=True, eq=False)
class Many:
    """All rows at the other end of a relationship, in the relationship's order."""

    key: str
    relationship: str
    wanted: "Wanted"


@dataclass(frozen=True, slots=True, eq=False)
class Alike:
    """The first so many other rows, by id, that have the same in all attributes of one of the ways.

    Of rows on which the caller lacks the scope `guard` there are none, and none of those are here.
    """

    key: str
    ways: tuple[tuple[str, ...], ...]
    most: int
    wanted: "Wanted"
    guard: Scope


@dataclass(frozen=True, slots=True, eq=False)
class Page:
    """A page of rows: of those at the other end of a relationship, or of a listing at the root.

    `parts` are the fields of the connection, `wanted` what its nodes are asked for (several when
    `nodes` or `edges` were asked under several names).
    """

    key: str
    relationship: str | None
    parts: tuple["Part", ...]
    wanted: tuple["Wanted", ...]

    def lists(self) -> list["Part"]:
        """The lists of its items: `nodes` and `edges`, under whatever keys."""
        return [part for part in self.parts if part.name in ("nodes", "edges")]

    def asks_rows(self, *, backward: bool) -> bool:
        """Whether anything was asked that its rows must be read for.

        What lies where the page came from is known by its cursor.
        """
        known = "hasNextPage" if backward else "hasPreviousPage"
        inside = [one for part in self.parts for one in (part, *part.parts)]
        return any(
            one.name not in ("totalCount", "pageInfo", "__typename", known) for one in inside
        )

    @property
    def asks_total(self) -> bool:
        """Whether the number of all rows of its list was asked."""
        return any(part.name == "totalCount" for part in self.parts)


@dataclass(frozen=True, slots=True, eq=False)
class Part:
    """A field of a connection, of an edge, or of pageInfo, under its key in the answer.

    For `nodes` and `node`, `index` says which of the page's `wanted`; for `__typename`, `value`
    is the answer.
    """

    key: str
    name: Literal[
        "edges", "nodes", "node", "cursor", "pageInfo", "totalCount", "__typename",
        "hasNextPage", "hasPreviousPage", "startCursor", "endCursor",
    ]  # fmt: skip
    parts: tuple["Part", ...] = ()
    index: int = 0
    value: str = ""


Field = Column | Computed | Rights | Held | Constant | One | Many | Alike | Page


@dataclass(frozen=True, slots=True, eq=False)
class Wanted:
    """What is wanted of each row of a model.

    `bounded`: only rows within the caller's reach; otherwise any row of the organization, for the
    little that must be told all the same (`D8`).
    """

    model: type[Base]
    fields: tuple[Field, ...]
    bounded: bool = True


@dataclass(frozen=True, slots=True)
class Key:
    """A row that a resolver names: its model, its id, and `at_least` as in `reach.reading`.

    `opened`: the caller asked for this very row by its id, which is noted of a client's record.
    """

    model: type[Base]
    id: uuid.UUID
    at_least: Scope | None = None
    opened: bool = False

    @property
    def form(self) -> object:
        """What its statement depends on: all but the id."""
        return self.model, self.at_least

    @property
    def values(self) -> dict[str, Any]:
        """What its statement is given."""
        return {"key": self.id}


@dataclass(frozen=True, slots=True)
class Number:
    """A row of a numbered model, as `Key`."""

    model: type[Base]
    number: int
    at_least: Scope | None = None

    @property
    def form(self) -> object:
        """What its statement depends on: all but the number."""
        return self.model, self.at_least

    @property
    def values(self) -> dict[str, Any]:
        """What its statement is given."""
        return {"key": self.number}


@dataclass(frozen=True, slots=True, eq=False)
class Row:
    """One row, of one of these models: whichever the key names."""

    wanted: tuple[Wanted, ...]


@dataclass(frozen=True, slots=True, eq=False)
class Rows:
    """All rows of a listing."""

    wanted: Wanted


@dataclass(frozen=True, slots=True, eq=False)
class Tree:
    """What a planned field asks: `top` of it, the pages inside, and the plans made so far."""

    top: Row | Rows | Page
    pages: tuple[Page, ...] = ()
    plans: dict[Any, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class PageArguments:
    """Which page: `first` or `last` so many, after and before the rows that the cursors name."""

    first: int | None = None
    after: str | None = None
    last: int | None = None
    before: str | None = None

    @property
    def form(self) -> object:
        """What statements depend on: all but which rows the cursors name."""
        return self.size, self.backward, self.after is None, self.before is None

    @property
    def backward(self) -> bool:
        """Whether the page is counted from the end."""
        return self.last is not None

    @property
    def bounds(self) -> list[str]:
        """The names of the cursors that are given."""
        found = []
        if self.after is not None:
            found.append("after")
        if self.before is not None:
            found.append("before")
        return found

    @property
    def size(self) -> int:
        """The most rows that the page holds."""
        if self.last is not None:
            return self.last
        return USUAL if self.first is None else self.first
