"""The outbox: a letter is put in by the transaction of what it tells, and taken out to be sent."""

import datetime as dt
import uuid
from collections.abc import Collection, Iterable
from dataclasses import dataclass
from typing import Any, NamedTuple

from sqlalchemy import and_, bindparam, insert, or_, select, update
from sqlalchemy.ext.asyncio import AsyncConnection

from mailer.letters import Contents, Linked
from mailer.message import mailbox
from mailer.rendering import render
from models import Letter, LetterState, Link, Registration, new_id, within

ERROR_LENGTH = 200


@dataclass(frozen=True, slots=True, kw_only=True)
class Taken:
    """A letter taken out under a lease that ends at `until`; after that another may take it.

    `attempts` are those before this one that came to an end, good or bad: one whose courier was
    killed says nothing of the letter. `link_ended` says that its link was used, superseded or ran
    out.
    """

    organization_id: uuid.UUID
    id: uuid.UUID
    name: str
    recipient: str
    contents: dict[str, Any]
    link_id: uuid.UUID | None
    created_at: dt.datetime
    attempts: int
    lease: uuid.UUID
    until: dt.datetime
    link_ended: bool


@dataclass(frozen=True, slots=True)
class Outcome:
    """What became of a letter: done with at `at`, or QUEUED and due again then; `error` says why.

    An error holds no address, link or password.
    """

    letter: Taken
    state: LetterState
    at: dt.datetime
    error: str | None = None


async def post(
    connection: AsyncConnection,
    contents: Contents,
    *,
    organization_id: uuid.UUID,
    recipient: str,
    now: dt.datetime,
    link_id: uuid.UUID | None = None,
) -> uuid.UUID:
    """Put the letter into the outbox, due at once; the id of its row.

    It goes when the caller's transaction commits, and not at all when that rolls back (`D22`).
    Whatever could keep it from being written fails here, in the mutation: a `ValueError` for an
    address, or a link given or missing against the letter's kind; Jinja's errors for the rest.
    """
    row = _queued(Addressed(contents, recipient, link_id), organization_id, now)
    await connection.execute(insert(Letter), row)
    return row["id"]  # type: ignore[no-any-return]


class Addressed(NamedTuple):
    """A letter to somebody, and the link that it is written with."""

    contents: Contents
    recipient: str
    link_id: uuid.UUID | None = None


async def post_all(
    connection: AsyncConnection,
    letters: Iterable[Addressed],
    *,
    organization_id: uuid.UUID,
    now: dt.datetime,
) -> None:
    """Put these letters into the outbox at once, each as `post` does one."""
    rows = [_queued(letter, organization_id, now) for letter in letters]
    if rows:
        await connection.execute(insert(Letter), rows)


def _queued(letter: Addressed, organization_id: uuid.UUID, now: dt.datetime) -> dict[str, Any]:
    """The letter's row, if it can be written."""
    contents, recipient, link_id = letter
    if isinstance(contents, Linked) != (link_id is not None):
        raise ValueError(f"{contents.name} is written {'without' if link_id else 'with'} a link")
    mailbox(recipient)
    if contents.organization_contact is not None:
        mailbox(contents.organization_contact)
    render(contents, contents.link("https://portal.example", "token"))
    return {
        "organization_id": organization_id,
        "id": new_id(),
        "name": contents.name,
        "recipient": recipient,
        "contents": contents.to_json(),
        "link_id": link_id,
        "state": LetterState.QUEUED,
        "attempts": 0,
        "created_at": now,
        "due_at": now,
    }


async def take(
    connection: AsyncConnection,
    most: int,
    *,
    due: dt.datetime,
    now: dt.datetime,
    until: dt.datetime,
) -> list[Taken]:
    """Take out at most so many of the letters that are due at `due`, under a lease until `until`.

    No two transactions take the same letter: PostgreSQL skips locked rows, and SQLite has one
    writer at a time. A letter whose lease ran out is simply due again.
    """
    lease = new_id()
    taken = await connection.execute(
        _TAKE, {"due": due, "most": most, "new_lease": lease, "until": until}
    )
    rows = taken.mappings().all()
    links = [row["link_id"] for row in rows if row["link_id"]]
    ended = set(await connection.scalars(_ENDED, {"links": links, "now": now})) if links else set()
    return [
        Taken(**row, lease=lease, until=until, link_ended=row["link_id"] in ended) for row in rows
    ]


async def settle(connection: AsyncConnection, outcomes: Collection[Outcome]) -> None:
    """Write down what became of letters, save those that were taken by another meanwhile.

    A letter that is done with keeps nothing of its contents.
    """
    done = [_row(each) for each in outcomes if each.state is not LetterState.QUEUED]
    again = [_row(each) for each in outcomes if each.state is LetterState.QUEUED]
    if done:
        await connection.execute(_DONE, done)
    if again:
        await connection.execute(_AGAIN, again)


def _row(outcome: Outcome) -> dict[str, Any]:
    return {
        "letter_organization_id": outcome.letter.organization_id,
        "letter_id": outcome.letter.id,
        "my_lease": outcome.letter.lease,
        "new_state": outcome.state,
        "at": outcome.at,
        "new_error": outcome.error and outcome.error[:ERROR_LENGTH],
    }


_due = (
    select(Letter.organization_id, Letter.id)
    .where(Letter.state == LetterState.QUEUED, Letter.due_at <= bindparam("due"))
    .order_by(Letter.due_at)
    .limit(bindparam("most"))
    .with_for_update(skip_locked=True)
    .cte("due")
)
_TAKE = (
    update(Letter)
    .where(Letter.organization_id == _due.c.organization_id, Letter.id == _due.c.id)
    .values(lease=bindparam("new_lease"), due_at=bindparam("until"))
    .returning(
        Letter.organization_id,
        Letter.id,
        Letter.name,
        Letter.recipient,
        Letter.contents,
        Letter.link_id,
        Letter.created_at,
        Letter.attempts,
    )
)
_ENDED = (
    select(Link.id)
    .outerjoin(
        Registration,
        and_(
            Registration.organization_id == Link.organization_id,
            Registration.id == Link.registration_id,
        ),
    )
    .where(
        within(Link.id, "links"),
        or_(
            Link.used_at.is_not(None),
            Link.superseded_at.is_not(None),
            Link.expires_at <= bindparam("now"),
            Registration.ended_at.is_not(None),
        ),
    )
)
_mine = and_(
    Letter.organization_id == bindparam("letter_organization_id"),
    Letter.id == bindparam("letter_id"),
    Letter.lease == bindparam("my_lease"),
)
_DONE = (
    update(Letter)
    .where(_mine)
    .values(
        state=bindparam("new_state"),
        attempts=Letter.attempts + 1,
        lease=None,
        contents=None,
        done_at=bindparam("at"),
        error=bindparam("new_error"),
    )
)
_AGAIN = (
    update(Letter)
    .where(_mine)
    .values(
        attempts=Letter.attempts + 1,
        lease=None,
        due_at=bindparam("at"),
        error=bindparam("new_error"),
    )
)
