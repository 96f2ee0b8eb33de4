"""Client Types Defined: where active, inactive and pending clients log in (S9, S26 to S28)."""

import pytest
from sqlalchemy import update
from sqlalchemy.ext.asyncio import AsyncConnection

from models import Client, ClientStatus
from tests.world import LINK, Clinic, World, problems, refusal

VIEWER = """{
  viewer {
    surface organization { slug } permissions
    staff { firstName } client { firstName status onboardingState }
  }
}"""


# S9: Login to the VTConnect Portal with the credentials you established for your account.


@pytest.mark.parametrize("surface", ["PORTAL", "APP"])
@pytest.mark.parametrize("who", ["olivia", "dora", "carl", "petra", "norma"])
async def test_s09_staff_log_in_on_both_surfaces(
    world: World, clinic: Clinic, who: str, surface: str
) -> None:
    payload = await world.login(who, surface)

    assert payload["userErrors"] == []
    session = payload["session"]
    assert session["surface"] == surface
    viewer = await world.do(VIEWER, token=session["accessToken"])
    assert viewer["surface"] == surface
    assert viewer["organization"] == {"slug": "riverside"}
    assert viewer["staff"] == {"firstName": who.title()}
    assert viewer["client"] is None


# S26: Active clients: Able login to the VTConnect Portal and the VTConnect APP.


@pytest.mark.parametrize("surface", ["PORTAL", "APP"])
async def test_s26_active_clients_log_in_on_portal_and_app(
    world: World, clinic: Clinic, surface: str
) -> None:
    token = await world.sign_in("amy", surface)

    assert await world.do(VIEWER, token=token) == {
        "surface": surface,
        "organization": {"slug": "riverside"},
        "permissions": [],
        "staff": None,
        "client": {"firstName": "Amy", "status": "ACTIVE", "onboardingState": "COMPLETE"},
    }


# S27: Inactive clients: Unable to login to the VTConnect Portal or the VTConnect APP and will
# receive an error message if they try to do so.


@pytest.mark.parametrize("surface", ["PORTAL", "APP"])
async def test_s27_inactive_clients_log_in_nowhere_and_are_told(
    world: World, clinic: Clinic, surface: str
) -> None:
    async with world.unchanged():
        payload = await world.login("gil", surface)

    assert payload == {
        "session": None,
        "userErrors": [
            {
                "code": "CLIENT_INACTIVE",
                "message": "Your account is inactive, so you cannot sign in. "
                "Please contact your organization.",
                "field": None,
            }
        ],
    }


@pytest.mark.parametrize("surface", ["PORTAL", "APP"])
async def test_s27_live_sessions_of_a_client_who_becomes_inactive_die_at_once(
    world: World, clinic: Clinic, surface: str
) -> None:
    opened = (await world.login("amy", surface))["session"]
    assert (await world.do(VIEWER, token=opened["accessToken"]))["client"]

    async def deactivate(connection: AsyncConnection) -> None:
        await connection.execute(
            update(Client)
            .where(Client.id == clinic.key("amy"))
            .values(status=ClientStatus.INACTIVE)
        )

    await world.database.write(deactivate)

    departments = await world.ask("{ departments { id } }", token=opened["accessToken"])
    assert refusal(departments) == "UNAUTHENTICATED"
    assert await world.do(VIEWER, token=opened["accessToken"]) is None
    document = """mutation ($token: String!) {
      sessionRefresh(refreshToken: $token) { session { surface } userErrors { code field } }
    }"""
    refreshed = await world.do(document, {"token": opened["refreshToken"]})
    assert refreshed["session"] is None
    assert problems(refreshed) == [("SESSION_EXPIRED", "refreshToken")]


@pytest.mark.parametrize("surface", ["PORTAL", "APP"])
@pytest.mark.parametrize("who", ["ina", "ivan"])
async def test_s27_inactive_staff_log_in_nowhere_either(
    world: World, clinic: Clinic, who: str, surface: str
) -> None:
    async with world.unchanged():
        payload = await world.login(who, surface)

    assert payload == {
        "session": None,
        "userErrors": [
            {
                "code": "STAFF_INACTIVE",
                "message": "Your account is inactive, so you cannot sign in. "
                "Please contact your Organizational Administrator.",
                "field": None,
            }
        ],
    }


# S28: Pending clients: Able to login to the VTConnect Portal but unable to login to the VTConnect
# APP and will receive an error message if they try to do so.


@pytest.mark.parametrize("who", ["chloe", "dan"])
async def test_s28_pending_clients_log_in_on_the_portal_and_not_on_the_app(
    world: World, clinic: Clinic, who: str
) -> None:
    async with world.unchanged():
        refused = await world.login(who, "APP")
    token = await world.sign_in(who, "PORTAL")

    assert refused["session"] is None
    assert problems(refused) == [("CLIENT_PENDING_APPROVAL", None)]
    assert await world.do(VIEWER, token=token) == {
        "surface": "PORTAL",
        "organization": {"slug": "riverside"},
        "permissions": [],
        "staff": None,
        "client": {
            "firstName": who.title(),
            "status": "PENDING",
            "onboardingState": "AWAITING_APPROVAL",
        },
    }


@pytest.mark.parametrize(
    ("who", "surface"), [("amy", "PORTAL"), ("amy", "APP"), ("dora", "APP"), ("chloe", "PORTAL")]
)
async def test_s28_the_surface_is_bound_into_the_session_and_kept_by_refresh(
    world: World, clinic: Clinic, who: str, surface: str
) -> None:
    session = (await world.login(who, surface))["session"]
    world.clock.advance(hours=1)

    document = """mutation ($token: String!) {
      sessionRefresh(refreshToken: $token) {
        session { accessToken refreshToken surface } userErrors { code }
      }
    }"""
    for _ in range(3):
        payload = await world.do(document, {"token": session["refreshToken"]})
        assert payload["userErrors"] == []
        session = payload["session"]
        assert session["surface"] == surface
        viewer = await world.do("{ viewer { surface } }", token=session["accessToken"])
        assert viewer == {"surface": surface}
        world.clock.advance(hours=1)


@pytest.mark.parametrize("who", ["olivia", "dora", "carl", "petra", "pia"])
@pytest.mark.parametrize(
    "document",
    [
        "{ clients { totalCount } }",
        "{ staff { totalCount } }",
        'query { client(id: "cli_x") { id } }',
        'mutation { departmentCreate(input: {name: "Dentistry"}) { department { id } } }',
        'mutation { clientApprove(id: "cli_x") { client { id } } }',
        "{ viewer { staff { associations { nodes { client { email } } } } } }",
    ],
)
async def test_s28_an_app_session_has_only_own_reach(
    world: World, clinic: Clinic, who: str, document: str
) -> None:
    async with world.unchanged():
        answer = await world.ask(document, token=clinic.token(who, "APP"))

    assert refusal(answer) == "FORBIDDEN"


async def test_s28_on_the_app_practitioners_see_their_clients_and_nobody_elses(
    world: World, clinic: Clinic
) -> None:
    document = """{ viewer { permissions staff {
      email receiveNewClientNotifications roles { role }
      associations { totalCount nodes { client { firstName } department { name } } }
    } } }"""

    viewer = await world.do(document, token=clinic.token("pia", "APP"))

    assert viewer == {
        "permissions": [
            "CLIENT_READ",
            "CLIENT_CREATE",
            "CLIENT_UPDATE",
            "CLIENT_APPROVE",
            "CLIENT_SET_STATUS",
            "CLIENT_ASSOCIATE",
            "STAFF_READ",
        ],
        "staff": {
            "email": "pia@riverside.example",
            "receiveNewClientNotifications": True,
            "roles": [{"role": "PRACTITIONER"}, {"role": "CARE_COORDINATOR"}],
            "associations": {
                "totalCount": 1,
                "nodes": [
                    {"client": {"firstName": "Bea"}, "department": {"name": "Mental Health"}}
                ],
            },
        },
    }
    for name, sees in {"bea": True, "amy": False, "cleo": False, "phil": False}.items():
        document = "query ($id: ID!) { node(id: $id) { id } }"
        node = await world.do(document, {"id": clinic.ids[name]}, clinic.token("pia", "APP"))
        assert (node is not None) is sees


# S14, D4, D11: an account that staff made has no login anywhere before its credentials are set.


async def test_s14_the_invited_log_in_nowhere_until_they_define_username_and_password(
    world: World, clinic: Clinic
) -> None:
    said = {
        "firstName": "Nils",
        "lastName": "Newhire",
        "email": "nils@riverside.example",
        "roles": [{"role": "PRACTITIONER", "departmentId": clinic.ids["physio"]}],
    }
    document = """mutation ($input: StaffCreateInput!) {
      staffCreate(input: $input) { staff { onboardingState username } userErrors { code } }
    }"""
    hired = await world.do(document, {"input": said}, clinic.token("olivia"))
    assert hired == {
        "staff": {"onboardingState": "AWAITING_CREDENTIALS", "username": None},
        "userErrors": [],
    }

    letter = await world.only_mail("nils@riverside.example")
    assert letter.subject == "Your staff account with Riverside Clinic"
    assert letter.link.startswith("https://portal.example/riverside/invitation#token=")
    async with world.unchanged():
        for username in ("nils", "nils@riverside.example", ""):
            for surface in ("PORTAL", "APP"):
                assert problems(await world.login(username, surface)) == [
                    ("INVALID_CREDENTIALS", None)
                ]
        assert (await world.do(LINK, {"token": letter.token}))["purpose"] == "DEFINE_CREDENTIALS"

    accepted = await world.accept(letter.token, "nils")
    assert accepted == {"username": "nils", "status": None, "userErrors": []}
    for surface in ("PORTAL", "APP"):
        assert (await world.login("nils", surface))["userErrors"] == []
    async with world.unchanged():
        again = await world.accept(letter.token, "nils2")
    assert problems(again) == [("LINK_USED", "input.token")]
    assert await world.new_mail() == []
