"""The demo: a small clinic, made as people would make it, and served on this machine.

Every step is a use case, and every link is taken from the letter that brought it.
"""

import asyncio
import email
import email.policy
import os
import re
import secrets
from dataclasses import replace
from datetime import date
from pathlib import Path

import uvicorn
from sqlalchemy import select

import resolvers
from models import Organization, Role, Surface, outside
from permissions import identify
from portal.service import Service, service
from portal.settings import Settings
from resolvers import (
    Approval,
    Context,
    Founding,
    NewAssociation,
    NewGrant,
    NewRegistration,
    NewStaff,
)
from schema import Api

SLUG = "riverside"
PASSWORD = "seven herons over the river"  # noqa: S105 - printed for everybody to use

DEPARTMENTS = ("Family Medicine", "Mental Health", "Physiotherapy")

STAFF = (
    ("dora.admin", "Dora", "Silva", [(Role.DEPARTMENT_ADMINISTRATOR, "Mental Health")]),
    ("carl.care", "Carl", "Okafor", [(Role.CARE_COORDINATOR, "Mental Health")]),
    (
        "petra.practice",
        "Petra",
        "Novák",
        [(Role.PRACTITIONER, "Mental Health"), (Role.PRACTITIONER, "Family Medicine")],
    ),
    ("paul.practice", "Paul", "Lindqvist", [(Role.PRACTITIONER, "Physiotherapy")]),
)

CLIENTS = (
    ("amy.client", "Amy", "Adams", "Mental Health", True),
    ("ben.client", "Ben", "Brown", "Family Medicine", True),
    ("chloe.client", "Chloé", "Côté", "Mental Health", False),
    ("dan.client", "Dan", "Davies", None, False),
)

ROLES = {
    "olivia.admin": "Organizational Administrator",
    "dora.admin": "Department Administrator, Mental Health",
    "carl.care": "Care Coordinator, Mental Health",
    "petra.practice": "Practitioner, Mental Health and Family Medicine",
    "paul.practice": "Practitioner, Physiotherapy",
    "amy.client": "active client of Petra's, Mental Health",
    "ben.client": "active client, Family Medicine",
    "chloe.client": "pending client, Mental Health",
    "dan.client": "pending client, not sure of the department",
}


def run(port: int, directory: Path) -> None:
    """Make the clinic in the directory, unless it is there, and serve it on 127.0.0.1."""
    directory.mkdir(parents=True, exist_ok=True)
    public_url = f"http://127.0.0.1:{port}"
    environment = {
        "DATABASE_URL": f"sqlite:///{directory / 'demo.sqlite3'}",
        "MAIL_URL": f"file://{directory / 'mail'}",
        "MAIL_FROM": "portal@riverside.example",
        "PUBLIC_URL": public_url,
        "SECRET_KEY": _secret(directory / "demo.secret"),
    }
    os.environ.update(environment)
    asyncio.run(_prepare(Settings.read(), directory / "mail"))
    print(_greeting(public_url, directory), flush=True)
    uvicorn.run(
        "portal.app:from_environment",
        factory=True,
        host="127.0.0.1",
        port=port,
        access_log=False,
        log_level="warning",
    )


async def _prepare(settings: Settings, mail: Path) -> None:
    async with service(settings) as made:
        known = await made.services.database.read(
            lambda c: c.execute(select(Organization.id).where(Organization.slug == SLUG)).first()
        )
        if known is None:
            await _Founders(made, mail).found()


class _Founders:
    """The people who make the clinic, each through the door that they would use."""

    def __init__(self, made: Service, mail: Path) -> None:
        self._made = made
        self._mail = mail
        self._api = Api()

    async def found(self) -> None:
        """The clinic: three departments, staff of every role, clients of several kinds."""
        nobody = self._made.anonymous()
        await resolvers.create_organization(
            nobody,
            Founding(
                name="Riverside Clinic",
                slug=SLUG,
                department=DEPARTMENTS[0],
                admin_email=_address("olivia.admin"),
                admin_first_name="Olivia",
                admin_last_name="Hart",
            ),
        )
        await self._define_credentials("olivia.admin")
        olivia = await self._sign_in("olivia.admin")
        for name in DEPARTMENTS[1:]:
            await resolvers.department_create(olivia, name)
        profile = await resolvers.organization(nobody, SLUG)
        assert profile
        ids = {one.name: outside("dep_", one.id) for one in profile.departments}
        staff = {}
        for username, first_name, last_name, roles in STAFF:
            grants = [NewGrant(role, ids[department]) for role, department in roles]
            key = await resolvers.staff_create(
                olivia,
                NewStaff(
                    first_name=first_name,
                    last_name=last_name,
                    email=_address(username),
                    roles=grants,
                    receive_new_client_notifications=True,
                ),
            )
            staff[username] = outside("stf_", key.id)
            await self._define_credentials(username)
        for username, first_name, last_name, department, approved in CLIENTS:
            await resolvers.client_register(
                nobody,
                NewRegistration(
                    organization=SLUG,
                    first_name=first_name,
                    last_name=last_name,
                    email=_address(username),
                    date_of_birth=date(1990, 5, 17),
                    phone=None,
                    department_id=ids[department] if department else None,
                ),
            )
            token = await self._token(_address(username))
            await resolvers.registration_confirm(nobody, token, username, PASSWORD)
            if approved:
                petra = NewAssociation(staff["petra.practice"], ids[department or ""])
                approval = Approval(associations=[petra])
                await self._approve_newest(olivia, approval)
        await self._made.courier.deliver_due()

    async def _define_credentials(self, username: str) -> None:
        token = await self._token(_address(username))
        nobody = self._made.anonymous()
        await resolvers.invitation_accept(nobody, token, username, PASSWORD)

    async def _sign_in(self, username: str) -> Context:
        services = self._made.services
        opened = await resolvers.login(
            self._made.anonymous(), SLUG, username, PASSWORD, Surface.PORTAL
        )
        actor = await identify(
            services.database, services.tokens, opened.access_token, services.clock()
        )
        assert actor
        return replace(self._made.anonymous(), actor=actor)

    async def _approve_newest(self, staff: Context, approval: Approval) -> None:
        """Approve from the Pending list, as staff do."""
        query = "{ clients(status: PENDING, orderBy: NEWEST, first: 1) { nodes { id } } }"
        answer = await self._api.execute(staff, query)
        (newest,) = answer.body["data"]["clients"]["nodes"]
        await resolvers.client_approve(staff, newest["id"], approval)

    async def _token(self, address: str) -> str:
        """The token in the last letter to the address."""
        await self._made.courier.deliver_due()
        for path in sorted(self._mail.glob("*.eml"), reverse=True):
            letter = email.message_from_bytes(path.read_bytes(), policy=email.policy.default)
            body = letter.get_body(("plain",))
            found = re.search(r"#token=(\S+)", body.get_content() if body else "")
            if letter["To"] and address in letter["To"] and found:
                return found[1]
        raise LookupError(f"no letter to {address}")


def _address(username: str) -> str:
    return f"{username}@riverside.example"


def _secret(path: Path) -> str:
    """The demo's own secret, made on its first start."""
    if not path.exists():
        path.touch(mode=0o600)
        path.write_text(secrets.token_urlsafe(48))
    return path.read_text()


def _greeting(public_url: str, directory: Path) -> str:
    width = max(map(len, ROLES))
    logins = "\n".join(f"  {username:<{width}}  {role}" for username, role in ROLES.items())
    return f"""
Riverside Clinic is open.

  API      {public_url}/graphql
  Schema   {public_url}/schema.graphql
  Portal   {public_url}/{SLUG}
  Mails    {directory / "mail"}

Sign in to the organization "{SLUG}" with one of these, and the password "{PASSWORD}":

{logins}

Try it in another terminal:

  curl {public_url}/graphql -H 'content-type: application/json' -d '{{"query":
    "mutation {{ login(input: {{organization: \\"{SLUG}\\", username: \\"olivia.admin\\", \
password: \\"{PASSWORD}\\", surface: PORTAL}}) {{ session {{ accessToken }} }} }}"}}'

Then show that token as "authorization: Bearer …", and ask:

  {{ clients(status: PENDING) {{ nodes {{ id firstName lastName department {{ name }} }} }} }}

Ctrl-C ends it; {directory} keeps it.
"""
