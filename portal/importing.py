"""Clients from a CSV file: read line by line, imported batch by batch, each bad row told."""

import csv
import datetime as dt
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from io import TextIOWrapper
from itertools import islice
from pathlib import Path
from typing import Any, NamedTuple

from models import ClientStatus, sort_key, to_its_end
from permissions import Permission
from portal.acting import Unusable, acting
from portal.cells import COLUMNS, TAKEN, plain
from resolvers import (
    MOST_ROWS,
    Code,
    Context,
    NewClient,
    RowPolicy,
    Services,
    clients_import,
    departments_by_name,
    there_already,
)

REQUIRED = ("firstName", "lastName", "email", "dateOfBirth")
"""What the first line names, in any order.

Others of what is `TAKEN` may be left out, and the other columns of an export may be there.
"""

_FIELDS = {"departmentId": "department"}

Tell = Callable[[int, str, str], None]


@dataclass(slots=True)
class Report:
    """How many rows there were of each kind; `pending` are with the database."""

    imported: int = 0
    there: int = 0
    bad: int = 0
    pending: int = 0


@dataclass(frozen=True, slots=True)
class Errand:
    """Which file is imported, and how: in whose name, when they are invited, or only checked."""

    path: Path
    organization: str
    username: str
    invite: bool
    check: bool


class _Line(NamedTuple):
    """A row by the number of its first line: a client, or what is wrong, by column."""

    number: int
    client: NewClient | None
    wrong: Mapping[str, str] = {}


async def import_file(
    services: Services, errand: Errand, report: Report, tell: Tell, progress: Callable[[int], None]
) -> None:
    """Import the file; `tell` hears of each bad row, `progress` how many bytes were read.

    Whoever it is done for is looked up anew for each batch, as for each request. A batch that has
    begun is done and reported to its end, also if it is cancelled. Raises `Unusable`.
    """
    context = await _acting(services, errand)
    departments = await departments_by_name(context)
    with (
        errand.path.open("rb") as read,
        TextIOWrapper(read, encoding="utf-8-sig", newline="") as file,
    ):
        lines = _lines(csv.reader(file, strict=True), departments, errand.invite)
        while batch := list(islice(lines, MOST_ROWS)):
            context = await _acting(services, errand)
            await to_its_end(_import(context, errand, batch, report, tell))
            progress(read.tell())


async def _acting(services: Services, errand: Errand) -> Context:
    needed = Permission.CLIENT_CREATE, "create clients"
    return await acting(services, errand.organization, errand.username, *needed)


def _lines(reader: Any, departments: Mapping[str, str], invite: bool) -> Iterator[_Line]:
    try:
        header: list[str] = next(reader, [])
        _check(header)
        before = reader.line_num
        for cells in reader:
            number, before = before + 1, reader.line_num
            if cells:
                yield _line(number, header, cells, departments, invite)
    except UnicodeDecodeError:
        raise Unusable("The file is not in UTF-8.") from None
    except OSError as failure:
        raise Unusable(f"The file cannot be read: {failure.strerror}.") from None
    except csv.Error as wrong:
        raise Unusable(f"line {reader.line_num}: {wrong}.") from None


def _check(header: Sequence[str]) -> None:
    """Whether the first line names columns of ours. Raises `Unusable`."""
    missing = [name for name in REQUIRED if name not in header]
    unknown = [name for name in header if name not in COLUMNS or header.count(name) > 1]
    if missing or unknown:
        named = f"is without {', '.join(missing)}" if missing else f"names {', '.join(unknown)}"
        raise Unusable(f"line 1 {named}. The columns are {', '.join(TAKEN)}.")


def _line(
    number: int,
    header: Sequence[str],
    cells: Sequence[str],
    departments: Mapping[str, str],
    invite: bool,
) -> _Line:
    if len(cells) != len(header):
        return _Line(number, None, {"": f"There are {len(cells)} cells for {len(header)} columns."})
    said = {name: plain(cell.strip()) for name, cell in zip(header, cells, strict=True)}
    wrong = {}
    born = _date(said["dateOfBirth"])
    if born is None:
        wrong["dateOfBirth"] = "Write dates as 1984-02-29."
    named = said.get("department", "")
    department_id = departments.get(sort_key(named))
    if named and department_id is None:
        wrong["department"] = "There is no such department."
    if said.get("status", "") not in {"", ClientStatus.ACTIVE}:
        wrong["status"] = "Who is imported is active: leave out who is not."
    if born is None or wrong:
        return _Line(number, None, wrong)
    client = NewClient(
        first_name=said["firstName"],
        last_name=said["lastName"],
        email=said["email"],
        date_of_birth=born,
        phone=said.get("phone"),
        department_id=department_id,
        invite=invite,
    )
    return _Line(number, client)


def _date(text: str) -> dt.date | None:
    try:
        return dt.datetime.strptime(text, "%Y-%m-%d").replace(tzinfo=dt.UTC).date()
    except ValueError:
        return None


async def _import(
    context: Context, errand: Errand, batch: Sequence[_Line], report: Report, tell: Tell
) -> None:
    report.pending = len(batch)
    clients = [line.client for line in batch if line.client]
    wrong = {line.number: line.wrong for line in batch if not line.client}
    taken: dict[int, NewClient] = {}
    if clients:
        numbers = [line.number for line in batch if line.client]
        done = await clients_import(
            context, clients, RowPolicy.GOOD_ROWS, validate_only=errand.check
        )
        for number, client, row in zip(numbers, clients, done.rows, strict=True):
            if [one.code for one in row.problems] == [Code.TAKEN]:
                taken[number] = client
            wrong[number] = {_column(one.field): one.message for one in row.problems}
    there = await there_already(context, [*taken.values()])
    for number, is_there in zip(taken, there, strict=True):
        report.there += is_there
        if is_there:
            wrong[number] = {}
        else:
            wrong[number] = {"email": "A client, or a line above, has this address already."}
    report.bad += sum(map(bool, wrong.values()))
    report.imported += len(batch) - sum(map(bool, wrong.values())) - sum(there)
    report.pending = 0
    for number in sorted(wrong):
        for column, message in wrong[number].items():
            tell(number, column, message)


def _column(field: tuple[str, ...] | None) -> str:
    """The column of an error: what follows the row in its path."""
    assert field
    name = field[-1]
    return _FIELDS.get(name, name)
