"""Listings: which rows a resolver names, in which order; and the columns of models as SQL."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from typing import Any, NamedTuple

from sqlalchemy import (
    ColumnElement,
    Enum,
    SQLColumnExpression,
    String,
    bindparam,
    inspect,
    select,
    tuple_,
    type_coerce,
)
from sqlalchemy.orm import ColumnProperty, InstrumentedAttribute, RelationshipProperty

from models import Base, Query
from permissions import Scope


class Order(NamedTuple):
    """The order of a list: columns that end with the id, all in one direction."""

    columns: tuple[ColumnElement[Any] | InstrumentedAttribute[Any], ...]
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

    @property
    def ordered(self) -> Order:
        """Its order; by id where none was said."""
        return self.order or Order((id_of(self.model),))


def id_of(model: type[Base]) -> ColumnElement[Any]:
    """The id of every row that is listed."""
    return attribute(model, "id")


@cache
def attribute(model: type[Base], name: str) -> ColumnElement[Any]:
    """The column of an attribute; a word as the text that it is stored as."""
    found = inspect(model).attrs[name]
    assert isinstance(found, ColumnProperty)
    column: ColumnElement[Any] = found.columns[0]
    return type_coerce(column, String) if isinstance(column.type, Enum) else column


def relationship(model: type[Base], name: str) -> RelationshipProperty[Any]:
    """The relationship of this name."""
    found = inspect(model).attrs[name]
    assert isinstance(found, RelationshipProperty)
    return found


def pointer(of: RelationshipProperty[Any]) -> ColumnElement[Any]:
    """The column, beside the organization's, by which one end points at the other."""
    return next(
        remote if of.uselist else local
        for local, remote in of.local_remote_pairs or ()
        if "organization_id" not in (local.key, remote.key)
    )


def columns_where(
    columns: Sequence[SQLColumnExpression[Any]], *where: ColumnElement[bool]
) -> Query:
    """A SELECT of these columns, whatever their names."""
    return select(*(column.label(f"c{i}") for i, column in enumerate(columns))).where(*where)
