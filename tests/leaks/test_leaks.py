"""No row out of reach, by any path, for any kind of caller: generated from the schema (`D7`, `D8`).

What is asked comes from `tests.leaks.paths`, what may be told from `tests.leaks.planted`. Of every
answer all bytes are searched: data, cursors, errors, messages. Of every list the count must be the
number of its rows. And what takes an id answers the same to the byte for a row of another
organization, for one out of reach, and for none at all.
"""

from collections import Counter
from collections.abc import AsyncIterator, Iterable
from contextlib import asynccontextmanager
from typing import Any, TypeVar

import orjson
import pytest
from graphql import GraphQLEnumType, get_named_type

from models import Base, Client, Database, Staff
from permissions import ANONYMOUS, Passwords, identify
from resolvers import Context, Services
from schema import Api
from tests.conftest import Databases
from tests.leaks import paths
from tests.leaks.paths import DEPTH, SCHEMA, Denied, Json, document, places, root, variables
from tests.leaks.planted import (
    PLANTED,
    PREFIXES,
    ROWS,
    leaked,
    me,
    missing,
    out_of_reach,
    reads,
    rows_of,
    told,
    within_reach,
    word,
)
from tests.oracle.clinic import CALLERS, NOW, PUBLIC_URL, Caller, named
from tests.oracle.served import FREELY, TOKENS, VAULT, Undoing, tokens

T = TypeVar("T")

MODELS: dict[str, type[Base]] = {prefix: model for model, prefix in PREFIXES.items()}
SOME = 3
"""How many rows of each sort are tried where all would be too many."""


class Asking:
    """The API over the planted clinic, on one database."""

    def __init__(self, database: Database, contexts: dict[Caller, Context], api: Api) -> None:
        self.database, self._contexts, self._api = database, contexts, api
        self._denied: dict[Any, Denied] = {}
        self._may = {caller: told(me(caller)) for caller in CALLERS}
        self.answers: Counter[str] = Counter()

    async def answer(
        self, caller: Caller, text: str, given: Json | None = None, *, public: bool = False
    ) -> Json:
        """The answer, in which nothing is that the caller must not be told."""
        response = await self._api.execute(self._contexts[caller], text, given)
        may = self._may[caller] | (_public() if public else set())
        found = leaked(orjson.dumps(response.json), may)
        if found:
            pytest.fail(
                f"{named(caller)} is told {sorted(found)}\n\n{text}\n\n{given}\n\n"
                f"{orjson.dumps(response.json, option=orjson.OPT_INDENT_2).decode()}",
                pytrace=False,
            )
        codes = {error["extensions"]["code"] for error in response.json.get("errors", ())}
        assert codes <= {"UNAUTHENTICATED", "FORBIDDEN", "BAD_USER_INPUT"}, response.json
        _count(response.json.get("data"))
        self.answers[named(caller)] += 1
        return response.json

    async def everything(
        self,
        caller: Caller,
        kind: str,
        name: str,
        types: dict[str, str],
        given: Json,
        depth: int = DEPTH,
        **how: Any,
    ) -> Json:
        """The answer to all that the caller may ask below a root field; a refusal if nothing."""
        key = (caller, kind, name, tuple(types), depth)
        if key not in self._denied:
            text, _ = document(kind, name, types, set(), depth)
            body = await self.answer(caller, text, given, **how)
            self._denied[key] = set() if "data" in body else paths.denied_in(body)
        denied = self._denied[key]
        text, _ = document(kind, name, types, _unless_root(denied, name), depth)
        body = await self.answer(caller, text, given, **how)
        assert ("data" in body) or bool(denied) or "errors" in body, body
        return body


def _unless_root(denied: Denied, name: str) -> Denied:
    return {one for one in denied if one[0] != (name,)}


def _public() -> set[str]:
    """What an organization's registration page shows to everybody."""
    active = [row for row in ROWS.departments if row.active]
    return {word(vars(row), "name") for row in (*ROWS.organizations, *active)} | {
        row.id.hex for row in active
    }


def _count(data: Any) -> None:
    """Of every list, however deep: the count is that of its rows, and all of them are there."""
    if isinstance(data, list):
        for each in data:
            _count(each)
    elif isinstance(data, dict):
        for key, total in data.items():
            if key.endswith("totalCount"):
                alias = key.removesuffix("totalCount")
                for rows in ("nodes", "edges"):
                    if alias + rows in data:
                        assert len(data[alias + rows]) == total, data
        for each in data.values():
            _count(each)


@asynccontextmanager
async def _asking(url: str, api: Api) -> AsyncIterator[Asking]:
    database, passwords = Undoing(url), Passwords(memory=64, rounds=1)
    plain = Database(url)
    await PLANTED.write(plain)
    await plain.close()
    services = Services(database, TOKENS, VAULT, passwords, PUBLIC_URL, lambda: NOW, lambda: None)
    contexts: dict[Caller, Context] = {None: Context(services, ANONYMOUS)}
    for caller, token in tokens(PLANTED).items():
        actor = await identify(database, TOKENS, token, NOW)
        assert actor, caller
        contexts[caller] = Context(services, actor)
    try:
        yield Asking(database, contexts, api)
    finally:
        await database.close()
        passwords.close()


@pytest.fixture(scope="module", params=["sqlite", "postgresql"])
async def asking(
    request: pytest.FixtureRequest,
    databases: Databases,
    tmp_path_factory: pytest.TempPathFactory,
) -> AsyncIterator[Asking]:
    if request.param == "sqlite":
        url = await databases.sqlite(tmp_path_factory.mktemp("leaks"))
    else:
        url = await databases.postgresql()
    async with _asking(url, API) as made:
        yield made
    if request.param == "postgresql":
        await databases.drop(url)


API = Api(FREELY)
EVERYBODY = pytest.mark.parametrize("caller", CALLERS, ids=named)
MANAGERS = tuple(caller for caller in CALLERS if me(caller).holds("CLIENT_READ", "DEPARTMENT"))
BY_MANAGERS = pytest.mark.parametrize("caller", MANAGERS, ids=named)

QUERIES = [name for name in SCHEMA.query_type.fields if SCHEMA.query_type]  # type: ignore[union-attr]
MUTATIONS = [name for name in SCHEMA.mutation_type.fields if SCHEMA.mutation_type]  # type: ignore[union-attr]


def _types(kind: str, name: str, *arguments: str) -> dict[str, str]:
    return {one: str(root(kind, name).args[one].type) for one in arguments}


def _choices(name: str) -> list[tuple[str, list[Any]]]:
    """The arguments of a list by which it is chosen and ordered, with all their values."""
    return [
        (argument, [None, *type_.values])
        for argument, said in root("query", name).args.items()
        if isinstance(type_ := get_named_type(said.type), GraphQLEnumType)
    ]


def _evenly(rows: Iterable[str], many: int = SOME) -> list[str]:
    """Some of the rows, from beginning to end."""
    listed = list(rows)
    return listed if len(listed) <= many else [listed[i * len(listed) // many] for i in range(many)]


# --- the generator -------------------------------------------------------------------------------


def test_the_documents_reach_every_field_of_every_type_within_the_depth() -> None:
    seen: set[str] = set()
    for kind, names in (("query", QUERIES), ("mutation", MUTATIONS)):
        for name in names:
            seen |= document(kind, name, {}, set())[1]
    roots = {SCHEMA.query_type, SCHEMA.mutation_type, SCHEMA.subscription_type}
    every = {
        f"{name}.{field}"
        for name, type_ in SCHEMA.type_map.items()
        if not name.startswith("__") and type_ not in roots
        for field in getattr(type_, "fields", {})
        if hasattr(type_, "interfaces") and not hasattr(type_, "resolve_type")
    }
    assert seen == every


def test_every_argument_that_takes_an_id_is_known() -> None:
    found = {
        (name, ".".join(place.path))
        for kind, names in (("query", QUERIES), ("mutation", MUTATIONS))
        for name in names
        for place in places(kind, name)
    }
    assert len(found) > 40
    assert {
        ("node", "id"),
        ("clients", "practitionerId"),
        ("staff", "departmentId"),
        ("clients", "after"),
        ("clientCreate", "input.associations.practitionerId"),
        ("staffAssociationsUpdate", "input.remove"),
        ("staffRolesUpdate", "input.revoke.departmentId"),
    } <= found


# --- queries -------------------------------------------------------------------------------------


@EVERYBODY
async def test_no_path_leads_to_a_row_out_of_reach(asking: Asking, caller: Caller) -> None:
    for name in QUERIES:
        arguments = root("query", name).args
        if "id" in arguments:
            continue
        if name == "organization":
            for slug in ("east", "west", "north"):
                types = _types("query", name, "slug")
                await asking.everything(caller, "query", name, types, {"slug": slug}, public=True)
            continue
        if name == "link":
            types = _types("query", name, "token")
            await asking.everything(caller, "query", name, types, {"token": "vtl_none"})
            continue
        await asking.everything(caller, "query", name, {}, {})
        for argument, values in _choices(name):
            for value in values:
                types = _types("query", name, argument)
                body = await asking.everything(caller, "query", name, types, {argument: value}, 4)
                if "errors" in body:
                    break


@EVERYBODY
async def test_a_row_out_of_reach_answers_as_none_at_all(asking: Asking, caller: Caller) -> None:
    """By every query that takes an id; those within reach are asked for everything."""
    who = me(caller)
    for name in QUERIES:
        if "id" not in root("query", name).args:
            continue
        (place,) = places("query", name)
        types = _types("query", name, "id")
        for kind in place.kinds:
            model = MODELS[kind]
            nothing: Json | None = None
            for id in (missing(kind), *out_of_reach(who, model)):
                body = await asking.everything(caller, "query", name, types, {"id": id}, 4)
                nothing = nothing or body
                assert orjson.dumps(body) == orjson.dumps(nothing), id
            assert nothing
            assert "errors" in nothing or nothing["data"] == {name: None}
            for id in within_reach(who, model):
                body = await asking.everything(caller, "query", name, types, {"id": id}, 4)
                if "errors" in body:
                    break
                if name == "node":
                    assert body["data"]["node"], id


@BY_MANAGERS
async def test_filters_cursors_and_words_tell_nothing_of_a_row_out_of_reach(
    asking: Asking, caller: Caller
) -> None:
    who = me(caller)
    for name in QUERIES:
        lists = [place for place in places("query", name) if place.path != ("id",)]
        for place in lists:
            (argument,) = place.path
            every = {"status": None} if "status" in root("query", name).args else {}
            types = _types("query", name, argument, *every)
            hidden = [
                id
                for model, prefix in PREFIXES.items()
                for id in out_of_reach(who, model)
                if prefix in place.kinds or place.kinds == ("cur_",)
            ]
            if place.kinds == ("cur_",):
                hidden = [f"cur_{id[4:]}" for id in hidden]
            nothing: Json | None = None
            for id in (*map(missing, place.kinds), *hidden):
                given = {argument: id, **every}
                body = await asking.everything(caller, "query", name, types, given, 3)
                nothing = nothing or body
                assert orjson.dumps(body) == orjson.dumps(nothing), id
        if "search" not in root("query", name).args:
            continue
        types = _types("query", name, "search", "status")
        nothing = None
        model = {"clients": Client, "staff": Staff}[name]
        both = [(one, row) for one in (Client, Staff) for row in rows_of(one)]
        texts = [
            word(vars(row), what)
            for one, row in both
            if one is not model or not reads(who, one, row)
            for what in ("first", "last", "email", "username")
        ]
        for text in ("zqzqzqzqzqzq", *texts):
            given = {"search": text, "status": None}
            body = await asking.everything(caller, "query", name, types, given, 3)
            nothing = nothing or body
            assert orjson.dumps(body) == orjson.dumps(nothing), text


# --- mutations -----------------------------------------------------------------------------------


@EVERYBODY
async def test_no_mutation_tells_of_a_row_out_of_reach(asking: Asking, caller: Caller) -> None:
    """By its own id: all that a payload shows of rows within reach, and nothing of the others."""
    who = me(caller)
    for name in MUTATIONS:
        arguments = root("mutation", name).args
        if "id" not in arguments:
            continue
        types = {one: str(said.type) for one, said in arguments.items()}
        place = next(one for one in places("mutation", name) if one.path == ("id",))
        (kind,) = place.kinds
        model = MODELS[kind]
        nothing: Json | None = None
        for id in (missing(kind), *out_of_reach(who, model)):
            given = {**variables("mutation", name, place, id, None), "id": id}
            body = await asking.everything(caller, "mutation", name, types, given, 4)
            nothing = nothing or body
            assert orjson.dumps(body) == orjson.dumps(nothing), (name, id)
        assert nothing
        if "data" not in nothing:
            continue
        assert [one["code"] for one in nothing["data"][name]["userErrors"]] == ["NOT_FOUND"]
        for id in within_reach(who, model):
            given = {**variables("mutation", name, place, id, None), "id": id}
            body = await asking.everything(caller, "mutation", name, types, given)
            assert [one["code"] for one in body["data"][name]["userErrors"]] != ["NOT_FOUND"]


@BY_MANAGERS
async def test_no_row_of_an_input_tells_of_a_row_out_of_reach(
    asking: Asking, caller: Caller
) -> None:
    """Every place in every input that takes an id, on rows of every state."""
    who = me(caller)
    assert who.person
    # On the registration page of an organization its departments are everybody's to see.
    slug = next(row.slug for row in ROWS.organizations if row.id == who.person.organization_id)
    for name in MUTATIONS:
        arguments = root("mutation", name).args
        types = {one: str(said.type) for one, said in arguments.items()}
        payload = get_named_type(root("mutation", name).type).name
        of = payload.removesuffix("Payload")
        depth = 4 if "rows" in paths.output(payload).fields else 3
        bases: list[str | None] = [None]
        if "id" in arguments:
            model = MODELS[paths.PREFIX[of]]
            bases = [*_bases(who, model)]
        for place in places("mutation", name):
            if place.path == ("id",):
                continue
            for kind in place.kinds:
                hidden = _hidden(who, MODELS[kind])
                for base in bases:
                    nothing: Json | None = None
                    for id in (missing(kind), *hidden):
                        given = variables("mutation", name, place, id, base)
                        if "organization" in given.get("input", ()):
                            given["input"]["organization"] = slug
                        asked = "mutation", name, types, given, depth
                        body = await asking.everything(caller, *asked)
                        nothing = nothing or body
                        assert orjson.dumps(body) == orjson.dumps(nothing), (name, given)
                        if "data" not in body:
                            break


def _bases(who: Any, model: type[Base]) -> list[str]:
    """Of the rows within reach one or two of each status."""
    chosen: dict[Any, list[str]] = {}
    for row in rows_of(model):
        if reads(who, model, row):
            names = ("status", "state", "active", "revoked_at")
            status = next(getattr(row, name) for name in names if hasattr(row, name))
            chosen.setdefault(status, []).append(f"{PREFIXES[model]}{row.id.hex}")
    return [id for ids in chosen.values() for id in _evenly(ids, 2)]


def _hidden(who: Any, model: type[Base]) -> list[str]:
    """Some rows of another organization, and some of one's own out of reach."""
    rows = [row for row in rows_of(model) if not reads(who, model, row)]
    ours = [row.id.hex for row in rows if who.is_of(row)]
    theirs = [row.id.hex for row in rows if not who.is_of(row)]
    return [PREFIXES[model] + id for id in (*_evenly(theirs), *_evenly(ours))]
