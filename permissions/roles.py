"""The one table: which role holds which permission, and how far it reaches (`D31`)."""

from enum import StrEnum

from models import Role


class Permission(StrEnum):
    """One permission a thing that a person can be allowed to do."""

    CLIENT_READ = "CLIENT_READ"
    CLIENT_CREATE = "CLIENT_CREATE"
    CLIENT_UPDATE = "CLIENT_UPDATE"
    CLIENT_APPROVE = "CLIENT_APPROVE"
    CLIENT_SET_STATUS = "CLIENT_SET_STATUS"
    CLIENT_ASSOCIATE = "CLIENT_ASSOCIATE"
    STAFF_READ = "STAFF_READ"
    STAFF_UPDATE = "STAFF_UPDATE"
    STAFF_SET_ROLES = "STAFF_SET_ROLES"
    DEPARTMENT_UPDATE = "DEPARTMENT_UPDATE"
    ORGANIZATION_UPDATE = "ORGANIZATION_UPDATE"
    AUDIT_READ = "AUDIT_READ"
    SERVICE_KEY_MANAGE = "SERVICE_KEY_MANAGE"
    WEBHOOK_MANAGE = "WEBHOOK_MANAGE"


class Scope(StrEnum):
    """How far a permission reaches. `ORGANIZATION` includes `DEPARTMENT`, and that `OWN`."""

    ORGANIZATION = "ORGANIZATION"
    DEPARTMENT = "DEPARTMENT"
    OWN = "OWN"

    def includes(self, other: "Scope") -> bool:
        """Whether what reaches this far reaches as far as the other (`D31`: "at least")."""
        return _WIDTH[self] >= _WIDTH[other]


_WIDTH = {Scope.OWN: 0, Scope.DEPARTMENT: 1, Scope.ORGANIZATION: 2}

_CLIENT = tuple(permission for permission in Permission if permission.startswith("CLIENT_"))
_STAFF = tuple(permission for permission in Permission if permission.startswith("STAFF_"))

HOLDS: dict[Role, dict[Permission, Scope]] = {
    Role.ORGANIZATION_ADMINISTRATOR: dict.fromkeys(Permission, Scope.ORGANIZATION),
    Role.DEPARTMENT_ADMINISTRATOR: dict.fromkeys(
        (*_CLIENT, *_STAFF, Permission.AUDIT_READ, Permission.WEBHOOK_MANAGE), Scope.DEPARTMENT
    ),
    Role.CARE_COORDINATOR: dict.fromkeys((*_CLIENT, Permission.STAFF_READ), Scope.DEPARTMENT),
    Role.PRACTITIONER: {Permission.CLIENT_READ: Scope.OWN},
}

HELD_BY = {
    permission: tuple(role for role in Role if HOLDS[role].get(permission) is Scope.DEPARTMENT)
    for permission in Permission
}
"""The roles that hold a permission in a department, for all rows there."""

PEOPLES_OWN = frozenset({Permission.SERVICE_KEY_MANAGE, Permission.WEBHOOK_MANAGE})
"""What no service key can hold: what it made would outlive it."""

TITLES = {
    Role.ORGANIZATION_ADMINISTRATOR: "Organizational Administrators",
    Role.DEPARTMENT_ADMINISTRATOR: "Department Administrators",
    Role.CARE_COORDINATOR: "Care Coordinators",
    Role.PRACTITIONER: "Practitioners",
}

REACHES = {
    Scope.ORGANIZATION: "anywhere",
    Scope.DEPARTMENT: "in their departments",
    Scope.OWN: "with their own",
}


def holders(permission: Permission, scope: Scope) -> list[tuple[Scope, list[Role]]]:
    """Who holds the permission at least this far, grouped by how far they reach, widest first."""
    found = [
        (held, [role for role in Role if HOLDS[role].get(permission) is held])
        for held in Scope
        if held.includes(scope)
    ]
    return [(held, roles) for held, roles in found if roles]


def sentence(permission: Permission, scope: Scope) -> str:
    """Who holds the permission at least this far, as words."""
    groups = [
        f"{' and '.join(TITLES[role] for role in roles)} {REACHES[held]}"
        for held, roles in holders(permission, scope)
    ]
    return ", ".join(groups)
