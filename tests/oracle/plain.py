"""The same API, executed plainly: `schema.graphql`, graphql-core alone, rows in memory, no plan.

Written from the requirements and not from the rooms: nothing of `permissions`, `resolvers` or
`schema` is used here, so that what both agree on was said twice. A field of a type is the method
of both names; without one it is the row's value.
"""

import datetime as dt
import unicodedata
import uuid
from collections.abc import Callable
from types import SimpleNamespace as Row
from typing import Any

from graphql import (
    GraphQLError,
    GraphQLInterfaceType,
    GraphQLNonNull,
    GraphQLObjectType,
    build_schema,
    execute_sync,
    get_operation_ast,
    parse,
)
from graphql.execution.values import get_variable_values

from tests.oracle.asked import Asked, definition_of, permits, shown, walk
from tests.oracle.people import HOLDERS, PERMISSIONS, Me
from tests.oracle.rows import Rows, by_id, by_shown_id, shown_id

Answer = dict[str, Any]


OF_ASSOCIATIONS = ("ASSOCIATION_CREATED", "ASSOCIATION_CHANGED", "ASSOCIATION_REMOVED")
CHANGES = (
    *("REGISTRATION_CONFIRMED", "INVITATION_ACCEPTED", "EMAIL_CHANGED", "CLIENT_CREATED"),
    *("CLIENT_UPDATED", "CLIENT_APPROVED", "CLIENT_REJECTED", "CLIENT_DEACTIVATED"),
    "CLIENT_REACTIVATED",
    *OF_ASSOCIATIONS,
)
"""After these a client is not what they were before."""


class BadArgument(Exception):
    """A cursor of no row within reach, or more words than anybody types."""


class Plain:
    """The API over these rows. `link_tokens` tells which link each token is of."""

    def __init__(
        self,
        sdl: str,
        rows: Rows,
        *,
        public_url: str,
        now: dt.datetime,
        link_tokens: dict[str, uuid.UUID],
    ) -> None:
        self.schema = build_schema(sdl)
        self._rows = rows
        self._public_url = public_url
        self._now = now
        self._link_tokens = link_tokens
        for name, type_ in self.schema.type_map.items():
            if isinstance(type_, GraphQLObjectType) and not name.startswith("__"):
                for field_name, definition in type_.fields.items():
                    definition.resolve = self._resolver(name, field_name)
            elif isinstance(type_, GraphQLInterfaceType):
                type_.resolve_type = self._type_of

    def execute(
        self, me: Me, text: str, variables: dict[str, Any], operation_name: str | None
    ) -> Answer:
        """The answer, as the server should give it; of errors only path, code and `denied`."""
        asked = self.asked(text, variables, operation_name)
        if asked is None:
            return _refused("BAD_USER_INPUT")
        denied = asked.denied(self.schema, me)
        if denied and me.person is None:
            return _refused("UNAUTHENTICATED")
        if denied:
            return _refused("FORBIDDEN", denied=[shown(self.schema, *one) for one in denied])
        if asked.bad_pages:
            return _refused("BAD_USER_INPUT")
        result = execute_sync(
            self.schema,
            parse(text),
            context_value=me,
            variable_values=variables,
            operation_name=operation_name,
        )
        answer: Answer = {"data": result.data}
        if result.errors:
            answer["errors"] = self._failed(answer, result.errors, asked)
        return answer

    def asked(self, text: str, variables: dict[str, Any], name: str | None) -> Asked | None:
        """What the operation asks for; None where its variables are not what it says."""
        document = parse(text)
        operation = get_operation_ast(document, name)
        assert operation
        definitions = operation.variable_definitions or ()
        values = get_variable_values(self.schema, definitions, variables)
        return None if isinstance(values, list) else walk(self.schema, document, operation, values)

    def may(self, me: Me, coordinate: str) -> bool:
        """Whether the caller may ask for `Type.field` at all."""
        return permits(self.schema, me, coordinate)

    # --- what went wrong --------------------------------------------------------------------------

    def _failed(
        self, answer: Answer, errors: list[GraphQLError], asked: Asked
    ) -> list[dict[str, Any]]:
        """One error a read: a bad argument somewhere in it fails all of it (`D29`)."""
        reads: set[str] = set()
        for error in errors:
            assert isinstance(error.original_error, BadArgument), error
            assert error.path
            reads.add(str(error.path[0]))
        types = {
            path: definition_of(self.schema, coordinate).type for path, coordinate in asked.fields
        }
        for read in reads:
            if isinstance(types[(read,)], GraphQLNonNull):
                answer["data"] = None
            elif answer["data"] is not None:
                answer["data"][read] = None
        return [{"path": [read], **_error("BAD_USER_INPUT")} for read in reads]

    # --- fields -----------------------------------------------------------------------------------

    def _resolver(self, type_name: str, field_name: str) -> Callable[..., Any]:
        name = _snake(field_name)
        method: Any = getattr(self, f"{_snake(type_name)}_{name}", None)

        def resolve(source: Any, info: Any, **said: Any) -> Any:
            if method is not None:
                given = {_snake(argument): value for argument, value in said.items()}
                return method(info.context, source, **given)
            return source[field_name] if isinstance(source, dict) else _said(getattr(source, name))

        return resolve

    def _type_of(self, value: Row, info: Any, _type: Any) -> str:
        """The type of a row; who acts and is out of reach is shown by name only (`D8`)."""
        if value.model == "Staff" and not self._rows.reads_staff(info.context, value):
            return "NamedActor"
        if value.model == "ServiceKey" and not self._rows.reads_key(info.context, value):
            return "NamedServiceKey"
        return "WebhookDelivery" if value.model == "Delivery" else str(value.model)

    def _query_viewer(self, me: Me, _: Any) -> Any:
        if me.person is None or me.kind == "ServiceKey":
            return None
        return {
            "surface": me.surface,
            "organization": by_id(self._rows.organizations, me.person.organization_id),
            "permissions": [one for one in PERMISSIONS if me.scopes(one)],
            "secondFactorNeeded": self._rows.needs_second_factor(me.person),
            "staff": me.person if me.kind == "Staff" else None,
            "client": me.person if me.kind == "Client" else None,
        }

    def _query_service_key(self, me: Me, _: Any) -> Any:
        return me.person if me.kind == "ServiceKey" else None

    def _query_service_keys(self, me: Me, _: Any, **page: Any) -> Any:
        mine = [row for row in self._rows.keys if self._rows.reads_key(me, row)]
        return _page(mine, mine, _by_id, page, descending=True)

    def _query_clients(
        self,
        me: Me,
        _: Any,
        status: str | None = None,
        department_id: str | None = None,
        practitioner_id: str | None = None,
        search: str | None = None,
        order_by: str | None = None,
        **page: Any,
    ) -> Any:
        """The clients whom the caller manages (`S1`)."""
        rows = self._rows
        practitioner = by_shown_id("stf_", rows.staff, practitioner_id or "")
        listed = [
            row
            for row in rows.clients
            if rows.manages_client(me, row)
            and status in (None, row.status)
            and department_id in (None, shown_id("dep_", row.department_id))
            and (
                practitioner_id is None
                or rows.meets(me, row, practitioner.id if practitioner else None)
            )
        ]
        listed = self._found(listed, search)
        readable = [row for row in rows.clients if rows.reads_client(me, row)]
        key = _by_id if order_by in ("NEWEST", "OLDEST") else _by_name
        return _page(listed, readable, key, page, descending=order_by == "NEWEST")

    def _query_client(self, me: Me, _: Any, id: str) -> Any:
        found = by_shown_id("cli_", self._rows.clients, id)
        return found if found and self._rows.manages_client(me, found) else None

    def _query_staff(
        self,
        me: Me,
        _: Any,
        status: str | None = None,
        role: str | None = None,
        department_id: str | None = None,
        search: str | None = None,
        **page: Any,
    ) -> Any:
        rows = self._rows
        holders = {
            grant.staff_id
            for grant in rows.grants
            if role in (None, grant.role)
            and department_id in (None, shown_id("dep_", grant.department_id))
        }
        anybody = role is None and department_id is None
        readable = [row for row in rows.staff if rows.reads_staff(me, row)]
        listed = [
            row
            for row in readable
            if status in (None, row.status) and (anybody or row.id in holders)
        ]
        listed = self._found(listed, search)
        return _page(listed, readable, _by_name, page)

    def _query_staff_member(self, me: Me, _: Any, id: str) -> Any:
        found = by_shown_id("stf_", self._rows.staff, id)
        return found if found and self._rows.reads_staff(me, found) else None

    def _query_departments(self, me: Me, _: Any) -> Any:
        mine = [row for row in self._rows.departments if me.is_of(row)]
        return sorted(mine, key=lambda row: _plainly(row.name))

    def _query_audit_events(
        self,
        me: Me,
        _: Any,
        action: list[str] | None = None,
        actor_id: str | None = None,
        subject_id: str | None = None,
        department_id: str | None = None,
        since: str | None = None,
        until: str | None = None,
        **page: Any,
    ) -> Any:
        rows = self._rows
        readable = [row for row in rows.events if rows.reads_event(me, row)]
        listed = [
            row
            for row in readable
            if (action is None or row.action in action)
            and (actor_id is None or self._names(me, actor_id, row.actor_id))
            and (
                subject_id is None
                or self._names(me, subject_id, row.client_id, row.staff_id, row.department_id)
            )
            and department_id in (None, *(shown_id("dep_", id) for id in row.departments))
            and (since is None or _time(since) <= row.at)
            and (until is None or row.at < _time(until))
        ]
        return _page(listed, readable, _by_number, page, descending=True)

    def _names(self, me: Me, shown: str, *ids: uuid.UUID | None) -> bool:
        """Whether one of the ids is of the row that is shown so, and that the caller reads."""
        rows = self._rows
        kinds: Any = (
            ("stf_", rows.staff, rows.reads_staff),
            ("cli_", rows.clients, rows.reads_client),
            ("dep_", rows.departments, Me.is_of),
            ("key_", rows.keys, rows.reads_key),
        )
        found = [
            row
            for prefix, all_rows, reads in kinds
            if (row := by_shown_id(prefix, all_rows, shown)) and reads(me, row)
        ]
        return any(row.id in ids for row in found)

    def _query_webhooks(self, me: Me, _: Any, state: str | None = None, **page: Any) -> Any:
        readable = [row for row in self._rows.webhooks if self._rows.reads_webhook(me, row)]
        listed = [row for row in readable if state in (None, row.state)]
        return _page(listed, readable, _by_id, page)

    def _query_client_changes(
        self,
        me: Me,
        _: Any,
        status: str | None = None,
        department_id: str | None = None,
        **page: Any,
    ) -> Any:
        """What happened to the clients whom the caller manages now; its number is its cursor.

        Of associations only what concerned a department in which the caller manages (`D9`).
        """
        mine = me.managed("CLIENT_READ")
        listed = [
            _change(event, client)
            for event in self._rows.events
            for client in (by_id(self._rows.clients, event.client_id),)
            if event.action in CHANGES
            and client
            and self._rows.manages_client(me, client)
            and (
                event.action not in OF_ASSOCIATIONS
                or me.everywhere("CLIENT_READ")
                or not mine.isdisjoint(event.departments)
            )
            and status in (None, client.status)
            and department_id in (None, shown_id("dep_", client.department_id))
        ]
        # A number is a place, whether something happened there or not.
        known = {row.id for row in listed}
        cursors = (page.get("after"), page.get("before"))
        places = {place for cursor in cursors if cursor and (place := _number(cursor))}
        return _page(listed, [*listed, *(Row(id=one) for one in places - known)], _by_id, page)

    def _client_change_id(self, _me: Me, row: Row) -> Any:
        return shown_id("cur_", row.id)

    def _query_node(self, me: Me, _: Any, id: str) -> Any:
        rows = self._rows
        ours = me.person and me.person.organization_id
        kinds: Any = (
            ("org_", rows.organizations, lambda _, row: row.id == ours),
            ("dep_", rows.departments, Me.is_of),
            ("stf_", rows.staff, rows.reads_staff),
            ("cli_", rows.clients, rows.reads_client),
            ("asc_", rows.associations, rows.reads_association),
            ("aud_", rows.events, rows.reads_event),
            ("key_", rows.keys, rows.reads_key),
            ("hok_", rows.webhooks, rows.reads_webhook),
            ("dlv_", rows.deliveries, rows.reads_delivery),
        )
        for prefix, all_rows, reads in kinds:
            found = by_shown_id(prefix, all_rows, id)
            if found:
                return found if reads(me, found) else None
        return None

    def _query_permission_matrix(self, _me: Me, _: Any) -> Any:
        return [
            {"role": role, "permission": permission, "scope": scope}
            for role, (scope, held) in HOLDERS.items()
            for permission in held
        ]

    def _query_organization(self, _me: Me, _: Any, slug: str) -> Any:
        found = next((row for row in self._rows.organizations if row.slug == slug), None)
        if found is None:
            return None
        return {
            "name": found.name,
            "slug": found.slug,
            "portalUrl": f"{self._public_url}/{slug}",
            "registrationOpen": found.registration_open,
            "departments": [
                {"id": shown_id("dep_", row.id), "name": row.name}
                for row in sorted(self._rows.departments, key=lambda row: _plainly(row.name))
                if row.organization_id == found.id and row.active
            ],
        }

    def _query_link(self, _me: Me, _: Any, token: str) -> Any:
        found = by_id(self._rows.links, self._link_tokens.get(token))
        if found is None:
            nothing = dict.fromkeys(("purpose", "organizationName", "expiresAt"))
            return {**nothing, "state": "UNKNOWN"}
        organization = by_id(self._rows.organizations, found.organization_id)
        assert organization
        return {
            "state": _state(found, self._now),
            "purpose": found.purpose,
            "organizationName": organization.name,
            "expiresAt": _said(found.expires_at),
        }

    def _organization_id(self, _me: Me, row: Row) -> Any:
        return shown_id("org_", row.id)

    def _organization_portal_url(self, _me: Me, row: Row) -> Any:
        return f"{self._public_url}/{row.slug}"

    def _department_id(self, _me: Me, row: Row) -> Any:
        return shown_id("dep_", row.id)

    def _role_grant_department(self, _me: Me, row: Row) -> Any:
        return by_id(self._rows.departments, row.department_id)

    def _named_actor_display_name(self, _me: Me, row: Row) -> Any:
        return f"{row.first_name} {row.last_name}"

    _staff_display_name = _named_actor_display_name

    def _staff_id(self, _me: Me, row: Row) -> Any:
        return shown_id("stf_", row.id)

    def _staff_onboarding_state(self, _me: Me, row: Row) -> Any:
        return "COMPLETE" if self._rows.accounts[row.id].username else "AWAITING_CREDENTIALS"

    def _staff_email(self, me: Me, row: Row) -> Any:
        return row.email if self._rows.reads_details(me, row) else None

    def _staff_username(self, me: Me, row: Row) -> Any:
        reads = self._rows.reads_details(me, row)
        return self._rows.accounts[row.id].username if reads else None

    def _staff_receive_new_client_notifications(self, me: Me, row: Row) -> Any:
        reads = self._rows.reads_details(me, row)
        return row.receive_new_client_notifications if reads else None

    def _staff_second_factor(self, me: Me, row: Row) -> Any:
        return row.id in self._rows.second_factors if self._rows.reads_details(me, row) else None

    def _staff_roles(self, _me: Me, row: Row) -> Any:
        """Who reads them, reads all their grants (`D7`)."""
        return [grant for grant in self._rows.grants if grant.staff_id == row.id]

    def _staff_associations(self, me: Me, row: Row, **page: Any) -> Any:
        rows = self._rows
        readable = [one for one in rows.associations if rows.reads_association(me, one)]
        theirs = [one for one in readable if one.practitioner_id == row.id]
        return _page(theirs, readable, _by_id, page)

    def _staff_viewer_permissions(self, me: Me, row: Row) -> Any:
        return self._rows.rights_over_staff(me, row)

    def _client_id(self, _me: Me, row: Row) -> Any:
        return shown_id("cli_", row.id)

    def _client_onboarding_state(self, _me: Me, row: Row) -> Any:
        if self._rows.accounts[row.id].username is None:
            return "AWAITING_CREDENTIALS"
        return "COMPLETE" if row.approved_at else "AWAITING_APPROVAL"

    def _client_username(self, me: Me, row: Row) -> Any:
        return self._guarded(me, row, self._rows.accounts[row.id].username)

    def _client_email(self, me: Me, row: Row) -> Any:
        return self._guarded(me, row, row.email)

    def _client_phone(self, me: Me, row: Row) -> Any:
        return self._guarded(me, row, row.phone)

    def _client_date_of_birth(self, me: Me, row: Row) -> Any:
        return self._guarded(me, row, row.date_of_birth)

    def _client_status_reason(self, me: Me, row: Row) -> Any:
        return self._guarded(me, row, row.status_reason)

    def _client_approved_at(self, me: Me, row: Row) -> Any:
        return self._guarded(me, row, row.approved_at)

    def _client_approved_by(self, me: Me, row: Row) -> Any:
        return self._guarded(me, row, self._actor(row.approved_by_id))

    def _client_department(self, _me: Me, row: Row) -> Any:
        return by_id(self._rows.departments, row.department_id)

    def _client_associations(self, me: Me, row: Row) -> Any:
        """Everybody sees their own; the others are left out, never an error (`D9`)."""
        all_of_them = self._rows.associations_of(row)
        return [one for one in all_of_them if self._rows.reads_association(me, one)]

    def _client_notes(self, me: Me, row: Row, **page: Any) -> Any:
        rows = self._rows
        readable = [one for each in rows.managed_clients(me) for one in rows.notes_on(each)]
        theirs = [one for one in readable if one.client_id == row.id]
        return _page(theirs, readable, _by_id, page, descending=True)

    def _client_decisions(self, me: Me, row: Row, **page: Any) -> Any:
        rows = self._rows
        readable = [one for each in rows.managed_clients(me) for one in rows.decisions_on(each)]
        theirs = [one for one in readable if one.client_id == row.id]
        return _page(theirs, readable, _by_number, page, descending=True)

    def _client_possible_duplicates(self, me: Me, row: Row) -> Any:
        """The first ten others by id, of whom one knows as much as of the row."""
        rows = self._rows
        if not rows.manages_client(me, row):
            return []
        found = [one for one in rows.managed_clients(me) if one is not row and _alike(one, row)]
        return sorted(found, key=_by_id)[:10]

    def _client_note_id(self, _me: Me, row: Row) -> Any:
        return shown_id("cur_", row.id)

    def _client_note_author(self, _me: Me, row: Row) -> Any:
        return self._actor(row.author_id)

    def _client_decision_id(self, _me: Me, row: Row) -> Any:
        return shown_id("cur_", row.id)

    def _client_decision_actor(self, _me: Me, row: Row) -> Any:
        return self._actor(row.actor_id)

    def _client_decision_reason(self, _me: Me, row: Row) -> Any:
        """The trail knows that there is one; what staff said is kept beside it."""
        found = by_id(self._rows.reasons, row.id)
        return found.text if found else None

    def _client_viewer_permissions(self, me: Me, row: Row) -> Any:
        return self._rows.rights_over_client(me, row)

    def _association_id(self, _me: Me, row: Row) -> Any:
        return shown_id("asc_", row.id)

    def _association_client(self, me: Me, row: Row) -> Any:
        found = by_id(self._rows.clients, row.client_id)
        return found if found and self._rows.reads_client(me, found) else None

    def _association_practitioner(self, me: Me, row: Row) -> Any:
        found = by_id(self._rows.staff, row.practitioner_id)
        return found if found and self._rows.reads_staff(me, found) else None

    def _association_department(self, _me: Me, row: Row) -> Any:
        return by_id(self._rows.departments, row.department_id)

    def _audit_event_id(self, _me: Me, row: Row) -> Any:
        return shown_id("aud_", row.id)

    def _audit_event_actor(self, _me: Me, row: Row) -> Any:
        """The name of who acted is told to everybody who reads the event."""
        return self._actor(row.actor_id)

    def _audit_event_client(self, me: Me, row: Row) -> Any:
        found = by_id(self._rows.clients, row.client_id)
        return found if found and self._rows.reads_client(me, found) else None

    def _audit_event_staff(self, me: Me, row: Row) -> Any:
        found = by_id(self._rows.staff, row.staff_id)
        return found if found and self._rows.reads_staff(me, found) else None

    def _audit_event_department(self, _me: Me, row: Row) -> Any:
        return by_id(self._rows.departments, row.department_id)

    def _actor(self, id: uuid.UUID | None) -> Row | None:
        return by_id((*self._rows.staff, *self._rows.keys), id)

    def _service_key_id(self, _me: Me, row: Row) -> Any:
        return shown_id("key_", row.id)

    def _service_key_display_name(self, _me: Me, row: Row) -> Any:
        return row.name

    def _named_service_key_display_name(self, _me: Me, row: Row) -> Any:
        return row.name

    def _service_key_created_by(self, _me: Me, row: Row) -> Any:
        return self._actor(row.created_by_id)

    def _service_key_status(self, _me: Me, row: Row) -> Any:
        if row.revoked_at:
            return "REVOKED"
        if row.expires_at <= self._now:
            return "EXPIRED"
        maker = by_id(self._rows.staff, row.created_by_id)
        roles = {one.role for one in self._rows.grants if one.staff_id == row.created_by_id}
        good = maker and maker.status == "ACTIVE" and "ORGANIZATION_ADMINISTRATOR" in roles
        return "ACTIVE" if good else "SUSPENDED"

    def _service_key_grants(self, _me: Me, row: Row) -> Any:
        return self._rows.grants_of(row)

    def _service_key_grant_department(self, _me: Me, row: Row) -> Any:
        return by_id(self._rows.departments, row.department_id)

    def _webhook_id(self, _me: Me, row: Row) -> Any:
        return shown_id("hok_", row.id)

    def _webhook_department(self, _me: Me, row: Row) -> Any:
        return by_id(self._rows.departments, row.department_id)

    def _webhook_deliveries(self, me: Me, row: Row, **page: Any) -> Any:
        rows = self._rows
        readable = [one for one in rows.deliveries if rows.reads_delivery(me, one)]
        theirs = [one for one in readable if one.webhook_id == row.id]
        return _page(theirs, readable, _by_id, page)

    def _webhook_delivery_id(self, _me: Me, row: Row) -> Any:
        return shown_id("dlv_", row.id)

    def _webhook_delivery_client(self, me: Me, row: Row) -> Any:
        found = by_id(self._rows.clients, row.client_id)
        return found if found and self._rows.reads_client(me, found) else None

    def _found(self, listed: list[Row], search: str | None) -> list[Row]:
        """Those of whom every word typed is the beginning of a word; without any, nobody."""
        if search is None or not search.strip():
            return listed
        typed = set(_words(search))
        if len(typed) > 8 or len(search) > 1000:
            raise BadArgument(search)
        return [row for row in listed if typed and self._is_found(row, typed)]

    def _is_found(self, row: Row, typed: set[str]) -> bool:
        texts = (row.first_name, row.last_name, row.email, self._rows.accounts[row.id].username)
        theirs = [word for text in texts for word in _words(text or "")]
        return all(any(word.startswith(one) for word in theirs) for one in typed)

    def _guarded(self, me: Me, client: Row, value: Any) -> Any:
        return _said(value) if self._rows.reads_guarded(me, client) else None


def _refused(code: str, **more: Any) -> Answer:
    return {"errors": [_error(code, **more)]}


def _error(code: str, **more: Any) -> dict[str, Any]:
    return {"extensions": {"code": code, **more}}


def _time(said: str) -> dt.datetime:
    """The time; in UTC where it says no offset."""
    time = dt.datetime.fromisoformat(said)
    return time if time.tzinfo else time.replace(tzinfo=dt.UTC)


def _state(link: Row, now: dt.datetime) -> str:
    if link.used_at:
        return "USED"
    if link.superseded_at:
        return "SUPERSEDED"
    return "VALID" if now < link.expires_at else "EXPIRED"


def _snake(name: str) -> str:
    """The name in small letters; that of a type begins with an underscore."""
    return "".join(f"_{letter.lower()}" if letter.isupper() else letter for letter in name)


def _said(value: Any) -> Any:
    """The value as the schema's scalars write it."""
    if isinstance(value, dt.datetime):
        whole, dot, fraction = value.strftime("%Y-%m-%dT%H:%M:%S.%f").partition(".")
        fraction = fraction.rstrip("0")
        return f"{whole}{dot if fraction else ''}{fraction}+00:00"
    return value.isoformat() if isinstance(value, dt.date) else value


# --- lists ----------------------------------------------------------------------------------------


def _change(event: Row, client: Row) -> Row:
    id = uuid.UUID(int=event.number)
    return Row(model="ClientChange", id=id, at=event.at, action=event.action, client=client)


def _number(cursor: str) -> uuid.UUID | None:
    """The place that a cursor of numbers says."""
    digits = cursor.removeprefix("cur_")
    if len(digits) != 32 or not set(digits) <= set("0123456789abcdef"):
        return None
    id = uuid.UUID(digits)
    return id if cursor.startswith("cur_") and id.int < 2**63 else None


def _by_id(row: Row) -> tuple[str, str, int]:
    return "", "", row.id.int


def _by_number(row: Row) -> tuple[str, str, int]:
    return "", "", row.number


def _by_name(row: Row) -> tuple[str, str, int]:
    return _plainly(row.last_name), _plainly(row.first_name), row.id.int


def _alike(one: Row, other: Row) -> bool:
    """The same name and date of birth, or the same digits of a telephone number."""
    if _by_name(one)[:2] == _by_name(other)[:2] and one.date_of_birth == other.date_of_birth:
        return True
    digits = ["".join(filter(str.isdigit, each.phone or "")) for each in (one, other)]
    return digits[0] == digits[1] != ""


def _plainly(text: str) -> str:
    """Casefolded and without accents (`D29`)."""
    letters = unicodedata.normalize("NFKD", text.casefold())
    return "".join(one for one in letters if unicodedata.category(one) != "Mn")


def _words(text: str) -> list[str]:
    """The runs of letters and digits, casefolded and without accents."""
    plain = _plainly(text)
    return "".join(one if one.isalnum() else " " for one in plain).split()


def _page(
    listed: list[Row],
    readable: list[Row],
    key: Callable[[Row], tuple[str, str, int]],
    said: dict[str, Any],
    descending: bool = False,
) -> dict[str, Any]:
    """A page: the list in its order, cut at the rows of the cursors, and taken from one end."""
    first, after = said.get("first"), said.get("after")
    last, before = said.get("last"), said.get("before")
    everything = sorted([*listed, *(row for row in readable if row not in listed)], key=key)
    if descending:
        everything.reverse()

    def place(cursor: str) -> int:
        for i, row in enumerate(everything):
            if row in readable and shown_id("cur_", row.id) == cursor:
                return i
        raise BadArgument(cursor)

    start = 0 if after is None else place(after) + 1
    stop = len(everything) if before is None else place(before)
    between = [row for row in everything[start:stop] if row in listed]
    size = last or (25 if first is None else first)
    page = between[-size:] if last else between[:size]
    more = len(between) > size
    cursors = [shown_id("cur_", row.id) for row in page]
    return {
        "edges": [
            {"cursor": cursor, "node": row} for cursor, row in zip(cursors, page, strict=True)
        ],
        "nodes": page,
        "pageInfo": {
            "hasNextPage": before is not None if last else more,
            "hasPreviousPage": more if last else after is not None,
            "startCursor": cursors[0] if cursors else None,
            "endCursor": cursors[-1] if cursors else None,
        },
        "totalCount": len(listed),
    }
