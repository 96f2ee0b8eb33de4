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
    "WEBHOOK_MANAGE",
)
HOLDERS = {
    "ORGANIZATION_ADMINISTRATOR": ("ORGANIZATION", PERMISSIONS),
    "DEPARTMENT_ADMINISTRATOR": ("DEPARTMENT", (*PERMISSIONS[:9], *PERMISSIONS[-2:])),
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

    @property
    def everywhere(self) -> bool:
        """Whether it is an Organizational Administrator, at the portal."""
        roles = {grant.role for grant in self.grants}
        return self.surface == "PORTAL" and "ORGANIZATION_ADMINISTRATOR" in roles

    @property
    def managed(self) -> set[uuid.UUID]:
        """The departments that a Department Administrator or Care Coordinator manages."""
        if self.surface != "PORTAL":
            return set()
        managers = ("DEPARTMENT_ADMINISTRATOR", "CARE_COORDINATOR")
        return {grant.department_id for grant in self.grants if grant.role in managers}

    @property
    def administered(self) -> set[uuid.UUID]:
        """The departments that a Department Administrator administers."""
        if self.surface != "PORTAL":
            return set()
        role = "DEPARTMENT_ADMINISTRATOR"
        return {grant.department_id for grant in self.grants if grant.role == role}

    def is_of(self, row: Row) -> bool:
        """Whether the row is of the caller's organization."""
        return self.person is not None and row.organization_id == self.person.organization_id

    def is_(self, kind: str, id: uuid.UUID) -> bool:
        """Whether it is this client, or this staff member."""
        return self.person is not None and self.kind == kind and self.person.id == id
