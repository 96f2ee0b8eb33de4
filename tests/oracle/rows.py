"""All rows in memory, and who reads which of them (`D7`), looked at one by one."""

import uuid
from collections.abc import Iterable
from types import SimpleNamespace as Row
from typing import Any

from models import (
    Account,
    Association,
    AuditEvent,
    Base,
    Client,
    ClientNote,
    DecisionReason,
    Delivery,
    Department,
    Link,
    Organization,
    RoleGrant,
    SecondFactor,
    ServiceKey,
    ServiceKeyGrant,
    Staff,
    Webhook,
)
from tests.oracle.people import PERMISSIONS, Me, Program

DECISIONS = (
    "REGISTRATION_CONFIRMED",
    "CLIENT_CREATED",
    "CLIENT_APPROVED",
    "CLIENT_REJECTED",
    "CLIENT_DEACTIVATED",
    "CLIENT_REACTIVATED",
)


class Rows:
    """The rows of each table (from `{model: [{column: value}]}`), and the reach of a caller."""

    def __init__(self, rows: dict[type[Base], list[dict[str, Any]]]) -> None:
        def loaded(model: type[Base]) -> list[Row]:
            return [Row(model=model.__name__, **row) for row in rows[model]]

        self.organizations = loaded(Organization)
        self.departments = loaded(Department)
        self.staff = loaded(Staff)
        self.grants = loaded(RoleGrant)
        self.clients = loaded(Client)
        self.associations = loaded(Association)
        self.links = loaded(Link)
        self.events = loaded(AuditEvent)
        self.notes = loaded(ClientNote)
        self.reasons = loaded(DecisionReason)
        self.keys = loaded(ServiceKey)
        self.key_grants = loaded(ServiceKeyGrant)
        self.webhooks = loaded(Webhook)
        self.deliveries = loaded(Delivery)
        self.accounts = {row.id: row for row in loaded(Account)}
        self.second_factors = {row.id for row in loaded(SecondFactor) if row.confirmed_at}

    def me(self, person: uuid.UUID, surface: str | None) -> Me:
        """The caller with the account of this id."""
        key = by_id(self.keys, person)
        if key:
            return self._program(key)
        found = by_id((*self.clients, *self.staff), person)
        assert found
        if self.needs_second_factor(found):
            return Me(found, found.model, surface)
        grants = tuple(
            one for one in self.grants if one.staff_id == person and one.department_id in self._open
        )
        return Me(found, found.model, surface, grants)

    def _program(self, key: Row) -> Program:
        """The service key; what it was given in a department that is closed does not count."""
        given = [one for one in self.grants_of(key) if one.department_id in self._open]
        permissions = frozenset(one.permission for one in given)
        departments = frozenset(one.department_id for one in given)
        return Program(key, key.model, permissions=permissions, departments=departments)

    @property
    def _open(self) -> set[uuid.UUID | None]:
        """Where grants count: in active departments, and in none."""
        return {None, *(one.id for one in self.departments if one.active)}

    def grants_of(self, key: Row) -> list[Row]:
        return [one for one in self.key_grants if one.service_key_id == key.id]

    def reads_key(self, me: Me, key: Row) -> bool:
        """Who manages keys, and the key itself."""
        manages = me.is_of(key) and me.everywhere("SERVICE_KEY_MANAGE")
        return manages or me.is_("ServiceKey", key.id)

    def needs_second_factor(self, person: Row) -> bool:
        """Whether it is staff of an organization that requires one, and has none."""
        organization = by_id(self.organizations, person.organization_id)
        assert organization
        required = person.model == "Staff" and organization.second_factor_required
        return required and person.id not in self.second_factors

    def associations_of(self, client: Row) -> list[Row]:
        return [one for one in self.associations if one.client_id == client.id]

    def manages_client(self, me: Me, client: Row) -> bool:
        """An OA all; a DA and a CC where its department, or that of an association, is theirs."""
        if not me.is_of(client):
            return False
        departments = {one.department_id for one in self.associations_of(client)}
        mine = me.managed("CLIENT_READ")
        return me.everywhere("CLIENT_READ") or not mine.isdisjoint(
            {client.department_id, *departments}
        )

    def reads_guarded(self, me: Me, client: Row) -> bool:
        """The details of a client: who manages it, and the client themself."""
        return self.manages_client(me, client) or me.is_("Client", client.id)

    def notes_on(self, client: Row) -> list[Row]:
        return [one for one in self.notes if one.client_id == client.id]

    def decisions_on(self, client: Row) -> list[Row]:
        """What brought the client into a list."""
        return [
            one for one in self.events if one.client_id == client.id and one.action in DECISIONS
        ]

    def managed_clients(self, me: Me) -> list[Row]:
        return [one for one in self.clients if self.manages_client(me, one)]

    def reads_client(self, me: Me, client: Row) -> bool:
        """Who reads its details, and a practitioner their own ACTIVE clients."""
        mine = client.status == "ACTIVE" and any(
            me.is_("Staff", one.practitioner_id) for one in self.associations_of(client)
        )
        return self.reads_guarded(me, client) or mine

    def reads_association(self, me: Me, association: Row) -> bool:
        """An OA all; a DA and a CC in their departments; one's own, if the client is ACTIVE."""
        if not me.is_of(association):
            return False
        mine = me.managed("CLIENT_READ")
        if me.everywhere("CLIENT_READ") or association.department_id in mine:
            return True
        client = by_id(self.clients, association.client_id)
        assert client
        met = me.is_("Staff", association.practitioner_id) and client.status == "ACTIVE"
        return met or me.is_("Client", client.id)

    def manages_staff(self, me: Me, staff: Row) -> bool:
        """An OA all; a DA and a CC those with a grant in a department of theirs."""
        if not me.is_of(staff):
            return False
        departments = {one.department_id for one in self.grants if one.staff_id == staff.id}
        mine = me.managed("STAFF_READ")
        return me.everywhere("STAFF_READ") or not mine.isdisjoint(departments)

    def reads_details(self, me: Me, staff: Row) -> bool:
        """More than the name of a staff member: who manages them, and themself."""
        return self.manages_staff(me, staff) or me.is_("Staff", staff.id)

    def reads_staff(self, me: Me, staff: Row) -> bool:
        """Who reads the details; a client their practitioners, as does a key its clients'."""
        meets = me.kind != "Staff" and any(
            one.practitioner_id == staff.id and self.reads_association(me, one)
            for one in self.associations
        )
        return self.reads_details(me, staff) or meets

    def reads_event(self, me: Me, event: Row) -> bool:
        """An OA all; a DA what concerned a department of theirs."""
        return me.is_of(event) and (
            me.everywhere("AUDIT_READ")
            or not me.managed("AUDIT_READ").isdisjoint(event.departments)
        )

    def reads_webhook(self, me: Me, webhook: Row) -> bool:
        """An OA all; a DA those of a department of theirs."""
        return me.is_of(webhook) and (
            me.everywhere("WEBHOOK_MANAGE") or webhook.department_id in me.managed("WEBHOOK_MANAGE")
        )

    def reads_delivery(self, me: Me, delivery: Row) -> bool:
        """Who reads the webhook."""
        webhook = by_id(self.webhooks, delivery.webhook_id)
        return webhook is not None and self.reads_webhook(me, webhook)

    def rights_over_client(self, me: Me, client: Row) -> list[str]:
        """What the caller may do with this client; clients have no permissions (D31).

        Changing goes by the client's department (D7), associating by the reach alone (S15): the
        department that counts there is the association's.
        """
        rights = set()
        if me.kind != "Client" and self.reads_client(me, client):
            rights = {"CLIENT_READ"}
        if self.manages_client(me, client) and me.holds("CLIENT_ASSOCIATE", "DEPARTMENT"):
            rights |= {"CLIENT_ASSOCIATE"}
        for what in ("CREATE", "UPDATE", "APPROVE", "SET_STATUS"):
            one = f"CLIENT_{what}"
            theirs = me.everywhere(one) or client.department_id in me.managed(one)
            if me.is_of(client) and theirs:
                rights |= {one}
        return [one for one in PERMISSIONS if one in rights]

    def rights_over_staff(self, me: Me, staff: Row) -> list[str]:
        """What the caller may do with this staff member, and whether to choose whom they meet (D6).

        Grants: whoever administers a department, to anybody in reach. The record: only where all
        grants are in departments that the caller administers. Of oneself, the notifications; an
        Organizational Administrator may also give up roles of their own (D12).
        """
        rights = set()
        if self.manages_staff(me, staff):
            rights = {"STAFF_READ"}
            if me.holds("CLIENT_ASSOCIATE", "DEPARTMENT"):
                rights |= {"CLIENT_ASSOCIATE"}
            others = me.managed("STAFF_SET_ROLES") and not me.is_("Staff", staff.id)
            if me.everywhere("STAFF_SET_ROLES") or others:
                rights |= {"STAFF_SET_ROLES"}
        if me.is_of(staff) and not me.is_("Staff", staff.id):
            grants = [one.department_id for one in self.grants if one.staff_id == staff.id]
            mine = me.managed("STAFF_UPDATE")
            if me.everywhere("STAFF_UPDATE") or (grants and mine.issuperset(grants)):
                rights |= {"STAFF_UPDATE"}
        return [one for one in PERMISSIONS if one in rights]

    def meets(self, me: Me, client: Row, practitioner: uuid.UUID | None) -> bool:
        """Whether the caller reads an association of the two, and the practitioner."""
        found = by_id(self.staff, practitioner)
        return (
            found is not None
            and self.reads_staff(me, found)
            and any(
                one.practitioner_id == found.id and self.reads_association(me, one)
                for one in self.associations_of(client)
            )
        )


def by_id(rows: Iterable[Row], id: uuid.UUID | None) -> Row | None:
    """The row of this id."""
    return next((row for row in rows if row.id == id), None)


def by_shown_id(prefix: str, rows: Iterable[Row], shown: str) -> Row | None:
    """The row whose id is shown so."""
    return next((row for row in rows if shown_id(prefix, row.id) == shown), None)


def shown_id(prefix: str, id: uuid.UUID | None) -> str | None:
    """The id as callers see it."""
    return f"{prefix}{str(id).replace('-', '')}" if id else None
