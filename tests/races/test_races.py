"""What happens at once happens in some order: one serial outcome, letters included (`D18`, `D12`).

Two requests, complete but for their last byte, get that byte together. What comes of it (answers,
all rows of all tables, letters in the mailbox) must be what comes of the one after the other.
`RACES=200` runs so many rounds of each race; between them the rows are put back.
"""

import os
from collections import Counter

import orjson
import pytest
from sqlalchemy import delete, insert, select, update

from models import (
    Account,
    Department,
    Role,
    RoleGrant,
    Session,
    Staff,
    StaffStatus,
    sort_key,
)
from tests.races.course import Ask, Course, Finish
from tests.world import APPROVE, CONFIRM, LOGIN, PASSWORD, Clinic, World

ROUNDS = int(os.environ.get("RACES", "8"))
"""Rounds of each race, on each database."""

CROWD = 20

_ERRORS = "userErrors { code message field }"
REJECT = f"""mutation ($id: ID!) {{
  clientReject(id: $id) {{ client {{ id status approvedBy {{ displayName }} }} {_ERRORS} }}
}}"""
DEACTIVATE = f"""mutation ($id: ID!) {{
  clientDeactivate(id: $id) {{ client {{ status }} {_ERRORS} }}
}}"""
EDIT = f"""mutation ($id: ID!, $input: ClientUpdateInput!) {{
  clientUpdate(id: $id, input: $input) {{
    client {{ version firstName lastName }} {_ERRORS}
  }}
}}"""
EDIT_BLINDLY = f"""mutation ($id: ID!, $input: ClientUpdateInput!) {{
  clientUpdate(id: $id, input: $input) {{ client {{ id }} {_ERRORS} }}
}}"""
REACTIVATE = f"""mutation ($id: ID!) {{
  clientReactivate(id: $id) {{ client {{ status }} {_ERRORS} }}
}}"""
ASSOCIATE = f"""mutation ($id: ID!, $input: ClientAssociationsInput!) {{
  clientAssociationsUpdate(id: $id, input: $input) {{
    client {{ associations {{ practitioner {{ id }} department {{ id }} }} }} {_ERRORS}
  }}
}}"""
ROLES = f"""mutation ($id: ID!, $input: StaffRolesInput!) {{
  staffRolesUpdate(id: $id, input: $input) {{
    staff {{ id roles {{ role department {{ id }} }} }} {_ERRORS}
  }}
}}"""
FIRE = f"""mutation ($id: ID!) {{
  staffDeactivate(id: $id) {{ staff {{ id status }} {_ERRORS} }}
}}"""
CLOSE = f"""mutation ($id: ID!) {{
  departmentDeactivate(id: $id) {{ department {{ id active }} {_ERRORS} }}
}}"""
CREATE = f"""mutation ($input: ClientCreateInput!) {{
  clientCreate(input: $input) {{ client {{ status department {{ id }} }} {_ERRORS} }}
}}"""
REFRESH = f"""mutation ($token: String!) {{
  sessionRefresh(refreshToken: $token) {{ session {{ accessToken }} {_ERRORS} }}
}}"""
FORGOT = f"""mutation ($input: PasswordResetRequestInput!) {{
  passwordResetRequest(input: $input) {{ accepted {_ERRORS} }}
}}"""
RESET = f"""mutation ($input: PasswordResetInput!) {{
  passwordReset(input: $input) {{ username {_ERRORS} }}
}}"""
CHANGE = f"""mutation ($input: PasswordChangeInput!) {{
  passwordChange(input: $input) {{ username {_ERRORS} }}
}}"""
VIEWER = "{ viewer { surface client { id } departments: organization { id } } }"


async def race(raced: Course, *asks: Ask) -> Counter[str]:
    """Run the rounds; every one ends as one of the two orders does. Answers how often each came."""
    serial: list[Finish] = []
    for order in ((0, 1), (1, 0)):
        serial.append(await raced.serially(*asks, order=order))
        await raced.put_back()
    ends: Counter[str] = Counter()
    for _ in range(ROUNDS):
        end = await raced.together(*asks)
        assert end in serial, _difference(end, serial)
        ends[" ".join(end.codes)] += 1
        await raced.put_back()
    return ends


def _difference(end: Finish, serial: list[Finish]) -> str:
    """Where the end is none of the serial ones."""
    lines = [f"answers: {orjson.dumps(end.answers).decode()}", f"letters: {end.letters}"]
    for one in serial:
        lines += [f"  or: {orjson.dumps(one.answers).decode()}", f"      {one.letters}"]
        for table, rows in one.rows.items():
            lines += [f"      {table} + {row}" for row in end.rows[table] if row not in rows]
            lines += [f"      {table} - {row}" for row in rows if row not in end.rows[table]]
    return "\n".join(lines)


async def write(world: World, *statements: object) -> None:
    for statement in statements:
        await world.database.write(lambda c, s=statement: c.execute(s))  # type: ignore[misc]


async def test_two_approve_at_once_and_one_letter_goes_out(raced: Course, clinic: Clinic) -> None:
    asks = [
        Ask(APPROVE, {"id": clinic.ids["chloe"], "input": None}, clinic.token(name))
        for name in ("dora", "olivia")
    ]
    ends = await race(raced, *asks)
    assert set(ends) <= {"done NOT_PENDING", "NOT_PENDING done"}


async def test_many_approve_at_once_and_one_letter_goes_out(raced: Course, clinic: Clinic) -> None:
    who = ("dora", "doris", "carl", "twyla", "olivia", "oscar")
    asks = [
        Ask(APPROVE, {"id": clinic.ids["chloe"], "input": None}, clinic.token(name)) for name in who
    ]
    for _ in range(max(1, ROUNDS // 5)):
        end = await raced.together(*asks)
        assert Counter(end.codes) == {"done": 1, "NOT_PENDING": len(who) - 1}
        assert [to for to, _ in end.letters] == [clinic.email("chloe")]
        await raced.put_back()


async def test_approve_and_reject_at_once(raced: Course, clinic: Clinic) -> None:
    ends = await race(
        raced,
        Ask(APPROVE, {"id": clinic.ids["chloe"], "input": None}, clinic.token("dora")),
        Ask(REJECT, {"id": clinic.ids["chloe"]}, clinic.token("olivia")),
    )
    assert set(ends) <= {"done NOT_PENDING", "NOT_PENDING done"}


async def test_two_edit_one_version_at_once_and_one_is_told(raced: Course, clinic: Clinic) -> None:
    """Nothing is overwritten (`hostile` E10)."""
    asks = [
        Ask(EDIT, {"id": clinic.ids["amy"], "input": {**change, "expectedVersion": 2}}, token)
        for change, token in (
            ({"firstName": "Amélie"}, clinic.token("dora")),
            ({"lastName": "Clientele"}, clinic.token("olivia")),
        )
    ]
    ends = await race(raced, *asks)
    assert set(ends) <= {"done CONFLICT", "CONFLICT done"}


async def test_two_edit_one_client_at_once_and_both_are_found_by_what_they_said(
    raced: Course, clinic: Clinic
) -> None:
    """Each says something else of the name; the key by which it is sorted holds both."""
    asks = [
        Ask(EDIT_BLINDLY, {"id": clinic.ids["amy"], "input": change}, token)
        for change, token in (
            ({"firstName": "Amélie"}, clinic.token("dora")),
            ({"lastName": "Clientele"}, clinic.token("olivia")),
        )
    ]
    ends = await race(raced, *asks)
    assert set(ends) == {"done done"}


async def test_no_session_survives_a_deactivation_nor_comes_back_after_it(
    raced: Course, clinic: Clinic
) -> None:
    world = raced.world
    hashed = await world.service.services.passwords.hash(PASSWORD)
    await write(
        world,
        update(Account).where(Account.id == clinic.key("amy")).values(password_hash=hashed),
        delete(Session).where(Session.account_id == clinic.key("amy")),
    )
    await raced.mark()
    who = {"organization": "riverside", "username": "amy", "password": PASSWORD}
    deactivate = Ask(DEACTIVATE, {"id": clinic.ids["amy"]}, clinic.token("dora"))
    reactivate = Ask(REACTIVATE, {"id": clinic.ids["amy"]}, clinic.token("dora"))
    login = Ask(LOGIN, {**who, "surface": "APP"})
    ends: Counter[str] = Counter()
    for _ in range(ROUNDS):
        answers = await raced._sent(deactivate, login)
        opened = answers[1]["data"]["login"]["session"]
        told = [error["code"] for error in answers[1]["data"]["login"]["userErrors"]]
        assert answers[0]["data"]["clientDeactivate"]["userErrors"] == []
        assert told == ([] if opened else ["CLIENT_INACTIVE"])
        ends["in" if opened else "refused"] += 1
        for _again in range(2):
            left = await world.database.read(
                lambda c: c.execute(
                    select(Session.id).where(
                        Session.account_id == clinic.key("amy"), Session.ended_at.is_(None)
                    )
                ).all()
            )
            assert left == []
            if opened:
                answer = await world.ask("{ departments { id } }", None, opened["accessToken"])
                assert answer["errors"][0]["extensions"]["code"] == "UNAUTHENTICATED"
                again = await world.do(REFRESH, {"token": opened["refreshToken"]})
                assert [error["code"] for error in again["userErrors"]] == ["SESSION_EXPIRED"]
            await raced.serially(reactivate)
        await raced.put_back()
    assert ends.total() == ROUNDS


async def test_no_session_survives_a_reset_that_its_old_password_races(
    raced: Course, clinic: Clinic
) -> None:
    """Whoever forgot the password may have lost it to somebody who is just signing in (`D21`)."""
    reset = await _forgotten(raced, clinic)
    login = {"organization": "riverside", "username": "amy", "password": PASSWORD}
    ends = await race_loosely(
        raced, reset, Ask(LOGIN, {**login, "surface": "APP"}), changed={"sessions"}
    )
    assert set(ends) <= {"done done", "done INVALID_CREDENTIALS"}


@pytest.mark.parametrize("by", ["a reset", "a change"])
async def test_a_password_is_chosen_in_two_places_at_once_and_the_first_holds(
    raced: Course, clinic: Clinic, by: str
) -> None:
    """Whoever is in with the old password undoes nothing of the new one (`D21`)."""
    reset = await _forgotten(raced, clinic)
    portal, app = (
        Ask(
            CHANGE,
            {"input": {"currentPassword": PASSWORD, "password": password}},
            clinic.token("amy", surface),
        )
        for surface, password in (
            ("PORTAL", "eleven newts in the fountain"),
            ("APP", "six cormorants on a jetty"),
        )
    )
    asks = [reset if by == "a reset" else app, portal]
    serial = []
    for order in ((0, 1), (1, 0)):
        serial.append(await raced.serially(*asks, order=order))
        await raced.put_back()
    late = {"LINK_SUPERSEDED", "UNAUTHENTICATED", "INVALID_CREDENTIALS"}
    for _ in range(ROUNDS):
        end = await raced.together(*asks)
        assert end.codes.count("done") == 1, end.codes
        assert set(end.codes) - {"done"} <= late
        first = serial[end.codes.index("done")]
        assert end.letters == first.letters
        # whoever is late was there early enough to be counted
        counted = {"throttles": end.rows["throttles"]}
        assert end.rows == first.rows | counted, _difference(end, serial)
        await raced.put_back()


async def _forgotten(raced: Course, clinic: Clinic) -> Ask:
    """What chooses another password for amy, who forgot hers."""
    world = raced.world
    hashed = await world.service.services.passwords.hash(PASSWORD)
    await write(
        world, update(Account).where(Account.id == clinic.key("amy")).values(password_hash=hashed)
    )
    who = {"organization": "riverside", "email": clinic.email("amy")}
    await world.do(FORGOT, {"input": who})
    token = (await world.only_mail(clinic.email("amy"))).token
    await raced.mark()
    return Ask(RESET, {"input": {"token": token, "password": "nine otters under the willow"}})


async def test_a_deactivation_and_a_refresh_at_once(raced: Course, clinic: Clinic) -> None:
    world = raced.world
    session = await world.database.read(
        lambda c: c.execute(
            select(Session.id).where(
                Session.account_id == clinic.key("amy"), Session.surface == "APP"
            )
        ).scalar_one()
    )
    token = world.service.services.tokens.refresh(session, 1)
    ends = await race_loosely(
        raced,
        Ask(DEACTIVATE, {"id": clinic.ids["amy"]}, clinic.token("dora")),
        Ask(REFRESH, {"token": token}),
        changed={"sessions"},
    )
    assert set(ends) <= {"done done", "done SESSION_EXPIRED"}


async def race_loosely(raced: Course, *asks: Ask, changed: set[str]) -> Counter[str]:
    """As `race`, but for these tables: of sessions only how many are left open.

    Without the table of letters it is not asked, either, which of them came.
    """
    serial: list[Finish] = []
    for order in ((0, 1), (1, 0)):
        serial.append(await raced.serially(*asks, order=order))
        await raced.put_back()

    def firm(one: Finish) -> tuple[object, ...]:
        came = () if "letters" in changed else one.letters
        return one.answers, came, {k: v for k, v in one.rows.items() if k not in changed}

    expected = [firm(one) for one in serial]
    open_ones = [sorted("ended_at': None" in row for row in one.rows["sessions"]) for one in serial]
    ends: Counter[str] = Counter()
    for _ in range(ROUNDS):
        end = await raced.together(*asks)
        assert firm(end) in expected, _difference(end, serial)
        assert sorted("ended_at': None" in row for row in end.rows["sessions"]) in open_ones
        ends[" ".join(end.codes)] += 1
        await raced.put_back()
    return ends


async def test_associate_and_revoke_the_practitioner_role_at_once(
    raced: Course, clinic: Clinic
) -> None:
    """No association whose practitioner lacks the role (`S17`, `D13`)."""
    role = {"role": "PRACTITIONER", "departmentId": clinic.ids["physio"]}
    await _grant(raced, clinic, role)
    met = {"practitionerId": clinic.ids["norma"], "departmentId": clinic.ids["physio"]}
    ends = await race(
        raced,
        Ask(ASSOCIATE, {"id": clinic.ids["amy"], "input": {"add": [met]}}, clinic.token("olivia")),
        Ask(ROLES, {"id": clinic.ids["norma"], "input": {"revoke": [role]}}, clinic.token("oscar")),
    )
    assert set(ends) <= {"done HAS_ASSOCIATIONS", "NOT_A_PRACTITIONER done"}


async def test_associate_and_deactivate_the_practitioner_at_once(
    raced: Course, clinic: Clinic
) -> None:
    """No association whose practitioner is inactive (`D13`)."""
    role = {"role": "PRACTITIONER", "departmentId": clinic.ids["physio"]}
    await _grant(raced, clinic, role)
    met = {"practitionerId": clinic.ids["norma"], "departmentId": clinic.ids["physio"]}
    ends = await race(
        raced,
        Ask(ASSOCIATE, {"id": clinic.ids["amy"], "input": {"add": [met]}}, clinic.token("olivia")),
        Ask(FIRE, {"id": clinic.ids["norma"]}, clinic.token("oscar")),
    )
    assert set(ends) <= {"done HAS_ASSOCIATIONS", "NOT_ACTIVE done"}


async def _grant(raced: Course, clinic: Clinic, role: dict[str, str]) -> None:
    """Let norma, who meets nobody, be a practitioner of physio."""
    given = {"id": clinic.ids["norma"], "input": {"grant": [role]}}
    payload = await raced.world.do(ROLES, given, clinic.token("olivia"))
    assert payload["userErrors"] == []
    await raced.mark()


@pytest.mark.parametrize("how", ["demote", "deactivate"])
async def test_two_administrators_end_each_other_and_one_stays(
    raced: Course, clinic: Clinic, how: str
) -> None:
    """Never zero (`D12`). Whoever is late has lost the right to, or finds themself the last."""
    role = {"revoke": [{"role": "ORGANIZATION_ADMINISTRATOR"}]}
    asks = [
        Ask(ROLES, {"id": clinic.ids[whom], "input": role}, clinic.token(who))
        if how == "demote"
        else Ask(FIRE, {"id": clinic.ids[whom]}, clinic.token(who))
        for who, whom in (("olivia", "oscar"), ("oscar", "olivia"))
    ]
    serial = []
    for order in ((0, 1), (1, 0)):
        serial.append(await raced.serially(*asks, order=order))
        await raced.put_back()
    late = {"LAST_ORGANIZATION_ADMINISTRATOR", "FORBIDDEN", "UNAUTHENTICATED"}
    for _ in range(ROUNDS):
        end = await raced.together(*asks)
        assert [end.rows, end.letters] in [[one.rows, one.letters] for one in serial]
        assert end.codes.count("done") == 1
        assert set(end.codes) - {"done"} <= late
        left = await raced.world.database.read(
            lambda c: c.execute(
                select(Staff.first_name)
                .join(RoleGrant, RoleGrant.staff_id == Staff.id)
                .where(
                    Staff.organization_id == clinic.key("riverside"),
                    Staff.status == StaffStatus.ACTIVE,
                    RoleGrant.role == Role.ORGANIZATION_ADMINISTRATOR,
                )
            ).all()
        )
        assert len(left) == 1
        await raced.put_back()


async def test_twenty_registrations_of_one_address_confirmed_at_once(
    raced: Course, clinic: Clinic
) -> None:
    """One becomes a client, whom staff are told of once; the others' links say so (`D1`)."""
    world = raced.world
    for _ in range(CROWD):
        await world.register("nora@home.example", departmentId=clinic.ids["mental"])
    tokens = [one.token for one in await world.mail("nora@home.example")]
    assert len(set(tokens)) == CROWD
    await raced.mark()
    asks = [
        Ask(
            CONFIRM,
            {"input": {"token": token, "username": f"nora.{i}", "password": PASSWORD}},
        )
        for i, token in enumerate(tokens)
    ]
    serial: dict[int, Finish] = {}
    for _ in range(ROUNDS):
        end = await raced.together(*asks)
        codes = Counter(end.codes)
        assert codes == {"done": 1, "LINK_SUPERSEDED": CROWD - 1}, codes
        assert [to for to, _ in end.letters] == clinic.told("mental")
        await raced.put_back()
        first = end.codes.index("done")
        if first not in serial:
            order = [first, *(one for one in range(CROWD) if one != first)]
            serial[first] = await raced.serially(*asks, order=order)
            await raced.put_back()
        assert end == serial[first], _difference(end, [serial[first]])


async def test_twenty_register_one_address_at_once(raced: Course, clinic: Clinic) -> None:
    """The same answer to all, and a letter each (`D1`, `D14`)."""
    document = f"""mutation ($input: ClientRegisterInput!) {{
      clientRegister(input: $input) {{ accepted {_ERRORS} }}
    }}"""
    form = {
        "organization": "riverside",
        "firstName": "Nora",
        "lastName": "Newcomer",
        "dateOfBirth": "1990-05-17",
        "email": "nora@home.example",
    }
    asks = [Ask(document, {"input": form}) for _ in range(CROWD)]
    for _ in range(max(1, ROUNDS // 5)):
        end = await raced.together(*asks)
        assert end.codes == ["done"] * CROWD
        assert [to for to, _ in end.letters] == ["nora@home.example"] * CROWD
        await raced.put_back()


async def test_a_department_is_closed_while_a_client_is_made_there(
    raced: Course, clinic: Clinic
) -> None:
    """No client of a closed department (`D13`)."""
    empty = await _an_empty_department(raced, clinic)
    new = {
        "firstName": "Nora",
        "lastName": "Newcomer",
        "email": "nora@home.example",
        "dateOfBirth": "1990-05-17",
        "departmentId": empty,
    }
    ends = await race(
        raced,
        Ask(CLOSE, {"id": empty}, clinic.token("olivia")),
        Ask(CREATE, {"input": new}, clinic.token("oscar")),
    )
    assert set(ends) <= {"done NOT_FOUND", "HAS_CLIENTS done"}


@pytest.mark.parametrize("named", [True, False])
async def test_a_department_is_closed_while_somebody_is_associated_there(
    raced: Course, clinic: Clinic, named: bool
) -> None:
    """No association in a closed department (`D13`), be it named or the practitioner's only one."""
    empty = await _an_empty_department(raced, clinic)
    await _grant(raced, clinic, {"role": "PRACTITIONER", "departmentId": empty})
    met = {"practitionerId": clinic.ids["norma"]} | ({"departmentId": empty} if named else {})
    ends = await race(
        raced,
        Ask(CLOSE, {"id": empty}, clinic.token("olivia")),
        Ask(ASSOCIATE, {"id": clinic.ids["amy"], "input": {"add": [met]}}, clinic.token("oscar")),
    )
    late = "NOT_FOUND" if named else "NOT_A_PRACTITIONER"
    assert set(ends) <= {f"done {late}", "HAS_ASSOCIATIONS done"}


async def _an_empty_department(raced: Course, clinic: Clinic) -> str:
    id = clinic.key("physio")
    made = id.__class__(int=id.int + 1)
    await write(
        raced.world,
        insert(Department).values(
            organization_id=clinic.key("riverside"),
            id=made,
            name="Empty",
            name_key=sort_key("Empty"),
            active=True,
            created_at=raced.world.clock(),
        ),
    )
    await raced.mark()
    return f"dep_{made.hex}"
