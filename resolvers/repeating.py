"""Mutations that may come again, because their answer was lost: they are done once.

A caller names what they send by a key of their own. The key is claimed in the mutation's own
transaction, so that both are there or neither, whatever becomes of the answer (`hostile` E6); who
comes with the same key meanwhile waits for that transaction. What is refused does nothing, and
leaves its key free.
"""

import datetime as dt
import uuid
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, replace
from typing import Any

from sqlalchemy import ColumnElement, Connection, and_, delete, insert, select, update
from sqlalchemy.ext.asyncio import AsyncConnection

from models import (
    Client,
    Database,
    Delivery,
    Department,
    IdempotencyKey,
    Organization,
    Record,
    ServiceKey,
    Staff,
    Webhook,
    new_id,
)
from permissions import Actor
from resolvers.errors import Refused, Stopped
from resolvers.tree import Key

KEPT = dt.timedelta(hours=24)

_MODELS = {
    model.__tablename__: model
    for model in (Client, Staff, Department, Organization, ServiceKey, Webhook, Delivery)
}


@dataclass(frozen=True, slots=True)
class Once:
    """A mutation under its caller's key, as digests of the key and of all that is asked.

    `answer` is what was sent for it before, where that is known.
    """

    id: uuid.UUID
    actor: Actor
    key: bytes
    document: bytes
    now: dt.datetime
    answer: bytes | None = None

    async def run(
        self, work: Callable[[AsyncConnection], Awaitable[Any]], connection: AsyncConnection
    ) -> Key | Refused:
        """The row that the work answers, or that it answered when it was done before."""
        await connection.execute(
            delete(IdempotencyKey).where(self._same, IdempotencyKey.created_at <= self.now - KEPT)
        )
        done = (await connection.execute(self._found)).one_or_none()
        if done is not None:
            self._check(done)
            return Key(_MODELS[done.kind], done.row_id)
        await connection.execute(
            insert(IdempotencyKey).values(
                organization_id=self.actor.organization_id,
                id=self.id,
                account_id=self.actor.id,
                key=self.key,
                document=self.document,
                created_at=self.now,
            )
        )
        key = await work(connection)
        if isinstance(key, Refused):
            await connection.execute(delete(IdempotencyKey).where(self._own))
            return key
        assert isinstance(key, Key)
        outcome = {"kind": key.model.__tablename__, "row_id": key.id}
        await connection.execute(update(IdempotencyKey).where(self._own).values(outcome))
        return key

    def recalled(self, connection: Connection) -> "Once":
        """The same with the answer that was sent before. Raises `Stopped` for another document."""
        fresh = IdempotencyKey.created_at > self.now - KEPT
        done = connection.execute(self._found.where(fresh)).one_or_none()
        if done is None:
            return self
        self._check(done)
        return replace(self, answer=done.answer)

    async def keep(self, answer: bytes, connection: AsyncConnection) -> None:
        """Write down the answer, where it is this time that the work was done."""
        await connection.execute(update(IdempotencyKey).where(self._own).values(answer=answer))

    @property
    def _same(self) -> ColumnElement[bool]:
        return and_(
            IdempotencyKey.organization_id == self.actor.organization_id,
            IdempotencyKey.account_id == self.actor.id,
            IdempotencyKey.key == self.key,
        )

    @property
    def _own(self) -> ColumnElement[bool]:
        return and_(
            IdempotencyKey.organization_id == self.actor.organization_id,
            IdempotencyKey.id == self.id,
        )

    @property
    def _found(self) -> Any:
        return select(*IdempotencyKey.__table__.c).where(self._same)

    def _check(self, done: Record) -> None:
        if done.document != self.document:
            message = "Something else was sent under this Idempotency-Key. Choose another one."
            raise Stopped("IDEMPOTENCY_MISMATCH", message)


async def once(
    database: Database, actor: Actor, key: bytes, document: bytes, now: dt.datetime
) -> Once:
    """The mutation under its key, and what was answered for it within a day.

    Raises `Stopped` for a key of another document, and `models.Unavailable`.
    """
    return await database.read(Once(new_id(), actor, key, document, now).recalled)
