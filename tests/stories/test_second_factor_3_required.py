"""An organization that requires a second factor of its staff (ASVS 6.3.3)."""

from collections import defaultdict

import pytest

from permissions import ForStaff, Requires
from tests.factors import (
    REMOVE,
    REQUIRE,
    TAKE,
    give,
    shown,
    told,
    turn_on,
    with_both,
)
from tests.leaks.paths import document, root
from tests.test_matrix import rule_of
from tests.test_mutations import ENTRIES, _filled
from tests.world import Clinic, Json, World, problems, refusal

NEEDED = """{
  viewer { secondFactorNeeded permissions staff { firstName secondFactor roles { role } } }
}"""
CLIENTS = "{ clients(status: null) { totalCount } }"
MET = "{ viewer { staff { associations { totalCount nodes { client { id } } } } } }"
NODE = "query ($id: ID!) { node(id: $id) { id } }"
STAFF = ("olivia", "oscar", "dora", "carl", "petra", "paul", "pia", "norma")


async def require(world: World, clinic: Clinic, required: bool, by: str = "olivia") -> Json:
    """The payload of requiring it, or not, by an administrator."""
    payload: Json = await world.do(REQUIRE, {"required": required}, clinic.token(by))
    return payload


async def needs(world: World, token: str) -> bool:
    """Whether the viewer must set one up; then no permission is held."""
    viewer = await world.do(NEEDED, token=token)
    needed: bool = viewer["secondFactorNeeded"]
    assert not (needed and viewer["permissions"])
    assert not (needed and viewer["staff"] and viewer["staff"]["secondFactor"])
    return needed


@pytest.fixture
async def required(world: World, clinic: Clinic) -> None:
    """Riverside requires it; oscar has one, who said so."""
    await give(world, clinic, "oscar")
    payload = await require(world, clinic, True, by="oscar")
    assert payload == {"organization": {"secondFactorRequired": True}, "userErrors": []}


async def test_who_requires_it_has_one(world: World, clinic: Clinic) -> None:
    async with world.unchanged():
        payload = await require(world, clinic, True)
        assert problems(payload) == [("SECOND_FACTOR_OFF", "input.secondFactorRequired")]
    await give(world, clinic, "olivia", confirmed=False)
    async with world.unchanged():
        payload = await require(world, clinic, True)
        assert problems(payload) == [("SECOND_FACTOR_OFF", "input.secondFactorRequired")]
    await give(world, clinic, "olivia")
    assert (await require(world, clinic, True))["userErrors"] == []
    assert not await needs(world, clinic.token("olivia"))


@pytest.mark.usefixtures("required")
@pytest.mark.parametrize("surface", ["PORTAL", "APP"])
async def test_until_then_staff_hold_no_permission_in_any_session(
    world: World, clinic: Clinic, surface: str
) -> None:
    """In those that were open before, and in those that are opened now."""
    for who in STAFF:
        opened = await world.sign_in(who, surface) if who != "oscar" else None
        for token in filter(None, (clinic.token(who, surface), opened)):
            assert await needs(world, token) is (who != "oscar")
            nodes = (await world.do(MET, token=token))["staff"]["associations"]
            assert who == "oscar" or nodes == {"totalCount": 0, "nodes": []}


@pytest.mark.usefixtures("required")
async def test_until_then_nothing_that_needs_a_permission_is_asked_or_done(
    world: World, clinic: Clinic
) -> None:
    token = clinic.token("olivia")
    async with world.unchanged():
        answer = await world.ask(CLIENTS, token=token)
        assert refusal(answer) == "FORBIDDEN"
        assert answer["errors"][0]["message"] == (
            "You may not ask for Query.clients before you have a second factor."
        )
        needing = [
            name
            for name in ENTRIES
            if isinstance(rule := rule_of("Mutation", name), Requires) and not rule.own
        ]
        assert len(needing) >= 20
        for name in needing:
            args = ENTRIES[name].args
            types = {one: str(root("mutation", name).args[one].type) for one in args}
            text, _ = document("mutation", name, types, set(), 3)
            prepared: dict[str, str] = defaultdict(lambda: clinic.ids["mental"])
            said = _filled(args, clinic.ids, prepared)
            assert refusal(await world.ask(text, said, token)) == "FORBIDDEN", name


@pytest.mark.usefixtures("required")
async def test_until_then_one_s_own_account_is_one_s_own(world: World, clinic: Clinic) -> None:
    """Of oneself everything, and of others nothing but their departments' names."""
    token = clinic.token("dora")
    viewer = await world.do(NEEDED, token=token)
    assert viewer == {
        "secondFactorNeeded": True,
        "permissions": [],
        "staff": {
            "firstName": "Dora",
            "secondFactor": False,
            "roles": [{"role": "DEPARTMENT_ADMINISTRATOR"}],
        },
    }
    for name in ("carl", "amy", "petra", "amy-petra"):
        assert await world.do(NODE, {"id": clinic.ids[name]}, token) is None
    assert len(await world.do("{ departments { name } }", token=token)) == 3


@pytest.mark.usefixtures("required")
@pytest.mark.parametrize("surface", ["PORTAL", "APP"])
async def test_whoever_sets_it_up_goes_on_in_the_same_session(
    world: World, clinic: Clinic, surface: str
) -> None:
    token = await world.sign_in("olivia", surface)
    assert await needs(world, token)
    assert refusal(await world.ask(CLIENTS, token=token)) == "FORBIDDEN"

    await turn_on(world, token)

    assert not await needs(world, token)
    if surface == "PORTAL":
        assert (await world.do(CLIENTS, token=token))["totalCount"] > 0
    assert await told(world, "olivia") == [("SECOND_FACTOR_REQUIRED", "input.code")]


@pytest.mark.usefixtures("required")
async def test_a_refresh_does_not_go_round_it(world: World, clinic: Clinic) -> None:
    session = (await world.login("olivia"))["session"]
    document = """mutation ($token: String!) {
      sessionRefresh(refreshToken: $token) { session { accessToken } userErrors { code } }
    }"""
    renewed = await world.do(document, {"token": session["refreshToken"]})
    assert await needs(world, renewed["session"]["accessToken"])


@pytest.mark.usefixtures("required")
async def test_whoever_turns_it_off_or_has_it_reset_needs_one_again(
    world: World, clinic: Clinic
) -> None:
    await give(world, clinic, "dora", "carl")
    mine = await world.sign_in("dora", code=shown(world.clock()))
    assert not await needs(world, mine)
    assert (await world.do(CLIENTS, token=mine))["totalCount"] > 0
    assert (await world.do(TAKE, {"id": clinic.ids["carl"]}, mine))["userErrors"] == []
    assert await needs(world, await world.sign_in("carl"))

    world.clock.advance(seconds=30)
    await with_both(world, REMOVE, mine, shown(world.clock()))

    assert await needs(world, mine)
    assert refusal(await world.ask(CLIENTS, token=mine)) == "FORBIDDEN"
    await turn_on(world, mine)
    assert (await world.do(CLIENTS, token=mine))["totalCount"] > 0


@pytest.mark.usefixtures("required")
async def test_clients_and_other_organizations_need_none(world: World, clinic: Clinic) -> None:
    for who in ("amy", "chloe", "lakeside.olivia", "lakeside.dora"):
        assert not await needs(world, clinic.token(who))
    assert (await world.do(CLIENTS, token=clinic.token("lakeside.dora")))["totalCount"] > 0
    assert (await world.do("{ viewer { client { email } } }", token=clinic.token("amy")))["client"]


@pytest.mark.usefixtures("required")
async def test_it_ends_when_the_organization_says_so(world: World, clinic: Clinic) -> None:
    assert await needs(world, clinic.token("dora"))
    payload = await require(world, clinic, False, by="oscar")
    assert payload["organization"] == {"secondFactorRequired": False}
    assert not await needs(world, clinic.token("dora"))
    assert (await world.do(CLIENTS, token=clinic.token("dora")))["totalCount"] > 0
    # who has one keeps it
    assert await told(world, "oscar") == [("SECOND_FACTOR_REQUIRED", "input.code")]


async def test_what_is_left_out_of_an_update_leaves_it_as_it_is(
    world: World, clinic: Clinic
) -> None:
    await give(world, clinic, "olivia")
    await require(world, clinic, True)
    document = """mutation {
      organizationUpdate(input: {registrationOpen: false}) {
        organization { registrationOpen secondFactorRequired }
      }
    }"""
    payload = await world.do(document, token=clinic.token("olivia"))
    assert payload["organization"] == {"registrationOpen": False, "secondFactorRequired": True}


async def test_nothing_of_it_is_for_clients(world: World, clinic: Clinic) -> None:
    both = '(input: {password: "x", code: "1"})'
    asked = {
        "secondFactorBegin": '(password: "x")',
        "secondFactorConfirm": '(code: "1")',
        "secondFactorRemove": both,
        "recoveryCodesRenew": both,
    }
    assert set(asked) == {
        name for name in ENTRIES if isinstance(rule_of("Mutation", name), ForStaff)
    }
    async with world.unchanged():
        for name, said in asked.items():
            text = f"mutation {{ {name}{said} {{ userErrors {{ code }} }} }}"
            for token in (clinic.token("amy"), clinic.token("amy", "APP"), clinic.token("chloe")):
                assert refusal(await world.ask(text, token=token)) == "FORBIDDEN"
            assert refusal(await world.ask(text)) == "UNAUTHENTICATED"
