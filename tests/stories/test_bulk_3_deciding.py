"""The approval queue, many at once: `clientsApprove`, `clientsReject`."""

import asyncio
from typing import Any

import pytest

from tests.stories.asking import ERRORS, nobody_else, refused
from tests.world import Clinic, Json, World, problems

CLIENTS = f"""
    rows {{ clientId {ERRORS} }}
    clients {{ id status statusReason department {{ name }} }}
    {ERRORS}
"""
APPROVE = f"""
mutation ($input: ClientsApproveInput!) {{ clientsApprove(input: $input) {{ {CLIENTS} }} }}
"""
REJECT = f"""
mutation ($input: ClientsRejectInput!) {{ clientsReject(input: $input) {{ {CLIENTS} }} }}
"""
REFUSALS = """{ auditEvents(action: [OPERATION_REFUSED]) { nodes { reason times } } }"""
both = pytest.mark.parametrize("document", [APPROVE, REJECT], ids=["approve", "reject"])


async def decide(world: World, clinic: Clinic, who: str, document: str, *rows: Json) -> Any:
    """The payload for rows that name their client as the clinic does."""
    said = [{**row, "clientId": clinic.ids.get(row["clientId"], row["clientId"])} for row in rows]
    return await world.do(document, {"input": {"clients": said}}, clinic.token(who))


def row(client: str, **more: Any) -> Json:
    return {"clientId": client, **more}


def problems_of(payload: Json) -> list[list[tuple[str, str | None]]]:
    """What is wrong with each row."""
    return [problems(one) for one in payload["rows"]]


async def test_many_are_approved_and_who_cannot_be_does_not_keep_the_others(
    world: World, clinic: Clinic
) -> None:
    await world.new_mail()
    payload = await decide(
        world,
        clinic,
        "olivia",
        APPROVE,
        row("amy"),
        row("dan"),
        row("chloe", associations=[{"practitionerId": clinic.ids["petra"]}]),
        row("chloe", departmentId=clinic.ids["lakeside.mental"]),
        row("dan", departmentId=clinic.ids["mental"]),
        row("lakeside.chloe"),
    )

    assert payload["userErrors"] == []
    assert problems_of(payload) == [
        [("NOT_PENDING", "input.clients.0.clientId")],
        [("DEPARTMENT_REQUIRED", "input.clients.1.departmentId")],
        [("DEPARTMENT_REQUIRED", "input.clients.2.associations.0.departmentId")],
        [("NOT_FOUND", "input.clients.3.departmentId")],
        [],
        [("NOT_FOUND", "input.clients.5.clientId")],
    ]
    amy, dan = clinic.ids["amy"], clinic.ids["dan"]
    assert [one["clientId"] for one in payload["rows"]] == [amy, dan, None, None, dan, None]
    shown = {one["id"]: (one["status"], one["department"]["name"]) for one in payload["clients"]}
    assert shown == {amy: ("ACTIVE", "Mental Health"), dan: ("ACTIVE", "Mental Health")}
    await world.only_mail("dan@riverside.example")


async def test_many_are_turned_down_each_with_its_reason(world: World, clinic: Clinic) -> None:
    await world.new_mail()
    payload = await decide(
        world,
        clinic,
        "olivia",
        REJECT,
        row("chloe", reason="Registered twice."),
        row("dan"),
        row("chloe", reason="Again."),
    )

    assert problems_of(payload) == [[], [], [("NOT_PENDING", "input.clients.2.clientId")]]
    message = payload["rows"][2]["userErrors"][0]["message"]
    assert message.startswith("This client was rejected already, by Olivia Hart on ")
    reasons = {one["id"]: (one["status"], one["statusReason"]) for one in payload["clients"]}
    assert reasons == {
        clinic.ids["chloe"]: ("INACTIVE", "Registered twice."),
        clinic.ids["dan"]: ("INACTIVE", None),
    }
    assert await world.new_mail() == []


@both
async def test_only_the_pending_of_ones_departments_are_decided_on(
    world: World, clinic: Clinic, document: str
) -> None:
    rows = [row(one) for one in ("dan", "bea", "phil", "lakeside.chloe", "amy", "nonsense")]
    async with world.unchanged():
        payload = await decide(world, clinic, "dora", document, *rows)

    codes = [[code for code, _ in wrong] for wrong in problems_of(payload)]
    missing = ["NOT_FOUND"]
    assert codes == [missing, ["OUT_OF_SCOPE"], missing, missing, ["NOT_PENDING"], missing]
    # What is in reach is shown as it is; and that somebody tried too far, is news.
    assert {one["id"] for one in payload["clients"]} == {clinic.ids["bea"], clinic.ids["amy"]}
    await world.noted()
    events = await world.do(REFUSALS, token=clinic.token("olivia"))
    name = "clientsApprove" if document == APPROVE else "clientsReject"
    assert events["nodes"] == [{"reason": f"OUT_OF_SCOPE: Mutation.{name}", "times": 1}]


@both
@pytest.mark.parametrize("many", [0, 101])
async def test_from_1_to_100_are_decided_on_at_once(
    world: World, clinic: Clinic, document: str, many: int
) -> None:
    async with world.unchanged():
        payload = await decide(world, clinic, "dora", document, *[row("chloe")] * many)

    assert problems(payload) == [("INVALID", "input.clients")]
    assert payload["rows"] == payload["clients"] == []


@both
@nobody_else
async def test_nobody_but_managers_decides(
    world: World, clinic: Clinic, document: str, who: str | None, code: str
) -> None:
    said = {"input": {"clients": [{"clientId": clinic.ids["chloe"]}]}}
    assert await refused(world, clinic, who, document, said) == code


async def test_of_two_who_decide_on_the_same_at_once_each_client_is_decided_on_once(
    world: World, clinic: Clinic
) -> None:
    mental = clinic.ids["mental"]
    rows = [row("chloe", departmentId=mental), row("dan", departmentId=mental)]
    payloads = await asyncio.gather(
        decide(world, clinic, "olivia", APPROVE, *rows),
        decide(world, clinic, "oscar", APPROVE, *reversed(rows)),
    )

    codes = sorted(
        [code for code, _ in wrong] for payload in payloads for wrong in problems_of(payload)
    )
    assert codes == [[], [], ["NOT_PENDING"], ["NOT_PENDING"]]
    letters = [mail.to for mail in await world.new_mail()]
    assert letters == ["chloe@riverside.example", "dan@riverside.example"]
