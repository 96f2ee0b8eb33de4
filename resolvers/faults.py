"""What a read can fail at. In a text that the database made, a marker stands where it did."""

import re

MARK = "\x01"
"""A character that no JSON holds as it is."""

_MARKER = re.compile(f"{MARK}(absent|cursor):([^{MARK}]*){MARK}")


class BadArgument(Exception):
    """An argument of a list that cannot be right, with a sentence that names it.

    As a cursor that names no row of the list, as far as the caller reaches.
    """


class Missing(Exception):
    """A row that another one needs was gone, or out of reach."""


def absent(key: str) -> str:
    """The marker in place of a row that the schema says is there."""
    return f"{MARK}absent:{key}{MARK}"


def bad_cursor(argument: str) -> str:
    """The marker in place of a page whose cursor names no row."""
    return f"{MARK}cursor:{argument}{MARK}"


def no_cursor(argument: str) -> BadArgument:
    """The fault of a cursor that names no row of its list."""
    return BadArgument(f"{argument} is not a cursor of this list.")


def sound(text: str) -> str:
    """The text, in which nothing failed. Raises `BadArgument` or `Missing`."""
    if MARK not in text:
        return text
    found = _MARKER.search(text)
    assert found
    what, name = found.groups()
    raise Missing(name) if what == "absent" else no_cursor(name)
