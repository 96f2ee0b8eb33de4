"""The letters: what each must be told to be written, and where its link leads (`D23`).

    Contents                   every letter
    ├── AlreadyRegistered
    ├── ClientApproved
    ├── ClientAwaitsApproval
    ├── PasswordChanged
    ├── EmailChanged
    ├── SecondFactorOn
    ├── SecondFactorOff
    ├── SecondFactorReset
    ├── RecoveryCodesRenewed
    ├── RecoveryCodeUsed
    ├── WrongCodes
    ├── WebhookPaused
    └── Linked                 its link carries a token, works once, and ends
        ├── ConfirmRegistration
        ├── ClientInvitation
        ├── StaffInvitation
        ├── PasswordReset
        └── ConfirmEmail

A letter's words are in `templates/{name}/`: `subject.txt`, `body.txt`, `body.html`.
"""

import datetime as dt
from dataclasses import dataclass, field, fields
from typing import Any, ClassVar, Self


@dataclass(frozen=True, slots=True, kw_only=True)
class Contents:
    """What every letter is told.

    A field that ends in `_name` holds somebody's own words: it is shown, never trusted (`C7`).
    A `datetime` is aware. No field holds a token: that comes while the letter is sent (`D3`).
    """

    name: ClassVar[str]

    recipient_name: str = field(metadata={"sample": "Jane Doe"})
    organization_name: str = field(metadata={"sample": "Riverside Clinic"})
    organization_slug: str = field(metadata={"sample": "riverside"})
    organization_contact: str | None = field(metadata={"sample": "help@riverside.example"})

    def path(self, token: str | None) -> str:
        """Where the letter's link leads, below the organization's own address."""
        return "login"

    def link(self, public_url: str, token: str | None) -> str:
        """The letter's link; `public_url` is the only source of its host."""
        return f"{public_url.rstrip('/')}/{self.organization_slug}/{self.path(token)}"

    def to_json(self) -> dict[str, Any]:
        """The fields as JSON knows them, times as ISO 8601."""
        values = {each.name: getattr(self, each.name) for each in fields(self)}
        return {
            name: value.isoformat() if isinstance(value, dt.datetime) else value
            for name, value in values.items()
        }

    @classmethod
    def from_json(cls, values: dict[str, Any]) -> Self:
        """The letter that `to_json` wrote; `TypeError` for one with other fields."""
        times = {each.name for each in fields(cls) if each.type is dt.datetime}
        read: dict[str, Any] = {
            name: dt.datetime.fromisoformat(value) if name in times else value
            for name, value in values.items()
        }
        return cls(**read)

    @classmethod
    def sample(cls) -> Self:
        """The letter as documents, previews and tests show it."""
        return cls(**{each.name: each.metadata["sample"] for each in fields(cls)})


@dataclass(frozen=True, slots=True, kw_only=True)
class Linked(Contents):
    """A letter whose link carries a token in its fragment, which no server's log ever sees."""

    page: ClassVar[str]

    ends_at: dt.datetime = field(metadata={"sample": dt.datetime(2030, 1, 31, 9, 5, tzinfo=dt.UTC)})

    def path(self, token: str | None) -> str:
        """The page that spends the link, when its reader says so there (`D3`)."""
        return f"{self.page}#token={token}"


@dataclass(frozen=True, slots=True, kw_only=True)
class ConfirmRegistration(Linked):
    """To somebody who registered: confirm the address and choose credentials (`S3`, `D2`)."""

    name: ClassVar[str] = "confirm_registration"
    page: ClassVar[str] = "confirm"


@dataclass(frozen=True, slots=True, kw_only=True)
class AlreadyRegistered(Contents):
    """To the owner of an account whose address was registered again (`D14`)."""

    name: ClassVar[str] = "already_registered"


@dataclass(frozen=True, slots=True, kw_only=True)
class ClientAwaitsApproval(Contents):
    """To staff who may approve a new client; it does not say who the client is (`S4`, `D23`).

    `client_id` is the client's id as the API shows it. `department_name` is None for a client
    who is not sure of the department (`S8`).
    """

    name: ClassVar[str] = "client_awaits_approval"

    client_id: str = field(metadata={"sample": "cli_0190b5a47c3e7d1f8a2b6c5d4e3f2a1b"})
    department_name: str | None = field(metadata={"sample": "Family Medicine"})

    def path(self, token: str | None) -> str:
        """The client's record."""
        return f"clients/{self.client_id}"


@dataclass(frozen=True, slots=True, kw_only=True)
class ClientApproved(Contents):
    """To a client whose account was approved (`S34`, `D20`)."""

    name: ClassVar[str] = "client_approved"


@dataclass(frozen=True, slots=True, kw_only=True)
class ClientInvitation(Linked):
    """To a client whose account staff made: choose a username and a password (`S14`)."""

    name: ClassVar[str] = "client_invitation"
    page: ClassVar[str] = "invitation"


@dataclass(frozen=True, slots=True, kw_only=True)
class StaffInvitation(Linked):
    """To a new staff member: choose a username and a password (`D11`, `D26`)."""

    name: ClassVar[str] = "staff_invitation"
    page: ClassVar[str] = "invitation"


@dataclass(frozen=True, slots=True, kw_only=True)
class PasswordReset(Linked):
    """To somebody who asked for a new password: one letter a person, naming which (`D14`).

    `kind` is "client" or "staff member": one address may be both.
    """

    name: ClassVar[str] = "password_reset"
    page: ClassVar[str] = "reset"

    username: str = field(metadata={"sample": "jane_doe"})
    kind: str = field(metadata={"sample": "client"})


@dataclass(frozen=True, slots=True, kw_only=True)
class PasswordChanged(Contents):
    """To somebody whose password was changed, by a link or while signed in (`D21`)."""

    name: ClassVar[str] = "password_changed"


@dataclass(frozen=True, slots=True, kw_only=True)
class ConfirmEmail(Linked):
    """To the new address of somebody who changes theirs (`D28`)."""

    name: ClassVar[str] = "confirm_email"
    page: ClassVar[str] = "email"


@dataclass(frozen=True, slots=True, kw_only=True)
class EmailChanged(Contents):
    """To the old address of somebody who has changed theirs; it does not name the new (`D28`)."""

    name: ClassVar[str] = "email_changed"


@dataclass(frozen=True, slots=True, kw_only=True)
class SecondFactorOn(Contents):
    """To a staff member who has turned a second factor on (ASVS 6.3.7)."""

    name: ClassVar[str] = "second_factor_on"


@dataclass(frozen=True, slots=True, kw_only=True)
class SecondFactorOff(Contents):
    """To a staff member who has turned the second factor off."""

    name: ClassVar[str] = "second_factor_off"


@dataclass(frozen=True, slots=True, kw_only=True)
class SecondFactorReset(Contents):
    """To a staff member whose second factor an administrator has taken away."""

    name: ClassVar[str] = "second_factor_reset"


@dataclass(frozen=True, slots=True, kw_only=True)
class RecoveryCodesRenewed(Contents):
    """To a staff member who has made new recovery codes."""

    name: ClassVar[str] = "recovery_codes_renewed"


@dataclass(frozen=True, slots=True, kw_only=True)
class RecoveryCodeUsed(Contents):
    """To a staff member who has used a recovery code; `codes_left` are still good."""

    name: ClassVar[str] = "recovery_code_used"

    codes_left: int = field(metadata={"sample": 9})


@dataclass(frozen=True, slots=True, kw_only=True)
class WrongCodes(Contents):
    """To a staff member whose password was right and whose codes were not (ASVS 6.3.5)."""

    name: ClassVar[str] = "wrong_codes"


@dataclass(frozen=True, slots=True, kw_only=True)
class WebhookPaused(Contents):
    """To Organizational Administrators: a webhook's receiver has been away, and it was paused."""

    name: ClassVar[str] = "webhook_paused"

    webhook_name: str = field(metadata={"sample": "Billing partner"})
    webhook_id: str = field(metadata={"sample": "hok_0190b5a47c3e7d1f8a2b6c5d4e3f2a1b"})
    days: int = field(metadata={"sample": 3})


LETTERS: dict[str, type[Contents]] = {
    letter.name: letter
    for letter in (
        ConfirmRegistration,
        AlreadyRegistered,
        ClientAwaitsApproval,
        ClientApproved,
        ClientInvitation,
        StaffInvitation,
        PasswordReset,
        PasswordChanged,
        ConfirmEmail,
        EmailChanged,
        SecondFactorOn,
        SecondFactorOff,
        SecondFactorReset,
        RecoveryCodesRenewed,
        RecoveryCodeUsed,
        WrongCodes,
        WebhookPaused,
    )
}
