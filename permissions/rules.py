"""The rule on a field. It is declared once and prints itself.

From one rule object come the check before anything runs, the directive in `schema.graphql`, the
sentence at the end of the field's description, and `docs/permissions.md`.

    Rule
    ├── Public          everybody, signed in or not
    ├── Authenticated   everybody who is signed in, and service keys
    │   └── ForPeople   everybody who is signed in, about themselves
    ├── ForStaff        every staff member, about themselves
    ├── Requires        whoever holds a permission at least so far
    │   └── RequiresPerson   the same, and never a service key
    └── Inherited       whoever came as far as the object that carries the field
"""

from abc import abstractmethod
from typing import Any

import strawberry
from strawberry.permission import BasePermission
from strawberry.schema_directive import Location

from models import AccountKind
from permissions.actor import Shape
from permissions.roles import Permission, Scope, sentence

_OWNERS = {AccountKind.CLIENT: "client", AccountKind.STAFF: "staff member"}


@strawberry.schema_directive(
    locations=[Location.FIELD_DEFINITION],
    name="requires",
    description="Only for who holds the permission, reaching at least as far as the scope.",
)
class RequiresDirective:
    """`@requires(permission: …, scope: …)` in the schema."""

    permission: Permission = strawberry.directive_field(name="permission")
    scope: Scope = strawberry.directive_field(name="scope", default=Scope.DEPARTMENT)


@strawberry.schema_directive(
    locations=[Location.FIELD_DEFINITION],
    name="public",
    description="Open to everybody, signed in or not.",
)
class PublicDirective:
    """`@public` in the schema."""


@strawberry.schema_directive(
    locations=[Location.FIELD_DEFINITION],
    name="authenticated",
    description="For everybody who is signed in.",
)
class AuthenticatedDirective:
    """`@authenticated` in the schema."""


@strawberry.schema_directive(
    locations=[Location.FIELD_DEFINITION],
    name="staff",
    description="For every staff member who is signed in, about themselves.",
)
class StaffDirective:
    """`@staff` in the schema."""


class Rule(BasePermission):
    """Who may ask for a field at all, on any row. What the rows are is the reach's matter.

    `restricts`: whether there is anybody whom the rule keeps out.
    """

    permission: Permission | None = None
    scope: Scope | None = None
    sentence = ""
    restricts = True

    @abstractmethod
    def permits(self, shape: Shape) -> bool:
        """Whether callers of this shape may ask for the field."""

    def has_permission(self, source: object, info: Any, **kwargs: object) -> bool:
        """The same answer, where Strawberry asks."""
        return self.permits(info.context.actor.shape)


class Public(Rule):
    """Open to everybody."""

    sentence = "Open to everybody, signed in or not."
    restricts = False

    def permits(self, shape: Shape) -> bool:
        return True

    @property
    def schema_directive(self) -> object:
        return PublicDirective()


class Authenticated(Rule):
    """For everybody who is signed in, and for service keys, which are known without that."""

    sentence = "For everybody who is signed in."

    def permits(self, shape: Shape) -> bool:
        return shape.kind is not None

    @property
    def schema_directive(self) -> object:
        return AuthenticatedDirective()


class ForPeople(Authenticated):
    """For everybody who is signed in, about how they sign in: service keys do not."""

    sentence = "For everybody who is signed in, about themselves."

    def permits(self, shape: Shape) -> bool:
        return super().permits(shape) and shape.kind is not AccountKind.SERVICE_KEY


class ForStaff(Rule):
    """For every staff member, whatever they hold: it is about themselves."""

    sentence = "For every staff member who is signed in, about themselves."

    def permits(self, shape: Shape) -> bool:
        return shape.kind is AccountKind.STAFF

    @property
    def schema_directive(self) -> object:
        return StaffDirective()


class Requires(Rule):
    """For who holds the permission, reaching at least as far as the scope (`D31`).

    `own`: people of this kind may ask too, because the row may be their own, which needs no
    permission; on every other row they get what somebody without the permission gets.
    """

    def __init__(
        self,
        permission: Permission,
        scope: Scope = Scope.DEPARTMENT,
        own: AccountKind | None = None,
    ) -> None:
        self.permission = permission
        self.scope = scope
        self.own = own
        own_record = f"; on their own record, every {_OWNERS[own]}" if own else ""
        self.sentence = f"Requires {permission}: {sentence(permission, scope)}{own_record}."

    def permits(self, shape: Shape) -> bool:
        assert self.permission and self.scope
        if self.own and shape.kind is self.own:
            return True
        return shape.holds(self.permission, self.scope)

    @property
    def schema_directive(self) -> object:
        assert self.permission and self.scope
        return RequiresDirective(permission=self.permission, scope=self.scope)


class RequiresPerson(Requires):
    """As `Requires`, and never for a service key: it is about how people sign in."""

    def __init__(self, permission: Permission, scope: Scope = Scope.DEPARTMENT) -> None:
        super().__init__(permission, scope)
        self.sentence += " No service key."

    def permits(self, shape: Shape) -> bool:
        return super().permits(shape) and shape.kind is not AccountKind.SERVICE_KEY


class Inherited(Rule):
    """For whoever came as far as the object that carries the field: the rows are the rule."""

    restricts = False

    def permits(self, shape: Shape) -> bool:
        return True

    @property
    def schema_directive(self) -> object:
        return None
