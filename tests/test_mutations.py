"""Every mutation: what is refused changes nothing anywhere, what is done changes what it should.

Each has a good input, with the tables that it changes and who is written to, and a list of inputs
that are wrong in one way or another, often beside parts that are right. All of them go through the
API; afterwards all rows of all tables are as they were, and nobody got a letter. A mutation without
an entry fails.
"""

from collections.abc import Awaitable, Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import Any

import pytest
from sqlalchemy import select, update

from models import Client, Link, LinkPurpose, Session, WebhookState
from permissions import ForStaff, Requires
from tests.factors import RECOVERY, give, shown, wrong
from tests.hooks import delivery, hook
from tests.keys import REVOKE_KEY, issue
from tests.leaks.paths import SCHEMA, document, root
from tests.test_matrix import rule_of
from tests.world import PASSWORD, Clinic, Json, World

Prepared = dict[str, str]
Prepare = Callable[[World, Clinic], Awaitable[Prepared]]


@dataclass(frozen=True, slots=True)
class Bad:
    """An input that is refused with this code, or answered so and without any effect ("done")."""

    who: str | None
    code: str
    args: Json


@dataclass(frozen=True, slots=True)
class Entry:
    """A mutation. `@amy` in the arguments is the clinic's id of amy, `#name` what was prepared.

    `who` signs in at the portal, or with `amy/APP` on the app. `forbidden`: for whom the good input
    is refused as a whole, beside those of `NEVER` where the field requires a permission. What the
    audit trail is told of each is in `tests.test_audit`.
    """

    who: str | None
    args: Json
    changes: set[str]
    letters: Sequence[str] = ()
    bad: Sequence[Bad] = ()
    forbidden: Sequence[str] = ()
    prepare: Prepare | None = None


NEVER = ("amy", "chloe", "amy/APP", "olivia/APP", "dora/APP")
NOT_CLIENTS = ("norma", "petra", "paul")
NOT_STAFF = (*NOT_CLIENTS, "carl", "fred", "pia")
ONLY_OA = (*NOT_STAFF, "dora", "fay", "twyla")

PRACTITIONER = [{"role": "PRACTITIONER", "departmentId": "@mental"}]
PERSON = {"firstName": "Nora", "lastName": "Newcomer", "email": "nora@home.example"}
NEW = {**PERSON, "dateOfBirth": "1990-05-17"}
FORM = {**NEW, "organization": "riverside"}
KEY = {"name": "Lab", "permissions": ["CLIENT_READ"], "departmentIds": ["@mental", "@mental"]}
LONG = "x" * 2001
NO_DEPARTMENT = "dep_" + "0" * 32

BAD_DETAILS: list[tuple[str, Json]] = [
    ("REQUIRED", {"firstName": " "}),
    ("REQUIRED", {"lastName": ""}),
    ("TOO_LONG", {"lastName": "x" * 101}),
    ("INVALID", {"firstName": "http://evil.example"}),
    ("INVALID", {"firstName": "two\nlines"}),
    ("INVALID", {"email": "nobody"}),
    ("REQUIRED", {"email": ""}),
]
BAD_BIRTHS: list[tuple[str, Json]] = [
    ("INVALID", {"dateOfBirth": "2100-01-01"}),
    ("INVALID", {"dateOfBirth": "1899-12-31"}),
    ("BAD_USER_INPUT", {"dateOfBirth": "2025-02-31"}),
    ("BAD_USER_INPUT", {"dateOfBirth": "yesterday"}),
    ("INVALID", {"phone": "call me"}),
]


def inputs(
    who: str | None, base: Json, wrong: Iterable[tuple[str, Json]], **more: Any
) -> list[Bad]:
    """The good input, with something wrong in it each time."""
    return [Bad(who, code, {**more, "input": {**base, **part}}) for code, part in wrong]


def of(who: str | None, code: str, *ids: str, **more: Any) -> list[Bad]:
    """The same refusal for each of these rows."""
    return [Bad(who, code, {"id": id, **more}) for id in ids]


def roles(*pairs: tuple[str, str | None]) -> list[Json]:
    return [{"role": role} | ({"departmentId": where} if where else {}) for role, where in pairs]


async def token(world: World, clinic: Clinic, name: str, purpose: LinkPurpose) -> str:
    """The token of the last link of somebody."""
    links = await world.database.read(
        lambda c: c.execute(
            select(Link.id)
            .where(Link.account_id == clinic.key(name), Link.purpose == purpose)
            .order_by(Link.created_at, Link.id)
        ).all()
    )
    return world.service.services.tokens.link(links[-1].id)


async def _registered(world: World, clinic: Clinic) -> Prepared:
    """Registrations whose links are good, over, used and replaced; and an invitation."""
    links = {
        "confirm": await world.registered(departmentId=clinic.ids["mental"]),
        "expired": await world.registered("eve@home.example"),
        "used": await world.registered("urs@home.example"),
        "replaced": await world.registered("rex@home.example"),
        "invitation": await token(world, clinic, "una", LinkPurpose.DEFINE_CREDENTIALS),
    }
    assert (await world.confirm(links["used"], "urs.used"))["userErrors"] == []
    payload = await world.do(
        "mutation ($token: String!) { linkResend(token: $token) { accepted } }",
        {"token": links["replaced"]},
    )
    assert payload["accepted"]
    id = world.service.services.tokens.read_link(links["expired"])
    await world.database.write(
        lambda c: c.execute(update(Link).where(Link.id == id).values(expires_at=world.clock()))
    )
    return links


async def _reset(world: World, clinic: Clinic) -> Prepared:
    asked = {"input": {"organization": "riverside", "email": clinic.email("amy")}}
    document = """mutation ($input: PasswordResetRequestInput!) {
      passwordResetRequest(input: $input) { accepted }
    }"""
    resets = []
    for _ in range(2):
        assert (await world.do(document, asked))["accepted"]
        await world.settled()
        resets.append(await token(world, clinic, "amy", LinkPurpose.RESET_PASSWORD))
    replaced, reset = resets
    invitation = await token(world, clinic, "una", LinkPurpose.DEFINE_CREDENTIALS)
    return {"reset": reset, "replaced": replaced, "invitation": invitation}


async def _readdressed(world: World, clinic: Clinic) -> Prepared:
    document = "mutation ($email: String!) { emailChangeRequest(email: $email) { accepted } }"
    for name in ("amy", "ben"):
        new = {"email": f"{name}.new@home.example"}
        assert (await world.do(document, new, clinic.token(name)))["accepted"]
    # What ben asked for is somebody's by the time he confirms it.
    await world.database.write(
        lambda c: c.execute(
            update(Client)
            .where(Client.id == clinic.key("cleo"))
            .values(email="ben.new@home.example", email_key="ben.new@home.example")
        )
    )
    purpose = LinkPurpose.CONFIRM_EMAIL
    return {
        "new": await token(world, clinic, "amy", purpose),
        "taken": await token(world, clinic, "ben", purpose),
        **await _reset(world, clinic),
    }


async def _signed_in(world: World, clinic: Clinic) -> Prepared:
    tokens = world.service.services.tokens
    sessions = await world.database.read(
        lambda c: c.execute(
            select(Session.id, Session.surface).where(Session.account_id == clinic.key("amy"))
        ).all()
    )
    (app,) = (one.id for one in sessions if one.surface == "APP")
    good = tokens.refresh(app, 1)
    return {
        "refresh": good,
        "access": tokens.access(app, 1),
        "altered": good[:-4] + ("aaaa" if good[-4:] != "aaaa" else "bbbb"),
        "nobody": tokens.refresh(clinic.key("amy"), 1),
    }


async def _departments(world: World, clinic: Clinic) -> Prepared:
    """An empty department, one that is closed, and one with an association and no client."""
    made: Prepared = {}
    for name in ("empty", "closed", "met"):
        document = """mutation ($name: String!) {
          departmentCreate(input: {name: $name}) { department { id } }
        }"""
        payload = await world.do(document, {"name": name.title()}, clinic.token("olivia"))
        made[name] = payload["department"]["id"]
    document = "mutation ($id: ID!) { departmentDeactivate(id: $id) { userErrors { code } } }"
    payload = await world.do(document, {"id": made["closed"]}, clinic.token("olivia"))
    assert payload["userErrors"] == []
    document = """mutation ($norma: ID!, $amy: ID!, $met: ID!) {
      staffRolesUpdate(id: $norma, input: {grant: [{role: PRACTITIONER, departmentId: $met}]}) {
        userErrors { code }
      }
      staffAssociationsUpdate(id: $norma, input: {add: [{clientId: $amy}]}) {
        userErrors { code }
      }
    }"""
    ids = {name: clinic.ids[name] for name in ("norma", "amy")}
    answer = await world.ask(document, {**ids, "met": made["met"]}, clinic.token("olivia"))
    assert [one["userErrors"] for one in answer["data"].values()] == [[], []]
    return made


async def _inactive_practitioner(world: World, clinic: Clinic) -> Prepared:
    """One practitioner of family, wes, is inactive."""
    document = "mutation ($id: ID!) { staffDeactivate(id: $id) { userErrors { code } } }"
    payload = await world.do(document, {"id": clinic.ids["wes"]}, clinic.token("olivia"))
    assert payload["userErrors"] == []
    return {}


async def _factors(world: World, clinic: Clinic) -> Prepared:
    """Some have a second factor, and others a secret that awaits its first code."""
    await give(world, clinic, "carl", "dora", "ivan", "olivia")
    await give(world, clinic, "doris", "fred", confirmed=False)
    return {"code": shown(world.clock()), "wrong": wrong(world.clock())}


async def _webhooks(world: World, clinic: Clinic) -> Prepared:
    """Webhooks of mental, of family and of all; one that is paused, and one that has ended."""
    hooks = {
        "hook": await hook(world, clinic, "mental"),
        "family": await hook(world, clinic, "family"),
        "whole": await hook(world, clinic, None),
        "paused": await hook(world, clinic, "mental", state=WebhookState.PAUSED),
        "ended": await hook(world, clinic, "mental", state=WebhookState.ENDED),
    }
    deliveries = {
        f"to-{name}": await delivery(world, clinic, id, "amy") for name, id in hooks.items()
    }
    return hooks | deliveries


HOOK = {
    "name": "Billing",
    "url": "https://partner.example/events",
    "events": ["CLIENT_APPROVED", "CLIENT_CREATED"],
    "departmentId": "@mental",
}
BAD_HOOKS: list[tuple[str, Json]] = [
    ("REQUIRED", {"name": " "}),
    ("TOO_LONG", {"name": "x" * 101}),
    ("INVALID", {"name": "see www.evil.example"}),
    ("INVALID", {"url": ""}),
    ("INVALID", {"url": "partner.example"}),
    ("INVALID", {"url": "ftp://partner.example"}),
    ("INVALID", {"url": "https://user:word@partner.example"}),
    ("INVALID", {"url": "https://partner.example/#part"}),
    ("INVALID", {"url": "https://partner.example/\r\nx: y"}),
    ("TOO_LONG", {"url": f"https://partner.example/{'x' * 2000}"}),
    ("REQUIRED", {"events": []}),
    ("BAD_USER_INPUT", {"events": ["CLIENT_ATE"]}),
]
BAD_HOOK_IDS = [
    *of("dora", "NOT_FOUND", "#whole", "#family", "#to-hook"),
    *of("olivia", "WEBHOOK_ENDED", "#ended"),
]
CLEO = {"clientId": "@cleo", "departmentId": "@mental"}
PETRA = {"practitionerId": "@petra", "departmentId": "@mental"}
PIA = {"practitionerId": "@pia", "departmentId": "@mental"}
BAD_PRACTITIONERS: list[tuple[str, list[Json]]] = [
    ("NOT_FOUND", [PIA, {"practitionerId": "stf_nobody"}]),
    ("NOT_FOUND", [PIA, {"practitionerId": "@lakeside.petra", "departmentId": "@mental"}]),
    ("NOT_FOUND", [PIA, {"practitionerId": "@petra", "departmentId": "@lakeside.mental"}]),
    ("NOT_FOUND", [PIA, {"practitionerId": "@petra", "departmentId": NO_DEPARTMENT}]),
    ("NOT_FOUND", [PIA, {"practitionerId": "@chloe"}]),
    ("NOT_A_PRACTITIONER", [PIA, {"practitionerId": "@dora", "departmentId": "@mental"}]),
    ("NOT_A_PRACTITIONER", [PIA, {"practitionerId": "@petra", "departmentId": "@physio"}]),
    ("NOT_A_PRACTITIONER", [PIA, {"practitionerId": "@carl"}]),
    ("INVALID", [PIA, PIA]),
    ("DEPARTMENT_REQUIRED", [PIA, {"practitionerId": "@petra"}]),
    ("NOT_ACTIVE", [PIA, {"practitionerId": "@wes", "departmentId": "@family"}]),
]


async def _keys(world: World, clinic: Clinic) -> Prepared:
    """A service key that is good, one that is revoked, and one of another organization."""
    made = {
        name: (await issue(world, clinic, "CLIENT_READ", by=by))["serviceKey"]["id"]
        for name, by in (("key", "oscar"), ("revoked", "oscar"), ("theirs", "lakeside.olivia"))
    }
    await world.do(REVOKE_KEY, {"id": made["revoked"]}, clinic.token("olivia"))
    return made


def _client_in(department: str, wrong: list[tuple[str, list[Json]]]) -> list[tuple[str, Json]]:
    return [(code, {"departmentId": department, "associations": rows}) for code, rows in wrong]


OTTO: Json = {
    "firstName": "Otto",
    "lastName": "Other",
    "email": "otto@home.example",
    "dateOfBirth": "1991-01-31",
    "invite": False,
}


def _imports(who: str, wrong: Iterable[tuple[str, Json]]) -> list[Bad]:
    """A row with something wrong in it each time, after one that is good."""
    return [Bad(who, code, {"input": {"clients": [OTTO, {**NEW, **part}]}}) for code, part in wrong]


def _decisions(who: str, code: str, *ids: str, **more: Any) -> list[Bad]:
    """The same refusal for each of these clients, as the only row."""
    return [Bad(who, code, {"input": {"clients": [{"clientId": id, **more}]}}) for id in ids]


CREDENTIALS = {"username": "nora.new", "password": "nine otters under a bridge"}
BAD_CREDENTIALS: list[tuple[str, Json]] = [
    ("TAKEN", {"username": "amy"}),
    ("TAKEN", {"username": "DORA"}),
    ("REQUIRED", {"username": ""}),
    ("INVALID", {"username": "a b"}),
    ("INVALID", {"username": "nora@home.example"}),
    ("PASSWORD_TOO_WEAK", {"password": "short"}),
    ("PASSWORD_TOO_WEAK", {"password": "passwordpassword"}),
    ("PASSWORD_TOO_WEAK", {"password": "x" * 1025}),
    ("LINK_UNKNOWN", {"token": ""}),
    ("LINK_UNKNOWN", {"token": "vtl_" + "A" * 56}),
]

WHO = {"organization": "riverside", "username": "amy", "password": PASSWORD, "surface": "APP"}
BOTH = {"password": PASSWORD, "code": "#code"}
BAD_PROOFS: list[tuple[str, Json]] = [
    ("INVALID_CREDENTIALS", {"password": "not that one at all"}),
    ("INVALID_CREDENTIALS", {"password": "", "code": "#wrong"}),
    ("SECOND_FACTOR_REQUIRED", {"code": ""}),
    ("SECOND_FACTOR_REQUIRED", {"code": " "}),
]
RESET = {"organization": "riverside", "email": "amy@riverside.example"}
HIRED: Json = {**PERSON, "roles": PRACTITIONER}

ENTRIES: dict[str, Entry] = {
    "login": Entry(
        None,
        {"input": WHO},
        {"sessions"},
        prepare=_factors,
        bad=inputs(
            None,
            WHO,
            [
                ("INVALID_CREDENTIALS", {"password": "not that one at all"}),
                ("INVALID_CREDENTIALS", {"password": ""}),
                ("INVALID_CREDENTIALS", {"username": "nobody"}),
                ("INVALID_CREDENTIALS", {"username": "amy@riverside.example"}),
                ("INVALID_CREDENTIALS", {"organization": "solo", "username": "ben"}),
                ("INVALID_CREDENTIALS", {"organization": "no such place"}),
                ("CLIENT_PENDING_APPROVAL", {"username": "chloe"}),
                ("CLIENT_INACTIVE", {"username": "gil"}),
                ("STAFF_INACTIVE", {"username": "ina"}),
                ("SECOND_FACTOR_REQUIRED", {"username": "carl"}),
                ("SECOND_FACTOR_REQUIRED", {"username": "carl", "code": None}),
                ("SECOND_FACTOR_REQUIRED", {"username": "carl", "code": " "}),
                ("INVALID_CREDENTIALS", {"username": "carl", "password": "no", "code": "#code"}),
                ("STAFF_INACTIVE", {"username": "ivan", "code": "#code"}),
                ("BAD_USER_INPUT", {"surface": "KIOSK"}),
            ],
        ),
    ),
    "sessionRefresh": Entry(
        None,
        {"refreshToken": "#refresh"},
        {"sessions"},
        prepare=_signed_in,
        bad=[
            Bad(None, "SESSION_EXPIRED", {"refreshToken": one})
            for one in ("", "vtr_none", "#access", "#altered", "#nobody")
        ],
    ),
    "logout": Entry(
        "amy",
        {"everywhere": True},
        {"sessions"},
        prepare=_signed_in,
        bad=[
            Bad(None, "done", {"refreshToken": one, "everywhere": True})
            for one in ("", "vtr_none", "#access", "#altered", "#nobody")
        ],
    ),
    "clientRegister": Entry(
        None,
        {"input": {**FORM, "departmentId": "@mental"}},
        {"registrations", "links", "letters"},
        ["nora@home.example"],
        prepare=_departments,
        bad=inputs(
            None,
            FORM,
            [
                *BAD_DETAILS,
                *BAD_BIRTHS,
                ("NOT_FOUND", {"organization": "nowhere"}),
                ("NOT_FOUND", {"organization": "../riverside"}),
                ("NOT_FOUND", {"departmentId": "nonsense"}),
                ("NOT_FOUND", {"departmentId": NO_DEPARTMENT}),
                ("NOT_FOUND", {"departmentId": "@lakeside.mental"}),
                ("NOT_FOUND", {"departmentId": "#closed"}),
            ],
        ),
    ),
    "linkResend": Entry(
        None,
        {"token": "#confirm"},
        {"links", "letters"},
        ["nora@home.example"],
        prepare=_registered,
        bad=[Bad(None, "done", {"token": one}) for one in ("", "vtl_" + "A" * 56, "#used")],
    ),
    "registrationConfirm": Entry(
        None,
        {"input": {**CREDENTIALS, "token": "#confirm"}},
        {"registrations", "accounts", "clients", "links", "letters", "notices", "search_words"},
        ["carl", "dora", "olivia", "oscar", "twyla"],
        prepare=_registered,
        bad=inputs(
            None,
            {**CREDENTIALS, "token": "#confirm"},
            [
                *BAD_CREDENTIALS,
                ("LINK_UNKNOWN", {"token": "#invitation"}),
                ("LINK_EXPIRED", {"token": "#expired"}),
                ("LINK_USED", {"token": "#used"}),
                ("LINK_SUPERSEDED", {"token": "#replaced"}),
            ],
        ),
    ),
    "invitationAccept": Entry(
        None,
        {"input": {**CREDENTIALS, "token": "#invitation"}},
        {"accounts", "links", "search_words"},
        prepare=_registered,
        bad=inputs(
            None,
            {**CREDENTIALS, "token": "#invitation"},
            [*BAD_CREDENTIALS, ("LINK_UNKNOWN", {"token": "#confirm"})],
        ),
    ),
    "passwordResetRequest": Entry(
        None,
        {"input": RESET},
        {"links", "letters"},
        ["amy"],
        bad=inputs(
            None,
            RESET,
            [
                ("INVALID", {"email": "nobody"}),
                ("REQUIRED", {"email": ""}),
                ("done", {"email": "nobody@riverside.example"}),
                ("done", {"email": "gil@riverside.example"}),
                ("done", {"email": "ina@riverside.example"}),
                ("done", {"organization": "nowhere"}),
                ("done", {"organization": "lakeside"}),
                ("done", {"organization": "no such place"}),
            ],
        ),
    ),
    "passwordReset": Entry(
        None,
        {"input": {"token": "#reset", "password": CREDENTIALS["password"]}},
        {"accounts", "links", "sessions", "letters"},
        ["amy"],
        prepare=_reset,
        bad=inputs(
            None,
            {"token": "#reset", "password": CREDENTIALS["password"]},
            [
                ("PASSWORD_TOO_WEAK", {"password": "short"}),
                ("PASSWORD_TOO_WEAK", {"password": "amy@riverside.example"}),
                ("LINK_UNKNOWN", {"token": "vtl_none"}),
                ("LINK_UNKNOWN", {"token": "#invitation"}),
                ("LINK_SUPERSEDED", {"token": "#replaced"}),
            ],
        ),
    ),
    "passwordChange": Entry(
        "amy",
        {"input": {"currentPassword": PASSWORD, "password": CREDENTIALS["password"]}},
        {"accounts", "sessions", "letters"},
        ["amy"],
        bad=inputs(
            "amy",
            {"currentPassword": PASSWORD, "password": CREDENTIALS["password"]},
            [
                ("INVALID_CREDENTIALS", {"currentPassword": "not that one at all"}),
                ("PASSWORD_TOO_WEAK", {"password": "short"}),
                ("PASSWORD_TOO_WEAK", {"password": "passwordpassword"}),
            ],
        ),
    ),
    "emailChangeRequest": Entry(
        "amy",
        {"email": "amy.new@home.example"},
        {"links", "letters"},
        ["amy.new@home.example"],
        bad=[
            Bad("amy", "INVALID", {"email": "nobody"}),
            Bad("amy", "INVALID", {"email": "a@b.example\r\nBcc: c@d.example"}),
            Bad("amy", "REQUIRED", {"email": ""}),
        ],
    ),
    "emailChangeConfirm": Entry(
        None,
        {"token": "#new"},
        {"clients", "links", "letters", "search_words"},
        ["amy"],
        prepare=_readdressed,
        bad=[
            Bad(None, "LINK_UNKNOWN", {"token": ""}),
            Bad(None, "LINK_UNKNOWN", {"token": "#reset"}),
            Bad(None, "TAKEN", {"token": "#taken"}),
        ],
    ),
    "secondFactorBegin": Entry(
        "fred",
        {"password": PASSWORD},
        {"second_factors"},
        prepare=_factors,
        bad=[
            Bad("fred", "INVALID_CREDENTIALS", {"password": "not that one at all"}),
            Bad("fred", "INVALID_CREDENTIALS", {"password": ""}),
            Bad("carl", "SECOND_FACTOR_ON", {"password": PASSWORD}),
            Bad("carl", "INVALID_CREDENTIALS", {"password": "not that one at all"}),
        ],
    ),
    "secondFactorConfirm": Entry(
        "fred",
        {"code": "#code"},
        {"second_factors", "recovery_codes", "sessions", "letters"},
        ["fred"],
        prepare=_factors,
        bad=[
            Bad("fred", "INVALID_CODE", {"code": "#wrong"}),
            Bad("fred", "INVALID_CODE", {"code": ""}),
            Bad("fred", "INVALID_CODE", {"code": "1" * 100_000}),
            Bad("fred", "INVALID_CODE", {"code": RECOVERY}),
            Bad("petra", "SECOND_FACTOR_OFF", {"code": "#code"}),
            Bad("carl", "SECOND_FACTOR_ON", {"code": "#code"}),
        ],
    ),
    "secondFactorRemove": Entry(
        "carl",
        {"input": {"password": PASSWORD, "code": "#code"}},
        {"second_factors", "recovery_codes", "sessions", "letters"},
        ["carl"],
        prepare=_factors,
        bad=[
            *inputs("carl", BOTH, BAD_PROOFS),
            *inputs("fred", BOTH, [("SECOND_FACTOR_OFF", {})]),
            *inputs("petra", BOTH, [("SECOND_FACTOR_OFF", {})]),
        ],
    ),
    "recoveryCodesRenew": Entry(
        "carl",
        {"input": {"password": PASSWORD, "code": "#code"}},
        {"second_factors", "recovery_codes", "letters"},
        ["carl"],
        prepare=_factors,
        bad=[
            *inputs("carl", BOTH, BAD_PROOFS),
            *inputs("fred", BOTH, [("SECOND_FACTOR_OFF", {})]),
            *inputs("petra", BOTH, [("SECOND_FACTOR_OFF", {})]),
        ],
    ),
    "staffSecondFactorReset": Entry(
        "dora",
        {"id": "@carl"},
        {"second_factors", "recovery_codes", "sessions", "letters"},
        ["carl"],
        forbidden=NOT_STAFF,
        prepare=_factors,
        bad=[
            *of("dora", "SECOND_FACTOR_OFF", "@doris", "@twyla"),
            *of("dora", "OUT_OF_SCOPE", "@dora", "@petra", "@pia"),
            *of("dora", "NOT_FOUND", "@olivia", "@fay", "@lakeside.carl"),
            *of("olivia", "OUT_OF_SCOPE", "@olivia"),
        ],
    ),
    "clientApprove": Entry(
        "dora",
        {"id": "@chloe", "input": {"associations": [PETRA, PIA]}},
        {"clients", "associations", "letters"},
        ["chloe"],
        forbidden=NOT_CLIENTS,
        prepare=_inactive_practitioner,
        bad=[
            *of("dora", "NOT_PENDING", "@amy", "@gil"),
            *of("dora", "NOT_FOUND", "@phil", "@dan", "@ben", "@lakeside.chloe"),
            *of("dora", "OUT_OF_SCOPE", "@bea"),
            *of("olivia", "DEPARTMENT_REQUIRED", "@dan"),
            *inputs("olivia", {}, _client_in("@mental", BAD_PRACTITIONERS), id="@chloe"),
            *inputs(
                "dora",
                {"associations": [PETRA]},
                [
                    ("OUT_OF_SCOPE", {"departmentId": "@family"}),
                    ("NOT_FOUND", {"departmentId": "@lakeside.mental"}),
                    ("NOT_FOUND", {"departmentId": "nonsense"}),
                ],
                id="@chloe",
            ),
        ],
    ),
    "clientReject": Entry(
        "dora",
        {"id": "@chloe", "reason": "Nobody knows her."},
        {"clients", "decision_reasons", "sessions"},
        forbidden=NOT_CLIENTS,
        bad=[
            *of("dora", "NOT_PENDING", "@amy", "@gil"),
            *of("dora", "NOT_FOUND", "@phil", "@dan", "@lakeside.chloe"),
            *of("dora", "TOO_LONG", "@chloe", reason=LONG),
            *of("dora", "INVALID", "@chloe", reason="a bell\a"),
        ],
    ),
    "clientCreate": Entry(
        "dora",
        {"input": {**NEW, "associations": [PETRA, PIA]}},
        {"accounts", "clients", "associations", "links", "letters", "search_words"},
        ["nora@home.example"],
        forbidden=NOT_CLIENTS,
        prepare=_inactive_practitioner,
        bad=[
            *inputs("dora", {**NEW, "associations": [PETRA]}, [*BAD_DETAILS, *BAD_BIRTHS]),
            *inputs(
                "dora",
                {**NEW, "associations": [PETRA]},
                [
                    ("TAKEN", {"email": "Amy@riverside.example"}),
                    ("TAKEN", {"email": "phil@riverside.example"}),
                    ("OUT_OF_SCOPE", {"departmentId": "@family"}),
                    ("NOT_FOUND", {"departmentId": "@lakeside.mental"}),
                    ("OUT_OF_SCOPE", {"associations": [PIA, {**PETRA, "departmentId": "@family"}]}),
                ],
            ),
            *inputs("olivia", NEW, [("DEPARTMENT_REQUIRED", {})]),
            *inputs("olivia", NEW, _client_in("@mental", BAD_PRACTITIONERS)),
        ],
    ),
    "clientsApprove": Entry(
        "dora",
        {"input": {"clients": [{"clientId": "@chloe", "associations": [PETRA, PIA]}]}},
        {"clients", "associations", "letters"},
        ["chloe"],
        forbidden=NOT_CLIENTS,
        prepare=_inactive_practitioner,
        bad=[
            *_decisions("dora", "NOT_PENDING", "@amy", "@gil"),
            *_decisions("dora", "NOT_FOUND", "@phil", "@dan", "@lakeside.chloe", "nonsense", ""),
            *_decisions("dora", "OUT_OF_SCOPE", "@bea"),
            *_decisions("olivia", "DEPARTMENT_REQUIRED", "@dan"),
            *_decisions("dora", "OUT_OF_SCOPE", "@chloe", departmentId="@family"),
            *_decisions("dora", "NOT_FOUND", "@chloe", associations=[PIA, {"practitionerId": ""}]),
            Bad("dora", "INVALID", {"input": {"clients": []}}),
            Bad("dora", "INVALID", {"input": {"clients": [{"clientId": "@chloe"}] * 101}}),
        ],
    ),
    "clientsReject": Entry(
        "dora",
        {"input": {"clients": [{"clientId": "@chloe", "reason": "Nobody knows her."}]}},
        {"clients", "decision_reasons", "sessions"},
        forbidden=NOT_CLIENTS,
        bad=[
            *_decisions("dora", "NOT_PENDING", "@amy", "@gil"),
            *_decisions("dora", "NOT_FOUND", "@phil", "@dan", "@lakeside.chloe", "nonsense"),
            *_decisions("dora", "TOO_LONG", "@chloe", reason=LONG),
            *_decisions("dora", "INVALID", "@chloe", reason="a bell\a"),
            Bad("dora", "INVALID", {"input": {"clients": []}}),
            Bad("dora", "INVALID", {"input": {"clients": [{"clientId": "@chloe"}] * 101}}),
        ],
    ),
    "clientsImport": Entry(
        "dora",
        {"input": {"clients": [{**NEW, "associations": [PETRA, PIA]}, OTTO]}},
        {"accounts", "clients", "associations", "links", "letters", "search_words"},
        ["nora@home.example"],
        forbidden=NOT_CLIENTS,
        prepare=_inactive_practitioner,
        bad=[
            *_imports("dora", [*BAD_DETAILS, *BAD_BIRTHS]),
            *_imports(
                "dora",
                [
                    ("TAKEN", {"email": "Amy@riverside.example"}),
                    ("TAKEN", {"email": "OTTO@home.example"}),
                    ("OUT_OF_SCOPE", {"departmentId": "@family"}),
                    ("NOT_FOUND", {"departmentId": "@lakeside.mental"}),
                    ("OUT_OF_SCOPE", {"associations": [PIA, {**PETRA, "departmentId": "@family"}]}),
                ],
            ),
            *_imports("olivia", [("DEPARTMENT_REQUIRED", {})]),
            *_imports("olivia", _client_in("@mental", BAD_PRACTITIONERS)),
            Bad("dora", "INVALID", {"input": {"clients": []}}),
            Bad("dora", "INVALID", {"input": {"clients": [OTTO] * 501}}),
            Bad("dora", "BAD_USER_INPUT", {"input": {"clients": [OTTO], "policy": "NEVER"}}),
            Bad("dora", "done", {"input": {"clients": [OTTO], "validateOnly": True}}),
        ],
    ),
    "clientInvitationResend": Entry(
        "fay",
        {"id": "@una"},
        {"links", "letters"},
        ["una"],
        forbidden=NOT_CLIENTS,
        bad=[
            *of("fay", "ALREADY_ONBOARDED", "@ben"),
            *of("fay", "NOT_FOUND", "@amy", "@lakeside.una", "@wes"),
            *of("dora", "NOT_FOUND", "@una"),
        ],
    ),
    "clientUpdate": Entry(
        "dora",
        {"id": "@amy", "input": {"firstName": "Amelia", "phone": "+1 555 0199"}},
        {"clients", "associations", "search_words"},
        forbidden=NOT_CLIENTS,
        bad=[
            *inputs(
                "dora",
                {"firstName": "Amelia"},
                [
                    ("REQUIRED", {"lastName": ""}),
                    ("REQUIRED", {"lastName": None}),
                    ("REQUIRED", {"dateOfBirth": None}),
                    ("REQUIRED", {"departmentId": None}),
                    *BAD_BIRTHS,
                    ("EMAIL_LOCKED", {"email": "amelia@home.example"}),
                    ("INVALID", {"email": "nobody"}),
                    ("OUT_OF_SCOPE", {"departmentId": "@family"}),
                    ("NOT_FOUND", {"departmentId": "@lakeside.mental"}),
                    ("NOT_FOUND", {"departmentId": "nonsense"}),
                ],
                id="@amy",
            ),
            *of("dora", "OUT_OF_SCOPE", "@bea", input={"firstName": "Beata"}),
            *of("dora", "NOT_FOUND", "@ben", "@dan", "@lakeside.amy", input={"phone": None}),
            *of("fay", "TAKEN", "@una", input={"email": "ben@riverside.example"}),
        ],
    ),
    "clientNoteAdd": Entry(
        "dora",
        {"id": "@amy", "input": {"text": "Prefers to be called."}},
        {"client_notes"},
        forbidden=NOT_CLIENTS,
        bad=[
            *inputs(
                "dora",
                {},
                [
                    ("REQUIRED", {"text": " "}),
                    ("TOO_LONG", {"text": LONG}),
                    ("INVALID", {"text": "a bell\a"}),
                    ("INVALID", {"text": "two\nlines"}),
                ],
                id="@amy",
            ),
            *of("dora", "OUT_OF_SCOPE", "@bea", input={"text": "No."}),
            *of("dora", "NOT_FOUND", "@ben", "@phil", "@lakeside.amy", input={"text": "No."}),
        ],
    ),
    "clientDeactivate": Entry(
        "dora",
        {"id": "@amy", "reason": "Moved away."},
        {"clients", "associations", "decision_reasons", "sessions"},
        forbidden=NOT_CLIENTS,
        bad=[
            *of("dora", "NOT_ACTIVE", "@chloe", "@gil"),
            *of("dora", "OUT_OF_SCOPE", "@bea"),
            *of("dora", "NOT_FOUND", "@ben", "@phil", "@lakeside.amy"),
            *of("dora", "TOO_LONG", "@amy", reason=LONG),
            *of("dora", "INVALID", "@amy", reason="a bell\a"),
        ],
    ),
    "clientReactivate": Entry(
        "dora",
        {"id": "@gil"},
        {"clients", "associations"},
        forbidden=NOT_CLIENTS,
        prepare=_inactive_practitioner,
        bad=[
            *of("dora", "NOT_INACTIVE", "@amy", "@chloe"),
            *of("dora", "NOT_FOUND", "@phil", "@lakeside.gil"),
            *of("fay", "NOT_FOUND", "@gil"),
            *inputs("olivia", {}, _client_in("@mental", BAD_PRACTITIONERS), id="@gil"),
            *inputs("dora", {}, [("OUT_OF_SCOPE", {"departmentId": "@family"})], id="@gil"),
        ],
    ),
    "clientAssociationsUpdate": Entry(
        "olivia",
        {"id": "@amy", "input": {"add": [PIA], "remove": ["@amy-petra"]}},
        {"associations"},
        forbidden=NOT_CLIENTS,
        prepare=_inactive_practitioner,
        bad=[
            *inputs(
                "olivia",
                {"remove": ["@cleo-paul"]},
                [(code, {"add": rows}) for code, rows in BAD_PRACTITIONERS],
                id="@cleo",
            ),
            *inputs(
                "olivia",
                {"add": [PIA]},
                [
                    ("ALREADY_ASSOCIATED", {"add": [PIA, {**PETRA, "departmentId": "@family"}]}),
                    ("NOT_FOUND", {"remove": ["@amy-petra", "@ben-petra"]}),
                    ("NOT_FOUND", {"remove": ["@amy-petra", "nonsense"]}),
                    ("NOT_FOUND", {"remove": ["@paul"]}),
                    ("INVALID", {"remove": ["@amy-petra", "@petra"]}),
                    ("INVALID", {"remove": ["@petra"], "change": [PETRA]}),
                    ("NOT_FOUND", {"change": [{"practitionerId": "@paul"}]}),
                    ("NOT_A_PRACTITIONER", {"change": [{**PETRA, "departmentId": "@physio"}]}),
                    ("DEPARTMENT_REQUIRED", {"change": [{"practitionerId": "@petra"}]}),
                ],
                id="@amy",
            ),
            *of("olivia", "NOT_ACTIVE", "@chloe", "@gil", input={"add": [PIA]}),
            *of("dora", "NOT_FOUND", "@ben", "@phil", "@lakeside.amy", input={"add": [PIA]}),
            *of("dora", "NOT_FOUND", "@bea", input={"remove": ["@bea-pia", "@bea-petra"]}),
            *of("fay", "NOT_FOUND", "@bea", input={"remove": ["@bea-petra", "@pia"]}),
        ],
    ),
    "staffAssociationsUpdate": Entry(
        "olivia",
        {
            "id": "@petra",
            "input": {
                "add": [{"clientId": "@cleo", "departmentId": "@mental"}],
                "remove": ["@amy-petra"],
                "change": [{"clientId": "@ben", "departmentId": "@mental"}],
            },
        },
        {"associations"},
        forbidden=NOT_CLIENTS,
        bad=[
            *inputs(
                "olivia",
                {"remove": ["@amy-petra"]},
                [
                    ("NOT_FOUND", {"add": [{"clientId": "@lakeside.cleo"}]}),
                    ("NOT_FOUND", {"add": [{"clientId": "nonsense"}]}),
                    ("NOT_ACTIVE", {"add": [{"clientId": "@chloe", "departmentId": "@mental"}]}),
                    ("ALREADY_ASSOCIATED", {"add": [{**CLEO, "clientId": "@ben"}]}),
                    ("DEPARTMENT_REQUIRED", {"add": [{"clientId": "@cleo"}]}),
                    ("NOT_A_PRACTITIONER", {"add": [{**CLEO, "departmentId": "@physio"}]}),
                    ("NOT_FOUND", {"remove": ["@amy-petra", "@cleo-paul"]}),
                    ("INVALID", {"remove": ["@amy-petra", "@amy"]}),
                    ("NOT_FOUND", {"change": [{"clientId": "@cleo", "departmentId": "@mental"}]}),
                ],
                id="@petra",
            ),
            *of("dora", "NOT_FOUND", "@paul", "@fay", "@lakeside.petra", input={}),
            *of("dora", "NOT_FOUND", "@petra", input={"remove": ["@amy-petra", "@ben-petra"]}),
            *of(
                "dora",
                "OUT_OF_SCOPE",
                "@petra",
                input={
                    "remove": ["@amy-petra"],
                    "add": [{"clientId": "@bea", "departmentId": "@family"}],
                },
            ),
            *of(
                "olivia",
                "NOT_A_PRACTITIONER",
                "@dora",
                input={"add": [{"clientId": "@amy", "departmentId": "@mental"}]},
            ),
        ],
    ),
    "staffCreate": Entry(
        "dora",
        {"input": HIRED},
        {"accounts", "staff", "role_grants", "links", "letters", "search_words"},
        ["nora@home.example"],
        forbidden=NOT_STAFF,
        bad=[
            *inputs("dora", HIRED, BAD_DETAILS),
            *inputs(
                "dora",
                HIRED,
                [
                    ("REQUIRED", {"roles": []}),
                    ("TAKEN", {"email": "paul@riverside.example"}),
                    ("DEPARTMENT_REQUIRED", {"roles": roles(("CARE_COORDINATOR", None))}),
                ],
            ),
            *inputs(
                "dora",
                HIRED,
                [
                    (code, {"roles": [*PRACTITIONER, *roles(wrong)]})
                    for code, wrong in (
                        ("OUT_OF_SCOPE", ("ORGANIZATION_ADMINISTRATOR", None)),
                        ("OUT_OF_SCOPE", ("PRACTITIONER", "@family")),
                        ("NOT_FOUND", ("PRACTITIONER", "@lakeside.mental")),
                        ("NOT_FOUND", ("PRACTITIONER", "nonsense")),
                        ("INVALID", ("PRACTITIONER", "@mental")),
                        ("BAD_USER_INPUT", ("EMPEROR", "@mental")),
                    )
                ],
            ),
            *inputs(
                "olivia",
                HIRED,
                [("INVALID", {"roles": roles(("ORGANIZATION_ADMINISTRATOR", "@mental"))})],
            ),
        ],
    ),
    "staffUpdate": Entry(
        "dora",
        {"id": "@carl", "input": {"firstName": "Carlo", "receiveNewClientNotifications": False}},
        {"staff", "search_words"},
        bad=[
            *inputs(
                "dora",
                {"receiveNewClientNotifications": False},
                [
                    ("REQUIRED", {"firstName": ""}),
                    ("REQUIRED", {"lastName": None}),
                    ("REQUIRED", {"receiveNewClientNotifications": None}),
                    ("EMAIL_LOCKED", {"email": "carlo@home.example"}),
                    ("INVALID", {"email": "nobody"}),
                ],
                id="@carl",
            ),
            *of("dora", "OUT_OF_SCOPE", "@dora", input={"firstName": "Dorothea"}),
            *of("dora", "OUT_OF_SCOPE", "@pia", "@petra", input={"firstName": "P"}),
            *of("dora", "NOT_FOUND", "@olivia", "@fay", "@lakeside.carl", input={"firstName": "X"}),
            *of("carl", "OUT_OF_SCOPE", "@dora", "@petra", input={"firstName": "X"}),
            *of("petra", "OUT_OF_SCOPE", "@petra", input={"firstName": "X"}),
            *of("petra", "NOT_FOUND", "@dora", input={"receiveNewClientNotifications": False}),
            *of("fay", "TAKEN", "@wes", input={"email": "paul@riverside.example"}),
        ],
    ),
    "staffRolesUpdate": Entry(
        "olivia",
        {
            "id": "@carl",
            "input": {
                "grant": roles(("PRACTITIONER", "@mental")),
                "revoke": roles(("CARE_COORDINATOR", "@mental")),
            },
        },
        {"role_grants", "staff"},
        forbidden=NOT_STAFF,
        bad=[
            *inputs(
                "dora",
                {"grant": roles(("PRACTITIONER", "@mental"))},
                [
                    ("NOT_FOUND", {"revoke": roles(("PRACTITIONER", "@mental"))}),
                    ("OUT_OF_SCOPE", {"revoke": roles(("CARE_COORDINATOR", "@family"))}),
                    ("DEPARTMENT_REQUIRED", {"revoke": roles(("CARE_COORDINATOR", None))}),
                ]
                + [
                    (code, {"grant": [*roles(("PRACTITIONER", "@mental")), *roles(wrong)]})
                    for code, wrong in (
                        ("OUT_OF_SCOPE", ("ORGANIZATION_ADMINISTRATOR", None)),
                        ("OUT_OF_SCOPE", ("PRACTITIONER", "@family")),
                        ("NOT_FOUND", ("PRACTITIONER", "@lakeside.mental")),
                        ("NOT_FOUND", ("PRACTITIONER", "nonsense")),
                        ("INVALID", ("PRACTITIONER", "@mental")),
                    )
                ],
                id="@carl",
            ),
            *of("dora", "OUT_OF_SCOPE", "@dora", input={"grant": PRACTITIONER}),
            *of("dora", "NOT_FOUND", "@olivia", "@fay", "@lakeside.carl", input={"grant": []}),
            *of(
                "olivia",
                "HAS_ASSOCIATIONS",
                "@petra",
                input={
                    "grant": roles(("CARE_COORDINATOR", "@physio")),
                    "revoke": roles(("PRACTITIONER", "@mental")),
                },
            ),
            *of(
                "solo.olivia",
                "LAST_ORGANIZATION_ADMINISTRATOR",
                "@solo.olivia",
                input={
                    "grant": roles(("PRACTITIONER", "@solo.general")),
                    "revoke": roles(("ORGANIZATION_ADMINISTRATOR", None)),
                },
            ),
        ],
    ),
    "staffInvitationResend": Entry(
        "fay",
        {"id": "@wes"},
        {"links", "letters"},
        ["wes"],
        forbidden=NOT_STAFF,
        bad=[
            *of("fay", "ALREADY_ONBOARDED", "@fred"),
            *of("fay", "OUT_OF_SCOPE", "@petra"),
            *of("fay", "NOT_FOUND", "@olivia", "@dora", "@lakeside.wes", "@una"),
            *of("dora", "NOT_FOUND", "@wes"),
        ],
    ),
    "staffDeactivate": Entry(
        "dora",
        {"id": "@carl"},
        {"staff", "sessions"},
        forbidden=NOT_STAFF,
        bad=[
            *of("dora", "NOT_ACTIVE", "@ivan"),
            *of("dora", "OUT_OF_SCOPE", "@petra", "@dora", "@pia"),
            *of("dora", "NOT_FOUND", "@olivia", "@fay", "@lakeside.carl"),
            *of("olivia", "HAS_ASSOCIATIONS", "@petra", "@paul"),
            *of("solo.olivia", "LAST_ORGANIZATION_ADMINISTRATOR", "@solo.olivia"),
        ],
    ),
    "staffReactivate": Entry(
        "dora",
        {"id": "@ivan"},
        {"staff"},
        forbidden=NOT_STAFF,
        bad=[
            *of("dora", "NOT_INACTIVE", "@carl"),
            *of("dora", "NOT_FOUND", "@ina", "@fay", "@lakeside.ivan"),
            *of("fay", "NOT_FOUND", "@ivan"),
        ],
    ),
    "departmentCreate": Entry(
        "olivia",
        {"input": {"name": "Cardiology"}},
        {"departments"},
        forbidden=ONLY_OA,
        bad=inputs(
            "olivia",
            {},
            [
                ("REQUIRED", {"name": ""}),
                ("TOO_LONG", {"name": "x" * 101}),
                ("INVALID", {"name": "www.evil.example"}),
                ("TAKEN", {"name": "MENTAL Health"}),
            ],
        ),
    ),
    "departmentUpdate": Entry(
        "olivia",
        {"id": "@mental", "input": {"name": "Psychology"}},
        {"departments"},
        forbidden=ONLY_OA,
        bad=[
            *inputs(
                "olivia",
                {},
                [("REQUIRED", {"name": ""}), ("TAKEN", {"name": "physiotherapy"})],
                id="@mental",
            ),
            *of("olivia", "NOT_FOUND", "@lakeside.mental", "@riverside", input={"name": "Ours"}),
        ],
    ),
    "departmentDeactivate": Entry(
        "olivia",
        {"id": "#empty"},
        {"departments"},
        forbidden=ONLY_OA,
        prepare=_departments,
        bad=[
            *of("olivia", "HAS_CLIENTS", "@family", "@mental", "@physio"),
            *of("olivia", "HAS_ASSOCIATIONS", "#met"),
            *of("olivia", "NOT_FOUND", "@lakeside.mental"),
            *of("solo.olivia", "LAST_DEPARTMENT", "@solo.general"),
        ],
    ),
    "departmentReactivate": Entry(
        "olivia",
        {"id": "#closed"},
        {"departments"},
        forbidden=ONLY_OA,
        prepare=_departments,
        bad=[
            *of("olivia", "NOT_FOUND", "@lakeside.mental"),
            *of("olivia", "done", "@mental"),
        ],
    ),
    "organizationUpdate": Entry(
        "olivia",
        {"input": {"name": "Rivermouth Clinic", "registrationOpen": False}},
        {"organizations"},
        forbidden=ONLY_OA,
        bad=inputs(
            "olivia",
            {"name": "Rivermouth Clinic"},
            [
                ("REQUIRED", {"name": ""}),
                ("REQUIRED", {"name": None}),
                ("REQUIRED", {"registrationOpen": None}),
                ("INVALID", {"contactEmail": "nobody"}),
                ("REQUIRED", {"secondFactorRequired": None}),
                ("SECOND_FACTOR_OFF", {"secondFactorRequired": True}),
            ],
        ),
    ),
    "serviceKeyCreate": Entry(
        "olivia",
        {"input": KEY},
        {"accounts", "service_keys", "service_key_grants"},
        forbidden=ONLY_OA,
        bad=inputs(
            "olivia",
            KEY,
            [
                ("REQUIRED", {"name": ""}),
                ("INVALID", {"name": "www.evil.example"}),
                ("REQUIRED", {"permissions": []}),
                ("INVALID", {"permissions": ["SERVICE_KEY_MANAGE"]}),
                ("INVALID", {"permissions": ["CLIENT_UPDATE"]}),
                ("INVALID", {"permissions": ["ORGANIZATION_UPDATE"]}),
                ("BAD_USER_INPUT", {"permissions": ["EVERYTHING"]}),
                ("REQUIRED", {"departmentIds": []}),
                ("NOT_FOUND", {"departmentIds": ["@mental", "@lakeside.mental"]}),
                ("INVALID", {"expiresAt": "2026-11-23T11:59:59Z"}),
                ("INVALID", {"expiresAt": "2028-01-01T00:00:00Z"}),
            ],
        ),
    ),
    "serviceKeyRevoke": Entry(
        "olivia",
        {"id": "#key"},
        {"service_keys"},
        forbidden=ONLY_OA,
        prepare=_keys,
        bad=[
            *of("olivia", "NOT_FOUND", "#theirs"),
            *of("olivia", "done", "#revoked"),
        ],
    ),
    "webhookCreate": Entry(
        "dora",
        {"input": HOOK},
        {"webhooks"},
        forbidden=NOT_STAFF,
        bad=[
            *inputs("dora", HOOK, BAD_HOOKS),
            *inputs(
                "dora",
                HOOK,
                [
                    ("OUT_OF_SCOPE", {"departmentId": None}),
                    ("OUT_OF_SCOPE", {"departmentId": "@family"}),
                    ("NOT_FOUND", {"departmentId": "@lakeside.mental"}),
                    ("NOT_FOUND", {"departmentId": "nonsense"}),
                ],
            ),
        ],
    ),
    "webhookUpdate": Entry(
        "dora",
        {"id": "#hook", "input": {"name": "Others", "events": ["CLIENT_CREATED"]}},
        {"webhooks"},
        forbidden=NOT_STAFF,
        prepare=_webhooks,
        bad=[
            *inputs("dora", {"name": "Others"}, BAD_HOOKS, id="#hook"),
            *inputs(
                "dora",
                {"name": "Others"},
                [("REQUIRED", {name: None}) for name in ("name", "url", "events")],
                id="#hook",
            ),
            *of("dora", "NOT_FOUND", "#whole", "#family", "#to-hook", input={"name": "Others"}),
            *of("olivia", "WEBHOOK_ENDED", "#ended", input={"name": "Others"}),
            *of("dora", "done", "#hook", input={}),
        ],
    ),
    "webhookSecretRotate": Entry(
        "dora",
        {"id": "#hook"},
        {"webhooks"},
        forbidden=NOT_STAFF,
        prepare=_webhooks,
        bad=BAD_HOOK_IDS,
    ),
    "webhookPause": Entry(
        "dora",
        {"id": "#hook"},
        {"webhooks"},
        forbidden=NOT_STAFF,
        prepare=_webhooks,
        bad=[*BAD_HOOK_IDS, *of("dora", "done", "#paused")],
    ),
    "webhookResume": Entry(
        "dora",
        {"id": "#paused"},
        {"webhooks"},
        forbidden=NOT_STAFF,
        prepare=_webhooks,
        bad=[*BAD_HOOK_IDS, *of("dora", "done", "#hook")],
    ),
    "webhookEnd": Entry(
        "dora",
        {"id": "#hook"},
        {"webhooks"},
        forbidden=NOT_STAFF,
        prepare=_webhooks,
        bad=BAD_HOOK_IDS,
    ),
    "webhookDeliveryReplay": Entry(
        "dora",
        {"id": "#to-paused"},
        {"deliveries"},
        forbidden=NOT_STAFF,
        prepare=_webhooks,
        bad=[
            *of("dora", "NOT_FOUND", "#to-whole", "#to-family", "#paused"),
            *of("olivia", "WEBHOOK_ENDED", "#to-ended"),
        ],
    ),
}  # fmt: skip

assert SCHEMA.mutation_type
MUTATIONS = sorted(SCHEMA.mutation_type.fields)


def test_every_mutation_has_an_entry() -> None:
    assert sorted(ENTRIES) == MUTATIONS


@pytest.mark.parametrize("name", MUTATIONS)
async def test_refused_changes_nothing_and_done_changes_what_it_should(
    world: World, clinic: Clinic, name: str
) -> None:
    entry = ENTRIES[name]
    prepared = await entry.prepare(world, clinic) if entry.prepare else {}

    asking = Asking(world, clinic, prepared)

    async with world.unchanged():
        for bad in [*_refused_to_all(name, entry), *entry.bad]:
            assert bad.code in await asking.told(name, bad.who, bad.args), bad
    before = await world.snapshot()
    mails = len(await world.mail())
    assert await asking.told(name, entry.who, entry.args) == ["done"]
    after = await world.snapshot()
    changed = {table for table, rows in before.items() if rows != after[table]}
    assert changed - {"audit_events"} == entry.changes
    letters = (await world.mail())[mails:]
    told_by_mail = [mail.to.removesuffix("@riverside.example") for mail in letters]
    assert sorted(told_by_mail) == sorted(entry.letters)


@dataclass(frozen=True, slots=True)
class Asking:
    """Asks for mutations in a clinic, with what was prepared there."""

    world: World
    clinic: Clinic
    prepared: Prepared

    async def told(self, name: str, who: str | None, args: Json) -> list[str]:
        """The codes that the answer holds, of the operation's errors or the payload's."""
        types = {one: str(root("mutation", name).args[one].type) for one in args}
        said = _filled(args, self.clinic.ids, self.prepared)
        # Whoever is nobody may not ask for as much, and is refused before anything is said.
        refused = who is None and rule_of("Mutation", name).restricts
        text = document("mutation", name, types, set(), 2 if refused else 3)[0]
        # What was wrong row by row is a level further down, where nobody may ask for everything.
        text = text.replace(" rows { ", " rows { userErrors { code } ")
        answer = await self.world.ask(text, said, _token(self.clinic, who))
        if "errors" in answer:
            return [error["extensions"]["code"] for error in answer["errors"]]
        payload = answer["data"][name]
        told = [payload, *payload.get("rows", ())]
        return [error["code"] for one in told for error in one["userErrors"]] or ["done"]


def _refused_to_all(name: str, entry: Entry) -> list[Bad]:
    """The good input by those who may not, and on rows that are none."""
    refused = []
    rule = rule_of("Mutation", name)
    if rule.restricts:
        refused.append(Bad(None, "UNAUTHENTICATED", entry.args))
    if isinstance(rule, ForStaff):
        refused += [Bad(who, "FORBIDDEN", entry.args) for who in ("amy", "chloe", "amy/APP")]
    if isinstance(rule, Requires):
        clients = [who for who in NEVER if who.startswith(("amy", "chloe"))]
        # Of their own record every staff member may change something, also on the app.
        nobody = clients if rule.own else NEVER
        refused += [Bad(who, "FORBIDDEN", entry.args) for who in (*nobody, *entry.forbidden)]
    if "id" in root("mutation", name).args:
        assert entry.who
        refused.append(Bad("lakeside.olivia", "NOT_FOUND", entry.args))
        good = entry.args["id"]
        odd = ("", "nonsense", "cli_", "dep_" + "f" * 32, "stf_" + "0" * 32, "' OR 1=1 --", "☃")
        for one in (*odd, f"^{good}", "@riverside", "@amy-petra"):
            refused.append(Bad(entry.who, "NOT_FOUND", {**entry.args, "id": one}))
    return refused


def _token(clinic: Clinic, who: str | None) -> str | None:
    if who is None:
        return None
    name, _, surface = who.partition("/")
    return clinic.token(name, surface or "PORTAL")


def _filled(said: Any, ids: Json, prepared: Prepared) -> Any:
    """The arguments with the ids and tokens that they name; `^` spells one in capitals."""
    if isinstance(said, dict):
        return {key: _filled(value, ids, prepared) for key, value in said.items()}
    if isinstance(said, list):
        return [_filled(value, ids, prepared) for value in said]
    if isinstance(said, str) and said.startswith("^"):
        return _filled(said[1:], ids, prepared).upper()
    if isinstance(said, str) and said.startswith("@"):
        return ids[said[1:]]
    if isinstance(said, str) and said.startswith("#"):
        return prepared[said[1:]]
    return said
