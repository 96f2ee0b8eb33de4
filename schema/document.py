"""From text to a document, and whether it is one of this schema: both with an end to the work."""

import re
from itertools import islice
from typing import Any

from graphql import (
    DocumentNode,
    GraphQLError,
    GraphQLSchema,
    GraphQLSyntaxError,
    parse,
    specified_rules,
)
from graphql.validation import OverlappingFieldsCanBeMergedRule, ValidationContext
from graphql.validation.validate import ValidationAbortedError, validate
from strawberry.schema.validation_rules.maybe_null import MaybeNullValidationRule
from strawberry.schema.validation_rules.one_of import OneOfInputValidationRule

from schema.limits import Bounds, too_costly

COMPARISONS = 15_000
"""How many comparisons of what comes to the same place may take; each is some microseconds."""

# A token, or the end, after whatever is none. To count them so takes a thirtieth of the time that
# the parser takes to come to the first one that is too many.
_TOKEN = re.compile(
    r"""(?:[\s,\ufeff]|\#[^\n\r]*+)*+  # white space, commas, comments
    (?: ( \"{3} (?: [^"\\] | \\"{3} | \\ | "(?!"") )*+ \"{3}
      | " (?: [^"\\\n\r] | \\. )*+ "
      | [_A-Za-z]\w*+ | -?\d[\w.+-]*+ | \.{3} | [!$&()\[\]:={|}@] )
      | \Z )
    """,
    re.ASCII | re.VERBOSE,
)

# What the parser says when it stops.
_TOO_MANY = re.compile(r"contains more than \d+ (tokens|comments)")


def parsed(text: str, bounds: Bounds) -> DocumentNode:
    """The document in the text. Raises `GraphQLError` for what is none, or is too long."""
    most = bounds.amounts
    if len(text) > most.characters:
        raise too_costly("characters", len(text), most.characters)
    one_more = next(islice(_TOKEN.finditer(text), most.tokens, None), None)
    if one_more and one_more[1]:
        raise too_costly("tokens", most.tokens + 1, most.tokens)
    try:
        return parse(text, max_lexical_tokens=most.tokens, max_comments=most.tokens)
    except GraphQLSyntaxError as error:
        if _TOO_MANY.search(error.message):
            raise too_costly("tokens", most.tokens + 1, most.tokens) from None
        raise


class _Overlapping(OverlappingFieldsCanBeMergedRule):
    """The rule that compares every two fields of one name, with an end to it."""

    def __init__(self, context: ValidationContext) -> None:
        super().__init__(context)
        self.rule_context.remaining_complexity_budget = COMPARISONS

    def enter_selection_set(self, *args: Any) -> None:
        try:
            super().enter_selection_set(*args)
        except ValidationAbortedError:
            if self.rule_context.remaining_complexity_budget >= 0:
                raise
            raise too_costly("comparisons", COMPARISONS + 1, COMPARISONS) from None


_RULES = (
    *(one for one in specified_rules if one is not OverlappingFieldsCanBeMergedRule),
    _Overlapping,
    MaybeNullValidationRule,
    OneOfInputValidationRule,
)


def problems(schema: GraphQLSchema, document: DocumentNode) -> list[GraphQLError]:
    """What is wrong with the document; empty when nothing is."""
    try:
        return validate(schema, document, _RULES)
    except GraphQLError as too_much:
        return [too_much]
