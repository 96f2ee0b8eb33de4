"""An operation has its time; then it is stopped, and whoever comes next is served as ever."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from functools import partial

import asyncpg
import pytest
from sqlalchemy import select
from sqlalchemy.ext.asyncio import create_async_engine

from models import Database, Department, Surface
from models.database import address
from schema import Api, Limits
from tests.holding import unreadable
from tests.oracle.clinic import Caller
from tests.oracle.served import Served, serving
from tests.waiting import until

OA: Caller = ("oa", Surface.PORTAL)
STOPPED = "This took longer than 0.3 seconds, and was stopped."
MANY = 25
"""More than a pool has connections."""


@pytest.fixture
async def served(url: str) -> AsyncIterator[Served]:
    async with serving(url, Api(Limits(seconds=0.3))) as made:
        yield made


@pytest.mark.parametrize(
    ("document", "table"),
    [
        ("{ clients { nodes { id } } }", "clients"),
        ("{ node: client(id: 1) { id } clients { totalCount } }", "clients"),
        ('{ organization(slug: "east") { name } }', "organizations"),
        ('{ viewer { surface } organization(slug: "east") { name } }', "organizations"),
    ],
)
async def test_a_read_is_stopped_and_leaves_nothing_behind(
    url: str, served: Served, document: str, table: str
) -> None:
    async with unreadable(url, table):
        answers = await asyncio.gather(*(served.answer(OA, document) for _ in range(MANY)))
        for answer in answers:
            assert answer.ran
            assert answer.json["data"] is None
            (error,) = answer.json["errors"]
            assert error == {"message": STOPPED, "extensions": {"code": "SERVICE_UNAVAILABLE"}}
        await until(partial(_is_idle, served.database, url))
    patient = Served(Api(), served.database, served.contexts)
    answers = await asyncio.gather(*(patient.answer(OA, document) for _ in range(MANY)))
    assert [answer.json.get("errors") for answer in answers] == [None] * MANY


async def _is_idle(database: Database, url: str) -> bool:
    """Whether nothing is at work any more; on PostgreSQL its server has to say so, too."""
    if any(busy for busy, _ in database.in_use.values()):
        return False
    if database.dialect == "sqlite":
        return True
    connection = await asyncpg.connect(url)
    try:
        working = await connection.fetchval(
            "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database()"
            " AND state = 'active' AND pid <> pg_backend_pid()"
        )
    finally:
        await connection.close()
    return bool(working == 0)


@asynccontextmanager
async def unwritable(url: str, table: str) -> AsyncIterator[None]:
    """Nobody can write into the table meanwhile."""
    if url.startswith("postgresql"):
        async with unreadable(url, table):
            yield
        return
    engine = create_async_engine(address(url)[0])
    async with engine.connect() as connection:
        await connection.exec_driver_sql("BEGIN IMMEDIATE")
        yield
    await engine.dispose()


async def test_a_mutation_is_stopped_whole(url: str, served: Served) -> None:
    """It ends one way or the other, and the answer says that it may be done."""
    document = """mutation { departmentCreate(input: {name: "Hearing"}) {
      department { id } userErrors { code } } }"""
    async with unwritable(url, "departments"):
        asking = asyncio.create_task(served.answer(OA, document))
        await asyncio.sleep(0.6)
        assert not asking.done()
    answer = await asking
    (error,) = answer.json["errors"]
    assert answer.json["data"] is None
    assert error["message"] == f"{STOPPED} Some of it may be done: look, before you try again."
    assert error["extensions"] == {"code": "SERVICE_UNAVAILABLE"}
    database: Database = served.database
    names = await database.read(lambda c: c.execute(select(Department.name)).scalars().all())
    assert names.count("Hearing") == 1
    patient = Served(Api(), served.database, served.contexts)
    again = await patient.answer(OA, document)
    assert again.json["data"]["departmentCreate"]["userErrors"] == [{"code": "TAKEN"}]
