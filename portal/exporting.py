"""Clients as a file: asked of the API page by page, each time by whoever the caller is by then.

The pages go by id, which nobody changes: whoever is in the list all the while is in the file once,
whatever is edited meanwhile. So no more than a page is in memory, and what a caller may not read,
or not any more, never comes here.
"""

from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path
from typing import Any

import orjson

from models import ClientStatus, Unavailable
from permissions import Permission
from portal.acting import acting
from portal.answers import Refusal, away
from portal.asked import Asked
from portal.cells import COLUMNS, Node, row, written
from portal.edge import CHALLENGE, STATUSES
from resolvers import ClientFilter, Context, Services, clients_exported
from schema import Api, ErrorCode

PAGE = 100
"""How many clients are asked for at once: the most that the API answers."""

FILTERS = ("status", "departmentId", "practitionerId", "search")
"""The arguments of `Query.clients` that an export takes, as variables of its document."""

_DOCUMENT = Path(__file__).with_suffix(".graphql").read_text()
_STATUSES = {**STATUSES, ErrorCode.SERVICE_UNAVAILABLE: 503, ErrorCode.INTERNAL_SERVER_ERROR: 500}

Filters = Mapping[str, str | None]
Ask = Callable[[Asked], Awaitable[tuple[Context, dict[str, Any]]]]


class Format(StrEnum):
    """How clients are written, by the ending of the file's name."""

    CSV = "csv"
    JSON_LINES = "jsonl"


@dataclass(frozen=True, slots=True)
class Writing:
    """What a file of a format begins with, its lines for clients, and what it is cut off with."""

    kind: str
    head: bytes
    lines: Callable[[list[Node]], bytes]
    cut_off: Callable[[Refusal], bytes]


def _json_lines(clients: list[Node]) -> bytes:
    return b"".join(orjson.dumps(one, option=orjson.OPT_APPEND_NEWLINE) for one in clients)


WRITINGS = {
    Format.CSV: Writing(
        kind="text/csv; charset=utf-8; header=present",
        # Without the mark spreadsheets take UTF-8 for something else.
        head="\ufeff".encode() + written([COLUMNS]),
        lines=lambda clients: written(map(row, clients)),
        cut_off=lambda _refusal: b"",
    ),
    Format.JSON_LINES: Writing(
        kind="application/jsonl; charset=utf-8",
        head=b"",
        lines=_json_lines,
        cut_off=lambda refusal: refusal.answer().body + b"\n",
    ),
}


class Export:
    """One export. `ask` says who asks now, and what the API answers them.

    `rows` is how many clients came so far.
    """

    def __init__(self, ask: Ask, form: Format, filters: Filters) -> None:
        self._ask = ask
        self._form = form
        self._filters = filters
        self._writing = WRITINGS[form]
        self.rows = 0

    async def begin(self) -> int:
        """Ask for the first page, and tell the audit trail; how many clients there are.

        Raises `Refusal`, and nobody is exported.
        """
        context, self._page = await self._asked(None)
        total: int = self._page["totalCount"]
        status = self._filters.get("status", ClientStatus.ACTIVE)
        wanted = ClientFilter(
            status=ClientStatus(status) if status else None,
            department_id=self._filters.get("departmentId"),
            practitioner_id=self._filters.get("practitionerId"),
            search=self._filters.get("search"),
        )
        await clients_exported(context, wanted, self._form, total)
        return total

    async def parts(self) -> AsyncIterator[bytes]:
        """The file, page by page, once it was begun.

        Raises `Refusal` when there is more, and it cannot be had. JSON lines then end with a line
        that says why.
        """
        yield self._writing.head + self._lines()
        while self._page["pageInfo"]["hasNextPage"]:
            try:
                _, self._page = await self._asked(self._page["pageInfo"]["endCursor"])
            except Refusal as refusal:
                yield self._writing.cut_off(refusal)
                raise
            yield self._lines()

    def _lines(self) -> bytes:
        clients = self._page["nodes"]
        self.rows += len(clients)
        return self._writing.lines(clients)

    async def _asked(self, after: str | None) -> tuple[Context, dict[str, Any]]:
        """The page after this cursor, and who asked for it. Raises `Refusal`."""
        place = {"first": PAGE, "after": after, "isFirst": after is None}
        try:
            context, answer = await self._ask(Asked(_DOCUMENT, {**self._filters, **place}, None))
        except Unavailable:
            raise away() from None
        if "errors" in answer:
            raise _refusal(answer["errors"][0])
        return context, answer["data"]["clients"]


def _refusal(error: dict[str, Any]) -> Refusal:
    """An error of the API's, as that of a request."""
    code = ErrorCode(error["extensions"]["code"])
    if code is ErrorCode.SERVICE_UNAVAILABLE:
        return away(error["message"])
    challenge = CHALLENGE if code is ErrorCode.UNAUTHENTICATED else ()
    return Refusal(_STATUSES.get(code, 400), code, error["message"], challenge)


def in_the_name_of(services: Services, api: Api, organization: str, username: str) -> Ask:
    """How the command line asks: who it is done for is looked up anew for each page."""

    async def ask(said: Asked) -> tuple[Context, dict[str, Any]]:
        needed = Permission.CLIENT_READ, "export clients"
        context = await acting(services, organization, username, *needed)
        return context, (await api.execute(context, *said)).json

    return ask
