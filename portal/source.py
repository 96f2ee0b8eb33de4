"""Whom a request comes from, so that guesses can be counted and changes be traced."""

import ipaddress
from collections.abc import Collection, Iterable
from functools import lru_cache

from portal.places import Network

Address = ipaddress.IPv4Address | ipaddress.IPv6Address

_FORWARDED = b"x-forwarded-for"


def source(
    peer: str | None, headers: Iterable[tuple[bytes, bytes]], proxies: Collection[Network]
) -> str | None:
    """The caller's address: the connection's own, or what one's own proxies say of it.

    Proxies write down whom they speak for at the end of `X-Forwarded-For`. So that is read from
    its end, and only as far as trusted proxies wrote it: what stands before, anybody may have
    made up. None when the connection has no address.
    """
    if peer is None or not proxies or not is_trusted(peer, proxies):
        return peer
    said = b",".join(value for name, value in headers if name == _FORWARDED)
    nearest = peer
    for text in reversed(said.decode("latin-1").split(",")):
        address = _address(text.strip())
        if address is None:
            return nearest
        nearest = str(address)
        if not is_trusted(nearest, proxies):
            return nearest
    return nearest


def is_trusted(text: str, proxies: Collection[Network]) -> bool:
    """Whether this is the address of a proxy of one's own."""
    return _is_within(text, tuple(proxies))


@lru_cache(1024)
def _is_within(text: str, proxies: tuple[Network, ...]) -> bool:
    address = _address(text)
    return address is not None and any(address in network for network in proxies)


def _address(text: str) -> Address | None:
    """The address in one of the spellings that proxies use: bare, `v4:port`, `[v6]`, `[v6]:port`.

    An IPv4 address that comes in the clothes of IPv6 is the same caller.
    """
    if text.startswith("["):
        text = text[1:].partition("]")[0]
    elif text.count(":") == 1:
        text = text.partition(":")[0]
    try:
        address = ipaddress.ip_address(text)
    except ValueError:
        return None
    return getattr(address, "ipv4_mapped", None) or address
