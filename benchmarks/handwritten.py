"""A rival: SQL written by hand that makes the JSON itself, behind a bare Starlette route.

One statement a request after the session look-up, both prepared, on one connection of a pool that
needs no reset. The reach is the product's (`D7`): clients of the caller's departments or with an
association there, and of the associations only those.
"""

import datetime as dt
import os
import uuid
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import asyncpg
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from permissions import Tokens
from permissions.identity import GRACE
from permissions.identity import SESSION as LOOK_UP

CONNECTIONS = 20

SESSION = LOOK_UP.compiled("postgresql").text
"""The product's own look-up, as its driver is given it: `$1` is the session."""

MANAGERS = ("DEPARTMENT_ADMINISTRATOR", "CARE_COORDINATOR")

PAGE = """
WITH department AS MATERIALIZED (
    SELECT d.id, json_build_object(
        'id', 'dep_' || encode(uuid_send(d.id), 'hex'),
        'name', d.name
    ) AS json
    FROM departments d
    WHERE d.organization_id = $1
), page AS MATERIALIZED (
    SELECT c.*
    FROM clients c
    WHERE c.organization_id = $1 AND c.status = 'ACTIVE' AND (
        c.department_id = ANY ($2)
        -- LIMIT keeps PostgreSQL from hashing all associations of the department
        OR (SELECT true FROM associations a
            WHERE a.organization_id = $1 AND a.client_id = c.id AND a.department_id = ANY ($2)
            LIMIT 1)
    )
    ORDER BY c.name_key, c.id
    LIMIT $3 + 1
), node AS (
    SELECT c.id, c.place, json_build_object(
        'id', 'cli_' || encode(uuid_send(c.id), 'hex'),
        'firstName', c.first_name,
        'lastName', c.last_name,
        'status', c.status,
        'email', c.email,
        'dateOfBirth', c.date_of_birth,
        'department', d.json,
        'associations', (
            SELECT coalesce(json_agg(json_build_object(
                'id', 'asc_' || encode(uuid_send(a.id), 'hex'),
                'createdAt', a.created_at,
                'practitioner', json_build_object(
                    'id', 'stf_' || encode(uuid_send(s.id), 'hex'),
                    'displayName', s.first_name || ' ' || s.last_name
                ),
                'department', ad.json
            ) ORDER BY a.id), '[]')
            FROM associations a
            JOIN staff s ON s.organization_id = $1 AND s.id = a.practitioner_id
            JOIN department ad ON ad.id = a.department_id
            WHERE a.organization_id = $1 AND a.client_id = c.id AND a.department_id = ANY ($2)
        )
    ) AS json
    FROM (SELECT *, row_number() OVER (ORDER BY name_key, id) AS place FROM page) c
    LEFT JOIN department d ON d.id = c.department_id
    WHERE c.place <= $3
)
SELECT json_build_object('data', json_build_object('clients', json_build_object(
    'nodes', coalesce(json_agg(n.json ORDER BY n.place), '[]'),
    'pageInfo', json_build_object(
        'hasNextPage', (SELECT count(*) FROM page) > $3,
        'endCursor', 'cur_' || encode(
            uuid_send((array_agg(n.id ORDER BY n.place))[count(*)]), 'hex'
        )
    )
)))
FROM node n
"""


async def clients(request: Request) -> Response:
    """The first page of the Active list."""
    first = int(request.query_params.get("first", 25))
    async with request.app.state.pool.acquire() as connection:
        caller = await _identify(request, connection)
        if caller is None:
            return Response(status_code=401)
        organization, departments = caller
        if not departments:
            return Response(status_code=403)
        page = await connection.fetchval(PAGE, organization, departments, min(first, 100))
    return Response(page, media_type="application/json")


async def _identify(request: Request, connection: Any) -> tuple[uuid.UUID, list[uuid.UUID]] | None:
    """The caller's organization and the departments that they manage."""
    token = request.headers.get("authorization", "").removeprefix("Bearer ")
    read = request.app.state.tokens.read_access(token)
    if read is None:
        return None
    rows = await connection.fetch(SESSION, read.id)
    if not rows:
        return None
    found, now = rows[0], dt.datetime.now(dt.UTC)
    current = read.generation == found["generation"] and now < found["access_expires_at"]
    replaced = read.generation == found["generation"] - 1 and now < found["refreshed_at"] + GRACE
    if not (current or replaced):
        return None
    if found["staff_status"] != "ACTIVE" or found["surface"] != "PORTAL":
        return None
    if found["second_factor_needed"]:
        return found["organization_id"], []
    managed = [row["department_id"] for row in rows if row["role"] in MANAGERS]
    return found["organization_id"], managed


async def _prepare(connection: Any) -> None:
    """JSON from PostgreSQL goes out as the bytes that it is."""
    await connection.set_type_codec(
        "json", schema="pg_catalog", encoder=bytes, decoder=bytes, format="binary"
    )


async def _keep(connection: Any) -> None:
    """Nothing on the connection needs to be reset: it only reads, outside a transaction."""


@asynccontextmanager
async def _lifespan(app: Starlette) -> AsyncIterator[None]:
    app.state.tokens = Tokens(os.environ["SECRET_KEY"])
    async with asyncpg.create_pool(
        os.environ["DATABASE_URL"],
        min_size=CONNECTIONS,
        max_size=CONNECTIONS,
        init=_prepare,
        reset=_keep,
        server_settings={"timezone": "UTC", "plan_cache_mode": "force_generic_plan"},
    ) as app.state.pool:
        yield


def app() -> Starlette:
    """The rival at DATABASE_URL, with SECRET_KEY."""
    return Starlette(routes=[Route("/clients", clients)], lifespan=_lifespan)
