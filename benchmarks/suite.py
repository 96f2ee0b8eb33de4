"""All that is measured, in the order in which it is."""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from functools import partial

from benchmarks import growth, lean, letters, pages, reads, signing, workers, writes
from benchmarks.report import Finding
from benchmarks.rounds import Effort
from benchmarks.rows import ROWS, Data
from benchmarks.stage import Stage


@dataclass(frozen=True, slots=True)
class Work:
    """Something to measure, the chapter that tells of it, and the data that it needs."""

    chapter: str
    name: str
    data: frozenset[Data]
    measure: Callable[[Stage, Effort], Awaitable[list[Finding]]]


WORKS = (
    *(
        Work("reads", row.name, frozenset({row.product.data}), partial(reads.measure, row))
        for row in ROWS
    ),
    Work("pages", "The Clients list as a page", pages.DATA, pages.measure),
    Work("growth", "Cost by number of clients", growth.DATA, growth.measure),
    Work("signing", "Signing in", signing.DATA, signing.measure),
    Work("writing", "Mutations", writes.DATA, writes.measure),
    Work("writing", "The courier", letters.DATA, letters.measure),
    Work("lean", "Memory, start, statements", lean.DATA, lean.measure),
    Work("workers", "Two workers", workers.DATA, workers.measure),
)
