"""Hands on the audit trail that are not ours."""

from typing import Any

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncConnection

from models import Database

GUARDS = {
    "postgresql": ("audit_events_stay ON audit_events",),
    "sqlite": ("audit_events_stay_on_update", "audit_events_stay_on_delete"),
}
"""What keeps events as they are, as it is dropped."""


async def tamper(database: Database, statement: Any) -> None:
    """Do what only somebody can who owns the tables: take the guards away first."""

    async def work(connection: AsyncConnection) -> None:
        for guard in GUARDS[database.dialect]:
            await connection.execute(text(f"DROP TRIGGER IF EXISTS {guard}"))
        await connection.execute(statement)

    await database.write(work)
