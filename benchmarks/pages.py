"""A page of the portal, beside the API call that is in it."""

from itertools import cycle

from benchmarks.asking import page, post
from benchmarks.load import drive
from benchmarks.report import Figures, Finding, Target
from benchmarks.rounds import Effort, in_rounds
from benchmarks.rows import MEDIUM, Entry
from benchmarks.stage import Stage
from models import Role
from portal.pages.documents import text

DATA = frozenset({MEDIUM})
LEAST = 20
PAGE, CALL = "the page", "its API call"
READY = Target(100, most=True)
"""Milliseconds until the list is there (issue 6)."""


async def measure(stage: Stage, effort: Effort) -> list[Finding]:
    """The Clients list: how soon it is there, and what that is beside the call."""
    slug = (await stage.filled(MEDIUM)).first.slug
    asked = {"query": text("clients"), "variables": {"status": "ACTIVE"}}
    asking = {
        PAGE: lambda caller: cycle([page(caller, f"/{slug}/clients")]),
        CALL: lambda caller: cycle([post(caller, "/graphql", asked)]),
    }
    ready = {
        name: await stage.prepare(
            Entry(name, "product", one, MEDIUM, Role.ORGANIZATION_ADMINISTRATOR)
        )
        for name, one in asking.items()
    }

    async def latency(name: str) -> float:
        load = await drive(
            ready[name].port,
            ready[name].requests,
            connections=1,
            seconds=effort.seconds,
            least=LEAST,
        )
        return sorted(load.latencies)[len(load.latencies) // 2] * 1000

    found = await in_rounds("The Clients list", [PAGE, CALL], effort.rounds, latency)
    shown, called = (Figures(found[name], "ms") for name in (PAGE, CALL))
    return [
        Finding("The Clients list is there, as Organizational Administrator", shown, target=READY),
        Finding("The Clients list, beside the same read as JSON", shown, CALL, called),
    ]
