"""What races are given: a course to be run on, and time."""

from collections.abc import AsyncIterator

import pytest

from models import database
from tests.races.course import Course, course
from tests.waiting import PATIENCE
from tests.world import World


@pytest.fixture(autouse=True)
def _patient(monkeypatch: pytest.MonkeyPatch) -> None:
    """A crowd writes at once, and SQLite lets one: nobody is to wait for too long."""
    monkeypatch.setattr(database, "CONNECT_SECONDS", PATIENCE)
    monkeypatch.setattr(database, "BUSY_SECONDS", PATIENCE)


@pytest.fixture
async def raced(world: World) -> AsyncIterator[Course]:
    """The clinic, served on a port of its own."""
    async with course(world) as made:
        yield made
