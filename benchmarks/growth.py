"""What a read costs as the data grows: the median latency of one connection that asks alone."""

import statistics
from collections.abc import Callable
from typing import NamedTuple

from sqlalchemy import select

from benchmarks.asking import graphql
from benchmarks.load import drive
from benchmarks.report import Figures, Finding, Target
from benchmarks.rounds import Effort, in_rounds
from benchmarks.rows import LARGE, MEDIUM, PAGE, SMALL, Data, Entry
from benchmarks.stage import Filled, Stage
from models import Client, ClientStatus, Role, outside

DATA = frozenset({SMALL, MEDIUM, LARGE})
ROWS_A_PAGE = 50
FAR = 1_000
SECONDS = 0.4
LEAST = 5

AT_MOST = Target(1.15, most=True)
_ANYWHERE = Role.ORGANIZATION_ADMINISTRATOR
_IN_DEPARTMENT = Role.DEPARTMENT_ADMINISTRATOR

PAGE_BY_NAME = "page, in a department"
PAGE_ANYWHERE = "page, anywhere"
FAR_PAGE = "page 1,000"
SEARCH = "search for 111"
COMMON = "search for all"
PENDING = "Pending list"
COUNT = "totalCount"


class _Asked(NamedTuple):
    """A document, made for the data it is asked of, and who asks."""

    role: Role
    document: Callable[[Filled], str]


def _listing(arguments: str) -> Callable[[Filled], str]:
    return lambda _filled: PAGE.replace("first: 50", f"first: {ROWS_A_PAGE}, {arguments}")


def _rare(filled: Filled) -> str:
    """A search for a number that 111 clients have the beginning of, whatever the size."""
    return PAGE.replace(
        "first: 50", f'first: {ROWS_A_PAGE}, search: "{filled.first.clients // 200}"'
    )


ASKED = {
    PAGE_BY_NAME: _Asked(_IN_DEPARTMENT, lambda _filled: PAGE),
    PAGE_ANYWHERE: _Asked(_ANYWHERE, lambda _filled: PAGE),
    SEARCH: _Asked(_ANYWHERE, _rare),
    PENDING: _Asked(_ANYWHERE, _listing("status: PENDING, orderBy: OLDEST")),
    COMMON: _Asked(_ANYWHERE, _listing('search: "c"')),
    COUNT: _Asked(_ANYWHERE, lambda _filled: "{ clients(first: 1) { totalCount } }"),
}


async def measure(stage: Stage, effort: Effort) -> list[Finding]:
    """A line for each read, at the most clients beside the fewest; and two at the most."""
    ready = {}
    for data in (SMALL, MEDIUM, LARGE):
        filled = await stage.filled(data)
        for name, asked in ASKED.items():
            ready[_name(name, data)] = await stage.prepare(
                Entry(name, "product", graphql(asked.document(filled)), data, asked.role)
            )
    far = await _far(await stage.filled(LARGE), effort.of(FAR))
    ready[FAR_PAGE] = await stage.prepare(
        Entry(FAR_PAGE, "product", graphql(far), LARGE, _ANYWHERE)
    )

    async def cost(name: str) -> float:
        one = ready[name]
        load = await drive(one.port, one.requests, connections=1, seconds=SECONDS, least=LEAST)
        return statistics.median(load.latencies) * 1000

    costs = await in_rounds("Cost by number of clients", list(ready), effort.rounds, cost)
    figures = {name: Figures(rounds, "ms") for name, rounds in costs.items()}

    def grown(work: str, read: str, target: Target | None) -> Finding:
        by_clients = {
            f"{effort.of(data.clients)}": costs[_name(read, data)]
            for data in (SMALL, MEDIUM, LARGE)
        }
        return Finding(
            f"{work}, {effort.of(LARGE.clients):,} clients",
            figures[_name(read, LARGE)],
            f"{effort.of(SMALL.clients):,} clients",
            figures[_name(read, SMALL)],
            target,
            {"read": read, "ms_by_clients": by_clients},
        )

    first = figures[_name(PAGE_ANYWHERE, LARGE)]
    within = figures[_name(PAGE_BY_NAME, LARGE)]
    return [
        grown("Page of 50 as Department Administrator", PAGE_BY_NAME, AT_MOST),
        grown("Page of 50 as Organizational Administrator", PAGE_ANYWHERE, AT_MOST),
        Finding("Page 1,000 by cursor", figures[FAR_PAGE], "page 1", first, AT_MOST),
        Finding("Page of a department", within, "of an organization", first, AT_MOST),
        grown("Search that finds 111", SEARCH, AT_MOST),
        grown("Pending list", PENDING, AT_MOST),
        grown("Search that finds everybody", COMMON, None),
        grown("`totalCount`, which counts", COUNT, None),
    ]


def _name(read: str, data: Data) -> str:
    return f"{read} of {data.clients:,}"


async def _far(filled: Filled, page: int) -> str:
    """The page of this number of the Active list, by the cursor of the one before."""
    statement = (
        select(Client.id)
        .where(
            Client.organization_id == filled.first.id,
            Client.status == ClientStatus.ACTIVE,
        )
        .order_by(Client.name_key, Client.id)
        .offset((page - 1) * ROWS_A_PAGE - 1)
        .limit(1)
    )
    last = await filled.database.read(lambda connection: connection.scalars(statement).one())
    return _listing(f'after: "{outside("cur_", last)}"')(filled)
