"""Races about who somebody is: department, status, address, while others act on what they saw.

Whoever is second sees what the first has left (`D7`, `D8`, `D28`, `S15`).
"""

import pytest
from sqlalchemy import and_, select

from models import Letter, Link
from tests.races.course import Ask, Course
from tests.races.test_races import FORGOT, ROUNDS, race, race_loosely
from tests.world import ACCEPT, PASSWORD, REGISTER, RESEND, Clinic

_ERRORS = "{ userErrors { code message field } }"
# What is answered besides is read when all is done, and by then somebody may be out of reach.
APPROVE = f"mutation ($id: ID!) {{ clientApprove(id: $id) {_ERRORS} }}"
REJECT = f"mutation ($id: ID!) {{ clientReject(id: $id) {_ERRORS} }}"
DEACTIVATE = f"mutation ($id: ID!) {{ clientDeactivate(id: $id) {_ERRORS} }}"
REACTIVATE = f"mutation ($id: ID!) {{ clientReactivate(id: $id) {_ERRORS} }}"
EDIT = f"""mutation ($id: ID!, $input: ClientUpdateInput!) {{
  clientUpdate(id: $id, input: $input) {_ERRORS}
}}"""
ASSOCIATE = f"""mutation ($id: ID!, $input: ClientAssociationsInput!) {{
  clientAssociationsUpdate(id: $id, input: $input) {_ERRORS}
}}"""
REINVITE = f"mutation ($id: ID!) {{ clientInvitationResend(id: $id) {_ERRORS} }}"
STAFF_REINVITE = f"mutation ($id: ID!) {{ staffInvitationResend(id: $id) {_ERRORS} }}"
STAFF_EDIT = f"""mutation ($id: ID!, $input: StaffUpdateInput!) {{
  staffUpdate(id: $id, input: $input) {_ERRORS}
}}"""
MOVE = f"mutation ($email: String!) {{ emailChangeRequest(email: $email) {_ERRORS} }}"
MOVED = f"mutation ($token: String!) {{ emailChangeConfirm(token: $token) {_ERRORS} }}"


@pytest.mark.parametrize(
    ("document", "whom"),
    [(APPROVE, "chloe"), (REJECT, "chloe"), (DEACTIVATE, "amy"), (REACTIVATE, "gil")],
    ids=["approve", "reject", "deactivate", "reactivate"],
)
async def test_a_client_is_decided_on_while_they_are_moved_out_of_reach(
    raced: Course, clinic: Clinic, document: str, whom: str
) -> None:
    await _meets_nobody(raced, clinic, whom)
    moved = {"id": clinic.ids[whom], "input": {"departmentId": clinic.ids["family"]}}
    ends = await race(
        raced,
        Ask(EDIT, moved, clinic.token("olivia")),
        Ask(document, {"id": clinic.ids[whom]}, clinic.token("dora")),
    )
    assert set(ends) <= {"done NOT_FOUND", "done done"}


async def test_an_association_is_removed_while_it_is_moved_out_of_reach(
    raced: Course, clinic: Clinic
) -> None:
    """Amy stays within Dora's reach, and their meetings do not (`S15`)."""
    petra = {"practitionerId": clinic.ids["petra"]}
    away = {"change": [{**petra, "departmentId": clinic.ids["family"]}]}
    amy = clinic.ids["amy"]
    ends = await race(
        raced,
        Ask(ASSOCIATE, {"id": amy, "input": away}, clinic.token("olivia")),
        Ask(
            ASSOCIATE,
            {"id": amy, "input": {"remove": [clinic.ids["amy-petra"]]}},
            clinic.token("dora"),
        ),
    )
    assert set(ends) <= {"done NOT_FOUND", "NOT_FOUND done"}


@pytest.mark.parametrize("whom", ["una", "wes"])
async def test_an_invitation_is_accepted_while_its_address_is_corrected(
    raced: Course, clinic: Clinic, whom: str
) -> None:
    """Nobody is given another address once they sign in (`D28`)."""
    token = await _invited(raced, clinic, whom)
    document = EDIT if whom == "una" else STAFF_EDIT
    corrected = {"id": clinic.ids[whom], "input": {"email": "other@home.example"}}
    accept = {"input": {"token": token, "username": whom, "password": PASSWORD}}
    ends = await race(
        raced,
        Ask(document, corrected, clinic.token("olivia")),
        Ask(ACCEPT, accept),
    )
    assert set(ends) <= {"done LINK_SUPERSEDED", "EMAIL_LOCKED done"}


@pytest.mark.parametrize("how", ["by staff", "by registering"])
async def test_a_client_is_made_inactive_while_they_are_invited(
    raced: Course, clinic: Clinic, how: str
) -> None:
    """Nobody who is inactive has a link that is good (`D3`)."""
    await _invited(raced, clinic, "una")
    form = {
        "organization": "riverside",
        "firstName": "Una",
        "lastName": "Client",
        "dateOfBirth": "1990-05-17",
        "email": clinic.email("una"),
    }
    # A letter may leave before its link ends, or not any more.
    ends = await race_loosely(
        raced,
        Ask(DEACTIVATE, {"id": clinic.ids["una"]}, clinic.token("olivia")),
        Ask(REINVITE, {"id": clinic.ids["una"]}, clinic.token("fay"))
        if how == "by staff"
        else Ask(REGISTER, {"input": form}),
        changed={"letters"},
    )
    assert set(ends) <= {"done NOT_ACTIVE", "done done"}


async def test_a_reset_is_sent_again_while_another_address_is_confirmed(
    raced: Course, clinic: Clinic
) -> None:
    """No good link goes to an address that was just left (`D28`)."""
    world = raced.world
    await world.do(FORGOT, {"input": {"organization": "riverside", "email": clinic.email("amy")}})
    forgotten = (await world.only_mail(clinic.email("amy"))).token
    await world.do(MOVE, {"email": "amy@home.example"}, clinic.token("amy"))
    moving = (await world.only_mail("amy@home.example")).token
    await raced.mark()
    good = (
        select(Letter.recipient)
        .join(Link, and_(Link.organization_id == Letter.organization_id, Link.id == Letter.link_id))
        .where(Link.account_id == clinic.key("amy"), Link.used_at.is_(None))
        .where(Link.superseded_at.is_(None))
    )
    for _ in range(ROUNDS):
        end = await raced.together(Ask(MOVED, {"token": moving}), Ask(RESEND, {"token": forgotten}))
        assert end.codes == ["done", "done"]
        went = await world.database.read(lambda c: c.execute(good).scalars().all())
        assert set(went) <= {"amy@home.example"}
        await raced.put_back()


async def _invited(raced: Course, clinic: Clinic, whom: str) -> str:
    """The token of an invitation that the person has got."""
    again = REINVITE if whom == "una" else STAFF_REINVITE
    await raced.world.do(again, {"id": clinic.ids[whom]}, clinic.token("olivia"))
    token = (await raced.world.only_mail(clinic.email(whom))).token
    await raced.mark()
    return token


async def _meets_nobody(raced: Course, clinic: Clinic, whom: str) -> None:
    """Their department is all by which they are within reach."""
    if f"{whom}-petra" in clinic.ids:
        gone = {"id": clinic.ids[whom], "input": {"remove": [clinic.ids[f"{whom}-petra"]]}}
        payload = await raced.world.do(ASSOCIATE, gone, clinic.token("olivia"))
        assert payload["userErrors"] == []
        await raced.mark()
