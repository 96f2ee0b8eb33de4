"""What a use case refuses, as data: a code, a sentence for people, and where it is."""

import uuid
from dataclasses import dataclass
from enum import StrEnum

from permissions import Permission
from resolvers.tree import Key


class Code(StrEnum):
    """What is wrong, for programs (`UserErrorCode` in the schema)."""

    REQUIRED = "REQUIRED"
    INVALID = "INVALID"
    TOO_LONG = "TOO_LONG"
    TAKEN = "TAKEN"
    NOT_FOUND = "NOT_FOUND"
    CONFLICT = "CONFLICT"
    INVALID_CREDENTIALS = "INVALID_CREDENTIALS"
    CLIENT_INACTIVE = "CLIENT_INACTIVE"
    CLIENT_PENDING_APPROVAL = "CLIENT_PENDING_APPROVAL"
    STAFF_INACTIVE = "STAFF_INACTIVE"
    LINK_USED = "LINK_USED"
    LINK_EXPIRED = "LINK_EXPIRED"
    LINK_SUPERSEDED = "LINK_SUPERSEDED"
    LINK_UNKNOWN = "LINK_UNKNOWN"
    PASSWORD_TOO_WEAK = "PASSWORD_TOO_WEAK"  # noqa: S105 - a code, not a secret
    DEPARTMENT_REQUIRED = "DEPARTMENT_REQUIRED"
    NOT_A_PRACTITIONER = "NOT_A_PRACTITIONER"
    OUT_OF_SCOPE = "OUT_OF_SCOPE"
    ALREADY_ASSOCIATED = "ALREADY_ASSOCIATED"
    NOT_PENDING = "NOT_PENDING"
    NOT_ACTIVE = "NOT_ACTIVE"
    NOT_INACTIVE = "NOT_INACTIVE"
    ALREADY_ONBOARDED = "ALREADY_ONBOARDED"
    EMAIL_LOCKED = "EMAIL_LOCKED"
    SESSION_EXPIRED = "SESSION_EXPIRED"
    REGISTRATION_CLOSED = "REGISTRATION_CLOSED"
    LAST_ORGANIZATION_ADMINISTRATOR = "LAST_ORGANIZATION_ADMINISTRATOR"
    LAST_DEPARTMENT = "LAST_DEPARTMENT"
    HAS_ASSOCIATIONS = "HAS_ASSOCIATIONS"
    HAS_CLIENTS = "HAS_CLIENTS"
    SECOND_FACTOR_REQUIRED = "SECOND_FACTOR_REQUIRED"
    SECOND_FACTOR_ON = "SECOND_FACTOR_ON"
    SECOND_FACTOR_OFF = "SECOND_FACTOR_OFF"
    INVALID_CODE = "INVALID_CODE"
    TOO_MANY_WRONG_CODES = "TOO_MANY_WRONG_CODES"
    WEBHOOK_ENDED = "WEBHOOK_ENDED"


@dataclass(frozen=True, slots=True)
class Choice:
    """A department that could have been named."""

    id: uuid.UUID
    name: str


@dataclass(frozen=True, slots=True)
class Problem:
    """One thing that is wrong. `field` is the path of the argument, as ("input", "email")."""

    code: Code
    message: str
    field: tuple[str, ...] | None = None
    choices: tuple[Choice, ...] | None = None


SESSION_OVER = "The session is over. Refresh it, or sign in again."
"""What whoever was signed in is told."""


class Stopped(Exception):
    """The operation ends here, whatever it asks for: a top-level error with a code of its own.

    `told` is what goes beside the code, for programs.
    """

    def __init__(self, code: str, message: str, **told: object) -> None:
        super().__init__(message)
        self.code = code
        self.told = told


class Refused(Exception):
    """The use case did nothing, because of these problems.

    `key` names the row that the caller asked to change, where they may see how it is now.
    """

    def __init__(self, *problems: Problem, key: Key | None = None) -> None:
        super().__init__(", ".join(problem.code for problem in problems))
        self.problems = problems
        self.key = key


def conflict(whom: str, key: Key) -> Refused:
    """The refusal of who edits a record that somebody else has changed since they looked."""
    message = f"Somebody else has changed this {whom} meanwhile. Look again before you change it."
    return refuse(Code.CONFLICT, message, "input", "expectedVersion", key=key)


def may_readdress(
    whom: str, key: Key, *, signs_in: bool, needed: Permission, is_held: bool
) -> None:
    """Staff give another address only to who does not sign in yet (`D28`).

    Whoever has the address can accept the invitation, so it takes the permission, too, by which
    somebody is made that person. Raises `Refused` for the others.
    """
    field = ("input", "email")
    if signs_in:
        message = f"Only the {whom} can change an address that they sign in with."
        raise refuse(Code.EMAIL_LOCKED, message, *field, key=key)
    if not is_held:
        message = f"Whoever has the address becomes the {whom}: it needs {needed} as well."
        raise refuse(Code.OUT_OF_SCOPE, message, *field, key=key)


def refuse(code: Code, message: str, *field: str, key: Key | None = None) -> Refused:
    """A refusal for one problem."""
    return Refused(Problem(code, message, field or None), key=key)
