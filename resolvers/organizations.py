"""Organizations: what their portal page shows, and how the first one is made (`S2`, `D26`)."""

import uuid
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Connection, insert, select, update
from sqlalchemy.ext.asyncio import AsyncConnection

from models import AuditAction, Department, Organization, Role, new_id, sort_key
from resolvers.checks import Checks, is_slug
from resolvers.context import Context
from resolvers.errors import Choice, Code, refuse
from resolvers.events import OPERATOR, On, changed, on_department
from resolvers.proving import factor_of
from resolvers.staff import hire
from resolvers.trail import Trail
from resolvers.tree import Key


@dataclass(frozen=True, slots=True)
class Profile:
    """What anybody may know of an organization: what its registration page shows."""

    name: str
    slug: str
    registration_open: bool
    departments: tuple[Choice, ...]


def portal_url(slug: str, public_url: str) -> str:
    """The address of the organization's own portal page, where its clients register."""
    return f"{public_url}/{slug}"


async def organization(context: Context, slug: str) -> Profile | None:
    """The organization at this portal URL, with its active departments by name."""

    def look(connection: Connection) -> Profile | None:
        found = connection.execute(
            select(
                Organization.id,
                Organization.name,
                Organization.slug,
                Organization.registration_open,
            ).where(Organization.slug == slug)
        ).one_or_none()
        if found is None:
            return None
        active = connection.execute(
            select(Department.id, Department.name)
            .where(Department.organization_id == found.id, Department.active)
            .order_by(Department.name_key, Department.id)
        )
        choices = tuple(Choice(one.id, one.name) for one in active)
        return Profile(found.name, found.slug, found.registration_open, choices)

    return await context.services.database.read(look) if is_slug(slug) else None


@dataclass(frozen=True, slots=True)
class Founding:
    """What the command line says of a new organization."""

    name: str
    slug: str
    department: str
    admin_email: str
    admin_first_name: str
    admin_last_name: str


async def create_organization(context: Context, typed: Founding) -> uuid.UUID:
    """A new organization, its first department, and its first Organizational Administrator.

    They are mailed a link to define credentials. Fields of refusals are the command's options.
    """
    checks = Checks()
    name = checks.name(typed.name, "name")
    slug = checks.slug(typed.slug, "slug")
    department = checks.name(typed.department, "department")
    first_name = checks.name(typed.admin_first_name, "admin-first-name")
    last_name = checks.name(typed.admin_last_name, "admin-last-name")
    email, email_key = checks.email(typed.admin_email, "admin-email")
    checks.done()

    async def work(connection: AsyncConnection, trail: Trail) -> uuid.UUID:
        now = context.now()
        same = await connection.execute(select(Organization.id).where(Organization.slug == slug))
        if same.first() is not None:
            raise refuse(Code.TAKEN, "An organization has this slug already.", "slug")
        organization_id = new_id()
        await connection.execute(
            insert(Organization).values(
                id=organization_id,
                slug=slug,
                name=name,
                registration_open=True,
                contact_email=email,
                created_at=now,
            )
        )
        trail.tell(
            AuditAction.ORGANIZATION_CREATED,
            On(organization_id, departments=()),
            changed(None, {"name": name, "contact_email": email, "registration_open": True}),
            by=OPERATOR,
        )
        department_id = new_id()
        await connection.execute(
            insert(Department).values(
                organization_id=organization_id,
                id=department_id,
                name=department,
                name_key=sort_key(department),
                active=True,
                created_at=now,
            )
        )
        trail.tell(
            AuditAction.DEPARTMENT_CREATED,
            on_department(organization_id, department_id),
            changed(None, {"name": department, "active": True}),
            by=OPERATOR,
        )
        await hire(
            context,
            connection,
            trail,
            by=OPERATOR,
            organization_id=organization_id,
            first_name=first_name,
            last_name=last_name,
            email=email,
            email_key=email_key,
            grants=[(Role.ORGANIZATION_ADMINISTRATOR, None)],
            receive_new_client_notifications=True,
        )
        return organization_id

    return await context.write(work)


async def organization_update(context: Context, change: dict[str, Any]) -> Key:
    """Edit the organization: what `change` says of its name, registration, contact and staff.

    Who requires a second factor of everybody has one, or would be the first to be out.
    """
    checks = Checks("input")
    new = checks.said(change, "contact_email")
    if "name" in new:
        new["name"] = checks.name(new["name"], "name")
    if "contact_email" in new:
        typed = new["contact_email"]
        new["contact_email"] = checks.email(typed, "contactEmail")[0] if typed else None
    checks.done()
    organization_id = context.actor.organization_id

    async def work(connection: AsyncConnection, trail: Trail) -> Key:
        required = new.get("second_factor_required")
        if required and await factor_of(connection, context.actor) is None:
            message = "Set up your own second factor first."
            field = ("input", "secondFactorRequired")
            raise refuse(Code.SECOND_FACTOR_OFF, message, *field)
        if new:
            found = await connection.execute(
                select(*Organization.__table__.c)
                .where(Organization.id == organization_id)
                .with_for_update(key_share=True)
            )
            await connection.execute(
                update(Organization).where(Organization.id == organization_id).values(**new)
            )
            trail.tell(
                AuditAction.ORGANIZATION_UPDATED,
                On(organization_id, departments=()),
                changed(found.one(), new),
            )
        return Key(Organization, organization_id)

    return await context.write(work)
