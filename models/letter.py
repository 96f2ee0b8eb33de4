"""The outbox: letters written in the transaction of what they tell, and sent after it (`D22`)."""

import datetime as dt
import uuid
from typing import Any

from sqlalchemy import JSON, ForeignKey, ForeignKeyConstraint, Index
from sqlalchemy.orm import Mapped, mapped_column

from models.base import Base, Owned, word
from models.organization import Organization
from models.words import LetterState


class Letter(Owned, Base):
    """One letter to one recipient.

    `contents` are the values of the letter's typed context, without any token: the courier
    derives the token of `link_id` while it sends. They are dropped when the letter is done with.
    A courier holds a letter by `lease` until `due_at`; what it writes counts only while the
    letter still names its lease.
    """

    __tablename__ = "letters"
    __table_args__ = (
        ForeignKeyConstraint(["organization_id", "link_id"], ["links.organization_id", "links.id"]),
        Index(None, "state", "due_at"),
        Index(None, "done_at"),
        Index("ix_letters_organization_id_link_id", "organization_id", "link_id"),
    )

    organization_id: Mapped[uuid.UUID] = mapped_column(
        ForeignKey(Organization.id), primary_key=True, sort_order=-2
    )
    name: Mapped[str]
    recipient: Mapped[str]
    contents: Mapped[dict[str, Any] | None] = mapped_column(JSON(none_as_null=True))
    link_id: Mapped[uuid.UUID | None]
    state: Mapped[LetterState] = mapped_column(word(LetterState))
    attempts: Mapped[int]
    lease: Mapped[uuid.UUID | None]
    created_at: Mapped[dt.datetime]
    due_at: Mapped[dt.datetime]
    done_at: Mapped[dt.datetime | None]
    error: Mapped[str | None]
