"""Forgotten passwords: asked for at once, and answered by a letter afterwards (`D14`).

The request writes down what was typed, whoever there is; so neither its answer nor the time that
it takes tells (`hostile` A3). Whose address it is, is looked up when nobody is waiting. By then the
letter is counted (`D33`): what is left of a budget tells no more than the answer does.
"""

import datetime as dt
from functools import partial

from sqlalchemy import delete, insert, select, update
from sqlalchemy.ext.asyncio import AsyncConnection

from models import AuditAction, Organization, Record, ResetRequest, new_id, to_its_end
from resolvers.checks import Checks, is_slug
from resolvers.context import Context
from resolvers.events import on_person
from resolvers.links import invite
from resolvers.own import hold_person, people_of_address, send_password_reset
from resolvers.throttles import may_mail, throttle, typed_address
from resolvers.trail import Trail

HELD = dt.timedelta(minutes=1)
"""How long whoever answers a request has it; after a crash or a fault it is due again then."""


async def password_reset_request(context: Context, organization: str, email: str) -> None:
    """Ask for a link to choose a new password. The answer never depends on whom there is.

    Over the day's letters to the address, nobody is looked for, and none is written (`D33`).
    """
    await throttle(context, "reset", organization, typed_address(email))
    checks = Checks("input")
    _, email_key = checks.email(email, "email")
    checks.done()
    if not is_slug(organization):
        return

    async def work(connection: AsyncConnection) -> None:
        if not await may_mail(context, connection, email_key):
            return
        now = context.now()
        found = await connection.execute(
            select(Organization.id).where(Organization.slug == organization)
        )
        for organization_id in found.scalars():
            await connection.execute(
                insert(ResetRequest).values(
                    organization_id=organization_id,
                    id=new_id(),
                    email_key=email_key,
                    created_at=now,
                    due_at=now,
                )
            )

    await context.services.database.write(work)
    context.services.asked()


async def answer_resets(context: Context) -> None:
    """Write to everybody for whom a reset was asked: to each person of the address, their own.

    Who has no credentials yet is sent the invitation again (`D5`); who is inactive, nothing.
    """
    # Who is told to end answers what they hold: to others it would be due in a minute only.
    while await to_its_end(_answer_next(context)):
        pass


async def _answer_next(context: Context) -> bool:
    """Answer one of those that are due; whether there was any."""
    take = partial(_take, now=context.now())
    request = await context.services.database.write(take)
    if request is None:
        return False
    await context.write(partial(_answer, context, request))
    return True


async def _take(connection: AsyncConnection, now: dt.datetime) -> Record | None:
    """A request that is due, held for a while; no two who ask get the same."""
    due = (
        select(ResetRequest.organization_id, ResetRequest.id)
        .where(ResetRequest.due_at <= now)
        .order_by(ResetRequest.due_at)
        .limit(1)
        .with_for_update(skip_locked=True)
        .cte("due")
    )
    taken = await connection.execute(
        update(ResetRequest)
        .where(ResetRequest.organization_id == due.c.organization_id, ResetRequest.id == due.c.id)
        .values(due_at=now + HELD)
        .returning(*ResetRequest.__table__.c)
    )
    return taken.one_or_none()


async def _answer(
    context: Context, request: Record, connection: AsyncConnection, trail: Trail
) -> None:
    organization_id, email_key = request.organization_id, request.email_key
    done = await connection.execute(
        delete(ResetRequest).where(
            ResetRequest.organization_id == organization_id,
            ResetRequest.id == request.id,
            ResetRequest.due_at == request.due_at,
        )
    )
    if done.rowcount != 1:  # it was held for too long, and is somebody else's by now
        return
    for one in await people_of_address(connection, organization_id, email_key):
        person = await hold_person(connection, organization_id, one.id)
        if person.email_key != email_key:  # they have just left the address
            continue
        if person.username is None:
            sent = await invite(context, connection, organization_id, person.id)
        else:
            sent = await send_password_reset(context, connection, person)
        if sent:
            on = on_person(organization_id, person.kind, person.id)
            trail.tell(AuditAction.PASSWORD_RESET_REQUESTED, on)
