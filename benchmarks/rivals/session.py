"""What the hand-written rivals share: who asks, proven by the product's own session look-up."""

import datetime as dt
import uuid
from collections.abc import Mapping, Sequence
from functools import cache
from typing import Any, NamedTuple

import orjson
from starlette.requests import Request

from models import Role, StaffStatus, Surface
from permissions import HOLDS, Permission, Tokens
from permissions.tokens import Read

MANAGERS = {Role.DEPARTMENT_ADMINISTRATOR, Role.CARE_COORDINATOR}


class Caller(NamedTuple):
    """Somebody who works for the organization, and the departments whose clients they manage."""

    organization: uuid.UUID
    id: uuid.UUID
    departments: list[uuid.UUID]
    roles: frozenset[str]


def read_token(request: Request, tokens: Tokens) -> Read | None:
    """Session and generation of the request's token, if it is one of ours."""
    return tokens.read_access(request.headers.get("authorization", "").removeprefix("Bearer "))


def identify(read: Read, rows: Sequence[Mapping[str, Any]]) -> Caller | None:
    """The caller, from what the look-up found; None if the session is good no more."""
    if not rows:
        return None
    found, now = rows[0], dt.datetime.now(dt.UTC)
    generation = found["generation"]
    ends = {generation: found["access_expires_at"], generation - 1: found["replaced_until"]}
    end = ends.get(read.generation)
    if end is None or now >= end:
        return None
    if found["staff_status"] != StaffStatus.ACTIVE or found["surface"] != Surface.PORTAL:
        return None
    if found["second_factor_needed"]:
        return None
    return Caller(
        organization=found["organization_id"],
        id=found["account_id"],
        departments=[row["department_id"] for row in rows if row["role"] in MANAGERS],
        roles=frozenset(row["role"] for row in rows if row["role"]),
    )


@cache
def permissions(roles: frozenset[str]) -> bytes:
    """What these roles may do, as JSON."""
    held = {one for role in roles for one in HOLDS[Role(role)]}
    return orjson.dumps([one for one in Permission if one in held])
