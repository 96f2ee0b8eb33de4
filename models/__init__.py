"""What is true: the tables, their words, the database that holds them, and its migrations."""

from models.account import Account, Link, ResetRequest, SearchWord, Session
from models.audit import AuditEvent, AuditHead, ClientRead
from models.base import Base
from models.change import ClientChange
from models.client import Association, Client, Notice, Registration
from models.database import Database, Unavailable, to_its_end, within
from models.decision import ClientDecision
from models.idempotency import IdempotencyKey
from models.keys import new_id, outside, parse_id
from models.letter import Letter
from models.note import ClientNote, DecisionReason
from models.organization import Department, Organization
from models.second_factor import RecoveryCode, SecondFactor
from models.service_key import ServiceKey, ServiceKeyGrant
from models.spans import UNTOLD, Tracing, answered, asking, fail, span
from models.staff import RoleGrant, Staff
from models.statement import Query, Record, Rows, Statement, Written, printed
from models.tally import Tally, tallied
from models.text import (
    canonical_email,
    canonical_username,
    name_key,
    phone_key,
    sort_key,
    words_of,
)
from models.throttle import Throttle
from models.webhook import Delivery, Webhook
from models.words import (
    AccountKind,
    ActorKind,
    AuditAction,
    ClientStatus,
    DeliveryState,
    LetterState,
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

__all__ = [
    "UNTOLD",
    "Account",
    "AccountKind",
    "ActorKind",
    "Association",
    "AuditAction",
    "AuditEvent",
    "AuditHead",
    "Base",
    "Client",
    "ClientChange",
    "ClientDecision",
    "ClientNote",
    "ClientRead",
    "ClientStatus",
    "Database",
    "DecisionReason",
    "Delivery",
    "DeliveryState",
    "Department",
    "IdempotencyKey",
    "Letter",
    "LetterState",
    "Link",
    "LinkPurpose",
    "LinkState",
    "Notice",
    "OnboardingState",
    "Organization",
    "Query",
    "Record",
    "RecoveryCode",
    "Registration",
    "ResetRequest",
    "Role",
    "RoleGrant",
    "Rows",
    "SearchWord",
    "SecondFactor",
    "ServiceKey",
    "ServiceKeyGrant",
    "ServiceKeyStatus",
    "Session",
    "Staff",
    "StaffStatus",
    "Statement",
    "Surface",
    "Tally",
    "Throttle",
    "Tracing",
    "Unavailable",
    "Webhook",
    "WebhookEvent",
    "WebhookState",
    "Written",
    "answered",
    "asking",
    "canonical_email",
    "canonical_username",
    "fail",
    "name_key",
    "new_id",
    "outside",
    "parse_id",
    "phone_key",
    "printed",
    "sort_key",
    "span",
    "tallied",
    "to_its_end",
    "within",
    "words_of",
]
