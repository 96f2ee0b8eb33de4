"""What can be done about internal notes; `Mutation` has this field, too."""

from typing import Annotated

import strawberry
from strawberry import ID, Info

import resolvers
from permissions import Permission, Requires
from resolvers import Context
from schema.declare import mutation, named
from schema.inputs import ClientNoteInput
from schema.payloads import ClientPayload


@strawberry.type
class ClientNoteMutation:
    """Writing notes."""

    @mutation(Requires(Permission.CLIENT_UPDATE))
    async def client_note_add(
        self,
        info: Info[Context, None],
        id: Annotated[ID, strawberry.argument(description="The client.")],
        input: Annotated[ClientNoteInput, strawberry.argument(description="The note.")],
    ) -> ClientPayload:
        """Write an internal note on a client. It stays as it is, and is for managers alone."""
        key = await resolvers.client_note_add(info.context, id, input.text)
        return ClientPayload(client=named(key))
