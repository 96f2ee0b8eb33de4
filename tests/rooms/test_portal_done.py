"""What a document of several mutations is answered when one is done and something fails then."""

import asyncio
import json
from collections.abc import Callable
from typing import Any

import httpx2
import pytest

from models import Unavailable
from resolvers import Context
from schema.limits import Limits
from tests.world import Clinic, World

NEW = "application/graphql-response+json"
OLD = "application/json"

NOTE = 'note: clientNoteAdd(id: $id, input: { text: "Called." }) { userErrors { code } }'
WHOSE = '{ organization: "riverside", email: "who@home.example" }'
RESET = f"reset: passwordResetRequest(input: {WHOSE}) {{ accepted }}"
NOTE_AND_RESET = f"mutation ($id: ID!) {{ {NOTE} {RESET} }}"
RESET_AND_NOTE = f"mutation ($id: ID!) {{ {RESET} {NOTE} }}"
DEPARTMENTS = """mutation {
  first: departmentCreate(input: { name: "Cardiology" }) { department { id } }
  second: departmentCreate(input: { name: "Dentistry" }) { department { id } }
}"""
NAMES = "{ departments { name } }"
REJECT = """mutation ($id: ID!) {
  reject: clientsReject(input: { clients: [{ clientId: $id }] }) { clients { status } }
}"""


async def post(
    world: World, accept: str, token: str, document: str, variables: Any = None
) -> httpx2.Response:
    headers = {"content-type": OLD, "accept": accept, "authorization": f"Bearer {token}"}
    content = json.dumps({"query": document, "variables": variables})
    return await world.http.post("/graphql", content=content, headers=headers)


def check(answer: httpx2.Response, status: int, code: str, path: list[str] | None) -> None:
    """It has no data, for which it names this error; and nobody is asked to send it again."""
    assert answer.status_code == status
    assert "retry-after" not in answer.headers
    assert answer.json()["data"] is None
    (error,) = answer.json()["errors"]
    assert (error["extensions"]["code"], error.get("path")) == (code, path)


async def notes(world: World, token: str, id: str) -> int:
    document = "query ($id: ID!) { client(id: $id) { notes { totalCount } } }"
    found = await world.do(document, {"id": id}, token)
    return int(found["notes"]["totalCount"])


async def names(world: World, token: str) -> set[str]:
    return {one["name"] for one in await world.do(NAMES, token=token)} & {"Cardiology", "Dentistry"}


def from_the_second_on(monkeypatch: pytest.MonkeyPatch, fails: Callable[[], Any]) -> None:
    """Let every transaction of a use case but the first one end so."""
    write, begun = Context.write, list[Any]()

    async def writing(context: Context, work: Any) -> Any:
        begun.append(work)
        return await (write(context, work) if len(begun) == 1 else fails())

    monkeypatch.setattr(Context, "write", writing)


async def away() -> None:
    raise Unavailable


async def test_a_note_that_is_written_is_not_answered_as_one_to_send_again(
    world: World, clinic: Clinic
) -> None:
    token, amy = clinic.token("dora"), clinic.ids["amy"]
    object.__setattr__(world.service.services, "throttle", 1)
    for _ in range(10):
        assert "errors" not in await world.ask(f"mutation {{ {RESET} }}")
    answer = await post(world, NEW, token, NOTE_AND_RESET, {"id": amy})
    check(answer, 294, "RATE_LIMITED", ["reset"])
    answer = await post(world, OLD, token, NOTE_AND_RESET, {"id": amy})
    check(answer, 200, "RATE_LIMITED", ["reset"])
    assert await notes(world, token, amy) == 2
    # What comes after the one that fails is not begun, so all of it may be sent again.
    answer = await post(world, NEW, token, RESET_AND_NOTE, {"id": amy})
    assert (answer.status_code, set(answer.json())) == (429, {"errors"})
    assert answer.headers["retry-after"]
    assert await notes(world, token, amy) == 2


async def test_a_department_that_is_made_is_not_answered_as_if_nothing_were(
    world: World, clinic: Clinic, monkeypatch: pytest.MonkeyPatch
) -> None:
    token = clinic.token("olivia")
    with monkeypatch.context() as patched:
        patched.setattr(Context, "write", lambda *_: away())
        answer = await post(world, NEW, token, DEPARTMENTS)
        assert (answer.status_code, answer.headers["retry-after"]) == (503, "1")
    assert await names(world, token) == set()
    from_the_second_on(monkeypatch, away)
    check(await post(world, NEW, token, DEPARTMENTS), 294, "SERVICE_UNAVAILABLE", ["second"])
    assert await names(world, token) == {"Cardiology"}


async def test_nor_is_one_when_the_next_takes_too_long(
    world: World, clinic: Clinic, monkeypatch: pytest.MonkeyPatch
) -> None:
    token, timeout, timeouts = clinic.token("olivia"), asyncio.timeout, list[asyncio.Timeout]()

    def told_of(seconds: float | None) -> asyncio.Timeout:
        made = timeout(seconds)
        if seconds == limits.seconds:
            timeouts.append(made)
        return made

    async def takes_long() -> None:
        (its,) = timeouts
        its.reschedule(asyncio.get_running_loop().time())
        await asyncio.Event().wait()

    limits = Limits(seconds=12_345)
    monkeypatch.setattr(world.app._operations._api, "_limits", limits)  # type: ignore[attr-defined]
    monkeypatch.setattr(asyncio, "timeout", told_of)
    from_the_second_on(monkeypatch, takes_long)
    check(await post(world, NEW, token, DEPARTMENTS), 294, "SERVICE_UNAVAILABLE", None)
    assert await names(world, token) == {"Cardiology"}


async def test_nor_is_what_is_done_when_its_own_answer_cannot_be_read(
    world: World, clinic: Clinic, monkeypatch: pytest.MonkeyPatch
) -> None:
    token, chloe = clinic.token("dora"), clinic.ids["chloe"]
    write = Context.write

    async def writing(context: Context, work: Any) -> Any:
        done = await write(context, work)
        patched.setattr(world.database, "fetch", lambda *_: away())
        return done

    with monkeypatch.context() as patched:
        patched.setattr(Context, "write", writing)
        answer = await post(world, NEW, token, REJECT, {"id": chloe})
    check(answer, 294, "SERVICE_UNAVAILABLE", ["reject", "clients"])
    status = "query ($id: ID!) { client(id: $id) { status } }"
    assert await world.do(status, {"id": chloe}, token) == {"status": "INACTIVE"}
