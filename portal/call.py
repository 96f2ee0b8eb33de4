"""One request on its way in, and what is known of it so far."""

from dataclasses import dataclass
from typing import Any

from portal.answers import JSON, Headers


class Gone(Exception):
    """The caller hung up in the middle of the request: there is nobody to answer."""


@dataclass(slots=True)
class Call:
    """A request: its id, the caller's address, its headers, and those that its answer will have.

    `kind` is what a refusal will be written in, `facts` what the log is told of an operation.
    """

    id: str
    source: str | None
    headers: dict[bytes, bytes]
    more: Headers
    kind: bytes = JSON
    facts: dict[str, Any] | None = None
    answered: bool = False
