"""Second factors in tests: what the authenticator apps of people show."""

import datetime as dt
from typing import Any

import pyotp
from sqlalchemy import delete, insert
from sqlalchemy.ext.asyncio import AsyncConnection

from models import RecoveryCode, SecondFactor
from permissions.codes import recovery_hash
from tests.world import PASSWORD, Clinic, World, problems

SECRET = "JBSWY3DPEHPK3PXPJBSWY3DPEHPK3PXP"
"""What everybody's app knows who is given a second factor here."""

RECOVERY = "ABCD-EFGH-JKMN-PQRS-TVWX-YZ01"
"""The only recovery code of each."""

STEP = dt.timedelta(seconds=30)


def shown(now: dt.datetime, secret: str = SECRET) -> str:
    """The code that an app shows."""
    return pyotp.TOTP(secret).at(now)


def wrong(now: dt.datetime, secret: str = SECRET) -> str:
    """A code that the app shows at no time about now."""
    about = {shown(now + i * STEP, secret) for i in range(-3, 4)}
    return next(code for code in map("{:06}".format, range(10)) if code not in about)


async def give(world: World, clinic: Clinic, *names: str, confirmed: bool = True) -> None:
    """Give these staff a second factor, as if a while ago, in place of what they have."""
    vault = world.service.services.vault
    used = int(world.clock().timestamp()) // 30 - 10

    async def work(connection: AsyncConnection) -> None:
        for name in names:
            organization, _, _ = name.rpartition(".")
            owner = clinic.key(organization or "riverside"), clinic.key(name)
            await connection.execute(delete(RecoveryCode).where(RecoveryCode.staff_id == owner[1]))
            await connection.execute(delete(SecondFactor).where(SecondFactor.id == owner[1]))
            await connection.execute(
                insert(SecondFactor).values(
                    organization_id=owner[0],
                    id=owner[1],
                    secret=vault.encrypt(SECRET, *owner),
                    confirmed_at=world.clock() if confirmed else None,
                    last_step=used if confirmed else None,
                    wrong_codes=0,
                )
            )
            if confirmed:
                code = {"staff_id": owner[1], "hash": recovery_hash(RECOVERY)}
                await connection.execute(
                    insert(RecoveryCode).values(organization_id=owner[0], **code)
                )

    await world.database.write(work)


BEGIN = """
mutation ($password: String!) {
  secondFactorBegin(password: $password) {
    secret otpauthUri userErrors { code message field }
  }
}
"""
CONFIRM = """
mutation ($code: String!) {
  secondFactorConfirm(code: $code) { recoveryCodes userErrors { code message field } }
}
"""
REMOVE = """
mutation ($input: SecondFactorInput!) {
  secondFactorRemove(input: $input) { staff { secondFactor } userErrors { code message field } }
}
"""
RENEW = """
mutation ($input: SecondFactorInput!) {
  recoveryCodesRenew(input: $input) { recoveryCodes userErrors { code message field } }
}
"""
TAKE = """
mutation ($id: ID!) {
  staffSecondFactorReset(id: $id) { staff { secondFactor } userErrors { code message field } }
}
"""
REQUIRE = """
mutation ($required: Boolean) {
  organizationUpdate(input: {secondFactorRequired: $required}) {
    organization { secondFactorRequired } userErrors { code message field }
  }
}
"""


async def turn_on(world: World, token: str) -> tuple[str, list[str]]:
    """The new secret of somebody who has no second factor yet, and their recovery codes."""
    secret = (await world.do(BEGIN, {"password": PASSWORD}, token))["secret"]
    done = await world.do(CONFIRM, {"code": shown(world.clock(), secret)}, token)
    assert done["userErrors"] == []
    return secret, done["recoveryCodes"]


async def with_both(
    world: World, document: str, token: str, code: str, password: str = PASSWORD
) -> Any:
    """The payload of a mutation that wants both proofs."""
    return await world.do(document, {"input": {"password": password, "code": code}}, token)


async def told(world: World, username: str, code: str | None = None, **how: Any) -> list[Any]:
    """What is wrong with signing in so; nothing when a session opens."""
    payload = await world.login(username, code=code, **how)
    assert (payload["session"] is None) is bool(payload["userErrors"])
    return problems(payload)
