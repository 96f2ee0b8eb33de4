"""The schema, built from the two roots; it does not build while a field has no rule."""

import strawberry
from graphql import GraphQLInputObjectType, GraphQLInterfaceType, GraphQLObjectType
from strawberry.schema.config import StrawberryConfig

from schema import words
from schema.declare import RULE
from schema.mutation import Mutation
from schema.query import Query
from schema.types import ACTORS, NODES

DEFINITION = "strawberry-definition"


class Unruled(Exception):
    """Fields that nobody said who may ask for."""


def build() -> strawberry.Schema:
    """The schema. Raises `Unruled` with the fields that lack a rule."""
    schema = strawberry.Schema(
        query=Query,
        mutation=Mutation,
        types=[*NODES, *ACTORS],
        config=StrawberryConfig(
            sort_schema=True,
            enable_experimental_incremental_execution=False,
        ),
    )
    unruled = [
        f"{name}.{field_name}"
        for name, type_ in schema._schema.type_map.items()
        if isinstance(type_, (GraphQLObjectType, GraphQLInterfaceType, GraphQLInputObjectType))
        and not name.startswith("__")
        for field_name, field in type_.fields.items()
        if not has_rule(field)
    ]
    if unruled:
        raise Unruled(f"No rule on {', '.join(unruled)}.")
    return schema


def has_rule(field: object) -> bool:
    """Whether somebody said who may ask for the field."""
    definition = field.extensions.get(DEFINITION)  # type: ignore[attr-defined]
    return definition is not None and RULE in definition.metadata


__all__ = ["Unruled", "build", "has_rule", "words"]
