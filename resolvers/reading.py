"""Reads: what a tree asks of the rows that a resolver named, as far as the caller reaches."""

from permissions import Actor, reach
from resolvers.context import Context
from resolvers.listing import Listing
from resolvers.plan import ById, Listed, PageOfListing, Pages
from resolvers.tree import Key, Number, Page, Row, Rows, Tree
from resolvers.writing import Writing

PLANS = 64
"""How many plans are kept with a tree: one for each shape of caller and size of its pages."""

Asked = Listing | Key | Number | None
Plan = ById | Listed | PageOfListing


async def read(context: Context, tree: Tree, asked: Asked, pages: Pages) -> str | None:
    """The JSON of a read. None where the key is none, or names a row out of the caller's reach.

    Raises `BadArgument`, `Missing` and `models.Unavailable`.
    """
    if asked is None:
        return None
    database, actor = context.services.database, context.actor
    values = reach.values(actor)
    width = reach.width(values)
    sizes = tuple([pages[page].form for page in tree.pages])
    key = (database.dialect, actor.shape, width, asked.form, sizes)
    plan = tree.plans.get(key)
    if plan is None:
        plan = _planned(database.dialect, tree, asked, actor, width, pages)
        if len(tree.plans) >= PLANS:
            tree.plans.pop(next(iter(tree.plans)))
        tree.plans[key] = plan
    values |= asked.values
    values["public_url"] = context.services.public_url
    values["second_factor_needed"] = actor.second_factor_needed
    values["now"] = context.now()
    found = await plan.run(database, values, pages)
    if found is not None:
        context.notice(asked)
    return found


def _planned(
    dialect: str, tree: Tree, asked: Listing | Key | Number, actor: Actor, width: int, pages: Pages
) -> Plan:
    inside = {page: pages[page] for page in tree.pages}
    writing = Writing(dialect, actor.shape, inside)
    match tree.top, asked:
        case Row(wanted), Key(model, _, at_least) | Number(model, _, at_least):
            return ById(writing, next(one for one in wanted if one.model is model), at_least)
        case Rows(wanted), Listing() as listing:
            return Listed(writing, wanted, listing)
        case Page() as page, Listing() as listing:
            return PageOfListing(writing, page, pages[page], listing, width)
    raise TypeError(f"a {type(tree.top).__name__} cannot be read from {asked!r}")
