"""`docs/performance.md` and its charts, written from what a whole run measured."""

import os
from collections.abc import Mapping, Sequence
from pathlib import Path

from benchmarks import charts
from benchmarks.machine import machine
from benchmarks.report import Finding, markdown
from benchmarks.rounds import Effort
from benchmarks.rows import MEDIUM

PAGE = """\
# Performance

Written by `make bench`, with everything that is in it. A ratio compares what ran in turns in the
same round on the same machine, so it says more than the figures do: they are this machine's.

Here: {machine}.

{quick}There were {rounds} rounds after one to warm up, every second one backwards. A figure is the
median of the rounds ± half their range, a ratio the median of the rounds' ratios.

{missed}

## Reads

Answers a second of one worker with all permissions on, over 16 connections that ask again as soon
as they are answered. PostgreSQL holds {clients:,} clients in {organizations} organizations, a fifth
of them in the caller's. The rivals are in `benchmarks/rivals/`:

- **usual Strawberry** is the same API as Strawberry's documentation teaches to write it: types with
  resolvers, permission classes, a DataLoader for every relationship, the parser's and the
  validator's caches.
- **hand-written** has no GraphQL: bare Starlette, a route for each work, and one statement that
  makes the JSON in the database, after the same session look-up as the product's.

All of them must give the same JSON, or nothing is measured. A document never seen before is the
same page under another alias each time: it must be parsed, validated, authorised and planned anew,
which the hand-written rival has no need of.

{reads}

![Answers a second by server](performance/throughput.svg)

## The portal's pages

The Clients list as the portal shows it, to an Organizational Administrator with a fifth of the
{clients:,} clients: milliseconds of one connection, from the request to the last byte. What the
page costs more than its API call is writing HTML.

{pages}

## Cost grows with the answer, not with the data

The median latency of one connection that asks alone, on three databases of 20 organizations with a
fifth of the clients in the caller's. `totalCount` is exact, so it counts; a search that everybody
matches is shown because nobody wins it.

{growth}

![Milliseconds by number of clients](performance/cost.svg)

## Nobody waits for somebody else's password

One connection asks for `viewer` while others sign in without a pause, so that every thread that
hashes is busy and a queue waits. All share {processors} processors: server, database and the load.
Argon2 alone is the same verification in as many threads, with nothing around it.

{signing}

![Latency of viewer](performance/waiting.svg)

## Writing

Each mutation beside its own statements, sent by hand over asyncpg in one transaction from a bare
Starlette route; both must add the same number of rows to the same tables. The courier runs in the
server and sends to a local mail server; aiosmtplib alone sends letters that are composed already.

{writing}

## Lean

Memory is what the server's process holds. Statements are counted on the wire.{short}

{lean}

## Workers

`serve --workers 2` beside one. The limit here: {processors} processors carry the workers,
PostgreSQL and the load together, and one worker with its database fills more than one of them, so
that a second worker has little left to run on.

{workers}

## How to run it

`make bench` takes eleven minutes or so and starts what it needs: a PostgreSQL of its own, whose
files are in memory where there is room and which does not wait for disks (`fsync=off`), so that
what is measured is work and not the disk. `ARGS="--only viewer"` measures what has that in its
name, `--rounds` and `--seconds` say how long, `--quick` shows within minutes that everything runs,
and `--long` drains 100,000 letters and sends 200,000 requests with 100,000 documents. Only a whole
run writes this page.
"""

SHORT = """ So that
a run is no longer, fewer letters are drained and fewer documents sent than the targets speak of;
`--long` does all of it."""


QUICK = """\
**This was a quick run over a part of the data and of the work: its figures say nothing yet.**

"""


def write(findings: Mapping[str, Sequence[Finding]], effort: Effort, docs: Path) -> None:
    """Write the page and its charts; `findings` by chapter."""
    folder = docs / "performance"
    folder.mkdir(exist_ok=True)
    charts.throughput(findings["reads"], folder / "throughput.svg")
    charts.cost(findings["growth"], folder / "cost.svg")
    (waited,) = (one for one in findings["signing"] if "percentiles_ms" in one.more)
    charts.waiting(waited.more["percentiles_ms"], folder / "waiting.svg")
    page = PAGE.format(
        machine=machine(),
        processors=os.cpu_count(),
        rounds=effort.rounds,
        missed=_missed([one for chapter in findings.values() for one in chapter]),
        clients=effort.of(MEDIUM.clients),
        organizations=MEDIUM.organizations,
        quick="" if effort.part == 1 else QUICK,
        short="" if effort.long else SHORT,
        **{chapter: markdown(found) for chapter, found in findings.items()},
    )
    (docs / "performance.md").write_text(page)


def _missed(findings: Sequence[Finding]) -> str:
    """What was wanted and not reached, in a list."""
    missed = [one for one in findings if one.missed]
    if not missed:
        return "Every target was reached."
    lines = [f"- {one.work}: {one.result}, where {one.target} was wanted" for one in missed]
    return "\n".join(["What was wanted and missed:", "", *lines])
