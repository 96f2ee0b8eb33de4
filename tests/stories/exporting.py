"""Asking for clients as a file: over HTTP, part by part, and what stands in it."""

import asyncio
import csv
import json
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import urlencode

import httpx2

from tests.stories.asking import ERRORS
from tests.world import Clinic, Json, World

IMPORT = f"""
mutation ($input: ClientsImportInput!) {{
  clientsImport(input: $input) {{ clients {{ id }} {ERRORS} }}
}}
"""
MOST_ROWS = 500


async def export(
    world: World, token: str | None, form: str = "jsonl", /, **filters: str
) -> httpx2.Response:
    """The answer to who asks for a file."""
    headers = {"authorization": f"Bearer {token}"} if token else {}
    return await world.http.get(f"/export/clients.{form}", params=filters, headers=headers)


def lines(answer: httpx2.Response) -> list[Json]:
    """The clients in a file of JSON lines."""
    assert answer.status_code == 200, answer.text
    return [json.loads(line) for line in answer.text.splitlines()]


def cells(text: str) -> list[dict[str, str]]:
    """The rows of a CSV file, by the names in its first line."""
    assert text.startswith("\ufefffirstName,")
    return list(csv.DictReader(text[1:].splitlines(keepends=True), strict=True))


def named(clients: list[Json]) -> list[str]:
    """Their given names."""
    return [one["firstName"] for one in clients]


async def crowd(world: World, clinic: Clinic, many: int, department: str = "mental") -> list[str]:
    """So many clients more of a department, by id in the order in which they were made."""
    ids = []
    for first in range(0, many, MOST_ROWS):
        rows = [
            {
                "firstName": f"N{i}",
                "lastName": "New",
                "email": f"n{i}@home.example",
                "dateOfBirth": "1984-02-29",
                "departmentId": clinic.ids[department],
                "invite": False,
            }
            for i in range(first, min(first + MOST_ROWS, many))
        ]
        payload = await world.do(IMPORT, {"input": {"clients": rows}}, clinic.token("olivia"))
        assert payload["userErrors"] == []
        ids += [one["id"] for one in payload["clients"]]
    return ids


@dataclass
class Sent:
    """What a server is told to send, and whether that was all."""

    status: int = 0
    parts: list[bytes] = field(default_factory=list)
    is_whole: bool = False

    @property
    def text(self) -> str:
        """What was sent."""
        return b"".join(self.parts).decode()


async def watched(
    world: World, path: str, token: str, meanwhile: Callable[[], Awaitable[Any]], **filters: str
) -> Sent:
    """GET a file; `meanwhile` is done when its first part is taken, and no other was asked for."""
    found = Sent()
    asked = asyncio.Event()

    async def receive() -> Json:
        if asked.is_set():
            await asyncio.Event().wait()
        asked.set()
        return {"type": "http.request", "body": b""}

    async def send(message: Any) -> None:
        if message["type"] == "http.response.start":
            found.status = message["status"]
            return
        found.is_whole = not message.get("more_body")
        found.parts += [message["body"]] if message["body"] else []
        if len(found.parts) == 1 and not found.is_whole:
            await meanwhile()

    scope = {
        "type": "http",
        "asgi": {"version": "3.0", "spec_version": "2.3"},
        "http_version": "1.1",
        "method": "GET",
        "scheme": "http",
        "path": path,
        "raw_path": path.encode(),
        "root_path": "",
        "query_string": urlencode(filters).encode(),
        "headers": [(b"host", b"other.example"), (b"authorization", f"Bearer {token}".encode())],
        "client": ("198.51.100.7", 4711),
        "server": ("other.example", 80),
    }
    await world.app(scope, receive, send)
    return found
