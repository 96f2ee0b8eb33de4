"""Text, numbers, words and dates that cannot be, in every place for one (`hostile` C2 to C8).

Whatever is sent, both databases answer the same, and nothing of it is a fault of ours.
"""

import json
import unicodedata
from collections import defaultdict
from pathlib import Path
from typing import Any

import httpx2
import orjson
import pytest
from graphql import GraphQLEnumType

from models import outside
from tests.conftest import Databases
from tests.hostile.places import OA, Place, asked, places, written
from tests.hostile.sides import Sides, both
from tests.leaks.paths import SCHEMA
from tests.oracle.clinic import CLINIC
from tests.oracle.served import Recording
from tests.world import World

TEXTS = {
    "nothing": "",
    "NUL": "a\0b",
    "a tab and a line": "a\tb\r\nc",
    "an escape": "\x1b[31mred\x7f",
    "a next line": "a\x85b\u2028c\u2029d",
    "right to left": "\u202egro.live\u202c",
    "no width": "a\u200bb\ufeffc",
    "half a letter": "\u0301",
    "composed and not": "\u00e9e\u0301",
    "wide, Kelvin and dotless": "\uff21\u212a\u0131",
    "a family": "\U0001f469\u200d\U0001f469\u200d\U0001f467",
    "private": "\ue000\U0010ffff",
    "no character": "\ufffe\uffff\ufdd0",
    "300 kB": "x" * 300_000,
    "300 kB of accents": "a" + "\u0301\u0327" * 75_000,
    "a quote": "' OR '1'='1",
    "the end of a statement": "'; DROP TABLE clients; --",
    "a pattern": "%_\\%",
    "a parameter": "$1 :word_0 %(x)s ?",
    "markup": "<script>alert(1)</script>&amp;",
    "a template": "{{ 7 * 7 }}${7 * 7}",
    "a line of mail": "a@b.example\r\nBcc: c@d.example",
    "two addresses": "a@b.example, c@d.example",
}
IDS = {
    "nothing": "",
    "NUL": "cli_\0",
    "300 kB": "x" * 300_000,
    "a quote": "' OR '1'='1",
    "of nobody": "cli_" + "0" * 32,
    "an id and more": "cli_" + "0" * 32 + "\n",
    "in capitals": "CLI_" + "0" * 32,
    "digits of elsewhere": "cli_" + "\u0660" * 32,
}


def in_places(*types: str) -> pytest.MarkDecorator:
    return pytest.mark.parametrize("place", list(places(*types)), ids=str)


@in_places("String", "ID", "Date", "Int", "Boolean")
async def test_the_good_arguments_are_good(sides: Sides, place: Place) -> None:
    """Otherwise what is tried here would be refused for something else."""
    for document, variables in (
        asked(place, place.good),
        (written(place, json.dumps(place.good)), {}),
    ):
        body = await sides.answer(OA, document, variables)
        assert "errors" not in body
        problems = (body["data"][place.field] or {}).get("userErrors", [])
        assert {one["code"] for one in problems} <= EXPECTED.get(place.field, set())


EXPECTED = {
    "login": {"INVALID_CREDENTIALS"},
    "registrationConfirm": {"LINK_UNKNOWN"},
    "passwordReset": {"LINK_UNKNOWN"},
    "emailChangeConfirm": {"LINK_UNKNOWN"},
    "clientAssociationsUpdate": {"NOT_FOUND", "INVALID"},
    "staffAssociationsUpdate": {"NOT_FOUND", "INVALID"},
    "staffRolesUpdate": {"HAS_ASSOCIATIONS"},
    "departmentDeactivate": {"HAS_CLIENTS"},
    "secondFactorBegin": {"SECOND_FACTOR_ON"},
    "secondFactorConfirm": {"SECOND_FACTOR_ON"},
    "secondFactorRemove": {"INVALID_CODE"},
    "recoveryCodesRenew": {"INVALID_CODE"},
}
"""Mutations that would do something only to a clinic that was made for them."""


@in_places("String", "ID")
async def test_no_text_is_a_fault_of_ours(sides: Sides, place: Place) -> None:
    texts = IDS if place.type == "ID" else TEXTS
    for text in texts.values():
        for caller in place.callers:
            await sides.answer(caller, *asked(place, text))


@in_places("String", "ID")
async def test_text_in_a_document_is_no_fault_of_ours_either(sides: Sides, place: Place) -> None:
    for literal in TEXT_LITERALS:
        for caller in place.callers:
            await sides.answer(caller, written(place, literal))


TEXT_LITERALS = [
    *(r'"\u0000"', r'"a\u0000b"', r'"\u{0}"', '"""a\0b"""', '"a\0b"'),
    *(
        r'"\ud800"',
        r'"\udc00\ud800"',
        r'"\u{d800}"',
        r'"\u{110000}"',
        r'"\u{1F469}"',
        r'"\ud83d\udc69"',
    ),
    *("1", "-1", "9" * 5000, "1.5", "true", "WORD", "[]", '["a"]', "{}", '{a: "b"}', "$nothing"),
]


IN_A_NAME = {
    *("half a letter", "composed and not", "wide, Kelvin and dotless", "a family"),
    *("a quote", "the end of a statement", "a pattern", "a parameter", "a template"),
}
IN_A_SENTENCE = {*IN_A_NAME, "markup", "two addresses"}
TAKEN = {"text": IN_A_SENTENCE, "reason": {*IN_A_SENTENCE, "nothing"}}
"""The texts that can be in a note or a reason; all else is a name."""

KEEPING = """
mutation ($text: String!, $client: ID!, $staff: ID!, $department: ID!, $hook: ID!) {
  client__firstName: clientUpdate(id: $client, input: {firstName: $text}) {
    row: client { kept: firstName } userErrors { field } }
  client__lastName: clientUpdate(id: $client, input: {lastName: $text}) {
    row: client { kept: lastName } userErrors { field } }
  staff__firstName: staffUpdate(id: $staff, input: {firstName: $text}) {
    row: staff { kept: firstName } userErrors { field } }
  staff__lastName: staffUpdate(id: $staff, input: {lastName: $text}) {
    row: staff { kept: lastName } userErrors { field } }
  department__name: departmentUpdate(id: $department, input: {name: $text}) {
    row: department { kept: name } userErrors { field } }
  organization__name: organizationUpdate(input: {name: $text}) {
    row: organization { kept: name } userErrors { field } }
  key__name: serviceKeyCreate(input: {name: $text, permissions: [CLIENT_READ]}) {
    row: serviceKey { kept: displayName } userErrors { field } }
  webhook__name: webhookUpdate(id: $hook, input: {name: $text}) {
    row: webhook { kept: name } userErrors { field } }
  note__text: clientNoteAdd(id: $client, input: {text: $text}) {
    row: client { notes(first: 1) { nodes { kept: text } } } userErrors { field } }
  out__reason: clientDeactivate(id: $client, reason: $text) {
    row: client { kept: statusReason } userErrors { field } }
  in: clientReactivate(id: $client) { userErrors { field } }
}
"""
"""Each names what it keeps, and the field by which it is refused."""


async def test_text_is_kept_as_it_is_or_refused_with_its_field(
    databases: Databases, tmp_path: Path
) -> None:
    """Normalized, without space at its ends, and the same on both databases."""
    ids = {
        "client": outside("cli_", CLINIC.ids["anna"]),
        "staff": outside("stf_", CLINIC.ids["cc"]),
        "department": outside("dep_", CLINIC.ids["speech"]),
        "hook": outside("hok_", CLINIC.ids["hook"]),
    }
    kept = defaultdict[str, set[str]](set)
    async with both(databases, tmp_path, Recording) as sides:
        for what, text in TEXTS.items():
            told = (await sides.answer(OA, KEEPING, {"text": text, **ids}))["data"]
            del told["in"]
            for where, payload in told.items():
                if payload["userErrors"]:
                    (problem,) = payload["userErrors"]
                    assert problem["field"][-1] == where.partition("__")[2]
                else:
                    (row,) = payload["row"].get("notes", {"nodes": [payload["row"]]})["nodes"]
                    said = unicodedata.normalize("NFC", text.strip())
                    assert row == {"kept": said or None}
                    kept[where].add(what)
    assert len(kept) == KEEPING.count("kept:")
    for where, texts in kept.items():
        assert texts == TAKEN.get(where.partition("__")[2], IN_A_NAME), where


async def test_half_a_character_is_no_json(empty_world: World) -> None:
    """A lone surrogate can be said in JSON, and is no text."""
    for place in places("String", "ID"):
        for text in ("\ud800", "a\udfffb", "\ude00\ud83d"):
            document, variables = asked(place, text)
            answer = await _post(empty_world, {"query": document, "variables": variables})
            assert answer.status_code == 400
            assert answer.json()["errors"][0]["extensions"] == {"code": "BAD_USER_INPUT"}


async def _post(world: World, body: Any) -> httpx2.Response:
    content = body if isinstance(body, str) else json.dumps(body)
    headers = {"content-type": "application/json"}
    return await world.http.post("/graphql", content=content, headers=headers)


INTS: list[Any] = [
    *(2**31, -(2**31) - 1, 2**63, 10**300, -(10**400)),
    *(1.5, 5e-324, 1e300, float("inf"), float("nan"), "5", "", True, False, [], [5], {}, {"a": 1}),
]
NO_SIZES = [0, -1, 101, 2**31 - 1]
INT_LITERALS = [
    *("2147483648", "9223372036854775808", "9" * 5000),
    *("-" + "9" * 5000, "1.5", "5.0", "1e2", "1e999", "-1e999", '"5"', "true", "[]", "[5]", "{}"),
    *("{a: 1}", "FIVE", "NaN", '"""5"""'),
]
BOOLEANS: list[Any] = [0, 1, -1, 1.0, "true", "", "TRUE", [], [True], {}, {"a": True}]
BOOLEAN_LITERALS = ["0", "1", "1.0", '"true"', "TRUE", "True", "[]", "[true]", "{}", "{a: true}"]
WORDS: list[Any] = [
    "",
    "NOPE",
    "active",
    " ACTIVE",
    "ACTIVE\0",
    0,
    1,
    True,
    1.5,
    [],
    ["ACTIVE"],
    {},
]
WORD_LITERALS = ["NOPE", "active", '"ACTIVE"', '""', "0", "1.5", "true", "[]", "[ACTIVE]", "{}"]
DATES: list[Any] = [
    *("", " ", "yesterday", "2025-02-29", "2025-02-31", "2025-13-01", "2025-00-10", "2025-01-00"),
    *("0000-01-01", "-0001-01-01", "10000-01-01", "99999-12-31", "2025-1-1", "25-01-01"),
    *("2025-01-01T00:00:00", "2025-01-01 ", " 2025-01-01", "2025-01-01\0", "2025/01/01"),
    *("\u0662\u0660\u0662\u0665-\u0660\u0661-\u0660\u0661", "1" * 300_000),
    *(0, 20250101, 1.5, True, [], ["2025-01-01"], {}, {"year": 2025}),
]
TIMES: list[Any] = [
    *("2025-01-01T00:00:00", "2025-01-01T24:00:01Z", "2025-01-01T00:00:00+25:00", "2025-01-01Z"),
    *("0000-01-01T00:00:00Z", "10000-01-01T00:00:00Z", "2025-02-30T00:00:00Z", "now", 0, -1, []),
]
DATE_LITERALS = [
    *('""', '"2025-02-31"', '"0000-01-01"', '"10000-01-01"', "20250101", "1e999", "true", "[]"),
    *('["2025-01-01"]', "{}", "TODAY", '"' + "1" * 5000 + '"'),
]


async def _bad(sides: Sides, place: Place, values: list[Any], literals: list[str]) -> None:
    documents = [asked(place, value) for value in values]
    documents += [(written(place, literal), {}) for literal in literals]
    for document, variables in documents:
        body = await sides.answer(OA, document, variables)
        assert "data" not in body, (document, variables)
        codes = {error["extensions"]["code"] for error in body["errors"]}
        assert codes == {"BAD_USER_INPUT"}, (document, variables)
        assert len(orjson.dumps(body)) < 10_000


@in_places("Int")
async def test_no_number_is_a_fault_of_ours(sides: Sides, place: Place) -> None:
    no_sizes = NO_SIZES if place.path[-1] in ("first", "last") else []
    await _bad(sides, place, INTS + no_sizes, INT_LITERALS + [str(size) for size in no_sizes])


@in_places("Boolean")
async def test_only_true_and_false_are_true_or_false(sides: Sides, place: Place) -> None:
    await _bad(sides, place, BOOLEANS, BOOLEAN_LITERALS)


@in_places(*(name for name, one in SCHEMA.type_map.items() if isinstance(one, GraphQLEnumType)))
async def test_only_words_of_the_schema_are_words(sides: Sides, place: Place) -> None:
    await _bad(sides, place, WORDS, WORD_LITERALS)


@in_places("Date")
async def test_no_date_is_a_fault_of_ours(sides: Sides, place: Place) -> None:
    await _bad(sides, place, DATES, DATE_LITERALS)


@in_places("DateTime")
async def test_no_time_is_a_fault_of_ours(sides: Sides, place: Place) -> None:
    await _bad(sides, place, DATES + TIMES, [json.dumps(time) for time in TIMES])


@in_places("Date")
async def test_dates_that_are_no_birthdays_are_told_so(sides: Sides, place: Place) -> None:
    for date in ("0001-01-01", "1899-12-31", "2026-06-02", "9999-12-31"):
        body = await sides.answer(OA, *asked(place, date))
        (problem,) = _told(body["data"][place.field])
        where = [one for one in problem["field"] if not one.isdigit()]  # in a list: which
        assert (problem["code"], where) == ("INVALID", list(place.path))
    for date in ("1900-01-01", "2024-02-29", "2026-06-01"):
        body = await sides.answer(OA, *asked(place, date))
        assert _told(body["data"][place.field]) == []


def _told(payload: Any) -> list[Any]:
    """What was wrong, also in rows."""
    return [error for one in (payload, *payload.get("rows", ())) for error in one["userErrors"]]


@in_places("String", "ID", "Int", "Boolean", "Date")
async def test_null_is_no_fault_of_ours_and_no_value_where_there_must_be_one(
    sides: Sides, place: Place
) -> None:
    for caller in place.callers:
        for document, variables in (asked(place, None), (written(place, "null"), {})):
            body = await sides.answer(caller, document, variables)
            assert "data" not in body or not place.required


@pytest.mark.parametrize(
    "number",
    [
        "9" * 5000,
        "-" + "9" * 5000,
        "1e999",
        "-1e999",
        "NaN",
        "Infinity",
        "18446744073709551616",
        "1.0e5000",
        "0x10",
        "007",
    ],
)
@pytest.mark.parametrize("name", ["first", "id"])
async def test_no_number_in_json_is_a_fault_of_ours(
    empty_world: World, name: str, number: str
) -> None:
    document = (
        "query ($first: Int, $id: ID) { staff(first: $first, departmentId: $id) { nodes { id } } }"
    )
    body = f'{{"query": "{document}", "variables": {{"{name}": {number}}}}}'
    answer = await _post(empty_world, body)
    assert answer.status_code in (200, 400)
    assert answer.json()["errors"][0]["extensions"]["code"] in ("BAD_USER_INPUT", "UNAUTHENTICATED")
