"""Signing in: what it costs those who are signed in already, and what it adds to Argon2's own cost.

Argon2 alone runs in as many threads as there are processors, with the product's parameters.
"""

import asyncio
import os
import statistics
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from itertools import cycle

from argon2 import PasswordHasher, extract_parameters
from sqlalchemy import select

from benchmarks.asking import graphql, post
from benchmarks.load import Load, drive
from benchmarks.report import Figures, Finding, Target
from benchmarks.rounds import Effort, in_rounds
from benchmarks.rows import MEDIUM, VIEWER, Entry
from benchmarks.stage import PASSWORD, Filled, Stage
from models import Account, Client, ClientStatus
from permissions import Passwords

DATA = frozenset({MEDIUM})
CORES = os.cpu_count() or 1
SIGNING_IN = 2 * CORES
"""So many sign in at once, which keeps every thread of the pool busy and a queue before it."""

LEAST = 20

LOGIN = """
mutation SignIn($input: LoginInput!) {
  login(input: $input) {
    session { accessToken }
    userErrors { code }
  }
}
"""

QUIET, DISTURBED = "viewer", "viewer while others sign in"
SIGN_INS, HASHES = "sign-ins", "Argon2 alone"


async def measure(stage: Stage, effort: Effort) -> list[Finding]:
    """Two lines: the median of `viewer`, and the number of sign-ins."""
    viewer = await stage.prepare(Entry(QUIET, "product", graphql(VIEWER), MEDIUM))
    logins = await _logins(await stage.filled(MEDIUM))
    stored = await _hash()

    async def view() -> Load:
        return await drive(
            viewer.port, viewer.requests, connections=1, seconds=effort.seconds, least=LEAST
        )

    async def sign_in() -> Load:
        return await drive(
            viewer.port, logins, connections=SIGNING_IN, seconds=effort.seconds, least=LEAST
        )

    async def turn(name: str) -> Load:
        if name == DISTURBED:
            seen, _ = await asyncio.gather(view(), sign_in())
            return seen
        if name == HASHES:
            return await _verify(stored, effort.seconds)
        return await (view() if name == QUIET else sign_in())

    loads = await in_rounds("Signing in", [QUIET, DISTURBED, SIGN_INS, HASHES], effort.rounds, turn)
    return [
        Finding(
            f"`viewer` while {SIGNING_IN} sign in without a pause",
            _medians(loads[DISTURBED]),
            "while nobody does",
            _medians(loads[QUIET]),
            Target(2.0, most=True),
            {"percentiles_ms": {name: _percentiles(loads[name]) for name in (QUIET, DISTURBED)}},
        ),
        Finding(
            "Sign-ins a second a core",
            _rates(loads[SIGN_INS]),
            HASHES,
            _rates(loads[HASHES]),
            Target(0.90),
        ),
    ]


async def _logins(filled: Filled) -> Iterator[bytes]:
    """Sign-ins of one client after the other on the app."""
    statement = (
        select(Account.username)
        .join(
            Client, (Client.organization_id == Account.organization_id) & (Client.id == Account.id)
        )
        .where(
            Client.organization_id == filled.first.id,
            Client.status == ClientStatus.ACTIVE,
            Account.username.is_not(None),
        )
        .limit(1_000)
    )
    usernames = await filled.database.read(lambda one: one.scalars(statement).all())
    return cycle(
        [
            post(
                None,
                "/graphql",
                {
                    "query": LOGIN,
                    "variables": {
                        "input": {
                            "organization": filled.first.slug,
                            "username": username,
                            "password": PASSWORD,
                            "surface": "APP",
                        }
                    },
                },
            )
            for username in usernames
        ]
    )


async def _hash() -> str:
    passwords = Passwords()
    stored = await passwords.hash(PASSWORD)
    passwords.close()
    return stored


async def _verify(stored: str, seconds: float) -> Load:
    """Verify the password again and again, in a thread for each processor."""
    hasher = PasswordHasher.from_parameters(extract_parameters(stored))
    started = time.perf_counter()
    load = Load(seconds)

    def verify() -> None:
        while time.perf_counter() < started + seconds:
            hasher.verify(stored, PASSWORD)
            load.latencies.append(0)

    with ThreadPoolExecutor(CORES) as threads:
        loop = asyncio.get_running_loop()
        await asyncio.gather(*(loop.run_in_executor(threads, verify) for _ in range(CORES)))
    load.seconds = time.perf_counter() - started
    return load


def _rates(loads: list[Load]) -> Figures:
    return Figures([load.rate / CORES for load in loads], "/s")


def _medians(loads: list[Load]) -> Figures:
    return Figures([statistics.median(load.latencies) * 1000 for load in loads], "ms")


def _percentiles(loads: list[Load]) -> list[float]:
    """Milliseconds in which 1, 2, … 99 of a hundred are answered."""
    latencies = [latency * 1000 for load in loads for latency in load.latencies]
    return statistics.quantiles(latencies, n=100)
