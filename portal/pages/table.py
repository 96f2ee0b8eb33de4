"""The table of all pages: where each is, what it needs, and what its forms do."""

from portal.pages.page import Form, Page
from portal.pages.prepare import link

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
        Page(f"/{{slug}}/{name}", "mailed-link", needs="organization", forms=_LINK_FORMS)
        for name in ("confirm", "invitation", "reset", "email")
    ),
)

TABLE: tuple[Page, ...] = PUBLIC

DONE = {
    "sign-out": "You have signed out.",
    **{form.name: form.done for page in TABLE for form in page.forms},
}
"""What was done, for people, by the name of the form that did it."""
