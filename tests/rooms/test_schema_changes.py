"""What the gate says of a changed schema: whom it breaks, and what graphql-core does not see."""

import pytest

from permissions import Permission, Scope
from schema import Weight, differences, printed

BEFORE = '''
directive @public on FIELD_DEFINITION
directive @authenticated on FIELD_DEFINITION
directive @staff on FIELD_DEFINITION
directive @requires(permission: Permission!, scope: Scope! = DEPARTMENT) on FIELD_DEFINITION

enum Permission { READ WRITE }
enum Scope { ORGANIZATION DEPARTMENT OWN }
enum Colour { RED GREEN @deprecated(reason: "Nobody is.") }

interface Named { name: String! }

type Query {
  open: String @public
  closed: Thing @authenticated
  mine: String @staff
  theirs(first: Int, old: Int @deprecated(reason: "Use first.")): [Thing!]
    @requires(permission: READ)
  old: Old @deprecated(reason: "Use closed.")
}

type Thing implements Named {
  name: String!
  colour: Colour
  """A number. Requires READ: administrators anywhere."""
  guarded: Int @requires(permission: READ, scope: OWN)
}

type Old { what: Older }
type Older { why: String }
input Filter { colour: Colour, shade: Int @deprecated(reason: "It is one.") }
type Mutation { find(filter: Filter!): Thing @requires(permission: WRITE, scope: ORGANIZATION) }
'''


def told(*changes: tuple[str, str]) -> list[tuple[str, str]]:
    """What is said when each first text is the second in the schema."""
    after = BEFORE
    for old, new in changes:
        assert after.count(old) == 1, old
        after = after.replace(old, new)
    return [(one.weight.value, one.text) for one in differences(BEFORE, after)]


def test_the_same_schema_is_no_change() -> None:
    assert differences(printed(), printed()) == []
    assert told() == []


def test_descriptions_are_no_change() -> None:
    assert told(('"""A number. ', '"""Any number. ')) == []


@pytest.mark.parametrize(
    ("old", "new", "weight", "text"),
    [
        ("  colour: Colour\n", "", "breaking", "Field Thing.colour was removed."),
        (
            "  name: String!\n  colour",
            "  name: String\n  colour",
            "breaking",
            "Field Thing.name changed type from String! to String.",
        ),
        ("RED", "", "breaking", "Enum value Colour.RED was removed."),
        (
            "theirs(first: Int, ",
            "theirs(",
            "breaking",
            "Argument Query.theirs(first:) was removed.",
        ),
        (
            "{ colour: Colour,",
            "{ colour: Colour, size: Int!,",
            "breaking",
            "A required field Filter.size was added.",
        ),
        ("RED", "RED BLUE", "dangerous", "Enum value Colour.BLUE was added."),
        (
            "  colour: Colour\n",
            "  colour: Colour\n  size: Int\n",
            "safe",
            "Field Thing.size was added.",
        ),
    ],
)
def test_what_graphql_core_sees_is_told(old: str, new: str, weight: str, text: str) -> None:
    assert told((old, new)) == [(weight, text)]


@pytest.mark.parametrize(
    ("old", "new", "weight", "text"),
    [
        (
            "String @public",
            "String @authenticated",
            "breaking",
            "The rule of Query.open is stricter: @public before, @authenticated now.",
        ),
        (
            "String @public",
            "String @staff",
            "breaking",
            "The rule of Query.open is stricter: @public before, @staff now.",
        ),
        (
            "Thing @authenticated",
            "Thing",
            "breaking",
            "The rule of Query.closed is stricter: @authenticated before, no rule of its own now.",
        ),
        (
            "String @staff",
            "String @requires(permission: READ, scope: OWN)",
            "breaking",
            (
                "The rule of Query.mine is stricter: @staff before, "
                "@requires(permission: READ, scope: OWN) now."
            ),
        ),
        (
            "  colour: Colour\n",
            "  colour: Colour @requires(permission: READ)\n",
            "breaking",
            (
                "The rule of Thing.colour is stricter: no rule of its own before, "
                "@requires(permission: READ) now."
            ),
        ),
        (
            "(permission: READ, scope: OWN)",
            "(permission: READ)",
            "breaking",
            (
                "The rule of Thing.guarded is stricter: "
                "@requires(permission: READ, scope: OWN) before, @requires(permission: READ) now."
            ),
        ),
        (
            "(permission: READ, scope: OWN)",
            "(permission: WRITE, scope: OWN)",
            "breaking",
            (
                "The rule of Thing.guarded is another: "
                "@requires(permission: READ, scope: OWN) before, "
                "@requires(permission: WRITE, scope: OWN) now."
            ),
        ),
        (
            "scope: ORGANIZATION)",
            "scope: DEPARTMENT)",
            "safe",
            (
                "The rule of Mutation.find is looser: "
                "@requires(permission: WRITE, scope: ORGANIZATION) before, "
                "@requires(permission: WRITE, scope: DEPARTMENT) now."
            ),
        ),
        (
            "Thing @authenticated",
            "Thing @public",
            "safe",
            "The rule of Query.closed is looser: @authenticated before, @public now.",
        ),
        (
            "Requires READ: administrators anywhere.",
            "Requires READ: nobody.",
            "dangerous",
            (
                "Others may ask for Thing.guarded: “Requires READ: administrators anywhere.” "
                "before, “Requires READ: nobody.” now."
            ),
        ),
    ],
)
def test_rules_count_as_well(old: str, new: str, weight: str, text: str) -> None:
    assert told((old, new)) == [(weight, text)]


def test_a_scope_that_was_the_default_and_is_written_out_is_no_change() -> None:
    change = ("@requires(permission: READ)\n", "@requires(permission: READ, scope: DEPARTMENT)\n")
    assert told(change) == []


def test_what_was_deprecated_goes_as_announced_with_all_that_only_it_led_to() -> None:
    found = told(
        ('  old: Old @deprecated(reason: "Use closed.")\n', ""),
        ("type Old { what: Older }\ntype Older { why: String }\n", ""),
        (', old: Int @deprecated(reason: "Use first.")', ""),
        (' GREEN @deprecated(reason: "Nobody is.")', ""),
        (', shade: Int @deprecated(reason: "It is one.")', ""),
    )
    assert found == [
        ("announced", text)
        for text in (
            "Argument Query.theirs(old:) was removed.",
            "Enum value Colour.GREEN was removed.",
            "Field Filter.shade was removed.",
            "Field Query.old was removed.",
            "Old was removed.",
            "Older was removed.",
        )
    ]


def test_whoever_follows_is_broken_as_others_are() -> None:
    before = BEFORE + "type Subscription { told(after: ID): Thing @authenticated }\n"
    for gone in ("told(after: ID): Thing @authenticated", "(after: ID)"):
        after = before.replace(gone, "other: Int" if gone[0] == "t" else "")
        weights = {one.weight for one in differences(before, after) if "removed" in one.text}
        assert weights == {Weight.BREAKING}


def test_what_is_announced_is_told() -> None:
    change = ("  colour: Colour\n", '  colour: Colour @deprecated(reason: "Use shade.")\n')
    assert told(change) == [("safe", "Thing.colour is deprecated: Use shade.")]


def test_a_directive_that_goes_breaks_whoever_reads_it() -> None:
    change = ("directive @staff on FIELD_DEFINITION\n", "")
    found = differences(
        BEFORE.replace(" @staff\n", "\n"), BEFORE.replace(" @staff\n", "\n").replace(*change)
    )
    assert [(one.weight, one.text) for one in found] == [
        (Weight.BREAKING, "Directive @staff was removed.")
    ]


def test_it_knows_every_rule_that_the_schema_has() -> None:
    """Each rule of ours taken away, or its words changed, is seen in the schema as it is."""
    now = printed()
    for rule in ("public", "authenticated", "staff"):
        line = f" @{rule}\n"
        assert line in now
        tighter = now.replace(line, f" @requires(permission: {Permission.AUDIT_READ})\n")
        found = {one.weight for one in differences(now, tighter)}
        assert Weight.BREAKING in found, rule
    wide, narrow = f"scope: {Scope.ORGANIZATION})", f"scope: {Scope.OWN})"
    looser = now.replace(wide, narrow)
    assert looser != now
    assert {one.weight for one in differences(now, looser)} == {Weight.SAFE}
