"""Every mutation, and what the audit trail is told of it: who, on whom, and what is different.

The good input of each in `tests.test_mutations` is asked for twice: once when the trail cannot be
written, after which nothing is different anywhere, and once when it can; then the events are what
`tests/told.txt` says. A mutation without an entry there fails.
"""

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import select, text

from models import AuditEvent, Record, Role, outside
from resolvers import verify
from tests.test_mutations import ENTRIES, MUTATIONS, Asking
from tests.world import Clinic, World

GOLDEN = Path(__file__).with_name("told.txt")
NEWS: dict[str, list[str]] = {
    name: [] if lines == ["nothing"] else lines
    for name, *lines in (
        [line.strip() for line in section.splitlines()]
        for section in GOLDEN.read_text().split("\n\n")
    )
}
"""What the trail is told of each mutation."""

_PREFIXES = {"CLIENT": "cli_", "STAFF": "stf_", "SERVICE_KEY": "key_"}

AFTERWARDS = {"passwordResetRequest"}
"""Those that only write down what is asked; who does it afterwards tells the trail."""


def test_every_mutation_has_an_entry() -> None:
    assert sorted(NEWS) == MUTATIONS


@pytest.mark.parametrize("name", MUTATIONS)
async def test_it_is_told_or_it_does_not_happen(world: World, clinic: Clinic, name: str) -> None:
    entry = ENTRIES[name]
    prepared = await entry.prepare(world, clinic) if entry.prepare else {}
    asking = Asking(world, clinic, prepared)
    if NEWS[name] and name not in AFTERWARDS:
        async with world.unchanged():
            await execute(world, "ALTER TABLE audit_events RENAME TO elsewhere")
            codes = await asking.told(name, entry.who, entry.args)
            await execute(world, "ALTER TABLE elsewhere RENAME TO audit_events")
            assert codes == ["INTERNAL_SERVER_ERROR"]
    before = len(await events(world))
    assert await asking.told(name, entry.who, entry.args) == ["done"]
    await world.settled()
    new = (await events(world))[before:]
    assert [said(event, clinic, prepared) for event in new] == NEWS[name]
    for typed in typed_in(entry.args):
        assert typed not in repr(new), f"{typed} is in the trail"
    verdicts = [verdict async for verdict in verify(world.database)]
    assert [verdict.broken for verdict in verdicts] == [None] * 3


async def execute(world: World, statement: str) -> None:
    await world.database.write(lambda connection: connection.execute(text(statement)))


async def events(world: World) -> list[Record]:
    wanted = select(*AuditEvent.__table__.c).order_by(AuditEvent.id)
    return list(await world.database.read(lambda c: c.execute(wanted).all()))


def said(event: Record, clinic: Clinic, prepared: dict[str, str]) -> str:
    """The event as words, with the names that the clinic has for its people and departments."""
    names = {id: name for name, id in {**prepared, **clinic.ids}.items()}

    def name(prefix: str, id: Any) -> str:
        return names.get(outside(prefix, id), "new")

    by = event.actor_kind.lower()
    if event.actor_id:
        by = name(_PREFIXES[event.actor_kind], event.actor_id)
    how = [*map(short, event.roles), event.scope, event.surface]
    if any(how):
        by += f" ({' '.join(filter(None, how))})"
    on = [
        name(prefix, id)
        for prefix, id in (
            ("cli_", event.client_id),
            ("stf_", event.staff_id),
            ("dep_", event.department_id),
        )
        if id
    ]
    for_ = sorted(name("dep_", id) for id in event.departments)
    changes = ", ".join(change(one, names) for one in event.changes)
    words = f"{event.action} by {by} on {' and '.join(on) or '-'} for {' and '.join(for_) or '-'}"
    return f"{words}: {changes or '-'}" + (f"; {event.reason}" if event.reason else "")


def short(role: str) -> str:
    return "".join(word[0] for word in Role(role).split("_"))


def change(one: dict[str, Any], names: dict[str, str]) -> str:
    if one.get("redacted"):
        assert set(one) == {"field", "redacted"}
        return str(one["field"])
    assert set(one) == {"field", "before", "after"}
    return f"{one['field']} {value(one['before'], names)}>{value(one['after'], names)}"


def value(one: Any, names: dict[str, str]) -> str:
    match one:
        case {"role": role, "departmentId": department}:
            return f"{short(role)} {value(department, names)}"
        case list():
            return f"[{', '.join(value(each, names) for each in one)}]"
        case str() if re.fullmatch(r"[a-z]{3}_[0-9a-f]{32}", one):
            return names.get(one, "new")
    return str(one)


def typed_in(args: Any) -> Iterator[str]:
    """What somebody typed: no ids, no words of the schema."""
    if isinstance(args, dict | list):
        for each in args.values() if isinstance(args, dict) else args:
            yield from typed_in(each)
    elif isinstance(args, str) and not re.fullmatch(r"[@#].*|[A-Z_]+", args):
        yield args
