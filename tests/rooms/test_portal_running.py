"""Ctrl-C, full disks: what commands then say is true, and no shell takes them for done."""

import asyncio
import datetime as dt
import os
import pkgutil
import signal
import sys
from collections.abc import AsyncIterator, Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import Select, func, select, update

from models import Client, Database, Letter, LetterState, Organization, Staff
from models.migrate import current, downgrade, head
from portal.demo import APPROVED, PENDING, STAFF
from portal.whole import whole
from tests.conftest import Clinics, Databases
from tests.crash.programs import Ended, environment, program
from tests.mailbox import Mailbox
from tests.rooms.conftest import Says
from tests.rooms.test_portal_commands import founding
from tests.stories.test_bulk_2_files import file, line

Press = Callable[..., None]

EXPORT = "export-clients", "--organization", "riverside", "--as", "olivia"
IMPORT = "import-clients", "--organization", "riverside", "--as", "dora"
MIGRATION = "Tables are brought up to date as a whole, or not at all."


@pytest.fixture
def at_home(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Callable[[str], None]:
    """Tell commands which database is theirs; their letters are files."""

    def told(url: str) -> None:
        for name, value in environment(url, tmp_path / "mail").items():
            monkeypatch.setenv(name, value)

    return told


@pytest.fixture
def home(at_home: Callable[[str], None], url: str) -> str:
    """The URL of a database with nobody in it, which is that of commands."""
    at_home(url)
    return url


@pytest.fixture(params=["sqlite", "postgresql"])
async def riverside(
    request: pytest.FixtureRequest,
    clinics: Clinics,
    databases: Databases,
    at_home: Callable[[str], None],
    tmp_path: Path,
) -> AsyncIterator[str]:
    """The URL of a database with a clinic in it, which is that of commands."""
    template, _ = await clinics.made(request.param)
    url = await databases.copy(template, tmp_path)
    at_home(url)
    yield url
    if request.param == "postgresql":
        await databases.drop(url)


@pytest.fixture
def ctrl_c(monkeypatch: pytest.MonkeyPatch) -> Iterator[Press]:
    """Have Ctrl-C pressed, once or more, when a function of ours is called for the nth time."""

    def press(target: str, call: int = 1, times: int = 1) -> None:
        real, calls = pkgutil.resolve_name(target), 0

        def called(*said: Any, **named: Any) -> Any:
            nonlocal calls
            calls += 1
            for _ in range(times if calls == call else 0):
                signal.raise_signal(signal.SIGINT)
            return real(*said, **named)

        monkeypatch.setattr(target.replace(":", "."), called)

    # Whoever runs the tests in the background has them ignore it.
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    yield press
    signal.signal(signal.SIGINT, before)


def found(url: str, *statements: Select[Any]) -> list[Any]:
    """What each of the statements finds."""

    async def look() -> list[Any]:
        database = Database(url)
        values = await database.read(lambda c: [c.scalar(one) for one in statements])
        await database.close()
        return values

    return asyncio.run(look())


def how_many(model: Any) -> Select[Any]:
    """How many rows there are."""
    return select(func.count()).select_from(model)


# --- commands that do one thing -----------------------------------------------------------------


def test_what_was_begun_is_done_and_said_to_be(says: Says, ctrl_c: Press, home: str) -> None:
    ctrl_c("portal.cli:create_organization")
    ended = says(*founding())
    told = "Interrupted. It is done, and couriers send what letters are left.\n"
    assert ended == Ended(130, "", told)
    left = select(Letter.state)
    assert found(home, how_many(Organization), left) == [1, LetterState.QUEUED]


def test_who_does_not_wait_is_not_told_more_than_is_known(
    says: Says, ctrl_c: Press, home: str
) -> None:
    ctrl_c("portal.cli:create_organization", times=2)
    told = "Interrupted. It may be done, or not: look, before you do it again.\n"
    assert says(*founding()) == Ended(130, "", told)
    assert found(home, how_many(Organization)) == [0]


@pytest.mark.parametrize(
    ("words", "told"),
    [
        (["serve"], MIGRATION),
        (["migrate"], MIGRATION),
        (founding(), "Nothing was done."),
        (["courier"], "What was under way is taken up by the next that starts."),
    ],
    ids=lambda given: given[0] if isinstance(given, list) else "",
)
def test_an_interrupted_migration_is_none_and_nothing_is_begun_after_it(
    says: Says,
    ctrl_c: Press,
    home: str,
    monkeypatch: pytest.MonkeyPatch,
    words: list[str],
    told: str,
) -> None:
    begun: list[object] = []
    monkeypatch.setattr("portal.life.serve", lambda *said: begun.append(said))
    monkeypatch.setattr("portal.cli.delivering", begun.append)
    monkeypatch.setattr("portal.cli.create_organization", lambda *said: begun.append(said))
    monkeypatch.setattr("portal.logs.set_up", lambda *_said: None)
    asyncio.run(at_revision(home, "base"))
    ctrl_c("alembic.command:upgrade")
    assert says(*words) == Ended(130, "", f"Interrupted. {told}\n")
    assert begun == []
    assert asyncio.run(at_revision(home)) is None
    assert says("migrate").said == f"The database is at revision {head()}.\n"


async def at_revision(url: str, back_to: str = "") -> str | None:
    """At which revision the database is, after it was brought back to this one."""
    database = Database(url)
    if back_to:
        await downgrade(database, back_to)
    revision = await current(database)
    await database.close()
    return revision


async def test_a_courier_ends_in_order(url: str, mailbox: Mailbox, tmp_path: Path) -> None:
    async with program("courier", env=environment(url, mailbox), folder=tmp_path) as running:
        await running.until("Delivering letters")
        running.signal(signal.SIGINT)
        assert (await running.end()).status == 0


# --- commands that do one thing after the other -------------------------------------------------


def test_what_has_gone_is_told(says: Says, ctrl_c: Press, home: str) -> None:
    async def age() -> None:
        database = Database(home)
        old = update(Letter).values(done_at=dt.datetime(2020, 1, 1, tzinfo=dt.UTC))
        await database.write(lambda c: c.execute(old))
        await database.close()

    says(*founding())
    asyncio.run(age())
    ctrl_c("portal.cli:count_over")
    assert says("purge") == Ended(130, "", "Interrupted. Nothing is changed.\n")
    assert found(home, how_many(Letter)) == [1]
    ctrl_c("portal.cli:sweep")
    assert says("purge", "--yes") == Ended(130, "", "Interrupted. Gone, at least: letters 1.\n")
    assert found(home, how_many(Letter)) == [0]


def test_chains_that_were_not_checked_are_not_said_to_be_whole(
    says: Says, ctrl_c: Press, home: str
) -> None:
    for slug in ("hilltop", "lakeside"):
        assert says(*founding(slug)).status == 0
    told = "Interrupted. Of organizations that are not listed nothing is known.\n"
    ctrl_c("resolvers.chain:_verdict", call=2)
    ended = says("audit", "verify")
    assert (ended.status, ended.complained) == (130, told)
    assert ended.said.startswith("hilltop: 3 events, ")
    assert "lakeside" not in ended.said
    ctrl_c("portal.cli:verify")
    assert says("audit", "verify", "--organization", "hilltop") == Ended(130, "", told)


def test_organizations_are_made_up_as_a_whole(says: Says, ctrl_c: Press, home: str) -> None:
    ctrl_c("portal.populate:_write")
    ended = says("populate", "--organizations", "2", "--clients", "40")
    told = "Interrupted. Organizations are there as a whole, or not at all.\n"
    assert ended == Ended(130, "", told)
    assert found(home, how_many(Organization), how_many(Client)) == [1, 20]


def test_a_batch_that_was_begun_is_imported_and_counted(
    says: Says, ctrl_c: Press, riverside: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("portal.importing.MOST_ROWS", 2)
    path = file(tmp_path, line("nell"), "No,New,nobody,1984-02-29", line("nick"))
    (before,) = found(riverside, how_many(Client))

    ctrl_c("portal.importing:clients_import", times=2)
    hasty = says(*IMPORT, path)
    then = "Run it again, and it goes on where it was."
    told = "Interrupted. 0 imported, 0 there already, 0 bad. Of 2 more that is not known."
    assert hasty == Ended(130, "", f"{told} {then}\n")

    ctrl_c("portal.importing:clients_import")
    checked = says(*IMPORT, "--check", path)
    bad = "line 3, email: This is not an e-mail address.\n"
    told = "Interrupted. 1 could be imported, 0 there already, 1 bad. Nothing is changed.\n"
    assert checked == Ended(130, "", f"{bad}{told}")
    assert found(riverside, how_many(Client)) == [before]

    ctrl_c("portal.importing:clients_import")
    interrupted = says(*IMPORT, path)
    told = f"Interrupted. 1 imported, 0 there already, 1 bad. {then}\n"
    assert interrupted == Ended(130, "", f"{bad}{told}")
    assert found(riverside, how_many(Client)) == [before + 1]
    again = says(*IMPORT, path)
    assert again == Ended(1, "1 imported, 1 there already, 1 bad.\n", bad)


def test_a_part_of_an_export_is_not_said_to_be_all(
    says: Says, ctrl_c: Press, riverside: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    ctrl_c("portal.exporting:clients_exported")
    with (tmp_path / "piped").open("w") as out:
        monkeypatch.setattr(sys, "stdout", out)
        told = "Interrupted. What was written may not be all of it.\n"
        assert says(*EXPORT) == Ended(130, "", told)


def test_half_a_clinic_is_none(
    says: Says,
    ctrl_c: Press,
    at_home: Callable[[str], None],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    # So what the demo sets for itself is undone.
    at_home("")
    monkeypatch.setenv("WEBHOOKS_ALLOW_PRIVATE", "")
    monkeypatch.setenv("LOG_LEVEL", "")
    monkeypatch.setattr("portal.cli._end_in_order", lambda: None)
    served: list[object] = []
    monkeypatch.setattr("portal.life.serve", lambda *said, **_named: served.append(said))

    ctrl_c("resolvers:staff_create", call=3)
    told = "Interrupted. The clinic opens with the next start.\n"
    assert says("demo", "--directory", "clinic") == Ended(130, "", told)
    assert served == []
    clinic = tmp_path / "clinic"
    assert sorted(path.name for path in clinic.iterdir()) == ["demo.part", "demo.secret"]

    assert says("demo", "--directory", "clinic").status == 0
    assert len(served) == 1
    made = ["demo.secret", "demo.sqlite3", "mail"]
    assert sorted(path.name for path in clinic.iterdir()) == made
    counts = found(f"sqlite:///{clinic / made[1]}", *map(how_many, (Client, Staff, Letter)))
    letters = len(list((clinic / "mail").glob("*.eml")))
    assert counts == [len(APPROVED) + len(PENDING) + 4, len(STAFF) + 1, letters]


# --- files that cannot be written, or read ------------------------------------------------------


def test_on_a_full_disk_nothing_is_exported_and_that_is_said(
    says: Says, riverside: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    output, part = tmp_path / "clients.csv", tmp_path / "clients.csv.part"
    output.write_text("what was there before")
    part.symlink_to("/dev/full")
    told = "--output: No space left on device.\n"
    assert says(*EXPORT, "--output", output.name) == Ended(2, "", told)
    assert output.read_text() == "what was there before"
    assert not part.is_symlink()
    with Path("/dev/full").open("w") as full:
        monkeypatch.setattr(sys, "stdout", full)
        told = "Standard output: No space left on device.\n"
        assert says(*EXPORT) == Ended(2, "", told)


def test_whoever_reads_no_further_is_no_full_disk(monkeypatch: pytest.MonkeyPatch) -> None:
    reads, writes = os.pipe()
    os.close(reads)
    with os.fdopen(writes, "wb") as out:
        monkeypatch.setattr(sys, "stdout", out)
        with pytest.raises(BrokenPipeError), whole(None) as write:
            write(b"somebody")


def test_a_file_that_cannot_be_read_on_is_told(says: Says, riverside: str) -> None:
    """The memory of a process can be opened, and has nothing at its beginning."""
    told = "The file cannot be read: Input/output error.\n"
    assert says(*IMPORT, "/proc/self/mem") == Ended(2, "", told)
