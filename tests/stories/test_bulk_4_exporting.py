"""Clients as a file, over HTTP: `GET /export/clients.csv` and `/export/clients.jsonl`."""

import json
import tracemalloc
from typing import Any

import httpx2
import pytest
from sqlalchemy import func, select, text, update

from models import AuditAction, AuditEvent, ClientRead, Record, Staff, StaffStatus
from portal.cells import COLUMNS
from portal.exporting import PAGE, Export, Format, in_the_name_of
from portal.operations import Operations
from schema import Api
from tests.edge.wire import served, wire
from tests.keys import REVOKE_KEY, issue, key
from tests.stories.asking import CLIENT_UPDATE, DEACTIVATE, NO_MANAGERS, STAFF_DEACTIVATE
from tests.stories.exporting import Sent, cells, crowd, export, lines, named, watched
from tests.stories.test_bulk_1_importing import transactions
from tests.stories.test_decisions_4_sessions import LOGOUT
from tests.world import Clinic, Json, World

JSON_LINES = "/export/clients.jsonl"
LIST = """query ($status: ClientStatus, $department: ID, $practitioner: ID, $search: String) {
  clients(
    status: $status, departmentId: $department, practitionerId: $practitioner, search: $search
    orderBy: OLDEST, first: 100
  ) { nodes {
    id status onboardingState firstName lastName email phone dateOfBirth username
    department { id name } createdAt approvedAt approvedBy { displayName } statusReason version
    associations { id practitioner { id displayName } department { id name } createdAt }
  } }
}"""


async def listed(world: World, token: str, **variables: Any) -> list[Json]:
    """The clients whom the API lists."""
    return list((await world.do(LIST, variables, token))["nodes"])


async def told(world: World) -> list[Record]:
    """What the audit trail tells of exports."""
    wanted = (
        select(*AuditEvent.__table__.c)
        .where(AuditEvent.action == AuditAction.CLIENTS_EXPORTED)
        .order_by(AuditEvent.number)
    )
    return list(await world.database.read(lambda c: c.execute(wanted).all()))


async def count(world: World, table: Any, *where: Any) -> int:
    """How many rows there are."""
    every = select(func.count()).select_from(table).where(*where)
    return int(await world.database.read(lambda c: c.execute(every).scalar_one()))


def code(answer: httpx2.Response) -> str:
    """The code of a refusal."""
    (error,) = answer.json()["errors"]
    return str(error["extensions"]["code"])


# --- what is in it ------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("who", "whom"),
    [
        ("olivia", ["Amy", "Ben", "Bea", "Cleo", "Gil", "Chloe", "Phil", "Dan", "Una"]),
        ("dora", ["Amy", "Bea", "Gil", "Chloe"]),
        ("carl", ["Amy", "Bea", "Gil", "Chloe"]),
        ("fay", ["Ben", "Bea", "Una"]),
        ("pia", ["Cleo", "Phil"]),
        ("solo.dora", ["Amy", "Chloe"]),
    ],
)
async def test_a_file_holds_whom_the_caller_manages_as_the_api_lists_them(
    world: World, clinic: Clinic, who: str, whom: list[str]
) -> None:
    answer = await export(world, clinic.token(who), status="")

    assert lines(answer) == await listed(world, clinic.token(who), status=None)
    assert sorted(named(lines(answer))) == sorted(whom)
    assert answer.headers["content-type"] == "application/jsonl; charset=utf-8"
    assert answer.headers["content-disposition"] == 'attachment; filename="clients.jsonl"'
    assert answer.headers["cache-control"] == "no-store"
    assert answer.headers["x-content-type-options"] == "nosniff"


async def test_the_filters_are_those_of_the_list(world: World, clinic: Clinic) -> None:
    async def found(who: str, **filters: str) -> list[str]:
        return sorted(named(lines(await export(world, clinic.token(who), **filters))))

    ids = clinic.ids
    assert await found("olivia") == ["Amy", "Bea", "Ben", "Cleo", "Una"]
    assert await found("olivia", status="PENDING") == ["Chloe", "Dan", "Phil"]
    assert await found("olivia", departmentId=ids["mental"]) == ["Amy"]
    assert await found("olivia", departmentId=ids["mental"], status="") == ["Amy", "Chloe", "Gil"]
    assert await found("olivia", practitionerId=ids["pia"]) == ["Bea"]
    assert await found("olivia", search="cl b") == ["Bea", "Ben"]
    assert await found("dora", departmentId=ids["family"]) == ["Bea"]
    for nobody in ("", "nonsense", ids["lakeside.mental"]):
        assert await found("olivia", departmentId=nobody) == []


async def test_csv_is_what_an_import_takes_and_more(world: World, clinic: Clinic) -> None:
    answer = await export(world, clinic.token("olivia"), "csv", search="amy")

    (amy,) = await listed(world, clinic.token("olivia"), search="amy", status="ACTIVE")
    assert answer.headers["content-type"] == "text/csv; charset=utf-8; header=present"
    assert answer.headers["content-disposition"] == 'attachment; filename="clients.csv"'
    head, line, rest = answer.text.split("\r\n")
    assert (head, rest) == ("\ufeff" + ",".join(COLUMNS), "")
    assert line == (
        f"Amy,Client,amy@riverside.example,{amy['dateOfBirth']},'+1 555 0100,Mental Health,"
        f"{clinic.ids['amy']},ACTIVE,COMPLETE,amy,{clinic.ids['mental']},"
        f"Petra Staff (Mental Health),{amy['createdAt']},{amy['approvedAt']},Olivia Hart,"
    )


async def test_nobody_is_a_file_too(world: World, clinic: Clinic) -> None:
    nobody = {"search": "nobody at all"}
    assert (await export(world, clinic.token("olivia"), **nobody)).content == b""
    answer = await export(world, clinic.token("olivia"), "csv", **nobody)
    assert answer.text == "\ufeff" + ",".join(COLUMNS) + "\r\n"
    assert cells(answer.text) == []


# --- who may ------------------------------------------------------------------------------------


@pytest.mark.parametrize("form", Format)
@pytest.mark.parametrize(
    ("who", "surface", "refusal"),
    [
        *((who, "PORTAL", code) for who, code in NO_MANAGERS),
        *((who, "APP", "FORBIDDEN") for who in ("olivia", "petra", "amy")),
    ],
)
async def test_nobody_else_gets_any(
    world: World, clinic: Clinic, who: str | None, surface: str, refusal: str, form: str
) -> None:
    async with world.unchanged():
        answer = await export(world, clinic.token(who, surface) if who else None, form)

    assert code(answer) == refusal
    assert answer.status_code == {"FORBIDDEN": 403, "UNAUTHENTICATED": 401}[refusal]
    assert answer.headers.get("www-authenticate") == (None if who else "Bearer")
    await world.noted()
    refused = AuditEvent.action == AuditAction.OPERATION_REFUSED
    assert await count(world, AuditEvent, refused) == (1 if who else 0)


async def test_a_service_key_exports_as_far_as_it_reads(world: World, clinic: Clinic) -> None:
    reads = await key(world, clinic, "CLIENT_READ", departments=["mental"])
    does_not = await key(world, clinic, "DEPARTMENT_UPDATE")

    assert sorted(named(lines(await export(world, reads)))) == ["Amy", "Bea"]
    async with world.unchanged():
        assert code(await export(world, does_not)) == "FORBIDDEN"
    (event,) = await told(world)
    assert (event.actor_kind, event.surface) == ("SERVICE_KEY", None)
    assert event.departments == [clinic.key("mental")]


# --- what is told of it -------------------------------------------------------------------------


async def test_the_trail_is_told_who_took_whom_along(world: World, clinic: Clinic) -> None:
    ids = clinic.ids
    opened = await count(world, ClientRead)
    asked = {"departmentId": ids["mental"], "practitionerId": "nobody", "search": "Amelia"}
    await export(world, clinic.token("dora"), "csv")
    await export(world, clinic.token("olivia"), status="")
    await export(world, clinic.token("olivia"), **asked)

    def values(**after: Any) -> list[Json]:
        return [{"field": name, "before": None, "after": one} for name, one in after.items()]

    dora, everybody, few = await told(world)
    departments = sorted(clinic.key(name) for name in ("family", "mental", "physio"))
    assert dora.actor_id == clinic.key("dora")
    assert dora.surface == "PORTAL"
    assert dora.changes == values(format="csv", rows=2, status="ACTIVE")
    assert dora.departments == [clinic.key("mental")]
    assert everybody.changes == values(format="jsonl", rows=9)
    assert everybody.departments == departments
    assert few.changes == [
        *values(format="jsonl", rows=0, status="ACTIVE", departmentId=ids["mental"]),
        {"field": "search", "redacted": True},
    ]
    assert few.departments == [clinic.key("mental")]
    assert "Amelia" not in repr(few)
    await world.noted()
    assert await count(world, ClientRead) == opened


async def test_what_cannot_be_told_is_not_exported(world: World, clinic: Clinic) -> None:
    async def rename(table: str, other: str) -> None:
        statement = text(f"ALTER TABLE {table} RENAME TO {other}")
        await world.database.write(lambda c: c.execute(statement))

    await rename("audit_events", "elsewhere")
    answer = await export(world, clinic.token("olivia"))
    await rename("elsewhere", "audit_events")

    assert (answer.status_code, code(answer)) == (500, "INTERNAL_SERVER_ERROR")
    assert "Amy" not in answer.text


# --- many ---------------------------------------------------------------------------------------


async def test_each_page_takes_two_statements_and_all_of_it_one_transaction(
    world: World, clinic: Clinic, monkeypatch: pytest.MonkeyPatch
) -> None:
    ids = await crowd(world, clinic, 2500)
    planned = world.database._planned
    fetch = planned.fetch
    ran: list[str] = []

    async def noting(statement: str, arguments: list[Any]) -> Any:
        if "pg_notify" not in statement:  # which tells other servers, by and by
            ran.append(statement)
        return await fetch(statement, arguments)

    monkeypatch.setattr(planned, "fetch", noting)
    with transactions(world) as written:
        answer = await export(world, clinic.token("olivia"), departmentId=clinic.ids["mental"])

    assert [one["id"] for one in lines(answer)] == [clinic.ids["amy"], *ids]
    pages = -(-2501 // PAGE)
    assert len(ran) == 2 * pages
    assert len(set(ran)) == 3  # who asks; the first page, which counts; another page
    assert len([one for one in written if any("audit_events" in each for each in one)]) == 1


async def test_no_more_than_a_page_is_in_memory(world: World, clinic: Clinic) -> None:
    await crowd(world, clinic, 2500)
    services, api = world.service.services, Api()

    async def peak(filters: dict[str, str | None]) -> tuple[int, int]:
        """The most bytes that were held while the file was sent, and how many it has."""
        ask = in_the_name_of(services, api, "riverside", "olivia")
        taken = Export(ask, Format.JSON_LINES, filters)
        await taken.begin()
        tracemalloc.start()
        size = 0
        async for part in taken.parts():
            size += len(part)
        _, most = tracemalloc.get_traced_memory()
        tracemalloc.stop()
        return most, size

    await peak({"search": "n2"})  # what is kept for good: plans and statements
    half, _ = await peak({"search": "n1"})
    all_of_it, size = await peak({})
    assert size > 1_000_000
    assert all_of_it < 1.2 * half


# --- in the middle ------------------------------------------------------------------------------


def came(sent: Sent) -> list[Json]:
    """The clients who came before it was cut off; there is a line that says why."""
    *clients, last = map(json.loads, sent.text.splitlines())
    assert not sent.is_whole
    assert sent.status == 200
    assert list(last) == ["errors"]
    return clients


def why(sent: Sent) -> str:
    """Why it was cut off."""
    (error,) = json.loads(sent.text.splitlines()[-1])["errors"]
    return str(error["extensions"]["code"])


async def test_who_is_made_inactive_meanwhile_gets_no_more(world: World, clinic: Clinic) -> None:
    await crowd(world, clinic, 150)

    async def deactivate() -> None:
        payload = await world.do(
            STAFF_DEACTIVATE, {"id": clinic.ids["dora"]}, clinic.token("olivia")
        )
        assert payload["userErrors"] == []

    sent = await watched(world, JSON_LINES, clinic.token("dora"), deactivate)

    assert len(came(sent)) == PAGE
    assert why(sent) == "UNAUTHENTICATED"


async def test_a_csv_that_is_cut_off_says_nothing_and_is_never_finished(
    world: World, clinic: Clinic
) -> None:
    await crowd(world, clinic, 150)
    gone = update(Staff).where(Staff.id == clinic.key("dora")).values(status=StaffStatus.INACTIVE)

    async def deactivate() -> None:
        await world.database.write(lambda c: c.execute(gone))

    sent = await watched(world, "/export/clients.csv", clinic.token("dora"), deactivate)

    assert not sent.is_whole
    assert len(cells(sent.text)) == PAGE


async def test_a_key_that_is_revoked_meanwhile_gets_no_more(world: World, clinic: Clinic) -> None:
    await crowd(world, clinic, 150)
    made = await issue(world, clinic, "CLIENT_READ")

    async def revoke() -> None:
        await world.do(REVOKE_KEY, {"id": made["serviceKey"]["id"]}, clinic.token("olivia"))

    sent = await watched(world, JSON_LINES, made["token"], revoke)

    assert len(came(sent)) == PAGE
    assert why(sent) == "UNAUTHENTICATED"


async def test_who_may_not_any_more_and_who_signs_out_get_no_more(
    world: World, clinic: Clinic
) -> None:
    await crowd(world, clinic, 150)
    token = await world.sign_in("carl")
    demote = """mutation ($id: ID!, $department: ID!) {
      staffRolesUpdate(id: $id, input: {
        grant: [{role: PRACTITIONER, departmentId: $department}]
        revoke: [{role: CARE_COORDINATOR, departmentId: $department}]
      }) { userErrors { code } }
    }"""
    whom = {"id": clinic.ids["carl"], "department": clinic.ids["mental"]}

    async def demoted() -> None:
        assert await world.do(demote, whom, clinic.token("olivia")) == {"userErrors": []}

    async def sign_out() -> None:
        await world.do(LOGOUT, token=clinic.token("dora"))

    sent = await watched(world, JSON_LINES, token, demoted)
    assert (len(came(sent)), why(sent)) == (PAGE, "FORBIDDEN")
    sent = await watched(world, JSON_LINES, clinic.token("dora"), sign_out)
    assert (len(came(sent)), why(sent)) == (PAGE, "UNAUTHENTICATED")


async def test_what_is_edited_meanwhile_moves_nobody_out_of_the_walk(
    world: World, clinic: Clinic
) -> None:
    """The last of the first page is renamed, and inactive; one who is to come is inactive, too."""
    ids = await crowd(world, clinic, 150)
    olivia = clinic.token("olivia")

    async def edit() -> None:
        name = {"id": ids[98], "input": {"firstName": "Zz", "lastName": "Zz"}}
        assert (await world.do(CLIENT_UPDATE, name, olivia))["userErrors"] == []
        for id in (ids[98], ids[120]):
            assert (await world.do(DEACTIVATE, {"id": id}, olivia))["userErrors"] == []

    mental = {"departmentId": clinic.ids["mental"]}
    sent = await watched(world, JSON_LINES, olivia, edit, **mental)

    assert sent.is_whole
    expected = [clinic.ids["amy"], *ids]
    expected.remove(ids[120])
    assert [json.loads(line)["id"] for line in sent.text.splitlines()] == expected


async def test_on_the_wire_the_last_chunk_does_not_come(world: World, clinic: Clinic) -> None:
    await crowd(world, clinic, 150)
    gone = update(Staff).where(Staff.id == clinic.key("dora")).values(status=StaffStatus.INACTIVE)
    first = True

    async def app(scope: Any, receive: Any, send: Any) -> None:
        async def slowly(message: Any) -> None:
            nonlocal first
            await send(message)
            if first and message.get("body"):
                first = False
                await world.database.write(lambda c: c.execute(gone))

        await world.app(scope, receive, slowly)

    request = "\r\n".join(
        (
            f"GET {JSON_LINES} HTTP/1.1",
            "Host: 127.0.0.1",
            f"Authorization: Bearer {clinic.token('dora')}",
            "",
            "",
        )
    )
    async with served(app) as port, wire(port) as connection:
        await connection.send(request.encode())
        answer = await connection.ended()

    assert answer.startswith(b"HTTP/1.1 200 OK\r\n")
    assert b"transfer-encoding: chunked" in answer
    assert b'{"errors":[' in answer
    assert not answer.endswith(b"0\r\n\r\n")


# --- at the edge --------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "query",
    [
        "departement=x",
        "first=5",
        "orderBy=NAME",
        "status=ACTIVE&status=PENDING",
        "status=EVERYBODY",
        "search=%ff",
        "search=a+b+c+d+e+f+g+h+i",
        "&".join(f"x{i}=1" for i in range(101)),
    ],
)
async def test_what_is_no_filter_is_refused_and_nobody_is_exported(
    world: World, clinic: Clinic, query: str
) -> None:
    headers = {"authorization": f"Bearer {clinic.token('olivia')}"}
    async with world.unchanged():
        answer = await world.http.get(f"{JSON_LINES}?{query}", headers=headers)
    assert (answer.status_code, code(answer)) == (400, "BAD_USER_INPUT")


@pytest.mark.parametrize("method", ["HEAD", "POST", "PUT", "DELETE", "OPTIONS"])
async def test_a_file_is_only_got(world: World, clinic: Clinic, method: str) -> None:
    headers = {"authorization": f"Bearer {clinic.token('olivia')}"}
    async with world.unchanged():
        answer = await world.http.request(method, JSON_LINES, headers=headers)
    assert answer.status_code == 405
    assert answer.headers["allow"] == "GET"


async def test_it_takes_a_place_among_what_is_worked_on_at_once(
    world: World, clinic: Clinic, monkeypatch: pytest.MonkeyPatch
) -> None:
    await crowd(world, clinic, 150)
    operations: Operations = world.app._operations  # type: ignore[attr-defined]

    async def busy() -> None:
        monkeypatch.setattr(operations, "_at_once", 0)

    sent = await watched(world, JSON_LINES, clinic.token("dora"), busy)
    assert (len(came(sent)), why(sent)) == (PAGE, "SERVICE_UNAVAILABLE")
    async with world.unchanged():
        answer = await export(world, clinic.token("dora"))
    assert (answer.status_code, code(answer)) == (503, "SERVICE_UNAVAILABLE")
    assert answer.headers["retry-after"] == "1"
