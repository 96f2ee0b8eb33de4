"""The table of all pages: where each is, what it needs, and what its forms do."""

from portal.pages.page import Form, Page
from portal.pages.prepare import link, pairs, roles, status, undecided

_PORTAL, _LOGIN = "/{slug}", "/{slug}/login"

_LINK_FORMS = (
    Form("look", prepare=link),
    Form(
        "registration-confirm",
        then=_LOGIN,
        done="Your registration is confirmed. You can sign in now, and see how it goes on; "
        "the app opens for you as soon as you are approved.",
    ),
    Form("invitation-accept", then=_LOGIN, done="Now you can sign in with what you have chosen."),
    Form("password-reset", then=_LOGIN, done="Sign in with your new password."),
    Form("email-confirm", then=_PORTAL, done="Your new address is confirmed."),
    Form(
        "link-resend",
        then=_PORTAL,
        done="If there is a new link for you, it is on its way: look into your mailbox.",
    ),
)

PUBLIC = (
    Page("/{slug}", "home", needs="organization"),
    Page("/{slug}/", "home", needs="organization"),
    Page("/{slug}/login", "login", needs="organization", forms=(Form("sign-in", then=_PORTAL),)),
    Page(
        "/{slug}/register",
        "register",
        needs="organization",
        forms=(
            Form(
                "client-register",
                then=_PORTAL,
                done="Thank you. Look into your mailbox: a letter tells you how to go on.",
            ),
        ),
    ),
    Page(
        "/{slug}/forgot",
        "forgot",
        needs="organization",
        forms=(
            Form(
                "password-forgot",
                then=_LOGIN,
                done="If there is an account of this address, a letter is on its way to it.",
            ),
        ),
    ),
    # Where mailed links lead.
    *(
        Page(
            f"/{{slug}}/{name}",
            "mailed-link",
            needs="organization",
            forms=_LINK_FORMS,
            pasted="token",
        )
        for name in ("confirm", "invitation", "reset", "email")
    ),
)

_CLIENTS, _CLIENT = "/{slug}/clients", "/{slug}/clients/{id}"
_APPROVE = Form(
    "client-approve",
    then=_CLIENT,
    done="The account is approved. The client is active, and gets a letter that says so.",
    away=_CLIENTS,
    prepare=pairs("practitionerId", "associations"),
)

CLIENTS = (
    Page(_CLIENTS, "clients"),
    Page(
        f"{_CLIENTS}/new",
        "client-new",
        may="CLIENT_CREATE",
        forms=(
            Form(
                "client-create",
                then="/{slug}/clients/{made}",
                done="The client is created, and gets a letter with a link to define "
                "username and password.",
                away=_CLIENTS,
                prepare=pairs("practitionerId", "associations"),
            ),
        ),
    ),
    Page(
        _CLIENT,
        "client",
        needs="client",
        forms=(
            _APPROVE,
            Form(
                "client-reject",
                then=_CLIENT,
                done="The registration is rejected. The client is inactive.",
                away=_CLIENTS,
            ),
            Form(
                "client-resend",
                then=_CLIENT,
                done="The notification is on its way again, with a new link.",
            ),
            Form("client-note", then=_CLIENT, done="The note is saved.", away=_CLIENTS),
        ),
    ),
    Page(f"{_CLIENT}/approve", "client-approval", needs="client", forms=(_APPROVE,)),
    Page(
        f"{_CLIENT}/edit",
        "client-edit",
        needs="client",
        forms=(
            Form(
                "client-details",
                then=_CLIENT,
                done="The details are saved.",
                away=_CLIENTS,
                prepare=undecided,
            ),
            Form(
                "client-status",
                then=_CLIENT,
                done="Saved.",
                away=_CLIENTS,
                prepare=status,
            ),
            Form(
                "client-associations",
                then=_CLIENT,
                done="The associations are saved.",
                away=_CLIENTS,
                prepare=pairs("practitionerId"),
            ),
        ),
    ),
)

_STAFF, _MEMBER = "/{slug}/staff", "/{slug}/staff/{id}"

STAFF = (
    Page(_STAFF, "staff"),
    Page(
        f"{_STAFF}/new",
        "staff-new",
        may="STAFF_UPDATE",
        forms=(
            Form(
                "staff-create",
                then="/{slug}/staff/{made}",
                done="The account is created. A letter with a link to define username and "
                "password is on its way.",
                away=_STAFF,
                prepare=roles("roles"),
            ),
        ),
    ),
    Page(
        _MEMBER,
        "staff-member",
        needs="staffMember",
        forms=(
            Form(
                "staff-resend",
                then=_MEMBER,
                done="The notification is on its way again, with a new link.",
            ),
            Form(
                "staff-second-factor-reset",
                then=_MEMBER,
                done="The second factor is taken away. The password alone signs in again.",
            ),
        ),
    ),
    Page(
        f"{_MEMBER}/edit",
        "staff-edit",
        needs="staffMember",
        forms=(
            Form("staff-details", then=_MEMBER, done="The details are saved.", away=_STAFF),
            Form("staff-status", then=_MEMBER, done="Saved.", away=_STAFF, prepare=status),
            Form(
                "staff-roles",
                then=_MEMBER,
                done="The roles are saved.",
                away=_STAFF,
                prepare=roles(),
            ),
            Form(
                "staff-associations",
                then=_MEMBER,
                done="The associations are saved.",
                away=_STAFF,
                prepare=pairs("clientId"),
            ),
        ),
    ),
)

_DEPARTMENTS, _DEPARTMENT = "/{slug}/departments", "/{slug}/departments/{id}"

DEPARTMENTS = (
    Page(_DEPARTMENTS, "departments", may="DEPARTMENT_UPDATE"),
    Page(
        f"{_DEPARTMENTS}/new",
        "department-new",
        may="DEPARTMENT_UPDATE",
        forms=(Form("department-create", then=_DEPARTMENTS, done="The department is created."),),
    ),
    Page(
        _DEPARTMENT,
        "department",
        may="DEPARTMENT_UPDATE",
        needs="department",
        forms=(
            Form("department-rename", then=_DEPARTMENTS, done="The department is renamed."),
            Form("department-status", then=_DEPARTMENTS, done="Saved.", prepare=status),
        ),
    ),
)

_ORGANIZATION, _ACCOUNT = "/{slug}/organization", "/{slug}/account"

REST = (
    Page("/{slug}/audit", "audit", may="AUDIT_READ"),
    Page(
        _ORGANIZATION,
        "organization",
        may="ORGANIZATION_UPDATE",
        forms=(Form("organization-update", then=_ORGANIZATION, done="Saved."),),
    ),
    Page(
        _ACCOUNT,
        "account",
        forms=(
            Form(
                "email-change",
                then=_ACCOUNT,
                done="A letter is on its way to the new address: confirm it there.",
            ),
            Form("password-change", then=_ACCOUNT, done="Your new password is saved."),
            Form("staff-details", then=_ACCOUNT, done="The details are saved."),
            Form("second-factor-begin"),
            Form("second-factor-confirm"),
            Form("second-factor-remove", then=_ACCOUNT, done="Your second factor is off."),
            Form("recovery-codes-renew"),
        ),
    ),
)

TABLE: tuple[Page, ...] = (*PUBLIC, *CLIENTS, *STAFF, *DEPARTMENTS, *REST)

DONE = {
    "sign-out": "You have signed out.",
    **{form.name: form.done for page in TABLE for form in page.forms},
}
"""What was done, for people, by the name of the form that did it."""
