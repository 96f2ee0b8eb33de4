"""Where Prometheus asks: `/metrics` on an address of its own, METRICS_LISTEN, never the public one.

A thread answers, in the only process or in the one above the workers, so that one address tells of
all of them. Workers count in files of a folder that is there as long as they are; what a worker
that died has counted stays counted. What waits in the outbox is asked of the database then and
there, on a connection of the thread's own.
"""

import asyncio
import contextlib
import logging
import os
import socket
import tempfile
import threading
from collections.abc import Callable, Iterable, Iterator, Mapping
from pathlib import Path
from typing import Any, NamedTuple

from prometheus_client import CONTENT_TYPE_PLAIN_0_0_4, ProcessCollector, generate_latest
from prometheus_client.core import GaugeMetricFamily, Metric
from prometheus_client.multiprocess import MultiProcessCollector, mark_process_dead
from sqlalchemy import func, select

from models import Database, Delivery, Letter, Statement, Unavailable
from portal import logs
from portal.metrics import ALL, DATABASE_UP, POST_AGE, POST_QUEUED, REGISTRY
from portal.service import utc_now
from portal.settings import BadSettings, Settings

FOLDER = "PROMETHEUS_MULTIPROC_DIR"
"""What names the folder in the environment of workers; prometheus_client looks there."""

ASK_SECONDS = 10
"""How long one question and its answer may take."""

DATABASE_SECONDS = 3
"""After so long without an answer the database counts as away."""

MOST_BYTES = 16_384

Processes = Mapping[str, int]
"""The number of each process that serves, by its place."""

Counted = Callable[[], Iterable[Metric]]

_KINDS: dict[str, type[Letter | Delivery]] = {"letter": Letter, "event": Delivery}
_WAITING = Statement(
    select(
        *(
            select(told).where(model.__table__.c.state == "QUEUED").scalar_subquery()
            for model in _KINDS.values()
            for told in (func.count(model.id), func.min(model.due_at))
        )
    )
)

_logger = logging.getLogger(__name__)


@contextlib.contextmanager
def scraped(settings: Settings) -> Iterator[None]:
    """What this process counts is served meanwhile. Raises `BadSettings`."""
    with _served(settings, lambda: [*REGISTRY.collect(), *_used({"main": os.getpid()})]):
        yield


@contextlib.contextmanager
def scraped_together(settings: Settings, processes: Callable[[], Processes]) -> Iterator[None]:
    """What the processes count that are started meanwhile is served. Raises `BadSettings`."""
    if settings.metrics_listen is None:
        yield
        return
    with _folder() as folder:
        os.environ[FOLDER] = folder
        with _served(settings, lambda: _together(Path(folder), processes())):
            yield


def _folder() -> tempfile.TemporaryDirectory[str]:
    try:
        return tempfile.TemporaryDirectory(prefix="portal-metrics-")
    except OSError:
        raise BadSettings("METRICS_LISTEN: workers have no folder to count in: TMPDIR") from None


def _together(folder: Path, processes: Processes) -> Iterable[Metric]:
    """What the files tell, and of what is now, only those of processes that are there."""
    for pid in {int(path.stem.rpartition("_")[2]) for path in folder.glob("gauge_live*.db")}:
        if not _is_there(pid):
            mark_process_dead(pid, str(folder))
    return [*MultiProcessCollector(None, str(folder)).collect(), *_used(processes)]


def _is_there(pid: int) -> bool:
    """Whether it lives, be it to replace another one that serves still."""
    try:
        os.kill(pid, 0)
    except OSError:
        return False
    return True


def _used(processes: Processes) -> Iterable[Metric]:
    """What each process uses of the machine."""
    found: dict[str, Metric] = {}
    for place, pid in processes.items():
        for one in ProcessCollector(pid=lambda: pid, registry=None).collect():  # noqa: B023
            family = found.setdefault(one.name, Metric(one.name, one.documentation, one.type))
            for sample in one.samples:
                family.add_sample(sample.name, {"process": place}, sample.value)
    return found.values()


@contextlib.contextmanager
def _served(settings: Settings, counted: Counted) -> Iterator[None]:
    """It is answered meanwhile, if the settings say where."""
    if settings.metrics_listen is None:
        yield
        return
    door = _Door(_listener(*settings.metrics_listen), counted, settings.database_url)
    thread = threading.Thread(target=door.run, name="metrics", daemon=True)
    thread.start()
    try:
        yield
    finally:
        door.close()
        thread.join()


def _listener(host: str, port: int) -> socket.socket:
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    try:
        return socket.create_server((host, port), family=family)
    except OSError as failure:
        why = os.strerror(failure.errno or 0)
        raise BadSettings(f"METRICS_LISTEN: nobody can listen there: {why}") from None


class _Door:
    """What answers there, on a loop of its own."""

    def __init__(self, listener: socket.socket, counted: Counted, database_url: str) -> None:
        self._listener = listener
        self._counted = counted
        self._database_url = database_url
        self._loop = asyncio.new_event_loop()
        self._closed = asyncio.Event()

    def run(self) -> None:
        """Answer until it is closed."""
        with asyncio.Runner(loop_factory=lambda: self._loop) as runner:
            self._loop.set_exception_handler(logs.unhandled)
            runner.run(self._serve())

    def close(self) -> None:
        """Answer no more; from another thread."""
        with contextlib.suppress(RuntimeError):  # it has failed, and is closed
            self._loop.call_soon_threadsafe(self._closed.set)

    async def _serve(self) -> None:
        self._database = Database(self._database_url, connections=1)
        server = await asyncio.start_server(self._ask, sock=self._listener, limit=MOST_BYTES)
        host, port = self._listener.getsockname()[:2]
        at = f"[{host}]:{port}" if ":" in host else f"{host}:{port}"
        _logger.info("metrics are at http://%s/metrics", at)
        await self._closed.wait()
        server.close()
        await self._database.close()

    async def _ask(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """Answer one question, and hang up."""
        gone = (TimeoutError, OSError, asyncio.IncompleteReadError, asyncio.LimitOverrunError)
        with contextlib.closing(writer), contextlib.suppress(*gone):
            async with asyncio.timeout(ASK_SECONDS):
                head = await reader.readuntil(b"\r\n\r\n")
                found = head.startswith((b"GET /metrics ", b"GET /metrics?"))
                writer.write(await self._found() if found else _answer("404 Not Found"))
                await writer.drain()

    async def _found(self) -> bytes:
        waiting = await self._waiting()
        return _answer("200 OK", generate_latest(_All([*self._counted(), *waiting])))

    async def _waiting(self) -> list[Metric]:
        """What waits in the outbox, if the database can say so."""
        try:
            async with asyncio.timeout(DATABASE_SECONDS):
                ((*told,),) = await self._database.fetch(_WAITING, {})
        except (Unavailable, TimeoutError):
            return [_family(DATABASE_UP, value=0)]
        now = utc_now()
        queued = _family(POST_QUEUED, labels=["kind"])
        age = _family(POST_AGE, labels=["kind"])
        for kind, many, due in zip(_KINDS, told[::2], told[1::2], strict=True):
            queued.add_metric([kind], many)
            age.add_metric([kind], max((now - due).total_seconds(), 0) if due else 0)
        return [_family(DATABASE_UP, value=1), queued, age]


class _All(NamedTuple):
    """A registry, to those who ask one for everything."""

    metrics: list[Metric]

    def collect(self) -> list[Metric]:
        """Everything."""
        return self.metrics


def _family(name: str, **more: Any) -> GaugeMetricFamily:
    return GaugeMetricFamily(name, ALL[name].meaning, **more)


def _answer(status: str, body: bytes = b"") -> bytes:
    head = f"HTTP/1.1 {status}\r\nconnection: close\r\ncontent-length: {len(body)}\r\n"
    return f"{head}content-type: {CONTENT_TYPE_PLAIN_0_0_4}\r\n\r\n".encode() + body
