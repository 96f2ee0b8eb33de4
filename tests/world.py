"""A whole portal to tell stories in: the real app over HTTP, a real mailbox, people who are there.

`World` is the portal. `Clinic` are the people of three organizations, made once a session and
database as people are made, by use cases and mailed links; each test gets a copy of its own.
"""

import asyncio
import datetime as dt
import re
import uuid
from collections.abc import AsyncIterator, Collection, Iterable
from contextlib import AsyncExitStack, asynccontextmanager
from copy import copy
from dataclasses import dataclass, field
from email.message import EmailMessage
from functools import cache
from typing import Any, Self

import httpx2
import orjson
from pydantic import SecretStr
from sqlalchemy import Connection, Table, and_, bindparam, delete, insert, or_, select, update
from sqlalchemy.ext.asyncio import AsyncConnection

import resolvers
from models import (
    Account,
    AccountKind,
    Base,
    Client,
    ClientStatus,
    Database,
    Delivery,
    DeliveryState,
    Letter,
    LetterState,
    ResetRequest,
    RoleGrant,
    Session,
    Staff,
    StaffStatus,
    Surface,
    name_key,
    new_id,
    outside,
)
from portal.app import app
from portal.service import Service
from portal.settings import Settings
from resolvers import Founding
from resolvers.links import invite
from tests.hostile import told
from tests.mailbox import Mailbox

Json = dict[str, Any]
Snapshot = dict[str, list[str]]

PASSWORD = "seven herons over the river"
"""Everybody's."""

PUBLIC_URL = "https://portal.example"
SENDER = "portal@vtconnect.example"
START = dt.datetime(2026, 11, 23, 12, tzinfo=dt.UTC)
"""When every test begins."""

SECRET = "a secret of the tests, 0123456789 abcdefgh"
_PATIENCE = 60
_AT_ONCE = 3

INSIDE = re.compile(
    r"Traceback|\.py\b|site-packages|\bat 0x|sqlalchemy|asyncpg|sqlite|strawberry|starlette|uvicorn"
    r"|pydantic|orjson|\bSELECT\b.*\bFROM\b|\bINSERT INTO\b|\bUPDATE\b.*\bSET\b|Error\(",
    re.IGNORECASE,
)
"""What only our own people need to know."""
_BESIDE = ("throttles", "audit_heads", "client_reads")
_BESIDE_COLUMNS = {
    "audit_events": ("number", "previous_hash", "hash"),
    "service_keys": ("last_used_at",),
}
_BESIDE_ROWS = {"audit_events": "action IN ('SIGN_IN_REFUSED', 'OPERATION_REFUSED')"}


@cache
def _all_rows(dialect: str) -> str:
    """The SQL of all rows: one statement, each row as the name of its table and a text."""

    def text(table: Table) -> str:
        beside = _BESIDE_COLUMNS.get(table.name, ())
        columns = [f'"{one.name}"' for one in table.columns if one.name not in beside]
        if dialect == "sqlite":
            return " || '|' || ".join(f"quote({one})" for one in columns)
        return f"CAST(ROW({', '.join(columns)}) AS text)"

    return " UNION ALL ".join(
        f"SELECT '{table.name}', {text(table)} FROM {table.name}"  # noqa: S608 - names of our own
        f" WHERE NOT {_BESIDE_ROWS.get(table.name, 'false')}"
        for table in Base.metadata.sorted_tables
        if table.name not in _BESIDE
    )


LOGIN = """
mutation (
  $organization: String!, $username: String!, $password: String!, $surface: Surface!, $code: String
) {
  login(input: {
    organization: $organization, username: $username, password: $password, surface: $surface,
    code: $code
  }) {
    session {
      accessToken accessTokenExpiresAt refreshToken refreshTokenExpiresAt surface
    }
    userErrors { code message field }
  }
}
"""
REGISTER = """
mutation ($input: ClientRegisterInput!) {
  clientRegister(input: $input) { accepted userErrors { code message field } }
}
"""
CONFIRM = """
mutation ($input: CredentialsInput!) {
  registrationConfirm(input: $input) { username status userErrors { code message field } }
}
"""
ACCEPT = """
mutation ($input: CredentialsInput!) {
  invitationAccept(input: $input) { username status userErrors { code message field } }
}
"""
APPROVE = """
mutation ($id: ID!, $input: ClientApproveInput) {
  clientApprove(id: $id, input: $input) {
    client { id status department { name } }
    userErrors { code message field choices { id name } }
  }
}
"""
HIRE = """
mutation ($input: StaffCreateInput!) {
  staffCreate(input: $input) {
    staff { id onboardingState receiveNewClientNotifications roles { role department { name } } }
    userErrors { code message field }
  }
}
"""


LINK = """
query ($token: String!) { link(token: $token) { state purpose organizationName expiresAt } }
"""
RESEND = """
mutation ($token: String!) {
  linkResend(token: $token) { accepted userErrors { code message field } }
}
"""
STAFF_UPDATE = """
mutation ($id: ID!, $input: StaffUpdateInput!) {
  staffUpdate(id: $id, input: $input) {
    staff { id receiveNewClientNotifications }
    userErrors { code message field }
  }
}
"""


def problems(payload: Json) -> list[tuple[str, str | None]]:
    """The user errors of a payload, as codes and where: `("TAKEN", "input.username")`."""
    return [(one["code"], one["field"] and ".".join(one["field"])) for one in payload["userErrors"]]


def refusal(answer: Json) -> str:
    """The code of an operation that was refused as a whole; there is no data."""
    assert "data" not in answer, answer
    (error,) = answer["errors"]
    return str(error["extensions"]["code"])


class Clock:
    """The portal's time. It stands still until it is told to go on."""

    def __init__(self) -> None:
        self.now = START

    def __call__(self) -> dt.datetime:
        return self.now

    def advance(self, **by: float) -> None:
        """Go on by so many `hours`, `days`, …: the arguments of `timedelta`."""
        self.now += dt.timedelta(**by)


@dataclass(frozen=True, slots=True)
class Mail:
    """A letter as its reader has it."""

    to: str
    message: EmailMessage

    @property
    def subject(self) -> str:
        """Its subject."""
        return str(self.message["Subject"])

    @property
    def text(self) -> str:
        """What it says, as plain text."""
        return self._body("plain")

    @property
    def html(self) -> str:
        """What it says, as HTML."""
        return self._body("html")

    @property
    def link(self) -> str:
        """The link with a token in it."""
        return Mailbox.link(self.message)

    @property
    def token(self) -> str:
        """The token of that link."""
        return Mailbox.token(self.message)

    def _body(self, kind: str) -> str:
        body = self.message.get_body((kind,))
        assert body
        return str(body.get_content())


async def _check(answer: httpx2.Response) -> None:
    """Whatever a test is about, no answer tells what it should not."""
    kind = answer.headers.get("content-type", "")
    if "json" in kind and (said := await answer.aread()):
        for one in said.splitlines() if "jsonl" in kind else [said]:
            told.check(orjson.loads(one))


class World:
    """The portal: its app over HTTP, its database, its time, and everybody's mailbox.

    `url` is that of a migrated database. An asynchronous context manager.
    """

    def __init__(self, url: str, mailbox: Mailbox, **settings: Any) -> None:
        self.clock = Clock()
        self.mailbox = mailbox
        self.settings = Settings.model_validate(
            {
                "database_url": url,
                "mail_url": SecretStr(mailbox.url),
                "mail_from": SENDER,
                "public_url": PUBLIC_URL,
                "secret_key": SecretStr(SECRET),
                "throttle": 1000,
                "webhooks_allow_private": True,
                "allowed_hosts": ["other.example"],
                **settings,
            }
        )
        self._read = 0
        self._ends = AsyncExitStack()

    async def __aenter__(self) -> Self:
        self.app = app(self.settings, self.clock)
        await self._ends.enter_async_context(self.app.router.lifespan_context(self.app))
        self.service: Service = self.app.state.service
        # Another host than PUBLIC_URL's: what it is must not matter to any letter.
        self.http = await self._ends.enter_async_context(
            httpx2.AsyncClient(
                transport=httpx2.ASGITransport(app=self.app),
                base_url="http://other.example",
                event_hooks={"response": [_check]},
            )
        )
        return self

    async def __aexit__(self, *_: object) -> None:
        await self._ends.aclose()

    @property
    def database(self) -> Database:
        """What the portal keeps everything in."""
        return self.service.services.database

    async def send(
        self, document: str, variables: Json | None = None, token: str | None = None
    ) -> httpx2.Response:
        """The answer to an operation, as it is on the wire."""
        headers = {"authorization": f"Bearer {token}"} if token else {}
        body = {"query": document, "variables": variables}
        return await self.http.post("/graphql", json=body, headers=headers)

    async def ask(
        self, document: str, variables: Json | None = None, token: str | None = None
    ) -> Json:
        """What an operation is answered: `data` and `errors`, without what it says of its cost."""
        answer: Json = (await self.send(document, variables, token)).json()
        return {name: answer[name] for name in ("data", "errors") if name in answer}

    async def do(
        self, document: str, variables: Json | None = None, token: str | None = None
    ) -> Any:
        """The value of the operation's only root field; there must be no top-level errors."""
        answer = await self.ask(document, variables, token)
        assert "errors" not in answer, answer["errors"]
        (value,) = answer["data"].values()
        return value

    async def login(
        self,
        username: str,
        surface: str = "PORTAL",
        organization: str = "riverside",
        password: str = PASSWORD,
        code: str | None = None,
    ) -> Any:
        """The payload of `login`."""
        who = {"organization": organization, "username": username, "password": password}
        return await self.do(LOGIN, who | {"surface": surface, "code": code})

    async def sign_in(
        self,
        username: str,
        surface: str = "PORTAL",
        organization: str = "riverside",
        code: str | None = None,
    ) -> str:
        """An access token of somebody who can sign in there."""
        payload = await self.login(username, surface, organization, code=code)
        assert payload["userErrors"] == []
        return str(payload["session"]["accessToken"])

    async def register(self, email: str, **form: Any) -> Any:
        """The payload of `clientRegister`; what is not said of the form is of no matter."""
        plain = {
            "organization": "riverside",
            "firstName": "Nora",
            "lastName": "Newcomer",
            "dateOfBirth": "1990-05-17",
        }
        return await self.do(REGISTER, {"input": {**plain, "email": email, **form}})

    async def registered(self, email: str = "nora@home.example", **form: Any) -> str:
        """The token in the letter to somebody who registered."""
        await self.new_mail()
        assert (await self.register(email, **form))["userErrors"] == []
        return (await self.only_mail(email)).token

    async def confirm(self, token: str, username: str, password: str = PASSWORD) -> Any:
        """The payload of `registrationConfirm`."""
        said = {"token": token, "username": username, "password": password}
        return await self.do(CONFIRM, {"input": said})

    async def accept(self, token: str, username: str, password: str = PASSWORD) -> Any:
        """The payload of `invitationAccept`."""
        said = {"token": token, "username": username, "password": password}
        return await self.do(ACCEPT, {"input": said})

    async def approve(self, id: str, token: str, **input: Any) -> Any:
        """The payload of `clientApprove`."""
        return await self.do(APPROVE, {"id": id, "input": input or None}, token)

    async def link_state(self, token: str) -> str:
        """What has become of a mailed link."""
        return str((await self.do(LINK, {"token": token}))["state"])

    async def settled(self) -> None:
        """Wait until everybody is answered, and the couriers have delivered everything that is due.

        One statement looks at both: an answer is written in the transaction that ends its request.
        What is for a receiver that rests is due, and nobody tries it while the clock stands still.
        """
        rests: dict[uuid.UUID, dt.datetime] = self.service.webhooks._post._resting  # type: ignore[attr-defined]
        waiting = select(ResetRequest.id).union_all(
            select(Letter.id).where(
                Letter.state == LetterState.QUEUED,
                or_(Letter.due_at <= self.clock(), Letter.lease.is_not(None)),
            ),
            select(Delivery.id).where(
                Delivery.state == DeliveryState.QUEUED,
                or_(
                    and_(
                        Delivery.due_at <= self.clock(),
                        Delivery.webhook_id.not_in(bindparam("resting", expanding=True)),
                    ),
                    Delivery.lease.is_not(None),
                ),
            ),
        )

        def is_waiting(connection: Connection) -> bool:
            resting = [id for id, until in rests.items() if self.clock() < until]
            return connection.execute(waiting, {"resting": resting}).first() is not None

        async with asyncio.timeout(_PATIENCE):
            while await self.database.read(is_waiting):  # noqa: ASYNC110 - of others
                await asyncio.sleep(0.002)

    async def mail(self, address: str | None = None) -> list[Mail]:
        """All letters (to the address) so far, when none is on its way any more."""
        await self.settled()
        return [
            Mail(recipient, delivery.message)
            for delivery in self.mailbox.deliveries
            for recipient in delivery.recipients
            if address in (None, recipient)
        ]

    async def new_mail(self) -> list[Mail]:
        """The letters since this was asked last, by their recipient."""
        mails = await self.mail()
        new, self._read = mails[self._read :], len(mails)
        return sorted(new, key=lambda mail: mail.to)

    async def only_mail(self, address: str) -> Mail:
        """The one letter since `new_mail` was asked last, which is to the address."""
        (mail,) = await self.new_mail()
        assert mail.to == address
        return mail

    async def snapshot(self) -> Snapshot:
        """All rows of all tables as texts, when no letter is on its way any more.

        How often something was tried is left out: it is counted whatever comes of it (`D33`). So is
        what is noted beside the work, and by how much that brings the chains of events further.
        """
        await self.settled()
        wanted = _all_rows(self.database.dialect)
        found = await self.database.read(lambda c: c.exec_driver_sql(wanted).all())
        rows: Snapshot = {name: [] for name in Base.metadata.tables if name not in _BESIDE}
        for table, row in sorted(map(tuple, found)):
            rows[table].append(row)
        return rows

    async def written(self) -> str:
        """All values of all tables, as they are read: what of a secret must not be in."""
        tables = Base.metadata.sorted_tables
        return repr(
            await self.database.read(lambda c: [c.execute(select(t)).all() for t in tables])
        )

    async def noted(self) -> None:
        """Wait until what is noted beside the work is written."""
        await self.service.services.notes.flush(self.database, self.clock())

    async def count(self, table: str) -> int:
        """How many rows a table has, of all organizations."""
        return len((await self.snapshot())[table])

    @asynccontextmanager
    async def unchanged(self) -> AsyncIterator[None]:
        """Nothing happens meanwhile: every row is as it was, and nobody got a letter."""
        rows, letters = await self.snapshot(), len(self.mailbox.deliveries)
        yield
        now = await self.snapshot()
        for name, before in rows.items():
            assert now[name] == before, f"{name} changed"
        assert len(self.mailbox.deliveries) == letters, "somebody got a letter"


@dataclass(frozen=True, slots=True)
class Member:
    """A staff member of an organization: what they are where."""

    name: str
    roles: Collection[tuple[str, str | None]]
    told: bool = True
    onboarded: bool = True


_OA, _DA, _CC, _PR = (
    "ORGANIZATION_ADMINISTRATOR",
    "DEPARTMENT_ADMINISTRATOR",
    "CARE_COORDINATOR",
    "PRACTITIONER",
)
DEPARTMENTS = {
    "family": "Family Medicine",
    "mental": "Mental Health",
    "physio": "Physiotherapy",
    "general": "General Practice",
}
STAFF = (
    Member("oscar", [(_OA, None)]),
    Member("dora", [(_DA, "mental")]),
    Member("doris", [(_DA, "mental")], told=False),
    Member("carl", [(_CC, "mental")]),
    Member("twyla", [(_DA, "mental"), (_CC, "mental")]),
    Member("fay", [(_DA, "family")]),
    Member("fred", [(_CC, "family")]),
    Member("paul", [(_PR, "physio")]),
    Member("petra", [(_PR, "mental"), (_PR, "family")]),
    Member("pia", [(_PR, "mental"), (_CC, "physio")]),
    Member("norma", [(_PR, "physio")]),
    Member("ina", [(_OA, None)]),
    Member("ivan", [(_CC, "mental")]),
    Member("wes", [(_PR, "family")], onboarded=False),
)
CLIENTS = {
    # name: (department, practitioners and where; None for a client who is pending)
    "amy": ("mental", [("petra", "mental")]),
    "ben": ("family", [("petra", "family")]),
    "bea": ("family", [("petra", "family"), ("pia", "mental")]),
    "cleo": ("physio", [("paul", "physio")]),
    "gil": ("mental", [("petra", "mental")]),
    "chloe": ("mental", None),
    "phil": ("physio", None),
    "dan": (None, None),
}

TOLD = {
    "mental": ["carl", "dora", "olivia", "oscar", "twyla"],
    "family": ["fay", "fred", "olivia", "oscar"],
    "physio": ["olivia", "oscar", "pia"],
    None: ["olivia", "oscar"],
}


class Clinic:
    """The people of three organizations, by name: `ids["amy"]`, `token("dora")`, `email("ben")`.

    `riverside` and `lakeside` have the same three departments (`family`, `mental`, `physio`) and
    the same people, by name, username and first letters of their address; those of `lakeside` are
    called `lakeside.amy`, `lakeside.mental`. An association is `ids["amy-petra"]`, the event of
    an approval `ids["amy-approved"]`, the organization `ids["riverside"]`. `solo` has one
    department, `solo.general`.

    | | |
    |---|---|
    | olivia, oscar | Organizational Administrators |
    | dora | Department Administrator, mental |
    | doris | as dora, but told of no new clients |
    | carl | Care Coordinator, mental |
    | twyla | Department Administrator and Care Coordinator, mental |
    | fay, fred | Department Administrator, Care Coordinator, family |
    | paul | Practitioner, physio |
    | petra | Practitioner, mental and family |
    | pia | Practitioner, mental; Care Coordinator, physio |
    | norma | staff without a role |
    | ina, ivan | inactive: an Organizational Administrator, a Care Coordinator of mental |
    | wes | Practitioner, family; awaits credentials |
    | amy | active, mental, with petra there |
    | ben | active, family, with petra there |
    | bea | active, family, with petra there and with pia in mental |
    | cleo | active, physio, with paul |
    | gil | inactive, mental, with petra there |
    | chloe, phil | pending, mental and physio |
    | dan | pending, was not sure |
    | una | active, family, made by staff; awaits credentials |
    | solo.olivia, solo.dora | Organizational Administrator, Department Administrator of solo |
    | solo.amy, solo.chloe | active and pending clients of solo |
    """

    def __init__(self) -> None:
        self.ids: dict[str, str] = {}
        self._tokens: dict[tuple[str, str], str] = {}

    def copy(self) -> "Clinic":
        """The same people, for one test, which may name more of its own."""
        copied = copy(self)
        copied.ids = dict(self.ids)
        return copied

    def token(self, name: str, surface: str = "PORTAL") -> str:
        """The access token of somebody who is signed in there: all who can are, on both."""
        return self._tokens[name, surface]

    @staticmethod
    def email(name: str) -> str:
        """The address of a person: `amy@riverside.example`."""
        organization, name = _split(name)
        return f"{name}@{organization}.example"

    @staticmethod
    def told(department: str | None) -> list[str]:
        """The addresses of who is told of a new client of the department; None: of none."""
        return [f"{name}@riverside.example" for name in TOLD[department]]

    @staticmethod
    def username(name: str) -> str:
        """What a person signs in with."""
        return _split(name)[1]

    def key(self, name: str) -> uuid.UUID:
        """The id as the tables hold it."""
        return uuid.UUID(self.ids[name].partition("_")[2])


def _split(name: str) -> tuple[str, str]:
    organization, _, rest = name.rpartition(".")
    return organization or "riverside", rest


@dataclass
class _Builder:
    """Makes one organization of a clinic, as people would."""

    world: World
    clinic: Clinic
    slug: str
    ids: dict[str, str] = field(default_factory=dict)
    administrator: str = ""

    async def found(self, name: str, department: str) -> None:
        await resolvers.create_organization(
            self.world.service.anonymous(),
            Founding(
                name=name,
                slug=self.slug,
                department=DEPARTMENTS[department],
                admin_email=self._email("olivia"),
                admin_first_name="Olivia",
                admin_last_name="Hart",
            ),
        )
        await self._accept("olivia")
        self.administrator = await self.world.sign_in("olivia", "PORTAL", self.slug)
        viewer = await self._do("{ viewer { organization { id } staff { id } } }")
        self.ids[""] = viewer["organization"]["id"]
        self.ids["olivia"] = viewer["staff"]["id"]
        (first,) = await self._do("{ departments { id } }")
        self.ids[department] = first["id"]

    async def add_department(self, key: str) -> None:
        document = """mutation ($name: String!) {
          departmentCreate(input: {name: $name}) { department { id } userErrors { message } }
        }"""
        payload = await self._do(document, {"name": DEPARTMENTS[key]})
        self.ids[key] = payload["department"]["id"]

    async def hire(self, member: Member) -> None:
        roles = [
            {"role": role, "departmentId": self.ids[key] if key else None}
            for role, key in member.roles
        ]
        said = {
            "firstName": member.name.title(),
            "lastName": "Staff",
            "email": self._email(member.name),
            "roles": roles,
            "receiveNewClientNotifications": member.told,
        }
        payload = await self._do(HIRE, {"input": said})
        assert payload["userErrors"] == []
        self.ids[member.name] = payload["staff"]["id"]
        if member.onboarded:
            await self._accept(member.name)

    async def welcome(
        self, name: str, department: str | None, met: Iterable[tuple[str, str]] | None
    ) -> None:
        """A client who registers and confirms and, unless `met` is None, is approved."""
        await self.world.register(
            self._email(name),
            organization=self.slug,
            firstName=name.title(),
            lastName="Client",
            departmentId=self.ids[department] if department else None,
            phone="+1 555 0100",
        )
        await self._confirm(name)
        # The newest of those who are confirmed: builders confirm one at a time.
        document = """{ clients(status: PENDING, orderBy: NEWEST, first: 1) {
          nodes { id firstName }
        } }"""
        (node,) = (await self._do(document))["nodes"]
        assert node["firstName"] == name.title()
        self.ids[name] = node["id"]
        if met is None:
            return
        associations = [
            {"practitionerId": self.ids[who], "departmentId": self.ids[where]} for who, where in met
        ]
        payload = await self._do(
            APPROVE, {"id": node["id"], "input": {"associations": associations}}
        )
        assert payload["userErrors"] == []
        document = """query ($id: ID!) { client(id: $id) {
          associations { id practitioner { firstName } }
        } }"""
        for made in (await self._do(document, {"id": node["id"]}))["associations"]:
            self.ids[f"{name}-{made['practitioner']['firstName'].lower()}"] = made["id"]
        document = """query ($id: ID!) {
          auditEvents(subjectId: $id, action: CLIENT_APPROVED) { nodes { id } }
        }"""
        (event,) = (await self._do(document, {"id": node["id"]}))["nodes"]
        self.ids[f"{name}-approved"] = event["id"]

    async def invite_client(self, name: str, department: str) -> None:
        """A client made by staff, who awaits credentials (`D4`)."""
        organization_id, id = self.key(""), new_id()
        email = self._email(name)

        async def work(connection: AsyncConnection) -> None:
            await connection.execute(
                insert(Account).values(
                    organization_id=organization_id,
                    id=id,
                    kind=AccountKind.CLIENT,
                    created_at=START,
                )
            )
            await connection.execute(
                insert(Client).values(
                    organization_id=organization_id,
                    id=id,
                    status=ClientStatus.ACTIVE,
                    first_name=name.title(),
                    last_name="Client",
                    name_key=name_key(name.title(), "Client"),
                    email=email,
                    email_key=email,
                    date_of_birth=dt.date(1990, 5, 17),
                    department_id=self.key(department),
                    created_at=START,
                    approved_at=START,
                    approved_by_id=self.key("olivia"),
                )
            )
            await invite(self.world.service.anonymous(), connection, organization_id, id)

        await self.world.database.write(work)
        self.world.service.services.posted()
        self.ids[name] = outside("cli_", id)

    async def deactivate_some(self) -> None:
        """What no use case can do yet: somebody without a role, inactive staff and clients."""

        async def work(connection: AsyncConnection) -> None:
            await connection.execute(
                delete(RoleGrant).where(RoleGrant.staff_id == self.key("norma"))
            )
            await connection.execute(
                update(Staff)
                .where(Staff.id.in_([self.key("ina"), self.key("ivan")]))
                .values(status=StaffStatus.INACTIVE)
            )
            await connection.execute(
                update(Client)
                .where(Client.id == self.key("gil"))
                .values(status=ClientStatus.INACTIVE)
            )

        await self.world.database.write(work)

    async def finish(self) -> None:
        """Everybody signs in who can, and the clinic knows them."""
        await self._open_sessions()
        prefix = "" if self.slug == "riverside" else f"{self.slug}."
        for name, id in self.ids.items():
            self.clinic.ids[f"{prefix}{name}" if name else self.slug] = id

    def key(self, name: str) -> uuid.UUID:
        return uuid.UUID(self.ids[name].partition("_")[2])

    async def _open_sessions(self) -> None:
        """As `login` does, without the work of the password."""
        prefix = "" if self.slug == "riverside" else f"{self.slug}."
        names = {self.key(name): name for name in self.ids if "-" not in name}
        who = (
            select(Account.id, Client.status)
            .outerjoin(
                Client,
                and_(Client.organization_id == Account.organization_id, Client.id == Account.id),
            )
            .outerjoin(
                Staff,
                and_(Staff.organization_id == Account.organization_id, Staff.id == Account.id),
            )
            .where(
                Account.organization_id == self.key(""),
                Account.username.is_not(None),
                or_(
                    Staff.status == StaffStatus.ACTIVE,
                    Client.status.in_([ClientStatus.ACTIVE, ClientStatus.PENDING]),
                ),
            )
        )
        people = await self.world.database.read(lambda c: c.execute(who).all())
        rows = []
        for person in people:
            for surface in Surface:
                if person.status is ClientStatus.PENDING and surface is Surface.APP:
                    continue
                id = new_id()
                rows.append(
                    {
                        "organization_id": self.key(""),
                        "id": id,
                        "account_id": person.id,
                        "surface": surface,
                        "generation": 1,
                        "created_at": START,
                        "refreshed_at": START,
                        "access_expires_at": START + dt.timedelta(minutes=15),
                        "refresh_expires_at": START + dt.timedelta(days=30),
                    }
                )
                token = self.world.service.services.tokens.access(id, 1)
                self.clinic._tokens[prefix + names[person.id], surface] = token

        async def work(connection: AsyncConnection) -> None:
            await connection.execute(delete(Session).where(Session.organization_id == self.key("")))
            await connection.execute(insert(Session), rows)

        await self.world.database.write(work)

    async def _do(self, document: str, variables: Json | None = None) -> Any:
        return await self.world.do(document, variables, self.administrator)

    async def _accept(self, name: str) -> None:
        await self.world.mailbox.wait(to=self._email(name))
        payload = await self.world.accept(self._token(name), name)
        assert payload["userErrors"] == []

    async def _confirm(self, name: str) -> None:
        await self.world.mailbox.wait(to=self._email(name))
        payload = await self.world.confirm(self._token(name), name)
        assert payload["userErrors"] == []

    def _token(self, name: str) -> str:
        return Mailbox.token(self.world.mailbox.to(self._email(name))[-1])

    def _email(self, name: str) -> str:
        return f"{name}@{self.slug}.example"


async def build_clinic(world: World) -> Clinic:
    """Make the clinic in an empty world."""
    clinic = Clinic()
    await asyncio.gather(
        _build(_Builder(world, clinic, "riverside"), "Riverside Clinic"),
        _build(_Builder(world, clinic, "lakeside"), "Lakeside Clinic"),
        _build_solo(_Builder(world, clinic, "solo")),
    )
    await world.settled()
    return clinic


async def _build(builder: _Builder, name: str) -> None:
    await builder.found(name, "family")
    await builder.add_department("mental")
    await builder.add_department("physio")
    # A few at a time: SQLite has one writer, and on a busy machine a queue of all is too long.
    for first in range(0, len(STAFF), _AT_ONCE):
        await asyncio.gather(*map(builder.hire, STAFF[first : first + _AT_ONCE]))
    for client, (department, met) in CLIENTS.items():
        await builder.welcome(client, department, met)
    await builder.invite_client("una", "family")
    await builder.deactivate_some()
    await builder.finish()


async def _build_solo(builder: _Builder) -> None:
    await builder.found("Solo Practice", "general")
    await builder.hire(Member("dora", [(_DA, "general")]))
    await builder.welcome("amy", "general", [])
    await builder.welcome("chloe", "general", None)
    await builder.finish()
