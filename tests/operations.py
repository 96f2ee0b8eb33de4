"""What `docs/operations.md` tells operators to run, so that tests run the same."""

import re
from collections.abc import Iterator

from sqlalchemy import text
from sqlalchemy.ext.asyncio import AsyncConnection

from models import Database
from tests.crash.programs import ROOT

PAGE = (ROOT / "docs" / "operations.md").read_text()

_SQL = re.compile(r"```sql\n(.*?)```", re.DOTALL)
_SH = re.compile(r"```sh\n(.*?)```", re.DOTALL)
_COMMENT = re.compile(r"--.*")


def statements(page: str) -> Iterator[str]:
    """The SQL statements of a page, or of a part of one."""
    for block in _SQL.findall(page):
        for statement in _COMMENT.sub("", block).split(";"):
            if statement.strip():
                yield statement.strip()


def commands(page: str, *programs: str) -> Iterator[str]:
    """The lines for a shell of a page, or of a part of one, that begin with one of the programs."""
    for block in _SH.findall(page):
        yield from (line for line in block.splitlines() if line.startswith(programs))


def section(heading: str) -> str:
    """What stands below a heading of the page, up to the next of its kind."""
    _, _, rest = PAGE.partition(f"\n{heading}\n")
    assert rest, heading
    return re.split(rf"\n{heading.partition(' ')[0]} ", rest, maxsplit=1)[0]


async def run(database: Database, page: str) -> list[list[tuple[object, ...]]]:
    """The rows of each statement, all run in one transaction."""

    async def work(connection: AsyncConnection) -> list[list[tuple[object, ...]]]:
        found = []
        for statement in statements(page):
            result = await connection.execute(text(statement))
            found.append([tuple(row) for row in result] if result.returns_rows else [])
        return found

    return await database.write(work)
