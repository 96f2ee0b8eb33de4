"""The approval queue: the history of decisions on a client, for whoever manages them."""

from typing import Any

from sqlalchemy import select

from models import AuditEvent
from tests.keys import key
from tests.stories.asking import CREATE, DEACTIVATE, REACTIVATE, REJECT
from tests.world import Clinic, Json, World, problems

DECISIONS = """
query ($id: ID!, $first: Int, $after: String) {
  client(id: $id) { decisions(first: $first, after: $after) {
    totalCount
    nodes { action at actorKind reason actor { __typename displayName } }
    pageInfo { hasNextPage endCursor }
  } }
}
"""


async def decide(world: World, token: str, document: str, client: str, **said: Any) -> None:
    """Decide on a client, which is done."""
    assert problems(await world.do(document, {"id": client, **said}, token)) == []


async def decisions(world: World, clinic: Clinic, who: str, client: str) -> list[Json]:
    """The decisions on a client, as somebody reads them."""
    id = clinic.ids.get(client, client)
    found = await world.do(DECISIONS, {"id": id}, clinic.token(who))
    nodes: list[Json] = found["decisions"]["nodes"]
    assert found["decisions"]["totalCount"] == len(nodes)
    return nodes


def short(decided: list[Json]) -> list[tuple[str, str | None, str | None]]:
    """Of each decision: what, who and why."""
    return [
        (one["action"], one["actor"] and one["actor"]["displayName"], one["reason"])
        for one in decided
    ]


async def test_every_decision_is_there_with_who_when_and_why_also_after_the_next_one(
    world: World, clinic: Clinic
) -> None:
    chloe = clinic.ids["chloe"]
    await decide(world, clinic.token("carl"), REJECT, chloe, reason="Nobody knows her.")
    world.clock.advance(minutes=1)
    await decide(world, clinic.token("dora"), REACTIVATE, chloe)
    await decide(world, clinic.token("olivia"), DEACTIVATE, chloe, reason="Moved “away”.")
    await decide(world, clinic.token("carl"), REACTIVATE, chloe)
    await decide(world, clinic.token("dora"), DEACTIVATE, chloe)
    decided = await decisions(world, clinic, "carl", "chloe")
    assert short(decided) == [
        ("CLIENT_DEACTIVATED", "Dora Staff", None),
        ("CLIENT_REACTIVATED", "Carl Staff", None),
        ("CLIENT_DEACTIVATED", "Olivia Hart", "Moved “away”."),
        ("CLIENT_APPROVED", "Dora Staff", None),
        ("CLIENT_REJECTED", "Carl Staff", "Nobody knows her."),
        ("REGISTRATION_CONFIRMED", None, None),
    ]
    assert decided[3] == {
        "action": "CLIENT_APPROVED",
        "at": "2026-11-23T12:01:00+00:00",
        "actorKind": "STAFF",
        "reason": None,
        "actor": {"__typename": "Staff", "displayName": "Dora Staff"},
    }
    assert decided[-1]["actorKind"] == "LINK"


async def test_who_was_created_by_staff_begins_with_that(world: World, clinic: Clinic) -> None:
    new = {
        "firstName": "Nora",
        "lastName": "Newcomer",
        "email": "nora@home.example",
        "dateOfBirth": "1990-05-17",
    }
    payload = await world.do(CREATE, {"input": new}, clinic.token("dora"))
    decided = await decisions(world, clinic, "olivia", payload["client"]["id"])
    assert short(decided) == [("CLIENT_CREATED", "Dora Staff", None)]


async def test_what_else_happens_to_a_client_is_no_decision(world: World, clinic: Clinic) -> None:
    before = await decisions(world, clinic, "olivia", "amy")
    edit = """mutation ($id: ID!) { clientUpdate(id: $id, input: {phone: "+1 555 0188"}) {
      userErrors { code message field } } }"""
    await decide(world, clinic.token("dora"), edit, clinic.ids["amy"])
    note = """mutation ($id: ID!) { clientNoteAdd(id: $id, input: {text: "Rings."}) {
      userErrors { code message field } } }"""
    await decide(world, clinic.token("dora"), note, clinic.ids["amy"])
    assert await decisions(world, clinic, "olivia", "amy") == before != []


async def test_managers_without_the_trail_read_the_decisions_and_its_names_only(
    world: World, clinic: Clinic
) -> None:
    """Fred, a Care Coordinator of family, reads no events; oscar is out of his reach (`D8`)."""
    await decide(world, clinic.token("oscar"), DEACTIVATE, clinic.ids["bea"], reason="Moved.")
    for who in ("fred", "carl"):
        decided = await decisions(world, clinic, who, "bea")
        assert decided[0]["reason"] == "Moved."
        assert decided[0]["actor"] == {"__typename": "NamedActor", "displayName": "Oscar Staff"}
    gone = await world.do(DECISIONS, {"id": clinic.ids["bea"]}, clinic.token("pia"))
    assert gone is None


async def test_what_a_service_key_decided_is_told_by_its_name(world: World, clinic: Clinic) -> None:
    token = await key(world, clinic, "CLIENT_READ", "CLIENT_SET_STATUS", departments=["mental"])
    await decide(world, token, DEACTIVATE, clinic.ids["amy"], reason="Over.")
    for who, kind in (("carl", "NamedServiceKey"), ("olivia", "ServiceKey")):
        decided = (await decisions(world, clinic, who, "amy"))[0]
        assert decided["actor"] == {"__typename": kind, "displayName": "Lab results"}
        assert (decided["actorKind"], decided["reason"]) == ("SERVICE_KEY", "Over.")


async def test_decisions_are_read_page_by_page(world: World, clinic: Clinic) -> None:
    for number in range(4):
        document = REACTIVATE if number % 2 else DEACTIVATE
        await decide(world, clinic.token("dora"), document, clinic.ids["amy"])
    every = await decisions(world, clinic, "carl", "amy")
    pages, after = [], None
    while True:
        variables = {"id": clinic.ids["amy"], "first": 2, "after": after}
        page = (await world.do(DECISIONS, variables, clinic.token("carl")))["decisions"]
        pages += page["nodes"]
        after = page["pageInfo"]["endCursor"]
        if not page["pageInfo"]["hasNextPage"]:
            break
    assert pages == every
    assert len(every) == 6


async def test_the_words_of_a_reason_are_beside_the_trail_and_not_in_it(
    world: World, clinic: Clinic
) -> None:
    await decide(world, clinic.token("dora"), DEACTIVATE, clinic.ids["amy"], reason="Zebra.")
    events = await world.database.read(lambda c: c.execute(select(AuditEvent.__table__)).all())
    assert "Zebra" not in repr(events)
    assert "Zebra" in repr((await world.snapshot())["decision_reasons"])
