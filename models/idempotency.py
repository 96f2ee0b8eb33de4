"""Mutations that their callers may send again under the same key, and what came of them."""

import datetime as dt
import uuid

from sqlalchemy import Index, UniqueConstraint
from sqlalchemy.orm import Mapped

from models.base import NO_NEWS, Base, Owned, belongs


class IdempotencyKey(Owned, Base):
    """A mutation that was done under a key of its caller's.

    `key` and `document` are digests of the key and of all that was asked. What came of it is a row
    of the table `kind`, written down in the mutation's own transaction; and the answer as it was
    sent, written afterwards.
    """

    __tablename__ = "idempotency_keys"
    __table_args__ = (
        belongs("account_id", "accounts"),
        UniqueConstraint("organization_id", "account_id", "key"),
        Index(None, "created_at"),
        {"info": NO_NEWS},
    )

    account_id: Mapped[uuid.UUID]
    key: Mapped[bytes]
    document: Mapped[bytes]
    kind: Mapped[str | None]
    row_id: Mapped[uuid.UUID | None]
    answer: Mapped[bytes | None]
    created_at: Mapped[dt.datetime]
