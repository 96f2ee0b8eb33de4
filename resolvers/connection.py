"""Connections: the JSON of a page, whether we write it or the database does (`D29`)."""

from collections.abc import Callable

from models import parse_id
from models.json_in_sql import Text
from resolvers.tree import Part

CURSOR = "cur_"

_MOST_NUMBERS = 2**63

Leaf = Callable[[Part], Text]
"""What stands for a part of the connection: of a list, what is between its brackets."""


def number_at(cursor: str) -> int | None:
    """Where the cursor is in a list of numbered rows; None for what is none."""
    id = parse_id(CURSOR, cursor)
    return id.int if id and id.int < _MOST_NUMBERS else None


def connection(parts: tuple[Part, ...], leaf: Leaf) -> Text:
    """The connection, its pageInfo, or one of its edges."""
    text: Text = ["{"]
    for part in parts:
        comma = "," if len(text) > 1 else ""
        text += [f'{comma}"{part.key}":', *_value(part, leaf)]
    return [*text, "}"]


def _value(part: Part, leaf: Leaf) -> Text:
    match part.name:
        case "__typename":
            return [f'"{part.value}"']
        case "pageInfo":
            return connection(part.parts, leaf)
        case "nodes" | "edges":
            return ["[", *leaf(part), "]"]
    return leaf(part)
