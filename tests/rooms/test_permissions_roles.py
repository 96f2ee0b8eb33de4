"""The role table is the one of `D31`, and actors hold what it says."""

import uuid

import pytest

from models import AccountKind, Role, Surface
from permissions import ANONYMOUS, HOLDS, Actor, Grant, Permission, Scope, Shape
from permissions.roles import HELD_BY, holders, sentence

OA = Role.ORGANIZATION_ADMINISTRATOR
DA = Role.DEPARTMENT_ADMINISTRATOR
CC = Role.CARE_COORDINATOR
PR = Role.PRACTITIONER

# Of OA, DA, CC and PR: O is ORGANIZATION, D is DEPARTMENT, w is OWN.
TABLE = """
    CLIENT_READ          O D D w
    CLIENT_CREATE        O D D -
    CLIENT_UPDATE        O D D -
    CLIENT_APPROVE       O D D -
    CLIENT_SET_STATUS    O D D -
    CLIENT_ASSOCIATE     O D D -
    STAFF_READ           O D D -
    STAFF_UPDATE         O D - -
    STAFF_SET_ROLES      O D - -
    DEPARTMENT_UPDATE    O - - -
    ORGANIZATION_UPDATE  O - - -
    AUDIT_READ           O D - -
    SERVICE_KEY_MANAGE   O - - -
    WEBHOOK_MANAGE       O D - -
"""
SCOPES = {"O": Scope.ORGANIZATION, "D": Scope.DEPARTMENT, "w": Scope.OWN, "-": None}
LINES = [line.split() for line in TABLE.split("\n") if line.strip()]


def shape(*roles: Role, surface: Surface = Surface.PORTAL) -> Shape:
    return Shape(AccountKind.STAFF, surface, frozenset(roles))


def test_the_table_names_every_permission_and_role() -> None:
    assert [line[0] for line in LINES] == list(Permission)
    assert list(HOLDS) == list(Role) == [OA, DA, CC, PR]


@pytest.mark.parametrize("line", LINES, ids=lambda line: line[0])
def test_who_holds_what(line: list[str]) -> None:
    permission, *scopes = Permission(line[0]), *line[1:]
    for role, scope in zip(Role, scopes, strict=True):
        assert HOLDS[role].get(permission) is SCOPES[scope], role


@pytest.mark.parametrize(
    ("wide", "narrow", "includes"),
    [
        ("ORGANIZATION", "ORGANIZATION", True),
        ("ORGANIZATION", "DEPARTMENT", True),
        ("ORGANIZATION", "OWN", True),
        ("DEPARTMENT", "ORGANIZATION", False),
        ("DEPARTMENT", "DEPARTMENT", True),
        ("DEPARTMENT", "OWN", True),
        ("OWN", "ORGANIZATION", False),
        ("OWN", "DEPARTMENT", False),
        ("OWN", "OWN", True),
    ],
)
def test_a_scope_means_at_least(wide: str, narrow: str, includes: bool) -> None:
    assert Scope(wide).includes(Scope(narrow)) is includes


def test_rights_are_the_union_of_the_roles() -> None:
    both = shape(CC, PR)
    assert both.scopes(Permission.CLIENT_READ) == {Scope.DEPARTMENT, Scope.OWN}
    assert both.holds(Permission.CLIENT_READ, Scope.DEPARTMENT)
    assert not both.holds(Permission.CLIENT_READ, Scope.ORGANIZATION)
    assert shape(DA, PR).holds(Permission.STAFF_SET_ROLES, Scope.DEPARTMENT)
    assert not shape().scopes(Permission.CLIENT_READ)


@pytest.mark.parametrize("permission", Permission)
@pytest.mark.parametrize("role", Role)
def test_on_the_app_everything_is_own(role: Role, permission: Permission) -> None:
    """`S28`."""
    scopes = shape(role, surface=Surface.APP).scopes(permission)
    assert scopes == ({Scope.OWN} if permission in HOLDS[role] else set())


@pytest.mark.parametrize("permission", Permission)
def test_nobody_and_clients_hold_nothing(permission: Permission) -> None:
    client = Shape(AccountKind.CLIENT, Surface.PORTAL, frozenset())
    for one in (ANONYMOUS.shape, client):
        assert not one.scopes(permission)
        assert not one.holds(permission, Scope.OWN)
    assert ANONYMOUS.is_anonymous


def test_departments_are_those_whose_role_holds_the_permission_for_all_rows() -> None:
    one, two, three = (uuid.uuid4() for _ in range(3))
    grants = Grant(DA, one), Grant(CC, two), Grant(PR, three)
    portal = actor(Surface.PORTAL, *grants)
    assert portal.departments(Permission.CLIENT_READ) == {one, two}
    assert portal.departments(Permission.STAFF_UPDATE) == {one}
    assert portal.departments(Permission.DEPARTMENT_UPDATE) == frozenset()
    assert actor(Surface.APP, *grants).departments(Permission.CLIENT_READ) == frozenset()
    assert actor(Surface.PORTAL, Grant(OA, None)).departments(Permission.CLIENT_READ) == frozenset()


def test_a_service_key_holds_of_its_grants_only_what_was_chosen() -> None:
    one, nobody = uuid.uuid4(), uuid.uuid4()
    chosen = frozenset({Permission.CLIENT_READ})
    for grant, scope in ((Grant(DA, one), Scope.DEPARTMENT), (Grant(OA, None), Scope.ORGANIZATION)):
        key = Shape(AccountKind.SERVICE_KEY, None, frozenset({grant.role}), chosen)
        actor = Actor(key, nobody, nobody, nobody, (grant,))
        assert key.scopes(Permission.CLIENT_READ) == {scope}
        assert not any(key.scopes(one) for one in Permission if one not in chosen)
        assert actor.departments(Permission.CLIENT_READ) == {grant.department_id} - {None}
        assert actor.departments(Permission.CLIENT_UPDATE) == frozenset()
        assert not actor.is_anonymous and not actor.is_signed_in


def test_whoever_makes_service_keys_holds_all_that_a_key_can() -> None:
    makers = [role for role in Role if Permission.SERVICE_KEY_MANAGE in HOLDS[role]]
    assert makers == [OA]
    assert HOLDS[OA] == dict.fromkeys(Permission, Scope.ORGANIZATION)
    held_there = {one for one in Permission if HELD_BY[one]}
    assert held_there == HOLDS[DA].keys()


def actor(surface: Surface, *grants: Grant) -> Actor:
    id = uuid.uuid4()
    return Actor(shape(*(grant.role for grant in grants), surface=surface), id, id, id, grants)


ANYWHERE = "Organizational Administrators anywhere"
IN_THEIRS = "Department Administrators and Care Coordinators in their departments"


@pytest.mark.parametrize(
    ("permission", "scope", "words"),
    [
        ("CLIENT_APPROVE", "DEPARTMENT", f"{ANYWHERE}, {IN_THEIRS}"),
        (
            "STAFF_UPDATE",
            "DEPARTMENT",
            f"{ANYWHERE}, Department Administrators in their departments",
        ),
        ("CLIENT_READ", "OWN", f"{ANYWHERE}, {IN_THEIRS}, Practitioners with their own"),
        ("CLIENT_READ", "ORGANIZATION", ANYWHERE),
    ],
)
def test_a_rule_says_who_holds_it(permission: str, scope: str, words: str) -> None:
    assert sentence(Permission(permission), Scope(scope)) == words


def test_holders_are_grouped_widest_first() -> None:
    assert holders(Permission.CLIENT_READ, Scope.OWN) == [
        (Scope.ORGANIZATION, [OA]),
        (Scope.DEPARTMENT, [DA, CC]),
        (Scope.OWN, [PR]),
    ]
    assert holders(Permission.DEPARTMENT_UPDATE, Scope.OWN) == [(Scope.ORGANIZATION, [OA])]
