"""What a storm does to 10,000 letters (`D22`): `make torture`.

A mail server fails one letter in five (it refuses, cuts the connection before or after it has kept
the letter, or never answers), and every second a courier is killed with -9: one of eight on
PostgreSQL, the only one on SQLite. No letter may be lost; one may come twice only where the earlier
copy was kept and the connection then cut, and is the same to the byte.
"""

import argparse
import asyncio
import sys
import tempfile
from pathlib import Path

from models import Database, LetterState
from models.migrate import migrate
from tests.crash.storm import storm
from tests.servers import postgresql

COURIERS = 8


def main() -> int:
    """Let it storm over both databases; the status is how many letters suffered."""
    parser = argparse.ArgumentParser(prog="python -m tests.torture.letters", description=__doc__)
    parser.add_argument("--letters", type=int, default=10_000, help="on each database")
    letters = parser.parse_args().letters
    print(
        "| database | couriers | killed | seconds | sent | refused | lost | came twice"
        " | not the same | needlessly |\n|---|---|---|---|---|---|---|---|---|---|"
    )
    with tempfile.TemporaryDirectory() as folder:
        suffered = asyncio.run(_storm(f"sqlite:///{folder}/portal.sqlite3", folder, letters, 1))
        with postgresql() as url:
            suffered += asyncio.run(_storm(url, folder, letters, COURIERS))
    return suffered


async def _storm(url: str, folder: str, letters: int, couriers: int) -> int:
    database = Database(url)
    await migrate(database)
    await database.close()
    damage = await storm(url, Path(folder), letters, couriers)
    figures = (
        *(url.partition(":")[0], couriers, damage.killed, f"{damage.seconds:.0f}"),
        *(damage.states[LetterState.SENT], damage.states[LetterState.REFUSED]),
        *(len(damage.lost), len(damage.twice), len(damage.unlike), len(damage.needless)),
    )
    print(f"| {' | '.join(map(str, figures))} |", flush=True)
    return len(damage.lost | damage.unlike | damage.needless)


if __name__ == "__main__":
    sys.exit(main())
