"""What becomes of work when its database is killed, stalled, cut off, replaced or full (`D22`).

Callers register and look without a pause (`make torture`). Whatever happens to the database, what
was accepted is there, whole, and nothing is there by halves; every other answer asks to come again;
and the same server serves again by itself, soon after its database is back.
"""

import asyncio
import contextlib
import os
import statistics
import subprocess
import sys
import tempfile
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import asynccontextmanager
from pathlib import Path

import asyncpg

from tests.crash.programs import environment, server
from tests.edge.proxy import Proxy
from tests.servers import PostgreSQL, Standby
from tests.torture.load import Load, founded

TIMES = 5
SECONDS_BETWEEN = 2
SECONDS_AWAY = 2
SOON = 1.0
"""Seconds after which a server must serve again whose database is back."""

SMALL = "96m"
FILLER = "filler"
MOST_REFUSED = 20

Trouble = Callable[[PostgreSQL, Proxy], Awaitable[None]]


def main() -> int:
    """Everything, one after the other; the status is how much of it went wrong."""
    print(
        "| what happens | times | accepted | asked to come again | serves again after"
        " | lost | by halves | wrong |\n|---|---|---|---|---|---|---|---|"
    )
    return asyncio.run(_all())


async def _all() -> int:
    suffered = 0
    for trouble in (killed, stopped, stalled, cut_off):
        suffered += await _troubled(trouble)
    suffered += await _replaced()
    with contextlib.suppress(_NoDisk):
        for kind in ("sqlite", "postgresql"):
            suffered += await _full(kind)
    return suffered


async def killed(database: PostgreSQL, _proxy: Proxy) -> None:
    """PostgreSQL is killed with -9, and started."""
    await asyncio.to_thread(database.kill)
    await asyncio.to_thread(database.start)


async def stopped(database: PostgreSQL, _proxy: Proxy) -> None:
    """PostgreSQL is stopped in order, is away for a while, and started."""
    await asyncio.to_thread(database.stop)
    await asyncio.sleep(SECONDS_AWAY)
    await asyncio.to_thread(database.start)


async def stalled(database: PostgreSQL, _proxy: Proxy) -> None:
    """PostgreSQL stands still for a while, with all its connections."""
    database.freeze()
    await asyncio.sleep(SECONDS_AWAY)
    database.thaw()


async def cut_off(_database: PostgreSQL, proxy: Proxy) -> None:
    """The network swallows everything for a while, and then cuts all connections."""
    proxy.stall()
    await asyncio.sleep(SECONDS_AWAY)
    proxy.reset()
    proxy.heal()


async def _troubled(trouble: Trouble) -> int:
    waited = []
    with PostgreSQL({}) as database:
        async with _serving(database.url) as (proxy, load), load.going_on():
            for _ in range(TIMES):
                await asyncio.sleep(SECONDS_BETWEEN)
                await trouble(database, proxy)
                waited.append(await load.again())
        return await _tell(trouble.__name__.replace("_", " "), database.url, load, waited)


async def _replaced() -> int:
    """A standby that holds every commit takes over from a primary that is killed with -9."""
    with PostgreSQL({}) as primary:
        await founded(primary.url)
        with Standby(primary) as standby:
            await _run(primary.url, "ALTER SYSTEM SET synchronous_standby_names = '*'")
            await _run(primary.url, "SELECT pg_reload_conf()")
            async with _serving(primary.url, new=False) as (proxy, load), load.going_on():
                await asyncio.sleep(SECONDS_BETWEEN)
                await asyncio.to_thread(primary.kill)
                proxy.turn_to(standby.url)
                await _run(standby.url, "SELECT pg_promote()")
                waited = [await load.again()]
            return await _tell("standby promoted", standby.url, load, waited)


async def _full(kind: str) -> int:
    """The database's disk is full for a while."""
    with _disk() as disk:
        if kind == "sqlite":
            url = f"sqlite:///{disk}/portal.sqlite3"
            await founded(url)
            return await _filled(kind, url, url, disk)
        with PostgreSQL({"min_wal_size": "32MB", "max_wal_size": "32MB"}, disk) as database:
            await founded(database.url)
            # What it writes ahead it has room for; where that has none, PostgreSQL ends itself.
            await _run(database.url, "SELECT pg_switch_wal()")
            await _run(database.url, "CHECKPOINT")
            async with Proxy(database.url) as proxy:
                return await _filled(kind, proxy.url, database.url, disk)


async def _filled(kind: str, url: str, direct: str, disk: Path) -> int:
    with tempfile.TemporaryDirectory() as folder:
        env = environment(url, Path(folder) / "mail", THROTTLE="1000000")
        async with server(env, Path(folder)) as served:
            load = Load(served.client)
            for _ in range(10):
                await load.register()
            _fill(disk)
            for _ in range(MOST_REFUSED):
                while await load.register():
                    _fill(disk)
                assert await load.look(), "a read needs no room"
            (disk / FILLER).unlink()
            async with load.going_on():
                waited = [await load.again()]
        return await _tell(f"disk full ({kind})", direct, load, waited)


def _fill(disk: Path) -> None:
    with (disk / FILLER).open("ab", buffering=0) as filler, contextlib.suppress(OSError):
        while True:
            filler.write(bytes(4096))


class _NoDisk(Exception):
    """This user cannot mount anything."""


@contextlib.contextmanager
def _disk() -> Iterator[Path]:
    """A small disk. Raises `_NoDisk`."""
    with tempfile.TemporaryDirectory() as folder:
        Path(folder).chmod(0o755)
        options = f"size={SMALL},mode=755"
        mount = ["mount", "-t", "tmpfs", "-o", options, "tmpfs", folder]
        if os.geteuid() or subprocess.run(mount, check=False).returncode:
            print("| disk full | not tried: only root can mount a small disk | | | | | | |")
            raise _NoDisk
        try:
            yield Path(folder)
        finally:
            subprocess.run(["umount", folder], check=True)


@asynccontextmanager
async def _serving(url: str, *, new: bool = True) -> AsyncIterator[tuple[Proxy, Load]]:
    """A server in a process of its own, whose database is behind a proxy."""
    if new:
        await founded(url)
    with tempfile.TemporaryDirectory() as folder:
        async with Proxy(url) as proxy:
            env = environment(proxy.url, Path(folder) / "mail", THROTTLE="1000000")
            async with server(env, Path(folder)) as served:
                yield proxy, Load(served.client)


async def _run(url: str, statement: str) -> None:
    connection = await asyncpg.connect(url)
    await connection.execute(statement)
    await connection.close()


async def _tell(what: str, url: str, load: Load, waited: list[float]) -> int:
    damage = await load.damage(url)
    late = sum(seconds > SOON for seconds in waited)
    again = f"{statistics.median(waited):.2f} s, at most {max(waited):.2f} s"
    figures = (
        *(what, len(waited), len(load.accepted), load.away, again),
        *(damage["lost"], damage["halves"], damage["wrong"] + damage["strangers"]),
    )
    print(f"| {' | '.join(map(str, figures))} |", flush=True)
    for answer in load.wrong[:3]:
        print(answer, file=sys.stderr)
    return damage.total() + late


if __name__ == "__main__":
    sys.exit(main())
