"""Clients to a file on the command line, `export-clients`; and such a file back in."""

import asyncio
import os
import re
import signal
from collections.abc import Awaitable, Callable
from pathlib import Path

from sqlalchemy import select, update
from sqlalchemy.ext.asyncio import AsyncConnection

from models import AuditAction, AuditEvent, Client, Staff, StaffStatus
from portal.cells import TAKEN
from tests.crash.programs import Ended, Program, program, run
from tests.stories.exporting import cells, crowd, export
from tests.stories.test_bulk_2_files import env
from tests.world import Clinic, World

HOSTILE = {
    "amy": ("=1+2", 'cmd|" /C calc"!A0'),
    "ben": ("+ten", "-10"),
    "bea": ("'=quoted", "x;=1+2; '-3;y"),
    "cleo": ("＝WIDE", 'a,b;"c"'),  # noqa: RUF001 - East Asian spreadsheets run these
    "una": ("-", "'"),
}


async def exports(
    world: World, tmp_path: Path, *more: str, who: str = "olivia", organization: str = "riverside"
) -> Ended:
    """How the command ends in somebody's name."""
    words = "export-clients", "--organization", organization, "--as", who, *more
    return await run(*words, env=env(world), folder=tmp_path)


async def imports(world: World, tmp_path: Path, organization: str, file: str) -> Ended:
    """How a file is imported in olivia's name."""
    words = "import-clients", "--organization", organization, "--as", "olivia", file
    return await run(*words, env=env(world), folder=tmp_path)


def left(folder: Path) -> list[str]:
    """The files of clients that are there."""
    return [path.name for path in folder.glob("clients*")]


async def test_a_file_is_what_the_server_sends(
    world: World, clinic: Clinic, tmp_path: Path
) -> None:
    await crowd(world, clinic, 150)
    token = clinic.token("dora")

    written = await exports(world, tmp_path, "--output", "clients.csv", who="DORA")
    piped = await exports(world, tmp_path, "--format", "jsonl", "--status", "all", who="dora")

    assert written == Ended(0, "152 exported.\n", "")
    file = tmp_path / "clients.csv"
    assert file.read_bytes() == (await export(world, token, "csv")).content
    assert file.stat().st_mode & 0o077 == 0
    everybody = (await export(world, token, "jsonl", status="")).text
    assert piped == Ended(0, everybody, "")
    told = (
        select(AuditEvent.actor_id, AuditEvent.surface, AuditEvent.source, AuditEvent.departments)
        .where(AuditEvent.action == AuditAction.CLIENTS_EXPORTED)
        .order_by(AuditEvent.number)
    )
    events = await world.database.read(lambda c: [tuple(row) for row in c.execute(told)])
    mental = [clinic.key("mental")]
    assert events[:2] == [(clinic.key("dora"), None, None, mental)] * 2


async def test_it_is_done_for_active_staff_who_may_see_clients(
    world: World, clinic: Clinic, tmp_path: Path
) -> None:
    async with world.unchanged():
        for who, told in (
            ("petra", "petra may not export clients."),
            ("norma", "norma may not export clients."),
            ("ivan", "riverside has no active staff 'ivan'."),
            ("amy", "riverside has no active staff 'amy'."),
        ):
            ended = await exports(world, tmp_path, "--output", "clients.csv", who=who)
            assert ended == Ended(2, "", f"--as: {told}\n")
        nowhere = await exports(world, tmp_path, "--output", "nowhere/clients.csv")
        assert nowhere == Ended(2, "", "--output: No such file or directory.\n")
    assert left(tmp_path) == []


async def test_what_is_not_whole_is_no_file(world: World, clinic: Clinic, tmp_path: Path) -> None:
    """What is written meanwhile is a pipe here, of which we take when we like."""
    await crowd(world, clinic, 2000)  # more than a pipe holds
    gone = update(Staff).where(Staff.id == clinic.key("dora")).values(status=StaffStatus.INACTIVE)
    file, part = tmp_path / "clients.csv", tmp_path / "clients.csv.part"
    file.write_text("what was there before")

    async def ends(meanwhile: Callable[[Program], Awaitable[None]]) -> Ended:
        """How it ends when something happens after its first bytes."""
        os.mkfifo(part)
        pipe = os.open(part, os.O_RDONLY | os.O_NONBLOCK)
        words = "export-clients", "--organization", "riverside", "--as", "dora"
        try:
            async with program(
                *words, "--output", file.name, env=env(world), folder=tmp_path
            ) as running:
                while not _taken(pipe):  # noqa: ASYNC110 - it is another process
                    await asyncio.sleep(0.01)
                await meanwhile(running)
                ending = asyncio.create_task(running.end())
                while not ending.done():
                    _taken(pipe)
                    await asyncio.sleep(0.01)
                return await ending
        finally:
            os.close(pipe)

    async def interrupt(running: Program) -> None:
        running.signal(signal.SIGINT)

    async def deactivate(_running: Program) -> None:
        await world.database.write(lambda c: c.execute(gone))

    interrupted = await ends(interrupt)
    cut_off = await ends(deactivate)

    assert interrupted == Ended(130, "", "Interrupted. No file was written.\n")
    assert cut_off == Ended(2, "", "--as: riverside has no active staff 'dora'.\n")
    assert file.read_text() == "what was there before"
    assert left(tmp_path) == [file.name]


def _taken(pipe: int) -> bytes:
    """What there is in the pipe, if there is something."""
    try:
        return os.read(pipe, 4096)
    except BlockingIOError:
        return b""


async def test_a_file_goes_back_in_whatever_is_in_it(
    world: World, clinic: Clinic, tmp_path: Path
) -> None:
    async def rename(connection: AsyncConnection) -> None:
        for name, (first, last) in HOSTILE.items():
            changed = update(Client).where(Client.id == clinic.key(name))
            await connection.execute(changed.values(first_name=first, last_name=last))

    await world.database.write(rename)
    ended = await exports(world, tmp_path, "--output", "clients.csv")
    assert ended.status == 0
    rows = cells((tmp_path / "clients.csv").read_bytes().decode())
    for row in rows:
        for cell in ";".join(row.values()).split(";"):
            assert not re.match(r"\s*[=+\-@＝＋－＠]", cell)  # noqa: RUF001 - as above

    moved = await imports(world, tmp_path, "lakeside", "clients.csv")
    again = await imports(world, tmp_path, "lakeside", "clients.csv")

    assert moved == Ended(0, "5 imported, 0 there already, 0 bad.\n", "")
    assert again == Ended(0, "0 imported, 5 there already, 0 bad.\n", "")
    await exports(world, tmp_path, "--output", "theirs.csv", organization="lakeside")
    theirs = cells((tmp_path / "theirs.csv").read_bytes().decode())
    arrived = [row for row in theirs if row["email"].endswith("@riverside.example")]
    taken = [{name: row[name] for name in TAKEN} for row in rows]
    assert [{name: row[name] for name in TAKEN} for row in arrived] == taken
    assert [row["practitioners"] for row in arrived] == [""] * 5


async def test_who_is_not_active_does_not_become_so_by_a_file(
    world: World, clinic: Clinic, tmp_path: Path
) -> None:
    await exports(world, tmp_path, "--status", "all", "--output", "clients.csv")
    ended = await imports(world, tmp_path, "lakeside", "clients.csv")

    assert (ended.status, ended.said) == (1, "5 imported, 0 there already, 4 bad.\n")
    told = "Who is imported is active: leave out who is not."
    assert re.findall(r"line \d+, status: (.*)", ended.complained) == [told] * 4
