"""The courier beside aiosmtplib alone, and its memory while a long queue drains.

The courier runs inside the server, as it does in production. aiosmtplib alone sends letters that
are composed already, over as many connections, to the same mail server.
"""

import asyncio
import datetime as dt
import time
from itertools import islice
from typing import Any

from aiosmtplib import SMTP
from sqlalchemy import func, insert, select

from benchmarks.machine import resident_megabytes
from benchmarks.report import Figures, Finding, Target
from benchmarks.rounds import Effort, in_rounds, tell
from benchmarks.rows import SMALL
from benchmarks.stage import Filled, Stage, command
from mailer import ClientInvitation
from mailer.message import Message, compose, mailbox
from mailer.rendering import render
from models import Account, Letter, LetterState, Link, LinkPurpose, new_id

DATA = frozenset({SMALL})
CONNECTIONS = 8
"""As many as the courier has."""

A_ROUND = 1_000
QUEUE = 20_000
LONG_QUEUE = 100_000
BATCH = 5_000
COURIER, ALONE = "courier", "aiosmtplib alone"


async def measure(stage: Stage, effort: Effort) -> list[Finding]:
    """Letters a second, and the memory at three points of a queue."""
    filled = await stage.filled(SMALL)
    port = await stage.listen(["benchmarks.sink"])
    mail = {"MAIL_URL": f"smtp://127.0.0.1:{port}"}
    server = await stage.serve(command("product"), filled.url, mail)
    link = await _link(filled)
    composed = _composed(effort.of(A_ROUND))

    async def rate(name: str) -> float:
        if name == ALONE:
            return await _send(port, composed)
        return await _deliver(filled, link, effort.of(A_ROUND))

    await rate(COURIER)
    start = resident_megabytes(server)
    rates = await in_rounds("The courier", [COURIER, ALONE], effort.rounds, rate)
    middle = resident_megabytes(server)
    sent = await _count(filled, LetterState.SENT)
    queue = LONG_QUEUE if effort.long else effort.of(QUEUE)
    tell(f"{sent:,} letters were delivered; draining {queue - sent:,} more.")
    await _deliver(filled, link, queue - sent)
    end = resident_megabytes(server)
    await stage.end(server)
    return [
        Finding(
            f"Letters through the courier, {CONNECTIONS} connections",
            Figures(rates[COURIER], "/s"),
            ALONE,
            Figures(rates[ALONE], "/s"),
            Target(0.70),
        ),
        Finding(
            f"Memory after {queue:,} letters",
            Figures([end], "MB"),
            f"after {effort.of(A_ROUND):,}",
            Figures([start], "MB"),
            Target(1.05, most=True),
            {"megabytes": {f"{effort.of(A_ROUND)}": start, f"{sent}": middle, f"{queue}": end}},
        ),
    ]


async def _deliver(filled: Filled, link: Any, number: int) -> float:
    """Letters a second, from the first that has arrived to the last, as the outbox says."""
    queued_at = dt.datetime.now(dt.UTC)
    await _queue(filled, link, number)
    await _drained(filled)
    arrived = select(func.min(Letter.done_at), func.max(Letter.done_at)).where(
        Letter.created_at >= queued_at
    )
    first, last = await filled.database.read(lambda one: one.execute(arrived).one())
    assert first
    assert last
    return (number - 1) / (last - first).total_seconds()


async def _drained(filled: Filled) -> None:
    while True:
        if not await _count(filled, LetterState.QUEUED):
            return
        await asyncio.sleep(0.1)


async def _send(port: int, composed: list[Message]) -> float:
    """Letters a second that aiosmtplib sends."""
    waiting = iter(composed)
    connections = [SMTP(hostname="127.0.0.1", port=port) for _ in range(CONNECTIONS)]
    await asyncio.gather(*(connection.connect() for connection in connections))

    async def work(connection: SMTP) -> None:
        for message in waiting:
            await connection.sendmail(message.sender, [message.recipient], message.content)

    started = time.perf_counter()
    await asyncio.gather(*map(work, connections))
    seconds = time.perf_counter() - started
    await asyncio.gather(*(connection.quit() for connection in connections))
    return len(composed) / seconds


def _composed(number: int) -> list[Message]:
    """Letters as the courier composes them."""
    contents = _contents(dt.datetime.now(dt.UTC))
    rendered = render(contents, contents.link("https://portal.example.com", "token"))
    return [
        compose(
            new_id(),
            rendered,
            sender=mailbox("portal@example.com"),
            sender_name=contents.organization_name,
            recipient=mailbox(f"client.{i}@example.com"),
            reply_to=None,
            written_at=dt.datetime.now(dt.UTC),
        )
        for i in range(number)
    ]


def _contents(now: dt.datetime) -> ClientInvitation:
    return ClientInvitation(
        recipient_name="Chloë Müller",
        organization_name="Northgate Therapy 1",
        organization_slug="clinic-1",
        organization_contact=None,
        ends_at=now + dt.timedelta(days=7),
    )


async def _link(filled: Filled) -> Any:
    """A link that lives, which all letters carry."""
    now, id = dt.datetime.now(dt.UTC), new_id()
    owner = select(Account.id).where(Account.organization_id == filled.first.id).limit(1)

    async def work(connection: Any) -> None:
        row = {
            "organization_id": filled.first.id,
            "id": id,
            "purpose": LinkPurpose.DEFINE_CREDENTIALS,
            "account_id": (await connection.execute(owner)).scalar_one(),
            "created_at": now,
            "expires_at": now + dt.timedelta(days=7),
        }
        await connection.execute(insert(Link), row)

    await filled.database.write(work)
    return id


async def _queue(filled: Filled, link: Any, number: int) -> None:
    """Put so many letters into the outbox, all at once."""
    now = dt.datetime.now(dt.UTC)
    contents = _contents(now).to_json()
    rows = (
        {
            "organization_id": filled.first.id,
            "id": new_id(),
            "name": ClientInvitation.name,
            "recipient": f"client.{i}@example.com",
            "contents": contents,
            "link_id": link,
            "state": LetterState.QUEUED,
            "attempts": 0,
            "created_at": now,
            "due_at": now,
        }
        for i in range(number)
    )

    async def work(connection: Any) -> None:
        while batch := list(islice(rows, BATCH)):
            await connection.execute(insert(Letter), batch)

    await filled.database.write(work)


async def _count(filled: Filled, state: LetterState) -> int:
    """How many letters the outbox has in this state."""
    counted = select(func.count()).where(Letter.state == state)
    return await filled.database.read(lambda one: one.execute(counted).scalar_one())
