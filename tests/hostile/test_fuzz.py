"""Whatever the strongest role asks, in whatever words, is answered as the schema says (`C8`).

The suite asks the same each time. `make fuzz` goes on for twenty minutes, and asks something else
each time, also where `CI` says that chance is not wanted.
"""

import asyncio
import os
import sys
import time
from collections.abc import Callable
from typing import Any

import pytest
from graphql import (
    GraphQLEnumType,
    GraphQLInputObjectType,
    GraphQLNonNull,
    OperationType,
    build_schema,
    get_named_type,
    is_list_type,
    is_scalar_type,
)
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.hostile.conforming import check_conforms, typed
from tests.hostile.places import OA, Place, places
from tests.hostile.sides import Sides
from tests.hostile.test_values import DATES, IDS, INTS, NO_SIZES, TEXTS, TIMES
from tests.oracle.documents import Document, documents, operations
from tests.oracle.test_oracle import POOL, SDL

SECONDS = float(os.environ.get("FUZZ_SECONDS", "0"))
SCHEMA = build_schema(SDL)
KINDS = ("query", "query", "mutation", "mutation", "subscription")
ODD: dict[str, list[Any]] = {
    "String": [*TEXTS.values(), 5, None, {}],
    "ID": [*IDS.values(), *POOL.ids, 5, None],
    "Int": [*INTS, *NO_SIZES, 1, 2, None],
    "Boolean": [True, False, None, "true", 0],
    "Date": [*DATES, "1990-05-17", None],
    "DateTime": [*TIMES, *DATES, "2026-12-31T23:59:59.5+02:00", None],
}

Draw = Callable[[st.SearchStrategy[Any]], Any]


@st.composite
def asked(draw: Draw) -> Document:
    """Most of them read or change something; the others follow what happens."""
    kind = draw(st.sampled_from(KINDS))
    if kind == "query":
        return draw(documents(SCHEMA, POOL, lambda _: True))  # type: ignore[no-any-return]
    root = SCHEMA.get_root_type(OperationType(kind))
    assert root
    name = draw(st.sampled_from(sorted(root.fields)))
    arguments = root.fields[name].args
    given = {key: draw(_value(kind, name, (key,), one.type)) for key, one in arguments.items()}
    return draw(operations(SCHEMA, POOL, kind, name, given))  # type: ignore[no-any-return]


@st.composite
def _value(draw: Draw, kind: str, name: str, path: tuple[str, ...], type_: Any) -> Any:
    """Mostly what could be there."""
    required = isinstance(type_, GraphQLNonNull)
    of = type_.of_type if required else type_
    if is_list_type(of):
        return [draw(_value(kind, name, path, of.of_type)) for _ in range(draw(st.integers(0, 3)))]
    if isinstance(of, GraphQLInputObjectType):
        return {
            key: draw(_value(kind, name, (*path, key), one.type))
            for key, one in of.fields.items()
            if isinstance(one.type, GraphQLNonNull) or draw(st.booleans())
        }
    named = get_named_type(of)
    if draw(st.integers(0, 4)):
        return Place(kind, name, path, named.name, required).good
    if isinstance(named, GraphQLEnumType):
        return draw(st.sampled_from([*named.values, None, "NOPE"]))
    return draw(st.sampled_from(ODD[named.name]) | st.text())


def test_every_scalar_that_can_be_said_is_there_to_be_said_oddly() -> None:
    said = {place.type for place in places(*SCHEMA.type_map)}
    assert {name for name in said if is_scalar_type(SCHEMA.type_map[name])} == set(ODD)


async def test_whatever_is_asked_is_answered_as_the_schema_says(sides: Sides) -> None:
    loop, count = asyncio.get_running_loop(), 0

    async def check(document: Document) -> None:
        for side in sides.sides:
            text, variables = document.text, document.variables
            for one in await side.follow(OA, text, variables, document.operation_name):
                answer = one.json
                codes = {error["extensions"]["code"] for error in answer.get("errors", ())}
                assert codes <= {"BAD_USER_INPUT", "FORBIDDEN"}, answer
                check_conforms(SCHEMA, document, answer)

    @settings(max_examples=300, suppress_health_check=list(HealthCheck), derandomize=not SECONDS)
    @given(document=asked())
    def conforms(document: Document) -> None:
        nonlocal count
        count += 1
        asyncio.run_coroutine_threadsafe(check(typed(document)), loop).result()

    deadline = time.monotonic() + SECONDS
    while not count or time.monotonic() < deadline:
        await asyncio.to_thread(conforms)
    sys.stdout.write(f"{count} operations were answered as the schema says.\n")


@pytest.mark.parametrize("id", [None, 5, []])
def test_an_id_that_is_none_does_not_conform(id: Any) -> None:
    document = typed(Document("{ departments { id } }"))
    answer = {"departments": [{"id": id, "__typename": "Department"}], "__typename": "Query"}
    with pytest.raises(AssertionError):
        check_conforms(SCHEMA, document, {"data": answer})
    answer["departments"] = [{"id": "dep_1", "__typename": "Department"}]
    check_conforms(SCHEMA, document, {"data": answer})
