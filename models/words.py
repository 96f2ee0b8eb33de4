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
    SERVICE_KEY = "SERVICE_KEY"


class ClientStatus(StrEnum):
    """The three lists of the Clients menu (`S26` to `S31`)."""

    ACTIVE = "ACTIVE"
    INACTIVE = "INACTIVE"
    PENDING = "PENDING"


class StaffStatus(StrEnum):
    """Whether a staff member may sign in."""

    ACTIVE = "ACTIVE"
    INACTIVE = "INACTIVE"


class ServiceKeyStatus(StrEnum):
    """Whether a service key is good."""

    ACTIVE = "ACTIVE"
    SUSPENDED = "SUSPENDED"
    EXPIRED = "EXPIRED"
    REVOKED = "REVOKED"


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


class WebhookEvent(StrEnum):
    """What webhooks are told of."""

    CLIENT_REGISTERED = "CLIENT_REGISTERED"
    CLIENT_CONFIRMED = "CLIENT_CONFIRMED"
    CLIENT_APPROVED = "CLIENT_APPROVED"
    CLIENT_REJECTED = "CLIENT_REJECTED"
    CLIENT_CREATED = "CLIENT_CREATED"
    CLIENT_DEACTIVATED = "CLIENT_DEACTIVATED"
    CLIENT_REACTIVATED = "CLIENT_REACTIVATED"
    CLIENT_ASSOCIATED = "CLIENT_ASSOCIATED"

    @property
    def sent_as(self) -> str:
        """The event as receivers know it: `client.approved`."""
        return self.value.lower().replace("_", ".")


class WebhookState(StrEnum):
    """Whether events are sent to a webhook."""

    ACTIVE = "ACTIVE"
    PAUSED = "PAUSED"
    UNREACHABLE = "UNREACHABLE"
    ENDED = "ENDED"


class DeliveryState(StrEnum):
    """What has become of an event to a webhook; where a letter has the word, it means the same."""

    QUEUED = "QUEUED"
    HELD = "HELD"
    SENT = "SENT"
    CANCELLED = "CANCELLED"
    REFUSED = "REFUSED"
    EXPIRED = "EXPIRED"


class ActorKind(StrEnum):
    """As what somebody acted, of whom the audit trail tells."""

    STAFF = "STAFF"
    CLIENT = "CLIENT"
    SERVICE_KEY = "SERVICE_KEY"
    LINK = "LINK"
    ANONYMOUS = "ANONYMOUS"
    OPERATOR = "OPERATOR"
    SERVER = "SERVER"


class AuditAction(StrEnum):
    """What the audit trail tells of: what happened, or was refused."""

    SIGNED_IN = "SIGNED_IN"
    SIGN_IN_REFUSED = "SIGN_IN_REFUSED"
    SIGNED_OUT = "SIGNED_OUT"
    SESSION_ENDED = "SESSION_ENDED"
    OPERATION_REFUSED = "OPERATION_REFUSED"
    REGISTRATION_CREATED = "REGISTRATION_CREATED"
    REGISTRATION_CONFIRMED = "REGISTRATION_CONFIRMED"
    INVITATION_ACCEPTED = "INVITATION_ACCEPTED"
    LINK_RESENT = "LINK_RESENT"
    PASSWORD_RESET_REQUESTED = "PASSWORD_RESET_REQUESTED"  # noqa: S105 - what happened, no secret
    PASSWORD_RESET = "PASSWORD_RESET"  # noqa: S105 - as above
    PASSWORD_CHANGED = "PASSWORD_CHANGED"  # noqa: S105 - as above
    SECOND_FACTOR_ENABLED = "SECOND_FACTOR_ENABLED"
    SECOND_FACTOR_REMOVED = "SECOND_FACTOR_REMOVED"
    SECOND_FACTOR_RESET = "SECOND_FACTOR_RESET"
    RECOVERY_CODES_RENEWED = "RECOVERY_CODES_RENEWED"
    RECOVERY_CODE_USED = "RECOVERY_CODE_USED"
    EMAIL_CHANGE_REQUESTED = "EMAIL_CHANGE_REQUESTED"
    EMAIL_CHANGED = "EMAIL_CHANGED"
    CLIENT_CREATED = "CLIENT_CREATED"
    CLIENT_UPDATED = "CLIENT_UPDATED"
    CLIENT_APPROVED = "CLIENT_APPROVED"
    CLIENT_REJECTED = "CLIENT_REJECTED"
    CLIENT_DEACTIVATED = "CLIENT_DEACTIVATED"
    CLIENT_REACTIVATED = "CLIENT_REACTIVATED"
    CLIENT_INVITATION_RESENT = "CLIENT_INVITATION_RESENT"
    CLIENT_NOTE_ADDED = "CLIENT_NOTE_ADDED"
    CLIENTS_EXPORTED = "CLIENTS_EXPORTED"
    ASSOCIATION_CREATED = "ASSOCIATION_CREATED"
    ASSOCIATION_CHANGED = "ASSOCIATION_CHANGED"
    ASSOCIATION_REMOVED = "ASSOCIATION_REMOVED"
    STAFF_CREATED = "STAFF_CREATED"
    STAFF_UPDATED = "STAFF_UPDATED"
    STAFF_ROLES_UPDATED = "STAFF_ROLES_UPDATED"
    STAFF_DEACTIVATED = "STAFF_DEACTIVATED"
    STAFF_REACTIVATED = "STAFF_REACTIVATED"
    STAFF_INVITATION_RESENT = "STAFF_INVITATION_RESENT"
    DEPARTMENT_CREATED = "DEPARTMENT_CREATED"
    DEPARTMENT_UPDATED = "DEPARTMENT_UPDATED"
    DEPARTMENT_DEACTIVATED = "DEPARTMENT_DEACTIVATED"
    DEPARTMENT_REACTIVATED = "DEPARTMENT_REACTIVATED"
    ORGANIZATION_CREATED = "ORGANIZATION_CREATED"
    ORGANIZATION_UPDATED = "ORGANIZATION_UPDATED"
    RECORDS_PURGED = "RECORDS_PURGED"
    SERVICE_KEY_CREATED = "SERVICE_KEY_CREATED"
    SERVICE_KEY_REVOKED = "SERVICE_KEY_REVOKED"
    WEBHOOK_CREATED = "WEBHOOK_CREATED"
    WEBHOOK_UPDATED = "WEBHOOK_UPDATED"
    WEBHOOK_SECRET_ROTATED = "WEBHOOK_SECRET_ROTATED"  # noqa: S105 - as above
    WEBHOOK_PAUSED = "WEBHOOK_PAUSED"
    WEBHOOK_RESUMED = "WEBHOOK_RESUMED"
    WEBHOOK_ENDED = "WEBHOOK_ENDED"
    WEBHOOK_DELIVERY_REPLAYED = "WEBHOOK_DELIVERY_REPLAYED"
