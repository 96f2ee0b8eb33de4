"""From the bytes of a request to what it asks: nothing is believed before it was looked at."""

from collections.abc import Iterable
from hashlib import sha256
from typing import Any, NamedTuple

import orjson
from starlette.types import Receive

from portal.answers import bad
from portal.call import Gone

MOST_BYTES = 1_000_000
MOST_DEPTH = 32
"""How deep variables may be nested; the deepest input of ours has four levels."""

_JSON = b"application/json"


class Asked(NamedTuple):
    """One operation, as the caller wrote it."""

    query: str
    variables: dict[str, Any] | None
    operation_name: str | None

    @property
    def digest(self) -> str:
        """What the log knows the document by."""
        return sha256(self.query.encode()).hexdigest()[:16]


async def asked(headers: dict[bytes, bytes], receive: Receive) -> Asked:
    """The operation that a POST asks for. Raises `Refusal` and `Gone`."""
    kind = headers.get(b"content-type", b"")
    if kind != _JSON and not _is_json(kind):
        raise bad(415, "The content type must be application/json.")
    return understood(_read(await body(headers, receive, MOST_BYTES)))


async def body(headers: dict[bytes, bytes], receive: Receive, most: int) -> bytearray:
    """The body of a request, if it has so many bytes at most. Raises `Refusal` and `Gone`."""
    if headers.get(b"content-encoding", b"identity").lower() != b"identity":
        identity = ((b"accept-encoding", b"identity"),)
        raise bad(415, "The body must come as it is, without a content encoding.", identity)
    if int(headers.get(b"content-length", 0)) > most:
        raise _too_large(most)
    read = bytearray()
    while True:
        message = await receive()
        if message["type"] == "http.disconnect":
            raise Gone
        read += message.get("body", b"")
        if len(read) > most:
            raise _too_large(most)
        if not message.get("more_body"):
            return read


def _is_json(kind: bytes) -> bool:
    """Whether the type is JSON in UTF-8, which is its only encoding but may be named."""
    media, _, parameters = kind.lower().partition(b";")
    charset = parameters.replace(b'"', b"").strip()
    return media.strip() == _JSON and charset in (b"", b"charset=utf-8", b"charset=utf8")


def _too_large(most: int) -> Exception:
    return bad(413, f"The body is larger than {most} bytes.")


def _read(text: bytearray) -> Any:
    try:
        return orjson.loads(text)
    except orjson.JSONDecodeError:
        raise bad(400, "The body is not JSON in UTF-8.") from None


def understood(said: Any) -> Asked:
    """The operation that this JSON asks for. Raises `Refusal`."""
    if not isinstance(said, dict):
        raise bad(400, "The body must be an object with a query.")
    query, variables = said.get("query"), said.get("variables")
    name, extensions = said.get("operationName"), said.get("extensions")
    if not isinstance(query, str):
        raise bad(400, "query must be a string.")
    if variables is not None and not isinstance(variables, dict):
        raise bad(400, "variables must be an object.")
    if name is not None and not isinstance(name, str):
        raise bad(400, "operationName must be a string.")
    if extensions is not None and not isinstance(extensions, dict):
        raise bad(400, "extensions must be an object.")
    if variables and _is_deeper(variables, MOST_DEPTH):
        raise bad(400, f"variables are nested deeper than {MOST_DEPTH} levels.")
    return Asked(query, variables, name)


def _is_deeper(value: Any, levels: int) -> bool:
    """Whether the value has more levels of objects and lists than these."""
    inside: Iterable[Any]
    if isinstance(value, dict):
        inside = value.values()
    elif isinstance(value, list):
        inside = value
    else:
        return False
    return levels == 0 or any(_is_deeper(one, levels - 1) for one in inside)
