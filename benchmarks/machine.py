"""What the machine says of itself and of its processes."""

import os
import platform
import subprocess

from benchmarks.stage import Server


def resident_megabytes(server: Server) -> float:
    """How much memory the server's process holds."""
    said = subprocess.check_output(["ps", "-o", "rss=", "-p", str(server.process.pid)], text=True)  # noqa: S607 - wherever it is
    return int(said) / 1024


def described() -> dict[str, str]:
    """The machine, as far as it matters for numbers."""
    return {
        "processors": str(os.cpu_count()),
        "system": f"{platform.system()} on {platform.machine()}",
        "Python": platform.python_version(),
    }
