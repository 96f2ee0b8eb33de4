"""Connections: the dicts of a page, from its rows and what was asked of it (`D29`)."""

import uuid
from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property
from typing import Any

from models import outside
from resolvers.tree import PageArguments, Part

CURSOR = "cur_"


@dataclass(frozen=True)
class PageRows:
    """The rows of a page, in the list's order.

    `nodes` has, for each of the page's `wanted`, the dict of every row; `more` says whether there
    is a row beyond the page, in the direction in which it is counted.
    """

    arguments: PageArguments
    ids: list[uuid.UUID]
    nodes: list[list[dict[str, Any]]]
    more: bool
    total: int

    @cached_property
    def cursors(self) -> list[str]:
        """The cursor of every row: its id, which tells nothing else."""
        return [outside(CURSOR, id) for id in self.ids]


_LEAVES: dict[str, Callable[[PageRows], Any]] = {
    "totalCount": lambda rows: rows.total,
    "hasNextPage": lambda rows: (
        rows.arguments.before is not None if rows.arguments.backward else rows.more
    ),
    "hasPreviousPage": lambda rows: (
        rows.more if rows.arguments.backward else rows.arguments.after is not None
    ),
    "startCursor": lambda rows: rows.cursors[0] if rows.ids else None,
    "endCursor": lambda rows: rows.cursors[-1] if rows.ids else None,
}


def connection(parts: tuple[Part, ...], rows: PageRows) -> dict[str, Any]:
    """The connection of these rows, or its pageInfo."""
    return {part.key: _value(part, rows) for part in parts}


def _value(part: Part, rows: PageRows) -> Any:
    match part.name:
        case "nodes":
            return rows.nodes[part.index]
        case "edges":
            return [
                {inner.key: _of_edge(inner, rows, i) for inner in part.parts}
                for i in range(len(rows.ids))
            ]
        case "pageInfo":
            return connection(part.parts, rows)
        case "__typename":
            return part.value
    return _LEAVES[part.name](rows)


def _of_edge(part: Part, rows: PageRows, i: int) -> Any:
    if part.name == "cursor":
        return rows.cursors[i]
    return rows.nodes[part.index][i] if part.name == "node" else part.value
