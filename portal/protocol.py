"""uvicorn's HTTP with deadlines: who is slow to ask, or takes nothing of the answer, is let go.

A slow answer of ours is left alone.
"""

import logging
import math
from typing import Any

from httptools import HttpParserError, HttpParserUpgrade, HttpRequestParser
from uvicorn.protocols.http.httptools_impl import STATUS_LINE, HttpToolsProtocol

from portal.answers import JSON, SAFE, bad

MOST_HEADER_BYTES = 16_384
MOST_BYTES = 8_000_000
"""Of a request as it comes, with all that is not its body: the edge reads a million of that."""
MOST_CONNECTIONS = 20_000

_OFFERS = (b"connection", b"http2-settings", b"upgrade")

_logger = logging.getLogger(__name__)

_REFUSALS = {
    400: bad(400, "This is not HTTP as we understand it."),
    408: bad(408, "The request did not come in time."),
    413: bad(413, f"The request is larger than {MOST_BYTES} bytes."),
    431: bad(431, f"The headers are larger than {MOST_HEADER_BYTES} bytes."),
}


class Deadlines(HttpToolsProtocol):
    """One connection.

    It looks at itself now and then, so that deadlines cost a request next to nothing; one may be
    overdue by as much as `WATCH_SECONDS`.
    """

    HEADERS_SECONDS: float = 10
    """From the connection, or the first byte of a later request, to the end of the headers."""
    BODY_SECONDS: float = 20
    """From there to the end of the body."""
    ANSWER_SECONDS: float = 30
    """How long a caller may take nothing of an answer that is too large to be under way whole."""
    WATCH_SECONDS: float = 2

    def connection_made(self, transport: Any) -> None:
        super().connection_made(transport)
        if len(self.connections) > MOST_CONNECTIONS:
            transport.abort()
        self._received = 0
        self._in_headers = False
        self._untaken, self._untaken_since = 0, math.inf
        self._due = self.loop.time() + self.HEADERS_SECONDS
        self._watching = self.loop.call_later(self.WATCH_SECONDS, self._watch)

    def connection_lost(self, exc: Exception | None) -> None:
        self._watching.cancel()
        super().connection_lost(exc)

    def data_received(self, data: bytes) -> None:
        self._received = len(data) + (self._received if self._due < math.inf else 0)
        self._unset_keepalive_if_required()
        try:
            self.parser.feed_data(data)
        except HttpParserUpgrade as offered:
            if self._should_upgrade():
                self._watching.cancel()
                self.handle_websocket_upgrade()
                return
            self._read_on(data[offered.args[0] :])
            return
        except HttpParserError:
            self._refuse(431 if self._has_too_much else 400)
            return
        if self._in_headers and self._received > MOST_HEADER_BYTES:
            self._refuse(431)
        elif self._due < math.inf and self._received > MOST_BYTES:
            self._give_up(413)
        elif self._due == math.inf and not self._is_answering and not self.timeout_keep_alive_task:
            # Bytes that begin no request have ended uvicorn's own deadline.
            self._due = self.loop.time() + self.HEADERS_SECONDS

    def on_message_begin(self) -> None:
        super().on_message_begin()
        self._in_headers = True
        self._due = min(self._due, self.loop.time() + self.HEADERS_SECONDS)

    def on_headers_complete(self) -> None:
        if self._has_too_much:
            raise HttpParserError
        if self.parser.should_upgrade():
            self.scope["method"] = self.parser.get_method().decode("ascii")
            return
        self._in_headers = False
        self._due = self.loop.time() + self.BODY_SECONDS
        super().on_headers_complete()

    def on_message_complete(self) -> None:
        if self._in_headers:
            return
        super().on_message_complete()
        self._due = math.inf

    def _should_upgrade(self) -> bool:
        """Whether it becomes a WebSocket: they begin with GET (`RFC 6455`, 4.1)."""
        return self.parser.get_method() == b"GET" and super()._should_upgrade()

    def _read_on(self, rest: bytes) -> None:
        """Read the request anew, without its offer of a protocol that we do not speak.

        The parser stops where that other one would begin, and were it only at the request's body.
        """
        method = self.parser.get_method()
        if method == b"CONNECT":
            self._refuse(400)
            return
        kept = [b"%b: %b" % header for header in self.headers if header[0] not in _OFFERS]
        head = b"\r\n".join([b"%b %b HTTP/1.1" % (method, self.url), *kept, b"", b""])
        self.parser = HttpRequestParser(self)
        self.data_received(head + rest)

    @property
    def _has_too_much(self) -> bool:
        """Whether the headers so far are too large; they are counted only when they may be."""
        if not self._in_headers or self._received <= MOST_HEADER_BYTES:
            return False
        size = sum(len(name) + len(value) + len(": \r\n") for name, value in self.headers)
        return len(self.url) + size > MOST_HEADER_BYTES

    @property
    def _is_answering(self) -> bool:
        """Whether the caller has said everything, and we have not."""
        # Before the first request there is no cycle.
        return not getattr(self.cycle, "response_complete", True) and not self.cycle.more_body

    def _watch(self) -> None:
        now = self.loop.time()
        untaken = self.transport.get_write_buffer_size()
        if not untaken or untaken != self._untaken:
            self._untaken, self._untaken_since = untaken, now
        if now - self._untaken_since > self.ANSWER_SECONDS:
            self.transport.abort()
        elif now > self._due and not self._is_answering and not self.transport.is_closing():
            self._give_up(408)
        self._watching = self.loop.call_later(self.WATCH_SECONDS, self._watch)

    def _give_up(self, status: int) -> None:
        """Wait for no more of the request, and say so unless it was answered already."""
        if self._in_headers or not getattr(self.cycle, "response_started", True):
            self._refuse(status)
        else:
            self.transport.close()

    def _refuse(self, status: int) -> None:
        """Answer what never becomes a request, and hang up."""
        _logger.info("no request from %s: %d", self.client and self.client[0], status)
        answer = _REFUSALS[status].answer()
        headers = [
            *self.server_state.default_headers,
            (b"content-type", JSON),
            (b"content-length", b"%d" % len(answer.body)),
            (b"connection", b"close"),
            *SAFE,
        ]
        head = b"".join(b"%b: %b\r\n" % header for header in headers)
        self.transport.write(STATUS_LINE[status] + head + b"\r\n" + answer.body)
        self.transport.close()
