"""The command line, as operators and CI use it."""

import datetime as dt
import re
import subprocess
from pathlib import Path

import pytest
from sqlalchemy import Connection, delete, func, select, update

from models import (
    Account,
    Association,
    AuditEvent,
    Base,
    Client,
    ClientStatus,
    Database,
    Department,
    Letter,
    Organization,
    Role,
    RoleGrant,
    Staff,
)
from models.migrate import head
from models.migrate import migrate as tables
from permissions import Passwords
from portal import cli
from portal.cli import POPULATED_PASSWORD, commands
from portal.populate import populate
from tests.crash.programs import PUBLIC_URL, Ended, environment, run
from tests.mailbox import Mailbox
from tests.rooms.conftest import Says
from tests.tampering import tamper

HELP = {
    "serve": ["--host", "--port", "--workers", "Serve the API, with the courier inside."],
    "migrate": ["Bring the database's tables up to date."],
    "courier": ["Deliver letters, and nothing else. Any number may run at once."],
    "create-organization": [
        "--name",
        "--slug",
        "--department",
        "--admin-email",
        "--admin-first-name",
        "--admin-last-name",
    ],
    "create-administrator": ["--organization", "--email", "--first-name", "--last-name"],
    "second-factor-reset": ["--organization", "--username"],
    "encrypt-anew": ["PREVIOUS_SECRET_KEY"],
    "purge": ["--yes", "Count the rows that have served their time"],
    "import-clients": ["--organization", "--as", "--invite-later", "--check", "A CSV file."],
    "export-clients": ["--organization", "--as", "--format", "--status", "--output", "JSON lines"],
    "demo": ["--port", "--directory"],
    "populate": ["--organizations", "--clients", "--seed"],
    "schema": ["--check", "--against", "a line a change, and exit 1 if one breaks clients"],
    "permissions": ["--check"],
    "docs": ["--check"],
    "audit": ["verify", "Check that no event was changed, taken out or put in"],
    "audit verify": ["--organization", "Exit 1 and the first broken number if one was."],
}


def founding(slug: str = "hilltop", **other: str) -> list[str]:
    """The words that make an organization."""
    said = {
        "name": "Hilltop Clinic",
        "slug": slug,
        "department": "Mental Health",
        "admin-email": "olivia@hilltop.example",
        "admin-first-name": "Olivia",
        "admin-last-name": "Hart",
        **other,
    }
    return ["create-organization", *(word for k, v in said.items() for word in (f"--{k}", v))]


# --- help ---------------------------------------------------------------------------------------


def test_every_command_is_listed_and_says_what_it_does(says: Says) -> None:
    ended = says("--help")
    assert (ended.status, ended.complained) == (0, "")
    names = [one.name or one.callback.__name__ for one in commands.registered_commands]  # type: ignore[union-attr]
    names += [str(one.name) for one in commands.registered_groups]
    assert sorted(names) == sorted(name for name in HELP if " " not in name)
    for name in names:
        assert f" {name} " in ended.said


@pytest.mark.parametrize("command", HELP)
def test_help_names_every_option(says: Says, command: str) -> None:
    ended = says(*command.split(), "--help")
    assert (ended.status, ended.complained) == (0, "")
    for word in HELP[command]:
        assert word in ended.said
    options = {word for word in ended.said.split() if word.startswith("--")}
    assert options == {*(word for word in HELP[command] if word.startswith("--")), "--help"}


@pytest.mark.parametrize(
    "words",
    [
        ["nothing"],
        ["serve", "--port", "65536"],
        ["serve", "--port", "-1"],
        ["serve", "--workers", "0"],
        ["serve", "now"],
        ["demo", "--port", "0"],
        ["populate"],
        ["populate", "--organizations", "0", "--clients", "1"],
        ["populate", "--organizations", "1", "--clients", "many"],
        ["create-organization", "--name", "X"],
        ["second-factor-reset", "--organization", "x"],
        ["schema", "--chek"],
    ],
)
def test_what_cannot_be_meant_is_refused(says: Says, words: list[str], tmp_path: Path) -> None:
    ended = says(*words)
    assert (ended.status, ended.said) == (2, "")
    assert "Traceback" not in ended.complained
    assert list(tmp_path.iterdir()) == []


def test_no_command_is_a_question_for_help(says: Says) -> None:
    ended = says()
    assert ended.status == 2
    told = ended.said + ended.complained
    assert "Usage: " in told
    assert "create-organization" in told


# --- what is printed from the code --------------------------------------------------------------


PRINTED = {
    "schema": "schema.graphql",
    "permissions": "docs/permissions.md",
    "docs": "docs/letters.md",
}


@pytest.mark.parametrize("command", PRINTED)
def test_what_is_committed_is_what_the_code_prints(says: Says, command: str) -> None:
    assert says(command, "--check") == Ended(0, "", "")


@pytest.mark.parametrize("command", ["schema", "permissions"])
def test_what_is_printed_is_what_is_committed(says: Says, command: str) -> None:
    assert says(command) == Ended(0, (cli.ROOT / PRINTED[command]).read_text(), "")


@pytest.fixture
def copies(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Path:
    """A root of one's own, with copies of what is printed from the code."""
    (tmp_path / "docs").mkdir()
    for name in ("SCHEMA", "PERMISSIONS", "LETTERS", "ERRORS", "EVENTS", "LIMITS", "METRICS"):
        at: Path = getattr(cli, name)
        copy = tmp_path / at.relative_to(cli.ROOT)
        copy.write_text(at.read_text())
        monkeypatch.setattr(cli, name, copy)
    monkeypatch.setattr(cli, "ROOT", tmp_path)
    return tmp_path


@pytest.mark.parametrize(
    ("command", "path"),
    [
        *PRINTED.items(),
        *(
            ("docs", f"docs/{page}.md")
            for page in ("permissions", "errors", "events", "limits", "metrics")
        ),
    ],
)
@pytest.mark.parametrize("change", ["more", "less", "gone"])
def test_drift_fails_the_check_and_is_left_as_it_is(
    says: Says, copies: Path, command: str, path: str, change: str
) -> None:
    assert says(command, "--check").status == 0
    at = copies / path
    if change == "gone":
        at.unlink()
    else:
        text = at.read_text()
        at.write_text(text + "\n" if change == "more" else text[:-1])
    before = at.exists() and at.read_text()
    told = f"{path} is not what the code prints: run make schema docs.\n"
    assert says(command, "--check") == Ended(1, "", told)
    assert (at.exists() and at.read_text()) == before


def test_docs_are_written_anew(says: Says, copies: Path) -> None:
    for path in ("permissions", "letters", "errors", "events", "limits", "metrics"):
        (copies / "docs" / f"{path}.md").write_text("old")
    assert says("docs") == Ended(0, "", "")
    assert says("docs", "--check").status == 0


def test_a_schema_is_compared_to_an_older_one(says: Says, tmp_path: Path) -> None:
    now = cli.SCHEMA.read_text()
    at = tmp_path / "old.graphql"
    at.write_text(now)
    assert says("schema", "--against", str(at)) == Ended(0, "", "")
    field = '\n  """When."""\n  when: DateTime\n'
    at.write_text(now.replace("\ntype Viewer {\n", f"\ntype Viewer {{\n{field}", 1))
    told = "breaking   Field Viewer.when was removed.\n"
    assert says("schema", "--against", str(at)) == Ended(1, told, "")
    at.write_text(now.replace("\ntype Link {\n", "\ntype Unused { a: Int }\n\ntype Link {\n", 1))
    assert says("schema", "--against", str(at)).status == 0  # nothing led to it


def test_a_schema_is_compared_to_a_revision(
    says: Says, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def git(*words: str) -> None:
        who = "-c", "user.name=Otter", "-c", "user.email=otter@river.example"
        subprocess.run(("git", *who, *words), cwd=tmp_path, check=True, capture_output=True)

    now = cli.SCHEMA.read_text()
    monkeypatch.setattr(cli, "ROOT", tmp_path)
    git("init")
    (tmp_path / "schema.graphql").write_text(
        now.replace("  LINK_USED\n", "  LINK_USED\n  GONE\n", 1)
    )
    git("add", "schema.graphql")
    git("commit", "-m", "The first one.")
    git("tag", "v1")
    told = "breaking   Enum value UserErrorCode.GONE was removed.\n"
    assert says("schema", "--against", "v1") == Ended(1, told, "")
    unknown = says("schema", "--against", "--output=x")
    assert (unknown.status, unknown.said) == (2, "")
    assert unknown.complained.startswith("--against: there is no schema.graphql in '--output=x'")


# --- what changes a database --------------------------------------------------------------------


async def test_tables_are_made_by_whoever_comes_first(
    url: str, mailbox: Mailbox, tmp_path: Path
) -> None:
    if url.startswith("sqlite"):
        url = f"sqlite:///{tmp_path / 'new' / 'portal.sqlite3'}"
    env = environment(url, mailbox)
    for _ in range(2):
        ended = await run("migrate", env=env, folder=tmp_path)
        assert ended == Ended(0, f"The database is at revision {head()}.\n", "")


async def test_first_organization_is_made_on_the_command_line(
    url: str, mailbox: Mailbox, tmp_path: Path
) -> None:
    env = environment(url, mailbox)
    made = await run(*founding(), env=env, folder=tmp_path)
    assert made.status == 0
    assert made.said == (
        f"Hilltop Clinic is at {PUBLIC_URL}/hilltop; a letter went to olivia@hilltop.example.\n"
    )
    (letter,) = mailbox.messages
    assert letter["To"] == "olivia@hilltop.example"
    assert Mailbox.link(letter).startswith(f"{PUBLIC_URL}/hilltop/invitation#token=vtl_")

    again = await run(*founding(), env=env, folder=tmp_path)
    assert again == Ended(2, "", "--slug: An organization has this slug already.\n")
    wrong = founding("graphql", department=" ", **{"admin-email": "olivia"})
    told = (
        "--slug: This name is the server's own.\n"
        "--department: Please fill this in.\n"
        "--admin-email: This is not an e-mail address.\n"
    )
    assert await run(*wrong, env=env, folder=tmp_path) == Ended(2, "", told)
    assert len(mailbox.messages) == 1

    database = Database(url)
    assert await _count(database, Organization, Department, Staff, Letter) == [1, 1, 1, 1]
    await database.close()


async def test_the_audit_trail_is_checked(url: str, mailbox: Mailbox, tmp_path: Path) -> None:
    env = environment(url, mailbox)
    for slug in ("hilltop", "lakeside"):
        assert (await run(*founding(slug), env=env, folder=tmp_path)).status == 0
    ended = await run("audit", "verify", env=env, folder=tmp_path)
    whole = r"hilltop: 3 events, the last is [0-9a-f]{64}\n"
    assert re.fullmatch(f"{whole}lakeside: 3 events, the last is [0-9a-f]{{64}}\n", ended.said)
    assert (ended.status, ended.complained) == (0, "")

    database = Database(url)
    theirs = select(Organization.id).where(Organization.slug == "lakeside").scalar_subquery()
    second = (AuditEvent.organization_id == theirs) & (AuditEvent.number == 2)
    await tamper(database, delete(AuditEvent).where(second))
    await database.close()
    ended = await run("audit", "verify", env=env, folder=tmp_path)
    assert re.fullmatch(f"{whole}lakeside: broken at event 2: it is missing\n", ended.said)
    assert (ended.status, ended.complained) == (1, "")

    ended = await run("audit", "verify", "--organization", "hilltop", env=env, folder=tmp_path)
    assert re.fullmatch(whole, ended.said)
    assert ended.status == 0
    ended = await run("audit", "verify", "--organization", "nowhere", env=env, folder=tmp_path)
    assert ended == Ended(2, "", "There is no organization 'nowhere'.\n")


async def test_what_has_served_its_time_is_counted_first_and_goes_when_that_is_meant(
    url: str, mailbox: Mailbox, tmp_path: Path
) -> None:
    env = environment(url, mailbox)
    assert (await run(*founding(), env=env, folder=tmp_path)).status == 0
    nothing = Ended(0, "Nothing has served its time.\n", "")
    assert await run("purge", "--yes", env=env, folder=tmp_path) == nothing

    database = Database(url)
    long_ago = dt.datetime(2020, 1, 1, tzinfo=dt.UTC)
    await database.write(lambda c: c.execute(update(Letter).values(done_at=long_ago)))
    told = "letters: 1\nThey are still there: purge --yes lets them go.\n"
    assert await run("purge", env=env, folder=tmp_path) == Ended(0, told, "")
    assert await _count(database, Letter) == [1]
    gone = Ended(0, "letters: 1\n", "")
    assert await run("purge", "--yes", env=env, folder=tmp_path) == gone
    assert await _count(database, Letter) == [0]
    await database.close()
    assert await run("purge", env=env, folder=tmp_path) == nothing
    verified = await run("audit", "verify", env=env, folder=tmp_path)
    assert verified.said.startswith("hilltop: 4 events, the last is ")


async def test_an_operator_makes_an_administrator_where_none_is_left(
    url: str, mailbox: Mailbox, tmp_path: Path
) -> None:
    env = environment(url, mailbox)
    await run(*founding(), env=env, folder=tmp_path)

    async def appoint(organization: str, email: str) -> Ended:
        words = "--organization", organization, "--email", email
        names = "--first-name", "Oscar", "--last-name", "Hart"
        return await run("create-administrator", *words, *names, env=env, folder=tmp_path)

    made = await appoint("hilltop", "oscar@hilltop.example")
    assert made == Ended(0, "A letter went to oscar@hilltop.example.\n", "")
    (letter,) = mailbox.to("oscar@hilltop.example")
    assert Mailbox.link(letter).startswith(f"{PUBLIC_URL}/hilltop/invitation#token=vtl_")

    taken = Ended(2, "", "--email: A staff member has this address already.\n")
    assert await appoint("hilltop", "Olivia@Hilltop.example") == taken
    nowhere = Ended(2, "", "--organization: There is no such organization.\n")
    assert await appoint("valley", "oscar@hilltop.example") == nowhere
    wrong = Ended(2, "", "--email: This is not an e-mail address.\n")
    assert await appoint("hilltop", "oscar") == wrong

    database = Database(url)
    assert await _count(database, Staff, RoleGrant, Letter) == [2, 2, 2]
    roles = select(RoleGrant.role, RoleGrant.department_id)
    found = await database.read(lambda one: {tuple(row) for row in one.execute(roles)})
    assert found == {(Role.ORGANIZATION_ADMINISTRATOR, None)}
    await database.close()


async def test_database_is_populated_in_the_same_way_by_the_same_seed(
    url: str, mailbox: Mailbox, tmp_path: Path
) -> None:
    env = environment(url, mailbox)
    asked = ["populate", "--organizations", "2", "--clients", "40", "--seed", "7"]
    ended = await run(*asked, env=env, folder=tmp_path)
    told = f"2 organizations, 40 clients. Password: {POPULATED_PASSWORD}\n"
    assert ended == Ended(0, told, "")

    database = Database(url)
    counts = await _count(database, Organization, Client, Account, Association, Letter)
    assert counts[:2] == [2, 40]
    assert counts[2] > 40
    assert counts[3] > 0
    assert counts[4] == 0
    statuses = select(Client.status).distinct()
    found = await database.read(lambda one: set(one.execute(statuses).scalars()))
    assert found == set(ClientStatus)
    hashes = select(Account.password_hash).where(Account.password_hash.is_not(None)).distinct()
    (stored,) = await database.read(lambda one: list(one.execute(hashes).scalars()))
    passwords = Passwords()
    assert await passwords.verify(stored, POPULATED_PASSWORD)
    passwords.close()
    people = await _names(database)
    await database.close()

    again = await run(*asked, env=env, folder=tmp_path)
    told = "The database is not empty: there are organizations in it.\n"
    assert again == Ended(1, "", told)

    other = Database(f"sqlite:///{tmp_path / 'other.sqlite3'}")
    await tables(other)
    await populate(
        other, organizations=2, clients=40, seed=7, password_hash="x", now=dt.datetime.now(dt.UTC)
    )
    assert await _names(other) == people
    await other.close()


async def _names(database: Database) -> list[tuple[str, ...]]:
    named = select(Client.first_name, Client.last_name, Client.email).order_by(Client.email_key)
    return await database.read(lambda one: sorted(tuple(row) for row in one.execute(named)))


async def _count(database: Database, *models: type[Base]) -> list[int]:
    def count(connection: Connection) -> list[int]:
        return [connection.scalar(select(func.count()).select_from(one)) or 0 for one in models]

    return await database.read(count)
