"""Input as people type it: cleaned, or refused with the field's name and what is wrong.

A `Checks` collects every problem of an input, so that a form can show them all at once.
"""

import datetime as dt
import re
import unicodedata
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, TypeVar

from email_validator import EmailNotValidError, validate_email

from models import Record, canonical_email, canonical_username
from resolvers.errors import Choice, Code, Problem, Refused

NAME_LENGTH = 100
TEXT_LENGTH = 2000
USERNAME_LENGTH = 64
EMAIL_LENGTH = 254
EARLIEST_BIRTH = dt.date(1900, 1, 1)
MOST_LISTED = 100
"""How many a list in an input holds at most: each is looked up while others wait to write."""

# Normalization makes one character of at most four, and takes minutes for a megabyte of accents.
_MOST_OF_ONE = 4

_USERNAME = re.compile(r"[A-Za-z0-9._-]{3,64}")
_PHONE = re.compile(r"[0-9+()./ -]{3,40}")
_ADDRESS_IN_NAME = re.compile(r"://|www\.|[<>@]", re.IGNORECASE)
_SLUG = re.compile(r"[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?")
_UNWRITABLE = {"Cc", "Cf", "Cs", "Co", "Cn", "Zl", "Zp"}
_JOINERS = "\u200c\u200d"

# The server's own paths (D34).
RESERVED_SLUGS = frozenset(
    [
        "api",
        "app",
        "assets",
        "docs",
        "export",
        "favicon",
        "graphql",
        "healthz",
        "mail",
        "metrics",
        "portal",
        "readyz",
        "schema",
        "static",
    ]
)

T = TypeVar("T")


class Checks:
    """The problems of one input. `prefix` is the path of the argument that holds its fields."""

    def __init__(self, *prefix: str) -> None:
        self.problems: list[Problem] = []
        self._prefix = prefix

    def add(self, code: Code, message: str, *field: str) -> None:
        """One more problem, of the field at this path below the prefix."""
        self.problems.append(Problem(code, message, self.path(*field)))

    def choose(self, message: str, choices: Iterable[Record], *field: str) -> None:
        """One of several departments must be named; these are they (`DEPARTMENT_REQUIRED`)."""
        listed = tuple(Choice(one.id, one.name) for one in choices)
        code = Code.DEPARTMENT_REQUIRED
        self.problems.append(Problem(code, message, self.path(*field), listed))

    def path(self, *field: str) -> tuple[str, ...]:
        """The path of a field below the prefix."""
        return (*self._prefix, *field)

    def done(self) -> None:
        """Raises `Refused` with all problems, if there are any."""
        if self.problems:
            raise Refused(*self.problems)

    def said(self, change: Mapping[str, Any], *may_be_empty: str) -> dict[str, Any]:
        """What an update says, by column; a null where there can be none is a problem (`D32`)."""
        for column, value in change.items():
            if value is None and column not in may_be_empty:
                self.add(Code.REQUIRED, "This cannot be empty.", camel(column))
        return {
            column: value
            for column, value in change.items()
            if value is not None or column in may_be_empty
        }

    def person(self, change: Mapping[str, Any], *may_be_empty: str) -> dict[str, Any]:
        """As `said`, with the names and the address of the person as they are kept."""
        new = self.said(change, *may_be_empty)
        if "first_name" in new:
            new["first_name"] = self.name(new["first_name"], "firstName")
        if "last_name" in new:
            new["last_name"] = self.name(new["last_name"], "lastName")
        if "email" in new:
            new["email"], new["email_key"] = self.email(new["email"], "email")
        return new

    def name(self, typed: str, *field: str) -> str:
        """A person's, department's or organization's name: one line of 1 to 100 characters."""
        text = self.filled(typed, *field, longest=NAME_LENGTH)
        if _ADDRESS_IN_NAME.search(text):
            self.add(Code.INVALID, "A name cannot hold an address.", *field)
        return text

    def filled(self, typed: str, *field: str, longest: int = TEXT_LENGTH) -> str:
        """As `text`, and there must be some."""
        text = self.text(typed, *field, longest=longest)
        if not text and not self._named(field):
            self.add(Code.REQUIRED, "Please fill this in.", *field)
        return text

    def text(self, typed: str, *field: str, longest: int = TEXT_LENGTH) -> str:
        """One line of text, NFC, without white space at its ends."""
        text = typed.strip()
        if len(text) > _MOST_OF_ONE * longest:
            self.add(Code.TOO_LONG, f"Use at most {longest} characters.", *field)
            return ""
        text = unicodedata.normalize("NFC", text).strip()
        if not _writable(text):
            self.add(Code.INVALID, "This holds characters that cannot be written.", *field)
            return ""
        if len(text) > longest:
            self.add(Code.TOO_LONG, f"Use at most {longest} characters.", *field)
        return text

    def few(self, listed: Sequence[T], *field: str) -> Sequence[T]:
        """What a list holds; nothing of one that holds too much, so that nobody works on it."""
        if len(listed) > MOST_LISTED:
            self.add(Code.INVALID, f"Name at most {MOST_LISTED} at once.", *field)
            return ()
        return listed

    def email(self, typed: str, *field: str) -> tuple[str, str]:
        """An e-mail address: as typed, and as compared (`D16`)."""
        text = typed.strip()
        if not text:
            self.add(Code.REQUIRED, "Please fill this in.", *field)
        elif len(text) > EMAIL_LENGTH:
            self.add(Code.TOO_LONG, f"Use at most {EMAIL_LENGTH} characters.", *field)
        else:
            try:
                validate_email(
                    text, check_deliverability=False, allow_smtputf8=False, test_environment=True
                )
                return text, canonical_email(text)
            except (EmailNotValidError, ValueError):
                self.add(Code.INVALID, "This is not an e-mail address.", *field)
        return "", ""

    def date_of_birth(self, typed: dt.date, today: dt.date, *field: str) -> dt.date:
        """A date of birth: not in the future, and not before 1900 (`S11`)."""
        if typed > today:
            self.add(Code.INVALID, "A date of birth cannot be in the future.", *field)
        elif typed < EARLIEST_BIRTH:
            self.add(Code.INVALID, "A date of birth cannot be before 1900.", *field)
        return typed

    def phone(self, typed: str | None, *field: str) -> str | None:
        """A telephone number as typed, or none: digits, spaces and `+ ( ) . / -`."""
        text = (typed or "").strip()
        if text and not _PHONE.fullmatch(text):
            self.add(Code.INVALID, "This is not a telephone number.", *field)
        return text or None

    def username(self, typed: str, *field: str) -> tuple[str, str]:
        """A username: as typed, and as compared (`D16`)."""
        short_enough = len(typed) <= _MOST_OF_ONE * USERNAME_LENGTH
        text = unicodedata.normalize("NFKC", typed) if short_enough else ""
        if not typed:
            self.add(Code.REQUIRED, "Please choose a username.", *field)
        elif not _USERNAME.fullmatch(text):
            self.add(
                Code.INVALID,
                "A username has 3 to 64 letters, digits, dots, hyphens or underscores.",
                *field,
            )
        return text, canonical_username(text)

    def slug(self, typed: str, *field: str) -> str:
        """The organization's name in addresses (`D34`)."""
        if not _SLUG.fullmatch(typed):
            self.add(Code.INVALID, "Use lower-case letters, digits and hyphens.", *field)
        elif typed in RESERVED_SLUGS:
            self.add(Code.TAKEN, "This name is the server's own.", *field)
        return typed

    def _named(self, field: Sequence[str]) -> bool:
        return any(problem.field == self.path(*field) for problem in self.problems)


def refuse_many(**lists: Sequence[object]) -> None:
    """Raises `Refused` if one of these lists of an input holds too much; named as in the input."""
    checks = Checks("input")
    for field, listed in lists.items():
        checks.few(listed, field)
    checks.done()


def is_slug(text: str) -> bool:
    """Whether an organization could have this slug; nothing else is looked up."""
    return _SLUG.fullmatch(text) is not None


def username_key(text: str) -> str | None:
    """The username as compared; None for what nobody can have chosen."""
    if len(text) > _MOST_OF_ONE * USERNAME_LENGTH:
        return None
    normal = unicodedata.normalize("NFKC", text)
    return canonical_username(normal) if _USERNAME.fullmatch(normal) else None


def camel(column: str) -> str:
    """A column as inputs name it."""
    head, *rest = column.split("_")
    return head + "".join(part.capitalize() for part in rest)


def _writable(text: str) -> bool:
    """No control, bidi, surrogate or private characters, and no line breaks (`hostile` C4)."""
    return all(
        letter in _JOINERS or unicodedata.category(letter) not in _UNWRITABLE for letter in text
    )
