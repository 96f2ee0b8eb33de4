"""Where spans go: to a collector, by OTLP over HTTP, TRACES_URL.

A thread sends them off, a batch at a time. What a collector does not take in time is lost, and
nobody waits for it, but the end of a process for some seconds. Who has no collector does without
this module and what it is made of (`portal.service.collected`).

What else there is to say (how many are told, how long they wait, who we are to the collector) the
SDK reads from variables of its own, `OTEL_…`.
"""

import asyncio
import contextlib
import logging
import threading
import uuid
from collections.abc import AsyncIterator, Sequence

from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace import ReadableSpan, TracerProvider
from opentelemetry.sdk.trace.export import BatchSpanProcessor, SpanExportResult

from models import Tracing
from portal import VERSION

SERVICE = "portal"

FLUSH_SECONDS = 3
"""How long the end of a process waits for what is left to be taken."""

_logger = logging.getLogger(__name__)


class _Exporter(OTLPSpanExporter):
    """Tells when the collector begins to take no spans, and when it takes them again.

    The library would say so of each try, and with words of whoever answered.
    """

    _taken = True

    def export(self, spans: Sequence[ReadableSpan]) -> SpanExportResult:
        result = super().export(spans)
        taken = result is SpanExportResult.SUCCESS
        if taken and not self._taken:
            _logger.info("spans are taken again")
        elif self._taken and not taken:
            _logger.warning("spans are lost: the collector at TRACES_URL does not take them")
        self._taken = taken
        return result


@contextlib.asynccontextmanager
async def collected(url: str) -> AsyncIterator[None]:
    """Spans are begun meanwhile, and sent there; at the end what is left, if that is taken."""
    logging.getLogger("opentelemetry").setLevel(logging.CRITICAL)
    resource = Resource.create(
        {
            "service.name": SERVICE,
            "service.version": VERSION,
            "service.instance.id": str(uuid.uuid4()),
        }
    )
    provider = TracerProvider(resource=resource, shutdown_on_exit=False)
    provider.add_span_processor(BatchSpanProcessor(_Exporter(url)))
    Tracing.tracer = provider.get_tracer(SERVICE, VERSION)
    try:
        yield
    finally:
        Tracing.tracer = None
        ending = threading.Thread(target=provider.shutdown, name="spans", daemon=True)
        ending.start()
        await asyncio.to_thread(ending.join, FLUSH_SECONDS)
