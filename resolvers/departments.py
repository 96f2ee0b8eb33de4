"""Departments: everybody signed in sees them, Organizational Administrators make them (`D11`)."""

from sqlalchemy import insert, select
from sqlalchemy.ext.asyncio import AsyncConnection

from models import Department, new_id, sort_key
from resolvers.checks import Checks
from resolvers.context import Context
from resolvers.errors import Code, refuse
from resolvers.listing import Listing, Order
from resolvers.tree import Key

_BY_NAME = Order((Department.name_key, Department.id))


def departments() -> Listing:
    """All departments of the caller's organization, by name."""
    return Listing(Department, order=_BY_NAME)


async def department_create(context: Context, name: str) -> Key:
    """A new department; its name is unique in the organization."""
    checks = Checks("input")
    text = checks.name(name, "name")
    checks.done()

    async def work(connection: AsyncConnection) -> Key:
        organization_id = context.actor.organization_id
        named = await connection.execute(
            select(Department.id).where(
                Department.organization_id == organization_id,
                Department.name_key == sort_key(text),
            )
        )
        if named.first() is not None:
            raise refuse(Code.TAKEN, "A department has this name already.", "input", "name")
        department_id = new_id()
        await connection.execute(
            insert(Department).values(
                organization_id=organization_id,
                id=department_id,
                name=text,
                name_key=sort_key(text),
                active=True,
                created_at=context.now(),
            )
        )
        return Key(Department, department_id)

    return await context.write(work)
