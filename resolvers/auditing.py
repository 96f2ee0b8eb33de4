"""The audit trail as administrators read it."""

import datetime as dt
from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

from sqlalchemy import ColumnElement, Uuid, and_, bindparam, exists, false

from models import (
    AuditAction,
    AuditEvent,
    Base,
    Client,
    Department,
    ServiceKey,
    Staff,
    parse_id,
    within,
)
from models.audit import overlaps
from models.database import Words
from permissions import SHAPES, Shape, reach
from resolvers.context import Context
from resolvers.faults import BadArgument
from resolvers.listing import Listing, Order, attribute

_NEWEST_FIRST = Order((AuditEvent.number,), descending=True)
_OF_ACTION = within(AuditEvent.action, "actions", Words)
_OF_DEPARTMENT = overlaps(AuditEvent.departments, "departments")
_SINCE = AuditEvent.at >= bindparam("since", type_=AuditEvent.at.type)
_UNTIL = AuditEvent.at < bindparam("until", type_=AuditEvent.at.type)
_NONE = false()

_ACTORS = {
    "stf_": (Staff, "actor_id"),
    "cli_": (Client, "actor_id"),
    "key_": (ServiceKey, "actor_id"),
}
_SUBJECTS = {
    "stf_": (Staff, "staff_id"),
    "cli_": (Client, "client_id"),
    "dep_": (Department, "department_id"),
}


@dataclass(frozen=True, slots=True)
class AuditFilter:
    """Which events to list; None does not filter."""

    actions: Sequence[AuditAction] | None
    actor_id: str | None
    subject_id: str | None
    department_id: str | None
    since: dt.datetime | None
    until: dt.datetime | None


def audit_events(context: Context, wanted: AuditFilter) -> Listing:
    """The events that the caller administers, the newest first.

    A filter by an id that is unknown or out of reach gives the empty list. Raises `BadArgument`.
    """
    where: list[ColumnElement[bool]] = []
    values: dict[str, Any] = {}
    if wanted.actions is not None:
        where.append(_OF_ACTION)
        values["actions"] = tuple(wanted.actions)
    for typed, kinds, name in (
        (wanted.actor_id, _ACTORS, "actor"),
        (wanted.subject_id, _SUBJECTS, "subject"),
    ):
        if typed is not None:
            prefix = typed[:4]
            id = parse_id(prefix, typed) if prefix in kinds else None
            where.append(_of(context.actor.shape, *kinds[prefix], name) if id else _NONE)
            values[name] = id
    if wanted.department_id is not None:
        id = parse_id("dep_", wanted.department_id)
        where.append(_OF_DEPARTMENT if id else _NONE)
        values["departments"] = frozenset({id})
    for time, predicate, name in (
        (wanted.since, _SINCE, "since"),
        (wanted.until, _UNTIL, "until"),
    ):
        if time is not None:
            where.append(predicate)
            values[name] = _instant(time, name)
    return Listing(AuditEvent, tuple(where), _NEWEST_FIRST, values)


@lru_cache(SHAPES)
def _of(shape: Shape, model: type[Base], column: str, parameter: str) -> ColumnElement[bool]:
    """The event names this row there, and the row is within the caller's reach."""
    id = bindparam(parameter, type_=Uuid())
    row = attribute(model, "id")
    found = exists().where(row == id, reach.reading(model, shape)).correlate_except(model)
    return and_(attribute(AuditEvent, column) == id, found)


def _instant(time: dt.datetime, name: str) -> dt.datetime:
    """The time in UTC, which is meant where no offset is given."""
    try:
        return (time if time.tzinfo else time.replace(tzinfo=dt.UTC)).astimezone(dt.UTC)
    except OverflowError:
        raise BadArgument(f"{name} is no time that there is.") from None
