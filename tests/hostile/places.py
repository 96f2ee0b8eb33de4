"""Every place in the arguments of every root field, and good arguments but for one of them."""

import json
import uuid
from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import Any

from graphql import (
    GraphQLEnumType,
    GraphQLInputObjectType,
    GraphQLNonNull,
    get_named_type,
    is_list_type,
)

from models import AuditEvent, Client, Staff, Surface, outside
from permissions import Public
from schema.declare import DEFINITION, RULE
from tests.leaks.paths import SCHEMA, root
from tests.oracle.clinic import CLINIC, Caller
from tests.oracle.served import TOKENS

Json = dict[str, Any]

OA: Caller = ("oa", Surface.PORTAL)
PASSWORD = "seven herons over the river"


def _id(prefix: str, label: str) -> str:
    return outside(prefix, CLINIC.ids[label])


GOOD: dict[str, Any] = {
    "organization": "east",
    "slug": "east",
    "username": "una.new",
    "password": PASSWORD,
    "currentPassword": PASSWORD,
    "code": "246810",
    "surface": "APP",
    "token": TOKENS.link(CLINIC.ids["link.valid"]),
    "refreshToken": TOKENS.refresh(CLINIC.sessions["ann", Surface.APP], 1),
    "everywhere": True,
    "firstName": "Una",
    "lastName": "Vex",
    "name": "Hearing",
    "email": "una.vex@example.net",
    "contactEmail": "office@example.net",
    "phone": "+31 20 456",
    "dateOfBirth": "1990-05-17",
    "reason": "Moved away.",
    "text": "Prefers to be called.",
    "role": "PRACTITIONER",
    "status": "ACTIVE",
    "orderBy": "NAME",
    "registrationOpen": True,
    "receiveNewClientNotifications": True,
    "secondFactorRequired": False,
    "first": 5,
    "invite": False,
    "validateOnly": True,
    "policy": "GOOD_ROWS",
    "last": None,
    "before": None,
    "search": "ann",
    "departmentId": _id("dep_", "speech"),
    "departmentIds": _id("dep_", "speech"),
    "permissions": "CLIENT_READ",
    "expiresAt": "2026-12-31T23:59:59.5+02:00",
    "practitionerId": _id("stf_", "pr"),
    "clientId": _id("cli_", "cis"),
    "action": "CLIENT_APPROVED",
    "since": "2026-01-01T00:00:00Z",
    "until": "2026-12-31T23:59:59.5+02:00",
    "actorId": _id("stf_", "oa"),
    "subjectId": _id("cli_", "cis"),
    "remove": _id("asc_", "anna+pr.two"),
    "url": "https://partner.example.net/events",
    "events": "CLIENT_APPROVED",
    "state": "ACTIVE",
}
"""What each argument and each field of an input can be; what `id` and `after` are follows."""

_IDS = {
    "clientApprove": _id("cli_", "new"),
    "clientReject": _id("cli_", "new"),
    "clientReactivate": _id("cli_", "gone.kids"),
    "clientUpdate": _id("cli_", "dan"),
    "clientInvitationResend": _id("cli_", "dan"),
    "staffUpdate": _id("stf_", "pr.invited"),
    "staffInvitationResend": _id("stf_", "pr.invited"),
    "staffDeactivate": _id("stf_", "nobody"),
    "staffReactivate": _id("stf_", "former"),
    "departmentReactivate": _id("dep_", "closed"),
}
_OF_TYPE = {
    "Client": _id("cli_", "anna"),
    "Staff": _id("stf_", "pr"),
    "Department": GOOD["departmentId"],
    "Node": _id("cli_", "anna"),
    "ServiceKey": _id("key_", "key.all"),
    "Webhook": _id("hok_", "hook"),
    "WebhookSecret": _id("hok_", "hook"),
    "WebhookDelivery": _id("dlv_", "hook+ann"),
}
_VERSIONS = {
    outside(prefix, row["id"]): row["version"]
    for prefix, model in (("cli_", Client), ("stf_", Staff))
    for row in CLINIC.rows[model]
}
_AFTER = {
    "clients": _id("cur_", "ann"),
    "staff": _id("cur_", "pr"),
    "auditEvents": outside("cur_", CLINIC.rows[AuditEvent][0]["id"]),
    "serviceKeys": _id("cur_", "key.all"),
    "webhooks": _id("cur_", "hook"),
    "clientChanges": outside("cur_", uuid.UUID(int=1)),
    "clientChanged": outside("cur_", uuid.UUID(int=1)),
}


@dataclass(frozen=True, slots=True)
class Place:
    """A leaf in the arguments of a root field: where it is, and the name of its type."""

    kind: str
    field: str
    path: tuple[str, ...]
    type: str
    required: bool

    def __str__(self) -> str:
        return f"{self.field}({'.'.join(self.path)})"

    @property
    def callers(self) -> tuple[Caller, ...]:
        """The strongest role; and nobody, where nobody may ask."""
        said = root(self.kind, self.field).extensions[DEFINITION].metadata[RULE]
        return (OA, None) if isinstance(said, Public) else (OA,)

    @property
    def good(self) -> Any:
        """What could be here."""
        match self.path[-1]:
            case "id":
                of = get_named_type(root(self.kind, self.field).type).name
                return _IDS.get(self.field) or _OF_TYPE[of.removesuffix("Payload")]
            case "after":
                return _AFTER[self.field]
            case "expectedVersion":
                return _VERSIONS[_IDS[self.field]]
        return GOOD[self.path[-1]]


def places(*types: str) -> Iterator[Place]:
    """Every place for a value of these types."""
    for kind, of in (("query", SCHEMA.query_type), ("mutation", SCHEMA.mutation_type)):
        assert of
        for field, definition in of.fields.items():
            for place in _places(kind, field, (), definition.args):
                if place.type in types:
                    yield place


def _places(kind: str, field: str, path: tuple[str, ...], said: Any) -> Iterator[Place]:
    for name, one in said.items():
        named = get_named_type(one.type)
        if isinstance(named, GraphQLInputObjectType):
            yield from _places(kind, field, (*path, name), named.fields)
        else:
            required = isinstance(one.type, GraphQLNonNull)
            yield Place(kind, field, (*path, name), named.name, required)


def asked(place: Place, value: Any) -> tuple[str, Json]:
    """An operation with good arguments everywhere, but for this value in that place."""
    definition = root(place.kind, place.field)
    given = {
        name: _value(place, (name,), said.type, value) for name, said in definition.args.items()
    }
    head = ", ".join(f"${name}: {said.type}" for name, said in definition.args.items())
    arguments = ", ".join(f"{name}: ${name}" for name in given)
    return _document(place, f"{place.kind} Asked({head})", arguments), given


def written(place: Place, literal: str) -> str:
    """The same operation with all its arguments written in the document."""
    said = root(place.kind, place.field).args
    arguments = ", ".join(
        f"{name}: {_literal(place, (name,), one.type, literal)}" for name, one in said.items()
    )
    return _document(place, place.kind, arguments)


def _document(place: Place, head: str, arguments: str) -> str:
    named: Any = get_named_type(root(place.kind, place.field).type)
    # What tells how it went, in the same words wherever it went so.
    below = "__typename"
    if "userErrors" in named.fields:
        below = "userErrors { code message field }"
        if "rows" in named.fields:
            below += f" rows {{ {below} }}"
    elif "totalCount" in named.fields:
        below = "totalCount"
    return f"{head} {{ {place.field}({arguments}) {{ {below} }} }}"


def _value(place: Place, path: tuple[str, ...], type_: Any, value: Any) -> Any:
    if isinstance(type_, GraphQLNonNull):
        return _value(place, path, type_.of_type, value)
    if is_list_type(type_):
        return [_value(place, path, type_.of_type, value)]
    if isinstance(type_, GraphQLInputObjectType):
        return {
            name: _value(place, (*path, name), said.type, value)
            for name, said in type_.fields.items()
        }
    return value if path == place.path else replace(place, path=path).good


def _literal(place: Place, path: tuple[str, ...], type_: Any, literal: str) -> str:
    if isinstance(type_, GraphQLNonNull):
        return _literal(place, path, type_.of_type, literal)
    if is_list_type(type_):
        return f"[{_literal(place, path, type_.of_type, literal)}]"
    if isinstance(type_, GraphQLInputObjectType):
        fields = (
            f"{name}: {_literal(place, (*path, name), said.type, literal)}"
            for name, said in type_.fields.items()
        )
        return f"{{{', '.join(fields)}}}"
    if path == place.path:
        return literal
    good = replace(place, path=path).good
    return str(good) if isinstance(type_, GraphQLEnumType) else json.dumps(good)
