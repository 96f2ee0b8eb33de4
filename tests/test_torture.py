"""`make torture`: all of it runs, whatever is broken, and what counts as told by the time."""

import os
import subprocess
from pathlib import Path

import pytest

from tests.crash.programs import ROOT
from tests.torture.telling import is_told

FOLDER = ROOT / "tests" / "torture"
PROGRAMS = [path.stem for path in FOLDER.glob("*.py") if "__main__" in path.read_text()]

# It stands in for Python, whose words are `-m tests.torture.NAME`.
_PYTHON = """#!/bin/sh
echo "${2#tests.torture.}" >> "$(dirname "$0")/ran"
case " $BROKEN " in *" ${2#tests.torture.} "*) exit 3 ;; esac
"""


@pytest.mark.parametrize("broken", ["", "telling strangers"])
def test_all_run_whatever_is_broken_and_the_end_says_what(tmp_path: Path, broken: str) -> None:
    python = tmp_path / "python"
    python.write_text(_PYTHON)
    python.chmod(0o755)
    # As if it was installed: nothing is made for it.
    command = ["make", "--old-file=.venv/installed-dev", f"PYTHON={python}", "torture"]
    env = {"PATH": os.environ["PATH"], "BROKEN": broken}
    ended = subprocess.run(command, cwd=ROOT, env=env, capture_output=True, text=True, check=False)
    assert sorted((tmp_path / "ran").read_text().split()) == sorted(PROGRAMS)
    assert bool(ended.returncode) is bool(broken)
    assert (f"What was promised was not kept: {broken}\n" in ended.stderr) is bool(broken)


@pytest.mark.parametrize(
    ("figures", "told"),
    [
        ([0.5], False),
        ([0.549], False),
        ([0.451], False),
        ([0.551, 0.549], False),
        ([0.44, 0.5], False),
        ([0.56, 0.57], True),
        ([0.44, 0.56], True),
    ],
    ids=str,
)
def test_the_time_tells_where_a_figure_is_outside_twice(figures: list[float], told: bool) -> None:
    taken = iter(figures)
    assert is_told(lambda: next(taken)) is told
    assert list(taken) == []
