"""The words of the domain: every enumeration that a column holds or the schema shows."""

from enum import StrEnum


class Role(StrEnum):
    """What a staff member is, in a department or in the whole organization (`D6`)."""

    ORGANIZATION_ADMINISTRATOR = "ORGANIZATION_ADMINISTRATOR"
    DEPARTMENT_ADMINISTRATOR = "DEPARTMENT_ADMINISTRATOR"
    CARE_COORDINATOR = "CARE_COORDINATOR"
    PRACTITIONER = "PRACTITIONER"


class Surface(StrEnum):
    """Where somebody signs in: the administrative portal or the app (`S26` to `S28`)."""

    PORTAL = "PORTAL"
    APP = "APP"


class AccountKind(StrEnum):
    """Whose account it is."""

    CLIENT = "CLIENT"
    STAFF = "STAFF"


class ClientStatus(StrEnum):
    """The three lists of the Clients menu (`S26` to `S31`)."""

    ACTIVE = "ACTIVE"
    INACTIVE = "INACTIVE"
    PENDING = "PENDING"


class StaffStatus(StrEnum):
    """Whether a staff member may sign in."""

    ACTIVE = "ACTIVE"
    INACTIVE = "INACTIVE"


class OnboardingState(StrEnum):
    """How far somebody has come on the way in."""

    AWAITING_CREDENTIALS = "AWAITING_CREDENTIALS"
    AWAITING_APPROVAL = "AWAITING_APPROVAL"
    COMPLETE = "COMPLETE"


class LinkPurpose(StrEnum):
    """What a mailed link is for; it is good for nothing else (`D3`)."""

    CONFIRM_REGISTRATION = "CONFIRM_REGISTRATION"
    DEFINE_CREDENTIALS = "DEFINE_CREDENTIALS"
    RESET_PASSWORD = "RESET_PASSWORD"  # noqa: S105 - the name of a purpose, not a secret
    CONFIRM_EMAIL = "CONFIRM_EMAIL"


class LinkState(StrEnum):
    """What has become of a mailed link (`D3`)."""

    VALID = "VALID"
    USED = "USED"
    EXPIRED = "EXPIRED"
    SUPERSEDED = "SUPERSEDED"
    UNKNOWN = "UNKNOWN"


class LetterState(StrEnum):
    """What has become of a letter in the outbox (`D22`)."""

    QUEUED = "QUEUED"
    SENT = "SENT"
    CANCELLED = "CANCELLED"
    REFUSED = "REFUSED"
    EXPIRED = "EXPIRED"
