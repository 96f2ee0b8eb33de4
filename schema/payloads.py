"""What mutations answer. What a use case refuses is data, in `userErrors`."""

import datetime as dt
from collections.abc import Sequence
from typing import Any, Self

from strawberry import ID
from strawberry.utils.str_converters import to_snake_case

import models
import resolvers
from models import ClientStatus, Surface
from resolvers import Code, Opened, Problem, Refused
from schema.declare import SIZE, about, row, several, type_
from schema.types import Client, Department, Organization, ServiceKey, Staff


@type_
class ChoosableDepartment:
    """A department that can be named."""

    id: ID = about("Its id.")
    name: str = about("Its name.")


@type_
class UserError:
    """Something that the caller can put right."""

    code: Code = about("What is wrong, for programs.")
    message: str = about("What is wrong, for people.")
    field: list[str] | None = about(
        'The path of the argument, as `["input", "email"]`; null where it is none in particular.'
    )
    choices: list[ChoosableDepartment] | None = about(
        "What could have been said instead (`DEPARTMENT_REQUIRED`)."
    )


def user_error(problem: Problem) -> UserError:
    """The problem as the schema shows it."""
    choices = problem.choices and [
        ChoosableDepartment(id=ID(models.outside("dep_", one.id)), name=one.name)
        for one in problem.choices
    ]
    return UserError(
        code=problem.code,
        message=problem.message,
        field=list(problem.field) if problem.field else None,
        choices=list(choices) if choices else None,
    )


class Payload:
    """What every payload can be made of."""

    @classmethod
    def refused(cls, refused: Refused) -> Self:
        """The payload of a use case that did nothing."""
        return cls(user_errors=[user_error(problem) for problem in refused.problems])  # type: ignore[call-arg]


class RowPayload(Payload):
    """A payload that shows a row, as it is now, also where the change was refused."""

    @classmethod
    def refused(cls, refused: Refused) -> Self:
        payload = super().refused(refused)
        setattr(payload, cls.shows(), refused.key)
        return payload

    @classmethod
    def shows(cls) -> str:
        """The field of the row: what the payload is named after."""
        return to_snake_case(cls.__name__.removesuffix("Payload"))


def listed(done: Sequence[resolvers.RowResult]) -> Any:
    """What a field of `several` holds: the clients that these results are about."""
    return resolvers.these_clients(one.key for one in done if one.key)


def user_errors() -> Any:
    """The field of every payload for what was refused."""
    return about("What was wrong; empty when it is done.", default_factory=list)


@type_
class Session:
    """Somebody signed in, on one surface."""

    access_token: str = about("Goes with every request: `Authorization: Bearer …`.")
    access_token_expires_at: dt.datetime = about("When it ends: after 15 minutes.")
    refresh_token: str = about("Gets the next pair of tokens, once.")
    refresh_token_expires_at: dt.datetime = about("When it ends: 30 days after its last use.")
    surface: Surface = about("Where the session is good.")


@type_
class SessionPayload(Payload):
    """Signed in, or why not."""

    session: Session | None = about("The session; null where there are errors.", default=None)
    user_errors: list[UserError] = user_errors()

    @classmethod
    def of(cls, opened: Opened) -> Self:
        """The payload of a session."""
        return cls(
            session=Session(
                access_token=opened.access_token,
                access_token_expires_at=opened.access_token_expires_at,
                refresh_token=opened.refresh_token,
                refresh_token_expires_at=opened.refresh_token_expires_at,
                surface=opened.surface,
            )
        )


@type_
class LogoutPayload(Payload):
    """Signed out."""

    user_errors: list[UserError] = user_errors()


@type_
class RequestPayload(Payload):
    """A request that a letter may answer. It never depends on whether such a person exists."""

    accepted: bool = about("Whether the request was good: there are no errors.", default=False)
    user_errors: list[UserError] = user_errors()


@type_
class CredentialsPayload(Payload):
    """Somebody's credentials are set."""

    username: str | None = about("The username, as chosen.", default=None)
    status: ClientStatus | None = about("The client's status; null for staff.", default=None)
    user_errors: list[UserError] = user_errors()


@type_
class SecondFactorBeginPayload(Payload):
    """A secret for an authenticator app. It is shown this once."""

    secret: str | None = about("To be typed into the app, where it cannot scan.", default=None)
    otpauth_uri: str | None = about("To be shown as a QR code, for the app to scan.", default=None)
    user_errors: list[UserError] = user_errors()


@type_
class RecoveryCodesPayload(Payload):
    """Recovery codes, each good once. They are shown this once."""

    recovery_codes: list[str] | None = about(
        "To be kept where the app is not; null where there are errors.", default=None
    )
    user_errors: list[UserError] = user_errors()


@type_
class ClientPayload(RowPayload):
    """A client. Null without errors: done, and now out of the caller's reach."""

    client: Client | None = row("The client, as it is now.")
    user_errors: list[UserError] = user_errors()


@type_
class RowResult:
    """What became of one row of the input."""

    client_id: ID | None = about(
        "The client; null where none was made, or where there is none as far as you reach."
    )
    user_errors: list[UserError] = about(
        "What was wrong with the row; empty when it is done, or could be.", metadata={SIZE: 1}
    )

    @classmethod
    def of(cls, result: resolvers.RowResult) -> Self:
        """The result as the schema shows it."""
        key = result.key
        return cls(
            client_id=ID(models.outside("cli_", key.id)) if key else None,
            user_errors=[user_error(problem) for problem in result.problems],
        )


@type_
class ClientsImportPayload(Payload):
    """What became of an import, row by row."""

    rows: list[RowResult] = about(
        "One for each row of the input, in its order.",
        metadata={SIZE: resolvers.MOST_ROWS},
    )
    clients: list[Client] = several("Those who were made, by their ids.", resolvers.MOST_ROWS)
    user_errors: list[UserError] = about(
        "Why nothing was done at all; what is wrong with each row is in `rows`."
    )

    @classmethod
    def refused(cls, refused: Refused) -> Self:
        return cls.of(resolvers.Imported((), refused.problems))

    @classmethod
    def of(cls, done: resolvers.Imported) -> Self:
        """The payload of an import, also of one that did nothing because of its rows."""
        return cls(
            rows=[RowResult.of(row) for row in done.rows],
            clients=listed(done.rows),
            user_errors=[user_error(problem) for problem in done.problems],
        )


@type_
class ClientsPayload(Payload):
    """What became of many clients, row by row."""

    rows: list[RowResult] = about(
        "One for each row of the input, in its order.", metadata={SIZE: resolvers.MOST_DECISIONS}
    )
    clients: list[Client] = several(
        "The clients, as they are now, by their ids.", resolvers.MOST_DECISIONS
    )
    user_errors: list[UserError] = about(
        "Why nothing was done at all; what is wrong with each row is in `rows`."
    )

    @classmethod
    def refused(cls, refused: Refused) -> Self:
        errors = [user_error(problem) for problem in refused.problems]
        return cls(rows=[], clients=listed(()), user_errors=errors)

    @classmethod
    def of(cls, done: Sequence[resolvers.RowResult]) -> Self:
        """The payload of these rows."""
        return cls(rows=list(map(RowResult.of, done)), clients=listed(done), user_errors=[])


@type_
class StaffPayload(RowPayload):
    """A staff member. Null without errors: done, and now out of the caller's reach."""

    staff: Staff | None = row("The staff member, as it is now.")
    user_errors: list[UserError] = user_errors()


@type_
class DepartmentPayload(RowPayload):
    """A department."""

    department: Department | None = row("The department, as it is now.")
    user_errors: list[UserError] = user_errors()


@type_
class OrganizationPayload(RowPayload):
    """The organization."""

    organization: Organization | None = row("The organization, as it is now.")
    user_errors: list[UserError] = user_errors()


@type_
class ServiceKeyPayload(RowPayload):
    """A service key."""

    service_key: ServiceKey | None = row("The service key, as it is now.")
    user_errors: list[UserError] = user_errors()


@type_
class ServiceKeyCreatePayload(Payload):
    """A new service key, and its token. It is shown this once."""

    service_key: ServiceKey | None = row("The service key; null where there are errors.")
    token: str | None = about(
        "Goes with every request of the program: `Authorization: Bearer …`. Nobody can read it "
        "again; null where there are errors.",
        default=None,
    )
    user_errors: list[UserError] = user_errors()
