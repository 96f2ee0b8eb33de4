"""Which rows exist for whom, as SQL. Every read and every change goes through here (`D7`, `D8`).

A predicate depends on the actor's shape alone and names its parameters; `values` gives what the
actor fills them with. So statements are built once a shape, and "may I" and "list mine" are the
same predicate.
"""

import uuid
from collections.abc import Mapping
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
    Association,
    Base,
    Client,
    ClientChange,
    Notice,
    Organization,
    Query,
    Role,
    RoleGrant,
    Session,
    Staff,
    StaffStatus,
    within,
)
from permissions.actor import NOBODY, SHAPES, Actor, Shape
from permissions.roles import HELD_BY, HOLDS, Permission, Scope
from permissions.ways import ACTOR, HELD_IN, Way, departments, only_in, ways_to

_ORGANIZATION = bindparam("reach_organization", type_=Uuid())


# The roles of each of these parameters.
_PARAMETERS = {HELD_IN[one]: roles for one, roles in HELD_BY.items() if roles}
_WALKED = HELD_IN[Permission.CLIENT_READ]


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


def _kept(model: type[Base], shape: Shape, at_least: Scope | None) -> list[Way]:
    return [
        way
        for way in ways_to(model, shape)
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
    ways = ways_to(model, shape)
    kept = [way for way in ways if way.scope is None or way.scope.includes(scope)]
    return None if len(kept) == len(ways) else or_(false(), *(way.rows for way in kept))


def changing(model: type[Base], shape: Shape, permission: Permission) -> ColumnElement[bool]:
    """The rows that callers of this shape may change with the permission (`D7`)."""
    scopes = shape.scopes(permission)
    ways: list[ColumnElement[bool]] = []
    if Scope.ORGANIZATION in scopes:
        ways.append(true())
    if Scope.DEPARTMENT in scopes and model is Client:
        ways.append(within(Client.department_id, departments(permission)))
    if Scope.DEPARTMENT in scopes and model is Staff:
        ways.append(only_in(departments(permission)))
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
        managed = [way for way in ways_to(model, shape) if way.scope and way.scope is not Scope.OWN]
        if any(way.scope is Scope.ORGANIZATION for way in managed):
            return None
        where = or_(false(), *(way.rows for way in managed))
        # Nobody but an Organizational Administrator changes their own roles (D6).
        others = permission is Permission.STAFF_SET_ROLES
        return and_(where, Staff.id != ACTOR) if others else where
    where = changing(model, shape, permission)
    # Of one's own record only the notifications can be changed (D6).
    return and_(where, Staff.id != ACTOR) if model is Staff else where


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
