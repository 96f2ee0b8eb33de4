"""Tokens of service keys: an id and chance, shown once, of which only a digest is kept.

They are not derived from the server's secret as others are: nothing has to say them again, and
nobody may be able to; a partner's key outlives a new secret (`docs/decisions/0018`).
"""

import base64
import hashlib
import hmac
import re
import secrets
import uuid

PREFIX = "vtk_"
_SHAPE = re.compile(PREFIX + r"[A-Za-z0-9_-]{56}")
_CHANCE = 26
_VISIBLE = len(PREFIX) + 12


def new_token(id: uuid.UUID) -> str:
    """A token for the key of this id: 16 bytes of it and 26 of chance, in base64url."""
    said = id.bytes + secrets.token_bytes(_CHANCE)
    return PREFIX + base64.urlsafe_b64encode(said).decode()


def visible(token: str) -> str:
    """The beginning of the token, by which people recognise it. It tells nothing but the id."""
    return token[:_VISIBLE]


def digest(token: str) -> bytes:
    """What is kept of a token; it may be fast, since nobody guesses so much chance."""
    return hashlib.sha256(token.encode()).digest()


def key_of(token: str) -> uuid.UUID | None:
    """The id of the key that the token claims to be of; None for what is no such token."""
    if not _SHAPE.fullmatch(token):
        return None
    return uuid.UUID(bytes=base64.urlsafe_b64decode(token[len(PREFIX) :])[:16])


def matches(token: str, kept: bytes) -> bool:
    """Whether it is the token of which this digest was kept."""
    return hmac.compare_digest(digest(token), kept)
