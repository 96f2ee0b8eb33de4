"""Cost grows with the answer, not with the data: lists are walked along indexes (`D29`).

The plans that both databases make for the pages of a large clinic: nothing is read from one end to
the other, and nothing is sorted but the page.
"""

import re
from collections.abc import AsyncIterator
from itertools import pairwise

import pytest
from sqlalchemy import func, insert, select, text
from sqlalchemy.ext.asyncio import AsyncConnection

from models import ActorKind, AuditAction, AuditEvent, Client, ClientNote, Role
from tests.conftest import Databases
from tests.rooms.crowd import CC, DA, OA, Crowd, crowded, scans
from tests.world import START

SIZE = 5
MOST_SORTED = 2 * 3 * (SIZE + 1)
"""Two walks for a department and each of the three statuses, of a page and one more row."""

ORDERS = ("NAME", "NEWEST", "OLDEST")
PAGES = {
    "the Active list": "",
    "the Pending list": "status: PENDING",
    "all lists": "status: null",
}


@pytest.fixture(scope="module", params=["sqlite", "postgresql"])
async def crowd(
    request: pytest.FixtureRequest, databases: Databases, tmp_path_factory: pytest.TempPathFactory
) -> AsyncIterator[Crowd]:
    """Ten thousand clients in four organizations."""
    folder = tmp_path_factory.mktemp("walks")
    async with crowded(request.param, databases, folder, organizations=4) as made:
        yield made


def page(arguments: str, inner: str = "") -> str:
    head = "query Page($at: String)" if "$at" in arguments else "query Page"
    return f"""{head} {{ clients({arguments}) {{
        nodes {{ id firstName department {{ name }} {inner} }} pageInfo {{ endCursor }} }} }}"""


@pytest.mark.parametrize("direction", ["first", "last"])
@pytest.mark.parametrize("order", ORDERS)
@pytest.mark.parametrize("listed", PAGES.values(), ids=PAGES.keys())
@pytest.mark.parametrize("role", [OA, DA, CC])
async def test_a_page_is_walked_to_and_not_sorted_for(
    crowd: Crowd, role: Role, listed: str, order: str, direction: str
) -> None:
    document = page(f"{direction}: {SIZE}, orderBy: {order}, {listed}")
    found = await crowd.ask(role, document)
    await _is_walked(crowd)
    bound = "after" if direction == "first" else "before"
    beyond = page(f"{direction}: {SIZE}, orderBy: {order}, {bound}: $at, {listed}")
    await crowd.ask(role, beyond, at=found["clients"]["pageInfo"]["endCursor"])
    await _is_walked(crowd)


@pytest.mark.parametrize("role", [OA, DA])
async def test_what_is_below_a_page_is_found_by_its_index(crowd: Crowd, role: Role) -> None:
    below = "associations { practitioner { displayName } department { name } }"
    await crowd.ask(role, page(f"first: {SIZE}", below))
    assert await crowd.scanned() == []


ALIKE = """query Alike($id: ID!) { client(id: $id) {
    lastName phone possibleDuplicates { id lastName possibleDuplicates { id } } } }"""


@pytest.mark.parametrize("role", [OA, DA])
async def test_who_may_be_the_same_person_is_found_by_birth_and_name_or_by_telephone(
    crowd: Crowd, role: Role
) -> None:
    """Each of the two by its own index, whatever the statistics say of the others."""
    listed = await crowd.ask(role, page("first: 1, orderBy: NEWEST"))
    id = listed["clients"]["nodes"][0]["id"]
    await crowd.ask(role, ALIKE, id=id)
    statement, values = crowd.database.kept[0]
    plan = await crowd.plan(statement, values)
    assert scans(statement.text, plan) == [], "\n".join(plan)
    for index in ("ix_clients_by_birth_and_name", "ix_clients_by_phone"):
        assert any(index in step for step in plan), "\n".join(plan)


@pytest.mark.parametrize("role", [OA, DA])
async def test_notes_and_decisions_are_walked_along_an_index(crowd: Crowd, role: Role) -> None:
    await _written_about(crowd, many=50)
    below = "notes(first: 5) { nodes { text } } decisions(first: 5) { nodes { reason } }"
    await crowd.ask(role, page(f"first: {SIZE}", below))
    statement, values = crowd.database.kept[0]
    plan = "\n".join(await crowd.plan(statement, values))
    assert "ix_client_notes_organization_id_client_id_id" in plan, plan
    assert "ix_audit_events_organization_id_client_id_number" in plan, plan


async def _written_about(crowd: Crowd, many: int) -> None:
    """Write so many notes on, and decide so often on, each of some clients."""
    organization, author = crowd.made.id, crowd.made.staff[OA]
    event = {
        "organization_id": organization,
        "at": START,
        "action": AuditAction.CLIENT_APPROVED,
        "actor_kind": ActorKind.STAFF,
        "actor_id": author,
        "roles": [],
        "departments": [],
        "changes": [],
        "times": 1,
        "previous_hash": "",
        "hash": "",
    }

    async def work(connection: AsyncConnection) -> None:
        ours = select(Client.id).where(Client.organization_id == organization).limit(100)
        about = [id for id in (await connection.scalars(ours)).all() for _ in range(many)]
        last = await connection.scalar(select(func.max(AuditEvent.number))) or 0
        note = {"organization_id": organization, "author_id": author, "created_at": START}
        notes = [{**note, "client_id": id, "text": "Rings."} for id in about]
        events = [
            {**event, "number": number, "client_id": id}
            for number, id in enumerate(about, start=last + 1)
        ]
        await connection.execute(insert(ClientNote), notes)
        await connection.execute(insert(AuditEvent), events)

    await crowd.database.write(work)
    await crowd.database.write(lambda connection: connection.execute(text("ANALYZE")))


async def test_a_list_of_a_department_is_walked_too(crowd: Crowd) -> None:
    department = f"dep_{crowd.made.departments[0].hex}"
    await crowd.ask(OA, page(f'first: {SIZE}, departmentId: "{department}"'))
    await _is_walked(crowd)


async def _is_walked(crowd: Crowd) -> None:
    (statement, values), *_ = crowd.database.kept  # an empty page has its cursor looked up, too
    plan = await crowd.plan(statement, values)
    assert scans(statement.text, plan) == [], "\n".join(plan)
    if crowd.database.dialect == "postgresql":
        assert max(_sorted(plan), default=0) <= MOST_SORTED, "\n".join(plan)
    else:
        assert _sorting(plan) == [], "\n".join(plan)


def _sorting(plan: list[str]) -> list[str]:
    """Walks of SQLite's that end in a sort; what the walks found may be sorted, being so little."""
    walks = plan[: plan.index("SCAN found")] if "SCAN found" in plan else plan
    pairs = pairwise(walks)
    return [one for one, then in pairs if one.startswith("SEARCH t") and "TEMP B-TREE" in then]


def _sorted(plan: list[str]) -> list[int]:
    """How many rows each sort of PostgreSQL's was given."""
    sorts = [i for i, step in enumerate(plan) if re.search(r"(^|-> +)(Incremental )?Sort\b", step)]
    below = [next(one for one in plan[i + 1 :] if "actual" in one) for i in sorts]
    rows = [re.search(r"actual rows=([\d.]+)", step) for step in below]
    return [int(float(found[1])) for found in rows if found]
