"""The enumerations as the schema shows them, each value with what it means."""

from enum import Enum
from typing import Any

import strawberry

from models import (
    ActorKind,
    AuditAction,
    ClientStatus,
    DeliveryState,
    LinkPurpose,
    LinkState,
    OnboardingState,
    Role,
    ServiceKeyStatus,
    StaffStatus,
    Surface,
    WebhookEvent,
    WebhookState,
)
from permissions import Permission, Scope
from resolvers import ClientOrder, Code, RowPolicy


def _explain(words: type[Enum], description: str, name: str | None = None, **values: str) -> Any:
    """Show the enumeration, each value with its sentence; a value without one fails at import."""
    shown = strawberry.enum(words, name=name, description=description)
    definition = shown.__strawberry_definition__  # type: ignore[attr-defined]
    for value in definition.values:
        value.description = values.pop(value.name)
    if values:
        raise TypeError(f"{words.__name__} has no {', '.join(values)}")
    return shown


_explain(
    Role,
    "What a staff member is. All roles but the first are held in a department.",
    ORGANIZATION_ADMINISTRATOR="Reaches everything in the organization.",
    DEPARTMENT_ADMINISTRATOR="Manages the clients and the staff of a department.",
    CARE_COORDINATOR="Manages the clients of a department.",
    PRACTITIONER="Meets clients, and is associated with them.",
)
_explain(
    Permission,
    "One permission a thing that a person can be allowed to do. New ones may come.",
    CLIENT_READ="See clients.",
    CLIENT_CREATE="Create clients, and invite them again; with CLIENT_UPDATE also correct the "
    "address of who was invited.",
    CLIENT_UPDATE="Edit the details of clients.",
    CLIENT_APPROVE="Approve and reject pending clients.",
    CLIENT_SET_STATUS="Make clients inactive, and active again; with CLIENT_APPROVE also who was "
    "never approved.",
    CLIENT_ASSOCIATE="Associate clients with practitioners.",
    STAFF_READ="See staff.",
    STAFF_UPDATE="Create, edit, invite, deactivate and reactivate staff, and reset second factors.",
    STAFF_SET_ROLES="Grant and revoke roles; with STAFF_UPDATE also correct the address of who was "
    "invited.",
    DEPARTMENT_UPDATE="Create and edit departments.",
    ORGANIZATION_UPDATE="Edit the organization.",
    AUDIT_READ="See who did what, and what was refused.",
    SERVICE_KEY_MANAGE="Make and revoke service keys, and see them. No service key holds it.",
    WEBHOOK_MANAGE="See webhooks and what they were sent; make, edit, pause and end them. "
    "No service key holds it.",
)
_explain(
    Scope,
    "How far a permission reaches. What reaches further includes what reaches less.",
    ORGANIZATION="Everything in the organization.",
    DEPARTMENT="What belongs to the departments in which the role is held.",
    OWN="What is one's own: a practitioner's clients.",
)
_explain(
    Surface,
    "Where somebody signs in.",
    PORTAL="The administrative portal, in a browser.",
    APP="The app, in which clients and practitioners meet.",
)
_explain(
    ClientStatus,
    "The three lists of clients. They are disjoint, and together complete.",
    ACTIVE="May use the portal and the app.",
    INACTIVE="May use neither.",
    PENDING="Awaits approval: may use the portal, but not the app.",
)
_explain(
    StaffStatus,
    "Whether a staff member may sign in.",
    ACTIVE="May sign in.",
    INACTIVE="May not.",
)
_explain(
    ServiceKeyStatus,
    "Whether a service key is good.",
    ACTIVE="It is good.",
    SUSPENDED="It is not good while whoever made it is no active Organizational Administrator.",
    EXPIRED="Its time is over.",
    REVOKED="It was revoked.",
)
_explain(
    OnboardingState,
    "How far somebody has come on the way in.",
    AWAITING_CREDENTIALS="Is or will be invited, and has no username and password yet.",
    AWAITING_APPROVAL="Has credentials, and was not approved yet.",
    COMPLETE="Has arrived.",
)
_explain(
    ClientOrder,
    "The orders of a list of clients.",
    NAME="By family name, then given name; case and accents do not count.",
    NEWEST="The newest first.",
    OLDEST="The oldest first.",
)
_explain(
    RowPolicy,
    "What becomes of the good rows of an input in which others are bad.",
    ALL_OR_NOTHING="Nothing is done, unless every row is good.",
    GOOD_ROWS="They are done, and the bad ones are told.",
)
_explain(
    LinkPurpose,
    "What a mailed link is for. It is good for nothing else.",
    CONFIRM_REGISTRATION="Confirms a registration, and defines username and password.",
    DEFINE_CREDENTIALS="Defines username and password of an account that staff made.",
    RESET_PASSWORD="Sets a new password.",  # noqa: S106 - a sentence
    CONFIRM_EMAIL="Confirms a new e-mail address.",
)
_explain(
    LinkState,
    "What has become of a mailed link.",
    VALID="Can be used.",
    USED="Was used: a link works once.",
    EXPIRED="Its time is over; `linkResend` sends a new one.",
    SUPERSEDED="A newer link, or something that happened since, has taken its place.",
    UNKNOWN="We never sent such a link.",
)
_explain(
    Code,
    "What is wrong, for programs. New codes may come: treat an unknown one by its message.",
    name="UserErrorCode",
    REQUIRED="A value is missing, or null where it cannot be.",
    INVALID="A value cannot be right.",
    TOO_LONG="A text is longer than what is kept.",
    TAKEN="Somebody else has it already.",
    NOT_FOUND="There is no such thing, as far as you reach.",
    CONFLICT="Somebody else changed it meanwhile.",
    INVALID_CREDENTIALS="Organization, username and password do not belong together.",
    CLIENT_INACTIVE="The client's account is inactive.",
    CLIENT_PENDING_APPROVAL="The client's account awaits approval; the app opens after that.",
    STAFF_INACTIVE="The staff member's account is inactive.",
    LINK_USED="The mailed link was used already.",
    LINK_EXPIRED="The mailed link's time is over.",
    LINK_SUPERSEDED="A newer link has taken this one's place.",
    LINK_UNKNOWN="We never sent such a link, or not for this.",
    PASSWORD_TOO_WEAK="The password would be guessed.",  # noqa: S106 - a sentence
    DEPARTMENT_REQUIRED="One of several departments must be named: `choices` lists them.",
    NOT_A_PRACTITIONER="The staff member does not hold the practitioner role there.",
    OUT_OF_SCOPE="You see it, but may not do this with it.",
    ALREADY_ASSOCIATED="The two are associated already.",
    NOT_PENDING="The client is not pending (any more).",
    NOT_ACTIVE="The client is not active.",
    NOT_INACTIVE="The client is not inactive.",
    ALREADY_ONBOARDED="The person has credentials already.",
    EMAIL_LOCKED="Only the person can change an address that they sign in with.",
    SESSION_EXPIRED="The session is over; sign in again.",
    REGISTRATION_CLOSED="The organization takes no registrations.",
    LAST_ORGANIZATION_ADMINISTRATOR="An organization keeps one Organizational Administrator.",
    LAST_DEPARTMENT="An organization keeps one active department.",
    HAS_ASSOCIATIONS="There are associations, which must end first.",
    HAS_CLIENTS="There are clients, who must move first.",
    SECOND_FACTOR_REQUIRED="The password is right, and a code is needed as well.",
    SECOND_FACTOR_ON="There is a second factor already.",
    SECOND_FACTOR_OFF="There is no second factor.",
    INVALID_CODE="The code is not right, or was used before.",
    TOO_MANY_WRONG_CODES="Codes of the app must wait; the message says how long.",
    WEBHOOK_ENDED="The webhook has ended, for good.",
)
_explain(
    ActorKind,
    "As what somebody acted.",
    STAFF="As a staff member, signed in.",
    CLIENT="As a client, signed in.",
    SERVICE_KEY="As a program, by a service key.",
    LINK="As whoever held a mailed link; it went to the person whom the event is about.",
    ANONYMOUS="As nobody who was signed in.",
    OPERATOR="At the command line of the server, or by its settings.",
    SERVER="The server, by itself.",
)
_explain(
    WebhookEvent,
    "What webhooks are told of. Receivers know it as `client.approved`. New ones may come.",
    CLIENT_REGISTERED="Somebody registered on the portal page; it is not a client yet.",
    CLIENT_CONFIRMED="A registration was confirmed, and became a pending client.",
    CLIENT_APPROVED="A client was approved.",
    CLIENT_REJECTED="A pending client was turned down.",
    CLIENT_CREATED="Staff created a client.",
    CLIENT_DEACTIVATED="A client was made inactive.",
    CLIENT_REACTIVATED="A client was made active again.",
    CLIENT_ASSOCIATED="A client and a practitioner were associated.",
)
_explain(
    WebhookState,
    "Whether events are sent to a webhook.",
    ACTIVE="They are.",
    PAUSED="They are held until it is resumed: somebody paused it.",
    UNREACHABLE="They are held until it is resumed: its receiver took nothing for days.",
    ENDED="It is over, for good.",
)
_explain(
    DeliveryState,
    "What has become of an event to a webhook.",
    QUEUED="It waits for its next attempt.",
    HELD="It waits until the webhook is resumed.",
    SENT="The receiver took it: it answered with a 2xx.",
    CANCELLED="The webhook ended before, or an older copy was restored.",
    REFUSED="The receiver wants no more of it: it answered 410.",
    EXPIRED="It was tried for days, and given up; it can be replayed.",
)
_explain(
    AuditAction,
    "What happened, or was refused. New ones may come.",
    SIGNED_IN="Somebody signed in.",
    SIGN_IN_REFUSED="Somebody was not let in; `reason` is the code of the refusal.",
    SIGNED_OUT="Somebody signed out; with the reason EVERYWHERE, of all their sessions.",
    SESSION_ENDED="A session ended, because a refresh token came again that had been used.",
    OPERATION_REFUSED="Somebody signed in was refused; `reason` is a code and names the fields.",
    REGISTRATION_CREATED="Somebody registered on the portal page.",
    REGISTRATION_CONFIRMED="A registration was confirmed, and became a pending client.",
    INVITATION_ACCEPTED="Somebody chose username and password for an account that staff made.",
    LINK_RESENT="A new link was sent for an old one; `reason` is its purpose.",
    PASSWORD_RESET_REQUESTED="A link to choose a new password was sent.",  # noqa: S106 - a sentence
    PASSWORD_RESET="A new password was chosen behind a mailed link.",  # noqa: S106 - as above
    PASSWORD_CHANGED="Somebody changed their password.",  # noqa: S106 - as above
    SECOND_FACTOR_ENABLED="A staff member turned on a second factor.",
    SECOND_FACTOR_REMOVED="A staff member turned their second factor off.",
    SECOND_FACTOR_RESET="A second factor was taken away from a staff member.",
    RECOVERY_CODES_RENEWED="A staff member got new recovery codes.",
    RECOVERY_CODE_USED="A recovery code was used up in place of a code of the app.",
    EMAIL_CHANGE_REQUESTED="A new address was asked for. It was sent a link to confirm it, unless "
    "it is somebody else's.",
    EMAIL_CHANGED="Somebody confirmed their new address.",
    CLIENT_CREATED="Staff created a client.",
    CLIENT_UPDATED="A client's details were edited.",
    CLIENT_APPROVED="A client was approved.",
    CLIENT_REJECTED="A pending client was turned down.",
    CLIENT_DEACTIVATED="A client was made inactive.",
    CLIENT_REACTIVATED="A client was made active again.",
    CLIENT_INVITATION_RESENT="A client's invitation was sent by staff, again or at last.",
    CLIENT_NOTE_ADDED="A manager wrote an internal note on a client.",
    CLIENTS_EXPORTED="Clients were taken along as a file; `changes` say which, and how many.",
    ASSOCIATION_CREATED="A client and a practitioner were associated.",
    ASSOCIATION_CHANGED="An association moved to another department.",
    ASSOCIATION_REMOVED="An association ended.",
    STAFF_CREATED="A staff member was created.",
    STAFF_UPDATED="A staff member was edited.",
    STAFF_ROLES_UPDATED="Roles were granted or revoked.",
    STAFF_DEACTIVATED="A staff member was made inactive.",
    STAFF_REACTIVATED="A staff member was made active again.",
    STAFF_INVITATION_RESENT="A staff member's invitation was sent again.",
    DEPARTMENT_CREATED="A department was created.",
    DEPARTMENT_UPDATED="A department was renamed.",
    DEPARTMENT_DEACTIVATED="A department was closed.",
    DEPARTMENT_REACTIVATED="A department was opened again.",
    ORGANIZATION_CREATED="The organization was made.",
    ORGANIZATION_UPDATED="The organization was edited.",
    RECORDS_PURGED="Rows that had served their time went: `times` of the table that is `reason`.",
    SERVICE_KEY_CREATED="A service key was made.",
    SERVICE_KEY_REVOKED="A service key was revoked.",
    WEBHOOK_CREATED="A webhook was made.",
    WEBHOOK_UPDATED="A webhook was edited.",
    WEBHOOK_SECRET_ROTATED="A webhook got a new secret.",  # noqa: S106 - a sentence
    WEBHOOK_PAUSED="A webhook was paused: by somebody, or by the server.",
    WEBHOOK_RESUMED="A webhook was resumed.",
    WEBHOOK_ENDED="A webhook ended.",
    WEBHOOK_DELIVERY_REPLAYED="An event was sent to its webhook again.",
)
