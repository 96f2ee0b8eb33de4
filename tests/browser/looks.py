"""How a page looks to axe-core, in both colour schemes, on a phone and on a desktop."""

from collections.abc import Mapping
from types import MappingProxyType
from typing import Literal
from urllib.parse import urlsplit

from axe_playwright_python.base import AXE_SCRIPT

from tests.browser.person import Person

SCHEMES: tuple[Literal["light", "dark"], ...] = ("light", "dark")
WIDTHS = (360, 1280)
GRAVE = ("serious", "critical")

_RUN = """async ([grave, theirs]) => {
  const isTheirs = (one, node) =>
    one.id in theirs && document.querySelector(node.target[0]).closest(theirs[one.id]);
  const found = await axe.run(document, { resultTypes: ["violations"] });
  return found.violations.filter((one) => grave.includes(one.impact)).flatMap((one) =>
    one.nodes.filter((node) => !isTheirs(one, node)).map((node) =>
      `${one.id}: ${node.target} ${node.failureSummary}`));
}"""
_TOO_WIDE = "document.documentElement.scrollWidth > document.documentElement.clientWidth"


async def looked_at(person: Person, theirs: Mapping[str, str] = MappingProxyType({})) -> list[str]:
    """What is wrong with the page that is open, in each look.

    `theirs` are selectors by the names of axe's rules: what breaks one in there is not ours.
    """
    await person.page.evaluate(AXE_SCRIPT)
    wrong = []
    for scheme in SCHEMES:
        await person.page.emulate_media(color_scheme=scheme)
        for width in WIDTHS:
            await person.page.set_viewport_size({"width": width, "height": 800})
            found = await person.page.evaluate(_RUN, [GRAVE, dict(theirs)])
            if await person.page.evaluate(_TOO_WIDE):
                found.append("it is wider than the window")
            at = urlsplit(person.page.url)
            wrong += [f"{at.path}?{at.query} {scheme} {width}: {one}" for one in found]
    return wrong
