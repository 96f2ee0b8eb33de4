"""Kill -9 while events are on their way: none is lost, and one that comes twice is the same."""

from pathlib import Path

import pytest
from sqlalchemy import insert, select

from models import (
    Database,
    Delivery,
    DeliveryState,
    Organization,
    Webhook,
    WebhookEvent,
    WebhookState,
    new_id,
    outside,
)
from resolvers import Founding, create_organization
from tests.crash.programs import environment, program, server
from tests.crash.test_crash import ADMIN, people, register, register_here, served
from tests.mailbox import Mailbox
from tests.receiver import Fault, Receiver

SECRET = "whsec_c2V2ZW4gaGVyb25zIG92ZXIgdGhlIHJpdmVyLCAxMjM="


@pytest.fixture
async def env(url: str, mailbox: Mailbox) -> dict[str, str]:
    """The environment of programs that serve an organization and may ask this machine."""
    env = environment(url, mailbox, WEBHOOKS_ALLOW_PRIVATE="true")
    async with served(env) as made:
        await create_organization(
            made.anonymous(),
            Founding("Riverside Clinic", "riverside", "Mental Health", ADMIN, "Olivia", "Hart"),
        )
    return env


async def webhook(env: dict[str, str], url: str) -> None:
    """A webhook of the organization that is there, for registrations."""
    async with served(env) as made:
        services = made.services
        organizations = select(Organization.id)
        organization = await services.database.read(lambda c: c.scalars(organizations).one())
        owner = organization, new_id()
        row = {
            "organization_id": owner[0],
            "id": owner[1],
            "name": "Partner",
            "url": url,
            "events": [WebhookEvent.CLIENT_REGISTERED],
            "state": WebhookState.ACTIVE,
            "secret": services.vault.encrypt(SECRET, *owner),
            "created_at": services.clock(),
        }
        await services.database.write(lambda c: c.execute(insert(Webhook).values(row)))


async def ids(database: Database) -> set[str]:
    """The ids of all events, as receivers know them."""
    found = select(Delivery.id)
    rows = await database.read(lambda c: list(c.scalars(found)))
    return {outside("dlv_", id) for id in rows}


async def test_events_survive_whoever_carries_them(env: dict[str, str], tmp_path: Path) -> None:
    """A server dies while the receiver stalls, another while it is away, then a courier."""
    everybody = people(24)
    async with Receiver() as receiver:
        await webhook(env, receiver.url)
        receiver.always = Fault.STALL
        async with server(env, tmp_path) as first:
            await register(first, everybody[:8])
            await first.program.kill()
        assert receiver.received == []
        receiver.always = Fault.CUT_AFTER
        async with server(env, tmp_path) as second:
            await register(second, everybody[8:16])
            await receiver.wait(1)
            await second.program.kill()
        receiver.always = 204
        await register_here(env, everybody[16:])
        async with program("courier", env=env, folder=tmp_path) as third:
            await receiver.wait(len(receiver.received) + 1)
            await third.kill()
        async with program("courier", env=env, folder=tmp_path) as last, served(env) as made:
            expected = await ids(made.services.database)
            assert len(expected) == len(everybody)
            await receiver.until(expected)
            await last.until("SENT")
        assert {one.id for one in receiver.received} == expected
        bodies = {(one.id, one.body) for one in receiver.received}
        assert len(bodies) == len(expected)
        for one in receiver.received:
            assert one.verified(SECRET)["type"] == "client.registered"


async def test_what_was_taken_is_not_sent_again(env: dict[str, str]) -> None:
    async with Receiver() as receiver:
        await webhook(env, receiver.url)
        await register_here(env, people(5))
        async with served(env) as made:
            await made.webhooks.deliver_due()
            await made.webhooks.deliver_due()
            states = select(Delivery.state)
            found = await made.services.database.read(lambda c: list(c.scalars(states)))
            assert found == [DeliveryState.SENT] * 5
            assert await ids(made.services.database) == {one.id for one in receiver.received}
        assert len(receiver.received) == 5
