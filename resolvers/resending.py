"""A new link in place of an old one, for whoever still has the old letter (`D3`)."""

import datetime as dt

from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncConnection

from mailer import ConfirmRegistration, post
from models import AuditAction, Link, LinkPurpose, Record, Registration
from resolvers.context import Context
from resolvers.events import LINK, On, on_person, registered
from resolvers.links import hold, invite, look_up, make
from resolvers.own import hold_person, person_of, send_email_confirmation, send_password_reset
from resolvers.posting import addressed, sender
from resolvers.throttles import may_mail, throttle
from resolvers.trail import Trail

REGISTRATION_KEPT = dt.timedelta(days=30)


async def link_resend(context: Context, token: str) -> None:
    """Send a new link for one that was not used. Never tells whether a letter went out."""
    await throttle(context, "resend", token)
    found = await look_up(context, token)
    if found is None or found.used_at is not None:
        return

    async def work(connection: AsyncConnection, trail: Trail) -> None:
        if found.registration_id:
            await _confirm_again(context, connection, trail, found)
            return
        organization_id, account_id = found.organization_id, found.account_id
        person = await connection.run_sync(person_of, organization_id, account_id)
        if not await may_mail(context, connection, found.email_key or person.email_key):
            return
        person = await hold_person(connection, organization_id, account_id)
        sent = False
        match found.purpose:
            case LinkPurpose.DEFINE_CREDENTIALS:
                sent = await invite(context, connection, organization_id, account_id)
            case LinkPurpose.RESET_PASSWORD:
                sent = await send_password_reset(context, connection, person)
            case LinkPurpose.CONFIRM_EMAIL:
                sent = await _move_again(context, connection, person, found)
        if sent:
            on = on_person(organization_id, person.kind, account_id)
            trail.tell(AuditAction.LINK_RESENT, on, reason=found.purpose, by=LINK)

    await context.write(work)


async def _move_again(
    context: Context, connection: AsyncConnection, person: Record, old: Record
) -> bool:
    """Confirm the new address of a person who is on `hold` anew, unless the change is off.

    Another change, a new password or being made inactive has ended it; who holds the old letter may
    be whom that was against. Answers whether a letter was written.
    """
    found = await connection.execute(
        select(Link.superseded_at).where(
            Link.organization_id == old.organization_id, Link.id == old.id
        )
    )
    if found.scalar_one() is not None:
        return False
    await send_email_confirmation(context, connection, person, old.email, old.email_key)
    return True


async def _confirm_again(
    context: Context, connection: AsyncConnection, trail: Trail, old: Record
) -> None:
    now = context.now()
    await hold(connection, organization_id=old.organization_id, registration_id=old.registration_id)
    found = await connection.execute(
        select(*Registration.__table__.c).where(
            Registration.organization_id == old.organization_id,
            Registration.id == old.registration_id,
            Registration.ended_at.is_(None),
            Registration.created_at > now - REGISTRATION_KEPT,
        )
    )
    registration = found.one_or_none()
    if registration is None or not await may_mail(context, connection, registration.email_key):
        return
    link_id, ends_at = await make(
        connection,
        organization_id=old.organization_id,
        purpose=LinkPurpose.CONFIRM_REGISTRATION,
        now=now,
        registration_id=registration.id,
    )
    organization = await sender(connection, old.organization_id)
    await post(
        connection,
        ConfirmRegistration(**addressed(organization, registration), ends_at=ends_at),
        organization_id=old.organization_id,
        recipient=registration.email,
        now=now,
        link_id=link_id,
    )
    on = On(old.organization_id, departments={registration.department_id})
    changes = [registered(registration.id)]
    trail.tell(AuditAction.LINK_RESENT, on, changes, reason=old.purpose, by=LINK)
