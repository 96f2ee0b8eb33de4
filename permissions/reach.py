"""Which rows exist for whom, as SQL. Every read and every change goes through here (`D7`, `D8`).

A predicate depends on the actor's shape alone and names its parameters; `values` gives what the
actor fills them with. So statements are built once a shape, and "may I" and "list mine" are the
same predicate.
"""

import uuid
from collections.abc import Iterable, Mapping
from functools import lru_cache
from typing import Any, NamedTuple

from sqlalchemy import (
    ColumnElement,
    SQLColumnExpression,
    Uuid,
    and_,
    bindparam,
    exists,
    false,
    or_,
    select,
    true,
)

from models import (
    AccountKind,
    Association,
    AuditEvent,
    Base,
    Client,
    ClientChange,
    ClientStatus,
    Delivery,
    Department,
    Notice,
    Organization,
    Query,
    Role,
    RoleGrant,
    ServiceKey,
    ServiceKeyGrant,
    Session,
    Staff,
    StaffStatus,
    Webhook,
    within,
)
from models.audit import overlaps
from models.change import CHANGES
from permissions.actor import NOBODY, SHAPES, Actor, Shape
from permissions.roles import HELD_BY, HOLDS, Permission, Scope

_ORGANIZATION = bindparam("reach_organization", type_=Uuid())
_ACTOR = bindparam("reach_actor", type_=Uuid())


class _Way(NamedTuple):
    """One reason for which a row exists: a scope held, or that it is one's own (None)."""

    scope: Scope | None
    rows: ColumnElement[bool]


def _departments(permission: Permission) -> str:
    """The parameter for the departments in which the permission is held for all rows.

    It is named after the roles that hold it so: permissions held alike share it.
    """
    return _HELD_IN[permission]


_HELD_IN = {
    permission: "_".join(["reach", *(role.lower() for role in roles)])
    for permission, roles in HELD_BY.items()
}
# The roles of each of these parameters.
_PARAMETERS = {_HELD_IN[one]: roles for one, roles in HELD_BY.items() if roles}
_WALKED = _HELD_IN[Permission.CLIENT_READ]


def values(actor: Actor) -> dict[str, Any]:
    """What the actor fills the parameters of every predicate, and of every walk, with."""
    filled: dict[str, Any] = {
        "reach_organization": actor.organization_id,
        "reach_actor": actor.id,
        "reach_session": actor.session_id,
    }
    for parameter, roles in _PARAMETERS.items():
        filled[parameter] = actor.departments_as(roles)
    walked = filled[_WALKED]
    for i, department in enumerate((*walked, *[NOBODY] * (width(filled) - len(walked)))):
        filled[f"{_WALKED}_{i}"] = department
    return filled


def width(filled: Mapping[str, Any]) -> int:
    """How many departments a list of the actor's clients is walked in: a power of two, or none.

    Some of them may be no department at all; so there are few widths, and few statements.
    """
    many = len(filled[_WALKED])
    return 1 << (many - 1).bit_length() if many else 0


class Walk(NamedTuple):
    """Rows that are found one after the other, in the order of a list, by an index.

    `model` has them, and `standing` its columns that repeat those of the listed model's; of one
    listed row there may be several where it `repeats`.
    """

    model: type[Base]
    where: ColumnElement[bool]
    standing: Mapping[str, SQLColumnExpression[Any]]
    repeats: bool = False

    def column(self, listed: SQLColumnExpression[Any]) -> SQLColumnExpression[Any]:
        """The column that says what this one of the listed model says."""
        name: str = listed.key  # type: ignore[attr-defined]
        return self.standing.get(name, listed)


@lru_cache(SHAPES)
def walks(model: type[Base], shape: Shape, at_least: Scope | None, width: int) -> tuple[Walk, ...]:
    """How the rows that `reading` gives are walked: together they are all of them.

    A department's managers reach its clients, and those with an association there (`D7`): two
    walks for each of their departments. Everybody else walks along the model itself.
    """
    ways = _kept(model, shape, at_least)
    if model is not Client or not width or [way.scope for way in ways] != [Scope.DEPARTMENT]:
        return (Walk(model, reading(model, shape, at_least), {}),)
    departments = [bindparam(f"{_WALKED}_{i}", type_=Uuid()) for i in range(width)]
    return tuple(
        walk
        for department in departments
        for walk in (
            Walk(
                Client,
                and_(in_organization(Client), Client.department_id == department),
                {},
            ),
            Walk(
                Association,
                and_(in_organization(Association), Association.department_id == department),
                _STANDING,
                repeats=True,
            ),
        )
    )


_STANDING: dict[str, Any] = {
    "id": Association.client_id,
    "status": Association.client_status,
    "name_key": Association.client_name_key,
}


@lru_cache(SHAPES)
def reading(model: type[Base], shape: Shape, at_least: Scope | None = None) -> ColumnElement[bool]:
    """The rows that callers of this shape read; with `at_least`, only those of that scope or more.

    With a scope it is what they manage, as lists show it: one's own rows are then left out.
    """
    rows = (way.rows for way in _kept(model, shape, at_least))
    return and_(in_organization(model), or_(false(), *rows))


def _kept(model: type[Base], shape: Shape, at_least: Scope | None) -> list[_Way]:
    return [
        way
        for way in _ways(model, shape)
        if at_least is None or (way.scope is not None and way.scope.includes(at_least))
    ]


IMPLIED = frozenset(
    {
        (Association, "client"),
        (Association, "practitioner"),
        (ClientChange, "client"),
        (Session, "staff"),
        (Session, "client"),
    }
)
"""What is within reach of whoever reads the row that points at it.

Both ends of an association: managers reach clients and staff by their departments, and it is in one
of these; a practitioner reads associations of active clients, and a client their own (`D7`). The
client to whom something happened. And whose session it is: oneself.
"""


@lru_cache(SHAPES)
def guard(model: type[Base], shape: Shape, scope: Scope) -> ColumnElement[bool] | None:
    """Where a guarded column is readable: its scope or more, or one's own row.

    None where that is every row that `reading` gives, so that nothing needs to be asked.
    """
    ways = _ways(model, shape)
    kept = [way for way in ways if way.scope is None or way.scope.includes(scope)]
    return None if len(kept) == len(ways) else or_(false(), *(way.rows for way in kept))


def changing(model: type[Base], shape: Shape, permission: Permission) -> ColumnElement[bool]:
    """The rows that callers of this shape may change with the permission (`D7`)."""
    scopes = shape.scopes(permission)
    ways: list[ColumnElement[bool]] = []
    if Scope.ORGANIZATION in scopes:
        ways.append(true())
    if Scope.DEPARTMENT in scopes and model is Client:
        ways.append(within(Client.department_id, _departments(permission)))
    if Scope.DEPARTMENT in scopes and model is Staff:
        ways.append(_only_in(_departments(permission)))
    return and_(in_organization(model), or_(false(), *ways))


@lru_cache(SHAPES)
def rights(
    model: type[Base], shape: Shape
) -> tuple[tuple[Permission, ColumnElement[bool] | None], ...]:
    """What callers of this shape may do with a row that they read: where, or None for everywhere.

    Clients have no permissions, and one's own record needs none (`D31`). Permissions that they
    hold nowhere are left out.
    """
    return tuple(
        (permission, _right(model, shape, permission))
        for permission in _RIGHTS[model]
        if shape.scopes(permission)
    )


# Over a client: all that is about clients. Over staff: also whom they meet.
_RIGHTS: dict[type[Base], tuple[Permission, ...]] = {
    Client: tuple(one for one in Permission if one.startswith("CLIENT_")),
    Staff: (
        Permission.CLIENT_ASSOCIATE,
        Permission.STAFF_READ,
        Permission.STAFF_UPDATE,
        Permission.STAFF_SET_ROLES,
    ),
}

# Held over every row that is read as its manager; the rows of the input say for which departments
# (S15, D6).
_BY_READING = (Permission.STAFF_READ, Permission.STAFF_SET_ROLES, Permission.CLIENT_ASSOCIATE)


def _right(model: type[Base], shape: Shape, permission: Permission) -> ColumnElement[bool] | None:
    """Where the permission holds over rows that are read; None for all of them."""
    if permission is Permission.CLIENT_READ:
        return None
    if permission in _BY_READING:
        managed = [way for way in _ways(model, shape) if way.scope and way.scope is not Scope.OWN]
        if any(way.scope is Scope.ORGANIZATION for way in managed):
            return None
        where = or_(false(), *(way.rows for way in managed))
        # Nobody but an Organizational Administrator changes their own roles (D6).
        others = permission is Permission.STAFF_SET_ROLES
        return and_(where, Staff.id != _ACTOR) if others else where
    where = changing(model, shape, permission)
    # Of one's own record only the notifications can be changed (D6).
    return and_(where, Staff.id != _ACTOR) if model is Staff else where


def notified(
    client_id: uuid.UUID, department_id: uuid.UUID | None, *, moved: bool = False
) -> Query:
    """The staff who may approve the client in the department, want to be told, and were not yet.

    Without a department: a client who is not sure. `moved`: those who may approve anybody had
    their time to be told, and only the department's own are (`D19`). The role table decides, as it
    does for the approval itself, so who is told and who may approve cannot disagree (`S4` to `S8`).
    """
    held = [
        (role, HOLDS[role][Permission.CLIENT_APPROVE])
        for role in Role
        if Permission.CLIENT_APPROVE in HOLDS[role]
    ]
    anywhere = _grants(
        RoleGrant.role.in_([role for role, scope in held if scope is Scope.ORGANIZATION])
    )
    there = _grants(
        RoleGrant.role.in_([role for role, scope in held if scope is Scope.DEPARTMENT]),
        RoleGrant.department_id == department_id,
    )
    theirs = and_(there, ~anywhere) if moved else or_(there, anywhere)
    told = exists().where(
        Notice.organization_id == Staff.organization_id,
        Notice.client_id == client_id,
        Notice.staff_id == Staff.id,
    )
    return select(Staff.id, Staff.first_name, Staff.last_name, Staff.email).where(
        in_organization(Staff),
        Staff.status == StaffStatus.ACTIVE,
        Staff.receive_new_client_notifications,
        theirs,
        ~told,
    )


def _grants(*such: ColumnElement[bool]) -> ColumnElement[bool]:
    """The staff member holds such a grant."""
    return (
        exists()
        .where(
            RoleGrant.organization_id == Staff.organization_id,
            RoleGrant.staff_id == Staff.id,
            *such,
        )
        .correlate_except(RoleGrant)
    )


@lru_cache(SHAPES)
def in_organization(model: type[Base]) -> ColumnElement[bool]:
    """The rows of the caller's organization, within reach or not."""
    name = "id" if model is Organization else "organization_id"
    column: ColumnElement[uuid.UUID] = model.__table__.c[name]
    return column == _ORGANIZATION


@lru_cache(SHAPES)
def _ways(model: type[Base], shape: Shape) -> tuple[_Way, ...]:
    if shape.kind is None:
        return ()
    if model in (Organization, Department):
        return (_Way(None, true()),)
    if model is Session:
        return (_Way(None, Session.id == bindparam("reach_session", type_=Uuid())),)
    return tuple(_WAYS[model](shape))


def _ways_to_clients(shape: Shape) -> Iterable[_Way]:
    scopes = shape.scopes(Permission.CLIENT_READ)
    mine = _departments(Permission.CLIENT_READ)
    if Scope.ORGANIZATION in scopes:
        yield _Way(Scope.ORGANIZATION, true())
    if Scope.DEPARTMENT in scopes:
        associated = _associated(within(Association.department_id, mine))
        yield _Way(Scope.DEPARTMENT, or_(within(Client.department_id, mine), associated))
    if Scope.OWN in scopes:
        met = _associated(Association.practitioner_id == _ACTOR)
        yield _Way(Scope.OWN, and_(Client.status == ClientStatus.ACTIVE, met))
    if shape.kind is AccountKind.CLIENT:
        yield _Way(None, Client.id == _ACTOR)


def _ways_to_associations(shape: Shape) -> Iterable[_Way]:
    scopes = shape.scopes(Permission.CLIENT_READ)
    if Scope.ORGANIZATION in scopes:
        yield _Way(Scope.ORGANIZATION, true())
    if Scope.DEPARTMENT in scopes:
        mine = _departments(Permission.CLIENT_READ)
        yield _Way(Scope.DEPARTMENT, within(Association.department_id, mine))
    if Scope.OWN in scopes:
        active = (
            exists()
            .where(
                Client.organization_id == Association.organization_id,
                Client.id == Association.client_id,
                Client.status == ClientStatus.ACTIVE,
            )
            .correlate_except(Client)
        )
        yield _Way(Scope.OWN, and_(Association.practitioner_id == _ACTOR, active))
    if shape.kind is AccountKind.CLIENT:
        yield _Way(None, Association.client_id == _ACTOR)


def _ways_to_staff(shape: Shape) -> Iterable[_Way]:
    scopes = shape.scopes(Permission.STAFF_READ)
    if Scope.ORGANIZATION in scopes:
        yield _Way(Scope.ORGANIZATION, true())
    if Scope.DEPARTMENT in scopes:
        yield _Way(Scope.DEPARTMENT, _granted_in(Staff.organization_id, Staff.id))
    if shape.kind is AccountKind.STAFF:
        yield _Way(None, Staff.id == _ACTOR)
    elif not scopes:
        # Of whoever reads associations and no staff: who meets clients there, by name.
        yield _Way(Scope.OWN, _meets(shape))


def _meets(shape: Shape) -> ColumnElement[bool]:
    """The staff member has an association that the caller reads."""
    reads = or_(false(), *(way.rows for way in _ways_to_associations(shape)))
    return (
        exists()
        .where(
            Association.organization_id == Staff.organization_id,
            Association.practitioner_id == Staff.id,
            reads,
        )
        .correlate_except(Association)
    )


def _ways_to_grants(shape: Shape) -> Iterable[_Way]:
    scopes = shape.scopes(Permission.STAFF_READ)
    if Scope.ORGANIZATION in scopes:
        yield _Way(Scope.ORGANIZATION, true())
    if Scope.DEPARTMENT in scopes:
        yield _Way(Scope.DEPARTMENT, _granted_in(RoleGrant.organization_id, RoleGrant.staff_id))
    if shape.kind is AccountKind.STAFF:
        yield _Way(None, RoleGrant.staff_id == _ACTOR)


def _ways_to_events(shape: Shape) -> Iterable[_Way]:
    scopes = shape.scopes(Permission.AUDIT_READ)
    if Scope.ORGANIZATION in scopes:
        yield _Way(Scope.ORGANIZATION, true())
    if Scope.DEPARTMENT in scopes:
        mine = _departments(Permission.AUDIT_READ)
        yield _Way(Scope.DEPARTMENT, overlaps(AuditEvent.departments, mine))


def _ways_to_keys(shape: Shape) -> Iterable[_Way]:
    if shape.holds(Permission.SERVICE_KEY_MANAGE, Scope.ORGANIZATION):
        yield _Way(Scope.ORGANIZATION, true())
    if shape.kind is AccountKind.SERVICE_KEY:
        yield _Way(None, ServiceKey.id == _ACTOR)


def _ways_to_grants_of_keys(shape: Shape) -> Iterable[_Way]:
    if shape.holds(Permission.SERVICE_KEY_MANAGE, Scope.ORGANIZATION):
        yield _Way(Scope.ORGANIZATION, true())
    if shape.kind is AccountKind.SERVICE_KEY:
        yield _Way(None, ServiceKeyGrant.service_key_id == _ACTOR)


def _ways_to_changes(shape: Shape) -> Iterable[_Way]:
    """Whoever manages the client now, sees what happened to them."""
    happened = or_(*(ClientChange.action == action for action in CHANGES))
    for way in _ways_to_clients(shape):
        if way.scope is not None and way.scope is not Scope.OWN:
            client = (
                exists()
                .where(
                    Client.organization_id == ClientChange.organization_id,
                    Client.id == ClientChange.client_id,
                    way.rows,
                )
                .correlate_except(Client)
            )
            yield _Way(way.scope, and_(happened, client))


def _ways_to_webhooks(shape: Shape) -> Iterable[_Way]:
    scopes = shape.scopes(Permission.WEBHOOK_MANAGE)
    if Scope.ORGANIZATION in scopes:
        yield _Way(Scope.ORGANIZATION, true())
    if Scope.DEPARTMENT in scopes:
        mine = _departments(Permission.WEBHOOK_MANAGE)
        yield _Way(Scope.DEPARTMENT, within(Webhook.department_id, mine))


def _ways_to_deliveries(shape: Shape) -> Iterable[_Way]:
    scopes = shape.scopes(Permission.WEBHOOK_MANAGE)
    if Scope.ORGANIZATION in scopes:
        yield _Way(Scope.ORGANIZATION, true())
    if Scope.DEPARTMENT in scopes:
        theirs = _some(
            Webhook,
            Webhook.organization_id == Delivery.organization_id,
            Webhook.id == Delivery.webhook_id,
            within(Webhook.department_id, _departments(Permission.WEBHOOK_MANAGE)),
        )
        yield _Way(Scope.DEPARTMENT, theirs)


_WAYS = {
    Client: _ways_to_clients,
    Association: _ways_to_associations,
    Staff: _ways_to_staff,
    RoleGrant: _ways_to_grants,
    AuditEvent: _ways_to_events,
    ServiceKey: _ways_to_keys,
    ServiceKeyGrant: _ways_to_grants_of_keys,
    ClientChange: _ways_to_changes,
    Webhook: _ways_to_webhooks,
    Delivery: _ways_to_deliveries,
}


def _associated(such: ColumnElement[bool]) -> ColumnElement[bool]:
    """The client has such an association."""
    return _some(
        Association,
        Association.organization_id == Client.organization_id,
        Association.client_id == Client.id,
        such,
    )


def _some(table: Any, *such: ColumnElement[bool]) -> ColumnElement[bool]:
    """There is such a row; null where there is none.

    Not an EXISTS: beside an OR, PostgreSQL answers that by collecting all such rows of the
    database beforehand, while this is looked up row by row, in an index.
    """
    return select(true()).where(*such).limit(1).correlate_except(table).scalar_subquery()


_OTHER = RoleGrant.__table__.alias("other_grant")


def _granted_in(organization: Any, staff: Any) -> ColumnElement[bool]:
    """The staff member has a grant in a department where the caller reads staff."""
    return _some(
        _OTHER,
        _OTHER.c.organization_id == organization,
        _OTHER.c.staff_id == staff,
        within(_OTHER.c.department_id, _departments(Permission.STAFF_READ)),
    )


def _only_in(departments: str) -> ColumnElement[bool]:
    """The staff member has grants, and all of them in these departments (`D6`)."""
    of_staff = and_(
        _OTHER.c.organization_id == Staff.organization_id, _OTHER.c.staff_id == Staff.id
    )
    within_mine = and_(
        _OTHER.c.department_id.is_not(None), within(_OTHER.c.department_id, departments)
    )
    some = exists().where(of_staff).correlate_except(_OTHER)
    elsewhere = exists().where(of_staff, ~within_mine).correlate_except(_OTHER)
    return and_(some, ~elsewhere)
