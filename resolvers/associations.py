"""Who meets whom, and in which department: one rule, from both tabs (`S12`, `S15` to `S25`).

Changes are deltas. Those of the Clients tab name practitioners for one client, those of the Staff
tab clients for one practitioner; here both are pairs, and one rule decides on each.
"""

import datetime as dt
import uuid
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, NamedTuple

from sqlalchemy import and_, delete, insert, select, update
from sqlalchemy.ext.asyncio import AsyncConnection

from models import (
    Association,
    AuditAction,
    Client,
    ClientStatus,
    Department,
    Record,
    Role,
    new_id,
    parse_id,
)
from permissions import Actor, Permission, Scope, reach
from resolvers.checks import Checks
from resolvers.errors import Code
from resolvers.events import On, changed
from resolvers.practitioners import Practitioners
from resolvers.trail import Trail


@dataclass(frozen=True, slots=True)
class NewAssociation:
    """The other side of a pair, and the department; the only one need not be named."""

    id: str
    department_id: str | None


@dataclass(frozen=True, slots=True)
class Deltas:
    """What to add, to change and to remove.

    What to remove is named by the association's id, or by the other side's.
    """

    add: Sequence[NewAssociation] = field(default=())
    change: Sequence[NewAssociation] = field(default=())
    remove: Sequence[str] = field(default=())


class Newcomer(NamedTuple):
    """A client who is being made, and whom nobody meets yet."""

    id: uuid.UUID
    first_name: str
    last_name: str
    name_key: str
    email: str
    approved_at: dt.datetime


async def associate(
    connection: AsyncConnection,
    trail: Trail,
    actor: Actor,
    one: Record,
    deltas: Deltas,
    now: dt.datetime,
    added: str = "add",
) -> None:
    """Change whom this client, or this staff member, meets: all of it or (`Refused`) nothing.

    `one` is the row of the side that all pairs share. Each problem names its list in the input,
    its row and its own field; `added` is what the input calls the list of new ones.
    """
    named = named_practitioners(*deltas.add, *deltas.change) if _is_client(one) else {one.id}
    practitioners = await Practitioners.read(connection, actor, named)
    checks = Checks("input")
    await _Change(connection, actor, one, practitioners, now, checks).make(trail, deltas, added)


def named_practitioners(*new: NewAssociation) -> set[uuid.UUID]:
    """The staff members whom associations of clients name."""
    return {id for one in new for id in (parse_id("stf_", one.id),) if id is not None}


async def to_join(
    connection: AsyncConnection,
    actor: Actor,
    client: Newcomer,
    new: Sequence[NewAssociation],
    practitioners: Practitioners,
    checks: Checks,
) -> list[dict[str, Any]]:
    """The associations of a client who is being made, as rows; what is wrong goes to the checks.

    `practitioners` are all whom they name.
    """
    change = _Change(connection, actor, client, practitioners, client.approved_at, checks)
    return await change.to_add(new, "associations")


async def join(
    connection: AsyncConnection, trail: Trail, actor: Actor, rows: Sequence[Mapping[str, Any]]
) -> None:
    """Make the associations of these rows, and tell of each."""
    if rows:
        await connection.execute(insert(Association), rows)
    for row in rows:
        people = row["client_id"], row["practitioner_id"]
        _tell(trail, actor, AuditAction.ASSOCIATION_CREATED, people, None, row["department_id"])


def _tell(
    trail: Trail,
    actor: Actor,
    action: AuditAction,
    people: tuple[uuid.UUID, uuid.UUID],
    before: uuid.UUID | None,
    after: uuid.UUID | None,
) -> None:
    """Tell of a client and a practitioner, and the department in which they met and meet."""
    on = On(actor.organization_id, *people, departments={before, after})
    trail.tell(action, on, changed({"department_id": before}, {"department_id": after}))


def _is_client(one: Record | Newcomer) -> bool:
    # A client's row says when it was approved; a staff member's has no such thing.
    return hasattr(one, "approved_at")


class _Change:
    def __init__(
        self,
        connection: AsyncConnection,
        actor: Actor,
        one: Record | Newcomer,
        practitioners: Practitioners,
        now: dt.datetime,
        checks: Checks,
    ) -> None:
        self._connection = connection
        self._actor = actor
        self._one = one
        self._practitioners = practitioners
        self._now = now
        self._checks = checks
        self._from_client = _is_client(one)
        self._named: set[uuid.UUID] = set()
        self._mine = actor.departments(Permission.CLIENT_ASSOCIATE)
        self._anywhere = actor.holds(Permission.CLIENT_ASSOCIATE, Scope.ORGANIZATION)

    async def make(self, trail: Trail, deltas: Deltas, adding: str) -> None:
        """Look at every row first, then change them: removed, changed, added."""
        removed = [
            await self._to_remove(typed, "remove", str(i)) for i, typed in enumerate(deltas.remove)
        ]
        moved = [
            await self._to_change(new, "change", str(i)) for i, new in enumerate(deltas.change)
        ]
        added = await self.to_add(deltas.add, adding)
        self._checks.done()
        for ended in removed:
            assert ended
            await self._connection.execute(delete(Association).where(self._is(ended)))
            people, before = _people(ended), ended.department_id
            _tell(trail, self._actor, AuditAction.ASSOCIATION_REMOVED, people, before, None)
        for pair in moved:
            assert pair
            one, to = pair
            await self._connection.execute(
                update(Association).where(self._is(one)).values(department_id=to)
            )
            people, before = _people(one), one.department_id
            _tell(trail, self._actor, AuditAction.ASSOCIATION_CHANGED, people, before, to)
        await join(self._connection, trail, self._actor, added)

    async def to_add(self, new: Iterable[NewAssociation], *path: str) -> list[dict[str, Any]]:
        """The rows of those in the input's list at this path that are good."""
        rows = [await self._to_add(one, *path, str(i)) for i, one in enumerate(new)]
        return [row for row in rows if row]

    # --- rows of the input: each answers what to do, or adds a problem

    async def _to_remove(self, typed: str, *row: str) -> Record | None:
        id = parse_id("asc_", typed)
        other = parse_id("stf_" if self._from_client else "cli_", typed)
        found = None
        if id is not None:
            found = await self._association(Association.id == id)
        elif other is not None:
            found = await self._association(self._other_is(other))
        if found is None:
            self._checks.add(Code.NOT_FOUND, "There is no such association.", *row)
        elif self._is_new(self._other_of(found), *row) and self._may(found, *row):
            return found
        return None

    async def _to_change(self, new: NewAssociation, *row: str) -> tuple[Record, uuid.UUID] | None:
        other = await self._other(new.id, *row)
        if other is None or not self._is_new(other.id, *row, self._other_field):
            return None
        found = await self._association(self._other_is(other.id))
        if found is None:
            message = "The two are not associated."
            self._checks.add(Code.NOT_FOUND, message, *row, self._other_field)
            return None
        if not self._may(found, *row, self._other_field):
            return None
        practitioner = other if self._from_client else self._one
        if new.department_id is None:
            choices = self._choices(self._practitioners.departments(practitioner.id))
            self._checks.choose("Choose the department to move to.", choices, *row, "departmentId")
            return None
        department_id = await self._department(practitioner, new, *row)
        return (found, department_id) if department_id else None

    async def _to_add(self, new: NewAssociation, *row: str) -> dict[str, Any] | None:
        other = await self._other(new.id, *row)
        if other is None or not self._is_new(other.id, *row, self._other_field):
            return None
        client, practitioner = (self._one, other) if self._from_client else (other, self._one)
        if not self._practitioners.is_active(practitioner.id):
            message = f"{_name(practitioner)} is inactive."
            self._checks.add(Code.NOT_ACTIVE, message, *row, self._other_field)
            return None
        department_id = await self._department(practitioner, new, *row)
        if await self._meet(other.id):
            message = f"The client and {_name(practitioner)} are associated already."
            self._checks.add(Code.ALREADY_ASSOCIATED, message, *row, self._other_field)
            return None
        return department_id and {
            "organization_id": self._actor.organization_id,
            "id": new_id(),
            "client_id": client.id,
            "client_status": ClientStatus.ACTIVE,
            "client_name_key": client.name_key,
            "practitioner_id": practitioner.id,
            "department_id": department_id,
            "role": Role.PRACTITIONER,
            "created_at": self._now,
        }  # type: ignore[return-value]

    # --- what is there, as far as the caller reaches

    @property
    def _other_field(self) -> str:
        return "practitionerId" if self._from_client else "clientId"

    async def _other(self, typed: str, *row: str) -> Record | None:
        """The other side's row, if the caller manages it and it can be associated."""
        prefix, what = ("stf_", "staff member") if self._from_client else ("cli_", "client")
        id = parse_id(prefix, typed)
        found = None
        if id is not None:
            found = self._practitioners.get(id) if self._from_client else await self._client(id)
        if found is None:
            self._checks.add(Code.NOT_FOUND, f"There is no such {what}.", *row, self._other_field)
        elif not self._from_client and found.status is not ClientStatus.ACTIVE:
            message = f"{_name(found)} is not an active client."
            self._checks.add(Code.NOT_ACTIVE, message, *row, self._other_field)
            found = None
        return found

    async def _client(self, id: uuid.UUID) -> Record | None:
        rows = await self._connection.execute(
            select(*Client.__table__.c).where(
                Client.id == id, reach.reading(Client, self._actor.shape, Scope.DEPARTMENT)
            ),
            reach.values(self._actor),
        )
        return rows.one_or_none()

    async def _association(self, which: Any) -> Record | None:
        """The association within the caller's reach; it stays as it is read until the end."""
        mine = (
            Association.client_id == self._one.id
            if self._from_client
            else Association.practitioner_id == self._one.id
        )
        rows = await self._connection.execute(
            select(*Association.__table__.c)
            .where(which, mine, reach.reading(Association, self._actor.shape))
            .with_for_update(key_share=True, of=Association),
            reach.values(self._actor),
        )
        return rows.one_or_none()

    async def _meet(self, other: uuid.UUID) -> bool:
        """Whether the two meet, in any department (`D8`: this must be told)."""
        if isinstance(self._one, Newcomer):
            return False
        mine = (
            Association.client_id == self._one.id
            if self._from_client
            else Association.practitioner_id == self._one.id
        )
        found = await self._connection.execute(
            select(Association.id).where(
                Association.organization_id == self._actor.organization_id,
                mine,
                self._other_is(other),
            )
        )
        return found.first() is not None

    def _other_is(self, id: uuid.UUID) -> Any:
        if self._from_client:
            return Association.practitioner_id == id
        return Association.client_id == id

    def _other_of(self, association: Record) -> uuid.UUID:
        return (  # type: ignore[no-any-return]
            association.practitioner_id if self._from_client else association.client_id
        )

    def _is(self, association: Record) -> Any:
        return and_(
            Association.organization_id == self._actor.organization_id,
            Association.id == association.id,
        )

    def _is_new(self, other: uuid.UUID, *path: str) -> bool:
        """A pair is named once in all the lists."""
        if other in self._named:
            self._checks.add(Code.INVALID, "This pair is named twice.", *path)
            return False
        self._named.add(other)
        return True

    def _may(self, association: Record, *path: str) -> bool:
        """Whether the association's department is the caller's (`S15`)."""
        if self._anywhere or association.department_id in self._mine:
            return True
        message = "You cannot change associations of this department."
        self._checks.add(Code.OUT_OF_SCOPE, message, *path)
        return False

    # --- the one department

    async def _department(
        self, practitioner: Record | Newcomer, new: NewAssociation, *row: str
    ) -> uuid.UUID | None:
        """The one department of the association (`S21`), or a problem."""
        held = self._practitioners.departments(practitioner.id)
        choices = self._choices(held)
        name = _name(practitioner)
        if new.department_id is None:
            if len(choices) == 1:
                return choices[0].id  # type: ignore[no-any-return]
            if choices:
                message = f"{name} is a practitioner of several departments: choose one."
                self._checks.choose(message, choices, *row, "departmentId")
            else:
                where = "any department" if self._anywhere else "a department of yours"
                message = f"{name} is not a practitioner of {where}."
                self._checks.add(Code.NOT_A_PRACTITIONER, message, *row, self._other_field)
            return None
        field = (*row, "departmentId")
        id = parse_id("dep_", new.department_id)
        department = next((one for one in held if one.id == id), None)
        if department is None:  # nobody's, closed, or one where they do not practise
            department = await in_organization(self._connection, self._actor, new.department_id)
        if department is None:
            self._checks.add(Code.NOT_FOUND, "There is no such department.", *field)
        elif not self._anywhere and department.id not in self._mine:
            message = f"You cannot associate clients in {department.name}."
            self._checks.add(Code.OUT_OF_SCOPE, message, *field)
        elif all(one.id != department.id for one in held):
            message = f"{name} is not a practitioner of {department.name}."
            self._checks.add(Code.NOT_A_PRACTITIONER, message, *field)
        else:
            return department.id  # type: ignore[no-any-return]
        return None

    def _choices(self, held: Sequence[Record]) -> list[Record]:
        """The departments of these in which the caller associates."""
        return [one for one in held if self._anywhere or one.id in self._mine]


async def active_departments(
    connection: AsyncConnection, organization_id: uuid.UUID
) -> Sequence[Record]:
    """The organization's active departments, by name."""
    rows = await connection.execute(
        select(Department.id, Department.name)
        .where(Department.organization_id == organization_id, Department.active)
        .order_by(Department.name_key)
        .with_for_update(read=True)
    )
    return rows.all()


async def in_organization(connection: AsyncConnection, actor: Actor, typed: str) -> Record | None:
    """The active department of the caller's organization with this outside id.

    It stays active until the caller's transaction ends.
    """
    department = await open_or_closed(connection, actor, typed)
    return department if department and department.active else None


async def open_or_closed(connection: AsyncConnection, actor: Actor, typed: str) -> Record | None:
    """The department of the caller's organization with this outside id, and whether it is active.

    It stays as it is until the caller's transaction ends.
    """
    id = parse_id("dep_", typed)
    if id is None:
        return None
    found = await connection.execute(
        select(Department.id, Department.name, Department.active)
        .where(Department.organization_id == actor.organization_id, Department.id == id)
        .with_for_update(read=True)
    )
    return found.one_or_none()


def _people(association: Record) -> tuple[uuid.UUID, uuid.UUID]:
    return association.client_id, association.practitioner_id


def _name(person: Record | Newcomer) -> str:
    return f"{person.first_name} {person.last_name}"
