"""A day of a partner's, with real parts: two servers on one PostgreSQL, a browser, a receiver.

A key is made in GraphiQL. With it a program imports 10,000 clients and follows what happens; the
partner's own server is told of each, also of those who came while it was away. Then the key is
revoked, and nothing is left of it.
"""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import httpx2
import pytest
from playwright.async_api import Browser

from examples.python.portal_client import Documents
from portal import built
from tests.browser.person import People
from tests.crash.programs import Server, environment, server
from tests.live.following import CHANGED, socket
from tests.mailbox import Mailbox
from tests.receiver import Receiver
from tests.servers import held_port
from tests.world import APPROVE, LOGIN, PASSWORD, Clinic, Json, World, build_clinic, refusal

CLIENTS, BATCH = 10_000, 250
ARRIVE_SECONDS = 300
DOCUMENTS = Documents()
FAULTS: tuple[tuple[str, str, Any], ...] = (
    ("email", "INVALID", "nobody at home"),
    ("lastName", "REQUIRED", ""),
    ("dateOfBirth", "INVALID", "2999-01-01"),
    ("departmentId", "NOT_FOUND", "dep_00000000000000000000000000000000"),
    ("email", "TAKEN", "amy@riverside.example"),
)
BAD = {number: FAULTS[number % len(FAULTS)] for number in range(100, CLIENTS, 270)}
"""37 rows, and what is wrong with each."""

pytestmark = [
    pytest.mark.skipif(
        built.entry("src/graphiql/main.js") is None,
        reason="There is no Node here, so there is no GraphiQL.",
    ),
    pytest.mark.parametrize("url", ["postgresql"], indirect=True),
]


class Partner:
    """A program that shows a token: to either of two servers."""

    def __init__(self, token: str) -> None:
        self.headers = {"authorization": f"Bearer {token}"}

    async def ask(self, at: Server, document: str, variables: Json) -> httpx2.Response:
        """What it is answered there."""
        body = {"query": document, "variables": variables}
        return await at.client.post("/graphql", json=body, headers=self.headers)

    async def do(self, at: Server, document: str, variables: Json) -> Any:
        """The value of the only field."""
        answer = (await self.ask(at, document, variables)).json()
        assert "errors" not in answer, answer
        (value,) = answer["data"].values()
        return value


@pytest.fixture
async def clinic(url: str, mailbox: Mailbox) -> Clinic:
    """Riverside, as its people left it some days ago."""
    async with World(url, mailbox) as world:
        return await build_clinic(world)


@pytest.fixture
async def servers(
    url: str, mailbox: Mailbox, tmp_path: Path
) -> AsyncIterator[tuple[Server, Server]]:
    """Two servers of its portal."""
    with held_port() as port:
        public_url = f"http://127.0.0.1:{port}"
        env = environment(url, mailbox, PUBLIC_URL=public_url, WEBHOOKS_ALLOW_PRIVATE="true")
        async with server(env, tmp_path, port) as here, server(env, tmp_path) as there:
            yield here, there


async def signed_in(at: Server, username: str) -> Partner:
    who = {"organization": "riverside", "username": username, "password": PASSWORD}
    opened = await at.ask(LOGIN, **who, surface="PORTAL")
    return Partner(opened["login"]["session"]["accessToken"])


def row(clinic: Clinic, number: int) -> Json:
    """A client of the import, with what is wrong with it."""
    good = {
        "firstName": "Nora",
        "lastName": f"Newcomer {number}",
        "email": f"nora.{number}@home.example",
        "dateOfBirth": "1990-05-17",
        "departmentId": clinic.ids[("family", "mental", "physio")[number % 3]],
        "invite": False,
    }
    field, _, value = BAD.get(number, ("", "", None))
    return {**good, field: value} if field else good


async def imported(partner: Partner, at: Server, clinic: Clinic) -> tuple[set[str], dict[int, Any]]:
    """The ids of those who were made, and what is wrong with the others."""
    made: set[str] = set()
    wrong: dict[int, Any] = {}
    for first in range(0, CLIENTS, BATCH):
        rows = [row(clinic, number) for number in range(first, first + BATCH)]
        said = {"input": {"clients": rows, "policy": "GOOD_ROWS"}}
        payload = await partner.do(at, DOCUMENTS["ClientsImport"], said)
        assert payload["userErrors"] == []
        for number, result in enumerate(payload["rows"], first):
            if result["clientId"]:
                made.add(result["clientId"])
            else:
                (problem,) = result["userErrors"]
                assert problem["field"][:3] == ["input", "clients", str(number - first)]
                wrong[number] = problem["field"][3], problem["code"]
    return made, wrong


@asynccontextmanager
async def away_for_a_while(receiver: Receiver) -> AsyncIterator[None]:
    """The receiver goes away in the middle, for some seconds."""

    async def leave() -> None:
        await receiver.wait(100, seconds=ARRIVE_SECONDS)
        async with receiver.away():
            await asyncio.sleep(1)

    leaving = asyncio.create_task(leave())
    yield
    await leaving


async def test_a_partner_s_day(
    chromium: Browser, clinic: Clinic, servers: tuple[Server, Server]
) -> None:
    here, there = servers
    assert len(BAD) == 37
    async with People(chromium, str(here.client.base_url)) as people, Receiver() as receiver:
        # An administrator lends a key, and says where the partner is told of clients.
        olivia = await people.come()
        await olivia.opens("/riverside/login")
        await olivia.fills({"Username": "olivia", "Password": PASSWORD})
        await olivia.presses("Sign in")
        await olivia.opens("/graphql")
        await olivia.turns_in_graphiql("CreateKey")
        permissions = ["CLIENT_READ", "CLIENT_CREATE"]
        key = {"name": "Lab results", "permissions": permissions, "departmentIds": None}
        answer = await olivia.runs_in_graphiql("CreateKey", {"input": key})
        created = answer["data"]["serviceKeyCreate"]
        assert created["userErrors"] == []
        partner = Partner(created["token"])
        admin = await signed_in(there, "olivia")
        events = ["CLIENT_CREATED", "CLIENT_APPROVED"]
        hook = {"name": "Lab results", "url": receiver.url, "events": events}
        told = await admin.do(there, DOCUMENTS["WebhookCreate"], {"input": hook})
        assert told["userErrors"] == []
        secret = told["secret"]

        # The program imports its clients; the partner's server is away for a while meanwhile.
        async with away_for_a_while(receiver):
            made, wrong = await imported(partner, there, clinic)
        assert wrong == {number: (field, code) for number, (field, code, _) in BAD.items()}
        assert len(made) == CLIENTS - len(BAD)

        # It follows what happens; somebody is approved at the other server.
        port = here.client.base_url.port
        assert port
        async with socket(port) as following:
            await following.init(created["token"])
            await following.follow("1", query=CHANGED)
            carl = await signed_in(there, "carl")
            approved = await carl.do(there, APPROVE, {"id": clinic.ids["chloe"], "input": None})
            assert approved["client"]["status"] == "ACTIVE"
            heard = await following.next("1")
            assert heard["action"] == "CLIENT_APPROVED"
            assert heard["client"]["id"] == clinic.ids["chloe"]

            # Nothing was lost: all arrived, and is signed.
            events_of: dict[str, set[str]] = {"client.created": set(), "client.approved": set()}
            for one in await receiver.wait(len(made) + 1, seconds=ARRIVE_SECONDS):
                event = one.verified(secret)
                events_of[event["type"]].add(event["data"]["clientId"])
            assert events_of == {
                "client.created": made,
                "client.approved": {clinic.ids["chloe"]},
            }

            # The key is revoked, and is good for nothing at once, on both servers.
            gone = {"id": created["serviceKey"]["id"]}
            answer = await olivia.runs_in_graphiql("RevokeKey", gone)
            assert answer["data"]["serviceKeyRevoke"]["serviceKey"]["status"] == "REVOKED"
            asked: dict[str, Json] = {"Clients": {}, "ClientsImport": {"input": {"clients": []}}}
            for at in (here, there):
                for name, said in asked.items():
                    refused = (await partner.ask(at, DOCUMENTS[name], said)).json()
                    assert refusal(refused) == "UNAUTHENTICATED"
            assert (await following.closed())[0] == 4403
