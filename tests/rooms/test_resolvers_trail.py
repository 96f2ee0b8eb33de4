"""The audit trail: told with what is done or not done at all, and a chain that shows every cut."""

import asyncio
import datetime as dt
import uuid
from collections.abc import Sequence
from typing import Any

import pytest
from sqlalchemy import delete, func, insert, select, update
from sqlalchemy.ext.asyncio import AsyncConnection

from models import (
    Account,
    AuditAction,
    AuditEvent,
    AuditHead,
    Base,
    Client,
    ClientNote,
    Database,
    Department,
    Organization,
    Registration,
    Staff,
    Webhook,
    new_id,
)
from models.audit import hash_of
from permissions import ANONYMOUS, Passwords, Tokens, Vault
from resolvers import Context, Services, Verdict, verify
from resolvers.chain import BATCH
from resolvers.context import Untold
from resolvers.events import REDACTED, VALUES, On, changed
from resolvers.trail import Trail
from tests.rooms.test_models_constraints import NOW
from tests.tampering import tamper

EVENTS = AuditEvent.__table__


@pytest.fixture
async def east(database: Database) -> uuid.UUID:
    return await organization(database, "east")


async def organization(database: Database, slug: str) -> uuid.UUID:
    id = new_id()
    row = {"id": id, "slug": slug, "name": slug, "created_at": NOW}
    await database.write(lambda c: c.execute(insert(Organization).values(row)))
    return id


def context(database: Database, **more: Any) -> Context:
    services = Services(
        database,
        Tokens("a secret of nobody"),
        Vault("a secret of nobody"),
        Passwords(memory=64, rounds=1),
        "https://portal.example",
        lambda: NOW,
        lambda: None,
    )
    return Context(services, ANONYMOUS, **more)


async def add(connection: AsyncConnection, organization_id: uuid.UUID) -> None:
    """A row that no use case makes: a department with a name of its own."""
    id = new_id()
    values = {"organization_id": organization_id, "id": id, "name": id.hex, "name_key": id.hex}
    await connection.execute(insert(Department).values(**values, created_at=NOW))


async def do(database: Database, *organizations: uuid.UUID) -> None:
    """Something that is done in these, and told."""

    async def work(connection: AsyncConnection, trail: Trail) -> None:
        for id in organizations:
            await add(connection, id)
            trail.tell(AuditAction.DEPARTMENT_CREATED, On(id, departments=()))

    await context(database).write(work)


async def numbers(database: Database, organization_id: uuid.UUID) -> Sequence[int]:
    wanted = (
        select(AuditEvent.number)
        .where(AuditEvent.organization_id == organization_id)
        .order_by(AuditEvent.number)
    )
    return await database.read(lambda c: c.execute(wanted).scalars().all())


async def count(database: Database, model: type[Base]) -> int:
    return await database.read(
        lambda c: c.execute(select(func.count()).select_from(model)).scalar_one()
    )


async def verdicts(database: Database, slug: str | None = None) -> list[Verdict]:
    return [verdict async for verdict in verify(database, slug)]


UNTOLD: dict[type[Base], str] = {
    Account: "kind username_key created_at",
    Client: "name_key email_key phone_key version created_at approved_at approved_by_id decided_at"
    " decided_by_id",
    ClientNote: "client_id author_id created_at",
    Department: "name_key created_at",
    Organization: "slug created_at",
    Registration: "email_key client_id created_at ended_at",
    Staff: "name_key email_key version created_at",
    Webhook: "secret previous_secret previous_secret_until created_at",
}
"""The columns of which an event says nothing: keys, and what the event itself tells."""


class TestTelling:
    async def test_who_forgets_the_trail_does_nothing(
        self, database: Database, east: uuid.UUID
    ) -> None:
        async def forgetful(connection: AsyncConnection, trail: Trail) -> None:
            await add(connection, east)

        with pytest.raises(Untold, match="forgetful"):
            await context(database).write(forgetful)
        assert await count(database, Department) == 0

    async def test_who_changes_nothing_has_nothing_to_tell(
        self, database: Database, east: uuid.UUID
    ) -> None:
        async def idle(connection: AsyncConnection, trail: Trail) -> str:
            nobody = Department.id == new_id()
            await connection.execute(update(Department).where(nobody).values(active=False))
            await connection.execute(delete(Department).where(nobody))
            return "done"

        assert await context(database).write(idle) == "done"
        assert await count(database, AuditEvent) == 0

    async def test_routine_is_kept_and_not_told(self, database: Database, east: uuid.UUID) -> None:
        async def routine(connection: AsyncConnection, trail: Trail) -> None:
            trail.routine()
            await add(connection, east)

        await context(database).write(routine)
        assert await count(database, Department) == 1
        assert await count(database, AuditEvent) == 0

    async def test_what_is_told_and_then_refused_is_not_told(
        self, database: Database, east: uuid.UUID
    ) -> None:
        async def refused(connection: AsyncConnection, trail: Trail) -> None:
            trail.tell(AuditAction.DEPARTMENT_CREATED, On(east, departments=()))
            await add(connection, east)
            raise LookupError("no")

        with pytest.raises(LookupError):
            await context(database).write(refused)
        assert await count(database, AuditEvent) == await count(database, Department) == 0

    async def test_what_lost_a_race_is_told_once(self, database: Database, east: uuid.UUID) -> None:
        taken = {"name": "East", "name_key": "east", "created_at": NOW}
        runs = 0

        async def late(connection: AsyncConnection, trail: Trail) -> None:
            nonlocal runs
            runs += 1
            trail.tell(AuditAction.DEPARTMENT_CREATED, On(east, departments=()))
            key = "east" if runs < 3 else "west"
            row = {**taken, "organization_id": east, "id": new_id(), "name_key": key}
            await connection.execute(insert(Department).values(row))

        row = {**taken, "organization_id": east, "id": new_id()}
        await database.write(lambda c: c.execute(insert(Department).values(row)))
        await context(database).write(late)
        assert runs == 3
        assert await numbers(database, east) == [1]

    async def test_where_the_request_came_from_is_told(
        self, database: Database, east: uuid.UUID
    ) -> None:
        async def work(connection: AsyncConnection, trail: Trail) -> None:
            trail.tell(AuditAction.ORGANIZATION_UPDATED, On(east, departments=()))

        asked = context(database, source="2001:db8::7", request_id="0190-é")
        await asked.write(work)
        (event,) = await database.read(lambda c: c.execute(select(EVENTS)).all())
        assert (event.source, event.request_id) == ("2001:db8::7", "0190-é")
        assert (event.at, event.times, event.actor_kind) == (NOW, 1, "ANONYMOUS")

    def test_what_somebody_typed_is_only_said_to_be_different(self) -> None:
        before = dict.fromkeys(VALUES | REDACTED, "before") | {"name_key": "before"}
        after = dict.fromkeys(VALUES | REDACTED, "after") | {"name_key": "after"}
        told = changed(before, after)
        assert {one["field"] for one in told if one.get("redacted")} == {
            *("contactEmail", "dateOfBirth", "email", "firstName", "lastName", "name"),
            *("password", "phone", "statusReason", "text", "url", "username"),
        }
        assert {one["field"] for one in told if not one.get("redacted")} == {
            *("active", "departmentId", "events", "receiveNewClientNotifications"),
            *("registrationOpen", "secondFactorRequired", "state", "status"),
        }
        assert changed(before, before) == []
        assert changed(None, dict.fromkeys(VALUES)) == []

    @pytest.mark.parametrize("model", UNTOLD)
    def test_of_every_column_it_is_known_what_is_told(self, model: type[Base]) -> None:
        """A new column is in `VALUES`, in `REDACTED` or, if there is nothing to tell, here."""
        columns = {*model.__table__.c.keys()} - VALUES - REDACTED - {"organization_id", "id"}
        assert columns == {*UNTOLD[model].split()}


class TestChain:
    async def test_events_are_numbered_without_gaps_whoever_comes_at_once(
        self, database: Database, east: uuid.UUID
    ) -> None:
        west = await organization(database, "west")
        orders = ([east], [west, east], [east, west]) * 7
        await asyncio.gather(*(do(database, *order) for order in orders))
        assert await numbers(database, east) == [*range(1, 22)]
        assert await numbers(database, west) == [*range(1, 15)]
        assert [one.broken for one in await verdicts(database)] == [None, None]

    async def test_the_chain_of_nothing_is_whole(self, database: Database, east: uuid.UUID) -> None:
        assert await verdicts(database) == [Verdict("east", 0, "0" * 64)]

    async def test_one_organization_may_be_looked_at(
        self, database: Database, east: uuid.UUID
    ) -> None:
        west = await organization(database, "west")
        await do(database, east, west, west)
        (verdict,) = await verdicts(database, "west")
        assert (verdict.slug, verdict.number, verdict.broken) == ("west", 2, None)
        assert await verdicts(database, "north") == []

    async def test_what_is_longer_than_a_batch_is_read_to_its_end(
        self, database: Database, east: uuid.UUID
    ) -> None:
        async def work(connection: AsyncConnection, trail: Trail) -> None:
            for _ in range(BATCH + 2):
                trail.tell(AuditAction.ORGANIZATION_UPDATED, On(east, departments=()))

        await context(database).write(work)
        assert (await verdicts(database))[0].number == BATCH + 2
        last = AuditEvent.number == BATCH + 1
        await tamper(database, update(AuditEvent).where(last).values(reason="another"))
        assert broken(await verdicts(database)) == (BATCH + 1, "it is not what was sealed")

    async def test_what_is_added_while_it_is_looked_at_is_no_fault(
        self, database: Database, east: uuid.UUID
    ) -> None:
        async def add_more() -> None:
            for _ in range(20):
                await do(database, east)

        adding = asyncio.create_task(add_more())
        while not adding.done():
            assert [one.broken for one in await verdicts(database)] == [None]
        await adding


OTHER: dict[str, Any] = {
    "at": NOW + dt.timedelta(microseconds=1),
    "action": AuditAction.SIGNED_IN,
    "actor_kind": "CLIENT",
    "actor_id": new_id(),
    "roles": ["PRACTITIONER"],
    "scope": "OWN",
    "surface": "APP",
    "client_id": new_id(),
    "staff_id": new_id(),
    "department_id": new_id(),
    "departments": [new_id()],
    "changes": [{"field": "status"}],
    "reason": "GIVEN",
    "times": 2,
    "source": "192.0.2.1",
    "request_id": "another",
    "id": new_id(),
    "hash": "f" * 64,
}


def broken(found: list[Verdict]) -> tuple[int, str | None]:
    (verdict,) = found
    return verdict.number, verdict.broken


class TestTampering:
    @pytest.fixture(autouse=True)
    async def five(self, database: Database, east: uuid.UUID) -> None:
        for _ in range(5):
            await do(database, east)
        assert broken(await verdicts(database)) == (5, None)

    @pytest.mark.parametrize("column", OTHER)
    async def test_another_value_is_found(self, database: Database, column: str) -> None:
        third = update(AuditEvent).where(AuditEvent.number == 3)
        await tamper(database, third.values({column: OTHER[column]}))
        assert broken(await verdicts(database)) == (3, "it is not what was sealed")

    def test_every_column_is_sealed(self) -> None:
        chain = {"organization_id", "number", "previous_hash"}
        assert {*OTHER} | chain == {*EVENTS.c.keys()}

    @pytest.mark.parametrize("number", [1, 3, 5])
    async def test_a_missing_event_is_found(self, database: Database, number: int) -> None:
        await tamper(database, delete(AuditEvent).where(AuditEvent.number == number))
        assert broken(await verdicts(database)) == (number, "it is missing")

    async def test_all_of_them_missing_is_found(self, database: Database) -> None:
        await tamper(database, delete(AuditEvent))
        assert broken(await verdicts(database)) == (1, "it is missing")

    async def test_a_gap_that_is_closed_is_found(self, database: Database) -> None:
        await tamper(database, delete(AuditEvent).where(AuditEvent.number == 3))
        for number in (4, 5):
            one = update(AuditEvent).where(AuditEvent.number == number)
            await tamper(database, one.values(number=number - 1))
        assert broken(await verdicts(database)) == (3, "it does not follow the one before")

    async def test_an_event_that_is_sealed_anew_does_not_fit(
        self, database: Database, east: uuid.UUID
    ) -> None:
        await self.reseal(database, 3, reason="another")
        assert broken(await verdicts(database)) == (4, "it does not follow the one before")

    async def test_the_last_event_sealed_anew_is_not_the_one_that_was_last(
        self, database: Database, east: uuid.UUID
    ) -> None:
        await self.reseal(database, 5, reason="another")
        assert broken(await verdicts(database)) == (5, "it is not the one that was last")

    async def test_an_event_from_outside_is_found(
        self, database: Database, east: uuid.UUID
    ) -> None:
        last = await self.row(database, 5)
        row = {**last, "id": new_id(), "number": 6, "previous_hash": last["hash"]}
        row["hash"] = hash_of(row)
        await tamper(database, insert(AuditEvent).values(row))
        assert broken(await verdicts(database)) == (6, "it was put in from outside")

    @pytest.mark.parametrize("number", [0, 4, 6])
    async def test_another_head_is_found(self, database: Database, number: int) -> None:
        await tamper(database, update(AuditHead).values(number=number))
        assert broken(await verdicts(database))[1] is not None

    async def test_a_head_that_is_gone_is_found(self, database: Database) -> None:
        await tamper(database, delete(AuditHead))
        assert broken(await verdicts(database)) == (1, "it was put in from outside")

    async def row(self, database: Database, number: int) -> dict[str, Any]:
        found = select(EVENTS).where(AuditEvent.number == number)
        return dict(await database.read(lambda c: c.execute(found).mappings().one()))

    async def reseal(self, database: Database, number: int, **values: Any) -> None:
        row = {**await self.row(database, number), **values}
        row["hash"] = hash_of(row)
        await tamper(database, update(AuditEvent).where(AuditEvent.id == row["id"]).values(row))
