"""Keys: UUIDv7 inside, typed and opaque outside (`cli_0190…`), accepted in one spelling only."""

import os
import re
import time
import uuid
from dataclasses import dataclass

_OUTSIDE = re.compile(r"([a-z]{3}_)([0-9a-f]{32})")


def new_id() -> uuid.UUID:
    """A new UUIDv7 (`RFC 9562`, 5.7): milliseconds since 1970, a version, 74 random bits."""
    milliseconds = time.time_ns() // 1_000_000
    value = milliseconds << 80 | int.from_bytes(os.urandom(10))
    value = value & ~(0xF << 76) | 0x7 << 76
    return uuid.UUID(int=value & ~(0x3 << 62) | 0x2 << 62)


@dataclass(frozen=True, slots=True)
class Key:
    """The row of a table that somebody may be allowed to read: its model and its id."""

    model: type
    id: uuid.UUID


def outside(prefix: str, id: uuid.UUID) -> str:
    """The id as the API shows it: the prefix of its kind and 32 hexadecimal digits."""
    return prefix + id.hex


def parse_id(prefix: str, text: str) -> uuid.UUID | None:
    """The id that `outside` wrote with this prefix; None for everything else."""
    found = _OUTSIDE.fullmatch(text)
    return uuid.UUID(found[2]) if found and found[1] == prefix else None
