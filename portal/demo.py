"""The demo: a small clinic, made as people would make it, and served on this machine.

Every step is a use case, and every link is taken from the letter that brought it.
"""

import email
import email.policy
import os
import re
import secrets
import shutil
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass, replace
from datetime import date
from pathlib import Path

from rich.console import Console
from rich.markup import escape

import resolvers
from models import Role, Surface, outside
from permissions import identify
from portal import life
from portal.running import run
from portal.service import Service, service
from portal.settings import Settings
from resolvers import (
    Approval,
    Context,
    Founding,
    NewAssociation,
    NewClient,
    NewGrant,
    NewRegistration,
    NewStaff,
)
from schema import Api

SLUG = "riverside"
NAME = "Riverside Clinic"
PASSWORD = "seven herons over the river"  # noqa: S105 - printed for everybody to use

_DATABASE = "demo.sqlite3"
_LETTERS = "mail"

DEPARTMENTS = ("Family Medicine", "Mental Health", "Physiotherapy")

_OA, _DA, _CC, _PR = Role
_FAMILY, _MENTAL, _PHYSIO = DEPARTMENTS

STAFF = (
    ("dora.admin", "Dora", "Silva", [(_DA, _MENTAL)]),
    ("carl.care", "Carl", "Okafor", [(_CC, _MENTAL)]),
    ("cora.care", "Cora", "Weiss", [(_CC, _FAMILY)]),
    ("petra.practice", "Petra", "Novák", [(_PR, _MENTAL), (_PR, _FAMILY)]),
    ("paul.practice", "Paul", "Lindqvist", [(_PR, _PHYSIO)]),
    ("ivan.practice", "Ivan", "Horvat", [(_PR, _PHYSIO)]),
)
OPTED_OUT = "cora.care"
FORMER_STAFF = "ivan.practice"


@dataclass(frozen=True, slots=True)
class _Client:
    """A client of the clinic: whom they meet and where; and the words of whoever turned them out.

    `department` is None for one who was not sure.
    """

    username: str
    first_name: str
    last_name: str
    department: str | None
    met: tuple[tuple[str, str], ...] = ()
    reason: str = ""


_PETRA_IN_MENTAL = ("petra.practice", _MENTAL)
_PETRA_IN_FAMILY = ("petra.practice", _FAMILY)

# Who registered, by what became of them.
APPROVED = (
    _Client("amy.client", "Amy", "Adams", _MENTAL, (_PETRA_IN_MENTAL,)),
    _Client("ben.client", "Ben", "Brown", _FAMILY, (_PETRA_IN_FAMILY,)),
)
REJECTED = _Client("rita.client", "Rita", "Rossi", _FAMILY, reason="Registered twice.")
PENDING = (
    _Client("chloe.client", "Chloé", "Côté", _MENTAL),
    _Client("dan.client", "Dan", "Davies", None),
)
# Whom staff made.
MADE = _Client(
    "bea.client", "Bea", "Baker", _FAMILY, (_PETRA_IN_FAMILY, ("paul.practice", _PHYSIO))
)
DEACTIVATED = _Client(
    "gil.client", "Gil", "Grant", _MENTAL, (_PETRA_IN_MENTAL,), "Moved to another town."
)
INVITED = _Client("una.client", "Una", "Unwin", _FAMILY)

ROLES = {
    "olivia.admin": "Organizational Administrator",
    "dora.admin": "Department Administrator, Mental Health",
    "carl.care": "Care Coordinator, Mental Health",
    "cora.care": "Care Coordinator, Family Medicine; is not mailed of new clients",
    "petra.practice": "Practitioner, Mental Health and Family Medicine",
    "paul.practice": "Practitioner, Physiotherapy",
    "amy.client": "active client of Petra's, Mental Health",
    "ben.client": "active client of Petra's, Family Medicine",
    "bea.client": "active client of Petra's and Paul's, Family Medicine; made by staff",
    "chloe.client": "pending client, Mental Health",
    "dan.client": "pending client, not sure of the department",
}
"""Who can sign in."""

OUT = {
    "gil.client": "inactive client, Mental Health",
    "rita.client": "rejected client, Family Medicine",
    "ivan.practice": "inactive Practitioner, Physiotherapy",
}
"""Who cannot, and is told so."""


def serve(port: int, directory: Path) -> None:
    """Make the clinic in the directory, unless it is there, and serve it on 127.0.0.1."""
    directory.mkdir(parents=True, exist_ok=True)
    public_url = f"http://127.0.0.1:{port}"
    environment = {
        **_places(directory),
        "MAIL_FROM": "portal@riverside.example",
        "PUBLIC_URL": public_url,
        "SECRET_KEY": _secret(directory / "demo.secret"),
        "WEBHOOKS_ALLOW_PRIVATE": "true",
        "LOG_LEVEL": "warning",
    }
    os.environ.update(environment)
    if not (directory / _DATABASE).exists():
        with _progress():
            run(_make(directory), lambda: "The clinic opens with the next start.")
    Console().print(_greeting(public_url, directory), highlight=False, soft_wrap=True)
    life.serve(Settings.read(), "127.0.0.1", port, factory="portal.mailbox:from_environment")


def _places(directory: Path) -> dict[str, str]:
    """Where the clinic of a directory keeps its database and its letters, as settings."""
    return {
        "DATABASE_URL": f"sqlite:///{directory / _DATABASE}",
        "MAIL_URL": f"file://{directory / _LETTERS}",
    }


def _progress() -> AbstractContextManager[object]:
    """Something that moves, where somebody watches."""
    terminal = Console(stderr=True)
    return terminal.status("Opening the clinic …") if terminal.is_terminal else nullcontext()


async def _make(directory: Path) -> None:
    """Make the clinic beside, and put it into the directory when it is whole; its database last."""
    beside = directory / "demo.part"
    shutil.rmtree(beside, ignore_errors=True)
    places = {name.lower(): place for name, place in _places(beside).items()}
    async with service(Settings.read(**places)) as made:
        await _Founders(made, beside / _LETTERS).found()
    letters = directory / _LETTERS
    letters.mkdir(exist_ok=True)
    for letter in (beside / _LETTERS).iterdir():
        letter.replace(letters / letter.name)
    (beside / _DATABASE).replace(directory / _DATABASE)
    shutil.rmtree(beside)


class _Founders:
    """The people who make the clinic, each through the door that they would use."""

    def __init__(self, made: Service, mail: Path) -> None:
        self._made = made
        self._mail = mail
        self._api = Api()
        self._nobody = made.anonymous()
        # Outside ids, by the name of a department or the username of staff.
        self._ids: dict[str, str] = {}

    async def found(self) -> None:
        """The clinic: three departments, staff of every role, clients of every kind."""
        await resolvers.create_organization(
            self._nobody,
            Founding(
                name=NAME,
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
        profile = await resolvers.organization(self._nobody, SLUG)
        assert profile
        self._ids |= {one.name: outside("dep_", one.id) for one in profile.departments}
        await self._hire(olivia)
        await self._welcome(olivia)
        await self._made.courier.deliver_due()

    async def _hire(self, olivia: Context) -> None:
        """The staff. One wants no letters of new clients, and one has left."""
        for username, first_name, last_name, roles in STAFF:
            key = await resolvers.staff_create(
                olivia,
                NewStaff(
                    first_name=first_name,
                    last_name=last_name,
                    email=_address(username),
                    roles=[NewGrant(role, self._ids[department]) for role, department in roles],
                    receive_new_client_notifications=True,
                ),
            )
            self._ids[username] = outside("stf_", key.id)
            await self._define_credentials(username)
        cora = await self._sign_in(OPTED_OUT)
        unchecked = {"receive_new_client_notifications": False}
        await resolvers.staff_update(cora, self._ids[OPTED_OUT], unchecked)
        await resolvers.staff_deactivate(olivia, self._ids[FORMER_STAFF])

    async def _welcome(self, olivia: Context) -> None:
        """The clients: first who registered, then whom staff made."""
        for client in APPROVED:
            await self._register(client)
            approval = Approval(associations=self._associations(client))
            await resolvers.client_approve(olivia, await self._newest(olivia), approval)
        await self._register(REJECTED)
        await resolvers.client_reject(olivia, await self._newest(olivia), REJECTED.reason)
        for client in PENDING:
            await self._register(client)
        for client in (MADE, DEACTIVATED, INVITED):
            id = await self._create(olivia, client)
            if client is not INVITED:
                await self._define_credentials(client.username)
            if client is DEACTIVATED:
                await resolvers.client_deactivate(olivia, id, client.reason)

    async def _register(self, client: _Client) -> None:
        """By themself: the form, and the link in the letter."""
        await resolvers.client_register(
            self._nobody,
            NewRegistration(
                organization=SLUG,
                first_name=client.first_name,
                last_name=client.last_name,
                email=_address(client.username),
                date_of_birth=date(1990, 5, 17),
                phone=None,
                department_id=self._ids[client.department] if client.department else None,
            ),
        )
        token = await self._token(_address(client.username))
        await resolvers.registration_confirm(self._nobody, token, client.username, PASSWORD)

    async def _create(self, staff: Context, client: _Client) -> str:
        """By staff, who choose the practitioners at once; the answer is the client's id."""
        assert client.department
        key = await resolvers.client_create(
            staff,
            NewClient(
                first_name=client.first_name,
                last_name=client.last_name,
                email=_address(client.username),
                date_of_birth=date(1984, 2, 29),
                phone="+1 202 555 0123",
                department_id=self._ids[client.department],
                associations=self._associations(client),
            ),
        )
        return outside("cli_", key.id)

    def _associations(self, client: _Client) -> list[NewAssociation]:
        return [NewAssociation(self._ids[who], self._ids[where]) for who, where in client.met]

    async def _define_credentials(self, username: str) -> None:
        token = await self._token(_address(username))
        await resolvers.invitation_accept(self._nobody, token, username, PASSWORD)

    async def _sign_in(self, username: str) -> Context:
        services = self._made.services
        opened = await resolvers.login(self._nobody, SLUG, username, PASSWORD, Surface.PORTAL)
        actor = await identify(
            services.database, services.tokens, opened.access_token, services.clock()
        )
        assert actor
        return replace(self._nobody, actor=actor)

    async def _newest(self, staff: Context) -> str:
        """The newest client of the Pending list, where staff find whom to approve."""
        query = "{ clients(status: PENDING, orderBy: NEWEST, first: 1) { nodes { id } } }"
        answer = await self._api.execute(staff, query)
        (newest,) = answer.json["data"]["clients"]["nodes"]
        return str(newest["id"])

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
        part = path.with_name(f"{path.name}.part")
        part.touch(mode=0o600)
        part.write_text(secrets.token_urlsafe(48))
        part.replace(path)
    return path.read_text()


def _greeting(public_url: str, directory: Path) -> str:
    """What there is, in the markup of Rich: plain text where no terminal is."""
    width = max(map(len, ROLES))
    invited = f"{INVITED.first_name} {INVITED.last_name}"

    def table(people: dict[str, str]) -> str:
        return "\n".join(
            f"  [bold]{username:<{width}}[/]  {who}" for username, who in people.items()
        )

    return f"""
[bold green]{NAME} is open.[/]

  API      [cyan]{public_url}/graphql[/]
  Schema   [cyan]{public_url}/schema.graphql[/]
  Portal   [cyan]{public_url}/{SLUG}[/]
  Mails    [cyan]{public_url}/mail[/], of the files in {escape(str(directory / _LETTERS))}

Sign in to the organization "{SLUG}" with one of these, and the password "[bold]{PASSWORD}[/]":

{table(ROLES)}

These are told why they cannot:

{table(OUT)}

{invited}, a client made by staff, has yet to accept the invitation that is among the mails.

Try it in another terminal:

  curl {public_url}/graphql -H 'content-type: application/json' -d '{{"query":
    "mutation {{ login(input: {{organization: \\"{SLUG}\\", username: \\"olivia.admin\\", \
password: \\"{PASSWORD}\\", surface: PORTAL}}) {{ session {{ accessToken }} }} }}"}}'

Then show that token as "authorization: Bearer …", and ask:

  {{ clients(status: PENDING) {{ nodes {{ id firstName lastName department {{ name }} }} }} }}

Ctrl-C ends it; {escape(str(directory))} keeps it.
"""
