"""GraphiQL, in which administrators explore."""

import re

import pytest
from playwright.async_api import expect

from portal import built
from tests.browser.looks import looked_at
from tests.browser.person import People

pytestmark = [
    pytest.mark.skipif(
        built.entry("src/graphiql/main.js") is None,
        reason="There is no Node here, so there is no GraphiQL.",
    ),
    pytest.mark.parametrize("people", [True], indirect=True, ids=["with scripts"]),
]


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
    # Its tabs have a button inside, and some of its greys are faint.
    theirs = re.compile(": (color-contrast|nested-interactive): ")
    found = [one for one in await looked_at(olivia) if not theirs.search(one)]
    assert not found, "\n".join(found)
