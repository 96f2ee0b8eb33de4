"""Who did what is told to administrators, and whose records were opened is kept (E8, E21)."""

from typing import Any

import pytest
from sqlalchemy import select

from models import ClientRead
from resolvers import notes
from tests.stories.asking import CLIENT_UPDATE, CREATE, DEACTIVATE, FROM_CLIENT, ROLES
from tests.stories.test_decisions_4_sessions import LOGOUT, REFRESH, signed_in
from tests.stories.test_decisions_7_own_account import BETTER, CHANGE
from tests.waiting import PATIENCE
from tests.world import STAFF_UPDATE, START, Clinic, Json, World, problems, refusal

EVENTS = """
query (
  $action: [AuditAction!], $actor: ID, $subject: ID, $department: ID, $since: DateTime,
  $until: DateTime, $first: Int = 10
) {
  auditEvents(
    action: $action, actorId: $actor, subjectId: $subject, departmentId: $department,
    since: $since, until: $until, first: $first
  ) {
    totalCount
    nodes {
      action at actorKind roles scope surface reason times changes
      actor { __typename displayName } client { id } staff { id } department { name }
    }
  }
}
"""
OPENED = 11
"""How many records administrators opened while they made the clinic."""

CLIENT = "query ($id: ID!) { client(id: $id) { id } }"
NODE = "query ($id: ID!) { node(id: $id) { id } }"


@pytest.fixture(autouse=True)
def _gathered(monkeypatch: pytest.MonkeyPatch) -> None:
    """What is refused in a test is of one moment, however busy the machine is."""
    monkeypatch.setattr(notes, "MOMENT", PATIENCE)


async def told(world: World, token: str, **filters: Any) -> list[Json]:
    """The events that somebody reads, the newest first."""
    await world.noted()
    nodes: list[Json] = (await world.do(EVENTS, filters, token))["nodes"]
    return nodes


async def renamed(world: World, clinic: Clinic, client: str, by: str) -> None:
    said = {"id": clinic.ids[client], "input": {"firstName": "Renamed"}}
    assert (await world.do(CLIENT_UPDATE, said, clinic.token(by)))["userErrors"] == []


# Who reads what.


async def test_an_administrator_reads_who_did_what_and_when(world: World, clinic: Clinic) -> None:
    world.clock.advance(minutes=1)
    said = {"id": clinic.ids["amy"], "reason": "Moved away, to her sister's."}
    await world.do(DEACTIVATE, said, clinic.token("dora"))
    (event, *_) = await told(world, clinic.token("olivia"), subject=clinic.ids["amy"])
    assert event == {
        "action": "CLIENT_DEACTIVATED",
        "at": "2026-11-23T12:01:00+00:00",
        "actorKind": "STAFF",
        "actor": {"__typename": "Staff", "displayName": "Dora Staff"},
        "roles": ["DEPARTMENT_ADMINISTRATOR"],
        "scope": "DEPARTMENT",
        "surface": "PORTAL",
        "client": {"id": clinic.ids["amy"]},
        "staff": None,
        "department": None,
        "changes": [
            {"field": "status", "before": "ACTIVE", "after": "INACTIVE"},
            {"field": "statusReason", "redacted": True},
        ],
        "reason": "GIVEN",
        "times": 1,
    }


async def test_a_department_administrator_reads_of_their_departments(
    world: World, clinic: Clinic
) -> None:
    for client, by in (("amy", "olivia"), ("ben", "olivia"), ("cleo", "olivia")):
        await renamed(world, clinic, client, by)
    for who, expected in (("dora", ["amy"]), ("fay", ["ben"]), ("olivia", ["cleo", "ben", "amy"])):
        events = await told(world, clinic.token(who), action="CLIENT_UPDATED")
        assert [one["client"]["id"] for one in events] == [clinic.ids[name] for name in expected]
    assert await told(world, clinic.token("lakeside.olivia"), action="CLIENT_UPDATED") == []


async def test_of_who_acted_out_of_reach_there_is_the_name(world: World, clinic: Clinic) -> None:
    await renamed(world, clinic, "amy", "olivia")
    (event,) = await told(world, clinic.token("dora"), action="CLIENT_UPDATED")
    assert event["actor"] == {"__typename": "NamedActor", "displayName": "Olivia Hart"}
    assert await told(world, clinic.token("dora"), actor=clinic.ids["olivia"]) == []


@pytest.mark.parametrize(
    "who", ["carl", "petra", "norma", "amy", "chloe", "olivia/APP", "dora/APP", None]
)
async def test_nobody_else_reads_it(world: World, clinic: Clinic, who: str | None) -> None:
    name, _, surface = (who or "").partition("/")
    token = clinic.token(name, surface or "PORTAL") if who else None
    answer = await world.ask(EVENTS, {}, token)
    assert refusal(answer) == ("FORBIDDEN" if who else "UNAUTHENTICATED")


async def test_who_was_not_sure_concerns_no_department(world: World, clinic: Clinic) -> None:
    await renamed(world, clinic, "dan", "olivia")
    for who in ("dora", "fay"):
        assert await told(world, clinic.token(who), action="CLIENT_UPDATED") == []
    assert len(await told(world, clinic.token("olivia"), action="CLIENT_UPDATED")) == 1


async def test_who_moves_is_told_of_in_both_departments(world: World, clinic: Clinic) -> None:
    said = {"id": clinic.ids["amy"], "input": {"departmentId": clinic.ids["physio"]}}
    await world.do(CLIENT_UPDATE, said, clinic.token("olivia"))
    remove = {"id": clinic.ids["amy"], "input": {"remove": [clinic.ids["petra"]]}}
    await world.do(FROM_CLIENT, remove, clinic.token("olivia"))
    (event,) = await told(world, clinic.token("dora"), action="CLIENT_UPDATED")
    moved = {"before": clinic.ids["mental"], "after": clinic.ids["physio"]}
    assert event["changes"] == [{"field": "departmentId", **moved}]
    assert event["client"] is None, "out of reach by now"
    there = await told(world, clinic.token("olivia"), department=clinic.ids["physio"])
    assert there[0]["action"] == "CLIENT_UPDATED"
    # What is not reached names nothing, although events of it are read.
    assert await told(world, clinic.token("dora"), subject=clinic.ids["amy"]) == []


async def test_an_association_is_told_of_in_its_own_department(
    world: World, clinic: Clinic
) -> None:
    """Bea is of family; that she meets pia in mental is not family's to know (`D9`)."""
    remove = {"id": clinic.ids["bea"], "input": {"remove": [clinic.ids["pia"]]}}
    await world.do(FROM_CLIENT, remove, clinic.token("olivia"))
    (event,) = await told(world, clinic.token("dora"), action="ASSOCIATION_REMOVED")
    assert event["changes"][0]["before"] == clinic.ids["mental"]
    assert await told(world, clinic.token("fay"), action="ASSOCIATION_REMOVED") == []


async def test_roles_are_told_of_where_they_were_and_are_held(world: World, clinic: Clinic) -> None:
    grant = [{"role": "CARE_COORDINATOR", "departmentId": clinic.ids["family"]}]
    said = {"id": clinic.ids["carl"], "input": {"grant": grant}}
    await world.do(ROLES, said, clinic.token("olivia"))
    for who in ("dora", "fay"):
        (event,) = await told(world, clinic.token(who), action="STAFF_ROLES_UPDATED")
        assert event["staff"] == {"id": clinic.ids["carl"]}
        (change,) = event["changes"]
        assert [one["departmentId"] for one in change["before"]] == [clinic.ids["mental"]]
        assert len(change["after"]) == 2


# Finding.


async def test_events_are_found_by_who_on_whom_where_and_when(world: World, clinic: Clinic) -> None:
    olivia, ids = clinic.token("olivia"), clinic.ids
    for minute, (client, by) in enumerate([("amy", "dora"), ("ben", "fay"), ("gil", "dora")]):
        world.clock.now = START.replace(minute=minute + 1)
        await renamed(world, clinic, client, by)

    async def found(**filters: Any) -> list[str]:
        events = await told(world, olivia, action="CLIENT_UPDATED", **filters)
        return [name for one in events for name in ids if ids[name] == one["client"]["id"]]

    assert await found() == ["gil", "ben", "amy"]
    assert await found(actor=ids["dora"]) == ["gil", "amy"]
    assert await found(subject=ids["ben"]) == ["ben"]
    assert await found(department=ids["family"]) == ["ben"]
    assert await found(since="2026-11-23T12:02:00Z") == ["gil", "ben"]
    assert await found(until="2026-11-23T12:02:00Z") == ["amy"]
    assert await found(since="2026-11-23T13:02:00+01:00", until="2026-11-23T12:03:00Z") == ["ben"]
    assert await found(actor=ids["dora"], subject=ids["ben"]) == []
    for nobody in ("nonsense", ids["lakeside.dora"], ids["amy-petra"]):
        assert await found(actor=nobody) == []
        assert await found(subject=nobody) == []
        assert await found(department=nobody) == []


async def test_a_time_that_there_is_not_is_refused(world: World, clinic: Clinic) -> None:
    said = {"since": "0001-01-01T00:00:00+23:59"}
    answer = await world.ask(EVENTS, said, clinic.token("olivia"))
    (error,) = answer["errors"]
    assert error["extensions"]["code"] == "BAD_USER_INPUT"


# Signing in, and what is refused.


async def test_coming_and_going_is_told(world: World, clinic: Clinic) -> None:
    session = await signed_in(world, "amy", "APP")
    await world.do(LOGOUT, token=session["accessToken"])
    out, in_ = await told(world, clinic.token("dora"), actor=clinic.ids["amy"], first=2)
    assert [out["action"], in_["action"]] == ["SIGNED_OUT", "SIGNED_IN"]
    assert in_["surface"] == "APP"
    assert in_["actorKind"] == "CLIENT"
    assert (in_["client"], in_["actor"]) == ({"id": clinic.ids["amy"]}, None)


async def test_a_refresh_is_no_news_and_a_stolen_token_is(world: World, clinic: Clinic) -> None:
    session = await signed_in(world, "amy")
    for seconds in (0, 11):
        world.clock.advance(seconds=seconds)
        await world.do(REFRESH, {"token": session["refreshToken"]})
    ended, in_ = await told(world, clinic.token("olivia"), subject=clinic.ids["amy"], first=2)
    assert (ended["action"], ended["reason"]) == ("SESSION_ENDED", "TOKEN_REUSED")
    assert in_["action"] == "SIGNED_IN"


async def test_signing_out_by_a_used_token_is_told_as_a_stolen_one(
    world: World, clinic: Clinic
) -> None:
    session = await signed_in(world, "amy")
    await world.do(REFRESH, {"token": session["refreshToken"]})
    world.clock.advance(seconds=11)
    await world.do(LOGOUT, {"everywhere": True, "token": session["refreshToken"]})
    ended, in_ = await told(world, clinic.token("olivia"), subject=clinic.ids["amy"], first=2)
    assert (ended["action"], ended["reason"]) == ("SESSION_ENDED", "TOKEN_REUSED")
    assert in_["action"] == "SIGNED_IN"


@pytest.mark.parametrize(
    ("who", "surface", "password", "reason", "subject"),
    [
        ("amy", "PORTAL", "not that one at all", "INVALID_CREDENTIALS", "amy"),
        ("nobody", "PORTAL", "not that one at all", "INVALID_CREDENTIALS", None),
        ("chloe", "APP", None, "CLIENT_PENDING_APPROVAL", "chloe"),
        ("gil", "APP", None, "CLIENT_INACTIVE", "gil"),
        ("ivan", "PORTAL", None, "STAFF_INACTIVE", "ivan"),
    ],
)
async def test_who_is_not_let_in_is_told_with_the_reason(
    world: World,
    clinic: Clinic,
    who: str,
    surface: str,
    password: str | None,
    reason: str,
    subject: str | None,
) -> None:
    said = {"password": password} if password else {}
    for _ in range(3):
        assert problems(await world.login(who, surface, **said)) == [(reason, None)]
    (event,) = await told(world, clinic.token("olivia"), action="SIGN_IN_REFUSED")
    assert (event["reason"], event["times"], event["surface"]) == (reason, 3, surface)
    assert (event["actorKind"], event["actor"]) == ("ANONYMOUS", None)
    person = event["client"] or event["staff"]
    assert person == (subject and {"id": clinic.ids[subject]})
    theirs = await told(world, clinic.token("dora"), action="SIGN_IN_REFUSED")
    assert len(theirs) == (1 if subject else 0), "of nobody known, only the organization is told"


async def test_an_organization_that_there_is_not_is_told_nothing(
    world: World, clinic: Clinic
) -> None:
    for slug in ("nowhere", "", "../riverside"):
        await world.login("amy", "PORTAL", slug)
    await world.noted()
    for slug in ("", "lakeside.", "solo."):
        assert await told(world, clinic.token(f"{slug}olivia"), action="SIGN_IN_REFUSED") == []


async def test_who_asks_for_what_they_may_not_is_told(world: World, clinic: Clinic) -> None:
    said = {"id": clinic.ids["amy"], "input": {"firstName": "Mine"}}
    assert refusal(await world.ask(CLIENT_UPDATE, said, clinic.token("petra"))) == "FORBIDDEN"
    assert refusal(await world.ask(CLIENT_UPDATE, said)) == "UNAUTHENTICATED"
    (event,) = await told(world, clinic.token("dora"), action="OPERATION_REFUSED")
    assert event["reason"].startswith("FORBIDDEN: Mutation.clientUpdate, Client.email, ")
    assert event["actor"]["displayName"] == "Petra Staff"
    assert event["roles"] == ["PRACTITIONER"]
    assert event["staff"] == {"id": clinic.ids["petra"]}


async def test_what_is_refused_as_data_is_no_event(world: World, clinic: Clinic) -> None:
    before = await told(world, clinic.token("olivia"), first=100)
    taken = {"firstName": "A", "lastName": "B", "email": clinic.email("amy")}
    said: Json = {**taken, "dateOfBirth": "1990-05-17", "departmentId": clinic.ids["mental"]}
    payload = await world.do(CREATE, {"input": said}, clinic.token("dora"))
    assert problems(payload) == [("TAKEN", "input.email")]
    said = {"id": clinic.ids["olivia"], "input": {"firstName": "X"}}
    payload = await world.do(STAFF_UPDATE, said, clinic.token("dora"))
    assert problems(payload) == [("NOT_FOUND", "id")]
    assert await told(world, clinic.token("olivia"), first=100) == before


@pytest.mark.parametrize(
    ("document", "said", "reason"),
    [
        (
            CLIENT_UPDATE,
            {"id": "bea", "input": {"firstName": "Mine"}},
            "OUT_OF_SCOPE: Mutation.clientUpdate",
        ),
        (
            CHANGE,
            {"input": {"currentPassword": "not that one at all", "password": BETTER}},
            "INVALID_CREDENTIALS: Mutation.passwordChange",
        ),
    ],
)
async def test_who_may_not_or_cannot_prove_who_they_are_is_told(
    world: World, clinic: Clinic, document: str, said: Json, reason: str
) -> None:
    if "id" in said:
        said = {**said, "id": clinic.ids[said["id"]]}
    async with world.unchanged():
        for _ in range(2):
            assert problems(await world.do(document, said, clinic.token("dora")))
    (event,) = await told(world, clinic.token("olivia"), action="OPERATION_REFUSED")
    assert (event["reason"], event["times"], event["changes"]) == (reason, 2, [])
    assert event["staff"] == {"id": clinic.ids["dora"]}
    assert event["actor"]["displayName"] == "Dora Staff"


# Whose records are opened.


async def opened(world: World, clinic: Clinic) -> list[tuple[str, str]]:
    """Who opened whose record, as they are kept, since the clinic was made."""
    await world.noted()
    names = {clinic.key(name): name for name in clinic.ids if "-" not in name}
    wanted = select(ClientRead.reader_id, ClientRead.client_id).order_by(ClientRead.id)
    rows = await world.database.read(lambda c: c.execute(wanted).all())
    return [(names[row.reader_id], names[row.client_id]) for row in rows[OPENED:]]


async def test_whoever_opens_a_record_is_kept(world: World, clinic: Clinic) -> None:
    for document, who, whose in (
        (CLIENT, "dora", "amy"),
        (NODE, "petra", "amy"),
        (NODE, "carl", "chloe"),
    ):
        found = await world.do(document, {"id": clinic.ids[whose]}, clinic.token(who))
        assert found["id"] == clinic.ids[whose]
    assert await opened(world, clinic) == [("dora", "amy"), ("petra", "amy"), ("carl", "chloe")]


async def test_what_is_no_single_record_of_somebody_else_is_not(
    world: World, clinic: Clinic
) -> None:
    for document, who, id in (
        (CLIENT, "dora", "ben"),  # out of reach
        (NODE, "dora", "lakeside.amy"),
        (NODE, "amy", "amy"),  # one's own
        (NODE, "dora", "carl"),  # no client
        (NODE, "dora", "amy-petra"),
        ("{ viewer { client { id } } }", "amy", None),
        ("{ clients { nodes { id email } } }", "dora", None),
        ("{ viewer { staff { associations { nodes { client { id } } } } } }", "petra", None),
    ):
        await world.do(document, {"id": clinic.ids[id]} if id else {}, clinic.token(who))
    await renamed(world, clinic, "amy", "dora")
    assert await opened(world, clinic) == []


# One who decides, one event (E8).


async def test_who_comes_too_late_is_not_told_of(world: World, clinic: Clinic) -> None:
    codes = [
        problems(await world.approve(clinic.ids["chloe"], clinic.token(who)))
        for who in ("dora", "olivia", "dora")
    ]
    assert codes == [[], [("NOT_PENDING", "id")], [("NOT_PENDING", "id")]]
    events = await told(
        world, clinic.token("olivia"), action="CLIENT_APPROVED", subject=clinic.ids["chloe"]
    )
    assert [one["actor"]["displayName"] for one in events] == ["Dora Staff"]


async def test_what_the_command_line_does_is_told(world: World, clinic: Clinic) -> None:
    events = await told(world, clinic.token("solo.olivia"), first=100)
    assert [(one["action"], one["actorKind"]) for one in events[-3:]] == [
        ("STAFF_CREATED", "OPERATOR"),
        ("DEPARTMENT_CREATED", "OPERATOR"),
        ("ORGANIZATION_CREATED", "OPERATOR"),
    ]
