"""Mail: letters as a kind of post, from the transaction that writes one to its transport."""

import datetime as dt
import uuid
from collections.abc import Callable, Collection, Iterable
from dataclasses import dataclass
from email.utils import getaddresses
from typing import Any, ClassVar, NamedTuple

from sqlalchemy import and_, bindparam, insert, or_, select
from sqlalchemy.ext.asyncio import AsyncConnection

from mailer.letters import LETTERS, Contents, Linked
from mailer.message import Message, compose, mailbox
from mailer.outbox import Outbox, Outcome, Post, Taken, Void
from mailer.rendering import render
from mailer.transports import Transport
from models import Letter, LetterState, Link, Registration, new_id, within


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class TakenLetter(Taken):
    """A letter to be sent. `link_ended`: its link was used, superseded or ran out."""

    name: str
    recipient: str
    contents: dict[str, Any]
    link_id: uuid.UUID | None
    link_ended: bool


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


class Mail(Post[TakenLetter]):
    """Letters, on their way by a transport.

    `public_url` is where links lead, `sender` the address that letters come from, `link_token`
    gives a link's token from its id. Raises `ValueError` for a `sender` that is not one address.
    """

    kind: ClassVar[str] = "letter"
    at_once: ClassVar[int] = 8

    def __init__(
        self,
        transport: Transport,
        *,
        public_url: str,
        sender: str,
        link_token: Callable[[uuid.UUID], str],
    ) -> None:
        self._transport = transport
        self._public_url = public_url
        self._sender = mailbox(", ".join(address for _, address in getaddresses([sender])))
        self._link_token = link_token

    async def take(
        self,
        connection: AsyncConnection,
        most: int,
        *,
        held: Collection[TakenLetter],
        due: dt.datetime,
        now: dt.datetime,
        until: dt.datetime,
    ) -> list[TakenLetter]:
        rows = await _OUTBOX.take(connection, most, due=due, until=until)
        links = [row["link_id"] for row in rows if row["link_id"]]
        its = {"links": links, "now": now}
        ended = set(await connection.scalars(_ENDED, its)) if links else set()
        return [TakenLetter(**row, link_ended=row["link_id"] in ended) for row in rows]

    async def settle(self, connection: AsyncConnection, outcomes: Collection[Outcome]) -> None:
        await _OUTBOX.settle(connection, outcomes)

    async def send(self, taken: TakenLetter) -> None:
        if taken.link_ended:
            raise Void
        await self._transport.send(self._message(taken))

    async def close(self) -> None:
        await self._transport.close()

    def _message(self, letter: TakenLetter) -> Message:
        contents = LETTERS[letter.name].from_json(letter.contents)
        token = self._link_token(letter.link_id) if letter.link_id else None
        contact = contents.organization_contact
        return compose(
            letter.id,
            render(contents, contents.link(self._public_url, token)),
            sender=self._sender,
            sender_name=contents.organization_name,
            recipient=mailbox(letter.recipient),
            reply_to=mailbox(contact) if contact else None,
            written_at=letter.since,
        )


_OUTBOX = Outbox(
    Letter,
    Letter.created_at,
    [Letter.name, Letter.recipient, Letter.contents, Letter.link_id],
    forgotten=["contents"],
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
