"""The demo as it is served, and Debian's Chromium (or another) to look at it."""

import os
import shutil
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from playwright.async_api import Browser, async_playwright

from tests.browser.person import People
from tests.crash.programs import demo

_NAMES = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable")

# Chromium itself asks nobody for anything.
_QUIET = (
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-quic",
    "--disable-sync",
    "--disable-gpu",
    "--no-first-run",
)


@pytest.fixture(scope="session")
async def chromium() -> AsyncIterator[Browser]:
    """A browser in which nobody is yet."""
    found = os.environ.get("CHROMIUM") or next(filter(None, map(shutil.which, _NAMES)), None)
    if found is None:
        pytest.skip("There is no Chromium here, nor does CHROMIUM name one: nobody sees the pages.")
    async with async_playwright() as playwright:
        browser = await playwright.chromium.launch(
            executable_path=found, args=_QUIET, timeout=120_000
        )
        yield browser
        await browser.close()


@pytest.fixture(scope="session")
async def founded(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The demo's folder, as its first start leaves it."""
    folder = tmp_path_factory.mktemp("demo")
    async with demo(folder):
        return folder


@pytest.fixture
async def portal(founded: Path, tmp_path: Path) -> AsyncIterator[str]:
    """The address of a demo in which nobody has done anything yet."""
    folder = tmp_path / "demo"
    shutil.copytree(founded, folder)
    async with demo(folder) as address:
        yield address


@pytest.fixture(params=[True, False], ids=["with scripts", "without scripts"])
async def people(
    request: pytest.FixtureRequest, chromium: Browser, portal: str
) -> AsyncIterator[People]:
    """Those who come to it."""
    async with People(chromium, portal, scripts=request.param) as people:
        yield people
