"""What a use case is given: who asks, and the services it works with. No setting, no request."""

import datetime as dt
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from functools import partial
from typing import Any, TypeVar

from sqlalchemy.ext.asyncio import AsyncConnection

from models import Database
from permissions import Actor, Passwords, Tokens, Vault
from resolvers.errors import Refused
from resolvers.repeating import Once

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Services:
    """What a server has one of.

    `posted` is told that letters may be waiting for the courier, `asked` that somebody waits for
    an answer by letter; `throttle` scales the budgets of what may be tried (`D33`).
    """

    database: Database
    tokens: Tokens
    vault: Vault
    passwords: Passwords
    public_url: str
    clock: Callable[[], dt.datetime]
    posted: Callable[[], None]
    throttle: float = 1
    asked: Callable[[], None] = lambda: None


@dataclass(frozen=True, slots=True)
class Context:
    """An operation under way: the caller and the services.

    `expired`: a token came along that is not good (any more), so the caller is anonymous (`D21`).
    `source` is the caller's address, as far as it is known, and `request_id` what the log and the
    answer call the request; the command line has neither.
    `once`: the mutation has a key of its caller's, under which it is done once.
    """

    services: Services
    actor: Actor
    expired: bool = False
    source: str | None = None
    request_id: str = ""
    once: Once | None = None

    def now(self) -> dt.datetime:
        """The time, aware and in UTC."""
        return self.services.clock()

    async def write(self, work: Callable[[AsyncConnection], Awaitable[T | Refused]]) -> T:
        """What `work` answers after its transaction is committed; see `Database.write`.

        Of a mutation that is done once, it is what the work answered the first time. Of a use case
        that raises `Refused` nothing stays. One that answers it keeps what it wrote, as the count
        of wrong codes, and is refused then.
        """
        once: Any = self.once and partial(self.once.run, work)
        done: T | Refused = await self.services.database.write(once or work)
        self.services.posted()
        if isinstance(done, Refused):
            raise done
        return done
