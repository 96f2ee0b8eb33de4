"""`docs/metrics.md`: every metric, what its labels say, and what to be called for."""

from portal.metrics import ALL, LABELS

_HEAD = """\
# Metrics

Printed from the code by `make docs`; `make check` compares.

With `METRICS_LISTEN=127.0.0.1:9464`, `serve` and `courier` answer `GET /metrics` there, for
Prometheus; with nothing in it, nowhere. It is an address of its own, never the public one, and asks
nobody who they are: let only those who watch reach it. One address tells of all workers of a
`serve`, whichever of them did the work, and of what those counted that have died; the counts begin
anew when the `serve` does. `portal_database_up` and `portal_post_…` are asked of the database when
somebody asks for the metrics, so every server says the same of them: take `max`, not `sum`.

No metric holds an id, an address, or anything that somebody typed. An operation has its name only
if it is that of a document in [`operations/`](../operations): a name is what its caller says.

With several workers, the numbers lie in a folder `portal-metrics-…` in that for temporary files
(`TMPDIR`), some 64 KB for each worker and kind; it goes when the server ends in order. Let that be
in memory: where there is no room for them, a worker that counts is killed by the system.

| metric | type | labels | what it is |
|---|---|---|---|
"""

_LABELS = """
A histogram has `…_bucket`, `…_sum` and `…_count`. `…_seconds` are seconds, and `timestamp` is Unix
time.

| label | what it says |
|---|---|
"""

_ALERTS = """
## What to be called for

| what is wrong | expression |
|---|---|
"""

ALERTS = {
    "a server is away, or does not answer": 'up{job="portal"} == 0',
    "the database is away": "min(portal_database_up) == 0",
    "letters lie": 'max(portal_post_oldest_due_age_seconds{kind="letter"}) > 300',
    "events lie": 'max(portal_post_oldest_due_age_seconds{kind="event"}) > 600',
    "letters do not arrive: the mail server refuses them, or is away": (
        'sum(rate(portal_post_attempts_total{kind="letter",state!="SENT"}[15m])) > '
        'sum(rate(portal_post_attempts_total{kind="letter"}[15m])) / 2'
    ),
    "a courier or a clerk stands still": "time() - portal_beat_timestamp_seconds > 120",
    "faults of ours, each with an incident in the log": (
        'sum(increase(portal_operation_errors_total{error="INTERNAL_SERVER_ERROR"}[10m])) > 0'
    ),
    "one in a hundred operations is answered that the service is not available": (
        'sum(rate(portal_operations_total{code="SERVICE_UNAVAILABLE"}[5m])) > '
        "0.01 * sum(rate(portal_operations_total[5m]))"
    ),
    "operations are slow: one in a hundred takes more than a second": (
        "histogram_quantile(0.99, sum by (le) "
        "(rate(portal_operation_duration_seconds_bucket[10m]))) > 1"
    ),
    "a pool of connections is used up": (
        "min_over_time(portal_database_connections_in_use[5m]) >= portal_database_connections_limit"
    ),
    "somebody guesses passwords, from few sources": (
        'sum(increase(portal_throttle_refusals_total{budget="pair"}[10m])) > 100'
    ),
    "files and connections run out": "process_open_fds > 0.8 * process_max_fds",
}
"""What an operator would be called for, and when that is so, in Prometheus' own words."""


def metrics_page() -> str:
    """The page, in Markdown."""
    metrics = [
        f"| `{name}` | {one.kind} | {', '.join(f'`{label}`' for label in one.labels)} "
        f"| {one.meaning} |\n"
        for name, one in ALL.items()
    ]
    labels = [f"| `{label}` | {says} |\n" for label, says in LABELS.items()]
    alerts = [f"| {what} | `{when}` |\n" for what, when in ALERTS.items()]
    return "".join([_HEAD, *metrics, _LABELS, *labels, _ALERTS, *alerts])
