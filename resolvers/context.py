"""What a use case is given: who asks, and the services it works with. No setting, no request."""

import datetime as dt
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import TypeVar

from sqlalchemy.ext.asyncio import AsyncConnection

from models import Database
from permissions import Actor, Passwords, Tokens

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Services:
    """What a server has one of. `posted` is told that letters may be waiting for the courier."""

    database: Database
    tokens: Tokens
    passwords: Passwords
    public_url: str
    clock: Callable[[], dt.datetime]
    posted: Callable[[], None]


@dataclass(frozen=True, slots=True)
class Context:
    """An operation under way: the caller and the services.

    `expired`: a token came along that is not good (any more), so the caller is anonymous (`D21`).
    `source` is the caller's address, as far as it is known, and `request_id` what the log and the
    answer call the request; the command line has neither.
    """

    services: Services
    actor: Actor
    expired: bool = False
    source: str | None = None
    request_id: str = ""

    def now(self) -> dt.datetime:
        """The time, aware and in UTC."""
        return self.services.clock()

    async def write(self, work: Callable[[AsyncConnection], Awaitable[T]]) -> T:
        """What `work` answers after its transaction is committed; see `Database.write`."""
        done = await self.services.database.write(work)
        self.services.posted()
        return done
