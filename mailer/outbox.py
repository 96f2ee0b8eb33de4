"""The outbox: what the transaction of what it tells puts in, and a courier takes out to deliver.

There are two kinds of post, letters and events to webhooks, each with a table of its own. Taking
out, leases, and writing down what came of it are the same for both, and are here; a `Post` says
what is different: what must be known to send one, and how that is done.
"""

import datetime as dt
import uuid
from abc import ABC, abstractmethod
from collections.abc import Collection, Iterable
from dataclasses import dataclass
from typing import Any, ClassVar, Generic, TypeVar

from sqlalchemy import ColumnElement, and_, bindparam, select, update
from sqlalchemy.ext.asyncio import AsyncConnection
from sqlalchemy.orm import InstrumentedAttribute

from models import Delivery, Letter, LetterState, new_id

ERROR_LENGTH = 200


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Taken:
    """A row taken out under a lease that ends at `until`; after that another may take it.

    `attempts` are those before this one that came to an end, good or bad: one whose courier was
    killed says nothing of the row. `since` is when the first could have been.
    """

    organization_id: uuid.UUID
    id: uuid.UUID
    since: dt.datetime
    attempts: int
    lease: uuid.UUID
    until: dt.datetime


@dataclass(frozen=True, slots=True)
class Outcome:
    """What became of a row: done with at `at`, or QUEUED and due again then; `error` says why.

    An error holds no address, link or password.
    """

    taken: Taken
    state: LetterState
    at: dt.datetime
    error: str | None = None


class Undelivered(Exception):
    """It did not leave; the text says why, in words that may be stored and logged."""


class Void(Undelivered):
    """Nobody is to have it any more."""


class Rejected(Undelivered):
    """It will never be taken there."""


class TryAgain(Undelivered):
    """It may leave another time, after `wait` where one is given."""

    def __init__(self, why: str, wait: dt.timedelta | None = None) -> None:
        super().__init__(why)
        self.wait = wait


T = TypeVar("T", bound=Taken)


class Post(ABC, Generic[T]):
    """A kind of post: `kind` is what logs and errors call one, and `at_once` how many may leave."""

    kind: ClassVar[str]
    at_once: ClassVar[int]

    @abstractmethod
    async def take(
        self,
        connection: AsyncConnection,
        most: int,
        *,
        held: Collection[T],
        due: dt.datetime,
        now: dt.datetime,
        until: dt.datetime,
    ) -> list[T]:
        """Take out at most so many of those that are due at `due`, under a lease until `until`.

        `held` are those that the same courier took before and is not done with.
        """

    @abstractmethod
    async def settle(self, connection: AsyncConnection, outcomes: Collection[Outcome]) -> None:
        """Write down what became of some, save those that were taken by another meanwhile."""

    @abstractmethod
    async def send(self, taken: T) -> None:
        """Let it leave, however long it takes. Raises `Void`, `Rejected` or `TryAgain`."""

    @abstractmethod
    async def close(self) -> None:
        """Let go of what is kept for the next; `send` may be called again."""


class Outbox:
    """The statements over one kind's table. `told` are the columns that must be known to send one.

    `since` is the column from which on it is tried, `among` are conditions on what is taken, with
    parameters of their own, and `forgotten` are those columns of which nothing is kept of what is
    done with.
    """

    def __init__(
        self,
        model: type[Letter | Delivery],
        since: InstrumentedAttribute[dt.datetime],
        told: Iterable[InstrumentedAttribute[Any]],
        *,
        among: Iterable[ColumnElement[bool]] = (),
        forgotten: Iterable[str] = (),
    ) -> None:
        columns = model.__table__.c
        due = (
            select(model.organization_id, model.id)
            .where(columns.state == "QUEUED", model.due_at <= bindparam("due"), *among)
            .order_by(model.due_at)
            .limit(bindparam("most"))
            .with_for_update(skip_locked=True)
            .cte("due")
        )
        self._take = (
            update(model)
            .where(model.organization_id == due.c.organization_id, model.id == due.c.id)
            .values(lease=bindparam("new_lease"), due_at=bindparam("until"))
            .returning(model.organization_id, model.id, since.label("since"), model.attempts, *told)
        )
        mine: ColumnElement[bool] = and_(
            model.organization_id == bindparam("its_organization_id"),
            model.id == bindparam("its_id"),
            model.lease == bindparam("my_lease"),
        )
        self._done = (
            update(model)
            .where(mine)
            .values(
                state=bindparam("new_state"),
                attempts=model.attempts + 1,
                lease=None,
                done_at=bindparam("its_at"),
                error=bindparam("new_error"),
                **dict.fromkeys(forgotten),
            )
        )
        self._again = (
            update(model)
            .where(mine)
            .values(
                attempts=model.attempts + 1,
                lease=None,
                due_at=bindparam("its_at"),
                error=bindparam("new_error"),
            )
        )
        self._states = columns.state.type.python_type

    async def take(
        self,
        connection: AsyncConnection,
        most: int,
        *,
        due: dt.datetime,
        until: dt.datetime,
        **among: Any,
    ) -> list[dict[str, Any]]:
        """The rows that are taken out, as `Taken` is told them.

        No two transactions take the same row: PostgreSQL skips locked ones, and SQLite has one
        writer at a time. A row whose lease ran out is simply due again.
        """
        lease = new_id()
        taken = await connection.execute(
            self._take, {"due": due, "most": most, "new_lease": lease, "until": until, **among}
        )
        return [{**row, "lease": lease, "until": until} for row in taken.mappings()]

    async def settle(self, connection: AsyncConnection, outcomes: Collection[Outcome]) -> None:
        """Write down the outcomes of those that are still under their lease."""
        done = [self._row(each) for each in outcomes if each.state is not LetterState.QUEUED]
        again = [self._row(each) for each in outcomes if each.state is LetterState.QUEUED]
        if done:
            await connection.execute(self._done, done)
        if again:
            await connection.execute(self._again, again)

    def _row(self, outcome: Outcome) -> dict[str, Any]:
        return {
            "its_organization_id": outcome.taken.organization_id,
            "its_id": outcome.taken.id,
            "my_lease": outcome.taken.lease,
            "new_state": self._states(outcome.state),
            "its_at": outcome.at,
            "new_error": outcome.error and outcome.error[:ERROR_LENGTH],
        }
