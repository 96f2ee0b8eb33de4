"""What the hand-written mutations tell the audit trail: the product's three statements, by hand."""

import datetime as dt
import uuid
from collections.abc import Mapping, Sequence
from typing import Any

import orjson
from starlette.requests import Request

from benchmarks.rivals.session import Caller
from models import new_id, outside
from models.audit import hash_of

HEAD = "SELECT number, hash FROM audit_heads WHERE organization_id = $1 FOR UPDATE"

EVENT = """
INSERT INTO audit_events (
    organization_id, id, number, at, action, actor_kind, actor_id, roles, scope, surface,
    client_id, staff_id, department_id, departments, changes, reason, times, source, request_id,
    previous_hash, hash
) VALUES (
    $1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, $16, $17, $18, $19, $20, $21
)
"""

LAST = "UPDATE audit_heads SET number = $2, hash = $3 WHERE organization_id = $1"

ANONYMOUS: Mapping[str, Any] = {
    "actor_kind": "ANONYMOUS",
    "actor_id": None,
    "roles": [],
    "scope": None,
    "surface": None,
}


def by(caller: Caller) -> Mapping[str, Any]:
    """The columns that say who acts."""
    return {
        "actor_kind": "STAFF",
        "actor_id": caller.id,
        "roles": sorted(caller.roles),
        "scope": "DEPARTMENT",
        "surface": "PORTAL",
    }


def redacted(*fields: str) -> list[dict[str, Any]]:
    """These are different, and what they are is not told."""
    return [{"field": field, "redacted": True} for field in fields]


def changed(field: str, before: Any, after: Any) -> dict[str, Any]:
    """What a column was, and what it is."""
    return {"field": field, "before": before, "after": after}


def moved(before: uuid.UUID | None, after: uuid.UUID) -> dict[str, Any]:
    """Which department it was in, and in which it is."""
    return changed("departmentId", before and outside("dep_", before), outside("dep_", after))


async def tell(
    connection: Any,
    request: Request,
    organization: uuid.UUID,
    who: Mapping[str, Any],
    now: dt.datetime,
    events: Sequence[Mapping[str, Any]],
) -> None:
    """Add the events to a chain that has begun, as the last of the transaction."""
    number, before = await connection.fetchrow(HEAD, organization)
    rows = []
    for event in events:
        number += 1
        row = {
            "organization_id": organization,
            "id": new_id(),
            "number": number,
            "at": now,
            "action": event["action"],
            **who,
            "client_id": event.get("client_id"),
            "staff_id": event.get("staff_id"),
            "department_id": None,
            "departments": [event["department"]],
            "changes": event["changes"],
            "reason": None,
            "times": 1,
            "source": request.client.host if request.client else None,
            "request_id": new_id().hex,
            "previous_hash": before,
        }
        before = row["hash"] = hash_of(row)
        texts = {name: orjson.dumps(row[name]).decode() for name in ("roles", "changes")}
        rows.append([*(row | texts).values()])
    await connection.executemany(EVENT, rows)
    await connection.execute(LAST, organization, number, before)
