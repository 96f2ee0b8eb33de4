"""The schema as people read it: printed from the code, and with a sentence on everything."""

from collections.abc import Iterator
from pathlib import Path

from graphql import (
    GraphQLEnumType,
    GraphQLInputObjectType,
    GraphQLInterfaceType,
    GraphQLObjectType,
    build_schema,
    is_specified_scalar_type,
    parse,
    validate_schema,
)

from models import Role
from permissions import HOLDS, Permission
from permissions.roles import REACHES
from schema import build, permissions_page, printed

ROOT = Path(__file__).parents[2]
SCHEMA = build()
SHOWN = build_schema(printed())


def descriptions() -> Iterator[tuple[str, str | None]]:
    """Everything that can have a description, as its name and that."""
    for name, found in SHOWN.type_map.items():
        if name.startswith("__") or is_specified_scalar_type(found):
            continue
        yield name, found.description
        if isinstance(found, GraphQLObjectType | GraphQLInterfaceType | GraphQLInputObjectType):
            for field_name, field in found.fields.items():
                yield f"{name}.{field_name}", field.description
                for argument_name, argument in getattr(field, "args", {}).items():
                    yield f"{name}.{field_name}({argument_name}:)", argument.description
        if isinstance(found, GraphQLEnumType):
            for value_name, value in found.values.items():
                yield f"{name}.{value_name}", value.description
    for directive in SHOWN.directives:
        yield f"@{directive.name}", directive.description


def test_the_printed_schema_is_the_one_in_the_file() -> None:
    """If not: `make schema`."""
    assert (ROOT / "schema.graphql").read_text() == printed()


def test_the_printed_rules_are_those_in_the_file() -> None:
    """If not: `make docs`."""
    assert (ROOT / "docs" / "permissions.md").read_text() == permissions_page(SCHEMA)


def test_the_printed_schema_is_valid() -> None:
    assert validate_schema(SHOWN) == []


def test_the_printed_schema_has_the_names_of_the_executed_one() -> None:
    for name, found in SHOWN.type_map.items():
        if isinstance(found, GraphQLObjectType | GraphQLInterfaceType | GraphQLInputObjectType):
            executed = SCHEMA.type_map[name]
            assert isinstance(executed, type(found))
            assert {key: str(field.type) for key, field in executed.fields.items()} == {
                key: str(field.type) for key, field in found.fields.items()
            }
        if isinstance(found, GraphQLEnumType) and not name.startswith("__"):
            executed = SCHEMA.type_map[name]
            assert isinstance(executed, GraphQLEnumType)
            assert executed.values.keys() == found.values.keys()


def test_it_is_printed_in_the_order_of_names() -> None:
    kinds = parse(printed()).definitions
    names = [one.name.value for one in kinds if not one.kind.startswith("directive")]  # type: ignore[attr-defined]
    assert names == sorted(names)


def test_everything_has_a_description() -> None:
    assert [name for name, description in descriptions() if not description] == []


def test_a_description_is_a_sentence() -> None:
    for name, description in descriptions():
        assert description and description == description.strip(), name
        first = description.lstrip("`'\"(@")[0]
        assert first.isupper() or not first.isalpha() or description[0] == "`", name
        if not name.startswith("Date"):  # what Strawberry says of its own scalars
            assert description[-1] in ".;:)", name


def test_the_page_of_permissions_says_who_holds_what() -> None:
    lines = [
        [cell.strip() for cell in line.split("|")[1:-1]]
        for line in permissions_page(SCHEMA).split("\n")
        if line.startswith("| `")
    ]
    said = {cells[0].strip("`"): cells[1:] for cells in lines}
    for permission in Permission:
        scopes = [HOLDS[role].get(permission) for role in Role]
        assert said[permission] == [REACHES[scope] if scope else "-" for scope in scopes]


def test_nothing_paged_goes_without_its_arguments() -> None:
    """What answers a connection takes `first`, `after`, `last` and `before`; nothing else.

    But what is followed goes on `after` a place.
    """
    for name, found in SCHEMA.type_map.items():
        if not isinstance(found, GraphQLObjectType) or name.startswith("__"):
            continue
        for field_name, field in found.fields.items():
            paged = str(field.type).rstrip("!").endswith("Connection")
            takes = {"first", "after", "last", "before"} & field.args.keys()
            wanted = 4 if paged else int(name == "Subscription")
            assert len(takes) == wanted, f"{name}.{field_name}"
