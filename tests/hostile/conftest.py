"""What the hostile tests ask."""

from collections.abc import AsyncIterator

import pytest

from tests.conftest import Databases
from tests.hostile.sides import Sides, both
from tests.oracle.served import Undoing


@pytest.fixture(scope="module")
async def sides(
    databases: Databases, tmp_path_factory: pytest.TempPathFactory
) -> AsyncIterator[Sides]:
    """Whatever is written here is undone."""
    async with both(databases, tmp_path_factory.mktemp("sides"), Undoing) as made:
        yield made
