"""A rival: SQL written by hand that makes the JSON itself, on SQLite.

The whole request, the session look-up and the statement, is one hop to a thread with a connection
of its own. The reach is the product's (`D7`), as in `handwritten`.
"""

import asyncio
import os
import sqlite3
import threading
from concurrent.futures import ThreadPoolExecutor
from functools import cache
from typing import Any

import orjson
from sqlalchemy import make_url
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from benchmarks.rivals.session import identify, read_token
from permissions import Tokens
from permissions.identity import SESSION as LOOK_UP
from permissions.tokens import Read

THREADS = 1
"""The fastest number: more of them fight over the interpreter, and two answer less than one."""

SESSION = LOOK_UP.written("sqlite")
NAMES = [str(column.key) for column in LOOK_UP.selected.selected_columns]

WALKS = """
SELECT * FROM (
    SELECT name_key, id
    FROM clients
    WHERE organization_id = :organization AND department_id = :department_{i} AND status = 'ACTIVE'
    ORDER BY name_key, id
    LIMIT :first + 1
)
UNION
SELECT * FROM (
    SELECT DISTINCT client_name_key, client_id
    FROM associations
    WHERE organization_id = :organization AND department_id = :department_{i}
      AND client_status = 'ACTIVE'
    ORDER BY client_name_key, client_id
    LIMIT :first + 1
)
"""
"""The first of a department's clients, and of those with an association there, by their indexes."""

PAGE = """
WITH page AS MATERIALIZED (
    SELECT c.*
    FROM (
        {walks}
        ORDER BY 1, 2
        LIMIT :first + 1
    ) found
    JOIN clients c ON c.organization_id = :organization AND c.id = found.id
    ORDER BY c.name_key, c.id
), node AS MATERIALIZED (
    SELECT c.id, json_object(
        'id', 'cli_' || c.id,
        'firstName', c.first_name,
        'lastName', c.last_name,
        'status', c.status,
        'email', c.email,
        'dateOfBirth', c.date_of_birth,
        'department', (
            SELECT json_object('id', 'dep_' || d.id, 'name', d.name)
            FROM departments d
            WHERE d.organization_id = :organization AND d.id = c.department_id
        ),
        'associations', (
            SELECT json_group_array(json(met.json))
            FROM (
                SELECT json_object(
                    'id', 'asc_' || a.id,
                    'createdAt',
                        replace(rtrim(rtrim(a.created_at, '0'), '.'), ' ', 'T') || '+00:00',
                    'practitioner', json_object(
                        'id', 'stf_' || s.id,
                        'displayName', s.first_name || ' ' || s.last_name
                    ),
                    'department', json_object('id', 'dep_' || d.id, 'name', d.name)
                ) AS json
                FROM associations a
                JOIN staff s ON s.organization_id = :organization AND s.id = a.practitioner_id
                JOIN departments d ON d.organization_id = :organization AND d.id = a.department_id
                WHERE a.organization_id = :organization AND a.client_id = c.id
                  AND a.department_id IN (SELECT value FROM json_each(:departments))
                ORDER BY a.id
            ) met
        )
    ) AS json
    FROM (SELECT * FROM page ORDER BY name_key, id LIMIT :first) c
)
SELECT json_object('data', json_object('clients', json_object(
    'nodes', json_group_array(json(n.json)),
    'pageInfo', json_object(
        'hasNextPage', json(iif((SELECT count(*) FROM page) > :first, 'true', 'false')),
        'endCursor', 'cur_' || (
            SELECT id FROM page ORDER BY name_key, id LIMIT 1 OFFSET min(
                :first, (SELECT count(*) FROM page)
            ) - 1
        )
    )
)))
FROM node n
"""
"""Where PostgreSQL sorts inside an aggregate, SQLite's older versions take rows as they come."""


@cache
def page(departments: int) -> str:
    """The statement for who manages so many departments."""
    return PAGE.format(walks=" UNION ".join(WALKS.format(i=i) for i in range(departments)))


class _Threads:
    """Threads that answer requests, each over a connection of its own."""

    def __init__(self, path: str, tokens: Tokens) -> None:
        self._path = path
        self._tokens = tokens
        self._pool = ThreadPoolExecutor(THREADS)
        self._mine = threading.local()

    async def clients(self, request: Request) -> Response:
        """The first page of the Active list."""
        first = min(int(request.query_params.get("first", 25)), 100)
        read = read_token(request, self._tokens)
        if read is None:
            return Response(status_code=401)
        loop = asyncio.get_running_loop()
        status, made = await loop.run_in_executor(self._pool, self._page, read, first)
        return Response(made, status, media_type="application/json")

    def _page(self, read: Read, first: int) -> tuple[int, str]:
        connection = self._connection()
        found = connection.execute(SESSION.text, SESSION.arguments({"session": read.id}))
        rows = SESSION.rows(found.fetchall())
        caller = identify(read, [dict(zip(NAMES, row, strict=True)) for row in rows])
        if caller is None:
            return 401, ""
        if not caller.departments:
            return 403, ""
        asked = {
            "organization": caller.organization.hex,
            "departments": orjson.dumps([one.hex for one in caller.departments]).decode(),
            "first": first,
            **{f"department_{i}": one.hex for i, one in enumerate(caller.departments)},
        }
        (made,) = connection.execute(page(len(caller.departments)), asked).fetchone()
        return 200, made

    def _connection(self) -> sqlite3.Connection:
        connection: Any = getattr(self._mine, "connection", None)
        if connection is None:
            connection = self._mine.connection = sqlite3.connect(self._path, isolation_level=None)
            connection.execute("PRAGMA query_only = ON")
        return connection  # type: ignore[no-any-return]


def app() -> Starlette:
    """The rival at DATABASE_URL, with SECRET_KEY."""
    path = make_url(os.environ["DATABASE_URL"]).database
    assert path
    threads = _Threads(path, Tokens(os.environ["SECRET_KEY"]))
    return Starlette(routes=[Route("/clients", threads.clients)])
