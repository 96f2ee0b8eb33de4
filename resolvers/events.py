"""What the audit trail tells: who did what, on whom, and what is different now."""

import datetime as dt
import uuid
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Any, NamedTuple

from models import AccountKind, ActorKind, AuditAction, Record, Role, Surface, new_id, outside
from permissions import SHAPES, Actor, Permission, Scope, Shape
from resolvers.checks import camel

VALUES = frozenset(
    [
        "active",
        "department_id",
        "events",
        "receive_new_client_notifications",
        "registration_open",
        "second_factor_required",
        "state",
        "status",
    ]
)
"""The columns of which the trail tells what they were, and what they are."""

REDACTED = frozenset(
    [
        "contact_email",
        "date_of_birth",
        "email",
        "first_name",
        "last_name",
        "name",
        "password_hash",
        "phone",
        "status_reason",
        "text",
        "url",
        "username",
    ]
)
"""What people typed: the trail tells only that it is different."""

_TOLD = VALUES | REDACTED

GIVEN = "GIVEN"
"""The reason of a decision for which staff gave one, in words that are kept with the client."""

REGISTRATION = "registrationId"
"""The field by which an event says of which registration it tells."""

Change = Mapping[str, Any]
Grant = tuple[Role, uuid.UUID | None]
Row = Record | Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Who:
    """Somebody who acts: as what, with which roles and how far, and where they are signed in."""

    kind: ActorKind
    id: uuid.UUID | None = None
    roles: tuple[Role, ...] = ()
    scope: Scope | None = None
    surface: Surface | None = None


LINK = Who(ActorKind.LINK)
OPERATOR = Who(ActorKind.OPERATOR)
SERVER = Who(ActorKind.SERVER)
_ANONYMOUS = Who(ActorKind.ANONYMOUS)


def caller(actor: Actor) -> Who:
    """The caller of an operation."""
    shape = actor.shape
    if shape.kind is None:
        return _ANONYMOUS
    is_key = shape.kind is AccountKind.SERVICE_KEY
    roles = () if is_key else tuple(role for role in Role if role in shape.roles)
    return Who(ActorKind(shape.kind), actor.id, roles, _widest(shape), shape.surface)


@lru_cache(SHAPES)
def _widest(shape: Shape) -> Scope:
    """How far the roles of these callers reach; everybody reaches what is their own."""
    held = {scope for permission in Permission for scope in shape.scopes(permission)}
    return next((scope for scope in Scope if scope in held), Scope.OWN)


def proved(kind: AccountKind, id: uuid.UUID, surface: Surface) -> Who:
    """Somebody who has just proved to be the person of this account."""
    return Who(ActorKind(kind), id, scope=Scope.OWN, surface=surface)


class On(NamedTuple):
    """On whom something was done, and the departments whose administrators are to know.

    Without `departments`: those of the person, as they are when the event is written.
    """

    organization_id: uuid.UUID
    client_id: uuid.UUID | None = None
    staff_id: uuid.UUID | None = None
    department_id: uuid.UUID | None = None
    departments: Collection[uuid.UUID | None] | None = None

    @property
    def person(self) -> uuid.UUID | None:
        """The person whose departments are to be looked up; None where they are given."""
        return (self.client_id or self.staff_id) if self.departments is None else None


def on_client(client: Record, after: Mapping[str, Any] | None = None) -> On:
    """A client, of the department that it was in and the one that it is in after these values."""
    home = (after or {}).get("department_id")
    return On(client.organization_id, client.id, departments={client.department_id, home})


def on_person(organization_id: uuid.UUID, kind: AccountKind, id: uuid.UUID) -> On:
    """The client or staff member of an account."""
    if kind is AccountKind.CLIENT:
        return On(organization_id, client_id=id)
    return On(organization_id, staff_id=id)


def on_key(organization_id: uuid.UUID, department_ids: Iterable[uuid.UUID | None]) -> On:
    """A service key of these departments; of None, the whole organization."""
    return On(organization_id, departments=frozenset(department_ids))


def on_caller(actor: Actor) -> On:
    """The caller of an operation, who is known."""
    kind = actor.shape.kind
    assert kind
    if kind is AccountKind.SERVICE_KEY:
        return on_key(actor.organization_id, (grant.department_id for grant in actor.grants))
    return on_person(actor.organization_id, kind, actor.id)


def on_staff(member: Record) -> On:
    """A staff member, of the departments in which they hold roles."""
    return On(member.organization_id, staff_id=member.id)


def on_department(organization_id: uuid.UUID, id: uuid.UUID) -> On:
    """A department."""
    return On(organization_id, department_id=id, departments={id})


def changed(before: Row | None, after: Row) -> list[Change]:
    """What is different afterwards, column by column. Without a row before, all of it is new."""
    was, is_ = _columns(before), _columns(after)
    return [
        _change(name, was.get(name), value)
        for name, value in is_.items()
        if name in _TOLD and value != was.get(name)
    ]


def _columns(row: Row | None) -> Mapping[Any, Any]:
    if row is None:
        return {}
    return row if isinstance(row, Mapping) else row._mapping  # noqa: SLF001 - SQLAlchemy's name


def _change(name: str, before: Any, after: Any) -> Change:
    field = camel(name.removesuffix("_hash"))
    if name in REDACTED:
        return {"field": field, "redacted": True}
    return {"field": field, "before": _shown(before), "after": _shown(after)}


def _shown(value: Any) -> Any:
    return outside("dep_", value) if isinstance(value, uuid.UUID) else value


def roles_changed(before: Collection[Grant], after: Collection[Grant]) -> Change:
    """Which roles somebody held where, and which ones they hold now."""
    return {"field": "roles", "before": _grants(before), "after": _grants(after)}


def _grants(held: Collection[Grant]) -> list[Change]:
    return [
        {"role": role, "departmentId": id and outside("dep_", id)}
        for role, id in sorted(held, key=lambda grant: (grant[0], str(grant[1])))
    ]


def said(field: str, value: Any) -> Change:
    """What an event tells besides the columns that are different: there was nothing before."""
    return {"field": field, "before": None, "after": value}


def registered(id: uuid.UUID) -> Change:
    """Of which registration an event tells; it is not a client (`D1`)."""
    return said(REGISTRATION, outside("reg_", id))


def on_webhook(organization_id: uuid.UUID, department_id: uuid.UUID | None) -> On:
    """A webhook, of a department or of the whole organization."""
    return On(organization_id, department_id=department_id, departments={department_id})


def of_webhook(id: uuid.UUID) -> Change:
    """Of which webhook an event tells."""
    return said("webhookId", outside("hok_", id))


def of_delivery(id: uuid.UUID) -> Change:
    """Of which delivery an event tells."""
    return said("deliveryId", outside("dlv_", id))


def of_key(id: uuid.UUID) -> Change:
    """Of which service key an event tells."""
    return said("serviceKeyId", outside("key_", id))


def chosen(
    permissions: Iterable[Permission],
    department_ids: Iterable[uuid.UUID | None],
    expires_at: dt.datetime,
) -> list[Change]:
    """What a new service key may do and where, and when it ends. A name was typed, too."""
    departments = [id and outside("dep_", id) for id in department_ids]
    return [
        {"field": "name", "redacted": True},
        said("permissions", [*permissions]),
        said("departmentIds", departments),
        said("expiresAt", expires_at.isoformat()),
    ]


class Request(NamedTuple):
    """Where a request came from, and its id in the logs."""

    source: str | None = None
    id: str | None = None


class Event(NamedTuple):
    """What the trail is told: on whom, and the columns that are known before it is written."""

    on: On
    columns: Mapping[str, Any]


def event(
    action: AuditAction,
    on: On,
    by: Who,
    at: dt.datetime,
    request: Request,
    *,
    changes: Sequence[Change] = (),
    reason: str | None = None,
    times: int = 1,
) -> Event:
    """An event, but for its departments and its place in the chain."""
    columns = {
        "id": new_id(),
        "at": at,
        "action": action,
        "actor_kind": by.kind,
        "actor_id": by.id,
        "roles": by.roles,
        "scope": by.scope,
        "surface": by.surface,
        "client_id": on.client_id,
        "staff_id": on.staff_id,
        "department_id": on.department_id,
        "changes": changes,
        "reason": reason,
        "times": times,
        "source": request.source,
        "request_id": request.id,
    }
    return Event(on, columns)
