"""Two small organizations with everything in them: the same rows, with the same ids, every time.

What is here because it once could go wrong: ties in names, accents and case, rows without optional
values, associations across departments, clients who were not sure, a department that is closed,
roles in several departments, people who approved and whom the caller does not reach.
"""

import base64
import datetime as dt
import hashlib
import uuid
from typing import Any

from sqlalchemy import Table, insert
from sqlalchemy.ext.asyncio import AsyncConnection

from models import (
    Account,
    AccountKind,
    ActorKind,
    Association,
    AuditAction,
    AuditEvent,
    AuditHead,
    Base,
    Client,
    ClientNote,
    ClientStatus,
    Database,
    DecisionReason,
    Delivery,
    DeliveryState,
    Department,
    Link,
    LinkPurpose,
    Organization,
    Role,
    RoleGrant,
    SearchWord,
    SecondFactor,
    ServiceKey,
    ServiceKeyGrant,
    Session,
    Staff,
    StaffStatus,
    Surface,
    Webhook,
    WebhookEvent,
    WebhookState,
    name_key,
    phone_key,
    sort_key,
    words_of,
)
from permissions import Vault
from permissions.codes import new_secret

NOW = dt.datetime(2026, 6, 1, 12, tzinfo=dt.UTC)
PUBLIC_URL = "https://portal.example.org"
SECRET = "a secret of nobody"
VAULT = Vault(SECRET)

OA = Role.ORGANIZATION_ADMINISTRATOR
DA = Role.DEPARTMENT_ADMINISTRATOR
CC = Role.CARE_COORDINATOR
PR = Role.PRACTITIONER

_ORDER = (
    *(Organization, Department, Account, SearchWord, Staff, RoleGrant, Client),
    *(ServiceKey, ServiceKeyGrant),
    *(SecondFactor, Association, Link, Session, AuditEvent, AuditHead, Webhook, Delivery),
    *(ClientNote, DecisionReason),
)


class Clinic:
    """The rows of all tables, and the ids of what has a label."""

    def __init__(self) -> None:
        self.rows: dict[type[Base], list[dict[str, Any]]] = {model: [] for model in _ORDER}
        self.ids: dict[str, uuid.UUID] = {}
        self.sessions: dict[tuple[str, Surface], uuid.UUID] = {}
        self.keys: dict[tuple[str, None], str] = {}
        self._made = 0

    async def write(self, database: Database) -> None:
        """Put everything into the database."""

        async def work(connection: AsyncConnection) -> None:
            for model in _ORDER:
                table = model.__table__
                assert isinstance(table, Table)
                await connection.execute(insert(table), self.rows[model])

        await database.write(work)

    def organization(self, label: str, **more: Any) -> None:
        self._id = self.ids[label] = self._new_id()
        row = {"id": self._id, "slug": label, "registration_open": True, "contact_email": None}
        row |= {"name": label.title(), "second_factor_required": False, "created_at": NOW}
        self.rows[Organization].append({**row, **more})
        self.rows[AuditHead].append({"organization_id": self._id, "number": 0, "hash": ""})

    def department(self, label: str, name: str, *, active: bool = True) -> None:
        row = self._row(Department, label)
        row.update(name=name, name_key=sort_key(name), active=active, created_at=NOW)

    def staff(self, label: str, first: str, last: str, *grants: Any, **more: Any) -> None:
        """A staff member; `grants` as `(role, department)`, of which the OA's has no department."""
        username = more.pop("username", label)
        row = self._row(Staff, label)
        row.update(
            status=StaffStatus.ACTIVE,
            first_name=first,
            last_name=last,
            name_key=name_key(first, last),
            email=f"{label.title()}@Example.org",
            email_key=f"{label}@example.org",
            receive_new_client_notifications=True,
            created_at=NOW - dt.timedelta(days=100, microseconds=self._made),
            version=self._made,
        )
        row.update(more)
        self._account(row, AccountKind.STAFF, username)
        for role, department in grants:
            grant = self._row(RoleGrant, None)
            grant.update(
                staff_id=row["id"],
                department_id=self.ids[department] if department else None,
                role=role,
                created_at=NOW,
            )

    def second_factor(self, label: str, *, confirmed: bool = True) -> None:
        """A secret of a staff member's app, which counts once it is confirmed."""
        secret = VAULT.encrypt(new_secret(), self._id, self.ids[label])
        row = {"organization_id": self._id, "id": self.ids[label], "secret": secret}
        row |= {"confirmed_at": NOW, "last_step": 1} if confirmed else {}
        self.rows[SecondFactor].append(
            {"confirmed_at": None, "last_step": None, **row, "wrong_codes": 0}
        )

    def client(
        self,
        label: str,
        first: str,
        last: str,
        status: ClientStatus,
        department: str | None,
        approved_by: str | None = None,
        **more: Any,
    ) -> None:
        """A client; `approved_by` says also that it was approved."""
        username = more.pop("username", label)
        row = self._row(Client, label)
        row.update(
            status=status,
            first_name=first,
            last_name=last,
            name_key=name_key(first, last),
            email=f"{label}@Example.com",
            email_key=f"{label}@example.com",
            phone=None,
            date_of_birth=dt.date(1950 + self._made % 60, 1 + self._made % 12, 28),
            department_id=self.ids[department] if department else None,
            created_at=NOW - dt.timedelta(days=200 - self._made),
            approved_at=NOW - dt.timedelta(days=3, microseconds=123456) if approved_by else None,
            approved_by_id=self.ids[approved_by] if approved_by else None,
            status_reason=None,
            version=self._made,
        )
        row.update(more)
        row["phone_key"] = phone_key(row["phone"])
        self._account(row, AccountKind.CLIENT, username)

    def associate(self, client: str, practitioner: str, department: str) -> None:
        row = self._row(Association, f"{client}+{practitioner}")
        there = next(one for one in self.rows[Client] if one["id"] == self.ids[client])
        row.update(
            client_id=self.ids[client],
            client_status=there["status"],
            client_name_key=there["name_key"],
            practitioner_id=self.ids[practitioner],
            department_id=self.ids[department],
            role=PR,
            created_at=NOW - dt.timedelta(hours=self._made),
        )

    def session(self, account: str, surface: Surface) -> None:
        row = self._row(Session, None)
        self.sessions[account, surface] = row["id"]
        row.update(
            account_id=self.ids[account],
            surface=surface,
            generation=1,
            created_at=NOW,
            refreshed_at=NOW,
            access_expires_at=NOW + dt.timedelta(minutes=15),
            refresh_expires_at=NOW + dt.timedelta(days=30),
            ended_at=None,
        )

    def key(
        self, label: str, by: str, permissions: str, *departments: str | None, **more: Any
    ) -> None:
        """A service key with these permissions, by words of theirs, in each of the departments."""
        row = self._row(ServiceKey, label)
        said = base64.urlsafe_b64encode(row["id"].bytes + b"no chance, but 26 letters!").decode()
        token = f"vtk_{said}"
        row.update(
            name=label.title(),
            prefix=token[:16],
            digest=hashlib.sha256(token.encode()).digest(),
            created_at=NOW - dt.timedelta(days=9),
            created_by_id=self.ids[by],
            expires_at=NOW + dt.timedelta(days=9),
            last_used_at=None,
            revoked_at=None,
        )
        row.update(more)
        account = {"organization_id": self._id, "id": row["id"], "kind": AccountKind.SERVICE_KEY}
        nothing = dict.fromkeys(("username", "username_key", "password_hash"))
        self.rows[Account].append({**account, **nothing, "created_at": NOW})
        for department in departments:
            for permission in permissions.split():
                self._row(ServiceKeyGrant, None).update(
                    service_key_id=row["id"],
                    permission=permission,
                    department_id=self.ids[department] if department else None,
                )
        if not more:
            self.keys[label, None] = token

    def link(self, label: str, account: str, purpose: LinkPurpose, **more: Any) -> None:
        row = self._row(Link, label)
        row.update(
            purpose=purpose,
            registration_id=None,
            account_id=self.ids[account],
            created_at=NOW - dt.timedelta(days=1),
            expires_at=NOW + dt.timedelta(days=1),
            used_at=None,
            superseded_at=None,
        )
        row.update(more)

    def event(
        self,
        action: AuditAction,
        by: str | ActorKind,
        *departments: str,
        client: str | None = None,
        staff: str | None = None,
        department: str | None = None,
        **more: Any,
    ) -> None:
        """An event that concerns these departments; `by` somebody, or nobody of this kind."""
        row = self._row(AuditEvent, None)
        head = self.rows[AuditHead][-1]
        head["number"] += 1
        kind, actor, roles = by, None, []
        if not isinstance(by, ActorKind):
            actor = self.ids[by]
            kind = ActorKind.STAFF if self._is(Staff, actor) else ActorKind.CLIENT
            kind = ActorKind.SERVICE_KEY if self._is(ServiceKey, actor) else kind
            grants = [one for one in self.rows[RoleGrant] if one["staff_id"] == actor]
            roles = sorted({one["role"] for one in grants})
        row.update(
            number=head["number"],
            at=NOW + dt.timedelta(seconds=head["number"]),
            action=action,
            actor_kind=kind,
            actor_id=actor,
            roles=roles,
            scope=None,
            surface=None,
            client_id=self.ids[client] if client else None,
            staff_id=self.ids[staff] if staff else None,
            department_id=self.ids[department] if department else None,
            departments=[self.ids[one] for one in departments],
            changes=[],
            reason=None,
            times=1,
            source=None,
            request_id=None,
            previous_hash="",
            hash="",
        )
        row.update(more)

    def reason(self, text: str) -> None:
        """What staff said of the decision that the last event tells of."""
        event = self.rows[AuditEvent][-1]
        event["reason"] = "GIVEN"
        self.rows[DecisionReason].append(
            {name: event[name] for name in ("organization_id", "id", "client_id")} | {"text": text}
        )

    def note(self, client: str, author: str, text: str) -> None:
        row = self._row(ClientNote, None)
        row.update(
            client_id=self.ids[client],
            author_id=self.ids[author],
            created_at=NOW - dt.timedelta(minutes=self._made),
            text=text,
        )

    def webhook(self, label: str, department: str | None, **more: Any) -> None:
        row = self._row(Webhook, label)
        row.update(
            name=f"Partner of {label}",
            url=f"https://{label}.example.net/events?key=é",
            events=["CLIENT_APPROVED", "CLIENT_ASSOCIATED"],
            department_id=self.ids[department] if department else None,
            state=WebhookState.ACTIVE,
            secret=VAULT.encrypt(f"whsec_{label}", self._id, row["id"]),
            previous_secret=None,
            previous_secret_until=None,
            created_at=NOW,
        )
        row.update(more)

    def delivery(self, webhook: str, client: str | None, **more: Any) -> None:
        row = self._row(Delivery, f"{webhook}+{client}")
        row.update(
            webhook_id=self.ids[webhook],
            client_id=self.ids[client] if client else None,
            event=WebhookEvent.CLIENT_APPROVED if client else WebhookEvent.CLIENT_REGISTERED,
            at=NOW,
            payload={"data": {"a": ["é", None], "b": 1}, "type": "client.approved"},
            state=DeliveryState.SENT,
            attempts=1,
            lease=None,
            queued_at=NOW,
            due_at=NOW + dt.timedelta(seconds=1),
            done_at=NOW + dt.timedelta(seconds=1, microseconds=5),
            error=None,
        )
        row.update(more)

    def _is(self, model: type[Base], id: uuid.UUID) -> bool:
        return any(one["id"] == id for one in self.rows[model])

    def _row(self, model: type[Base], label: str | None) -> dict[str, Any]:
        row = {"organization_id": self._id, "id": self._new_id()}
        self.rows[model].append(row)
        if label:
            self.ids[label] = row["id"]
        return row

    def _account(self, person: dict[str, Any], kind: AccountKind, username: str | None) -> None:
        id = person["id"]
        row = {"organization_id": self._id, "id": id, "kind": kind, "created_at": NOW}
        key = username.casefold() if username else None
        hash = "no password has this hash" if username else None
        self.rows[Account].append(
            {**row, "username": username, "username_key": key, "password_hash": hash}
        )
        texts = person["first_name"], person["last_name"], person["email"], username
        self.rows[SearchWord] += [
            {"organization_id": self._id, "word": word, "account_id": id}
            for word in sorted(words_of(*texts))
        ]

    def _new_id(self) -> uuid.UUID:
        """A UUIDv7; they sort as they were made."""
        self._made += 1
        milliseconds = int(NOW.timestamp() * 1000) + self._made
        return uuid.UUID(int=milliseconds << 80 | 0x7 << 76 | 0x2 << 62 | self._made * 0x9E3779B1)


def _clinic() -> Clinic:
    clinic = Clinic()
    _east(clinic)
    _west(clinic)
    return clinic


def _east(clinic: Clinic) -> None:
    active, inactive, pending = ClientStatus.ACTIVE, ClientStatus.INACTIVE, ClientStatus.PENDING
    clinic.organization("east", contact_email="office@east.example.org", name="East & Œuvre")
    clinic.department("speech", "Speech")
    clinic.department("adults", "ädult Care")
    clinic.department("kids", "Children")
    clinic.department("closed", "Day Care", active=False)

    staff = clinic.staff
    staff("oa", "Olga", "Ánder", (OA, None))
    staff("oa.pr", "Oscar", "Ander", (OA, None), (PR, "kids"))
    staff("da.speech", "Dora", "Zwart", (DA, "speech"))
    staff("da.two", "Dirk", "zwart", (DA, "speech"), (DA, "adults"))
    staff("da.pr", "Dina", "Berg", (PR, "kids"), (DA, "adults"), (PR, "adults"))
    staff("cc", "Cleo", "Aas", (CC, "speech"), receive_new_client_notifications=False)
    staff("cc.pr", "Cora", "Aas", (PR, "speech"), (CC, "adults"))
    staff("pr", "Piet", "Smit", (PR, "speech"))
    staff("pr.two", "Piet", "Smit", (PR, "speech"), (PR, "kids"))
    staff("pr.invited", "Pia", "Østby", (PR, "adults"), username=None)
    staff("closed.da", "Carl", "Übel", (DA, "closed"), (PR, "kids"))
    staff("closed.only", "Conny", "Ubel", (CC, "closed"))
    staff("nobody", "Nora", "Lund")
    gone = {"status": StaffStatus.INACTIVE}
    staff("former", "Fons", "Oud", (DA, "kids"), **gone)
    staff("former.bare", "Fien", "Oud", **gone)
    for label in ("oa", "cc.pr", "pr", "former"):
        clinic.second_factor(label)
    clinic.second_factor("da.two", confirmed=False)

    clients = "CLIENT_READ CLIENT_CREATE CLIENT_UPDATE CLIENT_APPROVE CLIENT_SET_STATUS"
    many = f"{clients} CLIENT_ASSOCIATE STAFF_READ STAFF_UPDATE STAFF_SET_ROLES AUDIT_READ"
    clinic.key("key.all", "oa", f"{many} DEPARTMENT_UPDATE ORGANIZATION_UPDATE", None)
    clinic.key("key.two", "oa.pr", many, "speech", "adults")
    clinic.key("key.clients", "oa", clients, "kids", "closed")
    clinic.key("key.reads", "oa", "CLIENT_READ", "speech")
    clinic.key("key.staff", "oa", "STAFF_READ STAFF_UPDATE", "adults", "kids")
    clinic.key("key.audit", "oa", "AUDIT_READ", None)
    clinic.key("key.closed", "oa", many, "closed")
    clinic.key("key.former", "former", many, None, last_used_at=NOW)
    clinic.key("key.revoked", "oa", many, "speech", revoked_at=NOW)
    clinic.key("key.expired", "oa", many, "speech", expires_at=NOW)

    client = clinic.client
    born = dt.date(1984, 2, 29)
    client("ann", "Ann", "Müller", active, "speech", "da.speech", phone="+31 20 123",
           date_of_birth=born)  # fmt: skip
    client("anna", "ann", "muller", active, "speech", "oa", date_of_birth=born)
    client("ann.two", "Ann", "Mu\u0308ller", active, "adults", "former", date_of_birth=born)
    client("bob", "Bob", "de Vries", active, "adults", "da.two", phone="0")
    client("bea", "Bea", "Özil", active, "kids", "former.bare", username=None)
    client("bo", "Bo", "Ozil", active, "kids", "oa.pr")
    client("cas", "Cas", "Straße", active, "kids", "nobody", status_reason="")
    client("kit", "Kit", "Sleutel", active, "speech", "key.two", phone="1")
    client("kim", "Kim", "Sleutel", active, "kids", "key.revoked", username=None)
    client("cis", "Cis", "Strasse", active, "speech", "cc")
    client("dan", "Dan", "Zz", active, "speech", "cc.pr", username=None)
    client("eva", "Éva", "Aalto", active, "adults", "pr.two")
    client("gone", "Gijs", "Weg", inactive, "speech", "oa", status_reason="Moved, as far as Åland")
    client("gone.kids", "Gon", "Weg", inactive, "kids", "da.two", phone="+31/20123")
    client("rejected", "Rik", "Nee", inactive, "speech", status_reason="Nobody knows him")
    client("rejected.unsure", "Ria", "Nee", inactive, None)
    client("was.closed", "Wim", "Dicht", inactive, "closed", "closed.da")
    client("new", "Nel", "Müller", pending, "speech")
    client("new.kids", "Nik", "Jong", pending, "kids")
    client("unsure", "Uma", "Twijfel", pending, None)
    client("unsure.too", "Udo", "Twijfel", pending, None, phone="(31) 20-123")

    associate = clinic.associate
    associate("ann", "pr", "speech")
    associate("ann", "pr.two", "kids")
    associate("bob", "pr.two", "speech")
    associate("anna", "pr.two", "speech")
    associate("bo", "pr", "speech")
    associate("ann", "cc.pr", "speech")
    associate("eva", "cc.pr", "speech")
    associate("eva", "da.pr", "adults")
    associate("cas", "da.pr", "kids")
    associate("bea", "oa.pr", "kids")
    associate("bea", "closed.da", "kids")
    associate("bea", "pr.invited", "adults")
    associate("gone", "pr", "speech")
    associate("gone", "cc.pr", "speech")
    associate("gone.kids", "pr.two", "speech")
    associate("gone.kids", "oa.pr", "kids")
    associate("ann.two", "da.pr", "kids")
    associate("cis", "closed.da", "kids")

    _east_events(clinic)
    _east_notes(clinic)
    _east_webhooks(clinic)

    for label in (
        *("oa", "oa.pr", "da.speech", "da.two", "da.pr", "cc", "cc.pr", "pr", "pr.two"),
        *("closed.da", "closed.only", "nobody", "ann", "bob", "bea", "dan"),
    ):
        clinic.session(label, Surface.PORTAL)
        clinic.session(label, Surface.APP)
    clinic.session("new", Surface.PORTAL)
    clinic.session("unsure", Surface.PORTAL)

    define, reset = LinkPurpose.DEFINE_CREDENTIALS, LinkPurpose.RESET_PASSWORD
    clinic.link("link.valid", "bea", define)
    clinic.link("link.used", "ann", define, used_at=NOW)
    clinic.link("link.expired", "dan", define, expires_at=NOW)
    clinic.link("link.superseded", "oa", reset, superseded_at=NOW - dt.timedelta(minutes=1))


def _east_events(clinic: Clinic) -> None:
    """Of all whom it can concern, by all who can act; what moved, and what is not reached now."""
    event, act = clinic.event, AuditAction
    moved = {"after": None, "before": "dep_one", "field": "departmentId"}
    event(act.ORGANIZATION_CREATED, ActorKind.OPERATOR)
    event(act.DEPARTMENT_CREATED, "oa", "closed", department="closed")
    event(act.DEPARTMENT_UPDATED, "oa", "speech", department="speech")
    event(act.STAFF_CREATED, "oa", "speech", staff="da.speech", scope="ORGANIZATION")
    event(act.STAFF_ROLES_UPDATED, "oa.pr", "speech", "adults", staff="da.two")
    event(act.STAFF_DEACTIVATED, "oa", "kids", staff="former", source="2001:db8::7")
    event(act.STAFF_UPDATED, "nobody", staff="nobody", roles=[], request_id="é-1")
    event(act.REGISTRATION_CREATED, ActorKind.ANONYMOUS, source="192.0.2.1")
    event(act.REGISTRATION_CONFIRMED, ActorKind.LINK, "kids", client="new.kids")
    event(act.REGISTRATION_CONFIRMED, ActorKind.LINK, client="unsure")
    event(act.CLIENT_APPROVED, "former", "adults", client="ann.two", reason="GIVEN")
    event(act.CLIENT_APPROVED, "key.two", "speech", client="kit")
    event(act.SERVICE_KEY_CREATED, "oa", "speech", "adults")
    event(act.CLIENT_UPDATED, "da.two", "speech", "adults", client="bob", changes=[moved])
    event(act.CLIENT_UPDATED, "oa", "adults", client="ann", changes=[moved, {"redacted": True}])
    event(act.ASSOCIATION_CREATED, "da.speech", "speech", client="ann", staff="pr")
    event(act.ASSOCIATION_CHANGED, "oa", "kids", "speech", client="ann", staff="pr.two")
    event(act.ASSOCIATION_REMOVED, "oa", "kids", client="ann", staff="pr.two")
    event(act.ASSOCIATION_REMOVED, "da.pr", "adults", client="rejected.unsure", staff="nobody")
    event(act.SIGNED_IN, "ann", "speech", client="ann", surface=Surface.APP, scope="OWN")
    event(act.PASSWORD_CHANGED, "eva", "adults", client="eva", surface=Surface.PORTAL)
    event(act.SIGN_IN_REFUSED, ActorKind.ANONYMOUS, reason="INVALID_CREDENTIALS", times=7)
    event(act.OPERATION_REFUSED, "cc", "speech", staff="cc", reason="FORBIDDEN: Query.x")
    event(act.SESSION_ENDED, "closed.da", "closed", "kids", staff="closed.da")


def _east_notes(clinic: Clinic) -> None:
    """What managers decided and wrote, of whom one reaches, of whom one does not any more."""
    event, act, note = clinic.event, AuditAction, clinic.note
    event(act.CLIENT_CREATED, "oa.pr", "kids", client="bo")
    event(act.CLIENT_APPROVED, "da.speech", "speech", client="ann")
    event(act.CLIENT_DEACTIVATED, "former", "speech", client="ann")
    clinic.reason("“Away” — até já,\tshe said")
    event(act.CLIENT_REACTIVATED, "key.two", "speech", client="ann")
    event(act.CLIENT_REJECTED, "cc", "speech", client="rejected")
    clinic.reason("Nobody knows him")
    event(act.CLIENT_DEACTIVATED, "oa", "speech", client="gone")
    event(act.CLIENT_REJECTED, "oa", client="rejected.unsure")
    note("ann", "da.speech", "Prefers to be called.")
    note("ann", "former", "“Ánn”, not Anna: <b>é</b>")
    note("ann", "key.clients", "0")
    note("gone", "oa", "Moved, as far as Åland")
    note("bea", "oa.pr", "Asks for pia")
    note("new.kids", "closed.da", "Registered twice?")
    note("unsure", "oa", "Rings on Monday")


def _east_webhooks(clinic: Clinic) -> None:
    """Of the whole organization and of departments; sent, waiting, and about whom one reaches."""
    hook, delivery = clinic.webhook, clinic.delivery
    hook("hook", None)
    hook("hook.speech", "speech", previous_secret_until=NOW)
    hook("hook.kids", "kids", state=WebhookState.PAUSED, events=[])
    hook("hook.ended", "speech", state=WebhookState.ENDED, secret=None)
    delivery("hook", "ann")
    delivery("hook", None)
    delivery("hook.speech", "ann", state=DeliveryState.QUEUED, done_at=None, error="it said 500")
    delivery("hook.speech", "eva", attempts=7)
    delivery("hook.kids", "bo", state=DeliveryState.HELD, done_at=None, attempts=0)
    delivery("hook.ended", "gone", state=DeliveryState.CANCELLED)


def _west(clinic: Clinic) -> None:
    clinic.organization("west", registration_open=False, second_factor_required=True)
    clinic.department("west.one", "Speech")
    clinic.department("west.two", "Alone")
    clinic.staff("west.oa", "Wanda", "Aas", (OA, None))
    clinic.staff("west.pr", "Wes", "Smit", (PR, "west.one"), (CC, "west.two"))
    clinic.staff("west.late", "Wim", "Laat", (OA, None), (PR, "west.one"))
    for label in ("west.oa", "west.pr"):
        clinic.second_factor(label)
    clinic.second_factor("west.late", confirmed=False)
    clinic.key("west.key", "west.oa", "CLIENT_READ CLIENT_UPDATE STAFF_READ", None)
    clinic.client("west.ann", "Ann", "Müller", ClientStatus.ACTIVE, "west.one", "west.oa",
                  phone="3120123", date_of_birth=dt.date(1984, 2, 29))  # fmt: skip
    clinic.client("west.new", "Nel", "Müller", ClientStatus.PENDING, "west.two")
    clinic.associate("west.ann", "west.pr", "west.one")
    clinic.webhook("west.hook", "west.one")
    clinic.delivery("west.hook", "west.ann")
    clinic.note("west.ann", "west.pr", "Of the other Ann")
    clinic.event(AuditAction.CLIENT_APPROVED, "west.oa", "west.one", client="west.ann")
    clinic.event(AuditAction.DEPARTMENT_UPDATED, "west.oa", "west.two", department="west.two")
    clinic.event(AuditAction.SIGNED_IN, "west.pr", "west.one", "west.two", staff="west.pr")
    for label in ("west.oa", "west.pr", "west.late", "west.ann"):
        clinic.session(label, Surface.PORTAL)


CLINIC = _clinic()

Caller = tuple[str, Surface | None] | None
"""A label of the clinic and a surface; of a service key None. None is the anonymous caller."""

CALLERS: tuple[Caller, ...] = (None, *CLINIC.sessions, *CLINIC.keys)
"""Who asks."""


def named(caller: Caller) -> str:
    """The caller, in the name of a test."""
    return "-".join(filter(None, caller)).lower() if caller else "anonymous"
