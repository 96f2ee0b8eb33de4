"""How the environment spells places: addresses of the web, hosts, origins, networks.

What is not understood is a `ValueError` whose text does not repeat it.
"""

import ipaddress
import re
from urllib.parse import SplitResult, urlsplit

LOOPBACK = ("localhost", "127.0.0.1", "[::1]")
"""The names by which a machine calls itself."""

LAST_PORT = 65_535

Network = ipaddress.IPv4Network | ipaddress.IPv6Network

_ADDRESS = "must be an address as in https://portal.example.org"
_ORIGINS = "must be origins, as in https://portal.example.org"
_COLLECTOR = "must be an address with its path, as in http://collector:4318/v1/traces"
_DOOR = "must be an address and a port, as in 127.0.0.1:9464"
_HOST = re.compile(r"[a-z0-9.-]+|\[[0-9a-f:.]+\]")
_PORT = re.compile(r":\d*$")
_USUAL_PORTS = {"http": 80, "https": 443}


def public(url: str) -> str:
    """The address of a site, as its origin. It has no path: pages are at its root."""
    parts = _web(url, _ADDRESS)
    if parts.path not in ("", "/"):
        raise ValueError("must be an address without a path: pages are at the root of a site")
    return _named(parts)


def bare_host(url: str) -> str:
    """The host of such an address as a Host header names it, without a port."""
    return _PORT.sub("", urlsplit(url).netloc)


def listed(text: object) -> object:
    """The words of a list, which commas or spaces part."""
    return tuple(text.replace(",", " ").split()) if isinstance(text, str) else text


def host(name: str) -> str:
    """The name of a host, in lower case."""
    if not _HOST.fullmatch(name.lower()):
        raise ValueError("must be names of hosts, as in portal.example.org, without ports")
    return name.lower()


def origin(text: str) -> str:
    """An origin: no path, no `*`, no `null`."""
    parts = _web(text, _ORIGINS)
    if text.lower() != f"{parts.scheme}://{parts.netloc}".lower():
        raise ValueError(_ORIGINS)
    return _named(parts)


def network(text: object) -> object:
    """A network, or the one address of one."""
    if not isinstance(text, str):
        return text
    try:
        return ipaddress.ip_network(text)
    except ValueError:
        raise ValueError("must be addresses or networks, as in 10.0.0.0/8") from None


def door(text: object) -> object:
    """The address and the port to listen at, or None for nowhere."""
    if not isinstance(text, str):
        return text
    if not text:
        return None
    name, _, port = text.rpartition(":")
    try:
        address = ipaddress.ip_address(name.removeprefix("[").removesuffix("]"))
    except ValueError:
        raise ValueError(_DOOR) from None
    if not port.isascii() or not port.isdigit() or int(port) > LAST_PORT:
        raise ValueError(_DOOR)
    return str(address), int(port)


def collector(url: str | None) -> str | None:
    """The address where a collector takes traces, or None for nowhere."""
    if not url:
        return None
    if _web(url, _COLLECTOR).path in ("", "/"):
        raise ValueError(_COLLECTOR)
    return url


def _web(url: str, complaint: str) -> SplitResult:
    """The parts of an address of the web, in the characters that browsers send."""
    try:
        parts = urlsplit(url)
        plain = url.isascii() and url.isprintable() and " " not in url and parts.port != 0
    except ValueError:
        raise ValueError(complaint) from None
    if not plain or parts.scheme not in ("http", "https") or not parts.hostname:
        raise ValueError(complaint)
    if "@" in parts.netloc or parts.query or parts.fragment:
        raise ValueError("must be an address without user, query and fragment")
    return parts


def _named(parts: SplitResult) -> str:
    """The origin as browsers name it: in lower case, and without the port that is usual."""
    name = _PORT.sub("", parts.netloc.lower())
    port = "" if parts.port in (None, _USUAL_PORTS[parts.scheme]) else f":{parts.port}"
    return f"{parts.scheme}://{name}{port}"
