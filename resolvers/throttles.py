"""Budgets: how often the same may be tried, so that nobody guesses (`D33`).

They are counted before anything is looked up, by the caller's source and by what was typed from
there. So a budget runs out at the same point whoever there is, and nobody is locked out: from
another source the right password opens as ever. The counts are in the database, so that they hold
for all servers and after a restart.
"""

import datetime as dt
import math
from contextlib import suppress
from dataclasses import dataclass
from functools import cache, partial
from ipaddress import IPv6Address, IPv6Network, ip_address
from typing import Any

from sqlalchemy import bindparam, case, event, or_
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.ext.asyncio import AsyncConnection

from models import Throttle, canonical_email
from models.base import Instant
from resolvers.checks import EMAIL_LENGTH
from resolvers.context import Context
from resolvers.errors import Stopped


@dataclass(frozen=True, slots=True)
class Budget:
    """How often something may be tried in a window of time, where `THROTTLE` is 1."""

    name: str
    most: int
    window: dt.timedelta


Attempt = tuple[Budget, tuple[str, ...]]

_TEN_MINUTES = dt.timedelta(minutes=10)
SOURCE = Budget("source", 300, _TEN_MINUTES)
PAIR = Budget("pair", 10, _TEN_MINUTES)
# Everybody who is signed in behind one address refreshes every quarter of an hour.
REFRESH = Budget("refresh", 3000, _TEN_MINUTES)
MAIL = Budget("mail", 5, dt.timedelta(days=1))


async def throttle(context: Context, *typed: str) -> None:
    """Count one more attempt of the caller's source and, if something was `typed`, of the pair.

    `typed` is what is asked for, and the words that say of whom, as they are compared. Raises
    `Stopped` over the budget.
    """
    source = _network(context.source)
    of_pair: list[Attempt] = [(PAIR, (source, *typed))] if typed else []
    await _attempt(context, (SOURCE, (source,)), *of_pair)


async def throttle_refresh(context: Context) -> None:
    """Count one more refresh of a session by the caller's source. Raises `Stopped`."""
    await _attempt(context, (REFRESH, (_network(context.source),)))


async def may_mail(context: Context, connection: AsyncConnection, email_key: str) -> bool:
    """Whether the public may have one more letter written to the address, counting that it asked.

    To be called before it is looked up whose the address is: what is left of the budget shows in
    the time of later requests. Nobody is told: the answer is the same without the letter (`hostile`
    D12). For an address of two people a reset counts once, and writes to both (`D14`).
    """
    wait = await _wait(context, connection, MAIL, (email_key,))
    if wait:
        # A transaction that loses a race runs again, and has counted nothing.
        throttled = partial(context.services.throttled, MAIL.name)
        event.listen(connection.sync_connection, "commit", lambda _: throttled(), once=True)
    return wait is None


def typed_address(text: str) -> str:
    """The address as compared; as it was typed where it cannot be one, which nobody has."""
    text = text.strip()
    if len(text) <= EMAIL_LENGTH:
        with suppress(ValueError):
            return canonical_email(text)
    return text


async def _attempt(context: Context, *attempts: Attempt) -> None:
    """Count the attempts in a transaction of their own, so that they count when refused, too."""

    async def work(connection: AsyncConnection) -> list[dt.timedelta | None]:
        return [await _wait(context, connection, *one) for one in attempts]

    waits = []
    for (budget, _), wait in zip(
        attempts, await context.services.database.write(work), strict=True
    ):
        if wait:
            context.services.throttled(budget.name)
            waits.append(wait)
    if waits:
        seconds = math.ceil(max(waits).total_seconds())
        minutes = math.ceil(seconds / 60)
        after = "a minute" if minutes == 1 else f"{minutes} minutes"
        message = f"That was tried too often. Please try again in {after}."
        raise Stopped("RATE_LIMITED", message, retryAfter=seconds)


async def _wait(
    context: Context, connection: AsyncConnection, budget: Budget, words: tuple[str, ...]
) -> dt.timedelta | None:
    """Count one more; how long to wait where it was one too many."""
    now = context.now()
    counted = await connection.execute(
        _count(connection.dialect.name),
        {
            "key": context.services.tokens.digest(budget.name, *words),
            "now": now,
            "end": now + budget.window,
        },
    )
    row = counted.one()
    most = math.ceil(budget.most * context.services.throttle)
    return row.ends_at - now if row.attempts > most else None


@cache
def _count(dialect: str) -> Any:
    """The statement that counts, and begins anew when a window is over.

    One that ends later than a new one would was begun by a clock that was wrong.
    """
    new: Any = {"postgresql": postgresql.insert, "sqlite": sqlite.insert}[dialect](Throttle)
    now, end = bindparam("now", type_=Instant), bindparam("end", type_=Instant)
    over = or_(Throttle.ends_at <= now, Throttle.ends_at > end)
    return (
        new.values(key=bindparam("key"), attempts=1, ends_at=end)
        .on_conflict_do_update(
            index_elements=[Throttle.key],
            set_={
                "attempts": case((over, 1), else_=Throttle.attempts + 1),
                "ends_at": case((over, end), else_=Throttle.ends_at),
            },
        )
        .returning(Throttle.attempts, Throttle.ends_at)
    )


def _network(source: str | None) -> str:
    """The source as counted: of IPv6 the network, since a household has all its addresses."""
    try:
        address = ip_address(source or "")
    except ValueError:
        return source or "unknown"
    if isinstance(address, IPv6Address) and not address.ipv4_mapped:
        return str(IPv6Network((address, 64), strict=False))
    return str(getattr(address, "ipv4_mapped", None) or address)
