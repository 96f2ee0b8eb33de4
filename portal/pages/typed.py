"""From what was typed to variables, by the types that the document declares of them."""

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import date
from typing import Any
from urllib.parse import parse_qsl

from graphql import (
    GraphQLInputObjectType,
    GraphQLInputType,
    get_nullable_type,
    is_input_object_type,
    is_list_type,
    is_non_null_type,
)

from portal.answers import bad
from portal.pages.documents import Document
from portal.pages.page import Problem, Said
from schema import ErrorCode

MOST_FIELDS = 1_000
INPUT = "input"

_PLACE = re.compile(r"[0-9]{1,4}")
"""Where in a list something was typed: only the order counts."""

_KIND = b"application/x-www-form-urlencoded"


def typed(kind: bytes, body: bytearray) -> dict[str, str]:
    """The controls of a form and their values; of two with one name, the last. Raises `Refusal`."""
    if kind.partition(b";")[0].strip().lower() != _KIND:
        raise bad(415, "A form is sent as application/x-www-form-urlencoded.")
    try:
        text = body.decode("ascii")
        pairs = parse_qsl(text, keep_blank_values=True, errors="strict", max_num_fields=MOST_FIELDS)
    except ValueError:
        raise bad(400, "This is not a form of ours.") from None
    return dict(pairs)


@dataclass(slots=True)
class _Reading:
    """Reads values; what cannot be a value of its type is a problem of its control."""

    problems: list[Problem]

    def value(self, kind: GraphQLInputType, told: Any, control: str) -> Any:
        """The value of this type in what was told: a text or, of an object or a list, its parts."""
        plain: Any = get_nullable_type(kind)
        if is_input_object_type(plain):
            fields = {**_no_rows(plain), **_parts(told)}
            return {
                name: self.value(one.type, fields[name], f"{control}.{name}")
                for name, one in plain.fields.items()
                if name in fields
            }
        if is_list_type(plain):
            if isinstance(told, str):
                return [self.value(plain.of_type, told, control)] if told else None
            rows = _parts(told)
            if not all(map(_PLACE.fullmatch, rows)):
                raise _not_ours()
            return [
                self.value(plain.of_type, rows[key], f"{control}.{key}")
                for key in sorted(rows, key=int)
            ]
        if not isinstance(told, str):
            raise _not_ours()
        if not told and not is_non_null_type(kind) and plain.name != "Boolean":
            return None
        return self._leaf(plain.name, told, control)

    def _leaf(self, name: str, told: str, control: str) -> Any:
        try:
            return _LEAVES.get(name, _words)(told)
        except ValueError:
            message = "Please fill this in."
            if told:
                message = _MESSAGES.get(name, "This cannot be.")
            field = control.removeprefix(f"{INPUT}.").split(".")
            self.problems.append(
                {"code": ErrorCode.BAD_USER_INPUT, "message": message, "field": field}
            )
            return None


def _day(told: str) -> str:
    return date.fromisoformat(told).isoformat()


def _words(told: str) -> str:
    if not told:
        raise ValueError
    return told


_LEAVES: Mapping[str, Callable[[str], Any]] = {"Boolean": "true".__eq__, "Int": int, "Date": _day}
_MESSAGES = {"Date": "Write a date as in 1984-02-29: year, month, day."}


def variables(document: Document, said: Said) -> tuple[dict[str, Any], list[Problem]]:
    """The document's variables, as far as something was said of them, and what is wrong with it."""
    reading = _Reading([])
    tree = _nested(said)
    found = {
        name: reading.value(kind, tree if name == INPUT else tree[name], name)
        for name, kind in document.variables.items()
        if name == INPUT or name in tree
    }
    return found, reading.problems


def _no_rows(kind: GraphQLInputObjectType) -> dict[str, Any]:
    """Of the lists that must be there: those in which there is nothing."""
    return {
        name: {}
        for name, one in kind.fields.items()
        if is_non_null_type(one.type) and is_list_type(get_nullable_type(one.type))
    }


def _nested(said: Said) -> dict[str, Any]:
    """Values by dotted names, as a tree."""
    tree: dict[str, Any] = {}
    for name, value in said.items():
        *branches, leaf = name.split(".")
        place = tree
        for branch in branches:
            place = _parts(place.setdefault(branch, {}))
        place[leaf] = value
    return tree


def _parts(told: Any) -> dict[str, Any]:
    if not isinstance(told, dict):
        raise _not_ours()
    return told


def _not_ours() -> Exception:
    return bad(400, "This is not a form of ours.")
