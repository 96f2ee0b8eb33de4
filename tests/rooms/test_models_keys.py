"""Keys: UUIDv7 inside, one opaque spelling outside."""

import time
import uuid

import pytest
from hypothesis import given
from hypothesis import strategies as st

from models import new_id, outside, parse_id

EXAMPLE = uuid.UUID("0190a1b2-c3d4-7e5f-8a6b-0123456789ab")
SPELLED = "cli_0190a1b2c3d47e5f8a6b0123456789ab"


def test_an_id_is_a_uuid_of_version_7_that_tells_the_time() -> None:
    before = time.time_ns() // 1_000_000
    id = new_id()
    after = time.time_ns() // 1_000_000

    assert id.version == 7
    assert id.variant == uuid.RFC_4122
    assert before <= id.int >> 80 <= after


def test_no_two_are_the_same() -> None:
    assert len({new_id() for _ in range(10_000)}) == 10_000


@given(st.integers(0, 2**48 - 2))
def test_an_id_of_a_later_millisecond_sorts_later(milliseconds: int) -> None:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(time, "time_ns", lambda: milliseconds * 1_000_000 + 999_999)
        early = new_id()
        patch.setattr(time, "time_ns", lambda: (milliseconds + 1) * 1_000_000)
        late = new_id()
    assert early < late
    assert early.hex < late.hex
    assert early.version == late.version == 7


def test_the_spelling() -> None:
    assert outside("cli_", EXAMPLE) == SPELLED
    assert parse_id("cli_", SPELLED) == EXAMPLE


@given(st.uuids())
def test_what_goes_out_comes_back(id: uuid.UUID) -> None:
    assert parse_id("stf_", outside("stf_", id)) == id


@pytest.mark.parametrize(
    "text",
    [
        "",
        SPELLED.upper(),
        SPELLED.replace("cli_", "CLI_"),
        SPELLED.replace("a1b2", "A1B2"),
        SPELLED.replace("cli_", "stf_"),
        SPELLED.replace("cli_", ""),
        SPELLED.replace("cli_", "cli-"),
        SPELLED[:-1],
        SPELLED + "0",
        SPELLED + "\n",
        " " + SPELLED,
        f"cli_{EXAMPLE}",
        f"cli_{{{EXAMPLE}}}",
        SPELLED.replace("0190", "٠١٩٠"),
        SPELLED.replace("0190", "\N{FULLWIDTH DIGIT ZERO}190"),
        "cli_" + "g" * 32,
    ],
)
def test_no_other_spelling_is_accepted(text: str) -> None:
    assert parse_id("cli_", text) is None


@given(st.text())
def test_anything_is_refused_quietly(text: str) -> None:
    id = parse_id("cli_", text)
    assert id is None or outside("cli_", id) == text
