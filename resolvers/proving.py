"""The second factor, asked for and checked: a code is good once, and wrong ones are counted.

Whoever guesses knows the password already. Five wrong codes in a row make the app's codes wait, for
half a minute and then twice as long each time, up to a day; the owner is written to. Nobody is
locked out by that: recovery codes are too long to be guessed and never wait, and a new password,
by a link in a letter, ends the waiting.
"""

import datetime as dt
from typing import Any, TypeAlias

from sqlalchemy import ColumnElement, and_, delete, func, select, update
from sqlalchemy.ext.asyncio import AsyncConnection

from mailer import Contents, RecoveryCodeUsed, WrongCodes, post
from models import AccountKind, AuditAction, Record, RecoveryCode, SecondFactor, Staff
from permissions import Actor
from permissions.codes import recovery_hash, step_of
from resolvers.context import Context
from resolvers.errors import Code, Refused, refuse
from resolvers.events import on_person
from resolvers.posting import addressed, sender
from resolvers.trail import Trail

WRONG_IN_A_ROW = 5
PAUSE = dt.timedelta(seconds=30)
LONGEST_PAUSE = dt.timedelta(days=1)
_DOUBLINGS = 12


# Whose second factor: what has the ids of an organization and of a person.
Person: TypeAlias = Record | Actor


async def factor_of(connection: AsyncConnection, person: Person) -> Record | None:
    """The person's second factor, with their name and address; None while there is none."""
    factor = await begun_of(connection, person)
    return factor if factor is not None and factor.confirmed_at is not None else None


async def begun_of(connection: AsyncConnection, person: Person) -> Record | None:
    """As `factor_of`, also while no code has confirmed it."""
    found = await connection.execute(
        select(*SecondFactor.__table__.c, Staff.first_name, Staff.last_name, Staff.email)
        .join(
            Staff,
            and_(
                Staff.organization_id == SecondFactor.organization_id, Staff.id == SecondFactor.id
            ),
        )
        .where(of_person(person))
    )
    return found.one_or_none()


async def prove(
    context: Context,
    connection: AsyncConnection,
    trail: Trail,
    person: Record,
    code: str | None,
    *field: str,
) -> Refused | None:
    """Why the code will not do; None when it does, or when there is no second factor.

    To be called under the account's lock. What it writes is to be committed either way: a code
    that is used up, or one more wrong one.
    """
    factor = await factor_of(connection, person)
    if factor is None:
        return None
    if code is None or not code.strip():
        message = "Please type the code that your authenticator app shows, or a recovery code."
        return refuse(Code.SECOND_FACTOR_REQUIRED, message, *field)
    if await _use_recovery_code(context, connection, factor, code):
        on = on_person(factor.organization_id, AccountKind.STAFF, factor.id)
        trail.tell(AuditAction.RECOVERY_CODE_USED, on)
        return None
    if factor.paused_until is not None and context.now() < factor.paused_until:
        until = factor.paused_until.strftime("%Y-%m-%d %H:%M:%S UTC")
        message = f"Too many codes were wrong. Wait until {until}, or use a recovery code."
        return refuse(Code.TOO_MANY_WRONG_CODES, message, *field)
    if await _use_step(context, connection, factor, code):
        return None
    await _count(context, connection, factor)
    return wrong_code(*field)


def wrong_code(*field: str) -> Refused:
    """The refusal of a code that is not right, or was used."""
    message = "This code is not right, or was used before. Wait for the next one."
    return refuse(Code.INVALID_CODE, message, *field)


async def forgive(connection: AsyncConnection, person: Record) -> None:
    """Forget the wrong codes: whoever tried them does not know the password any more."""
    await connection.execute(
        update(SecondFactor).where(of_person(person)).values(wrong_codes=0, paused_until=None)
    )


async def tell(
    context: Context,
    connection: AsyncConnection,
    person: Record,
    letter: type[Contents],
    **more: Any,
) -> None:
    """Write to the person of what has become of their second factor."""
    organization = await sender(connection, person.organization_id)
    await post(
        connection,
        letter(**addressed(organization, person), **more),
        organization_id=person.organization_id,
        recipient=person.email,
        now=context.now(),
    )


async def _use_recovery_code(
    context: Context, connection: AsyncConnection, factor: Record, code: str
) -> bool:
    """Whether it is a recovery code of theirs, which is used up now; they are written to."""
    hashed = recovery_hash(code)
    if hashed is None:
        return False
    theirs = and_(
        RecoveryCode.organization_id == factor.organization_id, RecoveryCode.staff_id == factor.id
    )
    used = await connection.execute(delete(RecoveryCode).where(theirs, RecoveryCode.hash == hashed))
    if used.rowcount != 1:
        return False
    await forgive(connection, factor)
    left = await connection.execute(select(func.count()).select_from(RecoveryCode).where(theirs))
    await tell(context, connection, factor, RecoveryCodeUsed, codes_left=left.scalar_one())
    return True


async def _use_step(
    context: Context, connection: AsyncConnection, factor: Record, code: str
) -> bool:
    """Whether it is a code that the app shows now, and none of this time was used."""
    vault = context.services.vault
    secret = vault.decrypt(factor.secret, factor.organization_id, factor.id)
    step = step_of(secret, code, context.now())
    if step is None:
        return False
    stored = factor.secret
    if vault.is_outdated(stored):
        stored = vault.encrypt(secret, factor.organization_id, factor.id)
    used = await connection.execute(
        update(SecondFactor)
        .where(of_person(factor), SecondFactor.last_step < step)
        .values(last_step=step, wrong_codes=0, paused_until=None, secret=stored)
    )
    return used.rowcount == 1


async def _count(context: Context, connection: AsyncConnection, factor: Record) -> None:
    """One more wrong code. The fifth is told, since somebody may know the password (ASVS 6.3.5)."""
    wrong = factor.wrong_codes + 1
    more = wrong - WRONG_IN_A_ROW
    pause = min(PAUSE * 2 ** min(more, _DOUBLINGS), LONGEST_PAUSE) if more >= 0 else None
    await connection.execute(
        update(SecondFactor)
        .where(of_person(factor))
        .values(wrong_codes=wrong, paused_until=context.now() + pause if pause else None)
    )
    if more == 0:
        await tell(context, connection, factor, WrongCodes)


def of_person(person: Person) -> ColumnElement[bool]:
    """The person's own second factor."""
    return and_(
        SecondFactor.organization_id == person.organization_id, SecondFactor.id == person.id
    )
