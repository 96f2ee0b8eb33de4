"""How others fare while strangers are slow, or send bombs (`make torture`).

200 connections send their requests byte by byte; somebody sends documents whose fragments would
unfold to 2^42 fields. The figures are the 99th percentile of somebody who only looks, beside what
it usually is, in rounds that take turns; and how long a bomb is looked at before it is refused.
"""

import asyncio
import contextlib
import statistics
import sys
import tempfile
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import httpx2
import orjson

from tests.crash.programs import environment, server
from tests.torture.load import LOOKS, founded

ROUNDS = 5
LOOKED = 400
SLOW = 200
SECONDS_A_BYTE = 0.5
MOST = 2.0
"""How much longer others may wait, at most."""

BOMB_SECONDS = 0.05
TIMES, LEVELS = 8, 14
"""8^14 is 2^42; so written, it is within all that is counted before fields are."""


def main() -> int:
    """Both, beside what is usual; the status is how many promises were broken."""
    return asyncio.run(_all())


async def _all() -> int:
    with tempfile.TemporaryDirectory() as name:
        folder, url = Path(name), f"sqlite:///{name}/portal.sqlite3"
        await founded(url)
        env = environment(url, folder / "mail", THROTTLE="1000000")
        async with server(env, folder) as served:
            client = served.client
            await _percentile(client)  # warm
            usual, slow, bombed, bombs = [], [], [], list[float]()
            for _ in range(ROUNDS):
                usual.append(await _percentile(client))
                async with _slow(client.base_url):
                    slow.append(await _percentile(client))
                async with _bombing(client, bombs):
                    bombed.append(await _percentile(client))
    print("| others, meanwhile | 99th percentile | usually | ratio | |\n|---|---|---|---|---|")
    broken = _tell(f"{SLOW} slow connections", slow, usual)
    broken += _tell("fragment bombs", bombed, usual)
    refused = statistics.median(bombs)
    print(f"a bomb of 2^42 fields is refused in {refused * 1000:.1f} ms ({len(bombs)} sent)")
    return broken + (refused > BOMB_SECONDS)


def _tell(what: str, seconds: list[float], usual: list[float]) -> int:
    median, normal = statistics.median(seconds), statistics.median(usual)
    spread = f"{min(seconds) * 1000:.1f} to {max(seconds) * 1000:.1f} ms"
    print(
        f"| {what} | {median * 1000:.1f} ms ({spread}) | {normal * 1000:.1f} ms"
        f" | {median / normal:.2f} | at most {MOST} |"
    )
    return median > MOST * normal


async def _percentile(client: httpx2.AsyncClient) -> float:
    """The 99th percentile of the seconds that a look takes."""
    taken = []
    for _ in range(LOOKED):
        started = time.perf_counter()
        answer = await client.post("/graphql", json={"query": LOOKS})
        taken.append(time.perf_counter() - started)
        assert "errors" not in answer.json()
    return statistics.quantiles(taken, n=100)[98]


@asynccontextmanager
async def _slow(where: httpx2.URL) -> AsyncIterator[None]:
    """So many connections that dribble: half of them their headers, half of them their bodies."""
    head = b"POST /graphql HTTP/1.1\r\nhost: 127.0.0.1\r\ncontent-type: application/json\r\n"
    whole = head + b"content-length: 9999\r\n\r\n"

    async def dribble(number: int) -> None:
        while True:  # whoever is thrown out comes again
            with contextlib.suppress(OSError):
                _, writer = await asyncio.open_connection(where.host, where.port)
                writer.write(whole if number % 2 else head)
                try:
                    while not writer.is_closing():
                        writer.write(b" " if number % 2 else b"x")
                        await writer.drain()
                        await asyncio.sleep(SECONDS_A_BYTE)
                finally:
                    writer.close()

    dribbling = [asyncio.create_task(dribble(number)) for number in range(SLOW)]
    await asyncio.sleep(1)
    try:
        yield
    finally:
        for task in dribbling:
            task.cancel()
        await asyncio.gather(*dribbling, return_exceptions=True)


@asynccontextmanager
async def _bombing(client: httpx2.AsyncClient, seconds: list[float]) -> AsyncIterator[None]:
    """Somebody who sends bombs, ten a second."""
    body = orjson.dumps({"query": _bomb()})

    async def throw() -> None:
        while True:
            started = time.perf_counter()
            answer = await client.post(
                "/graphql", content=body, headers={"content-type": "application/json"}
            )
            seconds.append(time.perf_counter() - started)
            (error,) = answer.json()["errors"]
            assert error["extensions"]["exceeded"] == "fields", error
            await asyncio.sleep(0.1)

    throwing = asyncio.create_task(throw())
    try:
        yield
    finally:
        assert not throwing.done(), throwing
        throwing.cancel()
        await asyncio.gather(throwing, return_exceptions=True)


def _bomb() -> str:
    """Each fragment asks for the next one many times."""
    links = [f"fragment F{i} on Client {{ {f'...F{i + 1} ' * TIMES}}}" for i in range(LEVELS)]
    last = f"fragment F{LEVELS} on Client {{ id }}"
    return f"{{ viewer {{ client {{ ...F0 }} }} }} {' '.join([*links, last])}"


if __name__ == "__main__":
    sys.exit(main())
