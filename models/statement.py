"""SELECTs that are written once and then handed to the driver as they are.

SQLAlchemy builds expressions and knows their types; executing through it costs more than the driver
itself. What every request reads is therefore text: of a whole SELECT that SQLAlchemy compiled
(`Statement`), or put together from expressions that it printed (`printed`, `Written`).
"""

import datetime as dt
import re
import uuid
from collections.abc import Callable, Mapping, Sequence
from functools import lru_cache
from typing import Any, TypeAlias

import orjson
from sqlalchemy import Dialect, FromClause, Row, Select, SQLColumnExpression, select
from sqlalchemy.dialects.postgresql.asyncpg import PGDialect_asyncpg
from sqlalchemy.dialects.sqlite.aiosqlite import SQLiteDialect_aiosqlite
from sqlalchemy.sql.util import ClauseAdapter

# A row, and a SELECT, of whatever columns.
Record: TypeAlias = Row[*tuple[Any, ...]]
Query: TypeAlias = Select[*tuple[Any, ...]]

Values: TypeAlias = Mapping[str, Any]
Rows: TypeAlias = Sequence[Sequence[Any]]

_DIALECTS: dict[str, Dialect] = {
    "postgresql": PGDialect_asyncpg(paramstyle="named"),  # type: ignore[no-untyped-call]
    "sqlite": SQLiteDialect_aiosqlite(paramstyle="named"),
}
_MARKS = {"postgresql": "$", "sqlite": "?"}
_NAMED = re.compile(r"(?<!:):([a-z_]\w*)")
_PARAMETER = re.compile(r"\$\((\w+)\)")

_PRINTED = 16_384
"""How many expressions are kept as text: plans are kept as well, and only new ones print."""

_Convert: TypeAlias = Callable[[Any], Any] | None


class Written:
    """The text of a statement in one dialect; its parameters are written as `$(name)`."""

    def __init__(self, dialect: str, text: str) -> None:
        self._names = tuple(dict.fromkeys(_PARAMETER.findall(text)))
        places = {name: f"{_MARKS[dialect]}{i}" for i, name in enumerate(self._names, start=1)}
        self._converts = _CONVERTS[dialect]
        self.text = _PARAMETER.sub(lambda found: places[found[1]], text)

    def written(self, dialect: str) -> "Written":
        """Itself: there is no other dialect to it."""
        return self

    def arguments(self, values: Values) -> list[Any]:
        """The driver's arguments, in their order. Raises `KeyError` for a value not given."""
        converts = self._converts
        return [
            value if convert is None else convert(value)
            for name in self._names
            for value in (values[name],)
            for convert in (converts.get(type(value)),)
        ]

    def rows(self, fetched: Rows) -> Rows:
        """The driver's rows, with the values that we work with."""
        return fetched


class Statement:
    """A SELECT of SQLAlchemy's whose named parameters are filled when it is run."""

    def __init__(self, selected: Query) -> None:
        self.selected = selected
        self._written: dict[str, Written] = {}

    def written(self, dialect: str) -> Written:
        """The statement for the dialect."""
        found = self._written.get(dialect)
        if found is None:
            found = self._written[dialect] = _Selected(dialect, self.selected)
        return found


class _Selected(Written):
    """A SELECT of SQLAlchemy's as text, and what makes our words and times of its columns."""

    def __init__(self, dialect: str, selected: Query) -> None:
        super().__init__(dialect, _text(selected, dialect))
        self._processors: list[_Convert] = [
            column.type.dialect_impl(_DIALECTS[dialect]).result_processor(_DIALECTS[dialect], None)
            for column in selected.selected_columns
        ]

    def rows(self, fetched: Rows) -> Rows:
        return [
            [
                value if convert is None else convert(value)
                for convert, value in zip(self._processors, row, strict=True)
            ]
            for row in fetched
        ]


@lru_cache(_PRINTED)
def printed(expression: SQLColumnExpression[Any], dialect: str, table: FromClause) -> str:
    """The expression as text, over this table or alias of its model's; parameters as `$(name)`."""
    plain: Any = getattr(expression, "__clause_element__", lambda: expression)()
    adapted: Any = ClauseAdapter(table).traverse(plain)
    text = _text(select(adapted.label("it")).select_from(table), dialect)
    return text.removeprefix("SELECT ").rpartition(" AS it")[0]


def _text(selected: Query, dialect: str) -> str:
    """What SQLAlchemy compiles, with values that are known as literals."""
    knows = _DIALECTS[dialect]
    compiled: Any = selected.compile(dialect=knows)
    literals = {
        name: bind.type.dialect_impl(knows).literal_processor(knows)(bind.effective_value)
        for name, bind in compiled.binds.items()
        if not bind.required
    }
    return _NAMED.sub(lambda found: literals.get(found[1]) or f"$({found[1]})", compiled.string)


_CONVERTS: dict[str, dict[type, Callable[[Any], Any]]] = {
    "postgresql": {frozenset: list, set: list, tuple: list},
    "sqlite": {
        uuid.UUID: lambda key: key.hex,
        tuple: lambda words: orjson.dumps(words).decode(),
        frozenset: lambda keys: orjson.dumps([key.hex for key in keys]).decode(),
        dt.datetime: lambda at: at.astimezone(dt.UTC).strftime("%Y-%m-%d %H:%M:%S.%f"),
    },
}
"""What a driver is given for a value; types that are not here it takes as they are."""
