"""Who may: the actor, the roles, the rule on a field, the rows within reach, proof of identity."""

from permissions.actor import ANONYMOUS, Actor, Grant, Shape
from permissions.identity import identify
from permissions.passwords import Passwords
from permissions.roles import HOLDS, Permission, Scope
from permissions.rules import Authenticated, Inherited, Public, Requires, Rule
from permissions.tokens import Tokens

__all__ = [
    "ANONYMOUS",
    "HOLDS",
    "Actor",
    "Authenticated",
    "Grant",
    "Inherited",
    "Passwords",
    "Permission",
    "Public",
    "Requires",
    "Rule",
    "Scope",
    "Shape",
    "Tokens",
    "identify",
]
