"""What happens: one async function a use case. It knows no GraphQL types and no HTTP.

A use case takes a `Context` and plain values, does its work in one transaction, and answers plain
values or the `Key` of a row, which is then read within the caller's reach. What it refuses, it
raises as `Refused`, and nothing is done.
"""

from resolvers.associations import Deltas, NewAssociation
from resolvers.auditing import AuditFilter, audit_events
from resolvers.chain import Verdict, verify
from resolvers.changes import (
    ChangeFilter,
    FoundChanges,
    client_changes,
    follow_client_changes,
    last_number,
    since,
    start,
)
from resolvers.checks import MOST_LISTED, username_key
from resolvers.client_notes import client_note_add
from resolvers.clients import (
    ClientFilter,
    ClientOrder,
    client,
    client_associations_update,
    client_invitation_resend,
    client_update,
    clients,
    these_clients,
)
from resolvers.context import Context, Services
from resolvers.creating import (
    MOST_ASSOCIATIONS,
    MOST_ROWS,
    Imported,
    NewClient,
    RowPolicy,
    RowResult,
    client_create,
    clients_import,
)
from resolvers.credentials import Onboarded, invitation_accept
from resolvers.deciding import (
    MOST_DECISIONS,
    ApprovalOf,
    RejectionOf,
    clients_approve,
    clients_reject,
)
from resolvers.departments import (
    department_create,
    department_deactivate,
    department_reactivate,
    department_update,
    departments,
)
from resolvers.encrypting import encrypt_anew
from resolvers.errors import SESSION_OVER, Choice, Code, Problem, Refused, Stopped
from resolvers.exporting import clients_exported
from resolvers.faults import BadArgument, Missing
from resolvers.filing import departments_by_name, there_already
from resolvers.grants import NewGrant
from resolvers.links import LinkView, link
from resolvers.listing import Listing
from resolvers.organizations import (
    Founding,
    Profile,
    create_organization,
    organization,
    organization_update,
    portal_url,
)
from resolvers.own import (
    email_change_confirm,
    email_change_request,
    password_change,
    password_reset,
)
from resolvers.reading import Asked, read
from resolvers.registration import NewRegistration, client_register, registration_confirm
from resolvers.repeating import Once, once
from resolvers.resending import link_resend
from resolvers.resets import answer_resets, password_reset_request
from resolvers.second_factor import (
    Begun,
    recovery_codes_renew,
    second_factor_begin,
    second_factor_confirm,
    second_factor_remove,
    second_factor_reset,
)
from resolvers.service_keys import (
    NewServiceKey,
    keys,
    service_key_create,
    service_key_revoke,
)
from resolvers.sessions import Opened, login, logout, session_refresh
from resolvers.staff import (
    NewStaff,
    create_administrator,
    staff,
    staff_create,
    staff_member,
    staff_update,
)
from resolvers.staffing import (
    RoleChanges,
    staff_associations_update,
    staff_deactivate,
    staff_invitation_resend,
    staff_reactivate,
    staff_roles_update,
    staff_second_factor_reset,
)
from resolvers.statuses import (
    Approval,
    client_approve,
    client_deactivate,
    client_reactivate,
    client_reject,
)
from resolvers.sweeping import BATCH, Retention, count_over, sweep
from resolvers.tree import Key, Number
from resolvers.view import GIVEN
from resolvers.webhooks import (
    NewWebhook,
    Revealed,
    pause_unreachable,
    webhook_create,
    webhook_delivery_replay,
    webhook_end,
    webhook_pause,
    webhook_resume,
    webhook_secret_rotate,
    webhook_update,
    webhooks,
)

__all__ = [
    "BATCH",
    "GIVEN",
    "MOST_ASSOCIATIONS",
    "MOST_DECISIONS",
    "MOST_LISTED",
    "MOST_ROWS",
    "SESSION_OVER",
    "Approval",
    "ApprovalOf",
    "Asked",
    "AuditFilter",
    "BadArgument",
    "Begun",
    "ChangeFilter",
    "Choice",
    "ClientFilter",
    "ClientOrder",
    "Code",
    "Context",
    "Deltas",
    "FoundChanges",
    "Founding",
    "Imported",
    "Key",
    "LinkView",
    "Listing",
    "Missing",
    "NewAssociation",
    "NewClient",
    "NewGrant",
    "NewRegistration",
    "NewServiceKey",
    "NewStaff",
    "NewWebhook",
    "Number",
    "Onboarded",
    "Once",
    "Opened",
    "Problem",
    "Profile",
    "Refused",
    "RejectionOf",
    "Retention",
    "Revealed",
    "RoleChanges",
    "RowPolicy",
    "RowResult",
    "Services",
    "Stopped",
    "Verdict",
    "answer_resets",
    "audit_events",
    "client",
    "client_approve",
    "client_associations_update",
    "client_changes",
    "client_create",
    "client_deactivate",
    "client_invitation_resend",
    "client_note_add",
    "client_reactivate",
    "client_register",
    "client_reject",
    "client_update",
    "clients",
    "clients_approve",
    "clients_exported",
    "clients_import",
    "clients_reject",
    "count_over",
    "create_administrator",
    "create_organization",
    "department_create",
    "department_deactivate",
    "department_reactivate",
    "department_update",
    "departments",
    "departments_by_name",
    "email_change_confirm",
    "email_change_request",
    "encrypt_anew",
    "follow_client_changes",
    "invitation_accept",
    "keys",
    "last_number",
    "link",
    "link_resend",
    "login",
    "logout",
    "once",
    "organization",
    "organization_update",
    "password_change",
    "password_reset",
    "password_reset_request",
    "pause_unreachable",
    "portal_url",
    "read",
    "recovery_codes_renew",
    "registration_confirm",
    "second_factor_begin",
    "second_factor_confirm",
    "second_factor_remove",
    "second_factor_reset",
    "service_key_create",
    "service_key_revoke",
    "session_refresh",
    "since",
    "staff",
    "staff_associations_update",
    "staff_create",
    "staff_deactivate",
    "staff_invitation_resend",
    "staff_member",
    "staff_reactivate",
    "staff_roles_update",
    "staff_second_factor_reset",
    "staff_update",
    "start",
    "sweep",
    "there_already",
    "these_clients",
    "username_key",
    "verify",
    "webhook_create",
    "webhook_delivery_replay",
    "webhook_end",
    "webhook_pause",
    "webhook_resume",
    "webhook_secret_rotate",
    "webhook_update",
    "webhooks",
]
