"""The clinic of the demo: somebody of every kind, and everybody is what is printed of them."""

import re
import signal
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx2
import pytest

from tests.crash.programs import SECONDS, program
from tests.servers import held_port

LOGIN = """
mutation ($username: String!, $password: String!, $surface: Surface!) {
  login(input: {
    organization: "riverside", username: $username, password: $password, surface: $surface
  }) {
    session { accessToken }
    userErrors { code }
  }
}
"""
EVERYBODY = """{
  departments { name active }
  staff(status: null) { nodes {
    username status receiveNewClientNotifications roles { role department { name } }
  } }
  clients(status: null) { nodes {
    firstName username status onboardingState statusReason approvedBy { displayName }
    department { name } associations { practitioner { firstName } department { name } }
  } }
}"""

FAMILY, MENTAL, PHYSIO = "Family Medicine", "Mental Health", "Physiotherapy"
PETRA = {"practitioner": {"firstName": "Petra"}}
PAUL = {"practitioner": {"firstName": "Paul"}}

CLIENTS = {  # their status, onboarding state, department and associations
    "Amy": ("ACTIVE", "COMPLETE", MENTAL, [PETRA | {"department": {"name": MENTAL}}]),
    "Ben": ("ACTIVE", "COMPLETE", FAMILY, [PETRA | {"department": {"name": FAMILY}}]),
    "Bea": (
        "ACTIVE",
        "COMPLETE",
        FAMILY,
        [PETRA | {"department": {"name": FAMILY}}, PAUL | {"department": {"name": PHYSIO}}],
    ),
    "Una": ("ACTIVE", "AWAITING_CREDENTIALS", FAMILY, []),
    "Chloé": ("PENDING", "AWAITING_APPROVAL", MENTAL, []),
    "Dan": ("PENDING", "AWAITING_APPROVAL", None, []),
    "Gil": ("INACTIVE", "COMPLETE", MENTAL, [PETRA | {"department": {"name": MENTAL}}]),
    "Rita": ("INACTIVE", "AWAITING_APPROVAL", FAMILY, []),
}


async def answer(client: httpx2.AsyncClient, document: str, token: str = "", **said: Any) -> Any:
    headers = {"authorization": f"Bearer {token}"} if token else {}
    body = {"query": document, "variables": said}
    got = (await client.post("/graphql", json=body, headers=headers)).json()
    assert "errors" not in got, got
    return got["data"]


def printed(part: str) -> dict[str, str]:
    """A table of usernames, and who they are."""
    return dict(re.findall(r"^  ([a-z]+\.[a-z]+) +(.+)$", part, re.MULTILINE))


@pytest.fixture
def port() -> Iterator[int]:
    with held_port() as port:
        yield port


async def test_the_demo_shows_everybody_there_can_be(port: int, tmp_path: Path) -> None:
    words = "demo", "--port", str(port), "--directory", "clinic"
    retries = httpx2.AsyncHTTPTransport(retries=8)  # it prints before it listens
    address = f"http://127.0.0.1:{port}"
    async with (
        program(*words, env={}, folder=tmp_path) as running,
        httpx2.AsyncClient(base_url=address, timeout=SECONDS, transport=retries) as client,
    ):
        greeting = (await running.until(r"(?s)Riverside Clinic is open\..*Ctrl-C ends it"))[0]
        can, cannot = map(printed, greeting.split("These are told why they cannot:"))
        (password,) = re.findall(r'and the password "([^"]+)"', greeting)

        tokens, codes = {}, {}
        for name in (*can, *cannot):
            for surface in ("PORTAL", "APP"):
                who = {"username": name, "password": password, "surface": surface}
                login = (await answer(client, LOGIN, **who))["login"]
                if login["session"]:
                    tokens[name, surface] = login["session"]["accessToken"]
                else:
                    codes[name, surface] = login["userErrors"][0]["code"]
        assert {name for name, surface in tokens if surface == "PORTAL"} == set(can)
        assert codes == {
            ("chloe.client", "APP"): "CLIENT_PENDING_APPROVAL",
            ("dan.client", "APP"): "CLIENT_PENDING_APPROVAL",
            **{("gil.client", surface): "CLIENT_INACTIVE" for surface in ("PORTAL", "APP")},
            **{("rita.client", surface): "CLIENT_INACTIVE" for surface in ("PORTAL", "APP")},
            **{("ivan.practice", surface): "STAFF_INACTIVE" for surface in ("PORTAL", "APP")},
        }

        found = await answer(client, EVERYBODY, tokens["olivia.admin", "PORTAL"])
        running.signal(signal.SIGINT)
        await running.end()

    assert [one["name"] for one in found["departments"]] == [FAMILY, MENTAL, PHYSIO]
    assert all(one["active"] for one in found["departments"])

    clients = {one["firstName"]: one for one in found["clients"]["nodes"]}
    assert {
        name: (
            one["status"],
            one["onboardingState"],
            one["department"] and one["department"]["name"],
            one["associations"],
        )
        for name, one in clients.items()
    } == CLIENTS
    reasons = {name: one["statusReason"] for name, one in clients.items() if one["statusReason"]}
    assert reasons == {"Gil": "Moved to another town.", "Rita": "Registered twice."}
    assert "Una Unwin" in greeting
    usernames = {one["username"] for one in clients.values() if one["username"]}
    assert usernames == {name for name in (*can, *cannot) if name.endswith(".client")}

    staff = {one["username"]: one for one in found["staff"]["nodes"]}
    assert set(staff) == {name for name in (*can, *cannot) if not name.endswith(".client")}
    untold = [name for name, one in staff.items() if not one["receiveNewClientNotifications"]]
    assert untold == ["cora.care"]
    assert [name for name, one in staff.items() if one["status"] != "ACTIVE"] == ["ivan.practice"]
    practised = {
        one["department"]["name"]
        for member in staff.values()
        if member["status"] == "ACTIVE"
        for one in member["roles"]
        if one["role"] == "PRACTITIONER"
    }
    assert practised == {FAMILY, MENTAL, PHYSIO}

    # She opted out before the first client came, so she got her invitation, and nothing else.
    letters = [path.read_text() for path in (tmp_path / "clinic" / "mail").glob("*.eml")]
    assert sum("cora.care@" in letter for letter in letters) == 1
    assert sum("una.client@" in letter for letter in letters) == 1
