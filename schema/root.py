"""The schema, built from the two roots; it does not build while a field has no rule."""

import strawberry
from graphql import (
    GraphQLInputObjectType,
    GraphQLInterfaceType,
    GraphQLObjectType,
    GraphQLSchema,
)
from strawberry.schema.config import StrawberryConfig

from schema.declare import DEFINITION, RULE
from schema.mutation import Mutation
from schema.query import Query
from schema.scalars import SCALARS
from schema.subscription import Subscription
from schema.types import ACTORS, NODES


class Unruled(Exception):
    """Fields that nobody said who may ask for."""


def build() -> GraphQLSchema:
    """The schema that is executed. Raises `Unruled` with the fields that lack a rule."""
    schema = _schema(StrawberryConfig(scalar_map=SCALARS))._schema  # noqa: SLF001 - there is no other way to it
    unruled = [
        f"{name}.{field_name}"
        for name, type_ in schema.type_map.items()
        if isinstance(type_, (GraphQLObjectType, GraphQLInterfaceType, GraphQLInputObjectType))
        and not name.startswith("__")
        for field_name, field in type_.fields.items()
        if not has_rule(field)
    ]
    if unruled:
        raise Unruled(f"No rule on {', '.join(unruled)}.")
    return schema


def printed() -> str:
    """The schema as text, in the order of names.

    It is another object than the one that is executed: sorting makes plain enumerations, which
    would give resolvers strings in place of our words.
    """
    return _schema(StrawberryConfig(scalar_map=SCALARS, sort_schema=True)).as_str() + "\n"


def _schema(config: StrawberryConfig) -> strawberry.Schema:
    return strawberry.Schema(
        query=Query,
        mutation=Mutation,
        subscription=Subscription,
        types=[*NODES, *ACTORS],
        config=config,
    )


def has_rule(field: object) -> bool:
    """Whether somebody said who may ask for the field."""
    definition = field.extensions.get(DEFINITION)  # type: ignore[attr-defined]
    return definition is not None and RULE in definition.metadata


__all__ = ["Unruled", "build", "has_rule", "printed"]
