"""A mutation whose answer was lost is sent again, and done once (hostile E6)."""

import asyncio
from collections import Counter
from typing import Any

import httpx2
import pytest
from sqlalchemy import select, update

from models import Client, Database, IdempotencyKey, Unavailable
from permissions import ANONYMOUS
from resolvers import Context, Retention, sweep
from tests.stories.asking import CLIENT_UPDATE, CREATE, OA, REINVITE, ROLES, same_headers
from tests.world import LOGIN, PASSWORD, REGISTER, Clinic, Json, World, problems, refusal

KEY = "8e03978e-40d5-43dd-bc93-6894a57f9324"


async def send(
    world: World,
    token: str | None,
    document: str,
    variables: Json | None = None,
    key: str = KEY,
    operation: str | None = None,
) -> httpx2.Response:
    """The answer on the wire to somebody who names what they send."""
    headers = {"idempotency-key": key} | ({"authorization": f"Bearer {token}"} if token else {})
    body = {"query": document, "variables": variables, "operationName": operation}
    return await world.http.post("/graphql", json=body, headers=headers)


async def ask(*args: Any, **more: Any) -> Json:
    """The whole answer."""
    answer: Json = (await send(*args, **more)).json()
    return answer


def nora(clinic: Clinic, email: str = "nora@home.example") -> Json:
    """Somebody new, for `CREATE`."""
    new = {"firstName": "Nora", "lastName": "Newcomer", "dateOfBirth": "1990-05-17"}
    return {"input": {**new, "email": email, "departmentId": clinic.ids["mental"]}}


async def kept(world: World) -> list[Any]:
    """What is kept of keys."""
    return await world.database.read(lambda c: list(c.execute(select(IdempotencyKey))))


async def test_e06_what_comes_again_under_its_key_is_done_once_and_answered_to_the_byte(
    world: World, clinic: Clinic
) -> None:
    token = clinic.token("dora")
    first = await send(world, token, CREATE, nora(clinic))
    made = first.json()["data"]["clientCreate"]
    assert made["userErrors"] == []
    await world.only_mail("nora@home.example")
    # also when somebody has changed the row meanwhile
    change = {"id": made["client"]["id"], "input": {"firstName": "Honora"}}
    await world.do(CLIENT_UPDATE, change, clinic.token("olivia"))

    async with world.unchanged():
        again = [await send(world, token, CREATE, nora(clinic)) for _ in range(2)]
        # the order of variables says nothing
        (said,) = nora(clinic).values()
        turned = {"input": dict(reversed(said.items()))}
        again.append(await send(world, token, CREATE, turned))

    for answer in again:
        assert (answer.status_code, answer.content) == (first.status_code, first.content)
        assert same_headers(answer) == same_headers(first)


async def test_e06_what_is_answered_as_an_event_is_done_once_too(
    world: World, clinic: Clinic
) -> None:
    headers = {
        "accept": "text/event-stream",
        "authorization": f"Bearer {clinic.token('dora')}",
        "idempotency-key": KEY,
    }
    body = {"query": CREATE, "variables": nora(clinic)}
    first = await world.http.post("/graphql", json=body, headers=headers)
    assert b'"userErrors":[]' in first.content
    async with world.unchanged():
        again = await world.http.post("/graphql", json=body, headers=headers)
    assert again.content == first.content


async def test_e06_another_document_under_the_same_key_is_refused(
    world: World, clinic: Clinic
) -> None:
    token = clinic.token("dora")
    assert "errors" not in await ask(world, token, CREATE, nora(clinic))

    async with world.unchanged():
        for document, variables in [
            (CREATE, nora(clinic, "eve@home.example")),
            (CREATE + " ", nora(clinic)),
            (REINVITE, {"id": clinic.ids["una"]}),
        ]:
            answer = await ask(world, token, document, variables)
            assert refusal(answer) == "IDEMPOTENCY_MISMATCH"
        named = f"{CREATE.replace('mutation', 'mutation One')} query Two {{ __typename }}"
        answer = await ask(world, token, named, nora(clinic), operation="One")
        assert refusal(answer) == "IDEMPOTENCY_MISMATCH"
    assert answer["errors"][0]["message"] == (
        "Something else was sent under this Idempotency-Key. Choose another one."
    )
    again = await ask(world, token, CREATE, nora(clinic, "eve@home.example"), key="another")
    assert again["data"]["clientCreate"]["userErrors"] == []


async def test_e06_a_key_is_its_caller_s_own(world: World, clinic: Clinic) -> None:
    for name, email in (("dora", "nora@home.example"), ("olivia", "eve@home.example")):
        answer = await ask(world, clinic.token(name), CREATE, nora(clinic, email))
        assert answer["data"]["clientCreate"]["userErrors"] == []
    assert len(await kept(world)) == 2


async def test_e06_a_commit_of_which_nobody_heard_is_not_done_twice(
    world: World, clinic: Clinic, monkeypatch: pytest.MonkeyPatch
) -> None:
    write = Database.write

    async def cut(self: Database, work: Any) -> Any:
        monkeypatch.undo()
        await write(self, work)
        raise Unavailable("the connection was cut after the commit")

    monkeypatch.setattr(Database, "write", cut)
    token = clinic.token("dora")
    lost = await ask(world, token, CREATE, nora(clinic))
    assert [one["extensions"]["code"] for one in lost["errors"]] == ["SERVICE_UNAVAILABLE"]
    await world.only_mail("nora@home.example")

    async with world.unchanged():
        again = await ask(world, token, CREATE, nora(clinic))

    assert "errors" not in again
    assert again["data"]["clientCreate"]["userErrors"] == []
    assert again["data"]["clientCreate"]["client"]["email"] == "nora@home.example"
    # without its key it would have been
    assert problems(await world.do(CREATE, nora(clinic), token)) == [("TAKEN", "input.email")]


async def test_e06_without_the_answer_the_row_is_shown_as_it_is_and_within_reach(
    world: World, clinic: Clinic
) -> None:
    token = clinic.token("dora")
    made = (await ask(world, token, CREATE, nora(clinic)))["data"]["clientCreate"]["client"]
    lost = update(IdempotencyKey).values(answer=None)
    await world.database.write(lambda c: c.execute(lost))
    change = {"id": made["id"], "input": {"firstName": "Honora"}}
    await world.do(CLIENT_UPDATE, change, clinic.token("olivia"))

    async with world.unchanged():
        again = await ask(world, token, CREATE, nora(clinic))
    assert again["data"]["clientCreate"]["client"] == {**made, "firstName": "Honora"}

    away = {"id": made["id"], "input": {"departmentId": clinic.ids["family"]}}
    await world.do(CLIENT_UPDATE, away, clinic.token("olivia"))
    async with world.unchanged():
        again = await ask(world, token, CREATE, nora(clinic))
    assert again["data"] == {"clientCreate": {"client": None, "userErrors": []}}


async def test_e06_twenty_at_once_are_done_once_and_all_are_answered(
    world: World, clinic: Clinic
) -> None:
    asking = [ask(world, clinic.token("dora"), CREATE, nora(clinic)) for _ in range(20)]

    answers = await asyncio.gather(*asking)

    assert {str(answer) for answer in answers} == {str(answers[0])}
    assert answers[0]["data"]["clientCreate"]["userErrors"] == []
    await world.only_mail("nora@home.example")


async def test_e06_of_two_documents_at_once_one_is_done(world: World, clinic: Clinic) -> None:
    emails = [f"nora.{i}@home.example" for i in range(6)]
    token = clinic.token("dora")

    answers = await asyncio.gather(
        *(ask(world, token, CREATE, nora(clinic, email)) for email in emails)
    )

    codes = Counter(
        answer["errors"][0]["extensions"]["code"] if "errors" in answer else "done"
        for answer in answers
    )
    assert codes == {"done": 1, "IDEMPOTENCY_MISMATCH": 5}
    assert len(await world.new_mail()) == 1


async def test_e06_what_was_refused_did_nothing_and_leaves_its_key_free(
    world: World, clinic: Clinic
) -> None:
    token = clinic.token("dora")
    async with world.unchanged():
        answer = await ask(world, token, CREATE, nora(clinic, clinic.email("amy")))
        assert problems(answer["data"]["clientCreate"]) == [("TAKEN", "input.email")]

    answer = await ask(world, token, CREATE, nora(clinic))

    assert answer["data"]["clientCreate"]["userErrors"] == []


async def test_e06_who_has_lost_the_right_is_not_answered_again(
    world: World, clinic: Clinic
) -> None:
    token = clinic.token("oscar")
    assert "errors" not in await ask(world, token, CREATE, nora(clinic))
    revoked = {"id": clinic.ids["oscar"], "input": {"revoke": [{"role": OA}]}}
    assert (await world.do(ROLES, revoked, clinic.token("olivia")))["userErrors"] == []

    async with world.unchanged():
        assert refusal(await ask(world, token, CREATE, nora(clinic))) == "FORBIDDEN"


async def test_e06_a_read_that_failed_is_read_again_and_nothing_is_done_again(
    world: World, clinic: Clinic
) -> None:
    document = """mutation ($id: ID!) { staffInvitationResend(id: $id) {
      staff { id associations(after: "nonsense") { totalCount } } userErrors { code }
    } }"""
    token, wes = clinic.token("olivia"), {"id": clinic.ids["wes"]}
    first = await ask(world, token, document, wes)
    assert first["errors"][0]["extensions"]["code"] == "BAD_USER_INPUT"
    await world.only_mail(clinic.email("wes"))

    async with world.unchanged():
        assert await ask(world, token, document, wes) == first


# What can have a key.


@pytest.mark.parametrize(
    ("who", "document", "variables"),
    [
        (None, LOGIN, {"organization": "riverside", "username": "amy", "surface": "PORTAL"}),
        (None, REGISTER, None),
        ("amy", 'mutation { sessionRefresh(refreshToken: "x") { userErrors { code } } }', None),
        ("amy", "mutation { logout { userErrors { code } } }", None),
        ("amy", 'mutation { emailChangeRequest(email: "a@b.example") { accepted } }', None),
        ("amy", 'mutation { linkResend(token: "x") { accepted } }', None),
        ("amy", "{ viewer { surface } }", None),
        ("amy", "mutation { __typename }", None),
        ("amy", "mutation { logout @skip(if: true) { userErrors { code } } }", None),
        (
            "dora",
            """mutation ($id: ID!) {
              a: clientDeactivate(id: $id) { userErrors { code } }
              b: clientReactivate(id: $id) { userErrors { code } }
            }""",
            {"id": "@amy"},
        ),
    ],
    ids=range(10),
)
async def test_e06_only_a_single_mutation_that_answers_a_row_takes_a_key(
    world: World, clinic: Clinic, who: str | None, document: str, variables: Json | None
) -> None:
    form = {"firstName": "N", "lastName": "N", "email": "n@b.example", "dateOfBirth": "1990-05-17"}
    given: Json = {"password": PASSWORD, "input": {"organization": "riverside", **form}}
    given |= variables or {}
    given = {name: clinic.ids["amy"] if one == "@amy" else one for name, one in given.items()}
    async with world.unchanged():
        answer = await ask(world, clinic.token(who) if who else None, document, given)
    assert refusal(answer) == "BAD_USER_INPUT"
    assert await kept(world) == []


async def test_e06_it_may_have_another_name_and_be_in_a_fragment(
    world: World, clinic: Clinic
) -> None:
    document = """
    mutation ($id: ID!) { ...again }
    fragment again on Mutation {
      first: clientInvitationResend(id: $id) { userErrors { code } }
      second: clientInvitationResend(id: $id) @skip(if: true) { userErrors { code } }
    }"""
    for _ in range(2):
        answer = await ask(world, clinic.token("olivia"), document, {"id": clinic.ids["una"]})
        assert answer["data"] == {"first": {"userErrors": []}}
    await world.only_mail(clinic.email("una"))


async def test_e06_who_is_not_signed_in_is_told_so(world: World, clinic: Clinic) -> None:
    async with world.unchanged():
        assert refusal(await ask(world, None, CREATE, nora(clinic))) == "UNAUTHENTICATED"
        norma = clinic.token("norma")
        assert refusal(await ask(world, norma, CREATE, nora(clinic))) == "FORBIDDEN"
        assert refusal(await ask(world, norma, "mutation {")) == "BAD_USER_INPUT"


@pytest.mark.parametrize("key", ["", "x" * 256, "caf\u00e9", "tab\there"])
async def test_e06_a_key_is_1_to_255_printable_characters(
    world: World, clinic: Clinic, key: str
) -> None:
    async with world.unchanged():
        bearer = f"Bearer {clinic.token('dora')}".encode()
        headers = [(b"authorization", bearer), (b"idempotency-key", key.encode("latin-1"))]
        body = {"query": CREATE, "variables": nora(clinic)}
        answer = (await world.http.post("/graphql", json=body, headers=headers)).json()
        assert refusal(answer) == "BAD_USER_INPUT"
    assert answer["errors"][0]["message"] == (
        "An Idempotency-Key has 1 to 255 printable characters of ASCII."
    )


@pytest.mark.parametrize("key", ["x", '"quoted, with spaces"', "~" * 255])
async def test_e06_whatever_else_a_key_says_is_its_caller_s_matter(
    world: World, clinic: Clinic, key: str
) -> None:
    answers = [
        await send(world, clinic.token("dora"), CREATE, nora(clinic), key=key) for _ in range(2)
    ]
    assert answers[0].content == answers[1].content
    await world.only_mail("nora@home.example")


# What is kept, and for how long.


async def test_e06_a_key_is_free_again_after_a_day(world: World, clinic: Clinic) -> None:
    async def again() -> Json:
        token = await world.sign_in("olivia")
        return await ask(world, token, REINVITE, {"id": clinic.ids["una"]})

    await again()
    await world.only_mail(clinic.email("una"))
    world.clock.advance(hours=23, minutes=59)
    await again()
    assert await world.new_mail() == []
    world.clock.advance(minutes=1)
    await again()
    await world.only_mail(clinic.email("una"))
    assert len(await kept(world)) == 1

    world.clock.advance(hours=24)
    await sweep(Context(world.service.services, ANONYMOUS), Retention())
    assert await kept(world) == []


async def test_e06_neither_the_key_nor_what_was_asked_is_kept_as_it_was(
    world: World, clinic: Clinic
) -> None:
    await ask(world, clinic.token("dora"), CREATE, nora(clinic))
    (row,) = await kept(world)
    assert (len(row.key), len(row.document)) == (32, 32)
    assert KEY not in str(row)
    made = await world.database.read(
        lambda c: c.execute(select(Client.id).where(Client.email == "nora@home.example")).one()
    )
    assert (row.kind, row.row_id) == ("clients", made.id)
