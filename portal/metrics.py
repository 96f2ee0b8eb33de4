"""What is counted of a process, for Prometheus: each metric, its labels, and what they mean.

No label holds an id, nor anything that somebody typed: an operation has its name only if it is that
of a document in `operations/`. `docs/metrics.md` is printed from here; `portal.scraping` is where
the numbers are asked for.
"""

import re
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, disable_created_metrics

from mailer import Outcome
from models import Database, Tally, tallied

_DOCUMENTS = Path(__file__).parent.parent / "operations"
_NAME = re.compile(r"^(?:query|mutation|subscription) (\w+)", re.MULTILINE)
NAMES = frozenset(
    name for path in _DOCUMENTS.glob("*.graphql") for name in _NAME.findall(path.read_text())
)
"""The names by which operations are told apart."""

OTHER = "other"
"""Of an operation that has none of them, and of what is no operation."""

SECONDS = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10)
"""Where histograms of durations are cut; of operations only a mutation may take longer."""

STATEMENTS = (0, 1, 2, 3, 5, 8, 13, 21, 34, 55)

LABELS = {
    "place": "`graphql`, `live` (streams and sockets, when they end), `pages`, `static`, `health`",
    "status": "of HTTP; 101 for sockets",
    "type": f"`query`, `mutation`, `subscription`; `{OTHER}` where the document could not be read",
    "name": f"of a document in `operations/`; `{OTHER}` for everything else",
    "code": "`OK`, or [the code](errors.md) of the first error; `GONE` where nobody waited for it",
    "error": "[the code](errors.md) of an error",
    "budget": "`source`, `pair` (of a name or address, from a source), `refresh`, `mail`",
    "kind": "`letter` or `event` (to a webhook)",
    "state": "what it then was: `SENT`, `REFUSED`, `EXPIRED`, `CANCELLED`, or `QUEUED` again",
    "of": "`letters`, `events` (the couriers), `clerk`",
    "pool": "`planned` (reads of the API), `reads` (others), `writes`",
    "process": "`main`, and with several workers `1`, `2`, …: a new one has the old one's place",
}
"""What a label may say."""


@dataclass(frozen=True, slots=True)
class Described:
    """A metric as the page tells of it."""

    kind: str
    labels: tuple[str, ...]
    meaning: str


ALL: dict[str, Described] = {}
"""Every metric that is served, by its name."""

# Of the process that counts: with several workers, files tell the one above them.
REGISTRY = CollectorRegistry()
disable_created_metrics()


def _described(name: str, kind: str, meaning: str, *labels: str) -> str:
    """The name, which is on the page from now on."""
    ALL[name] = Described(kind, labels, meaning)
    return name


def _counter(name: str, meaning: str, *labels: str) -> Callable[..., Counter]:
    _described(f"{name}_total", "counter", meaning, *labels)
    return cache(Counter(name, meaning, labels, registry=REGISTRY).labels)


def _histogram(
    name: str, meaning: str, cuts: tuple[float, ...], *labels: str
) -> Callable[..., Histogram]:
    _described(name, "histogram", meaning, *labels)
    return cache(Histogram(name, meaning, labels, buckets=cuts, registry=REGISTRY).labels)


def _gauge(name: str, meaning: str, label: str, together: Any = "livesum") -> Callable[..., Gauge]:
    _described(name, "gauge", meaning, label)
    gauge = Gauge(name, meaning, [label], registry=REGISTRY, multiprocess_mode=together)
    return cache(gauge.labels)


def _number(name: str, meaning: str) -> Gauge:
    _described(name, "gauge", meaning)
    return Gauge(name, meaning, registry=REGISTRY, multiprocess_mode="livesum")


_requests = _counter("portal_requests", "Requests that were answered.", "place", "status")
_request_seconds = _histogram(
    "portal_request_duration_seconds",
    "From the end of a request's headers to the end of its answer.",
    SECONDS,
    "place",
)
_operations = _counter(
    "portal_operations", "Operations, of which pages ask some, too.", "type", "name", "code"
)
_errors = _counter("portal_operation_errors", "Errors in the answers to operations.", "error")
_operation_seconds = _histogram(
    "portal_operation_duration_seconds",
    "What operations took that were run, or refused for what they ask; the rest is the request's.",
    SECONDS,
    "type",
    "name",
)
_operation_statements = _histogram(
    "portal_operation_statements",
    "SQL statements of an operation, besides that which finds out who asks.",
    STATEMENTS,
    "type",
)
OPERATIONS_RUNNING = _number(
    "portal_operations_running", "Operations that are worked on, of `OPERATIONS_AT_ONCE` a process."
)
SUBSCRIPTIONS = _number(
    "portal_subscriptions", "Subscriptions that are open, of `LIVE_AT_ONCE` a process."
)
_throttled = _counter(
    "portal_throttle_refusals",
    "What was refused, or for `mail` not written, because a budget was spent.",
    "budget",
)
_attempts = _counter(
    "portal_post_attempts", "Attempts to deliver that came to an end.", "kind", "state"
)
_beat = _gauge(
    "portal_beat_timestamp_seconds",
    "When the last round was made that reached the database, by whoever's is the longest ago.",
    "of",
    together="livemin",
)
_connections = _gauge(
    "portal_database_connections_in_use",
    "Connections to the database at work, as a clerk sees them every few seconds.",
    "pool",
)
_connections_limit = _gauge("portal_database_connections_limit", "How many can be.", "pool")

DATABASE_UP = _described(
    "portal_database_up", "gauge", "1 where the database answers; with 0, the next two are missing."
)
POST_QUEUED = _described("portal_post_queued", "gauge", "What waits to be delivered.", "kind")
POST_AGE = _described(
    "portal_post_oldest_due_age_seconds",
    "gauge",
    "For how long what nobody has tried yet has been due, at most; 0 where nothing is due.",
    "kind",
)
for _name, _kind, _meaning in (
    ("process_cpu_seconds_total", "counter", "Processor time that it took."),
    ("process_resident_memory_bytes", "gauge", "Its memory that is resident."),
    ("process_virtual_memory_bytes", "gauge", "Its memory that is mapped."),
    ("process_start_time_seconds", "gauge", "When it was started."),
    ("process_open_fds", "gauge", "Files and connections that it has open."),
    ("process_max_fds", "gauge", "How many it may have open."),
):
    _described(_name, _kind, _meaning, "process")


def answered(place: str, status: int, seconds: float) -> None:
    """A request was answered."""
    _requests(place, status).inc()
    _request_seconds(place).observe(seconds)


def told(facts: Mapping[str, Any]) -> None:
    """An operation came to an end, as the log tells it."""
    outcome = facts["outcome"] or ["GONE"]
    _operations(facts["type"] or OTHER, _named(facts), outcome[0]).inc()
    for code in outcome:
        if code not in ("OK", "GONE"):
            _errors(code).inc()


class Work:
    """An operation that is run."""

    def __init__(self, tally: Tally) -> None:
        self._tally = tally
        self.begin()

    def begin(self) -> None:
        """It begins now: who asks is known."""
        self._started = time.perf_counter()
        self._tally.statements = 0

    def done(self, facts: Mapping[str, Any]) -> None:
        """It was run, and this is known of it by now."""
        kind = facts["type"] or OTHER
        seconds = time.perf_counter() - self._started
        _operation_seconds(kind, _named(facts)).observe(seconds)
        _operation_statements(kind).observe(self._tally.statements)


@contextmanager
def working() -> Iterator[Work]:
    """An operation is run meanwhile."""
    with tallied() as tally:
        yield Work(tally)


def throttled(budget: str) -> None:
    """A budget of this name was spent."""
    _throttled(budget).inc()


def attempted(kind: str, outcome: Outcome) -> None:
    """An attempt to deliver something of this kind came to an end."""
    _attempts(kind, outcome.state).inc()


def beat(of: str) -> None:
    """A round was made."""
    _beat(of).set_to_current_time()


def connected(database: Database) -> None:
    """So many connections are at work."""
    for pool, (busy, most) in database.in_use.items():
        _connections(pool).set(busy)
        _connections_limit(pool).set(most)


def _named(facts: Mapping[str, Any]) -> str:
    name = facts["operation"]
    return name if name in NAMES else OTHER
