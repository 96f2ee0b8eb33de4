"""Writing a file that is there only when all of it is."""

import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import BinaryIO

from portal.acting import Unusable


@contextmanager
def whole(path: Path | None) -> Iterator[BinaryIO]:
    """Where to write: a file that only its owner reads, or standard output.

    What is written meanwhile is beside it, as `NAME.part`, and gone if the block is left early.
    Raises `Unusable`.
    """
    if path is None:
        yield sys.stdout.buffer
        sys.stdout.buffer.flush()
        return
    part = path.with_name(f"{path.name}.part")
    try:
        opened = os.open(part, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, mode=0o600)
    except OSError as failure:
        raise Unusable(f"--output: {failure.strerror}.") from None
    try:
        with os.fdopen(opened, "wb") as file:
            yield file
        part.replace(path)
    finally:
        part.unlink(missing_ok=True)
