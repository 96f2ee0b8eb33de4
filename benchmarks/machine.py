"""What the machine says of itself and of its processes."""

import os
import platform
import subprocess

from benchmarks.stage import Server
from tests.servers import binaries


def resident_megabytes(server: Server) -> float:
    """How much memory the server's process holds."""
    said = subprocess.check_output(["ps", "-o", "rss=", "-p", str(server.process.pid)], text=True)  # noqa: S607 - wherever it is
    return int(said) / 1024


def machine() -> str:
    """The machine, as far as it matters for numbers."""
    postgresql = subprocess.check_output([binaries() / "postgres", "--version"], text=True)
    return (
        f"{os.cpu_count()} processors, {platform.system()} on {platform.machine()},"
        f" Python {platform.python_version()}, PostgreSQL {postgresql.split()[2]}"
    )
