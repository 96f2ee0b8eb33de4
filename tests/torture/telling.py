"""Whether a stranger can tell by the clock who is there (`D14`, `D17`): `make torture`.

A server in a process of its own is asked of somebody and of nobody, in pairs and in random order,
of each pair from elsewhere, with the budgets that everybody has (`D33`).
The figure is how often somebody took longer than nobody, of all ways to compare the one with the
other (Mann and Whitney's U, as AUC): .5 where the time tells nothing. With 400 pairs its standard
deviation is then .0204, the root of 801 / (12 * 400 * 400), so that chance alone puts 1.4 of 100
figures outside .45 to .55, and one at least of the fourteen in 18 of 100 runs. A question that is
outside is therefore asked once more, of others, and counts if it is outside again: by chance in 3
of 1,000 runs. Where the time tells as much as .6, it counts in 98 of 100.
"""

import argparse
import asyncio
import random
import sys
import tempfile
import time
from bisect import bisect_left, bisect_right
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from http.client import HTTPConnection
from ipaddress import IPv4Address
from itertools import count
from pathlib import Path
from typing import Any

import orjson
from sqlalchemy import Connection, select

from models import Client, ClientStatus
from portal.populate import populate
from portal.service import service, utc_now
from portal.settings import Settings
from resolvers.throttles import MAIL
from tests.crash.programs import environment, server
from tests.servers import postgresql
from tests.world import LOGIN, REGISTER, Json

FARTHEST = 0.05
WARM_UP = 40
TIMES = 2
CLIENTS = 24_000
SLUG = "clinic-1"
FORGOT = """mutation ($input: PasswordResetRequestInput!) {
  passwordResetRequest(input: $input) { accepted userErrors { code } }
}"""


@dataclass(frozen=True, slots=True)
class Person:
    """Somebody whom a stranger may ask about."""

    email: str
    username: str


def register(who: Person) -> tuple[str, Json]:
    """The portal page's form."""
    form = {
        "organization": SLUG,
        "firstName": "Nora",
        "lastName": "Newcomer",
        "dateOfBirth": "1990-05-17",
        "email": who.email,
    }
    return REGISTER, {"input": form}


def login(who: Person) -> tuple[str, Json]:
    """A sign-in with a password that is wrong."""
    said = {"organization": SLUG, "username": who.username, "password": "not this one, surely"}
    return LOGIN, {**said, "surface": "PORTAL"}


def reset(who: Person) -> tuple[str, Json]:
    """A forgotten password."""
    return FORGOT, {"input": {"organization": SLUG, "email": who.email}}


Question = Callable[[Person], tuple[str, Json]]

QUESTIONS: list[tuple[Question, str, list[Question]]] = [
    (register, "active", []),
    (register, "invited", []),
    (register, "active", [reset] * MAIL.most),
    (login, "active", []),
    (login, "inactive", []),
    (reset, "active", []),
    (reset, "inactive", []),
]
"""What is asked, of whom, and what was asked of them before."""


def main() -> int:
    """Ask everything on both databases; the status is how often the time told."""
    parser = argparse.ArgumentParser(prog="python -m tests.torture.telling", description=__doc__)
    parser.add_argument("--pairs", type=int, default=400, help="pairs of each question")
    pairs = parser.parse_args().pairs
    print("| database | asked | somebody | median | nobody | AUC |\n|---|---|---|---|---|---|")
    told = 0
    with tempfile.TemporaryDirectory() as folder:
        told += asyncio.run(_ask_all(f"sqlite:///{folder}/portal.sqlite3", Path(folder), pairs))
        with postgresql() as url:
            told += asyncio.run(_ask_all(url, Path(folder), pairs))
    return told


async def _ask_all(url: str, folder: Path, pairs: int) -> int:
    env = environment(url, folder / "mail", THROTTLE="1", TRUSTED_PROXIES="127.0.0.1")
    async with service(Settings.read(**{name.lower(): said for name, said in env.items()})) as made:
        await populate(
            made.services.database,
            organizations=1,
            clients=CLIENTS,
            seed=1,
            password_hash=await made.services.passwords.hash("a portal full of people"),
            now=utc_now(),
        )
        people = await made.services.database.read(_people)
    async with server(env, folder) as served:
        host = served.client.base_url.netloc.decode()
        return await asyncio.to_thread(_measure, url.partition(":")[0], host, people, pairs)


def _people(connection: Connection) -> dict[str, list[Person]]:
    """Clients who can be asked about, in random order."""
    found = connection.execute(
        select(Client.email, Client.status, Client.username).where(
            Client.status != ClientStatus.PENDING
        )
    )
    people: dict[str, list[Person]] = {"active": [], "inactive": [], "invited": []}
    for email, status, username in found:
        kind = status.lower() if username else "invited"
        people[kind].append(Person(email, username or ""))
    for group in people.values():
        random.shuffle(group)
    return people


def _measure(kind: str, host: str, people: dict[str, list[Person]], pairs: int) -> int:
    """How many of the questions are told by the time. Nobody is asked about twice."""
    sources = map(IPv4Address, count(int(IPv4Address("10.0.0.0"))))

    def figure(question: Question, who: str, before: list[Question]) -> float:
        asked = [people[who].pop() for _ in range(WARM_UP + pairs)]
        somebody, nobody = _time(host, question, before, asked, sources)
        auc = _auc(somebody, nobody)
        medians = [f"{sorted(times)[pairs // 2] * 1000:.2f} ms" for times in (somebody, nobody)]
        name = " ".join(one.__name__ for one in [*before, question])
        print(f"| {kind} | {name} | {who} | {' | '.join(medians)} | {auc:.3f} |", flush=True)
        return auc

    return sum(is_told(partial(figure, *asked)) for asked in QUESTIONS)


def is_told(figure: Callable[[], float]) -> bool:
    """Whether the figure is outside, and outside again where it is taken once more."""
    return all(abs(figure() - 0.5) > FARTHEST for _ in range(TIMES))


def _time(
    host: str,
    question: Question,
    before: list[Question],
    people: list[Person],
    sources: Iterator[IPv4Address],
) -> tuple[list[float], list[float]]:
    """Seconds of each request about somebody, and about nobody, but for the first few."""
    somebody: list[float] = []
    nobody: list[float] = []
    pairs = [(known, _nobody_like(known), str(next(sources))) for known in people]
    with _asking(host) as ask:
        for known, unknown, source in pairs:
            for earlier in before:
                ask(*earlier(known), source)
                ask(*earlier(unknown), source)
        for known, unknown, source in pairs:
            both = [(known, somebody), (unknown, nobody)]
            random.shuffle(both)
            for who, times in both:
                times.append(ask(*question(who), source))
    return somebody[WARM_UP:], nobody[WARM_UP:]


def _nobody_like(known: Person) -> Person:
    local, _, domain = known.email.partition("@")
    return Person(f"{local[:-1]}x@{domain}", f"{known.username[:-1]}x")


@contextmanager
def _asking(host: str) -> Iterator[Callable[[str, Json, str], float]]:
    """What sends a request on one connection, for a source, and says how long its answer took."""
    connection = HTTPConnection(host)
    connection.connect()

    def ask(document: str, variables: Json, source: str) -> float:
        body = orjson.dumps({"query": document, "variables": variables})
        headers = {"content-type": "application/json", "x-forwarded-for": source}
        started = time.perf_counter()
        connection.request("POST", "/graphql", body, headers)
        response = connection.getresponse()
        answer: Any = response.read()
        seconds = time.perf_counter() - started
        assert b'"errors"' not in answer, answer
        return seconds

    try:
        yield ask
    finally:
        connection.close()


def _auc(ones: list[float], others: list[float]) -> float:
    """How often one of the ones is larger than one of the others; a tie counts half."""
    ranked = sorted(others)
    larger = sum(bisect_left(ranked, one) + bisect_right(ranked, one) for one in ones) / 2
    return larger / (len(ones) * len(others))


if __name__ == "__main__":
    sys.exit(main())
