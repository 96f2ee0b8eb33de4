"""How much one document may ask for, and how long its operation may run.

`schema.cost` measures a document before it is validated, and counts what an operation costs.
"""

from dataclasses import dataclass
from operator import gt
from typing import NamedTuple

from graphql import GraphQLError

from schema.errors import ErrorCode, failure


class Amounts(NamedTuple):
    """How much there is of each in a document, or may be.

    The first are of the whole document, as it is written. Those from `fields` on are of the largest
    operation in it, each fragment counted as often as it is spread.
    """

    characters: int = 0
    tokens: int = 0
    operations: int = 0
    fragments: int = 0
    variables: int = 0
    aliases: int = 0
    directives: int = 0
    directives_together: int = 0
    fields: int = 0
    depth: int = 0
    nested_lists: int = 0
    root_fields: int = 0
    reads: int = 0
    mutations: int = 0
    credential_mutations: int = 0
    described: int = 0


WORDS = {
    "characters": "characters",
    "tokens": "tokens and comments",
    "operations": "operations",
    "fragments": "fragments",
    "variables": "variables",
    "aliases": "aliases",
    "directives": "directives",
    "directives_together": "directives in one place",
    "fields": "fields",
    "depth": "levels of fields",
    "nested_lists": "lists inside lists",
    "root_fields": "fields at the root",
    "reads": "rows, lists, pages and counts to read",
    "mutations": "mutations",
    "credential_mutations": "mutations of credentials",
    "described": "parts of the schema's description",
    "comparisons": "comparisons of fields and fragments that come to the same place",
    "cost": "points of cost",
}
"""What is limited, for people."""


NESTED_LISTS = 7
"""How many lists may stand one inside the other: they become one statement, and what parses that
has limits too. No bound may be larger."""


@dataclass(frozen=True, slots=True)
class Bounds:
    """The most that a caller may ask for at once."""

    amounts: Amounts
    cost: int


DESCRIBED = 35_000
"""As the standard introspection query with all options, and a quarter more. To run it takes the
whole process, so nobody may ask for more."""

SIGNED_IN = Bounds(
    Amounts(
        characters=50_000,
        tokens=4_000,
        operations=20,
        fragments=100,
        variables=100,
        aliases=100,
        directives=100,
        directives_together=4,
        fields=1_000,
        depth=20,
        nested_lists=NESTED_LISTS,
        root_fields=20,
        reads=50,
        mutations=4,
        credential_mutations=1,
        described=DESCRIBED,
    ),
    cost=20_000,
)
ANONYMOUS = Bounds(
    Amounts(
        characters=10_000,
        tokens=1_000,
        operations=5,
        fragments=20,
        variables=20,
        aliases=20,
        directives=20,
        directives_together=4,
        fields=250,
        depth=15,
        nested_lists=NESTED_LISTS,
        root_fields=10,
        reads=10,
        mutations=4,
        credential_mutations=1,
        described=DESCRIBED,
    ),
    cost=1_000,
)


@dataclass(frozen=True, slots=True)
class Limits:
    """The bounds of who is signed in and of who is not, and the seconds that an operation has."""

    signed_in: Bounds = SIGNED_IN
    anonymous: Bounds = ANONYMOUS
    seconds: float = 10


LIMITS = Limits()


def too_costly(exceeded: str, requested: int, limit: int) -> GraphQLError:
    """The error of who asks for more than the limit.

    Tokens and comparisons are counted no further than that: `requested` is one more.
    """
    message = f"This asks for too much at once: {requested} {WORDS[exceeded]}, of {limit} allowed."
    return failure(
        ErrorCode.QUERY_TOO_COSTLY, message, exceeded=exceeded, requested=requested, limit=limit
    )


def is_too_costly(error: GraphQLError) -> bool:
    """Whether the error is one of `too_costly`."""
    return (error.extensions or {}).get("code") is ErrorCode.QUERY_TOO_COSTLY


def beyond(amounts: Amounts, bounds: Bounds) -> GraphQLError | None:
    """The error for the first amount that is beyond the bounds."""
    if not any(map(gt, amounts, bounds.amounts)):
        return None
    return next(
        too_costly(name, amount, most)
        for name, amount, most in zip(Amounts._fields, amounts, bounds.amounts, strict=True)
        if amount > most
    )
