"""SELECTs that are compiled once and then handed to the driver as they are.

SQLAlchemy builds a statement and knows its types; executing it costs more there than in the driver.
What is read on every request is therefore a `Statement`: its text, the order of its parameters and
what converts values, made once for each dialect.
"""

from collections.abc import Callable, Generator, Mapping, Sequence
from typing import Any, TypeAlias, TypeVar

from sqlalchemy import Dialect, Row, Select
from sqlalchemy.dialects.postgresql.asyncpg import PGDialect_asyncpg
from sqlalchemy.dialects.sqlite.aiosqlite import SQLiteDialect_aiosqlite

T = TypeVar("T")

# A row, and a SELECT, of whatever columns.
Record: TypeAlias = Row[*tuple[Any, ...]]
Query: TypeAlias = Select[*tuple[Any, ...]]

Values: TypeAlias = Mapping[str, Any]
Rows: TypeAlias = Sequence[Sequence[Any]]

# A read of several statements: it yields each with its values, is sent the rows, and returns what
# it made of them. So it knows no driver, and a driver runs it in one go.
Reading: TypeAlias = Generator[tuple["Statement", Values], Rows, T]

_DIALECTS: dict[str, Dialect] = {
    "postgresql": PGDialect_asyncpg(),  # type: ignore[no-untyped-call]
    "sqlite": SQLiteDialect_aiosqlite(),
}

_Convert: TypeAlias = Callable[[Any], Any] | None


class Statement:
    """A SELECT whose named parameters are filled when it is run."""

    def __init__(self, selected: Query) -> None:
        self.selected = selected
        self._compiled: dict[str, _Compiled] = {}

    def compiled(self, dialect: str) -> "_Compiled":
        """The statement for the dialect."""
        found = self._compiled.get(dialect)
        if found is None:
            found = self._compiled[dialect] = _Compiled(self.selected, _DIALECTS[dialect])
        return found


class _Compiled:
    """The text of a statement, and what turns values into arguments and columns into values."""

    def __init__(self, selected: Query, dialect: Dialect) -> None:
        compiled: Any = selected.compile(dialect=dialect)
        self.text: str = compiled.string
        self._parameters: list[tuple[str, _Convert]] = []
        self._fixed: dict[str, Any] = {}
        for name in compiled.positiontup or ():
            bind = compiled.binds[name]
            convert = bind.type.dialect_impl(dialect).bind_processor(dialect)
            self._parameters.append((name, convert))
            if not bind.required:
                self._fixed[name] = bind.effective_value
        converts = [
            column.type.dialect_impl(dialect).result_processor(dialect, None)
            for column in selected.selected_columns
        ]
        self._converts = converts if any(converts) else None

    def arguments(self, values: Values) -> list[Any]:
        """The driver's arguments, in their order. Raises `KeyError` for a value not given."""
        fixed = self._fixed
        return [
            value if convert is None else convert(value)
            for name, convert in self._parameters
            for value in (fixed[name] if name in fixed else values[name],)
        ]

    def rows(self, fetched: Rows) -> Rows:
        """The driver's rows, with the values that we work with."""
        converts = self._converts
        if converts is None:
            return fetched
        return [
            [
                value if convert is None else convert(value)
                for convert, value in zip(converts, row, strict=True)
            ]
            for row in fetched
        ]
