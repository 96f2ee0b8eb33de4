"""Clients as rows of CSV: what stands in which column, and cells that no spreadsheet runs."""

import csv
import io
import re
from collections.abc import Callable, Iterable, Mapping
from typing import Any

Node = Mapping[str, Any]
"""A client, as the API answers it."""

# Where a cell begins, and where one does for a spreadsheet that parts lines by something else than
# the comma, which finds no quotes around it there; and what makes it a formula.
_BEGINS = r"(?<![^;\t\r\n])"
_FORMULA = r"(?=(?:[^\S\t\r\n]|['\"])*[=+\-@＝＋－＠])"  # noqa: RUF001 - East Asian spreadsheets run these
_RUN = re.compile(_BEGINS + _FORMULA)
_QUOTED = re.compile(f"{_BEGINS}'{_FORMULA}")


def _named(name: str) -> Callable[[Node], Any]:
    return lambda client: client[name]


def _practitioners(client: Node) -> str:
    """Whom the client meets, and where."""
    return "; ".join(
        f"{one['practitioner']['displayName']} ({one['department']['name']})"
        for one in client["associations"]
    )


TAKEN = ("firstName", "lastName", "email", "dateOfBirth", "phone", "department")
"""The columns that an import takes; an export begins with them."""

_CELLS: Mapping[str, Callable[[Node], Any]] = {
    **{name: _named(name) for name in TAKEN},
    "department": lambda client: (client["department"] or {}).get("name"),
    **{name: _named(name) for name in ("id", "status", "onboardingState", "username")},
    "departmentId": lambda client: (client["department"] or {}).get("id"),
    "practitioners": _practitioners,
    "createdAt": _named("createdAt"),
    "approvedAt": _named("approvedAt"),
    "approvedBy": lambda client: (client["approvedBy"] or {}).get("displayName"),
    "statusReason": _named("statusReason"),
}

COLUMNS = tuple(_CELLS)
"""The columns of an export."""


def row(client: Node) -> list[str]:
    """The cells of a client."""
    return [harmless(cell(client) or "") for cell in _CELLS.values()]


def written(rows: Iterable[Iterable[str]]) -> bytes:
    """The lines of these rows, after RFC 4180 and in UTF-8."""
    lines = io.StringIO()
    csv.writer(lines).writerows(rows)
    return lines.getvalue().encode()


def harmless(text: str) -> str:
    """The text as a cell, with a quote before whatever a spreadsheet would take for a formula."""
    return _RUN.sub("'", text)


def plain(cell: str) -> str:
    """The text of a cell: `harmless` undone."""
    return _QUOTED.sub("", cell)
