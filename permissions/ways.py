"""For which reasons rows exist for callers of a shape, as SQL: the ways by which they are reached.

Only `reach` asks for them.
"""

import uuid
from collections.abc import Callable, Iterable
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
    not_,
    or_,
    select,
    true,
)

from models import (
    AccountKind,
    Association,
    AuditAction,
    AuditEvent,
    Base,
    Client,
    ClientChange,
    ClientDecision,
    ClientNote,
    ClientStatus,
    Delivery,
    Department,
    Organization,
    RoleGrant,
    ServiceKey,
    ServiceKeyGrant,
    Session,
    Staff,
    Webhook,
    within,
)
from models.audit import overlaps
from models.change import CHANGES, OF_ASSOCIATIONS
from models.decision import DECISIONS
from permissions.actor import SHAPES, Shape
from permissions.roles import HELD_BY, Permission, Scope

ACTOR = bindparam("reach_actor", type_=Uuid())


class Way(NamedTuple):
    """One reason for which a row exists: a scope held, or that it is one's own (None)."""

    scope: Scope | None
    rows: ColumnElement[bool]


def departments(permission: Permission) -> str:
    """The parameter for the departments in which the permission is held for all rows.

    It is named after the roles that hold it so: permissions held alike share it.
    """
    return HELD_IN[permission]


HELD_IN = {
    permission: "_".join(["reach", *(role.lower() for role in roles)])
    for permission, roles in HELD_BY.items()
}


@lru_cache(SHAPES)
def ways_to(model: type[Base], shape: Shape) -> tuple[Way, ...]:
    """All reasons for which rows exist for callers of this shape; without any, none does."""
    if shape.kind is None:
        return ()
    if model in (Organization, Department):
        return (Way(None, true()),)
    if model is Session:
        return (Way(None, Session.id == bindparam("reach_session", type_=Uuid())),)
    return tuple(_WAYS[model](shape))


def _managed(shape: Shape, permission: Permission, there: ColumnElement[bool]) -> Iterable[Way]:
    """Held anywhere, the permission gives every row; held in departments, those that are there."""
    scopes = shape.scopes(permission)
    if Scope.ORGANIZATION in scopes:
        yield Way(Scope.ORGANIZATION, true())
    if Scope.DEPARTMENT in scopes:
        yield Way(Scope.DEPARTMENT, there)


def _ways_to_clients(shape: Shape) -> Iterable[Way]:
    mine = departments(Permission.CLIENT_READ)
    associated = _associated(within(Association.department_id, mine))
    there = or_(within(Client.department_id, mine), associated)
    yield from _managed(shape, Permission.CLIENT_READ, there)
    if Scope.OWN in shape.scopes(Permission.CLIENT_READ):
        met = _associated(Association.practitioner_id == ACTOR)
        yield Way(Scope.OWN, and_(Client.status == ClientStatus.ACTIVE, met))
    if shape.kind is AccountKind.CLIENT:
        yield Way(None, Client.id == ACTOR)


def _ways_to_associations(shape: Shape) -> Iterable[Way]:
    there = within(Association.department_id, departments(Permission.CLIENT_READ))
    yield from _managed(shape, Permission.CLIENT_READ, there)
    if Scope.OWN in shape.scopes(Permission.CLIENT_READ):
        active = (
            exists()
            .where(
                Client.organization_id == Association.organization_id,
                Client.id == Association.client_id,
                Client.status == ClientStatus.ACTIVE,
            )
            .correlate_except(Client)
        )
        yield Way(Scope.OWN, and_(Association.practitioner_id == ACTOR, active))
    if shape.kind is AccountKind.CLIENT:
        yield Way(None, Association.client_id == ACTOR)


def _ways_to_staff(shape: Shape) -> Iterable[Way]:
    there = _granted_in(Staff.organization_id, Staff.id)
    yield from _managed(shape, Permission.STAFF_READ, there)
    if shape.kind is AccountKind.STAFF:
        yield Way(None, Staff.id == ACTOR)
    elif not shape.scopes(Permission.STAFF_READ):
        # Of whoever reads associations and no staff: who meets clients there, by name.
        yield Way(Scope.OWN, _meets(shape))


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


def _ways_to_grants(shape: Shape) -> Iterable[Way]:
    there = _granted_in(RoleGrant.organization_id, RoleGrant.staff_id)
    yield from _managed(shape, Permission.STAFF_READ, there)
    if shape.kind is AccountKind.STAFF:
        yield Way(None, RoleGrant.staff_id == ACTOR)


def _ways_to_events(shape: Shape) -> Iterable[Way]:
    there = overlaps(AuditEvent.departments, departments(Permission.AUDIT_READ))
    return _managed(shape, Permission.AUDIT_READ, there)


def _of_key(key: SQLColumnExpression[uuid.UUID]) -> Callable[[Shape], Iterable[Way]]:
    """Whoever manages keys sees such rows of all of them, and a key its own; `key` says whose."""

    def ways(shape: Shape) -> Iterable[Way]:
        if shape.holds(Permission.SERVICE_KEY_MANAGE, Scope.ORGANIZATION):
            yield Way(Scope.ORGANIZATION, true())
        if shape.kind is AccountKind.SERVICE_KEY:
            yield Way(None, key == ACTOR)

    return ways


def _for_managers(
    model: type[ClientChange | ClientDecision | ClientNote], such: ColumnElement[bool]
) -> Callable[[Shape], Iterable[Way]]:
    """Whoever manages the client now, sees such rows that are about them."""

    def ways(shape: Shape) -> Iterable[Way]:
        for way in _ways_to_clients(shape):
            if way.scope is not None and way.scope is not Scope.OWN:
                client = _some(
                    Client,
                    Client.organization_id == model.organization_id,
                    Client.id == model.client_id,
                    way.rows,
                )
                yield Way(way.scope, and_(such, client))

    return ways


def _is_one_of(
    action: SQLColumnExpression[AuditAction], actions: Iterable[AuditAction]
) -> ColumnElement[bool]:
    return or_(*(action == one for one in actions))


_ways_to_all_changes = _for_managers(ClientChange, _is_one_of(ClientChange.action, CHANGES))


def _ways_to_changes(shape: Shape) -> Iterable[Way]:
    """Who manages a client in departments is told of the client's associations there (`D9`)."""
    there = or_(
        not_(_is_one_of(ClientChange.action, OF_ASSOCIATIONS)),
        overlaps(ClientChange.departments, departments(Permission.CLIENT_READ)),
    )
    for scope, rows in _ways_to_all_changes(shape):
        yield Way(scope, rows if scope is Scope.ORGANIZATION else and_(there, rows))


def _ways_to_webhooks(shape: Shape) -> Iterable[Way]:
    there = within(Webhook.department_id, departments(Permission.WEBHOOK_MANAGE))
    return _managed(shape, Permission.WEBHOOK_MANAGE, there)


def _ways_to_deliveries(shape: Shape) -> Iterable[Way]:
    there = _some(
        Webhook,
        Webhook.organization_id == Delivery.organization_id,
        Webhook.id == Delivery.webhook_id,
        within(Webhook.department_id, departments(Permission.WEBHOOK_MANAGE)),
    )
    return _managed(shape, Permission.WEBHOOK_MANAGE, there)


_WAYS = {
    Client: _ways_to_clients,
    Association: _ways_to_associations,
    Staff: _ways_to_staff,
    RoleGrant: _ways_to_grants,
    AuditEvent: _ways_to_events,
    ServiceKey: _of_key(ServiceKey.id),
    ServiceKeyGrant: _of_key(ServiceKeyGrant.service_key_id),
    ClientChange: _ways_to_changes,
    ClientDecision: _for_managers(ClientDecision, _is_one_of(ClientDecision.action, DECISIONS)),
    ClientNote: _for_managers(ClientNote, true()),
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


OTHER = RoleGrant.__table__.alias("other_grant")


def _granted_in(organization: Any, staff: Any) -> ColumnElement[bool]:
    """The staff member has a grant in a department where the caller reads staff."""
    return _some(
        OTHER,
        OTHER.c.organization_id == organization,
        OTHER.c.staff_id == staff,
        within(OTHER.c.department_id, departments(Permission.STAFF_READ)),
    )


def only_in(departments: str) -> ColumnElement[bool]:
    """The staff member has grants, and all of them in these departments (`D6`)."""
    of_staff = and_(OTHER.c.organization_id == Staff.organization_id, OTHER.c.staff_id == Staff.id)
    within_mine = and_(
        OTHER.c.department_id.is_not(None), within(OTHER.c.department_id, departments)
    )
    some = exists().where(of_staff).correlate_except(OTHER)
    elsewhere = exists().where(of_staff, ~within_mine).correlate_except(OTHER)
    return and_(some, ~elsewhere)
