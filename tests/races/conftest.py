"""What races are given: time."""

import pytest

from models import database
from tests.waiting import PATIENCE


@pytest.fixture(autouse=True)
def _patient(monkeypatch: pytest.MonkeyPatch) -> None:
    """A crowd writes at once, and SQLite lets one: nobody is to wait for too long."""
    monkeypatch.setattr(database, "CONNECT_SECONDS", PATIENCE)
    monkeypatch.setattr(database, "BUSY_SECONDS", PATIENCE)
