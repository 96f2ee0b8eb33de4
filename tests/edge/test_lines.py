"""Logs by themselves: their lines are whole and tell no values, and nobody waits for them."""

import asyncio
import contextlib
import datetime as dt
import json
import logging
import os
import re
import threading
from collections.abc import Iterator
from typing import Any

import pytest

from portal import lines, logs
from portal.lines import PIECE_BYTES, Lines

AT = dt.datetime(2026, 11, 23, 12, tzinfo=dt.UTC)


@pytest.fixture
def pipe() -> Iterator[tuple[int, int]]:
    """A pipe: where to read and where to write."""
    reading, writing = os.pipe()
    yield reading, writing
    for end in (reading, writing):
        with contextlib.suppress(OSError):
            os.close(end)


def told(reading: int) -> list[str]:
    """The lines so far."""
    logging.getLogger().handlers[0].flush()
    return os.read(reading, 1_000_000).decode().splitlines()


@pytest.mark.usefixtures("_logging_as_before")
class TestFormats:
    def test_machines_get_json(self, pipe: tuple[int, int]) -> None:
        logs.set_up("auto", "info", pipe[1])
        logging.getLogger("uvicorn.error").info("Started %d\n\x1b[31m", 7, extra={"color": "x"})
        logging.getLogger("uvicorn.error").debug("not this")
        logging.getLogger("aiosqlite").info("nor this")
        logs.operations()({"at": AT, "level": "info", "event": "operation", "ms": 1.5})
        first, second = map(json.loads, told(pipe[0]))
        assert re.fullmatch(r"20\d\d-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?Z", first.pop("at"))
        assert first == {
            "level": "info",
            "logger": "uvicorn.error",
            "event": "Started 7\n\x1b[31m",
        }
        assert second == {
            "at": "2026-11-23T12:00:00Z",
            "level": "info",
            "event": "operation",
            "ms": 1.5,
        }

    def test_people_get_text_in_which_nothing_moves_the_cursor(self, pipe: tuple[int, int]) -> None:
        logs.set_up("text", "info", pipe[1])
        logging.getLogger("uvicorn.error").warning("odd\r\n\x1b[31m\x9b1A é")
        logs.operations()({"at": AT, "level": "info", "event": "operation", "operation": "Me"})
        first, second = told(pipe[0])
        assert r"[warning  ] odd\r\n\x1b[31m\x9b1A \xe9" in first
        assert second.startswith("2026-11-23 12:00:00+00:00 [info     ] operation")
        assert second.endswith("operation=Me")
        assert f"{first}{second}".isprintable()

    def test_a_terminal_has_colours_unless_they_are_not_wanted(
        self, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.delenv("NO_COLOR", raising=False)
        leader, follower = os.openpty()
        for wanted in (True, False):
            if not wanted:
                monkeypatch.setenv("NO_COLOR", "1")
            logs.set_up("auto", "info", follower)
            logging.getLogger("portal.a").info("hello")
            (line,) = told(leader)
            assert ("\x1b[" in line) is wanted
        os.close(follower)
        os.close(leader)

    def test_an_exception_is_its_kind_and_its_place(self, pipe: tuple[int, int]) -> None:
        logs.set_up("json", "info", pipe[1])

        def fail() -> None:
            try:
                int("hunter2")
            except ValueError as error:
                raise LookupError("hunter2", {"password": "hunter2"}) from error

        try:
            fail()
        except LookupError:
            logging.getLogger("portal.a").exception("incident %s", "17")
        (line,) = told(pipe[0])
        assert "hunter2" not in line
        assert re.fullmatch(
            r"builtins\.LookupError < edge/test_lines\.py:\d+ fail < edge/test_lines\.py:\d+ "
            r"test_an_exception_is_its_kind_and_its_place; because of "
            r"builtins\.ValueError < edge/test_lines\.py:\d+ fail",
            json.loads(line)["exception"],
        )

    async def test_what_fails_where_nobody_waits_is_told_without_its_words(
        self, pipe: tuple[int, int]
    ) -> None:
        logs.set_up("json", "info", pipe[1])

        def fail() -> None:
            raise LookupError("hunter2")

        thread = threading.Thread(target=fail)
        thread.start()
        thread.join()
        loop = asyncio.get_running_loop()
        context = {"message": "Task exception was never retrieved", "future": "hunter2"}
        logs.unhandled(loop, {**context, "exception": LookupError("hunter2")})
        logs.unhandled(loop, context)
        found = told(pipe[0])
        assert "hunter2" not in "".join(found)
        events = [json.loads(line) for line in found]
        assert [event["event"] for event in events] == [
            "a thread failed",
            "Task exception was never retrieved",
            "Task exception was never retrieved",
        ]
        assert [event.get("exception", "").split(" ")[0] for event in events] == [
            "builtins.LookupError",
            "builtins.LookupError",
            "",
        ]

    def test_operations_are_told_where_the_level_says_so(self, pipe: tuple[int, int]) -> None:
        logs.operations()({"event": "nowhere"})
        logs.set_up("json", "warning", pipe[1])
        logs.operations()({"event": "nowhere"})
        logging.getLogger("portal.a").warning("here")
        (line,) = told(pipe[0])
        assert json.loads(line)["event"] == "here"


def render(event: Any) -> str:
    return str(event["event"])


class TestLines:
    def test_pieces_of_a_pipe_are_whole_lines(
        self, pipe: tuple[int, int], monkeypatch: pytest.MonkeyPatch
    ) -> None:
        pieces = []

        def write(file: int, piece: bytes) -> int:
            assert file == pipe[1]
            pieces.append(piece)
            return len(piece)

        monkeypatch.setattr(os, "write", write)
        handler = Lines(pipe[1], render)
        said = [f"{number} " + "x" * (number % 300) for number in range(1000)]
        said += ["long" * PIECE_BYTES, "the last"]
        for line in said:
            handler.tell({"event": line})
        handler.flush()
        handler.close()
        assert b"".join(pieces).decode().splitlines() == said
        assert all(piece.endswith(b"\n") for piece in pieces)
        assert sum(len(piece) > PIECE_BYTES for piece in pieces) == 1

    def test_lines_are_written_by_themselves(self, pipe: tuple[int, int]) -> None:
        handler = Lines(pipe[1], render)
        handler.tell({"event": "soon"})
        assert os.read(pipe[0], 100) == b"soon\n"  # waits for it
        handler.close()

    def test_a_reader_who_stops_reading_holds_up_nobody(
        self, pipe: tuple[int, int], monkeypatch: pytest.MonkeyPatch, caplog: Any
    ) -> None:
        monkeypatch.setattr(lines, "MOST_LINES", 5000)
        handler = Lines(pipe[1], render)
        told = 0
        while not handler._lost:  # the pipe is full, and then the memory
            handler.tell({"event": "x" * 1000})
            told += 1
        handler.flush()  # gives up after a second, as the end of a process must
        assert len(handler._lines) > 4000

        read = bytearray()

        def catch_up() -> None:
            while chunk := os.read(pipe[0], 1_000_000):
                read.extend(chunk)

        reader = threading.Thread(target=catch_up)
        with caplog.at_level(logging.WARNING, lines.__name__):
            reader.start()
            while handler._lines:
                handler.flush()
            handler.close()
            os.close(pipe[1])
            reader.join()
        lost = sum(int(message.split()[0]) for message in caplog.messages)
        assert caplog.messages == [f"{lost} lines were lost"]
        assert told == len(read.splitlines()) + lost

    def test_what_cannot_be_written_is_counted_until_it_can(
        self, pipe: tuple[int, int], caplog: Any
    ) -> None:
        full = os.open("/dev/full", os.O_WRONLY)
        handler = Lines(full, render)
        with caplog.at_level(logging.WARNING, lines.__name__):
            for _ in range(3):
                handler.tell({"event": "lost"})
            handler.flush()
            assert caplog.messages == []
            os.dup2(pipe[1], full)  # there is room again
            handler.tell({"event": "kept"})
            handler.flush()
        assert os.read(pipe[0], 100) == b"kept\n"
        assert caplog.messages == ["3 lines were lost"]
        handler.close()
        os.close(full)

    def test_a_closed_pipe_is_no_matter(self, pipe: tuple[int, int]) -> None:
        os.close(pipe[0])
        handler = Lines(pipe[1], render)
        for _ in range(10):
            handler.tell({"event": "lost"})
            handler.flush()
        assert handler._lost == 10
        handler.close()
