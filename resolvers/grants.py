"""Roles that somebody grants: checked against what they hold themselves (`D6`)."""

import uuid
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass

from sqlalchemy.ext.asyncio import AsyncConnection

from models import Record, Role
from permissions import Actor, Permission, Scope
from resolvers.associations import active_departments, in_organization
from resolvers.checks import Checks
from resolvers.errors import Code

Grant = tuple[Role, uuid.UUID | None]

Find = Callable[[AsyncConnection, Actor, str], Awaitable[Record | None]]


@dataclass(frozen=True, slots=True)
class NewGrant:
    """A role to hold; all but the Organizational Administrator's are held in a department."""

    role: Role
    department_id: str | None


async def checked_grants(
    connection: AsyncConnection,
    actor: Actor,
    asked: Sequence[NewGrant],
    field: str,
    find: Find = in_organization,
) -> list[Grant]:
    """The grants, if the caller may give or take every one; else `Refused`.

    A Department Administrator has to do with the roles of their departments, and nobody but an
    Organizational Administrator with that role. `field` is the list in the input, `find` looks up
    the departments that count: what is to be taken may be held in a closed one.
    """
    checks = Checks("input", field)
    choices = await _choices(connection, actor) if any(map(_is_nowhere, asked)) else []
    grants: list[Grant] = []
    for i, one in enumerate(asked):
        grant = await _checked(connection, actor, one, find, choices, checks, str(i))
        if grant in grants:
            checks.add(Code.INVALID, "This role is named twice.", str(i))
        elif grant:
            grants.append(grant)
    checks.done()
    return grants


async def _checked(
    connection: AsyncConnection,
    actor: Actor,
    one: NewGrant,
    find: Find,
    choices: Sequence[Record],
    checks: Checks,
    row: str,
) -> Grant | None:
    anywhere = actor.holds(Permission.STAFF_SET_ROLES, Scope.ORGANIZATION)
    if one.role is Role.ORGANIZATION_ADMINISTRATOR:
        if not anywhere:
            message = "Only an Organizational Administrator can grant or revoke this role."
            checks.add(Code.OUT_OF_SCOPE, message, row, "role")
        elif one.department_id is not None:
            message = "An Organizational Administrator belongs to no department."
            checks.add(Code.INVALID, message, row, "departmentId")
        else:
            return (one.role, None)
    elif one.department_id is None:
        message = "This role is held in a department: choose one."
        checks.choose(message, choices, row, "departmentId")
    else:
        department = await find(connection, actor, one.department_id)
        if department is None:
            checks.add(Code.NOT_FOUND, "There is no such department.", row, "departmentId")
        elif not anywhere and department.id not in actor.departments(Permission.STAFF_SET_ROLES):
            message = f"You cannot grant or revoke roles in {department.name}."
            checks.add(Code.OUT_OF_SCOPE, message, row, "departmentId")
        else:
            return (one.role, department.id)
    return None


def _is_nowhere(one: NewGrant) -> bool:
    """Whether it is a role that is held in a department, and names none."""
    return one.role is not Role.ORGANIZATION_ADMINISTRATOR and one.department_id is None


async def _choices(connection: AsyncConnection, actor: Actor) -> list[Record]:
    """The active departments in which the caller gives and takes roles."""
    active = await active_departments(connection, actor.organization_id)
    anywhere = actor.holds(Permission.STAFF_SET_ROLES, Scope.ORGANIZATION)
    mine = actor.departments(Permission.STAFF_SET_ROLES)
    return [department for department in active if anywhere or department.id in mine]
