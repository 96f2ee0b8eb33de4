"""The demo, as whoever has just cloned the repository starts it."""

import re
import signal
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx2
import pytest

from tests.crash.programs import SECONDS, Program, program
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
WHO = """{ viewer {
  staff { roles { role department { name } } }
  client { status department { name } associations { practitioner { firstName } } }
} }"""

PR, CC, DA, OA = (
    "PRACTITIONER",
    "CARE_COORDINATOR",
    "DEPARTMENT_ADMINISTRATOR",
    "ORGANIZATION_ADMINISTRATOR",
)
FAMILY, MENTAL, PHYSIO = "Family Medicine", "Mental Health", "Physiotherapy"

STAFF: dict[str, tuple[str, set[tuple[str, str | None]]]] = {
    "olivia.admin": ("Organizational Administrator", {(OA, None)}),
    "dora.admin": ("Department Administrator, Mental Health", {(DA, MENTAL)}),
    "carl.care": ("Care Coordinator, Mental Health", {(CC, MENTAL)}),
    "cora.care": (
        "Care Coordinator, Family Medicine; is not mailed of new clients",
        {(CC, FAMILY)},
    ),
    "petra.practice": (
        "Practitioner, Mental Health and Family Medicine",
        {(PR, MENTAL), (PR, FAMILY)},
    ),
    "paul.practice": ("Practitioner, Physiotherapy", {(PR, PHYSIO)}),
}
CLIENTS: dict[str, tuple[str, str, str | None]] = {
    "amy.client": ("active client of Petra's, Mental Health", "ACTIVE", MENTAL),
    "ben.client": ("active client of Petra's, Family Medicine", "ACTIVE", FAMILY),
    "bea.client": (
        "active client of Petra's and Paul's, Family Medicine; made by staff",
        "ACTIVE",
        FAMILY,
    ),
    "chloe.client": ("pending client, Mental Health", "PENDING", MENTAL),
    "dan.client": ("pending client, not sure of the department", "PENDING", None),
}


@pytest.fixture
def port() -> Iterator[int]:
    with held_port() as port:
        yield port


async def greeted(running: Program) -> str:
    """What the demo prints before it serves."""
    return (await running.until(r"(?s)Riverside Clinic is open\..*Ctrl-C ends it; .* keeps it"))[0]


async def ask(client: httpx2.AsyncClient, document: str, token: str = "", **variables: Any) -> Any:
    headers = {"authorization": f"Bearer {token}"} if token else {}
    body = {"query": document, "variables": variables}
    answer = (await client.post("/graphql", json=body, headers=headers)).json()
    assert "errors" not in answer, answer
    (value,) = answer["data"].values()
    return value


async def test_demo_makes_a_clinic_once_and_everybody_in_it_signs_in(
    port: int, tmp_path: Path
) -> None:
    words = ["demo", "--port", str(port), "--directory", "clinic"]
    address = f"http://127.0.0.1:{port}"
    retries = httpx2.AsyncHTTPTransport(retries=8)  # it prints before it listens
    async with program(*words, env={}, folder=tmp_path) as running:
        greeting = await greeted(running)
        who_can = greeting.partition("These are told why they cannot:")[0]
        printed = dict(re.findall(r"^  ([a-z]+\.[a-z]+) +(.+)$", who_can, re.MULTILINE))
        said = {name: title for name, (title, *_) in (STAFF | CLIENTS).items()}
        assert printed == said
        (password,) = re.findall(r'and the password "([^"]+)"', greeting)
        for place in (f"{address}/graphql", f"{address}/schema.graphql"):
            assert place in greeting
        for place in (f"{address}/riverside", f"{address}/mail"):
            assert place in greeting
        mails = sorted((tmp_path / "clinic" / "mail").glob("*.eml"))
        assert len(mails) >= len(said)

        async with httpx2.AsyncClient(
            base_url=address, timeout=SECONDS, transport=retries
        ) as client:
            assert (await client.get("/readyz")).status_code == 200
            await look_into_the_mailbox(client, len(mails))
            for surface in ("PORTAL", "APP"):
                for name in printed:
                    login = {"username": name, "password": password, "surface": surface}
                    payload = await ask(client, LOGIN, **login)
                    if surface == "APP" and CLIENTS.get(name, ("", ""))[1] == "PENDING":
                        assert payload["session"] is None
                        assert payload["userErrors"] == [{"code": "CLIENT_PENDING_APPROVAL"}]
                        continue
                    viewer = await ask(client, WHO, payload["session"]["accessToken"])
                    check(name, viewer)
        running.signal(signal.SIGINT)
        ended = await running.end()
        assert (ended.status, "Traceback" in ended.complained) == (0, False)

    async with program(*words, env={}, folder=tmp_path) as running:
        assert await greeted(running) == greeting
        async with httpx2.AsyncClient(
            base_url=address, timeout=SECONDS, transport=httpx2.AsyncHTTPTransport(retries=8)
        ) as client:
            login = {"username": "amy.client", "password": password, "surface": "APP"}
            assert (await ask(client, LOGIN, **login))["session"]
        running.signal(signal.SIGTERM)
        ended = await running.end()
        assert (ended.status, "Traceback" in ended.complained) == (0, False)
    assert sorted((tmp_path / "clinic" / "mail").glob("*.eml")) == mails


async def look_into_the_mailbox(client: httpx2.AsyncClient, count: int) -> None:
    """All letters are there; one is read as its reader sees it, and its link leads on."""
    listed = await client.get("/mail")
    letters = re.findall(
        r'<a href="(/mail/[\w-]+)">([^<]+)</a></th>\s*<td[^>]*>([^<]+)', listed.text
    )
    assert len(letters) == count
    assert [path for path, *_ in letters] == sorted((path for path, *_ in letters), reverse=True)
    (path,) = (path for path, _, to in letters if to == "una.client@riverside.example")
    around = await client.get(path)
    policy = around.headers["content-security-policy"]
    assert f'<iframe class="letter" src="{path}/body" title="The letter">' in around.text
    assert "frame-src 'self'" in policy
    assert "unsafe" not in policy
    (as_text,) = re.findall(r'<a href="([^"]+#token=[^"]+)"', around.text)
    body = await client.get(f"{path}/body")
    assert body.text.count('<base target="_top">') == 1
    assert f'href="{as_text}"' in body.text
    assert (await client.get(as_text)).status_code == 200
    policy = body.headers["content-security-policy"]
    assert "default-src 'none'; style-src 'unsafe-inline'; img-src data:" in policy
    assert "sandbox allow-popups allow-top-navigation-by-user-activation" in policy
    for unknown in ("/mail/x", "/mail/x/body", "/mail/..%2Fdemo", f"{path}.eml"):
        answer = await client.get(unknown)
        assert (answer.status_code, "una" in answer.text) == (404, False)


def check(name: str, viewer: Any) -> None:
    """Who signed in is what the demo says of them."""
    if name in STAFF:
        roles = viewer["staff"]["roles"]
        found = {(one["role"], one["department"] and one["department"]["name"]) for one in roles}
        assert found == STAFF[name][1]
        return
    client = viewer["client"]
    department = client["department"] and client["department"]["name"]
    assert (client["status"], department) == CLIENTS[name][1:]
    met = [one["practitioner"]["firstName"] for one in client["associations"]]
    assert ("Petra" in met) == (client["status"] == "ACTIVE")
