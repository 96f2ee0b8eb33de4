"""What there is to choose from, as far as the viewer may choose it.

`told` has what the fragment `Reach` asks for: which role holds which permission how far, and which
roles the viewer has. The API decides on what is chosen; here nobody is shown what it would refuse.
"""

from collections.abc import Iterable, Iterator, Mapping
from typing import Any

Row = Mapping[str, Any]

_ROLES = ("PRACTITIONER", "CARE_COORDINATOR", "DEPARTMENT_ADMINISTRATOR")


def anywhere(told: Row, permission: str) -> bool:
    """Whether the viewer holds the permission in the whole organization."""
    return any(scope == "ORGANIZATION" for scope, _ in _held(told, permission))


def within(told: Row, permission: str) -> list[Row]:
    """The active departments in which the viewer holds the permission."""
    active = [one for one in told["departments"] if one["active"]]
    if anywhere(told, permission):
        return active
    held = _held(told, permission)
    mine = {department["id"] for scope, department in held if scope == "DEPARTMENT"}
    return [one for one in active if one["id"] in mine]


def grantable(told: Row, roles: Iterable[Row]) -> Iterator[tuple[Row, dict[str, bool]]]:
    """Departments with the roles there that the viewer may give or take: whether somebody has it.

    In a closed department a role can only be taken, and by whoever may do so anywhere: what one is
    there oneself counts for nothing.
    """
    held = {(one["role"], one["department"]["id"]) for one in roles if one["department"]}
    is_anywhere = anywhere(told, "STAFF_SET_ROLES")
    for department in told["departments"] if is_anywhere else within(told, "STAFF_SET_ROLES"):
        boxes = {role: (role, department["id"]) in held for role in _ROLES}
        shown = {role: has for role, has in boxes.items() if has or department["active"]}
        if shown:
            yield department, shown


def practised(roles: Iterable[Row], mine: Iterable[Row], also: Row | None = None) -> list[Row]:
    """Of these departments those in which somebody is a practitioner, and `also` this one."""
    there = {one["department"]["id"] for one in roles if one["role"] == "PRACTITIONER"}
    found = [one for one in mine if one["id"] in there]
    return found if also is None or also["id"] in {one["id"] for one in found} else [also, *found]


def _held(told: Row, permission: str) -> list[tuple[str, Row]]:
    """How far the viewer holds the permission, and where, by each role that gives it."""
    scopes = {
        grant["role"]: grant["scope"]
        for grant in told["permissionMatrix"]
        if grant["permission"] == permission
    }
    return [
        (scopes[one["role"]], one["department"])
        for one in told["reach"]["staff"]["roles"]
        if one["role"] in scopes
    ]
