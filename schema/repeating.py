"""Which operations may be sent again under an `Idempotency-Key`, and what makes two the same."""

import re
from typing import Any

import orjson
from graphql import OperationType, get_named_type
from graphql.execution.collect_fields import collect_fields

from resolvers import Once, Stopped, once
from schema.declare import DEFINITION
from schema.errors import ErrorCode
from schema.payloads import RowPayload

_KEY = re.compile(r"[ -~]{1,255}")


async def begin(executor: Any, key: str, *said: Any) -> Once:
    """The operation that is about to run, as one that is done once.

    `said` is all that the request says of it. Raises `Stopped` where there can be no key, or where
    this one was another document's, and `models.Unavailable`.
    """
    if not _KEY.fullmatch(key):
        message = "An Idempotency-Key has 1 to 255 printable characters of ASCII."
        raise Stopped(ErrorCode.BAD_USER_INPUT, message)
    if not _answers_a_row(executor):
        message = (
            "An Idempotency-Key goes with a single mutation that answers a client, a staff member, "
            "a department, the organization, a service key, a webhook or a delivery, and no secret."
        )
        raise Stopped(ErrorCode.BAD_USER_INPUT, message)
    context = executor.context_value
    services, digest = context.services, context.services.tokens.digest
    document = orjson.dumps(said, option=orjson.OPT_SORT_KEYS).decode()
    return await once(
        services.database,
        context.actor,
        digest("idempotency key", key),
        digest("document", document),
        context.now(),
    )


def _answers_a_row(executor: Any) -> bool:
    """Whether the operation is one mutation whose outcome is a row: so it answers no secret."""
    if executor.operation.operation is not OperationType.MUTATION:
        return False
    root = executor.schema.mutation_type
    selected = collect_fields(
        executor.schema, executor.fragments, executor.variable_values, root, executor.operation
    ).grouped_field_set
    if len(selected) != 1:
        return False
    ((details, *_),) = selected.values()
    definition = root.fields.get(details.node.name.value)
    if definition is None:
        return False
    payload = get_named_type(definition.type).extensions[DEFINITION].origin
    return issubclass(payload, RowPayload)
