"""C17: of words that are taken and kept, too, nothing is told beside what they are kept for.

The good inputs of `tests.test_mutations` are asked for, with words in them that come up nowhere
else. The mail server takes no letter to such an address, and the receiver of a webhook takes no
event, so that there is something to say of each.
"""

import logging
from pathlib import Path
from typing import Any

import pytest
from prometheus_client import generate_latest

from models import WebhookEvent
from portal import logs
from portal.metrics import REGISTRY
from tests.collector import Collector
from tests.edge.test_logs import CANARY, beside_the_work, events
from tests.hooks import hook
from tests.mailbox import Fault, Mailbox
from tests.receiver import Receiver
from tests.test_mutations import ENTRIES, Asking
from tests.test_webhook_events import DECLARED
from tests.world import PASSWORD, Clinic, Json, World

BORN = "1931-07-19"
PHONE = "+31 20 4711 4242"

OF_WHO_IS_THERE = {"login", "passwordResetRequest"}
"""Those whose words are of people who are there, under other names."""

KEPT = {
    **dict.fromkeys(("firstName", "lastName", "name"), f"{CANARY} {{}}"),
    **dict.fromkeys(("reason", "text", "password"), f"{CANARY} {{}}"),
    **dict.fromkeys(("email", "username"), f"{CANARY}.{{}}"),
    "url": f"https://{CANARY}.example/events",
    "dateOfBirth": BORN,
    "phone": PHONE,
}
"""What is said in each text that is kept, instead of what was to be said there."""


def worded(said: Any, key: str = "") -> Any:
    """The arguments, with words of ours in them."""
    if isinstance(said, dict):
        return {name: worded(one, name) for name, one in said.items()}
    if isinstance(said, list):
        return [worded(one, key) for one in said]
    return KEPT[key].format(said) if key in KEPT and said != PASSWORD else said


WORDED: dict[str, Json] = {
    name: said
    for name, entry in ENTRIES.items()
    if name not in OF_WHO_IS_THERE and (said := worded(entry.args)) != entry.args
}
"""The arguments of each mutation that keeps something."""


@pytest.mark.usefixtures("_logging_as_before")
@pytest.mark.parametrize("name", sorted(WORDED))
async def test_c17_nothing_that_is_kept_is_told_beside_it(
    clinic_at: tuple[str, Clinic], mailbox: Mailbox, tmp_path: Path, name: str
) -> None:
    url, clinic = clinic_at
    entry = ENTRIES[name]
    for address in ("nora@home.example", "amy.new@home.example"):
        mailbox.faults[f"{CANARY}.{address}"] = Fault.LATER
    with (tmp_path / "log").open("wb") as file:
        logs.set_up("json", "info", file.fileno())
        async with Collector() as collector, Receiver() as receiver:
            receiver.always, receiver.more = 500, f"retry-after: {CANARY}\r\nx-why: {CANARY}\r\n"
            async with World(url, mailbox, traces_url=collector.url) as world:
                prepared = await entry.prepare(world, clinic) if entry.prepare else {}
                every = list(WebhookEvent)
                await hook(world, clinic, None, url=f"{receiver.url}&{CANARY}", events=every)
                asking = Asking(world, clinic, prepared)
                assert await asking.told(name, entry.who, WORDED[name]) == ["done"]
                await world.settled()
            traces = collector.traces
        rows, metrics = await beside_the_work(url), generate_latest(REGISTRY).decode()
        logging.getLogger().handlers[0].flush()
    log = (tmp_path / "log").read_text()
    for told in (log, rows, metrics, repr(traces)):
        for word in (CANARY, BORN, PHONE):
            assert word not in told.lower()

    # All of them were told what there was to tell.
    logged = [line["event"] for line in events(log)]
    sends = name in DECLARED
    assert "operation" in logged
    assert any(event.startswith("event ") for event in logged) == sends
    assert ("the receiver answered 500" in rows) == sends
    assert traces.named("mutation")
    assert "portal_operations_total" in metrics
