"""Budgets that were spent from: how often something was tried since when (`D33`)."""

import datetime as dt

from sqlalchemy import Index
from sqlalchemy.orm import Mapped, mapped_column

from models.base import NO_NEWS, Base


class Throttle(Base):
    """How often one thing was tried in the window that ends at `ends_at`.

    `key` is a digest under the server's secret of what is counted: the row names nobody. It
    belongs to no organization, since what is typed may name one that is not there.
    """

    __tablename__ = "throttles"
    __table_args__ = (Index(None, "ends_at"), {"info": NO_NEWS})

    key: Mapped[bytes] = mapped_column(primary_key=True)
    attempts: Mapped[int]
    ends_at: Mapped[dt.datetime]
