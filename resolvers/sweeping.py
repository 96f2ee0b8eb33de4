"""What has served its time, and goes."""

from sqlalchemy import delete, select
from sqlalchemy.ext.asyncio import AsyncConnection

from models import Throttle
from resolvers.context import Context


async def sweep(context: Context) -> None:
    """Forget the windows of budgets that are over. Rows that somebody is at stay for next time."""
    over = Throttle.ends_at <= context.now()
    idle = select(Throttle.key).where(over).with_for_update(skip_locked=True)

    async def work(connection: AsyncConnection) -> None:
        await connection.execute(delete(Throttle).where(Throttle.key.in_(idle)))

    await context.services.database.write(work)
