"""What goes back to callers: bodies, and errors as they may see them."""

import logging
from dataclasses import dataclass, replace
from typing import Any

import orjson
from graphql import GraphQLError

from models import Unavailable, new_id
from resolvers import BadArgument, Stopped
from schema.errors import ErrorCode, failure

log = logging.getLogger("portal.graphql")


@dataclass(frozen=True, slots=True)
class Response:
    """What goes back: the body as JSON, and whether the operation ran at all.

    `done`: something failed when a mutation of it had come to its end already. `kind` is the
    operation's, where it is known: `query`, `mutation` or `subscription`; and so is its `cost`.
    """

    body: bytes
    ran: bool
    done: bool = False
    kind: str | None = None
    cost: int | None = None

    @property
    def json(self) -> dict[str, Any]:
        """The body as its readers understand it."""
        return orjson.loads(self.body)  # type: ignore[no-any-return]

    def costing(self, requested: int, limit: int) -> "Response":
        """The same, and it tells the cost of the operation."""
        told = f',"extensions":{{"cost":{{"requested":{requested},"limit":{limit}}}}}}}'
        return replace(self, body=self.body[:-1] + told.encode(), cost=requested)


def refused(errors: list[GraphQLError]) -> Response:
    """The response of an operation that does not run, for these reasons."""
    body = {"errors": [formatted(_of_value(error)) for error in errors]}
    return Response(orjson.dumps(body), ran=False)


def _of_value(error: GraphQLError) -> GraphQLError:
    """The error, in our words where the library stumbled over a value, as over 5,000 digits."""
    known = GraphQLError | BadArgument | Stopped | Unavailable | None
    if isinstance(error.original_error, known):
        return error
    return failure(ErrorCode.BAD_USER_INPUT, "There is a value that cannot be.", error.nodes)


def formatted(error: GraphQLError) -> dict[str, Any]:
    """The error as callers see it: with a code, and without what is none of their business."""
    shown: dict[str, Any] = dict(error.formatted)
    extensions = dict(error.extensions or {})
    cause = error.original_error
    match cause:
        case BadArgument():
            extensions["code"] = ErrorCode.BAD_USER_INPUT
        case Stopped():
            extensions |= {"code": ErrorCode(cause.code), **cause.told}
        case Unavailable():
            shown["message"] = "The service is not available. Please try again in a moment."
            extensions["code"] = ErrorCode.SERVICE_UNAVAILABLE
        case None | GraphQLError():
            extensions.setdefault("code", ErrorCode.BAD_USER_INPUT)
        case _:
            incident = new_id().hex
            log.error("incident %s", incident, exc_info=cause)
            shown["message"] = f"Something went wrong. Tell us the incident: {incident}."
            extensions |= {"code": ErrorCode.INTERNAL_SERVER_ERROR, "incident": incident}
    shown["extensions"] = extensions
    return shown
