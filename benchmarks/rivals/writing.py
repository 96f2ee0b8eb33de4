"""A rival: the product's statements for three mutations, by hand, in one transaction each.

The statements are those that the product sends, on asyncpg and behind bare Starlette routes;
values are taken as they come, so nothing is checked that the database does not check.
"""

import datetime as dt
import os
import uuid
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import asyncpg
import orjson
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from benchmarks.rivals.session import Caller, identify, read_token
from benchmarks.rivals.telling import ANONYMOUS, by, changed, moved, redacted, tell
from models import canonical_email, name_key, new_id, outside, parse_id, words_of
from permissions import Tokens
from permissions.identity import SESSION as LOOK_UP

CONNECTIONS = 10
CONFIRMING_LIVES = dt.timedelta(days=3)
INVITATION_LIVES = dt.timedelta(days=7)
TEN_MINUTES, DAY = dt.timedelta(minutes=10), dt.timedelta(days=1)

SESSION = LOOK_UP.written("postgresql").text

OPEN_ORGANIZATION = "SELECT id, registration_open FROM organizations WHERE slug = $1"
OPEN_DEPARTMENT = "SELECT id FROM departments WHERE organization_id = $1 AND id = $2 AND active"
DEPARTMENT = f"{OPEN_DEPARTMENT} FOR SHARE"

COUNT = """
INSERT INTO throttles (key, attempts, ends_at) VALUES ($1, 1, $3)
ON CONFLICT (key) DO UPDATE SET
    attempts = CASE WHEN throttles.ends_at <= $2 OR throttles.ends_at > $3
        THEN 1 ELSE throttles.attempts + 1 END,
    ends_at = CASE WHEN throttles.ends_at <= $2 OR throttles.ends_at > $3
        THEN $3 ELSE throttles.ends_at END
RETURNING attempts, ends_at
"""

HOLDER = """
SELECT c.id, c.status, c.first_name, c.last_name, c.email, a.username
FROM clients c
JOIN accounts a ON a.organization_id = c.organization_id AND a.id = c.id
WHERE c.organization_id = $1 AND c.email_key = $2
FOR NO KEY UPDATE OF a
"""

REGISTRATION = """
INSERT INTO registrations (
    organization_id, id, first_name, last_name, email, email_key, date_of_birth, phone,
    department_id, created_at
) VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10)
"""

END_LINKS_OF_REGISTRATION = """
UPDATE links SET superseded_at = $3
WHERE organization_id = $1 AND registration_id = $2 AND used_at IS NULL AND superseded_at IS NULL
"""

END_LINKS_OF_ACCOUNT = """
UPDATE links SET superseded_at = $3
WHERE organization_id = $1 AND account_id = $2 AND purpose = 'DEFINE_CREDENTIALS'
  AND used_at IS NULL AND superseded_at IS NULL
"""

END_LINKS_OF_ADDRESS = """
UPDATE links SET superseded_at = $3
WHERE organization_id = $1 AND registration_id IN (
    SELECT id FROM registrations
    WHERE organization_id = $1 AND email_key = $2 AND ended_at IS NULL
) AND used_at IS NULL AND superseded_at IS NULL
"""

END_REGISTRATIONS = """
UPDATE registrations SET ended_at = $3
WHERE organization_id = $1 AND email_key = $2 AND ended_at IS NULL
"""

LINK = """
INSERT INTO links (
    organization_id, id, purpose, registration_id, account_id, created_at, expires_at
) VALUES ($1, $2, $3, $4, $5, $6, $7)
"""

SENDER = "SELECT id, name, slug, contact_email FROM organizations WHERE id = $1"

LETTER = """
INSERT INTO letters (
    organization_id, id, name, recipient, contents, link_id, state, attempts, created_at, due_at
) VALUES ($1, $2, $3, $4, $5, $6, 'QUEUED', 0, $7, $7)
"""

CLIENT = """
SELECT c.*, (
    SELECT a.username FROM accounts a WHERE a.organization_id = c.organization_id AND a.id = c.id
), c.department_id = ANY ($3) AS may_change
FROM clients c
WHERE c.organization_id = $1 AND c.id = $2 AND (
    c.department_id = ANY ($3)
    OR (SELECT true FROM associations a
        WHERE a.organization_id = $1 AND a.client_id = c.id AND a.department_id = ANY ($3)
        LIMIT 1)
)
"""

APPROVE = """
UPDATE clients
SET status = 'ACTIVE', status_reason = NULL, department_id = $3, approved_at = $4,
    approved_by_id = $5, decided_at = $4, decided_by_id = $5, version = version + 1
WHERE organization_id = $1 AND id = $2 AND status = 'PENDING'
"""

TAKEN = "SELECT id FROM clients WHERE organization_id = $1 AND email_key = $2"

ACCOUNT = """
INSERT INTO accounts (organization_id, id, kind, created_at) VALUES ($1, $2, 'CLIENT', $3)
"""

NEW_CLIENT = """
INSERT INTO clients (
    organization_id, id, status, first_name, last_name, name_key, email, email_key, phone,
    date_of_birth, department_id, created_at, approved_at, approved_by_id
) VALUES ($1, $2, 'ACTIVE', $3, $4, $5, $6, $7, $8, $9, $10, $11, $11, $12)
"""

NAMES = "SELECT first_name, last_name, email FROM {} WHERE organization_id = $1 AND id = $2"
NAMES_OF_CLIENT, NAMES_OF_STAFF = NAMES.format("clients"), NAMES.format("staff")
USERNAME = "SELECT username FROM accounts WHERE organization_id = $1 AND id = $2"
FORGET_WORDS = "DELETE FROM search_words WHERE organization_id = $1 AND account_id = $2"
WORDS = "INSERT INTO search_words (organization_id, word, account_id) VALUES ($1, $2, $3)"

PRACTITIONER = """
SELECT s.* FROM staff s
WHERE s.organization_id = $1 AND s.id = $2 AND (
    SELECT true FROM role_grants g
    WHERE g.organization_id = $1 AND g.staff_id = s.id AND g.department_id = ANY ($3)
    LIMIT 1
)
"""

STATUS = "SELECT status FROM staff WHERE organization_id = $1 AND id = $2 FOR SHARE"

PRACTISED = """
SELECT d.id, d.name
FROM departments d JOIN role_grants g
  ON g.organization_id = d.organization_id AND g.department_id = d.id AND g.role = 'PRACTITIONER'
WHERE g.organization_id = $1 AND g.staff_id = $2 AND d.active
ORDER BY d.name_key
FOR SHARE OF d
"""

MET = """
SELECT id FROM associations
WHERE organization_id = $1 AND client_id = $2 AND practitioner_id = $3
"""

ASSOCIATION = """
INSERT INTO associations (
    organization_id, id, client_id, client_status, client_name_key, practitioner_id,
    department_id, role, created_at
) VALUES ($1, $2, $3, $4, $5, $6, $7, 'PRACTITIONER', $8)
"""

HOLD = "SELECT id FROM accounts WHERE organization_id = $1 AND id = $2 FOR NO KEY UPDATE"

UNINVITED = """
SELECT a.kind, c.first_name, c.last_name, c.email
FROM accounts a JOIN clients c ON c.organization_id = a.organization_id AND c.id = a.id
WHERE a.organization_id = $1 AND a.id = $2 AND a.username IS NULL AND c.status = 'ACTIVE'
"""


async def register(request: Request) -> Response:
    """A registration, its link and its letter."""
    typed, now = orjson.loads(await request.body()), dt.datetime.now(dt.UTC)
    email_key = canonical_email(typed["email"])
    state, source = request.app.state, request.client.host if request.client else ""
    async with state.pool.acquire() as connection:
        async with connection.transaction():
            pair = source, "register", typed["organization"], email_key
            for words in (("source", source), ("pair", *pair)):
                await connection.fetchrow(
                    COUNT, state.tokens.digest(*words), now, now + TEN_MINUTES
                )
        return await _register(request, connection, typed, email_key, now)


async def _register(
    request: Request, connection: Any, typed: dict[str, Any], email_key: str, now: dt.datetime
) -> Response:
    async with connection.transaction():
        tokens = request.app.state.tokens
        await connection.fetchrow(COUNT, tokens.digest("mail", email_key), now, now + DAY)
        organization = await connection.fetchrow(OPEN_ORGANIZATION, typed["organization"])
        asked = parse_id("dep_", typed["departmentId"])
        department = await connection.fetchval(OPEN_DEPARTMENT, organization["id"], asked)
        if await connection.fetchrow(HOLDER, organization["id"], email_key):
            return Response(status_code=409)
        registration, link = new_id(), new_id()
        await connection.execute(
            REGISTRATION,
            *(organization["id"], registration, typed["firstName"], typed["lastName"]),
            *(typed["email"], email_key, dt.date.fromisoformat(typed["dateOfBirth"])),
            *(typed["phone"], department, now),
        )
        await connection.execute(END_LINKS_OF_REGISTRATION, organization["id"], registration, now)
        ends_at = now + CONFIRMING_LIVES
        await connection.execute(
            LINK,
            *(organization["id"], link, "CONFIRM_REGISTRATION", registration, None, now, ends_at),
        )
        await _post(
            connection,
            "confirm_registration",
            organization["id"],
            _named(typed),
            now,
            link,
            ends_at,
        )
        told = {
            "action": "REGISTRATION_CREATED",
            "department": department,
            "changes": [
                changed("registrationId", None, outside("reg_", registration)),
                *redacted("firstName", "lastName", "email", "dateOfBirth", "phone"),
                moved(None, department),
            ],
        }
        await tell(connection, request, organization["id"], ANONYMOUS, now, [told])
    return _json({"accepted": True})


async def approve(request: Request) -> Response:
    """A pending client becomes active, and a letter says so."""
    typed, now = orjson.loads(await request.body()), dt.datetime.now(dt.UTC)
    async with request.app.state.pool.acquire() as connection:
        caller = await _identify(request, connection)
        async with connection.transaction():
            client = await connection.fetchrow(
                CLIENT, caller.organization, parse_id("cli_", typed["id"]), caller.departments
            )
            if client["status"] != "PENDING" or not client["may_change"]:
                return Response(status_code=409)
            department = await connection.fetchval(
                DEPARTMENT, caller.organization, client["department_id"]
            )
            moved = await connection.execute(
                APPROVE, caller.organization, client["id"], department, now, caller.id
            )
            if moved != "UPDATE 1":
                return Response(status_code=409)
            await _post(connection, "client_approved", caller.organization, client, now)
            told = {
                "action": "CLIENT_APPROVED",
                "client_id": client["id"],
                "department": department,
                "changes": [changed("status", "PENDING", "ACTIVE")],
            }
            await tell(connection, request, caller.organization, by(caller), now, [told])
        shown = await connection.fetchrow(
            CLIENT, caller.organization, client["id"], caller.departments
        )
    return _json({"id": f"cli_{shown['id'].hex}", "status": shown["status"]})


async def create(request: Request) -> Response:
    """A client with associations, words to be found by, and an invitation."""
    typed, now = orjson.loads(await request.body()), dt.datetime.now(dt.UTC)
    email_key = canonical_email(typed["email"])
    async with request.app.state.pool.acquire() as connection:
        caller = await _identify(request, connection)
        async with connection.transaction():
            asked = parse_id("dep_", typed["departmentId"])
            department = await connection.fetchval(DEPARTMENT, caller.organization, asked)
            if await connection.fetchrow(TAKEN, caller.organization, email_key):
                return Response(status_code=409)
            client = new_id()
            await connection.execute(ACCOUNT, caller.organization, client, now)
            first, last = typed["firstName"], typed["lastName"]
            await connection.execute(
                NEW_CLIENT,
                *(caller.organization, client, first, last, name_key(first, last)),
                *(typed["email"], email_key, typed["phone"]),
                *(dt.date.fromisoformat(typed["dateOfBirth"]), department, now, caller.id),
            )
            await _index(connection, caller.organization, client)
            await connection.execute(END_LINKS_OF_ADDRESS, caller.organization, email_key, now)
            await connection.execute(END_REGISTRATIONS, caller.organization, email_key, now)
            made = await connection.fetchrow(
                CLIENT, caller.organization, client, caller.departments
            )
            met = await _associate(connection, caller, made, typed["associations"], now)
            await _invite(connection, caller.organization, client, now)
            told = {
                "action": "CLIENT_CREATED",
                "client_id": client,
                "department": department,
                "changes": [
                    changed("status", None, "ACTIVE"),
                    *redacted("firstName", "lastName", "email", "phone", "dateOfBirth"),
                    moved(None, department),
                ],
            }
            events = [told, *met]
            await tell(connection, request, caller.organization, by(caller), now, events)
        shown = await connection.fetchrow(CLIENT, caller.organization, client, caller.departments)
    return _json({"id": f"cli_{shown['id'].hex}", "status": shown["status"]})


async def _identify(request: Request, connection: Any) -> Caller:
    read = read_token(request, request.app.state.tokens)
    assert read
    caller = identify(read, await connection.fetch(SESSION, read.id))
    assert caller
    return caller


async def _index(connection: Any, organization: uuid.UUID, client: uuid.UUID) -> None:
    """The words of names, address and username."""
    texts: list[str | None] = []
    for statement in (NAMES_OF_CLIENT, NAMES_OF_STAFF):
        texts += [
            text for row in await connection.fetch(statement, organization, client) for text in row
        ]
    texts.append(await connection.fetchval(USERNAME, organization, client))
    await connection.execute(FORGET_WORDS, organization, client)
    rows = [(organization, word, client) for word in words_of(*texts)]
    await connection.executemany(WORDS, rows)


async def _associate(
    connection: Any,
    caller: Caller,
    client: Any,
    typed: list[dict[str, str]],
    now: dt.datetime,
) -> list[dict[str, Any]]:
    """Each practitioner is looked at before any of them is associated; what is told of it."""
    rows, told = [], []
    for one in typed:
        asked = parse_id("stf_", one["practitionerId"])
        staff = await connection.fetchrow(
            PRACTITIONER, caller.organization, asked, caller.departments
        )
        assert await connection.fetchval(STATUS, caller.organization, staff["id"]) == "ACTIVE"
        held = await connection.fetch(PRACTISED, caller.organization, staff["id"])
        wanted = parse_id("dep_", one["departmentId"])
        department = await connection.fetchval(DEPARTMENT, caller.organization, wanted)
        assert department in [row["id"] for row in held]
        assert not await connection.fetch(MET, caller.organization, client["id"], staff["id"])
        standing = client["id"], client["status"], client["name_key"]
        rows.append((caller.organization, new_id(), *standing, staff["id"], department, now))
        told.append(
            {
                "action": "ASSOCIATION_CREATED",
                "client_id": client["id"],
                "staff_id": staff["id"],
                "department": department,
                "changes": [moved(None, department)],
            }
        )
    await connection.executemany(ASSOCIATION, rows)
    return told


async def _invite(
    connection: Any, organization: uuid.UUID, client: uuid.UUID, now: dt.datetime
) -> None:
    """A link to define credentials, and its letter."""
    await connection.execute(HOLD, organization, client)
    person = await connection.fetchrow(UNINVITED, organization, client)
    await connection.execute(END_LINKS_OF_ACCOUNT, organization, client, now)
    link, ends_at = new_id(), now + INVITATION_LIVES
    await connection.execute(
        LINK, organization, link, "DEFINE_CREDENTIALS", None, client, now, ends_at
    )
    await _post(connection, "client_invitation", organization, person, now, link, ends_at)


async def _post(
    connection: Any,
    name: str,
    organization: uuid.UUID,
    person: Any,
    now: dt.datetime,
    link: uuid.UUID | None = None,
    ends_at: dt.datetime | None = None,
) -> None:
    """A letter into the outbox."""
    sender = await connection.fetchrow(SENDER, organization)
    contents = {
        "recipient_name": f"{person['first_name']} {person['last_name']}",
        "organization_name": sender["name"],
        "organization_slug": sender["slug"],
        "organization_contact": sender["contact_email"],
        **({"ends_at": ends_at} if ends_at else {}),
    }
    await connection.execute(
        LETTER,
        *(organization, new_id(), name, person["email"]),
        *(orjson.dumps(contents).decode(), link, now),
    )


def _named(typed: dict[str, str]) -> dict[str, str]:
    return {
        "first_name": typed["firstName"],
        "last_name": typed["lastName"],
        "email": typed["email"],
    }


def _json(made: dict[str, Any]) -> Response:
    return Response(orjson.dumps({"data": made}), media_type="application/json")


@asynccontextmanager
async def _lifespan(app: Starlette) -> AsyncIterator[None]:
    app.state.tokens = Tokens(os.environ["SECRET_KEY"])
    async with asyncpg.create_pool(
        os.environ["DATABASE_URL"], min_size=CONNECTIONS, max_size=CONNECTIONS
    ) as app.state.pool:
        yield


def app() -> Starlette:
    """The rival at DATABASE_URL, with SECRET_KEY."""
    routes = [
        Route("/register", register, methods=["POST"]),
        Route("/approve", approve, methods=["POST"]),
        Route("/create", create, methods=["POST"]),
    ]
    return Starlette(routes=routes, lifespan=_lifespan)
