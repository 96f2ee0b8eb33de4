"""What a file of clients is read with: departments by name, and who is there already."""

from collections.abc import Mapping, Sequence

from sqlalchemy import select

from models import Client, Department, canonical_email, name_key, outside, sort_key, within
from models.database import Words
from permissions import Scope, reach
from resolvers.context import Context
from resolvers.creating import NewClient


async def departments_by_name(context: Context) -> Mapping[str, str]:
    """The ids of the organization's active departments, by the `sort_key` of their names."""
    its = select(Department.id, Department.name).where(
        Department.organization_id == context.actor.organization_id, Department.active
    )
    rows = await context.services.database.read(lambda c: c.execute(its).all())
    return {sort_key(row.name): outside("dep_", row.id) for row in rows}


async def there_already(context: Context, typed: Sequence[NewClient]) -> Sequence[bool]:
    """For each of these whether the caller manages a client of the same address, names and birth.

    Their addresses are good ones.
    """
    keys = [canonical_email(one.email.strip()) for one in typed]
    theirs = select(Client.email_key, Client.name_key, Client.date_of_birth).where(
        within(Client.email_key, "keys", Words),
        reach.reading(Client, context.actor.shape, Scope.DEPARTMENT),
    )
    values = {**reach.values(context.actor), "keys": keys}
    rows = await context.services.database.read(lambda c: c.execute(theirs, values).all())
    found = {tuple(row) for row in rows}
    return [
        (key, name_key(one.first_name.strip(), one.last_name.strip()), one.date_of_birth) in found
        for key, one in zip(keys, typed, strict=True)
    ]
