"""All that is measured, in the order in which it is."""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from functools import partial

from benchmarks import growth, reads
from benchmarks.report import Finding
from benchmarks.rounds import Effort
from benchmarks.rows import ROWS, Data
from benchmarks.stage import Stage


@dataclass(frozen=True, slots=True)
class Work:
    """Something to measure, and the data that it needs."""

    name: str
    data: frozenset[Data]
    measure: Callable[[Stage, Effort], Awaitable[list[Finding]]]


WORKS = (
    *(Work(row.name, frozenset({row.product.data}), partial(reads.measure, row)) for row in ROWS),
    Work("Cost by number of clients", growth.DATA, growth.measure),
)
