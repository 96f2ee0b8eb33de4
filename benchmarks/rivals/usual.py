"""A rival: the same API as Strawberry's documentation teaches to write it.

Types with resolvers, permission classes on the root and on guarded fields, a DataLoader for every
relationship, a short `AsyncSession` for each of them (one in the context breaks as soon as two
resolvers use it at once), the parser's and the validator's caches, orjson for the answer.
"""

import datetime as dt
import os
import uuid
from collections import defaultdict
from typing import Any, Self, TypeAlias

import orjson
import strawberry
from sqlalchemy import and_, or_, select, tuple_
from sqlalchemy.ext.asyncio import AsyncSession, async_sessionmaker, create_async_engine
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route
from starlette.websockets import WebSocket
from strawberry.asgi import GraphQL
from strawberry.dataloader import DataLoader
from strawberry.extensions import ParserCache, ValidationCache
from strawberry.permission import BasePermission, PermissionExtension

import models
from models import ClientStatus, Role, Surface
from models.database import address
from permissions import Actor, Permission, Tokens, identify

MANAGERS = {Role.DEPARTMENT_ADMINISTRATOR, Role.CARE_COORDINATOR}
CONNECTIONS = 20

Sessions: TypeAlias = async_sessionmaker[AsyncSession]


class Context:
    """What the resolvers of one request share."""

    def __init__(self, sessions: Sessions, actor: Actor | None) -> None:
        self.sessions = sessions
        self.actor = actor
        self.departments = DataLoader(load_fn=self._load_departments)
        self.associations = DataLoader(load_fn=self._load_associations)
        self.staff = DataLoader(load_fn=self._load_staff)

    @property
    def mine(self) -> list[uuid.UUID]:
        """The departments that the caller manages."""
        grants = self.actor.grants if self.actor else ()
        return [grant.department_id for grant in grants if grant.role in MANAGERS]  # type: ignore[misc]

    @property
    def organization_id(self) -> uuid.UUID | None:
        """The caller's organization."""
        return self.actor.organization_id if self.actor else None

    async def _load_departments(self, keys: list[uuid.UUID]) -> list[models.Department | None]:
        statement = select(models.Department).where(
            models.Department.organization_id == self.organization_id,
            models.Department.id.in_(keys),
        )
        async with self.sessions() as session:
            found = {row.id: row for row in await session.scalars(statement)}
        return [found.get(key) for key in keys]

    async def _load_associations(self, keys: list[uuid.UUID]) -> list[list[models.Association]]:
        statement = (
            select(models.Association)
            .where(
                models.Association.organization_id == self.organization_id,
                models.Association.client_id.in_(keys),
                models.Association.department_id.in_(self.mine),
            )
            .order_by(models.Association.id)
        )
        found: defaultdict[uuid.UUID, list[models.Association]] = defaultdict(list)
        async with self.sessions() as session:
            for row in await session.scalars(statement):
                found[row.client_id].append(row)
        return [found[key] for key in keys]

    async def _load_staff(self, keys: list[uuid.UUID]) -> list[models.Staff | None]:
        granted = (
            select(models.RoleGrant)
            .where(
                models.RoleGrant.organization_id == models.Staff.organization_id,
                models.RoleGrant.staff_id == models.Staff.id,
                models.RoleGrant.department_id.in_(self.mine),
            )
            .exists()
        )
        statement = select(models.Staff).where(
            models.Staff.organization_id == self.organization_id,
            models.Staff.id.in_(keys),
            granted,
        )
        async with self.sessions() as session:
            found = {row.id: row for row in await session.scalars(statement)}
        return [found.get(key) for key in keys]


Info: TypeAlias = strawberry.Info[Context, None]

strawberry.enum(ClientStatus)
strawberry.enum(Permission)
strawberry.enum(Surface)


class IsManager(BasePermission):
    """Department Administrators and Care Coordinators."""

    message = "Only managers may see this."
    error_extensions = {"code": "FORBIDDEN"}  # noqa: RUF012 - as Strawberry declares it

    def has_permission(self, source: object, info: Info, **kwargs: object) -> bool:
        """Whether the caller manages a department."""
        return bool(info.context.mine)


@strawberry.type
class Department:
    """A part of an organization."""

    id: strawberry.ID
    name: str

    @classmethod
    def of(cls, row: models.Department) -> Self:
        """The department as the API shows it."""
        return cls(id=strawberry.ID(models.outside("dep_", row.id)), name=row.name)


class IsManagerOrSelf(BasePermission):
    """Managers, and on their own record everybody."""

    message = "Only managers may see this."
    error_extensions = {"code": "FORBIDDEN"}  # noqa: RUF012 - as Strawberry declares it

    def has_permission(self, source: Any, info: Info, **kwargs: object) -> bool:
        """Whether the caller manages a department, or is the one they look at."""
        context = info.context
        return bool(context.mine) or bool(context.actor and source.row.id == context.actor.id)


@strawberry.type
class Organization:
    """An organization."""

    id: strawberry.ID
    name: str

    @classmethod
    def of(cls, row: models.Organization) -> Self:
        """The organization as the API shows it."""
        return cls(id=strawberry.ID(models.outside("org_", row.id)), name=row.name)


@strawberry.type
class Staff:
    """Somebody who works for the organization."""

    row: strawberry.Private[models.Staff]
    id: strawberry.ID
    first_name: str
    last_name: str

    @strawberry.field(extensions=[PermissionExtension([IsManagerOrSelf()], fail_silently=True)])  # type: ignore[untyped-decorator]
    def email(self) -> str | None:
        """Where letters go."""
        return self.row.email

    @strawberry.field
    def display_name(self) -> str:
        """Given and family name."""
        return f"{self.first_name} {self.last_name}"

    @classmethod
    def of(cls, row: models.Staff) -> Self:
        """The staff member as the API shows them."""
        return cls(
            row=row,
            id=strawberry.ID(models.outside("stf_", row.id)),
            first_name=row.first_name,
            last_name=row.last_name,
        )


@strawberry.type
class Association:
    """A client and a practitioner of a department who meet."""

    row: strawberry.Private[models.Association]
    id: strawberry.ID
    created_at: dt.datetime

    @strawberry.field
    async def practitioner(self, info: Info) -> Staff:
        """The practitioner."""
        row = await info.context.staff.load(self.row.practitioner_id)
        if row is None:
            raise LookupError("the practitioner is out of reach")
        return Staff.of(row)

    @strawberry.field
    async def department(self, info: Info) -> Department:
        """The department in which the two meet."""
        row = await info.context.departments.load(self.row.department_id)
        if row is None:
            raise LookupError("the department is gone")
        return Department.of(row)

    @classmethod
    def of(cls, row: models.Association) -> Self:
        """The association as the API shows it."""
        return cls(
            row=row,
            id=strawberry.ID(models.outside("asc_", row.id)),
            created_at=row.created_at,
        )


@strawberry.type
class Client:
    """A person in the organization's care."""

    row: strawberry.Private[models.Client]
    id: strawberry.ID
    status: ClientStatus
    first_name: str
    last_name: str

    @strawberry.field(extensions=[PermissionExtension([IsManager()], fail_silently=True)])  # type: ignore[untyped-decorator]
    def email(self) -> str | None:
        """Where letters go."""
        return self.row.email

    @strawberry.field(extensions=[PermissionExtension([IsManager()], fail_silently=True)])  # type: ignore[untyped-decorator]
    def date_of_birth(self) -> dt.date | None:
        """Date of birth."""
        return self.row.date_of_birth

    @strawberry.field
    async def department(self, info: Info) -> Department | None:
        """The client's department."""
        if self.row.department_id is None:
            return None
        row = await info.context.departments.load(self.row.department_id)
        return Department.of(row) if row else None

    @strawberry.field
    async def associations(self, info: Info) -> list[Association]:
        """Whom the client meets, as far as the caller may know."""
        rows = await info.context.associations.load(self.row.id)
        return [Association.of(row) for row in rows]

    @classmethod
    def of(cls, row: models.Client) -> Self:
        """The client as the API shows them."""
        return cls(
            row=row,
            id=strawberry.ID(models.outside("cli_", row.id)),
            status=row.status,
            first_name=row.first_name,
            last_name=row.last_name,
        )


@strawberry.type
class PageInfo:
    """Where a page ends."""

    has_next_page: bool
    end_cursor: str | None


@strawberry.type
class ClientConnection:
    """A page of clients."""

    nodes: list[Client]
    page_info: PageInfo


@strawberry.type
class Viewer:
    """Who is signed in."""

    actor: strawberry.Private[Actor]
    surface: Surface

    @strawberry.field
    def permissions(self) -> list[Permission]:
        """What the caller may do, somewhere."""
        return [one for one in Permission if self.actor.shape.scopes(one)]

    @strawberry.field
    async def organization(self, info: Info) -> Organization:
        """The caller's organization."""
        async with info.context.sessions() as session:
            row = await session.get_one(models.Organization, self.actor.organization_id)
        return Organization.of(row)

    @strawberry.field
    async def staff(self, info: Info) -> Staff | None:
        """The caller's own record."""
        async with info.context.sessions() as session:
            row = await session.get(models.Staff, (self.actor.organization_id, self.actor.id))
        return Staff.of(row) if row else None


@strawberry.type
class Query:
    """What can be asked."""

    @strawberry.field
    def viewer(self, info: Info) -> Viewer | None:
        """Who is signed in."""
        actor = info.context.actor
        if actor is None or actor.shape.surface is None:
            return None
        return Viewer(actor=actor, surface=actor.shape.surface)

    @strawberry.field(permission_classes=[IsManager])  # type: ignore[untyped-decorator]
    async def client(self, info: Info, id: strawberry.ID) -> Client | None:
        """A client whom the caller manages."""
        context = info.context
        wanted = models.Client.id == models.parse_id("cli_", id)
        async with context.sessions() as session:
            row = await session.scalar(select(models.Client).where(_managed(context), wanted))
        return Client.of(row) if row else None

    @strawberry.field(permission_classes=[IsManager])  # type: ignore[untyped-decorator]
    async def clients(
        self,
        info: Info,
        first: int = 25,
        after: str | None = None,
        status: ClientStatus = ClientStatus.ACTIVE,
    ) -> ClientConnection:
        """The clients that the caller manages, by name."""
        context = info.context
        statement = (
            select(models.Client)
            .where(_managed(context), models.Client.status == status)
            .order_by(models.Client.name_key, models.Client.id)
            .limit(first + 1)
        )
        async with context.sessions() as session:
            if after is not None:
                cursor = models.Client.id == models.parse_id("cur_", after)
                last = await session.scalar(select(models.Client).where(_managed(context), cursor))
                if last is None:
                    raise ValueError("after is not a cursor of this list")
                place = tuple_(models.Client.name_key, models.Client.id)
                statement = statement.where(place > tuple_(last.name_key, last.id))
            rows = list(await session.scalars(statement))
        page = rows[:first]
        return ClientConnection(
            nodes=[Client.of(row) for row in page],
            page_info=PageInfo(
                has_next_page=len(rows) > first,
                end_cursor=models.outside("cur_", page[-1].id) if page else None,
            ),
        )


def _managed(context: Context) -> Any:
    """The clients of the caller's departments, and those who meet somebody there (`D7`)."""
    met = (
        select(models.Association)
        .where(
            models.Association.organization_id == models.Client.organization_id,
            models.Association.client_id == models.Client.id,
            models.Association.department_id.in_(context.mine),
        )
        .exists()
    )
    return and_(
        models.Client.organization_id == context.organization_id,
        or_(models.Client.department_id.in_(context.mine), met),
    )


class Door(GraphQL[Context, None]):
    """Strawberry's own ASGI application, with a context that knows the caller."""

    def __init__(self, schema: strawberry.Schema, url: str, secret: str) -> None:
        super().__init__(schema)
        parsed, arguments = address(url)
        engine = create_async_engine(parsed, connect_args=arguments, pool_size=CONNECTIONS)
        self._sessions = async_sessionmaker(engine, expire_on_commit=False)
        self._database = models.Database(url, CONNECTIONS)
        self._tokens = Tokens(secret)

    async def get_context(
        self, request: Request | WebSocket, response: Response | WebSocket
    ) -> Context:
        """The sessions, the loaders and the caller of this request."""
        token = request.headers.get("authorization", "").removeprefix("Bearer ")
        now = dt.datetime.now(dt.UTC)
        actor = await identify(self._database, self._tokens, token, now)
        return Context(self._sessions, actor)

    def encode_json(self, data: object) -> bytes:
        """By orjson, as the documentation advises."""
        return orjson.dumps(data)


def app() -> Starlette:
    """The rival at DATABASE_URL, with SECRET_KEY."""
    schema = strawberry.Schema(Query, extensions=[ParserCache, ValidationCache])
    door = Door(schema, os.environ["DATABASE_URL"], os.environ["SECRET_KEY"])
    return Starlette(routes=[Route("/graphql", door)])
