"""What can be done with many clients at once, each told by a row of its own."""

from typing import Annotated

import strawberry
from strawberry import Info

import resolvers
from permissions import Permission, Requires
from resolvers import Context
from schema.declare import mutation
from schema.inputs import ClientsImportInput
from schema.payloads import ClientsImportPayload

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
        return ClientsImportPayload.of(done)
