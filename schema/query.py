"""What can be read."""

import datetime as dt
from typing import Annotated

import strawberry
from sqlalchemy import ColumnElement
from strawberry import ID, UNSET, Info

import models
import resolvers
from models import (
    AccountKind,
    AuditAction,
    ClientStatus,
    LinkPurpose,
    LinkState,
    Role,
    StaffStatus,
    Surface,
    WebhookState,
    outside,
)
from permissions import HOLDS, Authenticated, Inherited, Permission, Public, Requires, Scope
from resolvers import AuditFilter, ChangeFilter, ClientFilter, ClientOrder, Context, Key, Listing
from schema.declare import (
    READS,
    After,
    Before,
    First,
    Last,
    Reads,
    about,
    computed,
    own,
    permissions,
    query,
    reads,
    type_,
)
from schema.inputs import given
from schema.payloads import ChoosableDepartment
from schema.types import (
    NODES,
    AuditEvent,
    Client,
    ClientChange,
    Connection,
    Department,
    Node,
    Organization,
    ServiceKey,
    Staff,
    Webhook,
)

Search = Annotated[
    str | None,
    strawberry.argument(
        description="Only who has, for each of these words, one that begins so: of their names, "
        "e-mail address and username. Case and accents do not count."
    ),
]

Status = Annotated[
    ClientStatus | None,
    strawberry.argument(description="Only of clients who have this status now."),
]
OfDepartment = Annotated[
    ID | None, strawberry.argument(description="Only of clients of this department.")
]


@type_
class OrganizationProfile:
    """What the registration page of an organization's portal URL shows."""

    name: str = about("The organization's name.")
    slug: str = about("Its name in addresses.")
    portal_url: str = about("Its own portal page.")
    registration_open: bool = about("Whether clients may register themselves.")
    departments: list[ChoosableDepartment] = about(
        "The departments to choose from. With one there is nothing to choose."
    )


@type_
class Link:
    """A mailed link, looked at without using it up."""

    purpose: LinkPurpose | None = about("What it is for; null for an unknown one.")
    state: LinkState = about("What has become of it.")
    organization_name: str | None = about("Who sent it; null for an unknown one.")
    expires_at: dt.datetime | None = about("When it ends; null for an unknown one.")


@type_
class PermissionGrant:
    """A role holds a permission, and how far it reaches."""

    role: Role = about("The role.")
    permission: Permission = about("The permission.")
    scope: Scope = about("How far it reaches.")


def second_factor_needed(second_factor_needed: ColumnElement[bool]) -> ColumnElement[bool]:
    """Whether the caller must set up a second factor before anything else.

    The organization requires one of its staff, and until then nobody holds a permission without it.
    """
    return second_factor_needed


@reads(models.Session, rule=Inherited())
class Viewer:
    """Who is signed in. Exactly one of `staff` and `client` is set."""

    surface: Surface
    organization: Organization
    permissions: list[Permission] = permissions(
        "What the caller may do, somewhere; none for a client."
    )
    second_factor_needed: bool = computed(second_factor_needed)
    staff: Staff | None = own()
    client: Client | None = own()


@strawberry.type(description="What can be read.")
class Query:
    """The fields of the query root."""

    @query(Public())
    async def organization(
        self,
        info: Info[Context, None],
        slug: Annotated[str, strawberry.argument(description="The slug of the portal URL.")],
    ) -> OrganizationProfile | None:
        """An organization's registration page. Null for an unknown slug."""
        context = info.context
        found = await resolvers.organization(context, slug)
        if found is None:
            return None
        return OrganizationProfile(
            name=found.name,
            slug=found.slug,
            portal_url=resolvers.portal_url(found.slug, context.services.public_url),
            registration_open=found.registration_open,
            departments=[
                ChoosableDepartment(id=ID(outside("dep_", one.id)), name=one.name)
                for one in found.departments
            ],
        )

    @query(Public())
    async def link(
        self,
        info: Info[Context, None],
        token: Annotated[str, strawberry.argument(description="What follows `#token=`.")],
    ) -> Link:
        """Looks at a mailed link without using it up."""
        seen = await resolvers.link(info.context, token)
        return Link(
            purpose=seen.purpose,
            state=seen.state,
            organization_name=seen.organization_name,
            expires_at=seen.expires_at,
        )

    @query(Public(), reads=Viewer | None)
    def viewer(self, info: Info[Context, None]) -> Key | None:
        """Who is signed in. Null for an anonymous caller, and for a service key."""
        actor = info.context.actor
        return Key(models.Session, actor.session_id) if actor.is_signed_in else None

    @query(Public(), reads=ServiceKey | None)
    def service_key(self, info: Info[Context, None]) -> Key | None:
        """The service key that asks. Null for everybody else."""
        actor = info.context.actor
        is_key = actor.shape.kind is AccountKind.SERVICE_KEY
        return Key(models.ServiceKey, actor.id) if is_key else None

    @query(
        Requires(Permission.SERVICE_KEY_MANAGE, Scope.ORGANIZATION), reads=Connection[ServiceKey]
    )
    def service_keys(
        self,
        first: First = UNSET,
        after: After = UNSET,
        last: Last = UNSET,
        before: Before = UNSET,
    ) -> Listing:
        """The organization's service keys, the newest first; also those that are good no more."""
        return resolvers.keys()

    @query(Requires(Permission.CLIENT_READ), reads=Connection[Client])
    def clients(  # noqa: PLR0917 - GraphQL's arguments have names
        self,
        info: Info[Context, None],
        status: Annotated[
            ClientStatus | None,
            strawberry.argument(description="One of the three lists; null: all three."),
        ] = ClientStatus.ACTIVE,
        department_id: Annotated[
            ID | None, strawberry.argument(description="Only clients of this department.")
        ] = UNSET,
        practitioner_id: Annotated[
            ID | None,
            strawberry.argument(description="Only clients associated with this practitioner."),
        ] = UNSET,
        search: Search = UNSET,
        order_by: Annotated[
            ClientOrder | None, strawberry.argument(description="The order of the list.")
        ] = ClientOrder.NAME,
        first: First = UNSET,
        after: After = UNSET,
        last: Last = UNSET,
        before: Before = UNSET,
    ) -> Listing:
        """The clients whom the caller manages; without arguments the Active list."""
        wanted = ClientFilter(
            status=status,
            department_id=given(department_id),
            practitioner_id=given(practitioner_id),
            search=given(search),
        )
        return resolvers.clients(info.context, wanted, order_by or ClientOrder.NAME)

    @query(Requires(Permission.CLIENT_READ), reads=Client | None)
    def client(
        self,
        id: Annotated[ID, strawberry.argument(description="The client's id.")],
    ) -> Key | None:
        """A client whom the caller manages. Null for an unknown id."""
        return resolvers.client(id)

    @query(Requires(Permission.CLIENT_READ), reads=Connection[ClientChange])
    def client_changes(
        self,
        status: Status = UNSET,
        department_id: OfDepartment = UNSET,
        first: First = UNSET,
        after: After = UNSET,
        last: Last = UNSET,
        before: Before = UNSET,
    ) -> Listing:
        """What happened to the clients whom the caller manages, the oldest first.

        Of associations those within the caller's reach.

        For who polls: ask for what comes after the last cursor that you have. `last: 1` is where it
        ends now.
        """
        return resolvers.client_changes(ChangeFilter(given(status), given(department_id)))

    @query(Requires(Permission.STAFF_READ), reads=Connection[Staff])
    def staff(  # noqa: PLR0917 - GraphQL's arguments have names
        self,
        info: Info[Context, None],
        status: Annotated[
            StaffStatus | None, strawberry.argument(description="Active or inactive; null: both.")
        ] = StaffStatus.ACTIVE,
        role: Annotated[
            Role | None, strawberry.argument(description="Only who holds this role.")
        ] = UNSET,
        department_id: Annotated[
            ID | None, strawberry.argument(description="Only who holds a role there.")
        ] = UNSET,
        search: Search = UNSET,
        first: First = UNSET,
        after: After = UNSET,
        last: Last = UNSET,
        before: Before = UNSET,
    ) -> Listing:
        """The staff within the caller's reach, by name."""
        return resolvers.staff(
            info.context, status, given(role), given(department_id), given(search)
        )

    @query(Requires(Permission.STAFF_READ), reads=Staff | None)
    def staff_member(
        self,
        id: Annotated[ID, strawberry.argument(description="The staff member's id.")],
    ) -> Key | None:
        """A staff member within the caller's reach. Null for an unknown id."""
        return resolvers.staff_member(id)

    @query(Authenticated(), reads=list[Department])
    def departments(self) -> Listing:
        """The departments of the caller's organization, by name."""
        return resolvers.departments()

    @query(Requires(Permission.AUDIT_READ), reads=Connection[AuditEvent])
    def audit_events(  # noqa: PLR0917 - GraphQL's arguments have names
        self,
        info: Info[Context, None],
        action: Annotated[
            list[AuditAction] | None, strawberry.argument(description="Only these.")
        ] = UNSET,
        actor_id: Annotated[
            ID | None,
            strawberry.argument(
                description="Only what this staff member, this client or this service key did."
            ),
        ] = UNSET,
        subject_id: Annotated[
            ID | None,
            strawberry.argument(
                description="Only what is about this client, staff member or department."
            ),
        ] = UNSET,
        department_id: Annotated[
            ID | None,
            strawberry.argument(description="Only what concerned this department at the time."),
        ] = UNSET,
        since: Annotated[
            dt.datetime | None, strawberry.argument(description="Only from this time on.")
        ] = UNSET,
        until: Annotated[
            dt.datetime | None, strawberry.argument(description="Only before this time.")
        ] = UNSET,
        first: First = UNSET,
        after: After = UNSET,
        last: Last = UNSET,
        before: Before = UNSET,
    ) -> Listing:
        """The audit trail, the newest first.

        Department Administrators read what concerned their departments at the time.
        """
        wanted = AuditFilter(
            actions=given(action),
            actor_id=given(actor_id),
            subject_id=given(subject_id),
            department_id=given(department_id),
            since=given(since),
            until=given(until),
        )
        return resolvers.audit_events(info.context, wanted)

    @query(Requires(Permission.WEBHOOK_MANAGE), reads=Connection[Webhook])
    def webhooks(
        self,
        state: Annotated[
            WebhookState | None, strawberry.argument(description="Only these; null: all.")
        ] = UNSET,
        first: First = UNSET,
        after: After = UNSET,
        last: Last = UNSET,
        before: Before = UNSET,
    ) -> Listing:
        """The webhooks that the caller manages, in the order in which they were made."""
        return resolvers.webhooks(given(state))

    @query(Authenticated(), reads=Node | None)
    def node(
        self,
        id: Annotated[ID, strawberry.argument(description="An id of any kind.")],
    ) -> Key | None:
        """Whatever has this id, within the caller's reach. Null for an unknown id."""
        for kind in NODES:
            reads: Reads = getattr(kind, READS)
            found = models.parse_id(reads.prefix or "", id)
            if found:
                return Key(reads.model, found, opened=True)
        return None

    @query(Authenticated())
    def permission_matrix(self) -> list[PermissionGrant]:
        """Which role holds which permission, and how far it reaches."""
        return [
            PermissionGrant(role=role, permission=permission, scope=scope)
            for role, held in HOLDS.items()
            for permission, scope in held.items()
        ]
