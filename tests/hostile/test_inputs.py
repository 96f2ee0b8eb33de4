"""Inputs take what they say, and nothing beside it: status and roles are not to be had that way.

`hostile` B5.
"""

from collections.abc import Iterator
from typing import Any

import pytest
from graphql import GraphQLInputObjectType, GraphQLNonNull, is_list_type

from schema import Api
from tests.hostile.places import GOOD, OA, asked, places
from tests.leaks.paths import SCHEMA
from tests.oracle.served import serving

COVETED = (
    *("id", "organizationId", "accountId", "clientId", "staffId", "departmentId", "status"),
    *("role", "roles", "permissions", "kind", "version", "createdAt", "confirmedAt", "approvedAt"),
    *("approvedBy", "passwordHash", "password", "emailKey", "secondFactor", "__proto__"),
)
"""What somebody might like to say of themself, or of others."""


def _objects(type_: Any, value: Any) -> Iterator[tuple[GraphQLInputObjectType, dict[str, Any]]]:
    """The objects in a value, each with its type."""
    if isinstance(type_, GraphQLNonNull):
        yield from _objects(type_.of_type, value)
    elif is_list_type(type_):
        for one in value:
            yield from _objects(type_.of_type, one)
    elif isinstance(type_, GraphQLInputObjectType):
        yield type_, value
        for name, said in type_.fields.items():
            yield from _objects(said.type, value[name])


async def test_b5_no_input_takes_a_field_more(url: str) -> None:
    """Each is tried in each object of each mutation's arguments; nothing is even begun."""
    tried = set[str]()
    assert SCHEMA.mutation_type
    firsts = {place.field: place for place in places("String", "ID") if place.kind == "mutation"}
    async with serving(url, Api()) as served:
        for field, place in firsts.items():
            document, variables = asked(place, place.good)
            for name, argument in SCHEMA.mutation_type.fields[field].args.items():
                for type_, object_ in _objects(argument.type, variables[name]):
                    for coveted in sorted(set(COVETED) - set(type_.fields)):
                        object_[coveted] = GOOD.get(coveted, "ACTIVE")
                        answer = await served.answer(OA, document, variables)
                        del object_[coveted]
                        assert not answer.ran, (field, coveted)
                        (error,) = answer.json["errors"]
                        assert error["extensions"]["code"] == "BAD_USER_INPUT"
                        assert "write" not in served.database.statements
                        tried.add(type_.name)
    every = {name for name, one in SCHEMA.type_map.items() if name.endswith("Input")}
    assert tried == every


@pytest.mark.parametrize(
    ("input_", "never"),
    [
        ("ClientRegisterInput", {"status", "password", "roles"}),
        ("ClientUpdateInput", {"status", "associations", "username", "password"}),
        ("StaffUpdateInput", {"status", "roles", "username", "password"}),
        ("OrganizationUpdateInput", {"slug", "status"}),
    ],
)
def test_b5_status_roles_and_secrets_have_mutations_of_their_own(
    input_: str, never: set[str]
) -> None:
    said = SCHEMA.type_map[input_]
    assert isinstance(said, GraphQLInputObjectType)
    assert said.fields
    assert not never & set(said.fields)
