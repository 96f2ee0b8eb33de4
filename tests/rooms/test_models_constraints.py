"""What the database itself refuses, whatever the code above it does."""

import datetime as dt
import uuid
from typing import Any

import pytest
from sqlalchemy import ForeignKeyConstraint, Table, delete, func, insert, select, update
from sqlalchemy.exc import IntegrityError
from sqlalchemy.sql.dml import UpdateBase

from models import (
    Account,
    AccountKind,
    ActorKind,
    Association,
    AuditAction,
    AuditEvent,
    Base,
    Client,
    ClientStatus,
    Database,
    DeliveryState,
    Department,
    Letter,
    LetterState,
    Link,
    LinkPurpose,
    Organization,
    RecoveryCode,
    Registration,
    Role,
    RoleGrant,
    SecondFactor,
    Session,
    Staff,
    StaffStatus,
    Surface,
    WebhookEvent,
    WebhookState,
    new_id,
)

NOW = dt.datetime(2026, 11, 23, 12, tzinfo=dt.UTC)

Values = dict[str, Any]
Clinic = dict[str, Values]
"""A row of each table of one organization, by the table's name."""


def table(model: type[Base]) -> Table:
    found = Base.metadata.tables[model.__tablename__]
    assert isinstance(found, Table)
    return found


def account(organization: uuid.UUID, kind: AccountKind, **more: Any) -> Values:
    return {"organization_id": organization, "id": new_id(), "kind": kind, "created_at": NOW} | more


def staff(of: Values, **more: Any) -> Values:
    return {
        "organization_id": of["organization_id"],
        "id": of["id"],
        "status": StaffStatus.ACTIVE,
        "first_name": "Sam",
        "last_name": "Staff",
        "name_key": "staff\tsam",
        "email": "sam@example.org",
        "email_key": "sam@example.org",
        "created_at": NOW,
    } | more


def client(of: Values, **more: Any) -> Values:
    return {
        "organization_id": of["organization_id"],
        "id": of["id"],
        "status": ClientStatus.PENDING,
        "first_name": "Cleo",
        "last_name": "Client",
        "name_key": "client\tcleo",
        "email": "cleo@example.org",
        "email_key": "cleo@example.org",
        "date_of_birth": dt.date(1990, 2, 28),
        "created_at": NOW,
    } | more


async def clinic(database: Database, slug: str) -> Clinic:
    """An organization with a row in every table, all tied together."""
    organization = new_id()
    of_organization = {"organization_id": organization, "created_at": NOW}
    of_staff = account(organization, AccountKind.STAFF)
    of_client = account(organization, AccountKind.CLIENT)
    department = {**of_organization, "id": new_id(), "name": "East", "name_key": "east"}
    grant = {
        **of_organization,
        "id": new_id(),
        "staff_id": of_staff["id"],
        "department_id": department["id"],
        "role": Role.PRACTITIONER,
    }
    rows: Clinic = {
        "organizations": {"id": organization, "slug": slug, "name": slug, "created_at": NOW},
        "accounts": of_staff,
        "departments": department,
        "staff": staff(of_staff),
        "role_grants": grant,
        "clients": client(
            of_client,
            status=ClientStatus.ACTIVE,
            department_id=department["id"],
            approved_at=NOW,
            approved_by_id=of_staff["id"],
        ),
        "associations": {
            **of_organization,
            "id": new_id(),
            "client_id": of_client["id"],
            "client_status": ClientStatus.ACTIVE,
            "client_name_key": "client\tcleo",
            "practitioner_id": of_staff["id"],
            "department_id": department["id"],
            "role": Role.PRACTITIONER,
        },
        "search_words": {
            "organization_id": organization,
            "word": "sam",
            "account_id": of_staff["id"],
        },
        "notices": {
            "organization_id": organization,
            "client_id": of_client["id"],
            "staff_id": of_staff["id"],
        },
        "sessions": {
            **of_organization,
            "id": new_id(),
            "account_id": of_staff["id"],
            "surface": Surface.PORTAL,
            "generation": 1,
            "refreshed_at": NOW,
            "access_expires_at": NOW,
            "refresh_expires_at": NOW,
        },
        "audit_events": {
            "organization_id": organization,
            "id": new_id(),
            "number": 1,
            "at": NOW,
            "action": AuditAction.ORGANIZATION_CREATED,
            "actor_kind": ActorKind.OPERATOR,
            "roles": [],
            "departments": [],
            "changes": [],
            "times": 1,
            "previous_hash": "",
            "hash": "",
        },
        "audit_heads": {"organization_id": organization, "number": 1, "hash": ""},
        "client_reads": {
            "organization_id": organization,
            "id": new_id(),
            "client_id": of_client["id"],
            "reader_kind": ActorKind.STAFF,
            "reader_id": of_staff["id"],
            "surface": Surface.PORTAL,
            "at": NOW,
        },
        "registrations": {
            **of_organization,
            "id": new_id(),
            "first_name": "Cleo",
            "last_name": "Client",
            "email": "cleo@example.org",
            "email_key": "cleo@example.org",
            "date_of_birth": dt.date(1990, 2, 28),
            "department_id": department["id"],
            "client_id": of_client["id"],
        },
        "second_factors": {
            "organization_id": organization,
            "id": of_staff["id"],
            "secret": b"encrypted",
            "wrong_codes": 0,
        },
        "recovery_codes": {
            "organization_id": organization,
            "staff_id": of_staff["id"],
            "hash": bytes(32),
        },
        "client_notes": {
            **of_organization,
            "id": new_id(),
            "client_id": of_client["id"],
            "author_id": of_staff["id"],
            "text": "Prefers to be called.",
        },
        "decision_reasons": {
            "organization_id": organization,
            "id": new_id(),
            "client_id": of_client["id"],
            "text": "Moved away.",
        },
    }
    rows["reset_requests"] = {
        **of_organization,
        "id": new_id(),
        "email_key": "cleo@example.org",
        "due_at": NOW,
    }
    rows["idempotency_keys"] = {
        **of_organization,
        "id": new_id(),
        "account_id": of_staff["id"],
        "key": b"of a key",
        "document": b"of a document",
    }
    rows["links"] = {
        **of_organization,
        "id": new_id(),
        "purpose": LinkPurpose.CONFIRM_REGISTRATION,
        "registration_id": rows["registrations"]["id"],
        "expires_at": NOW,
    }
    rows["letters"] = {
        **of_organization,
        "id": new_id(),
        "name": "confirm_registration",
        "recipient": "cleo@example.org",
        "contents": {},
        "link_id": rows["links"]["id"],
        "state": LetterState.QUEUED,
        "attempts": 0,
        "due_at": NOW,
    }
    rows["webhooks"] = {
        **of_organization,
        "id": new_id(),
        "name": "Partner",
        "url": "https://partner.example",
        "events": ["CLIENT_APPROVED"],
        "department_id": department["id"],
        "state": WebhookState.ACTIVE,
        "secret": b"encrypted",
    }
    rows["deliveries"] = {
        "organization_id": organization,
        "id": new_id(),
        "webhook_id": rows["webhooks"]["id"],
        "client_id": of_client["id"],
        "event": WebhookEvent.CLIENT_APPROVED,
        "at": NOW,
        "payload": {},
        "state": DeliveryState.QUEUED,
        "attempts": 0,
        "queued_at": NOW,
        "due_at": NOW,
    }
    of_key = account(organization, AccountKind.SERVICE_KEY)
    rows["service_keys"] = {
        **of_organization,
        "id": of_key["id"],
        "name": "Lab results",
        "prefix": "vtk_ab",
        "digest": bytes(32),
        "created_by_id": of_staff["id"],
        "expires_at": NOW,
    }
    rows["service_key_grants"] = {
        "organization_id": organization,
        "id": new_id(),
        "service_key_id": of_key["id"],
        "permission": "CLIENT_READ",
        "department_id": department["id"],
    }
    async with database._writes.begin() as connection:
        await connection.execute(insert(table(Organization)).values(rows["organizations"]))
        await connection.execute(insert(table(Account)), [of_client, of_key])
        for name in list(rows)[1:]:
            await connection.execute(insert(Base.metadata.tables[name]).values(rows[name]))
    return rows


@pytest.fixture
async def east(database: Database) -> Clinic:
    return await clinic(database, "east")


async def accept(database: Database, *statements: UpdateBase) -> None:
    """The database takes them, each in a transaction of its own."""
    for statement in statements:
        async with database._writes.begin() as connection:
            await connection.execute(statement)


async def refuse(database: Database, statement: UpdateBase, kind: str, name: str) -> None:
    """The database refuses it, because of a constraint of the kind, and of the name."""
    with pytest.raises(IntegrityError) as refused:
        await accept(database, statement)
    said = str(refused.value.orig)
    assert kind.lower() in said.lower()
    if database.dialect == "postgresql":
        assert f'"{name}"' in said


def one(model: type[Base], row: Values) -> Any:
    """The condition that names the row."""
    columns = table(model).c
    return (columns.organization_id == row["organization_id"]) & (columns.id == row["id"])


def same(model: type[Base], row: Values, **other: Any) -> UpdateBase:
    """The insertion of the row once more, with other values."""
    return insert(table(model)).values({**row, "id": new_id(), **other})


# An organization is its own, and what is typed may name one that is not there.
OF_NOBODY = {"organizations", "throttles"}

ACROSS = [
    pytest.param(constraint, column, id=f"{each.name}.{column}")
    for each in Base.metadata.sorted_tables
    for constraint in sorted(each.foreign_key_constraints, key=lambda key: str(key.name))
    for column in constraint.column_keys
    if column not in {"organization_id", "role", "client_status", "client_name_key"}
]


def test_every_reference_names_its_organization() -> None:
    for each in Base.metadata.sorted_tables:
        for constraint in each.foreign_key_constraints:
            assert constraint.column_keys[0] == "organization_id", constraint.name
        if each.name not in OF_NOBODY:
            assert each.primary_key.columns.keys()[0] == "organization_id", each.name
    assert len(ACROSS) == 32


@pytest.mark.parametrize(("constraint", "column"), ACROSS)
async def test_no_reference_crosses_to_another_organization(
    database: Database, east: Clinic, constraint: ForeignKeyConstraint, column: str
) -> None:
    west = await clinic(database, "west")
    target = constraint.elements[constraint.column_keys.index(column)].column
    assert isinstance(constraint.table, Table)
    mine = east[constraint.table.name]
    theirs = west[target.table.name][target.name]
    if constraint.table.name == "links":
        # It names a registration or an account: the other one is emptied for the occasion.
        change = {"registration_id": None, "account_id": None, column: theirs}
    else:
        change = {column: theirs}

    statement: UpdateBase
    if column == "id" and "email_key" in mine:  # a person has the id of its account
        statement = insert(constraint.table).values({**mine, "email_key": "new", **change})
    elif column == "id" or "id" not in mine:  # it has no id of its own
        statement = insert(constraint.table).values({**mine, **change})
    elif constraint.table.name == "role_grants":  # the one that is there is in use
        statement = insert(constraint.table).values({**mine, "id": new_id(), **change})
    else:
        statement = update(constraint.table).where(constraint.table.c.id == mine["id"])
        statement = statement.values(change)

    await refuse(database, statement, "foreign key", str(constraint.name))


@pytest.mark.parametrize(
    "name", sorted(each for each in Base.metadata.tables if each not in OF_NOBODY)
)
async def test_no_row_belongs_to_an_organization_that_is_not_there(
    database: Database, east: Clinic, name: str
) -> None:
    row = {**east[name], "organization_id": new_id()}
    if "id" in row:
        row["id"] = new_id()
    if name == "registrations":
        row |= {"department_id": None, "client_id": None}
    with pytest.raises(IntegrityError, match=r"(?i)foreign key"):
        await accept(database, insert(Base.metadata.tables[name]).values(row))


class TestAssociations:
    PRACTITIONER = "fk_associations_practitioner"

    async def test_one_needs_the_grant_of_a_practitioner(
        self, database: Database, east: Clinic
    ) -> None:
        organization = east["organizations"]["id"]
        other = account(organization, AccountKind.STAFF)
        coordinator = {
            **east["role_grants"],
            "id": new_id(),
            "staff_id": other["id"],
            "role": Role.CARE_COORDINATOR,
        }
        await accept(
            database,
            insert(table(Account)).values(other),
            insert(table(Staff)).values(staff(other, email_key="other@example.org")),
            insert(table(RoleGrant)).values(coordinator),
        )
        meeting = same(Association, east["associations"], practitioner_id=other["id"])
        await refuse(database, meeting, "foreign key", self.PRACTITIONER)

        await accept(database, same(RoleGrant, coordinator, role=Role.PRACTITIONER), meeting)

    async def test_one_is_in_a_department_of_the_practitioner(
        self, database: Database, east: Clinic
    ) -> None:
        west = {**east["departments"], "id": new_id(), "name_key": "west"}
        await accept(database, insert(table(Department)).values(west))
        move = update(table(Association)).values(department_id=west["id"])
        await refuse(database, move, "foreign key", self.PRACTITIONER)

        await accept(database, same(RoleGrant, east["role_grants"], department_id=west["id"]), move)

    async def test_a_used_grant_is_neither_dropped_nor_changed(
        self, database: Database, east: Clinic
    ) -> None:
        this = one(RoleGrant, east["role_grants"])
        drop = delete(table(RoleGrant)).where(this)
        await refuse(database, drop, "foreign key", self.PRACTITIONER)
        change = update(table(RoleGrant)).where(this).values(role=Role.CARE_COORDINATOR)
        await refuse(database, change, "foreign key", self.PRACTITIONER)

        await accept(database, delete(table(Association)), drop)

    async def test_one_is_with_a_practitioner_and_nobody_else(
        self, database: Database, east: Clinic
    ) -> None:
        grant = same(RoleGrant, east["role_grants"], role=Role.CARE_COORDINATOR)
        await accept(database, grant)
        change = update(table(Association)).values(role=Role.CARE_COORDINATOR)
        await refuse(database, change, "check", "ck_associations_practitioner")

    async def test_one_stands_where_its_client_stands(
        self, database: Database, east: Clinic
    ) -> None:
        stands = select(Association.client_status, Association.client_name_key)
        wrong = update(table(Association)).values(client_status=ClientStatus.PENDING)
        await refuse(database, wrong, "foreign key", "fk_associations_client")

        change = update(table(Client)).values(status=ClientStatus.INACTIVE, name_key="z")
        await accept(database, change)
        found = await database.read(lambda c: c.execute(stands).one())
        assert tuple(found) == (ClientStatus.INACTIVE, "z")

    async def test_one_a_pair(self, database: Database, east: Clinic) -> None:
        pair = "uq_associations_organization_id_client_id_practitioner_id"
        await refuse(database, same(Association, east["associations"]), "unique", pair)

        west = {**east["departments"], "id": new_id(), "name_key": "west"}
        await accept(
            database,
            insert(table(Department)).values(west),
            same(RoleGrant, east["role_grants"], department_id=west["id"]),
        )
        elsewhere = same(Association, east["associations"], department_id=west["id"])
        await refuse(database, elsewhere, "unique", pair)


class TestAccounts:
    UNIQUE = "uq_accounts_organization_id_username_key"

    async def test_a_username_is_unique_over_clients_and_staff(
        self, database: Database, east: Clinic
    ) -> None:
        west = await clinic(database, "west")
        ada = {"username": "Ada", "username_key": "ada", "password_hash": "…"}
        await accept(
            database,
            update(table(Account)).where(one(Account, east["accounts"])).values(ada),
            update(table(Account)).where(one(Account, west["accounts"])).values(ada),
        )
        for kind in AccountKind:
            second = account(east["organizations"]["id"], kind, **ada)
            await refuse(database, insert(table(Account)).values(second), "unique", self.UNIQUE)

    async def test_any_number_awaits_credentials(self, database: Database, east: Clinic) -> None:
        await accept(database, *(same(Account, east["accounts"]) for _ in range(3)))

    @pytest.mark.parametrize("missing", ["username", "username_key", "password_hash"])
    async def test_credentials_are_whole_or_missing(
        self, database: Database, east: Clinic, missing: str
    ) -> None:
        ada = {"username": "Ada", "username_key": "ada", "password_hash": "…", missing: None}
        change = update(table(Account)).where(one(Account, east["accounts"])).values(ada)
        await refuse(database, change, "check", "ck_accounts_credentials_whole")


class TestPeople:
    @pytest.mark.parametrize(("model", "make"), [(Client, client), (Staff, staff)])
    async def test_an_address_is_unique_in_its_kind(
        self, database: Database, east: Clinic, model: type[Base], make: Any
    ) -> None:
        name = model.__tablename__
        other = account(east["organizations"]["id"], AccountKind.STAFF)
        await accept(database, insert(table(Account)).values(other))

        taken = insert(table(model)).values(make(other, email_key=east[name]["email_key"]))
        await refuse(database, taken, "unique", f"uq_{name}_organization_id_email_key")

        crossed = {"clients": "sam@example.org", "staff": "cleo@example.org"}[name]
        await accept(database, insert(table(model)).values(make(other, email_key=crossed)))

    @pytest.mark.parametrize("missing", ["approved_at", "department_id"])
    async def test_an_active_client_is_approved_and_has_a_department(
        self, database: Database, east: Clinic, missing: str
    ) -> None:
        change = update(table(Client)).values({missing: None})
        await refuse(database, change, "check", "ck_clients_active_approved")

    async def test_a_pending_client_is_not_approved(self, database: Database, east: Clinic) -> None:
        change = update(table(Client)).values(status=ClientStatus.PENDING)
        await refuse(database, change, "check", "ck_clients_pending_not_approved")
        await accept(database, change.values(approved_at=None, approved_by_id=None))

    async def test_a_rejected_client_was_never_approved(
        self, database: Database, east: Clinic
    ) -> None:
        rejected = {"status": ClientStatus.INACTIVE, "approved_at": None, "department_id": None}
        await accept(database, update(table(Client)).values(rejected))


class TestGrants:
    async def test_each_once(self, database: Database, east: Clinic) -> None:
        name = "uq_role_grants_organization_id_staff_id_department_id_role"
        await refuse(database, same(RoleGrant, east["role_grants"]), "unique", name)

    async def test_an_organizational_administrator_once(
        self, database: Database, east: Clinic
    ) -> None:
        grant = {
            **east["role_grants"],
            "department_id": None,
            "role": Role.ORGANIZATION_ADMINISTRATOR,
        }
        await accept(database, same(RoleGrant, grant))
        name = "uq_role_grants_organization_administrator"
        await refuse(database, same(RoleGrant, grant), "unique", name)

    @pytest.mark.parametrize("role", Role)
    async def test_a_role_is_held_within_its_boundary(
        self, database: Database, east: Clinic, role: Role
    ) -> None:
        whole = role is Role.ORGANIZATION_ADMINISTRATOR
        wrong = east["departments"]["id"] if whole else None
        grant = same(RoleGrant, east["role_grants"], role=role, department_id=wrong)
        await refuse(database, grant, "check", "ck_role_grants_boundary")


class TestSecondFactors:
    async def test_only_staff_have_one(self, database: Database, east: Clinic) -> None:
        theirs = same(SecondFactor, east["second_factors"], id=east["clients"]["id"])
        await refuse(database, theirs, "foreign key", "fk_second_factors_organization_id_id")

    @pytest.mark.parametrize("missing", ["confirmed_at", "last_step"])
    async def test_it_is_confirmed_by_a_code(
        self, database: Database, east: Clinic, missing: str
    ) -> None:
        confirmed = {"confirmed_at": NOW, "last_step": 1}
        change = update(table(SecondFactor)).values(confirmed | {missing: None})
        await refuse(database, change, "check", "ck_second_factors_confirmed_by_a_code")
        await accept(database, update(table(SecondFactor)).values(confirmed))

    async def test_a_recovery_code_stands_once_and_not_without_its_secret(
        self, database: Database, east: Clinic
    ) -> None:
        again = insert(table(RecoveryCode)).values(east["recovery_codes"])
        kind = "unique" if database.dialect == "sqlite" else "duplicate key"
        await refuse(database, again, kind, "pk_recovery_codes")
        alone = delete(table(SecondFactor))
        name = "fk_recovery_codes_organization_id_staff_id"
        await refuse(database, alone, "foreign key", name)


class TestTheRest:
    async def test_a_slug_is_unique(self, database: Database, east: Clinic) -> None:
        again = insert(table(Organization)).values({**east["organizations"], "id": new_id()})
        await refuse(database, again, "unique", "uq_organizations_slug")

    async def test_the_name_of_a_department_is_unique(
        self, database: Database, east: Clinic
    ) -> None:
        again = same(Department, east["departments"])
        await refuse(database, again, "unique", "uq_departments_organization_id_name_key")

    async def test_a_link_is_for_a_registration_or_an_account(
        self, database: Database, east: Clinic
    ) -> None:
        name = "ck_links_one_registration_or_account"
        both = same(Link, east["links"], account_id=east["accounts"]["id"])
        await refuse(database, both, "check", name)
        neither = same(Link, east["links"], registration_id=None)
        await refuse(database, neither, "check", name)

    @pytest.mark.parametrize("model", [Link, Session])
    async def test_links_and_sessions_are_found_by_their_id_alone(
        self, database: Database, east: Clinic, model: type[Base]
    ) -> None:
        west = await clinic(database, "west")
        name = model.__tablename__
        twin = same(model, west[name], id=east[name]["id"])
        await refuse(database, twin, "unique", f"uq_{name}_id")

    async def test_contents_that_are_dropped_are_gone(
        self, database: Database, east: Clinic
    ) -> None:
        await accept(database, update(table(Letter)).values(contents=None))
        gone = select(func.count()).select_from(table(Letter)).where(Letter.contents.is_(None))
        assert await database.read(lambda connection: connection.scalar(gone)) == 1

    async def test_an_event_is_neither_changed_nor_dropped(
        self, database: Database, east: Clinic
    ) -> None:
        for statement in (update(table(AuditEvent)).values(times=2), delete(table(AuditEvent))):
            with pytest.raises(IntegrityError, match="audit events are only ever added"):
                await accept(database, statement)
        again = select(AuditEvent.times)
        assert await database.read(lambda connection: connection.scalars(again).all()) == [1]

    async def test_a_client_without_a_department_keeps_a_registration(
        self, database: Database, east: Clinic
    ) -> None:
        unsure = same(Registration, east["registrations"], department_id=None, client_id=None)
        await accept(database, unsure)
