"""Internal notes on clients, which managers write for each other."""

from sqlalchemy import insert
from sqlalchemy.ext.asyncio import AsyncConnection

from models import AuditAction, Client, ClientNote
from permissions import Permission
from resolvers.checks import Checks
from resolvers.clients import found
from resolvers.context import Context
from resolvers.events import changed, on_client
from resolvers.trail import Trail
from resolvers.tree import Key


async def client_note_add(context: Context, id: str, typed: str) -> Key:
    """Write a note on a client whom the caller may edit; it stays as it is."""
    checks = Checks("input")
    text = checks.filled(typed, "text")
    actor = context.actor

    async def work(connection: AsyncConnection, trail: Trail) -> Key:
        client = await found(connection, actor, id, Permission.CLIENT_UPDATE)
        checks.done()
        await connection.execute(
            insert(ClientNote).values(
                organization_id=client.organization_id,
                client_id=client.id,
                author_id=actor.id,
                created_at=context.now(),
                text=text,
            )
        )
        trail.tell(AuditAction.CLIENT_NOTE_ADDED, on_client(client), changed(None, {"text": text}))
        return Key(Client, client.id)

    return await context.write(work)
