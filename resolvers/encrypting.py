"""Secrets that are kept encrypted, when the key that encrypts them changes."""

from sqlalchemy import and_, select, update
from sqlalchemy.ext.asyncio import AsyncConnection
from sqlalchemy.orm import InstrumentedAttribute

from models import SecondFactor, Webhook
from resolvers.context import Context
from resolvers.trail import Trail

_KEPT: dict[type[SecondFactor | Webhook], tuple[InstrumentedAttribute[bytes | None], ...]] = {
    SecondFactor: (SecondFactor.secret,),
    Webhook: (Webhook.secret, Webhook.previous_secret),
}


async def encrypt_anew(context: Context) -> int:
    """Encrypt every secret with today's key that an earlier one encrypted; how many there were."""
    vault = context.services.vault

    async def work(connection: AsyncConnection, trail: Trail) -> int:
        trail.routine()
        count = 0
        for model, columns in _KEPT.items():
            for column in columns:
                found = await connection.execute(
                    select(model.organization_id, model.id, column.label("secret"))
                    .where(column.is_not(None))
                    .with_for_update()
                )
                for owner in found.all():
                    if not vault.is_outdated(owner.secret):
                        continue
                    whose = owner.organization_id, owner.id
                    stored = vault.encrypt(vault.decrypt(owner.secret, *whose), *whose)
                    its = and_(model.organization_id == whose[0], model.id == whose[1])
                    await connection.execute(update(model).where(its).values({column: stored}))
                    count += 1
        return count

    return await context.write(work)
