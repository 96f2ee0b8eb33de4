"""The approval queue: internal notes, which managers write for each other, and for nobody else."""

import pytest

from tests.keys import issue, key
from tests.stories.asking import CREATE, nobody_else, refused
from tests.stories.test_audit_trail import told
from tests.world import Clinic, World, problems

ADD = """
mutation ($id: ID!, $input: ClientNoteInput!) {
  clientNoteAdd(id: $id, input: $input) {
    client { version notes { totalCount nodes {
      text createdAt author { __typename displayName }
    } } }
    userErrors { code message field }
  }
}
"""
NOTES = """
query ($id: ID!, $first: Int, $after: String) {
  client(id: $id) { notes(first: $first, after: $after) {
    totalCount nodes { text } pageInfo { hasNextPage endCursor }
  } }
}
"""


async def add(world: World, clinic: Clinic, who: str, client: str, text: str) -> list[str | None]:
    """Write a note; what was wrong."""
    variables = {"id": clinic.ids[client], "input": {"text": text}}
    payload = await world.do(ADD, variables, clinic.token(who))
    return [one["code"] for one in payload["userErrors"]]


async def notes(world: World, clinic: Clinic, who: str, client: str) -> list[str] | None:
    """The notes on a client, as somebody reads them; None where there is no such client."""
    found = await world.do(NOTES, {"id": clinic.ids[client]}, clinic.token(who))
    return found and [one["text"] for one in found["notes"]["nodes"]]


async def test_a_manager_writes_a_note_and_others_read_who_wrote_what_and_when(
    world: World, clinic: Clinic
) -> None:
    assert await add(world, clinic, "carl", "amy", "Prefers to be called.") == []
    world.clock.advance(minutes=1)
    variables = {"id": clinic.ids["amy"], "input": {"text": "  Rang: “bis bald”.  "}}
    payload = await world.do(ADD, variables, clinic.token("olivia"))
    assert payload == {
        "client": {
            "version": payload["client"]["version"],
            "notes": {
                "totalCount": 2,
                "nodes": [
                    {
                        "text": "Rang: “bis bald”.",
                        "createdAt": "2026-11-23T12:01:00+00:00",
                        "author": {"__typename": "Staff", "displayName": "Olivia Hart"},
                    },
                    {
                        "text": "Prefers to be called.",
                        "createdAt": "2026-11-23T12:00:00+00:00",
                        "author": {"__typename": "Staff", "displayName": "Carl Staff"},
                    },
                ],
            },
        },
        "userErrors": [],
    }


async def test_a_note_does_not_count_as_a_change_of_the_record(
    world: World, clinic: Clinic
) -> None:
    document = "query ($id: ID!) { client(id: $id) { version } }"
    variables = {"id": clinic.ids["amy"]}
    before = await world.do(document, variables, clinic.token("olivia"))
    await add(world, clinic, "olivia", "amy", "Rings on Monday.")
    assert await world.do(document, variables, clinic.token("olivia")) == before


async def test_whoever_manages_the_client_reads_the_notes_and_nobody_else_does(
    world: World, clinic: Clinic
) -> None:
    """Bea is of family, and meets pia in mental: both departments manage her."""
    assert await add(world, clinic, "fay", "bea", "Asks for pia.") == []
    for who in ("olivia", "fay", "fred", "dora", "carl", "twyla"):
        assert await notes(world, clinic, who, "bea") == ["Asks for pia."], who
    for who in ("pia", "lakeside.olivia"):  # pia is a Care Coordinator of physio alone
        assert await notes(world, clinic, who, "bea") is None, who


async def test_a_practitioner_and_the_client_find_no_notes_on_any_way(
    world: World, clinic: Clinic
) -> None:
    await add(world, clinic, "olivia", "amy", "Prefers to be called.")
    by_id = """query ($id: ID!) { node(id: $id) { ... on Client { notes { totalCount } } } }"""
    for who in ("amy", "petra"):
        answer = await world.ask(by_id, {"id": clinic.ids["amy"]}, clinic.token(who))
        (denied,) = answer["errors"][0]["extensions"]["denied"]
        assert denied["field"] == "Client.notes"
    own = "{ viewer { client { notes { totalCount nodes { text } } decisions { totalCount } } } }"
    found = await world.do(own, token=clinic.token("amy"))
    nothing = {"notes": {"totalCount": 0, "nodes": []}, "decisions": {"totalCount": 0}}
    assert found["client"] == nothing


async def test_of_whom_one_only_meets_there_are_no_notes(world: World, clinic: Clinic) -> None:
    """Petra manages physio from now on, and meets amy of mental as a practitioner."""
    roles = """mutation ($id: ID!, $input: StaffRolesInput!) {
      staffRolesUpdate(id: $id, input: $input) { userErrors { code } }
    }"""
    grant = [{"role": "CARE_COORDINATOR", "departmentId": clinic.ids["physio"]}]
    variables = {"id": clinic.ids["petra"], "input": {"grant": grant}}
    await world.do(roles, variables, clinic.token("olivia"))
    await add(world, clinic, "olivia", "amy", "Prefers to be called.")
    met = """{ viewer { staff { associations { nodes { client {
      firstName notes { totalCount nodes { text } } decisions { totalCount nodes { reason } }
    } } } } } }"""
    found = await world.do(met, token=clinic.token("petra"))
    clients = [one["client"] for one in found["staff"]["associations"]["nodes"]]
    nothing = {"totalCount": 0, "nodes": []}
    amy = {"firstName": "Amy", "notes": nothing, "decisions": nothing}
    assert amy in clients


@nobody_else
async def test_nobody_else_writes_notes(
    world: World, clinic: Clinic, who: str | None, code: str
) -> None:
    variables = {"id": clinic.ids["amy"], "input": {"text": "No."}}
    assert await refused(world, clinic, who, ADD, variables) == code


@pytest.mark.parametrize(
    ("who", "client", "text", "code"),
    [
        ("dora", "amy", " ", "REQUIRED"),
        ("dora", "amy", "x" * 2001, "TOO_LONG"),
        ("dora", "amy", "two\nlines", "INVALID"),
        ("dora", "bea", "She is of family.", "OUT_OF_SCOPE"),
        ("dora", "ben", "She does not reach him.", "NOT_FOUND"),
    ],
)
async def test_what_cannot_be_noted_is_said_and_nothing_is(
    world: World, clinic: Clinic, who: str, client: str, text: str, code: str
) -> None:
    async with world.unchanged():
        assert await add(world, clinic, who, client, text) == [code]


async def test_a_service_key_writes_notes_as_staff_do(world: World, clinic: Clinic) -> None:
    token = await key(world, clinic, "CLIENT_READ", "CLIENT_UPDATE", departments=["mental"])
    variables = {"id": clinic.ids["amy"], "input": {"text": "The results are here."}}
    payload = await world.do(ADD, variables, token)
    (note,) = payload["client"]["notes"]["nodes"]
    assert note["author"] == {"__typename": "ServiceKey", "displayName": "Lab results"}
    assert await notes(world, clinic, "carl", "amy") == ["The results are here."]
    reads = await issue(world, clinic, "CLIENT_READ", departments=["mental"])
    async with world.unchanged():
        answer = await world.ask(ADD, variables, reads["token"])
    assert answer["errors"][0]["extensions"]["code"] == "FORBIDDEN"


async def test_notes_are_read_page_by_page_the_newest_first(world: World, clinic: Clinic) -> None:
    for number in range(5):
        await add(world, clinic, "olivia", "amy", f"Note {number}")
    await add(world, clinic, "olivia", "cleo", "Of somebody else")
    pages, after = [], None
    while True:
        variables = {"id": clinic.ids["amy"], "first": 2, "after": after}
        page = (await world.do(NOTES, variables, clinic.token("carl")))["notes"]
        pages.append([one["text"] for one in page["nodes"]])
        assert page["totalCount"] == 5
        after = page["pageInfo"]["endCursor"]
        if not page["pageInfo"]["hasNextPage"]:
            break
    assert pages == [["Note 4", "Note 3"], ["Note 2", "Note 1"], ["Note 0"]]


async def test_the_trail_tells_that_there_is_a_note_and_nobody_finds_its_words(
    world: World, clinic: Clinic
) -> None:
    """Neither the trail, nor a search, nor those who follow what happens to clients."""
    last = """{ clientChanges(last: 1) { edges { cursor } } }"""
    before = await world.do(last, token=clinic.token("olivia"))
    await add(world, clinic, "dora", "amy", "Zebra crossing")
    event, *_ = await told(world, clinic.token("olivia"), subject=clinic.ids["amy"])
    assert event["action"] == "CLIENT_NOTE_ADDED"
    assert event["changes"] == [{"field": "text", "redacted": True}]
    assert "ebra" not in repr(event)
    search = '{ clients(search: "zebra", status: null) { totalCount } }'
    assert await world.do(search, token=clinic.token("olivia")) == {"totalCount": 0}
    assert await world.do(last, token=clinic.token("olivia")) == before


async def test_a_note_is_written_once_however_often_it_is_sent(
    world: World, clinic: Clinic
) -> None:
    variables = {"id": clinic.ids["amy"], "input": {"text": "Once."}}
    for _ in range(2):
        answer = await world.http.post(
            "/graphql",
            json={"query": ADD, "variables": variables},
            headers={
                "authorization": f"Bearer {clinic.token('dora')}",
                "idempotency-key": "a note of today",
            },
        )
        assert problems(answer.json()["data"]["clientNoteAdd"]) == []
    assert await notes(world, clinic, "dora", "amy") == ["Once."]


async def test_a_new_client_has_no_notes(world: World, clinic: Clinic) -> None:
    new = {
        "firstName": "Nora",
        "lastName": "Newcomer",
        "email": "nora@home.example",
        "dateOfBirth": "1990-05-17",
        "departmentId": clinic.ids["mental"],
    }
    payload = await world.do(CREATE, {"input": new}, clinic.token("olivia"))
    found = await world.do(NOTES, {"id": payload["client"]["id"]}, clinic.token("olivia"))
    assert found["notes"] == {
        "totalCount": 0,
        "nodes": [],
        "pageInfo": {"hasNextPage": False, "endCursor": None},
    }
