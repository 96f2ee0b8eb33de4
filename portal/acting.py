"""Whoever runs a command on an organization's data does it in the name of one of its staff."""

from permissions import Permission, stand_in
from resolvers import Context, Services, username_key


class Unusable(Exception):
    """What the command was given is not usable; what was done before stays."""


async def acting(
    services: Services, organization: str, username: str, needed: Permission, deed: str
) -> Context:
    """The context of the staff member in whose name it is done; they may do it somewhere.

    `deed` says what, for people. Raises `Unusable`.
    """
    key = username_key(username)
    actor = key and await stand_in(services.database, organization, key)
    if not actor:
        raise Unusable(f"--as: {organization} has no active staff {username!r}.")
    if not actor.holds(needed):
        raise Unusable(f"--as: {username} may not {deed}.")
    return Context(services, actor)
