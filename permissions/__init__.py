"""Who may: the actor, the roles, the rule on a field, the rows within reach, proof of identity."""

from permissions import service_keys
from permissions.actor import ANONYMOUS, SHAPES, Actor, Grant, Shape
from permissions.identity import identify
from permissions.passwords import Passwords
from permissions.roles import HOLDS, Permission, Scope
from permissions.rules import (
    Authenticated,
    ForPeople,
    ForStaff,
    Inherited,
    Public,
    Requires,
    RequiresPerson,
    Rule,
)
from permissions.standing_in import stand_in
from permissions.tokens import Tokens
from permissions.vault import Sealed, Vault

__all__ = [
    "ANONYMOUS",
    "HOLDS",
    "SHAPES",
    "Actor",
    "Authenticated",
    "ForPeople",
    "ForStaff",
    "Grant",
    "Inherited",
    "Passwords",
    "Permission",
    "Public",
    "Requires",
    "RequiresPerson",
    "Rule",
    "Scope",
    "Sealed",
    "Shape",
    "Tokens",
    "Vault",
    "identify",
    "service_keys",
    "stand_in",
]
