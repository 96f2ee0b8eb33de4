"""What is told of requests and operations in traces: of nobody, and nothing that somebody typed.

`portal.collecting` is where the traces go, and `models.spans` has those of statements.
"""

from collections.abc import Collection, Mapping
from contextlib import AbstractContextManager
from typing import Any

from opentelemetry.context import Context
from opentelemetry.trace import Span, SpanKind
from opentelemetry.trace.propagation.tracecontext import TraceContextTextMapPropagator
from starlette.types import Scope

from models import UNTOLD, Tracing, fail, span
from portal.call import Call
from portal.metrics import NAMES, OTHER
from portal.places import Network
from portal.source import is_trusted
from schema import ErrorCode

ROUTE = "/graphql"
OURS = frozenset({ErrorCode.INTERNAL_SERVER_ERROR, ErrorCode.SERVICE_UNAVAILABLE})
"""The codes of errors that are no caller's fault: spans with one of them have failed."""

_METHODS = frozenset(
    {"CONNECT", "DELETE", "GET", "HEAD", "OPTIONS", "PATCH", "POST", "PUT", "TRACE"}
)
_OTHER = "_OTHER"
_TRACES = TraceContextTextMapPropagator()


def requested(
    call: Call, scope: Scope, proxies: Collection[Network]
) -> AbstractContextManager[Span]:
    """The span of a request to the API; inside of that which one's own proxy tells of, if any."""
    if Tracing.tracer is None:
        return UNTOLD
    method = scope["method"] if scope["method"] in _METHODS else _OTHER
    told = {
        "http.request.method": method,
        "http.response.header.x-request-id": [call.id],
        "http.route": ROUTE,
        "url.path": ROUTE,
        "url.scheme": scope["scheme"],
    }
    name = f"{'HTTP' if method == _OTHER else method} {ROUTE}"
    return span(name, told, SpanKind.SERVER, _parent(call, scope, proxies))


def responded(begun: Span, status: int) -> None:
    """The request is answered with this status."""
    begun.set_attribute("http.response.status_code", status)
    if status >= 500:
        fail(begun, str(status))


def operating(document: str) -> AbstractContextManager[Span]:
    """The span of an operation, by the hash of its document."""
    return span("GraphQL Operation", {"portal.document.hash": document})


def operated(begun: Span, facts: Mapping[str, Any], cost: int | None) -> None:
    """The operation was run, or refused; this is known of it by now."""
    kind, name, outcome = facts["type"], facts["operation"], facts["outcome"]
    begun.set_attribute("portal.outcome", outcome)
    if kind is not None:
        begun.update_name(kind)
        begun.set_attribute("graphql.operation.type", kind)
    if name in NAMES:
        begun.update_name(f"{kind or OTHER} {name}")
        begun.set_attribute("graphql.operation.name", name)
    if cost is not None:
        begun.set_attribute("portal.cost", cost)
    for code in outcome:
        if code in OURS:
            fail(begun, code)
            break


def _parent(call: Call, scope: Scope, proxies: Collection[Network]) -> Context | None:
    """The span that a proxy of one's own is at; what others say of traces is theirs.

    `tracestate` is whatever somebody made of it, and is left.
    """
    parent, peer = call.headers.get(b"traceparent"), scope["client"]
    if parent is None or not peer or not is_trusted(peer[0], proxies):
        return None
    return _TRACES.extract({"traceparent": parent.decode("latin-1")})
