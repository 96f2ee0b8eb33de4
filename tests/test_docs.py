"""The pages say what is there: links lead somewhere, tests that are named exist, SQL runs."""

import ast
import re
from pathlib import Path

import pytest

from models import AuditAction, Database, DeliveryState, LetterState, WebhookEvent, WebhookState
from permissions import Permission
from portal.cli import commands
from portal.settings import Settings
from resolvers import Code
from schema import ErrorCode
from tests import operations
from tests.crash.programs import ROOT

PAGES = sorted([*ROOT.glob("*.md"), *ROOT.glob("docs/**/*.md"), *ROOT.glob("examples/*/README.md")])

_LINK = re.compile(r"\]\(([^)\s]+)\)")
_TEST = re.compile(r"`([\w/]+\.py)::((?:\w+::)?test_\w+)`")
_HEADING = re.compile(r"^#+ (.+)$", re.MULTILINE)
_NO_ANCHOR = re.compile(r"[^\w\- ]")
WRITTEN_BY_BENCH = ROOT / "docs" / "performance.md"


def anchors(page: Path) -> set[str]:
    """The names of its headings in links."""
    headings = _HEADING.findall(page.read_text())
    return {_NO_ANCHOR.sub("", heading.lower()).replace(" ", "-") for heading in headings}


def names_in(path: Path) -> set[str]:
    """The names of the tests in a file, those in a class behind its name."""
    found = set[str]()
    for one in ast.parse(path.read_text()).body:
        inside = one.body if isinstance(one, ast.ClassDef) else [one]
        prefix = f"{one.name}::" if isinstance(one, ast.ClassDef) else ""
        found |= {
            prefix + each.name
            for each in inside
            if isinstance(each, ast.FunctionDef | ast.AsyncFunctionDef)
        }
    return found


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_every_link_leads_somewhere(page: Path) -> None:
    for link in _LINK.findall(page.read_text()):
        if "://" in link:
            continue
        path, _, anchor = link.partition("#")
        target = (page.parent / path).resolve() if path else page
        if target == WRITTEN_BY_BENCH:
            continue
        assert target.exists(), link
        assert not anchor or anchor in anchors(target), link


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_every_test_that_is_named_exists(page: Path) -> None:
    for file, name in _TEST.findall(page.read_text()):
        assert name in names_in(ROOT / "tests" / file), f"{file}::{name}"


def test_every_row_of_security_says_how_it_is_tested_or_why_not() -> None:
    """From `A1` to `E24` without a gap, and every cell is filled in but the figure's."""
    page = (ROOT / "docs" / "security.md").read_text()
    rows = re.findall(r"^\| ([A-E])(\d+) \| (.+?) \| (.+?) \| (.*?) ?\|$", page, re.MULTILINE)
    found: dict[str, list[int]] = {}
    for letter, number, *_ in rows:
        found.setdefault(letter, []).append(int(number))
    numbers = {"A": 21, "B": 14, "C": 19, "D": 15, "E": 24}
    assert found == {letter: list(range(1, last + 1)) for letter, last in numbers.items()}


async def test_every_statement_for_operators_runs(database: Database) -> None:
    found = await operations.run(database, operations.PAGE)
    assert len(found) == len(list(operations.statements(operations.PAGE))) > 8


# Every command, setting, permission, letter, event and code is somewhere on the pages.

PROSE = "\n".join(page.read_text() for page in PAGES if page.name != "CHANGELOG.md")
COMMANDS = [one.name or one.callback.__name__ for one in commands.registered_commands]  # type: ignore[union-attr]
GROUPS = [
    f"{group.name} {one.name}"
    for group in commands.registered_groups
    for one in (group.typer_instance and group.typer_instance.registered_commands) or ()
]


@pytest.mark.parametrize("command", [*COMMANDS, *GROUPS])
def test_every_command_is_on_a_page(command: str) -> None:
    """Behind `python -m portal`, or as code that is it or begins with it: no folder's name."""
    assert re.search(rf"python -m portal {command}\b|`{command}[` ]", PROSE)


@pytest.mark.parametrize("setting", [name.upper() for name in Settings.model_fields])
def test_every_setting_is_on_a_page(setting: str) -> None:
    assert f"`{setting}`" in PROSE


@pytest.mark.parametrize("word", [*Permission, *Code, *ErrorCode])
def test_every_permission_and_every_code_is_on_a_page(word: str) -> None:
    assert re.search(rf"\b{word}\b", PROSE)


@pytest.mark.parametrize("action", AuditAction)
def test_every_event_of_the_trail_is_on_a_page(action: AuditAction) -> None:
    assert re.search(rf"\b{action}\b", PROSE)


@pytest.mark.parametrize("state", sorted({*LetterState, *WebhookState, *DeliveryState}))
def test_every_state_of_what_is_sent_is_on_a_page(state: str) -> None:
    assert f"`{state}`" in PROSE


@pytest.mark.parametrize("event", WebhookEvent)
def test_every_event_of_a_webhook_is_on_a_page(event: WebhookEvent) -> None:
    assert f"`{event.sent_as}`" in PROSE
