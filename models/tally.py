"""How many statements are run on somebody's behalf, wherever in the code that is."""

from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar


class Tally:
    """So many `statements` so far."""

    __slots__ = ("statements",)

    def __init__(self) -> None:
        self.statements = 0


_TALLY: ContextVar[Tally | None] = ContextVar("tally", default=None)


@contextmanager
def tallied() -> Iterator[Tally]:
    """The statements that are run meanwhile, also by tasks that begin meanwhile, are counted."""
    tally = Tally()
    before = _TALLY.set(tally)
    try:
        yield tally
    finally:
        _TALLY.reset(before)


def count() -> None:
    """One more is run."""
    tally = _TALLY.get()
    if tally is not None:
        tally.statements += 1
