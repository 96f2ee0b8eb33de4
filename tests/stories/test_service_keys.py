"""Service keys: programs act within what they were given, and no further (`0018`)."""

import datetime as dt
from typing import Any

import pytest
from pydantic import SecretStr
from sqlalchemy import select, update

from models import ClientRead, Organization, ServiceKey, Staff, StaffStatus
from tests.keys import CLIENTS, CREATE_KEY, EVERYTHING, REVOKE_KEY, STAFF, issue, key, said
from tests.stories.asking import (
    CLIENT_UPDATE,
    CREATE,
    DEACTIVATE,
    FROM_CLIENT,
    NO_ORGANIZATION_ADMINISTRATORS,
    OA,
    REACTIVATE,
    REINVITE,
    REJECT,
    ROLES,
    STAFF_DEACTIVATE,
    STAFF_REINVITE,
    pairs,
    record,
    refused,
)
from tests.stories.test_audit_trail import told
from tests.stories.test_decisions_4_sessions import LOGOUT
from tests.world import HIRE, PASSWORD, STAFF_UPDATE, Clinic, Json, World, problems, refusal

NAMES = "{ clients(status: null) { totalCount nodes { firstName } } }"
KEYS = """{ serviceKeys { totalCount nodes {
  name status lastUsedAt revokedAt createdBy { __typename displayName }
} } }"""
ME = """{ viewer { surface } serviceKey {
  __typename name prefix status grants { permission department { name } }
} }"""
EDIT = """mutation ($id: ID!) { clientUpdate(id: $id, input: {phone: "+1 555 0188"}) {
  client { phone } userErrors { code message field }
} }"""


async def names(world: World, token: str) -> list[str]:
    """The clients whom the key lists."""
    return [one["firstName"] for one in (await world.do(NAMES, token=token))["nodes"]]


async def code(world: World, token: str, document: str = NAMES, **variables: Any) -> str:
    """The code with which a key is refused; nothing has happened."""
    async with world.unchanged():
        return refusal(await world.ask(document, variables, token))


async def good(world: World, token: str) -> bool:
    """Whether the key is known."""
    answer = await world.ask("{ departments { id } }", token=token)
    assert "data" in answer or refusal(answer) == "UNAUTHENTICATED"
    return "data" in answer


# Making one.


async def test_an_administrator_makes_a_key_whose_token_is_shown_this_once(
    world: World, clinic: Clinic
) -> None:
    payload = await issue(world, clinic, "CLIENT_UPDATE", "CLIENT_READ", departments=["mental"])
    token, made = payload["token"], payload["serviceKey"]
    assert token.startswith(made["prefix"]) and len(token) == 60 > 3 * len(made["prefix"])
    assert made == {
        "id": made["id"],
        "name": "Lab results",
        "displayName": "Lab results",
        "prefix": token[:16],
        "status": "ACTIVE",
        "createdAt": "2026-11-23T12:00:00+00:00",
        "expiresAt": "2027-02-21T12:00:00+00:00",
        "lastUsedAt": None,
        "revokedAt": None,
        "createdBy": {"__typename": "Staff", "displayName": "Olivia Hart"},
        "grants": [
            {"permission": "CLIENT_READ", "department": {"name": "Mental Health"}},
            {"permission": "CLIENT_UPDATE", "department": {"name": "Mental Health"}},
        ],
    }
    kept = await world.written()
    assert token not in kept and token[16:] not in kept


@pytest.mark.parametrize(
    ("wrong", "problem"),
    [
        ({"name": " "}, ("REQUIRED", "input.name")),
        ({"name": "x" * 101}, ("TOO_LONG", "input.name")),
        ({"permissions": []}, ("REQUIRED", "input.permissions")),
        ({"permissions": ["SERVICE_KEY_MANAGE"]}, ("INVALID", "input.permissions.0")),
        (
            {"permissions": ["CLIENT_READ", "ORGANIZATION_UPDATE"], "departments": ["mental"]},
            ("INVALID", "input.permissions.1"),
        ),
        ({"permissions": ["CLIENT_UPDATE"]}, ("INVALID", "input.permissions.0")),
        (
            {"permissions": ["CLIENT_READ", "CLIENT_ASSOCIATE"]},
            ("INVALID", "input.permissions.1"),
        ),
        ({"departments": []}, ("REQUIRED", "input.departmentIds")),
        ({"departments": ["mental", "nowhere"]}, ("NOT_FOUND", "input.departmentIds.1")),
        ({"departments": ["lakeside.mental"]}, ("NOT_FOUND", "input.departmentIds.0")),
        ({"expiresAt": "2026-11-23T12:00:00Z"}, ("INVALID", "input.expiresAt")),
        ({"expiresAt": "2027-11-24T12:00:01Z"}, ("INVALID", "input.expiresAt")),
    ],
)
async def test_what_cannot_be_given_to_a_key_is_said_and_none_is_made(
    world: World, clinic: Clinic, wrong: Json, problem: tuple[str, str]
) -> None:
    variables = {"input": said(clinic, **{"permissions": ["CLIENT_READ"], **wrong})}
    async with world.unchanged():
        payload = await world.do(CREATE_KEY, variables, clinic.token("olivia"))
    assert problems(payload) == [problem]
    assert (payload["serviceKey"], payload["token"]) == (None, None)


@pytest.mark.parametrize(("who", "code"), NO_ORGANIZATION_ADMINISTRATORS)
async def test_nobody_else_makes_lists_or_revokes_keys(
    world: World, clinic: Clinic, who: str | None, code: str
) -> None:
    id = (await issue(world, clinic, "CLIENT_READ"))["serviceKey"]["id"]
    new = {"input": said(clinic, "CLIENT_READ", departments=["mental"])}
    for document, variables in ((CREATE_KEY, new), (KEYS, {}), (REVOKE_KEY, {"id": id})):
        assert await refused(world, clinic, who, document, variables) == code
    if who:
        node = "query ($id: ID!) { node(id: $id) { id } }"
        assert await world.do(node, {"id": id}, clinic.token(who)) is None


async def test_an_answer_with_a_token_is_kept_under_no_idempotency_key(
    world: World, clinic: Clinic
) -> None:
    body = {"query": CREATE_KEY, "variables": {"input": said(clinic, "CLIENT_READ")}}
    headers = {"authorization": f"Bearer {clinic.token('olivia')}", "idempotency-key": "once"}
    async with world.unchanged():
        answer = await world.http.post("/graphql", json=body, headers=headers)
    assert refusal(answer.json()) == "BAD_USER_INPUT"


async def test_a_key_of_another_organization_does_not_exist(world: World, clinic: Clinic) -> None:
    id = (await issue(world, clinic, "CLIENT_READ"))["serviceKey"]["id"]
    lake = clinic.token("lakeside.olivia")
    assert (await world.do(KEYS, token=lake))["totalCount"] == 0
    async with world.unchanged():
        for other in (id, "key_" + "0" * 32, clinic.ids["amy"], "nonsense"):
            payload = await world.do(REVOKE_KEY, {"id": other}, lake)
            assert (payload["serviceKey"], problems(payload)) == (None, [("NOT_FOUND", "id")])


# What it reaches.


async def test_a_key_reaches_what_managers_of_its_departments_reach(
    world: World, clinic: Clinic
) -> None:
    of_mental = await key(world, clinic, *CLIENTS, departments=["mental"])
    of_both = await key(world, clinic, *CLIENTS, departments=["family", "mental"])
    of_all = await key(world, clinic, *CLIENTS)
    for token, like in ((of_mental, "carl"), (of_all, "olivia")):
        assert await names(world, token) == await names(world, clinic.token(like))
    both = {*await names(world, clinic.token("carl")), *await names(world, clinic.token("fred"))}
    assert {*await names(world, of_both)} == both
    assert len(await names(world, of_both)) == len(both)


async def test_a_key_holds_the_chosen_permissions_only(world: World, clinic: Clinic) -> None:
    token = await key(world, clinic, "CLIENT_READ", "CLIENT_UPDATE", departments=["mental"])
    amy = clinic.ids["amy"]
    assert problems(await world.do(EDIT, {"id": amy}, token)) == []
    assert await code(world, token, DEACTIVATE, id=amy) == "FORBIDDEN"
    assert await code(world, token, "{ staff { totalCount } }") == "FORBIDDEN"
    assert await code(world, token, "{ auditEvents { totalCount } }") == "FORBIDDEN"
    rights = "query ($id: ID!) { client(id: $id) { viewerPermissions } }"
    mine = await world.do(rights, {"id": amy}, token)
    assert mine["viewerPermissions"] == ["CLIENT_READ", "CLIENT_UPDATE"]


async def test_one_permission_does_not_stand_in_for_another_within_a_use_case(
    world: World, clinic: Clinic
) -> None:
    token = await key(world, clinic, "CLIENT_READ", "CLIENT_CREATE", departments=["mental"])
    new = {
        "firstName": "Nora",
        "lastName": "Newcomer",
        "dateOfBirth": "1990-05-17",
        "email": "nora@home.example",
        "departmentId": clinic.ids["mental"],
    }
    meeting = pairs(clinic, "practitionerId", ("petra", "mental"))
    async with world.unchanged():
        made = await world.do(CREATE, {"input": {**new, "associations": meeting}}, token)
    assert problems(made) != []
    assert problems(await world.do(CREATE, {"input": new}, token)) == []


async def test_d20_a_key_reactivates_who_was_never_approved_only_if_it_may_approve(
    world: World, clinic: Clinic
) -> None:
    olivia, chloe, amy = clinic.token("olivia"), {"id": clinic.ids["chloe"]}, clinic.ids["amy"]
    await world.do(REJECT, chloe, olivia)
    await world.do(DEACTIVATE, {"id": amy}, olivia)
    status = ("CLIENT_READ", "CLIENT_SET_STATUS")
    tokens = [await key(world, clinic, *status, departments=there) for there in (["mental"], None)]
    for token in tokens:
        for input in ({}, {"departmentId": clinic.ids["mental"]}):
            async with world.unchanged():
                payload = await world.do(REACTIVATE, {**chloe, "input": input}, token)
            assert problems(payload) == [("OUT_OF_SCOPE", "id")]
            assert payload["client"]["status"] == "INACTIVE"
            assert payload["userErrors"][0]["message"] == "This needs CLIENT_APPROVE as well."
    assert problems(await world.do(REACTIVATE, {"id": amy}, tokens[0])) == []
    may = await key(world, clinic, *status, "CLIENT_APPROVE", departments=["mental"])
    assert problems(await world.do(REACTIVATE, chloe, may)) == []
    by = await record(world, clinic, "chloe", "status approvedBy { displayName }")
    assert by == {"status": "ACTIVE", "approvedBy": {"displayName": "Lab results"}}


async def test_d28_a_key_gives_invited_staff_another_address_only_if_it_may_give_their_roles(
    world: World, clinic: Clinic
) -> None:
    chief = {"firstName": "Chief", "lastName": "Invited", "email": "chief@riverside.example"}
    hired = await world.do(
        HIRE, {"input": {**chief, "roles": [{"role": OA}]}}, clinic.token("olivia")
    )
    hr, mine = ("STAFF_READ", "STAFF_UPDATE"), "mine@partner.example"
    await world.new_mail()
    for id, departments in ((hired["staff"]["id"], None), (clinic.ids["wes"], ["family"])):
        token = await key(world, clinic, *hr, departments=departments)
        for email in (mine, clinic.email("carl")):
            async with world.unchanged():
                said = {"firstName": "Other", "email": email}
                payload = await world.do(STAFF_UPDATE, {"id": id, "input": said}, token)
            assert problems(payload) == [("OUT_OF_SCOPE", "input.email")]
            assert "needs STAFF_SET_ROLES as well" in payload["userErrors"][0]["message"]
        renamed = {"id": id, "input": {"firstName": "Other"}}
        assert problems(await world.do(STAFF_UPDATE, renamed, token)) == []
        assert problems(await world.do(STAFF_REINVITE, {"id": id}, token)) == []
    assert [mail.to for mail in await world.new_mail()] == [chief["email"], clinic.email("wes")]
    may = await key(world, clinic, *hr, "STAFF_SET_ROLES", departments=["family"])
    moved = {"id": clinic.ids["wes"], "input": {"email": mine}}
    assert problems(await world.do(STAFF_UPDATE, moved, may)) == []
    await world.only_mail(mine)


async def test_d28_a_key_gives_invited_clients_another_address_only_if_it_may_invite(
    world: World, clinic: Clinic
) -> None:
    una, mine = {"id": clinic.ids["una"]}, "mine@partner.example"
    await world.new_mail()
    edits = ("CLIENT_READ", "CLIENT_UPDATE", "CLIENT_SET_STATUS")
    token = await key(world, clinic, *edits, departments=["family"])

    async def readdress(token: str) -> Any:
        said = {"firstName": "Other", "email": mine}
        return await world.do(CLIENT_UPDATE, {**una, "input": said}, token)

    for move in (DEACTIVATE, REACTIVATE):  # and not meanwhile, to be invited there afterwards
        async with world.unchanged():
            payload = await readdress(token)
        assert problems(payload) == [("OUT_OF_SCOPE", "input.email")]
        assert "needs CLIENT_CREATE as well" in payload["userErrors"][0]["message"]
        assert problems(await world.do(move, una, token)) == []
    await world.only_mail(clinic.email("una"))
    may = await key(world, clinic, *edits, "CLIENT_CREATE", departments=["family"])
    assert problems(await readdress(may)) == []
    await world.only_mail(mine)
    assert problems(await world.do(REINVITE, una, may)) == []
    await world.only_mail(mine)


async def test_a_key_that_sees_clients_and_no_staff_knows_who_meets_them_by_name(
    world: World, clinic: Clinic
) -> None:
    token = await key(world, clinic, "CLIENT_READ", departments=["mental"])
    document = """query ($id: ID!) { client(id: $id) {
      associations { practitioner { displayName %s } }
    } }"""
    found = await world.do(document % "", {"id": clinic.ids["amy"]}, token)
    assert found == {"associations": [{"practitioner": {"displayName": "Petra Staff"}}]}
    assert await code(world, token, document % "email", id=clinic.ids["amy"]) == "FORBIDDEN"
    node = "query ($id: ID!) { node(id: $id) { ... on Staff { displayName } } }"
    assert await world.do(node, {"id": clinic.ids["petra"]}, token)
    assert await world.do(node, {"id": clinic.ids["carl"]}, token) is None


async def test_out_of_its_departments_a_key_finds_nothing_and_changes_nothing(
    world: World, clinic: Clinic
) -> None:
    token = await key(world, clinic, *CLIENTS, *STAFF, departments=["mental"])
    for who in ("ben", "lakeside.amy"):
        id = clinic.ids[who]
        for read in ("client", "node"):
            document = f"query ($id: ID!) {{ {read}(id: $id) {{ id }} }}"
            assert await world.do(document, {"id": id}, token) is None
        async with world.unchanged():
            assert problems(await world.do(EDIT, {"id": id}, token)) == [("NOT_FOUND", "id")]
    async with world.unchanged():
        add = {"add": pairs(clinic, "practitionerId", ("petra", "family"))}
        both = {"id": clinic.ids["chloe"], "input": add}
        assert problems(await world.do(FROM_CLIENT, both, token)) != []
        oa = {"id": clinic.ids["carl"], "input": {"grant": [{"role": OA}]}}
        assert problems(await world.do(ROLES, oa, token)) == [
            ("OUT_OF_SCOPE", "input.grant.0.role")
        ]


async def test_a_key_of_a_department_that_is_closed_reaches_nothing_there(
    world: World, clinic: Clinic
) -> None:
    made = await world.do(
        'mutation { departmentCreate(input: {name: "Night"}) { department { id } } }',
        token=clinic.token("olivia"),
    )
    night = made["department"]["id"]
    token = await key(world, clinic, "CLIENT_READ", departments=[night])
    assert await names(world, token) == []
    closing = "mutation ($id: ID!) { departmentDeactivate(id: $id) { userErrors { code } } }"
    await world.do(closing, {"id": night}, clinic.token("olivia"))
    assert await code(world, token) == "FORBIDDEN"
    assert await good(world, token)


# What it is not.


async def test_a_key_is_nobody_who_is_signed_in(world: World, clinic: Clinic) -> None:
    payload = await issue(world, clinic, *EVERYTHING)
    token = payload["token"]
    answer = await world.ask(ME, token=token)
    assert answer["data"]["viewer"] is None
    assert answer["data"]["serviceKey"]["name"] == "Lab results"
    assert len(answer["data"]["serviceKey"]["grants"]) == len(EVERYTHING)
    for other in (None, clinic.token("olivia"), clinic.token("amy")):
        assert (await world.ask(ME, token=other))["data"]["serviceKey"] is None
    others = await issue(world, clinic, "CLIENT_READ", name="Another")
    node = "query ($id: ID!) { node(id: $id) { id } }"
    assert await world.do(node, {"id": payload["serviceKey"]["id"]}, token)
    assert await world.do(node, {"id": others["serviceKey"]["id"]}, token) is None


@pytest.mark.parametrize(
    "document",
    [
        'mutation { passwordChange(input: {currentPassword: "x", password: "y"}) { username } }',
        'mutation { emailChangeRequest(email: "key@home.example") { accepted } }',
        f'mutation {{ secondFactorBegin(password: "{PASSWORD}") {{ secret }} }}',
        'mutation { secondFactorConfirm(code: "000000") { recoveryCodes } }',
        'mutation { secondFactorRemove(input: {password: "x", code: "0"}) { staff { id } } }',
        'mutation { recoveryCodesRenew(input: {password: "x", code: "0"}) { recoveryCodes } }',
        'mutation { staffSecondFactorReset(id: "@carl") { staff { id } } }',
        'mutation { serviceKeyCreate(input: {name: "x", permissions: [CLIENT_READ]}) { token } }',
        'mutation { serviceKeyRevoke(id: "@key") { serviceKey { id } } }',
        "{ serviceKeys { totalCount } }",
    ],
)
async def test_no_key_manages_sessions_passwords_second_factors_or_keys(
    world: World, clinic: Clinic, document: str
) -> None:
    payload = await issue(world, clinic, *EVERYTHING)
    ids = {"@carl": clinic.ids["carl"], "@key": payload["serviceKey"]["id"]}
    for name, id in ids.items():
        document = document.replace(name, id)
    assert await code(world, payload["token"], document) == "FORBIDDEN"


async def test_a_key_neither_signs_out_nor_requires_a_second_factor(
    world: World, clinic: Clinic
) -> None:
    token = await key(world, clinic, *EVERYTHING)
    async with world.unchanged():
        assert (await world.do(LOGOUT, {"everywhere": True}, token))["userErrors"] == []
        payload = await world.do(
            "mutation { organizationUpdate(input: {secondFactorRequired: true}) "
            "{ userErrors { code message field } } }",
            token=token,
        )
    assert problems(payload) == [("SECOND_FACTOR_OFF", "input.secondFactorRequired")]
    assert await good(world, token)


async def test_a_key_is_asked_for_no_second_factor_where_people_are(
    world: World, clinic: Clinic
) -> None:
    token = await key(world, clinic, "CLIENT_READ")
    await world.database.write(lambda c: c.execute(_required(clinic)))
    assert await code(world, clinic.token("carl")) == "FORBIDDEN"
    assert await names(world, token)


def _required(clinic: Clinic) -> Any:
    its = Organization.id == clinic.key("riverside")
    return update(Organization).where(its).values(second_factor_required=True)


async def test_the_token_of_one_kind_is_none_of_another(world: World, clinic: Clinic) -> None:
    token = await key(world, clinic, "CLIENT_READ")
    for other in ("vta_", "vtr_", "vtl_"):
        assert not await good(world, other + token[4:])
    refreshed = await world.do(
        "mutation ($token: String!) { sessionRefresh(refreshToken: $token) "
        "{ session { accessToken } userErrors { code message field } } }",
        {"token": token},
    )
    assert problems(refreshed) == [("SESSION_EXPIRED", "refreshToken")]
    assert not await good(world, "vtk_" + clinic.token("olivia")[4:])


@pytest.mark.parametrize("forged", ["last", "first", "short", "long", "case"])
async def test_a_token_that_is_not_the_very_one_is_none(
    world: World, clinic: Clinic, forged: str
) -> None:
    token = await key(world, clinic, "CLIENT_READ")
    other = "B" if token[-1] == "A" else "A"
    wrong = {
        "last": token[:-1] + other,
        "first": token[:26] + ("B" if token[26] == "A" else "A") + token[27:],
        "short": token[:-1],
        "long": token + "A",
        "case": token.swapcase(),
    }[forged]
    assert not await good(world, wrong)
    assert await good(world, token)


# When it ends.


async def test_a_revoked_key_is_refused_at_once_and_on_other_servers(
    world: World, clinic: Clinic
) -> None:
    payload = await issue(world, clinic, *CLIENTS)
    token, id = payload["token"], payload["serviceKey"]["id"]
    async with World(world.settings.database_url, world.mailbox) as other:
        assert await names(other, token) == await names(world, token) != []
        world.clock.advance(minutes=1)
        revoked = await world.do(REVOKE_KEY, {"id": id}, clinic.token("oscar"))
        assert revoked["serviceKey"] == {
            "id": id,
            "status": "REVOKED",
            "revokedAt": "2026-11-23T12:01:00+00:00",
        }
        for one in (world, other):
            assert not await good(one, token)
            assert await code(one, token, EDIT, id=clinic.ids["amy"]) == "UNAUTHENTICATED"
    world.clock.advance(minutes=1)
    async with world.unchanged():
        again = await world.do(REVOKE_KEY, {"id": id}, clinic.token("olivia"))
    assert again == revoked


async def test_a_key_ends_when_it_was_said_to(world: World, clinic: Clinic) -> None:
    token = await key(world, clinic, "CLIENT_READ", expiresAt="2026-11-23T13:30:00+01:00")
    longest = await key(world, clinic, "CLIENT_READ", expiresAt="2027-11-24T12:00:00Z")
    world.clock.now += dt.timedelta(minutes=30) - dt.timedelta(microseconds=1)
    assert await good(world, token)
    world.clock.now += dt.timedelta(microseconds=1)
    assert not await good(world, token)
    assert await good(world, longest)


async def test_a_key_stands_still_while_who_made_it_is_no_active_administrator(
    world: World, clinic: Clinic
) -> None:
    token = await key(world, clinic, *CLIENTS, by="oscar")
    olivia = clinic.token("olivia")
    oscar = {"id": clinic.ids["oscar"]}

    async def status() -> str:
        (one,) = (await world.do(KEYS, token=olivia))["nodes"]
        return str(one["status"])

    await world.do(STAFF_DEACTIVATE, oscar, olivia)
    assert (await status(), await good(world, token)) == ("SUSPENDED", False)
    await world.database.write(
        lambda c: c.execute(
            update(Staff).where(Staff.id == clinic.key("oscar")).values(status=StaffStatus.ACTIVE)
        )
    )
    assert (await status(), await good(world, token)) == ("ACTIVE", True)
    there = {"role": "DEPARTMENT_ADMINISTRATOR", "departmentId": clinic.ids["mental"]}
    changes = {"revoke": [{"role": OA}], "grant": [there]}
    payload = await world.do(ROLES, {**oscar, "input": changes}, olivia)
    assert problems(payload) == []
    assert (await status(), await good(world, token)) == ("SUSPENDED", False)


async def test_a_key_outlives_the_secret_that_tokens_of_sessions_are_made_of(
    world: World, clinic: Clinic
) -> None:
    token = await key(world, clinic, "CLIENT_READ")
    fresh = SecretStr("another secret of the tests, 0123456789 abc")
    async with World(world.settings.database_url, world.mailbox, secret_key=fresh) as other:
        assert await good(other, token)
        assert not await good(other, clinic.token("olivia"))


# What is told of it.


async def test_what_a_key_does_is_told_as_done_by_that_key(world: World, clinic: Clinic) -> None:
    payload = await issue(world, clinic, *CLIENTS, departments=["mental"])
    token, id = payload["token"], payload["serviceKey"]["id"]
    approved = await world.approve(clinic.ids["chloe"], token)
    assert problems(approved) == []
    document = """query ($id: ID!) { client(id: $id) {
      approvedBy { __typename displayName ... on ServiceKey { id } }
    } }"""
    for who, by in (
        ("olivia", {"__typename": "ServiceKey", "displayName": "Lab results", "id": id}),
        ("carl", {"__typename": "NamedServiceKey", "displayName": "Lab results"}),
    ):
        found = await world.do(document, {"id": clinic.ids["chloe"]}, clinic.token(who))
        assert found["approvedBy"] == by
    for who, kind in (("olivia", "ServiceKey"), ("dora", "NamedServiceKey")):
        (event, *_) = await told(world, clinic.token(who), action="CLIENT_APPROVED")
        assert event["actorKind"] == "SERVICE_KEY"
        assert event["actor"] == {"__typename": kind, "displayName": "Lab results"}
        assert (event["roles"], event["scope"], event["surface"]) == ([], "DEPARTMENT", None)
    assert len(await told(world, clinic.token("olivia"), actor=id)) == 1
    assert await told(world, clinic.token("dora"), actor=id) == []
    late = await world.approve(clinic.ids["chloe"], clinic.token("olivia"))
    assert "already, by Lab results on 2026-11-23 12:00 UTC" in late["userErrors"][0]["message"]


async def test_what_a_key_creates_and_turns_down_is_its_doing(world: World, clinic: Clinic) -> None:
    token = await key(world, clinic, *CLIENTS)
    new = {
        "firstName": "Nora",
        "lastName": "Newcomer",
        "dateOfBirth": "1990-05-17",
        "email": "nora@home.example",
        "departmentId": clinic.ids["mental"],
    }
    made = (await world.do(CREATE, {"input": new}, token))["client"]
    assert made["approvedBy"] == {"displayName": "Lab results"}
    reject = "mutation ($id: ID!) { clientReject(id: $id) { userErrors { code message field } } }"
    assert problems(await world.do(reject, {"id": clinic.ids["phil"]}, token)) == []
    late = await world.do(reject, {"id": clinic.ids["phil"]}, clinic.token("olivia"))
    assert "rejected already, by Lab results" in late["userErrors"][0]["message"]


async def test_the_trail_tells_of_the_making_and_the_end_of_a_key(
    world: World, clinic: Clinic
) -> None:
    payload = await issue(world, clinic, "CLIENT_READ", departments=["mental"])
    id = payload["serviceKey"]["id"]
    await world.do(REVOKE_KEY, {"id": id}, clinic.token("oscar"))
    for who in ("olivia", "dora"):
        revoked, made = (await told(world, clinic.token(who)))[:2]
        assert made["action"] == "SERVICE_KEY_CREATED"
        assert made["changes"] == [
            {"field": "serviceKeyId", "before": None, "after": id},
            {"field": "name", "redacted": True},
            {"field": "permissions", "before": None, "after": ["CLIENT_READ"]},
            {"field": "departmentIds", "before": None, "after": [clinic.ids["mental"]]},
            {"field": "expiresAt", "before": None, "after": "2027-02-21T12:00:00+00:00"},
        ]
        assert revoked["action"] == "SERVICE_KEY_REVOKED"
        assert revoked["changes"] == [{"field": "serviceKeyId", "before": None, "after": id}]
    assert {one["action"] for one in await told(world, clinic.token("fay"))}.isdisjoint(
        {"SERVICE_KEY_CREATED", "SERVICE_KEY_REVOKED"}
    )


async def test_what_a_key_was_refused_and_whose_records_it_opened_is_noted(
    world: World, clinic: Clinic
) -> None:
    payload = await issue(world, clinic, "CLIENT_READ", departments=["mental"])
    token, id = payload["token"], payload["serviceKey"]["id"]
    document = "query ($id: ID!) { client(id: $id) { id } }"
    await world.do(document, {"id": clinic.ids["amy"]}, token)
    assert await code(world, token, "{ auditEvents { totalCount } }") == "FORBIDDEN"
    (event,) = await told(world, clinic.token("dora"), action="OPERATION_REFUSED")
    assert (event["actorKind"], event["reason"]) == (
        *("SERVICE_KEY", "FORBIDDEN: Query.auditEvents"),
    )
    opened = select(ClientRead.reader_kind, ClientRead.reader_id, ClientRead.surface).where(
        ClientRead.reader_kind == "SERVICE_KEY"
    )
    (read,) = await world.database.read(lambda c: c.execute(opened).all())
    assert ("key_" + read.reader_id.hex, read.surface) == (id, None)


async def test_when_a_key_was_used_is_written_beside_the_work_and_seldom(
    world: World, clinic: Clinic
) -> None:
    token = await key(world, clinic, "CLIENT_READ")
    written = select(ServiceKey.last_used_at)

    async def used() -> Any:
        await world.noted()
        return await world.database.read(lambda c: c.execute(written).scalar_one())

    assert await used() is None
    await names(world, token)
    first = await used()
    assert first == world.clock()
    world.clock.advance(seconds=59)
    await names(world, token)
    assert await used() == first
    world.clock.advance(seconds=1)
    await names(world, token)
    assert await used() == world.clock()
    (one,) = (await world.do(KEYS, token=clinic.token("olivia")))["nodes"]
    assert one["lastUsedAt"] == "2026-11-23T12:01:00+00:00"


async def test_a_key_may_name_its_mutations_so_that_they_are_done_once(
    world: World, clinic: Clinic
) -> None:
    token = await key(world, clinic, *CLIENTS)
    body = {"query": EDIT, "variables": {"id": clinic.ids["amy"]}}
    headers = {"authorization": f"Bearer {token}", "idempotency-key": "once"}
    first = await world.http.post("/graphql", json=body, headers=headers)
    again = await world.http.post("/graphql", json=body, headers=headers)
    assert first.json()["data"] == again.json()["data"]
    changed = await told(world, clinic.token("olivia"), action="CLIENT_UPDATED")
    assert len(changed) == 1
