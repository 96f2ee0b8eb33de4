"""What becomes of work while servers and couriers are killed for minutes (`make torture`).

Three servers and two couriers on one PostgreSQL, as safe as it is by default, under load; every
few seconds one of each is killed with -9. What is acknowledged must be there, once, with its
letters and events; sessions and budgets hold at all servers.
"""

import argparse
import asyncio
import sys
import tempfile
from dataclasses import asdict
from pathlib import Path

from models import Database
from models.migrate import migrate
from tests.crash.many import Outcome, many
from tests.servers import postgresql

SECONDS = 300


def main() -> int:
    """Let it storm; the status is in how many ways something suffered."""
    parser = argparse.ArgumentParser(prog="python -m tests.torture.many", description=__doc__)
    parser.add_argument(
        "--seconds", type=float, default=SECONDS, help="how long it storms: less than a token lives"
    )
    seconds = parser.parse_args().seconds
    with tempfile.TemporaryDirectory() as folder, postgresql({}) as url:
        found = asdict(asyncio.run(_many(url, Path(folder), seconds)))
    figures = found.pop("figures")
    print("| what | how many |\n|---|---|")
    for what, number in figures.items():
        print(f"| {what} | {number} |")
    suffered = {what: told for what, told in found.items() if told}
    for what, told in suffered.items():
        print(f"{what}: {told}", file=sys.stderr)
    return len(suffered)


async def _many(url: str, folder: Path, seconds: float) -> Outcome:
    database = Database(url)
    await migrate(database)
    await database.close()
    return await many(url, folder, seconds)


if __name__ == "__main__":
    sys.exit(main())
