"""What can be done. Each field is one use case in one transaction."""

from typing import Annotated

import strawberry
from strawberry import ID, UNSET, Info

import resolvers
from models import AccountKind
from permissions import Permission, Public, Requires, Scope
from resolvers import Context
from schema.declare import mutation, named
from schema.inputs import (
    ClientApproveInput,
    ClientRegisterInput,
    CredentialsInput,
    DepartmentInput,
    LoginInput,
    StaffCreateInput,
    StaffUpdateInput,
    given,
)
from schema.payloads import (
    ClientPayload,
    CredentialsPayload,
    DepartmentPayload,
    LogoutPayload,
    RequestPayload,
    SessionPayload,
    StaffPayload,
)

Asking = Info[Context, None]


@strawberry.type(description="What can be done.")
class Mutation:
    """The fields of the mutation root."""

    @mutation(Public())
    async def login(
        self,
        info: Asking,
        input: Annotated[LoginInput, strawberry.argument(description="Who, and where.")],
    ) -> SessionPayload:
        """Sign in.

        What is wrong with an account is said only after a right password; everything else is
        INVALID_CREDENTIALS.
        """
        return SessionPayload.of(
            await resolvers.login(
                info.context, input.organization, input.username, input.password, input.surface
            )
        )

    @mutation(Public())
    async def session_refresh(
        self,
        info: Asking,
        refresh_token: Annotated[
            str, strawberry.argument(description="The session's last refresh token.")
        ],
    ) -> SessionPayload:
        """Get new tokens for old ones.

        Within 10 seconds the same token gets the same answer; used again later, it ends the
        whole session.
        """
        return SessionPayload.of(await resolvers.session_refresh(info.context, refresh_token))

    @mutation(Public())
    async def logout(
        self,
        info: Asking,
        everywhere: Annotated[
            bool, strawberry.argument(description="End all sessions of this person.")
        ] = False,
        refresh_token: Annotated[
            str | None,
            strawberry.argument(
                description="Names the session where the access token has run out."
            ),
        ] = UNSET,
    ) -> LogoutPayload:
        """Sign out."""
        await resolvers.logout(info.context, everywhere, given(refresh_token))
        return LogoutPayload()

    @mutation(Public())
    async def client_register(
        self,
        info: Asking,
        input: Annotated[ClientRegisterInput, strawberry.argument(description="The form.")],
    ) -> RequestPayload:
        """Register as a client on an organization's portal page. A letter says how to go on."""
        await resolvers.client_register(info.context, input.typed())
        return RequestPayload(accepted=True)

    @mutation(Public())
    async def link_resend(
        self,
        info: Asking,
        token: Annotated[
            str, strawberry.argument(description="An old link's token, of any purpose.")
        ],
    ) -> RequestPayload:
        """Ask for a new link in place of one that was not used. Never says whether mail went."""
        await resolvers.link_resend(info.context, token)
        return RequestPayload(accepted=True)

    @mutation(Public())
    async def registration_confirm(
        self,
        info: Asking,
        input: Annotated[
            CredentialsInput, strawberry.argument(description="The link, and credentials.")
        ],
    ) -> CredentialsPayload:
        """Confirm a registration and choose credentials; then it awaits approval."""
        done = await resolvers.registration_confirm(
            info.context, input.token, input.username, input.password
        )
        return CredentialsPayload(username=done.username, status=done.status)

    @mutation(Public())
    async def invitation_accept(
        self,
        info: Asking,
        input: Annotated[
            CredentialsInput, strawberry.argument(description="The link, and credentials.")
        ],
    ) -> CredentialsPayload:
        """Choose credentials for an account that staff made."""
        done = await resolvers.invitation_accept(
            info.context, input.token, input.username, input.password
        )
        return CredentialsPayload(username=done.username, status=done.status)

    @mutation(Requires(Permission.CLIENT_APPROVE))
    async def client_approve(
        self,
        info: Asking,
        id: Annotated[ID, strawberry.argument(description="A pending client.")],
        input: Annotated[
            ClientApproveInput | None,
            strawberry.argument(description="A department, and practitioners."),
        ] = UNSET,
    ) -> ClientPayload:
        """Approve a pending client, who moves to the Active list and is mailed."""
        approval = given(input)
        key = await resolvers.client_approve(
            info.context, id, approval.typed() if approval else resolvers.Approval()
        )
        return ClientPayload(client=named(key))

    @mutation(Requires(Permission.STAFF_UPDATE))
    async def staff_create(
        self,
        info: Asking,
        input: Annotated[StaffCreateInput, strawberry.argument(description="The new staff.")],
    ) -> StaffPayload:
        """Create a staff member, who is mailed a link to define username and password."""
        return StaffPayload(staff=named(await resolvers.staff_create(info.context, input.typed())))

    @mutation(Requires(Permission.STAFF_UPDATE, own=AccountKind.STAFF))
    async def staff_update(
        self,
        info: Asking,
        id: Annotated[ID, strawberry.argument(description="A staff member, or oneself.")],
        input: Annotated[StaffUpdateInput, strawberry.argument(description="What to change.")],
    ) -> StaffPayload:
        """Edit a staff member; of oneself only the notifications."""
        return StaffPayload(
            staff=named(await resolvers.staff_update(info.context, id, input.typed()))
        )

    @mutation(Requires(Permission.DEPARTMENT_UPDATE, Scope.ORGANIZATION))
    async def department_create(
        self,
        info: Asking,
        input: Annotated[DepartmentInput, strawberry.argument(description="The department.")],
    ) -> DepartmentPayload:
        """Create a department."""
        key = await resolvers.department_create(info.context, input.name)
        return DepartmentPayload(department=named(key))
