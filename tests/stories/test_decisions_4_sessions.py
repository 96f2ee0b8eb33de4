"""What login tells, and how long somebody stays signed in (D17, D21)."""

from typing import Any

import pytest
from sqlalchemy import insert
from sqlalchemy.ext.asyncio import AsyncConnection

from models import Role, RoleGrant, new_id
from tests.world import LOGIN, PASSWORD, START, Clinic, World, problems, refusal

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


async def signed_in(world: World, who: str, surface: str = "PORTAL") -> dict[str, Any]:
    session: dict[str, Any] = (await world.login(who, surface))["session"]
    return session


async def refreshed(world: World, session: dict[str, Any]) -> dict[str, Any]:
    """The next pair of tokens; there must be one."""
    payload = await world.do(REFRESH, {"token": session["refreshToken"]})
    assert payload["userErrors"] == []
    next_one: dict[str, Any] = payload["session"]
    return next_one


async def is_alive(world: World, session: dict[str, Any]) -> bool:
    return await world.do("{ viewer { surface } }", token=session["accessToken"]) is not None


# D17: What login tells.


async def test_d17_whatever_is_wrong_but_the_status_is_told_in_the_same_words(
    world: World, clinic: Clinic
) -> None:
    wrong = "not the password of anybody"
    who = [
        ("nowhere", "amy", PASSWORD),
        ("", "amy", PASSWORD),
        ("lakeside", "oscarina", PASSWORD),
        ("riverside", "nobody", PASSWORD),
        ("riverside", "", PASSWORD),
        ("riverside", "amy@riverside.example", PASSWORD),
        ("riverside", "una", PASSWORD),  # awaits credentials
        ("riverside", "amy", wrong),
        ("riverside", "amy", ""),
        ("riverside", "amy", PASSWORD.upper()),
        ("riverside", "amy", f" {PASSWORD}"),
        ("riverside", "amy", PASSWORD * 1000),
        ("riverside", "gil", wrong),  # inactive
        ("riverside", "chloe", wrong),  # pending
        ("riverside", "ina", wrong),  # inactive staff
        ("solo", "dan", PASSWORD),  # is of riverside and lakeside
    ]

    async with world.unchanged():
        answers = [
            await world.send(
                LOGIN,
                {"organization": slug, "username": name, "password": password, "surface": "APP"},
            )
            for slug, name, password in who
        ]

    assert answers[0].json()["data"]["login"] == {
        "session": None,
        "userErrors": [
            {
                "code": "INVALID_CREDENTIALS",
                "message": "Organization, username or password are not right.",
                "field": None,
            }
        ],
    }
    assert len({answer.content for answer in answers}) == 1


async def test_d17_the_status_is_told_after_a_right_password_only(
    world: World, clinic: Clinic
) -> None:
    codes = {"gil": "CLIENT_INACTIVE", "chloe": "CLIENT_PENDING_APPROVAL", "ina": "STAFF_INACTIVE"}
    for who, code in codes.items():
        right = await world.login(who, "APP")
        wrong = await world.login(who, "APP", password="not the password of anybody")
        assert problems(right) == [(code, None)]
        assert problems(wrong) == [("INVALID_CREDENTIALS", None)]


# D21: Sessions.


async def test_d21_access_lasts_15_minutes_and_a_refresh_30_days_from_its_last_use(
    world: World, clinic: Clinic
) -> None:
    session = await signed_in(world, "amy", "APP")
    assert session["accessTokenExpiresAt"] == "2026-11-23T12:15:00+00:00"
    assert session["refreshTokenExpiresAt"] == "2026-12-23T12:00:00+00:00"

    world.clock.advance(minutes=15, microseconds=-1)
    assert await is_alive(world, session)
    world.clock.advance(microseconds=1)
    assert not await is_alive(world, session)
    for _ in range(3):
        world.clock.advance(days=29)
        session = await refreshed(world, session)
        assert await is_alive(world, session)
    world.clock.advance(days=30)
    async with world.unchanged():
        payload = await world.do(REFRESH, {"token": session["refreshToken"]})
    assert payload == {
        "session": None,
        "userErrors": [
            {
                "code": "SESSION_EXPIRED",
                "message": "You have been signed out. Please sign in again.",
                "field": ["refreshToken"],
            }
        ],
    }


async def test_d21_a_used_refresh_token_gets_the_same_pair_for_ten_seconds_then_ends_everything(
    world: World, clinic: Clinic
) -> None:
    first = await signed_in(world, "amy")
    other = await signed_in(world, "amy")
    second = await refreshed(world, first)
    assert second["refreshToken"] != first["refreshToken"]

    world.clock.advance(seconds=9.9)
    assert await refreshed(world, first) == second
    world.clock.advance(seconds=0.2)
    stolen = await world.do(REFRESH, {"token": first["refreshToken"]})

    assert problems(stolen) == [("SESSION_EXPIRED", "refreshToken")]
    assert not await is_alive(world, second)
    late = await world.do(REFRESH, {"token": second["refreshToken"]})
    assert problems(late) == [("SESSION_EXPIRED", "refreshToken")]
    # Other sessions of hers are not concerned.
    assert await is_alive(world, other)


@pytest.mark.parametrize("token", ["", "nonsense", "vtr_" + "A" * 56])
async def test_d21_a_forged_refresh_token_ends_nothing(
    world: World, clinic: Clinic, token: str
) -> None:
    async with world.unchanged():
        payload = await world.do(REFRESH, {"token": token})

    assert problems(payload) == [("SESSION_EXPIRED", "refreshToken")]


async def test_d21_nothing_usable_of_a_session_is_stored(world: World, clinic: Clinic) -> None:
    session = await signed_in(world, "amy")

    written = await world.written()

    for token in (session["accessToken"], session["refreshToken"]):
        assert token not in written
        assert token[4:] not in written


async def test_d21_roles_are_read_on_every_request(world: World, clinic: Clinic) -> None:
    paul = clinic.token("paul")
    assert refusal(await world.ask("{ clients { totalCount } }", token=paul)) == "FORBIDDEN"

    async def promote(connection: AsyncConnection) -> None:
        await connection.execute(
            insert(RoleGrant).values(
                organization_id=clinic.key("riverside"),
                id=new_id(),
                staff_id=clinic.key("paul"),
                department_id=clinic.key("mental"),
                role=Role.CARE_COORDINATOR,
                created_at=START,
            )
        )

    await world.database.write(promote)

    assert await world.do("{ clients { totalCount } }", token=paul) == {"totalCount": 2}


async def test_d21_a_dead_token_is_unauthenticated_unless_every_root_field_is_public(
    world: World, clinic: Clinic
) -> None:
    session = await signed_in(world, "olivia")
    world.clock.advance(minutes=16)

    for token in (session["accessToken"], "nonsense", session["refreshToken"]):
        for document in (
            "{ clients { totalCount } }",
            "{ viewer { surface } departments { id } }",
        ):
            async with world.unchanged():
                answer = await world.ask(document, token=token)
            assert answer == {
                "errors": [
                    {
                        "message": "The session is over. Refresh it, or sign in again.",
                        "extensions": {"code": "UNAUTHENTICATED"},
                    }
                ]
            }
        public = '{ viewer { surface } organization(slug: "solo") { name } }'
        assert await world.ask(public, token=token) == {
            "data": {"viewer": None, "organization": {"name": "Solo Practice"}}
        }
    who = {"organization": "riverside", "username": "olivia", "password": PASSWORD}
    again = await world.do(LOGIN, who | {"surface": "PORTAL"}, session["accessToken"])
    assert again["userErrors"] == []


async def test_d21_logout_ends_this_session_or_everywhere_all_of_the_person(
    world: World, clinic: Clinic
) -> None:
    portal = await signed_in(world, "amy", "PORTAL")
    app = await signed_in(world, "amy", "APP")
    third = await signed_in(world, "amy", "APP")
    bens = await signed_in(world, "ben", "APP")

    done = await world.do(LOGOUT, token=portal["accessToken"])
    assert done == {"userErrors": []}
    alive = [await is_alive(world, one) for one in (portal, app, third, bens)]
    assert alive == [False, True, True, True]
    payload = await world.do(REFRESH, {"token": portal["refreshToken"]})
    assert problems(payload) == [("SESSION_EXPIRED", "refreshToken")]

    await world.do(LOGOUT, {"everywhere": True}, app["accessToken"])
    alive = [await is_alive(world, one) for one in (app, third, bens)]
    assert alive == [False, False, True]
    assert not await is_alive(world, {"accessToken": clinic.token("amy")})


async def test_d21_a_refresh_token_logs_out_where_the_access_token_has_run_out(
    world: World, clinic: Clinic
) -> None:
    session = await signed_in(world, "amy", "APP")
    world.clock.advance(hours=1)

    done = await world.do(LOGOUT, {"token": session["refreshToken"]}, session["accessToken"])

    assert done == {"userErrors": []}
    payload = await world.do(REFRESH, {"token": session["refreshToken"]})
    assert problems(payload) == [("SESSION_EXPIRED", "refreshToken")]
    async with world.unchanged():
        assert await world.do(LOGOUT, {"token": session["refreshToken"]}) == {"userErrors": []}
        assert await world.do(LOGOUT) == {"userErrors": []}
