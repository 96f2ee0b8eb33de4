"""The front door: a client registers, confirms by mail, and waits as pending (`S2` to `S5`)."""

import datetime as dt
import uuid
from collections.abc import Collection
from dataclasses import dataclass

from sqlalchemy import Connection, and_, func, insert, select, update
from sqlalchemy.ext.asyncio import AsyncConnection

from mailer import (
    AlreadyRegistered,
    ClientAwaitsApproval,
    ClientInvitation,
    ConfirmRegistration,
    Contents,
    Linked,
    post,
)
from models import (
    Account,
    AccountKind,
    AuditAction,
    Client,
    ClientStatus,
    Department,
    Link,
    LinkPurpose,
    LinkState,
    Notice,
    Organization,
    Record,
    Registration,
    name_key,
    new_id,
    outside,
    parse_id,
    phone_key,
    within,
)
from models.database import Words
from permissions import reach
from resolvers.checks import Checks, is_slug
from resolvers.context import Context
from resolvers.credentials import Credentials, Onboarded, chosen, claim
from resolvers.errors import Code, refuse
from resolvers.events import LINK, On, changed, registered
from resolvers.finding import has_address, index
from resolvers.links import make, refused_link, supersede, usable, use
from resolvers.posting import addressed, sender
from resolvers.throttles import may_mail, throttle, typed_address
from resolvers.trail import Trail


@dataclass(frozen=True, slots=True)
class NewRegistration:
    """What somebody typed on the portal page. No department: "I am not sure" (`S8`)."""

    organization: str
    first_name: str
    last_name: str
    email: str
    date_of_birth: dt.date
    phone: str | None
    department_id: str | None


async def client_register(context: Context, typed: NewRegistration) -> None:
    """Register with an organization; a letter says how to go on.

    Whoever has the address already, the answer, the statements and the time are the same (`D14`);
    only the letter differs. Over the day's letters to the address, there is none (`D33`).
    """
    await throttle(context, "register", typed.organization, typed_address(typed.email))
    now = context.now()
    organization = await _open_organization(context, typed.organization)
    checks = Checks("input")
    first_name = checks.name(typed.first_name, "firstName")
    last_name = checks.name(typed.last_name, "lastName")
    email, email_key = checks.email(typed.email, "email")
    born = checks.date_of_birth(typed.date_of_birth, now.date(), "dateOfBirth")
    phone = checks.phone(typed.phone, "phone")
    department_id = None
    if typed.department_id is not None:
        department_id = parse_id("dep_", typed.department_id)
        if department_id is None or not await _is_open(context, organization.id, department_id):
            checks.add(Code.NOT_FOUND, "There is no such department.", "departmentId")
    checks.done()

    async def work(connection: AsyncConnection, trail: Trail) -> None:
        if not await may_mail(context, connection, email_key):
            return
        holder = await _holder(connection, organization.id, email_key)
        invited = holder and not holder.username and holder.status is ClientStatus.ACTIVE
        registration_id = new_id()
        values = {
            "first_name": first_name,
            "last_name": last_name,
            "email": email,
            "date_of_birth": born,
            "phone": phone,
            "department_id": department_id,
        }
        await connection.execute(
            insert(Registration).values(
                organization_id=organization.id,
                id=registration_id,
                **values,
                email_key=email_key,
                created_at=now,
                ended_at=now if holder else None,
            )
        )
        trail.tell(
            AuditAction.REGISTRATION_CREATED,
            On(organization.id, departments={department_id}),
            [registered(registration_id), *changed(None, values)],
        )
        link_id, ends_at = await make(
            connection,
            organization_id=organization.id,
            purpose=(
                LinkPurpose.DEFINE_CREDENTIALS if invited else LinkPurpose.CONFIRM_REGISTRATION
            ),
            now=now,
            registration_id=None if invited else registration_id,
            account_id=holder.id if holder and invited else None,
            superseded=bool(holder and not invited),
        )
        reader = holder or NamedPerson(first_name, last_name)
        greeted = addressed(await sender(connection, organization.id), reader)
        letter: Contents
        if invited:
            letter = ClientInvitation(**greeted, ends_at=ends_at)
        elif holder:
            letter = AlreadyRegistered(**greeted)
        else:
            letter = ConfirmRegistration(**greeted, ends_at=ends_at)
        await post(
            connection,
            letter,
            organization_id=organization.id,
            recipient=holder.email if holder else email,
            now=now,
            link_id=link_id if isinstance(letter, Linked) else None,
        )

    await context.write(work)


@dataclass(frozen=True, slots=True)
class NamedPerson:
    """Somebody to greet in a letter."""

    first_name: str
    last_name: str


async def registration_confirm(
    context: Context, token: str, username: str, password: str
) -> Onboarded:
    """Confirm a registration and choose credentials: a pending client, and staff are told (`S4`).

    The first registration of an address that is confirmed ends the others (`D1`).
    """
    await throttle(context)
    link = await usable(context, token, LinkPurpose.CONFIRM_REGISTRATION, "input", "token")
    registration = await context.services.database.read(lambda c: _registration(c, link))
    words = [registration.first_name, registration.last_name, registration.email]
    credentials = await chosen(context, username, password, words)

    async def work(connection: AsyncConnection, trail: Trail) -> Onboarded:
        now = context.now()
        await _queue(connection, registration)
        await use(connection, link, now, "input", "token")
        # Whoever was made a client of the address may not have seen this one, and ended it (`D1`).
        if await has_address(connection, Client, link.organization_id, registration.email_key):
            raise refused_link(LinkState.SUPERSEDED, "input", "token")
        await claim(connection, link.organization_id, credentials)
        department = await _department(connection, registration)
        client_id = await _become_client(connection, registration, credentials, department, now)
        await index(connection, link.organization_id, client_id)
        await _end_registrations(connection, registration, client_id, now)
        await tell_managers(connection, link.organization_id, client_id, department, now)
        home = department.id if department else None
        values = {
            "status": ClientStatus.PENDING,
            "department_id": home,
            "username": credentials.username,
            "password_hash": credentials.password_hash,
        }
        trail.tell(
            AuditAction.REGISTRATION_CONFIRMED,
            On(link.organization_id, client_id, departments={home}),
            [registered(registration.id), *changed(None, values)],
            by=LINK,
        )
        return Onboarded(credentials.username, ClientStatus.PENDING)

    return await context.write(work)


async def tell_managers(
    connection: AsyncConnection,
    organization_id: uuid.UUID,
    client_id: uuid.UUID,
    department: Record | None,
    now: dt.datetime,
    *,
    moved: bool = False,
) -> None:
    """Write to all who may approve the client and want to be told, once each (`S4`, `S8`).

    `moved` as in `reach.notified`.
    """
    writer = await sender(connection, organization_id)
    found = await connection.execute(
        reach.notified(client_id, department.id if department else None, moved=moved),
        {"reach_organization": organization_id},
    )
    told = found.all()
    if not told:
        return
    await connection.execute(
        insert(Notice),
        [
            {"organization_id": organization_id, "client_id": client_id, "staff_id": staff.id}
            for staff in told
        ],
    )
    for staff in told:
        await post(
            connection,
            ClientAwaitsApproval(
                **addressed(writer, staff),
                client_id=outside("cli_", client_id),
                department_name=department.name if department else None,
            ),
            organization_id=organization_id,
            recipient=staff.email,
            now=now,
        )


async def end_registrations(
    connection: AsyncConnection,
    organization_id: uuid.UUID,
    email_keys: Collection[str],
    now: dt.datetime,
) -> None:
    """End the open registrations of these addresses, and their links (`D1`)."""
    open_ones = and_(
        Registration.organization_id == organization_id,
        within(Registration.email_key, "addresses", Words).params(addresses=email_keys),
        Registration.ended_at.is_(None),
    )
    theirs = Link.registration_id.in_(select(Registration.id).where(open_ones))
    await supersede(connection, organization_id, theirs, now)
    await connection.execute(update(Registration).where(open_ones).values(ended_at=now))


async def _open_organization(context: Context, slug: str) -> Record:
    def look(connection: Connection) -> Record | None:
        if not is_slug(slug):
            return None
        return connection.execute(
            select(Organization.id, Organization.registration_open).where(Organization.slug == slug)
        ).one_or_none()

    found = await context.services.database.read(look)
    if found is None:
        raise refuse(
            Code.NOT_FOUND, "There is no organization at this address.", "input", "organization"
        )
    if not found.registration_open:
        raise refuse(
            Code.REGISTRATION_CLOSED,
            "This organization takes no registrations here. Please ask its staff.",
            "input",
            "organization",
        )
    return found


async def _is_open(context: Context, organization_id: uuid.UUID, department_id: uuid.UUID) -> bool:
    def look(connection: Connection) -> bool:
        found = connection.execute(
            select(Department.id).where(
                Department.organization_id == organization_id,
                Department.id == department_id,
                Department.active,
            )
        )
        return found.first() is not None

    return await context.services.database.read(look)


async def _holder(
    connection: AsyncConnection, organization_id: uuid.UUID, email_key: str
) -> Record | None:
    """The client who has this address already, on `hold`; nobody's takes as many statements."""
    its = and_(Client.organization_id == organization_id, Client.email_key == email_key)
    await connection.execute(
        select(Account.id)
        .join(
            Client,
            and_(Client.organization_id == Account.organization_id, Client.id == Account.id),
        )
        .where(its)
        .with_for_update(key_share=True, of=Account)
    )
    found = await connection.execute(
        select(
            Client.id,
            Client.status,
            Client.first_name,
            Client.last_name,
            Client.email,
            Account.username,
        )
        .join(
            Account,
            and_(Account.organization_id == Client.organization_id, Account.id == Client.id),
        )
        .where(its)
    )
    return found.one_or_none()


def _registration(connection: Connection, link: Record) -> Record:
    return connection.execute(
        select(*Registration.__table__.c).where(
            Registration.organization_id == link.organization_id,
            Registration.id == link.registration_id,
        )
    ).one()


async def _department(connection: AsyncConnection, registration: Record) -> Record | None:
    """The department of the new client, as of now: chosen and still active, or the only one."""
    found = await connection.execute(
        select(Department.id, Department.name)
        .where(Department.organization_id == registration.organization_id, Department.active)
        .with_for_update(read=True)
    )
    active = found.all()
    if len(active) == 1:
        return active[0]
    return next((one for one in active if one.id == registration.department_id), None)


async def _become_client(
    connection: AsyncConnection,
    registration: Record,
    credentials: Credentials,
    department: Record | None,
    now: dt.datetime,
) -> uuid.UUID:
    client_id = new_id()
    await connection.execute(
        insert(Account).values(
            organization_id=registration.organization_id,
            id=client_id,
            kind=AccountKind.CLIENT,
            username=credentials.username,
            username_key=credentials.username_key,
            password_hash=credentials.password_hash,
            created_at=now,
        )
    )
    await connection.execute(
        insert(Client).values(
            organization_id=registration.organization_id,
            id=client_id,
            status=ClientStatus.PENDING,
            first_name=registration.first_name,
            last_name=registration.last_name,
            name_key=name_key(registration.first_name, registration.last_name),
            email=registration.email,
            email_key=registration.email_key,
            phone=registration.phone,
            phone_key=phone_key(registration.phone),
            date_of_birth=registration.date_of_birth,
            department_id=department.id if department else None,
            created_at=now,
        )
    )
    return client_id


async def _queue(connection: AsyncConnection, registration: Record) -> None:
    """Let those who confirm registrations of one address at once go one after the other.

    Each ends the others' links, so they would wait for each other in a circle.
    """
    await connection.execute(
        select(Registration.id)
        .where(
            Registration.organization_id == registration.organization_id,
            Registration.email_key == registration.email_key,
        )
        .order_by(Registration.id)
        .with_for_update(key_share=True)
    )


async def _end_registrations(
    connection: AsyncConnection, registration: Record, client_id: uuid.UUID, now: dt.datetime
) -> None:
    await connection.execute(
        update(Registration)
        .where(
            Registration.organization_id == registration.organization_id,
            Registration.id == registration.id,
        )
        .values(client_id=client_id, ended_at=func.coalesce(Registration.ended_at, now))
    )
    keys = [registration.email_key]
    await end_registrations(connection, registration.organization_id, keys, now)
