"""The large data set: people are found in it as if use cases had written them."""

import datetime as dt
import uuid
from collections.abc import Callable, Sequence
from typing import Any

from sqlalchemy import Connection, select

from models import Account, Client, Database, Query, SearchWord, Staff, words_of
from portal.populate import populate

NOW = dt.datetime(2026, 11, 1, tzinfo=dt.UTC)


def _all(statement: Query) -> Callable[[Connection], Sequence[Any]]:
    return lambda connection: connection.execute(statement).all()


async def test_everybody_is_found_by_the_words_of_what_they_are_called(database: Database) -> None:
    await populate(
        database, organizations=2, clients=60, seed=3, password_hash="of nobody", now=NOW
    )
    kept: dict[uuid.UUID, set[str]] = {}
    words = select(SearchWord.account_id, SearchWord.word)
    for id, word in await database.read(_all(words)):
        kept.setdefault(id, set()).add(word)
    called: dict[uuid.UUID, set[str]] = {}
    for model in (Client, Staff):
        texts = select(
            model.id, model.first_name, model.last_name, model.email, Account.username
        ).join(Account, Account.id == model.id)
        people = await database.read(_all(texts))
        called |= {id: set(words_of(*said)) for id, *said in people}
    assert len(called) > 60
    assert kept == called
