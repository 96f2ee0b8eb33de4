"""A real SMTP server that keeps what it is sent, and fails on request."""

import asyncio
import email
import email.policy
import enum
import re
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass
from email.message import EmailMessage
from typing import Any, Self

from aiosmtpd.smtp import SMTP, Envelope, Session

_LINK = re.compile(r"https?://[^\s<>\"']*#token=([^\s<>\"'&]+)")


class Fault(enum.Enum):
    """What may go wrong with one letter."""

    LATER = "450 4.2.1 The mailbox is busy"
    NEVER = "550 5.1.1 No such mailbox"
    LATER_AT_DATA = "451 4.3.0 Greylisted"
    NEVER_AT_DATA = "554 5.7.1 Refused as spam"
    CUT = "the connection is cut, and the letter is lost"
    CUT_AFTER = "the letter is kept, and the connection is cut before the answer"
    HANG = "no answer ever comes"


_AT_RECIPIENT = {Fault.LATER, Fault.NEVER}
_AT_DATA = {Fault.LATER_AT_DATA, Fault.NEVER_AT_DATA}


@dataclass(frozen=True, slots=True)
class Delivery:
    """A letter as it came: the envelope's addresses, and the message."""

    sender: str
    recipients: list[str]
    message: EmailMessage


class Mailbox:
    """Everybody's mailbox, behind SMTP on a free port of 127.0.0.1; a context manager.

    `upcoming` are the faults of the next letters, one a letter, None for a letter without;
    `faults` are those of recipients, for as long as they are in there. `options` are aiosmtpd's,
    such as `tls_context`, `require_starttls`, `authenticator`.
    """

    def __init__(self, **options: Any) -> None:
        self.deliveries: list[Delivery] = []
        self.attempts: list[str] = []
        """Every recipient that was ever named to the server, refused or not."""
        self.upcoming: deque[Fault | None] = deque()
        self.faults: dict[str, Fault] = {}
        self._options = {
            "hostname": "localhost",
            "enable_SMTPUTF8": True,
            "command_call_limit": 1_000_000,
            **options,
        }
        self._connections: set[_Connection] = set()
        self._came = asyncio.Condition()

    @property
    def port(self) -> int:
        """The port of 127.0.0.1 that it listens on."""
        port: int = self._server.sockets[0].getsockname()[1]
        return port

    @property
    def url(self) -> str:
        """What `MAIL_URL` says to send everything here."""
        return f"smtp://127.0.0.1:{self.port}"

    @property
    def messages(self) -> list[EmailMessage]:
        """All that came, in the order in which it came."""
        return [delivery.message for delivery in self.deliveries]

    def to(self, address: str) -> list[EmailMessage]:
        """All that came for the address."""
        return [each.message for each in self.deliveries if address in each.recipients]

    def clear(self) -> None:
        """Throw away all that came."""
        self.deliveries.clear()
        self.attempts.clear()

    async def wait(
        self,
        count: int = 1,
        timeout: float = 40,  # noqa: ASYNC109 - an answer is given after it, in words
        to: str | None = None,
    ) -> list[EmailMessage]:
        """What came (for the address), when there are `count` of them."""

        def come() -> list[EmailMessage]:
            return self.messages if to is None else self.to(to)

        try:
            async with asyncio.timeout(timeout), self._came:
                await self._came.wait_for(lambda: len(come()) >= count)
        except TimeoutError:
            told = [(each.recipients, each.message["Subject"]) for each in self.deliveries]
            raise AssertionError(f"{count} letters awaited, {len(come())} came: {told}") from None
        return come()

    @staticmethod
    def link(message: EmailMessage) -> str:
        """The first link with a token in the letter's text."""
        return _found(message)[0]

    @staticmethod
    def token(message: EmailMessage) -> str:
        """The token of the first such link."""
        return _found(message)[1]

    async def __aenter__(self) -> Self:
        loop = asyncio.get_running_loop()
        self._server = await loop.create_server(self._connection, "127.0.0.1", 0)
        return self

    async def __aexit__(self, *_: object) -> None:
        self._server.close()
        for connection in list(self._connections):
            connection.cut()
        while self._connections:  # noqa: ASYNC110 - a turn of the loop is all it takes
            await asyncio.sleep(0)
        await self._server.wait_closed()

    def _connection(self) -> "_Connection":
        return _Connection(self._connections.discard, self._connections.add, self, **self._options)

    # Called by aiosmtpd, by these names.

    async def handle_RCPT(  # noqa: N802
        self,
        server: "_Connection",
        session: Session,
        envelope: Envelope,
        address: str,
        options: list[str],
    ) -> str:
        """Take or refuse a recipient, and decide what will happen to the letter."""
        self.attempts.append(address)
        fault = self.faults.get(address)
        if not fault and self.upcoming:
            fault = self.upcoming.popleft()
        if fault in _AT_RECIPIENT:
            return str(fault.value)
        server.fault = fault
        envelope.rcpt_tos.append(address)
        return "250 OK"

    async def handle_DATA(  # noqa: N802
        self, server: "_Connection", session: Session, envelope: Envelope
    ) -> str:
        """Keep the letter, or what its fault says."""
        fault, server.fault = server.fault, None
        if fault in _AT_DATA:
            return str(fault.value)
        if fault not in {Fault.CUT, Fault.HANG}:
            assert isinstance(envelope.content, bytes)
            message = email.message_from_bytes(envelope.content, policy=email.policy.default)
            self.deliveries.append(Delivery(envelope.mail_from or "", envelope.rcpt_tos, message))
            async with self._came:
                self._came.notify_all()
        if fault in {Fault.CUT, Fault.CUT_AFTER}:
            server.cut()
        if fault:
            await asyncio.Event().wait()  # until the connection is lost
        return "250 OK"


class _Connection(SMTP):
    """One connection to the server, which can be cut."""

    def __init__(
        self,
        lost: Callable[["_Connection"], None],
        made: Callable[["_Connection"], None],
        handler: Mailbox,
        **options: Any,
    ) -> None:
        super().__init__(handler, loop=asyncio.get_running_loop(), **options)
        self.fault: Fault | None = None
        self._made, self._lost = made, lost

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        super().connection_made(transport)
        self._made(self)

    def connection_lost(self, error: Exception | None) -> None:
        super().connection_lost(error)
        self._lost(self)

    def cut(self) -> None:
        assert isinstance(self.transport, asyncio.Transport)
        self.transport.abort()


def _found(message: EmailMessage) -> tuple[str, str]:
    body = message.get_body(("plain",)) or message
    found = _LINK.search(body.get_content())
    assert found, f"no link with a token in {message['Subject']!r}"
    return found[0], found[1]
