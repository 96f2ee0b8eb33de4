"""Who meets whom, and in which department: one rule, from both tabs (`S12`, `S15` to `S25`)."""

import datetime as dt
import uuid
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import and_, insert, select
from sqlalchemy.ext.asyncio import AsyncConnection

from models import (
    Association,
    Department,
    Record,
    Role,
    RoleGrant,
    Staff,
    StaffStatus,
    new_id,
    parse_id,
)
from permissions import Actor, Permission, Scope, reach
from resolvers.checks import Checks
from resolvers.errors import Choice, Code, Problem


@dataclass(frozen=True, slots=True)
class NewAssociation:
    """A practitioner to meet, in one of their departments; the only one need not be named."""

    practitioner_id: str
    department_id: str | None


async def associate(
    connection: AsyncConnection,
    actor: Actor,
    client_id: uuid.UUID,
    asked: Sequence[NewAssociation],
    now: dt.datetime,
    *field: str,
) -> None:
    """Associate the client with these practitioners, all of them or (`Refused`) none.

    `field` is the path of the list in the input; each problem adds its row and its own field.
    """
    checks = Checks(*field)
    rows: list[dict[str, Any]] = []
    met = await _met(connection, actor, client_id)
    for i, one in enumerate(asked):
        practitioner = await _practitioner(connection, actor, one.practitioner_id)
        if practitioner is None:
            message = "There is no such staff member."
            checks.add(Code.NOT_FOUND, message, str(i), "practitionerId")
            continue
        if any(row["practitioner_id"] == practitioner.id for row in rows):
            message = "This practitioner is named twice: a client meets each in one department."
            checks.add(Code.ALREADY_ASSOCIATED, message, str(i), "practitionerId")
            continue
        if practitioner.id in met:
            message = "The client is associated with this practitioner already."
            checks.add(Code.ALREADY_ASSOCIATED, message, str(i), "practitionerId")
            continue
        department_id = await _department(connection, actor, practitioner, one, checks, str(i))
        if department_id is not None:
            rows.append(
                {
                    "organization_id": actor.organization_id,
                    "id": new_id(),
                    "client_id": client_id,
                    "practitioner_id": practitioner.id,
                    "department_id": department_id,
                    "role": Role.PRACTITIONER,
                    "created_at": now,
                }
            )
    checks.done()
    if rows:
        await connection.execute(insert(Association), rows)


async def _met(
    connection: AsyncConnection, actor: Actor, client_id: uuid.UUID
) -> frozenset[uuid.UUID]:
    """The practitioners whom the client meets, in any department (`D8`: this must be told)."""
    found = await connection.execute(
        select(Association.practitioner_id).where(
            Association.organization_id == actor.organization_id,
            Association.client_id == client_id,
        )
    )
    return frozenset(found.scalars())


async def _practitioner(connection: AsyncConnection, actor: Actor, typed: str) -> Record | None:
    id = parse_id("stf_", typed)
    if id is None:
        return None
    found = await connection.execute(
        select(Staff.id, Staff.first_name, Staff.last_name).where(
            Staff.id == id,
            Staff.status == StaffStatus.ACTIVE,
            reach.reading(Staff, actor.shape, Scope.DEPARTMENT),
        ),
        reach.values(actor),
    )
    return found.one_or_none()


async def _department(
    connection: AsyncConnection,
    actor: Actor,
    practitioner: Record,
    asked: NewAssociation,
    checks: Checks,
    row: str,
) -> uuid.UUID | None:
    """The one department of the association (`S21`), or a problem."""
    found = await connection.execute(
        select(Department.id, Department.name)
        .join(
            RoleGrant,
            and_(
                RoleGrant.organization_id == Department.organization_id,
                RoleGrant.department_id == Department.id,
                RoleGrant.role == Role.PRACTITIONER,
            ),
        )
        .where(
            RoleGrant.organization_id == actor.organization_id,
            RoleGrant.staff_id == practitioner.id,
            Department.active,
        )
        .order_by(Department.name_key)
    )
    anywhere = actor.holds(Permission.CLIENT_ASSOCIATE, Scope.ORGANIZATION)
    mine = actor.departments(Permission.CLIENT_ASSOCIATE)
    held = found.all()
    choices = [one for one in held if anywhere or one.id in mine]
    name = f"{practitioner.first_name} {practitioner.last_name}"
    if asked.department_id is None:
        if len(choices) == 1:
            return choices[0].id  # type: ignore[no-any-return]
        if choices:
            checks.problems.append(
                Problem(
                    Code.DEPARTMENT_REQUIRED,
                    f"{name} is a practitioner of several departments: choose one.",
                    checks.path(row, "departmentId"),
                    tuple(Choice(one.id, one.name) for one in choices),
                )
            )
        else:
            message = f"{name} is not a practitioner of a department of yours."
            checks.add(Code.NOT_A_PRACTITIONER, message, row, "practitionerId")
        return None
    department = await in_organization(connection, actor, asked.department_id)
    if department is None:
        checks.add(Code.NOT_FOUND, "There is no such department.", row, "departmentId")
    elif not anywhere and department.id not in mine:
        message = f"You cannot associate clients in {department.name}."
        checks.add(Code.OUT_OF_SCOPE, message, row, "departmentId")
    elif all(one.id != department.id for one in held):
        message = f"{name} is not a practitioner of {department.name}."
        checks.add(Code.NOT_A_PRACTITIONER, message, row, "departmentId")
    else:
        return department.id  # type: ignore[no-any-return]
    return None


async def in_organization(connection: AsyncConnection, actor: Actor, typed: str) -> Record | None:
    """The active department of the caller's organization with this outside id."""
    id = parse_id("dep_", typed)
    if id is None:
        return None
    found = await connection.execute(
        select(Department.id, Department.name).where(
            Department.organization_id == actor.organization_id,
            Department.id == id,
            Department.active,
        )
    )
    return found.one_or_none()
