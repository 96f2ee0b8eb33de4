"""Codes: those of RFC 6238, a clock that is a little off, and what people type."""

import base64
import datetime as dt
import re
from urllib.parse import parse_qs, unquote, urlsplit

import pyotp
import pytest
from hypothesis import given
from hypothesis import strategies as st

from permissions.codes import (
    new_recovery_codes,
    new_secret,
    otpauth_uri,
    recovery_hash,
    step_of,
)

SECRET = base64.b32encode(b"12345678901234567890").decode()
"""That of the RFC's test vectors."""


def at(second: int) -> dt.datetime:
    return dt.datetime.fromtimestamp(second, dt.UTC)


@pytest.mark.parametrize(
    ("second", "code"),
    [
        (59, "287082"),
        (1111111109, "081804"),
        (1111111111, "050471"),
        (1234567890, "005924"),
        (2000000000, "279037"),
        (20000000000, "353130"),
    ],
)
def test_codes_are_those_of_the_rfc(second: int, code: str) -> None:
    """RFC 6238, appendix B: the last six of its eight digits."""
    assert step_of(SECRET, code, at(second)) == second // 30


@given(st.integers(1_700_000_000, 4_000_000_000), st.integers(-4, 4))
def test_a_clock_may_be_a_step_behind_or_ahead(second: int, off: int) -> None:
    step = second // 30
    code = pyotp.HOTP(SECRET).at(step + off)
    found = step_of(SECRET, code, at(second))
    near = {pyotp.HOTP(SECRET).at(step + i): step + i for i in (1, 0, -1)}
    assert found == near.get(code)
    assert (found is not None) or abs(off) > 1


@pytest.mark.parametrize("typed", ["287 082", " 287082 ", "287-082", "287082\u0020"])
def test_blanks_and_hyphens_do_not_count(typed: str) -> None:
    assert step_of(SECRET, typed, at(59)) == 1


@pytest.mark.parametrize(
    "typed",
    [
        *("", " ", "28708", "2870820", "94287082", "28708a", "+87082", "287082\n", "\x00" * 6),
        *("\uff12\uff18\uff17\uff10\uff18\uff12", "0" * 10**6, "287082" + " " * 100),
    ],
)
def test_nothing_else_is_a_code(typed: str) -> None:
    assert step_of(SECRET, typed, at(59)) is None


def test_a_secret_is_long_and_never_the_same() -> None:
    secrets = {new_secret() for _ in range(100)}
    assert len(secrets) == 100
    assert all(len(base64.b32decode(one)) == 20 for one in secrets)


@pytest.mark.parametrize(
    ("issuer", "username"),
    [
        ("Riverside Clinic", "olivia.admin"),
        ("Œuvre & Söhne: 100%?", "a_b-c"),
        ("日本/クリニック#1", "Olivia"),
    ],
)
def test_an_app_reads_the_secret_and_whose_it_is(issuer: str, username: str) -> None:
    uri = urlsplit(otpauth_uri(SECRET, issuer, username))
    assert (uri.scheme, uri.netloc, uri.fragment) == ("otpauth", "totp", "")
    assert parse_qs(uri.query, strict_parsing=True) == {"secret": [SECRET], "issuer": [issuer]}
    assert [unquote(part) for part in uri.path[1:].rsplit(":", 1)] == [issuer, username]
    parsed = pyotp.parse_uri(uri.geturl())
    assert isinstance(parsed, pyotp.TOTP)
    assert (parsed.secret, parsed.digits, parsed.interval) == (SECRET, 6, 30)


def test_recovery_codes_are_ten_and_never_the_same() -> None:
    codes = [code for _ in range(100) for code in new_recovery_codes()]
    assert len(codes) == len(set(codes)) == 1000
    form = re.compile(r"([0-9A-HJKMNP-TV-Z]{4}-){5}[0-9A-HJKMNP-TV-Z]{4}")
    assert all(form.fullmatch(code) for code in codes)
    letters = "".join(codes).replace("-", "")
    assert len(set(letters)) == 32  # five bits each: 120 a code
    assert len({recovery_hash(code) for code in codes}) == 1000


CODE = "AB01-CDEF-GHJK-MNPQ-RSTV-WXYZ"


@pytest.mark.parametrize(
    "typed",
    [
        CODE,
        CODE.lower(),
        CODE.replace("-", ""),
        CODE.replace("-", " "),
        f"  {CODE} ",
        CODE.replace("0", "O").replace("1", "l"),
        CODE.replace("0", "o").replace("1", "I"),
    ],
)
def test_a_recovery_code_may_be_spelled_otherwise(typed: str) -> None:
    assert recovery_hash(typed) == recovery_hash(CODE) is not None


@pytest.mark.parametrize(
    "typed",
    [
        *("", "287082", CODE[:-1], CODE + "A", CODE + "\n", "A" * 10**6),
        *(CODE.replace("A", other) for other in ("U", "\uff21", "\x00", "_")),
    ],
)
def test_nothing_else_can_be_a_recovery_code(typed: str) -> None:
    assert recovery_hash(typed) is None
