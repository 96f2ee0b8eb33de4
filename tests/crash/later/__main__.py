"""Migrates as the release after this one will: `python -m tests.crash.later URL`.

It says when the tables are altered, and commits when it is sent SIGUSR1.
"""

import asyncio
import signal
import sys
from pathlib import Path

from alembic import command
from sqlalchemy import Connection

from models import Database
from models.migrate import configuration

_OURS = Path(__file__).parent / "versions"


def upgrade(connection: Connection) -> None:
    """This release's migrations, and then the one here."""
    config = configuration(connection)
    theirs = f"{config.get_main_option('script_location')}/versions"
    config.set_main_option("version_locations", f"{theirs}\n{_OURS}")
    command.upgrade(config, "head")


async def main(url: str) -> None:
    commit = asyncio.Event()
    asyncio.get_running_loop().add_signal_handler(signal.SIGUSR1, commit.set)
    database = Database(url)
    async with database.migrating() as connection:
        await connection.run_sync(upgrade)
        sys.stdout.write("altered\n")
        sys.stdout.flush()
        await commit.wait()
    await database.close()


asyncio.run(main(sys.argv[1]))
