"""A rule is declared once: what it permits, its directive, its sentence, and where it must be."""

import pytest
import strawberry
from graphql import GraphQLInterfaceType, GraphQLObjectType, parse
from strawberry import ID

import schema.root
from models import AccountKind, Role, Surface
from permissions import (
    ANONYMOUS,
    Authenticated,
    ForStaff,
    Inherited,
    Permission,
    Public,
    Requires,
    Rule,
    Scope,
    Shape,
)
from schema import build, printed
from schema.declare import RULE, about, input_, interface, mutation, query, ruled, type_
from schema.payloads import Payload
from schema.root import Unruled

Kind = AccountKind


def shape(kind: AccountKind | None, *roles: Role, surface: Surface = Surface.PORTAL) -> Shape:
    return Shape(kind, surface if kind else None, frozenset(roles))


NOBODY = ANONYMOUS.shape
CLIENT = shape(Kind.CLIENT)
STAFF = shape(Kind.STAFF)
OA = shape(Kind.STAFF, Role.ORGANIZATION_ADMINISTRATOR)
DA = shape(Kind.STAFF, Role.DEPARTMENT_ADMINISTRATOR)
CC = shape(Kind.STAFF, Role.CARE_COORDINATOR)
PR = shape(Kind.STAFF, Role.PRACTITIONER)
ON_THE_APP = shape(Kind.STAFF, Role.ORGANIZATION_ADMINISTRATOR, surface=Surface.APP)
EVERYBODY = {NOBODY, CLIENT, STAFF, OA, DA, CC, PR, ON_THE_APP}


@pytest.mark.parametrize(
    ("rule", "permitted"),
    [
        (Public(), EVERYBODY),
        (Inherited(), EVERYBODY),
        (Authenticated(), EVERYBODY - {NOBODY}),
        (ForStaff(), EVERYBODY - {NOBODY, CLIENT}),
        (Requires(Permission.CLIENT_READ), {OA, DA, CC}),
        (Requires(Permission.CLIENT_READ, Scope.OWN), {OA, DA, CC, PR, ON_THE_APP}),
        (Requires(Permission.CLIENT_READ, Scope.ORGANIZATION), {OA}),
        (Requires(Permission.CLIENT_READ, own=Kind.CLIENT), {OA, DA, CC, CLIENT}),
        (
            Requires(Permission.STAFF_READ, own=Kind.STAFF),
            {STAFF, OA, DA, CC, PR, ON_THE_APP},
        ),
        (Requires(Permission.STAFF_UPDATE), {OA, DA}),
        (Requires(Permission.DEPARTMENT_UPDATE, Scope.ORGANIZATION), {OA}),
    ],
    ids=lambda value: getattr(value, "sentence", None) or type(value).__name__,
)
def test_whom_a_rule_permits(rule: Rule, permitted: set[Shape]) -> None:
    assert {one for one in EVERYBODY if rule.permits(one)} == permitted


def test_a_rule_that_permits_everybody_restricts_nobody() -> None:
    assert not Public().restricts
    assert not Inherited().restricts
    assert Authenticated().restricts
    assert ForStaff().restricts
    assert Requires(Permission.CLIENT_READ).restricts


def test_a_rule_says_itself() -> None:
    rule = Requires(Permission.STAFF_UPDATE, own=Kind.STAFF)
    assert rule.sentence == (
        "Requires STAFF_UPDATE: Organizational Administrators anywhere, Department Administrators"
        " in their departments; on their own record, every staff member."
    )
    assert Public().sentence == "Open to everybody, signed in or not."
    assert Authenticated().sentence == "For everybody who is signed in."
    assert ForStaff().sentence == "For every staff member who is signed in, about themselves."
    assert Inherited().sentence == ""


def test_directives_are_those_of_the_rules() -> None:
    """What the schema prints at a field comes from the rule that is checked there, and back."""
    said = {}
    for definition in parse(printed()).definitions:
        for field in getattr(definition, "fields", None) or ():
            name = f"{definition.name.value}.{field.name.value}"  # type: ignore[attr-defined]
            said[name] = [
                (
                    one.name.value,
                    {each.name.value: each.value.value for each in one.arguments or ()},
                )
                for one in getattr(field, "directives", None) or ()
            ]
    ruled = {}
    for name, found in build().type_map.items():
        if isinstance(found, GraphQLObjectType | GraphQLInterfaceType) and name[:2] != "__":
            for field_name, field in found.fields.items():
                rule = field.extensions["strawberry-definition"].metadata[RULE]
                ruled[f"{name}.{field_name}"] = _printed(rule)
    assert {name: said[name] for name in ruled} == ruled


def _printed(rule: Rule) -> list[tuple[str, dict[str, str]]]:
    match rule:
        case Public():
            return [("public", {})]
        case Authenticated():
            return [("authenticated", {})]
        case ForStaff():
            return [("staff", {})]
        case Requires():
            return [("requires", {"permission": rule.permission, "scope": rule.scope})]  # type: ignore[dict-item]
    return []


# --- a field without a rule does not build --------------------------------------------------------


@type_
class Thing:
    """A thing."""

    id: ID = about("Its id.")


@input_
class ThingInput:
    """What to make."""

    name: str = about("Its name.")


@type_
class ThingPayload(Payload):
    """A thing that was made."""

    thing: Thing | None = about("The thing.", default=None)


@interface
class Named:
    """Whatever has a name."""

    name: str = about("Its name.")


@type_
class Person(Named):
    """A person."""

    name: str = about("Its name.")


@strawberry.type
class Query:
    @query(Public())
    def thing(self) -> Thing | None:
        """A thing."""
        return None

    @query(Public())
    def named(self) -> Named | None:
        """Whatever has a name."""
        return None


@strawberry.type
class Mutation:
    @mutation(Public())
    async def thing_make(self, input: ThingInput) -> ThingPayload:
        """Make a thing."""
        return ThingPayload()


@pytest.fixture
def small(monkeypatch: pytest.MonkeyPatch) -> pytest.MonkeyPatch:
    """A schema of two roots in place of ours."""
    monkeypatch.setattr(schema.root, "Query", Query)
    monkeypatch.setattr(schema.root, "Mutation", Mutation)
    monkeypatch.setattr(schema.root, "NODES", [])
    monkeypatch.setattr(schema.root, "ACTORS", [Person])
    return monkeypatch


def test_a_schema_with_a_rule_everywhere_builds(small: pytest.MonkeyPatch) -> None:
    assert build().type_map.keys() > {"Thing", "ThingInput", "ThingPayload", "Named", "Person"}


def test_a_root_field_without_a_rule_does_not_build(small: pytest.MonkeyPatch) -> None:
    @strawberry.type
    class Query:
        @strawberry.field
        def bare(self) -> str:
            return ""

    small.setattr(schema.root, "Query", Query)
    with pytest.raises(Unruled, match=r"No rule on Query\.bare\."):
        build()


def test_a_mutation_without_a_rule_does_not_build(small: pytest.MonkeyPatch) -> None:
    @strawberry.type
    class Mutation:
        @strawberry.mutation
        async def bare(self) -> ThingPayload:
            return ThingPayload()

    small.setattr(schema.root, "Mutation", Mutation)
    with pytest.raises(Unruled, match=r"No rule on Mutation\.bare\."):
        build()


def test_an_object_field_without_a_rule_does_not_build(small: pytest.MonkeyPatch) -> None:
    @strawberry.type
    class Bare:
        id: ID
        name: str

    small.setattr(schema.root, "ACTORS", [Person, Bare])
    with pytest.raises(Unruled, match=r"No rule on Bare\.id, Bare\.name\."):
        build()


def test_an_interface_field_without_a_rule_does_not_build(small: pytest.MonkeyPatch) -> None:
    @strawberry.interface
    class Bare:
        id: ID

    @type_
    class Whole(Bare):
        id: ID = about("Its id.")

    small.setattr(schema.root, "ACTORS", [Whole])
    with pytest.raises(Unruled, match=r"No rule on Bare\.id\."):
        build()


def test_an_override_does_not_take_its_interface_s_rule(small: pytest.MonkeyPatch) -> None:
    @strawberry.type
    class Bare(Named):
        name: str

    small.setattr(schema.root, "ACTORS", [Bare])
    with pytest.raises(Unruled, match=r"No rule on Bare\.name\."):
        build()


def test_an_input_field_without_a_rule_does_not_build(small: pytest.MonkeyPatch) -> None:
    @strawberry.input
    class BareInput:
        name: str

    @strawberry.type
    class Mutation:
        @mutation(Public())
        async def bare(self, input: BareInput) -> ThingPayload:
            """Nothing."""
            return ThingPayload()

    small.setattr(schema.root, "Mutation", Mutation)
    with pytest.raises(Unruled, match=r"No rule on BareInput\.name\."):
        build()


def test_a_payload_field_without_a_rule_does_not_build(small: pytest.MonkeyPatch) -> None:
    @strawberry.type
    class BarePayload(Payload):
        done: bool

    @strawberry.type
    class Mutation:
        @mutation(Public())
        async def bare(self) -> BarePayload:
            """Nothing."""
            return BarePayload(done=True)

    small.setattr(schema.root, "Mutation", Mutation)
    with pytest.raises(Unruled, match=r"No rule on BarePayload\.done\."):
        build()


def test_an_override_keeps_its_own_rule(small: pytest.MonkeyPatch) -> None:
    """What a type says of its interface's field holds for that type, and for no other."""
    stricter = ruled(strawberry.field(description="Its name."), Requires(Permission.CLIENT_READ))

    @type_
    class Guarded(Named):
        """Somebody of whom not everybody may know the name."""

        name: str = stricter

    actors: list[type[Named]] = [Person, Guarded]
    small.setattr(schema.root, "ACTORS", actors)
    rules = {}
    for name, found in build().type_map.items():
        if isinstance(found, GraphQLObjectType | GraphQLInterfaceType) and "name" in found.fields:
            field = found.fields["name"]
            if "strawberry-definition" in field.extensions:
                rules[name] = field.extensions["strawberry-definition"].metadata[RULE]
    assert isinstance(rules["Named"], Inherited)
    assert isinstance(rules["Person"], Inherited)
    assert isinstance(rules["Guarded"], Requires)
    assert rules["Guarded"].sentence in (stricter.description or "")


def test_a_rule_stays_with_its_field() -> None:
    """Inherited fields are one object in Strawberry; a rule on one must not reach its parent."""

    @type_
    class Child(Person):
        """A child."""

        age: int = about("Its age.")

    fields = {one.python_name: one for one in Child.__strawberry_definition__.fields}  # type: ignore[attr-defined]
    assert isinstance(fields["name"].metadata[RULE], Inherited)
    assert isinstance(fields["age"].metadata[RULE], Inherited)
