"""The migrations: up, down, up again, by one process or two, and never away from the models."""

import asyncio

import pytest
from sqlalchemy import CheckConstraint, Connection, insert, inspect, select, text, update

from models import (
    AuditAction,
    AuditEvent,
    Base,
    Client,
    ClientStatus,
    Database,
    DecisionReason,
    new_id,
    phone_key,
)
from models.migrate import current, downgrade, drift, head, migrate
from tests.rooms.test_models_constraints import accept, clinic


async def tables(database: Database) -> set[str]:
    def names(connection: Connection) -> set[str]:
        return set(inspect(connection).get_table_names())

    return await database.read(names)


EVERY_TABLE = set(Base.metadata.tables)


async def test_a_migrated_database_has_every_table_and_says_its_revision(
    database: Database,
) -> None:
    assert await tables(database) == EVERY_TABLE | {"alembic_version"}
    assert await current(database) == head() != ""


async def test_down_to_nothing_and_up_again(database: Database) -> None:
    await downgrade(database, "base")
    assert await tables(database) == {"alembic_version"}
    assert await current(database) is None

    await migrate(database)
    assert await tables(database) == EVERY_TABLE | {"alembic_version"}
    assert await drift(database) == []


async def test_migrating_what_is_migrated_changes_nothing(database: Database) -> None:
    await migrate(database)
    assert await current(database) == head()


async def test_tables_of_a_later_release_are_left_alone(database: Database) -> None:
    later = text("UPDATE alembic_version SET version_num = '9999'")
    await database.write(lambda connection: connection.execute(later))
    await migrate(database)
    assert await current(database) == "9999"


async def test_two_may_migrate_at_once(database: Database, url: str) -> None:
    await downgrade(database, "base")
    other = Database(url)
    try:
        await asyncio.gather(migrate(database), migrate(other))
    finally:
        await other.close()
    assert await current(database) == head()
    assert await drift(database) == []


async def test_no_drift_between_migrations_and_models(database: Database) -> None:
    assert await drift(database) == []


@pytest.mark.parametrize(
    "change",
    [
        "ALTER TABLE clients ADD COLUMN shoe_size INTEGER",
        "DROP INDEX ix_letters_state_due_at",
        "CREATE TABLE spare (id INTEGER)",
    ],
)
async def test_drift_is_seen(database: Database, change: str) -> None:
    async with database.migrating() as connection:
        await connection.execute(text(change))
    assert len(await drift(database)) == 1


async def test_no_drift_in_checks_which_alembic_does_not_compare(database: Database) -> None:
    def checks(connection: Connection) -> set[tuple[str, str | None]]:
        inspector = inspect(connection)
        return {
            (table, check["name"])
            for table in EVERY_TABLE
            for check in inspector.get_check_constraints(table)
        }

    declared = {
        (table.name, str(check.name))
        for table in Base.metadata.sorted_tables
        for check in table.constraints
        if isinstance(check, CheckConstraint)
    }
    assert await database.read(checks) == declared


async def test_what_was_there_before_has_its_reason_and_its_digits(database: Database) -> None:
    phone = "+31 (20) 123.4/5-6"
    rows = await clinic(database, "east")
    event = {
        **rows["audit_events"],
        "id": new_id(),
        "number": 2,
        "action": AuditAction.CLIENT_DEACTIVATED,
        "client_id": rows["clients"]["id"],
        "reason": "GIVEN",
    }
    out = {"status": ClientStatus.INACTIVE, "status_reason": "Moved.", "phone": phone}
    await accept(database, insert(AuditEvent).values(event), update(Client).values(out))
    await downgrade(database, "0011")
    await migrate(database)
    reasons = select(DecisionReason.id, DecisionReason.client_id, DecisionReason.text)
    found = await database.read(lambda c: c.execute(reasons).all())
    assert [tuple(one) for one in found] == [(event["id"], event["client_id"], "Moved.")]
    kept = await database.read(lambda c: c.scalar(select(Client.phone_key)))
    assert kept == phone_key(phone) == "3120123456"


async def half_way(database: Database) -> None:
    async with database.migrating() as connection:
        await connection.execute(text("CREATE TABLE spare (id INTEGER)"))
        raise RuntimeError("half way")


async def test_foreign_keys_hold_after_a_migration_that_failed(database: Database) -> None:
    with pytest.raises(RuntimeError, match="half way"):
        await half_way(database)

    assert "spare" not in await tables(database)
    if database.dialect == "sqlite":
        held = await database.write(lambda c: c.scalar(text("PRAGMA foreign_keys")))
        assert held == 1
