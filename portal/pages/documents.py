"""The documents of the pages: operations as files, with the fragments that they spread."""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

from graphql import (
    GraphQLInputType,
    GraphQLSchema,
    OperationDefinitionNode,
    parse,
    type_from_ast,
)

_FOLDER = Path(__file__).parent / "documents"
_SPREAD = re.compile(r"\.\.\.(?!on\b)(\w+)")


@dataclass(frozen=True, slots=True)
class Document:
    """An operation: its text, and the types of its variables, by name.

    `once` is what answers one row, as `made`: with a key that is done once, however often it comes.
    """

    text: str
    variables: Mapping[str, GraphQLInputType]
    once: bool


@cache
def documents(schema: GraphQLSchema) -> Mapping[str, Document]:
    """All of them, each by the name of its file."""
    names = sorted(path.stem for path in _FOLDER.glob("*.graphql"))
    return {name: _document(schema, name) for name in names}


def text(name: str) -> str:
    """The document of this name, with what it spreads."""
    return _with_fragments((_FOLDER / f"{name}.graphql").read_text(), set())


def _document(schema: GraphQLSchema, name: str) -> Document:
    whole = text(name)
    operation = parse(whole).definitions[0]
    assert isinstance(operation, OperationDefinitionNode), name
    variables: dict[str, Any] = {}
    for declared in operation.variable_definitions or ():
        kind = type_from_ast(schema, declared.type)
        assert kind, f"{name}: ${declared.variable.name.value}"
        variables[declared.variable.name.value] = kind
    return Document(whole, variables, once=whole.count("made:") == 1)


def _with_fragments(text: str, known: set[str]) -> str:
    """The text, and after it each fragment that it spreads, and those that they spread."""
    for name in _SPREAD.findall(text):
        if name not in known:
            known.add(name)
            more = (_FOLDER / "fragments" / f"{name}.graphql").read_text()
            text += "\n" + _with_fragments(more, known)
    return text
