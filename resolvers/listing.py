"""Listings: which rows a resolver names, in which order; and the columns of models as SQL."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import cache
from typing import Any, NamedTuple

from sqlalchemy import ColumnElement, Integer, SQLColumnExpression, UnaryExpression, inspect
from sqlalchemy.orm import ColumnProperty, InstrumentedAttribute, RelationshipProperty

from models import Base
from permissions import Scope


class Order(NamedTuple):
    """The order of a list: columns that end with the id, all in one direction."""

    columns: tuple[SQLColumnExpression[Any], ...]
    descending: bool = False

    def text(self, columns: Sequence[str], backward: bool) -> str:
        """The ORDER BY of these columns as text, or the opposite one."""
        direction = "ASC" if self.descending is backward else "DESC"
        return ", ".join(f"{column} {direction}" for column in columns)


class OneOf(NamedTuple):
    """The column holds one of so many words, which are the values `one_of_0`, `one_of_1`, ….

    Each has a part of the list to itself, and an index in whose order that part is.
    """

    column: InstrumentedAttribute[Any]
    many: int


@dataclass(frozen=True, slots=True)
class Listing:
    """Which rows a field of the root lists: what the resolver says, and nothing is fetched yet.

    `where` holds predicates made once (they are part of the plan's key), with named parameters
    that `values` fills; `at_least` as in `reach.reading`. Of a list that is followed, `after` is
    the number after which it begins; None: from now on.
    """

    model: type[Base]
    where: tuple[ColumnElement[bool], ...] = ()
    order: Order | None = None
    values: Mapping[str, Any] = field(default_factory=dict)
    at_least: Scope | None = None
    one_of: OneOf | None = None
    after: int | None = None

    @property
    def ordered(self) -> Order:
        """Its order; by id where none was said."""
        return self.order or Order((id_of(self.model),))

    @property
    def form(self) -> object:
        """What its statements depend on: all but the values."""
        return self.where, self.order, self.at_least, self.one_of


def id_of(model: type[Base]) -> ColumnElement[Any]:
    """The id of every row that is listed."""
    return attribute(model, "id")


def is_numbered(model: type[Base]) -> bool:
    """Whether a row's key is its place in the list, as of what is only ever added to."""
    return isinstance(id_of(model).type, Integer)


@cache
def attribute(model: type[Base], name: str) -> ColumnElement[Any]:
    """The column of an attribute."""
    found = inspect(model).attrs[name]
    assert isinstance(found, ColumnProperty)
    return found.columns[0]


def relationship(model: type[Base], name: str) -> RelationshipProperty[Any]:
    """The relationship of this name."""
    found = inspect(model).attrs[name]
    assert isinstance(found, RelationshipProperty)
    return found


def order_of(of: RelationshipProperty[Any]) -> Order:
    """The order in which the relationship has the rows at the other end."""
    said = of.order_by or ()
    columns = [one.element if isinstance(one, UnaryExpression) else one for one in said]
    return Order(tuple(columns), descending=len(said) > 0 and columns[0] is not said[0])


def pointer(of: RelationshipProperty[Any]) -> ColumnElement[Any]:
    """The column, beside the organization's, by which one end points at the other."""
    pairs = of.local_remote_pairs or []
    local, remote = next(
        (pair for pair in pairs if "organization_id" not in (pair[0].key, pair[1].key)), pairs[0]
    )
    return remote if of.uselist else local
