"""Signing in, staying signed in, signing out (`D17`, `D21`): what tokens are worth."""

import asyncio
import base64
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from argon2 import PasswordHasher
from sqlalchemy import Connection, Update, delete, insert, make_url, select, text, update
from sqlalchemy import inspect as inspector
from sqlalchemy import table as sql_table

from models import (
    Account,
    Client,
    ClientStatus,
    Department,
    Role,
    RoleGrant,
    Session,
    Staff,
    StaffStatus,
)
from permissions import Passwords
from tests.stories.asking import same_headers
from tests.world import PASSWORD, START, Clinic, Json, World

REFRESH = """
mutation ($token: String!) {
  sessionRefresh(refreshToken: $token) {
    session { accessToken accessTokenExpiresAt refreshToken refreshTokenExpiresAt surface }
    userErrors { code message field }
  }
}
"""
LOGOUT = """
mutation ($everywhere: Boolean! = false, $token: String) {
  logout(everywhere: $everywhere, refreshToken: $token) { userErrors { code } }
}
"""
WHO = "{ viewer { surface client { firstName } staff { firstName } } }"
CLIENTS = "{ clients(status: null, first: 100) { nodes { id } } }"
DEPARTMENTS = "{ departments { name } }"


async def opened(world: World, name: str, surface: str = "PORTAL") -> Json:
    """The session of somebody who signs in."""
    payload = await world.login(name, surface)
    assert payload["userErrors"] == []
    session: Json = payload["session"]
    return session


async def refreshed(world: World, token: str) -> Json:
    """The session that the refresh token gets."""
    payload = await world.do(REFRESH, {"token": token})
    assert payload["userErrors"] == []
    session: Json = payload["session"]
    return session


async def is_expired(world: World, token: str) -> bool:
    """Whether the refresh token gets nothing but the word that the session is over."""
    payload = await world.do(REFRESH, {"token": token})
    if payload["session"]:
        return False
    assert payload["userErrors"] == [
        {
            "code": "SESSION_EXPIRED",
            "message": "You have been signed out. Please sign in again.",
            "field": ["refreshToken"],
        }
    ]
    return True


async def is_alive(world: World, token: str) -> bool:
    """Whether the access token is good."""
    return code_of(await world.ask(DEPARTMENTS, token=token)) is None


def code_of(answer: Json) -> str | None:
    """The code of the answer's only error; then there is no data."""
    if "errors" not in answer:
        return None
    assert "data" not in answer or answer["data"] is None
    (error,) = answer["errors"]
    return str(error["extensions"]["code"])


async def write(world: World, *statements: Any) -> None:
    """Change rows behind everybody's back."""
    for statement in statements:
        await world.database.write(lambda connection, one=statement: connection.execute(one))  # type: ignore[misc]


async def sessions(world: World) -> list[Any]:
    """All rows of sessions, those of the clinic's people left out."""
    found = select(Session).where(Session.created_at > START)
    return await world.database.read(lambda connection: list(connection.execute(found)))


class CountedHasher:
    """Argon2 itself, counting how often it was at work."""

    def __init__(self, hasher: PasswordHasher) -> None:
        self._hasher = hasher
        self._lock = threading.Lock()
        self.verified = 0
        self.hashed = 0

    def verify(self, stored: str, password: str) -> bool:
        with self._lock:
            self.verified += 1
        return self._hasher.verify(stored, password)

    def hash(self, password: str) -> str:
        with self._lock:
            self.hashed += 1
        return self._hasher.hash(password)

    def check_needs_rehash(self, stored: str) -> bool:
        return self._hasher.check_needs_rehash(stored)

    @classmethod
    def within(cls, passwords: Passwords) -> "CountedHasher":
        """The one with which these passwords work from now on."""
        counted = cls(passwords._hasher)
        passwords._hasher = counted  # type: ignore[assignment]
        return counted


# --- signing in ---------------------------------------------------------------------------------


WRONG = {
    "unknown organization": ("nowhere", "amy", PASSWORD),
    "organization that cannot be": ("River Side!", "amy", PASSWORD),
    "no organization": ("", "amy", PASSWORD),
    "unknown username": ("riverside", "nobody", PASSWORD),
    "username that cannot be": ("riverside", "a b\u0000", PASSWORD),
    "an address for a username": ("riverside", "amy@riverside.example", PASSWORD),
    "no username": ("riverside", "", PASSWORD),
    "somebody else's organization": ("solo", "paul", PASSWORD),
    "awaits credentials": ("riverside", "wes", PASSWORD),
    "wrong password": ("riverside", "amy", "nine herons over the river"),
    "no password": ("riverside", "amy", ""),
    "blank at the end": ("riverside", "amy", PASSWORD + " "),
    "other case": ("riverside", "amy", PASSWORD.upper()),
    "endless password": ("riverside", "amy", PASSWORD * 1000),
    "wrong password of a pending client": ("riverside", "chloe", "nine herons over the river"),
    "wrong password of an inactive client": ("riverside", "gil", "nine herons over the river"),
    "wrong password of inactive staff": ("riverside", "ivan", "nine herons over the river"),
}


@pytest.mark.parametrize("surface", ["PORTAL", "APP"])
async def test_whatever_is_wrong_is_told_in_the_same_bytes_after_one_verification(
    world: World, clinic: Clinic, surface: str
) -> None:
    hasher = CountedHasher.within(world.service.services.passwords)
    told = set()
    async with world.unchanged():
        for what, (organization, username, password) in WRONG.items():
            before = hasher.verified
            document = f"""mutation ($o: String!, $u: String!, $p: String!) {{
              login(input: {{organization: $o, username: $u, password: $p, surface: {surface}}}) {{
                session {{ accessToken }} userErrors {{ code message field }}
              }}
            }}"""
            variables = {"o": organization, "u": username, "p": password}
            answer = await world.send(document, variables)
            assert hasher.verified - before == 1, what
            told.add((answer.status_code, answer.content, str(same_headers(answer))))
    ((status, content, _),) = told
    assert status == 200
    assert content.partition(b'"extensions"')[0] == (
        b'{"data":{"login":{"session":null,"userErrors":[{"code":"INVALID_CREDENTIALS",'
        b'"message":"Organization, username or password are not right.","field":null}]}},'
    )
    assert hasher.hashed == 0


PENDING = (
    "Your account is waiting to be approved. Until then you can sign in to the portal, "
    "but not to the app. We will write to you as soon as it is approved."
)
INACTIVE = "Your account is inactive, so you cannot sign in. Please contact your organization."
INACTIVE_STAFF = (
    "Your account is inactive, so you cannot sign in. "
    "Please contact your Organizational Administrator."
)


@pytest.mark.parametrize(
    ("name", "surface", "code", "message"),
    [
        ("chloe", "APP", "CLIENT_PENDING_APPROVAL", PENDING),
        ("dan", "APP", "CLIENT_PENDING_APPROVAL", PENDING),
        ("gil", "PORTAL", "CLIENT_INACTIVE", INACTIVE),
        ("gil", "APP", "CLIENT_INACTIVE", INACTIVE),
        ("ivan", "PORTAL", "STAFF_INACTIVE", INACTIVE_STAFF),
        ("ina", "APP", "STAFF_INACTIVE", INACTIVE_STAFF),
    ],
)
async def test_right_password_is_told_what_is_wrong_with_the_account(
    world: World, clinic: Clinic, name: str, surface: str, code: str, message: str
) -> None:
    hasher = CountedHasher.within(world.service.services.passwords)
    async with world.unchanged():
        payload = await world.login(name, surface)
    assert payload == {
        "session": None,
        "userErrors": [{"code": code, "message": message, "field": None}],
    }
    assert (hasher.verified, hasher.hashed) == (1, 0)


@pytest.mark.parametrize(
    ("name", "surface"),
    [
        ("amy", "PORTAL"),
        ("amy", "APP"),
        ("chloe", "PORTAL"),
        ("dora", "PORTAL"),
        ("petra", "APP"),
        ("norma", "PORTAL"),
    ],
)
async def test_right_password_opens_one_session_on_the_surface(
    world: World, clinic: Clinic, name: str, surface: str
) -> None:
    hasher = CountedHasher.within(world.service.services.passwords)
    world.clock.advance(minutes=1)
    session = await opened(world, name, surface)
    assert (hasher.verified, hasher.hashed) == (1, 0)
    assert session["surface"] == surface
    assert session["accessTokenExpiresAt"] == "2026-11-23T12:16:00+00:00"
    assert session["refreshTokenExpiresAt"] == "2026-12-23T12:01:00+00:00"
    assert len(await sessions(world)) == 1
    viewer = await world.do(WHO, token=session["accessToken"])
    assert viewer["surface"] == surface
    assert (viewer["client"] or viewer["staff"])["firstName"] == name.title()


@pytest.mark.parametrize("typed", ["AMY", "Amy", "\uff41\uff4d\uff59"])
async def test_username_is_compared_without_case_and_width(
    world: World, clinic: Clinic, typed: str
) -> None:
    assert (await world.login(typed))["session"]


async def test_hash_of_other_costs_is_made_anew_by_who_knows_the_password(
    world: World, clinic: Clinic
) -> None:
    old = PasswordHasher(time_cost=1, memory_cost=8, parallelism=1).hash(PASSWORD)
    stored = select(Account.password_hash).where(Account.id == clinic.key("amy"))
    await write(
        world, update(Account).where(Account.id == clinic.key("amy")).values(password_hash=old)
    )
    hasher = CountedHasher.within(world.service.services.passwords)

    assert (await world.login("amy", password="wrong"))["session"] is None
    assert (hasher.verified, hasher.hashed) == (1, 0)
    assert (await world.login("amy"))["session"]
    assert (hasher.verified, hasher.hashed) == (2, 1)

    new = await world.database.read(lambda connection: connection.execute(stored).scalar_one())
    assert new != old
    assert (await world.login("amy"))["session"]
    assert (hasher.verified, hasher.hashed) == (3, 1)


# --- tokens -------------------------------------------------------------------------------------


async def test_no_token_is_anywhere_in_the_database(world: World, clinic: Clinic) -> None:
    session = await opened(world, "amy", "APP")
    renewed = await refreshed(world, session["refreshToken"])
    await world.register("newcomer@home.example")
    mail = (await world.mail("newcomer@home.example"))[0]
    secrets = [
        mail.token,
        *(one[kind] for one in (session, renewed) for kind in ("accessToken", "refreshToken")),
    ]
    assert len(set(secrets)) == 5

    def dump(connection: Connection) -> str:
        tables = inspector(connection).get_table_names()
        assert {"sessions", "links", "letters", "alembic_version"} <= set(tables)
        everything = [
            tuple(row)
            for table in tables
            for row in connection.execute(select(text("*")).select_from(sql_table(table)))
        ]
        return repr(everything)

    dumped = (await world.database.read(dump)).encode()
    assert clinic.key("amy").hex.encode() in dumped.replace(b"-", b"")
    url = make_url(world.settings.database_url)
    if url.drivername == "sqlite":
        assert url.database
        dumped += b"".join(
            path.read_bytes()
            for path in Path(url.database).parent.glob(f"{Path(url.database).name}*")
        )
    for secret in secrets:
        _, _, written = secret.partition("_")
        seal = base64.urlsafe_b64decode(written)[20:]
        for form in (written.encode(), seal, seal.hex().encode(), repr(seal)[2:-1].encode()):
            assert form not in dumped
        assert base64.b64encode(seal)[:-4] not in dumped


def altered(token: str, at: int) -> str:
    """The token with another character there."""
    other = "A" if token[at] != "A" else "B"
    return token[:at] + other + token[at + 1 :]


async def test_token_that_is_not_as_we_made_it_is_none(world: World, clinic: Clinic) -> None:
    session = await opened(world, "amy")
    access, refresh = session["accessToken"], session["refreshToken"]
    await world.register("newcomer@home.example")
    link = (await world.mail("newcomer@home.example"))[0].token
    other = (await opened(world, "dora"))["accessToken"]

    for bad in [
        *(altered(access, at) for at in range(len(access))),
        access[:-1],
        access + "A",
        access.upper(),
        access.lower(),
        access[4:],
        "",
        "null",
        refresh,
        link,
        "vta_" + refresh[4:],
        "vta_" + link[4:],
        access[:30] + other[30:],
        "é" * 60,
    ]:
        headers = {b"authorization": f"Bearer {bad}".encode()}
        answer = await world.http.post("/graphql", json={"query": DEPARTMENTS}, headers=headers)
        assert code_of(answer.json()) == "UNAUTHENTICATED", bad

    for bad in [
        *(altered(refresh, at) for at in range(len(refresh))),
        refresh[:-1],
        refresh.upper(),
        "",
        access,
        link,
        "vtr_" + access[4:],
        "vtr_" + link[4:],
        "\u0000",
    ]:
        assert await is_expired(world, bad), bad

    for bad in [access, refresh, "vtl_" + access[4:], "vtl_" + refresh[4:]]:
        seen = await world.do(
            "query ($token: String!) { link(token: $token) { state } }", {"token": bad}
        )
        assert seen == {"state": "UNKNOWN"}

    assert await is_alive(world, access)
    assert not await is_expired(world, refresh)


@pytest.mark.parametrize(
    ("header", "good"),
    [
        ("Bearer {}", True),
        ("bearer {}", True),
        ("BEARER   {}  ", True),
        ("{}", False),
        ("Basic {}", False),
        ("Bearer", False),
        ("Bearer {} {}", False),
        ("", False),
    ],
)
async def test_authorization_is_a_bearer_s(
    world: World, clinic: Clinic, header: str, good: bool
) -> None:
    headers = {"authorization": header.format(*[clinic.token("amy")] * 2)}
    answer = await world.http.post("/graphql", json={"query": DEPARTMENTS}, headers=headers)
    assert code_of(answer.json()) == (None if good else "UNAUTHENTICATED")


# --- read anew on every request -----------------------------------------------------------------


def grants_of(clinic: Clinic, name: str) -> Any:
    return RoleGrant.staff_id == clinic.key(name)


async def test_role_that_is_taken_away_counts_on_the_next_request(
    world: World, clinic: Clinic
) -> None:
    token = clinic.token("carl")
    assert code_of(await world.ask(CLIENTS, token=token)) is None
    await write(world, delete(RoleGrant).where(grants_of(clinic, "carl")))
    assert code_of(await world.ask(CLIENTS, token=token)) == "FORBIDDEN"
    assert await is_alive(world, token)


async def test_role_that_is_granted_counts_on_the_next_request(
    world: World, clinic: Clinic
) -> None:
    token = clinic.token("norma")
    assert code_of(await world.ask(CLIENTS, token=token)) == "FORBIDDEN"
    grant = {
        "organization_id": clinic.key("riverside"),
        "staff_id": clinic.key("norma"),
        "department_id": clinic.key("physio"),
        "role": Role.CARE_COORDINATOR,
        "created_at": START,
    }
    await write(world, insert(RoleGrant).values(grant))
    nodes = (await world.do(CLIENTS, token=token))["nodes"]
    assert {node["id"] for node in nodes} == {clinic.ids["cleo"], clinic.ids["phil"]}


async def test_department_that_is_closed_counts_on_the_next_request(
    world: World, clinic: Clinic
) -> None:
    both, one = clinic.token("pia"), clinic.token("dora")
    assert code_of(await world.ask(CLIENTS, token=both)) is None
    assert code_of(await world.ask(CLIENTS, token=one)) is None
    for department in ("physio", "mental"):
        where = Department.id == clinic.key(department)
        await write(world, update(Department).where(where).values(active=False))
    assert code_of(await world.ask(CLIENTS, token=both)) == "FORBIDDEN"
    assert code_of(await world.ask(CLIENTS, token=one)) == "FORBIDDEN"
    viewer = await world.do("{ viewer { permissions } }", token=one)
    assert viewer == {"permissions": []}


def status_of(name: str, clinic: Clinic, status: ClientStatus | StaffStatus) -> Update:
    model = Client if isinstance(status, ClientStatus) else Staff
    return update(model).where(model.id == clinic.key(name)).values(status=status)


@pytest.mark.parametrize(
    ("name", "surface", "status"),
    [
        ("amy", "PORTAL", ClientStatus.INACTIVE),
        ("amy", "APP", ClientStatus.INACTIVE),
        ("chloe", "PORTAL", ClientStatus.INACTIVE),
        ("dora", "PORTAL", StaffStatus.INACTIVE),
        ("petra", "APP", StaffStatus.INACTIVE),
    ],
)
async def test_inactive_counts_on_the_next_request(
    world: World,
    clinic: Clinic,
    name: str,
    surface: str,
    status: ClientStatus | StaffStatus,
) -> None:
    session = await opened(world, name, surface)
    assert await is_alive(world, session["accessToken"])
    await write(world, status_of(name, clinic, status))
    assert not await is_alive(world, session["accessToken"])
    assert await is_expired(world, session["refreshToken"])
    assert await world.do(WHO, token=session["accessToken"]) is None


async def test_pending_is_enough_for_the_portal_and_not_for_the_app(
    world: World, clinic: Clinic
) -> None:
    portal, app = [await opened(world, "ben", surface) for surface in ("PORTAL", "APP")]
    where = Client.id == clinic.key("ben")
    pending = {"status": ClientStatus.PENDING, "approved_at": None, "approved_by_id": None}
    await write(world, update(Client).where(where).values(pending))
    assert await is_alive(world, portal["accessToken"])
    assert not await is_alive(world, app["accessToken"])
    assert not await is_expired(world, portal["refreshToken"])
    assert await is_expired(world, app["refreshToken"])


# --- refreshing ---------------------------------------------------------------------------------


@pytest.mark.parametrize("surface", ["PORTAL", "APP"])
async def test_refresh_rotates_and_keeps_the_surface(
    world: World, clinic: Clinic, surface: str
) -> None:
    session = await opened(world, "olivia", surface)
    for _ in range(3):
        world.clock.advance(minutes=10)
        renewed = await refreshed(world, session["refreshToken"])
        assert renewed["surface"] == surface
        assert not {renewed[kind] for kind in ("accessToken", "refreshToken")} & set(
            session.values()
        )
        assert renewed["accessTokenExpiresAt"] > session["accessTokenExpiresAt"]
        assert renewed["refreshTokenExpiresAt"] > session["refreshTokenExpiresAt"]
        viewer = await world.do(WHO, token=renewed["accessToken"])
        assert viewer["surface"] == surface
        reaches = code_of(await world.ask(CLIENTS, token=renewed["accessToken"])) is None
        assert reaches is (surface == "PORTAL")
        session = renewed


async def test_lost_answer_is_given_again_within_ten_seconds(world: World, clinic: Clinic) -> None:
    session = await opened(world, "amy", "APP")
    world.clock.advance(minutes=5)
    first = await world.send(REFRESH, {"token": session["refreshToken"]})
    for _ in range(2):
        world.clock.advance(seconds=5)
        again = await world.send(REFRESH, {"token": session["refreshToken"]})
        assert again.content == first.content
    renewed = first.json()["data"]["sessionRefresh"]["session"]
    assert await is_alive(world, renewed["accessToken"])


async def test_requests_under_way_keep_their_token_for_ten_seconds(
    world: World, clinic: Clinic
) -> None:
    session = await opened(world, "amy")
    renewed = await refreshed(world, session["refreshToken"])
    assert await is_alive(world, session["accessToken"])
    world.clock.advance(seconds=9.9)
    assert await is_alive(world, session["accessToken"])
    world.clock.advance(seconds=0.2)
    assert not await is_alive(world, session["accessToken"])
    assert await is_alive(world, renewed["accessToken"])


async def test_token_that_ran_out_is_not_good_again_after_a_refresh(
    world: World, clinic: Clinic
) -> None:
    session = await opened(world, "amy")
    world.clock.advance(minutes=15)
    renewed = await refreshed(world, session["refreshToken"])
    for _ in range(2):
        assert not await is_alive(world, session["accessToken"])
        assert await is_alive(world, renewed["accessToken"])
        world.clock.advance(seconds=5)


async def test_token_that_is_refreshed_just_before_it_runs_out_lives_no_longer(
    world: World, clinic: Clinic
) -> None:
    session = await opened(world, "amy")
    world.clock.advance(minutes=14, seconds=55)
    renewed = await refreshed(world, session["refreshToken"])
    world.clock.advance(seconds=4.9)
    assert await is_alive(world, session["accessToken"])
    world.clock.advance(seconds=0.1)
    assert not await is_alive(world, session["accessToken"])
    assert await is_alive(world, renewed["accessToken"])


@pytest.mark.parametrize("generations", [1, 2, 3])
async def test_used_refresh_token_ends_the_session_after_ten_seconds(
    world: World, clinic: Clinic, generations: int
) -> None:
    stolen = session = await opened(world, "amy")
    other = await opened(world, "amy", "APP")
    for _ in range(generations):
        session = await refreshed(world, session["refreshToken"])
        world.clock.advance(seconds=10.1)
    assert await is_alive(world, session["accessToken"])
    assert await is_expired(world, stolen["refreshToken"])
    assert not await is_alive(world, session["accessToken"])
    assert await is_expired(world, session["refreshToken"])
    assert await is_alive(world, other["accessToken"])


async def test_twenty_who_refresh_at_once_get_one_successor_of_a_living_session(
    world: World, clinic: Clinic
) -> None:
    session = await opened(world, "amy", "APP")
    asking = [world.send(REFRESH, {"token": session["refreshToken"]}) for _ in range(20)]
    answers = await asyncio.gather(*asking)
    ((status, content),) = {(answer.status_code, answer.content) for answer in answers}
    assert status == 200
    renewed = answers[0].json()["data"]["sessionRefresh"]["session"]
    assert await is_alive(world, renewed["accessToken"])
    world.clock.advance(seconds=10.1)
    again = await refreshed(world, renewed["refreshToken"])
    assert again["refreshToken"].encode() not in content


async def test_twenty_who_refresh_at_once_with_old_and_new_tokens_get_one_answer(
    world: World, clinic: Clinic
) -> None:
    first = await opened(world, "amy", "APP")
    second = await refreshed(world, first["refreshToken"])
    asking = [world.send(REFRESH, {"token": one["refreshToken"]}) for one in (first, second) * 10]
    answers = [answer.json() for answer in await asyncio.gather(*asking)]
    assert [one["data"]["sessionRefresh"]["session"] for one in answers] == [second] * 20
    assert await is_alive(world, second["accessToken"])


async def test_new_token_gets_a_newer_one_after_ten_seconds_and_no_sooner(
    world: World, clinic: Clinic
) -> None:
    first = await opened(world, "amy", "APP")
    second = await refreshed(world, first["refreshToken"])
    world.clock.advance(seconds=10)
    assert await refreshed(world, second["refreshToken"]) == second
    assert await refreshed(world, first["refreshToken"]) == second
    world.clock.advance(seconds=0.1)
    third = await refreshed(world, second["refreshToken"])
    assert third["refreshToken"] != second["refreshToken"]
    # within ten seconds of its use the second is answered again, and the first is too old
    assert await refreshed(world, second["refreshToken"]) == third
    assert await is_expired(world, first["refreshToken"])
    assert await is_expired(world, third["refreshToken"])


async def test_refresh_ends_thirty_days_after_the_last_one(world: World, clinic: Clinic) -> None:
    session = await opened(world, "amy")
    for _ in range(3):
        world.clock.advance(days=29, hours=23)
        session = await refreshed(world, session["refreshToken"])
    world.clock.advance(days=30)
    assert await is_expired(world, session["refreshToken"])
    assert not await is_alive(world, session["accessToken"])


async def test_access_ends_after_fifteen_minutes(world: World, clinic: Clinic) -> None:
    session = await opened(world, "amy")
    world.clock.advance(minutes=14, seconds=59)
    assert await is_alive(world, session["accessToken"])
    world.clock.advance(seconds=1)
    assert not await is_alive(world, session["accessToken"])
    assert not await is_expired(world, session["refreshToken"])


@pytest.mark.parametrize(
    ("document", "code"),
    [
        ("{ viewer { surface } }", None),
        ('{ organization(slug: "riverside") { name } viewer { surface } }', None),
        ('{ link(token: "vtl_x") { state } }', None),
        ("{ __typename __schema { queryType { name } } }", None),
        ("mutation { logout { userErrors { code } } }", None),
        ("{ viewer { surface } departments @skip(if: true) { id } }", None),
        ("query Public { viewer { surface } } query Private { departments { id } }", None),
        ("{ departments { id } }", "UNAUTHENTICATED"),
        ("{ viewer { surface } departments { id } }", "UNAUTHENTICATED"),
        ("{ viewer { surface } ... on Query { permissionMatrix { role } } }", "UNAUTHENTICATED"),
        (
            "{ viewer { surface } ...private } fragment private on Query { departments { id } }",
            "UNAUTHENTICATED",
        ),
        ('{ node(id: "x") { id } }', "UNAUTHENTICATED"),
        ("{ clients { totalCount } }", "UNAUTHENTICATED"),
        (
            """mutation {
              logout { userErrors { code } }
              departmentCreate(input: {name: "X"}) { userErrors { code } }
            }""",
            "UNAUTHENTICATED",
        ),
    ],
)
async def test_dead_token_is_ignored_where_every_root_field_is_public(
    world: World, clinic: Clinic, document: str, code: str | None
) -> None:
    token = clinic.token("olivia")
    world.clock.advance(minutes=15)
    body = {"query": document, "operationName": "Public" if "Public" in document else None}
    headers = {"authorization": f"Bearer {token}"}
    async with world.unchanged():
        answer = (await world.http.post("/graphql", json=body, headers=headers)).json()
    assert code_of(answer) == code
    if code:
        assert answer["errors"][0]["message"] == (
            "The session is over. Refresh it, or sign in again."
        )
    else:
        assert answer["data"].get("viewer") is None


# --- signing out --------------------------------------------------------------------------------


Ends = Callable[[Json], tuple[Json, str | None]]

ENDS: dict[str, Ends] = {
    "by its access token": lambda session: ({}, session["accessToken"]),
    "by its refresh token": lambda session: ({"token": session["refreshToken"]}, None),
    "by both": lambda session: ({"token": session["refreshToken"]}, session["accessToken"]),
}


@pytest.mark.parametrize("everywhere", [False, True])
@pytest.mark.parametrize("how", ENDS)
async def test_logout_ends_this_session_or_all_of_the_person(
    world: World, clinic: Clinic, how: str, everywhere: bool
) -> None:
    mine, my_other = await opened(world, "amy"), await opened(world, "amy", "APP")
    somebody_s = await opened(world, "ben")
    namesake_s = clinic.token("lakeside.amy")
    variables, token = ENDS[how](mine)
    done = await world.do(LOGOUT, variables | {"everywhere": everywhere}, token)
    assert done == {"userErrors": []}
    for session, alive in ((mine, False), (my_other, not everywhere), (somebody_s, True)):
        assert await is_alive(world, session["accessToken"]) is alive
        assert await is_expired(world, session["refreshToken"]) is not alive
    assert await is_alive(world, namesake_s)


async def test_refresh_token_signs_out_where_the_access_token_has_run_out(
    world: World, clinic: Clinic
) -> None:
    session = await opened(world, "amy")
    world.clock.advance(minutes=16)
    await world.do(LOGOUT, {"token": session["refreshToken"]}, session["accessToken"])
    assert await is_expired(world, session["refreshToken"])


@pytest.mark.parametrize("everywhere", [False, True])
@pytest.mark.parametrize("generations", [1, 2])
async def test_logout_by_a_used_refresh_token_ends_its_own_session_only(
    world: World, clinic: Clinic, generations: int, everywhere: bool
) -> None:
    used = session = await opened(world, "amy")
    others = [await opened(world, "amy", "APP"), await opened(world, "ben")]
    for _ in range(generations):
        session = await refreshed(world, session["refreshToken"])
        world.clock.advance(seconds=10.1)
    variables = {"token": used["refreshToken"], "everywhere": everywhere}
    assert await world.do(LOGOUT, variables) == {"userErrors": []}
    assert await is_expired(world, session["refreshToken"])
    for other in others:
        assert not await is_expired(world, other["refreshToken"])
    async with world.unchanged():
        assert await world.do(LOGOUT, variables) == {"userErrors": []}


async def test_logout_by_a_refresh_token_that_was_just_used_ends_what_is_asked(
    world: World, clinic: Clinic
) -> None:
    session, other = await opened(world, "amy"), await opened(world, "amy", "APP")
    await refreshed(world, session["refreshToken"])
    world.clock.advance(seconds=10)
    await world.do(LOGOUT, {"token": session["refreshToken"], "everywhere": True})
    assert await is_expired(world, other["refreshToken"])


@pytest.mark.parametrize("who", ["amy", "ben"])
async def test_logout_everywhere_is_for_whom_the_access_token_is(
    world: World, clinic: Clinic, who: str
) -> None:
    used = await opened(world, "amy")
    sessions = {name: await opened(world, name, "APP") for name in ("amy", "ben")}
    renewed = await refreshed(world, used["refreshToken"])
    world.clock.advance(seconds=10.1)
    mine = renewed if who == "amy" else await opened(world, "ben")
    variables = {"token": used["refreshToken"], "everywhere": True}
    await world.do(LOGOUT, variables, mine["accessToken"])
    assert await is_expired(world, renewed["refreshToken"])
    for name, session in sessions.items():
        assert await is_expired(world, session["refreshToken"]) is (name == who)


@pytest.mark.parametrize("everywhere", [False, True])
async def test_logout_of_a_dead_token_does_nothing(
    world: World, clinic: Clinic, everywhere: bool
) -> None:
    ended, expired = await opened(world, "amy"), await opened(world, "amy")
    await world.do(LOGOUT, token=ended["accessToken"])
    world.clock.advance(days=31)
    alive = await opened(world, "amy")
    async with world.unchanged():
        for session in (ended, expired):
            for variables, token in [
                ({}, None),
                ({}, session["accessToken"]),
                ({"token": session["refreshToken"]}, None),
                ({"token": session["refreshToken"]}, session["accessToken"]),
                ({"token": "vtr_" + "A" * 56}, None),
            ]:
                done = await world.do(LOGOUT, variables | {"everywhere": everywhere}, token)
                assert done == {"userErrors": []}
    assert await is_alive(world, alive["accessToken"])
