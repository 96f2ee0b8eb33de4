"""Who asks, and who holds what (`D31`): written from the requirements, not from `permissions`."""

import uuid
from dataclasses import dataclass
from types import SimpleNamespace as Row

_CLIENT = ("READ", "CREATE", "UPDATE", "APPROVE", "SET_STATUS", "ASSOCIATE")
_STAFF = ("READ", "UPDATE", "SET_ROLES")
PERMISSIONS = (
    *(f"CLIENT_{what}" for what in _CLIENT),
    *(f"STAFF_{what}" for what in _STAFF),
    "DEPARTMENT_UPDATE",
    "ORGANIZATION_UPDATE",
    "AUDIT_READ",
    "SERVICE_KEY_MANAGE",
    "WEBHOOK_MANAGE",
)
HOLDERS = {
    "ORGANIZATION_ADMINISTRATOR": ("ORGANIZATION", PERMISSIONS),
    "DEPARTMENT_ADMINISTRATOR": ("DEPARTMENT", (*PERMISSIONS[:9], "AUDIT_READ", "WEBHOOK_MANAGE")),
    "CARE_COORDINATOR": ("DEPARTMENT", PERMISSIONS[:7]),
    "PRACTITIONER": ("OWN", ("CLIENT_READ",)),
}
_WIDTHS = ("OWN", "DEPARTMENT", "ORGANIZATION")


@dataclass(frozen=True)
class Me:
    """Who asks; the anonymous caller has no person. Grants are those in active departments."""

    person: Row | None = None
    kind: str | None = None
    surface: str | None = None
    grants: tuple[Row, ...] = ()

    def scopes(self, permission: str) -> set[str]:
        """How far the permission reaches; on the app only to what is one's own (S28)."""
        held = {
            HOLDERS[grant.role][0] for grant in self.grants if permission in HOLDERS[grant.role][1]
        }
        return {"OWN"} if held and self.surface == "APP" else held

    def holds(self, permission: str, scope: str) -> bool:
        """Whether it reaches at least this far."""
        wide_enough = _WIDTHS[_WIDTHS.index(scope) :]
        return not self.scopes(permission).isdisjoint(wide_enough)

    def everywhere(self, permission: str) -> bool:
        """Whether it is held in the whole organization."""
        return "ORGANIZATION" in self.scopes(permission)

    def managed(self, permission: str) -> set[uuid.UUID]:
        """The departments in which it is held over all rows."""
        if self.surface != "PORTAL":
            return set()
        return {
            grant.department_id
            for grant in self.grants
            for scope, held in (HOLDERS[grant.role],)
            if scope == "DEPARTMENT" and permission in held
        }

    def is_of(self, row: Row) -> bool:
        """Whether the row is of the caller's organization."""
        return self.person is not None and row.organization_id == self.person.organization_id

    def is_(self, kind: str, id: uuid.UUID) -> bool:
        """Whether it is this client, or this staff member."""
        return self.person is not None and self.kind == kind and self.person.id == id


@dataclass(frozen=True)
class Program(Me):
    """A service key: its permissions, each in its departments; in none for the organization."""

    permissions: frozenset[str] = frozenset()
    departments: frozenset[uuid.UUID | None] = frozenset()

    def scopes(self, permission: str) -> set[str]:
        if permission not in self.permissions or not self.departments:
            return set()
        return {"ORGANIZATION"} if None in self.departments else {"DEPARTMENT"}

    def managed(self, permission: str) -> set[uuid.UUID]:
        held = permission in self.permissions
        return {one for one in self.departments if one is not None} if held else set()
