"""Passwords: hashed as typed but for NFC, as strong as said, and always the same work (`D21`)."""

import asyncio
import threading
import time
from collections.abc import Iterator

import pytest

from permissions import Passwords

GOOD = "seven herons over the river"


@pytest.fixture
def passwords() -> Iterator[Passwords]:
    """Cheap ones."""
    made = Passwords(memory=64, rounds=1)
    yield made
    made.close()


async def test_the_right_one_is_right_and_every_other_wrong(passwords: Passwords) -> None:
    stored = await passwords.hash(GOOD)
    assert stored.startswith("$argon2id$")
    assert await passwords.verify(stored, GOOD)
    for other in ("", GOOD + " ", " " + GOOD, GOOD.upper(), GOOD[:-1]):
        assert not await passwords.verify(stored, other)


async def test_a_hash_tells_nothing_of_two_people(passwords: Passwords) -> None:
    assert await passwords.hash(GOOD) != await passwords.hash(GOOD)


async def test_composed_and_decomposed_are_the_same(passwords: Passwords) -> None:
    composed, decomposed = "caf\u00e9 au lait à midi", "cafe\u0301 au lait a\u0300 midi"
    assert await passwords.verify(await passwords.hash(composed), decomposed)
    assert await passwords.verify(await passwords.hash(decomposed), composed)


async def test_otherwise_it_is_exactly_as_typed(passwords: Passwords) -> None:
    """No NFKC, no case, no trimming."""
    stored = await passwords.hash("ﬁve  ﬁsh in the Ⅳ ponds ")
    assert await passwords.verify(stored, "ﬁve  ﬁsh in the Ⅳ ponds ")
    for other in (
        "five  fish in the IV ponds ",
        "ﬁve ﬁsh in the Ⅳ ponds ",
        "ﬁve  ﬁsh in the Ⅳ ponds",
    ):
        assert not await passwords.verify(stored, other)


async def test_a_thousand_and_twenty_four_characters_and_no_more(passwords: Passwords) -> None:
    longest = "áb" * 512
    assert await passwords.weakness(longest + "c", []) == "Use at most 1024 characters."
    assert await passwords.weakness("a\u0301" * 1025, []) == "Use at most 1024 characters."
    assert "1024" not in (await passwords.weakness("a\u0301b" * 512, []) or "")
    stored = await passwords.hash(longest)
    assert await passwords.verify(stored, longest)
    assert not await passwords.verify(stored, longest + "c")
    # Not even a hash of so much was made of it.
    assert not await passwords.verify(await passwords.hash(longest + "c"), longest + "c")


async def test_decomposed_it_may_be_twice_as_long(passwords: Passwords) -> None:
    composed, decomposed = "á" * 1024, "a\u0301" * 1024
    assert await passwords.verify(await passwords.hash(composed), decomposed)


async def test_a_megabyte_of_accents_takes_no_time(passwords: Passwords) -> None:
    """Normalizing it would take minutes, and nothing else could run meanwhile."""
    accents = "a" + "\u0301\u0327" * 250_000
    began = time.perf_counter()
    assert await passwords.weakness(accents, []) == "Use at most 1024 characters."
    assert not await passwords.verify(await passwords.hash(GOOD), accents)
    assert time.perf_counter() - began < 20


@pytest.mark.parametrize(
    ("password", "begins"),
    [
        ("", "Use at least 15"),
        ("seven herons.", "Use at least 15"),
        ("á" * 14, "Use at least 15"),
        ("a\u0301" * 14, "Use at least 15"),  # 14 characters, in however many code points
        ("passwordpassword", ""),
        ("aaaaaaaaaaaaaaaaaaaaaaaa", ""),
        ("123456789012345678", ""),
        ("qwertyuiopasdfghjkl", ""),
    ],
)
async def test_what_will_not_do(passwords: Passwords, password: str, begins: str) -> None:
    said = await passwords.weakness(password, [])
    assert said and said.startswith(begins) and said.endswith(".")


async def test_what_will_do(passwords: Passwords) -> None:
    assert await passwords.weakness(GOOD, ["Herman", "herman@example.org"]) is None


async def test_own_words_are_guessed_first(passwords: Passwords) -> None:
    words = ["Wilhelmina", "Papenkuilen", "wilhelmina.papenkuilen@example.org", ""]
    assert await passwords.weakness("wilhelminapapenkuilen", []) is None
    assert await passwords.weakness("wilhelminapapenkuilen", words) is not None


async def test_the_least_is_a_setting() -> None:
    eight = Passwords(shortest=8, memory=64, rounds=1)
    assert (await eight.weakness("vT#9kzQ", []) or "").startswith("Use at least 8 characters")
    assert await eight.weakness("vT#9kzQ!mX", []) is None
    eight.close()


async def test_a_hash_of_other_costs_is_outdated_and_still_right(passwords: Passwords) -> None:
    dearer = Passwords(memory=128, rounds=1)
    old, new = await passwords.hash(GOOD), await dearer.hash(GOOD)
    assert dearer.outdated(old)
    assert not dearer.outdated(new)
    assert passwords.outdated(new)
    assert await dearer.verify(old, GOOD)
    dearer.close()


@pytest.mark.parametrize("password", ["", GOOD, "x" * 5000])
@pytest.mark.parametrize("known", [True, False])
async def test_it_is_verified_once_always(
    passwords: Passwords, monkeypatch: pytest.MonkeyPatch, known: bool, password: str
) -> None:
    """Also for who is unknown: the same work, whoever it is and whatever was typed (`D17`)."""
    verified: list[str] = []
    real = passwords._hasher.verify

    class Counted:
        def verify(self, stored: str, typed: str) -> bool:
            verified.append(stored)
            return real(stored, typed)

    stored = await passwords.hash("of somebody else entirely") if known else None
    monkeypatch.setattr(passwords, "_hasher", Counted())
    assert not await passwords.verify(stored, password)
    assert verified == [stored or passwords._nobody]
    assert verified[0].split("$")[1:4] == passwords._nobody.split("$")[1:4]


async def test_hashing_does_not_block_the_loop() -> None:
    slow = Passwords(memory=1 << 16, rounds=8)
    main = threading.get_ident()
    ticks = 0

    async def tick() -> None:
        nonlocal ticks
        while True:
            await asyncio.sleep(0.001)
            ticks += 1

    ticking = asyncio.create_task(tick())
    await slow.hash(GOOD)
    ticking.cancel()
    assert threading.get_ident() == main
    assert ticks > 3
    slow.close()
