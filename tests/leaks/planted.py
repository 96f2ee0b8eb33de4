"""A clinic in which every row holds words of its own, and who may be told which of them (`D7`).

The rows are those of `tests.oracle.clinic`; names, addresses, telephone numbers, reasons, and dates
of birth are replaced by secrets, so that a row is recognised wherever a trace of it appears. Who
may be told what is worked out from `tests.oracle.rows`, which knows nothing of `permissions`.
"""

import copy
import datetime as dt
import re
import uuid
from collections.abc import Callable, Iterator
from types import SimpleNamespace as Row
from typing import Any

from models import (
    Account,
    Association,
    AuditEvent,
    Base,
    Client,
    ClientNote,
    DecisionReason,
    Delivery,
    Department,
    Link,
    Organization,
    SearchWord,
    ServiceKey,
    Session,
    Staff,
    Webhook,
    name_key,
    outside,
    sort_key,
    words_of,
)
from tests.oracle.clinic import CLINIC, Clinic
from tests.oracle.people import Me
from tests.oracle.rows import Rows, by_id

PREFIXES: dict[type[Base], str] = {
    Organization: "org_",
    Department: "dep_",
    Staff: "stf_",
    Client: "cli_",
    Association: "asc_",
    AuditEvent: "aud_",
    ServiceKey: "key_",
    Webhook: "hok_",
    Delivery: "dlv_",
}
SECRET = re.compile(r"zq[a-p]{10}|1[89]\d\d-\d\d-\d\d|\b0\d{9}\b|[0-9a-f]{32}|[0-9a-f-]{36}")
"""What a secret looks like: a word, a date of birth, a telephone number, an id."""


def word(row: Any, what: str) -> str:
    """The row's own word for its `what`; nothing else has it."""
    digest = uuid.uuid5(row["id"], what).hex
    return "zq" + "".join("abcdefghijklmnop"[int(digit, 16)] for digit in digest[:10])


def _planted() -> Clinic:
    clinic = copy.copy(CLINIC)
    clinic.rows = copy.deepcopy(CLINIC.rows)
    rows = clinic.rows
    people = {}
    for model in (Client, Staff):
        for i, row in enumerate(rows[model]):
            first, last = word(row, "first").title(), word(row, "last").title()
            row.update(first_name=first, last_name=last, name_key=name_key(first, last))
            row["email_key"] = row["email"] = f"{word(row, 'email')}@example.com"
            if model is Client:
                row["phone"] = row["phone_key"] = f"0{int(row['id']) % 10**9:09}"
                row["status_reason"] = word(row, "reason")
                row["date_of_birth"] = dt.date(1901, 1, 1) + dt.timedelta(days=i)
            people[row["id"]] = row
    for row in rows[Association]:
        row["client_name_key"] = people[row["client_id"]]["name_key"]
    for row in (*rows[Organization], *rows[Department], *rows[ServiceKey]):
        row["name"] = word(row, "name")
    for row in rows[Department]:
        row["name_key"] = sort_key(row["name"])
    for row in rows[Organization]:
        row["contact_email"] = f"{word(row, 'contact')}@example.com"
    _plant_words_of_managers(rows)
    _plant_webhooks(rows)
    rows[SearchWord].clear()
    for row in (one for one in rows[Account] if one["id"] in people):
        if row["username"]:
            row["username"] = row["username_key"] = word(row, "username")
        person = people[row["id"]]
        texts = person["first_name"], person["last_name"], person["email"], row["username"]
        rows[SearchWord] += [
            {"organization_id": row["organization_id"], "word": one, "account_id": row["id"]}
            for one in words_of(*texts)
        ]
    return clinic


def _plant_words_of_managers(rows: dict[type[Base], list[dict[str, Any]]]) -> None:
    for row in (*rows[ClientNote], *rows[DecisionReason]):
        row["text"] = word(row, "text")


def _plant_webhooks(rows: dict[type[Base], list[dict[str, Any]]]) -> None:
    for row in rows[Webhook]:
        row["name"] = word(row, "name")
        row["url"] = f"https://{word(row, 'url')}.example.com"
    for row in rows[Delivery]:
        row["error"] = word(row, "error")
        row["payload"] = {"type": "client.approved", "data": {"clientId": word(row, "data")}}


PLANTED = _planted()
ROWS = Rows(PLANTED.rows)


def shown(model: type[Base], row: Any) -> str:
    """The row's id as the API shows it."""
    return outside(PREFIXES[model], row["id"])


def ids(model: type[Base]) -> list[str]:
    """The ids of all rows, of both organizations."""
    return [shown(model, row) for row in PLANTED.rows[model]]


def missing(id: str) -> str:
    """The id of no row, of the same kind."""
    return f"{id[:4]}0190ffff{'0' * 4}7000a000{'0' * 12}"[:36]


def me(caller: Any) -> Me:
    """Who that is."""
    return ROWS.me(PLANTED.ids[caller[0]], caller[1]) if caller else Me()


_READS: dict[type[Base], Callable[[Me, Row], bool]] = {
    Client: ROWS.reads_client,
    Staff: ROWS.reads_staff,
    Association: ROWS.reads_association,
    AuditEvent: ROWS.reads_event,
    ServiceKey: ROWS.reads_key,
    Webhook: ROWS.reads_webhook,
    Delivery: ROWS.reads_delivery,
    Department: Me.is_of,
}


def reads(me: Me, model: type[Base], row: Row) -> bool:
    """Whether the caller reads the row, by any path."""
    if model is Organization:
        return me.person is not None and row.id == me.person.organization_id
    return _READS[model](me, row)


def rows_of(model: type[Base]) -> list[Row]:
    """All rows of a kind that has ids."""
    return {
        Organization: ROWS.organizations,
        Department: ROWS.departments,
        Staff: ROWS.staff,
        Client: ROWS.clients,
        Association: ROWS.associations,
        AuditEvent: ROWS.events,
        ServiceKey: ROWS.keys,
        Webhook: ROWS.webhooks,
        Delivery: ROWS.deliveries,
    }[model]


def out_of_reach(me: Me, model: type[Base]) -> list[str]:
    """The ids of the rows that the caller does not read."""
    return [outside(PREFIXES[model], row.id) for row in rows_of(model) if not reads(me, model, row)]


def within_reach(me: Me, model: type[Base]) -> list[str]:
    """The ids of the rows that the caller reads."""
    return [outside(PREFIXES[model], row.id) for row in rows_of(model) if reads(me, model, row)]


def told(me: Me) -> set[str]:
    """All secrets that the caller may be told."""
    return set(_told(me))


_WORDS: dict[type[Base], tuple[str, ...]] = {
    Organization: ("name", "contact"),
    Department: ("name",),
    Client: ("first", "last"),
    Staff: ("first", "last"),
    ServiceKey: ("name",),
    Webhook: ("name", "url"),
    Delivery: ("error", "data"),
}
"""The words that whoever reads a row is told of it."""


def _told(me: Me) -> Iterator[str]:
    for model in PREFIXES:
        for row in rows_of(model):
            if not reads(me, model, row):
                continue
            yield row.id.hex
            said = vars(row)
            yield from (word(said, what) for what in _WORDS.get(model, ()))
            if model is Client and ROWS.reads_guarded(me, row):
                yield from (word(said, what) for what in ("email", "username", "reason"))
                yield from (row.phone, str(row.date_of_birth))
                yield from _named(row.approved_by_id)
            if model is Client and ROWS.manages_client(me, row):
                yield from _of_managers(row)
            if model is ServiceKey:
                yield from _named(row.created_by_id)
            if model is AuditEvent:
                yield from _named(row.actor_id)
            if model is Staff and ROWS.reads_details(me, row):
                yield from (word(said, what) for what in ("email", "username"))


def _of_managers(client: Row) -> Iterator[str]:
    """What is written and decided about a client, for whoever manages them."""
    for note in ROWS.notes_on(client):
        yield from (note.id.hex, word(vars(note), "text"), *_named(note.author_id))
    for decision in ROWS.decisions_on(client):
        yield from (decision.id.hex, word(vars(decision), "text"), *_named(decision.actor_id))


def _named(id: uuid.UUID | None) -> Iterator[str]:
    """The name of who decided on a client, or did something, that one reads (`D8`); no more."""
    by = by_id(ROWS.staff, id)
    if by:
        yield from (word(vars(by), "first"), word(vars(by), "last"))
    key = by_id(ROWS.keys, id)
    if key:
        yield word(vars(key), "name")


def _secrets() -> set[str]:
    every = {row["id"].hex for rows in PLANTED.rows.values() for row in rows if "id" in row}
    people = ("first", "last", "email", "username", "reason")
    whats = (*people, "name", "contact", "url", "error", "data")
    for model in PREFIXES:
        for row in PLANTED.rows[model]:
            every |= {word(row, what) for what in whats}
    for row in (*PLANTED.rows[ClientNote], *PLANTED.rows[DecisionReason]):
        every.add(word(row, "text"))
    for row in PLANTED.rows[Client]:
        every |= {row["phone"], str(row["date_of_birth"])}
    return every


SECRETS = _secrets()
assert {Link, Session} < PLANTED.rows.keys()


def leaked(body: bytes, may: set[str]) -> set[str]:
    """The secrets in the answer that whoever may be told these must not be told."""
    text = body.decode().lower()
    found = {one.replace("-", "") if len(one) == 36 else one for one in SECRET.findall(text)}
    return (found & SECRETS) - may
