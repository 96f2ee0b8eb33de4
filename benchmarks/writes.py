"""Mutations beside the same statements written by hand.

The mail server that the product is told of never says a word, so its courier holds a few letters
and waits: nobody delivers while writing is measured. One request of each must add the same number
of rows to the same tables, or nothing is measured.
"""

import asyncio
import datetime as dt
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from itertools import count
from typing import Any

from sqlalchemy import func, insert, select, update
from sqlalchemy.ext.asyncio import AsyncConnection

from benchmarks.asking import Caller, post
from benchmarks.load import Load, ask, drive
from benchmarks.report import Figures, Finding, Target
from benchmarks.rounds import Effort, in_rounds
from benchmarks.rows import MEDIUM
from benchmarks.stage import Filled, Server, Stage, command
from models import (
    Account,
    AccountKind,
    Base,
    Client,
    ClientStatus,
    Role,
    RoleGrant,
    name_key,
    new_id,
    outside,
)

DATA = frozenset({MEDIUM})
PRODUCT, HANDWRITTEN = "product", "handwritten"
AT_LEAST = Target(0.5)
CONNECTIONS = 8
LEAST = 20
PENDING = 3_000
ASSOCIATIONS = 3


@dataclass(frozen=True, slots=True)
class _Mutation:
    """What is typed in the n-th request of a server, and how each server is told."""

    name: str
    document: str
    path: str
    typed: Callable[[str, int], dict[str, Any]]
    signed_in: bool = True
    takes_input: bool = True

    def requests(self, server: str, caller: Caller, numbers: Iterator[int]) -> Iterator[bytes]:
        """What the server is asked, one after the other."""
        who = caller if self.signed_in else None
        for number in numbers:
            typed = self.typed(server, number)
            if server == PRODUCT:
                variables = {"input": typed} if self.takes_input else typed
                yield post(who, "/graphql", {"query": self.document, "variables": variables})
            else:
                yield post(who, self.path, typed)


async def measure(stage: Stage, effort: Effort) -> list[Finding]:
    """A line for each mutation."""
    filled = await stage.filled(MEDIUM)
    caller = await stage.caller(MEDIUM, Role.DEPARTMENT_ADMINISTRATOR)
    waiting = await _set_aside(filled, effort.of(PENDING))
    findings = []
    async with _mute_mail_server() as mail_url:
        servers = {
            PRODUCT: await stage.serve(command("product"), filled.url, {"MAIL_URL": mail_url}),
            HANDWRITTEN: await stage.serve(command("writing"), filled.url),
        }
        for mutation in await _mutations(filled, waiting):
            await _compare(filled, servers, mutation, caller, waiting)
            findings.append(await _measure(filled, servers, mutation, caller, waiting, effort))
        for server in servers.values():
            await stage.end(server)
    return findings


async def _measure(
    filled: Filled,
    servers: dict[str, Server],
    mutation: _Mutation,
    caller: Caller,
    waiting: list[Any],
    effort: Effort,
) -> Finding:
    numbers = {name: count(2) for name in servers}

    async def turn(name: str) -> Load:
        if mutation.takes_input:
            requests = mutation.requests(name, caller, numbers[name])
        else:
            await _make_wait(filled, waiting)
            requests = mutation.requests(name, caller, iter(range(len(waiting))))
        return await drive(
            servers[name].port,
            requests,
            connections=CONNECTIONS,
            seconds=effort.seconds,
            least=LEAST,
        )

    loads = await in_rounds(mutation.name, list(servers), effort.rounds, turn)
    product, other = ([load.rate for load in loads[name]] for name in servers)
    return Finding(
        mutation.name,
        Figures(product, "/s"),
        "the same by hand",
        Figures(other, "/s"),
        AT_LEAST,
    )


async def _mutations(filled: Filled, waiting: list[Any]) -> list[_Mutation]:
    department = outside("dep_", filled.first.departments[0])
    practitioners = select(RoleGrant.staff_id).where(
        RoleGrant.organization_id == filled.first.id,
        RoleGrant.department_id == filled.first.departments[0],
        RoleGrant.role == Role.PRACTITIONER,
    )
    found = await filled.database.read(lambda one: one.scalars(practitioners).all())
    associations = [
        {"practitionerId": outside("stf_", id), "departmentId": department}
        for id in found[:ASSOCIATIONS]
    ]

    def somebody(server: str, number: int) -> dict[str, Any]:
        return {
            "firstName": "Eva",
            "lastName": "Évrard-Novák",
            "email": f"eva.{number}@{server}.example.com",
            "dateOfBirth": "1984-02-29",
            "phone": "+1 202 555 0100",
            "departmentId": department,
        }

    def registering(server: str, number: int) -> dict[str, Any]:
        return {**somebody(f"registering-{server}", number), "organization": filled.first.slug}

    def created(server: str, number: int) -> dict[str, Any]:
        return {**somebody(server, number), "associations": associations}

    return [
        _Mutation(
            "`clientRegister`",
            "mutation ($input: ClientRegisterInput!) {"
            " clientRegister(input: $input) { accepted userErrors { code } } }",
            "/register",
            registering,
            signed_in=False,
        ),
        _Mutation(
            "`clientApprove`",
            "mutation ($id: ID!) {"
            " clientApprove(id: $id) { client { id status } userErrors { code } } }",
            "/approve",
            lambda _server, number: {"id": outside("cli_", waiting[number])},
            takes_input=False,
        ),
        _Mutation(
            f"`clientCreate` with {ASSOCIATIONS} associations",
            "mutation ($input: ClientCreateInput!) {"
            " clientCreate(input: $input) { client { id status } userErrors { code } } }",
            "/create",
            created,
        ),
    ]


async def _set_aside(filled: Filled, number: int) -> list[Any]:
    """Ids of so many new clients of the caller's department, to be approved again and again."""
    now, organization_id = dt.datetime.now(dt.UTC), filled.first.id
    ids = [new_id() for _ in range(number)]
    shared = {"organization_id": organization_id, "created_at": now}
    client = {
        "status": ClientStatus.PENDING,
        "first_name": "Wanda",
        "last_name": "Waiting",
        "name_key": name_key("Wanda", "Waiting"),
        "date_of_birth": dt.date(1984, 2, 29),
        "department_id": filled.first.departments[0],
        **shared,
    }
    addresses = [f"waiting.{id.hex}@example.com" for id in ids]

    async def work(connection: AsyncConnection) -> None:
        accounts = [{"id": id, "kind": AccountKind.CLIENT, **shared} for id in ids]
        await connection.execute(insert(Account), accounts)
        clients = [
            {"id": id, "email": address, "email_key": address, **client}
            for id, address in zip(ids, addresses, strict=True)
        ]
        await connection.execute(insert(Client), clients)

    await filled.database.write(work)
    return ids


async def _make_wait(filled: Filled, waiting: list[Any]) -> None:
    """Make these clients pending (again)."""
    statement = (
        update(Client)
        .where(Client.organization_id == filled.first.id, Client.id.in_(waiting))
        .values(
            status=ClientStatus.PENDING,
            approved_at=None,
            approved_by_id=None,
            decided_at=None,
            decided_by_id=None,
        )
    )
    await filled.database.write(lambda connection: connection.execute(statement))


async def _compare(
    filled: Filled,
    servers: dict[str, Server],
    mutation: _Mutation,
    caller: Caller,
    waiting: list[Any],
) -> None:
    """Both must write as many rows into the same tables."""
    written = {}
    for name, server in servers.items():
        await _make_wait(filled, waiting)
        requests = mutation.requests(name, caller, iter([0, 1]))
        await ask(server.port, requests)
        before = await _rows(filled)
        await ask(server.port, requests)
        after = await _rows(filled)
        written[name] = {
            table: after[table] - before[table] for table in after if after[table] != before[table]
        }
    if written[PRODUCT] != written[HANDWRITTEN]:
        raise RuntimeError(f"{mutation.name} writes other rows than by hand: {written}")


async def _rows(filled: Filled) -> dict[str, int]:
    """How many rows each table has."""
    tables = Base.metadata.sorted_tables
    counts = select(
        *(select(func.count()).select_from(table).scalar_subquery() for table in tables)
    )
    found = await filled.database.read(lambda one: one.execute(counts).one())
    return {table.name: number for table, number in zip(tables, found, strict=True)}


@asynccontextmanager
async def _mute_mail_server() -> AsyncIterator[str]:
    """Takes connections and never says a word."""
    server = await asyncio.start_server(lambda _reader, _writer: None, "127.0.0.1", 0)
    port = server.sockets[0].getsockname()[1]
    try:
        yield f"smtp://127.0.0.1:{port}"
    finally:
        server.close()
