"""How a letter leaves: over SMTP, or into a directory.

`Rejected` is what the server will never take; with `TryAgain` it may take the letter later, or took
it and could not say so.
"""

import asyncio
import contextlib
import os
import re
import ssl
import tempfile
from pathlib import Path
from typing import Any, Protocol
from urllib.parse import unquote, urlsplit

from aiosmtplib import (
    SMTP,
    SMTPDataError,
    SMTPException,
    SMTPHeloError,
    SMTPRecipientRefused,
    SMTPResponse,
    SMTPResponseException,
    SMTPSenderRefused,
    SMTPServerDisconnected,
    SMTPStatus,
    SMTPTimeoutError,
)

from mailer.message import Message
from mailer.outbox import Rejected, TryAgain, Undelivered

CONNECT_SECONDS = 10
QUIT_SECONDS = 1

_PORTS = {"smtp": 25, "smtp+starttls": 587, "smtps": 465}
_ENHANCED_CODE = re.compile(r"[245]\.\d{1,3}\.\d{1,3}\b")
_SERVICE_CLOSING = 421


class Transport(Protocol):
    """A way out for letters; many may be on it at once."""

    async def send(self, message: Message) -> None:
        """Let the message leave, however long it takes. Raises `Rejected` or `TryAgain`."""

    async def close(self) -> None:
        """Let go of what is kept for the next message; `send` may be called again."""


def transport(url: str) -> Transport:
    """The transport of a `MAIL_URL`.

    Understands `smtp://`, `smtp+starttls://` and `smtps://` with `user:password@host:port`, and
    `file:///directory`. Raises `ValueError`, without the URL in its text (it may hold a password).
    """
    try:
        parts = urlsplit(url)
        port = parts.port
    except ValueError:
        raise ValueError(
            "is not a URL with a host and a port"
            " (in a user or password, %-encode everything but letters and digits)"
        ) from None
    if parts.query or parts.fragment:
        raise ValueError("must not contain ? or # (in a user or password, write %3F and %23)")
    if parts.scheme == "file":
        if parts.netloc or not parts.path.startswith("/"):
            raise ValueError("must name a directory from the root, as in file:///var/mail")
        return Directory(Path(unquote(parts.path)))
    if parts.scheme not in _PORTS:
        raise ValueError("must begin with smtp://, smtp+starttls://, smtps:// or file:///")
    if not parts.hostname or parts.path not in {"", "/"}:
        raise ValueError("must name a host and nothing below it, as in smtp://mail.example.org:25")
    if (parts.username is None) != (parts.password is None):
        raise ValueError("must have a user and a password, or neither")
    return Smtp(
        parts.scheme,
        parts.hostname,
        port or _PORTS[parts.scheme],
        user=unquote(parts.username or ""),
        password=unquote(parts.password or ""),
    )


class Smtp:
    """A mail server. Connections are kept from one letter to the next, until `close`.

    `scheme` says whether there is TLS: never (`smtp`), from the start (`smtps`), or by STARTTLS,
    without which nothing is sent (`smtp+starttls`).
    """

    def __init__(self, scheme: str, host: str, port: int, *, user: str, password: str) -> None:
        self._options: dict[str, Any] = {
            "hostname": host,
            "port": port,
            "use_tls": scheme == "smtps",
            "start_tls": scheme == "smtp+starttls",
            "username": user.encode() or None,
            "password": password.encode() or None,
            "timeout": None,
        }
        if scheme != "smtp":
            self._options["tls_context"] = ssl.create_default_context()
        self._idle: list[SMTP] = []

    async def send(self, message: Message) -> None:
        """Let the message leave. Raises `Rejected` or `TryAgain`."""
        try:
            await self._send(message)
        except (SMTPException, OSError) as failure:
            raise _verdict(failure) from None

    async def close(self) -> None:
        """Say goodbye on every connection that is kept."""
        idle, self._idle = self._idle, []
        await asyncio.gather(*map(_quit, idle))

    async def _send(self, message: Message) -> None:
        connection = await self._begin(message)
        try:
            await _rcpt(connection, message.recipient)
            await _data(connection, message.content)
        except BaseException:
            connection.close()
            raise
        self._idle.append(connection)

    async def _begin(self, message: Message) -> SMTP:
        """A connection that has said MAIL: a kept one, or a new one where the server let it go."""
        if self._idle:
            connection = self._idle.pop()
            try:
                await _mail(connection, message)
            except BaseException as failure:
                connection.close()
                if not _has_let_go(failure):
                    raise
            else:
                return connection
        connection = SMTP(**self._options, local_hostname=message.sender.rpartition("@")[2])
        try:
            await connection.connect(timeout=CONNECT_SECONDS)
            await _greet(connection)
            await _mail(connection, message)
        except BaseException:
            connection.close()
            raise
        return connection


class Directory:
    """A directory with one `.eml` file a letter, in order of time; made when it is needed.

    A letter sent again takes the place of its file.
    """

    def __init__(self, path: Path) -> None:
        self._path = path

    async def send(self, message: Message) -> None:
        """Write the message to its file, whole or not at all. Raises `TryAgain`."""
        name = f"{message.written_at:%Y%m%dT%H%M%S}-{message.letter_id.hex}.eml"
        try:
            await asyncio.to_thread(self._write, name, message.content)
        except OSError as failure:
            raise TryAgain(f"the file was not written: {type(failure).__name__}") from None

    async def close(self) -> None:
        """Nothing is kept."""

    def _write(self, name: str, content: bytes) -> None:
        self._path.mkdir(parents=True, exist_ok=True)
        number, unfinished = tempfile.mkstemp(dir=self._path, prefix=".", suffix=".part")
        try:
            with os.fdopen(number, "wb") as file:
                file.write(content)
            Path(unfinished).replace(self._path / name)
        except BaseException:
            Path(unfinished).unlink(missing_ok=True)
            raise


def _has_let_go(failure: BaseException) -> bool:
    """Whether the server ended a connection that was kept, as it may at any time."""
    return isinstance(failure, SMTPServerDisconnected) or (
        isinstance(failure, SMTPResponseException) and failure.code == _SERVICE_CLOSING
    )


async def _greet(connection: SMTP) -> None:
    if not connection.is_ehlo_or_helo_needed:
        return
    try:
        await connection.ehlo()
    except SMTPHeloError:
        await connection.helo()


# What follows does what aiosmtplib's commands of the same names do, without their search for an
# address in each address, for line ends in each content, and without their timer at each step:
# these take longer than all that the courier does besides.


async def _mail(connection: SMTP, message: Message) -> None:
    options = "" if message.recipient.isascii() else _beyond_ascii(connection)
    answer = await _ask(connection, f"MAIL FROM:<{message.sender}>{options}".encode("ascii"))
    if answer.code != SMTPStatus.completed:
        raise SMTPSenderRefused(answer.code, answer.message, message.sender)


def _beyond_ascii(connection: SMTP) -> str:
    if not connection.supports_extension("smtputf8"):
        raise Rejected("the mail server cannot take an address with letters beyond ASCII")
    return " SMTPUTF8 BODY=8BITMIME"


async def _rcpt(connection: SMTP, recipient: str) -> None:
    answer = await _ask(connection, f"RCPT TO:<{recipient}>".encode())
    if answer.code not in {SMTPStatus.completed, SMTPStatus.will_forward}:
        raise SMTPRecipientRefused(answer.code, answer.message, recipient)


async def _data(connection: SMTP, content: bytes) -> None:
    answer = await _ask(connection, b"DATA")
    if answer.code != SMTPStatus.start_input:
        raise SMTPDataError(answer.code, answer.message)
    answer = await _ask(connection, content.replace(b"\r\n.", b"\r\n..") + b".")
    if answer.code != SMTPStatus.completed:
        raise SMTPDataError(answer.code, answer.message)


async def _ask(connection: SMTP, said: bytes) -> SMTPResponse:
    """The server's answer to what is said."""
    if connection.protocol is None:
        raise SMTPServerDisconnected("Connection lost")
    connection.protocol.write(said + b"\r\n")
    return await connection.protocol.read_response()


async def _quit(connection: SMTP) -> None:
    with contextlib.suppress(SMTPException):
        await connection.quit(timeout=QUIT_SECONDS)
    connection.close()


def _verdict(failure: SMTPException | OSError) -> Undelivered:
    """What a failure means for the letter.

    Only a 5xx for the recipient or the content is the letter's own; one for the sender, the login
    or TLS is ours to mend, and the letter waits. Of the server's words only the codes are kept:
    they may quote addresses, links and passwords.
    """
    if isinstance(failure, SMTPResponseException):
        enhanced = _ENHANCED_CODE.match(failure.message)
        codes = f"{failure.code} {enhanced[0]}" if enhanced else f"{failure.code}"
        match failure:
            case SMTPRecipientRefused():
                what = "the recipient was refused"
            case SMTPDataError():
                what = "the message was refused"
            case _:
                return TryAgain(f"the mail server refused us: {codes}")
        permanent = 500 <= failure.code < 600
        return (Rejected if permanent else TryAgain)(f"{what}: {codes}")
    if isinstance(failure, SMTPTimeoutError | TimeoutError):
        return TryAgain("the mail server did not answer in time")
    cause = failure.__cause__ or failure
    return TryAgain(f"the connection failed: {type(cause).__name__}")
