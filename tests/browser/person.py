"""Somebody at a browser, who does what the help page says, in its words."""

import asyncio
import re
from collections import Counter
from collections.abc import Mapping, Sequence
from types import TracebackType
from typing import Any, Self
from urllib.parse import urlsplit

import httpx2
import orjson
from playwright.async_api import (
    Browser,
    BrowserContext,
    ConsoleMessage,
    Locator,
    Page,
    Request,
    Response,
    expect,
)

from tests.world import LOGIN

SECONDS = 60
PASSWORD = "seven herons over the river"
"""Everybody's, in the demo."""

_SORRY = 422  # a form that comes back with what is wrong

expect.set_options(timeout=1000 * SECONDS)


class People:
    """Those who come to a portal, each with a browser of their own.

    An asynchronous context manager. `scripts` says whether their browsers run any. Whatever a
    browser complains of, and whoever else than the portal is asked for anything, fails the test:
    that is in `complaints`.
    """

    def __init__(self, chromium: Browser, address: str, *, scripts: bool = True) -> None:
        self.address = address
        self.scripts = scripts
        self.complaints: list[str] = []
        self._chromium = chromium
        self._contexts: list[BrowserContext] = []

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        failure: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        for context in self._contexts:
            await context.close()
        if failure is None:
            assert not self.complaints, "\n".join(self.complaints)

    async def come(self, username: str = "", **look: Any) -> "Person":
        """Somebody comes; with a username, they sign in first. `look` is Playwright's."""
        context = await self._chromium.new_context(
            base_url=self.address, java_script_enabled=self.scripts, locale="en-GB", **look
        )
        context.set_default_timeout(1000 * SECONDS)
        self._contexts.append(context)
        context.on("console", self._heard)
        context.on("weberror", lambda error: self.complaints.append(str(error.error)))
        context.on("request", self._asked)
        context.on("response", self._answered)
        person = Person(await context.new_page(), scripts=self.scripts)
        if username:
            await person.signs_in(username)
        return person

    async def app_says(self, username: str) -> str:
        """What the app, which has no pages, is told when they sign in; nothing if it opens."""
        form = {"organization": "riverside", "username": username, "password": PASSWORD}
        said = {"query": LOGIN, "variables": {**form, "surface": "APP"}}
        async with httpx2.AsyncClient(base_url=self.address, timeout=SECONDS) as app:
            answer = (await app.post("/graphql", json=said)).json()["data"]["login"]
        assert bool(answer["session"]) is not bool(answer["userErrors"])
        return " ".join(error["message"] for error in answer["userErrors"])

    def _heard(self, message: ConsoleMessage) -> None:
        # What was answered with which status, `_answered` sees better.
        if message.type in {"error", "warning"} and "status of" not in message.text:
            self.complaints.append(message.text)

    def _asked(self, request: Request) -> None:
        if not request.url.startswith((f"{self.address}/", "data:", "blob:")):
            self.complaints.append(f"{request.url} was asked")

    def _answered(self, response: Response) -> None:
        if response.status >= 400 and response.status != _SORRY:
            self.complaints.append(f"{response.status} {response.url}")


class Person:
    """Somebody at the `page` that is open in their browser."""

    def __init__(self, page: Page, *, scripts: bool) -> None:
        self.page = page
        self._scripts = scripts

    async def signs_in(self, username: str, code: str = "") -> None:
        """Sign in at Riverside's portal."""
        await self.opens("/riverside/login")
        await self.fills({"Username": username, "Password": PASSWORD})
        if code:
            await self.page.get_by_text("I have a second factor").click()
            await self.fills({"Code": code})
        await self.presses("Sign in")

    async def opens(self, path: str) -> None:
        """Go to an address."""
        await self.page.goto(path)

    async def clicks(self, link: str) -> None:
        """Follow a link, of the top menu or the page."""
        await self.page.locator("nav, main").get_by_role("link", name=link).first.click()

    async def presses(self, button: str) -> None:
        """Press a button."""
        await self.page.get_by_role("button", name=button, exact=True).click()

    async def unfolds(self, summary: str) -> None:
        """Open what is folded away."""
        await self.page.locator("summary", has_text=summary).click()

    async def fills(self, said: Mapping[str, str]) -> None:
        """Fill in fields, by their labels."""
        for label, text in said.items():
            await self.field(label).fill(text)

    async def chooses(self, label: str, option: str) -> None:
        """Choose from a drop-down."""
        await self.field(label).select_option(label=option)

    async def ticks(self, label: str, *, within: str = "") -> None:
        """Check a box; where there are several of that label, the one in the group `within`."""
        await self.field(label, within=within).check()

    async def unticks(self, label: str, *, within: str = "") -> None:
        """Uncheck a box."""
        await self.field(label, within=within).uncheck()

    async def sees(self, *words: str) -> None:
        """The page has these words."""
        for one in words:
            await expect(self.page.locator("main")).to_contain_text(one)

    async def does_not_see(self, *words: str) -> None:
        """The page, which is there already, has none of these words."""
        for one in words:
            await expect(self.page.locator("main")).not_to_contain_text(one)

    async def reads_letter(self, address: str, subject: str) -> None:
        """Open the newest letter of this subject to an address; waits until there is one."""
        row = self.page.get_by_role("row").filter(has_text=address)
        letter = row.get_by_role("link", name=subject)
        await self.opens("/mail")
        async with asyncio.timeout(SECONDS):
            while not await letter.count():
                await asyncio.sleep(0.2)
                await self.page.reload()
        await letter.first.click()
        await self.sees(subject)

    async def reads_link(self, address: str, subject: str) -> str:
        """Read it; what its link is."""
        await self.reads_letter(address, subject)
        return await self.page.locator("pre a").first.get_attribute("href") or ""

    async def opens_letter(self, address: str, subject: str) -> None:
        """Read it, and follow its link.

        Without scripts a link with a token opens a page that cannot read it; there one pastes it.
        """
        link = await self.reads_link(address, subject)
        await self.page.frame_locator("iframe").locator("a[href^='http']").first.click()
        await self.page.wait_for_url(lambda url: not urlsplit(url).path.startswith("/mail"))
        if "#token=" in link and not self._scripts:
            await self.sees("Open your link")
            await self.fills({"The link from your letter": link})
            await self.presses("Go on")

    async def new_letters(self, subject: str, known: Sequence[str], count: int) -> list[str]:
        """To whom letters have gone since these were `known`; waits until there are so many."""
        new: list[str] = []
        async with asyncio.timeout(SECONDS):
            while len(new) < count:
                new = sorted((Counter(await self.letters(subject)) - Counter(known)).elements())
        return new

    async def turns_in_graphiql(self, tab: str) -> None:
        """Go to GraphiQL's tab of this name."""
        editor = self.page.locator(".graphiql-query-editor")
        await expect(editor.locator(".view-line").first).to_be_visible()
        await self.page.get_by_role("tab", name=tab, exact=True).click()
        await expect(editor).to_contain_text(tab)

    async def asks_in_graphiql(self, tab: str) -> None:
        """Go to GraphiQL's tab of this name, and execute what is in it."""
        await self.turns_in_graphiql(tab)
        await self.page.get_by_role("button", name="Execute query").click()

    async def runs_in_graphiql(self, operation: str, variables: Any) -> Any:
        """Execute one of the operations of the tab; what it is answered."""
        page = self.page
        await page.locator(".graphiql-editor-tool .view-lines").first.click()
        await page.keyboard.press("Control+A")
        await page.keyboard.insert_text(orjson.dumps(variables).decode())
        await page.keyboard.press("Control+Shift+End")
        await page.keyboard.press("Delete")  # what the editor closed by itself
        async with page.expect_response("**/graphql") as answered:
            await page.get_by_role("button", name="Execute query").click()
            await page.get_by_role("menuitem", name=operation, exact=True).click()
        return await (await answered.value).json()

    async def letters(self, subject: str) -> list[str]:
        """To whom letters of this subject have gone."""
        await self.opens("/mail")
        rows = self.page.get_by_role("row").filter(has=self.page.get_by_role("link", name=subject))
        return await rows.locator("td[data-label=To]").all_inner_texts()

    async def choices(self, label: str) -> Sequence[str]:
        """What a drop-down offers."""
        return [
            text.strip() for text in await self.field(label).locator("option").all_inner_texts()
        ]

    def field(self, label: str, *, within: str = "") -> Locator:
        """The field, the drop-down or the box of this label."""
        place: Page | Locator = self.page.get_by_role("group", name=within) if within else self.page
        named = re.compile(rf"^{re.escape(label)}( \(optional\))?$")
        return place.get_by_label(named).and_(self.page.locator("input, select"))
