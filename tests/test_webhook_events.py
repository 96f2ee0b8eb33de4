"""Every mutation sends the events that its description says, and no others.

The good input of each in `tests.test_mutations` is asked for, and what else it takes for all of the
events that are declared; what is put into the outbox for a webhook that wants everything is
compared to `schema.sending`, and that to the descriptions and to `docs/webhooks.md`.
"""

from collections.abc import Sequence
from pathlib import Path

import pytest
from sqlalchemy import select, update

from models import Client, ClientStatus, Delivery, WebhookEvent, WebhookState
from resolvers.announcing import ANNOUNCED
from resolvers.checks import camel
from schema.sending import SENDS
from tests.hooks import hook
from tests.leaks.paths import SCHEMA, root
from tests.test_mutations import ENTRIES, MUTATIONS, PIA, Asking
from tests.world import Clinic, Json, World

PAGE = Path(__file__).parents[1] / "docs" / "webhooks.md"
DECLARED = {camel(name): set(events) for name, events in SENDS.items()}
MORE: dict[str, Sequence[Json]] = {
    "clientReactivate": [{"id": "@phil", "input": {"associations": [PIA]}}]
}
"""Inputs that send what the good one does not; phil was turned down before."""


async def sent(world: World) -> set[WebhookEvent]:
    found = await world.database.read(lambda c: list(c.scalars(select(Delivery.event))))
    return set(found)


@pytest.mark.parametrize("name", MUTATIONS)
async def test_what_is_declared_is_what_is_sent(world: World, clinic: Clinic, name: str) -> None:
    entry = ENTRIES[name]
    prepared = await entry.prepare(world, clinic) if entry.prepare else {}
    everything = {"events": list(WebhookEvent), "state": WebhookState.PAUSED}
    await hook(world, clinic, None, **everything)
    before = await sent(world)
    asking = Asking(world, clinic, prepared)
    assert await asking.told(name, entry.who, entry.args) == ["done"]
    turned_down = update(Client).where(Client.id == clinic.key("phil"))
    values = {"status": ClientStatus.INACTIVE}
    await world.database.write(lambda c: c.execute(turned_down.values(values)))
    for args in MORE.get(name, ()):
        assert await asking.told(name, "olivia", args) == ["done"]
    await world.settled()
    assert await sent(world) - before == DECLARED.get(name, set())


def test_every_description_says_which_events_are_sent() -> None:
    for name in MUTATIONS:
        description = root("mutation", name).description or ""
        said = {event for event in WebhookEvent if f"`{event.sent_as}`" in description}
        assert said == DECLARED.get(name, set()), name
        assert ("to webhooks" in description) is bool(said)


def test_every_event_is_sent_by_something_and_told_on_the_page() -> None:
    assert set().union(*DECLARED.values()) == set(ANNOUNCED.values()) == set(WebhookEvent)
    enumeration = SCHEMA.type_map["WebhookEvent"]
    rows = [
        f"| `{event.sent_as}` | {enumeration.values[event].description} |"  # type: ignore[attr-defined]
        f" {', '.join(f'`{name}`' for name, events in DECLARED.items() if event in events)} |"
        for event in WebhookEvent
    ]
    page = PAGE.read_text().splitlines()
    assert [line for line in page if line.startswith("| `client.")] == rows
