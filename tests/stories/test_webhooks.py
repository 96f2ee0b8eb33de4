"""Webhooks: what happens to clients is told to partners' servers, and nothing is lost."""

import datetime as dt
import uuid
from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import replace
from typing import Any, TypeVar

import pytest
from sqlalchemy import Connection, select, update
from standardwebhooks import WebhookVerificationError

from models import Database, Delivery, Webhook, WebhookEvent
from permissions import Vault
from resolvers import encrypt_anew, pause_unreachable
from tests.leaks.paths import output
from tests.receiver import Receiver
from tests.stories.asking import ERRORS
from tests.world import APPROVE, SECRET, Clinic, World, problems

T = TypeVar("T")

MAKE = f"""
mutation ($input: WebhookCreateInput!) {{
  webhookCreate(input: $input) {{
    webhook {{ id name url events state department {{ name }} previousSecretUntil }} secret {ERRORS}
  }}
}}
"""
LOG = """
query ($id: ID!) { node(id: $id) { ... on Webhook { state deliveries(last: 100) { nodes {
  id event state attempts error payload client { id }
} } } } }
"""


def changing(name: str) -> str:
    """The document of a mutation that takes a webhook's id."""
    secret = "secret" if name == "webhookSecretRotate" else ""
    return f"""mutation ($id: ID!) {{
      {name}(id: $id) {{ webhook {{ id state previousSecretUntil }} {secret} {ERRORS} }}
    }}"""


REPLAY = f"""mutation ($id: ID!) {{
  webhookDeliveryReplay(id: $id) {{ delivery {{ id state attempts }} {ERRORS} }}
}}"""


@pytest.fixture
async def there() -> AsyncIterator[Receiver]:
    async with Receiver() as receiver:
        yield receiver


@pytest.fixture(autouse=True)
def today(world: World) -> None:
    """Receivers believe only what was signed about now, by their own clocks."""
    world.clock.now = dt.datetime.now(dt.UTC)


async def made(
    world: World, clinic: Clinic, url: str, by: str = "olivia", **more: Any
) -> tuple[str, str]:
    """The id and the secret of a new webhook, for every event."""
    said = {"name": "Billing", "url": url, "events": list(WebhookEvent), **more}
    payload = await world.do(MAKE, {"input": said}, await signed_in(world, by))
    assert payload["userErrors"] == []
    return payload["webhook"]["id"], payload["secret"]


async def signed_in(world: World, name: str) -> str:
    return await world.sign_in(name)


async def log(world: World, webhook: str, by: str = "olivia") -> Any:
    """The webhook's deliveries, as its manager reads them."""
    await world.settled()
    found = await world.do(LOG, {"id": webhook}, await signed_in(world, by))
    return found["deliveries"]["nodes"]


async def approve(world: World, clinic: Clinic, client: str = "chloe", **more: Any) -> None:
    said = {"id": clinic.ids[client], "input": more or None}
    payload = await world.do(APPROVE, said, await signed_in(world, "olivia"))
    assert payload["userErrors"] == []


async def change(world: World, name: str, id: str, by: str = "olivia") -> Any:
    payload = await world.do(changing(name), {"id": id}, await signed_in(world, by))
    assert payload["userErrors"] == []
    return payload


def key(id: str) -> uuid.UUID:
    """The id as the tables hold it."""
    return uuid.UUID(id.partition("_")[2])


async def test_a_partner_is_told_of_an_approval_by_ids_alone(
    world: World, clinic: Clinic, there: Receiver
) -> None:
    id, secret = await made(world, clinic, there.url)
    pia, mental = clinic.ids["pia"], clinic.ids["mental"]
    await approve(world, clinic, associations=[{"practitionerId": pia, "departmentId": mental}])
    received = {one.verified(secret)["type"]: one for one in await there.wait(2)}
    riverside, chloe = clinic.ids["riverside"], clinic.ids["chloe"]
    ids = {"organizationId": riverside, "clientId": chloe, "departmentId": mental}
    assert {name: one.verified(secret)["data"] for name, one in received.items()} == {
        "client.approved": ids,
        "client.associated": {**ids, "practitionerId": pia},
    }
    first, second = await log(world, id)
    assert (first["event"], first["state"], first["attempts"]) == ("CLIENT_APPROVED", "SENT", 1)
    assert first["payload"] == received["client.approved"].verified(secret)
    assert first["id"] == received["client.approved"].id
    assert first["client"] == second["client"] == {"id": chloe}
    for canary in ("Chloe", "Client", "chloe@", "555 0100"):
        assert canary.encode() not in b"".join(one.body for one in there.received)


async def test_an_event_goes_where_the_client_s_department_is(
    world: World, clinic: Clinic, there: Receiver
) -> None:
    """Of a client who was not sure: to the whole organization, and where the approval leads."""
    whole, _ = await made(world, clinic, there.url)
    mental, _ = await made(world, clinic, there.url, "dora", departmentId=clinic.ids["mental"])
    family, _ = await made(world, clinic, there.url, "fay", departmentId=clinic.ids["family"])
    lakeside = {"input": {"name": "X", "url": there.url, "events": ["CLIENT_APPROVED"]}}
    token = await world.sign_in("olivia", organization="lakeside")
    theirs = (await world.do(MAKE, lakeside, token))["webhook"]["id"]
    await approve(world, clinic, "dan", departmentId=clinic.ids["mental"])
    assert [one["event"] for one in await log(world, whole)] == ["CLIENT_APPROVED"]
    assert [one["event"] for one in await log(world, mental, "dora")] == ["CLIENT_APPROVED"]
    assert await log(world, family, "fay") == []
    assert (await world.do(LOG, {"id": theirs}, token))["deliveries"]["nodes"] == []
    assert len(there.received) == 2


async def test_a_mutation_that_is_refused_tells_nobody(
    world: World, clinic: Clinic, there: Receiver
) -> None:
    id, _ = await made(world, clinic, there.url)
    said = {"id": clinic.ids["amy"]}
    payload = await world.do(APPROVE, said, await signed_in(world, "olivia"))
    assert problems(payload) == [("NOT_PENDING", "id")]
    assert await log(world, id) == []


async def test_a_paused_webhook_loses_nothing(
    world: World, clinic: Clinic, there: Receiver
) -> None:
    id, _ = await made(world, clinic, there.url)
    payload = await change(world, "webhookPause", id)
    assert payload["webhook"]["state"] == "PAUSED"
    await approve(world, clinic)
    assert [one["state"] for one in await log(world, id)] == ["HELD"]
    assert there.received == []
    payload = await change(world, "webhookResume", id)
    assert payload["webhook"]["state"] == "ACTIVE"
    await there.wait()
    assert [one["state"] for one in await log(world, id)] == ["SENT"]


async def test_what_waited_is_held_when_its_webhook_is_paused(
    world: World, clinic: Clinic, there: Receiver
) -> None:
    there.always = 500
    id, _ = await made(world, clinic, there.url)
    await approve(world, clinic)
    (waiting,) = await log(world, id)
    assert (waiting["state"], waiting["error"]) == ("QUEUED", "the receiver answered 500")
    await change(world, "webhookPause", id)
    world.clock.advance(minutes=10)
    assert [one["state"] for one in await log(world, id)] == ["HELD"]
    there.always = 204
    await change(world, "webhookResume", id)
    assert [one["state"] for one in await log(world, id)] == ["SENT"]
    assert len({one.id for one in there.received}) == 1


async def test_a_receiver_that_is_away_for_days_is_paused_and_administrators_are_told(
    world: World, clinic: Clinic, there: Receiver
) -> None:
    id, _ = await made(world, clinic, there.url)
    other, _ = await made(world, clinic, there.url.replace("of=us", "of=others"))
    async with there.away():
        await approve(world, clinic)
        await world.settled()
        assert await pause_unreachable(world.service.anonymous()) == 0
        await world.new_mail()
        world.clock.advance(days=3)
        await world.service.webhooks.deliver_due()
        # To the other one something got through meanwhile: it is not away.
        its = Delivery.webhook_id == key(other)
        sent = {"state": "SENT", "done_at": world.clock()}
        await world.database.write(lambda c: c.execute(update(Delivery).where(its).values(sent)))
        assert await pause_unreachable(world.service.anonymous()) == 1
        assert await pause_unreachable(world.service.anonymous()) == 0
    mails = await world.new_mail()
    assert [mail.to for mail in mails] == ["olivia@riverside.example", "oscar@riverside.example"]
    assert mails[0].subject == "A webhook of Riverside Clinic is paused"
    assert "Billing" in mails[0].text
    assert id in mails[0].text
    token = await signed_in(world, "olivia")
    states = "{ webhooks(state: UNREACHABLE) { nodes { id } } }"
    assert (await world.do(states, token=token))["nodes"] == [{"id": id}]
    told = "{ auditEvents(action: WEBHOOK_PAUSED) { nodes { actorKind changes } } }"
    (event,) = (await world.do(told, token=token))["nodes"]
    assert event["actorKind"] == "SERVER"
    assert [one["after"] for one in event["changes"]] == [id, "UNREACHABLE"]
    assert there.received == []
    await change(world, "webhookResume", id)
    world.clock.advance(minutes=1)
    await there.wait()
    assert [one["state"] for one in await log(world, id)] == ["SENT"]
    assert await pause_unreachable(world.service.anonymous()) == 0


class Late(Database):
    """A database of which everybody who reads it learns late: something happens meanwhile."""

    meanwhile: Callable[[], Awaitable[None]]

    async def read(self, work: Callable[[Connection], T]) -> T:
        found = await super().read(work)
        await self.meanwhile()
        return found


@pytest.mark.parametrize("what", ["it is resumed", "something gets through"])
async def test_a_receiver_that_came_back_since_the_look_is_not_paused(
    world: World, clinic: Clinic, there: Receiver, what: str
) -> None:
    id, _ = await made(world, clinic, there.url)
    late = Late(world.settings.database_url)
    server = world.service.anonymous()
    clerk = replace(server, services=replace(server.services, database=late))

    async def resumed() -> None:
        await change(world, "webhookPause", id)
        await change(world, "webhookResume", id)

    async def got_through() -> None:
        sent = {"state": "SENT", "done_at": world.clock()}
        its = Delivery.webhook_id == key(id)
        await world.database.write(lambda c: c.execute(update(Delivery).where(its).values(sent)))

    async with there.away():
        await approve(world, clinic)
        await world.settled()
        world.clock.advance(days=3)
        late.meanwhile = {"it is resumed": resumed, "something gets through": got_through}[what]
        await world.new_mail()
        assert await pause_unreachable(clerk) == 0
    assert await world.new_mail() == []
    states = "{ webhooks(state: ACTIVE) { nodes { id } } }"
    active = await world.do(states, token=await signed_in(world, "olivia"))
    assert active["nodes"] == [{"id": id}]
    await late.close()


async def test_an_event_is_replayed_under_its_own_id(
    world: World, clinic: Clinic, there: Receiver
) -> None:
    id, secret = await made(world, clinic, there.url)
    await approve(world, clinic)
    (sent,) = await log(world, id)
    payload = await world.do(REPLAY, {"id": sent["id"]}, await signed_in(world, "olivia"))
    assert payload["userErrors"] == []
    again, before = reversed(await there.wait(2))
    assert again.id == before.id == sent["id"]
    assert again.verified(secret) == before.verified(secret)
    assert [one["state"] for one in await log(world, id)] == ["SENT"]


async def test_for_a_day_both_secrets_sign(world: World, clinic: Clinic, there: Receiver) -> None:
    id, old = await made(world, clinic, there.url)
    rotated = await change(world, "webhookSecretRotate", id)
    new = rotated["secret"]
    until = dt.datetime.fromisoformat(rotated["webhook"]["previousSecretUntil"])
    assert until == world.clock() + dt.timedelta(hours=24)
    await approve(world, clinic)
    (both,) = await there.wait()
    assert both.verified(old) == both.verified(new)
    # Who rotates twice has the old one forgotten at once.
    newest = (await change(world, "webhookSecretRotate", id))["secret"]
    await approve(world, clinic, "phil")
    _, latest = await there.wait(2)
    assert latest.verified(new) == latest.verified(newest)
    with pytest.raises(WebhookVerificationError):
        latest.verified(old)


async def test_a_webhook_that_has_ended_is_told_nothing_and_keeps_no_secret(
    world: World, clinic: Clinic, there: Receiver
) -> None:
    there.always = 500
    id, _ = await made(world, clinic, there.url)
    await approve(world, clinic)
    await log(world, id)
    await change(world, "webhookEnd", id)
    tried = len(there.received)
    await approve(world, clinic, "phil")
    world.clock.advance(hours=1)
    await world.service.webhooks.deliver_due()
    assert [one["state"] for one in await log(world, id)] == ["CANCELLED"]
    assert len(there.received) == tried
    kept = select(Webhook.secret, Webhook.previous_secret)
    assert await world.database.read(lambda c: list(c.execute(kept))) == [(None, None)]
    for name in ("webhookPause", "webhookResume", "webhookSecretRotate", "webhookEnd"):
        payload = await world.do(changing(name), {"id": id}, await signed_in(world, "olivia"))
        assert problems(payload) == [("WEBHOOK_ENDED", "id")]


async def test_secrets_are_kept_encrypted_and_shown_once(
    world: World, clinic: Clinic, there: Receiver
) -> None:
    id, secret = await made(world, clinic, there.url)
    await change(world, "webhookSecretRotate", id)
    kept = select(Webhook.secret, Webhook.previous_secret)
    (row,) = await world.database.read(lambda c: list(c.execute(kept)))
    vault, owner = world.service.services.vault, (clinic.key("riverside"), key(id))
    assert vault.decrypt(row.previous_secret, *owner) == secret
    assert secret.encode() not in row.secret + row.previous_secret
    assert "secret" not in output("Webhook").fields
    context = world.service.anonymous()
    assert await encrypt_anew(context) == 0
    vault = Vault("another secret of the tests, 9876543210", SECRET)
    services = replace(context.services, vault=vault)
    assert await encrypt_anew(replace(context, services=services)) == 2
    (row,) = await world.database.read(lambda c: list(c.execute(kept)))
    assert not vault.is_outdated(row.secret)
    assert vault.decrypt(row.previous_secret, *owner) == secret
