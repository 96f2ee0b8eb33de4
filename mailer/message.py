"""From words to one message on the wire (`C6`, RFC 5322)."""

import datetime as dt
import re
import uuid
from email.headerregistry import Address
from email.message import EmailMessage
from email.policy import SMTP, SMTPUTF8

from mailer.rendering import Rendered, tame
from models import canonical_email

LINE_LENGTH = 998

_MAILBOX = re.compile(r"[^\s\x00-\x20\x7f-\xa0@<>()\[\],;:\"\\]{1,64}@[^\s@]{1,253}")


def mailbox(text: str) -> str:
    """The address as the wire wants it: the domain as IDNA A-labels, the local part untouched.

    Raises `ValueError`, without the text in it, for everything but one plain address.
    """
    if not _MAILBOX.fullmatch(text) or "=?" in text or len(text) > 254:
        raise ValueError("is not one e-mail address")
    domain = canonical_email(text).rpartition("@")[2]
    return f"{text.rpartition('@')[0]}@{domain}"


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
    message = EmailMessage(policy=SMTP if recipient.isascii() else SMTPUTF8)
    message["Date"] = written_at
    message["From"] = Address(tame(sender_name), addr_spec=sender)
    message["To"] = Address(addr_spec=recipient)
    if reply_to is not None and reply_to.isascii():
        message["Reply-To"] = Address(addr_spec=reply_to)
    message["Subject"] = words.subject
    message["Message-ID"] = f"<{letter_id.hex}@{sender.rpartition('@')[2]}>"
    message["Auto-Submitted"] = "auto-generated"
    message.set_content(words.text, cte=_encoding(words.text))
    message.add_alternative(words.html, subtype="html", cte=_encoding(words.html))
    message.set_boundary(f"=_{letter_id.hex}")
    return message


def _encoding(text: str) -> str:
    """As it is where that is allowed, so that links can be read in the raw message too."""
    plain = text.isascii() and max(map(len, text.split("\n"))) <= LINE_LENGTH
    return "7bit" if plain else "quoted-printable"
