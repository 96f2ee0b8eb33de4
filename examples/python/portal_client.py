"""A client of the portal in one file, and a journey: approve who waits.

    python examples/python/portal_client.py http://127.0.0.1:8000 riverside olivia.admin

It needs httpx2 and nothing else. What it does about sessions, retries and errors is the protocol of
docs/mobile.md; the operations are those of `operations/`.
"""

import argparse
import getpass
import os
import random
import re
import time
import uuid
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import httpx2

OPERATIONS = Path(__file__).parents[2] / "operations"
TRIES = 5
LONGEST_WAIT = 30.0

_DEFINITION = re.compile(
    r"^(query|mutation|subscription|fragment) (\w+).*?^}", re.MULTILINE | re.DOTALL
)
_SPREAD = re.compile(r"\.\.\.(\w+)")
_ROW = re.compile(
    r"^    (client|staff|department|organization|serviceKey|webhook|delivery) {", re.MULTILINE
)
_SECRET = re.compile(r"^    (token|secret)$", re.MULTILINE)

Json = dict[str, Any]


class Failed(Exception):
    """The request failed: `code` says how, as in docs/errors.md; `retry_after` are seconds."""

    def __init__(self, code: str, message: str, retry_after: float | None = None) -> None:
        super().__init__(f"{code}: {message}")
        self.code = code
        self.retry_after = retry_after


class Refused(Exception):
    """The mutation did nothing; `problems` say why, by `code`, `message`, `field`, `choices`."""

    def __init__(self, problems: list[Json]) -> None:
        super().__init__("; ".join(problem["message"] for problem in problems))
        self.problems = problems


class SignedOut(Exception):
    """The session is over: somebody has to sign in again."""


class Documents:
    """The operations of a folder by name, each with the fragments that it needs."""

    def __init__(self, folder: Path = OPERATIONS) -> None:
        text = "\n".join(path.read_text("utf-8") for path in sorted(folder.glob("*.graphql")))
        self._found = {match[2]: match for match in _DEFINITION.finditer(text)}

    def __getitem__(self, name: str) -> str:
        """The document. Raises `KeyError`."""
        needed = [name]
        for one in needed:  # grows while it is walked
            needed += [n for n in _SPREAD.findall(self._found[one][0]) if n not in needed]
        return "\n\n".join(self._found[one][0] for one in dict.fromkeys(needed))

    def is_mutation(self, name: str) -> bool:
        """Whether it changes something, so that it must not be sent twice without a key."""
        return self._found[name][1] == "mutation"

    def takes_a_key(self, name: str) -> bool:
        """Whether it may carry an `Idempotency-Key`: it answers a row, and no secret."""
        text = self._found[name][0]
        answers_a_row = bool(_ROW.search(text)) and not _SECRET.search(text)
        return self.is_mutation(name) and answers_a_row


class Portal:
    """Somebody's way to the portal, signed in or not. `sleep` waits, in seconds."""

    def __init__(
        self,
        address: str,
        transport: httpx2.BaseTransport | None = None,
        sleep: Any = time.sleep,
    ) -> None:
        self._http = httpx2.Client(base_url=address, timeout=15, transport=transport)
        self._sleep = sleep
        self._documents = Documents()
        self._session: Json | None = None

    def close(self) -> None:
        """Let go of the connections; the session goes on."""
        self._http.close()

    def sign_in(
        self,
        organization: str,
        username: str,
        password: str,
        surface: str = "APP",
        code: str | None = None,
    ) -> None:
        """Raises `Refused`, with SECOND_FACTOR_REQUIRED where a `code` is needed as well."""
        who = {"organization": organization, "username": username, "password": password}
        self._session = None
        done = self._send("Login", {"input": {**who, "surface": surface, "code": code}}, {})
        self._session = self._of(done)["session"]

    def sign_out(self) -> None:
        """End the session on the server, also if its access token has run out."""
        if self._session:
            self._send("Logout", {"refreshToken": self._session["refreshToken"]}, {})
            self._session = None

    def ask(self, name: str, **variables: Any) -> Any:
        """The value of the operation's field. Raises `Failed`, `Refused` and `SignedOut`.

        A mutation that takes a key gets one, under which it is done once however often it is sent.
        """
        headers = {}
        if self._documents.takes_a_key(name):
            headers["idempotency-key"] = str(uuid.uuid4())
        try:
            return self._of(self._send(name, variables, headers))
        except Failed as failed:
            if failed.code != "UNAUTHENTICATED" or self._session is None:
                raise
        self._refresh()
        return self._of(self._send(name, variables, headers))

    def _refresh(self) -> None:
        """New tokens for the old ones. If the answer is lost, the old one may be shown again."""
        assert self._session
        token = {"refreshToken": self._session["refreshToken"]}
        try:
            self._session = self._of(self._send("SessionRefresh", token, {}))["session"]
        except Refused:
            self._session = None
            raise SignedOut from None

    def _of(self, data: Json) -> Any:
        (value,) = data.values()
        if isinstance(value, dict) and value.get("userErrors"):
            raise Refused(value["userErrors"])
        return value

    def _send(self, name: str, variables: Mapping[str, Any], headers: Mapping[str, str]) -> Json:
        """The data of the answer; what may be sent again is, when the server was not there."""
        again = "idempotency-key" in headers or not self._documents.is_mutation(name)
        for tried in range(1, TRIES + 1):
            try:
                return self._attempt(name, variables, headers)
            except (Failed, httpx2.TransportError) as failure:
                is_away = getattr(failure, "code", "SERVICE_UNAVAILABLE") == "SERVICE_UNAVAILABLE"
                if not is_away or not (again or name == "SessionRefresh") or tried == TRIES:
                    raise
                asked = getattr(failure, "retry_after", None) or 1
                wait = min(LONGEST_WAIT, asked * 2 ** (tried - 1))
                # Not all at once, when it is back.
                self._sleep(wait * random.uniform(0.5, 1))  # noqa: S311 - no secret
        raise AssertionError("unreachable")

    def _attempt(self, name: str, variables: Mapping[str, Any], headers: Mapping[str, str]) -> Json:
        shown = {"accept": "application/graphql-response+json", **headers}
        if self._session:
            shown["authorization"] = f"Bearer {self._session['accessToken']}"
        body = {"query": self._documents[name], "operationName": name, "variables": variables}
        answer = self._http.post("/graphql", json=body, headers=shown)
        said: Json = answer.json()
        for error in said.get("errors", ()):
            wait = answer.headers.get("retry-after")
            raise Failed(
                error["extensions"]["code"], error["message"], float(wait) if wait else None
            )
        data: Json = said["data"]
        return data


def approve_all(portal: Portal, department_id: str | None = None) -> list[str]:
    """Approve everybody who waits; who was not sure, into this department. Their names."""
    approved, after = [], None
    while True:
        page = portal.ask("Clients", status="PENDING", after=after)
        for client in page["nodes"]:
            chosen = {} if client["department"] else {"departmentId": department_id}
            if client["department"] or department_id:
                done = portal.ask("ClientApprove", id=client["id"], input=chosen)["client"]
                approved.append(f"{done['firstName']} {done['lastName']}")
        if not page["pageInfo"]["hasNextPage"]:
            return approved
        after = page["pageInfo"]["endCursor"]


def main() -> None:
    """Approve who waits, from the command line."""
    parser = argparse.ArgumentParser(description="Approve every client who waits.")
    parser.add_argument("address", help="where the portal is, as in https://portal.example.org")
    parser.add_argument("organization", help="its name in addresses")
    parser.add_argument("username")
    parser.add_argument("--code", help="what the authenticator app shows")
    parser.add_argument("--department", help="the name of that for who was not sure")
    said = parser.parse_args()
    password = os.environ.get("PORTAL_PASSWORD") or getpass.getpass()
    portal = Portal(said.address)
    try:
        portal.sign_in(said.organization, said.username, password, "PORTAL", said.code)
        named = {one["name"]: one["id"] for one in portal.ask("Departments")}
        for name in approve_all(portal, named.get(said.department)):
            print(f"{name} is approved.")
        portal.sign_out()
    except Refused as refused:
        raise SystemExit(str(refused)) from None
    finally:
        portal.close()


if __name__ == "__main__":
    main()
