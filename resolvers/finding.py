"""Finding people: the words that they are found by, and the predicate that finds them (`D29`)."""

import uuid
from collections.abc import Mapping, Sequence
from functools import cache
from typing import Any

from sqlalchemy import ColumnElement, bindparam, delete, insert, select
from sqlalchemy.ext.asyncio import AsyncConnection

from models import Account, Client, SearchWord, Staff, words_of
from models.base import ByCodePoint
from resolvers.faults import BadArgument

MOST_WORDS = 8
LONGEST = 1000
LAST = "\U0010ffff"


async def has_address(
    connection: AsyncConnection,
    model: type[Client] | type[Staff],
    organization_id: uuid.UUID,
    email_key: str,
) -> bool:
    """Whether a client, or a staff member, of the organization has the address (`D16`)."""
    found = await connection.execute(
        select(model.id).where(
            model.organization_id == organization_id, model.email_key == email_key
        )
    )
    return found.first() is not None


async def index(connection: AsyncConnection, organization_id: uuid.UUID, id: uuid.UUID) -> None:
    """Write down anew the words by which the person of this id is found.

    Whatever changes a name, an address or a username calls this, in the same transaction.
    """
    texts: list[str | None] = []
    for model in (Client, Staff):
        found = await connection.execute(
            select(model.first_name, model.last_name, model.email).where(
                model.organization_id == organization_id, model.id == id
            )
        )
        texts += [text for row in found for text in row]
    named = await connection.execute(
        select(Account.username).where(Account.organization_id == organization_id, Account.id == id)
    )
    texts.append(named.scalar_one())
    await connection.execute(
        delete(SearchWord).where(
            SearchWord.organization_id == organization_id, SearchWord.account_id == id
        )
    )
    await index_newcomers(connection, organization_id, {id: texts})


async def index_newcomers(
    connection: AsyncConnection,
    organization_id: uuid.UUID,
    texts: Mapping[uuid.UUID, Sequence[str | None]],
) -> None:
    """Write down the words of these texts for people, by their ids, who have none yet."""
    rows = [
        {"organization_id": organization_id, "word": word, "account_id": id}
        for id, theirs in texts.items()
        for word in words_of(*theirs)
    ]
    await connection.execute(insert(SearchWord), rows)


def search(
    model: type[Client] | type[Staff], text: str
) -> tuple[tuple[ColumnElement[bool], ...], dict[str, Any]]:
    """Predicates, and their values, for whom the text finds.

    Each of its words is the beginning of a word of theirs; case and accents do not count. Raises
    `BadArgument` for more than anybody types: to take the accents off a megabyte takes minutes.
    """
    if len(text) > LONGEST:
        raise BadArgument(f"search takes at most {LONGEST} characters.")
    words = sorted(words_of(text))
    if len(words) > MOST_WORDS:
        raise BadArgument(f"search takes at most {MOST_WORDS} words.")
    values: dict[str, Any] = {}
    for i, word in enumerate(words):
        values |= {f"word_{i}": word, f"word_{i}_end": word + LAST}
    return tuple(_has_word(model, i) for i in range(len(words))), values


@cache
def _has_word(model: type[Client] | type[Staff], i: int) -> ColumnElement[bool]:
    return model.id.in_(
        select(SearchWord.account_id).where(
            SearchWord.organization_id == model.organization_id,
            SearchWord.word >= bindparam(f"word_{i}", type_=ByCodePoint),
            SearchWord.word < bindparam(f"word_{i}_end", type_=ByCodePoint),
        )
    )
