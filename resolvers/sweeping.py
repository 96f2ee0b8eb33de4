"""What has served its time, and goes."""

from sqlalchemy import delete, select
from sqlalchemy.ext.asyncio import AsyncConnection

from models import IdempotencyKey, Throttle
from resolvers.context import Context
from resolvers.repeating import KEPT


async def sweep(context: Context) -> None:
    """Forget the windows of budgets that are over, and keys of mutations after their day.

    Counts that somebody is at stay for the next time.
    """
    now = context.now()
    over = select(Throttle.key).where(Throttle.ends_at <= now).with_for_update(skip_locked=True)

    async def work(connection: AsyncConnection) -> None:
        await connection.execute(delete(Throttle).where(Throttle.key.in_(over)))
        await connection.execute(
            delete(IdempotencyKey).where(IdempotencyKey.created_at <= now - KEPT)
        )

    await context.services.database.write(work)
