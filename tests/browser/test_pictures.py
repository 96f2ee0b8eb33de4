"""The pictures in the README: taken of the demo, in both colour schemes (`make pictures`)."""

import os
import re
from collections.abc import Awaitable, Callable
from pathlib import Path

import pytest
from playwright.async_api import expect

from portal import built
from tests.browser.person import People, Person
from tests.crash.programs import ROOT

PLACE = ROOT / "docs" / "pictures"
SCHEMES = ("light", "dark")


async def _register(person: Person) -> None:
    await person.opens("/riverside/register")


async def _clients(person: Person) -> None:
    await person.opens("/riverside/clients")


async def _client(person: Person) -> None:
    await person.opens("/riverside/clients?status=PENDING")
    await person.clicks("Côté, Chloé")
    await person.sees("Chloé waits to be approved")


async def _letter(person: Person) -> None:
    await person.reads_letter("chloe.client@riverside.example", "Confirm your registration")
    await expect(person.page.frame_locator("iframe").get_by_role("link").first).to_be_visible()


async def _graphiql(person: Person) -> None:
    await person.opens("/graphql")
    await person.asks_in_graphiql("Clients")
    await expect(person.page.locator(".graphiql-response")).to_contain_text("Chloé")


PICTURES: dict[str, Callable[[Person], Awaitable[None]]] = {
    "register": _register,
    "clients": _clients,
    "client": _client,
    "letter": _letter,
    "graphiql": _graphiql,
}


def test_the_readme_shows_each_picture_in_both_schemes() -> None:
    shown = re.findall(r"docs/pictures/([\w-]+\.png)", (ROOT / "README.md").read_text())
    taken = {f"{name}-{scheme}.png" for name in PICTURES for scheme in SCHEMES}
    assert set(shown) == taken == {path.name for path in PLACE.iterdir()}


@pytest.mark.parametrize("people", [True], indirect=True, ids=["with scripts"])
@pytest.mark.parametrize("name", PICTURES)
async def test_the_picture_can_be_taken(people: People, tmp_path: Path, name: str) -> None:
    if name == "graphiql" and built.entry("src/graphiql/main.js") is None:
        pytest.skip("There is no Node here, so there is no GraphiQL.")
    place = PLACE if os.environ.get("PICTURES") else tmp_path
    for scheme in SCHEMES:
        look = {"color_scheme": scheme, "viewport": {"width": 1000, "height": 720}}
        person = await people.come("olivia.admin", **look)
        await PICTURES[name](person)
        taken = await person.page.screenshot(path=place / f"{name}-{scheme}.png")
        assert taken.startswith(b"\x89PNG")
