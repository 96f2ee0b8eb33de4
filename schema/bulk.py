"""What can be done with many clients at once, each told by a row of its own."""

from collections.abc import Sequence
from typing import Annotated

import strawberry
from strawberry import Info

import resolvers
from permissions import Permission, Requires
from resolvers import Context, Refused, RowResult
from schema.declare import mutation
from schema.inputs import ClientsApproveInput, ClientsImportInput, ClientsRejectInput
from schema.payloads import ClientsImportPayload, ClientsPayload

Asking = Info[Context, None]


@strawberry.type
class BulkMutation:
    """The fields of the mutation root that take rows."""

    @mutation(Requires(Permission.CLIENT_CREATE))
    async def clients_import(
        self,
        info: Asking,
        input: Annotated[
            ClientsImportInput, strawberry.argument(description="The new clients, and how.")
        ],
    ) -> ClientsImportPayload:
        """Create many clients, each as `clientCreate` does.

        Sent again, it makes nobody twice: an address is a client once. `field` names the row in
        each error, as `["input", "clients", "3", "email"]`.
        """
        done = await resolvers.clients_import(
            info.context,
            [one.typed() for one in input.clients],
            input.policy,
            validate_only=input.validate_only,
        )
        _note(info, done.rows)
        return ClientsImportPayload.of(done)

    @mutation(Requires(Permission.CLIENT_APPROVE))
    async def clients_approve(
        self,
        info: Asking,
        input: Annotated[ClientsApproveInput, strawberry.argument(description="The clients.")],
    ) -> ClientsPayload:
        """Approve pending clients, each as `clientApprove` does, and each by itself."""
        done = await resolvers.clients_approve(info.context, input.typed())
        _note(info, done)
        return ClientsPayload.of(done)

    @mutation(Requires(Permission.CLIENT_APPROVE))
    async def clients_reject(
        self,
        info: Asking,
        input: Annotated[ClientsRejectInput, strawberry.argument(description="The clients.")],
    ) -> ClientsPayload:
        """Turn pending clients down, each as `clientReject` does, and each by itself."""
        done = await resolvers.clients_reject(info.context, input.typed())
        _note(info, done)
        return ClientsPayload.of(done)


def _note(info: Asking, rows: Sequence[RowResult]) -> None:
    """Note that the caller was refused rows, where that is news: once for all of them."""
    refused = Refused(*(problem for row in rows for problem in row.problems))
    info.context.refused_by_use_case(refused, f"Mutation.{info.field_name}")
