"""A real collector of traces: takes them by OTLP over HTTP, and reads them."""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest
from opentelemetry.proto.common.v1.common_pb2 import AnyValue, KeyValue
from opentelemetry.proto.trace.v1.trace_pb2 import Span, Status

from tests.receiver import Receiver
from tests.waiting import until

SOON = {"OTEL_BSP_SCHEDULE_DELAY": "100"}
"""What has a program tell its spans ten times a second, and few of them at its end."""

Tree = tuple[str, list[Any]]
"""The name of a span, and the trees of those inside, in their order."""


@dataclass(frozen=True, slots=True)
class Told:
    """A span as it came; `who` are the attributes of the process that told it.

    `more` is what there could be besides: events, links, messages, states of others.
    """

    trace: str
    id: str
    parent: str
    name: str
    kind: str
    start: int
    attributes: dict[str, Any]
    failed: bool
    more: tuple[Any, ...]
    who: dict[str, Any]


class Traces(list[Told]):
    """Spans, by when they began."""

    def named(self, name: str) -> list[Told]:
        """The spans of this name."""
        return [span for span in self if span.name == name]

    def of(self, request: str) -> Told:
        """The span of a request, by its id."""
        its = "http.response.header.x-request-id"
        (found,) = [span for span in self if span.attributes.get(its) == [request]]
        return found

    def inside(self, outer: Told) -> list[Told]:
        """The spans that are at once inside of another."""
        its = (outer.trace, outer.id)
        return [span for span in self if (span.trace, span.parent) == its]

    def tree(self, root: Told) -> Tree:
        """What is inside of a span."""
        return root.name, [self.tree(span) for span in self.inside(root)]


class Collector(Receiver):
    """Takes traces on a free port of 127.0.0.1; a context manager."""

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}/v1/traces"

    @property
    def traces(self) -> Traces:
        """All that came."""
        assert {one.path for one in self.received} <= {"/v1/traces"}
        found = [
            _told(span, _read(part.resource.attributes))
            for one in self.received
            for part in ExportTraceServiceRequest.FromString(one.body).resource_spans
            for scope in part.scope_spans
            for span in scope.spans
        ]
        return Traces(sorted(found, key=lambda span: span.start))

    async def told(self, *requests: str) -> None:
        """Wait until the spans of these requests have come, which end after those inside."""
        its = "http.response.header.x-request-id"
        wanted = set(requests)
        await until(
            lambda: wanted <= {id for span in self.traces for id in span.attributes.get(its, [])}
        )


def _told(span: Span, who: dict[str, Any]) -> Told:
    return Told(
        trace=span.trace_id.hex(),
        id=span.span_id.hex(),
        parent=span.parent_span_id.hex(),
        name=span.name,
        kind=Span.SpanKind.Name(span.kind).removeprefix("SPAN_KIND_"),
        start=span.start_time_unix_nano,
        attributes=_read(span.attributes),
        failed=span.status.code == Status.STATUS_CODE_ERROR,
        more=(*span.events, *span.links, *filter(None, (span.status.message, span.trace_state))),
        who=who,
    )


def _read(attributes: Iterable[KeyValue]) -> dict[str, Any]:
    return {one.key: _value(one.value) for one in attributes}


def _value(value: AnyValue) -> Any:
    kind = value.WhichOneof("value")
    assert kind
    if kind == "array_value":
        return [_value(one) for one in value.array_value.values]
    return getattr(value, kind)
