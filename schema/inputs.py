"""What callers say: the inputs of the mutations, and what each becomes for its use case."""

import dataclasses
import datetime as dt
from typing import Any, TypeVar

from strawberry import ID, UNSET, Maybe, Some

import resolvers
from models import Role, Surface
from permissions import Permission
from resolvers import (
    Approval,
    ApprovalOf,
    Deltas,
    NewAssociation,
    NewClient,
    NewGrant,
    NewRegistration,
    NewServiceKey,
    NewStaff,
    RejectionOf,
    RowPolicy,
)
from schema.declare import about, input_

T = TypeVar("T")

_EXPECTED = (
    "The `version` that the change is meant for: where it is another by now, nothing is changed "
    "(`CONFLICT`), and the answer shows the record as it is. Left out or null: any."
)


def given(value: T | None) -> T | None:
    """The value, or None where none was given."""
    return None if value is UNSET else value


@input_
class LoginInput:
    """Who signs in, and where."""

    organization: str = about("The slug of the organization's portal URL.")
    username: str = about("The username; case does not count.")
    password: str = about("The password, exactly as it was chosen.")
    surface: Surface = about("The portal or the app; the session is good for this one only.")
    code: str | None = about(
        "Of who has a second factor: what the authenticator app shows, or a recovery code.",
        default=UNSET,
    )


@input_
class ClientRegisterInput:
    """The registration page of an organization's portal."""

    organization: str = about("The slug of the organization's portal URL.")
    first_name: str = about("Given name.")
    last_name: str = about("Family name.")
    email: str = about("Where the letter goes that confirms the registration.")
    date_of_birth: dt.date = about("Date of birth: from 1900 to today.")
    phone: str | None = about("Telephone number.", default=UNSET)
    department_id: ID | None = about(
        'The department to register with; null or left out: "I am not sure".', default=UNSET
    )

    def typed(self) -> NewRegistration:
        """For the use case."""
        return NewRegistration(
            organization=self.organization,
            first_name=self.first_name,
            last_name=self.last_name,
            email=self.email,
            date_of_birth=self.date_of_birth,
            phone=given(self.phone),
            department_id=given(self.department_id),
        )


@input_
class CredentialsInput:
    """Username and password, chosen on the page behind a mailed link."""

    token: str = about("The token from the link: what follows `#token=`.")
    username: str = about("3 to 64 letters, digits, dots, hyphens and underscores; never changed.")
    password: str = about("15 to 1,024 characters that nobody would guess.")


@input_
class PasswordResetRequestInput:
    """Whoever has forgotten their password."""

    organization: str = about("The slug of the organization's portal URL.")
    email: str = about("The address that letters go to.")


@input_
class PasswordResetInput:
    """A new password, chosen on the page behind a mailed link."""

    token: str = about("The token from the link: what follows `#token=`.")
    password: str = about("15 to 1,024 characters that nobody would guess.")


@input_
class PasswordChangeInput:
    """A new password, chosen while signed in."""

    current_password: str = about("The password so far.")
    password: str = about("15 to 1,024 characters that nobody would guess.")


@input_
class SecondFactorInput:
    """Both proofs of who somebody is."""

    password: str = about("The current password.")
    code: str = about("What the authenticator app shows, or a recovery code.")


@input_
class AssociationInput:
    """A practitioner for a client."""

    practitioner_id: ID = about("A staff member with the practitioner role.")
    department_id: ID | None = about(
        "One of the practitioner's departments; the only one need not be named.", default=UNSET
    )


def associations(said: list[AssociationInput] | None) -> list[NewAssociation]:
    """For the use cases."""
    return [
        NewAssociation(one.practitioner_id, given(one.department_id)) for one in given(said) or ()
    ]


@input_
class ClientCreateInput:
    """A new client."""

    first_name: str = about("Given name.")
    last_name: str = about("Family name.")
    email: str = about("Where the invitation goes.")
    date_of_birth: dt.date = about("Date of birth: from 1900 to today.")
    phone: str | None = about("Telephone number.", default=UNSET)
    department_id: ID | None = about(
        "The client's department; the caller's only one need not be named.", default=UNSET
    )
    associations: list[AssociationInput] | None = about(
        "Practitioners to associate with the client at once: at most 100.", default=UNSET
    )
    invite: bool = about(
        "Whether the invitation goes at once. If not, `clientInvitationResend` sends it later.",
        default=True,
    )

    def typed(self) -> NewClient:
        """For the use case."""
        return NewClient(
            first_name=self.first_name,
            last_name=self.last_name,
            email=self.email,
            date_of_birth=self.date_of_birth,
            phone=given(self.phone),
            department_id=given(self.department_id),
            associations=associations(self.associations),
            invite=self.invite,
        )


@input_
class ClientsImportInput:
    """Many new clients. They come best as a variable: a document has room for a few only."""

    clients: list[ClientCreateInput] = about(
        "The new clients: 1 to 500, with at most 1,000 associations together."
    )
    policy: RowPolicy = about(
        "What becomes of the good rows where others are bad.", default=RowPolicy.ALL_OR_NOTHING
    )
    validate_only: bool = about(
        "Only tell what is wrong, and import nothing in any case.", default=False
    )


@input_
class ClientUpdateInput:
    """What to change of a client. Left out: unchanged; null: refused, but for phone (`D32`)."""

    first_name: Maybe[str | None] = about("Given name.")
    last_name: Maybe[str | None] = about("Family name.")
    email: Maybe[str | None] = about(
        "The address, while credentials are not set. Whoever has it becomes the client: needs "
        "CLIENT_CREATE as well."
    )
    date_of_birth: Maybe[dt.date | None] = about("Date of birth: from 1900 to today.")
    phone: Maybe[str | None] = about("Telephone number; null clears it.")
    department_id: Maybe[ID | None] = about("The department to move to.")
    expected_version: int | None = about(_EXPECTED, default=UNSET)


@input_
class ClientNoteInput:
    """An internal note on a client."""

    text: str = about("The note: one line of 1 to 2,000 characters. No client ever reads it.")


@input_
class ClientAssociationsInput:
    """Whom a client meets: what to remove, change and add, in this order.

    A pair is named once in all three lists.
    """

    add: list[AssociationInput] | None = about("Practitioners to add: at most 100.", default=UNSET)
    change: list[AssociationInput] | None = about(
        "Practitioners to meet in another department: at most 100.", default=UNSET
    )
    remove: list[ID] | None = about(
        "What to end: ids of associations, or of practitioners; at most 100.", default=UNSET
    )

    def typed(self) -> Deltas:
        """For the use case."""
        return Deltas(
            associations(self.add), associations(self.change), list(given(self.remove) or ())
        )


@input_
class StaffAssociationInput:
    """A client for a practitioner."""

    client_id: ID = about("An active client.")
    department_id: ID | None = about(
        "One of the practitioner's departments; the only one need not be named.", default=UNSET
    )


@input_
class StaffAssociationsInput:
    """Whom a practitioner meets: what to remove, change and add, in this order.

    A pair is named once in all three lists.
    """

    add: list[StaffAssociationInput] | None = about("Clients to add: at most 100.", default=UNSET)
    change: list[StaffAssociationInput] | None = about(
        "Clients to meet in another department: at most 100.", default=UNSET
    )
    remove: list[ID] | None = about(
        "What to end: ids of associations, or of clients; at most 100.", default=UNSET
    )

    def typed(self) -> Deltas:
        """For the use case."""

        def listed(said: list[StaffAssociationInput] | None) -> list[NewAssociation]:
            return [
                NewAssociation(one.client_id, given(one.department_id)) for one in given(said) or ()
            ]

        return Deltas(listed(self.add), listed(self.change), list(given(self.remove) or ()))


@input_
class ClientApproveInput:
    """What an approval may add."""

    department_id: ID | None = about(
        "The client's department; needed where the client was not sure.", default=UNSET
    )
    associations: list[AssociationInput] | None = about(
        "Practitioners to associate with the client at once: at most 100.", default=UNSET
    )

    def typed(self) -> Approval:
        """For the use case."""
        return Approval(
            department_id=given(self.department_id),
            associations=associations(self.associations),
        )


@input_
class ClientApprovalInput:
    """One of many clients to approve, and what the approval may add."""

    client_id: ID = about("A pending client.")
    department_id: ID | None = about(
        "The client's department; needed where the client was not sure.", default=UNSET
    )
    associations: list[AssociationInput] | None = about(
        "Practitioners to associate with the client at once: at most 100.", default=UNSET
    )


@input_
class ClientsApproveInput:
    """Many clients to approve."""

    clients: list[ClientApprovalInput] = about("The clients: 1 to 100.")

    def typed(self) -> list[ApprovalOf]:
        """For the use case."""
        return [
            ApprovalOf(
                one.client_id, Approval(given(one.department_id), associations(one.associations))
            )
            for one in self.clients
        ]


@input_
class ClientRejectionInput:
    """One of many clients to turn down."""

    client_id: ID = about("A pending client.")
    reason: str | None = about("Why, for staff; it is not mailed.", default=UNSET)


@input_
class ClientsRejectInput:
    """Many clients to turn down."""

    clients: list[ClientRejectionInput] = about("The clients: 1 to 100.")

    def typed(self) -> list[RejectionOf]:
        """For the use case."""
        return [RejectionOf(one.client_id, given(one.reason)) for one in self.clients]


@input_
class RoleGrantInput:
    """A role to hold."""

    role: Role = about("The role.")
    department_id: ID | None = about(
        "Where; left out for an Organizational Administrator only.", default=UNSET
    )


@input_
class StaffCreateInput:
    """A new staff member."""

    first_name: str = about("Given name.")
    last_name: str = about("Family name.")
    email: str = about("Where the invitation goes.")
    roles: list[RoleGrantInput] = about("What the staff member will be: 1 to 100 roles.")
    receive_new_client_notifications: bool = about(
        "Whether letters tell of clients who await approval.", default=True
    )

    def typed(self) -> NewStaff:
        """For the use case."""
        return NewStaff(
            first_name=self.first_name,
            last_name=self.last_name,
            email=self.email,
            roles=[NewGrant(one.role, given(one.department_id)) for one in self.roles],
            receive_new_client_notifications=self.receive_new_client_notifications,
        )


@input_
class StaffRolesInput:
    """Roles to revoke, and then to grant."""

    grant: list[RoleGrantInput] | None = about("Roles to grant: at most 100.", default=UNSET)
    revoke: list[RoleGrantInput] | None = about("Roles to revoke: at most 100.", default=UNSET)

    def typed(self) -> resolvers.RoleChanges:
        """For the use case."""

        def listed(said: list[RoleGrantInput] | None) -> list[NewGrant]:
            return [NewGrant(one.role, given(one.department_id)) for one in given(said) or ()]

        return resolvers.RoleChanges(listed(self.grant), listed(self.revoke))


@input_
class StaffUpdateInput:
    """What to change of a staff member. Left out: unchanged; null: refused (`D32`)."""

    first_name: Maybe[str | None] = about("Given name.")
    last_name: Maybe[str | None] = about("Family name.")
    email: Maybe[str | None] = about(
        "The address, while credentials are not set. Whoever has it becomes the staff member: "
        "needs STAFF_SET_ROLES as well."
    )
    receive_new_client_notifications: Maybe[bool | None] = about(
        "Whether letters tell of clients who await approval."
    )
    expected_version: int | None = about(_EXPECTED, default=UNSET)


@input_
class DepartmentInput:
    """A department."""

    name: str = about("Its name, unique in the organization.")


@input_
class OrganizationUpdateInput:
    """What to change. Left out: unchanged; null: refused, but for the contact address."""

    name: Maybe[str | None] = about("The organization's name.")
    registration_open: Maybe[bool | None] = about("Whether clients may register themselves.")
    contact_email: Maybe[str | None] = about("Whom letters tell their readers to ask.")
    second_factor_required: Maybe[bool | None] = about(
        "Whether staff need a second factor. Who requires it has one."
    )


@input_
class ServiceKeyInput:
    """A new service key: what it may do, where, and until when."""

    name: str = about("What it is called, where others see what it did.")
    permissions: list[Permission] = about(
        "What it may do: 1 to 100, and none that only people can hold."
    )
    department_ids: list[ID] | None = about(
        "Where: in each of these 1 to 100 departments. Null or left out: in the whole "
        "organization.",
        default=UNSET,
    )
    expires_at: dt.datetime | None = about(
        "When it ends, in 366 days at the latest. Null or left out: in 90 days.", default=UNSET
    )

    def typed(self) -> NewServiceKey:
        """For the use case."""
        return NewServiceKey(
            name=self.name,
            permissions=self.permissions,
            department_ids=given(self.department_ids),
            expires_at=given(self.expires_at),
        )


def changes(said: object) -> dict[str, Any]:
    """What an update says, by column; what is left out is not in it (`D32`)."""
    names = [field.name for field in dataclasses.fields(said)]  # type: ignore[arg-type]
    return {
        name: some.value
        for name in names
        for some in (getattr(said, name),)
        if isinstance(some, Some)
    }
