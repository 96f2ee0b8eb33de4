"""The second factor of staff, as stored: nothing in here makes a code that lets anybody in.

The secret that an authenticator app shares with us is encrypted (`permissions.vault`), and of
recovery codes there are hashes only (`permissions.codes`).
"""

import datetime as dt
import uuid

from sqlalchemy import CheckConstraint, LargeBinary
from sqlalchemy.orm import Mapped, mapped_column

from models.base import Base, Owned, belongs


class SecondFactor(Owned, Base):
    """What the app of a staff member shares with us; it has the id of its person.

    It counts once it is confirmed. `last_step` is the time step of the last code, so that none
    counts twice; `wrong_codes` are those since the last right one, and until `paused_until` no
    code of the app is looked at.
    """

    __tablename__ = "second_factors"
    __table_args__ = (
        belongs("id", "staff"),
        CheckConstraint("(confirmed_at IS NULL) = (last_step IS NULL)", name="confirmed_by_a_code"),
    )

    secret: Mapped[bytes]
    confirmed_at: Mapped[dt.datetime | None]
    last_step: Mapped[int | None]
    wrong_codes: Mapped[int]
    paused_until: Mapped[dt.datetime | None]


class RecoveryCode(Base):
    """A code for whoever has lost the app: the hash of one that was not used yet."""

    __tablename__ = "recovery_codes"
    __table_args__ = (belongs("staff_id", "second_factors"),)

    organization_id: Mapped[uuid.UUID] = mapped_column(primary_key=True)
    staff_id: Mapped[uuid.UUID] = mapped_column(primary_key=True)
    hash: Mapped[bytes] = mapped_column(LargeBinary(32), primary_key=True)
