"""The life of the processes that serve: how uvicorn runs them, and how they end.

Told to end, a server says so at `/readyz` and to everybody it answers, goes on for a notice, then
listens no more, finishes what is under way, and lets the courier finish its letters. Told twice,
it ends at once: transactions roll back, and letters are left to their leases.
"""

import asyncio
import logging
import multiprocessing
import os
import resource
import signal
import time
from types import FrameType

import uvicorn
from uvicorn.supervisors.multiprocess import Multiprocess

from portal import logs
from portal.asked import MOST_BYTES
from portal.health import Health
from portal.protocol import MOST_CONNECTIONS, Deadlines
from portal.scraping import scraped, scraped_together
from portal.settings import Settings

KEEP_ALIVE_SECONDS = 75
"""Longer than the minute of proxies, so that it is never us who hang up while one asks again."""

WORKER_SECONDS = 30
"""How long a worker may be silent, which it is while it starts, before it is replaced."""

_ENDS = (signal.SIGTERM, signal.SIGINT)

_logger = logging.getLogger(__name__)


def serve(
    settings: Settings,
    host: str,
    port: int,
    workers: int = 1,
    factory: str = "portal.app:from_environment",
) -> None:
    """Run the app that the factory makes until somebody says to end."""
    logs.set_up(settings.log_format, settings.log_level)
    _allow_connections()
    config = uvicorn.Config(
        factory,
        factory=True,
        host=host,
        port=port,
        workers=workers,
        http=Deadlines,
        ws="websockets-sansio",
        ws_max_size=MOST_BYTES,
        ws_per_message_deflate=False,
        log_config=None,
        access_log=False,
        server_header=False,
        proxy_headers=False,
        timeout_keep_alive=KEEP_ALIVE_SECONDS,
        timeout_graceful_shutdown=settings.drain_seconds,
        timeout_worker_healthcheck=WORKER_SECONDS,
    )
    if workers > 1:
        above = Workers(config, [config.bind_socket()])
        with scraped_together(settings, above.pids):
            above.run()
    else:
        with scraped(settings):
            uvicorn.Server(config).run()


class Workers(Multiprocess):
    """Several processes, and the one above them. Told twice to end, it kills the others."""

    def pids(self) -> dict[str, int]:
        """The numbers of all of them, by their places."""
        workers = {str(place): one.pid for place, one in enumerate(self.processes, start=1)}
        return {"main": os.getpid(), **{place: pid for place, pid in workers.items() if pid}}

    def join_all(self) -> None:
        self.signal_queue.clear()
        while any(process.exitcode is None for process in self.processes):
            if not set(_ENDS).isdisjoint(self.signal_queue):
                for process in self.processes:
                    process.kill()
            time.sleep(0.1)
        super().join_all()


def take_signals(health: Health, notice_seconds: float) -> None:
    """Take over from uvicorn what a signal does, if this is a server of uvicorn's."""
    server = getattr(signal.getsignal(signal.SIGTERM), "__self__", None)
    if not isinstance(server, uvicorn.Server):
        return
    loop = asyncio.get_running_loop()
    loop.set_exception_handler(logs.unhandled)
    above = multiprocessing.parent_process()

    def stop() -> None:
        if above:
            loop.remove_reader(above.sentinel)  # it would say so again and again
        health.draining = True
        server.should_exit = True

    def told(number: int, _frame: FrameType | None) -> None:
        if not health.draining:
            health.draining = True
            notice = notice_seconds if number == signal.SIGTERM else 0
            loop.call_soon_threadsafe(loop.call_later, notice, stop)
        elif above is None:
            # To a worker, a second signal may be the first one, passed on by the process above.
            logging.shutdown()
            os._exit(128 + number)

    for number in _ENDS:
        signal.signal(number, told)
    if above:
        # Were it killed, nobody could end its workers any more.
        loop.add_reader(above.sentinel, stop)


def _allow_connections() -> None:
    """Open as many files as connections need, as far as the system lets us."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    wanted = 2 * MOST_CONNECTIONS
    if resource.RLIM_INFINITY != soft < wanted:
        most = wanted if hard == resource.RLIM_INFINITY else min(wanted, hard)
        resource.setrlimit(resource.RLIMIT_NOFILE, (most, hard))
