"""Logs: one line an event, on standard error; JSON for machines, and for people in a terminal.

No line holds what people typed: of an operation its name and hash, of an exception its kind and
where it was raised, never values or words. And no line is waited for: a thread writes them, and
what cannot be written is given up and counted.
"""

import asyncio
import datetime as dt
import logging
import os
import threading
import traceback
from collections.abc import Callable
from pathlib import Path
from typing import Any, Literal

import orjson
import structlog
from structlog.stdlib import ProcessorFormatter
from structlog.typing import EventDict, ExcInfo

from portal.lines import Lines, Render

MOST_CAUSES = 5

TALKATIVE = ("portal", "schema", "resolvers", "permissions", "mailer", "models", "uvicorn")
"""Who may say how things go. Others would tell values: drivers what they are given to write."""

_ROOT = str(Path(__file__).parents[1])
_NOWHERE = traceback.FrameSummary("nowhere", 0, "")

Style = Literal["auto", "json", "text"]

_logger = logging.getLogger(__name__)


def set_up(style: Style, level: str, file: int = 2) -> None:
    """Send everything from this level on to the file; of libraries, warnings and worse only."""
    people = style == "text" or (style == "auto" and os.isatty(file))
    lines = Lines(file, render := _text(os.isatty(file)) if people else _json)
    lines.setFormatter(
        ProcessorFormatter(
            foreign_pre_chain=[_stamp],
            processors=[
                ProcessorFormatter.remove_processors_meta,
                structlog.processors.ExceptionRenderer(raised),
                lambda _logger, _name, event: render(event),
            ],
        )
    )
    logging.basicConfig(handlers=[lines], level=logging.WARNING, force=True)
    for name in TALKATIVE:
        logging.getLogger(name).setLevel(level.upper())
    logging.raiseExceptions = False  # what cannot be logged is not for standard error either
    threading.excepthook = _thread_failed


def operations() -> Callable[[EventDict], None]:
    """Where operations are told: nowhere before `set_up`, or when it asked for worse news only."""
    for handler in logging.getLogger().handlers:
        if isinstance(handler, Lines) and _logger.isEnabledFor(logging.INFO):
            return handler.tell
    return lambda _event: None


def unhandled(_loop: asyncio.AbstractEventLoop, context: dict[str, Any]) -> None:
    """What an event loop does with an error that nobody waits for."""
    _logger.error("%s", context["message"], exc_info=context.get("exception"))


def raised(exc_info: ExcInfo) -> str:
    """Of which kind an exception is, where it was raised, how we came there, and its causes."""
    told: list[str] = []
    error: BaseException | None = exc_info[1]
    while error is not None and len(told) < MOST_CAUSES:
        *before, last = traceback.extract_tb(error.__traceback__) or [_NOWHERE]
        frames = [*(frame for frame in before if _is_ours(frame.filename)), last]
        places = (f"{_place(one.filename)}:{one.lineno} {one.name}" for one in reversed(frames))
        kind = f"{type(error).__module__}.{type(error).__qualname__}"
        told.append(" < ".join((kind, *places)))
        error = error.__cause__ or (None if error.__suppress_context__ else error.__context__)
    return "; because of ".join(told)


def _is_ours(path: str) -> bool:
    return path.startswith(_ROOT) and "site-packages" not in path


def _place(path: str) -> str:
    return "/".join(Path(path).parts[-2:])


def _thread_failed(failure: threading.ExceptHookArgs) -> None:
    if failure.exc_value is not None:
        info = failure.exc_type, failure.exc_value, failure.exc_traceback
        _logger.error("a thread failed", exc_info=info)


def _stamp(_logger: Any, _name: str, event: EventDict) -> EventDict:
    record: logging.LogRecord = event["_record"]
    at = dt.datetime.fromtimestamp(record.created, dt.UTC)
    level = record.levelname.lower()
    return {"at": at, "level": level, "logger": record.name, **event}


def _json(event: EventDict) -> str:
    return orjson.dumps(event, default=str, option=orjson.OPT_UTC_Z).decode()


def _text(colours: bool) -> Render:
    console = structlog.dev.ConsoleRenderer(
        colors=colours and "NO_COLOR" not in os.environ, timestamp_key="at", sort_keys=False
    )

    def render(event: EventDict) -> str:
        # Control characters could paint over what stands in the terminal.
        shown = {name: _printable(value) for name, value in event.items()}
        return console(None, "", shown)

    return render


def _printable(value: Any) -> Any:
    text = str(value)
    return text if text.isprintable() else text.encode("unicode_escape").decode()
