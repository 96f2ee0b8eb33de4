"""GraphiQL, in which administrators explore."""

import pytest
from playwright.async_api import expect

from portal import built
from tests.browser.looks import looked_at
from tests.browser.person import PASSWORD, People

pytestmark = [
    pytest.mark.skipif(
        built.entry("src/graphiql/main.js") is None,
        reason="There is no Node here, so there is no GraphiQL.",
    ),
    pytest.mark.parametrize("people", [True], indirect=True, ids=["with scripts"]),
]

REGISTRATION = {
    "organization": "riverside",
    "firstName": "Nora",
    "lastName": "Newcomer",
    "email": "nora@home.example",
    "dateOfBirth": "1990-05-17",
}

THEIRS = {
    "nested-interactive": ".graphiql-tab",
    "color-contrast": ".graphiql-logo-link, .monaco-editor",
}
"""Its tabs have a button inside; its name, and what its editor shows in the dark, are faint."""


async def test_it_asks_as_whoever_is_signed_in_at_the_pages(people: People) -> None:
    carl = await people.come("carl.care")
    await carl.opens("/graphql")
    answer = carl.page.locator(".graphiql-response")
    await carl.asks_in_graphiql("Clients")
    await expect(answer).to_contain_text("Chloé")
    await expect(answer).not_to_contain_text("Dan")


async def test_it_asks_as_nobody_where_nobody_is_signed_in(people: People) -> None:
    guest = await people.come()
    await guest.opens("/graphql")
    await guest.asks_in_graphiql("Clients")
    await expect(guest.page.locator(".graphiql-response")).to_contain_text("UNAUTHENTICATED")


async def test_it_tells_what_happens_as_it_happens(people: People) -> None:
    olivia, carl = await people.come("olivia.admin"), await people.come("carl.care")
    await olivia.opens("/graphql")
    await olivia.turns_in_graphiql("Live")
    await olivia.page.get_by_role("button", name="Execute query").click()
    async with olivia.page.expect_response("**/graphql") as following:
        await olivia.page.get_by_role("menuitem", name="Live", exact=True).click()
    kind = (await following.value).headers["content-type"]
    assert kind.startswith("text/event-stream")
    await carl.opens("/riverside/clients?status=PENDING")
    await carl.clicks("Chloé")
    await carl.presses("Approve this Account")
    await carl.sees("The account is approved.")
    heard = olivia.page.locator(".graphiql-response")
    await expect(heard).to_contain_text("CLIENT_APPROVED")
    await expect(heard).to_contain_text("Chloé")


async def test_the_first_way_in_is_gone_in_its_tab(people: People) -> None:
    guest = await people.come()
    await guest.opens("/graphql")
    await guest.turns_in_graphiql("Register")
    answer = await guest.runs_in_graphiql("Register", {"input": REGISTRATION})
    assert answer["data"]["clientRegister"] == {"accepted": True, "userErrors": []}
    link = await guest.reads_link(REGISTRATION["email"], "Confirm your registration")
    token = link.partition("#token=")[2]
    await guest.opens("/graphql")
    await guest.turns_in_graphiql("Register")
    answer = await guest.runs_in_graphiql("LookAt", {"token": token})
    assert answer["data"]["link"]["state"] == "VALID"
    chosen = {"token": token, "username": "nora", "password": PASSWORD}
    answer = await guest.runs_in_graphiql("Confirm", {"credentials": chosen})
    assert answer["data"]["registrationConfirm"]["status"] == "PENDING"


async def test_the_three_types_of_clients_are_in_a_tab_and_become_one_another(
    people: People,
) -> None:
    olivia = await people.come("olivia.admin")
    await olivia.opens("/graphql")
    await olivia.turns_in_graphiql("ClientTypes")
    types = (await olivia.runs_in_graphiql("ClientTypes", {}))["data"]
    for kind in ("active", "inactive", "pending"):
        assert {one["status"] for one in types[kind]["nodes"]} == {kind.upper()}
    active, pending = types["active"]["nodes"][0]["id"], types["pending"]["nodes"][0]["id"]
    for operation, who, status in (
        ("Deactivate", active, "INACTIVE"),
        ("Reactivate", active, "ACTIVE"),
        ("Reject", pending, "INACTIVE"),
    ):
        said = {"id": who, "reason": "Moved away."}
        (done,) = (await olivia.runs_in_graphiql(operation, said))["data"].values()
        assert done["userErrors"] == []
        assert done["client"]["status"] == status


async def test_its_docs_show_the_rule_of_each_field(people: People) -> None:
    olivia = await people.come("olivia.admin")
    await olivia.opens("/graphql")
    await expect(olivia.page.locator(".graphiql-query-editor .view-line").first).to_be_visible()
    await olivia.page.get_by_role("button", name="Show Documentation Explorer").click()
    docs = olivia.page.locator(".graphiql-plugin")
    await docs.get_by_role("link", name="Query", exact=True).click()
    await docs.get_by_role("link", name="auditEvents", exact=True).click()
    await expect(docs).to_contain_text("AUDIT_READ")


async def test_it_keeps_nobody_out_but_for_what_is_its_makers(people: People) -> None:
    olivia = await people.come("olivia.admin")
    await olivia.opens("/graphql")
    await expect(olivia.page.locator(".graphiql-query-editor .view-line").first).to_be_visible()
    found = await looked_at(olivia, theirs=THEIRS)
    assert not found, "\n".join(found)
