"""The chain of an organization's events: added to at its end, and checked from its beginning."""

import uuid
from collections.abc import AsyncIterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Connection, bindparam, func, insert, select, update

from models import AuditEvent, AuditHead, Database, Organization, Record
from models.audit import NOTHING_BEFORE, hash_of

BATCH = 1000

_IS_ITS = AuditHead.organization_id == bindparam("organization")
_HEAD = select(AuditHead.number, AuditHead.hash).where(_IS_ITS).with_for_update()
_FIRST = insert(AuditHead)
_EVENTS = insert(AuditEvent)
_LAST = (
    update(AuditHead).where(_IS_ITS).values(number=bindparam("last"), hash=bindparam("its_hash"))
)


def append(
    connection: Connection, organization_id: uuid.UUID, events: Sequence[Mapping[str, Any]]
) -> None:
    """Number, seal and write the events, of which each holds all columns but those of the chain.

    It comes last in its transaction: from here to the commit nobody else adds to the chain.
    """
    number, before = _hold(connection, organization_id)
    rows = []
    for event in events:
        number += 1
        row = {
            **event,
            "organization_id": organization_id,
            "number": number,
            "previous_hash": before,
        }
        before = row["hash"] = hash_of(row)
        rows.append(row)
    connection.execute(_EVENTS, rows)
    connection.execute(_LAST, {"organization": organization_id, "last": number, "its_hash": before})


def _hold(connection: Connection, organization_id: uuid.UUID) -> tuple[int, str]:
    """The number and the hash of the last event, which stays the last until we say otherwise."""
    head = connection.execute(_HEAD, {"organization": organization_id}).one_or_none()
    if head is not None:
        return head.number, head.hash
    # Of two who are the first, one loses the race for the key, and comes again.
    row = {"organization_id": organization_id, "number": 0, "hash": NOTHING_BEFORE}
    connection.execute(_FIRST, row)
    return 0, NOTHING_BEFORE


@dataclass(frozen=True, slots=True)
class Verdict:
    """What became of an organization's chain: whole up to `number`, or broken there.

    `broken` says what is wrong with the event of that number; `hash` is that of the last event.
    """

    slug: str
    number: int
    hash: str
    broken: str | None = None


async def verify(database: Database, slug: str | None = None) -> AsyncIterator[Verdict]:
    """The verdict on every organization's chain, or on that of one."""
    wanted = select(Organization.id, Organization.slug).order_by(Organization.slug)
    if slug is not None:
        wanted = wanted.where(Organization.slug == slug)
    for organization in await database.read(lambda c: c.execute(wanted).all()):
        yield await _verdict(database, organization)


async def _verdict(database: Database, organization: Record) -> Verdict:
    head = await database.read(lambda c: _head(c, organization.id))
    number, before = 0, NOTHING_BEFORE
    while number < head.number:
        rows = await database.read(lambda c: _after(c, organization.id, number))  # noqa: B023 - awaited
        for row in rows[: head.number - number]:
            broken = _broken(row, number + 1, before)
            if broken:
                return Verdict(organization.slug, number + 1, head.hash, broken)
            number, before = row.number, row.hash
        if not rows:
            return Verdict(organization.slug, number + 1, head.hash, "it is missing")
    if before != head.hash:
        return Verdict(organization.slug, number, head.hash, "it is not the one that was last")
    if head.beyond:
        return Verdict(organization.slug, number + 1, head.hash, "it was put in from outside")
    return Verdict(organization.slug, number, head.hash)


def _head(connection: Connection, organization_id: uuid.UUID) -> Record:
    """Where the chain has got to, and whether there are events beyond, in one look.

    Without a head: as if nothing had happened yet.
    """
    last = (
        select(func.max(AuditEvent.number))
        .where(AuditEvent.organization_id == organization_id)
        .scalar_subquery()
    )
    number = func.coalesce(AuditHead.number, 0)
    return connection.execute(
        select(
            number.label("number"),
            func.coalesce(AuditHead.hash, NOTHING_BEFORE).label("hash"),
            func.coalesce(last > number, False).label("beyond"),
        )
        .select_from(Organization)
        .outerjoin(AuditHead, AuditHead.organization_id == Organization.id)
        .where(Organization.id == organization_id)
    ).one()


def _after(connection: Connection, organization_id: uuid.UUID, number: int) -> Sequence[Record]:
    found = connection.execute(
        select(*AuditEvent.__table__.c)
        .where(AuditEvent.organization_id == organization_id, AuditEvent.number > number)
        .order_by(AuditEvent.number)
        .limit(BATCH)
    )
    return found.all()


def _broken(row: Record, number: int, before: str) -> str | None:
    """What is wrong with an event that should have this number, after the one with that hash."""
    if row.number != number:
        return "it is missing"
    if row.previous_hash != before:
        return "it does not follow the one before"
    if hash_of(row._mapping) != row.hash:  # noqa: SLF001 - SQLAlchemy's name for it
        return "it is not what was sealed"
    return None
