"""The real API over the clinic, with every statement that it runs written down."""

from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass
from typing import Any, TypeVar

from sqlalchemy import Connection
from sqlalchemy.ext.asyncio import AsyncConnection

from models import Database, Rows, Statement, Written
from models.statement import Values
from permissions import ANONYMOUS, Passwords, Tokens, Vault, identify
from resolvers import Context, Services
from schema import Api, Limits, Response
from schema.limits import NESTED_LISTS, Amounts, Bounds
from tests.hostile import told
from tests.oracle.clinic import CLINIC, NOW, PUBLIC_URL, SECRET, Caller, Clinic

T = TypeVar("T")

TOKENS = Tokens(SECRET)
VAULT = Vault(SECRET)

_MANY = Amounts._make([10**9] * len(Amounts._fields))
_ANYTHING = Bounds(_MANY._replace(nested_lists=NESTED_LISTS), cost=10**9)
FREELY = Limits(signed_in=_ANYTHING, anonymous=_ANYTHING)
"""For tests of what answers hold, however large they are."""


class Recording(Database):
    """A database that keeps the text of what is read, and the word "write" for a transaction."""

    def __init__(self, url: str) -> None:
        super().__init__(url)
        self.statements: list[str] = []

    async def read(self, work: Callable[[Connection], T]) -> T:
        self.statements.append("read")
        return await super().read(work)

    async def fetch(self, statement: Statement | Written, values: Values) -> Rows:
        self.statements.append(statement.written(self.dialect).text)
        return await super().fetch(statement, values)

    async def write(self, work: Callable[[AsyncConnection], Awaitable[T]]) -> T:
        self.statements.append("write")
        return await super().write(work)


class _Undo(Exception):
    pass


class Undoing(Recording):
    """A database in which every transaction does its work, and is then rolled back."""

    async def write(self, work: Callable[[AsyncConnection], Awaitable[T]]) -> T:
        done: list[T] = []

        async def undone(connection: AsyncConnection) -> None:
            done[:] = [await work(connection)]
            raise _Undo

        with suppress(_Undo):
            await super().write(undone)
        return done[0]


@dataclass(frozen=True)
class Served:
    """The API over one database, and the contexts of all callers."""

    api: Api
    database: Recording
    contexts: dict[Caller, Context]

    async def answer(
        self,
        caller: Caller,
        text: str,
        variables: dict[str, Any] | None = None,
        operation_name: str | None = None,
    ) -> Response:
        """The response; afterwards the database's statements are those of this operation."""
        self.database.statements.clear()
        answer = await self.api.execute(self.contexts[caller], text, variables, operation_name)
        told.check(answer.json)
        return answer

    async def follow(
        self,
        caller: Caller,
        text: str,
        variables: dict[str, Any] | None = None,
        operation_name: str | None = None,
    ) -> list[Response]:
        """What a subscription tells of all that happened; of all else, the only response."""

        async def enter() -> Context:
            return self.contexts[caller]

        found = await self.api.follow(enter, text, variables, operation_name)
        if isinstance(found, Response):
            answers = [found]
        else:
            answers = [one async for one in found.news() if one is not None]
        for one in answers:
            told.check(one.json)
        return answers


def tokens(clinic: Clinic) -> dict[Caller, str]:
    """What everybody shows who is known."""
    shown: dict[Caller, str] = {}
    shown.update((caller, TOKENS.access(id, 1)) for caller, id in clinic.sessions.items())
    shown.update(clinic.keys.items())
    return shown


@asynccontextmanager
async def serving(url: str, api: Api, kind: type[Recording] = Recording) -> AsyncIterator[Served]:
    """The API over the clinic, which is written into this empty database."""
    plain = Database(url)
    await CLINIC.write(plain)
    await plain.close()
    database, passwords = kind(url), Passwords(memory=64, rounds=1)
    services = Services(database, TOKENS, VAULT, passwords, PUBLIC_URL, lambda: NOW, lambda: None)
    contexts: dict[Caller, Context] = {None: Context(services, ANONYMOUS)}
    for caller, token in tokens(CLINIC).items():
        actor = await identify(database, TOKENS, token, NOW)
        assert actor, caller
        contexts[caller] = Context(services, actor)
    try:
        yield Served(api, database, contexts)
    finally:
        await database.close()
        passwords.close()
