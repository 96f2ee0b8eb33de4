"""What can be done. Each field is one use case in one transaction."""

from typing import Annotated

import strawberry
from strawberry import ID, UNSET, Info

import resolvers
from models import AccountKind
from permissions import ForPeople, ForStaff, Permission, Public, Requires, RequiresPerson, Scope
from resolvers import Context
from schema.bulk import BulkMutation
from schema.client_notes import ClientNoteMutation
from schema.declare import mutation, named
from schema.inputs import (
    ClientApproveInput,
    ClientAssociationsInput,
    ClientCreateInput,
    ClientRegisterInput,
    ClientUpdateInput,
    CredentialsInput,
    DepartmentInput,
    LoginInput,
    OrganizationUpdateInput,
    PasswordChangeInput,
    PasswordResetInput,
    PasswordResetRequestInput,
    SecondFactorInput,
    StaffAssociationsInput,
    StaffCreateInput,
    StaffRolesInput,
    StaffUpdateInput,
    changes,
    given,
)
from schema.payloads import (
    ClientPayload,
    CredentialsPayload,
    DepartmentPayload,
    LogoutPayload,
    OrganizationPayload,
    RecoveryCodesPayload,
    RequestPayload,
    SecondFactorBeginPayload,
    SessionPayload,
    StaffPayload,
)
from schema.service_keys import ServiceKeyMutation
from schema.webhooks import WebhookMutations

Asking = Info[Context, None]


@strawberry.type(description="What can be done.")
class Mutation(BulkMutation, ClientNoteMutation, ServiceKeyMutation, WebhookMutations):
    """The fields of the mutation root."""

    @mutation(Public(), credential=True)
    async def login(
        self,
        info: Asking,
        input: Annotated[LoginInput, strawberry.argument(description="Who, and where.")],
    ) -> SessionPayload:
        """Sign in.

        What is wrong with an account is said only after a right password; everything else is
        INVALID_CREDENTIALS. Who has a second factor and gives no code is told
        SECOND_FACTOR_REQUIRED: ask for it, and sign in again with both.
        """
        return SessionPayload.of(
            await resolvers.login(
                info.context,
                input.organization,
                input.username,
                input.password,
                input.surface,
                given(input.code),
            )
        )

    @mutation(Public(), credential=True)
    async def session_refresh(
        self,
        info: Asking,
        refresh_token: Annotated[
            str, strawberry.argument(description="The session's last refresh token.")
        ],
    ) -> SessionPayload:
        """Get new tokens for old ones.

        Within 10 seconds the same token gets the same answer, and so does the new one; an old
        token that is used again later ends the whole session.
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
                description="Names the session where the access token has run out. "
                "One that was used before ends that session only."
            ),
        ] = UNSET,
    ) -> LogoutPayload:
        """Sign out."""
        await resolvers.logout(info.context, everywhere, given(refresh_token))
        return LogoutPayload()

    @mutation(Public(), credential=True)
    async def client_register(
        self,
        info: Asking,
        input: Annotated[ClientRegisterInput, strawberry.argument(description="The form.")],
    ) -> RequestPayload:
        """Register as a client on an organization's portal page. A letter says how to go on."""
        await resolvers.client_register(info.context, input.typed())
        return RequestPayload(accepted=True)

    @mutation(Public(), credential=True)
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

    @mutation(Public(), credential=True)
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

    @mutation(Public(), credential=True)
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
        key = await resolvers.staff_update(
            info.context, id, changes(input), given(input.expected_version)
        )
        return StaffPayload(staff=named(key))

    @mutation(Requires(Permission.DEPARTMENT_UPDATE, Scope.ORGANIZATION))
    async def department_create(
        self,
        info: Asking,
        input: Annotated[DepartmentInput, strawberry.argument(description="The department.")],
    ) -> DepartmentPayload:
        """Create a department."""
        key = await resolvers.department_create(info.context, input.name)
        return DepartmentPayload(department=named(key))

    @mutation(Public(), credential=True)
    async def password_reset_request(
        self,
        info: Asking,
        input: Annotated[PasswordResetRequestInput, strawberry.argument(description="Whose.")],
    ) -> RequestPayload:
        """Ask for a link to choose a new password. Never says whether there is such a person."""
        await resolvers.password_reset_request(info.context, input.organization, input.email)
        return RequestPayload(accepted=True)

    @mutation(Public(), credential=True)
    async def password_reset(
        self,
        info: Asking,
        input: Annotated[
            PasswordResetInput, strawberry.argument(description="The link, and a password.")
        ],
    ) -> CredentialsPayload:
        """Choose a new password, behind a mailed link. All sessions of the person end."""
        done = await resolvers.password_reset(info.context, input.token, input.password)
        return CredentialsPayload(username=done.username, status=done.status)

    @mutation(ForPeople(), credential=True)
    async def password_change(
        self,
        info: Asking,
        input: Annotated[PasswordChangeInput, strawberry.argument(description="Both passwords.")],
    ) -> CredentialsPayload:
        """Choose a new password while signed in. All other sessions end."""
        done = await resolvers.password_change(info.context, input.current_password, input.password)
        return CredentialsPayload(username=done.username, status=done.status)

    @mutation(ForStaff(), credential=True)
    async def second_factor_begin(
        self,
        info: Asking,
        password: Annotated[str, strawberry.argument(description="The current password.")],
    ) -> SecondFactorBeginPayload:
        """Get a secret for one's authenticator app. It counts once a code of it confirms it."""
        begun = await resolvers.second_factor_begin(info.context, password)
        return SecondFactorBeginPayload(secret=begun.secret, otpauth_uri=begun.otpauth_uri)

    @mutation(ForStaff(), credential=True)
    async def second_factor_confirm(
        self,
        info: Asking,
        code: Annotated[str, strawberry.argument(description="What the app shows.")],
    ) -> RecoveryCodesPayload:
        """Turn one's second factor on. All other sessions end."""
        codes = await resolvers.second_factor_confirm(info.context, code)
        return RecoveryCodesPayload(recovery_codes=codes)

    @mutation(ForStaff(), credential=True)
    async def second_factor_remove(
        self,
        info: Asking,
        input: Annotated[SecondFactorInput, strawberry.argument(description="Both proofs.")],
    ) -> StaffPayload:
        """Turn one's second factor off, as to replace the app. All other sessions end."""
        key = await resolvers.second_factor_remove(info.context, input.password, input.code)
        return StaffPayload(staff=named(key))

    @mutation(ForStaff(), credential=True)
    async def recovery_codes_renew(
        self,
        info: Asking,
        input: Annotated[SecondFactorInput, strawberry.argument(description="Both proofs.")],
    ) -> RecoveryCodesPayload:
        """Get new recovery codes; the old ones are good no more."""
        codes = await resolvers.recovery_codes_renew(info.context, input.password, input.code)
        return RecoveryCodesPayload(recovery_codes=codes)

    @mutation(RequiresPerson(Permission.STAFF_UPDATE))
    async def staff_second_factor_reset(
        self,
        info: Asking,
        id: Annotated[ID, strawberry.argument(description="The staff member.")],
    ) -> StaffPayload:
        """Take a second factor away from a staff member who has lost it, and is signed out."""
        key = await resolvers.staff_second_factor_reset(info.context, id)
        return StaffPayload(staff=named(key))

    @mutation(ForPeople(), credential=True)
    async def email_change_request(
        self,
        info: Asking,
        email: Annotated[str, strawberry.argument(description="The new address.")],
    ) -> RequestPayload:
        """Ask to change one's own address: a letter to the new one confirms it."""
        await resolvers.email_change_request(info.context, email)
        return RequestPayload(accepted=True)

    @mutation(Public(), credential=True)
    async def email_change_confirm(
        self,
        info: Asking,
        token: Annotated[str, strawberry.argument(description="What follows `#token=`.")],
    ) -> CredentialsPayload:
        """Confirm one's new address, behind the link mailed to it. The old address is told."""
        done = await resolvers.email_change_confirm(info.context, token)
        return CredentialsPayload(username=done.username, status=done.status)

    @mutation(Requires(Permission.CLIENT_APPROVE))
    async def client_reject(
        self,
        info: Asking,
        id: Annotated[ID, strawberry.argument(description="A pending client.")],
        reason: Annotated[
            str | None, strawberry.argument(description="Why, for staff; it is not mailed.")
        ] = UNSET,
    ) -> ClientPayload:
        """Turn a pending client down, who moves to the Inactive list."""
        key = await resolvers.client_reject(info.context, id, given(reason))
        return ClientPayload(client=named(key))

    @mutation(Requires(Permission.CLIENT_CREATE))
    async def client_create(
        self,
        info: Asking,
        input: Annotated[ClientCreateInput, strawberry.argument(description="The new client.")],
    ) -> ClientPayload:
        """Create a client, who is active at once and, unless told otherwise, invited by mail."""
        key = await resolvers.client_create(info.context, input.typed())
        return ClientPayload(client=named(key))

    @mutation(Requires(Permission.CLIENT_CREATE))
    async def client_invitation_resend(
        self,
        info: Asking,
        id: Annotated[ID, strawberry.argument(description="A client without credentials.")],
    ) -> ClientPayload:
        """Send the invitation, or send it again, with a new link."""
        key = await resolvers.client_invitation_resend(info.context, id)
        return ClientPayload(client=named(key))

    @mutation(Requires(Permission.CLIENT_UPDATE))
    async def client_update(
        self,
        info: Asking,
        id: Annotated[ID, strawberry.argument(description="The client.")],
        input: Annotated[ClientUpdateInput, strawberry.argument(description="What to change.")],
    ) -> ClientPayload:
        """Edit a client's details. A pending client's new department is told."""
        key = await resolvers.client_update(
            info.context, id, changes(input), given(input.expected_version)
        )
        return ClientPayload(client=named(key))

    @mutation(Requires(Permission.CLIENT_SET_STATUS))
    async def client_deactivate(
        self,
        info: Asking,
        id: Annotated[ID, strawberry.argument(description="An active client.")],
        reason: Annotated[
            str | None, strawberry.argument(description="Why, for staff; it is not mailed.")
        ] = UNSET,
    ) -> ClientPayload:
        """Make an active client inactive, who is signed out everywhere at once."""
        key = await resolvers.client_deactivate(info.context, id, given(reason))
        return ClientPayload(client=named(key))

    @mutation(Requires(Permission.CLIENT_SET_STATUS))
    async def client_reactivate(
        self,
        info: Asking,
        id: Annotated[ID, strawberry.argument(description="An inactive client.")],
        input: Annotated[
            ClientApproveInput | None,
            strawberry.argument(description="For a client who was never approved."),
        ] = UNSET,
    ) -> ClientPayload:
        """Make an inactive client active again; approve one who never was, by CLIENT_APPROVE."""
        approval = given(input)
        key = await resolvers.client_reactivate(
            info.context, id, approval.typed() if approval else resolvers.Approval()
        )
        return ClientPayload(client=named(key))

    @mutation(Requires(Permission.CLIENT_ASSOCIATE))
    async def client_associations_update(
        self,
        info: Asking,
        id: Annotated[ID, strawberry.argument(description="The client.")],
        input: Annotated[
            ClientAssociationsInput, strawberry.argument(description="What to change.")
        ],
    ) -> ClientPayload:
        """Change whom a client meets: all of it, or nothing."""
        key = await resolvers.client_associations_update(info.context, id, input.typed())
        return ClientPayload(client=named(key))

    @mutation(Requires(Permission.CLIENT_ASSOCIATE))
    async def staff_associations_update(
        self,
        info: Asking,
        id: Annotated[ID, strawberry.argument(description="The practitioner.")],
        input: Annotated[
            StaffAssociationsInput, strawberry.argument(description="What to change.")
        ],
    ) -> StaffPayload:
        """Change whom a practitioner meets: all of it, or nothing."""
        key = await resolvers.staff_associations_update(info.context, id, input.typed())
        return StaffPayload(staff=named(key))

    @mutation(Requires(Permission.STAFF_SET_ROLES))
    async def staff_roles_update(
        self,
        info: Asking,
        id: Annotated[ID, strawberry.argument(description="The staff member.")],
        input: Annotated[StaffRolesInput, strawberry.argument(description="Which roles.")],
    ) -> StaffPayload:
        """Revoke and grant roles: all of it, or nothing."""
        key = await resolvers.staff_roles_update(info.context, id, input.typed())
        return StaffPayload(staff=named(key))

    @mutation(Requires(Permission.STAFF_UPDATE))
    async def staff_invitation_resend(
        self,
        info: Asking,
        id: Annotated[ID, strawberry.argument(description="The staff member.")],
    ) -> StaffPayload:
        """Send the invitation again, with a new link."""
        key = await resolvers.staff_invitation_resend(info.context, id)
        return StaffPayload(staff=named(key))

    @mutation(Requires(Permission.STAFF_UPDATE))
    async def staff_deactivate(
        self,
        info: Asking,
        id: Annotated[ID, strawberry.argument(description="The staff member.")],
    ) -> StaffPayload:
        """Make a staff member inactive, who is signed out everywhere at once."""
        key = await resolvers.staff_deactivate(info.context, id)
        return StaffPayload(staff=named(key))

    @mutation(Requires(Permission.STAFF_UPDATE))
    async def staff_reactivate(
        self,
        info: Asking,
        id: Annotated[ID, strawberry.argument(description="The staff member.")],
    ) -> StaffPayload:
        """Make an inactive staff member active again."""
        key = await resolvers.staff_reactivate(info.context, id)
        return StaffPayload(staff=named(key))

    @mutation(Requires(Permission.ORGANIZATION_UPDATE, Scope.ORGANIZATION))
    async def organization_update(
        self,
        info: Asking,
        input: Annotated[
            OrganizationUpdateInput, strawberry.argument(description="What to change.")
        ],
    ) -> OrganizationPayload:
        """Edit the organization."""
        key = await resolvers.organization_update(info.context, changes(input))
        return OrganizationPayload(organization=named(key))

    @mutation(Requires(Permission.DEPARTMENT_UPDATE, Scope.ORGANIZATION))
    async def department_update(
        self,
        info: Asking,
        id: Annotated[ID, strawberry.argument(description="The department.")],
        input: Annotated[DepartmentInput, strawberry.argument(description="What to change.")],
    ) -> DepartmentPayload:
        """Edit a department."""
        key = await resolvers.department_update(info.context, id, input.name)
        return DepartmentPayload(department=named(key))

    @mutation(Requires(Permission.DEPARTMENT_UPDATE, Scope.ORGANIZATION))
    async def department_deactivate(
        self,
        info: Asking,
        id: Annotated[ID, strawberry.argument(description="The department.")],
    ) -> DepartmentPayload:
        """Close a department in which there is nobody any more."""
        key = await resolvers.department_deactivate(info.context, id)
        return DepartmentPayload(department=named(key))

    @mutation(Requires(Permission.DEPARTMENT_UPDATE, Scope.ORGANIZATION))
    async def department_reactivate(
        self,
        info: Asking,
        id: Annotated[ID, strawberry.argument(description="The department.")],
    ) -> DepartmentPayload:
        """Open a department again."""
        key = await resolvers.department_reactivate(info.context, id)
        return DepartmentPayload(department=named(key))
