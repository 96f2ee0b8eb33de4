"""Who is asking. An anonymous caller is an actor too, one that holds nothing."""

import uuid
from dataclasses import dataclass
from functools import cache
from typing import NamedTuple

from models import AccountKind, Role, Surface
from permissions.roles import HOLDS, Permission, Scope


class Grant(NamedTuple):
    """A role in a department; in none for an Organizational Administrator."""

    role: Role
    department_id: uuid.UUID | None


class Shape(NamedTuple):
    """All that decides *which* predicates bound an actor's reach; the actor gives their values.

    There are few shapes, so predicates, plans and statements are made once for each.
    """

    kind: AccountKind | None
    surface: Surface | None
    roles: frozenset[Role]

    def scopes(self, permission: Permission) -> frozenset[Scope]:
        """How far the permission reaches, role by role; on the app never beyond OWN (`S28`)."""
        return _scopes(self, permission)

    def holds(self, permission: Permission, scope: Scope) -> bool:
        """Whether the permission reaches at least this far."""
        return any(held.includes(scope) for held in self.scopes(permission))


@cache
def _scopes(shape: Shape, permission: Permission) -> frozenset[Scope]:
    held = {HOLDS[role][permission] for role in shape.roles if permission in HOLDS[role]}
    if shape.surface is Surface.APP and held:
        return frozenset({Scope.OWN})
    return frozenset(held)


@dataclass(frozen=True, slots=True)
class Actor:
    """A caller, as the session and the database say on this very request (`D21`).

    `grants` are those in active departments (`D13`). An anonymous caller has a kind of None.
    `second_factor_needed`: the organization requires one, and until there is one no grant counts.
    """

    shape: Shape
    organization_id: uuid.UUID
    id: uuid.UUID
    session_id: uuid.UUID
    grants: tuple[Grant, ...] = ()
    second_factor_needed: bool = False

    @property
    def is_anonymous(self) -> bool:
        """Whether nobody is signed in."""
        return self.shape.kind is None

    def holds(self, permission: Permission, scope: Scope = Scope.DEPARTMENT) -> bool:
        """Whether the permission reaches at least this far, somewhere."""
        return self.shape.holds(permission, scope)

    def departments(self, permission: Permission) -> frozenset[uuid.UUID]:
        """The departments in which a grant of the actor's holds the permission for all rows."""
        if self.shape.surface is Surface.APP:
            return frozenset()
        return frozenset(
            grant.department_id
            for grant in self.grants
            if grant.department_id and HOLDS[grant.role].get(permission) is Scope.DEPARTMENT
        )


_NOBODY = uuid.UUID(int=0)

ANONYMOUS = Actor(
    shape=Shape(kind=None, surface=None, roles=frozenset()),
    organization_id=_NOBODY,
    id=_NOBODY,
    session_id=_NOBODY,
)
