"""Secrets that the database keeps and may not tell: encrypted, each for its owner alone.

What is stored is the form's number, the id of the key, a nonce, and AES-256-GCM over the secret;
organization and owner are sealed with it, so that no row's secret is any good in another row. Keys
come by HKDF-SHA-256 from the server's secret, as their ids do, which tell nothing of them.
"""

import os
import uuid

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

_FORM = b"\x01"
_ID_LENGTH = 4
_NONCE_LENGTH = 12
_HEAD = len(_FORM) + _ID_LENGTH


class Sealed(Exception):
    """What was encrypted cannot be read: by a secret that is not known any more, or it was altered.

    It is the operator's fault, not the caller's.
    """


class Vault:
    """Encrypts and decrypts. `secret` encrypts; what those of `previous` did is read as well."""

    def __init__(self, secret: str, *previous: str) -> None:
        keys = [_key(one) for one in (secret, *previous)]
        self._current = keys[0][0]
        self._ciphers = {id: AESGCM(key) for id, key in keys}

    def encrypt(self, secret: str, organization_id: uuid.UUID, owner_id: uuid.UUID) -> bytes:
        """The secret as it is stored, for this owner."""
        head, nonce = _FORM + self._current, os.urandom(_NONCE_LENGTH)
        said = _bound(head, organization_id, owner_id)
        return head + nonce + self._ciphers[self._current].encrypt(nonce, secret.encode(), said)

    def decrypt(self, stored: bytes, organization_id: uuid.UUID, owner_id: uuid.UUID) -> str:
        """The secret again. Raises `Sealed`."""
        head, rest = stored[:_HEAD], stored[_HEAD:]
        cipher = self._ciphers.get(head[len(_FORM) :])
        if head[: len(_FORM)] != _FORM or cipher is None:
            raise Sealed("a secret was encrypted with a SECRET_KEY that is not known")
        said = _bound(head, organization_id, owner_id)
        try:
            return cipher.decrypt(rest[:_NONCE_LENGTH], rest[_NONCE_LENGTH:], said).decode()
        except (InvalidTag, ValueError):
            raise Sealed("a secret was altered, or is another owner's") from None

    def is_outdated(self, stored: bytes) -> bool:
        """Whether it was encrypted with another key than today's."""
        return stored[:_HEAD] != _FORM + self._current


def _key(secret: str) -> tuple[bytes, bytes]:
    """The id of the secret's key, and the key."""
    derived = HKDF(
        algorithm=SHA256(), length=32 + _ID_LENGTH, salt=None, info=b"vtconnect vault 1"
    ).derive(secret.encode())
    return derived[32:], derived[:32]


def _bound(head: bytes, organization_id: uuid.UUID, owner_id: uuid.UUID) -> bytes:
    return head + organization_id.bytes + owner_id.bytes
