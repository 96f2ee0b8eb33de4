"""The audit trail as use cases write it, in the transaction of what they do.

`Context.write` gives the work of each transaction a `Trail`, and writes what is told to it just
before the commit. A transaction that changed something and told nothing of it fails.
"""

import datetime as dt
import uuid
from collections import defaultdict
from collections.abc import Callable, Collection, Mapping, Sequence

from sqlalchemy import Connection, Uuid, bindparam, select, union_all
from sqlalchemy.ext.asyncio import AsyncConnection

from models import AuditAction, Client, RoleGrant, within
from resolvers.announcing import announce_all
from resolvers.chain import append
from resolvers.events import Change, Event, On, Request, Who, event

_ORGANIZATION = bindparam("organization", type_=Uuid())
_HOMES = union_all(
    select(Client.id, Client.department_id).where(
        Client.organization_id == _ORGANIZATION, within(Client.id, "people")
    ),
    select(RoleGrant.staff_id, RoleGrant.department_id).where(
        RoleGrant.organization_id == _ORGANIZATION, within(RoleGrant.staff_id, "people")
    ),
)


class Trail:
    """What one transaction tells of itself."""

    def __init__(self, by: Who, now: Callable[[], dt.datetime], request: Request) -> None:
        self._by = by
        self._now = now
        self._request = request
        self._events: list[Event] = []
        self._is_routine = False

    def tell(
        self,
        action: AuditAction,
        on: On,
        changes: Sequence[Change] = (),
        *,
        reason: str | None = None,
        times: int = 1,
        by: Who | None = None,
    ) -> uuid.UUID:
        """This was done; the id of the event. `by`: by somebody else than the caller."""
        told = event(
            action,
            on,
            by or self._by,
            self._now(),
            self._request,
            changes=changes,
            reason=reason,
            times=times,
        )
        self._events.append(told)
        id: uuid.UUID = told.columns["id"]
        return id

    def routine(self) -> None:
        """What was done is no news: nobody's data or rights are different."""
        self._is_routine = True

    @property
    def is_told(self) -> bool:
        """Whether the use case said something."""
        return bool(self._events) or self._is_routine

    async def write(self, connection: AsyncConnection) -> None:
        """Write down what was told, and put into the outbox what webhooks are told of it."""
        if self._events:
            await announce_all(connection, self._events)
            await connection.run_sync(write, self._events)


def write(connection: Connection, events: Sequence[Event]) -> None:
    """Add the events to the chains of their organizations, at the very end of the transaction."""
    chains: defaultdict[uuid.UUID, list[Event]] = defaultdict(list)
    for one in events:
        chains[one.on.organization_id].append(one)
    # In one order, so that two who add to the same chains do not wait for each other.
    for organization_id in sorted(chains):
        told = chains[organization_id]
        homes = _homes(connection, organization_id, {one.on.person for one in told} - {None})
        rows = []
        for on, columns in told:
            departments = homes[on.person] if on.departments is None else on.departments
            rows.append({**columns, "departments": sorted({*departments} - {None})})
        append(connection, organization_id, rows)


def _homes(
    connection: Connection, organization_id: uuid.UUID, people: Collection[uuid.UUID | None]
) -> Mapping[uuid.UUID | None, set[uuid.UUID | None]]:
    """The departments of clients and staff, as they are now."""
    homes: defaultdict[uuid.UUID | None, set[uuid.UUID | None]] = defaultdict(set)
    if people:
        its = {"organization": organization_id, "people": people}
        for id, department_id in connection.execute(_HOMES, its):
            homes[id].add(department_id)
    return homes
