"""Passwords: how strong, hashed how, and never in anybody's way (`D21`, NIST SP 800-63B-4)."""

import asyncio
import os
import unicodedata
from collections.abc import Callable, Iterable
from concurrent.futures import ThreadPoolExecutor
from functools import cache
from typing import ParamSpec, TypeVar

from argon2 import PasswordHasher
from argon2.exceptions import VerificationError

LONGEST = 1024
_LONGEST_TYPED = 4 * LONGEST  # NFC makes one character of at most four, and is slow on very many
_READ_BY_ZXCVBN = 72
_GUESSABLE_BELOW = 3

P = ParamSpec("P")
T = TypeVar("T")


def _hasher(memory: int, rounds: int) -> PasswordHasher:
    return PasswordHasher(time_cost=rounds, memory_cost=memory, parallelism=1)


@cache
def _of_nobody(memory: int, rounds: int) -> str:
    """The hash of a password that nobody has, of these costs."""
    return _hasher(memory, rounds).hash(os.urandom(16).hex())


class Passwords:
    """Argon2id in a pool of threads of its own, one a core, so that signing in never blocks.

    `shortest` is the least number of characters; `memory` (KiB) and `rounds` are Argon2's cost.
    """

    def __init__(self, shortest: int = 15, memory: int = 19456, rounds: int = 2) -> None:
        self.shortest = shortest
        self._hasher = _hasher(memory, rounds)
        self._pool = ThreadPoolExecutor(os.cpu_count() or 1, thread_name_prefix="passwords")
        self._nobody = _of_nobody(memory, rounds)

    async def hash(self, password: str) -> str:
        """The hash to store."""
        return await self._run(self._hasher.hash, _normal(password))

    async def verify(self, stored: str | None, password: str) -> bool:
        """Whether the password is right. Without a stored hash: False, after the same work."""
        return await self._run(self._verify, stored or self._nobody, password) and bool(stored)

    def outdated(self, stored: str) -> bool:
        """Whether the hash was made with other costs than today's."""
        return self._hasher.check_needs_rehash(stored)

    async def weakness(self, password: str, own_words: Iterable[str]) -> str | None:
        """Why the password will not do, as a sentence; None when it will."""
        if len(password) > _LONGEST_TYPED:
            return f"Use at most {LONGEST} characters."
        normal = _normal(password)
        if len(normal) < self.shortest:
            return f"Use at least {self.shortest} characters: a few words in a row do well."
        if len(normal) > LONGEST:
            return f"Use at most {LONGEST} characters."
        return await self._run(_guessable, normal, [word for word in own_words if word])

    def close(self) -> None:
        """End the threads."""
        self._pool.shutdown(wait=False, cancel_futures=True)

    def _verify(self, stored: str, password: str) -> bool:
        normal = _normal(password) if len(password) <= _LONGEST_TYPED else ""
        try:
            return self._hasher.verify(stored, normal if len(normal) <= LONGEST else "")
        except VerificationError:
            return False

    async def _run(self, work: Callable[P, T], *args: P.args, **kwargs: P.kwargs) -> T:
        return await asyncio.get_running_loop().run_in_executor(
            self._pool, lambda: work(*args, **kwargs)
        )


def _normal(password: str) -> str:
    return unicodedata.normalize("NFC", password)


def _guessable(password: str, own_words: list[str]) -> str | None:
    from zxcvbn import zxcvbn  # noqa: PLC0415 - its word lists take 60 ms, which no start should pay

    result = zxcvbn(password[:_READ_BY_ZXCVBN], user_inputs=own_words)
    if result["score"] >= _GUESSABLE_BELOW:
        return None
    advice = result["feedback"]["warning"] or "This password is easy to guess"
    return f"{advice.rstrip('.')}. Choose one that nobody would guess."
