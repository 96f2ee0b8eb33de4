"""Three servers and two couriers on one PostgreSQL, one of each killed every few seconds."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from tests.conftest import Databases
from tests.crash.fleet import SERVERS
from tests.crash.many import many

SECONDS = 15
"""`make torture` has more of it."""


@pytest.fixture
async def url(databases: Databases) -> AsyncIterator[str]:
    """A fresh database on PostgreSQL: SQLite is for one machine's servers, not for many."""
    url = await databases.postgresql()
    yield url
    await databases.drop(url)


async def test_nothing_is_lost_or_done_twice_while_servers_and_couriers_are_killed(
    url: str, tmp_path: Path
) -> None:
    outcome = await many(url, tmp_path, SECONDS)
    assert outcome.updates == []
    assert outcome.letters == []
    assert outcome.events == []
    assert outcome.unseen == []
    assert outcome.chain == ""
    assert outcome.faults == []
    figures = outcome.figures
    assert figures["servers killed"] == figures["couriers killed"] >= SERVERS
    assert figures["guesses"] > 0
    assert figures["sent again"] > 0
    assert figures["followers cut off"] > 0
    assert figures["looks at a session"] > 0
