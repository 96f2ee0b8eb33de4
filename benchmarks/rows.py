"""What is read, as data: each row compares the product with its rivals at one piece of work."""

from dataclasses import dataclass, replace

from benchmarks.asking import (
    Asking,
    about_each_client,
    get,
    get_each_client,
    graphql,
    never_seen,
)
from models import Role

USUAL = "usual Strawberry"
HANDWRITTEN = "hand-written"


@dataclass(frozen=True, slots=True)
class Data:
    """A database filled by `portal.populate`; the callers are of its first organization."""

    organizations: int
    clients: int
    largest: int | None = None
    dialect: str = "postgresql"


@dataclass(frozen=True, slots=True)
class Entry:
    """A server (`product`, or a module of `rivals`) at work on some data for some caller."""

    name: str
    server: str
    asking: Asking
    data: Data
    caller: Role = Role.DEPARTMENT_ADMINISTRATOR


@dataclass(frozen=True, slots=True)
class Rival:
    """Whom the product is compared with; `target` is the least ratio of answers a second.

    Where `same`, it must give the same JSON as the product before anything is measured.
    """

    entry: Entry
    target: float | None = None
    same: bool = True


@dataclass(frozen=True, slots=True)
class Row:
    """One piece of work."""

    name: str
    product: Entry
    rivals: tuple[Rival, ...]
    connections: int = 16


SMALL = Data(organizations=20, clients=10_000, largest=2_000)
MEDIUM = Data(organizations=20, clients=100_000, largest=20_000)
LARGE = Data(organizations=20, clients=1_000_000, largest=200_000)
EMBEDDED = replace(MEDIUM, dialect="sqlite")

CLIENT = """
      id firstName lastName status email dateOfBirth
      department { id name }
      associations {
        id createdAt
        practitioner { id displayName }
        department { id name }
      }
"""

PAGE = f"""
query Page {{
  clients(first: 50) {{
    nodes {{{CLIENT}}}
    pageInfo {{ hasNextPage endCursor }}
  }}
}}
"""

NEW_PAGE = PAGE.replace("clients(", "ALIAS: clients(")

ONE = f"""
query One($id: ID!) {{
  client(id: $id) {{{CLIENT}}}
}}
"""

VIEWER = """
query Me {
  viewer {
    surface
    permissions
    organization { id name }
    staff { id displayName email }
  }
}
"""


def _row(
    name: str,
    asking: Asking,
    by_hand: Asking,
    targets: tuple[float | None, float | None],
    data: Data = MEDIUM,
    server: str = "handwritten",
    same: bool = True,
) -> Row:
    """A row with both rivals; `targets` as the usual one's, the hand-written one's."""
    return Row(
        name=name,
        product=Entry("product", "product", asking, data),
        rivals=(
            Rival(Entry(USUAL, "usual", asking, data), targets[0]),
            Rival(Entry(HANDWRITTEN, server, by_hand, data), targets[1], same),
        ),
    )


ROWS = (
    _row(
        "Page of 50 clients, two nested levels, as Department Administrator",
        graphql(PAGE),
        get("/clients?first=50"),
        targets=(12, 0.80),
    ),
    _row(
        "One client with associations",
        about_each_client(ONE),
        get_each_client("/clients/"),
        targets=(3, 0.65),
    ),
    _row(
        "`viewer`: person, organization, permissions",
        graphql(VIEWER),
        get("/viewer"),
        targets=(2, 0.65),
    ),
    _row(
        "The page in a document never seen before",
        never_seen(NEW_PAGE),
        get("/clients?first=50"),
        targets=(3, None),
        same=False,  # there is no document in it, and so no alias
    ),
    _row(
        "The page on SQLite",
        graphql(PAGE),
        get("/clients?first=50"),
        targets=(None, 0.65),
        data=EMBEDDED,
        server="embedded",
    ),
)
