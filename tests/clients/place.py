"""Where clients are tried out: a server with the clinic in its database."""

from typing import NamedTuple

from sqlalchemy import select, update

from models import Client, ClientStatus, Database, Session
from tests.world import START, Clinic


class Place(NamedTuple):
    """A server with the clinic in its database; `env` is what another one there is told."""

    address: str
    database: Database
    clinic: Clinic
    env: dict[str, str]

    async def status(self, name: str) -> ClientStatus | None:
        """The status of a client."""
        wanted = select(Client.status).where(Client.id == self.clinic.key(name))
        return await self.database.read(lambda c: c.scalar(wanted))

    async def expire(self) -> None:
        """All access tokens run out."""
        over = update(Session).values(access_expires_at=START)
        await self.database.write(lambda c: c.execute(over))

    async def end(self) -> None:
        """All sessions end."""
        ended = update(Session).values(ended_at=START)
        await self.database.write(lambda c: c.execute(ended))
