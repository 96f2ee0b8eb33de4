"""Letters as use cases write them: who is written to, and on whose behalf."""

import uuid
from typing import Any

from sqlalchemy import select
from sqlalchemy.ext.asyncio import AsyncConnection

from models import Organization, Record


async def sender(connection: AsyncConnection, organization_id: uuid.UUID) -> Record:
    """The organization on whose behalf letters go: its name, slug and contact address."""
    found = await connection.execute(
        select(
            Organization.id, Organization.name, Organization.slug, Organization.contact_email
        ).where(Organization.id == organization_id)
    )
    return found.one()


def addressed(organization: Record, person: Any) -> dict[str, Any]:
    """What every letter is told: whom it greets, and who writes."""
    return {
        "recipient_name": f"{person.first_name} {person.last_name}",
        "organization_name": organization.name,
        "organization_slug": organization.slug,
        "organization_contact": organization.contact_email,
    }
