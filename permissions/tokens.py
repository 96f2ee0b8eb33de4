"""Tokens: opaque, derived from what they stand for and the server's secret, stored nowhere.

A token is its kind's prefix and 42 bytes in base64url: the id it stands for, a generation, and
an HMAC-SHA256 over both, cut to 22 bytes. The database holds ids and generations, so a copy of it
yields no token, every retry of a letter carries the same one, and an app that lost the answer to a
refresh gets the same pair again (`D3`, `D21`).
"""

import base64
import hashlib
import hmac
import re
import uuid
from typing import NamedTuple

_SHAPE = re.compile(r"vt[arl]_[A-Za-z0-9_-]{56}")
_ACCESS, _REFRESH, _LINK = "vta_", "vtr_", "vtl_"
_DIGEST = b"vtd_"  # no token's, so that no digest is a seal


class Read(NamedTuple):
    """What a genuine token says."""

    id: uuid.UUID
    generation: int


class Tokens:
    """Makes and reads tokens. `secret` makes them; those of `previous` are read as well."""

    def __init__(self, secret: str, *previous: str) -> None:
        self._keys = [secret.encode(), *(old.encode() for old in previous)]

    def access(self, session_id: uuid.UUID, generation: int) -> str:
        """The access token of a session's generation."""
        return self._make(_ACCESS, session_id, generation)

    def refresh(self, session_id: uuid.UUID, generation: int) -> str:
        """The refresh token of a session's generation."""
        return self._make(_REFRESH, session_id, generation)

    def link(self, link_id: uuid.UUID) -> str:
        """The token of a mailed link."""
        return self._make(_LINK, link_id, 0)

    def read_access(self, token: str) -> Read | None:
        """The session and generation of an access token; None unless we made it."""
        return self._read(_ACCESS, token)

    def read_refresh(self, token: str) -> Read | None:
        """The session and generation of a refresh token; None unless we made it."""
        return self._read(_REFRESH, token)

    def read_link(self, token: str) -> uuid.UUID | None:
        """The link of a mailed token; None unless we made it."""
        read = self._read(_LINK, token)
        return read.id if read else None

    def digest(self, *words: str) -> bytes:
        """32 bytes that stand for the words and tell nothing of them, to be kept in their place."""
        said = b"".join(len(word).to_bytes(8) + word for word in map(str.encode, words))
        return hmac.digest(self._keys[0], _DIGEST + said, hashlib.sha256)

    def _make(self, kind: str, id: uuid.UUID, generation: int) -> str:
        said = id.bytes + generation.to_bytes(4)
        return kind + base64.urlsafe_b64encode(said + _seal(self._keys[0], kind, said)).decode()

    def _read(self, kind: str, token: str) -> Read | None:
        if not _SHAPE.fullmatch(token) or not token.startswith(kind):
            return None
        raw = base64.urlsafe_b64decode(token[len(kind) :])
        said, seal = raw[:20], raw[20:]
        if not any(hmac.compare_digest(_seal(key, kind, said), seal) for key in self._keys):
            return None
        return Read(uuid.UUID(bytes=said[:16]), int.from_bytes(said[16:]))


def _seal(key: bytes, kind: str, said: bytes) -> bytes:
    return hmac.digest(key, kind.encode() + said, hashlib.sha256)[:22]
