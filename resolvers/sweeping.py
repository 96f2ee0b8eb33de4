"""What has served its time, and goes: in small batches, so that nobody waits for it.

For how long rows stay is counted in whole days of UTC, so what goes of an organization in a day is
told to its audit trail once, and not over and over. The trail itself stays.
"""

import datetime as dt
import uuid
from collections import Counter, defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any

from sqlalchemy import Connection, Uuid, and_, bindparam, delete, exists, func, or_, select, update
from sqlalchemy.ext.asyncio import AsyncConnection

from models import (
    Account,
    AuditAction,
    ClientRead,
    Delivery,
    IdempotencyKey,
    Letter,
    LetterState,
    Link,
    LinkPurpose,
    Registration,
    ResetRequest,
    Session,
    Throttle,
    within,
)
from models.base import NO_NEWS
from resolvers.context import Context
from resolvers.events import OPERATOR, On
from resolvers.repeating import KEPT
from resolvers.resending import REGISTRATION_KEPT
from resolvers.trail import Trail

BATCH = 1000
"""How many rows go in one transaction, at most."""

RESET_WAITS = dt.timedelta(days=1)
"""How long a request for a new password waits for its letter: nobody needs a later one."""

THROTTLES = Throttle.__tablename__


@dataclass(frozen=True, slots=True)
class Retention:
    """For how many days rows stay that nothing needs any more."""

    letters: int = 90
    deliveries: int = 90
    links: int = 90
    sessions: int = 30
    reads: int = 2192


async def sweep(context: Context, retention: Retention) -> Counter[str]:
    """Let a batch of each kind of row go; how many went of which table.

    A table of which `BATCH` rows went has more of them, maybe.
    """
    now = context.now()
    went = Counter[str]()
    for model, over in _over(now, retention).items():
        went[model.__tablename__] = await context.write(partial(_let_go, model, over))
    went[THROTTLES] = await context.services.database.write(partial(_forget, now))
    return +went


async def count_over(context: Context, retention: Retention) -> Counter[str]:
    """How many rows of which table have served their time, and would go."""
    now = context.now()

    def count(connection: Connection) -> Counter[str]:
        kinds = {**_over(now, retention), Throttle: Throttle.ends_at <= now}
        return +Counter(
            {
                model.__tablename__: connection.scalar(
                    select(func.count()).select_from(model).where(over)
                )
                for model, over in kinds.items()
            }
        )

    return await context.services.database.read(count)


def _over(now: dt.datetime, retention: Retention) -> Mapping[Any, Any]:
    """Which rows of a table have served their time, in the order in which tables let go.

    What a link was for is known for as long as its letter may still be looked at; those of a
    registration go with it. An invitation stays until it is accepted: by it is known that somebody
    was invited, and is invited again when their address is corrected (`D3`).
    """
    today = now.replace(hour=0, minute=0, second=0, microsecond=0)

    def before(days: int) -> dt.datetime:
        return today - dt.timedelta(days=days)

    return {
        Letter: Letter.done_at < before(retention.letters),
        Delivery: Delivery.done_at < before(retention.deliveries),
        Link: and_(
            Link.created_at < before(retention.links),
            Link.account_id.is_not(None),
            Link.expires_at <= now,
            ~_waits(Link.id),
            ~exists().where(
                Link.purpose == LinkPurpose.DEFINE_CREDENTIALS,
                Account.organization_id == Link.organization_id,
                Account.id == Link.account_id,
                Account.username.is_(None),
            ),
        ),
        Registration: and_(
            Registration.created_at < today - REGISTRATION_KEPT,
            ~exists().where(
                Link.organization_id == Registration.organization_id,
                Link.registration_id == Registration.id,
                or_(
                    and_(
                        Link.used_at.is_(None), Link.superseded_at.is_(None), Link.expires_at > now
                    ),
                    _waits(Link.id),
                ),
            ),
        ),
        Session: and_(
            Session.created_at < before(retention.sessions),
            func.coalesce(Session.ended_at, Session.refresh_expires_at)
            < before(retention.sessions),
        ),
        ClientRead: ClientRead.at < before(retention.reads),
        ResetRequest: ResetRequest.created_at <= now - RESET_WAITS,
        IdempotencyKey: IdempotencyKey.created_at <= now - KEPT,
    }


def _waits(link_id: Any) -> Any:
    """Whether a letter with the link has not left yet."""
    return exists().where(
        Letter.organization_id == Link.organization_id,
        Letter.link_id == link_id,
        Letter.state == LetterState.QUEUED,
    )


_ORGANIZATION = bindparam("organization", type_=Uuid())
_OF_REGISTRATIONS = and_(Link.organization_id == _ORGANIZATION, within(Link.registration_id, "ids"))


def _parted(*which: Any) -> Any:
    """Letters that have left forget the link that was in them."""
    return (
        update(Letter)
        .where(Letter.organization_id == _ORGANIZATION, Letter.state != LetterState.QUEUED, *which)
        .values(link_id=None)
    )


_FIRST: Mapping[Any, Sequence[Any]] = {
    Link: [_parted(within(Letter.link_id, "ids"))],
    Registration: [
        _parted(Letter.link_id.in_(select(Link.id).where(_OF_REGISTRATIONS))),
        delete(Link).where(_OF_REGISTRATIONS),
    ],
}
"""What is done before rows of a table can go."""


async def _let_go(model: Any, over: Any, connection: AsyncConnection, trail: Trail) -> int:
    """Let a batch go, but for rows that somebody is at; how many went."""
    found = await connection.execute(
        select(model.organization_id, model.id)
        .where(over)
        .limit(BATCH)
        .with_for_update(skip_locked=True)
    )
    batch: defaultdict[uuid.UUID, list[uuid.UUID]] = defaultdict(list)
    for organization_id, id in found:
        batch[organization_id].append(id)
    these = and_(model.organization_id == _ORGANIZATION, within(model.id, "ids"))
    for organization_id, ids in sorted(batch.items()):
        for statement in [*_FIRST.get(model, ()), delete(model).where(these)]:
            await connection.execute(statement, {"organization": organization_id, "ids": ids})
        if model.__table__.info != NO_NEWS:
            trail.tell(
                AuditAction.RECORDS_PURGED,
                On(organization_id, departments=()),
                reason=model.__tablename__.upper(),
                times=len(ids),
                by=OPERATOR,
            )
    return sum(map(len, batch.values()))


async def _forget(now: dt.datetime, connection: AsyncConnection) -> int:
    """Forget a batch of budgets whose windows are over, but those that somebody is at."""
    over = (
        select(Throttle.key)
        .where(Throttle.ends_at <= now)
        .limit(BATCH)
        .with_for_update(skip_locked=True)
        .cte("over")
    )
    gone = await connection.execute(
        delete(Throttle).where(Throttle.key.in_(select(over.c.key))).returning(Throttle.key)
    )
    return len(gone.all())
