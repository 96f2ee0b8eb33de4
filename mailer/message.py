"""From words to one message on the wire (`C6`, RFC 5322)."""

import datetime as dt
import re
import uuid
from email.header import Header
from email.headerregistry import Address
from email.message import EmailMessage
from email.policy import EmailPolicy
from email.utils import formataddr
from typing import Any

from mailer.rendering import Rendered, tame
from models import canonical_email

LINE_LENGTH = 998
ADDRESS_LENGTH = 254

_WORD = r"[^\s\x00-\x20\x7f-\xa0@.<>()\[\],;:\"\\]+"
_MAILBOX = re.compile(rf"(?P<local>{_WORD}(?:\.{_WORD})*)@[^\s@]+")


class _Wire(EmailPolicy):
    """The standard library's policy, but for people's words, which it folds unsoundly.

    It forgets the quotes around a long name in From, and blanks in a Subject beyond ASCII.
    """

    def fold(self, name: str, value: Any) -> str:
        """The header as lines."""
        if name == "From":
            [address] = value.addresses
            if address.display_name.isascii():
                return f"From: {formataddr((address.display_name, address.addr_spec))}\r\n"
            return f"From: {_encoded(name, address.display_name)}\r\n <{address.addr_spec}>\r\n"
        if name == "Subject" and not value.isascii():
            return f"Subject: {_encoded(name, value)}\r\n"
        return str(super().fold(name, value))

    def fold_binary(self, name: str, value: Any) -> bytes:
        """The header as lines, in bytes."""
        return self.fold(name, value).encode()


_SMTP = _Wire(linesep="\r\n")
_SMTPUTF8 = _SMTP.clone(utf8=True)


def mailbox(text: str) -> str:
    """The address as the wire wants it: the domain as IDNA A-labels, the local part untouched.

    Raises `ValueError`, without the text in it, for everything but one plain address.
    """
    found = _MAILBOX.fullmatch(text)
    if not found or "=?" in text or len(text) > ADDRESS_LENGTH:
        raise ValueError("is not one e-mail address")
    try:
        domain = canonical_email(text).rpartition("@")[2]
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
) -> EmailMessage:
    """The letter as a message to one recipient: the same, to the byte, at every retry.

    `sender`, `recipient` and `reply_to` are addresses as `mailbox` gives them. A recipient with
    letters beyond ASCII before its @ makes it a message that needs SMTPUTF8 (RFC 6531).
    """
    message = EmailMessage(policy=_SMTP if recipient.isascii() else _SMTPUTF8)
    message["Date"] = written_at
    message["From"] = _address(sender, tame(sender_name))
    message["To"] = _address(recipient)
    if reply_to is not None and reply_to.isascii():
        message["Reply-To"] = _address(reply_to)
    message["Subject"] = words.subject
    message["Message-ID"] = f"<{letter_id.hex}@{sender.rpartition('@')[2]}>"
    message["Auto-Submitted"] = "auto-generated"
    message.set_content(words.text, cte=_encoding(words.text))
    message.add_alternative(words.html, subtype="html", cte=_encoding(words.html))
    message.set_boundary(f"=_{letter_id.hex}")
    return message


def _address(address: str, name: str = "") -> Address:
    local, _, domain = address.rpartition("@")
    return Address(name, username=local, domain=domain)


def _encoded(header: str, words: str) -> str:
    return Header(words, "utf-8", header_name=header).encode(linesep="\r\n")


def _encoding(text: str) -> str:
    """As it is where that is allowed, so that links can be read in the raw message too."""
    plain = text.isascii() and max(map(len, text.split("\n"))) <= LINE_LENGTH
    return "7bit" if plain else "quoted-printable"
