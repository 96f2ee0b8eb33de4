"""What operators do about second factors: break the glass, and change the SECRET_KEY."""

from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import select

from models import SecondFactor
from permissions import Vault
from tests.crash.programs import Ended, environment, run
from tests.factors import RECOVERY, SECRET, give, shown, told
from tests.mailbox import Mailbox
from tests.stories.asking import VIEWER
from tests.world import SECRET as OLD
from tests.world import Clinic, World

NEW = "another secret of the tests, 9876543210 zyxwvuts"
KEYS = {"secret_key": NEW, "previous_secret_key": OLD}


def beside(world: World, **settings: Any) -> World:
    """Another server over the same database, with other settings and at the same time."""
    other = World(world.settings.database_url, world.mailbox, **settings)
    other.clock.now = world.clock.now
    return other


async def stored(world: World, clinic: Clinic, who: str) -> bytes:
    """The secret of somebody as the database has it."""
    statement = select(SecondFactor.secret).where(SecondFactor.id == clinic.key(who))
    found: bytes = await world.database.read(lambda c: c.execute(statement).scalar_one())
    return found


# --- breaking the glass -------------------------------------------------------------------------


async def test_an_operator_takes_a_second_factor_away(
    world: World, clinic: Clinic, mailbox: Mailbox, tmp_path: Path
) -> None:
    """As of the only Organizational Administrator, whom nobody else can help."""
    await give(world, clinic, "olivia", "dora", "lakeside.olivia")
    env = environment(world.settings.database_url, mailbox, SECRET_KEY=OLD)

    async def reset(organization: str, username: str) -> Ended:
        words = "--organization", organization, "--username", username
        return await run("second-factor-reset", *words, env=env, folder=tmp_path)

    done = await reset("riverside", "OLIVIA")

    assert done == Ended(0, "OLIVIA signs in with the password alone now; a letter says so.\n", "")
    letter = await world.only_mail(clinic.email("olivia"))
    assert letter.subject == "Your second factor for Riverside Clinic was reset"
    assert await world.do(VIEWER, token=clinic.token("olivia")) is None
    assert await told(world, "olivia") == []
    async with world.unchanged():
        none = "--username: There is no second factor to reset.\n"
        assert await reset("riverside", "olivia") == Ended(2, "", none)
        nobody = Ended(2, "", "--username: There is no such staff member there.\n")
        for organization, username in (
            ("riverside", "nobody"),
            ("riverside", "amy"),  # a client
            ("riverside", "a b"),
            ("nowhere", "dora"),
            ("No Where", "dora"),
        ):
            assert await reset(organization, username) == nobody
    for organization, username in (("riverside", "dora"), ("lakeside", "olivia")):
        asked = await told(world, username, organization=organization)
        assert asked == [("SECOND_FACTOR_REQUIRED", "input.code")]


# --- changing the key ---------------------------------------------------------------------------


async def test_a_previous_key_reads_and_who_signs_in_is_encrypted_anew(
    world: World, clinic: Clinic
) -> None:
    await give(world, clinic, "carl", "dora")
    before = await stored(world, clinic, "carl")
    async with beside(world, **KEYS) as renewed:
        assert await told(renewed, "carl", shown(world.clock())) == []
        after = await stored(world, clinic, "carl")
        assert after != before
        owner = clinic.key("riverside"), clinic.key("carl")
        assert Vault(NEW).decrypt(after, *owner) == SECRET
        # tokens of the previous key are good, too
        assert await renewed.do(VIEWER, token=clinic.token("dora"))
        renewed.clock.advance(seconds=30)
        assert await told(renewed, "carl", shown(renewed.clock())) == []
        assert await stored(world, clinic, "carl") == after


async def test_a_command_encrypts_the_rest_and_then_the_previous_key_may_go(
    world: World, clinic: Clinic, mailbox: Mailbox, tmp_path: Path
) -> None:
    await give(world, clinic, "carl", "dora", "lakeside.dora")
    await give(world, clinic, "fay", confirmed=False)
    env = environment(world.settings.database_url, mailbox, SECRET_KEY=NEW)
    both = {**env, "PREVIOUS_SECRET_KEY": OLD}

    blind = await run("encrypt-anew", env=env, folder=tmp_path)
    assert (blind.status, blind.said) == (1, "")
    assert blind.complained == (
        "PREVIOUS_SECRET_KEY: a secret was encrypted with a SECRET_KEY that is not known\n"
    )
    for said in ("Secrets encrypted anew: 4.\n", "Secrets encrypted anew: 0.\n"):
        done = await run("encrypt-anew", env=both, folder=tmp_path)
        assert done == Ended(0, said, "")

    async with beside(world, secret_key=NEW) as renewed:
        for who, organization in (("carl", "riverside"), ("dora", "lakeside")):
            assert await told(renewed, who, shown(world.clock()), organization=organization) == []


async def test_without_the_key_a_code_is_our_fault_and_a_recovery_code_lets_in(
    world: World, clinic: Clinic, caplog: pytest.LogCaptureFixture
) -> None:
    await give(world, clinic, "carl")
    async with beside(world, secret_key=NEW) as other:
        async with world.unchanged():
            answer = await other.ask(
                """mutation ($code: String!) { login(input: {
                  organization: "riverside", username: "carl", surface: PORTAL, code: $code,
                  password: "seven herons over the river"
                }) { session { surface } } }""",
                {"code": shown(world.clock())},
            )
        (error,) = answer["errors"]
        assert error["extensions"]["code"] == "INTERNAL_SERVER_ERROR"
        assert "SECRET_KEY" not in error["message"]
        assert "a secret was encrypted with a SECRET_KEY that is not known" in caplog.text
        assert await told(other, "carl", RECOVERY) == []
