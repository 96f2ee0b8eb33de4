"""`docs/permissions.md`: who may do what, printed from the role table and the rules themselves."""

from typing import Any

from graphql import GraphQLInterfaceType, GraphQLObjectType, GraphQLSchema

from models import Role
from permissions import HOLDS, Permission, Rule
from permissions.roles import REACHES, TITLES
from schema.declare import DEFINITION, RULE

_HEAD = """\
# Who may do what

Printed from the rules on the fields by `make docs`; `make check` compares.

A field says once who may ask for it. That rule is checked for the whole operation before anything
of it runs, and it prints itself: here, as a directive in `schema.graphql`, and at the end of the
field's description. Which *rows* somebody then finds is the reach's matter
(`permissions/reach.py`): what is out of reach does not exist.

## Roles and permissions

A permission held *anywhere* reaches the whole organization, *in their departments* what belongs to
the departments in which the role is held, *with their own* a practitioner's own clients. On the
app everybody reaches their own only.

"""

_FIELDS = """
## Fields

Fields that are not listed are read by everybody who came as far as the object that carries them.

| field | rule | who |
|---|---|---|
"""


def permissions_page(schema: GraphQLSchema) -> str:
    """The page, in Markdown."""
    columns = [TITLES[role] for role in Role]
    rows = [
        [f"`{permission}`", *(_reach(role, permission) for role in Role)]
        for permission in Permission
    ]
    table = [["permission", *columns], ["---"] * (len(columns) + 1), *rows]
    matrix = "\n".join(f"| {' | '.join(row)} |" for row in table)
    return _HEAD + matrix + "\n" + _FIELDS + "\n".join(_rules(schema)) + "\n"


def _reach(role: Role, permission: Permission) -> str:
    held = HOLDS[role].get(permission)
    return REACHES[held] if held else "-"


def _rules(schema: GraphQLSchema) -> list[str]:
    lines = []
    roots = [schema.query_type, schema.mutation_type, schema.subscription_type]
    others = [type_ for name, type_ in sorted(schema.type_map.items()) if type_ not in roots]
    for type_ in [*roots, *others]:
        if not isinstance(type_, (GraphQLObjectType, GraphQLInterfaceType)):
            continue
        for name, field in sorted(type_.fields.items()):
            definition = field.extensions.get(DEFINITION)
            rule: Rule | None = definition and definition.metadata.get(RULE)
            if rule and rule.sentence:
                lines.append(f"| `{type_.name}.{name}` | {_directive(rule)} | {rule.sentence} |")
    return lines


def _directive(rule: Rule) -> str:
    if rule.permission:
        return f"`@requires(permission: {rule.permission}, scope: {rule.scope})`"
    directive: Any = rule.schema_directive
    return f"`@{directive.__strawberry_directive__.graphql_name}`"
