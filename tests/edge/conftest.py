"""What the tests of the edge are given."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

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
