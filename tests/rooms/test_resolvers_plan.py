"""Planned reads: what a document costs, what is kept of it, and what is refused."""

import re
from collections.abc import AsyncIterator
from typing import Any

import pytest

import schema.executor
from models import Surface, outside
from resolvers.reading import PLANS
from schema import Api
from schema.operation import Operation, walk
from tests.conftest import Databases
from tests.oracle.clinic import CLINIC
from tests.oracle.served import FREELY, Served, serving

OA = ("oa", Surface.PORTAL)
DA = ("da.two", Surface.PORTAL)
CC_PR = ("cc.pr", Surface.PORTAL)
PR = ("pr", Surface.PORTAL)
ANN = ("ann", Surface.PORTAL)

PAGE = """{ clients(first: 50) { nodes { id department { id name }
    associations { id practitioner { id displayName } department { id name } } } } }"""


@pytest.fixture(scope="module", params=["sqlite", "postgresql"])
async def served(
    request: pytest.FixtureRequest, databases: Databases, tmp_path_factory: pytest.TempPathFactory
) -> AsyncIterator[Served]:
    """The API over the clinic, which these tests only read."""
    if request.param == "sqlite":
        async with serving(
            await databases.sqlite(tmp_path_factory.mktemp("plan")), Api(FREELY)
        ) as made:
            yield made
        return
    url = await databases.postgresql()
    async with serving(url, Api(FREELY)) as made:
        yield made
    await databases.drop(url)


async def data(served: Served, *asked: Any) -> Any:
    """What is answered, without errors."""
    response = await served.answer(*asked)
    assert "errors" not in response.json, response.json
    return response.json["data"]


async def code(served: Served, *asked: Any) -> str:
    """The one error's code."""
    response = await served.answer(*asked)
    (error,) = response.json["errors"]
    return error["extensions"]["code"]  # type: ignore[no-any-return]


class TestStatements:
    """A planned field costs one statement, whatever is asked below it."""

    @pytest.mark.parametrize(
        ("document", "statements"),
        [
            ("{ departments { id name } }", 1),
            ("{ clients { nodes { id } } }", 1),
            ("{ clients { totalCount } }", 1),
            ("{ clients { nodes { id } totalCount again: totalCount } }", 1),
            ("{ clients { pageInfo { endCursor } edges { cursor } } }", 1),
            ("{ clients { a: nodes { id } b: nodes { lastName } edges { node { status } } } }", 1),
            ("{ clients { nodes { department { id name } } } }", 1),
            ("{ clients { nodes { associations { id } } } }", 1),
            (PAGE, 1),
            ("{ clients { nodes { a: associations { id } b: associations { id } } } }", 1),
            ("{ clients { nodes { approvedBy { displayName } } } }", 1),
            ("{ clients { nodes { notes { totalCount nodes { author { displayName } } } } } }", 1),
            ("{ clients { nodes { possibleDuplicates { id possibleDuplicates { id } } } } }", 1),
            ("{ clients { nodes { decisions { nodes { reason actor { displayName } } } } } }", 1),
            ("{ staff { nodes { roles { role department { name } } } } }", 1),
            ("{ staff { nodes { associations { nodes { id client { id } } } } } }", 1),
            ("{ staff { nodes { associations { totalCount } } } }", 1),
            ("{ viewer { surface permissions staff { displayName } organization { name } } }", 1),
            ("{ viewer { surface } permissionMatrix { role } }", 1),
            ("{ permissionMatrix { role } }", 0),
            ("{ a: clients { nodes { id } } b: clients { nodes { id } } }", 2),
        ],
    )
    @pytest.mark.parametrize("caller", [OA, DA])
    async def test_a_document_costs_its_planned_fields(
        self, served: Served, document: str, statements: int, caller: Any
    ) -> None:
        await data(served, caller, document)
        assert len(served.database.statements) == statements, served.database.statements

    @pytest.mark.parametrize("size", [1, 2, 5, 100])
    async def test_the_size_of_the_page_does_not_count(self, served: Served, size: int) -> None:
        document = """query Sized($size: Int) { clients(first: $size, status: null) { nodes { id
            department { id } associations { id practitioner { id
                associations(first: $size) { nodes { client { id } } } } } } } }"""
        found = await data(served, OA, document, {"size": size})
        assert len(found["clients"]["nodes"]) == min(size, 21)
        assert len(served.database.statements) == 1

    async def test_a_cursor_is_looked_up_on_the_way(self, served: Served) -> None:
        document = "query Next($after: String) { clients(after: $after) { nodes { id } } }"
        await data(served, OA, document, {"after": outside("cur_", CLINIC.ids["ann"])})
        assert len(served.database.statements) == 1

    async def test_nothing_is_read_below_nothing(self, served: Served) -> None:
        document = """{ clients(departmentId: "dep_none") { nodes { associations { id
            practitioner { associations(after: "of no list") { nodes { id } } } } } } }"""
        assert await data(served, OA, document) == {"clients": {"nodes": []}}

    async def test_what_a_switch_leaves_out_costs_nothing(self, served: Served) -> None:
        document = """query Less($all: Boolean!) { clients { nodes { id
            associations @include(if: $all) { id } } totalCount @include(if: $all) } }"""
        await data(served, OA, document, {"all": False})
        (sql,) = served.database.statements
        assert "associations" not in sql
        await data(served, OA, document, {"all": True})
        (sql,) = served.database.statements
        assert "associations" in sql


class TestSql:
    """Just the asked columns, each once, within reach."""

    @pytest.mark.parametrize(
        ("document", "expected"),
        [
            (
                "{ departments { name } }",
                """SELECT ('{"name":' || json_quote(r0.c0) || '}')
                FROM (SELECT t0.name AS c0, t0.name_key AS c1, t0.id AS c2
                FROM departments AS t0 WHERE t0.organization_id = ?1 AND 1 = 1
                ORDER BY t0.name_key ASC, t0.id ASC) AS r0 ORDER BY r0.c1 ASC, r0.c2 ASC""",
            ),
            (
                "{ clients(first: 3) { nodes { lastName department { name } } } }",
                """SELECT (SELECT ('{"nodes":[' || coalesce(group_concat(
                CASE WHEN r0.c0 <= 10003 THEN ('{"lastName":' || json_quote(r0.c1) ||
                ',"department":' || CASE WHEN r0.c2 IS NOT NULL THEN
                ('{"name":' || json_quote(r0.c3) || '}') ELSE 'null' END || '}') END, ','), '')
                || ']}') FROM (SELECT 10000 + row_number()
                OVER (ORDER BY t0.name_key ASC, t0.id ASC) AS c0,
                t0.last_name AS c1, t2.id AS c2, t2.name AS c3
                FROM clients AS t0 LEFT JOIN departments AS t2 ON t2.id = t0.department_id
                AND t2.organization_id = ?1 AND 1 = 1
                WHERE t0.organization_id = ?1 AND 1 = 1 AND t0.status = ?2
                ORDER BY t0.name_key ASC, t0.id ASC LIMIT 4) AS r0)""",
            ),
            (
                "{ clients(last: 5, orderBy: NEWEST) { totalCount } }",
                """SELECT ('{"totalCount":' || CAST((SELECT count(*) FROM (
                SELECT t1.id FROM clients AS t1
                WHERE t1.organization_id = ?1 AND 1 = 1 AND t1.status = ?2) AS counted) AS TEXT)
                || '}')""",
            ),
        ],
    )
    async def test_the_sql_beside_the_document(
        self, served: Served, document: str, expected: str
    ) -> None:
        await data(served, OA, document)
        (sql,) = served.database.statements
        if served.database.dialect == "sqlite":
            assert "".join(sql.split()) == "".join(expected.split())

    async def test_only_asked_columns_are_read(self, served: Served) -> None:
        await data(served, OA, "{ clients { nodes { firstName status } } }")
        (sql,) = served.database.statements
        read = re.findall(r"t0\.(\w+) AS c\d", sql.partition(" OVER (")[2])
        assert read == ["first_name", "status"]
        assert "JOIN" not in sql

    async def test_a_computed_field_brings_its_columns_once(self, served: Served) -> None:
        await data(served, OA, "{ staff { nodes { displayName firstName full: displayName } } }")
        (sql,) = served.database.statements
        assert sql.count(".last_name") == 1

    async def test_many_names_for_one_thing_read_it_once(self, served: Served) -> None:
        names = " ".join(
            f"a{i}: status b{i}: department {{ c{i}: name }} d{i}: email" for i in range(450)
        )
        found = await data(served, DA, f"{{ clients(first: 1) {{ nodes {{ {names} }} }} }}")
        (sql,) = served.database.statements
        assert sql.count("LEFT JOIN") == 1
        assert sql.count(" AS c") < 10
        assert len(found["clients"]["nodes"][0]) == 3 * 450

    async def test_who_reads_every_row_needs_no_guard(self, served: Served) -> None:
        await data(served, OA, "{ clients { nodes { email } } }")
        (sql,) = served.database.statements
        assert "associations" not in sql

    async def test_a_guard_is_asked_once_for_all_that_it_guards(self, served: Served) -> None:
        document = "{ clients { nodes { email phone id dateOfBirth username } } }"
        one = "{ clients { nodes { email } } }"
        guards = []
        for asked in (one, document):
            await data(served, CC_PR, asked)
            (sql,) = served.database.statements
            guards.append(sql.count("associations.practitioner_id"))
        assert guards[0] == guards[1]

    @pytest.mark.parametrize("caller", [DA, CC_PR])
    async def test_every_level_is_within_reach(self, served: Served, caller: Any) -> None:
        await data(served, caller, PAGE)
        (sql,) = served.database.statements
        tables = sql.count(" AS t")
        assert sql.count("organization_id = ") >= tables
        assert "department_id" in sql

    @pytest.mark.parametrize("rounds", [1, 2])
    async def test_lists_inside_lists_are_one_statement(self, served: Served, rounds: int) -> None:
        found = await data(served, OA, _around(rounds))
        assert found["clients"]["nodes"]
        assert len(served.database.statements) == 1

    async def test_lists_deeper_than_a_database_parses_are_refused(self, served: Served) -> None:
        assert await code(served, OA, _around(4)) == "QUERY_TOO_COSTLY"
        assert served.database.statements == []


def _around(rounds: int) -> str:
    """From clients to their practitioners and back, so many times: two lists a round."""
    below = "id"
    for _ in range(rounds):
        back = f"associations(first: 1) {{ nodes {{ client {{ {below} }} }} }}"
        below = f"id associations {{ practitioner {{ {back} }} }}"
    return f"{{ clients(first: 1) {{ nodes {{ {below} }} }} }}"


class TestKept:
    """What was found out about a document is kept, and bounded."""

    @pytest.fixture
    def walks(self, monkeypatch: pytest.MonkeyPatch) -> list[Operation]:
        """The operations that were walked."""
        walked: list[Operation] = []

        def counted(executor: Any) -> Operation:
            walked.append(walk(executor))
            return walked[-1]

        monkeypatch.setattr(schema.executor, "walk", counted)
        return walked

    async def test_a_document_is_walked_once(self, served: Served, walks: list[Operation]) -> None:
        document = "query Once($size: Int) { clients(first: $size) { nodes { id } } }"
        for caller in (OA, DA, CC_PR, OA):
            for size in (1, 2):
                await data(served, caller, document, {"size": size})
        assert len(walks) == 1
        await data(served, OA, document + " ", {"size": 1})
        assert len(walks) == 2

    async def test_a_plan_is_made_once_for_each_shape_of_caller(
        self, served: Served, walks: list[Operation]
    ) -> None:
        document = "query Shape { viewer { organization { slug } } }"
        for caller in (OA, ("west.oa", Surface.PORTAL), ANN, ("bob", Surface.PORTAL), OA):
            await data(served, caller, document)
        (operation,) = walks
        (tree,) = operation.trees.values()
        assert len(tree.plans) == 2

    async def test_many_sizes_do_not_grow_it(self, served: Served, walks: list[Operation]) -> None:
        document = "query Sizes($size: Int) { clients(first: $size) { nodes { id } } }"
        for size in range(1, 101):
            await data(served, OA, document, {"size": size})
        (operation,) = walks
        (tree,) = operation.trees.values()
        assert len(tree.plans) == PLANS

    async def test_switches_do_not_mix(self, served: Served, walks: list[Operation]) -> None:
        document = """query Switched($a: Boolean!, $b: Boolean! = true) { clients(first: 1) {
            nodes { id @include(if: $a) firstName @skip(if: $a) } totalCount @skip(if: $b) } }"""
        for _ in range(2):
            for a in (True, False):
                for b in (True, False):
                    found = await data(served, OA, document, {"a": a, "b": b})
                    assert found["clients"].keys() == ({"nodes"} if b else {"nodes", "totalCount"})
                    assert found["clients"]["nodes"][0].keys() == {"id" if a else "firstName"}
        assert len(walks) == 4
        await data(served, OA, document, {"a": True})
        assert len(walks) == 4

    async def test_same_operations_with_other_fragments_do_not_mix(self, served: Served) -> None:
        operation = "query Same { clients(first: 1) { nodes { ...It } } } "
        first = operation + "fragment It on Client { firstName }"
        second = operation + "fragment It on Client { lastName }"
        for _ in range(2):
            found = await data(served, OA, first)
            assert found["clients"]["nodes"][0].keys() == {"firstName"}
            found = await data(served, OA, second)
            assert found["clients"]["nodes"][0].keys() == {"lastName"}

    async def test_operations_of_one_document_do_not_mix(self, served: Served) -> None:
        document = "query A { departments { id } } query B { departments { name } }"
        for name, key in (("A", "id"), ("B", "name"), ("A", "id")):
            found = await data(served, OA, document, {}, name)
            assert found["departments"][0].keys() == {key}

    async def test_thousands_of_documents_do_not_grow_it(self, served: Served) -> None:
        api = Api()
        fresh = Served(api, served.database, served.contexts)
        for number in range(1100):
            await data(fresh, None, f"{{ a{number}: __typename }}")
        assert len(api._documents) == 1000
        assert next(iter(api._documents)) == "{ a100: __typename }"
        await data(fresh, None, "{ a100: __typename }")  # used again, so not the next to go
        await data(fresh, None, "{ another: __typename }")
        assert "{ a100: __typename }" in api._documents
        assert "{ a101: __typename }" not in api._documents

    async def test_thousands_of_switches_do_not_grow_it(self, served: Served) -> None:
        names = [f"s{i}" for i in range(6)]
        declared = ", ".join(f"${name}: Boolean!" for name in names)
        fields = " ".join(f"{name}: __typename @include(if: ${name})" for name in names)
        document = f"query Many({declared}) {{ {fields} }}"
        for number in range(64):
            values = {name: bool(number >> i & 1) for i, name in enumerate(names)}
            found = await data(served, None, document, values)
            assert found.keys() == {name for name in names if values[name]}
        assert len(served.api._documents[document].operations) <= 16


class TestGuards:
    """What a reader of a row may not read of it is null (`D7`, `D24`)."""

    async def test_details_are_null_where_a_coordinator_is_only_the_practitioner(
        self, served: Served
    ) -> None:
        document = """query One($id: ID!) { node(id: $id) { ... on Client { firstName email phone
            dateOfBirth username statusReason approvedAt approvedBy { displayName } } } }"""
        met = await data(served, CC_PR, document, {"id": outside("cli_", CLINIC.ids["ann"])})
        assert met["node"] == {
            "firstName": "Ann",
            **dict.fromkeys(
                ("email", "phone", "dateOfBirth", "username", "statusReason", "approvedAt")
            ),
            "approvedBy": None,
        }
        managed = await data(served, CC_PR, document, {"id": outside("cli_", CLINIC.ids["eva"])})
        assert managed["node"]["email"] == "eva@Example.com"
        assert managed["node"]["approvedBy"] == {"displayName": "Piet Smit"}

    async def test_a_name_is_told_of_who_is_out_of_reach_and_nothing_more(
        self, served: Served
    ) -> None:
        document = """query One($id: ID!) { client(id: $id) {
            approvedBy { __typename displayName ... on Staff { id email } } } }"""
        asked = document, {"id": outside("cli_", CLINIC.ids["cis"])}
        found = await data(served, ("da.speech", Surface.PORTAL), *asked)
        assert found["client"]["approvedBy"]["email"] == "Cc@Example.org"
        beyond = document, {"id": outside("cli_", CLINIC.ids["eva"])}
        found = await data(served, ("da.speech", Surface.PORTAL), *beyond)
        assert found["client"]["approvedBy"]["__typename"] == "Staff"
        mine = "{ viewer { client { approvedBy { __typename displayName } } } }"
        found = await data(served, ANN, mine)
        told = {"__typename": "NamedActor", "displayName": "Dora Zwart"}
        assert found["viewer"]["client"]["approvedBy"] == told


class TestPages:
    """Pages are 1 to 100 in one direction; cursors are looked up within reach (`D29`)."""

    @pytest.mark.parametrize(
        "arguments",
        [
            "first: 0",
            "first: 101",
            "first: -1",
            "last: 0",
            "last: 101",
            "first: 1, last: 1",
            "first: 2147483647",
        ],
    )
    @pytest.mark.parametrize(
        "document",
        [
            "{{ clients({}) {{ totalCount }} departments {{ id }} }}",
            "{{ staff {{ nodes {{ associations({}) {{ totalCount }} }} }} departments {{ id }} }}",
            "{{ node(id: 1) {{ ... on Staff {{ associations({}) {{ totalCount }} }} }} }}",
        ],
    )
    async def test_a_bad_size_is_refused_before_anything_runs(
        self, served: Served, document: str, arguments: str
    ) -> None:
        assert await code(served, OA, document.format(arguments)) == "BAD_USER_INPUT"
        assert served.database.statements == []

    async def test_a_size_by_variable_counts_as_well(self, served: Served) -> None:
        document = "query Big($size: Int = 101) { clients(first: $size) { nodes { id } } }"
        assert await code(served, OA, document) == "BAD_USER_INPUT"
        assert await code(served, OA, document, {"size": 0}) == "BAD_USER_INPUT"
        await data(served, OA, document, {"size": 100})
        await data(served, OA, document, {"size": None})

    @pytest.mark.parametrize(
        "cursor",
        [
            "",
            "cur_",
            "anything",
            outside("cur_", CLINIC.ids["west.ann"]),
            outside("cur_", CLINIC.ids["bo"]),  # of kids, and not theirs
            outside("cur_", CLINIC.ids["da.two"]),  # a row, but of another list
            outside("cli_", CLINIC.ids["ann"]),
            outside("cur_", CLINIC.ids["ann"]).upper(),
        ],
    )
    @pytest.mark.parametrize("argument", ["after", "before"])
    async def test_a_cursor_out_of_reach_is_refused(
        self, served: Served, argument: str, cursor: str
    ) -> None:
        document = f"query P($at: String) {{ clients({argument}: $at) {{ totalCount }} }}"
        caller = ("cc", Surface.PORTAL)
        if cursor == outside("cur_", CLINIC.ids["bo"]):
            caller = ("da.pr", Surface.PORTAL)
        assert await code(served, caller, document, {"at": cursor}) == "BAD_USER_INPUT"

    async def test_pages_in_both_directions_come_to_the_whole_list(self, served: Served) -> None:
        whole = await data(served, OA, "{ clients(status: null) { nodes { id } totalCount } }")
        everybody = [one["id"] for one in whole["clients"]["nodes"]]
        assert len(everybody) == whole["clients"]["totalCount"] == 21
        document = """query Page($first: Int, $after: String, $last: Int, $before: String) {
            clients(status: null, first: $first, after: $after, last: $last, before: $before) {
                nodes { id } pageInfo { hasNextPage hasPreviousPage startCursor endCursor } } }"""
        for size in (1, 4, 20, 21):
            forward: list[str] = []
            backward: list[str] = []
            page: dict[str, Any] = {"hasNextPage": True, "endCursor": None}
            while page["hasNextPage"]:
                asked = {"first": size, "after": page["endCursor"]}
                found = (await data(served, OA, document, asked))["clients"]
                page = found["pageInfo"]
                forward += [one["id"] for one in found["nodes"]]
            page = {"hasPreviousPage": True, "startCursor": None}
            while page["hasPreviousPage"]:
                asked = {"last": size, "before": page["startCursor"]}
                found = (await data(served, OA, document, asked))["clients"]
                page = found["pageInfo"]
                backward = [one["id"] for one in found["nodes"]] + backward
            assert forward == backward == everybody
