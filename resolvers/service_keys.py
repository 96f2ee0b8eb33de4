"""Service keys: made by whoever may do all that they may, and revoked (`docs/decisions/0018`)."""

import datetime as dt
import uuid
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import product
from typing import NamedTuple

from sqlalchemy import insert, select, update
from sqlalchemy.ext.asyncio import AsyncConnection

from models import (
    Account,
    AccountKind,
    AuditAction,
    ServiceKey,
    ServiceKeyGrant,
    new_id,
    parse_id,
)
from permissions import Permission, Scope, service_keys
from permissions.roles import HELD_BY, PEOPLES_OWN
from resolvers.associations import in_organization
from resolvers.checks import Checks, refuse_many
from resolvers.context import Context
from resolvers.errors import Code, refuse
from resolvers.events import chosen, of_key, on_key
from resolvers.listing import Listing, Order
from resolvers.trail import Trail
from resolvers.tree import Key

LIVES = dt.timedelta(days=90)
LIVES_AT_MOST = dt.timedelta(days=366)

_NEWEST_FIRST = Order((ServiceKey.id,), descending=True)


@dataclass(frozen=True, slots=True)
class NewServiceKey:
    """A key to be made. Without `department_ids`: for the whole organization."""

    name: str
    permissions: Sequence[Permission]
    department_ids: Sequence[str] | None
    expires_at: dt.datetime | None


class Issued(NamedTuple):
    """A new key, and its token, which nobody can read afterwards."""

    key: Key
    token: str


def keys() -> Listing:
    """The organization's service keys, the newest first; also those that are good no more."""
    return Listing(ServiceKey, order=_NEWEST_FIRST, at_least=Scope.ORGANIZATION)


async def service_key_create(context: Context, typed: NewServiceKey) -> Issued:
    """A new key that holds the permissions in the departments."""
    refuse_many(permissions=typed.permissions, departmentIds=typed.department_ids or ())
    now = context.now()
    permissions = [one for one in Permission if one in typed.permissions]

    async def work(connection: AsyncConnection, trail: Trail) -> Issued:
        organization_id = context.actor.organization_id
        checks = Checks("input")
        name = checks.name(typed.name, "name")
        _check_permissions(checks, typed)
        expires_at = _checked_end(checks, typed.expires_at, now)
        department_ids = await _departments(connection, context, checks, typed.department_ids)
        checks.done()
        id = new_id()
        token = service_keys.new_token(id)
        await connection.execute(
            insert(Account).values(
                organization_id=organization_id,
                id=id,
                kind=AccountKind.SERVICE_KEY,
                created_at=now,
            )
        )
        await connection.execute(
            insert(ServiceKey).values(
                organization_id=organization_id,
                id=id,
                name=name,
                prefix=service_keys.visible(token),
                digest=service_keys.digest(token),
                created_at=now,
                created_by_id=context.actor.id,
                expires_at=expires_at,
            )
        )
        await connection.execute(
            insert(ServiceKeyGrant),
            [
                {
                    "organization_id": organization_id,
                    "service_key_id": id,
                    "permission": permission,
                    "department_id": department_id,
                }
                for department_id, permission in product(department_ids, permissions)
            ],
        )
        trail.tell(
            AuditAction.SERVICE_KEY_CREATED,
            on_key(organization_id, department_ids),
            [of_key(id), *chosen(permissions, department_ids, expires_at)],
        )
        return Issued(Key(ServiceKey, id), token)

    return await context.write(work)


async def service_key_revoke(context: Context, id: str) -> Key:
    """End a key. One that was revoked before stays as it is."""
    key_id = parse_id("key_", id)

    async def work(connection: AsyncConnection, trail: Trail) -> Key:
        organization_id = context.actor.organization_id
        its = (ServiceKey.organization_id == organization_id, ServiceKey.id == key_id)
        found = await connection.execute(select(ServiceKey.id).where(*its))
        if key_id is None or found.first() is None:
            raise refuse(Code.NOT_FOUND, "There is no such service key.", "id")
        revoked = await connection.execute(
            update(ServiceKey)
            .where(*its, ServiceKey.revoked_at.is_(None))
            .values(revoked_at=context.now())
        )
        if revoked.rowcount:
            departments = await connection.execute(
                select(ServiceKeyGrant.department_id).where(
                    ServiceKeyGrant.organization_id == organization_id,
                    ServiceKeyGrant.service_key_id == key_id,
                )
            )
            on = on_key(organization_id, departments.scalars())
            trail.tell(AuditAction.SERVICE_KEY_REVOKED, on, [of_key(key_id)])
        return Key(ServiceKey, key_id)

    return await context.write(work)


_NEEDED = {
    **{one: (Permission.CLIENT_READ,) for one in Permission if one.startswith("CLIENT_")},
    **{one: (Permission.STAFF_READ,) for one in Permission if one.startswith("STAFF_")},
    Permission.CLIENT_ASSOCIATE: (Permission.CLIENT_READ, Permission.STAFF_READ),
}
"""What must be seen by whoever is to do something with it."""


def _check_permissions(checks: Checks, typed: NewServiceKey) -> None:
    if not typed.permissions:
        checks.add(Code.REQUIRED, "Choose at least one permission.", "permissions")
    for i, permission in enumerate(typed.permissions):
        field = ("permissions", str(i))
        if permission in PEOPLES_OWN:
            checks.add(Code.INVALID, "Only people can hold this permission.", *field)
        elif typed.department_ids is not None and not HELD_BY[permission]:
            message = "This permission is held in the whole organization only."
            checks.add(Code.INVALID, message, *field)
        for needed in _NEEDED.get(permission, ()):
            if needed not in typed.permissions:
                checks.add(Code.INVALID, f"This permission needs {needed} as well.", *field)


def _checked_end(checks: Checks, typed: dt.datetime | None, now: dt.datetime) -> dt.datetime:
    """When the key ends."""
    if typed is None:
        return now + LIVES
    if not now < typed <= now + LIVES_AT_MOST:
        message = f"A service key ends in the future, and after {LIVES_AT_MOST.days} days at most."
        checks.add(Code.INVALID, message, "expiresAt")
    return typed


async def _departments(
    connection: AsyncConnection, context: Context, checks: Checks, typed: Sequence[str] | None
) -> list[uuid.UUID | None]:
    """The departments, each once; None alone stands for the whole organization."""
    if typed is None:
        return [None]
    if not typed:
        message = "Name a department. Left out, the key is for the whole organization."
        checks.add(Code.REQUIRED, message, "departmentIds")
    found: dict[uuid.UUID | None, None] = {}
    for i, id in enumerate(typed):
        department = await in_organization(connection, context.actor, id)
        if department is None:
            checks.add(Code.NOT_FOUND, "There is no such department.", "departmentIds", str(i))
        else:
            found[department.id] = None
    return [*found]
