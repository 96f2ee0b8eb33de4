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
    return lambda caller: cycle([post(caller, "/graphql", {"query": document})])


def about_each_client(document: str) -> Asking:
    """A GraphQL document whose `$id` is one client after the other."""
    return lambda caller: cycle(
        [
            post(caller, "/graphql", {"query": document, "variables": {"id": id}})
            for id in caller.clients
        ]
    )


def never_seen(document: str) -> Asking:
    """A GraphQL document whose `ALIAS` is another one each time."""

    def asking(caller: Caller) -> Iterator[bytes]:
        for number in count():
            named = document.replace("ALIAS", f"a{number:09}")
            yield post(caller, "/graphql", {"query": named})

    return asking


def get(path: str) -> Asking:
    """A path of a hand-written API."""
    return lambda caller: cycle([_get(caller, path)])


def get_each_client(path: str) -> Asking:
    """A path of a hand-written API, followed by one client's id after the other."""
    return lambda caller: cycle([_get(caller, path + id) for id in caller.clients])


def post(caller: Caller | None, path: str, body: Any) -> bytes:
    """A request with a JSON body, from a caller or from somebody who is not signed in."""
    sent = orjson.dumps(body)
    lines = ["content-type: application/json", f"content-length: {len(sent)}"]
    return _head(caller, f"POST {path}", *lines) + sent


def page(caller: Caller, path: str) -> bytes:
    """A page for people, with the cookie of a visit in which the caller is signed in."""
    return _head(None, f"GET {path}", f"cookie: visit={'v' * 22}.{caller.token}.")


def _get(caller: Caller, path: str) -> bytes:
    return _head(caller, f"GET {path}")


def _head(caller: Caller | None, what: str, *more: str) -> bytes:
    who = [f"authorization: Bearer {caller.token}"] if caller else []
    lines = [f"{what} HTTP/1.1", "host: 127.0.0.1", "accept: application/json", *who, *more]
    return "\r\n".join([*lines, "", ""]).encode()
