"""Writing a file that is there only when all of it is."""

import os
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path

from portal.acting import Unusable

Write = Callable[[bytes], None]


@contextmanager
def whole(path: Path | None) -> Iterator[Write]:
    """How to write: to a file that only its owner reads, or to standard output.

    What is written meanwhile is beside it, as `NAME.part`, and gone if the block is left early.
    Raises `Unusable`, as does who writes on a full disk.
    """
    if path is None:
        yield partial(_write, "Standard output", sys.stdout.fileno())
        return
    part = path.with_name(f"{path.name}.part")
    with _usable("--output"):
        opened = os.open(part, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, mode=0o600)
    file = os.fdopen(opened, "wb", buffering=0)
    try:
        yield partial(_write, "--output", opened)
        with _usable("--output"):
            file.close()
            part.replace(path)
    finally:
        file.close()
        part.unlink(missing_ok=True)


def _write(name: str, descriptor: int, data: bytes) -> None:
    """Write all of it now: what is kept back fails where nobody looks."""
    rest = memoryview(data)
    with _usable(name):
        while rest:
            rest = rest[os.write(descriptor, rest) :]


@contextmanager
def _usable(name: str) -> Iterator[None]:
    try:
        yield
    except BrokenPipeError:
        # Whoever reads has enough, which is no fault: typer ends the command without a word.
        raise
    except OSError as failure:
        raise Unusable(f"{name}: {failure.strerror}.") from None
