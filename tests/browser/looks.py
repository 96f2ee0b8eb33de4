"""How a page looks to axe-core, in both colour schemes, on a phone and on a desktop."""

from typing import Literal
from urllib.parse import urlsplit

from axe_playwright_python.base import AXE_SCRIPT

from tests.browser.person import Person

SCHEMES: tuple[Literal["light", "dark"], ...] = ("light", "dark")
WIDTHS = (360, 1280)
GRAVE = ("serious", "critical")

_RUN = """async (grave) => {
  const found = await axe.run(document, { resultTypes: ["violations"] });
  return found.violations.filter((one) => grave.includes(one.impact)).map((one) =>
    `${one.id}: ${one.nodes.map((node) => node.target + " " + node.failureSummary).join("; ")}`);
}"""
_TOO_WIDE = "document.documentElement.scrollWidth > document.documentElement.clientWidth"


async def looked_at(person: Person) -> list[str]:
    """What is wrong with the page that is open, in each look."""
    await person.page.evaluate(AXE_SCRIPT)
    wrong = []
    for scheme in SCHEMES:
        await person.page.emulate_media(color_scheme=scheme)
        for width in WIDTHS:
            await person.page.set_viewport_size({"width": width, "height": 800})
            found = await person.page.evaluate(_RUN, GRAVE)
            if await person.page.evaluate(_TOO_WIDE):
                found.append("it is wider than the window")
            at = urlsplit(person.page.url)
            wrong += [f"{at.path}?{at.query} {scheme} {width}: {one}" for one in found]
    return wrong
