"""What can be followed as it happens."""

from typing import Annotated

import strawberry
from strawberry import UNSET

import resolvers
from permissions import Permission, Requires
from resolvers import ChangeFilter, Listing
from schema.declare import query
from schema.inputs import given
from schema.query import OfDepartment, Status
from schema.types import ClientChange

GoingOn = Annotated[
    str | None,
    strawberry.argument(
        description="Begin with what came after this cursor; left out: with what comes from now on."
    ),
]


@strawberry.type(description="What can be followed as it happens.")
class Subscription:
    """The fields of the subscription root. A resolver names the rows of which new ones are told."""

    @query(Requires(Permission.CLIENT_READ), reads=ClientChange)
    def client_changed(
        self,
        status: Status = UNSET,
        department_id: OfDepartment = UNSET,
        after: GoingOn = UNSET,
    ) -> Listing:
        """What happens to the clients whom the caller manages, one change after the other.

        Each is told if the client is within the caller's reach at that moment, and so is what is
        told of associations. It ends when the session does. Over graphql-transport-ws, or with
        `Accept: text/event-stream`.

        Whoever was cut off goes on `after` the last that they were told, and misses none.
        """
        wanted = ChangeFilter(given(status), given(department_id))
        return resolvers.follow_client_changes(wanted, given(after))
