"""Connections: the JSON of a page, whether we write it or the database does (`D29`)."""

from collections.abc import Callable

from models.json_in_sql import Text
from resolvers.tree import Part

CURSOR = "cur_"

Leaf = Callable[[Part], Text]
"""What stands for a part of the connection: of a list, what is between its brackets."""


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
