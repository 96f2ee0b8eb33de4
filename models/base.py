"""What all tables share: names of constraints, types of columns, keys within an organization."""

import datetime as dt
import enum
import uuid
from collections.abc import Callable
from typing import Any

import orjson
from sqlalchemy import (
    ColumnElement,
    DateTime,
    Dialect,
    Enum,
    ForeignKeyConstraint,
    MetaData,
    String,
    Text,
    Uuid,
    and_,
    literal_column,
)
from sqlalchemy.orm import (
    DeclarativeBase,
    InstrumentedAttribute,
    Mapped,
    MappedColumn,
    Relationship,
    foreign,
    mapped_column,
    relationship,
)
from sqlalchemy.types import TypeDecorator

from models.keys import new_id


class Instant(TypeDecorator[dt.datetime]):
    """A point in time: aware and in UTC on every database, microseconds kept (`D25`)."""

    impl = DateTime(timezone=True)
    cache_ok = True

    def result_processor(self, dialect: Dialect, coltype: object) -> Any:
        """Nothing to do for PostgreSQL, whose times are aware."""
        return None if dialect.name == "postgresql" else super().result_processor(dialect, coltype)

    def process_bind_param(self, value: dt.datetime | None, dialect: Dialect) -> Any:
        if value is None:
            return None
        value = value.astimezone(dt.UTC)
        return value if dialect.name == "postgresql" else value.replace(tzinfo=None)

    def process_result_value(self, value: Any, dialect: Dialect) -> dt.datetime | None:
        if value is None or value.tzinfo is not None:
            return value  # type: ignore[no-any-return]
        return value.replace(tzinfo=dt.UTC)  # type: ignore[no-any-return]


class AsJson(TypeDecorator[Any]):
    """A value as the text of its JSON, to the byte the same on every database."""

    impl = Text
    cache_ok = True

    def process_bind_param(self, value: Any, dialect: Dialect) -> str:
        return orjson.dumps(value, option=orjson.OPT_SORT_KEYS).decode()

    def process_result_value(self, value: str | None, dialect: Dialect) -> Any:
        return None if value is None else orjson.loads(value)


def word(words: type[enum.Enum]) -> Enum:
    """A column of one of our words, kept as its name (so a new word needs no migration)."""
    return Enum(words, native_enum=False, create_constraint=False, length=32)


# Compared by code point on both databases, whatever the locale of the cluster (D29).
ByCodePoint = String().with_variant(String(collation="C"), "postgresql")


NO_NEWS = {"news": False}
"""What a table says of itself (`info`) whose rows are for the work alone: counts, keys, queues.

Nobody's data or rights are different when they change, so the audit trail need not be told.
"""


class Base(DeclarativeBase):
    """The base of all tables; `metadata` names every constraint, so that migrations can."""

    metadata = MetaData(
        naming_convention={
            "ix": "ix_%(table_name)s_%(column_0_N_name)s",
            "uq": "uq_%(table_name)s_%(column_0_N_name)s",
            "ck": "ck_%(table_name)s_%(constraint_name)s",
            "fk": "fk_%(table_name)s_%(column_0_N_name)s",
            "pk": "pk_%(table_name)s",
        }
    )
    type_annotation_map = {dt.datetime: Instant, uuid.UUID: Uuid, str: String}  # noqa: RUF012


class Owned:
    """A row of an organization: its key is (organization_id, id), so no key crosses over."""

    organization_id: Mapped[uuid.UUID] = mapped_column(primary_key=True, sort_order=-2)
    id: Mapped[uuid.UUID] = mapped_column(primary_key=True, default=new_id, sort_order=-1)


def versioned(doc: str) -> MappedColumn[int]:
    """A count of the changes of a row, from 1: every UPDATE counts it up, whoever writes it."""
    return mapped_column(server_default="1", onupdate=literal_column("version + 1"), doc=doc)


def belongs(column: str, table: str) -> ForeignKeyConstraint:
    """A foreign key that cannot point into another organization."""
    return ForeignKeyConstraint(
        ["organization_id", column], [f"{table}.organization_id", f"{table}.id"]
    )


def one(
    there: Callable[[], Any], key: Callable[[], InstrumentedAttribute[Any]], doc: str
) -> Relationship[Any]:
    """The row whose id is in the key's column, in the same organization; for planned reads only."""

    def joined() -> ColumnElement[bool]:
        model, column = there(), key()
        same = model.organization_id == foreign(column.class_.organization_id)
        return and_(same, model.id == foreign(column))

    return relationship(viewonly=True, lazy="raise", primaryjoin=joined, doc=doc)
