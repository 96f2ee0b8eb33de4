"""A rival: SQL written by hand that makes the JSON itself, behind bare Starlette routes.

One statement a request after the session look-up, both prepared, on one connection of a pool that
needs no reset. The reach is the product's (`D7`): clients of the caller's departments or with an
association there, and of the associations only those. A page walks along the two indexes that have
them in their order.
"""

import os
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from typing import Any

import asyncpg
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from benchmarks.rivals.session import Caller, identify, permissions, read_token
from models import parse_id
from permissions import Tokens
from permissions.identity import SESSION as LOOK_UP

CONNECTIONS = 20

SESSION = LOOK_UP.written("postgresql").text
"""The product's own look-up, as its driver is given it: `$1` is the session."""

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
    FROM (
        SELECT DISTINCT walked.name_key, walked.id
        FROM unnest($2::uuid[]) AS mine (department), LATERAL (
            (SELECT c.name_key, c.id
             FROM clients c
             WHERE c.organization_id = $1 AND c.department_id = mine.department
               AND c.status = 'ACTIVE'
             ORDER BY c.name_key, c.id
             LIMIT $3 + 1)
            UNION ALL
            (SELECT DISTINCT a.client_name_key, a.client_id
             FROM associations a
             WHERE a.organization_id = $1 AND a.department_id = mine.department
               AND a.client_status = 'ACTIVE'
             ORDER BY a.client_name_key, a.client_id
             LIMIT $3 + 1)
        ) AS walked
        ORDER BY walked.name_key, walked.id
        LIMIT $3 + 1
    ) first
    JOIN clients c ON c.organization_id = $1 AND c.id = first.id
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


ONE = """
SELECT json_build_object('data', json_build_object('client', (
    SELECT json_build_object(
        'id', 'cli_' || encode(uuid_send(c.id), 'hex'),
        'firstName', c.first_name,
        'lastName', c.last_name,
        'status', c.status,
        'email', c.email,
        'dateOfBirth', c.date_of_birth,
        'department', CASE WHEN d.id IS NOT NULL THEN json_build_object(
            'id', 'dep_' || encode(uuid_send(d.id), 'hex'),
            'name', d.name
        ) END,
        'associations', (
            SELECT coalesce(json_agg(json_build_object(
                'id', 'asc_' || encode(uuid_send(a.id), 'hex'),
                'createdAt', a.created_at,
                'practitioner', json_build_object(
                    'id', 'stf_' || encode(uuid_send(s.id), 'hex'),
                    'displayName', s.first_name || ' ' || s.last_name
                ),
                'department', json_build_object(
                    'id', 'dep_' || encode(uuid_send(ad.id), 'hex'),
                    'name', ad.name
                )
            ) ORDER BY a.id), '[]')
            FROM associations a
            JOIN staff s ON s.organization_id = $1 AND s.id = a.practitioner_id
            JOIN departments ad ON ad.organization_id = $1 AND ad.id = a.department_id
            WHERE a.organization_id = $1 AND a.client_id = c.id AND a.department_id = ANY ($2)
        )
    )
    FROM clients c
    LEFT JOIN departments d ON d.organization_id = $1 AND d.id = c.department_id
    WHERE c.organization_id = $1 AND c.id = $3 AND (
        c.department_id = ANY ($2)
        OR (SELECT true FROM associations a
            WHERE a.organization_id = $1 AND a.client_id = c.id AND a.department_id = ANY ($2)
            LIMIT 1)
    )
)))
"""

VIEWER = """
SELECT json_build_object('data', json_build_object('viewer', json_build_object(
    'surface', 'PORTAL',
    'permissions', $3::json,
    'organization', json_build_object(
        'id', 'org_' || encode(uuid_send(o.id), 'hex'),
        'name', o.name
    ),
    'staff', json_build_object(
        'id', 'stf_' || encode(uuid_send(s.id), 'hex'),
        'displayName', s.first_name || ' ' || s.last_name,
        'email', s.email
    )
)))
FROM organizations o
JOIN staff s ON s.organization_id = o.id AND s.id = $2
WHERE o.id = $1
"""


async def clients(request: Request) -> Response:
    """The first page of the Active list."""
    first = min(int(request.query_params.get("first", 25)), 100)
    return await _answer(request, PAGE, lambda caller: _managed(caller, first))


async def client(request: Request) -> Response:
    """One client; null for an unknown id."""
    id = parse_id("cli_", request.path_params["id"])
    return await _answer(request, ONE, lambda caller: _managed(caller, id))


async def viewer(request: Request) -> Response:
    """Who is signed in."""
    return await _answer(request, VIEWER, _themselves)


def _managed(caller: Caller, asked: Any) -> Sequence[Any] | None:
    """The arguments for who manages a department; None for everybody else."""
    return (caller.organization, caller.departments, asked) if caller.departments else None


def _themselves(caller: Caller) -> Sequence[Any]:
    return caller.organization, caller.id, permissions(caller.roles)


async def _answer(
    request: Request, statement: str, arguments: Callable[[Caller], Sequence[Any] | None]
) -> Response:
    """What the statement makes for the caller of this request."""
    state = request.app.state
    read = read_token(request, state.tokens)
    if read is None:
        return Response(status_code=401)
    async with state.pool.acquire() as connection:
        caller = identify(read, await connection.fetch(SESSION, read.id))
        if caller is None:
            return Response(status_code=401)
        given = arguments(caller)
        if given is None:
            return Response(status_code=403)
        made = await connection.fetchval(statement, *given)
    return Response(made, media_type="application/json")


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
    routes = [
        Route("/clients", clients),
        Route("/clients/{id}", client),
        Route("/viewer", viewer),
    ]
    return Starlette(routes=routes, lifespan=_lifespan)
