"""Every field of the schema, asked by every kind of caller, as `tests/matrix.txt` says.

The file is written by this module and reviewed by people: after a change that is meant, run

    MATRIX=write python -m pytest tests/test_matrix.py -k sqlite

and read the difference. A field without a line, or of a type to which no way is known, fails.
"""

import os
import re
import uuid
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from graphql import (
    GraphQLEnumType,
    GraphQLInterfaceType,
    GraphQLObjectType,
    GraphQLScalarType,
    get_named_type,
    is_required_argument,
)
from sqlalchemy import delete, insert, literal, select, update

from models import (
    Account,
    Association,
    Client,
    ClientDecision,
    ClientStatus,
    DecisionReason,
    Department,
    Link,
    LinkPurpose,
    Role,
    RoleGrant,
    ServiceKey,
    Session,
    Staff,
    StaffStatus,
    Surface,
    WebhookState,
    new_id,
    outside,
)
from permissions import Permission, Rule
from schema import build
from schema.declare import RULE
from tests.factors import give, shown
from tests.hooks import delivery, hook
from tests.keys import CLIENTS as CLIENTS_OF_KEYS
from tests.keys import EVERYTHING, issue
from tests.keys import STAFF as STAFF_OF_KEYS
from tests.world import CLIENTS as CLIENTS_OF_CLINIC
from tests.world import PASSWORD, START, Clinic, Json, World

GOLDEN = Path(__file__).with_name("matrix.txt")

SCHEMA = build()
ROOTS = ("Query", "Mutation")


# --- who asks -----------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Caller:
    """Somebody who asks: the head of a column, and who that is."""

    head: str
    name: str | None
    surface: str
    words: str


CALLERS = (
    Caller("anon", None, "", "nobody is signed in"),
    Caller("gil", "gil", "PORTAL", "a client who is inactive: the token is dead"),
    Caller("amy", "amy", "PORTAL", "an active client"),
    Caller("ben", "ben", "PORTAL", "another active client, of another department"),
    Caller("chloe", "chloe", "PORTAL", "a pending client"),
    Caller("petra", "petra", "PORTAL", "PR, who meets amy in mental; also of family"),
    Caller("paul", "paul", "PORTAL", "PR, of physio"),
    Caller("carl", "carl", "PORTAL", "CC, of mental"),
    Caller("fred", "fred", "PORTAL", "CC, of family"),
    Caller("dora", "dora", "PORTAL", "DA, of mental"),
    Caller("fay", "fay", "PORTAL", "DA, of family"),
    Caller("oliv", "olivia", "PORTAL", "OA"),
    Caller("norma", "norma", "PORTAL", "staff without a role"),
    Caller("lake", "lakeside.olivia", "PORTAL", "OA of another organization"),
    Caller("amy@", "amy", "APP", "amy, on the app, as the next four are"),
    Caller("petr@", "petra", "APP", "PR"),
    Caller("carl@", "carl", "APP", "CC"),
    Caller("dora@", "dora", "APP", "DA"),
    Caller("oliv@", "olivia", "APP", "OA"),
    Caller("keys", "keys", "", "a service key with all that keys can hold, anywhere"),
    Caller("keym", "keym", "", "a service key with what a DA holds, for mental"),
    Caller("keyr", "keyr", "", "a service key that reads clients, of mental"),
)
KEYS: Mapping[str, Json] = {
    "keys": {"permissions": EVERYTHING},
    "keym": {"permissions": (*CLIENTS_OF_KEYS, *STAFF_OF_KEYS, "AUDIT_READ"), "in": ["mental"]},
    "keyr": {"permissions": ["CLIENT_READ"], "in": ["mental"]},
}

DEAD = CALLERS[1]

REASON = ("organization_id", "id", "client_id", "text")


def reasons(clinic: Clinic) -> Any:
    """A reason for each decision on amy."""
    text = literal("Moved away for a year.")
    return select(
        ClientDecision.organization_id, ClientDecision.id, ClientDecision.client_id, text
    ).where(ClientDecision.client_id == clinic.key("amy"), ClientDecision.actor_id.is_not(None))


LEGEND = f"""\
Who may ask what. amy is an active client of the department mental, who meets petra there; olivia
approved her. Written and compared by tests/test_matrix.py.

{chr(10).join(f"{caller.head:<6} {caller.words}" for caller in CALLERS)}

yes    a value comes, on every row that comes
some   a value on some rows, null on others
null   a row comes, the field is null
[]     a row comes, the field is an empty list
-      no row comes, and no error: out of reach is as if it did not exist
no     FORBIDDEN, and this field is one of those denied
above  FORBIDDEN, for a field above this one
401    UNAUTHENTICATED
"""


class Asking:
    """The callers in a world, and their tokens."""

    def __init__(self, world: World, clinic: Clinic) -> None:
        self.world, self.clinic, self.ids = world, clinic, clinic.ids
        self._tokens = {
            caller.head: clinic.token(caller.name, caller.surface)
            for caller in CALLERS
            if caller.name and caller.surface and caller is not DEAD
        }

    async def prepare(self) -> None:
        """Service keys, a session of gil's, who is inactive, and nothing of amy's that is null.

        And a note on her, a reason for what was decided of her, and a webhook of mental that was
        sent something about her.
        """
        for name, said in KEYS.items():
            made = await issue(
                self.world, self.clinic, *said["permissions"], name=name, departments=said.get("in")
            )
            self.ids[name] = made["serviceKey"]["id"]
            self._tokens[name] = made["token"]
        document = 'mutation { clientUpdate(amy, input: {phone: "+1 555 0101"}) { client { id } } }'
        by_key = next(caller for caller in CALLERS if caller.head == "keym")
        assert (await self.answer(by_key, document))["data"]["clientUpdate"]["client"]
        document = 'mutation { clientNoteAdd(amy, input: {text: "Rings."}) { client { id } } }'
        assert (await self.answer(by_key, document))["data"]["clientNoteAdd"]["client"]
        await self.write(insert(DecisionReason).from_select(REASON, reasons(self.clinic)))
        await self.renew(DEAD)
        self.ids["hook"] = await hook(self.world, self.clinic, "mental")
        self.ids["sent"] = await delivery(self.world, self.clinic, self.ids["hook"], "amy")
        amy = Client.id == self.clinic.key("amy")
        await self.write(update(Client).where(amy).values(status_reason="Moved away for a year."))

    async def renew(self, caller: Caller) -> None:
        """Give the caller another session; a service key has none."""
        if caller.name and caller.surface:
            id = await self.session_id(caller.name, caller.surface)
            self._tokens[caller.head] = self.world.service.services.tokens.access(id, 1)

    async def session_id(self, name: str, surface: str) -> uuid.UUID:
        """One more session."""
        id = new_id()
        organization, _, _ = name.rpartition(".")
        row = {
            "organization_id": self.clinic.key(organization or "riverside"),
            "id": id,
            "account_id": self.clinic.key(name),
            "surface": Surface(surface),
            "generation": 1,
            "created_at": START,
            "refreshed_at": START,
            "access_expires_at": START.replace(year=2100),
            "refresh_expires_at": START.replace(year=2100),
        }
        await self.write(insert(Session).values(row))
        return id

    async def write(self, statement: Any) -> None:
        await self.world.database.write(lambda connection: connection.execute(statement))

    async def answer(self, caller: Caller, document: str, operation: str | None = None) -> Json:
        """What the caller is answered; every error has its form."""
        token = self._tokens.get(caller.head)
        answer: Json = (
            await self.world.http.post(
                "/graphql",
                json={"query": named(document, self.ids), "operationName": operation},
                headers={"authorization": f"Bearer {token}"} if token else {},
            )
        ).json()
        for error in answer.get("errors", ()):
            check_form(error)
            assert "data" not in answer
        return answer


def check_form(error: Json) -> None:
    """A refusal says what is denied, where, and what it would take; nothing else is an error."""
    extensions = error["extensions"]
    if extensions["code"] == "UNAUTHENTICATED":
        assert set(extensions) == {"code"}
        return
    assert extensions["code"] == "FORBIDDEN", error
    assert set(extensions) == {"code", "denied"}
    assert extensions["denied"]
    for denied in extensions["denied"]:
        type_name, _, field_name = denied["field"].partition(".")
        rule = rule_of(type_name, field_name)
        assert denied == {
            "path": denied["path"],
            "field": denied["field"],
            "permission": rule.permission,
            "scope": rule.scope,
        }
        assert denied["field"] in error["message"]


def rule_of(type_name: str, field_name: str) -> Rule:
    """The rule on the field."""
    type_ = SCHEMA.type_map[type_name]
    assert isinstance(type_, GraphQLObjectType)
    rule = type_.fields[field_name].extensions["strawberry-definition"].metadata[RULE]
    assert isinstance(rule, Rule)
    return rule


# --- what is asked ------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Way:
    """A way to the rows of a type: an operation with a hole, and the path of the hole.

    Rows are named as the clinic names them: `client(amy)`.
    """

    type: str
    document: str
    path: str

    @property
    def title(self) -> str:
        """What its section in the file is called."""
        return f"{self.type}, by {self.document}"

    def asking(self, selection: str) -> str:
        """The operation that asks the selection there."""
        return self.document.replace("…", selection)


AMY = "{ client(amy) { … } }"
NOTES = "{ client(amy) { notes { … } } }"
DECISIONS = "{ client(amy) { decisions { … } } }"
PETRA = "{ staffMember(petra) { … } }"
CLIENTS = "{ clients(status: null, first: 100) { … } }"
SERVICE_KEYS = "{ serviceKeys { … } }"
KEY_EVENTS = "{ auditEvents(action: CLIENT_UPDATED) { nodes { actor { … } } } }"
STAFF = "{ staff(first: 100) { … } }"
EVENTS = (
    "{ auditEvents(action: [DEPARTMENT_CREATED, STAFF_CREATED, CLIENT_APPROVED,"
    " ASSOCIATION_CREATED], first: 100) { … } }"
)
HOOKS = "{ webhooks { … } }"
CHANGES = "{ clientChanges(first: 100) { … } }"
MET = "{ staffMember(petra) { associations { … } } }"
IMPORT = (
    "mutation { clientsImport(input: {clients: ["
    '{firstName: "", lastName: "", email: "", dateOfBirth: "1990-05-17"}]}) { … } }'
)


def within(document: str, selection: str) -> str:
    return document.replace("…", selection)


def named(document: str, ids: Mapping[str, str]) -> str:
    """The operation with the ids of the rows that it names."""
    return re.sub(r"\(([a-z-]+)(?=[,)])", lambda at: f'(id: "{ids[at[1]]}"', document)


WAYS = (
    Way("Query", "{ … }", ""),
    Way("Viewer", "{ viewer { … } }", "viewer"),
    Way("Organization", "{ viewer { organization { … } } }", "viewer.organization"),
    Way("Organization", "{ node(riverside) { ... on Organization { … } } }", "node"),
    Way("OrganizationProfile", '{ organization(slug: "riverside") { … } }', "organization"),
    Way(
        "ChoosableDepartment",
        '{ organization(slug: "riverside") { departments { … } } }',
        "organization.departments",
    ),
    Way(
        "ChoosableDepartment",
        "mutation { clientApprove(dan) { userErrors { choices { … } } } }",
        "clientApprove.userErrors.choices",
    ),
    Way("UserError", "mutation { clientApprove(dan) { userErrors { … } } }",
        "clientApprove.userErrors"),
    Way("RowResult", within(IMPORT, "rows { … }"), "clientsImport.rows"),
    Way("Link", '{ link(token: "vtl_none") { … } }', "link"),
    Way("PermissionGrant", "{ permissionMatrix { … } }", "permissionMatrix"),
    Way("Department", "{ departments { … } }", "departments"),
    Way("Department", "{ node(mental) { ... on Department { … } } }", "node"),
    Way("Department", within(AMY, "department { … }"), "client.department"),
    Way("Department", "{ viewer { client { department { … } } } }", "viewer.client.department"),
    Way("Department", within(AMY, "associations { department { … } }"),
        "client.associations.department"),
    Way("Department", within(PETRA, "roles { department { … } }"),
        "staffMember.roles.department"),
    Way("Client", AMY, "client"),
    Way("Client", "{ node(amy) { ... on Client { … } } }", "node"),
    Way("Client", "{ viewer { client { … } } }", "viewer.client"),
    Way("Client", within(CLIENTS, "nodes { … }"), "clients.nodes"),
    Way("Client", within(CLIENTS, "edges { node { … } }"), "clients.edges.node"),
    Way("Client", within(MET, "nodes { client { … } }"), "staffMember.associations.nodes.client"),
    Way("Client", "{ viewer { staff { associations { nodes { client { … } } } } } }",
        "viewer.staff.associations.nodes.client"),
    Way("Client", "{ viewer { client { associations { client { … } } } } }",
        "viewer.client.associations.client"),
    Way("Client", "mutation { clientApprove(amy) { client { … } } }", "clientApprove.client"),
    Way("ClientNote", within(NOTES, "nodes { … }"), "client.notes.nodes"),
    Way("ClientNote", within(NOTES, "edges { node { … } }"), "client.notes.edges.node"),
    Way("ClientNote", "{ viewer { client { notes { nodes { … } } } } }",
        "viewer.client.notes.nodes"),
    Way("ClientNoteConnection", NOTES, "client.notes"),
    Way("ClientNoteConnection", "{ viewer { client { notes { … } } } }", "viewer.client.notes"),
    Way("ClientNoteEdge", within(NOTES, "edges { … }"), "client.notes.edges"),
    Way("ClientDecision", within(DECISIONS, "nodes { … }"), "client.decisions.nodes"),
    Way("ClientDecision", "{ viewer { client { decisions { nodes { … } } } } }",
        "viewer.client.decisions.nodes"),
    Way("ClientDecisionConnection", DECISIONS, "client.decisions"),
    Way("ClientDecisionEdge", within(DECISIONS, "edges { … }"), "client.decisions.edges"),
    Way("NamedActor", within(DECISIONS, "nodes { actor { ... on NamedActor { … } } }"),
        "client.decisions.nodes.actor"),
    Way("NamedServiceKey", within(NOTES, "nodes { author { ... on NamedServiceKey { … } } }"),
        "client.notes.nodes.author"),
    Way("Association", "{ node(amy-petra) { ... on Association { … } } }", "node"),
    Way("Association", within(AMY, "associations { … }"), "client.associations"),
    Way("Association", "{ viewer { client { associations { … } } } }",
        "viewer.client.associations"),
    Way("Association", within(MET, "nodes { … }"), "staffMember.associations.nodes"),
    Way("Association", "{ viewer { staff { associations { nodes { … } } } } }",
        "viewer.staff.associations.nodes"),
    Way("Staff", PETRA, "staffMember"),
    Way("Staff", "{ staffMember(carl) { … } }", "staffMember"),
    Way("Staff", "{ node(petra) { ... on Staff { … } } }", "node"),
    Way("Staff", "{ viewer { staff { … } } }", "viewer.staff"),
    Way("Staff", within(STAFF, "nodes { … }"), "staff.nodes"),
    Way("Staff", within(STAFF, "edges { node { … } }"), "staff.edges.node"),
    Way("Staff", within(AMY, "associations { practitioner { … } }"),
        "client.associations.practitioner"),
    Way("Staff", "{ viewer { client { associations { practitioner { … } } } } }",
        "viewer.client.associations.practitioner"),
    Way("Staff", within(AMY, "approvedBy { ... on Staff { … } }"), "client.approvedBy"),
    Way("Staff", "mutation { staffUpdate(carl, input: {}) { staff { … } } }", "staffUpdate.staff"),
    Way("RoleGrant", within(PETRA, "roles { … }"), "staffMember.roles"),
    Way("RoleGrant", "{ viewer { staff { roles { … } } } }", "viewer.staff.roles"),
    Way("NamedActor", within(AMY, "approvedBy { ... on NamedActor { … } }"), "client.approvedBy"),
    Way("NamedActor", "{ viewer { client { approvedBy { ... on NamedActor { … } } } } }",
        "viewer.client.approvedBy"),
    Way("AuditEvent", within(EVENTS, "nodes { … }"), "auditEvents.nodes"),
    Way("AuditEvent", within(EVENTS, "edges { node { … } }"), "auditEvents.edges.node"),
    Way("AuditEvent", "{ node(amy-approved) { ... on AuditEvent { … } } }", "node"),
    Way("Client", within(EVENTS, "nodes { client { … } }"), "auditEvents.nodes.client"),
    Way("Staff", within(EVENTS, "nodes { staff { … } }"), "auditEvents.nodes.staff"),
    Way("NamedActor", within(EVENTS, "nodes { actor { ... on NamedActor { … } } }"),
        "auditEvents.nodes.actor"),
    Way("Department", within(EVENTS, "nodes { department { … } }"),
        "auditEvents.nodes.department"),
    Way("ClientChange", within(CHANGES, "nodes { … }"), "clientChanges.nodes"),
    Way("ClientChange", within(CHANGES, "edges { node { … } }"), "clientChanges.edges.node"),
    Way("ClientChangeConnection", CHANGES, "clientChanges"),
    Way("ClientChangeEdge", within(CHANGES, "edges { … }"), "clientChanges.edges"),
    Way("Client", within(CHANGES, "nodes { client { … } }"), "clientChanges.nodes.client"),
    Way("ServiceKey", within(SERVICE_KEYS, "nodes { … }"), "serviceKeys.nodes"),
    Way("ServiceKey", within(SERVICE_KEYS, "edges { node { … } }"), "serviceKeys.edges.node"),
    Way("ServiceKey", "{ serviceKey { … } }", "serviceKey"),
    Way("ServiceKey", "{ node(keym) { ... on ServiceKey { … } } }", "node"),
    Way("ServiceKey", within(KEY_EVENTS, "... on ServiceKey { … }"), "auditEvents.nodes.actor"),
    Way("NamedServiceKey", within(KEY_EVENTS, "... on NamedServiceKey { … }"),
        "auditEvents.nodes.actor"),
    Way("ServiceKeyGrant", within(SERVICE_KEYS, "nodes { grants { … } }"),
        "serviceKeys.nodes.grants"),
    Way("ServiceKeyGrant", "{ serviceKey { grants { … } } }", "serviceKey.grants"),
    Way("Department", "{ serviceKey { grants { department { … } } } }",
        "serviceKey.grants.department"),
    Way("Actor", "{ serviceKey { createdBy { … } } }", "serviceKey.createdBy"),
    Way("ServiceKeyConnection", SERVICE_KEYS, "serviceKeys"),
    Way("ServiceKeyEdge", within(SERVICE_KEYS, "edges { … }"), "serviceKeys.edges"),
    Way("AuditEventConnection", EVENTS, "auditEvents"),
    Way("AuditEventEdge", within(EVENTS, "edges { … }"), "auditEvents.edges"),
    Way("Node", "{ node(amy) { … } }", "node"),
    Way("Actor", within(AMY, "approvedBy { … }"), "client.approvedBy"),
    Way("ClientConnection", CLIENTS, "clients"),
    Way("ClientEdge", within(CLIENTS, "edges { … }"), "clients.edges"),
    Way("StaffConnection", STAFF, "staff"),
    Way("StaffEdge", within(STAFF, "edges { … }"), "staff.edges"),
    Way("AssociationConnection", MET, "staffMember.associations"),
    Way("AssociationConnection", "{ viewer { staff { associations { … } } } }",
        "viewer.staff.associations"),
    Way("AssociationEdge", within(MET, "edges { … }"), "staffMember.associations.edges"),
    Way("AssociationEdge", "{ viewer { staff { associations { edges { … } } } } }",
        "viewer.staff.associations.edges"),
    Way("Webhook", within(HOOKS, "nodes { … }"), "webhooks.nodes"),
    Way("Webhook", "{ node(hook) { ... on Webhook { … } } }", "node"),
    Way("Webhook", "mutation { webhookResume(hook) { webhook { … } } }", "webhookResume.webhook"),
    Way("WebhookConnection", HOOKS, "webhooks"),
    Way("WebhookEdge", within(HOOKS, "edges { … }"), "webhooks.edges"),
    Way("WebhookDelivery", within(HOOKS, "nodes { deliveries { nodes { … } } }"),
        "webhooks.nodes.deliveries.nodes"),
    Way("WebhookDelivery", "{ node(sent) { ... on WebhookDelivery { … } } }", "node"),
    Way("WebhookDeliveryConnection", within(HOOKS, "nodes { deliveries { … } }"),
        "webhooks.nodes.deliveries"),
    Way("WebhookDeliveryEdge", within(HOOKS, "nodes { deliveries { edges { … } } }"),
        "webhooks.nodes.deliveries.edges"),
    Way("Client", within(HOOKS, "nodes { deliveries { nodes { client { … } } } }"),
        "webhooks.nodes.deliveries.nodes.client"),
    Way("PageInfo", within(CLIENTS, "pageInfo { … }"), "clients.pageInfo"),
    Way("PageInfo", within(MET, "pageInfo { … }"), "staffMember.associations.pageInfo"),
)  # fmt: skip

ARGUMENTS = {
    "Query.client": "(amy)",
    "Query.link": '(token: "vtl_none")',
    "Query.node": "(amy)",
    "Query.organization": '(slug: "riverside")',
    "Query.staffMember": "(petra)",
}


def fields_of(type_name: str) -> list[str]:
    type_ = SCHEMA.type_map[type_name]
    assert isinstance(type_, (GraphQLObjectType, GraphQLInterfaceType))
    return sorted(type_.fields)


def selection(type_name: str, field_name: str) -> str:
    """The field as it is asked: with its arguments, and of an object its `__typename`."""
    type_ = SCHEMA.type_map[type_name]
    assert isinstance(type_, (GraphQLObjectType, GraphQLInterfaceType))
    field = type_.fields[field_name]
    arguments = ARGUMENTS.get(f"{type_name}.{field_name}", "")
    if not arguments and any(map(is_required_argument, field.args.values())):
        raise LookupError(f"say in ARGUMENTS how {type_name}.{field_name} is asked")
    leaf = isinstance(get_named_type(field.type), (GraphQLScalarType, GraphQLEnumType))
    return f"{field_name}{arguments}{'' if leaf else ' { __typename }'}"


MOST_AT_THE_ROOT = 10
"""So many fields may anybody ask for at once."""

# --- what comes ---------------------------------------------------------------------------------


def found(data: Any, path: str) -> Iterator[Json]:
    """The objects at the path, whatever lists are in between."""
    if data is None:
        return
    if isinstance(data, list):
        for each in data:
            yield from found(each, path)
        return
    head, _, rest = path.partition(".")
    if not head:
        yield data
    elif head in data:
        yield from found(data[head], rest)


def decision(answer: Json, path: str, key: str) -> str:
    """What the answer says of the key at the path, in a word of the legend."""
    if "errors" in answer:
        (error,) = answer["errors"]
        if error["extensions"]["code"] == "UNAUTHENTICATED":
            return "401"
        whole = [*filter(None, path.split(".")), key]
        return "no" if whole in denied_paths(error) else "above"
    values = [one[key] for one in found(answer["data"], path) if key in one]
    if not values:
        return "-"
    if all(value == [] for value in values):
        return "[]"
    there = sum(value is not None for value in values)
    return "null" if not there else "yes" if there == len(values) else "some"


def denied_paths(error: Json) -> list[list[str]]:
    return [denied["path"] for denied in error["extensions"]["denied"]]


async def decisions(asking: Asking, caller: Caller, way: Way, names: list[str]) -> dict[str, str]:
    """What becomes of each field: asked all at once, and those that are not denied once more."""
    if not way.path and len(names) > MOST_AT_THE_ROOT:
        first, rest = names[:MOST_AT_THE_ROOT], names[MOST_AT_THE_ROOT:]
        first_cells = await decisions(asking, caller, way, first)
        return first_cells | await decisions(asking, caller, way, rest)
    asked = " ".join(selection(way.type, name) for name in names)
    answer = await asking.answer(caller, way.asking(asked))
    cells = {name: decision(answer, way.path, name) for name in names}
    if "401" in cells.values():
        if len(names) == 1:
            return cells
        each = [await decisions(asking, caller, way, [name]) for name in names]
        return {name: cell for one in each for name, cell in one.items()}
    if "errors" in answer:
        whole = [*filter(None, way.path.split(".")), *names]
        assert all(set(path) <= set(whole) for path in denied_paths(answer["errors"][0]))
    others = [name for name, cell in cells.items() if cell != "no"]
    if others and len(others) < len(names):
        cells |= await decisions(asking, caller, way, others)
    return cells


# --- the file -----------------------------------------------------------------------------------


WIDTH = 36
HEADS = " " * WIDTH + "".join(f"{caller.head:<6}" for caller in CALLERS).rstrip()


def table(rows: Mapping[str, str]) -> list[str]:
    return [f"  {name:<{WIDTH - 2}}{row}".rstrip() for name, row in rows.items()]


def said() -> dict[str, list[str]]:
    """The sections of the file: their titles, and the lines below."""
    if not GOLDEN.exists():
        return {}
    _, *sections = GOLDEN.read_text().split("\n## ")
    lines = [section.strip().splitlines() for section in sections]
    return {title: below for title, *below in lines}


def compare(title: str, lines: list[str]) -> None:
    """Compare a section of the file, or write it anew."""
    if os.environ.get("MATRIX") != "write":
        assert lines == said().get(title, [])
        return
    sections = said() | {title: lines}
    text = ["\n".join([f"## {title}", *sections[title]]) for title in TITLES if title in sections]
    GOLDEN.write_text("\n\n".join([LEGEND.strip(), *text]) + "\n")


# --- reading ------------------------------------------------------------------------------------


async def test_every_field_is_read_by_whom_the_matrix_says(world: World, clinic: Clinic) -> None:
    asking = Asking(world, clinic)
    await asking.prepare()
    async with world.unchanged():
        for way in WAYS:
            names = fields_of(way.type)
            columns = [await decisions(asking, caller, way, names) for caller in CALLERS]
            rows = {name: "".join(f"{cells[name]:<6}" for cells in columns) for name in names}
            compare(way.title, [HEADS, *table(rows)])


RIGHTS = {
    "Client.viewerPermissions": ("amy", "ben", "bea", "cleo", "gil", "chloe", "phil", "dan", "una"),
    "Staff.viewerPermissions": (
        *("olivia", "oscar", "dora", "carl", "twyla", "fay", "fred", "paul", "petra", "pia"),
        *("norma", "ina", "ivan", "wes"),
    ),
}
"""Whom it is asked of, by `node`."""


async def test_what_one_may_do_with_each_is_what_the_matrix_says(
    world: World, clinic: Clinic
) -> None:
    asking = Asking(world, clinic)
    await asking.prepare()
    async with world.unchanged():
        for title, people in RIGHTS.items():
            type_name = title.partition(".")[0]
            lines = []
            for name in people:
                document = f"{{ node({name}) {{ ... on {type_name} {{ viewerPermissions }} }} }}"
                may: dict[str, list[str]] = {}
                for caller in CALLERS:
                    for word in rights(await asking.answer(caller, document)):
                        may.setdefault(word, []).append(caller.head)
                order = [one for one in (*Permission, "nothing", "-", "no", "401") if one in may]
                assert set(order) == set(may)
                lines += [name, *table({word: " ".join(may[word]) for word in order})]
            compare(title, lines)


def rights(answer: Json) -> list[str]:
    """The permissions that come, or a word of the legend why none do."""
    if "errors" in answer:
        (error,) = answer["errors"]
        return ["401" if error["extensions"]["code"] == "UNAUTHENTICATED" else "no"]
    node = answer["data"]["node"]
    return ["-"] if node is None else node["viewerPermissions"] or ["nothing"]


SPELLED = ("anon", "amy", "petra", "carl", "oliv", "dora@")
SPELLED_WAYS = ("{ … }", AMY, "{ viewer { client { … } } }", PETRA, "{ viewer { staff { … } } }")


def spellings(type_name: str, asked: str) -> Iterator[tuple[str, str, str]]:
    """Ways to write the same selection: its key in the answer, the selection, the fragments."""
    name = asked.partition("(")[0].partition(" ")[0]
    yield "another", f"another: {asked}", ""
    yield name, "...some", f"fragment some on {type_name} {{ {asked} }}"
    yield name, f"... on {type_name} {{ {asked} }}", ""
    yield (
        name,
        f"...outer ...outer {asked}",
        (
            f"fragment outer on {type_name} {{ ... @include(if: true) {{ ...inner }} }} "
            f"fragment inner on {type_name} {{ {asked} }}"
        ),
    )
    type_ = SCHEMA.type_map[type_name]
    assert isinstance(type_, GraphQLObjectType)
    for interface in type_.interfaces:
        inner = asked if name in interface.fields else f"... on {type_name} {{ {asked} }}"
        yield name, f"... on {interface.name} {{ {inner} }}", ""


async def test_a_field_is_decided_in_the_same_way_however_it_is_written(
    world: World, clinic: Clinic
) -> None:
    asking = Asking(world, clinic)
    await asking.prepare()
    callers = [caller for caller in CALLERS if caller.head in SPELLED]
    for way in WAYS:
        if way.document not in SPELLED_WAYS:
            continue
        for name in fields_of(way.type):
            asked = selection(way.type, name)
            for caller in callers:
                plain = decision(await asking.answer(caller, way.asking(asked)), way.path, name)
                for key, written, fragments in spellings(way.type, asked):
                    answer = await asking.answer(caller, f"{way.asking(written)} {fragments}")
                    assert decision(answer, way.path, key) == plain, (caller.head, written)


# --- changing -----------------------------------------------------------------------------------


class Deeds:
    """How each mutation is asked by each caller so that, if they may, it is done."""

    def __init__(self, asking: Asking) -> None:
        self._asking = asking
        self._world, self._clinic = asking.world, asking.clinic
        self._count = 0

    async def login(self) -> str:
        return f"""(input: {{
          organization: "riverside", username: "ben", password: "{PASSWORD}", surface: APP
        }})"""

    async def session_refresh(self) -> str:
        """Somebody's session, opened a moment ago."""
        id = await self._asking.session_id("ben", "PORTAL")
        token = self._world.service.services.tokens.refresh(id, 1)
        return f'(refreshToken: "{token}")'

    async def logout(self) -> str:
        return "(everywhere: false)"

    async def client_register(self) -> str:
        return f"""(input: {{
          organization: "riverside", firstName: "Nora", lastName: "Newcomer",
          email: "{self._new()}@home.example", dateOfBirth: "1990-05-17"
        }})"""

    async def link_resend(self) -> str:
        return f'(token: "{await self._registered(self._new())}")'

    async def registration_confirm(self) -> str:
        name = self._new()
        return self._credentials(await self._registered(name), name)

    async def invitation_accept(self) -> str:
        """The invitation of wes, who has not accepted it yet."""
        wes = self._clinic.key("wes")
        none = {"username": None, "username_key": None, "password_hash": None}
        await self._asking.write(update(Account).where(Account.id == wes).values(none))
        await self._asking.write(
            update(Link).where(Link.account_id == wes).values(used_at=None, superseded_at=None)
        )
        links = select(Link.id).where(Link.account_id == wes)
        id = await self._world.database.read(lambda one: one.execute(links).scalar_one())
        return self._credentials(self._world.service.services.tokens.link(id), self._new())

    async def client_approve(self) -> str:
        """Chloé, pending, of mental; she will meet petra there."""
        chloe = self._clinic.key("chloe")
        await self._asking.write(delete(Association).where(Association.client_id == chloe))
        await self._pending("chloe")
        petra, mental = self._clinic.ids["petra"], self._clinic.ids["mental"]
        there = f'{{practitionerId: "{petra}", departmentId: "{mental}"}}'
        return f"(chloe, input: {{associations: [{there}]}})"

    async def client_approve_unsure(self) -> str:
        """Dan, pending, who was not sure of the department: it will be mental."""
        await self._pending("dan", department_id=None)
        return f'(dan, input: {{departmentId: "{self._clinic.ids["mental"]}"}})'

    async def staff_create(self) -> str:
        role = f'{{role: PRACTITIONER, departmentId: "{self._clinic.ids["mental"]}"}}'
        return self._staff(role)

    async def staff_create_administrator(self) -> str:
        return self._staff("{role: ORGANIZATION_ADMINISTRATOR}")

    async def staff_update_flag(self) -> str:
        """Of carl, whose only role is in mental."""
        return "(carl, input: {receiveNewClientNotifications: false})"

    async def staff_update_name(self) -> str:
        return '(carl, input: {firstName: "Charles"})'

    async def staff_update_two(self) -> str:
        """Of petra, who has roles in mental and in family."""
        return '(petra, input: {firstName: "Pietra"})'

    async def client_create(self) -> str:
        """A client of mental, who will meet petra there."""
        mental = self._clinic.ids["mental"]
        return f"""(input: {{
          firstName: "Nora", lastName: "Newcomer", email: "{self._new()}@home.example",
          dateOfBirth: "1990-05-17", departmentId: "{mental}",
          associations: [{self._practitioner("petra", "mental")}]
        }})"""

    async def clients_approve(self) -> str:
        """Chloé, pending, of mental."""
        await self._pending("chloe")
        return f'(input: {{clients: [{{clientId: "{self._clinic.ids["chloe"]}"}}]}})'

    async def clients_reject(self) -> str:
        await self._pending("chloe")
        return f'(input: {{clients: [{{clientId: "{self._clinic.ids["chloe"]}"}}]}})'

    async def clients_import(self) -> str:
        """Two clients of mental, one of whom will meet petra there."""
        mental = self._clinic.ids["mental"]
        rows = ", ".join(
            f"""{{
              firstName: "Nora", lastName: "Newcomer", email: "{self._new()}@home.example",
              dateOfBirth: "1990-05-17", departmentId: "{mental}", associations: [{met}]
            }}"""
            for met in ("", self._practitioner("petra", "mental"))
        )
        return f"(input: {{clients: [{rows}]}})"

    async def client_update(self) -> str:
        return '(amy, input: {phone: "+1 555 0199"})'

    async def client_note_add(self) -> str:
        return '(amy, input: {text: "Prefers to be called."})'

    async def client_note_add_elsewhere(self) -> str:
        """On bea, of family, who meets pia in mental."""
        return '(bea, input: {text: "Prefers to be called."})'

    async def client_update_elsewhere(self) -> str:
        """Of bea, of family, who meets pia in mental."""
        return '(bea, input: {phone: "+1 555 0199"})'

    async def client_update_unsure(self) -> str:
        """Dan, who was not sure of the department, gets one."""
        await self._pending("dan", department_id=None)
        return f'(dan, input: {{departmentId: "{self._clinic.ids["mental"]}"}})'

    async def client_reject(self) -> str:
        await self._pending("chloe")
        return '(chloe, reason: "Registered twice.")'

    async def client_reject_unsure(self) -> str:
        await self._pending("dan", department_id=None)
        return "(dan)"

    async def client_deactivate(self) -> str:
        """Bea, of family, who meets pia in mental."""
        await self._client("bea", status=ClientStatus.ACTIVE)
        return '(bea, reason: "Moved away.")'

    async def client_reactivate(self) -> str:
        await self._client("bea", status=ClientStatus.INACTIVE)
        return "(bea)"

    async def client_reactivate_rejected(self) -> str:
        """Chloé, of mental, was never approved; she will meet petra."""
        chloe = self._clinic.key("chloe")
        await self._asking.write(delete(Association).where(Association.client_id == chloe))
        await self._pending("chloe", status=ClientStatus.INACTIVE)
        return f"(chloe, input: {{associations: [{self._practitioner('petra', 'mental')}]}})"

    async def client_invitation_resend(self) -> str:
        """Una, of family, awaits credentials."""
        return "(una)"

    async def client_associations_update(self) -> str:
        """Amy, of mental, gets petra there."""
        amy = self._clinic.key("amy")
        await self._asking.write(delete(Association).where(Association.client_id == amy))
        return f"(amy, input: {{add: [{self._practitioner('petra', 'mental')}]}})"

    async def client_associations_update_elsewhere(self) -> str:
        """Bea, of family, meets pia in mental no more."""
        id = await self._meeting("bea", "pia", "mental")
        return f'(bea, input: {{remove: ["{outside("asc_", id)}"]}})'

    async def staff_associations_update(self) -> str:
        """Petra, of mental and family, gets ben in family."""
        ben = self._clinic.key("ben")
        await self._asking.write(delete(Association).where(Association.client_id == ben))
        there = (
            f'clientId: "{self._clinic.ids["ben"]}", departmentId: "{self._clinic.ids["family"]}"'
        )
        return f"(petra, input: {{add: [{{{there}}}]}})"

    async def staff_roles_update(self) -> str:
        """Pia, of mental and physio, becomes a Care Coordinator of mental."""
        await self._ungrant("pia", Role.CARE_COORDINATOR, "mental")
        role = f'{{role: CARE_COORDINATOR, departmentId: "{self._clinic.ids["mental"]}"}}'
        return f"(pia, input: {{grant: [{role}]}})"

    async def staff_roles_update_administrator(self) -> str:
        await self._ungrant("pia", Role.ORGANIZATION_ADMINISTRATOR, None)
        return "(pia, input: {grant: [{role: ORGANIZATION_ADMINISTRATOR}]})"

    async def staff_deactivate(self) -> str:
        """Doris, whose only role is in mental."""
        await self._member("doris", StaffStatus.ACTIVE)
        return "(doris)"

    async def staff_deactivate_two(self) -> str:
        """Pia, who has roles in mental and in physio."""
        pia = self._clinic.key("pia")
        await self._asking.write(delete(Association).where(Association.practitioner_id == pia))
        await self._member("pia", StaffStatus.ACTIVE)
        return "(pia)"

    async def staff_reactivate(self) -> str:
        """Ivan, whose only role is in mental."""
        await self._member("ivan", StaffStatus.INACTIVE)
        return "(ivan)"

    async def staff_invitation_resend(self) -> str:
        """Wes, of family, awaits credentials."""
        return "(wes)"

    async def department_update(self) -> str:
        return f'(physio, input: {{name: "{self._new()}"}})'

    async def department_deactivate(self) -> str:
        return f'(id: "{await self._department(active=True)}")'

    async def department_reactivate(self) -> str:
        return f'(id: "{await self._department(active=False)}")'

    async def organization_update(self) -> str:
        return '(input: {contactEmail: "office@riverside.example"})'

    async def password_reset_request(self) -> str:
        return '(input: {organization: "riverside", email: "cleo@riverside.example"})'

    async def password_reset(self) -> str:
        """Cleo's."""
        token = await self._link("cleo", LinkPurpose.RESET_PASSWORD)
        return f'(input: {{token: "{token}", password: "{PASSWORD}"}})'

    async def password_change(self) -> str:
        return f'(input: {{currentPassword: "{PASSWORD}", password: "{PASSWORD}"}})'

    async def second_factor_begin(self) -> str:
        return f'(password: "{PASSWORD}")'

    async def second_factor_confirm(self) -> str:
        """Everybody has a secret that awaits its first code."""
        return f'(code: "{await self._factors(confirmed=False)}")'

    async def second_factor_remove(self) -> str:
        """Everybody has a second factor."""
        return self._both(await self._factors(confirmed=True))

    async def recovery_codes_renew(self) -> str:
        """Everybody has a second factor."""
        return self._both(await self._factors(confirmed=True))

    async def staff_second_factor_reset(self) -> str:
        """Of doris, whose only role is in mental."""
        await give(self._world, self._clinic, "doris")
        return "(doris)"

    async def staff_second_factor_reset_two(self) -> str:
        """Of pia, who has roles in mental and in physio."""
        await give(self._world, self._clinic, "pia")
        return "(pia)"

    async def email_change_request(self) -> str:
        return f'(email: "{self._new()}@home.example")'

    async def email_change_confirm(self) -> str:
        """Cleo's."""
        email = f"{self._new()}@home.example"
        purpose = LinkPurpose.CONFIRM_EMAIL
        token = await self._link("cleo", purpose, email=email, email_key=email)
        return f'(token: "{token}")'

    async def webhook_create(self) -> str:
        return self._hook(f'departmentId: "{self._clinic.ids["mental"]}"')

    async def webhook_create_whole(self) -> str:
        """Of the whole organization."""
        return self._hook("departmentId: null")

    async def webhook_update(self) -> str:
        """Of mental, as the next ones."""
        return f'(id: "{await self._hooked()}", input: {{name: "Others"}})'

    async def webhook_of_mental(self) -> str:
        return f'(id: "{await self._hooked()}")'

    async def webhook_of_all(self) -> str:
        return f'(id: "{await hook(self._world, self._clinic, None)}")'

    async def webhook_resume(self) -> str:
        return f'(id: "{await self._hooked(state=WebhookState.PAUSED)}")'

    async def webhook_delivery_replay(self) -> str:
        """Of one that is paused."""
        paused = await self._hooked(state=WebhookState.PAUSED)
        return f'(id: "{await delivery(self._world, self._clinic, paused, "amy")}")'

    async def department_create(self) -> str:
        return f'(input: {{name: "{self._new()}"}})'

    async def service_key_create(self) -> str:
        return f'(input: {{name: "{self._new()}", permissions: [CLIENT_READ]}})'

    async def service_key_revoke(self) -> str:
        """One of those who ask, revoked or not."""
        revoked = update(ServiceKey).where(ServiceKey.id == self._clinic.key("keyr"))
        await self._asking.write(revoked.values(revoked_at=None))
        return "(keyr)"

    async def _factors(self, *, confirmed: bool) -> str:
        """The code that everybody's app shows."""
        staff = {one.name for one in CALLERS if one.name and one.surface} - {*CLIENTS_OF_CLINIC}
        await give(self._world, self._clinic, *sorted(staff), confirmed=confirmed)
        return shown(self._world.clock())

    @staticmethod
    def _both(code: str) -> str:
        return f'(input: {{password: "{PASSWORD}", code: "{code}"}})'

    async def _hooked(self, **more: Any) -> str:
        """A new webhook of mental."""
        return await hook(self._world, self._clinic, "mental", **more)

    @staticmethod
    def _hook(department: str) -> str:
        return f"""(input: {{
          name: "Billing", url: "https://partner.example", events: [CLIENT_APPROVED], {department}
        }})"""

    def _new(self) -> str:
        self._count += 1
        return f"new{self._count}"

    def _credentials(self, token: str, username: str) -> str:
        said = f'token: "{token}", username: "{username}", password: "{PASSWORD}"'
        return f"(input: {{{said}}})"

    def _staff(self, role: str) -> str:
        return f"""(input: {{
          firstName: "Nora", lastName: "Newcomer", email: "{self._new()}@home.example",
          roles: [{role}]
        }})"""

    async def _registered(self, name: str) -> str:
        """The token of a registration that awaits its confirmation."""
        await self._world.register(f"{name}@home.example")
        (mail,) = await self._world.mail(f"{name}@home.example")
        return mail.token

    async def _pending(self, name: str, **values: Any) -> None:
        undecided = dict.fromkeys(("approved_at", "approved_by_id", "decided_at", "decided_by_id"))
        await self._client(name, **{"status": ClientStatus.PENDING, **undecided, **values})

    async def _client(self, name: str, **values: Any) -> None:
        where = Client.id == self._clinic.key(name)
        await self._asking.write(update(Client).where(where).values(values))

    async def _member(self, name: str, status: StaffStatus) -> None:
        where = Staff.id == self._clinic.key(name)
        await self._asking.write(update(Staff).where(where).values(status=status))

    def _practitioner(self, name: str, department: str) -> str:
        ids = self._clinic.ids
        return f'{{practitionerId: "{ids[name]}", departmentId: "{ids[department]}"}}'

    def _row(self, **values: Any) -> Json:
        """A new row of riverside's."""
        made = {"organization_id": self._clinic.key("riverside"), "id": new_id()}
        return {**made, "created_at": START, **values}

    async def _meeting(self, client: str, practitioner: str, department: str) -> uuid.UUID:
        """The association of the two, made anew."""
        chosen = select(Client.status, Client.name_key).where(Client.id == self._clinic.key(client))
        known = await self._world.database.read(lambda one: one.execute(chosen).one())
        row = self._row(
            client_id=self._clinic.key(client),
            client_status=known.status,
            client_name_key=known.name_key,
            practitioner_id=self._clinic.key(practitioner),
            department_id=self._clinic.key(department),
            role=Role.PRACTITIONER,
        )
        before = delete(Association).where(
            Association.client_id == row["client_id"],
            Association.practitioner_id == row["practitioner_id"],
        )
        await self._asking.write(before)
        await self._asking.write(insert(Association).values(row))
        return row["id"]  # type: ignore[no-any-return]

    async def _ungrant(self, name: str, role: Role, department: str | None) -> None:
        there = self._clinic.key(department) if department else None
        held = delete(RoleGrant).where(
            RoleGrant.staff_id == self._clinic.key(name),
            RoleGrant.role == role,
            RoleGrant.department_id == there if there else RoleGrant.department_id.is_(None),
        )
        await self._asking.write(held)

    async def _department(self, *, active: bool) -> str:
        """The id of a new department, with nobody in it."""
        name = self._new()
        row = self._row(name=name, name_key=name, active=active)
        await self._asking.write(insert(Department).values(row))
        return outside("dep_", row["id"])

    async def _link(self, name: str, purpose: LinkPurpose, **values: Any) -> str:
        """The token of a link that can be used."""
        row = self._row(
            purpose=purpose,
            account_id=self._clinic.key(name),
            expires_at=START.replace(year=2100),
            **values,
        )
        await self._asking.write(insert(Link).values(row))
        return self._world.service.services.tokens.link(row["id"])


DEEDS = {
    "login": Deeds.login,
    "sessionRefresh": Deeds.session_refresh,
    "logout": Deeds.logout,
    "clientRegister": Deeds.client_register,
    "linkResend": Deeds.link_resend,
    "registrationConfirm": Deeds.registration_confirm,
    "invitationAccept": Deeds.invitation_accept,
    "clientApprove": Deeds.client_approve,
    "clientApprove, of a client who was not sure": Deeds.client_approve_unsure,
    "staffCreate": Deeds.staff_create,
    "staffCreate, of an administrator": Deeds.staff_create_administrator,
    "staffUpdate, of a flag": Deeds.staff_update_flag,
    "staffUpdate, of a name": Deeds.staff_update_name,
    "staffUpdate, of one in two departments": Deeds.staff_update_two,
    "departmentCreate": Deeds.department_create,
    "clientCreate": Deeds.client_create,
    "clientsImport": Deeds.clients_import,
    "clientsApprove": Deeds.clients_approve,
    "clientsReject": Deeds.clients_reject,
    "clientNoteAdd": Deeds.client_note_add,
    "clientNoteAdd, on one who meets somebody elsewhere": Deeds.client_note_add_elsewhere,
    "clientUpdate": Deeds.client_update,
    "clientUpdate, of one who meets somebody elsewhere": Deeds.client_update_elsewhere,
    "clientUpdate, of a client who was not sure": Deeds.client_update_unsure,
    "clientReject": Deeds.client_reject,
    "clientReject, of a client who was not sure": Deeds.client_reject_unsure,
    "clientDeactivate": Deeds.client_deactivate,
    "clientReactivate": Deeds.client_reactivate,
    "clientReactivate, of one who was never approved": Deeds.client_reactivate_rejected,
    "clientInvitationResend": Deeds.client_invitation_resend,
    "clientAssociationsUpdate": Deeds.client_associations_update,
    "clientAssociationsUpdate, elsewhere": Deeds.client_associations_update_elsewhere,
    "staffAssociationsUpdate": Deeds.staff_associations_update,
    "staffRolesUpdate": Deeds.staff_roles_update,
    "staffRolesUpdate, of an administrator": Deeds.staff_roles_update_administrator,
    "staffDeactivate": Deeds.staff_deactivate,
    "staffDeactivate, of one in two departments": Deeds.staff_deactivate_two,
    "staffReactivate": Deeds.staff_reactivate,
    "staffInvitationResend": Deeds.staff_invitation_resend,
    "departmentUpdate": Deeds.department_update,
    "departmentDeactivate": Deeds.department_deactivate,
    "departmentReactivate": Deeds.department_reactivate,
    "organizationUpdate": Deeds.organization_update,
    "secondFactorBegin": Deeds.second_factor_begin,
    "secondFactorConfirm": Deeds.second_factor_confirm,
    "secondFactorRemove": Deeds.second_factor_remove,
    "recoveryCodesRenew": Deeds.recovery_codes_renew,
    "staffSecondFactorReset": Deeds.staff_second_factor_reset,
    "staffSecondFactorReset, of one in two departments": Deeds.staff_second_factor_reset_two,
    "passwordResetRequest": Deeds.password_reset_request,
    "passwordReset": Deeds.password_reset,
    "passwordChange": Deeds.password_change,
    "emailChangeRequest": Deeds.email_change_request,
    "emailChangeConfirm": Deeds.email_change_confirm,
    "serviceKeyCreate": Deeds.service_key_create,
    "serviceKeyRevoke": Deeds.service_key_revoke,
    "webhookCreate": Deeds.webhook_create,
    "webhookCreate, of the whole organization": Deeds.webhook_create_whole,
    "webhookUpdate": Deeds.webhook_update,
    "webhookSecretRotate": Deeds.webhook_of_mental,
    "webhookPause": Deeds.webhook_of_mental,
    "webhookPause, of the whole organization": Deeds.webhook_of_all,
    "webhookResume": Deeds.webhook_resume,
    "webhookEnd": Deeds.webhook_of_mental,
    "webhookDeliveryReplay": Deeds.webhook_delivery_replay,
}


ENDING = ("logout", "passwordChange", "secondFactorConfirm", "secondFactorRemove")
"""Mutations that end sessions of the caller's own."""

TITLES = [*(way.title for way in WAYS), *RIGHTS, *(f"Mutation.{deed}" for deed in DEEDS)]


def payload_of(mutation: str) -> GraphQLObjectType:
    root = SCHEMA.mutation_type
    assert root
    payload = get_named_type(root.fields[mutation].type)
    assert isinstance(payload, GraphQLObjectType)
    return payload


def all_of(type_: GraphQLObjectType) -> str:
    """All fields of a payload; of what has a way of its own, its `__typename`."""
    return " ".join(
        f"{name} {{ {below(of)} }}"
        if isinstance(of := get_named_type(field.type), GraphQLObjectType)
        else name
        for name, field in type_.fields.items()
        if name != "userErrors"
    )


def below(type_: GraphQLObjectType) -> str:
    """What is asked of an object in a payload."""
    if type_.name == "RowResult":
        return "userErrors { code }"
    return all_of(type_) if type_.name == "Session" else "__typename"


def flat(payload: Json, prefix: str = "") -> Iterator[tuple[str, Any]]:
    """The fields of a payload and their values, those of a session by name."""
    for name, value in payload.items():
        if name == "session" and value:
            yield from flat(value, "session.")
        elif name != "userErrors":
            yield prefix + name, value


@pytest.mark.parametrize("deed", DEEDS)
async def test_everything_is_done_by_whom_the_matrix_says(
    world: World, clinic: Clinic, deed: str
) -> None:
    mutation = deed.partition(",")[0]
    asked = f"{all_of(payload_of(mutation))} userErrors {{ code }}"
    asking = Asking(world, clinic)
    await asking.prepare()
    deeds = Deeds(asking)
    for_all = not rule_of("Mutation", mutation).restricts
    became: dict[str, list[str]] = {}
    for caller in CALLERS:
        if mutation in ENDING:
            await asking.renew(caller)
        document = f"mutation {{ {mutation}{await DEEDS[deed](deeds)} {{ {asked} }} }}"
        before = None if for_all else (await world.snapshot(), len(world.mailbox.deliveries))
        answer = await asking.answer(caller, document)
        word = outcome(answer, mutation)
        if word != "done":
            now = (await world.snapshot(), len(world.mailbox.deliveries))
            assert now == before, f"{caller.head}: {word}, and yet something happened"
        became.setdefault(word, []).append(caller.head)
        if "data" in answer:
            for name, value in flat(answer["data"][mutation]):
                if value is not None:
                    became.setdefault(f"  {name}", []).append(caller.head)
    compare(f"Mutation.{deed}", table({word: " ".join(who) for word, who in became.items()}))


def outcome(answer: Json, mutation: str) -> str:
    """What became of the mutation, in a word."""
    if "errors" in answer:
        (error,) = answer["errors"]
        code = str(error["extensions"]["code"])
        assert code != "FORBIDDEN" or denied_paths(error) == [[mutation]]
        return code
    payload = answer["data"][mutation]
    told = [payload, *payload.get("rows", ())]
    codes = dict.fromkeys(error["code"] for one in told for error in one["userErrors"])
    return " ".join(codes) or "done"


@pytest.mark.parametrize(
    "document",
    [
        "mutation {{ {} }}",
        "mutation {{ another: {} }}",
        "mutation {{ ...some }} fragment some on Mutation {{ {} }}",
        "mutation {{ ... on Mutation {{ ... @include(if: true) {{ {} }} }} }}",
        "mutation {{ logout {{ userErrors {{ code }} }} {} }}",
        "query Other {{ viewer {{ surface }} }} mutation This {{ {} }}",
    ],
)
async def test_nothing_is_done_by_whom_it_is_denied_however_it_is_written(
    world: World, clinic: Clinic, document: str
) -> None:
    asking = Asking(world, clinic)
    await asking.prepare()
    deeds = Deeds(asking)
    written = {
        document.format(f"{deed}{await DEEDS[deed](deeds)} {{ userErrors {{ code }} }}"): deed
        for deed in ("clientApprove", "staffCreate", "departmentCreate")
    }
    async with world.unchanged():
        for caller in CALLERS:
            if caller.head not in ("anon", "gil", "amy", "chloe", "petra", "norma", "oliv@"):
                continue
            for mutation, deed in written.items():
                name = "This" if "Other" in mutation else None
                answer = await asking.answer(caller, mutation, operation=name)
                (error,) = answer["errors"]
                if caller.head in ("anon", "gil"):
                    assert error["extensions"]["code"] == "UNAUTHENTICATED"
                    continue
                key = "another" if "another" in mutation else deed
                (denied,) = error["extensions"]["denied"]
                assert (denied["path"], denied["field"]) == ([key], f"Mutation.{deed}")


# --- the whole ----------------------------------------------------------------------------------


def test_every_type_has_a_way_and_every_mutation_a_deed() -> None:
    types = {
        name
        for name, type_ in SCHEMA.type_map.items()
        if isinstance(type_, (GraphQLObjectType, GraphQLInterfaceType))
        and not name.startswith("__")
    }
    of_deeds = {name for name in types if name.endswith("Payload")} | {"Mutation", "Session"}
    followed = {"Subscription"}  # as many answers as it likes: `tests.live`
    assert {way.type for way in WAYS} == types - of_deeds - followed
    assert {deed.partition(",")[0] for deed in DEEDS} == set(fields_of("Mutation"))


def test_the_file_has_a_section_for_each_and_no_other() -> None:
    assert list(said()) == TITLES
    assert GOLDEN.read_text().startswith(LEGEND)


def test_whether_a_field_is_denied_does_not_depend_on_the_way_to_it() -> None:
    """But for one's own record, of which nothing is denied (`D24`)."""
    denied: dict[tuple[str, str, str], set[bool]] = {}
    sections = said()
    for way in WAYS:
        if way.path in ("viewer.client", "viewer.staff"):
            continue
        for line in sections[way.title][1:]:
            name, *cells = line.split()
            for caller, cell in zip(CALLERS, cells, strict=True):
                if cell != "401":
                    denied.setdefault((way.type, name, caller.head), set()).add(cell == "no")
    assert [which for which, answers in denied.items() if len(answers) > 1] == []
