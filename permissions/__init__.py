"""Who may: the actor, the roles, the rule on a field, the rows within reach, proof of identity."""

from permissions.actor import ANONYMOUS, Actor, Grant, Shape
from permissions.identity import identify
from permissions.passwords import Passwords
from permissions.roles import HOLDS, Permission, Scope
from permissions.rules import Authenticated, ForStaff, Inherited, Public, Requires, Rule
from permissions.standing_in import stand_in
from permissions.tokens import Tokens
from permissions.vault import Sealed, Vault

__all__ = [
    "ANONYMOUS",
    "HOLDS",
    "Actor",
    "Authenticated",
    "ForStaff",
    "Grant",
    "Inherited",
    "Passwords",
    "Permission",
    "Public",
    "Requires",
    "Rule",
    "Scope",
    "Sealed",
    "Shape",
    "Tokens",
    "Vault",
    "identify",
    "stand_in",
]
