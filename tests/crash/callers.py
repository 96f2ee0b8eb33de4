"""Somebody's app, which may ask any of several servers, and asks again as `docs/mobile.md` says."""

import asyncio
import random
import uuid
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, replace
from itertools import count
from typing import Any

import httpx2

FIRST_WAIT = 0.1
LONGEST_WAIT = 3.0
"""Seconds. Apps are to begin with one and to end with thirty: here more is to be met by a kill."""


class Away(Exception):
    """No answer came, or one that asks to come again after so many seconds."""

    def __init__(self, seconds: float = 0) -> None:
        super().__init__(seconds)
        self.seconds = seconds


class Failed(Exception):
    """The answer is an error; `code` says which."""

    def __init__(self, code: str, message: str) -> None:
        super().__init__(f"{code}: {message}")
        self.code = code


@dataclass(frozen=True, slots=True)
class Caller:
    """Somebody at an address of their own, signed in or not, and the servers that they may ask.

    `tally` counts what is `answered`, what is sent `again`, and the `mutations` that are done.
    """

    http: httpx2.AsyncClient
    servers: Sequence[str]
    source: str
    tally: Counter[str]
    token: str | None = None

    def signed_in(self, token: str) -> "Caller":
        """The same, signed in."""
        return replace(self, token=token)

    def at(self, server: str) -> "Caller":
        """The same, who asks this server only."""
        return replace(self, servers=[server])

    async def ask(self, document: str, **variables: Any) -> Any:
        """The value of the only field of what may be asked any number of times. Raises `Failed`."""
        return await self._until_answered(document, variables, {})

    async def do(self, mutation: str, **variables: Any) -> Any:
        """The payload of a mutation that is done, and once: under one key until it is answered."""
        key = {"idempotency-key": str(uuid.uuid4())}
        payload = await self._until_answered(mutation, variables, key)
        assert payload["userErrors"] == [], (mutation, variables, payload)
        self.tally["mutations"] += 1
        return payload

    async def once(self, document: str, **variables: Any) -> Any:
        """What is sent a single time. Raises `Away` and `Failed`."""
        return await self._send(document, variables, {})

    async def _until_answered(
        self, document: str, variables: dict[str, Any], headers: dict[str, str]
    ) -> Any:
        for tried in count():
            try:
                return await self._send(document, variables, headers)
            except Away as away:
                self.tally["again"] += 1
                wait = max(away.seconds, FIRST_WAIT * 2 ** min(tried, 9))
                # Not all at once, when it is back.
                await asyncio.sleep(min(wait, LONGEST_WAIT) * random.uniform(0.5, 1))
        raise AssertionError("unreachable")

    async def _send(self, document: str, variables: dict[str, Any], headers: dict[str, str]) -> Any:
        shown = {"x-forwarded-for": self.source, **headers}
        if self.token:
            shown["authorization"] = f"Bearer {self.token}"
        server = random.choice(self.servers)  # as good as a balancer's
        body = {"query": document, "variables": variables}
        try:
            answer = await self.http.post(f"{server}/graphql", json=body, headers=shown)
        except httpx2.TransportError:
            raise Away from None
        said = answer.json()
        for error in said.get("errors", ()):
            code = error["extensions"]["code"]
            if code == "SERVICE_UNAVAILABLE":
                raise Away(float(answer.headers.get("retry-after", 0)))
            raise Failed(code, error["message"])
        self.tally["answered"] += 1
        (value,) = said["data"].values()
        return value
