"""The audit trail: who did what, on whom, and whose records were opened.

Events are only ever added. Each seals its own contents and the seal of the one before, so what is
changed, taken out or put in afterwards is found (`hash_of`). There is no text in them that
somebody typed, and no key into other tables but the organization's: they outlive what they tell of.
"""

import datetime as dt
import hashlib
import uuid
from collections.abc import Mapping
from typing import Any

import orjson
from sqlalchemy import (
    BigInteger,
    Boolean,
    ColumnElement,
    Dialect,
    ForeignKey,
    Index,
    RowMapping,
    SQLColumnExpression,
    UniqueConstraint,
    bindparam,
)
from sqlalchemy.ext.compiler import compiles
from sqlalchemy.orm import Mapped, mapped_column
from sqlalchemy.sql.compiler import SQLCompiler
from sqlalchemy.sql.functions import FunctionElement

from models.base import AsJson, Base, Owned, one, word
from models.client import Client
from models.database import Ids
from models.keys import new_id
from models.organization import Department, Organization
from models.staff import Staff
from models.words import ActorKind, AuditAction, Surface

NOTHING_BEFORE = "0" * 64
"""The seal before an organization's first event."""


class IdSet(Ids):
    """A column of ids, which `overlaps` looks into."""

    cache_ok = True

    def process_result_value(self, value: Any, dialect: Dialect) -> list[uuid.UUID]:
        return value if isinstance(value, list) else [uuid.UUID(id) for id in orjson.loads(value)]


class _Overlaps(FunctionElement[bool]):
    name = "overlaps"
    type = Boolean()
    inherit_cache = True
    _is_implicitly_boolean = True


def overlaps(column: SQLColumnExpression[Any], parameter: str) -> ColumnElement[bool]:
    """Whether the column of ids holds one of those given as the named parameter."""
    return _Overlaps(column, bindparam(parameter, type_=Ids()))


@compiles(_Overlaps, "postgresql")
def _overlaps_postgresql(element: _Overlaps, compiler: SQLCompiler, **kw: Any) -> str:
    column, ids = element.clauses
    return f"{compiler.process(column, **kw)} && {compiler.process(ids, **kw)}"


@compiles(_Overlaps, "sqlite")
def _overlaps_sqlite(element: _Overlaps, compiler: SQLCompiler, **kw: Any) -> str:
    column, ids = element.clauses
    held = f"SELECT value FROM json_each({compiler.process(column, **kw)})"  # noqa: S608 - names
    given = f"SELECT value FROM json_each({compiler.process(ids, **kw)})"  # noqa: S608 - as above
    return f"EXISTS ({held} INTERSECT {given})"


def _found_by(column: str) -> Index:
    """The events of somebody, by number; those of nobody take no place in it."""
    there = f"{column} IS NOT NULL"
    return Index(
        None, "organization_id", column, "number", postgresql_where=there, sqlite_where=there
    )


class AuditEvent(Owned, Base):
    """Something that happened, or was refused.

    `client_id`, `staff_id` and `department_id` say on whom; of an association both people.
    `departments` are those that these belonged to at the time, before and after: their
    administrators read the event, whoever has moved on since. `number` counts 1, 2, 3 in the
    organization, without gaps. `times`: the same was refused so often, within a moment.
    """

    __tablename__ = "audit_events"
    __table_args__ = (
        UniqueConstraint("organization_id", "number"),
        _found_by("client_id"),
        _found_by("staff_id"),
        _found_by("actor_id"),
    )

    organization_id: Mapped[uuid.UUID] = mapped_column(
        ForeignKey(Organization.id), primary_key=True, sort_order=-2
    )
    id: Mapped[uuid.UUID] = mapped_column(
        primary_key=True, default=new_id, sort_order=-1, doc="The event's id, opaque: `aud_…`."
    )
    number: Mapped[int] = mapped_column(BigInteger)
    at: Mapped[dt.datetime] = mapped_column(doc="When it happened.")
    action: Mapped[AuditAction] = mapped_column(word(AuditAction), doc="What happened.")
    actor_kind: Mapped[ActorKind] = mapped_column(word(ActorKind), doc="As what somebody acted.")
    actor_id: Mapped[uuid.UUID | None]
    roles: Mapped[list[str]] = mapped_column(
        AsJson,
        doc="The roles that who acted held at the time, on that surface; a service key has none.",
    )
    scope: Mapped[str | None] = mapped_column(
        doc="How far these roles reached; null for who was not signed in."
    )
    surface: Mapped[Surface | None] = mapped_column(
        word(Surface),
        doc="Where who acted was signed in, or wanted to be; null for a service key.",
    )
    client_id: Mapped[uuid.UUID | None]
    staff_id: Mapped[uuid.UUID | None]
    department_id: Mapped[uuid.UUID | None]
    departments: Mapped[list[uuid.UUID]] = mapped_column(IdSet)
    changes: Mapped[list[dict[str, Any]]] = mapped_column(
        AsJson,
        doc='What is different now: a list of `{"field", "before", "after"}`. Of names, addresses '
        'and everything else that somebody typed only `{"field", "redacted": true}`.',
    )
    reason: Mapped[str | None] = mapped_column(
        doc="Why it was refused or ended, as a code; GIVEN, where staff said why in words."
    )
    times: Mapped[int] = mapped_column(
        doc="How often, for what was refused over and over within a moment; how many rows, for "
        "what was purged; otherwise 1."
    )
    source: Mapped[str | None] = mapped_column(
        doc="The address that the request came from; null for the command line."
    )
    request_id: Mapped[str | None] = mapped_column(
        doc="Names the request, in logs too; what one request did shares it."
    )
    previous_hash: Mapped[str]
    hash: Mapped[str]

    actor: Mapped[Staff | None] = one(
        lambda: Staff,
        lambda: AuditEvent.actor_id,
        doc="Who acted, of staff and service keys. A client acts on nobody but themself: see "
        "`client`.",
    )
    client: Mapped[Client | None] = one(
        lambda: Client,
        lambda: AuditEvent.client_id,
        doc="The client it is about; null also where you do not reach them any more.",
    )
    staff: Mapped[Staff | None] = one(
        lambda: Staff,
        lambda: AuditEvent.staff_id,
        doc="The staff member it is about; null also where you do not reach them any more.",
    )
    department: Mapped[Department | None] = one(
        lambda: Department,
        lambda: AuditEvent.department_id,
        doc="The department it is about.",
    )


class AuditHead(Base):
    """Where an organization's events have got to: the number and the hash of the last one.

    Whoever adds events holds this row, and takes it last of all, so nobody waits for anybody else
    while holding it.
    """

    __tablename__ = "audit_heads"

    organization_id: Mapped[uuid.UUID] = mapped_column(
        ForeignKey(Organization.id), primary_key=True
    )
    number: Mapped[int] = mapped_column(BigInteger)
    hash: Mapped[str]


class ClientRead(Owned, Base):
    """Somebody opened a client's record; written a moment later, and outside the trail."""

    __tablename__ = "client_reads"
    __table_args__ = (Index(None, "organization_id", "client_id", "id"), Index(None, "at"))

    organization_id: Mapped[uuid.UUID] = mapped_column(
        ForeignKey(Organization.id), primary_key=True, sort_order=-2
    )
    client_id: Mapped[uuid.UUID]
    reader_kind: Mapped[ActorKind] = mapped_column(word(ActorKind))
    reader_id: Mapped[uuid.UUID]
    surface: Mapped[Surface | None] = mapped_column(word(Surface))
    at: Mapped[dt.datetime]
    source: Mapped[str | None]
    request_id: Mapped[str | None]


def hash_of(event: RowMapping | Mapping[str, Any]) -> str:
    """The seal of an event: SHA-256 over everything else that its row holds, in canonical JSON.

    Keys are sorted, times are in UTC to the microsecond, ids in their usual spelling.
    """
    contents = {name: value for name, value in event.items() if name != "hash"}
    sealed = orjson.dumps(contents, default=str, option=orjson.OPT_SORT_KEYS)
    return hashlib.sha256(sealed).hexdigest()
