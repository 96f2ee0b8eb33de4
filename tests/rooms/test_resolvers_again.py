"""Work that is run again: it does everything anew, and touches nothing but its connection."""

from collections.abc import Awaitable, Callable
from contextlib import suppress
from dataclasses import replace
from typing import TypeVar

import pytest
from sqlalchemy import delete
from sqlalchemy.ext.asyncio import AsyncConnection

from models import Database, Throttle
from permissions import Permission
from resolvers import NewServiceKey, Refused, password_reset_request, service_key_create
from tests.world import Clinic, World

T = TypeVar("T")


class Lost(Exception):
    """A race."""


class Again(Database):
    """A database at which all work runs twice: it loses a race the first time, at its end."""

    async def write(self, work: Callable[[AsyncConnection], Awaitable[T]]) -> T:
        async def loses(connection: AsyncConnection) -> None:
            await work(connection)
            raise Lost

        with suppress(Lost, Refused):
            await super().write(loses)
        return await super().write(work)


async def test_what_is_wrong_is_told_once(world: World, clinic: Clinic) -> None:
    context = await world.service.context(clinic.token("olivia"), None, "")
    database = Again(world.settings.database_url)
    unlucky = replace(context, services=replace(context.services, database=database))
    unknown = [f"dep_{number:032x}" for number in range(2)]
    typed = NewServiceKey("", [Permission.CLIENT_READ], unknown, None)
    with pytest.raises(Refused) as refused:
        await service_key_create(unlucky, typed)
    assert [problem.field for problem in refused.value.problems] == [
        ("input", "name"),
        ("input", "departmentIds", "0"),
        ("input", "departmentIds", "1"),
    ]
    await database.close()


async def test_a_letter_that_is_not_written_is_counted_once(world: World, clinic: Clinic) -> None:
    database, throttled = Again(world.settings.database_url), list[str]()
    services = replace(
        world.service.services, database=database, throttle=1, throttled=throttled.append
    )
    unlucky = replace(world.service.anonymous(), services=services)
    await world.database.write(lambda c: c.execute(delete(Throttle)))
    for _ in range(6):
        await password_reset_request(unlucky, "riverside", clinic.email("amy"))
    assert throttled == ["mail"]
    await database.close()
