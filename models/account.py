"""Proof of identity as stored: accounts, mailed links, sessions. Nothing in here lets anybody in.

Links and sessions hold no token: tokens are derived from their ids and the server's secret
(`permissions.tokens`), so a copy of the database yields none (`D3`, `D21`).
"""

import datetime as dt
import uuid
from typing import TYPE_CHECKING

from sqlalchemy import CheckConstraint, ForeignKey, Index, UniqueConstraint
from sqlalchemy.orm import Mapped, foreign, mapped_column, relationship

from models.base import NO_NEWS, Base, ByCodePoint, Owned, belongs, word
from models.organization import Organization
from models.words import AccountKind, LinkPurpose, Surface

if TYPE_CHECKING:
    from models.client import Client
    from models.staff import Staff


class Account(Owned, Base):
    """How a client or a staff member signs in; it has the id of its person.

    Without a username it awaits credentials, or is a service key's, which gets none. One table for
    all kinds makes a username unique in an organization over clients and staff together (`D16`).
    """

    __tablename__ = "accounts"
    __table_args__ = (
        UniqueConstraint("organization_id", "username_key"),
        CheckConstraint(
            "(username_key IS NULL) = (password_hash IS NULL)"
            " AND (username_key IS NULL) = (username IS NULL)",
            name="credentials_whole",
        ),
    )

    organization_id: Mapped[uuid.UUID] = mapped_column(
        ForeignKey(Organization.id), primary_key=True, sort_order=-2
    )
    kind: Mapped[AccountKind] = mapped_column(word(AccountKind))
    username: Mapped[str | None]
    username_key: Mapped[str | None]
    password_hash: Mapped[str | None]
    created_at: Mapped[dt.datetime]


class SearchWord(Base):
    """A word by which a person is found: of their names, address and username (`words_of`).

    A prefix of a word is a range of this table's key, so finding people walks an index, and the
    same one on every database.
    """

    __tablename__ = "search_words"
    __table_args__ = (
        belongs("account_id", "accounts"),
        Index(None, "organization_id", "account_id"),
    )

    organization_id: Mapped[uuid.UUID] = mapped_column(primary_key=True)
    word: Mapped[str] = mapped_column(ByCodePoint, primary_key=True)
    account_id: Mapped[uuid.UUID] = mapped_column(primary_key=True)


class Link(Owned, Base):
    """A link in a letter: bound to its purpose and to one registration or account, used once.

    One that confirms a new address (`CONFIRM_EMAIL`) holds that address, and no other does.
    """

    __tablename__ = "links"
    __table_args__ = (
        belongs("registration_id", "registrations"),
        belongs("account_id", "accounts"),
        UniqueConstraint("id"),
        CheckConstraint(
            "(registration_id IS NULL) <> (account_id IS NULL)", name="one_registration_or_account"
        ),
        CheckConstraint("(email IS NULL) = (email_key IS NULL)", name="email_whole"),
        Index(None, "organization_id", "registration_id"),
        Index(None, "created_at"),
        Index(None, "organization_id", "account_id"),
    )

    purpose: Mapped[LinkPurpose] = mapped_column(word(LinkPurpose))
    registration_id: Mapped[uuid.UUID | None]
    account_id: Mapped[uuid.UUID | None]
    email: Mapped[str | None]
    email_key: Mapped[str | None]
    created_at: Mapped[dt.datetime]
    expires_at: Mapped[dt.datetime]
    used_at: Mapped[dt.datetime | None]
    superseded_at: Mapped[dt.datetime | None]


class ResetRequest(Owned, Base):
    """Somebody forgot a password; whose address it is, if anybody's, is looked up afterwards.

    So asking takes the same time whoever there is (`D14`). Whoever answers it has it until
    `due_at`, and after that it is due again.
    """

    __tablename__ = "reset_requests"
    __table_args__ = (Index(None, "due_at"), {"info": NO_NEWS})

    organization_id: Mapped[uuid.UUID] = mapped_column(
        ForeignKey(Organization.id), primary_key=True, sort_order=-2
    )
    email_key: Mapped[str]
    created_at: Mapped[dt.datetime]
    due_at: Mapped[dt.datetime]


class Session(Owned, Base):
    """Somebody signed in on one surface; every refresh counts its generation up (`D21`).

    The access token of the generation before is good until `replaced_until`, if at all.
    """

    __tablename__ = "sessions"
    __table_args__ = (
        belongs("account_id", "accounts"),
        UniqueConstraint("id"),
        Index(None, "organization_id", "account_id"),
        Index(None, "created_at"),
    )

    account_id: Mapped[uuid.UUID]
    surface: Mapped[Surface] = mapped_column(word(Surface), doc="Where the session is good.")
    generation: Mapped[int]
    created_at: Mapped[dt.datetime]
    refreshed_at: Mapped[dt.datetime]
    access_expires_at: Mapped[dt.datetime]
    replaced_until: Mapped[dt.datetime | None]
    refresh_expires_at: Mapped[dt.datetime]
    ended_at: Mapped[dt.datetime | None]

    organization: Mapped[Organization] = relationship(
        viewonly=True,
        lazy="raise",
        primaryjoin=lambda: Organization.id == foreign(Session.organization_id),
        doc="The caller's organization.",
    )
    staff: Mapped["Staff | None"] = relationship(
        viewonly=True,
        lazy="raise",
        primaryjoin="and_(Staff.organization_id == foreign(Session.organization_id),"
        " Staff.id == foreign(Session.account_id))",
        doc="The caller's own record, for staff.",
    )
    client: Mapped["Client | None"] = relationship(
        viewonly=True,
        lazy="raise",
        primaryjoin="and_(Client.organization_id == foreign(Session.organization_id),"
        " Client.id == foreign(Session.account_id))",
        doc="The caller's own record, for a client.",
    )
