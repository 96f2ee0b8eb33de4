"""C16: requests that are slow, large, or no requests at all, on the wire of a real server.

What the app would do does not matter here, but that it is this one: each test also sees that
others are served meanwhile.
"""

import asyncio
import socket
from collections.abc import AsyncIterator
from typing import Any

import pytest
from starlette.applications import Starlette
from starlette.types import Receive, Scope, Send

from portal import protocol
from portal.asked import MOST_BYTES
from portal.protocol import MOST_HEADER_BYTES, Deadlines
from tests.conftest import Databases
from tests.edge.wire import SAYS, WHO, Wire, post, served, wire
from tests.mailbox import Mailbox
from tests.waiting import PATIENCE, until
from tests.world import World

FULL = post()
CHUNKED = (
    b"POST /graphql HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Type: application/json\r\n"
    b"Transfer-Encoding: chunked\r\n\r\n"
)


class Hurried(Deadlines):
    """The same deadlines, in less time: for whoever misses them however fast the machine is."""

    HEADERS_SECONDS = 0.5
    BODY_SECONDS = 0.5
    ANSWER_SECONDS = 0.5
    WATCH_SECONDS = 0.1


class Clocked:
    """Connections to a server with deadlines that no machine is too slow for, until `pass_`."""

    def __init__(self) -> None:
        made = self._made = list[Deadlines]()

        class Patient(Deadlines):
            HEADERS_SECONDS = BODY_SECONDS = ANSWER_SECONDS = PATIENCE
            WATCH_SECONDS = 0.05

            def connection_made(self, transport: Any) -> None:
                super().connection_made(transport)
                made.append(self)

        self.protocol = Patient

    async def received(self, *sizes: int) -> None:
        """Wait until each has come, and so many bytes of its request, or since its answer."""
        await until(lambda: [one._received for one in self._made] == [*sizes])

    def pass_(self) -> None:
        """Let the time of every deadline that is set be over."""
        for one in self._made:
            one._due -= PATIENCE


@pytest.fixture(scope="module")
async def app(
    databases: Databases, tmp_path_factory: pytest.TempPathFactory
) -> AsyncIterator[Starlette]:
    """The real thing. Which database is behind it is no matter here."""
    url = await databases.sqlite(tmp_path_factory.mktemp("wire"))
    async with Mailbox() as mailbox, World(url, mailbox) as world:
        yield world.app


@pytest.fixture(scope="module")
async def port(app: Starlette) -> AsyncIterator[int]:
    """The port of a real server."""
    async with served(app) as port:
        yield port


async def check_others_are_served(port: int) -> None:
    async with wire(port) as other:
        await other.send(FULL)
        assert (await other.answer()).data == SAYS


@pytest.mark.parametrize(
    ("first", "status"),
    [
        (b"", None),
        (b"\r\n", None),
        (b"P", 408),
        (b"POST /graphql HTTP/1.1\r\nHost: 127.0.0.1\r\nX-Slow: ", 408),
        (FULL[:-1], 408),
        (FULL[: -len(WHO)], 408),
        (CHUNKED + b"1\r\n{\r\n", 408),
    ],
    ids=["nothing", "an empty line", "a letter", "headers", "a body but for a byte", "no body",
         "chunks"],
)  # fmt: skip
async def test_c16_two_hundred_who_are_slow_are_let_go_and_others_served(
    app: Starlette, first: bytes, status: int | None
) -> None:
    time = Clocked()

    async def be_slow(port: int) -> None:
        async with wire(port) as slow:
            await slow.send(first)
            if status:
                said = await slow.answer()
                assert said.status == status
                assert said.headers["connection"] == "close"
            assert await slow.ended() == b""

    async with served(app, time.protocol) as port, asyncio.TaskGroup() as crowd:
        for _ in range(200):
            crowd.create_task(be_slow(port))
        await time.received(*[len(first)] * 200)
        for _ in range(5):
            await check_others_are_served(port)
        time.pass_()
        for _ in range(5):
            await check_others_are_served(port)


async def test_c16_of_too_many_connections_the_next_is_cut(
    port: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with wire(port) as first, wire(port) as second:
        for one in (first, second):
            await one.send(FULL)
            assert (await one.answer()).data == SAYS
        monkeypatch.setattr(protocol, "MOST_CONNECTIONS", 2)
        async with wire(port) as third:
            assert await third.ended() == b""
        await second.send(FULL)
        assert (await second.answer()).data == SAYS


async def test_c16_a_byte_now_and_then_does_not_move_a_deadline(app: Starlette) -> None:
    async with served(app, Hurried) as port, wire(port) as headers, wire(port) as body:
        for number in range(60):
            try:
                await headers.send(FULL[number : number + 1])
                await body.send(FULL[:-20] if number == 0 else b" ")
            except ConnectionError:
                break
            await asyncio.sleep(0.1)
        else:
            pytest.fail("both were listened to for six seconds")


@pytest.mark.parametrize("rest", [b"\r\n", b"P"])
async def test_c16_a_connection_that_was_answered_has_its_deadlines_anew(
    app: Starlette, rest: bytes
) -> None:
    time = Clocked()
    async with served(app, time.protocol) as port, wire(port) as one:
        await one.send(FULL)
        assert (await one.answer()).status == 200
        await one.send(rest)
        await time.received(len(rest))
        time.pass_()
        if rest == b"P":
            assert (await one.answer()).status == 408
        assert await one.ended() == b""


async def test_c16_a_slow_answer_is_left_alone() -> None:
    time, at_last = Clocked(), asyncio.Event()

    async def slow(scope: Scope, receive: Receive, send: Send) -> None:
        while (await receive()).get("more_body"):
            pass
        await at_last.wait()
        await send({"type": "http.response.start", "status": 200, "headers": []})
        await send({"type": "http.response.body", "body": b"at last"})

    async with served(slow, time.protocol) as port, wire(port) as one, wire(port) as two:
        await one.send(FULL)
        # Whoever begins to ask again meanwhile, and stops, spoils nothing either.
        await two.send(FULL + b"P")
        await time.received(len(FULL), len(FULL) + 1)
        time.pass_()
        await asyncio.sleep(0.5)
        at_last.set()
        for patient in (one, two):
            head = await patient.reader.readuntil(b"\r\n\r\n")
            assert head.startswith(b"HTTP/1.1 200 ")
            assert await patient.reader.readexactly(12) == b"7\r\nat last\r\n"


async def test_c16_who_takes_nothing_of_the_answer_is_let_go() -> None:
    gone = asyncio.Event()

    class Watched(Hurried):
        def connection_lost(self, exc: Exception | None) -> None:
            super().connection_lost(exc)
            gone.set()

    async def generous(scope: Scope, receive: Receive, send: Send) -> None:
        await send({"type": "http.response.start", "status": 200, "headers": []})
        await send({"type": "http.response.body", "body": b"x" * 50_000_000})

    async with served(generous, Watched) as port:
        with socket.socket() as idle:
            idle.connect(("127.0.0.1", port))
            idle.sendall(FULL.replace(b"\r\n\r\n", b"\r\nConnection: close\r\n\r\n"))
            await until(gone.is_set)


async def test_c16_headers_have_a_size_and_so_has_what_never_ends(port: int) -> None:
    room = MOST_HEADER_BYTES - len(post(b"", b"X: ")) + len("POST  HTTP/1.1\r\n\r\n") - 1
    async with wire(port) as one:
        await one.send(post(WHO, b"X: " + b"a" * room))
        assert (await one.answer()).status == 200
        await one.send(post(WHO, b"X: " + b"a" * (room + 1)))
        await check_is_refused(one, 431)
    for endless in (
        b"GET /" + b"a" * 65536,
        b"GET / HTTP/1.1\r\nX: " + b"a" * 65536,
        b"GET / HTTP/1.1\r\n" + b"a: b\r\n" * 10_000,
        post(WHO, *[b"X%d: a" % number for number in range(2000)]),
    ):
        async with wire(port) as one:
            await one.send(endless)
            await check_is_refused(one, 431)
    await check_others_are_served(port)


async def check_is_refused(one: Wire, status: int) -> None:
    said = await one.answer()
    assert said.status == status
    assert said.headers["connection"] == "close"
    assert said.headers["x-content-type-options"] == "nosniff"
    assert b'"code":"BAD_USER_INPUT"' in said.body
    await one.ended()


async def test_c16_a_body_has_a_size_whether_it_is_told_or_not(port: int) -> None:
    large = WHO.ljust(MOST_BYTES + 1)
    async with wire(port) as told:
        # Refused before it is read.
        head, _, _ = post(large).partition(b"\r\n\r\n")
        await told.send(head + b"\r\n\r\n")
        assert (await told.answer()).status == 413
    async with wire(port) as waits:
        await waits.send(head + b"\r\nExpect: 100-continue\r\n\r\n")
        assert (await waits.answer()).status == 413
    async with wire(port) as chunked:
        await chunked.send(CHUNKED, b"%x\r\n" % len(large) + large + b"\r\n0\r\n\r\n")
        assert (await chunked.answer()).status == 413
        # The rest is thrown away, and the connection is good for another.
        await chunked.send(FULL)
        assert (await chunked.answer()).data == SAYS


async def test_c16_a_request_that_goes_on_after_its_answer_is_cut_off(
    port: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(protocol, "MOST_BYTES", 2_000_000)

    async def go_on(first: bytes, more: bytes) -> None:
        async with wire(port) as one:
            await one.send(first, *[more] * 1000, pause=0.001)

    with pytest.raises(ConnectionError):
        await go_on(CHUNKED, b"10000\r\n" + b" " * 65536 + b"\r\n")
    with pytest.raises(ConnectionError):
        await go_on(CHUNKED + b"1\r\n{\r\n0\r\n", b"X: " + b"a" * 65536 + b"\r\n")
    await check_others_are_served(port)


async def test_c16_chunks_and_a_body_on_demand_are_understood(port: int) -> None:
    async with wire(port) as one:
        await one.send(CHUNKED, *[b"1\r\n%c\r\n" % byte for byte in WHO], b"0\r\n\r\n")
        assert (await one.answer()).data == SAYS
    head, _, body = post(WHO, b"Expect: 100-continue").partition(b"\r\n\r\n")
    async with wire(port) as one:
        await one.send(head + b"\r\n\r\n")
        assert (await one.answer()).status == 100
        await one.send(body)
        assert (await one.answer()).data == SAYS


@pytest.mark.parametrize(
    "request_",
    [
        b"\x16\x03\x01\x02\x00\x01\x00\x01",
        b"nonsense\r\n\r\n",
        b"POST /graphql HTTP/9.9\r\n\r\n",
        b"GET /\xff HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n",
        b"CONNECT 127.0.0.1:22 HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n",
        b"GET / HTTP/1.1\r\nHost: 127.0.0.1\r\nX: a\x00b\r\n\r\n",
        b"GET / HTTP/1.1\r\nHost: 127.0.0.1\r\nX : a\r\n\r\n",
        b"GET / HTTP/1.1\r\nHost: 127.0.0.1\r\n X: a\r\n\r\n",
        # Two lengths: where does the next request begin?
        post(WHO, b"Transfer-Encoding: chunked"),
        post(WHO, b"Content-Length: 5"),
        post().replace(b"Content-Length: 27", b"Content-Length: +27"),
        post().replace(b"Content-Length: 27", b"Content-Length: 99999999999999999999"),
        CHUNKED.replace(b"chunked", b"xchunked") + b"0\r\n\r\n",
        CHUNKED + b"0x1\r\n{\r\n0\r\n\r\n",
        CHUNKED + b"-1\r\n{\r\n0\r\n\r\n",
        CHUNKED + b"fffffffffffffffff\r\n",
    ],
)  # fmt: skip
async def test_c16_what_is_no_request_or_two_is_refused_and_the_connection_closed(
    port: int, request_: bytes
) -> None:
    async with wire(port) as one:
        await one.send(request_)
        assert (await one.answer()).status == 400
        assert await one.ended() == b""
    await check_others_are_served(port)


async def test_c16_requests_in_a_row_are_answered_in_their_order(port: int) -> None:
    async with wire(port) as one:
        asked = [b'{"query": "{ a%d: __typename }"}' % number for number in range(20)]
        await one.send(b"".join(map(post, asked)))
        for number in range(20):
            assert (await one.answer()).data == {f"a{number}": "Query"}


@pytest.mark.parametrize("offer", [b"h2c", b"websocket", b"nonsense"])
async def test_who_offers_another_protocol_is_answered_in_this_one(port: int, offer: bytes) -> None:
    upgrade = b"Connection: Upgrade, HTTP2-Settings\r\nUpgrade: " + offer
    async with wire(port) as one:
        await one.send(post(WHO, upgrade, b"HTTP2-Settings: AAMAAABk"))
        assert (await one.answer()).data == SAYS
        whole = post(WHO, upgrade)
        await one.send(whole[:-10], whole[-10:], pause=0.05)
        assert (await one.answer()).data == SAYS
        await one.send(FULL)
        assert (await one.answer()).data == SAYS
