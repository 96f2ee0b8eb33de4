"""From a token to an actor: what is in the database now counts, and nothing else (`D21`)."""

import datetime as dt
import uuid
from collections.abc import AsyncIterator
from typing import Any

import pytest
from sqlalchemy import Table, delete, insert, update

from models import (
    AccountKind,
    Base,
    Client,
    ClientStatus,
    Database,
    Department,
    Organization,
    Role,
    RoleGrant,
    SecondFactor,
    ServiceKey,
    Session,
    Staff,
    StaffStatus,
    Surface,
    new_id,
)
from permissions import Actor, Permission, Scope, Shape, Tokens, identify
from tests.conftest import Databases
from tests.oracle.clinic import CLINIC, NOW, SECRET

TOKENS = Tokens(SECRET)
PORTAL, APP = Surface.PORTAL, Surface.APP
SECOND = dt.timedelta(seconds=1)
MINUTES = dt.timedelta(minutes=15)


@pytest.fixture(params=["sqlite", "postgresql"])
async def database(
    request: pytest.FixtureRequest, databases: Databases, tmp_path: Any
) -> AsyncIterator[Database]:
    """The clinic, in a database of the test's own."""
    is_sqlite = request.param == "sqlite"
    url = await databases.sqlite(tmp_path) if is_sqlite else await databases.postgresql()
    database = Database(url)
    await CLINIC.write(database)
    yield database
    await database.close()
    if not is_sqlite:
        await databases.drop(url)


async def who(
    database: Database,
    label: str,
    surface: Surface = PORTAL,
    *,
    generation: int = 1,
    now: dt.datetime = NOW,
) -> Actor | None:
    token = TOKENS.access(CLINIC.sessions[label, surface], generation)
    return await identify(database, TOKENS, token, now)


async def change(database: Database, model: type[Base], id: Any, **values: Any) -> None:
    table = model.__table__
    assert isinstance(table, Table)
    await database.write(lambda c: c.execute(update(table).where(table.c.id == id).values(values)))


def session_of(label: str) -> Any:
    return CLINIC.sessions[label, PORTAL]


async def test_an_actor_has_who_where_and_what(database: Database) -> None:
    actor = await who(database, "cc.pr", APP)
    assert actor
    assert (actor.id, actor.organization_id) == (CLINIC.ids["cc.pr"], CLINIC.ids["east"])
    assert actor.session_id == CLINIC.sessions["cc.pr", APP]
    assert actor.shape.kind is AccountKind.STAFF
    assert actor.shape.surface is APP
    assert actor.shape.roles == {Role.CARE_COORDINATOR, Role.PRACTITIONER}
    assert set(actor.grants) == {
        (Role.PRACTITIONER, CLINIC.ids["speech"]),
        (Role.CARE_COORDINATOR, CLINIC.ids["adults"]),
    }


async def test_a_client_is_an_actor_without_roles(database: Database) -> None:
    actor = await who(database, "ann")
    assert actor
    assert actor.shape == Shape(AccountKind.CLIENT, PORTAL, frozenset())
    assert actor.grants == ()


async def test_staff_without_a_role_is_an_actor(database: Database) -> None:
    actor = await who(database, "nobody")
    assert actor and actor.shape.kind is AccountKind.STAFF and not actor.shape.roles


async def test_grants_in_a_closed_department_do_not_count(database: Database) -> None:
    """`D13`."""
    actor = await who(database, "closed.da")
    assert actor and actor.grants == ((Role.PRACTITIONER, CLINIC.ids["kids"]),)
    actor = await who(database, "closed.only")
    assert actor and actor.grants == () and not actor.shape.roles
    await change(database, Department, CLINIC.ids["closed"], active=True)
    actor = await who(database, "closed.only")
    assert actor and actor.shape.roles == {Role.CARE_COORDINATOR}


async def test_an_administrator_s_grant_needs_no_department(database: Database) -> None:
    actor = await who(database, "oa")
    assert actor and actor.grants == ((Role.ORGANIZATION_ADMINISTRATOR, None),)


@pytest.mark.parametrize(
    ("after", "lives"),
    [(dt.timedelta(), True), (MINUTES - SECOND, True), (MINUTES, False), (MINUTES * 99, False)],
)
async def test_a_token_expires(database: Database, after: dt.timedelta, lives: bool) -> None:
    assert (await who(database, "oa", now=NOW + after) is not None) is lives


@pytest.mark.parametrize(
    ("generation", "after", "lives"),
    [
        (5, 0, True),
        (4, 0, True),  # requests may be under way
        (4, 9.999, True),
        (4, 10, False),
        (3, 0, False),
        (6, 0, False),
        (0, 0, False),
    ],
)
async def test_a_replaced_token_is_good_for_ten_seconds(
    database: Database, generation: int, after: float, lives: bool
) -> None:
    until = NOW + 10 * SECOND
    await change(database, Session, session_of("oa"), generation=5, replaced_until=until)
    now = NOW + dt.timedelta(seconds=after)
    found = await who(database, "oa", generation=generation, now=now)
    assert (found is not None) is lives


async def test_a_token_is_good_no_more_where_nobody_wrote_until_when(database: Database) -> None:
    await change(database, Session, session_of("oa"), generation=5)
    assert await who(database, "oa", generation=4) is None
    assert await who(database, "oa", generation=5) is not None


async def test_an_ended_session_is_nobody_s(database: Database) -> None:
    await change(database, Session, session_of("oa"), ended_at=NOW)
    assert await who(database, "oa") is None
    assert await who(database, "oa", APP) is not None  # another session


@pytest.mark.parametrize("surface", [PORTAL, APP])
async def test_inactive_staff_is_out_at_once(database: Database, surface: Surface) -> None:
    await change(database, Staff, CLINIC.ids["oa"], status=StaffStatus.INACTIVE)
    assert await who(database, "oa", surface) is None


@pytest.mark.parametrize(
    ("status", "surface", "lives"),
    [
        (ClientStatus.ACTIVE, PORTAL, True),
        (ClientStatus.ACTIVE, APP, True),
        (ClientStatus.INACTIVE, PORTAL, False),
        (ClientStatus.INACTIVE, APP, False),
        (ClientStatus.PENDING, PORTAL, True),
        (ClientStatus.PENDING, APP, False),
    ],
)
async def test_a_client_s_status_counts_at_once(
    database: Database, status: ClientStatus, surface: Surface, lives: bool
) -> None:
    """`S26` to `S28`."""
    pending = {"approved_at": None, "approved_by_id": None}
    more = pending if status is ClientStatus.PENDING else {}
    await change(database, Client, CLINIC.ids["ann"], status=status, **more)
    assert (await who(database, "ann", surface) is not None) is lives


async def test_a_new_role_counts_at_once(database: Database) -> None:
    grant = {
        "organization_id": CLINIC.ids["east"],
        "id": new_id(),
        "staff_id": CLINIC.ids["nobody"],
        "department_id": CLINIC.ids["kids"],
        "role": Role.CARE_COORDINATOR,
        "created_at": NOW,
    }
    table: Any = RoleGrant.__table__
    await database.write(lambda c: c.execute(insert(table).values(grant)))
    actor = await who(database, "nobody")
    assert actor and actor.shape.roles == {Role.CARE_COORDINATOR}


async def test_who_needs_a_second_factor_holds_nothing_until_there_is_one(
    database: Database,
) -> None:
    """Whatever roles there are, and whatever was begun; west requires one, east does not."""
    late = await who(database, "west.late")
    assert late and late.second_factor_needed
    assert late.shape == Shape(AccountKind.STAFF, PORTAL, frozenset())
    assert late.grants == ()
    ready = await who(database, "west.oa")
    assert ready and not ready.second_factor_needed
    assert ready.grants == ((Role.ORGANIZATION_ADMINISTRATOR, None),)
    client, other = await who(database, "west.ann"), await who(database, "da.two")
    assert client and not client.second_factor_needed
    assert other and not other.second_factor_needed and len(other.grants) == 2

    await change(database, SecondFactor, CLINIC.ids["west.late"], confirmed_at=NOW, last_step=1)
    late = await who(database, "west.late")
    assert late and not late.second_factor_needed and len(late.grants) == 2


async def test_that_an_organization_requires_a_second_factor_counts_at_once(
    database: Database,
) -> None:
    await change(database, Organization, CLINIC.ids["east"], second_factor_required=True)
    for label, needed in (("oa", False), ("oa.pr", True), ("da.two", True), ("ann", False)):
        actor = await who(database, label)
        assert actor and actor.second_factor_needed is needed, label
        assert bool(actor.shape.roles) is not (needed or label == "ann")
    await change(database, Organization, CLINIC.ids["east"], second_factor_required=False)
    actor = await who(database, "da.two")
    assert actor and not actor.second_factor_needed and actor.shape.roles


@pytest.mark.parametrize(
    "token",
    [
        "",
        "anything",
        TOKENS.refresh(session_of("oa"), 1),
        TOKENS.link(session_of("oa")),
        Tokens("another secret").access(session_of("oa"), 1),
        TOKENS.access(uuid.UUID(int=7), 1),
        TOKENS.access(CLINIC.ids["oa"], 1),
        TOKENS.access(session_of("oa"), 1)[:-1],
    ],
)
async def test_no_other_text_is_anybody(database: Database, token: str) -> None:
    assert await identify(database, TOKENS, token, NOW) is None


async def key(database: Database, label: str, now: dt.datetime = NOW) -> Actor | None:
    return await identify(database, TOKENS, CLINIC.keys[label, None], now)


async def test_a_key_is_an_actor_with_what_was_chosen_where_departments_are_open(
    database: Database,
) -> None:
    two = await key(database, "key.two")
    assert two
    assert (two.id, two.organization_id) == (CLINIC.ids["key.two"], CLINIC.ids["east"])
    assert (two.shape.kind, two.shape.surface) == (AccountKind.SERVICE_KEY, None)
    assert two.departments(Permission.CLIENT_READ) == {CLINIC.ids["speech"], CLINIC.ids["adults"]}
    kids = await key(database, "key.clients")
    assert kids and kids.departments(Permission.CLIENT_READ) == {CLINIC.ids["kids"]}
    assert kids.shape.chosen == frozenset(
        one
        for one in Permission
        if one.startswith("CLIENT_") and one is not Permission.CLIENT_ASSOCIATE
    )
    everywhere = await key(database, "key.audit")
    assert everywhere and everywhere.shape.scopes(Permission.AUDIT_READ) == {Scope.ORGANIZATION}
    closed = await key(database, "key.closed")
    assert closed and closed.grants == () and closed.shape.chosen == frozenset()


@pytest.mark.parametrize(
    ("model", "label", "values"),
    [
        (ServiceKey, "key.all", {"revoked_at": NOW}),
        (ServiceKey, "key.all", {"expires_at": NOW}),
        (ServiceKey, "key.all", {"digest": b"another"}),
        (Staff, "oa", {"status": StaffStatus.INACTIVE}),
    ],
)
async def test_a_key_that_is_no_good_is_nobody(
    database: Database, model: type[Base], label: str, values: dict[str, Any]
) -> None:
    assert await key(database, "key.all")
    await change(database, model, CLINIC.ids[label], **values)
    assert await key(database, "key.all") is None


async def test_a_key_of_who_is_no_administrator_any_more_is_nobody(database: Database) -> None:
    held = delete(RoleGrant).where(
        RoleGrant.staff_id == CLINIC.ids["oa.pr"], RoleGrant.department_id.is_(None)
    )
    assert await key(database, "key.two")
    await database.write(lambda c: c.execute(held))
    assert await key(database, "key.two") is None
