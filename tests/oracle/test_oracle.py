"""Planned and plain execution agree to the byte: data, errors, and what may not be asked at all."""

import asyncio
import logging
import os
import uuid
from collections.abc import AsyncIterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import orjson
import pytest
from hypothesis import HealthCheck, given, settings

from models import ClientNote, outside
from schema import Api
from tests.conftest import Databases
from tests.oracle.clinic import CALLERS, CLINIC, NOW, PUBLIC_URL, Caller, named
from tests.oracle.documents import Document, Pool, documents
from tests.oracle.people import Me
from tests.oracle.plain import Plain
from tests.oracle.rows import Rows
from tests.oracle.served import FREELY, TOKENS, Served, serving
from tests.oracle.written import IDS, WRITTEN

EXAMPLES = int(os.environ.get("ORACLE_EXAMPLES", "100"))
"""Documents for each kind of caller; `ORACLE_EXAMPLES=2000` looks longer."""

SDL = (Path(__file__).parents[2] / "schema.graphql").read_text()
LINKS = {TOKENS.link(id): id for label, id in CLINIC.ids.items() if label.startswith("link.")}
ROWS = Rows(CLINIC.rows)
PLAIN = Plain(SDL, ROWS, public_url=PUBLIC_URL, now=NOW, link_tokens=LINKS)


SEARCHES = (
    *(
        "ann",
        "A",
        "an mu",
        "MÜLLER",
        "muller ann",
        "mu\u0308ller",
        "strasse",
        "straße",
        "oz",
        "østby",
    ),
    *(
        "ann@example",
        "example.org",
        "EXAMPLE",
        "da.speech",
        "pr two",
        "ann ann an",
        "zwart d",
        "eva",
    ),
    *(
        "",
        " ",
        "@",
        "%",
        "_",
        "an%",
        "a_n",
        "'",
        "\u0000",
        "\u0301",
        "ann\u0301",
        "\uff21nn",
        "aalto é",
    ),
    *("nobody is called so", "a b c d e f g h", "a b c d e f g h i", "a " * 20, "x" * 3000),
)
"""What people type to find people, and what nobody types."""


def _ids() -> list[str]:
    one = CLINIC.ids["ann"]
    odd = [
        *("", "cli_", "dep_", "stf_", "asc_☃", "cli_" + "0" * 32, str(one), one.hex),
        *(f"cli_{one.hex.upper()}", f"cli_{one}", f"cli_{one.hex}\n", f" cli_{one.hex}"),
        *(f"stf_{one.hex}", f"dep_{one.hex}", f"cur_{one.hex}", "stf_" + "f" * 32),
        *("dep_" + "0" * 32, "' OR 1=1 --"),
    ]
    return [*IDS, *odd]


def _cursors(prefix: str) -> list[str]:
    return [f"cur_{id[4:]}" for id in _ids() if id.startswith(prefix)]


NUMBERS = (0, 1, 2, 3, 5, 8, 13, 2**63 - 1, 2**63)
"""Places among what happened, and what is none."""


def _pool() -> Pool:
    odd = [outside("cur_", CLINIC.ids["speech"]), "", "cur_", "cur_" + "0" * 32, _ids()[0]]
    return Pool(
        ids=_ids(),
        cursors={
            "ClientConnection": _cursors("cli_"),
            "StaffConnection": _cursors("stf_"),
            "AssociationConnection": _cursors("asc_"),
            "AuditEventConnection": _cursors("aud_"),
            "ClientChangeConnection": [outside("cur_", uuid.UUID(int=n)) for n in NUMBERS],
            "ClientDecisionConnection": _cursors("aud_"),
            "ClientNoteConnection": [outside("cur_", row["id"]) for row in CLINIC.rows[ClientNote]],
            "ServiceKeyConnection": _cursors("key_"),
            "WebhookConnection": _cursors("hok_"),
            "WebhookDeliveryConnection": _cursors("dlv_"),
            "": [*_cursors(""), *odd],
        },
        slugs=["east", "west", "north", "", "EAST", "east/"],
        tokens=[*LINKS, "", "vtl_" + "A" * 56],
        searches=SEARCHES,
    )


POOL = _pool()


class Incidents(logging.Handler):
    """Keeps the last fault that an answer hides, and spares the log thousands while shrinking."""

    last: logging.LogRecord | None = None

    def emit(self, record: logging.LogRecord) -> None:
        self.last = record

    def told(self, body: dict[str, Any]) -> str:
        """What went wrong, if something did."""
        codes = [error["extensions"]["code"] for error in body.get("errors", ())]
        if "INTERNAL_SERVER_ERROR" not in codes or self.last is None:
            return ""
        return "\n" + logging.Formatter().format(self.last)


@dataclass(frozen=True)
class Oracle:
    """The planned API over both databases."""

    sides: tuple[Served, ...]

    incidents: "Incidents"

    async def agree(self, caller: Caller, document: Document) -> None:
        """Fail unless both executions give the same answer, on both databases."""
        expected = PLAIN.execute(
            _me(caller), document.text, document.variables, document.operation_name
        )
        for side in self.sides:
            response = await side.answer(
                caller, document.text, document.variables, document.operation_name
            )
            answered = _comparable(response.json, expected)
            if orjson.dumps(answered) != orjson.dumps(expected):
                pytest.fail(
                    f"{named(caller)} on {side.database.dialect} asked\n\n{document}\n\n"
                    f"planned: {_pretty(answered)}\n\nplain:   {_pretty(expected)}\n"
                    f"{self.incidents.told(response.json)}",
                    pytrace=False,
                )


def _me(caller: Caller) -> Me:
    return ROWS.me(CLINIC.ids[caller[0]], caller[1]) if caller else Me()


def _comparable(body: dict[str, Any], expected: dict[str, Any]) -> dict[str, Any]:
    """The answer with only what both say of errors; `expected` is brought into the same order."""
    ran = "data" in body
    if "errors" not in body:
        return {"data": body["data"]}
    errors = []
    for error in body["errors"]:
        shown = {"extensions": error["extensions"]}
        if "denied" in error["extensions"]:
            denied = sorted(error["extensions"]["denied"], key=orjson.dumps)
            shown["extensions"] = {**error["extensions"], "denied": denied}
        if ran:
            shown = {"path": error["path"], **shown}
        errors.append(shown)
    for error in expected.get("errors", ()):
        if "denied" in error["extensions"]:
            error["extensions"]["denied"].sort(key=orjson.dumps)
    if ran and body["data"] is None:
        # A null root ends the operation, with as many of its errors as there were by then.
        _only_codes(errors)
        _only_codes(expected.get("errors", []))
    errors.sort(key=orjson.dumps)
    expected.get("errors", []).sort(key=orjson.dumps)
    return {**({"data": body["data"]} if ran else {}), "errors": errors}


def _only_codes(errors: list[dict[str, Any]]) -> None:
    codes = sorted({error["extensions"]["code"] for error in errors})
    errors[:] = [{"extensions": {"code": code}} for code in codes]


def _pretty(answer: dict[str, Any]) -> str:
    return orjson.dumps(answer, option=orjson.OPT_INDENT_2).decode()


@pytest.fixture(scope="session")
async def oracle(
    databases: Databases, tmp_path_factory: pytest.TempPathFactory
) -> AsyncIterator[Oracle]:
    """The same rows in a database of each kind, written once and only read."""
    sqlite = await databases.sqlite(tmp_path_factory.mktemp("oracle"))
    postgresql = await databases.postgresql()
    api = Api(FREELY)
    async with serving(sqlite, api) as one, serving(postgresql, api) as other:
        incidents, log = Incidents(), logging.getLogger("portal.graphql")
        log.addHandler(incidents)
        log.propagate = False
        yield Oracle((one, other), incidents)
        log.propagate = True
        log.removeHandler(incidents)
    await databases.drop(postgresql)


@pytest.mark.parametrize("document", WRITTEN.values(), ids=WRITTEN.keys())
async def test_written_by_hand(oracle: Oracle, document: Document) -> None:
    for caller in CALLERS:
        await oracle.agree(caller, document)


@pytest.mark.parametrize("caller", CALLERS, ids=named)
async def test_planned_and_plain_agree(oracle: Oracle, caller: Caller) -> None:
    me = _me(caller)
    loop = asyncio.get_running_loop()

    @settings(max_examples=EXAMPLES, suppress_health_check=list(HealthCheck))
    @given(document=documents(PLAIN.schema, POOL, lambda field: PLAIN.may(me, field)))
    def agree(document: Document) -> None:
        asyncio.run_coroutine_threadsafe(oracle.agree(caller, document), loop).result()

    # hypothesis is synchronous, and its examples share the loop of the databases
    await asyncio.to_thread(agree)
