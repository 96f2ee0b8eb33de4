"""The command line: `python -m portal COMMAND`."""

import asyncio
import contextlib
import signal
import subprocess
import sys
from collections import Counter
from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer
from rich.progress import Progress
from sqlalchemy import select

from mailer import showcase
from models import Organization, Unavailable, to_its_end
from models.migrate import current
from permissions import Sealed
from portal import demo as demonstration
from portal import life, logs
from portal.acting import Unusable
from portal.answers import Refusal
from portal.exporting import Export, Format, in_the_name_of
from portal.importing import Errand, Report, import_file
from portal.metrics_page import metrics_page
from portal.populate import populate as fill
from portal.running import do, errors, fail, run
from portal.scraping import scraped
from portal.service import collected, delivering, service, utc_now
from portal.settings import BadSettings, Settings
from portal.whole import Write, whole
from resolvers import (
    Founding,
    Verdict,
    count_over,
    create_administrator,
    create_organization,
    encrypt_anew,
    second_factor_reset,
    sweep,
    verify,
)
from schema import (
    Api,
    Weight,
    build,
    differences,
    errors_page,
    events_page,
    limits_page,
    permissions_page,
    printed,
)

ROOT = Path(__file__).parent.parent
SCHEMA = ROOT / "schema.graphql"
PERMISSIONS = ROOT / "docs" / "permissions.md"
LETTERS = ROOT / "docs" / "letters.md"
ERRORS = ROOT / "docs" / "errors.md"
EVENTS = ROOT / "docs" / "events.md"
LIMITS = ROOT / "docs" / "limits.md"
METRICS = ROOT / "docs" / "metrics.md"
POPULATED_PASSWORD = "a portal full of people"  # noqa: S105 - of made-up people

_MIGRATION = "Tables are brought up to date as a whole, or not at all."


class Listed(StrEnum):
    """One of the three lists of clients, or all of them."""

    ACTIVE = "active"
    INACTIVE = "inactive"
    PENDING = "pending"
    ALL = "all"


commands = typer.Typer(
    help="The VTConnect client-management API.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
)
audit = typer.Typer(no_args_is_help=True)
commands.add_typer(audit, name="audit", help="The audit trail.")


def main() -> None:
    """Run the command; what is wrong with its settings is one line, and exit 2."""
    try:
        commands()
    except BadSettings as wrong:
        fail(str(wrong))
    except Unavailable as away:
        fail(f"DATABASE_URL: {away}", 1)
    except Sealed as unknown:
        fail(f"PREVIOUS_SECRET_KEY: {unknown}", 1)


@commands.command()
def serve(
    host: Annotated[str, typer.Option(help="The address to listen at.")] = "127.0.0.1",
    port: Annotated[int, typer.Option(min=0, max=65535, help="The port to listen at.")] = 8000,
    workers: Annotated[int, typer.Option(min=1, help="How many processes.")] = 1,
) -> None:
    """Serve the API, with the courier inside."""
    settings = Settings.read()
    run(_migrated(settings), lambda: _MIGRATION)
    _end_in_order()
    life.serve(settings, host, port, workers)


@commands.command()
def migrate() -> None:
    """Bring the database's tables up to date."""
    revision = run(_migrated(Settings.read()), lambda: _MIGRATION)
    print(f"The database is at revision {revision}.")


@commands.command()
def courier() -> None:
    """Deliver letters, and nothing else. Any number may run at once."""
    settings = Settings.read()
    logs.set_up(settings.log_format, settings.log_level)

    async def work() -> None:
        told_to_stop = asyncio.Event()
        loop = asyncio.get_running_loop()
        loop.set_exception_handler(logs.unhandled)
        loop.add_signal_handler(signal.SIGTERM, told_to_stop.set)
        async with collected(settings), service(settings) as made, delivering(made):
            with scraped(settings):
                print("Delivering letters.", flush=True)
                # Ctrl-C, which is an end in order as well.
                with contextlib.suppress(asyncio.CancelledError):
                    await told_to_stop.wait()

    run(work(), lambda: "What was under way is taken up by the next that starts.")


@commands.command("create-organization")
def create(
    name: Annotated[str, typer.Option(help="The organization's name.")],
    slug: Annotated[str, typer.Option(help="Its name in addresses: its portal is at /SLUG.")],
    department: Annotated[str, typer.Option(help="The name of its first department.")],
    admin_email: Annotated[str, typer.Option(help="Where the administrator's link goes.")],
    admin_first_name: Annotated[str, typer.Option(help="The administrator's given name.")],
    admin_last_name: Annotated[str, typer.Option(help="The administrator's family name.")],
) -> None:
    """Make an organization, its first department and its first Organizational Administrator."""
    founding = Founding(name, slug, department, admin_email, admin_first_name, admin_last_name)

    do(lambda context: create_organization(context, founding))
    print(f"{name} is at {Settings.read().public_url}/{slug}; a letter went to {admin_email}.")


@commands.command("create-administrator")
def appoint(
    organization: Annotated[str, typer.Option(help="The organization's name in addresses.")],
    email: Annotated[str, typer.Option(help="Where the administrator's link goes.")],
    first_name: Annotated[str, typer.Option(help="The administrator's given name.")],
    last_name: Annotated[str, typer.Option(help="The administrator's family name.")],
) -> None:
    """Make an Organizational Administrator where none is left who can sign in."""
    do(lambda context: create_administrator(context, organization, first_name, last_name, email))
    print(f"A letter went to {email}.")


@commands.command("second-factor-reset")
def reset(
    organization: Annotated[str, typer.Option(help="The organization's name in addresses.")],
    username: Annotated[str, typer.Option(help="The staff member's username.")],
) -> None:
    """Take the second factor away from a staff member whom nobody else can help."""
    do(lambda context: second_factor_reset(context, organization, username))
    print(f"{username} signs in with the password alone now; a letter says so.")


@commands.command("encrypt-anew")
def encrypt() -> None:
    """Encrypt with SECRET_KEY what PREVIOUS_SECRET_KEY encrypted, which may go then."""
    many = do(encrypt_anew)
    print(f"Secrets encrypted anew: {many}.")


@commands.command("import-clients")
def import_clients(
    file: Annotated[
        Path, typer.Argument(exists=True, dir_okay=False, readable=True, help="A CSV file.")
    ],
    organization: Annotated[str, typer.Option(help="The organization's name in addresses.")],
    username: Annotated[
        str, typer.Option("--as", help="The staff member in whose name it is done, by username.")
    ],
    invite_later: Annotated[
        bool, typer.Option("--invite-later", help="Write to nobody yet.")
    ] = False,
    check: Annotated[
        bool, typer.Option("--check", help="Only tell what is wrong, and import nothing.")
    ] = False,
) -> None:
    """Import clients from a CSV file; run again, it goes on where it was.

    Exit 1 if rows were bad, each of which is told by its line and column.
    """
    errand = Errand(file, organization, username, invite=not invite_later, check=check)
    report = Report()

    def tell(line: int, column: str, message: str) -> None:
        where = f"line {line}, {column}" if column else f"line {line}"
        said = f"{where}: {message}"
        errors.print(said, style="red", markup=False, highlight=False, soft_wrap=True)

    def told() -> str:
        good = "could be imported" if check else "imported"
        return f"{report.imported} {good}, {report.there} there already, {report.bad} bad."

    def known() -> str:
        more = f" Of {report.pending} more that is not known." if report.pending else ""
        then = "Nothing is changed." if check else "Run it again, and it goes on where it was."
        return f"{told()}{more} {then}"

    async def work(progress: Progress) -> None:
        task = progress.add_task("Clients", total=file.stat().st_size)
        async with service(Settings.read()) as made:
            await import_file(
                made.services,
                errand,
                report,
                tell,
                lambda read: progress.update(task, completed=read),
            )

    with Progress(console=errors, disable=not errors.is_terminal) as progress:
        try:
            run(work(progress), known)
        except Unusable as unusable:
            fail(str(unusable))
    print(told())
    if report.bad:
        raise SystemExit(1)


@commands.command("export-clients")
def export_clients(
    organization: Annotated[str, typer.Option(help="The organization's name in addresses.")],
    username: Annotated[
        str, typer.Option("--as", help="The staff member in whose name it is done, by username.")
    ],
    form: Annotated[Format, typer.Option("--format", help="How it is written.")] = Format.CSV,
    status: Annotated[Listed, typer.Option(help="Which clients.")] = Listed.ACTIVE,
    output: Annotated[
        Path | None,
        typer.Option(dir_okay=False, help="The file to write, instead of standard output."),
    ] = None,
) -> None:
    """Export the clients whom a staff member manages, as CSV or JSON lines.

    A file is there only when it is whole.
    """
    filters = {"status": None if status is Listed.ALL else status.name}
    is_shown = errors.is_terminal and (output is not None or not sys.stdout.isatty())

    def known() -> str:
        return "No file was written." if output else "What was written may not be all of it."

    async def work(progress: Progress, write: Write) -> int:
        async with service(Settings.read()) as made:
            ask = in_the_name_of(made.services, Api(), organization, username)
            export = Export(ask, form, filters)
            total = await export.begin()
            task = progress.add_task("Clients", total=total)
            async for part in export.parts():
                write(part)
                progress.update(task, completed=export.rows)
        return export.rows

    try:
        with Progress(console=errors, disable=not is_shown) as progress, whole(output) as write:
            rows = run(work(progress, write), known)
    except Unusable as unusable:
        fail(str(unusable))
    except Refusal as refusal:
        fail(str(refusal), 1)
    if output:
        print(f"{rows} exported.")


@commands.command()
def purge(
    yes: Annotated[bool, typer.Option("--yes", help="Let them go, instead of counting.")] = False,
) -> None:
    """Count the rows that have served their time, or let them go at once.

    The clerk of any server or courier does the same by itself, in small batches.
    """
    settings = Settings.read()
    found = Counter[str]()

    async def work() -> None:
        async with service(settings) as made:
            context = made.anonymous()
            if not yes:
                found.update(await count_over(context, made.retention))
                return

            async def batch() -> bool:
                went = await sweep(context, made.retention)
                found.update(went)
                return bool(went)

            while await to_its_end(batch()):
                pass

    def known() -> str:
        if not yes:
            return "Nothing is changed."
        gone = ", ".join(f"{table} {many}" for table, many in found.items()) or "nothing"
        return f"Gone, at least: {gone}."

    run(work(), known)
    for table, many in found.items():
        print(f"{table}: {many}")
    if not found:
        print("Nothing has served its time.")
    elif not yes:
        print("They are still there: purge --yes lets them go.")


@commands.command()
def demo(
    port: Annotated[int, typer.Option(min=1, max=65535, help="The port to listen at.")] = 8000,
    directory: Annotated[
        Path, typer.Option(help="Where the demo keeps its database and mails.")
    ] = Path("var"),
) -> None:
    """Serve a small clinic with a login for every role, on this machine only."""
    _end_in_order()
    demonstration.serve(port, directory.resolve())


@commands.command()
def populate(
    organizations: Annotated[int, typer.Option(min=1, help="How many organizations.")],
    clients: Annotated[int, typer.Option(min=0, help="How many clients, all together.")],
    seed: Annotated[int, typer.Option(help="The same seed makes the same data.")] = 1,
) -> None:
    """Fill an empty database with a large, repeatable data set."""

    async def work(progress: Progress) -> None:
        task = progress.add_task("Clients", total=clients)
        async with service(Settings.read()) as made:
            database = made.services.database
            if await database.read(lambda c: c.execute(select(Organization.id).limit(1)).first()):
                fail("The database is not empty: there are organizations in it.", 1)
            await fill(
                database,
                organizations=organizations,
                clients=clients,
                seed=seed,
                password_hash=await made.services.passwords.hash(POPULATED_PASSWORD),
                now=utc_now(),
                progress=lambda done, _total: progress.update(task, completed=done),
            )

    with Progress(console=errors, disable=not errors.is_terminal) as progress:
        run(work(progress), lambda: "Organizations are there as a whole, or not at all.")
    print(f"{organizations} organizations, {clients} clients. Password: {POPULATED_PASSWORD}")


@audit.command("verify")
def verify_audit(
    organization: Annotated[
        str | None, typer.Option(help="Only this one: the slug of its portal URL.")
    ] = None,
) -> None:
    """Check that no event was changed, taken out or put in; a line an organization.

    Exit 1 and the first broken number if one was. Keep the hashes elsewhere, to compare later.
    """
    verdicts: list[Verdict] = []

    async def work() -> None:
        async with service(Settings.read()) as made:
            async for verdict in verify(made.services.database, organization):
                said = f"{verdict.number} events, the last is {verdict.hash}"
                if verdict.broken:
                    said = f"broken at event {verdict.number}: {verdict.broken}"
                print(f"{verdict.slug}: {said}")
                verdicts.append(verdict)

    run(work(), lambda: "Of organizations that are not listed nothing is known.")
    if organization is not None and not verdicts:
        fail(f"There is no organization {organization!r}.")
    if any(verdict.broken for verdict in verdicts):
        raise SystemExit(1)


@commands.command()
def schema(
    check: Annotated[bool, typer.Option("--check", help="Compare, and print nothing.")] = False,
    against: Annotated[
        str | None,
        typer.Option(help="Print what changed since this git revision (or file), instead."),
    ] = None,
) -> None:
    """Print the schema, as it stands in schema.graphql.

    Against an older one: a line a change, and exit 1 if one breaks clients.
    """
    if against is None:
        _printed(SCHEMA, printed(), check)
        return
    found = differences(_schema_of(against), printed())
    for difference in found:
        print(f"{difference.weight:9}  {difference.text}")
    if any(difference.weight is Weight.BREAKING for difference in found):
        raise SystemExit(1)


@commands.command()
def permissions(
    check: Annotated[bool, typer.Option("--check", help="Compare, and print nothing.")] = False,
) -> None:
    """Print who may do what, as it stands in docs/permissions.md."""
    _printed(PERMISSIONS, permissions_page(build()), check)


@commands.command()
def docs(
    check: Annotated[bool, typer.Option("--check", help="Compare, and write nothing.")] = False,
) -> None:
    """Write what the code says of itself into docs/."""
    schema = build()
    pages = {
        PERMISSIONS: permissions_page(schema),
        LETTERS: showcase(),
        ERRORS: errors_page(schema),
        EVENTS: events_page(schema),
        LIMITS: limits_page(schema),
        METRICS: metrics_page(),
    }
    for path, page in pages.items():
        if check:
            _printed(path, page, check)
        else:
            path.write_text(page)


async def _migrated(settings: Settings) -> str | None:
    """Start a service, which brings the tables up to date, and end it; the tables' revision."""
    async with service(settings) as made:
        return await current(made.services.database)


def _end_in_order() -> None:
    """Let SIGTERM be no failure: uvicorn raises it again when it has served its requests."""
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(0))


def _schema_of(revision: str) -> str:
    """The schema as it is in a file, or was in a revision."""
    if (path := Path(revision)).is_file():
        return path.read_text()
    show = ("git", "show", "--end-of-options", f"{revision}:{SCHEMA.name}")
    shown = subprocess.run(show, cwd=ROOT, capture_output=True, text=True, check=False)  # noqa: S603 - no shell
    if shown.returncode:
        fail(f"--against: there is no {SCHEMA.name} in {revision!r}: {shown.stderr.strip()}")
    return shown.stdout


def _printed(path: Path, now: str, check: bool) -> None:
    if not check:
        sys.stdout.write(now)
    elif not path.exists() or path.read_text() != now:
        fail(f"{path.relative_to(ROOT)} is not what the code prints: run make schema docs.", 1)
