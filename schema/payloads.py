"""What mutations answer. What a use case refuses is data, in `userErrors`."""

import datetime as dt
from typing import Any, Self

from strawberry import ID

import models
from models import ClientStatus, Surface
from resolvers import Code, Opened, Problem, Refused
from schema.declare import about, row, type_
from schema.types import Client, Department, Organization, Staff


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
        return cls.__name__.removesuffix("Payload").lower()


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
