"""What is written down beside the work, a moment later: opened records, refusals, used keys.

A read stays a read, and what is refused does nothing: neither waits for the database. Notes are
kept in memory, within bounds, until `run` writes those of a moment in one transaction. While the
database is away they wait; what finds no room any more is counted and logged.
"""

import asyncio
import contextlib
import datetime as dt
import logging
import uuid
from collections.abc import Callable, Mapping, Sequence
from typing import Any, NamedTuple

from sqlalchemy import insert, or_, select, update
from sqlalchemy.ext.asyncio import AsyncConnection

from models import (
    AuditAction,
    ClientRead,
    Database,
    Organization,
    ServiceKey,
    Unavailable,
    new_id,
)
from resolvers.events import Event, On, Request, Who, event
from resolvers.trail import write

MOMENT = 0.5
"""For how many seconds notes gather."""

MOST_READS = 10_000
MOST_REFUSALS = 1_000
MOST_AT_ONCE = 60
"""So many refusals of an organization are told one by one, and one more for each second."""

SELDOM = dt.timedelta(minutes=1)
"""So long after it was written that a service key was used, it is not written again."""

MANY = "MANY"
"""The reason of an event that stands for refusals which were too many to tell one by one."""

log = logging.getLogger("portal.audit")


class Refusal(NamedTuple):
    """What was refused, and to whom. The same over and over becomes one event.

    Where it is not known which organization it was, `slug` is what was typed.
    """

    action: AuditAction
    by: Who
    reason: str
    on: On | None = None
    slug: str | None = None
    source: str | None = None

    def in_short(self) -> "Refusal":
        """Only what was refused where."""
        place = self.on and On(self.on.organization_id)
        return Refusal(self.action, Who(self.by.kind), MANY, place, self.slug)


class Noted(NamedTuple):
    """When a refusal came first, the id of its request, and how often it came."""

    at: dt.datetime
    request_id: str | None
    times: int = 1


Refusals = dict[Refusal, Noted]
Uses = dict[tuple[uuid.UUID, uuid.UUID], dt.datetime]
"""When service keys were used last, by the ids of organization and key."""
Read = Mapping[str, Any]


class Allowance(NamedTuple):
    """How many refusals of an organization may be told, as of a time."""

    left: float
    at: dt.datetime

    def later(self, now: dt.datetime) -> "Allowance":
        """The same, when some time has passed."""
        passed = max(0.0, (now - self.at).total_seconds())
        return Allowance(min(MOST_AT_ONCE, self.left + passed), now)


class Notes:
    """What awaits being written. `lost` counts what never will be."""

    def __init__(self) -> None:
        self.lost = 0
        self._complained = 0
        self._reads: list[Read] = []
        self._refusals: Refusals = {}
        self._used: Uses = {}
        self._written: Uses = {}
        self._allowances: Mapping[uuid.UUID, Allowance] = {}
        self._noted, self._end = asyncio.Event(), asyncio.Event()
        self._writing = asyncio.Lock()

    def read(self, by: Who, on: On, at: dt.datetime, request: Request) -> None:
        """Note that somebody opened the record of a client."""
        row = {
            "organization_id": on.organization_id,
            "client_id": on.client_id,
            "reader_kind": by.kind,
            "reader_id": by.id,
            "surface": by.surface,
            "at": at,
            "source": request.source,
            "request_id": request.id,
        }
        self._keep([row], {})

    def refused(self, refusal: Refusal, at: dt.datetime, request: Request) -> None:
        """Note that something was refused."""
        self._keep([], {refusal._replace(source=request.source): Noted(at, request.id)})

    def used(self, organization_id: uuid.UUID, key_id: uuid.UUID, at: dt.datetime) -> None:
        """Note that a service key was used, unless that was written a moment ago."""
        key = (organization_id, key_id)
        if key not in self._written or at >= self._written[key] + SELDOM:
            self._used[key] = at
            self._noted.set()

    async def run(self, database: Database, clock: Callable[[], dt.datetime]) -> None:
        """Write notes, a moment after they are made, until `end`; and then what is left."""
        while not self._end.is_set():
            await self._noted.wait()
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(self._end.wait(), MOMENT)
            self._noted.clear()
            await self.flush(database, clock())
        await self.flush(database, clock())
        self._allowances = {}  # there is no later for what was to wait, in short
        await self.flush(database, clock())
        self._lose(len(self._reads) + len(self._refusals))
        self._complain()

    def end(self) -> None:
        """Let `run` write what is left, and return."""
        self._end.set()
        self._noted.set()

    async def flush(self, database: Database, now: dt.datetime) -> None:
        """Write what there is. What cannot be written now is kept."""
        async with self._writing:
            reads, self._reads = self._reads, []
            refusals, self._refusals = self._refusals, {}
            used, self._used = self._used, {}
            try:
                known = await _known(database, refusals)
                told, waiting, allowances = _allowed(known, self._allowances, now)
                if reads or told or used:
                    await database.write(lambda connection: _write(connection, reads, told, used))
            except Unavailable:
                self._keep(reads, refusals)
                self._used = used | self._used
                self._noted.set()
            except Exception:
                log.exception("notes cannot be written")
                self._lose(len(reads) + len(refusals))
            else:
                self._allowances = allowances
                self._keep([], waiting)
                lately = {key: at for key, at in self._written.items() if now < at + SELDOM}
                self._written = lately | used
            self._complain()

    def _keep(self, reads: Sequence[Read], refusals: Refusals) -> None:
        """Keep as much as there is room for, to be written."""
        room = MOST_READS - len(self._reads)
        self._reads += reads[:room]
        self._lose(len(reads[room:]))
        for refusal, noted in refusals.items():
            if len(self._refusals) < MOST_REFUSALS or refusal in self._refusals:
                _add(self._refusals, refusal, noted)
            elif len(self._refusals) < 2 * MOST_REFUSALS or refusal.in_short() in self._refusals:
                _add(self._refusals, refusal.in_short(), noted)
            else:
                self._lose(noted.times)
        if self._reads or self._refusals:
            self._noted.set()

    def _lose(self, many: int) -> None:
        self.lost += many

    def _complain(self) -> None:
        if self.lost > self._complained:
            log.error("notes lost: %d, in all: %d", self.lost - self._complained, self.lost)
            self._complained = self.lost


def _add(refusals: Refusals, refusal: Refusal, noted: Noted) -> None:
    before = refusals.get(refusal)
    refusals[refusal] = before._replace(times=before.times + noted.times) if before else noted


async def _known(database: Database, refusals: Refusals) -> Refusals:
    """The refusals of organizations that there are."""
    slugs = {refusal.slug for refusal in refusals if refusal.on is None}
    if not slugs:
        return refusals
    wanted = select(Organization.slug, Organization.id).where(Organization.slug.in_(slugs))
    ids = dict(await database.read(lambda c: c.execute(wanted).all()))
    known: Refusals = {}
    for refusal, noted in refusals.items():
        if refusal.on is not None:
            _add(known, refusal, noted)
        elif refusal.slug in ids:
            _add(known, refusal._replace(on=On(ids[refusal.slug]), slug=None), noted)
    return known


def _allowed(
    refusals: Refusals, allowances: Mapping[uuid.UUID, Allowance], now: dt.datetime
) -> tuple[list[Event], Refusals, Mapping[uuid.UUID, Allowance]]:
    """The events to tell now, in short what has to wait, and what may be told after that."""
    left = dict(allowances)
    told: list[Event] = []
    waiting: Refusals = {}
    for refusal, noted in refusals.items():
        assert refusal.on
        where = refusal.on.organization_id
        allowance = left.get(where, Allowance(MOST_AT_ONCE, now)).later(now)
        if allowance.left < 1:
            _add(waiting, refusal.in_short(), noted)
            continue
        left[where] = allowance._replace(left=allowance.left - 1)
        told.append(
            event(
                refusal.action,
                refusal.on,
                refusal.by,
                noted.at,
                Request(refusal.source, noted.request_id),
                reason=refusal.reason,
                times=noted.times,
            )
        )
    return told, waiting, left


async def _write(
    connection: AsyncConnection, reads: Sequence[Read], told: Sequence[Event], used: Uses
) -> None:
    # In one order, so that two who write of the same keys do not wait for each other.
    for (organization_id, key_id), at in sorted(used.items()):
        await connection.execute(
            update(ServiceKey)
            .where(
                ServiceKey.organization_id == organization_id,
                ServiceKey.id == key_id,
                or_(ServiceKey.last_used_at.is_(None), ServiceKey.last_used_at < at),
            )
            .values(last_used_at=at)
        )
    if reads:
        rows = [{**read, "id": new_id()} for read in reads]
        await connection.execute(insert(ClientRead), rows)
    await connection.run_sync(write, told)
