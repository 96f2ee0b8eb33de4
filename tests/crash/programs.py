"""The command line as others run it: `python -m portal` in processes of their own."""

import asyncio
import contextlib
import os
import re
import signal
import sys
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx2

from tests.mailbox import Mailbox
from tests.servers import held_port

ROOT = Path(__file__).parents[2]
SECRET_KEY = "an otter, a heron and five pikes: 0123456789"
PUBLIC_URL = "https://portal.example"
SECONDS = 60

_ADDRESS = r"Uvicorn running on (http://127\.0\.0\.1:\d+)"


def environment(url: str, mail: Mailbox | Path, **more: str) -> dict[str, str]:
    """Everything that a program needs to know, and nothing of ours."""
    return {
        "DATABASE_URL": url,
        "MAIL_URL": mail.url if isinstance(mail, Mailbox) else f"file://{mail}",
        "MAIL_FROM": "portal@mail.example",
        "PUBLIC_URL": PUBLIC_URL,
        "SECRET_KEY": SECRET_KEY,
        "COURIER_LEASE": "5",
        "THROTTLE": "1000",
        **more,
    }


@dataclass(frozen=True, slots=True)
class Ended:
    """What a program said, and how it ended."""

    status: int
    said: str
    complained: str


class Program:
    """A program that is running. It is killed at the end of its block, if it still is."""

    def __init__(self, process: asyncio.subprocess.Process) -> None:
        assert process.stdout and process.stderr
        self._process = process
        self._came = asyncio.Condition()
        self._said = {"out": b"", "err": b""}
        self._saying = 2
        self._readers = asyncio.gather(
            self._read("out", process.stdout), self._read("err", process.stderr)
        )

    @property
    def pid(self) -> int:
        """The number of its process."""
        return self._process.pid

    async def until(self, pattern: str) -> re.Match[str]:
        """Where it says something that matches, on either of its outputs; waits until it does."""

        def found() -> re.Match[str] | None:
            return re.search(pattern, self._text("out")) or re.search(pattern, self._text("err"))

        async with asyncio.timeout(SECONDS), self._came:
            await self._came.wait_for(lambda: found() or not self._saying)
        match = found()
        assert match, f"it ended without saying {pattern!r}:\n{self._text('err')}"
        return match

    def signal(self, number: int) -> None:
        """Send it a signal."""
        self._process.send_signal(number)

    async def kill(self) -> None:
        """Kill it with -9, at whatever it is doing."""
        with contextlib.suppress(ProcessLookupError):
            self._process.kill()
        await self.end()

    async def end(self) -> Ended:
        """Wait until it has ended."""
        async with asyncio.timeout(SECONDS):
            await self._readers
            status = await self._process.wait()
        return Ended(status, self._text("out"), self._text("err"))

    def _text(self, name: str) -> str:
        return self._said[name].decode(errors="replace")

    async def _read(self, name: str, stream: asyncio.StreamReader) -> None:
        while chunk := await stream.read(65536):
            await self._add(name, chunk)
        self._saying -= 1
        await self._add(name, b"")

    async def _add(self, name: str, chunk: bytes) -> None:
        async with self._came:
            self._said[name] += chunk
            self._came.notify_all()


@asynccontextmanager
async def program(
    *words: str, env: Mapping[str, str], folder: Path, module: str = "portal"
) -> AsyncIterator[Program]:
    """`python -m portal WORDS`, or another module, in the folder, with this environment only."""
    process = await asyncio.create_subprocess_exec(
        sys.executable,
        "-m",
        module,
        *words,
        env={"PATH": os.defpath, "PYTHONPATH": str(ROOT), **env},
        cwd=folder,
        stdin=asyncio.subprocess.DEVNULL,
        # Whoever runs the tests in the background has them ignore it, and so would the program.
        preexec_fn=lambda: signal.signal(signal.SIGINT, signal.default_int_handler),
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
    )
    running = Program(process)
    try:
        yield running
    finally:
        await running.kill()


async def run(*words: str, env: Mapping[str, str], folder: Path) -> Ended:
    """Run `python -m portal WORDS` to its end."""
    async with program(*words, env=env, folder=folder) as running:
        return await running.end()


class Server:
    """`serve` on a port of its own, and a client that knows its address."""

    def __init__(self, running: Program, client: httpx2.AsyncClient) -> None:
        self.program = running
        self.client = client

    async def ask(self, document: str, **variables: Any) -> Any:
        """The data of the answer, which has no errors."""
        body = {"query": document, "variables": variables}
        answer = (await self.client.post("/graphql", json=body)).raise_for_status().json()
        assert "errors" not in answer, answer
        return answer["data"]


@asynccontextmanager
async def server(env: Mapping[str, str], folder: Path, port: int = 0) -> AsyncIterator[Server]:
    """A server that is ready, on this port or a free one."""
    async with program("serve", "--port", str(port), env=env, folder=folder) as running:
        address = (await running.until(_ADDRESS))[1]
        async with httpx2.AsyncClient(base_url=address, timeout=SECONDS) as client:
            await until_ready(client)
            yield Server(running, client)


@asynccontextmanager
async def demo(folder: Path) -> AsyncIterator[str]:
    """The address of a demo that is ready, and keeps its things in `var/` of the folder."""
    with held_port() as port:
        address = f"http://127.0.0.1:{port}"
        words = "demo", "--port", str(port), "--directory", "var"
        async with program(*words, env={}, folder=folder) as running:
            await running.until("Ctrl-C ends it")
            async with httpx2.AsyncClient(base_url=address, timeout=SECONDS) as client:
                await until_ready(client)
            yield address
            running.signal(signal.SIGINT)
            ended = await running.end()
            assert (ended.status, ended.complained) == (0, "")


async def until_ready(client: httpx2.AsyncClient) -> None:
    """Wait until the server there is ready."""
    async with asyncio.timeout(SECONDS):
        while not await _is_ready(client):  # noqa: ASYNC110 - it is another process
            await asyncio.sleep(0.05)


async def _is_ready(client: httpx2.AsyncClient) -> bool:
    try:
        return (await client.get("/readyz")).is_success
    except httpx2.TransportError:
        return False
