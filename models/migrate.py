"""Migrations: from nothing, or from any earlier release, to the tables of this one."""

from functools import cache
from pathlib import Path

from alembic import command
from alembic.autogenerate import compare_metadata
from alembic.config import Config
from alembic.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import Connection

from models.base import Base
from models.database import Database

_FOLDER = Path(__file__).parent / "migrations"


def configuration(connection: Connection | None = None) -> Config:
    """What Alembic needs to know; there is no alembic.ini."""
    config = Config()
    config.set_main_option("script_location", str(_FOLDER))
    config.set_main_option("path_separator", "newline")
    config.attributes["connection"] = connection
    return config


@cache
def _revisions() -> tuple[str, ...]:
    """All that this release knows, the newest first."""
    return tuple(
        one.revision for one in ScriptDirectory.from_config(configuration()).walk_revisions()
    )


def head() -> str:
    """The revision that this release works with."""
    return _revisions()[0]


def is_behind(revision: str | None) -> bool:
    """Whether tables of this revision wait for a migration of this release.

    Those of a later release, whose revision nobody here knows, do not: this one works on them as
    long as it is being replaced.
    """
    return revision is None or revision in _revisions()[1:]


async def migrate(database: Database, revision: str = "head") -> None:
    """Bring the tables to the revision, unless a later release has them; any number may at once."""

    def upgrade(sync: Connection) -> None:
        if is_behind(MigrationContext.configure(sync).get_current_revision()):
            command.upgrade(configuration(sync), revision)

    async with database.migrating() as connection:
        await connection.run_sync(upgrade)


async def downgrade(database: Database, revision: str) -> None:
    """Bring the tables back to an earlier revision."""
    async with database.migrating() as connection:
        await connection.run_sync(lambda sync: command.downgrade(configuration(sync), revision))


async def current(database: Database) -> str | None:
    """The revision that the database is at; None for an empty one."""
    return await database.read(
        lambda connection: MigrationContext.configure(connection).get_current_revision()
    )


async def drift(database: Database) -> list[object]:
    """What the migrated tables and the models disagree about; empty when they agree."""

    def compare(connection: Connection) -> list[object]:
        context = MigrationContext.configure(connection, opts={"compare_type": True})
        return list(compare_metadata(context, Base.metadata))

    async with database.migrating() as connection:
        return await connection.run_sync(compare)
