"""The codes of top-level errors, one table of them.

What a use case refuses is data, in `userErrors`. Everything else comes as a top-level error with
one of these codes in its `extensions`; nothing goes out without one.
"""

from collections.abc import Collection
from enum import StrEnum
from typing import Any

from graphql import GraphQLError, Node


class ErrorCode(StrEnum):
    """What is wrong with a request, for programs."""

    BAD_USER_INPUT = "BAD_USER_INPUT"
    UNAUTHENTICATED = "UNAUTHENTICATED"
    FORBIDDEN = "FORBIDDEN"
    RATE_LIMITED = "RATE_LIMITED"
    IDEMPOTENCY_MISMATCH = "IDEMPOTENCY_MISMATCH"
    QUERY_TOO_COSTLY = "QUERY_TOO_COSTLY"
    SERVICE_UNAVAILABLE = "SERVICE_UNAVAILABLE"
    INTERNAL_SERVER_ERROR = "INTERNAL_SERVER_ERROR"


MEANINGS = {
    ErrorCode.BAD_USER_INPUT: "The request is not one that can be answered: not JSON, not GraphQL, "
    "not of this schema, or with a value that cannot be.",
    ErrorCode.UNAUTHENTICATED: "Nobody is signed in, or the session is over: refresh it, or sign "
    "in. Nothing was done.",
    ErrorCode.FORBIDDEN: "Who is signed in may not ask for this: `denied` lists every such field, "
    "with its path and what it requires. Nothing was done.",
    ErrorCode.RATE_LIMITED: "This was tried too often. Try again after `retryAfter` seconds.",
    ErrorCode.IDEMPOTENCY_MISMATCH: "The `Idempotency-Key` was another document's, or came with "
    "other variables. Nothing was done.",
    ErrorCode.QUERY_TOO_COSTLY: "The document, or what it asks for, is too large: `exceeded` names "
    "the limit, `requested` and `limit` are the two numbers. Nothing was done.",
    ErrorCode.SERVICE_UNAVAILABLE: "Something that is needed is away, or it took too long. Try "
    "again in a moment; after a mutation look first whether it was done.",
    ErrorCode.INTERNAL_SERVER_ERROR: "Something went wrong that should not. `incident` names the "
    "entry in our log.",
}


def failure(
    code: ErrorCode,
    message: str,
    nodes: Collection[Node] | Node | None = None,
    **extensions: Any,
) -> GraphQLError:
    """An error with its code, and where in the document. `extensions` go out beside the code."""
    return GraphQLError(message, nodes, extensions={"code": code, **extensions})
