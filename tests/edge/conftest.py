"""What the tests of the edge are given."""

import logging
import threading
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import pytest

from portal import logs
from tests.conftest import Clinics, Databases
from tests.world import Clinic


@pytest.fixture(params=["sqlite", "postgresql"])
async def clinic_at(
    request: pytest.FixtureRequest, clinics: Clinics, databases: Databases, tmp_path: Path
) -> AsyncIterator[tuple[str, Clinic]]:
    """The URL of a copy of the clinic that nobody is connected to, and its people."""
    template, clinic = await clinics.made(request.param)
    url = await databases.copy(template, tmp_path)
    yield url, clinic
    if request.param == "postgresql":
        await databases.drop(url)


@pytest.fixture
def _logging_as_before() -> Iterator[None]:
    root = logging.getLogger()
    handlers, raising, hook = list(root.handlers), logging.raiseExceptions, threading.excepthook
    levels = {name: logging.getLogger(name).level for name in (None, *logs.TALKATIVE)}
    yield
    for handler in set(root.handlers) - set(handlers):
        handler.close()
    root.handlers[:] = handlers
    for name, level in levels.items():
        logging.getLogger(name).setLevel(level)
    logging.raiseExceptions, threading.excepthook = raising, hook
