"""Tokens: ours are read, nothing else is, and each in one spelling only."""

import base64
import string
import uuid

import pytest
from hypothesis import given
from hypothesis import strategies as st

from permissions import Tokens

TOKENS = Tokens("a secret of thirty-two characters")
ID = uuid.UUID("019e830e-1a74-7000-8000-0047b1232434")
ALPHABET = string.ascii_uppercase + string.ascii_lowercase + string.digits + "-_"


@given(st.uuids(), st.integers(0, 2**32 - 1))
def test_what_we_made_is_read(id: uuid.UUID, generation: int) -> None:
    assert TOKENS.read_access(TOKENS.access(id, generation)) == (id, generation)
    assert TOKENS.read_refresh(TOKENS.refresh(id, generation)) == (id, generation)
    assert TOKENS.read_link(TOKENS.link(id)) == id


def test_the_same_token_is_made_again() -> None:
    """Every retry of a letter carries the same one, and a lost answer is given again (`D3`)."""
    again = Tokens("a secret of thirty-two characters")
    assert again.link(ID) == TOKENS.link(ID)
    assert again.refresh(ID, 3) == TOKENS.refresh(ID, 3)


def test_each_stands_for_one_thing() -> None:
    made = {
        *(TOKENS.access(ID, n) for n in range(3)),
        *(TOKENS.refresh(ID, n) for n in range(3)),
        TOKENS.link(ID),
        Tokens("another secret").access(ID, 0),
    }
    assert len({token[4:] for token in made}) == 8


def test_a_token_of_another_kind_is_not_read() -> None:
    access, refresh, link = TOKENS.access(ID, 0), TOKENS.refresh(ID, 0), TOKENS.link(ID)
    for reads, others in (
        (TOKENS.read_access, (refresh, link)),
        (TOKENS.read_refresh, (access, link)),
        (TOKENS.read_link, (access, refresh)),
    ):
        for token in others:
            assert reads(token) is None
    # …nor with the prefix of the kind that is asked for
    assert TOKENS.read_access("vta_" + refresh[4:]) is None
    assert TOKENS.read_refresh("vtr_" + access[4:]) is None
    assert TOKENS.read_link("vtl_" + access[4:]) is None


def test_a_token_of_another_secret_is_not_read() -> None:
    forged = Tokens("a secret of somebody else's")
    assert TOKENS.read_access(forged.access(ID, 0)) is None
    assert TOKENS.read_link(forged.link(ID)) is None
    assert Tokens("").read_link(TOKENS.link(ID)) is None


def test_a_previous_secret_reads_and_does_not_make() -> None:
    renewed = Tokens("new secret", "a secret of thirty-two characters", "older still")
    assert renewed.read_link(TOKENS.link(ID)) == ID
    assert renewed.read_link(renewed.link(ID)) == ID
    assert renewed.link(ID) != TOKENS.link(ID)
    assert TOKENS.read_link(renewed.link(ID)) is None


@given(st.integers(0, 42 * 8 - 1))
def test_one_bit_changed_is_not_read(bit: int) -> None:
    token = TOKENS.access(ID, 7)
    raw = bytearray(base64.urlsafe_b64decode(token[4:]))
    raw[bit // 8] ^= 1 << bit % 8
    changed = token[:4] + base64.urlsafe_b64encode(raw).decode()
    assert changed != token
    assert TOKENS.read_access(changed) is None


@given(st.integers(0, 59), st.sampled_from(ALPHABET))
def test_one_character_changed_is_not_read(place: int, letter: str) -> None:
    """42 bytes are 56 characters without a bit to spare, so no other spelling decodes alike."""
    token = TOKENS.access(ID, 7)
    changed = token[:place] + letter + token[place + 1 :]
    read = TOKENS.read_access(changed)
    assert (read is not None) is (changed == token)


@pytest.mark.parametrize(
    "spell",
    [
        lambda token: token[:-1],
        lambda token: token[:20],
        lambda token: token + "A",
        lambda token: token + "=",
        lambda token: token + "\n",
        lambda token: " " + token,
        lambda token: token[:30] + "\n" + token[30:],
        lambda token: token.upper(),
        lambda token: token[4:],
        lambda token: token[:4] + token[4:].replace("-", "+").replace("_", "/") + "++++",
        lambda token: token[:4] + base64.b64encode(base64.urlsafe_b64decode(token[4:])).decode(),
        lambda token: token.replace("a", "а"),  # noqa: RUF001 - a Cyrillic one
        lambda token: token[:0],
        lambda token: token[:4],
        lambda token: token[:4] + "A" * 56,
        lambda token: token[:4] + "-" * 56,
    ],
)
def test_another_spelling_is_not_read(spell: object) -> None:
    # Such a generation that the standard alphabet would spell the token otherwise.
    generation = next(n for n in range(1000) if set("-_") & set(TOKENS.access(ID, n)[4:]))
    token = TOKENS.access(ID, generation)
    changed = spell(token)  # type: ignore[operator]
    assert changed != token
    assert TOKENS.read_access(changed) is None


@given(st.text(max_size=80))
def test_no_text_raises(text: str) -> None:
    for reads in (TOKENS.read_access, TOKENS.read_refresh, TOKENS.read_link):
        assert reads(text) is None
