"""Somebody's browser, in a portal with the clinic in it."""

from collections.abc import AsyncIterator

import pytest

from tests.pages.browsing import Browser
from tests.world import World


@pytest.fixture
async def browser(world: World) -> AsyncIterator[Browser]:
    """A browser in which nobody is signed in yet."""
    async with Browser(world) as browser:
        yield browser
