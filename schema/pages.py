"""`docs/errors.md`, `docs/events.md`, `docs/limits.md`: what the code says of itself in words."""

import inspect

from graphql import GraphQLEnumType, GraphQLSchema

import schema.cost as schema_cost
from resolvers import MOST_ASSOCIATIONS, MOST_LISTED, MOST_ROWS
from schema.cost import prices
from schema.document import COMPARISONS
from schema.errors import MEANINGS
from schema.limits import LIMITS, WORDS, Bounds

_ERRORS = """\
# What can go wrong

Printed from the code by `make docs`; `make check` compares.

## The request

What is wrong with a request is in `errors`, each with one of these codes in its `extensions`, and a
message for people. New codes may come: treat an unknown one by its message.

| `extensions.code` | what it means |
|---|---|
"""

_USER_ERRORS = """
## Several mutations

The mutations of a document are done one after the other, up to the first that ends in `errors`.
Then `data` is null, and the error's `path` begins with that one (there is none if it took too
long). Those before it are done, or were refused; so is it itself, where the path goes on. So that
nobody sends them again the status is 294 then, and not 429 or 503: look, and send what is left.

## The mutation

What a mutation refuses is data: `userErrors` in its payload, each with one of these codes, a
message for people, and the path of the argument. Then nothing was done.

| `code` | what it means |
|---|---|
"""

_EVENTS = """\
# What the audit trail tells

Printed from the code by `make docs`; `make check` compares. What an event holds, who reads it and
how it is kept is in [the audit trail](audit.md). New actions may come.

| `action` | what happened |
|---|---|
"""

_LIMITS = """\
# How much may be asked at once

Printed from the code by `make docs`; `make check` compares.

A document is measured before anything else is done with it. What is beyond a limit is refused as a
whole with `QUERY_TOO_COSTLY` ([errors](errors.md)), and its `extensions` name the limit that was
`exceeded`, what was `requested`, and the `limit` itself. From `fields` on it is the largest
operation of the document that counts, with each fragment as often as it is spread; before that, the
document as it is written.

| limit | of | signed in | not signed in |
|---|---|---|---|
"""

_TIME = """
A query that takes longer than {:g} seconds is stopped. So is a mutation, but not in the middle: a
transaction that is under way comes to its end first, one way or the other, and so long the answer
waits.
"""

_COST = """
The answer to an operation tells its cost, and how much that may be:

```json
{"data": {…}, "extensions": {"cost": {"requested": 226, "limit": 20000}}}
```

Those of a subscription do not. Nor is a cost told where the document cannot be read, is too long to
be, or has no operation of the name.

## Cost

"""

_CREDENTIALS = """
## Mutations of credentials

With these somebody could try passwords, links and addresses, so an operation has one at most:

"""

_LISTS = f"""
## Lists in inputs

What a list in an input names is looked up while others wait to write, so at most {MOST_LISTED} may
be in it. Only an import takes more: {MOST_ROWS} clients, with {MOST_ASSOCIATIONS:,} associations
together.

A list that is too long is `INVALID` in `userErrors`, whose `field` is the path of the list, and
nothing is done. The `associations` of a client who is imported or approved with others are told in
the client's row, as everything else that is wrong with it.
"""


def errors_page(schema: GraphQLSchema) -> str:
    """The codes of both kinds and what they mean, in Markdown."""
    codes = schema.type_map["UserErrorCode"]
    assert isinstance(codes, GraphQLEnumType)
    request = [f"| `{code}` | {meaning} |\n" for code, meaning in MEANINGS.items()]
    mutation = [f"| `{name}` | {value.description} |\n" for name, value in codes.values.items()]
    return "".join([_ERRORS, *request, _USER_ERRORS, *mutation])


def events_page(schema: GraphQLSchema) -> str:
    """What the audit trail tells of, in Markdown."""
    actions = schema.type_map["AuditAction"]
    assert isinstance(actions, GraphQLEnumType)
    rows = [f"| `{name}` | {value.description} |\n" for name, value in actions.values.items()]
    return "".join([_EVENTS, *rows])


def limits_page(schema: GraphQLSchema) -> str:
    """The limits, what an operation costs, and what it and its inputs may have, in Markdown."""
    signed_in, anonymous = _most(LIMITS.signed_in), _most(LIMITS.anonymous)
    limits = [
        f"| `{name}` | {words} | {signed_in[name]:,} | {anonymous[name]:,} |\n"
        for name, words in WORDS.items()
    ]
    credentials = sorted(
        f"`{field}`" for (_, field), price in prices(schema).items() if price.credential
    )
    cost = inspect.cleandoc(schema_cost.__doc__ or "")
    time = _TIME.format(LIMITS.seconds)
    listed = f"{', '.join(credentials)}.\n"
    return "".join([_LIMITS, *limits, time, _COST, cost, "\n", _CREDENTIALS, listed, _LISTS])


def _most(bounds: Bounds) -> dict[str, int]:
    return {**bounds.amounts._asdict(), "comparisons": COMPARISONS, "cost": bounds.cost}
