"""A statement under way: its tables by name, whom it is for, and the places of cursors in it."""

from collections.abc import Mapping
from functools import cache
from typing import Any

from sqlalchemy import SQLColumnExpression

from models import Base, printed
from permissions import Shape, reach
from resolvers.listing import Order, id_of, is_numbered
from resolvers.tree import Page, PageArguments


class At:
    """A model's table under a name of its own in a statement."""

    def __init__(self, model: type[Base], name: str, dialect: str) -> None:
        self.name = name
        self.source = f"{model.__tablename__} AS {name}"
        self._table = model.__table__.alias(name)
        self._dialect = dialect

    def says(self, expression: SQLColumnExpression[Any]) -> str:
        """The expression over this table, as text."""
        return printed(expression, self._dialect, self._table)


@cache
def _at(model: type[Base], number: int, dialect: str) -> At:
    return At(model, f"t{number}", dialect)


class Writing:
    """A statement under way: its dialect, for whom it is, and the pages inside it.

    `cursors` names the parameters that hold cursors of those pages.
    """

    def __init__(self, dialect: str, shape: Shape, pages: Mapping[Page, PageArguments]) -> None:
        self.dialect = dialect
        self.shape = shape
        self.pages = pages
        self.cursors: dict[str, tuple[Page, str]] = {}
        self._tables = 0

    def at(self, model: type[Base]) -> At:
        """The model's table under the next name."""
        self._tables += 1
        return _at(model, self._tables - 1, self.dialect)

    def cursor(self, page: Page, name: str) -> str:
        """The parameter that holds the cursor of a page inside."""
        parameter = f"{name}_{len(self.cursors)}"
        self.cursors[parameter] = (page, name)
        return f"$({parameter})"


class Bound:
    """The place of a cursor's row in an order, looked up within reach.

    Of a numbered model the cursor says its place, whether there is, or was, such a row or not.
    """

    def __init__(self, writing: Writing, model: type[Base], order: Order, parameter: str) -> None:
        if is_numbered(model):
            place = f"CAST({parameter} AS BIGINT)"
            self.text = f"SELECT {place} WHERE {place} IS NOT NULL"
            return
        at = writing.at(model)
        places = ", ".join(at.says(column) for column in order.columns)
        within = at.says(reach.reading(model, writing.shape))
        key = at.says(id_of(model))
        self.text = f"SELECT {places} FROM {at.source} WHERE {key} = {parameter} AND {within}"

    def beyond(self, name: str, order: Order, columns: list[str]) -> str:
        """The rows behind (`after`) or in front of (`before`) that place."""
        sign = ">" if (name == "after") is not order.descending else "<"
        return f"({', '.join(columns)}) {sign} ({self.text})"
