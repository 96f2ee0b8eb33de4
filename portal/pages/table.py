"""The table of all pages: where each is, what it needs, and what its forms do."""

from portal.pages.page import Form, Page

_RECORD = "/{slug}/clients/{id}"

SIGN_IN = Form("sign-in", then="/{slug}")

TABLE: tuple[Page, ...] = (
    Page("/{slug}", "home", needs="organization"),
    Page("/{slug}/", "home", needs="organization"),
    Page("/{slug}/login", "login", needs="organization", forms=(SIGN_IN,)),
)

DONE = {
    "sign-out": "You have signed out.",
    **{form.name: form.done for page in TABLE for form in page.forms},
}
"""What was done, for people, by the name of the form that did it."""
