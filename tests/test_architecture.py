"""The promises that the code makes about itself."""

import ast
import os
import re
import shutil
import subprocess
import sys
import tomllib
from collections.abc import Iterator, Mapping
from importlib.metadata import files, packages_distributions
from itertools import chain
from pathlib import Path

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

from portal import VERSION

ROOT = Path(__file__).parent.parent
LOCKS = ("requirements.lock", "requirements-dev.lock")
LINES = 500
SENTENCES = {
    "portal": "The door",
    "schema": "What can be asked",
    "resolvers": "What happens",
    "permissions": "Who may",
    "mailer": "What is told",
    "models": "What is true",
    "tests": "What we promise",
}
ROOMS = [room for room in SENTENCES if room != "tests"]

# With classes of one letter, so that this file does not hold what it looks for.
ELSEWHERE = re.compile(
    r"pyp[i]\.(org|python)|pythonhoste[d]\.org|registry\.npmj[s]|debia[n]\.org/debian"
    r"|/op[t]/(pypi|wheels)|(?<![\w.-])/(wor[k]|roo[t]|hom[e])/\w"
)

# Loaded by name: by uvicorn, and by SQLAlchemy from the scheme of a URL.
LOADED_BY_NAME = {"httptools", "uvloop", "websockets", "aiosqlite", "asyncpg"}


def modules(*rooms: str) -> Iterator[Path]:
    return chain.from_iterable(sorted((ROOT / room).rglob("*.py")) for room in rooms)


def tracked() -> list[Path]:
    if not (ROOT / ".git").exists() or not shutil.which("git"):
        pytest.skip("not a checkout")
    listed = subprocess.check_output(["git", "ls-files", "-z"], cwd=ROOT, text=True)
    files = [ROOT / name for name in listed.split("\0") if name]
    return [file for file in files if file.is_file()]


def project() -> dict[str, list[str]]:
    """The names of what we depend on, as written, by `run` and `dev`."""
    told = tomllib.loads((ROOT / "pyproject.toml").read_text())
    return {"run": told["project"]["dependencies"], "dev": told["dependency-groups"]["dev"]}


def pins(lock: str) -> dict[str, str]:
    """The versions in a lock, by name."""
    found = re.findall(r"^([a-z0-9.-]+)==(\S+)", (ROOT / lock).read_text(), re.MULTILINE)
    return {canonicalize_name(name): version for name, version in found}


def imported(path: Path) -> set[str]:
    """The names of the modules that a module imports."""
    names = set()
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            names |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module:
            names.add(node.module)
    return names


def bringing(module: str, homes: Mapping[str, list[str]]) -> str | None:
    """The name of what is installed that brings a module; several may share its first name."""
    names = homes.get(module.partition(".")[0], [])
    if len(names) > 1:
        place = module.replace(".", "/")
        its = {Path(f"{place}.py"), Path(f"{place}/__init__.py")}
        names = [name for name in names if not its.isdisjoint(map(Path, files(name) or ()))]
    return canonicalize_name(names[0]) if names else None


class TestRooms:
    def test_imports_flow_downward_and_each_library_has_its_home(self) -> None:
        command = [str(Path(sys.executable).parent / "lint-imports"), "--no-logo", "--no-cache"]
        done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
        assert done.returncode == 0, done.stdout + done.stderr

    @pytest.mark.parametrize("room", SENTENCES)
    def test_a_room_says_what_it_is_for(self, room: str) -> None:
        told = ast.get_docstring(ast.parse((ROOT / room / "__init__.py").read_text()))
        assert told
        assert told.startswith(SENTENCES[room] + ":")

    @pytest.mark.parametrize("room", ROOMS)
    def test_no_file_is_too_long_to_be_read(self, room: str) -> None:
        lengths = {
            str(path.relative_to(ROOT)): len(path.read_text().splitlines())
            for path in modules(room)
            if "migrations" not in path.parts
        }
        assert {path: lines for path, lines in lengths.items() if lines > LINES} == {}

    def test_only_the_portal_reads_the_environment(self) -> None:
        readers = {
            path.relative_to(ROOT).parts[0]
            for path in modules(*ROOMS)
            if re.search(r"\bos\.environ\b|\bgetenv\b", path.read_text())
        }
        assert readers <= {"portal"}

    def test_the_version_is_that_of_the_project(self) -> None:
        told = tomllib.loads((ROOT / "pyproject.toml").read_text())
        assert told["project"]["version"] == VERSION

    def test_nothing_that_sends_spans_is_loaded_where_nobody_traces(self) -> None:
        script = (
            "import sys, portal.cli, portal.app; "
            "print([name for name in sys.modules if name.startswith('opentelemetry.')])"
        )
        loaded = subprocess.check_output([sys.executable, "-c", script], cwd=ROOT, text=True)
        assert "opentelemetry.trace" in loaded
        assert "opentelemetry.sdk" not in loaded
        assert "opentelemetry.exporter" not in loaded

    def test_the_root_is_no_package_and_no_tests_are_named_as_a_room(self) -> None:
        assert not (ROOT / "__init__.py").exists()
        folders = {path.name for path in (ROOT / "tests").rglob("*") if path.is_dir()}
        assert folders & {*ROOMS, "benchmarks"} == set()


class TestDependencies:
    @pytest.mark.parametrize("lock", LOCKS)
    def test_a_lock_has_pins_and_hashes_and_names_no_place(self, lock: str) -> None:
        text = (ROOT / lock).read_text()
        lines = [line for line in text.splitlines() if not line.startswith("#")]
        assert "/" not in text
        assert "--find-links" not in text
        assert "--index" not in text
        pinned = [line for line in lines if not line.startswith(" ")]
        assert pinned
        assert all(re.fullmatch(r"[a-z0-9.-]+==[^ ]+( ; .+)? \\", line) for line in pinned)
        hashes = [line for line in lines if line.startswith(" ")]
        assert all(re.fullmatch(r" {4}--hash=sha256:[0-9a-f]{64}( \\)?", line) for line in hashes)

    def test_what_is_run_is_what_is_tested(self) -> None:
        run, dev = (pins(lock) for lock in LOCKS)
        assert run.items() <= dev.items()

    def test_the_locks_are_of_this_pyproject(self) -> None:
        for lock, groups in zip(LOCKS, [["run"], ["run", "dev"]], strict=True):
            locked = pins(lock)
            for text in chain.from_iterable(project()[group] for group in groups):
                wanted = Requirement(text)
                assert locked[canonicalize_name(wanted.name)] in wanted.specifier, text

    def test_what_we_depend_on_is_used_and_what_is_used_is_depended_on(self) -> None:
        wanted = {canonicalize_name(Requirement(text).name) for text in project()["run"]}
        homes = packages_distributions()
        named = set().union(*map(imported, modules(*ROOMS)))
        used = {name for module in named if (name := bringing(module, homes))}
        assert wanted == used | LOADED_BY_NAME


class TestCheckout:
    def test_no_file_names_a_registry_or_a_machine(self) -> None:
        found = {}
        for path in tracked():
            text = path.read_bytes().decode("utf-8", errors="replace")
            if named := ELSEWHERE.search(text):
                found[str(path.relative_to(ROOT))] = named[0]
        assert found == {}

    def test_make_lists_every_target(self) -> None:
        text = (ROOT / "Makefile").read_text()
        declared = re.findall(r"^\.PHONY: (.*)$", text, re.MULTILINE)[0].split()
        command = ["make", "--no-print-directory", "help"]
        listed = subprocess.check_output(command, cwd=ROOT, text=True)
        assert [line.split()[1] for line in listed.splitlines()] == declared

    def test_ci_can_be_run(self) -> None:
        assert os.access(ROOT / ".ci" / "run", os.X_OK)

    def test_the_licence_is_that_of_the_project(self) -> None:
        assert (ROOT / "LICENSE").read_text().startswith("MIT License")
