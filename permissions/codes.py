"""The codes of a second factor: those that an app shows, and those for whoever has lost it.

An app and we share a secret, from which both make a code of six digits for every half minute
(TOTP, RFC 6238). A recovery code is 120 random bits, so a plain hash keeps it (ASVS 6.5.2).
"""

import datetime as dt
import hashlib
import re
import secrets

import pyotp
from pyotp.exceptions import OTPVerificationError

RECOVERY_CODES = 10
_SKEW = 1  # how many steps a clock may be behind or ahead
_LENGTH = 24
_GROUP = 4
# Crockford's: digits and letters that nobody mistakes for one another.
_ALPHABET = "0123456789ABCDEFGHJKMNPQRSTVWXYZ"
_MISTAKEN = str.maketrans("OIL", "011", " -")
_CODE = re.compile(r"[0-9]{6}")
_RECOVERY_CODE = re.compile(rf"[{_ALPHABET}]{{{_LENGTH}}}")
_LONGEST_TYPED = 100


def new_secret() -> str:
    """A secret to share with an app: 160 random bits in base32."""
    return pyotp.random_base32()


def otpauth_uri(secret: str, issuer: str, username: str) -> str:
    """The secret as an app reads it from a QR code."""
    return pyotp.TOTP(secret).provisioning_uri(name=username, issuer_name=issuer)


def step_of(secret: str, typed: str, now: dt.datetime) -> int | None:
    """The time step whose code this is: this half minute's, the one before or after; else None."""
    code = _plain(typed)
    if not _CODE.fullmatch(code):
        return None
    try:
        return pyotp.TOTP(secret).verify_and_get_timecode(code, for_time=now, valid_window=_SKEW)
    except OTPVerificationError:
        return None


def new_recovery_codes() -> list[str]:
    """Codes to be shown once, and kept where the app is not."""
    return [_new_recovery_code() for _ in range(RECOVERY_CODES)]


def recovery_hash(typed: str) -> bytes | None:
    """The hash of a recovery code, however it is spelled; None for what can be none."""
    code = _plain(typed)
    return hashlib.sha256(code.encode()).digest() if _RECOVERY_CODE.fullmatch(code) else None


def _new_recovery_code() -> str:
    code = "".join(secrets.choice(_ALPHABET) for _ in range(_LENGTH))
    return "-".join(code[i : i + _GROUP] for i in range(0, _LENGTH, _GROUP))


def _plain(typed: str) -> str:
    """Without blanks and hyphens, in capitals, and with the digits that letters were taken for."""
    return typed.upper().translate(_MISTAKEN) if len(typed) <= _LONGEST_TYPED else ""
