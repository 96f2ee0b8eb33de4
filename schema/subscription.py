"""What can be followed as it happens."""

import strawberry
from strawberry import UNSET

import resolvers
from permissions import Permission, Requires
from resolvers import ChangeFilter, Listing
from schema.declare import query
from schema.inputs import given
from schema.query import OfDepartment, Status
from schema.types import ClientChange


@strawberry.type(description="What can be followed as it happens.")
class Subscription:
    """The fields of the subscription root. A resolver names the rows of which new ones are told."""

    @query(Requires(Permission.CLIENT_READ), reads=ClientChange)
    def client_changed(
        self, status: Status = UNSET, department_id: OfDepartment = UNSET
    ) -> Listing:
        """What happens to the clients whom the caller manages, one change after the other.

        Each is told if the client is within the caller's reach at that moment. It ends when the
        session does. Over graphql-transport-ws, or with `Accept: text/event-stream`.
        """
        return resolvers.client_changes(ChangeFilter(given(status), given(department_id)))
