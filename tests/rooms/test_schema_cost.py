"""What a document may ask for is counted before it is validated, and what it costs before it runs.

`hostile` C1, C2 and A7. Nothing here looks at the clock: what is refused is refused for what was
counted.
"""

from collections.abc import AsyncIterator, Iterator
from dataclasses import replace
from itertools import product
from typing import Any

import pytest
from graphql import (
    GraphQLError,
    GraphQLSyntaxError,
    build_client_schema,
    get_introspection_query,
    parse,
)

from models import Surface, outside
from schema import Api, Limits
from schema.cost import COUNTED, DESCRIBED
from schema.document import _TOKEN, parsed
from schema.limits import ANONYMOUS, SIGNED_IN, WORDS, Amounts, beyond
from schema.measure import Meter
from schema.root import build
from tests.conftest import Databases
from tests.oracle.clinic import CLINIC, Caller
from tests.oracle.served import Served, serving

OA: Caller = ("oa", Surface.PORTAL)
NOBODY: Caller = None

METER = Meter(build())
WRITTEN = (
    '{ a(b: "x # \\" y, z", c: """ "q" \\""" # no\n """, d: -1.5e+3) # c {}\n @x(y: "") ...F }',
    'query ($a: [Int!]! = "" ) { a } # end of it all',
    "\ufeff{ a, b ,, c }#",
    '{ a(b: """""", c: "") ... on T { i } }\n#\n',
    '{ a(b: """a\\\\ """) { b(c: [1, 2], d: {e: $f, g: H}) } }',
)
"""Documents with all that a token can be, or only look like."""

Json = dict[str, Any]


@pytest.fixture(scope="module")
async def served(
    databases: Databases, tmp_path_factory: pytest.TempPathFactory
) -> AsyncIterator[Served]:
    """The API with its usual limits; what is refused here asks no database."""
    url = await databases.sqlite(tmp_path_factory.mktemp("cost"))
    async with serving(url, Api()) as made:
        yield made


def amounts(document: str) -> Amounts:
    return METER.measured(parse(document)).amounts


def cost(document: str, **variables: Any) -> int | None:
    return METER.measured(parse(document)).cost(None, variables)


async def exceeded(served: Served, caller: Caller, *asked: Any) -> tuple[str, int, int]:
    """The limit that the operation is beyond, how much was asked, and the most. Nothing ran."""
    response = await served.answer(caller, *asked)
    assert "data" not in response.json
    assert not response.ran
    assert served.database.statements == []
    (error,) = response.json["errors"]
    told = error["extensions"]
    assert set(told) == {"code", "exceeded", "requested", "limit"}
    assert told["code"] == "QUERY_TOO_COSTLY"
    assert told["requested"] > told["limit"]
    words = WORDS[told["exceeded"]]
    assert error["message"] == (
        f"This asks for too much at once: {told['requested']} {words}, of {told['limit']} allowed."
    )
    return told["exceeded"], told["requested"], told["limit"]


async def code(served: Served, caller: Caller, *asked: Any) -> str | None:
    """The code of the first error, if any."""
    response = await served.answer(caller, *asked)
    errors = response.json.get("errors")
    return errors[0]["extensions"]["code"] if errors else None


def many(what: str, count: int) -> str:
    """So many of it, in a row; `#` is the number of each, and `##` that of the next."""
    return " ".join(what.replace("##", str(i + 1)).replace("#", str(i)) for i in range(count))


def doubled(on: str, selections: str, levels: int) -> str:
    """Fragments F0, F1, … that each spread the next one twice in these selections."""
    last = f" fragment F{levels} on {on} {{ id }}"
    return many(f"fragment F# on {on} {{ {selections} }}", levels) + last


def nested(head: str, inner: str, tail: str, levels: int) -> str:
    return head * levels + inner + tail * levels


def back_and_forth(levels: int) -> str:
    """From oneself to whom one's practitioners meet and back: the answer grows at every level."""
    below = nested("associations { client { ", "id", " } }", levels)
    return f"{{ viewer {{ client {{ {below} }} }} }}"


class TestBombs:
    """Documents that are written to hurt: each is refused, whoever asks, and nothing runs."""

    @pytest.mark.parametrize(
        ("document", "limit", "requested"),
        [
            pytest.param(
                "{ departments { ...F0 } } " + doubled("Department", "...F## ...F##", 40),
                *("fields", 2**40 + 1),
                id="2^40 fields, spread in one place",
            ),
            pytest.param(
                "{ departments { ...F0 } } " + doubled("Department", "...F## ...F##", 90),
                *("fields", COUNTED),
                id="2^90 fields, of which no more are counted than can be told",
            ),
            pytest.param(
                "{ node(id: 1) { ...F0 } } "
                + doubled(
                    "Client", "associations { a: client { ...F## } b: client { ...F## } }", 9
                ),
                *("fields", 2046),
                id="fields doubled by names",
            ),
            pytest.param(
                "{ node(id: 1) { ...F0 } } "
                + doubled("Client", "associations { ...{ client { ...F## } } client { id } }", 10),
                *("depth", 22),
                id="levels of fragments",
            ),
            pytest.param(back_and_forth(10), "depth", 23, id="depth"),
            pytest.param(
                "{ clients(first: 1) { nodes { "
                + nested(
                    "associations { practitioner { associations(first: 1) { nodes { client { ",
                    "associations { id }",
                    " } } } } }",
                    3,
                )
                + " } } }",
                *("nested_lists", 8),
                id="lists in lists, of few",
            ),
            pytest.param(
                "{ node(id: 1) { ...F0 } } "
                + many("fragment F# on Client { ...F## }", 90)
                + " fragment F90 on Client { "
                + nested("associations { client { ", "id", " } }", 11)
                + " }",
                *("depth", 24),
                id="depth at the end of a long chain",
            ),
            pytest.param(
                "{ departments { " + many("id", 1000) + " } }", "fields", 1001, id="width"
            ),
            pytest.param(
                "{ " + many("__typename", 21) + " }", "root_fields", 21, id="fields at the root"
            ),
            pytest.param(
                "{ departments { " + many("a#: id", 101) + " } }", "aliases", 101, id="aliases"
            ),
            pytest.param(
                "{ departments { " + many("id @skip(if: false)", 101) + " } }",
                *("directives", 101),
                id="directives",
            ),
            pytest.param(
                "{ departments { id " + many("@skip(if: false)", 5) + " } }",
                *("directives_together", 5),
                id="directives on a field",
            ),
            pytest.param(
                "query " + many("@skip(if: false)", 5) + " { departments { id } }",
                *("directives_together", 5),
                id="directives on an operation",
            ),
            pytest.param(
                "query ($a: Int " + many("@skip(if: false)", 5) + ") { departments { id } }",
                *("directives_together", 5),
                id="directives on a variable",
            ),
            pytest.param(
                "{ departments { ...F } } fragment F on Department "
                + many("@skip(if: false)", 5)
                + " { id }",
                *("directives_together", 5),
                id="directives on a fragment",
            ),
            pytest.param(
                "query (" + many("$v#: Int", 101) + ") { departments { id } }",
                *("variables", 101),
                id="variables",
            ),
            pytest.param(
                "query (" + many("$v#: Int", 2000) + ") { departments { id } }",
                *("tokens", 4001),
                id="2,000 variables",
            ),
            pytest.param(
                many("query Q# { departments { id } }", 400),
                *("operations", 400),
                id="400 operations",
            ),
            pytest.param(
                "{ departments { id } } " + many("fragment F# on Department { id }", 101),
                *("fragments", 101),
                id="fragments",
            ),
            pytest.param(
                "{ departments { " + many("id", 4000) + " } }", "tokens", 4001, id="tokens"
            ),
            pytest.param("{ departments { id } }" + "\n#" * 4001, "tokens", 4001, id="comments"),
            pytest.param("{" + "a{" * 5000 + "a" + "}" * 5000 + "}", "tokens", 4001, id="braces"),
            pytest.param(
                "{ departments { id } }".ljust(50_001), "characters", 50_001, id="white space"
            ),
            pytest.param("{ " + "a" * 50_000 + " }", "characters", 50_004, id="a long name"),
            pytest.param(
                '{ link(token: "' + "\\u0041" * 8400 + '") { state } }',
                *("characters", 50_429),
                id="a long text",
            ),
            pytest.param(
                "{ departments { " + many("id", 900) + " } }",
                *("comparisons", 15_001),
                id="fields of one name",
            ),
            pytest.param(
                "{ departments { "
                + many("...F#", 99)
                + " } } "
                + many("fragment F# on Department { id name active }", 99),
                *("comparisons", 15_001),
                id="fields of one name in many fragments",
            ),
            pytest.param(
                "{ " + many("a#: clients { totalCount nodes { associations { id } } }", 17) + " }",
                *("reads", 51),
                id="reads",
            ),
            pytest.param(back_and_forth(4), "cost", 22_222, id="lists in lists"),
            pytest.param(back_and_forth(6), "cost", 2_222_222, id="13 levels, once 115 MB"),
            pytest.param(
                "{ staff(first: 100) { nodes { "
                + nested("associations(last: 100) { nodes { practitioner { ", "id", " } } }", 2)
                + " } } }",
                *("cost", 2_030_201),
                id="pages of 100 in pages of 100 in pages of 100",
            ),
            pytest.param(
                "mutation { "
                + many('a#: departmentCreate(input: {name: "A"}) { userErrors { code } }', 5)
                + " }",
                *("mutations", 5),
                id="mutations",
            ),
        ],
    )
    async def test_is_refused(
        self, served: Served, document: str, limit: str, requested: int
    ) -> None:
        found = await exceeded(served, OA, document)
        assert found[:2] == (limit, requested)
        assert await code(served, NOBODY, document) in ("QUERY_TOO_COSTLY", "UNAUTHENTICATED")
        assert served.database.statements == []

    @pytest.mark.parametrize(
        ("document", "message"),
        [
            pytest.param(
                "{ departments { ...A } } fragment A on Department { id ...A }",
                "Cannot spread fragment 'A' within itself.",
                id="a fragment in itself",
            ),
            pytest.param(
                "{ node(id: 1) { ...A } } "
                "fragment A on Client { associations { ...B } } "
                "fragment B on Association { client { ...A } practitioner { ...C } } "
                "fragment C on Staff { associations { nodes { ...B } } }",
                "Cannot spread fragment 'B' within itself via 'C'.",
                id="fragments in each other",
            ),
            pytest.param(
                "{ __schema { types { " + nested("fields { type { ", "name", " } }", 3) + " } } }",
                "Maximum introspection depth exceeded",
                id="introspection in a circle",
            ),
            pytest.param(
                "{ departments { ...A } } fragment A on LoginInput { organization }",
                "Fragment 'A' cannot condition on non composite type 'LoginInput'.",
                id="a fragment on an input",
            ),
            pytest.param(
                "{ departments { ...A } } fragment A on __Type { name fields { name } }",
                "Fragment 'A' cannot be spread here as objects of type 'Department' can never be"
                " of type '__Type'.",
                id="a fragment on what describes the schema",
            ),
            pytest.param("{ ...A }", "Unknown fragment 'A'.", id="no such fragment"),
            pytest.param(
                "type A { b: C }", "The 'A' definition is not executable.", id="no operation"
            ),
            pytest.param(
                "subscription { a { b } }",
                "Cannot query field 'a' on type 'Subscription'.",
                id="nothing that can be followed",
            ),
            pytest.param(
                "{" + "a{" * 1300 + "a" + "}" * 1300 + "}",
                "Syntax Error: Document is nested too deeply. Parsing aborted.",
                id="1,300 braces",
            ),
            pytest.param(
                "{ link(token: " + "[" * 1900 + "]" * 1900 + ") { state } }",
                "Syntax Error: Document is nested too deeply. Parsing aborted.",
                id="1,900 brackets",
            ),
        ],
    )
    async def test_is_named_by_the_validation(
        self, served: Served, document: str, message: str
    ) -> None:
        response = await served.answer(OA, document)
        assert response.json["errors"][0]["message"] == message
        assert {one["extensions"]["code"] for one in response.json["errors"]} == {"BAD_USER_INPUT"}
        assert not response.ran


class TestAmounts:
    """Of the document as it is written, and of its largest operation with fragments spread out."""

    def test_of_a_document_with_everything_in_it(self) -> None:
        document = """
        # What the list shows.
        query List($first: Int = 50, $more: Boolean!) {
          clients(first: $first) {
            nodes { ...Row viewerPermissions @include(if: $more) }
            total: totalCount
          }
          ... on Query { viewer { staff { name: displayName } } }
        }
        query Other @skip(if: false) { departments { id } }
        fragment Row on Client {
          id
          department { name }
          associations { practitioner { ...Person } }
          ... @skip(if: false) @include(if: true) { them: associations { department { id } } }
        }
        fragment Person on Staff { displayName roles { role } }
        """
        assert amounts(document) == Amounts(
            characters=len(document),
            tokens=parse(document).token_count,
            nested_lists=3,
            operations=2,
            fragments=2,
            variables=2,
            aliases=3,
            directives=4,
            directives_together=2,
            fields=18,
            depth=6,
            root_fields=2,
            reads=6,
        )

    def test_a_fragment_counts_as_often_as_it_is_spread(self) -> None:
        document = """{ departments { ...A ...A } again: departments { ...A } }
        fragment A on Department { ...B ...B } fragment B on Department { id name }"""
        assert amounts(document).fields == 2 + 3 * 2 * 2

    def test_what_is_not_of_the_schema_counts_as_well(self) -> None:
        document = "{ nothing { at: all { of @it { ...this } } } } fragment this on No { no thing }"
        found = amounts(document)
        assert (found.fields, found.depth, found.aliases, found.directives) == (5, 4, 1, 1)

    def test_mutations_are_those_of_one_operation_through_its_fragments(self) -> None:
        reject = "clientReject(id: $id) { userErrors { code } }"
        document = f"""mutation A($id: ID!) {{ ...Two a: {reject} }}
        mutation B($id: ID!) {{ ...Two }}
        query C {{ viewer {{ surface }} departments {{ id }} }}
        fragment Two on Mutation {{ b: {reject} ... {{ c: {reject} }} }}"""
        found = amounts(document)
        assert (found.mutations, found.credential_mutations, found.root_fields) == (3, 0, 3)

    async def test_switches_are_found_wherever_they_are(self) -> None:
        document = """query ($a: Boolean!, $b: Boolean!, $c: Boolean!, $d: Int) {
          clients(first: $d) { nodes { ...F @skip(if: $b) } } }
        fragment F on Client { ... @include(if: $a) { id @include(if: true) @skip(if: $c) } }"""
        assert METER.measured(parse(document)).switches == ("a", "b", "c")


class TestCost:
    """Each object is 1, lists multiply, mutations are more."""

    @pytest.mark.parametrize(
        ("document", "points"),
        [
            ("{ __typename }", 0),
            ("{ viewer { surface permissions } }", 1),
            ("{ viewer { organization { name } staff { firstName } } }", 3),
            ("{ departments { id name } }", 10),
            ("{ departments { id n: name } }", 20),
            ("{ clients { totalCount } }", 1 + 25 * 0),
            ("{ clients { nodes { id } } }", 1 + 25),
            ("{ clients { edges { cursor node { id } } pageInfo { hasNextPage } } }", 1 + 25 * 2),
            ("{ clients(first: 3) { nodes { id } edges { cursor } } }", 1 + 3 * 2),
            ("{ clients(last: 3) { nodes { id } } }", 1 + 3),
            ("{ clients(first: null, last: 3) { nodes { id } } }", 1 + 3),
            ("{ clients(first: 0) { nodes { id } } }", 1 + 100),
            ("{ clients(first: -1) { nodes { id } } }", 1 + 100),
            ("{ clients(first: 101) { nodes { id } } }", 1 + 100),
            ("{ clients(first: " + "9" * 5000 + ") { nodes { id } } }", 1 + 100),
            ('{ clients(first: "3") { nodes { id } } }', 1 + 100),
            ("{ clients(first: 3) { nodes { associations { department { id } } } } }", 1 + 3 * 21),
            ("{ staff(first: 3) { nodes { roles { department { id } } } } }", 1 + 3 * 7),
            (
                "{ staff(first: 3) { nodes { associations(first: 4) { nodes { id } } } } }",
                1 + 3 * (1 + 1 + 4),
            ),
            ("mutation { logout { userErrors { code } } }", 100 + 1 + 10),
            ('mutation { linkResend(token: "") { accepted } }', 500 + 1),
            ('{ __type(name: "Client") { fields { name type { name } } } }', 20),
            (get_introspection_query(), 200),
            ("{ a: __schema { types { name } } b: __schema { types { name } } }", 400),
        ],
    )
    def test_of_a_document_without_variables(self, document: str, points: int) -> None:
        assert cost(document) == points

    @pytest.mark.parametrize(
        ("variables", "size"),
        [
            ({}, 25),
            ({"first": None}, 25),
            ({"first": 1}, 1),
            ({"first": 100}, 100),
            ({"last": 7}, 7),
            ({"first": None, "last": 7}, 7),
            ({"first": 3, "last": 7}, 3),
            ({"first": 0}, 100),
            ({"first": -1}, 100),
            ({"first": 2**31}, 100),
            ({"first": 2**63}, 100),
            ({"first": "3"}, 100),
            ({"first": 3.0}, 100),
            ({"first": []}, 100),
        ],
    )
    def test_follows_the_variables(self, variables: Json, size: int) -> None:
        document = """query Page($first: Int, $last: Int) {
          viewer { surface } clients(first: $first, last: $last) { nodes { ...Row } } }
        fragment Row on Client { id department { name } }"""
        assert cost(document, **variables) == 1 + 1 + size * 2

    @pytest.mark.parametrize(
        ("variables", "size"), [({}, 4), ({"n": 9}, 9), ({"n": None}, 25), ({"m": 9}, 4)]
    )
    def test_follows_the_defaults(self, variables: Json, size: int) -> None:
        document = "query ($n: Int = 4) { clients(first: $n) { nodes { id } } }"
        assert cost(document, **variables) == 1 + size

    def test_each_operation_has_its_own(self) -> None:
        document = """query A($n: Int = 2) { ...Page } query B($n: Int = 3) { ...Page }
        fragment Page on Query { clients(first: $n) { nodes { id } } }"""
        measured = METER.measured(parse(document))
        assert [measured.cost(name, None) for name in ("A", "B", "C", None)] == [3, 4, None, None]

    def test_what_fragments_share_is_counted_once_and_never_too_far(self) -> None:
        page = "associations(first: $n) { nodes { practitioner { ...F## } } }"
        document = "query ($n: Int) { node(id: 1) { ...F0 } } " + doubled(
            "Staff", f"... {{ {page} }} {page}", 40
        )
        assert cost(document, n=100) == COUNTED

    def test_an_expression_is_only_what_depends_on_variables(self) -> None:
        document = """query ($n: Int) { departments { id } clients(first: $n) { nodes { id
          associations { id } } } }"""
        ((found, _),) = METER.measured(parse(document)).costs.values()
        assert not isinstance(found, int)
        (page,) = found.parts
        assert (found.number, page[1]) == (11, 11)
        constant, _ = METER.measured(parse("{ departments { id } }")).costs[None]
        assert constant == 10


class TestAnswers:
    """Every answer of an operation says what it costs, whatever becomes of it."""

    @pytest.mark.parametrize(
        ("caller", "document", "variables", "told"),
        [
            (OA, "{ viewer { surface } }", None, (1, 20_000)),
            (NOBODY, "{ viewer { surface } }", None, (1, 1_000)),
            (OA, "{ clients(first: 0) { nodes { id } } }", None, (101, 20_000)),
            (NOBODY, "{ departments { id } }", None, (10, 1_000)),
            (("nobody", Surface.PORTAL), "{ staff { nodes { email } } }", None, (26, 20_000)),
            (OA, "{ nothing }", None, (0, 20_000)),
            (OA, "query ($n: Int!) { staff(first: $n) { nodes { id } } }", {}, (26, 20_000)),
            (OA, back_and_forth(4), None, (22_222, 20_000)),
            (OA, "{ departments { " + many("a#: id", 101) + " } }", None, (1_020, 20_000)),
        ],
    )
    async def test_of_an_operation_tell_its_cost(
        self,
        served: Served,
        caller: Caller,
        document: str,
        variables: Json | None,
        told: tuple[int, int],
    ) -> None:
        response = await served.answer(caller, document, variables)
        requested, limit = told
        assert response.json["extensions"] == {"cost": {"requested": requested, "limit": limit}}
        assert list(response.json)[-1] == "extensions"

    @pytest.mark.parametrize(
        ("document", "name"),
        [
            ("{", None),
            ("", None),
            ("{ viewer { surface } }".ljust(50_001), None),
            ("query A { __typename } query B { __typename }", None),
            ("query A { __typename } query B { __typename }", "C"),
            ("fragment A on Query { __typename }", None),
        ],
    )
    async def test_of_no_operation_tell_none(
        self, served: Served, document: str, name: str | None
    ) -> None:
        response = await served.answer(OA, document, None, name)
        assert response.json.keys() == {"errors"}

    async def test_a_page_too_large_is_refused_before_it_is_too_costly(
        self, served: Served
    ) -> None:
        document = """query ($n: Int) { staff(first: 100) { nodes { associations(first: $n) {
          nodes { practitioner { roles { department { id } } } } } } } }"""
        assert await code(served, OA, document, {"n": 2**31 - 1}) == "BAD_USER_INPUT"
        assert await code(served, OA, document, {"n": 0}) == "BAD_USER_INPUT"
        assert await exceeded(served, OA, document, {"n": 100}) == ("cost", 80_201, 20_000)
        assert await code(served, OA, document, {"n": 20}) is None


class TestCallers:
    """Who is not signed in may ask for less, and is asked to sign in where that would help."""

    async def test_lower_limits_for_who_is_not_signed_in(self, served: Served) -> None:
        for amount, most in zip(ANONYMOUS.amounts, SIGNED_IN.amounts, strict=True):
            assert amount <= most
        document = "{ " + many('a#: organization(slug: "east") { name }', 11) + " }"
        assert await exceeded(served, NOBODY, document) == ("root_fields", 11, 10)
        assert await code(served, OA, document) is None
        # The document is known by now, and still too large.
        assert await exceeded(served, NOBODY, document) == ("root_fields", 11, 10)

    async def test_what_nobody_may_ask_is_denied_and_not_too_costly(self, served: Served) -> None:
        document = "{ clients(first: 100) { nodes { associations { department { id } } } } }"
        assert cost(document) == 2101
        assert await code(served, NOBODY, document) == "UNAUTHENTICATED"

    async def test_a_session_that_is_over_is_told_so(self, served: Served) -> None:
        """Otherwise an app would not refresh it for its largest documents."""
        over = replace(served.contexts[None], expired=True)
        documents = (
            "{ departments { " + many("a#: id", 60) + " } }",
            "{ clients(first: 100) { nodes { associations { department { id } } } } }",
        )
        for document in documents:
            body = (await served.api.execute(over, document)).json
            assert body["errors"] == [
                {
                    "message": "The session is over. Refresh it, or sign in again.",
                    "extensions": {"code": "UNAUTHENTICATED"},
                }
            ]
            assert await code(served, OA, document) is None

    async def test_the_limits_are_those_that_the_api_is_given(self, served: Served) -> None:
        few = replace(SIGNED_IN, amounts=SIGNED_IN.amounts._replace(aliases=0), cost=5)
        strict = Served(Api(Limits(signed_in=few)), served.database, served.contexts)
        assert await exceeded(strict, OA, "{ a: viewer { surface } }") == ("aliases", 1, 0)
        assert await exceeded(strict, OA, "{ departments { id } }") == ("cost", 10, 5)
        assert await code(strict, OA, "{ viewer { surface } }") is None


STANDARD = get_introspection_query(
    specified_by_url=True,
    directive_is_repeatable=True,
    schema_description=True,
    input_value_deprecation=True,
    experimental_directive_deprecation=True,
    one_of=True,
)
"""With all its options: more than GraphiQL or a generator of code asks for."""

CIRCLES = {"fields", "inputFields", "interfaces", "possibleTypes"}
"""Of these the validation lets two be one inside the other."""


def values(field: Any) -> list[Json]:
    """The objects in a field of the schema's description."""
    every = field if isinstance(field, list) else [field]
    return [one for one in every if isinstance(one, dict)]


def described(
    types: dict[str, Json], path: tuple[str, ...], objects: list[Json], count: float
) -> Iterator[tuple[tuple[str, ...], int, float]]:
    """Every way down from these objects: how many there are at its end, and how many count."""
    yield path, len(objects), count
    below: dict[str, list[Json]] = {}
    for one in objects:
        for name, field in (types.get(one["name"] or "", one) if "kind" in one else one).items():
            below.setdefault(name, []).extend(values(field))
    for name, found in below.items():
        way = (*path, name)
        if found and sum(step in CIRCLES for step in way) < 3:
            yield from described(types, way, found, count * DESCRIBED.get(name, 1))


class TestIntrospection:
    """The schema is for everybody, and no request reads much more than all of it once."""

    @pytest.mark.parametrize("caller", [OA, NOBODY])
    @pytest.mark.parametrize("document", [get_introspection_query(), STANDARD])
    async def test_the_standard_query_is_for_everybody(
        self, served: Served, caller: Caller, document: str
    ) -> None:
        response = await served.answer(caller, document)
        assert "errors" not in response.json
        assert build_client_schema(response.json["data"]).query_type

    def test_with_any_options_it_is_within_every_limit(self) -> None:
        for options in product((False, True), repeat=7):
            document = get_introspection_query(*options)
            assert beyond(amounts(document), ANONYMOUS) is None

    @pytest.mark.parametrize("caller", [OA, NOBODY])
    @pytest.mark.parametrize(
        "document",
        [
            pytest.param(
                "{ __schema { " + many("a#: types { ...F }", 20) + " } } fragment F on __Type {"
                " fields { args { name type { ofType { fields { args { name type { name } } } } } }"
                " } }",
                id="aliases",
            ),
            pytest.param(
                "{ "
                + many("a#: __schema { types { fields { ...F } } }", 10)
                + " } fragment F on __Field"
                " { name type { name } args { name description } }",
                id="aliases at the root",
            ),
            pytest.param(
                "{ "
                + many(
                    'a#: __type(name: "Mutation") { fields { ...F description isDeprecated } }', 10
                )
                + " } fragment F on __Field { name args { name type { kind name ofType { kind name"
                " inputFields { name description defaultValue type { kind name ofType {"
                " kind name } } } } } } }",
                id="the largest type",
            ),
            pytest.param(
                "{ __schema { mutationType { fields { type { "
                + many("a#: fields { name args { name type { kind name } } type { name } }", 10)
                + " } } } } }",
                id="a type of operations",
            ),
            pytest.param(
                "{ __schema { types { ...F0 } } } "
                + many("fragment F# on __Type { ...F## ...{ ...F## } }", 6)
                + " fragment F6 on __Type { fields { name description } }",
                id="fragments, spread twice each",
            ),
            pytest.param(
                "{ __schema { types { fields { "
                + many("a#: type { ...F }", 3)
                + " } } } } fragment F on __Type {"
                " kind name ofType { kind name ofType { kind name ofType { kind name fields {"
                " name description isDeprecated deprecationReason type { kind name ofType {"
                " kind name ofType { kind name enumValues { name description isDeprecated"
                " deprecationReason } } } } } } } } }",
                id="circles of ofType and fields",
            ),
            pytest.param(
                "{ __schema { types { fields { "
                + many("a#: type { __typename kind fields { __typename name } }", 18)
                + " } } } }",
                id="names of types",
            ),
        ],
    )
    async def test_more_is_refused(self, served: Served, caller: Caller, document: str) -> None:
        name, _, limit = await exceeded(served, caller, document)
        assert (name, limit) == ("described", 35_000)

    @pytest.mark.parametrize(
        ("document", "count"),
        [
            ("{ viewer { surface } }", 0),
            ("{ __schema { __typename } }", 1 + 1 + 1),
            ("{ ...{ __schema { a: description b: description } } }", 1 + 1 + 2),
            ("{ __schema { types { name } } }", 1 + 1 + 1 + 130 * (1 + 1)),
            ('{ __type(name: "Client") { kind } }', 1 + 50 * (1 + 1)),
            ("{ __schema { directives { locations args { name } } } }", 3 + 10 * (1 + 1 + 1 + 2)),
            ("{ __schema { subscriptionType { ofType { name } } } }", 3 + 50 * (1 + 1 + 1.5)),
        ],
    )
    def test_each_field_and_each_object_counts(self, document: str, count: float) -> None:
        assert amounts(document).described == count

    async def test_there_is_hardly_more_than_counts(self, served: Served) -> None:
        """Wherever the numbers do not fit the schema any more, they or the limit have to grow."""
        schema = (await served.answer(OA, STANDARD)).json["data"]["__schema"]
        types = {one["name"]: one for one in schema["types"]}
        beginnings = [(("__schema",), [schema], 1.0)]
        beginnings += [((name,), [one], DESCRIBED["__type"]) for name, one in types.items()]
        for beginning in beginnings:
            for path, found, count in described(types, *beginning):
                assert found <= 1.3 * count, path


LOGIN = """login(input: {organization: "east", username: "#", password: "#", surface: APP}) {
  userErrors { code } }"""


class TestCredentials:
    """Passwords, links and addresses are tried one at a time (`hostile` A7)."""

    @pytest.mark.parametrize(
        "document",
        [
            "mutation { " + many(f"a#: {LOGIN}", 2) + " }",
            "mutation { " + LOGIN + ' linkResend(token: "") { accepted } }',
            "mutation { ...A ...A } fragment A on Mutation { " + LOGIN + " }",
            "mutation { ... { " + LOGIN + " } ... on Mutation { b: " + LOGIN + " } }",
            "mutation { ... @skip(if: true) { " + LOGIN + " } b: " + LOGIN + " }",
            "query Q { __typename } mutation M { " + many(f"a#: {LOGIN}", 3) + " }",
        ],
    )
    @pytest.mark.parametrize("caller", [OA, NOBODY])
    async def test_an_operation_has_one_at_most(
        self, served: Served, caller: Caller, document: str
    ) -> None:
        name = "M" if "query" in document else None
        found = await exceeded(served, caller, document, None, name)
        assert (found[0], found[2]) == ("credential_mutations", 1)

    async def test_one_beside_others_is_allowed(self, served: Served) -> None:
        document = "mutation { " + LOGIN + " " + many("a#: logout { userErrors { code } }", 3) + "}"
        assert await code(served, OA, document) is None

    def test_they_are_all_by_which_somebody_could_guess(self) -> None:
        """Whatever takes a token, a password or an address from somebody who is not signed in."""
        assert {
            name
            for name in build().type_map["Mutation"].fields  # type: ignore[attr-defined]
            if amounts(f"mutation {{ {name} {{ userErrors {{ code }} }} }}").credential_mutations
        } == {
            *("login", "sessionRefresh", "clientRegister", "linkResend", "registrationConfirm"),
            *("invitationAccept", "passwordResetRequest", "passwordReset", "passwordChange"),
            *("emailChangeRequest", "emailChangeConfirm", "secondFactorBegin"),
            *("secondFactorConfirm", "secondFactorRemove", "recoveryCodesRenew"),
        }


class TestKept:
    """Documents are kept as long as they are good, and as many as there is room for."""

    async def test_what_is_wrong_is_not_kept(self, served: Served) -> None:
        api = Api()
        fresh = Served(api, served.database, served.contexts)
        for document in ("{", "{ nothing }", "{ departments { " + many("a#: id", 101) + " } }"):
            assert await code(fresh, OA, document)
        assert api._documents == {}
        # Too costly with these variables, and not with others.
        document = """query ($n: Int) { staff(first: $n) { nodes { associations(first: $n) {
          nodes { client { id } } } } } }"""
        assert await code(fresh, OA, document, {"n": 100}) == "QUERY_TOO_COSTLY"
        assert await code(fresh, OA, document, {"n": 2}) is None
        assert len(api._documents) == 1

    async def test_large_documents_make_room_for_others(self, served: Served) -> None:
        api = Api()
        fresh = Served(api, served.database, served.contexts)
        many_ids = many('"stf_#"', 3900)
        for number in range(60):
            prepared = api._prepared(
                f"""mutation M{number} {{ clientAssociationsUpdate(id: "", input: {{
                  remove: [{many_ids}] }}) {{ userErrors {{ code }} }} }}""",
                SIGNED_IN,
            )
            assert prepared.errors == []
        assert await code(fresh, OA, "{ viewer { surface } }") is None
        total = sum(one.measured.amounts.tokens for one in api._documents.values())
        assert 190_000 < total == api._tokens <= 200_000

    async def test_an_id_for_each_of_many_is_asked_for_by_variables(self, served: Served) -> None:
        """What a list shows is a page; twenty things by their ids are one operation too."""
        ids = {f"v{i}": outside("dep_", CLINIC.ids["speech"]) for i in range(20)}
        document = (
            "query (" + many("$v#: ID!", 20) + ") { " + many("a#: node(id: $v#) { id }", 20) + " }"
        )
        response = await served.answer(OA, document, ids)
        assert len(response.json["data"]) == 20


@pytest.mark.parametrize("text", WRITTEN)
def test_tokens_are_counted_as_the_parser_counts_them(text: str) -> None:
    parsed(text, ANONYMOUS)
    counted = sum(1 for found in _TOKEN.finditer(text) if found[1])
    parse(text, max_lexical_tokens=counted)
    with pytest.raises(GraphQLSyntaxError, match="more than"):
        parse(text, max_lexical_tokens=counted - 1)


@pytest.mark.parametrize("part", ['"', "#", '"""', "\\", '""" \\"""', '"a', " ", "-", "1", "\n#"])
def test_what_is_no_document_is_still_refused_by_the_parser(part: str) -> None:
    with pytest.raises(GraphQLError):
        parsed(part * (9_999 // len(part)), ANONYMOUS)
