"""A real server for clients to talk to."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from models import Database
from tests.clients.place import Place
from tests.conftest import Clinics, Databases
from tests.crash.programs import environment, server
from tests.mailbox import Mailbox


@pytest.fixture(params=["sqlite", "postgresql"])
async def place(
    request: pytest.FixtureRequest,
    clinics: Clinics,
    databases: Databases,
    mailbox: Mailbox,
    tmp_path: Path,
) -> AsyncIterator[Place]:
    """A server with the clinic in its database, on both kinds of database."""
    template, clinic = await clinics.made(request.param)
    url = await databases.copy(template, tmp_path)
    database = Database(url)
    env = environment(url, mailbox)
    async with server(env, tmp_path) as running:
        yield Place(str(running.client.base_url), database, clinic, env)
    await database.close()
    if request.param == "postgresql":
        await databases.drop(url)
