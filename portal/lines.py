"""Writing lines so that nobody waits: the handler behind the logs."""

import logging
import os
import threading
from collections import deque
from collections.abc import Callable, Iterator

from structlog.typing import EventDict

MOST_LINES = 10_000
"""How many lines may wait for a reader who has stopped reading; about 3 MB."""

WRITE_SECONDS = 0.05
"""How long a line waits for others, to be written with them."""

FLUSH_SECONDS = 1
"""How long the end of a process waits for such a reader."""

PIECE_BYTES = 4096
"""What the system writes to a pipe as a whole: processes do not cut up each other's lines."""

Render = Callable[[EventDict], str]

_logger = logging.getLogger(__name__)


class Lines(logging.Handler):
    """Writes lines to a file, in a thread: one that is slow, full or closed holds up nobody."""

    def __init__(self, file: int, render: Render) -> None:
        super().__init__()
        self._file = file
        self._render = render
        self._lines: deque[str] = deque()
        self._lost = 0
        self._rounds = 0
        self._round = threading.Condition()
        self._hurry = threading.Event()
        self._ended = False
        threading.Thread(target=self._run, name="logs", daemon=True).start()

    def tell(self, event: EventDict) -> None:
        """Log an event that is no record, which costs a fifth of one that is."""
        self._add(self._render(event))

    def emit(self, record: logging.LogRecord) -> None:
        try:
            self._add(self.format(record))
        except Exception:  # noqa: BLE001 - as every handler
            self.handleError(record)

    def flush(self) -> None:
        with self._round:
            # One round may be under way already, and past what is to be written.
            until = self._rounds + 2
            self._hurry.set()
            self._round.wait_for(lambda: self._rounds >= until, FLUSH_SECONDS)

    def close(self) -> None:
        self.flush()
        self._ended = True
        super().close()

    def _add(self, line: str) -> None:
        if len(self._lines) < MOST_LINES:
            self._lines.append(line)
        else:
            self._lost += 1

    def _run(self) -> None:
        while not self._ended:
            self._hurry.wait(WRITE_SECONDS)
            self._hurry.clear()
            self._write()
            with self._round:
                self._rounds += 1
                self._round.notify_all()

    def _write(self) -> None:
        for count, piece in self._pieces():
            left = piece
            try:
                while left:
                    left = left[os.write(self._file, left) :]
            except OSError:
                self._lost += count
                continue
            if self._lost:
                lost, self._lost = self._lost, 0
                _logger.warning("%d lines were lost", lost)

    def _pieces(self) -> Iterator[tuple[int, bytes]]:
        """What is to be written, in pieces of whole lines, and how many lines each holds."""
        count, piece = 0, b""
        for _ in range(len(self._lines)):
            line = self._lines.popleft().encode(errors="backslashreplace") + b"\n"
            if piece and len(piece) + len(line) > PIECE_BYTES:
                yield count, piece
                count, piece = 0, b""
            count, piece = count + 1, piece + line
        if piece:
            yield count, piece
