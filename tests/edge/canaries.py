"""Operations that say one word everywhere that a caller can say anything."""

import json
from collections.abc import Iterator
from typing import Any

from graphql import (
    GraphQLEnumType,
    GraphQLField,
    GraphQLInputObjectType,
    GraphQLInputType,
    GraphQLList,
    GraphQLNonNull,
    GraphQLSchema,
    get_named_type,
    is_composite_type,
)

Operation = tuple[str, dict[str, Any]]

_PLAIN = {
    "Int": 1,
    "Boolean": True,
    "Date": "1990-05-17",
    "DateTime": "2026-12-31T23:59:59Z",
}
"""Where no word can be said: it would be refused for that, before anybody looks at the others."""


def operations(schema: GraphQLSchema, word: str) -> Iterator[Operation]:
    """Each field of Query and Mutation, with the word in literals and in variables."""
    for kind, root in (("query", schema.query_type), ("mutation", schema.mutation_type)):
        assert root
        for name, field in root.fields.items():
            yield from _spelled(kind, name, field, word)


def _spelled(kind: str, name: str, field: GraphQLField, word: str) -> Iterator[Operation]:
    inside = "{ __typename }" if is_composite_type(get_named_type(field.type)) else ""
    literals = ", ".join(f"{a}: {_literal(one.type, word)}" for a, one in field.args.items())
    yield f"{kind} {{ {name}{literals and f'({literals})'} {inside} }}", {}
    if field.args:
        declared = ", ".join(f"${a}: {one.type}" for a, one in field.args.items())
        given = ", ".join(f"{a}: ${a}" for a in field.args)
        values = {a: _value(one.type, word) for a, one in field.args.items()}
        yield f"{kind} ({declared}) {{ {name}({given}) {inside} }}", values


def _value(of: GraphQLInputType, word: str) -> Any:
    match of:
        case GraphQLNonNull():
            return _value(of.of_type, word)
        case GraphQLList():
            return [_value(of.of_type, word)]
        case GraphQLInputObjectType():
            return {name: _value(one.type, word) for name, one in of.fields.items()}
        case GraphQLEnumType():
            return next(iter(of.values))
        case _:
            return _PLAIN.get(of.name, word)


def _literal(of: GraphQLInputType, word: str) -> str:
    match of:
        case GraphQLNonNull():
            return _literal(of.of_type, word)
        case GraphQLList():
            return f"[{_literal(of.of_type, word)}]"
        case GraphQLInputObjectType():
            fields = (f"{name}: {_literal(one.type, word)}" for name, one in of.fields.items())
            return f"{{{', '.join(fields)}}}"
        case GraphQLEnumType():
            return str(next(iter(of.values)))
        case _:
            return json.dumps(_value(of, word))
