"""Commands in the process of the tests."""

import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from portal.cli import main
from tests.crash.programs import SECRET_KEY, Ended

Says = Callable[..., Ended]


@pytest.fixture
def says(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> Says:
    """How a command ends, and what it prints and complains."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("COLUMNS", "200")
    monkeypatch.setenv("NO_COLOR", "1")
    monkeypatch.setenv("SECRET_KEY", SECRET_KEY)

    def command(*words: str) -> Ended:
        monkeypatch.setattr(sys, "argv", ["python -m portal", *words])
        try:
            main()
            status = 0
        except SystemExit as ended:
            status = int(ended.code or 0)
        printed = capsys.readouterr()
        return Ended(status, printed.out, printed.err)

    return command
