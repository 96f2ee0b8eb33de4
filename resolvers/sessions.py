"""Signing in and out, and staying signed in (`S26` to `S28`, `D17`, `D21`)."""

import datetime as dt
import uuid
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Connection, and_, case, insert, literal, null, or_, select, update
from sqlalchemy.ext.asyncio import AsyncConnection

from models import (
    Account,
    AccountKind,
    ActorKind,
    AuditAction,
    Client,
    ClientStatus,
    Organization,
    Record,
    Session,
    Staff,
    StaffStatus,
    Surface,
    new_id,
)
from permissions.identity import may_sign_in
from resolvers.checks import is_slug, username_key
from resolvers.context import Context
from resolvers.errors import SESSION_OVER, Code, Refused, Stopped, refuse
from resolvers.events import Who, on_person, proved
from resolvers.links import hold
from resolvers.notes import Refusal
from resolvers.proving import prove
from resolvers.throttles import throttle, throttle_refresh
from resolvers.trail import Trail

ACCESS_LIVES = dt.timedelta(minutes=15)
REFRESH_LIVES = dt.timedelta(days=30)
GRACE = dt.timedelta(seconds=10)
"""How long a refresh token is good that was used, and the access token that was with it."""

FIRST = 1
"""The generation of a session that was never refreshed."""

TOKEN_REUSED = "TOKEN_REUSED"  # noqa: S105 - why a session ended, not a secret
EVERYWHERE = "EVERYWHERE"


@dataclass(frozen=True, slots=True)
class Opened:
    """A session's tokens, when each ends, and the surface that they are good for."""

    access_token: str
    access_token_expires_at: dt.datetime
    refresh_token: str
    refresh_token_expires_at: dt.datetime
    surface: Surface


async def login(
    context: Context,
    organization: str,
    username: str,
    password: str,
    surface: Surface,
    code: str | None = None,
) -> Opened:
    """Sign in. What is wrong with the account is said only after a right password (`D17`).

    Whoever has a second factor needs a code as well, which is looked at last.
    """
    await throttle(context, "login", organization, username_key(username) or username)
    return await _sign_in(context, organization, username, password, surface, code)


async def _sign_in(
    context: Context,
    organization: str,
    username: str,
    password: str,
    surface: Surface,
    code: str | None,
) -> Opened:
    person = await _person(context, organization, username)
    try:
        opened = await _open(context, person, password, surface, code)
    except Refused as refused:
        _note(context, organization, person, surface, refused)
        raise
    # Somebody chose another password meanwhile, and ended all sessions but this one to be.
    return opened or await _sign_in(context, organization, username, password, surface, code)


async def _open(
    context: Context, person: Record | None, password: str, surface: Surface, code: str | None
) -> Opened | None:
    """A session of the person; None where the password is another one by now."""
    passwords = context.services.passwords
    if not await passwords.verify(person.password_hash if person else None, password):
        raise refuse(Code.INVALID_CREDENTIALS, "Organization, username or password are not right.")
    assert person
    _welcome(person, surface)
    renewed = None
    if passwords.outdated(person.password_hash):
        renewed = await passwords.hash(password)

    async def work(connection: AsyncConnection, trail: Trail) -> Opened | Refused | None:
        now = context.now()
        if not await _is_its_password(connection, person):
            return None
        _welcome(await _as_it_is(connection, person), surface)
        refused = await prove(context, connection, trail, person, code, "input", "code")
        if refused:
            return refused
        if renewed:
            await connection.execute(
                update(Account)
                .where(Account.organization_id == person.organization_id, Account.id == person.id)
                .values(password_hash=renewed)
            )
        session_id = new_id()
        ends = _ends(now)
        await connection.execute(
            insert(Session).values(
                organization_id=person.organization_id,
                id=session_id,
                account_id=person.id,
                surface=surface,
                generation=FIRST,
                created_at=now,
                refreshed_at=now,
                **ends,
            )
        )
        on = on_person(person.organization_id, person.kind, person.id)
        by = proved(person.kind, person.id, surface)
        trail.tell(AuditAction.SIGNED_IN, on, by=by)
        return _opened(context, session_id, FIRST, surface, **ends)

    return await context.write(work)


async def session_refresh(context: Context, refresh_token: str) -> Opened:
    """New tokens for an old refresh token.

    For ten seconds the old token gets the same new ones, since the app may have lost the answer,
    and the new one gets no newer ones. So a token that is older than the last one was used longer
    ago: it must be a thief's or its victim's, and the whole session ends (`D21`).
    """
    await throttle_refresh(context)
    read = context.services.tokens.read_refresh(refresh_token)
    if read is None:
        raise _expired()

    async def work(connection: AsyncConnection, trail: Trail) -> Opened | None:
        trail.routine()
        now = context.now()
        before = Session.access_expires_at
        grace = literal(now + GRACE, before.type)
        await connection.execute(
            update(Session)
            .where(
                Session.id == read.id,
                Session.generation == read.generation,
                or_(Session.generation == FIRST, Session.refreshed_at < now - GRACE),
                Session.ended_at.is_(None),
                Session.refresh_expires_at > now,
            )
            .values(
                generation=read.generation + 1,
                refreshed_at=now,
                replaced_until=case((before < grace, before), else_=grace),
                **_ends(now),
            )
        )
        found = await connection.execute(_SESSION.where(Session.id == read.id))
        session = found.one_or_none()
        if session is None or session.ended_at or session.refresh_expires_at <= now:
            return None
        if not may_sign_in(session.surface, session.client_status, session.staff_status):
            return None
        if _was_used(session, read.generation, now):
            if await _end(connection, Session.id == read.id, now):
                kind = AccountKind.CLIENT if session.client_status else AccountKind.STAFF
                on = on_person(session.organization_id, kind, session.account_id)
                trail.tell(AuditAction.SESSION_ENDED, on, reason=TOKEN_REUSED)
            return None
        return _opened(
            context,
            read.id,
            session.generation,
            session.surface,
            session.access_expires_at,
            session.refresh_expires_at,
        )

    opened = await context.write(work)
    if opened is None:
        raise _expired()
    return opened


async def logout(context: Context, everywhere: bool, refresh_token: str | None) -> None:
    """End this session, or all of this person's.

    A refresh token names the session where the access token has run out; one that is no good
    (any more) has nothing to end. One that was used ends that session only, as in a refresh: it
    must be a thief's or its victim's (`D21`).
    """
    read = context.services.tokens.read_refresh(refresh_token) if refresh_token else None
    session_ids = [read.id] if read else []
    if context.actor.is_signed_in:
        session_ids.append(context.actor.session_id)
    if not session_ids:
        return

    async def work(connection: AsyncConnection, trail: Trail) -> None:
        now = context.now()
        which = and_(
            Session.id.in_(session_ids),
            Session.ended_at.is_(None),
            Session.refresh_expires_at > now,
        )
        found = await connection.execute(
            select(*Session.__table__.c, Account.kind)
            .join(Account, _of_its_account)
            .where(which)
            .with_for_update(of=Session)
        )
        await _end(connection, which, now)
        people = set()
        for session in found.all():
            person = session.organization_id, session.kind, session.account_id
            if (
                read
                and session.id == read.id != context.actor.session_id
                and _was_used(session, read.generation, now)
            ):
                trail.tell(AuditAction.SESSION_ENDED, on_person(*person), reason=TOKEN_REUSED)
            else:
                people.add(person)
        for organization_id, kind, account_id in people:
            if everywhere:
                theirs = and_(
                    Session.organization_id == organization_id, Session.account_id == account_id
                )
                await _end(connection, theirs, now)
            on = on_person(organization_id, kind, account_id)
            trail.tell(AuditAction.SIGNED_OUT, on, reason=EVERYWHERE if everywhere else None)

    await context.write(work)


def _was_used(session: Record, generation: int, now: dt.datetime) -> bool:
    """Whether the refresh token of this generation was used more than ten seconds ago."""
    if generation == session.generation:
        return False
    return bool(generation != session.generation - 1 or now > session.refreshed_at + GRACE)


_of_its_account = and_(
    Account.organization_id == Session.organization_id, Account.id == Session.account_id
)

_SESSION = (
    select(
        *Session.__table__.c,
        Client.status.label("client_status"),
        Staff.status.label("staff_status"),
    )
    .outerjoin(
        Client,
        and_(Client.organization_id == Session.organization_id, Client.id == Session.account_id),
    )
    .outerjoin(
        Staff,
        and_(Staff.organization_id == Session.organization_id, Staff.id == Session.account_id),
    )
)


async def stay_signed_in(context: Context, connection: AsyncConnection) -> None:
    """Keep the caller signed in, and their account as it is, until the transaction ends.

    Raises `Stopped` where their session has ended since the request began: whoever ended it, by a
    new password as well, is not overtaken by whom it was ended for (`D21`).
    """
    actor = context.actor
    await hold(connection, organization_id=actor.organization_id, account_id=actor.id)
    found = await connection.execute(
        select(Session.id)
        .where(
            Session.organization_id == actor.organization_id,
            Session.id == actor.session_id,
            Session.ended_at.is_(None),
        )
        .with_for_update(read=True)
    )
    if found.first() is None:
        raise Stopped("UNAUTHENTICATED", SESSION_OVER)


async def _is_its_password(connection: AsyncConnection, person: Record) -> bool:
    """Whether the password that was verified is still the account's, until the transaction ends."""
    found = await connection.execute(
        select(Account.password_hash)
        .where(Account.organization_id == person.organization_id, Account.id == person.id)
        .with_for_update(key_share=True)
    )
    return bool(found.scalar_one() == person.password_hash)


async def _as_it_is(connection: AsyncConnection, person: Record) -> Record:
    """The person's status now, which stays so until the transaction ends."""
    for model, label in ((Client, "client_status"), (Staff, "staff_status")):
        other = null().label("staff_status" if model is Client else "client_status")
        found = await connection.execute(
            select(model.status.label(label), other)
            .where(model.organization_id == person.organization_id, model.id == person.id)
            .with_for_update(read=True)
        )
        row = found.one_or_none()
        if row is not None:
            return row
    raise LookupError("an account without its person")


async def _person(context: Context, organization: str, username: str) -> Record | None:
    key = username_key(username)
    if key is None or not is_slug(organization):
        return None
    statement = (
        select(
            Account.organization_id,
            Account.id,
            Account.kind,
            Account.password_hash,
            Client.status.label("client_status"),
            Staff.status.label("staff_status"),
        )
        .join(Organization, Organization.id == Account.organization_id)
        .outerjoin(
            Client,
            and_(Client.organization_id == Account.organization_id, Client.id == Account.id),
        )
        .outerjoin(
            Staff, and_(Staff.organization_id == Account.organization_id, Staff.id == Account.id)
        )
        .where(Organization.slug == organization, Account.username_key == key)
    )

    def look(connection: Connection) -> Record | None:
        return connection.execute(statement).one_or_none()

    return await context.services.database.read(look)


def _note(
    context: Context, slug: str, person: Record | None, surface: Surface, refused: Refused
) -> None:
    """Note that somebody was not let in; of organizations that cannot be, nothing."""
    if person is None and not is_slug(slug):
        return
    on = on_person(person.organization_id, person.kind, person.id) if person else None
    by = Who(ActorKind.ANONYMOUS, surface=surface)
    code = refused.problems[0].code
    refusal = Refusal(AuditAction.SIGN_IN_REFUSED, by, code, on, None if on else slug)
    context.services.notes.refused(refusal, context.now(), context.request)


def _welcome(person: Record, surface: Surface) -> None:
    """Raises `Refused` with what a person of this status is told (`S27`, `S28`)."""
    if may_sign_in(surface, person.client_status, person.staff_status):
        return
    if person.client_status is ClientStatus.PENDING:
        raise refuse(
            Code.CLIENT_PENDING_APPROVAL,
            "Your account is waiting to be approved. Until then you can sign in to the portal, "
            "but not to the app. We will write to you as soon as it is approved.",
        )
    if person.client_status is ClientStatus.INACTIVE:
        raise refuse(
            Code.CLIENT_INACTIVE,
            "Your account is inactive, so you cannot sign in. Please contact your organization.",
        )
    assert person.staff_status is StaffStatus.INACTIVE
    raise refuse(
        Code.STAFF_INACTIVE,
        "Your account is inactive, so you cannot sign in. "
        "Please contact your Organizational Administrator.",
    )


async def end_sessions(
    connection: AsyncConnection, person: Record, now: dt.datetime, but: uuid.UUID | None = None
) -> None:
    """End the sessions of somebody, `but` this one."""
    theirs = and_(
        Session.organization_id == person.organization_id, Session.account_id == person.id
    )
    await _end(connection, and_(theirs, Session.id != but) if but else theirs, now)


async def _end(connection: AsyncConnection, which: Any, now: dt.datetime) -> bool:
    """End those that are open; whether there were any."""
    ended = await connection.execute(
        update(Session).where(which, Session.ended_at.is_(None)).values(ended_at=now)
    )
    return ended.rowcount > 0


def _ends(now: dt.datetime) -> dict[str, dt.datetime]:
    return {"access_expires_at": now + ACCESS_LIVES, "refresh_expires_at": now + REFRESH_LIVES}


def _opened(
    context: Context,
    session_id: uuid.UUID,
    generation: int,
    surface: Surface,
    access_expires_at: dt.datetime,
    refresh_expires_at: dt.datetime,
) -> Opened:
    tokens = context.services.tokens
    return Opened(
        access_token=tokens.access(session_id, generation),
        access_token_expires_at=access_expires_at,
        refresh_token=tokens.refresh(session_id, generation),
        refresh_token_expires_at=refresh_expires_at,
        surface=surface,
    )


def _expired() -> Refused:
    return refuse(
        Code.SESSION_EXPIRED, "You have been signed out. Please sign in again.", "refreshToken"
    )
