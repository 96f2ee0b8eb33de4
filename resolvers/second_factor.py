"""The second factor of one's own account, and taking one away from who has lost it.

Turning it on or off ends the person's other sessions (ASVS 7.4.3), and whatever changes is told
them by a letter (6.3.7).
"""

from dataclasses import dataclass

from sqlalchemy import ColumnElement, and_, delete, insert, select, update
from sqlalchemy.ext.asyncio import AsyncConnection

from mailer import (
    RecoveryCodesRenewed,
    SecondFactorOff,
    SecondFactorOn,
    SecondFactorReset,
)
from models import (
    Account,
    AccountKind,
    AuditAction,
    Organization,
    Record,
    RecoveryCode,
    SecondFactor,
    Staff,
)
from permissions.codes import new_recovery_codes, new_secret, otpauth_uri, recovery_hash, step_of
from resolvers.checks import is_slug, username_key
from resolvers.context import Context
from resolvers.errors import Code, Refused, refuse
from resolvers.events import OPERATOR, On, on_person
from resolvers.links import hold
from resolvers.own import myself, stay_myself
from resolvers.posting import sender
from resolvers.proving import begun_of, factor_of, of_person, prove, tell, wrong_code
from resolvers.sessions import end_sessions, stay_signed_in
from resolvers.throttles import throttle
from resolvers.trail import Trail
from resolvers.tree import Key


@dataclass(frozen=True, slots=True)
class Begun:
    """A secret for an authenticator app, as text and as the URI of a QR code; shown once."""

    secret: str
    otpauth_uri: str


async def second_factor_begin(context: Context, password: str) -> Begun:
    """A new secret for the caller's app. It counts when a code of it confirms it."""
    person = await myself(context, password, "password")

    async def work(connection: AsyncConnection, trail: Trail) -> Begun:
        trail.routine()
        await stay_myself(context, connection, person, "password")
        if await factor_of(connection, person) is not None:
            raise _on()
        secret = new_secret()
        await _take_away(connection, person)
        await connection.execute(
            insert(SecondFactor).values(
                organization_id=person.organization_id,
                id=person.id,
                secret=context.services.vault.encrypt(secret, person.organization_id, person.id),
                wrong_codes=0,
            )
        )
        organization = await sender(connection, person.organization_id)
        return Begun(secret, otpauth_uri(secret, organization.name, person.username))

    return await context.write(work)


async def second_factor_confirm(context: Context, code: str) -> list[str]:
    """Turn the second factor on, with a code of the new secret; the recovery codes, shown once."""
    actor = context.actor
    await throttle(context, "code", actor.id.hex)

    async def work(connection: AsyncConnection, trail: Trail) -> list[str]:
        now = context.now()
        await stay_signed_in(context, connection)
        factor = await begun_of(connection, actor)
        if factor is None:
            raise refuse(Code.SECOND_FACTOR_OFF, "First get a secret for your app.", "code")
        if factor.confirmed_at is not None:
            raise _on("code")
        secret = context.services.vault.decrypt(factor.secret, factor.organization_id, factor.id)
        step = step_of(secret, code, now)
        if step is None:
            raise wrong_code("code")
        await connection.execute(
            update(SecondFactor).where(of_person(factor)).values(confirmed_at=now, last_step=step)
        )
        codes = await _issue(connection, factor)
        await end_sessions(connection, factor, now, but=actor.session_id)
        await tell(context, connection, factor, SecondFactorOn)
        trail.tell(AuditAction.SECOND_FACTOR_ENABLED, _on_person(factor))
        return codes

    return await context.write(work)


async def second_factor_remove(context: Context, password: str, code: str) -> Key:
    """Turn the caller's second factor off, with both proofs."""
    person = await myself(context, password, "input", "password")

    async def work(connection: AsyncConnection, trail: Trail) -> Key | Refused:
        held = await stay_myself(context, connection, person, "input", "password")
        refused = await _proved(context, connection, trail, held, code)
        if refused:
            return refused
        await _take_away(connection, held)
        await end_sessions(connection, held, context.now(), but=context.actor.session_id)
        await tell(context, connection, held, SecondFactorOff)
        trail.tell(AuditAction.SECOND_FACTOR_REMOVED, _on_person(held))
        return Key(Staff, held.id)

    return await context.write(work)


async def recovery_codes_renew(context: Context, password: str, code: str) -> list[str]:
    """New recovery codes in place of the old ones, with both proofs; shown once."""
    person = await myself(context, password, "input", "password")

    async def work(connection: AsyncConnection, trail: Trail) -> list[str] | Refused:
        held = await stay_myself(context, connection, person, "input", "password")
        refused = await _proved(context, connection, trail, held, code)
        if refused:
            return refused
        codes = await _issue(connection, held)
        await tell(context, connection, held, RecoveryCodesRenewed)
        trail.tell(AuditAction.RECOVERY_CODES_RENEWED, _on_person(held))
        return codes

    return await context.write(work)


async def second_factor_reset(context: Context, organization: str, username: str) -> None:
    """Take the second factor away from whoever can't be helped otherwise: the operator's way.

    Fields of refusals are the command's options.
    """

    async def work(connection: AsyncConnection, trail: Trail) -> None:
        person = await _named(connection, organization, username)
        if person is None:
            raise refuse(Code.NOT_FOUND, "There is no such staff member there.", "username")
        if not await reset(context, connection, person):
            raise refuse(Code.SECOND_FACTOR_OFF, "There is no second factor to reset.", "username")
        trail.tell(AuditAction.SECOND_FACTOR_RESET, _on_person(person), by=OPERATOR)

    await context.write(work)


async def reset(context: Context, connection: AsyncConnection, person: Record) -> bool:
    """Take the person's second factor away, end their sessions, say so; False if there is none."""
    await hold(connection, organization_id=person.organization_id, account_id=person.id)
    if await factor_of(connection, person) is None:
        return False
    await _take_away(connection, person)
    await end_sessions(connection, person, context.now())
    await tell(context, connection, person, SecondFactorReset)
    return True


async def _named(connection: AsyncConnection, organization: str, username: str) -> Record | None:
    """The staff member of this username there."""
    key = username_key(username)
    if key is None or not is_slug(organization):
        return None
    found = await connection.execute(
        select(Account.organization_id, Account.id, Staff.first_name, Staff.last_name, Staff.email)
        .join(Organization, Organization.id == Account.organization_id)
        .join(Staff, and_(Staff.organization_id == Account.organization_id, Staff.id == Account.id))
        .where(Organization.slug == organization, Account.username_key == key)
    )
    return found.one_or_none()


async def _proved(
    context: Context, connection: AsyncConnection, trail: Trail, person: Record, code: str
) -> Refused | None:
    """Why the code does not prove who the caller is, whose password was verified."""
    if await factor_of(connection, person) is None:
        raise refuse(Code.SECOND_FACTOR_OFF, "You have no second factor.")
    return await prove(context, connection, trail, person, code, "input", "code")


async def _issue(connection: AsyncConnection, person: Record) -> list[str]:
    """New recovery codes, of which only hashes are kept, in place of all earlier ones."""
    codes = new_recovery_codes()
    await connection.execute(delete(RecoveryCode).where(_codes_of(person)))
    await connection.execute(
        insert(RecoveryCode),
        [
            {
                "organization_id": person.organization_id,
                "staff_id": person.id,
                "hash": recovery_hash(code),
            }
            for code in codes
        ],
    )
    return codes


async def _take_away(connection: AsyncConnection, person: Record) -> None:
    await connection.execute(delete(RecoveryCode).where(_codes_of(person)))
    await connection.execute(delete(SecondFactor).where(of_person(person)))


def _on_person(person: Record) -> On:
    return on_person(person.organization_id, AccountKind.STAFF, person.id)


def _codes_of(person: Record) -> ColumnElement[bool]:
    return and_(
        RecoveryCode.organization_id == person.organization_id, RecoveryCode.staff_id == person.id
    )


def _on(*field: str) -> Refused:
    message = "You have a second factor already. To replace it, turn it off first."
    return refuse(Code.SECOND_FACTOR_ON, message, *field)
