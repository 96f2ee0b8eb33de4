"""The documents that others take: valid, one for everything that can be asked, cheap enough."""

import pytest
from graphql import (
    FieldNode,
    FragmentDefinitionNode,
    GraphQLObjectType,
    OperationDefinitionNode,
    OperationType,
    concat_ast,
    get_named_type,
    parse,
    validate,
)

from examples.python.portal_client import Documents
from schema import build
from schema.declare import DEFINITION
from schema.payloads import RowPayload
from tests.crash.programs import ROOT
from tests.hooks import hook
from tests.keys import issue
from tests.world import Clinic, World

FILES = sorted((ROOT / "operations").glob("*.graphql"))
ALL = concat_ast([parse(path.read_text()) for path in FILES])
OPERATIONS = [one for one in ALL.definitions if isinstance(one, OperationDefinitionNode)]
SCHEMA = build()
NAMES = [one.name.value for one in OPERATIONS if one.name]

READ: dict[str, dict[str, str]] = {
    "Viewer": {},
    "Clients": {"status": "PENDING"},
    "ClientCount": {},
    "Client": {"id": "amy"},
    "ClientHistory": {"id": "amy"},
    "StaffList": {},
    "StaffMember": {"id": "petra"},
    "Departments": {},
    "PermissionMatrix": {},
    "AuditTrail": {},
    "Anything": {"id": "amy"},
    "ClientChanges": {},
    "LastClientChange": {},
    "ServiceKeys": {},
    "ServiceKey": {},
    "Webhooks": {},
    "WebhookDeliveries": {"id": "hook"},
    "OrganizationProfile": {"slug": "riverside"},
    "MailedLink": {"token": "nonsense"},
}
"""What each query is asked with; ids are the names that the clinic has for them."""


def test_all_of_them_are_valid_together() -> None:
    assert validate(SCHEMA, ALL) == []


def test_each_has_a_name_of_its_own() -> None:
    assert len(NAMES) == len(set(NAMES)) == len(OPERATIONS)
    fragments = [one for one in ALL.definitions if isinstance(one, FragmentDefinitionNode)]
    assert len(ALL.definitions) == len(OPERATIONS) + len(fragments)


def test_there_is_one_for_everything_that_can_be_asked() -> None:
    asked = {
        (one.operation.value, field.name.value)
        for one in OPERATIONS
        for field in one.selection_set.selections
        if isinstance(field, FieldNode)
    }
    roots: list[tuple[str, GraphQLObjectType | None]] = [
        ("query", SCHEMA.query_type),
        ("mutation", SCHEMA.mutation_type),
        ("subscription", SCHEMA.subscription_type),
    ]
    assert asked == {(kind, name) for kind, root in roots if root for name in root.fields}


@pytest.mark.parametrize("name", NAMES)
def test_each_is_whole_with_the_fragments_that_it_needs_and_no_other(name: str) -> None:
    assert validate(SCHEMA, parse(Documents()[name])) == []


@pytest.mark.parametrize("name", NAMES)
def test_the_example_knows_which_of_them_take_a_key(name: str) -> None:
    (operation,) = (one for one in OPERATIONS if one.name and one.name.value == name)
    (field,) = operation.selection_set.selections
    assert isinstance(field, FieldNode)
    mutations = SCHEMA.mutation_type
    assert mutations
    definition = mutations.fields.get(field.name.value)
    payload = definition and get_named_type(definition.type).extensions[DEFINITION].origin
    assert Documents().takes_a_key(name) is bool(payload and issubclass(payload, RowPayload))


def test_every_query_is_asked_below() -> None:
    queries = {
        one.name.value for one in OPERATIONS if one.name and one.operation is OperationType.QUERY
    }
    assert queries == READ.keys()


async def test_queries_are_answered(world: World, clinic: Clinic) -> None:
    documents = Documents()
    ids = {**clinic.ids, "hook": await hook(world, clinic, "mental")}
    key = await issue(world, clinic, "CLIENT_READ")
    for name, variables in READ.items():
        given = {**variables, **({"id": ids[variables["id"]]} if "id" in variables else {})}
        token = key["token"] if name == "ServiceKey" else clinic.token("olivia")
        assert await world.do(documents[name], given, token) is not None, name
