"""A large data set, the same for the same seed: for benchmarks, and to see the portal full.

Usernames, unique in each organization, all with the one password behind `password_hash`:

    admin.N     the N-th Organizational Administrator
    da.D.1      the Department Administrator of department D; da.2.1 of department 3 as well
    cc.D.1      the Care Coordinator of department D; where D is even, a practitioner too
    pr.D.N      the N-th practitioner of department D, one in six of another department as well
    former.N    somebody inactive, who holds no role any more
    client.N    the N-th client; one ACTIVE client in twenty has not chosen credentials yet
"""

import datetime as dt
import random
import uuid
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import cache, partial
from typing import Any, NamedTuple, cast

from sqlalchemy import insert, text
from sqlalchemy.ext.asyncio import AsyncConnection

import models
from models import AccountKind, ClientStatus, Role, StaffStatus

BATCH = 5_000
CLIENTS_A_PRACTITIONER = 40
HISTORY = dt.timedelta(days=3 * 365)

_UUID7 = 0x7 << 76 | 0x2 << 62
_UUID7_KEEPS = ~(0xF << 76 | 0x3 << 62)

Row = dict[str, Any]
Rows = dict[type[models.Base], list[Row]]

_STATUSES = (
    *(ClientStatus.ACTIVE,) * 17,
    *(ClientStatus.INACTIVE,) * 2,
    ClientStatus.PENDING,
)

# Of every client's address and username, as `client` makes them up.
_CLIENT_WORDS = frozenset({"client", "example", "com"})

_FIRST_NAMES = (
    "Aaliyah Adèle Agnieszka Ahmed Aiko Alejandro Amélie Amir Ana Anaïs Andrés André Anh Anna"
    " Antônio Ayşe Beatriz Benjamin Björn Brendan Camila Carlos Céline Chidi Chloë Daniel David"
    " Dmitri Éloïse Elif Emeka Emma Esther Fatima Fiona François Gabriel Grace Hanna Hélène Hugo"
    " Ibrahim Inés Ingrid Isabel Jakub James Javier Jing João John José Julia Jürgen Katarína Keiko"
    " Kwame Lars Leïla Liam Linh Lucía Luka Małgorzata Marcel Margaret María Mary Mateo Mei Michael"
    " Milan Mohammed Nadia Naoko Ngozi Niamh Noah Nuño Olga Olivia Omar Oscar Patrick Paweł Pedro"
    " Peter Priya Rachel Rafael Ramón Renée Robert Rosa Ruth Samira Samuel Sara Seán Sofía Søren"
    " Stéphane Susan Tamar Thảo Thomas Tomáš Ursula Valérie Victor Wei William Yara Zoë Željka"
)

_LAST_NAMES = (
    "Abebe Adams Åkesson Álvarez Andersen Bailey Bąk Bakker Bauer Becker Bennett Bianchi Bjørnsen"
    " Blanc Bouchard Brown Byrne Campbell Carter Castro Çelik Chen Clark Cohen Collins Costa Cruz"
    " Côté Dąbrowski Davies Delacroix Demir Díaz Dubois Dvořák Edwards Eriksson Évrard Fernández"
    " Fischer Fontaine Fraser Gagné García Gauthier Gómez Gonçalves Green Groß Gupta Haddad Hall"
    " Hansen Harris Hernández Hoàng Hoffmann Horváth Hughes Ibáñez Ito Ivanov Jackson Jansen Jensen"
    " Jiménez Johansson Jones Jovanović Kaya Keller Kelly Khan Kim King Kovač Kowalski Krüger Kumar"
    " Lambert Larsen Lê Lee Lefèvre Lewis Li Lindqvist López Łukasik Mäkinen Marić Martin Martínez"
    " Mbeki Meyer Mitchell Möller Moore Morales Moreau Müller Murphy Nagy Nakamura Nguyễn Nielsen"
    " Novák Núñez Nowak O'Brien O'Connor Öberg Okafor Olsen Ortiz Owusu Özdemir Papadopoulos Park"
    " Patel Pereira Pérez Peterson Petrović Phillips Popescu Quinn Ramírez Reid Reyes Ribeiro"
    " Richter Rivera Roberts Rodríguez Rossi Roy Ruiz Ryan Sánchez Santos Sato Schäfer Schmidt"
    " Schröder Scott Sharma Silva Singh Smith Sørensen Šťastný Suzuki Svoboda Takahashi Tanaka"
    " Taylor Thompson Torres Tremblay Turner Ümit Vargas Vásquez Virtanen Walker Wang Weber White"
    " Williams Wilson Wójcik Wong Wright Yamamoto Young Zając Zhang Ziegler Žižka"
)

_PLACES = (
    "Northgate Riverside Hillcrest Lakeview Oakwood Harbour Meadow Summit Valley Westbrook Ashdown"
    " Birchwood Cedar Elm Fairview Glenwood Kingsway Maplewood Parkside Seaview"
)

_DEPARTMENTS = (
    "Adult Services",
    "Child and Youth Services",
    "Family Therapy",
    "Addiction and Recovery",
    "Speech and Language",
    "Trauma Services",
    "Eating Disorders",
    "Older Adults",
    "Perinatal Care",
    "Crisis and Intake",
)

_REASONS = (
    "Moved to another city.",
    "Therapy completed.",
    "Registered twice.",
    "Did not answer our calls.",
    "Asked to pause.",
)


@dataclass(frozen=True, slots=True)
class Populated:
    """An organization that `populate` made: its keys, its size and somebody of every role."""

    id: uuid.UUID
    slug: str
    clients: int
    departments: tuple[uuid.UUID, ...]
    staff: Mapping[Role, uuid.UUID]


async def populate(
    database: models.Database,
    *,
    organizations: int,
    clients: int,
    seed: int,
    password_hash: str,
    now: dt.datetime,
    largest: int | None = None,
    progress: Callable[[int, int], None] | None = None,
) -> list[Populated]:
    """Write the organizations `clinic-1`, `clinic-2`, … into a migrated database without them.

    `clients` is their total, shared alike, or with `largest` of them in the first organization.
    `progress` is told how many clients are written, and the total. Each organization is one
    transaction. Raises `ValueError` for numbers that do not fit together.
    """
    made: list[Populated] = []
    before = 0
    for number, size in enumerate(sizes(organizations, clients, largest), start=1):
        tell = partial(_tell, progress, before, clients)
        clinic = partial(_Clinic, number, size, seed, password_hash, now)
        made.append(await database.write(partial(_write, clinic, tell)))
        before += size
    await database.write(lambda connection: connection.execute(text("ANALYZE")))
    return made


def _tell(
    progress: Callable[[int, int], None] | None, before: int, total: int, written: int
) -> None:
    if progress:
        progress(before + written, total)


async def populate_one(
    database: models.Database,
    *,
    number: int,
    size: int,
    seed: int,
    password_hash: str,
    now: dt.datetime,
) -> Populated:
    """Write just the organization `clinic-{number}`, as `populate` would: many may run at once."""
    clinic = partial(_Clinic, number, size, seed, password_hash, now)
    return await database.write(partial(_write, clinic, lambda _written: None))


def sizes(organizations: int, clients: int, largest: int | None = None) -> list[int]:
    """How many clients each organization has. Raises `ValueError`, as `populate` does."""
    if organizations < 1 or clients < 0:
        raise ValueError("organizations must be at least 1, clients at least 0")
    if largest is None:
        share, over = divmod(clients, organizations)
        return [share + (number < over) for number in range(organizations)]
    if organizations < 2 or not 0 <= largest <= clients:
        raise ValueError("largest must be a part of clients, with other organizations beside it")
    return [largest, *sizes(organizations - 1, clients - largest)]


async def _write(
    make: "Callable[[], _Clinic]", tell: Callable[[int], None], connection: AsyncConnection
) -> Populated:
    clinic = make()
    await _insert(connection, clinic.staff())
    for start in range(0, clinic.size, BATCH):
        stop = min(start + BATCH, clinic.size)
        await _insert(connection, clinic.clients(range(start + 1, stop + 1)))
        tell(stop)
    return clinic.made()


async def _insert(connection: AsyncConnection, rows: Rows) -> None:
    """Insert table by table; on PostgreSQL by COPY, in the transaction the first row began."""
    for model, batch in rows.items():
        if not batch:
            continue
        if connection.dialect.name != "postgresql" or model is models.Organization:
            await connection.execute(insert(model), batch)
            continue
        raw = await connection.get_raw_connection()
        await cast("Any", raw.driver_connection).copy_records_to_table(
            model.__tablename__,
            columns=list(batch[0]),
            records=[tuple(row.values()) for row in batch],
        )


class _Name(NamedTuple):
    """A name with what is derived from it; `words` are those by which who bears it is found."""

    first: str
    last: str
    key: str
    mail: str
    words: frozenset[str]


@cache
def _names() -> list[_Name]:
    return [_name(first, last) for first in _FIRST_NAMES.split() for last in _LAST_NAMES.split()]


def _name(first: str, last: str) -> _Name:
    mail = f"{_letters(first)}.{_letters(last)}"
    words = models.words_of(first, last, mail)
    return _Name(first, last, models.name_key(first, last), mail, words)


def _letters(name: str) -> str:
    return "".join(letter for letter in models.sort_key(name) if "a" <= letter <= "z")


class _Post(NamedTuple):
    """A practitioner's grant: what an association points at."""

    staff: uuid.UUID
    department: uuid.UUID


class _Clinic:
    """One organization, made up as its rows are asked for: first its staff, then its clients."""

    def __init__(
        self, number: int, size: int, seed: int, password_hash: str, now: dt.datetime
    ) -> None:
        self._chance = random.Random(f"{seed}/{number}")  # noqa: S311 - repeatable, not secret
        self._number = number
        self.size = size
        self._password_hash = password_hash
        self._now = now.replace(microsecond=0)
        self._opened = self._now - HISTORY
        self._id = self._key(self._opened)
        names = _DEPARTMENTS[: self._chance.randint(3, len(_DEPARTMENTS))]
        self._departments = {self._key(self._opened): name for name in names}
        self._homes = list(self._departments)
        self._administrators: list[uuid.UUID] = []
        self._managers: dict[uuid.UUID, list[uuid.UUID]] = {}
        self._posts: dict[uuid.UUID, list[_Post]] = {key: [] for key in self._homes}

    def made(self) -> Populated:
        """What was made."""
        first = self._homes[0]
        return Populated(
            id=self._id,
            slug=f"clinic-{self._number}",
            clients=self.size,
            departments=tuple(self._homes),
            staff={
                Role.ORGANIZATION_ADMINISTRATOR: self._administrators[0],
                Role.DEPARTMENT_ADMINISTRATOR: self._managers[first][0],
                Role.CARE_COORDINATOR: self._managers[first][1],
                Role.PRACTITIONER: self._posts[first][0].staff,
            },
        )

    def staff(self) -> Rows:
        """The organization, its departments and everybody who works there."""
        rows: Rows = {
            models.Organization: [self._organization()],
            models.Department: [self._department(key) for key in self._homes],
            models.Account: [],
            models.Staff: [],
            models.RoleGrant: [],
            models.SearchWord: [],
        }
        for n in range(1, self._chance.randint(2, 4) + 1):
            administrator = self._hire(rows, f"admin.{n}")
            self._administrators.append(administrator)
            self._grant(rows, administrator, Role.ORGANIZATION_ADMINISTRATOR, None)
        departments = self._homes
        practitioners = max(3, self.size // CLIENTS_A_PRACTITIONER // len(departments))
        for d, department in enumerate(departments, start=1):
            administrator = self._hire(rows, f"da.{d}.1")
            self._grant(rows, administrator, Role.DEPARTMENT_ADMINISTRATOR, department)
            if d == 2:
                self._grant(rows, administrator, Role.DEPARTMENT_ADMINISTRATOR, departments[2])
            coordinator = self._hire(rows, f"cc.{d}.1")
            self._grant(rows, coordinator, Role.CARE_COORDINATOR, department)
            if d % 2 == 0:
                self._grant(rows, coordinator, Role.PRACTITIONER, department)
            self._managers[department] = [administrator, coordinator]
            for n in range(1, practitioners + 1):
                practitioner = self._hire(rows, f"pr.{d}.{n}")
                self._grant(rows, practitioner, Role.PRACTITIONER, department)
                if self._one_in(6):
                    other = self._chance.choice(departments[: d - 1] + departments[d:])
                    self._grant(rows, practitioner, Role.PRACTITIONER, other)
        for n in range(1, len(rows[models.Staff]) // 25 + 2):
            self._hire(rows, f"former.{n}", StaffStatus.INACTIVE)
        return rows

    def clients(self, numbers: range) -> Rows:
        """The clients of these numbers, the oldest first, and whom they meet."""
        rows: Rows = {
            models.Account: [],
            models.Client: [],
            models.Association: [],
            models.SearchWord: [],
        }
        for number in numbers:
            self._client(rows, number)
        return rows

    def _key(self, moment: dt.datetime) -> uuid.UUID:
        """A UUIDv7 of that moment, shaped as `models.new_id` shapes them."""
        value = int(moment.timestamp() * 1000) << 80 | self._chance.getrandbits(80)
        return uuid.UUID(int=value & _UUID7_KEEPS | _UUID7)

    def _one_in(self, number: int) -> bool:
        return self._chance.randrange(number) == 0

    def _organization(self) -> Row:
        places = _PLACES.split()
        return {
            "id": self._id,
            "slug": f"clinic-{self._number}",
            "name": f"{places[(self._number - 1) % len(places)]} Therapy {self._number}",
            "registration_open": True,
            "contact_email": f"office@clinic-{self._number}.example.net",
            "created_at": self._opened,
        }

    def _department(self, key: uuid.UUID) -> Row:
        return {
            "organization_id": self._id,
            "id": key,
            "name": self._departments[key],
            "name_key": models.sort_key(self._departments[key]),
            "active": True,
            "created_at": self._opened,
        }

    def _hire(
        self, rows: Rows, username: str, status: StaffStatus = StaffStatus.ACTIVE
    ) -> uuid.UUID:
        key = self._key(self._opened)
        name = self._chance.choice(_names())
        email = f"{name.mail}.{len(rows[models.Staff]) + 1}@clinic-{self._number}.example.net"
        rows[models.Account].append(self._account(key, AccountKind.STAFF, username, self._opened))
        rows[models.Staff].append(
            {
                "organization_id": self._id,
                "id": key,
                "status": status,
                "first_name": name.first,
                "last_name": name.last,
                "name_key": name.key,
                "email": email,
                "email_key": email,
                "receive_new_client_notifications": not self._one_in(5),
                "created_at": self._opened,
            }
        )
        self._findable(rows, key, name.words | models.words_of(email, username))
        return key

    def _grant(
        self, rows: Rows, staff: uuid.UUID, role: Role, department: uuid.UUID | None
    ) -> None:
        rows[models.RoleGrant].append(
            {
                "organization_id": self._id,
                "id": self._key(self._opened),
                "staff_id": staff,
                "department_id": department,
                "role": role,
                "created_at": self._opened,
            }
        )
        if role is Role.PRACTITIONER and department:
            self._posts[department].append(_Post(staff, department))

    def _client(self, rows: Rows, number: int) -> None:
        chance = self._chance
        since = HISTORY * ((number - 1) / self.size)
        created = (self._opened + since).replace(microsecond=0)
        key = self._key(self._opened + since)
        name = chance.choice(_names())
        email = f"{name.mail}.{number}@example.com"
        status = chance.choice(_STATUSES)
        home = chance.choice(self._homes)
        unsure = status is ClientStatus.PENDING and self._one_in(3)
        approved = status is ClientStatus.ACTIVE or (
            status is ClientStatus.INACTIVE and not self._one_in(3)
        )
        approved_at = min(created + dt.timedelta(hours=chance.randint(1, 72)), self._now)
        approver = chance.choice(self._managers[home] + self._administrators)
        told = status is ClientStatus.INACTIVE and self._one_in(2)
        area, line = divmod(number, 10_000)
        phone = None if self._one_in(5) else f"+1 {202 + area % 600} 555 {line:04}"
        invited = status is ClientStatus.ACTIVE and self._one_in(20)
        username = None if invited else f"client.{number}"
        rows[models.Account].append(self._account(key, AccountKind.CLIENT, username, created))
        rows[models.Client].append(
            {
                "organization_id": self._id,
                "id": key,
                "status": status,
                "first_name": name.first,
                "last_name": name.last,
                "name_key": name.key,
                "email": email,
                "email_key": email,
                "phone": phone,
                "phone_key": models.phone_key(phone),
                "date_of_birth": dt.date(1930, 1, 1) + dt.timedelta(chance.randrange(31_000)),
                "department_id": None if unsure else home,
                "created_at": created,
                "approved_at": approved_at if approved else None,
                "approved_by_id": approver if approved else None,
                "status_reason": chance.choice(_REASONS) if told else None,
            }
        )
        findable = name.words | _CLIENT_WORDS | {str(number)}
        self._findable(rows, key, findable if username else findable - {"client"})
        if approved:
            self._associate(rows, rows[models.Client][-1], home, approved_at)

    def _associate(self, rows: Rows, client: Row, home: uuid.UUID, moment: dt.datetime) -> None:
        """One to three practitioners, four in five of the client's own department."""
        chance = self._chance
        met: dict[uuid.UUID, _Post] = {}
        for _ in range(chance.randint(1, 3)):
            elsewhere = self._one_in(5)
            department = chance.choice(self._homes) if elsewhere else home
            post = chance.choice(self._posts[department])
            met.setdefault(post.staff, post)
        rows[models.Association].extend(
            {
                "organization_id": self._id,
                "id": self._key(moment),
                "client_id": client["id"],
                "client_status": client["status"],
                "client_name_key": client["name_key"],
                "practitioner_id": post.staff,
                "department_id": post.department,
                "role": Role.PRACTITIONER,
                "created_at": moment,
            }
            for post in met.values()
        )

    def _findable(self, rows: Rows, key: uuid.UUID, words: frozenset[str]) -> None:
        """The words by which the person is found."""
        rows[models.SearchWord].extend(
            {"organization_id": self._id, "word": word, "account_id": key} for word in sorted(words)
        )

    def _account(
        self, key: uuid.UUID, kind: AccountKind, username: str | None, created: dt.datetime
    ) -> Row:
        return {
            "organization_id": self._id,
            "id": key,
            "kind": kind,
            "username": username,
            "username_key": username,
            "password_hash": self._password_hash if username else None,
            "created_at": created,
        }
