"""What no answer tells, whatever was asked: traces, statements, libraries (`hostile` C12)."""

import re
from typing import Any

from schema.errors import ErrorCode

_INSIDE = re.compile(
    r"Traceback|File \"|\.py\b|\bat 0x[0-9a-f]+|object at|<class '"
    r"|\b(sqlalchemy|asyncpg|sqlite3?|aiosqlite|strawberry|starlette|uvicorn|argon2|zxcvbn)\b"
    r"|\b(SELECT|INSERT INTO|UPDATE|DELETE FROM) [a-z_]+\b|\bpg_|psycopg"
    r"|\b\w+(Error|Exception)\b|NoneType",
)


def check(body: Any) -> None:
    """Every error has a code of the table, and its message tells nothing of what is behind."""
    if not isinstance(body, dict):
        return
    for error in body.get("errors", ()):
        assert error["extensions"]["code"] in ErrorCode.__members__, error
        assert not _INSIDE.search(error["message"]), error
        assert set(error) <= {"message", "locations", "path", "extensions"}, error
    assert set(body.get("extensions", ())) <= {"cost"}
