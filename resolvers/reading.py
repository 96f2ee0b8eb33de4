"""Reads: what a tree asks of the rows that a resolver named, as far as the caller reaches."""

import uuid
from collections.abc import Callable, Mapping
from functools import partial
from typing import Any

from models import Reading
from permissions import Actor, reach
from resolvers.context import Context
from resolvers.listing import Listing
from resolvers.plan import ById, Listed, PageOfListing
from resolvers.steps import Reader
from resolvers.tree import Key, Page, PageArguments, Row, Rows, Tree

Asked = Listing | Key | None


async def read(
    context: Context, tree: Tree, asked: Asked, pages: Mapping[Page, PageArguments]
) -> Any:
    """The finished value of a read: dicts and lists of what the schema's scalars write.

    None where the key is none, or names a row out of the caller's reach.
    Raises `BadArgument`, `Missing` and `models.Unavailable`.
    """
    work = _work(tree, asked, context.actor)
    if work is None:
        return None
    values = reach.values(context.actor)
    given = {"public_url": context.services.public_url}

    found = await context.services.database.run(lambda: work(Reader(values, pages, given)))
    if found is not None:
        context.notice(asked)
    return found


def _work(tree: Tree, asked: Asked, actor: Actor) -> Callable[[Reader], Reading[Any]] | None:
    shape = actor.shape
    match tree, asked:
        case Row(), Key(model, id, at_least):
            wanted = next((one for one in tree.wanted if one.model is model), None)
            if wanted is None:
                return None
            make = partial(ById, wanted, shape, at_least)
            by_id = _kept(wanted.plans, (shape, at_least), make)
            return lambda reader: _only(by_id, reader, id)
        case Rows(wanted), Listing() as listing:
            key = (shape, listing.where, listing.order, listing.at_least)
            listed = _kept(wanted.plans, key, lambda: Listed(wanted, listing, shape))
            return lambda reader: listed.run(reader, listing)
        case Page() as page, Listing() as listing:
            key = (shape, listing.where, listing.order, listing.at_least)
            paged = _kept(page.plans, key, lambda: PageOfListing(page, listing, shape))
            return lambda reader: paged.run(reader, listing)
        case _, None:
            return None
    raise TypeError(f"a {type(tree).__name__} cannot be read from {asked!r}")


def _only(by_id: ById, reader: Reader, id: uuid.UUID) -> Reading[Any]:
    return (yield from by_id.run(reader, [id])).get(id)


def _kept(plans: dict[Any, Any], key: Any, make: Callable[[], Any]) -> Any:
    """The plan of this key, made when it is first asked for.

    A tree has as many as there are shapes of callers and forms of its listing: few, and they go
    when its document does.
    """
    if key not in plans:
        plans[key] = make()
    return plans[key]
