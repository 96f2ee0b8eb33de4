"""Receivers of webhooks: which addresses may be asked, and one request to one of them.

Whoever makes a webhook chooses where a server within our walls sends a request. So a receiver's
name is looked up for each attempt, each address is looked at, and the connection is made to the
very address that was: what the name says a moment later changes nothing (DNS rebinding). A redirect
is not followed, and of the answer nothing is read but its head.
"""

import asyncio
import contextlib
import ipaddress
import re
import socket
import ssl
from collections.abc import Awaitable, Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from functools import cache, partial
from typing import NamedTuple

import httpx2

from mailer.outbox import TryAgain

CONNECT_SECONDS = 5
ANSWER_SECONDS = 15
"""What one attempt may take, from looking up the name to the head of the answer."""

_LOOKING_UP = ThreadPoolExecutor(64, thread_name_prefix="looking-up")
"""Threads of their own: a name server that never answers holds up nobody's look-up but theirs, and
the database and the mail server are looked up on the loop's."""

_Address = ipaddress.IPv4Address | ipaddress.IPv6Address
_PORTS = {"https": 443, "http": 80}
_LAST_PORT = 65535
_INSIDE = tuple(
    map(ipaddress.ip_network, ("168.63.129.16/32", "192.0.0.0/24", "3fff::/20", "2001:20::/28"))
)
"""Public as far as Python knows: Azure's and Oracle's own, which answer their machines; examples
in documents, and names without a place."""
_UNICAST = ipaddress.ip_network("2000::/3")
_TRANSLATED = ipaddress.ip_network("64:ff9b::/96")
_PLAIN = re.compile(r"[!-~]+")

Resolve = Callable[[str, int], Awaitable[list[str]]]


class Answer(NamedTuple):
    """The head of an answer: its status, and the seconds of its `Retry-After` where it has any."""

    status: int
    retry_after: int | None


def receiver(url: str, *, allow_private: bool) -> httpx2.URL:
    """The URL of a receiver. Raises `ValueError` with a sentence for people."""
    try:
        parsed = httpx2.URL(url)
    except httpx2.InvalidURL:
        raise ValueError("This is not a URL.") from None
    if not _PLAIN.fullmatch(url) or not parsed.host or (parsed.port or 1) > _LAST_PORT:
        raise ValueError("This is not a URL.")
    if parsed.scheme != "https" and not (allow_private and parsed.scheme == "http"):
        raise ValueError("The URL must begin with https://.")
    if parsed.userinfo or parsed.fragment:
        raise ValueError("The URL cannot hold a user, a password or a #.")
    try:
        literal = ipaddress.ip_address(parsed.host)
    except ValueError:
        return parsed
    if not (allow_private or is_public(literal)):
        raise ValueError("This address is not on the public internet.")
    return parsed


def is_public(address: _Address) -> bool:
    """Whether it is everybody's internet: not private, loopback, link-local, or a cloud's own.

    An IPv6 address that stands for one of IPv4 is what that is; of Teredo's it can't be known.
    """
    if isinstance(address, ipaddress.IPv6Address):
        inside = address.ipv4_mapped or address.sixtofour
        if address in _TRANSLATED:
            inside = ipaddress.IPv4Address(int(address) & 0xFFFFFFFF)
        if inside:
            return is_public(inside)
        if address.teredo or address not in _UNICAST:
            return False
    return (
        address.is_global
        and not address.is_multicast
        and not any(address in network for network in _INSIDE)
    )


async def looked_up(host: str, port: int) -> list[str]:
    """The addresses of a name, as this machine knows them. Raises `OSError`."""
    look_up = partial(socket.getaddrinfo, host, port, type=socket.SOCK_STREAM)
    found = await asyncio.get_running_loop().run_in_executor(_LOOKING_UP, look_up)
    return list(dict.fromkeys(str(address[0]) for *_, address in found))


@cache
def _publicly_trusted() -> ssl.SSLContext:
    """Trusts whom this machine trusts. Reading them all takes a while."""
    return ssl.create_default_context()


class Receivers:
    """Sends requests. `allow_private`: also to addresses of our own, and without TLS.

    `tls` says whom to trust; `resolve` looks up names.
    """

    def __init__(
        self,
        *,
        allow_private: bool,
        tls: ssl.SSLContext | None = None,
        resolve: Resolve = looked_up,
    ) -> None:
        self._allow_private = allow_private
        self._tls = tls or _publicly_trusted()
        self._resolve = resolve

    async def post(self, url: str, headers: Mapping[str, str], body: bytes) -> Answer:
        """The answer to a POST. Raises `TryAgain` where there is none."""
        try:
            async with asyncio.timeout(ANSWER_SECONDS):
                return await self._post(url, headers, body)
        except (TimeoutError, httpx2.TimeoutException):
            raise TryAgain("the receiver did not answer in time") from None
        except httpx2.TransportError as failure:
            raise TryAgain(f"the connection failed: {_cause(failure)}") from None

    async def _post(self, url: str, headers: Mapping[str, str], body: bytes) -> Answer:
        try:
            parsed = receiver(url, allow_private=self._allow_private)
        except ValueError:
            raise TryAgain("the address is not allowed") from None
        host = parsed.raw_host.decode()
        *others, last = await self._addresses(host, parsed.port or _PORTS[parsed.scheme])
        for address in others:
            with contextlib.suppress(httpx2.ConnectError, httpx2.ConnectTimeout):
                return await self._ask(address, parsed, headers, body)
        return await self._ask(last, parsed, headers, body)

    async def _ask(
        self, address: str, url: httpx2.URL, headers: Mapping[str, str], body: bytes
    ) -> Answer:
        """The answer of this address, which certifies that it is the URL's host."""
        # Of the connection nothing is kept: the same address may be that of many names.
        async with (
            httpx2.AsyncClient(
                verify=self._tls,
                trust_env=False,
                timeout=httpx2.Timeout(ANSWER_SECONDS, connect=CONNECT_SECONDS),
            ) as client,
            client.stream(
                "POST",
                url.copy_with(host=address),
                headers={**headers, "host": url.netloc.decode()},
                content=body,
                extensions={"sni_hostname": url.raw_host.decode()},
            ) as answer,
        ):
            return Answer(answer.status_code, _retry_after(answer))

    async def _addresses(self, host: str, port: int) -> list[str]:
        """The addresses that may be connected to. Raises `TryAgain` where there are none."""
        try:
            found = await self._resolve(host, port)
        except OSError:
            raise TryAgain("the receiver's name is not known") from None
        allowed = [
            one for one in found if self._allow_private or is_public(ipaddress.ip_address(one))
        ]
        if not allowed:
            raise TryAgain("the address is not allowed")
        return allowed


def _cause(failure: BaseException) -> str:
    """What the failure comes from, without its words: they may hold addresses."""
    while before := failure.__cause__ or failure.__context__:
        failure = before
    return type(failure).__name__


def _retry_after(answer: httpx2.Response) -> int | None:
    said = answer.headers.get("retry-after", "")
    return int(said) if re.fullmatch(r"[0-9]{1,6}", said) else None
