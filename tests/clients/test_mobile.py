"""What `docs/mobile.md` tells writers of apps is so: each code, each figure, each document."""

import re

import pytest

from examples.python.portal_client import LONGEST_WAIT, Documents
from models import LinkPurpose, LinkState
from portal.edge import STATUSES
from resolvers import Code
from resolvers.repeating import KEPT
from resolvers.sessions import ACCESS_LIVES, GRACE, REFRESH_LIVES
from schema import ErrorCode
from tests.crash.programs import ROOT

PAGE = (ROOT / "docs" / "mobile.md").read_text()
TEXT = " ".join(PAGE.split())
WORDS = set(re.findall(r"`([A-Z]+(?:_[A-Z]+)+|[A-Z]{5,})`", PAGE))
KNOWN = {*ErrorCode, *Code, *LinkPurpose, *LinkState, "PORTAL", "APP"}


def test_every_code_on_the_page_is_one() -> None:
    assert WORDS
    assert WORDS <= KNOWN


def test_every_top_level_code_is_on_the_page_with_its_status() -> None:
    assert set(ErrorCode) <= WORDS
    told = {
        code: int(status)
        for codes, status in re.findall(r"^\| ((?:`\w+` ?)+)\((\d+)\) \|", PAGE, re.MULTILINE)
        for code in re.findall(r"\w+", codes)
    }
    expected: dict[str, int] = dict.fromkeys(("BAD_USER_INPUT", "QUERY_TOO_COSTLY"), 400)
    expected |= {"SERVICE_UNAVAILABLE": 503, "RATE_LIMITED": 429, **STATUSES}
    assert told == expected


def test_everything_that_a_sign_in_may_refuse_is_on_the_page() -> None:
    section = PAGE.partition("## Signing in\n")[2].partition("\n## ")[0]
    assert set(re.findall(r"`([A-Z]+_[A-Z_]+)`", section)) == {
        *(Code.INVALID_CREDENTIALS, Code.CLIENT_PENDING_APPROVAL, Code.CLIENT_INACTIVE),
        *(Code.STAFF_INACTIVE, Code.SECOND_FACTOR_REQUIRED, Code.INVALID_CODE),
        Code.TOO_MANY_WRONG_CODES,
    }


@pytest.mark.parametrize(
    ("said", "figure"),
    [
        (r"access token is good for (\d+) minutes", ACCESS_LIVES.total_seconds() / 60),
        (r"refresh token for (\d+) days", REFRESH_LIVES.days),
        (r"within (\d+) seconds it gets the same pair", GRACE.total_seconds()),
        (r"longer than those (\d+) seconds", GRACE.total_seconds()),
        (r"key is good for (\d+) hours", KEPT.total_seconds() / 3600),
    ],
)
def test_every_figure_is_ours(said: str, figure: float) -> None:
    found = re.search(said, TEXT)
    assert found
    assert float(found[1]) == figure


def test_half_a_minute_is_what_the_example_waits() -> None:
    assert "up to half a minute" in TEXT
    assert LONGEST_WAIT == 30


def test_every_document_that_is_named_is_there() -> None:
    named = {"Login", "SessionRefresh", "Viewer", "Logout", "MailedLink", "LinkResend"}
    named |= {"RegistrationConfirm", "InvitationAccept", "PasswordReset", "EmailChangeConfirm"}
    for name in named:
        assert f"`{name}`" in PAGE
        assert Documents()[name]
