"""Spans: what took how long, and inside of what, for whoever traces it (`portal.tracing`).

The home of OpenTelemetry's API. Names and attributes are those of its semantic conventions, and
`portal.…` where it has none. No span holds a value: of what failed it tells the kind, never the
words, and of a statement the text without what it is run with.
"""

import re
from collections.abc import Iterator, Mapping
from contextlib import AbstractContextManager, contextmanager, nullcontext
from functools import lru_cache
from typing import ClassVar, TypeAlias

from opentelemetry.context import Context
from opentelemetry.trace import (
    INVALID_SPAN,
    Span,
    SpanKind,
    StatusCode,
    Tracer,
    get_current_span,
)

MOST_TEXT = 8192
"""How many characters of a statement are told."""

_STATEMENTS = 1024
"""How many statements are kept as they are told."""

# Plans write aliases, which callers choose, as JSON; and the sizes of pages. `$1`, `?1` are places.
_LITERAL = re.compile(r"'(?:[^']|'')*'|(?<![\w$?.])\d+(?:\.\d+)?")

UNTOLD = nullcontext(INVALID_SPAN)
"""In place of a span, where there is nothing to tell."""

Told: TypeAlias = Mapping[str, str | list[str]]
"""What is known of a span when it begins."""


class Tracing:
    """By which tracer the spans of this process begin; without one there are none."""

    tracer: ClassVar[Tracer | None] = None


def span(
    name: str,
    told: Told,
    kind: SpanKind = SpanKind.INTERNAL,
    parent: Context | None = None,
) -> AbstractContextManager[Span]:
    """A span of what is done meanwhile, which has failed if that raises.

    It is inside of the one that is under way, or of its `parent`.
    """
    tracer = Tracing.tracer
    return UNTOLD if tracer is None else _span(tracer, name, told, kind, parent)


@contextmanager
def _span(
    tracer: Tracer, name: str, told: Told, kind: SpanKind, parent: Context | None
) -> Iterator[Span]:
    with tracer.start_as_current_span(
        name, parent, kind, told, record_exception=False, set_status_on_exception=False
    ) as begun:
        try:
            yield begun
        except BaseException as failure:
            fail(begun, _kind(failure))
            raise


def asking(name: str, told: Told) -> Span:
    """A span of what is asked of others, until it is `answered`; one that never is, is not told."""
    tracer = Tracing.tracer
    if tracer is None:
        return INVALID_SPAN
    return tracer.start_span(name, kind=SpanKind.CLIENT, attributes=told)


def running(system: str, text: str) -> Span:
    """A span of a statement, where somebody traces what it is run for.

    Couriers and clerks ask the database every second whether there is something to do: of that,
    nothing is told.
    """
    if Tracing.tracer is None or not get_current_span().is_recording():
        return INVALID_SPAN
    operation = text.split(maxsplit=1)[0]
    return asking(
        operation,
        {
            "db.system.name": system,
            "db.operation.name": operation,
            "db.query.text": without_values(text),
        },
    )


def answered(begun: Span, failure: BaseException | None = None) -> None:
    """What was asked has been answered, or has failed."""
    if failure is not None:
        fail(begun, _kind(failure))
    begun.end()


def fail(begun: Span, error: str) -> None:
    """It came to no good end, for an error of this kind."""
    begun.set_attribute("error.type", error)
    begun.set_status(StatusCode.ERROR)


@lru_cache(_STATEMENTS)
def without_values(text: str) -> str:
    """The text of a statement, with `?` for each literal in it."""
    return _LITERAL.sub("?", text)[:MOST_TEXT]


def _kind(failure: BaseException) -> str:
    return type(failure).__name__
