"""The objects of the domain. Each is read from its model; only what differs is said here."""

import datetime as dt
from typing import Any, Generic, TypeAlias, TypeVar

from sqlalchemy import ColumnElement, case
from strawberry import ID
from strawberry.scalars import JSON

import models
from models import (
    AccountKind,
    ActorKind,
    AuditAction,
    ClientStatus,
    DeliveryState,
    OnboardingState,
    Role,
    ServiceKeyStatus,
    StaffStatus,
    Surface,
    WebhookEvent,
    WebhookState,
)
from permissions import Inherited, Permission, Requires, Scope
from resolvers.connection import CURSOR
from schema.declare import (
    about,
    alike,
    computed,
    guarded,
    interface,
    pages,
    reads,
    rights,
    type_,
)

# Who reads the row, reads its fields; these are for managers of the row, and for its own person.
_MANAGERS = Requires(Permission.CLIENT_READ, own=AccountKind.CLIENT)
# And these never for its own person.
_MANAGERS_ONLY = Requires(Permission.CLIENT_READ)
_STAFF_MANAGERS = Requires(Permission.STAFF_READ, own=AccountKind.STAFF)
# Of their practitioners, clients read ids and names (D7).
_STAFF_ONLY = Requires(Permission.STAFF_READ, Scope.OWN, own=AccountKind.STAFF)

T = TypeVar("T")

Sql: TypeAlias = ColumnElement[Any]


def full_name(first_name: Sql, last_name: Sql) -> Sql:
    """Given and family name."""
    return first_name + " " + last_name


def client_onboarding(username: Sql, approved_at: Sql) -> Sql:
    """How far the client has come on the way in."""
    return case(
        (username.is_(None), OnboardingState.AWAITING_CREDENTIALS.value),
        (approved_at.is_(None), OnboardingState.AWAITING_APPROVAL.value),
        else_=OnboardingState.COMPLETE.value,
    )


def staff_onboarding(username: Sql) -> Sql:
    """How far the staff member has come on the way in."""
    return case(
        (username.is_(None), OnboardingState.AWAITING_CREDENTIALS.value),
        else_=OnboardingState.COMPLETE.value,
    )


def key_name(name: Sql) -> Sql:
    """What it is called."""
    return name


def key_status(revoked_at: Sql, expires_at: Sql, is_backed: Sql, now: Sql) -> Sql:
    """Whether it is good."""
    return case(
        (revoked_at.is_not(None), ServiceKeyStatus.REVOKED.value),
        (expires_at <= now, ServiceKeyStatus.EXPIRED.value),
        (is_backed, ServiceKeyStatus.ACTIVE.value),
        else_=ServiceKeyStatus.SUSPENDED.value,
    )


def its_portal_url(slug: Sql, public_url: Sql) -> Sql:
    """The organization's own portal page, where clients register and sign in (`S2`)."""
    return public_url + "/" + slug


@interface
class Node:
    """Whatever has an id of its own, and can be read again by it."""

    id: ID = about("The id: opaque, safe to copy, and of one spelling.")


@interface
class Actor:
    """Whoever can act."""

    display_name: str = about("The name to show.")


@type_
class PageInfo:
    """Where a page stands in its list."""

    has_next_page: bool = about("Whether there is more after this page.")
    has_previous_page: bool = about(
        "Whether there is more before this page. Paging forward, it is whether `after` was given."
    )
    start_cursor: str | None = about("The cursor of the first edge; null for an empty page.")
    end_cursor: str | None = about("The cursor of the last edge; null for an empty page.")


@type_
class Edge(Generic[T]):
    """A place in a list, and what stands there."""

    cursor: str = about("Names this place to `after` and `before`. Opaque; it tells nothing.")
    node: T = about("What stands there.")


@type_
class Connection(Generic[T]):
    """A page of a list."""

    edges: list[Edge[T]] = about("The places of this page.")
    nodes: list[T] = about("What stands there, without the cursors.")
    page_info: PageInfo = about("Where this page stands.")
    total_count: int = about("How many the whole list has, exactly. Ask only if you show it.")


@reads(models.Organization, "org_", rule=Inherited())
class Organization(Node):
    """An organization: its clients, its staff and its departments, and nobody else's."""

    id: ID
    name: str
    slug: str
    portal_url: str = computed(its_portal_url)
    registration_open: bool
    contact_email: str | None
    second_factor_required: bool


@reads(models.Department, "dep_", rule=Inherited())
class Department(Node):
    """A part of the organization, with clients and staff of its own."""

    id: ID
    name: str
    active: bool


@reads(models.RoleGrant, rule=Inherited())
class RoleGrant:
    """A role that a staff member holds, and where."""

    role: Role
    department: Department | None


@reads(models.Staff, "stf_", rule=Inherited())
class Staff(Node, Actor):
    """Somebody who works for the organization."""

    id: ID
    display_name: str = computed(full_name)
    first_name: str
    last_name: str
    status: StaffStatus = guarded(_STAFF_ONLY)
    onboarding_state: OnboardingState = computed(staff_onboarding, _STAFF_ONLY)
    created_at: dt.datetime = guarded(_STAFF_ONLY)
    email: str | None = guarded(_STAFF_MANAGERS)
    username: str | None = guarded(_STAFF_MANAGERS)
    receive_new_client_notifications: bool | None = guarded(_STAFF_MANAGERS)
    second_factor: bool | None = guarded(_STAFF_MANAGERS)
    version: int = guarded(_STAFF_ONLY)
    roles: list[RoleGrant] = guarded(_STAFF_ONLY, size=3)
    associations: "Connection[Association]" = pages(_STAFF_ONLY)
    viewer_permissions: list[Permission] = rights(_STAFF_ONLY)


@reads(models.Staff, rule=Inherited(), bounded=False)
class NamedActor(Actor):
    """Somebody whose record the caller does not reach: the name, and nothing more (`D8`)."""

    display_name: str = computed(full_name)


@reads(models.Client, "cli_", rule=Inherited())
class Client(Node):
    """A person in the organization's care."""

    id: ID
    status: ClientStatus
    onboarding_state: OnboardingState = computed(client_onboarding)
    first_name: str
    last_name: str
    email: str | None = guarded(_MANAGERS)
    phone: str | None = guarded(_MANAGERS)
    date_of_birth: dt.date | None = guarded(_MANAGERS)
    username: str | None = guarded(_MANAGERS)
    department: Department | None
    created_at: dt.datetime
    approved_at: dt.datetime | None = guarded(_MANAGERS)
    approved_by: Actor | None = guarded(_MANAGERS)
    status_reason: str | None = guarded(_MANAGERS)
    version: int
    associations: "list[Association]"
    viewer_permissions: list[Permission] = rights()
    notes: "Connection[ClientNote]" = pages(_MANAGERS_ONLY)
    decisions: "Connection[ClientDecision]" = pages(_MANAGERS_ONLY)
    possible_duplicates: "list[Client]" = alike(
        "Other clients with the same name and date of birth, or with the digits of the same "
        "telephone number: the first 10. For managers of both.",
        _MANAGERS_ONLY,
        ("date_of_birth", "name_key"),
        ("phone_key",),
        most=10,
    )


@reads(models.ClientNote, CURSOR, rule=Inherited())
class ClientNote:
    """An internal note on a client: what managers write for each other."""

    id: ID
    text: str
    author: Actor
    created_at: dt.datetime


@reads(models.ClientDecision, CURSOR, rule=Inherited())
class ClientDecision:
    """A decision that brought a client into one of the three lists: what, who, when and why."""

    id: ID
    at: dt.datetime
    action: AuditAction
    actor_kind: ActorKind
    actor: Actor | None
    reason: str | None


@reads(models.Association, "asc_", rule=Inherited())
class Association(Node):
    """A client and a practitioner who meet, in one of the practitioner's departments (`S21`)."""

    id: ID
    client: Client
    practitioner: Staff
    department: Department
    created_at: dt.datetime


@reads(models.ServiceKeyGrant, rule=Inherited())
class ServiceKeyGrant:
    """A permission that a service key holds, and where."""

    permission: Permission
    department: Department | None


@reads(models.ServiceKey, "key_", rule=Inherited())
class ServiceKey(Node, Actor):
    """A key with which a program acts, within what it was given. Its token is kept nowhere."""

    id: ID
    display_name: str = computed(key_name)
    name: str
    prefix: str
    status: ServiceKeyStatus = computed(key_status)
    created_at: dt.datetime
    created_by: Actor
    expires_at: dt.datetime
    last_used_at: dt.datetime | None
    revoked_at: dt.datetime | None
    grants: list[ServiceKeyGrant]


@reads(models.ServiceKey, rule=Inherited(), bounded=False)
class NamedServiceKey(Actor):
    """A service key that the caller does not reach: the name, and nothing more (`D8`)."""

    display_name: str = computed(key_name)


@reads(models.AuditEvent, "aud_", rule=Inherited())
class AuditEvent(Node):
    """Something that happened, or was refused. There is no text in it that somebody typed."""

    id: ID
    at: dt.datetime
    action: AuditAction
    actor_kind: ActorKind
    actor: Actor | None
    roles: list[Role]
    scope: Scope | None
    surface: Surface | None
    client: Client | None
    staff: Staff | None
    department: Department | None
    changes: JSON
    reason: str | None
    times: int
    source: str | None
    request_id: str | None


@reads(models.ClientChange, CURSOR, rule=Inherited())
class ClientChange:
    """Something happened to a client, who is not what they were before."""

    id: ID
    at: dt.datetime
    action: AuditAction
    client: Client


@reads(models.Delivery, "dlv_", rule=Inherited())
class WebhookDelivery(Node):
    """An event on its way to a webhook, or arrived: a line of the delivery log."""

    id: ID
    event: WebhookEvent
    at: dt.datetime
    client: Client | None
    payload: JSON
    state: DeliveryState
    attempts: int
    due_at: dt.datetime
    done_at: dt.datetime | None
    error: str | None


@reads(models.Webhook, "hok_", rule=Inherited())
class Webhook(Node):
    """An address to which events are sent, of the whole organization or of one department."""

    id: ID
    name: str
    url: str
    events: list[WebhookEvent]
    department: Department | None
    state: WebhookState
    previous_secret_until: dt.datetime | None
    created_at: dt.datetime
    deliveries: "Connection[WebhookDelivery]" = pages()


NODES = (
    Organization,
    Department,
    Staff,
    Client,
    Association,
    AuditEvent,
    ServiceKey,
    Webhook,
    WebhookDelivery,
)
ACTORS = (Staff, NamedActor, ServiceKey, NamedServiceKey)
__all__ = [
    "ACTORS",
    "NODES",
    "Actor",
    "Association",
    "AuditEvent",
    "Client",
    "ClientChange",
    "ClientDecision",
    "ClientNote",
    "Connection",
    "Department",
    "Node",
    "Organization",
    "RoleGrant",
    "ServiceKey",
    "Staff",
    "Webhook",
    "WebhookDelivery",
]
