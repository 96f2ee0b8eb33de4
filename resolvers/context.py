"""What a use case is given: who asks, and the services it works with. No setting, no request."""

import datetime as dt
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, field
from typing import TypeVar

from sqlalchemy.ext.asyncio import AsyncConnection

from models import AccountKind, AuditAction, Client, Database
from models.database import has_changed
from permissions import Actor, Passwords, Tokens
from resolvers.events import On, Request, caller, on_person
from resolvers.notes import Notes, Refusal
from resolvers.trail import Trail
from resolvers.tree import Key

MOST_NAMED = 5

T = TypeVar("T")


class Untold(Exception):
    """A use case changed something, and said nothing of it to the audit trail."""


@dataclass(frozen=True, slots=True)
class Services:
    """What a server has one of. `posted` is told that letters may be waiting for the courier."""

    database: Database
    tokens: Tokens
    passwords: Passwords
    public_url: str
    clock: Callable[[], dt.datetime]
    posted: Callable[[], None]
    notes: Notes = field(default_factory=Notes)


@dataclass(frozen=True, slots=True)
class Context:
    """An operation under way: the caller and the services.

    `expired`: a token came along that is not good (any more), so the caller is anonymous (`D21`).
    `source` is the address that the request came from, `request_id` its name in the logs.
    """

    services: Services
    actor: Actor
    expired: bool = False
    source: str | None = None
    request_id: str | None = None

    def now(self) -> dt.datetime:
        """The time, aware and in UTC."""
        return self.services.clock()

    @property
    def request(self) -> Request:
        """The request, as the audit trail tells of it."""
        return Request(self.source, self.request_id)

    async def write(self, work: Callable[[AsyncConnection, Trail], Awaitable[T]]) -> T:
        """What `work` answers after its transaction is committed; see `Database.write`.

        Raises `Untold`, and nothing is done, if it changed something and told the trail nothing.
        """

        async def told(connection: AsyncConnection) -> T:
            trail = Trail(caller(self.actor), self.now, self.request)
            done = await work(connection, trail)
            if has_changed(connection) and not trail.is_told:
                raise Untold(work.__qualname__)
            await trail.write(connection)
            return done

        done = await self.services.database.write(told)
        self.services.posted()
        return done

    def notice(self, read: object) -> None:
        """Note what was read, if it is the record of a client, opened by somebody else."""
        match read:
            case Key(model, id, opened=True) if model is Client and id != self.actor.id:
                on = On(self.actor.organization_id, id)
                self.services.notes.read(caller(self.actor), on, self.now(), self.request)

    def forbidden(self, fields: Sequence[str]) -> None:
        """Note that the caller asked for fields that they may not ask for."""
        actor = self.actor
        assert actor.shape.kind
        on = on_person(actor.organization_id, AccountKind(actor.shape.kind), actor.id)
        reason = f"FORBIDDEN: {', '.join(fields[:MOST_NAMED])}"
        refusal = Refusal(AuditAction.OPERATION_REFUSED, caller(actor), reason, on)
        self.services.notes.refused(refusal, self.now(), self.request)
