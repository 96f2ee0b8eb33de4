"""Callers who register and look without a pause, and what they were told."""

import asyncio
import time
from collections import Counter
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from itertools import count
from typing import Any

import httpx2
from sqlalchemy import Connection, func, insert, select

from models import Database, Letter, Link, Organization, Registration, new_id
from models.migrate import migrate
from portal.service import utc_now
from tests.world import REGISTER

SLUG, NAME = "riverside", "Riverside Clinic"
LOOKS = f'{{ organization(slug: "{SLUG}") {{ name }} }}'
CALLERS = 8
PAUSE = 0.01
"""Seconds after which somebody who was asked to come again does."""


async def founded(url: str) -> None:
    """Migrate the database, and found an organization in it."""
    database = Database(url)
    await migrate(database)
    row = {"id": new_id(), "slug": SLUG, "name": NAME, "created_at": utc_now()}
    await database.write(lambda connection: connection.execute(insert(Organization).values(row)))
    await database.close()


class Load:
    """Each caller registers somebody new and looks at the organization, in turn.

    `wrong` are answers that are neither right nor ask to come again.
    """

    def __init__(self, client: httpx2.AsyncClient) -> None:
        self._client = client
        self._numbers = count()
        self._served = time.monotonic()
        self.tried: list[str] = []
        self.accepted: set[str] = set()
        self.looked = 0
        self.away = 0
        self.wrong: list[Any] = []

    @asynccontextmanager
    async def going_on(self) -> AsyncIterator[None]:
        """The callers call meanwhile."""
        calling = [asyncio.create_task(self._call()) for _ in range(CALLERS)]
        try:
            yield
        finally:
            for task in calling:
                task.cancel()
            await asyncio.gather(*calling, return_exceptions=True)

    async def again(self) -> float:
        """Seconds until somebody new has registered and somebody else has looked."""
        started = time.monotonic()
        accepted, looked = len(self.accepted), self.looked
        while len(self.accepted) == accepted or self.looked == looked:  # noqa: ASYNC110 - counts
            await asyncio.sleep(0.001)
        return time.monotonic() - started

    async def look(self) -> bool:
        """Whether the organization was shown."""
        data = await self._ask(LOOKS, {})
        if data is not None and data != {"organization": {"name": NAME}}:
            self.wrong.append(data)
        self.looked += data is not None
        return data is not None

    async def register(self) -> bool:
        """Whether somebody new was accepted."""
        email = f"client{next(self._numbers)}@home.example"
        self.tried.append(email)
        form = {"firstName": "Nora", "lastName": "Newcomer", "dateOfBirth": "1990-05-17"}
        data = await self._ask(REGISTER, {"input": {**form, "organization": SLUG, "email": email}})
        if data is None:
            return False
        if data != {"clientRegister": {"accepted": True, "userErrors": []}}:
            self.wrong.append(data)
        self.accepted.add(email)
        return True

    async def _call(self) -> None:
        while True:
            for turn in (self.register, self.look):
                if not await turn():
                    await asyncio.sleep(PAUSE)

    async def _ask(self, document: str, variables: Any) -> Any:
        """The data; None where the answer asks to come again."""
        body = {"query": document, "variables": variables}
        answer = (await self._client.post("/graphql", json=body)).json()
        codes = {error["extensions"]["code"] for error in answer.get("errors", ())}
        if codes == {"SERVICE_UNAVAILABLE"}:
            self.away += 1
            return None
        if codes:
            self.wrong.append(answer)
        return answer.get("data")

    async def damage(self, url: str) -> Counter[str]:
        """What should not be: `lost`, accepted and not there; `halves`, without link or letter."""
        database = Database(url)
        found = await database.read(_registrations)
        await database.close()
        return Counter(
            lost=len(self.accepted - found.keys()),
            halves=sum(parts != (1, 1) for parts in found.values()),
            strangers=len(found.keys() - set(self.tried)),
            wrong=len(self.wrong),
        )


def _registrations(connection: Connection) -> dict[str, tuple[int, int]]:
    """Of each address, how many links and letters came of its registration."""
    links = dict(
        connection.execute(
            select(Link.registration_id, func.count()).group_by(Link.registration_id)
        ).all()
    )
    letters = dict(
        connection.execute(select(Letter.recipient, func.count()).group_by(Letter.recipient)).all()
    )
    rows = connection.execute(select(Registration.id, Registration.email)).all()
    assert len({email for _, email in rows}) == len(rows)
    return {email: (links.get(id, 0), letters.get(email, 0)) for id, email in rows}
