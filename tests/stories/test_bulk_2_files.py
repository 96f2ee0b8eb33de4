"""Clients from a CSV file, on the command line: `import-clients`."""

import asyncio
from pathlib import Path

import pytest
from sqlalchemy import func, select, update

from models import AuditAction, AuditEvent, Client, Letter, LetterState, Staff, StaffStatus
from resolvers import MOST_ROWS
from tests.crash.programs import Ended, environment, program, run
from tests.world import Clinic, Json, World

HEAD = "firstName,lastName,email,dateOfBirth"


def file(folder: Path, *lines: str, head: str = HEAD, encoding: str = "utf-8") -> str:
    path = folder / "clients.csv"
    path.write_text("\n".join((head, *lines)) + "\n", encoding=encoding)
    return str(path)


def line(name: str) -> str:
    return f"{name.title()},New,{name}@home.example,1984-02-29"


def env(world: World) -> dict[str, str]:
    return environment(world.settings.database_url, world.mailbox)


async def imports(world: World, tmp_path: Path, path: str, *more: str, who: str = "dora") -> Ended:
    """How the command ends in somebody's name."""
    words = "import-clients", "--organization", "riverside", "--as", who, *more, path
    return await run(*words, env=env(world), folder=tmp_path)


async def news(world: World, clinic: Clinic) -> list[Json]:
    """The clients who were not there at first."""
    document = """{ clients(search: "new", first: 100, orderBy: OLDEST) {
      nodes { firstName phone dateOfBirth department { name } approvedBy { displayName } }
    } }"""
    found = await world.do(document, token=clinic.token("olivia"))
    return list(found["nodes"])


async def count(world: World) -> int:
    every = select(func.count()).select_from(Client).where(Client.last_name == "New")
    return int(await world.database.read(lambda c: c.execute(every).scalar_one()))


async def letters(world: World) -> list[str]:
    """To whom letters wait for a courier of the server."""
    waiting = select(Letter.recipient).where(Letter.state == LetterState.QUEUED).order_by(Letter.id)
    return list(await world.database.read(lambda c: c.scalars(waiting).all()))


async def test_a_file_is_imported_in_somebodys_name(
    world: World, clinic: Clinic, tmp_path: Path
) -> None:
    head = "department,email,firstName,lastName,phone,dateOfBirth"
    path = file(
        tmp_path,
        'MENTAL health,nell@home.example,"Nell",New,+1 555 0199,1984-02-29',
        "",
        "Physiotherapy, zoe@home.example ,Zoë,New,,1990-05-17",
        head=head,
        encoding="utf-8-sig",
    )

    ended = await imports(world, tmp_path, path, who="OLIVIA")

    assert ended == Ended(0, "2 imported, 0 there already, 0 bad.\n", "")
    olivia = {"displayName": "Olivia Hart"}
    assert await news(world, clinic) == [
        {
            "firstName": "Nell",
            "phone": "+1 555 0199",
            "dateOfBirth": "1984-02-29",
            "department": {"name": "Mental Health"},
            "approvedBy": olivia,
        },
        {
            "firstName": "Zoë",
            "phone": None,
            "dateOfBirth": "1990-05-17",
            "department": {"name": "Physiotherapy"},
            "approvedBy": olivia,
        },
    ]
    created = (
        select(
            AuditEvent.actor_kind,
            AuditEvent.actor_id,
            AuditEvent.scope,
            AuditEvent.surface,
            AuditEvent.source,
        )
        .order_by(AuditEvent.id.desc())
        .where(AuditEvent.action == AuditAction.CLIENT_CREATED)
        .limit(2)
    )
    told = await world.database.read(lambda c: c.execute(created).all())
    by = ("STAFF", clinic.key("olivia"), "ORGANIZATION", None, None)
    assert [tuple(one) for one in told] == [by, by]


async def test_each_bad_row_is_told_by_line_and_column(
    world: World, clinic: Clinic, tmp_path: Path
) -> None:
    path = file(
        tmp_path,
        line("nell") + ",",
        "Nobody, ,nobody,1984-02-29,",
        '"Two\nlines",New,two@home.example,1984-02-29,',
        "Nick,New,nick@home.example,29.02.1984,Nowhere",
        "Nora,New,nora@home.example",
        "Amy,New,amy@riverside.example,1984-02-29,",
        "Nils,New,nils@home.example,1984-02-29,Family Medicine",
        "Nell,Other,NELL@home.example,1984-02-29,",
        "Ned,New,ned@home.example,2099-01-01,",
        head=f"{HEAD},department",
    )
    wrong = (
        "line 3, lastName: Please fill this in.\n"
        "line 3, email: This is not an e-mail address.\n"
        "line 4, firstName: This holds characters that cannot be written.\n"
        "line 6, dateOfBirth: Write dates as 1984-02-29.\n"
        "line 6, department: There is no such department.\n"
        "line 7: There are 3 cells for 5 columns.\n"
        "line 8, email: A client, or a line above, has this address already.\n"
        "line 9, department: Family Medicine is not a department of yours.\n"
        "line 10, email: A client, or a line above, has this address already.\n"
        "line 11, dateOfBirth: A date of birth cannot be in the future.\n"
    )

    async with world.unchanged():
        checked = await imports(world, tmp_path, path, "--check")
    ended = await imports(world, tmp_path, path)

    assert checked == Ended(1, "1 could be imported, 0 there already, 8 bad.\n", wrong)
    assert ended == Ended(1, "1 imported, 0 there already, 8 bad.\n", wrong)
    assert [one["firstName"] for one in await news(world, clinic)] == ["Nell"]


async def test_run_again_it_makes_nobody_twice_and_writes_to_nobody_twice(
    world: World, clinic: Clinic, tmp_path: Path
) -> None:
    one, both = line("nell"), [line("nell"), line("nick"), line("nell")]
    assert (await imports(world, tmp_path, file(tmp_path, one))).status == 0

    ended = await imports(world, tmp_path, file(tmp_path, *both))

    assert ended == Ended(0, "1 imported, 2 there already, 0 bad.\n", "")
    assert await count(world) == 2
    assert await letters(world) == ["nell@home.example", "nick@home.example"]


async def test_nobody_is_written_to_where_they_are_invited_later(
    world: World, clinic: Clinic, tmp_path: Path
) -> None:
    ended = await imports(world, tmp_path, file(tmp_path, line("nell")), "--invite-later")

    assert ended.said == "1 imported, 0 there already, 0 bad.\n"
    assert await letters(world) == []


async def test_killed_in_the_middle_it_goes_on_where_it_was(
    world: World, clinic: Clinic, tmp_path: Path
) -> None:
    many = 4 * MOST_ROWS
    path = file(tmp_path, *(line(f"n{i}") for i in range(many)))
    words = "import-clients", "--organization", "riverside", "--as", "dora", "--invite-later", path
    async with program(*words, env=env(world), folder=tmp_path) as running:
        while not (before := await count(world)):  # noqa: ASYNC110 - it is another process
            await asyncio.sleep(0.01)
        await running.kill()
    before = await count(world)
    assert before % MOST_ROWS == 0

    ended = await run(*words, env=env(world), folder=tmp_path)

    said = f"{many - before} imported, {before} there already, 0 bad.\n"
    assert ended == Ended(0, said, "")
    assert await count(world) == many


@pytest.mark.parametrize(
    ("head", "told"),
    [
        (f"{HEAD},hobby", "line 1 names hobby."),
        (f"{HEAD},email", "line 1 names email, email."),
        ("firstName,lastName,email", "line 1 is without dateOfBirth."),
        ("", "line 1 is without firstName, lastName, email, dateOfBirth."),
    ],
)
async def test_a_file_of_other_columns_is_not_begun(
    world: World, clinic: Clinic, tmp_path: Path, head: str, told: str
) -> None:
    async with world.unchanged():
        ended = await imports(world, tmp_path, file(tmp_path, line("nell"), head=head))

    columns = "The columns are firstName, lastName, email, dateOfBirth, phone, department."
    assert ended == Ended(2, "", f"{told} {columns}\n")


async def test_what_cannot_be_read_is_told(world: World, clinic: Clinic, tmp_path: Path) -> None:
    async with world.unchanged():
        latin = await imports(world, tmp_path, file(tmp_path, line("zoë"), encoding="latin-1"))
        quotes = await imports(world, tmp_path, file(tmp_path, '"Nell"x' + line("nell")))

    assert latin == Ended(2, "", "The file is not in UTF-8.\n")
    assert quotes.complained == "line 2: ',' expected after '\"'.\n"


async def test_it_is_done_for_active_staff_who_may_create_clients(
    world: World, clinic: Clinic, tmp_path: Path
) -> None:
    await world.database.write(
        lambda c: c.execute(
            update(Staff).where(Staff.id == clinic.key("fred")).values(status=StaffStatus.INACTIVE)
        )
    )
    path = file(tmp_path, line("nell"))
    async with world.unchanged():
        for who, told in (
            ("petra", "petra may not create clients."),
            ("norma", "norma may not create clients."),
            ("amy", "riverside has no active staff 'amy'."),
            ("fred", "riverside has no active staff 'fred'."),
            ("nobody at all", "riverside has no active staff 'nobody at all'."),
        ):
            ended = await imports(world, tmp_path, path, who=who)
            assert ended == Ended(2, "", f"--as: {told}\n")
