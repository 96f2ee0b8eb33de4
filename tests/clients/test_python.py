"""The Python example against a real server: it signs in, stays signed in, and does things once."""

import asyncio
import os
import sys
from typing import Any

import httpx2
import pytest
from sqlalchemy import func, select

from examples.python.portal_client import Failed, Portal, Refused, SignedOut, approve_all
from models import Client
from models import ClientStatus as Status
from tests.clients.place import Place
from tests.crash.programs import ROOT
from tests.world import PASSWORD

EXAMPLE = ROOT / "examples" / "python" / "portal_client.py"


class Lossy(httpx2.HTTPTransport):
    """A network that loses the answer to each request that `loses` names, once."""

    def __init__(self, *loses: str) -> None:
        super().__init__()
        self._loses = list(loses)
        self.sent: list[str] = []

    def handle_request(self, request: httpx2.Request) -> httpx2.Response:
        answer = super().handle_request(request)
        body = request.read().decode()
        name = body.partition('"operationName":"')[2].partition('"')[0]
        self.sent.append(name)
        if name in self._loses:
            self._loses.remove(name)
            answer.read()
            answer.close()
            raise httpx2.ReadError("the answer is lost", request=request)
        return answer


def wait_not(_seconds: float) -> None:
    """Nobody has time for that."""


async def signed_in(place: Place, name: str, transport: Any = None, surface: str = "APP") -> Portal:
    portal = Portal(place.address, transport, wait_not)
    await asyncio.to_thread(portal.sign_in, "riverside", name, PASSWORD, surface)
    return portal


async def test_the_journey_runs_from_the_command_line(place: Place) -> None:
    assert await place.status("chloe") is Status.PENDING
    ran = await asyncio.create_subprocess_exec(
        *(sys.executable, EXAMPLE, place.address, "riverside", "dora"),
        env={"PATH": os.defpath, "PORTAL_PASSWORD": PASSWORD},
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
    )
    said, complained = await ran.communicate()
    assert (ran.returncode, complained) == (0, b"")
    assert b" is approved.\n" in said
    assert await place.status("chloe") is Status.ACTIVE
    portal = await signed_in(place, "chloe")
    viewer = await asyncio.to_thread(portal.ask, "Viewer")
    assert (viewer["surface"], viewer["client"]["status"]) == ("APP", "ACTIVE")
    portal.close()


async def test_who_is_not_let_in_is_told_why_and_nothing_is_sent_again(place: Place) -> None:
    network = Lossy()
    portal = Portal(place.address, network, wait_not)
    with pytest.raises(Refused, match="not right") as refused:
        await asyncio.to_thread(portal.sign_in, "riverside", "dora", "wrong")
    assert [one["code"] for one in refused.value.problems] == ["INVALID_CREDENTIALS"]
    with pytest.raises(Refused) as refused:
        await asyncio.to_thread(portal.sign_in, "riverside", "chloe", PASSWORD)
    assert [one["code"] for one in refused.value.problems] == ["CLIENT_PENDING_APPROVAL"]
    with pytest.raises(Failed) as failed:
        await asyncio.to_thread(portal.ask, "Departments")
    assert failed.value.code == "UNAUTHENTICATED"
    assert network.sent == ["Login", "Login", "Departments"]
    portal.close()


async def test_a_lost_answer_is_asked_for_again_and_the_mutation_done_once(place: Place) -> None:
    network = Lossy("ClientCreate", "Clients")
    portal = await signed_in(place, "dora", network, "PORTAL")
    new = {
        "firstName": "Nora",
        "lastName": "Newcomer",
        "email": "nora@home.example",
        "dateOfBirth": "1990-05-17",
        "departmentId": place.clinic.ids["mental"],
    }
    made = await asyncio.to_thread(lambda: portal.ask("ClientCreate", input=new))
    assert made["client"]["lastName"] == "Newcomer"
    many = select(func.count()).where(Client.email == "nora@home.example")
    assert await place.database.read(lambda c: c.scalar(many)) == 1
    await asyncio.to_thread(portal.ask, "Clients")
    assert network.sent == ["Login", *["ClientCreate"] * 2, *["Clients"] * 2]
    portal.close()


async def test_a_session_is_refreshed_when_it_has_run_out_also_if_the_answer_is_lost(
    place: Place,
) -> None:
    network = Lossy("SessionRefresh")
    portal = await signed_in(place, "dora", network, "PORTAL")
    await place.expire()
    assert await asyncio.to_thread(portal.ask, "Departments")
    assert network.sent == ["Login", "Departments", *["SessionRefresh"] * 2, "Departments"]

    await place.end()
    with pytest.raises(SignedOut):
        await asyncio.to_thread(portal.ask, "Departments")
    portal.close()


async def test_who_was_not_sure_is_left_to_who_may_decide(place: Place) -> None:
    portal = await signed_in(place, "olivia", surface="PORTAL")
    first = await asyncio.to_thread(approve_all, portal)
    left = await asyncio.to_thread(lambda: portal.ask("Clients", status="PENDING"))
    assert first
    assert left["nodes"]
    assert not any(one["department"] for one in left["nodes"])
    await asyncio.to_thread(approve_all, portal, place.clinic.ids["mental"])
    left = await asyncio.to_thread(lambda: portal.ask("Clients", status="PENDING"))
    assert left["nodes"] == []
    await asyncio.to_thread(portal.sign_out)
    with pytest.raises(Failed):
        await asyncio.to_thread(portal.ask, "Departments")
    portal.close()
