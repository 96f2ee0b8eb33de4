"""Following what happens to clients: by polling, over WebSockets, as server-sent events."""

import asyncio
import json
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
from websockets.exceptions import InvalidStatus

from portal import feed
from portal import socket as sockets
from resolvers.changes import MOST_CHANGES
from tests.crash.programs import environment, server
from tests.edge.wire import served
from tests.keys import key
from tests.live.following import CHANGED, SECONDS, events, socket
from tests.stories.asking import FROM_CLIENT, pairs
from tests.world import LOGIN, PASSWORD, PUBLIC_URL, Clinic, World, refusal

CHANGES = """query ($after: String, $first: Int, $last: Int, $status: ClientStatus, $in: ID) {
  clientChanges(after: $after, first: $first, last: $last, status: $status, departmentId: $in) {
    nodes { id action client { firstName status } }
    pageInfo { endCursor hasNextPage }
  }
}"""
DEACTIVATE = """mutation ($id: ID!) { clientDeactivate(id: $id) { userErrors { code } } }"""
REACTIVATE = """mutation ($id: ID!) { clientReactivate(id: $id) { userErrors { code } } }"""
SIGN_OUT = "mutation { logout(everywhere: true) { userErrors { code } } }"
IMPORT = """mutation ($input: ClientsImportInput!) {
  clientsImport(input: $input) { userErrors { code } }
}"""


@pytest.fixture
async def port(world: World) -> AsyncIterator[int]:
    """Where the portal is served."""
    async with served(world.app) as port:
        yield port


async def told(world: World, clinic: Clinic, who: str, **said: Any) -> list[tuple[str, str]]:
    """What the polled list tells somebody."""
    found = await world.do(CHANGES, said, clinic.token(who))
    return [(one["action"], one["client"]["firstName"]) for one in found["nodes"]]


async def do(world: World, clinic: Clinic, mutation: str, name: str) -> None:
    done = await world.do(mutation, {"id": clinic.ids[name]}, clinic.token("olivia"))
    assert done["userErrors"] == []


async def sign_out(world: World, clinic: Clinic, who: str) -> None:
    """End all sessions of somebody, as they do it themselves."""
    done = await world.do(SIGN_OUT, {}, clinic.token(who))
    assert done["userErrors"] == []


async def cursor(world: World, clinic: Clinic) -> str:
    """Where the list ends now."""
    found = await world.do(CHANGES, {"last": 1}, clinic.token("olivia"))
    return str(found["pageInfo"]["endCursor"])


# --- by polling ---------------------------------------------------------------------------------


async def test_what_came_after_a_cursor_is_told_in_its_order(world: World, clinic: Clinic) -> None:
    after = await cursor(world, clinic)
    await do(world, clinic, DEACTIVATE, "amy")
    await world.approve(clinic.ids["chloe"], clinic.token("carl"))
    await do(world, clinic, REACTIVATE, "amy")
    amy_out, chloe, amy_in = (
        ("CLIENT_DEACTIVATED", "Amy"),
        ("CLIENT_APPROVED", "Chloe"),
        ("CLIENT_REACTIVATED", "Amy"),
    )
    assert await told(world, clinic, "olivia", after=after) == [amy_out, chloe, amy_in]
    first = await world.do(CHANGES, {"after": after, "first": 1}, clinic.token("olivia"))
    assert first["pageInfo"]["hasNextPage"] is True
    assert first["pageInfo"]["endCursor"] == first["nodes"][0]["id"]
    rest = await told(world, clinic, "olivia", after=first["pageInfo"]["endCursor"])
    assert rest == [chloe, amy_in]
    assert await told(world, clinic, "olivia", after=after, status="ACTIVE") == [
        amy_out,
        chloe,
        amy_in,
    ]
    assert await told(world, clinic, "olivia", after=after, status="INACTIVE") == []


async def test_only_what_is_within_reach_now_is_told(world: World, clinic: Clinic) -> None:
    after = await cursor(world, clinic)
    for name in ("amy", "ben", "bea"):
        await do(world, clinic, DEACTIVATE, name)
    seen = {name: await told(world, clinic, name, after=after) for name in ("dora", "carl", "fay")}
    mental = [("CLIENT_DEACTIVATED", "Amy"), ("CLIENT_DEACTIVATED", "Bea")]
    assert seen == {
        "dora": mental,
        "carl": mental,
        "fay": [("CLIENT_DEACTIVATED", "Ben"), ("CLIENT_DEACTIVATED", "Bea")],
    }
    assert await told(world, clinic, "lakeside.olivia", last=100) != []
    ids = {clinic.ids[name] for name in clinic.ids if name.startswith("lakeside.")}
    every = await world.do(CHANGES, {"last": 100}, clinic.token("olivia"))
    assert not ids & {node["id"] for node in every["nodes"]}
    in_mental = await told(world, clinic, "olivia", after=after, **{"in": clinic.ids["mental"]})
    assert in_mental == [("CLIENT_DEACTIVATED", "Amy")]
    elsewhere = {"in": clinic.ids["lakeside.mental"]}
    assert await told(world, clinic, "olivia", after=after, **elsewhere) == []


async def test_d09_of_associations_only_those_in_ones_own_departments_are_told(
    world: World, clinic: Clinic, port: int
) -> None:
    after = await cursor(world, clinic)
    amy, olivia = clinic.ids["amy"], clinic.token("olivia")
    for deltas in (
        {"add": pairs(clinic, "practitionerId", ("wes", "family"))},
        {"change": pairs(clinic, "practitionerId", ("petra", "family"))},
        {"remove": [clinic.ids["petra"]]},
    ):
        done = await world.do(FROM_CLIENT, {"id": amy, "input": deltas}, olivia)
        assert done["userErrors"] == []
    await do(world, clinic, DEACTIVATE, "amy")
    made, moved, ended, out = (
        *("ASSOCIATION_CREATED", "ASSOCIATION_CHANGED", "ASSOCIATION_REMOVED"),
        "CLIENT_DEACTIVATED",
    )
    of_mental, of_family = [moved, out], [made, moved, ended, out]
    keys = {
        name: await key(world, clinic, "CLIENT_READ", departments=[name])
        for name in ("mental", "family")
    }
    for token, expected in (
        (clinic.token("carl"), of_mental),
        (clinic.token("dora"), of_mental),
        (keys["mental"], of_mental),
        (clinic.token("fay"), of_family),
        (keys["family"], of_family),
        (olivia, of_family),
    ):
        polled = await world.do(CHANGES, {"after": after}, token)
        assert [one["action"] for one in polled["nodes"]] == expected
        async with socket(port) as follower:
            await follower.init(token)
            await follower.subscribe("1", after=after)
            heard = [(await follower.next("1"))["action"] for _ in expected]
        assert heard == expected


async def test_practitioners_and_clients_follow_nobody(world: World, clinic: Clinic) -> None:
    for name in ("petra", "amy", "norma"):
        assert refusal(await world.ask(CHANGES, token=clinic.token(name))) == "FORBIDDEN"
    assert refusal(await world.ask(CHANGES)) == "UNAUTHENTICATED"


async def test_a_subscription_is_not_answered_once(world: World, clinic: Clinic) -> None:
    answer = await world.ask(CHANGED, token=clinic.token("olivia"))
    assert refusal(answer) == "BAD_USER_INPUT"
    assert "text/event-stream" in answer["errors"][0]["message"]
    assert refusal(await world.ask(CHANGED)) == "UNAUTHENTICATED"


# --- over a WebSocket ---------------------------------------------------------------------------


async def test_each_is_told_what_they_reach_as_it_happens(
    world: World, clinic: Clinic, port: int
) -> None:
    async with socket(port) as carl, socket(port) as fay:
        for who, name in ((carl, "carl"), (fay, "fay")):
            await who.init(clinic.token(name))
            await who.follow("1")
        await do(world, clinic, DEACTIVATE, "amy")
        await do(world, clinic, DEACTIVATE, "ben")
        await do(world, clinic, DEACTIVATE, "bea")
        heard = {
            name: [(await who.next("1"))["client"]["firstName"] for _ in range(2)]
            for who, name in ((carl, "carl"), (fay, "fay"))
        }
    assert heard == {"carl": ["Amy", "Bea"], "fay": ["Ben", "Bea"]}


async def test_a_cursor_from_the_stream_is_one_for_the_list(
    world: World, clinic: Clinic, port: int
) -> None:
    async with socket(port) as olivia:
        await olivia.init(clinic.token("olivia"))
        await olivia.follow("1", status="INACTIVE")
        await do(world, clinic, DEACTIVATE, "amy")
        heard = await olivia.next("1")
        assert heard == {
            "id": heard["id"],
            "action": "CLIENT_DEACTIVATED",
            "client": {"id": clinic.ids["amy"], "firstName": "Amy", "status": "INACTIVE"},
        }
    await do(world, clinic, REACTIVATE, "amy")
    missed = await told(world, clinic, "olivia", after=heard["id"])
    assert missed == [("CLIENT_REACTIVATED", "Amy")]


async def test_who_was_cut_off_goes_on_where_they_were(
    world: World, clinic: Clinic, port: int
) -> None:
    after = await cursor(world, clinic)
    await do(world, clinic, DEACTIVATE, "amy")
    await do(world, clinic, REACTIVATE, "amy")
    async with socket(port) as olivia:
        await olivia.init(clinic.token("olivia"))
        await olivia.subscribe("1", after=after)
        first = await olivia.next("1")
    async with socket(port) as olivia:
        await olivia.init(clinic.token("olivia"))
        await olivia.subscribe("1", after=first["id"])
        second = await olivia.next("1")
    async with events(port, clinic.token("olivia"), after=second["id"]) as olivia_again:
        await do(world, clinic, DEACTIVATE, "amy")
        _, third = await olivia_again.next()
    told = [first, second, third["data"]["clientChanged"]]
    actions = ["CLIENT_DEACTIVATED", "CLIENT_REACTIVATED", "CLIENT_DEACTIVATED"]
    assert [one["action"] for one in told] == actions


async def test_more_than_is_looked_for_at_once_is_all_told_at_once(
    world: World, clinic: Clinic, port: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(feed, "CHECK_SECONDS", 3600)
    plain = {"lastName": "Many", "dateOfBirth": "1990-05-17", "departmentId": clinic.ids["mental"]}
    rows = [
        {**plain, "firstName": "One", "email": f"one{number}@home.example", "invite": False}
        for number in range(MOST_CHANGES + 20)
    ]
    async with socket(port) as carl:
        await carl.init(clinic.token("carl"))
        await carl.follow("1")
        done = await world.do(IMPORT, {"input": {"clients": rows}}, clinic.token("olivia"))
        assert done["userErrors"] == []
        heard = [await carl.next("1") for _ in rows]
    assert {one["action"] for one in heard} == {"CLIENT_CREATED"}
    assert len({one["client"]["id"] for one in heard}) == len(rows)


async def test_what_is_no_cursor_is_nothing_to_go_on_from(clinic: Clinic, port: int) -> None:
    for wrong in ("", "cur_", clinic.ids["amy"], "cur_" + "f" * 32):
        async with socket(port) as olivia:
            await olivia.init(clinic.token("olivia"))
            await olivia.subscribe("1", after=wrong)
            heard = await olivia.hear()
        (error,) = heard["payload"]
        assert error["extensions"]["code"] == "BAD_USER_INPUT"
        assert error["message"] == "after is not a cursor of this list."


async def test_what_is_no_cursor_further_inside_ends_what_is_followed_and_nothing_else(
    world: World, clinic: Clinic, port: int
) -> None:
    wrong = f'decisions(after: "{clinic.ids["amy"]}") {{ nodes {{ at }} }}'
    query = f"subscription {{ clientChanged {{ id client {{ {wrong} }} }} }}"
    async with (
        socket(port) as carl,
        events(port, clinic.token("carl"), query) as stream,
    ):
        await carl.init(clinic.token("carl"))
        await carl.subscribe("2", query)
        await carl.follow("1")
        await do(world, clinic, DEACTIVATE, "amy")
        heard = {one["id"]: one for one in (await carl.hear(), await carl.hear())}
        assert (heard["1"]["type"], heard["2"]["type"]) == ("next", "error")
        kind, told = await stream.next()
        assert kind == "next"
        for (error,) in (heard["2"]["payload"], told["errors"]):
            assert error["extensions"]["code"] == "BAD_USER_INPUT"
            assert error["message"] == "after is not a cursor of this list."
        assert await stream.next() == ("complete", None)
        await do(world, clinic, DEACTIVATE, "bea")
        assert (await carl.next("1"))["client"]["firstName"] == "Bea"


async def test_who_is_made_inactive_is_closed_out_at_once(
    world: World, clinic: Clinic, port: int
) -> None:
    async with socket(port) as carl:
        await carl.init(clinic.token("carl"))
        await carl.follow("1")
        deactivate = "mutation ($id: ID!) { staffDeactivate(id: $id) { userErrors { code } } }"
        await world.do(deactivate, {"id": clinic.ids["carl"]}, clinic.token("olivia"))
        heard = await carl.hear()
        assert (heard["type"], heard["id"]) == ("error", "1")
        assert heard["payload"][0]["extensions"]["code"] == "UNAUTHENTICATED"
        assert await carl.closed() == (4403, "Forbidden")


async def test_who_signs_out_is_closed_out_too(world: World, clinic: Clinic, port: int) -> None:
    async with socket(port) as carl, socket(port) as fay:
        for who, name in ((carl, "carl"), (fay, "fay")):
            await who.init(clinic.token(name))
            await who.follow("1")
        await sign_out(world, clinic, "carl")
        heard = await carl.hear()
        assert (heard["type"], heard["id"]) == ("error", "1")
        assert heard["payload"][0]["extensions"]["code"] == "UNAUTHENTICATED"
        assert await carl.closed() == (4403, "Forbidden")
        await do(world, clinic, DEACTIVATE, "ben")
        assert (await fay.next("1"))["client"]["firstName"] == "Ben"


async def test_who_loses_the_permission_hears_no_more(
    world: World, clinic: Clinic, port: int
) -> None:
    async with socket(port) as carl:
        await carl.init(clinic.token("carl"))
        await carl.follow("1")
        revoke = """mutation ($id: ID!, $in: ID!) {
          staffRolesUpdate(id: $id, input: {
            revoke: [{role: CARE_COORDINATOR, departmentId: $in}]
          }) { userErrors { code } }
        }"""
        ids = {"id": clinic.ids["carl"], "in": clinic.ids["mental"]}
        await world.do(revoke, ids, clinic.token("olivia"))
        heard = await carl.hear()
        assert (heard["type"], heard["id"]) == ("error", "1")
        assert heard["payload"][0]["extensions"]["code"] == "FORBIDDEN"


async def test_a_session_that_runs_out_is_closed_though_nothing_happens(
    world: World, clinic: Clinic, port: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sockets, "CHECK_SECONDS", 0.1)
    async with socket(port) as carl:
        await carl.init(clinic.token("carl"))
        world.clock.advance(hours=1)
        assert await carl.closed() == (4403, "Forbidden")


async def test_queries_and_mutations_are_answered_too(
    world: World, clinic: Clinic, port: int
) -> None:
    async with socket(port, headers={"authorization": f"Bearer {clinic.token('carl')}"}) as carl:
        await carl.init()
        await carl.subscribe("1", "{ viewer { staff { displayName } } }")
        assert await carl.next("1") == {"staff": {"displayName": "Carl Staff"}}
        assert await carl.hear() == {"id": "1", "type": "complete"}
        switched = "query ($is: Boolean = true) { viewer @include(if: $is) { surface } }"
        for document, variables in (("{ nothing }", {}), (switched, {"is": None})):
            await carl.subscribe("2", document, **variables)
            assert (await carl.hear())["type"] == "error"
        await carl.say("ping")
        assert await carl.hear() == {"type": "pong"}
        await carl.subscribe("3")
        await carl.say("complete", id="3")
        await carl.say("ping")
        assert await carl.hear() == {"type": "pong"}


# --- whoever means ill --------------------------------------------------------------------------


@pytest.mark.parametrize(
    "where",
    [
        {"origin": "https://evil.example"},
        {"origin": "null"},
        {"headers": {"host": "evil.example"}},
    ],
)
async def test_c11_a_socket_from_elsewhere_is_refused(port: int, where: dict[str, Any]) -> None:
    with pytest.raises(InvalidStatus, match="403"):
        async with socket(port, **where):
            pass


async def test_c11_a_page_of_ours_may_open_one(port: int) -> None:
    async with socket(port, origin=PUBLIC_URL) as guest:
        await guest.init()


@pytest.mark.parametrize("protocols", [(), ("graphql-ws",)])
async def test_c11_another_protocol_is_not_spoken(port: int, protocols: tuple[str, ...]) -> None:
    async with socket(port, protocols=protocols) as guest:
        assert await guest.closed() == (4406, "Subprotocol not acceptable")


async def test_c11_who_does_not_begin_is_let_go(port: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sockets, "INIT_SECONDS", 0.1)
    async with socket(port) as guest:
        assert await guest.closed() == (4408, "Connection initialisation timeout")


@pytest.mark.parametrize(
    ("said", "code"),
    [
        ([{"type": "subscribe", "id": "1", "payload": {"query": "{ __typename }"}}], 4401),
        ([{"type": "connection_init"}, {"type": "connection_init"}], 4429),
        ([{"type": "connection_init", "payload": {"authorization": "Bearer x"}}], 4403),
        ([{"type": "connection_init", "payload": {"authorization": 5}}], 4400),
        ([{"type": "connection_init"}, {"type": "what"}], 4400),
        ([{"type": "connection_init"}, []], 4400),
        ([{"type": "connection_init"}, {"type": "subscribe", "id": "", "payload": {}}], 4400),
        ([{"type": "connection_init"}, {"type": "subscribe", "id": "1", "payload": {}}], 4400),
        (
            [
                {"type": "connection_init"},
                {"type": "subscribe", "id": "1" * 101, "payload": {"query": "{ __typename }"}},
            ],
            4400,
        ),
    ],
)
async def test_c11_what_is_no_message_ends_the_socket(
    port: int, said: list[Any], code: int
) -> None:
    async with socket(port) as guest:
        for message in said:
            await guest.connection.send(json.dumps(message))
        assert (await guest.closed())[0] == code


async def test_c11_bytes_and_megabytes_end_the_socket(port: int) -> None:
    async with socket(port) as guest:
        await guest.connection.send(b"\xff")
        assert (await guest.closed())[0] == 4400
    async with socket(port) as guest:
        await guest.connection.send("x" * 2_000_000)
        assert (await guest.closed())[0] == 1009


async def test_c11_one_id_is_used_once_and_a_hundred_at_a_time(clinic: Clinic, port: int) -> None:
    async with socket(port) as carl:
        await carl.init(clinic.token("carl"))
        await carl.subscribe("1")
        await carl.subscribe("1")
        assert (await carl.closed())[0] == 4409
    async with socket(port) as carl:
        await carl.init(clinic.token("carl"))
        for number in range(sockets.MOST_OPERATIONS + 1):
            await carl.subscribe(str(number))
        assert (await carl.closed())[0] == 4400


# --- as server-sent events ----------------------------------------------------------------------


async def test_events_tell_the_same(world: World, clinic: Clinic, port: int) -> None:
    async with events(port, clinic.token("carl")) as carl:
        assert carl.answer.status_code == 200
        assert carl.answer.headers["content-type"] == "text/event-stream; charset=utf-8"
        assert carl.answer.headers["cache-control"] == "no-store"
        await do(world, clinic, DEACTIVATE, "amy")
        kind, heard = await carl.next()
        assert (kind, heard["data"]["clientChanged"]["client"]["firstName"]) == ("next", "Amy")
        await sign_out(world, clinic, "carl")
        kind, heard = await carl.next()
        assert (kind, heard["errors"][0]["extensions"]["code"]) == ("next", "UNAUTHENTICATED")
        assert await carl.next() == ("complete", None)


async def test_what_does_not_run_is_answered_as_ever(clinic: Clinic, port: int) -> None:
    for token, status in ((None, 401), (clinic.token("petra"), 403)):
        async with events(port, token) as refused:
            assert refused.answer.status_code == status
    async with events(port, clinic.token("carl"), "{ __typename }") as once:
        assert await once.next() == ("next", {"data": {"__typename": "Query"}, **COSTS})
        assert await once.next() == ("complete", None)


COSTS = {"extensions": {"cost": {"requested": 0, "limit": 20_000}}}


async def test_more_than_may_be_followed_are_asked_to_come_again(
    world: World, clinic: Clinic, port: int
) -> None:
    world.app._following._at_once = 1  # type: ignore[attr-defined]
    async with events(port, clinic.token("carl")) as first:
        assert first.answer.status_code == 200
        async with asyncio.timeout(SECONDS):
            while not world.app._following._running:  # type: ignore[attr-defined]  # noqa: ASYNC110
                await asyncio.sleep(0.01)
        async with events(port, clinic.token("fay")) as second:
            assert second.answer.status_code == 503


# --- across processes ---------------------------------------------------------------------------


async def test_what_happens_on_one_server_is_told_on_another(
    world: World, clinic: Clinic, tmp_path: Path
) -> None:
    # SQLite has no signals: whoever is not told looks by and by.
    known = world.settings
    env = environment(known.database_url, tmp_path, SECRET_KEY=known.secret_key.get_secret_value())
    async with server(env, tmp_path) as other:
        who = {"organization": "riverside", "username": "carl", "password": PASSWORD}
        opened = await other.ask(LOGIN, **who, surface="PORTAL")
        port = other.client.base_url.port
        assert port
        async with socket(port) as carl:
            await carl.init(opened["login"]["session"]["accessToken"])
            await carl.follow("1")
            await world.approve(clinic.ids["chloe"], clinic.token("dora"))
            heard = await carl.next("1")
            assert (heard["action"], heard["client"]["firstName"]) == ("CLIENT_APPROVED", "Chloe")


async def test_a_server_that_ends_lets_go_of_those_who_follow(
    world: World, clinic: Clinic, port: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(feed, "CHECK_SECONDS", 0.1)
    async with events(port, clinic.token("carl")) as carl:
        world.app._health.draining = True  # type: ignore[attr-defined]
        assert await carl.next() == ("complete", None)
