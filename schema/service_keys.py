"""What can be done about service keys; `Mutation` has these fields, too."""

from typing import Annotated

import strawberry
from strawberry import ID, Info

import resolvers
from permissions import Permission, Requires, Scope
from resolvers import Context
from schema.declare import mutation, named
from schema.inputs import ServiceKeyInput
from schema.payloads import ServiceKeyCreatePayload, ServiceKeyPayload

Asking = Info[Context, None]


@strawberry.type
class ServiceKeyMutation:
    """Making keys, and revoking them."""

    @mutation(Requires(Permission.SERVICE_KEY_MANAGE, Scope.ORGANIZATION))
    async def service_key_create(
        self,
        info: Asking,
        input: Annotated[ServiceKeyInput, strawberry.argument(description="The key.")],
    ) -> ServiceKeyCreatePayload:
        """Make a key for a program: its token is answered this once."""
        issued = await resolvers.service_key_create(info.context, input.typed())
        return ServiceKeyCreatePayload(service_key=named(issued.key), token=issued.token)

    @mutation(Requires(Permission.SERVICE_KEY_MANAGE, Scope.ORGANIZATION))
    async def service_key_revoke(
        self,
        info: Asking,
        id: Annotated[ID, strawberry.argument(description="The service key.")],
    ) -> ServiceKeyPayload:
        """End a service key at once. Revoked before, it stays as it is."""
        key = await resolvers.service_key_revoke(info.context, id)
        return ServiceKeyPayload(service_key=named(key))
