"""One request on its way in, and what is known of it so far."""

from dataclasses import dataclass, field
from typing import Any

from portal.answers import JSON, Headers


class Gone(Exception):
    """The caller hung up in the middle of the request: there is nobody to answer."""


@dataclass(slots=True)
class Call:
    """A request: its id, the caller's address, its headers, and those that its answer will have.

    `kind` is what a refusal will be written in, `facts` what the log is told of each operation, and
    `status` that of the answer, when one is under way.
    """

    id: str
    source: str | None
    headers: dict[bytes, bytes]
    more: Headers
    kind: bytes = JSON
    facts: list[dict[str, Any]] = field(default_factory=list)
    status: int | None = None

    def begin(self) -> dict[str, Any]:
        """What the log will be told of one more operation; nothing is known of it yet."""
        facts = dict.fromkeys(("type", "operation", "document", "caller", "outcome"))
        self.facts.append(facts)
        return facts
