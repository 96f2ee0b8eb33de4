"""What happens: one async function a use case. It knows no GraphQL types and no HTTP.

A use case takes a `Context` and plain values, does its work in one transaction, and answers plain
values or the `Key` of a row, which is then read within the caller's reach. What it refuses, it
raises as `Refused`, and nothing is done.
"""

from resolvers.associations import NewAssociation
from resolvers.clients import (
    Approval,
    ClientOrder,
    client,
    client_approve,
    clients,
)
from resolvers.context import Context, Services
from resolvers.credentials import Onboarded, invitation_accept
from resolvers.departments import department_create, departments
from resolvers.errors import Choice, Code, Problem, Refused
from resolvers.links import LinkView, link, link_resend
from resolvers.listing import Listing
from resolvers.organizations import (
    Founding,
    Profile,
    create_organization,
    organization,
    portal_url,
)
from resolvers.reading import Asked, read
from resolvers.registration import NewRegistration, client_register, registration_confirm
from resolvers.sessions import Opened, login, logout, session_refresh
from resolvers.staff import (
    NewGrant,
    NewStaff,
    StaffChange,
    staff,
    staff_create,
    staff_member,
    staff_update,
)
from resolvers.steps import BadCursor, Missing
from resolvers.tree import Key

__all__ = [
    "Approval",
    "Asked",
    "BadCursor",
    "Choice",
    "ClientOrder",
    "Code",
    "Context",
    "Founding",
    "Key",
    "LinkView",
    "Listing",
    "Missing",
    "NewAssociation",
    "NewGrant",
    "NewRegistration",
    "NewStaff",
    "Onboarded",
    "Opened",
    "Problem",
    "Profile",
    "Refused",
    "Services",
    "StaffChange",
    "client",
    "client_approve",
    "client_register",
    "clients",
    "create_organization",
    "department_create",
    "departments",
    "invitation_accept",
    "link",
    "link_resend",
    "login",
    "logout",
    "organization",
    "portal_url",
    "read",
    "registration_confirm",
    "session_refresh",
    "staff",
    "staff_create",
    "staff_member",
    "staff_update",
]
