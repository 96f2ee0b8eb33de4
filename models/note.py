"""What managers write about clients, in words of their own, for each other.

The audit trail tells that it was written, and holds none of it.
"""

import datetime as dt
import uuid

from sqlalchemy import Index
from sqlalchemy.orm import Mapped, mapped_column

from models.base import Base, Owned, belongs, one
from models.keys import new_id
from models.staff import Staff


class ClientNote(Owned, Base):
    """An internal note on a client. Notes are only ever added."""

    __tablename__ = "client_notes"
    __table_args__ = (
        belongs("client_id", "clients"),
        belongs("author_id", "accounts"),
        Index(None, "organization_id", "client_id", "id"),
    )

    id: Mapped[uuid.UUID] = mapped_column(
        primary_key=True, default=new_id, sort_order=-1, doc="The note's id, and its cursor."
    )
    client_id: Mapped[uuid.UUID]
    author_id: Mapped[uuid.UUID]
    created_at: Mapped[dt.datetime] = mapped_column(doc="When it was written.")
    text: Mapped[str] = mapped_column(doc="What was written, in one line.")

    author: Mapped[Staff] = one(
        lambda: Staff, lambda: ClientNote.author_id, doc="Who wrote it, of staff and service keys."
    )


class DecisionReason(Base):
    """Why a client was rejected or made inactive, where staff said so.

    Its id is that of the event that tells of the decision.
    """

    __tablename__ = "decision_reasons"
    __table_args__ = (belongs("client_id", "clients"),)

    organization_id: Mapped[uuid.UUID] = mapped_column(primary_key=True)
    id: Mapped[uuid.UUID] = mapped_column(primary_key=True)
    client_id: Mapped[uuid.UUID]
    text: Mapped[str]
