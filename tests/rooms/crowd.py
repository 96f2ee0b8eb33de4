"""A large clinic, and how its database would look for people in it."""

import re
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import asyncpg
from sqlalchemy import Connection, make_url

from models import AccountKind, Database, Role, Rows, Statement, Surface, Written
from models.reads import SETTINGS
from models.statement import Values
from permissions import Actor, Passwords, Tokens, Vault
from permissions.actor import Grant, Shape
from portal.populate import Populated, populate
from resolvers import Context, Services
from schema import Api
from tests.conftest import Databases
from tests.world import START

CLIENTS, ORGANIZATIONS = 10_000, 40

OA, DA, CC = (
    Role.ORGANIZATION_ADMINISTRATOR,
    Role.DEPARTMENT_ADMINISTRATOR,
    Role.CARE_COORDINATOR,
)


class Keeping(Database):
    """A database that keeps each statement that is read, and its values."""

    def __init__(self, url: str) -> None:
        super().__init__(url)
        self.kept: list[tuple[Written, Values]] = []

    async def fetch(self, statement: Statement | Written, values: Values) -> Rows:
        self.kept.append((statement.written(self.dialect), values))
        return await super().fetch(statement, values)


@dataclass(frozen=True)
class Crowd:
    """A large clinic, and how its database would look for people in it."""

    url: str
    database: Keeping
    services: Services
    made: Populated

    async def ask(self, role: Role, document: str, **values: Any) -> Any:
        """What somebody of the role is answered; the statements are kept."""
        department = None if role is OA else self.made.departments[0]
        actor = Actor(
            shape=Shape(AccountKind.STAFF, Surface.PORTAL, frozenset({role})),
            organization_id=self.made.id,
            id=self.made.staff[role],
            session_id=self.made.id,
            grants=(Grant(role, department),),
        )
        self.database.kept.clear()
        response = await Api().execute(Context(self.services, actor), document, values)
        assert "errors" not in response.json, response.json
        return response.json["data"]

    async def scanned(self) -> list[str]:
        """What the kept statements read from one end to the other, of people and words."""
        return [
            step
            for statement, values in self.database.kept
            for step in scans(statement.text, await self.plan(statement, values))
        ]

    async def plan(self, statement: Written, values: Values) -> list[str]:
        """The steps of the statement as the database takes them, on PostgreSQL with their rows."""
        arguments = statement.arguments(values)
        if self.database.dialect == "sqlite":
            return await self.database.read(_explaining(statement.text, arguments))
        url = make_url(self.url).set(drivername="postgresql")
        connection = await asyncpg.connect(
            url.render_as_string(hide_password=False), server_settings=SETTINGS
        )
        try:
            await connection.execute(f"PREPARE asked AS {statement.text}")
            said = f"({', '.join(map(_literal, arguments))})" if arguments else ""
            rows = await connection.fetch(f"EXPLAIN (ANALYZE, TIMING OFF) EXECUTE asked {said}")
            return [row[0] for row in rows]
        finally:
            await connection.close()


def scans(text: str, plan: list[str]) -> list[str]:
    """Steps of the statement's plan that read a large table from one end to the other."""
    names = [*_LARGE, *(alias for table, alias in _NAMED.findall(text) if table in _LARGE)]
    scan = re.compile(rf"(Seq Scan on ({'|'.join(_LARGE)})|SCAN ({'|'.join(names)}))\b")
    return [step for step in plan if scan.search(step)]


_LARGE = ("clients", "associations", "staff", "search_words", "accounts")
_NAMED = re.compile(r"(\w+) AS (t\d+)\b")


def _explaining(text: str, arguments: list[Any]) -> Callable[[Connection], list[str]]:
    def explain(connection: Connection) -> list[str]:
        rows = connection.exec_driver_sql(f"EXPLAIN QUERY PLAN {text}", tuple(arguments))
        return [row[3] for row in rows]

    return explain


def _literal(value: Any) -> str:
    """The value, as SQL."""
    if value is None:
        return "NULL"
    if isinstance(value, int):
        return str(value)
    if isinstance(value, list | tuple | set | frozenset):
        return f"'{{{', '.join(map(str, value))}}}'"
    return "'{}'".format(str(value).replace("'", "''"))


@asynccontextmanager
async def crowded(
    dialect: str, databases: Databases, folder: Path, organizations: int = ORGANIZATIONS
) -> AsyncIterator[Crowd]:
    """A clinic among others, which have thousands of clients together."""
    postgresql = dialect == "postgresql"
    url = await (databases.postgresql() if postgresql else databases.sqlite(folder))
    database, passwords = Keeping(url), Passwords(memory=64, rounds=1)
    made, *_ = await populate(
        database,
        organizations=organizations,
        clients=CLIENTS,
        seed=1,
        password_hash="no password has this hash",
        now=START,
    )
    tokens, vault = Tokens("a secret of nobody"), Vault("a secret of nobody")
    public_url = "https://portal.example.org"
    services = Services(database, tokens, vault, passwords, public_url, lambda: START, lambda: None)
    yield Crowd(url, database, services, made)
    await database.close()
    passwords.close()
    if postgresql:
        await databases.drop(url)
