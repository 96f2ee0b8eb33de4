"""How everything is measured: in rounds, in which each has its turn."""

import sys
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from typing import TypeVar

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Effort:
    """How much is measured: rounds, seconds of each turn, and the part of the data and the work.

    With a `part` below 1 everything is smaller, to see that it runs: such numbers say nothing.
    What is `long` has the length that the targets speak of; otherwise a run takes some eleven
    minutes.
    """

    rounds: int
    seconds: float
    part: float = 1.0
    long: bool = False

    def of(self, number: int) -> int:
        """So many of that many, and at least one."""
        return max(1, round(number * self.part))


async def in_rounds(
    work: str, names: Sequence[str], rounds: int, measure: Callable[[str], Awaitable[T]]
) -> dict[str, list[T]]:
    """What each measured in each round: interleaved, every second round backwards.

    So what the machine does meanwhile meets all alike. A turn before the first round warms up.
    """
    for name in names:
        await measure(name)
    measured: dict[str, list[T]] = {name: [] for name in names}
    order = list(names)
    for number in range(1, rounds + 1):
        tell(f"{work}: round {number} of {rounds}")
        for name in order:
            measured[name].append(await measure(name))
        order.reverse()
    return measured


def tell(what: str) -> None:
    """Say what is going on, to who watches."""
    print(what, file=sys.stderr, flush=True)
