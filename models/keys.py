"""Keys: UUIDv7 inside, typed and opaque outside (`cli_0190…`), accepted in one spelling only."""

import os
import re
import time
import uuid

_OUTSIDE = re.compile(r"([a-z]{3}_)([0-9a-f]{32})")


def new_id() -> uuid.UUID:
    """A new UUIDv7 (`RFC 9562`, 5.7 and 6.2 method 3): ids of one process sort as they were made.

    48 bits of milliseconds since 1970, 12 bits of the fraction of that millisecond, 62 random.
    """
    milliseconds, rest = divmod(time.time_ns(), 1_000_000)
    fraction = rest * 4096 // 1_000_000
    chance = int.from_bytes(os.urandom(8)) >> 2
    return uuid.UUID(int=milliseconds << 80 | 0x7 << 76 | fraction << 64 | 0x2 << 62 | chance)


def outside(prefix: str, id: uuid.UUID) -> str:
    """The id as the API shows it: the prefix of its kind and 32 hexadecimal digits."""
    return prefix + id.hex


def parse_id(prefix: str, text: str) -> uuid.UUID | None:
    """The id that `outside` wrote with this prefix; None for everything else."""
    found = _OUTSIDE.fullmatch(text)
    return uuid.UUID(found[2]) if found and found[1] == prefix else None
