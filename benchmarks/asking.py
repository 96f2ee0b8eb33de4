"""What servers are asked: from a caller to the bytes of each request, the same for each server."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from itertools import count, cycle
from typing import Any, TypeAlias

import orjson


@dataclass(frozen=True, slots=True)
class Caller:
    """Who asks: the access token, and the ids of clients within reach, as the API shows them."""

    token: str
    clients: tuple[str, ...]


Asking: TypeAlias = Callable[[Caller], Iterator[bytes]]
"""From a caller to the requests that follow each other, without an end."""


def graphql(document: str) -> Asking:
    """A GraphQL document, the same each time."""
    return lambda caller: cycle([_post(caller, {"query": document})])


def about_each_client(document: str) -> Asking:
    """A GraphQL document whose `$id` is one client after the other."""
    return lambda caller: cycle(
        [_post(caller, {"query": document, "variables": {"id": id}}) for id in caller.clients]
    )


def never_seen(document: str) -> Asking:
    """A GraphQL document whose `ALIAS` is another one each time."""

    def asking(caller: Caller) -> Iterator[bytes]:
        for number in count():
            yield _post(caller, {"query": document.replace("ALIAS", f"a{number:09}")})

    return asking


def get(path: str) -> Asking:
    """A path of a hand-written API."""
    return lambda caller: cycle([_get(caller, path)])


def get_each_client(path: str) -> Asking:
    """A path of a hand-written API, followed by one client's id after the other."""
    return lambda caller: cycle([_get(caller, path + id) for id in caller.clients])


def _post(caller: Caller, body: dict[str, Any]) -> bytes:
    sent = orjson.dumps(body)
    return _head(caller, "POST", "/graphql", length=len(sent)) + sent


def _get(caller: Caller, path: str) -> bytes:
    return _head(caller, "GET", path)


def _head(caller: Caller, method: str, path: str, length: int | None = None) -> bytes:
    lines = [
        f"{method} {path} HTTP/1.1",
        "host: 127.0.0.1",
        "accept: application/json",
        f"authorization: Bearer {caller.token}",
    ]
    if length is not None:
        lines += ["content-type: application/json", f"content-length: {length}"]
    return "\r\n".join([*lines, "", ""]).encode()
