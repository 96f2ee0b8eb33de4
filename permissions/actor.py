"""Who is asking. An anonymous caller is an actor too, one that holds nothing."""

import uuid
from collections.abc import Container
from dataclasses import dataclass
from functools import lru_cache
from typing import NamedTuple

from models import AccountKind, Role, Surface
from permissions.roles import HELD_BY, HOLDS, Permission, Scope

SHAPES = 4096
"""How much is kept of what is made for shapes of callers: those of service keys are many."""


class Grant(NamedTuple):
    """A role in a department; in none for an Organizational Administrator."""

    role: Role
    department_id: uuid.UUID | None


class Shape(NamedTuple):
    """All that decides *which* predicates bound an actor's reach; the actor gives their values.

    There are few shapes, so predicates, plans and statements are made once for each. A service key
    holds of what its roles hold only what was `chosen` for it, and is signed in nowhere.
    """

    kind: AccountKind | None
    surface: Surface | None
    roles: frozenset[Role]
    chosen: frozenset[Permission] | None = None

    def scopes(self, permission: Permission) -> frozenset[Scope]:
        """How far the permission reaches, role by role; on the app never beyond OWN (`S28`)."""
        return _scopes(self, permission)

    def holds(self, permission: Permission, scope: Scope) -> bool:
        """Whether the permission reaches at least this far."""
        return any(held.includes(scope) for held in self.scopes(permission))


@lru_cache(SHAPES)
def _scopes(shape: Shape, permission: Permission) -> frozenset[Scope]:
    if shape.chosen is not None and permission not in shape.chosen:
        return frozenset()
    held = {HOLDS[role][permission] for role in shape.roles if permission in HOLDS[role]}
    if shape.surface is Surface.APP and held:
        return frozenset({Scope.OWN})
    return frozenset(held)


@dataclass(frozen=True, slots=True)
class Actor:
    """A caller, as the session and the database say on this very request (`D21`).

    `grants` are those in active departments (`D13`). An anonymous caller has a kind of None, and a
    service key no session.
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
        """Whether it is not known who asks."""
        return self.shape.kind is None

    @property
    def is_signed_in(self) -> bool:
        """Whether a person asks, who is signed in."""
        return self.shape.surface is not None

    def holds(self, permission: Permission, scope: Scope = Scope.DEPARTMENT) -> bool:
        """Whether the permission reaches at least this far, somewhere."""
        return self.shape.holds(permission, scope)

    def departments(self, permission: Permission) -> frozenset[uuid.UUID]:
        """The departments in which a grant of the actor's holds the permission for all rows."""
        if not self.shape.scopes(permission):
            return frozenset()
        return self.departments_as(HELD_BY[permission])

    def departments_as(self, roles: Container[Role]) -> frozenset[uuid.UUID]:
        """The departments in which the actor holds one of the roles; none on the app (`S28`)."""
        if self.shape.surface is Surface.APP:
            return frozenset()
        return frozenset(
            grant.department_id
            for grant in self.grants
            if grant.department_id and grant.role in roles
        )


NOBODY = uuid.UUID(int=0)
"""The id of no row."""

ANONYMOUS = Actor(
    shape=Shape(kind=None, surface=None, roles=frozenset()),
    organization_id=NOBODY,
    id=NOBODY,
    session_id=NOBODY,
)
