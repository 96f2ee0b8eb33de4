"""What is measured, as data: each row compares the product with its rivals at one piece of work."""

from collections.abc import Callable
from dataclasses import dataclass

import orjson

from models import Role

Request = Callable[[str], Callable[[], bytes]]
"""From an access token to what makes the bytes of each request."""


@dataclass(frozen=True, slots=True)
class Data:
    """A database filled by `portal.populate`; the callers are of its first organization."""

    organizations: int
    clients: int
    largest: int | None = None
    dialect: str = "postgresql"


@dataclass(frozen=True, slots=True)
class Entry:
    """A server (`product`, or a module beside this one) at work on some data for some caller."""

    name: str
    server: str
    request: Request
    data: Data
    caller: Role


@dataclass(frozen=True, slots=True)
class Rival:
    """Whom the product is compared with; `target` is the least ratio of answers a second."""

    entry: Entry
    target: float | None = None


@dataclass(frozen=True, slots=True)
class Row:
    """One piece of work. Where `same`, all must give the same JSON before they are measured."""

    name: str
    product: Entry
    rivals: tuple[Rival, ...]
    same: bool = True
    connections: int = 16


def graphql(document: str) -> Request:
    """A GraphQL document, the same each time."""
    body = orjson.dumps({"query": document})

    def request(token: str) -> Callable[[], bytes]:
        head = (
            "POST /graphql HTTP/1.1\r\nhost: 127.0.0.1\r\naccept: application/json\r\n"
            f"authorization: Bearer {token}\r\n"
            f"content-type: application/json\r\ncontent-length: {len(body)}\r\n\r\n"
        )
        sent = head.encode() + body
        return lambda: sent

    return request


def get(path: str) -> Request:
    """A path of a hand-written API."""

    def request(token: str) -> Callable[[], bytes]:
        head = (
            f"GET {path} HTTP/1.1\r\nhost: 127.0.0.1\r\naccept: application/json\r\n"
            f"authorization: Bearer {token}\r\n\r\n"
        )
        sent = head.encode()
        return lambda: sent

    return request


MEDIUM = Data(organizations=20, clients=100_000)

PAGE = """
query Page {
  clients(first: 50) {
    nodes {
      id firstName lastName status email dateOfBirth
      department { id name }
      associations {
        id createdAt
        practitioner { id displayName }
        department { id name }
      }
    }
    pageInfo { hasNextPage endCursor }
  }
}
"""

_ADMINISTRATOR = Role.DEPARTMENT_ADMINISTRATOR

ROWS = (
    Row(
        name="Page of 50 clients, two nested levels, as Department Administrator",
        product=Entry("product", "product", graphql(PAGE), MEDIUM, _ADMINISTRATOR),
        rivals=(
            Rival(
                Entry("usual Strawberry", "usual", graphql(PAGE), MEDIUM, _ADMINISTRATOR),
                target=8.0,
            ),
            Rival(
                Entry(
                    "hand-written SQL to JSON, bare Starlette",
                    "handwritten",
                    get("/clients?first=50"),
                    MEDIUM,
                    _ADMINISTRATOR,
                ),
                target=0.5,
            ),
        ),
    ),
)
