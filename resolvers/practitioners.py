"""Staff as practitioners: whom the caller reaches, who is active, and where they practise."""

import uuid
from collections import defaultdict
from collections.abc import Collection, Mapping, Sequence
from typing import Self

from sqlalchemy import and_, select
from sqlalchemy.ext.asyncio import AsyncConnection

from models import Department, Record, Role, RoleGrant, Staff, StaffStatus, within
from permissions import Actor, Scope, reach


class Practitioners:
    """Staff members, read at once, who stay as they are until the transaction ends."""

    def __init__(
        self, staff: Mapping[uuid.UUID, Record], departments: Mapping[uuid.UUID, Sequence[Record]]
    ) -> None:
        self._staff = staff
        self._departments = departments

    @classmethod
    async def read(
        cls, connection: AsyncConnection, actor: Actor, ids: Collection[uuid.UUID]
    ) -> Self:
        """Those of these ids whom the caller manages: two statements, however many they are."""
        if not ids:
            return cls({}, {})
        members = await connection.execute(
            select(*Staff.__table__.c)
            .where(within(Staff.id, "members"), reach.reading(Staff, actor.shape, Scope.DEPARTMENT))
            .order_by(Staff.id)
            .with_for_update(read=True, of=Staff),
            {**reach.values(actor), "members": ids},
        )
        practised = await connection.execute(
            select(RoleGrant.staff_id, Department.id, Department.name)
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
                within(RoleGrant.staff_id, "members"),
                Department.active,
            )
            .order_by(Department.name_key)
            .with_for_update(read=True, of=Department),
            {"members": ids},
        )
        departments = defaultdict(list)
        for row in practised:
            departments[row.staff_id].append(row)
        return cls({one.id: one for one in members}, departments)

    def get(self, id: uuid.UUID) -> Record | None:
        """The staff member of this id, if the caller manages them."""
        return self._staff.get(id)

    def is_active(self, id: uuid.UUID) -> bool:
        """Whether this one of them is active."""
        found = self._staff.get(id)
        return found is not None and found.status is StaffStatus.ACTIVE

    def departments(self, id: uuid.UUID) -> Sequence[Record]:
        """The active departments in which the staff member is a practitioner, by name."""
        return self._departments.get(id, ())
