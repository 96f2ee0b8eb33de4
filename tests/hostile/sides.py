"""The API over the same clinic on both databases."""

from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from sqlalchemy import update

from models import Account, Database
from permissions import Passwords
from schema import Api
from tests.conftest import Databases
from tests.hostile.places import PASSWORD
from tests.oracle.clinic import CLINIC, Caller
from tests.oracle.served import FREELY, Recording, Served, serving


@dataclass(frozen=True, slots=True)
class Sides:
    """The API over one clinic on each database."""

    sides: Sequence[Served]

    async def answer(self, caller: Caller, *asked: Any) -> dict[str, Any]:
        """What both answer, which is the same and no fault of ours."""
        first, other = [(await side.answer(caller, *asked)).json for side in self.sides]
        assert first == other, asked
        for error in first.get("errors", ()):
            assert error["extensions"]["code"] in (
                *("BAD_USER_INPUT", "UNAUTHENTICATED", "FORBIDDEN"),
            ), (asked, error)
        return first


@asynccontextmanager
async def both(databases: Databases, folder: Path, kind: type[Recording]) -> AsyncIterator[Sides]:
    """A clinic of its own on each; the strongest role knows its password."""
    urls = await databases.sqlite(folder), await databases.postgresql()
    api = Api(FREELY)
    async with serving(urls[0], api, kind) as one, serving(urls[1], api, kind) as other:
        for url in urls:
            await _set_password(url)
        yield Sides((one, other))
    await databases.drop(urls[1])


async def _set_password(url: str) -> None:
    """The clinic's people have none that could be right."""
    passwords, database = Passwords(memory=64, rounds=1), Database(url)
    hashed = await passwords.hash(PASSWORD)
    oa = Account.id == CLINIC.ids["oa"]
    await database.write(
        lambda c: c.execute(update(Account).where(oa).values(password_hash=hashed))
    )
    await database.close()
    passwords.close()
