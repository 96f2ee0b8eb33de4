"""JSON as SQL writes it: of columns, of objects, of lists; the same text on every database.

A text is made of plain strings, which are JSON as it stands, and of `Sql`, which gives some.
"""

from collections.abc import Iterable

from sqlalchemy import Boolean, Date, DateTime, Enum, Integer, Uuid
from sqlalchemy.types import TypeDecorator, TypeEngine

from models.base import AsJson, Instant

TOGETHER = 32
"""How many texts are put together at a time: databases bound how deep an expression is."""


class Sql(str):
    """An expression that gives text."""

    __slots__ = ()


Text = list[str]
"""Plain strings and `Sql`, one after the other."""


def together(text: Iterable[str]) -> Sql:
    """One expression for the whole text."""
    parts: list[str] = []
    plain = ""
    for part in text:
        if isinstance(part, Sql):
            if plain:
                parts.append(quoted(plain))
                plain = ""
            parts.append(part)
        else:
            plain += part
    if plain or not parts:
        parts.append(quoted(plain))
    while len(parts) > 1:
        groups = [parts[i : i + TOGETHER] for i in range(0, len(parts), TOGETHER)]
        parts = [f"({' || '.join(group)})" if len(group) > 1 else group[0] for group in groups]
    return Sql(parts[0])


def quoted(text: str) -> str:
    """The text as SQL says it."""
    return "'" + text.replace("'", "''") + "'"


def value(dialect: str, type_: TypeEngine[object], sql: str, *, nullable: bool) -> Text:
    """A column's value as JSON. Times are in UTC, with as much of a second as there is (`D25`)."""
    if not nullable:
        return _value(dialect, type_, sql)
    if isinstance(type_, Boolean):
        return [Sql(f"CASE WHEN {sql} THEN 'true' WHEN NOT {sql} THEN 'false' ELSE 'null' END")]
    return [Sql(f"coalesce({together(_value(dialect, type_, sql))}, 'null')")]


def identity(dialect: str, prefix: str, type_: TypeEngine[object], sql: str) -> Text:
    """A key as it looks outside (`models.outside`)."""
    return ['"' + prefix, Sql(hexadecimal(dialect, type_, sql)), '"']


def hexadecimal(dialect: str, type_: TypeEngine[object], sql: str) -> str:
    """The 32 digits of a key, which may be a number."""
    if isinstance(type_, Integer):
        number = f"lpad(to_hex({sql}), 32, '0')"
        return number if dialect == "postgresql" else f"printf('%032x', {sql})"
    return f"encode(uuid_send({sql}), 'hex')" if dialect == "postgresql" else sql


def condition(sql: str) -> Sql:
    """Whether it holds, as JSON."""
    return Sql(f"CASE WHEN {sql} THEN 'true' ELSE 'false' END")


def listed(dialect: str, item: str) -> Sql:
    """What is between the brackets of a list of these, over the rows of a group and in their order.

    Rows whose item is null are left out.
    """
    gather = f"string_agg({item}, ',')" if dialect == "postgresql" else f"group_concat({item}, ',')"
    return Sql(f"coalesce({gather}, '')")


def _value(  # noqa: PLR0911 - one for each type
    dialect: str, type_: TypeEngine[object], sql: str
) -> Text:
    written = type_.impl_instance if isinstance(type_, TypeDecorator) else type_
    postgresql = dialect == "postgresql"
    match written:
        case _ if isinstance(type_, AsJson):
            return [Sql(sql)]
        case Boolean():
            return [condition(sql)]
        case Integer():
            return [Sql(f"CAST({sql} AS TEXT)")]
        case Uuid():
            return ['"', Sql(hexadecimal(dialect, written, sql)), '"']
        case Enum():
            return ['"', Sql(sql), '"']
        case DateTime() if isinstance(type_, Instant):
            if postgresql:
                said = f"({sql} AT TIME ZONE 'UTC')::text"
            else:
                said = f"rtrim(rtrim({sql}, '0'), '.')"
            return ['"', Sql(f"replace({said}, ' ', 'T')"), '+00:00"']
        case Date():
            return ['"', Sql(f"{sql}::text" if postgresql else sql), '"']
    return [Sql(f"to_json({sql})::text" if postgresql else f"json_quote({sql})")]
