"""Kill -9 at the worst moments: no letter is lost, and one that comes twice is the same (`D22`)."""

import asyncio
import datetime as dt
import signal
from collections.abc import AsyncIterator, Collection, Iterable
from contextlib import AsyncExitStack, asynccontextmanager
from email.message import EmailMessage
from functools import partial
from itertools import count
from pathlib import Path
from typing import Any

import httpx2
import pytest
from sqlalchemy import func, select, text, update

from models import Database, Letter, LetterState, LinkState, Registration
from portal.service import Service, service
from portal.settings import Settings
from resolvers import (
    Founding,
    NewRegistration,
    client_register,
    create_organization,
    registration_confirm,
)
from resolvers import link as look_at
from tests.crash.programs import PATIENT, Server, environment, program, server
from tests.edge.test_life import asking
from tests.mailbox import Mailbox
from tests.servers import held_port
from tests.waiting import until

ADMIN = "olivia@riverside.example"
PASSWORD = "seven herons over the river"
LONG = 3600
HOLDS = {"COURIER_LEASE": "60"}
"""The longest that there is, so that nobody gives a letter up who has not been killed."""

REGISTER = """
mutation ($input: ClientRegisterInput!) {
  clientRegister(input: $input) { accepted userErrors { code } }
}
"""
CONFIRM = """
mutation ($input: CredentialsInput!) {
  registrationConfirm(input: $input) { status userErrors { code message } }
}
"""


class Sink(Mailbox):
    """A mail server that takes its time, before it keeps a letter or before it says so."""

    before: float = 0
    after: float = 0

    async def handle_DATA(self, *args: Any) -> str:  # noqa: N802 - called by this name
        await asyncio.sleep(self.before)
        answer = await super().handle_DATA(*args)
        await asyncio.sleep(self.after)
        return answer

    async def reached(self, people: Collection[str], timeout: float = 60) -> None:  # noqa: ASYNC109
        """Wait until everybody has a letter."""
        async with asyncio.timeout(timeout), self._came:
            await self._came.wait_for(lambda: all(map(self.to, people)))

    async def alone(self) -> None:
        """Wait until whoever was killed has been heard out."""
        await until(lambda: not self._connections)

    @asynccontextmanager
    async def away(self) -> AsyncIterator[None]:
        """Nobody listens at its port meanwhile."""
        port = self.port
        self._server.close()
        with held_port(port):
            yield
            loop = asyncio.get_running_loop()
            self._server = await loop.create_server(self._connection, "127.0.0.1", port)


@pytest.fixture
async def sink() -> AsyncIterator[Sink]:
    async with Sink() as sink:
        yield sink


@pytest.fixture
async def env(url: str, sink: Sink) -> dict[str, str]:
    """The environment of programs that serve an organization; its letters go to the sink."""
    env = environment(url, sink)
    async with served(env) as made:
        await create_organization(
            made.anonymous(),
            Founding("Riverside Clinic", "riverside", "Mental Health", ADMIN, "Olivia", "Hart"),
        )
    return env


@asynccontextmanager
async def served(env: dict[str, str]) -> AsyncIterator[Service]:
    """The service of these settings in this process, with nobody who delivers."""
    given = {name.lower(): value for name, value in env.items()}
    async with service(Settings.read(**given)) as made:
        yield made


def people(count: int, group: str = "client") -> list[str]:
    return [f"{group}{i}@home.example" for i in range(count)]


def form(address: str) -> dict[str, Any]:
    return {
        "organization": "riverside",
        "firstName": "Chloé",
        "lastName": "Côté",
        "email": address,
        "dateOfBirth": "1990-05-17",
    }


async def register(server: Server, addresses: Iterable[str]) -> None:
    """Register them on the server's page, three at a time: SQLite lets one write at once."""
    room = asyncio.Semaphore(3)

    async def one(address: str) -> None:
        async with room:
            answer = await server.ask(REGISTER, input=form(address))
        assert answer == {"clientRegister": {"accepted": True, "userErrors": []}}

    await asyncio.gather(*map(one, addresses))


async def register_here(env: dict[str, str], addresses: Iterable[str]) -> None:
    """Register them in this process, where nobody delivers."""
    async with served(env) as made:
        for address in addresses:
            await client_register(
                made.anonymous(),
                NewRegistration(
                    "riverside", "Chloé", "Côté", address, dt.date(1990, 5, 17), None, None
                ),
            )


async def confirm(server: Server, address: str, message: EmailMessage) -> None:
    """Choose credentials on the page behind the letter's link."""
    username = address.partition("@")[0]
    chosen = {"token": Mailbox.token(message), "username": username, "password": PASSWORD}
    answer = await server.ask(CONFIRM, input=chosen)
    assert answer == {"registrationConfirm": {"status": "PENDING", "userErrors": []}}


def the_letter(sink: Sink, address: str, most: int) -> EmailMessage:
    """The one letter to the address, which came at least once and at most so many times."""
    letters = sink.to(address)
    assert 1 <= len(letters) <= most, f"{len(letters)} letters to {address}"
    assert len({letter["Message-ID"] for letter in letters}) == 1
    assert len({Mailbox.link(letter) for letter in letters}) == 1
    return letters[0]


async def counted(database: Database, model: type[Letter | Registration]) -> int:
    statement = select(func.count()).select_from(model)
    return await database.read(lambda connection: connection.execute(statement).scalar_one())


async def states(database: Database) -> list[LetterState]:
    """What has become of every letter."""
    found = select(Letter.state)
    return await database.read(lambda connection: list(connection.execute(found).scalars()))


async def done(database: Database) -> None:
    """Wait until every letter is sent."""
    async with asyncio.timeout(60):
        while set(await states(database)) != {LetterState.SENT}:  # noqa: ASYNC110 - of others
            await asyncio.sleep(0.05)


async def leases_end(database: Database) -> None:
    """Whoever was killed holds nothing any more, as after a while."""
    held = update(Letter).where(Letter.lease.is_not(None), Letter.state == LetterState.QUEUED)
    await database.write(lambda c: c.execute(held.values(due_at=dt.datetime.now(dt.UTC))))


@asynccontextmanager
async def nobody_writes_letters(database: Database) -> AsyncIterator[None]:
    """Meanwhile every transaction waits where it writes a letter; on SQLite at its beginning."""
    async with database._writes.begin() as connection:
        if database.dialect == "postgresql":
            await connection.execute(text("LOCK TABLE letters IN ACCESS EXCLUSIVE MODE"))
        yield


async def nobody_listens(url: httpx2.URL) -> bool:
    """Whether no connection to it is taken."""
    try:
        _, writer = await asyncio.open_connection(url.host, url.port)
    except ConnectionRefusedError:
        return True
    writer.close()
    return False


def told(sink: Sink) -> list[EmailMessage]:
    """What the administrator was told of new clients; their invitation may come again."""
    return [one for one in sink.to(ADMIN) if "awaits approval" in one["Subject"]]


async def test_server_killed_between_commit_and_sending_loses_no_letter(
    env: dict[str, str], url: str, sink: Sink, tmp_path: Path
) -> None:
    everybody, database = people(30), Database(url)
    env |= HOLDS
    while_it_hangs, while_it_says_nothing, while_it_is_away = (
        everybody[:10],
        everybody[10:20],
        everybody[20:],
    )

    sink.before = LONG
    async with server(env, tmp_path) as first:
        await register(first, while_it_hangs)
        await first.program.kill()
    assert not sink.deliveries
    await leases_end(database)

    sink.before, sink.after = 0, LONG
    async with server(env, tmp_path) as second:
        await register(second, while_it_says_nothing)
        await sink.wait(3)
        await second.program.kill()
    await sink.alone()
    kept = len(sink.deliveries)
    await leases_end(database)

    async with sink.away():
        sink.after = 0
        async with server(env, tmp_path) as third:
            await register(third, while_it_is_away)
            await third.program.kill()
    assert len(sink.deliveries) == kept
    await leases_end(database)
    await database.close()

    async with server(env, tmp_path) as fourth:
        await sink.reached([ADMIN, *everybody])
        letters = [the_letter(sink, address, most=2) for address in everybody]
        assert len(sink.deliveries) <= len(everybody) + 1 + kept
        await asyncio.gather(*map(confirm, [fourth] * 30, everybody, letters))
        async with asyncio.timeout(60):
            while len(told(sink)) < 30:  # noqa: ASYNC110 - the sink tells of letters, not of these
                await asyncio.sleep(0.1)
    assert len({letter["Message-ID"] for letter in told(sink)}) == len(told(sink)) == 30


async def test_courier_killed_in_mid_send_loses_no_letter(
    env: dict[str, str], url: str, sink: Sink, tmp_path: Path
) -> None:
    everybody, database = people(30), Database(url)
    env |= HOLDS

    await register_here(env, everybody[:15])
    sink.before = 0.3  # eight at once are being sent, whenever it is killed
    async with program("courier", env=env, folder=tmp_path) as first:
        await sink.wait(4)
        await first.kill()
    await sink.alone()
    kept = len(sink.deliveries)
    await leases_end(database)

    await register_here(env, everybody[15:])
    sink.before, sink.after = 0, LONG  # kept, and nobody is told so
    async with program("courier", env=env, folder=tmp_path) as second:
        await sink.wait(kept + 6)
        await second.kill()
    await leases_end(database)

    sink.after = 0
    async with program("courier", env=env, folder=tmp_path) as third:
        await done(database)
        await third.kill()
    await database.close()

    letters = {address: the_letter(sink, address, most=3) for address in everybody}
    twice = [address for address in everybody if len(sink.to(address)) > 1]
    assert len(twice) >= 6
    async with served(env) as made:
        nobody = made.anonymous()
        for message in letters.values():
            assert (await look_at(nobody, Mailbox.token(message))).state is LinkState.VALID
        for address in twice[:3]:
            username = address.partition("@")[0]
            await registration_confirm(nobody, Mailbox.token(letters[address]), username, PASSWORD)


async def test_server_killed_amid_requests_keeps_what_it_accepted_and_nothing_by_half(
    env: dict[str, str], url: str, tmp_path: Path
) -> None:
    numbers, accepted, lanes = count(), list[str](), 5
    async with server(env, tmp_path) as doomed:

        async def register_on() -> None:
            for number in numbers:
                address = f"client{number}@home.example"
                await register(doomed, [address])
                accepted.append(address)

        work = [asyncio.create_task(register_on()) for _ in range(lanes)]
        await until(lambda: len(accepted) >= 10)
        await doomed.program.kill()
        ends = await asyncio.gather(*work, return_exceptions=True)
    assert all(isinstance(end, httpx2.TransportError) for end in ends)

    database = Database(url)
    registrations, letters = [await counted(database, one) for one in (Registration, Letter)]
    await database.close()
    assert len(accepted) <= registrations <= len(accepted) + lanes
    assert letters == registrations + 1  # and the invitation of the administrator


async def test_transaction_of_a_killed_server_leaves_nothing(
    env: dict[str, str], url: str, sink: Sink, tmp_path: Path
) -> None:
    database = Database(url)
    async with server(env, tmp_path, module=PATIENT) as doomed:
        await done(database)
        async with nobody_writes_letters(database):
            asking = asyncio.create_task(register(doomed, people(1)))
            await asyncio.sleep(0.5)
            assert not asking.done()
            await doomed.program.kill()
        with pytest.raises(httpx2.TransportError):
            await asking
    await asyncio.sleep(0.2)
    assert await counted(database, Registration) == 0
    assert await states(database) == [LetterState.SENT]
    await database.close()
    assert len(sink.deliveries) == 1


async def test_two_servers_send_each_letter_once_and_end_in_order(
    env: dict[str, str], url: str, sink: Sink, tmp_path: Path
) -> None:
    everybody, late = people(30), people(5, "late")
    env |= {"COURIER_LEASE": "60", "DRAIN_SECONDS": "60"}
    async with server(env, tmp_path, module=PATIENT) as one, server(env, tmp_path) as other:
        await asyncio.gather(register(one, everybody[::2]), register(other, everybody[1::2]))
        await sink.reached([ADMIN, *everybody])

        database = Database(url)
        async with AsyncExitStack() as asked:
            async with nobody_writes_letters(database):
                registrations = [
                    {"query": REGISTER, "variables": {"input": form(address)}} for address in late
                ]
                under_way = [
                    await asked.enter_async_context(asking(one, each)) for each in registrations
                ]
                one.program.signal(signal.SIGTERM)
                await until(partial(nobody_listens, one.client.base_url))
                assert await counted(database, Registration) == len(everybody)
            for each in under_way:
                assert b'"accepted":true' in (await each.answer()).body
        assert (await one.program.end()).status == 0

        await sink.reached(late)
        await done(database)
        await database.close()
        assert len(sink.deliveries) == len(everybody) + len(late) + 1
        for address in [ADMIN, *everybody, *late]:
            the_letter(sink, address, most=1)

        other.program.signal(signal.SIGTERM)
        ended = await other.program.end()
        assert (ended.status, "Traceback" in ended.complained) == (0, False)


async def test_courier_that_is_told_to_stop_finishes_its_letters(
    env: dict[str, str], url: str, sink: Sink, tmp_path: Path
) -> None:
    sink.before = 0.5
    env |= {"COURIER_LEASE": "60"}
    async with program("courier", env=env, folder=tmp_path) as running:
        async with asyncio.timeout(60):
            while not sink.attempts:  # noqa: ASYNC110 - nothing tells of a beginning
                await asyncio.sleep(0.01)
        running.signal(signal.SIGTERM)
        ended = await running.end()
    assert (ended.status, "Traceback" in ended.complained) == (0, False)
    assert len(sink.deliveries) == 1
    database = Database(url)
    assert await states(database) == [LetterState.SENT]
    await database.close()
