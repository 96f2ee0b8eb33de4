"""What a use case is given: who asks, and the services it works with. No setting, no request."""

import datetime as dt
from collections.abc import Awaitable, Callable, Iterable, Sequence
from dataclasses import dataclass, field
from typing import Any, TypeVar

from sqlalchemy.ext.asyncio import AsyncConnection

from models import AuditAction, Client, Database
from models.database import has_changed
from permissions import Actor, Passwords, Tokens, Vault
from resolvers.errors import Code, Refused
from resolvers.events import On, Request, caller, on_caller
from resolvers.notes import Notes, Refusal
from resolvers.repeating import Once
from resolvers.trail import Trail
from resolvers.tree import Key

MOST_NAMED = 5

NEWS = frozenset(
    {Code.OUT_OF_SCOPE, Code.INVALID_CREDENTIALS, Code.INVALID_CODE, Code.TOO_MANY_WRONG_CODES}
)
"""Why a use case refuses who asks, not what is asked: the trail tells of it."""

T = TypeVar("T")


class Untold(Exception):
    """A use case changed something, and said nothing of it to the audit trail."""


@dataclass(frozen=True, slots=True)
class Services:
    """What a server has one of.

    `posted` is told that post may be waiting for the couriers, `asked` that somebody waits for an
    answer by letter; `throttle` scales the budgets of what may be tried (`D33`), of which
    `throttled` is told the name of one that was spent, and with `private_webhooks` webhooks may be
    sent to addresses of our own, and without TLS.
    """

    database: Database
    tokens: Tokens
    vault: Vault
    passwords: Passwords
    public_url: str
    clock: Callable[[], dt.datetime]
    posted: Callable[[], None]
    throttle: float = 1
    private_webhooks: bool = False
    asked: Callable[[], None] = lambda: None
    throttled: Callable[[str], None] = lambda _: None
    notes: Notes = field(default_factory=Notes)


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

    @property
    def request(self) -> Request:
        """The request, as the audit trail tells of it."""
        return Request(self.source, self.request_id or None)

    async def write(self, work: Callable[[AsyncConnection, Trail], Awaitable[T | Refused]]) -> T:
        """What `work` answers after its transaction is committed; see `Database.write`.

        What it did it tells the trail; else it raises `Untold`, and nothing is done. Of a mutation
        that is done once, it is what the work answered the first time. Of a use case that raises
        `Refused` nothing stays. One that answers it keeps what it wrote, as the count of wrong
        codes, and is refused then.
        """

        async def told(connection: AsyncConnection) -> T | Refused:
            trail = Trail(caller(self.actor), self.now, self.request)

            async def telling(connection: AsyncConnection) -> T | Refused:
                return await work(connection, trail)

            run: Any = self.once.run(telling, connection) if self.once else telling(connection)
            done: T | Refused = await run
            if has_changed(connection) and not trail.is_told and not isinstance(done, Refused):
                raise Untold(work)
            await trail.write(connection)
            return done

        done = await self.services.database.write(told)
        self.services.posted()
        if isinstance(done, Refused):
            raise done
        return done

    def notice(self, read: object) -> None:
        """Note what was read, if it is the record of a client, opened by somebody else."""
        match read:
            case Key(model, id, opened=True) if model is Client and id != self.actor.id:
                on = On(self.actor.organization_id, id)
                self.services.notes.read(caller(self.actor), on, self.now(), self.request)

    def refused(self, codes: Iterable[str], fields: Sequence[str]) -> None:
        """Note that the caller asked for these fields and was refused; of nobody, nothing."""
        actor = self.actor
        if actor.shape.kind is None:
            return
        on = on_caller(actor)
        for code in codes:
            reason = f"{code}: {', '.join(fields[:MOST_NAMED])}"
            refusal = Refusal(AuditAction.OPERATION_REFUSED, caller(actor), reason, on)
            self.services.notes.refused(refusal, self.now(), self.request)

    def refused_by_use_case(self, refused: Refused, field: str) -> None:
        """Note that the use case of this field refused the caller, if that is news."""
        self.refused(NEWS.intersection(problem.code for problem in refused.problems), [field])
