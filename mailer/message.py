"""From words to one message on the wire (`C6`, RFC 5322)."""

import datetime as dt
import re
import uuid
from binascii import b2a_qp
from dataclasses import dataclass
from email.header import Header
from email.utils import format_datetime, formataddr
from functools import lru_cache

from mailer.rendering import KEPT, Rendered, tame
from models import canonical_email

LINE_LENGTH = 998
ADDRESS_LENGTH = 254

_WORD = r"[^\s\x00-\x20\x7f-\xa0@.<>()\[\],;:\"\\]+"
_MAILBOX = re.compile(rf"(?P<local>{_WORD}(?:\.{_WORD})*)@(?P<domain>[^\s@]+)")


@dataclass(frozen=True, slots=True)
class Message:
    """A letter as it goes over the wire: from whom to whom, and lines that all end in CRLF.

    A recipient with letters beyond ASCII before its @ makes it one that needs SMTPUTF8 (RFC 6531).
    """

    letter_id: uuid.UUID
    written_at: dt.datetime
    sender: str
    recipient: str
    content: bytes


def mailbox(text: str) -> str:
    """The address as the wire wants it: the domain as IDNA A-labels, the local part untouched.

    Raises `ValueError`, without the text in it, for everything but one plain address.
    """
    found = _MAILBOX.fullmatch(text)
    if not found or "=?" in text or len(text) > ADDRESS_LENGTH:
        raise ValueError("is not one e-mail address")
    try:
        domain = _labels(found["domain"])
    except ValueError:
        raise ValueError("is an e-mail address of an impossible domain") from None
    return f"{found['local']}@{domain}"


def compose(
    letter_id: uuid.UUID,
    words: Rendered,
    *,
    sender: str,
    sender_name: str,
    recipient: str,
    reply_to: str | None,
    written_at: dt.datetime,
) -> Message:
    """The letter as a message to one recipient: the same, to the byte, at every retry.

    `sender`, `recipient` and `reply_to` are addresses as `mailbox` gives them. People's words,
    in From and Subject, go through the standard library; all else is ours and plain. HTML names
    what is beyond ASCII by number, so that it may go as it is.
    """
    fields = [
        f"Date: {_date(written_at.replace(microsecond=0))}",
        f"From: {_named(sender, sender_name)}",
        f"To: {recipient}",
        *([f"Reply-To: {reply_to}"] if reply_to is not None and reply_to.isascii() else []),
        f"Subject: {_folded('Subject', words.subject)}",
        f"Message-ID: <{letter_id.hex}@{sender.rpartition('@')[2]}>",
        "Auto-Submitted: auto-generated",
        "MIME-Version: 1.0",
        f'Content-Type: multipart/alternative;\r\n boundary="=_{letter_id.hex}"',
    ]
    delimiter = f"--=_{letter_id.hex}".encode()
    content = b"\r\n".join(
        [
            *map(str.encode, fields),
            b"",
            delimiter,
            _part("plain", words.text.encode()),
            delimiter,
            _part("html", words.html.encode("ascii", "xmlcharrefreplace")),
            delimiter + b"--",
            b"",
        ]
    )
    return Message(letter_id, written_at, sender, recipient, content)


# What is the same in many letters is kept: domains, seconds in which many are written, names of
# organizations. To work it out takes the standard library as long as all the rest takes us.


@lru_cache(KEPT)
def _labels(domain: str) -> str:
    """The domain as IDNA A-labels."""
    return canonical_email(f"postmaster@{domain}").rpartition("@")[2]


@lru_cache(KEPT)
def _date(second: dt.datetime) -> str:
    return format_datetime(second)


@lru_cache(KEPT)
def _named(address: str, name: str) -> str:
    shown = tame(name)
    if shown.isascii():
        return formataddr((shown, address))
    return f"{_folded('From', shown)}\r\n <{address}>"


@lru_cache(KEPT)
def _folded(header: str, words: str) -> str:
    """The words as the header's value in lines, encoded where they are beyond ASCII."""
    return Header(words, header_name=header).encode(linesep="\r\n")


def _part(subtype: str, words: bytes) -> bytes:
    """As it is where that is allowed, so that links can be read in the raw message too."""
    lines = words.splitlines()
    content = b"\r\n".join([*lines, b""])
    if content.isascii() and max(map(len, lines)) <= LINE_LENGTH:
        encoding = "7bit"
    else:
        encoding, content = "quoted-printable", b2a_qp(content)
    return (
        f'Content-Type: text/{subtype}; charset="utf-8"\r\n'
        f"Content-Transfer-Encoding: {encoding}\r\n"
        "\r\n"
    ).encode() + content
