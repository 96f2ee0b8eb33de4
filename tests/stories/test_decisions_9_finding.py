"""Finding people, what may be done with whom, and what an update says (D27, D29 to D32)."""

from typing import Any

import pytest

from tests.stories.asking import (
    CLIENT_UPDATE,
    CREATE,
    DEACTIVATE,
    NO_MANAGERS,
    REJECT,
    record,
    refused,
)
from tests.world import STAFF_UPDATE, Clinic, World, problems

CLIENTS = """
query (
  $search: String, $status: ClientStatus, $department: ID, $practitioner: ID, $order: ClientOrder!
) {
  clients(
    search: $search, status: $status, orderBy: $order,
    departmentId: $department, practitionerId: $practitioner
  ) { totalCount nodes { firstName } }
}
"""
STAFF = """
query ($search: String) {
  staff(search: $search) { totalCount nodes { firstName } }
}
"""


async def clients(
    world: World, clinic: Clinic, who: str = "olivia", order: str = "NAME", **filters: Any
) -> list[str]:
    """The first names of the clients who are found; their number is exact."""
    page = await world.do(CLIENTS, {"order": order, **filters}, clinic.token(who))
    assert page["totalCount"] == len(page["nodes"])
    return [node["firstName"] for node in page["nodes"]]


async def staff(world: World, clinic: Clinic, search: str | None, who: str = "olivia") -> list[str]:
    """The first names of the staff who are found."""
    page = await world.do(STAFF, {"search": search}, clinic.token(who))
    assert page["totalCount"] == len(page["nodes"])
    return [node["firstName"] for node in page["nodes"]]


async def create(world: World, clinic: Clinic, first: str, last: str, email: str) -> str:
    """The id of a new client of family."""
    said = {
        "firstName": first,
        "lastName": last,
        "email": email,
        "dateOfBirth": "1984-02-29",
        "departmentId": clinic.ids["family"],
    }
    payload = await world.do(CREATE, {"input": said}, clinic.token("olivia"))
    assert payload["userErrors"] == []
    return str(payload["client"]["id"])


# D29: search over names, e-mail and username: prefix of each word, accents and case ignored.


async def test_d29_clients_are_found_by_the_beginning_of_each_word(
    world: World, clinic: Clinic
) -> None:
    await create(world, clinic, "Zoë Marie", "Ångström-Österreich", "Z.Quill+x@Home.example")
    for text in (
        *("zoe", "ZOË", "Zo", "z", "marie", "mar zo", "angstrom", "ÅNG", "osterr", "zoë Öst"),
        *("ångström-österreich", "Zoë Marie Ångström-Österreich", "marie zoe  angstrom"),
        *(
            "z.quill",
            "quill",
            "z.quill+x@home.example",
            "Z.QUILL@HOME",
            "home.ex",
            "zo zo",
            "z%",
            "zoe\\",
        ),
    ):
        assert await clients(world, clinic, search=text) == ["Zoë Marie"], text
    for text in (
        *(
            "oe",
            "strom",
            "arie",
            "zoe bob",
            "zoee",
            "uill",
            "osterreichs",
            "%",
            "_",
            "zoe%bob",
            "*",
        ),
        *("zoe\\b", "'", '"', "@", "+", "\u0301", "zoe' OR 1=1"),
    ):
        assert await clients(world, clinic, search=text) == [], text


async def test_d29_letters_of_every_script_are_found_alike_on_both_databases(
    world: World, clinic: Clinic
) -> None:
    for i, (first, last) in enumerate(
        [("Straße", "Ⅷ"), ("Ирина", "Ёлкина"), ("伟", "王"), ("İpek", "ﬁne"), ("\uff22old", "x")]
    ):
        await create(world, clinic, first, last, f"q{i}@home.example")
    for text, expected in (
        ("STRASSE", ["Straße"]),
        ("strasse viii", ["Straße"]),
        ("ирин елк", ["Ирина"]),
        ("王", ["伟"]),
        ("ipek FIN", ["İpek"]),
        ("bold", ["\uff22old"]),
    ):
        assert await clients(world, clinic, search=text) == expected, text


async def test_d29_no_words_find_everybody_and_too_many_are_bad_input(
    world: World, clinic: Clinic
) -> None:
    everybody = await clients(world, clinic)
    for text in (None, "", "  "):
        assert await clients(world, clinic, search=text) == everybody
    answer = await world.ask(
        CLIENTS, {"order": "NAME", "search": "a b c d e f g h i"}, clinic.token("olivia")
    )
    assert answer["errors"][0]["extensions"]["code"] == "BAD_USER_INPUT"
    assert "8 words" in answer["errors"][0]["message"]


async def test_d29_a_search_finds_within_reach_and_with_the_other_filters(
    world: World, clinic: Clinic
) -> None:
    ids = clinic.ids
    assert await clients(world, clinic, search="riverside client") == ["Amy", "Bea", "Ben", "Cleo"]
    assert await clients(world, clinic, "dora", search="client") == ["Amy", "Bea"]
    assert await clients(world, clinic, "fay", search="b") == ["Bea", "Ben"]
    assert await clients(world, clinic, "pia", search="bea") == []  # whom she treats
    assert await clients(world, clinic, search="client", status="PENDING") == [
        *("Chloe", "Dan", "Phil")
    ]
    assert await clients(world, clinic, search="gil", status=None) == ["Gil"]
    family = {"department": ids["family"], "practitioner": ids["petra"]}
    assert await clients(world, clinic, search="be", **family) == ["Bea", "Ben"]
    assert await clients(world, clinic, search="ben", **family) == ["Ben"]
    assert await clients(world, clinic, search="amy", **family) == []
    assert await clients(world, clinic, search="lakeside") == []


async def test_d29_who_gets_a_username_another_name_or_address_is_found_by_it(
    world: World, clinic: Clinic
) -> None:
    id = await create(world, clinic, "Nell", "New", "nell@home.example")
    letter = await world.only_mail("nell@home.example")
    await world.accept(letter.token, "Kingfisher.77")
    assert await clients(world, clinic, search="kingf") == ["Nell"]
    assert await clients(world, clinic, search="77") == ["Nell"]

    await world.do(
        CLIENT_UPDATE, {"id": id, "input": {"lastName": "Später"}}, clinic.token("olivia")
    )

    assert await clients(world, clinic, search="spat king") == ["Nell"]
    assert await clients(world, clinic, search="new") == []
    token = await world.sign_in("kingfisher.77")
    await world.do(
        'mutation { emailChangeRequest(email: "moved@elsewhere.example") { accepted } }',
        None,
        token,
    )
    moved = await world.only_mail("moved@elsewhere.example")
    assert await clients(world, clinic, search="elsewhere") == []
    document = """mutation ($token: String!) {
      emailChangeConfirm(token: $token) { userErrors { code } }
    }"""
    await world.do(document, {"token": moved.token})
    assert await clients(world, clinic, search="moved@else") == ["Nell"]
    assert await clients(world, clinic, search="nell@home") == []
    # and who confirms a registration
    token = await world.registered("nora@home.example", departmentId=clinic.ids["mental"])
    await world.confirm(token, "wagtail")
    assert await clients(world, clinic, search="wagt", status="PENDING") == ["Nora"]


async def test_d29_staff_are_found_in_the_same_way(world: World, clinic: Clinic) -> None:
    assert await staff(world, clinic, "dor") == ["Dora", "Doris"]
    assert await staff(world, clinic, "STÁFF petra@river") == ["Petra"]
    assert await staff(world, clinic, "hart") == ["Olivia"]
    assert await staff(world, clinic, "amy") == []
    assert await staff(world, clinic, "%") == []
    assert await staff(world, clinic, "p", "dora") == ["Petra", "Pia"]
    assert await staff(world, clinic, "p", "fay") == ["Petra"]
    rename = {"id": clinic.ids["carl"], "input": {"lastName": "Übermut"}}
    await world.do(STAFF_UPDATE, rename, clinic.token("dora"))
    assert await staff(world, clinic, "uber carl") == ["Carl"]
    assert await staff(world, clinic, "carl staff") == []


async def test_d29_the_three_orders(world: World, clinic: Clinic) -> None:
    by_age = ["Amy", "Ben", "Bea", "Cleo", "Una"]
    assert await clients(world, clinic, order="NAME") == sorted(by_age)
    assert await clients(world, clinic, order="OLDEST") == by_age
    assert await clients(world, clinic, order="NEWEST") == by_age[::-1]
    assert await clients(world, clinic, order="NEWEST", search="be") == ["Bea", "Ben"]
    assert await clients(world, clinic, order="OLDEST", search="be") == ["Ben", "Bea"]


async def test_d29_who_gets_another_name_is_listed_in_its_place(
    world: World, clinic: Clinic
) -> None:
    olivia = clinic.token("olivia")
    for name, change in (("amy", {"lastName": "Zander"}), ("cleo", {"firstName": "Alma"})):
        await world.do(CLIENT_UPDATE, {"id": clinic.ids[name], "input": change}, olivia)
    assert await clients(world, clinic, order="NAME") == ["Alma", "Bea", "Ben", "Una", "Amy"]

    for name, change in (("petra", {"lastName": "Zander"}), ("wes", {"firstName": "Abel"})):
        await world.do(STAFF_UPDATE, {"id": clinic.ids[name], "input": change}, olivia)
    assert await staff(world, clinic, None, "fay") == ["Abel", "Fay", "Fred", "Petra"]


# D27: Approval is by hand: there is no case in which it comes by itself.


async def test_d27_nobody_is_approved_but_by_hand(world: World, clinic: Clinic) -> None:
    token = await world.registered(organization="solo")
    confirmed = await world.confirm(token, "nora")
    world.clock.advance(days=60)

    assert confirmed["status"] == "PENDING"
    assert problems(await world.login("nora", "APP", "solo")) == [("CLIENT_PENDING_APPROVAL", None)]


# D30: Nothing is deleted through the API; people are made inactive.


async def test_d30_nothing_is_deleted_through_the_api(world: World, clinic: Clinic) -> None:
    mutations = await world.do("{ __schema { mutationType { fields { name } } } }")
    names = [field["name"] for field in mutations["mutationType"]["fields"]]
    names.remove("secondFactorRemove")  # how one signs in is not a record of anybody
    assert not [name for name in names if "elete" in name or "emove" in name or "urge" in name]
    before = await world.snapshot()

    await world.do(REJECT, {"id": clinic.ids["dan"]}, clinic.token("olivia"))
    await world.do(DEACTIVATE, {"id": clinic.ids["amy"]}, clinic.token("olivia"))

    more = {name: len(rows) - len(before[name]) for name, rows in (await world.snapshot()).items()}
    assert {name: number for name, number in more.items() if number} == {"audit_events": 2}
    # who is inactive keeps record, associations, address and username (D16)
    fields = "firstName username associations { practitioner { firstName } }"
    assert await record(world, clinic, "amy", fields) == {
        "firstName": "Amy",
        "username": "amy",
        "associations": [{"practitioner": {"firstName": "Petra"}}],
    }
    token = await world.registered("nora@home.example", departmentId=clinic.ids["mental"])
    assert problems(await world.confirm(token, "amy")) == [("TAKEN", "input.username")]


# D31: Who holds what, and what may I do with this one.

ALL = [
    *("CLIENT_READ", "CLIENT_CREATE", "CLIENT_UPDATE", "CLIENT_APPROVE", "CLIENT_SET_STATUS"),
    "CLIENT_ASSOCIATE",
]
ASSOCIATES = ["CLIENT_READ", "CLIENT_ASSOCIATE"]
OVER_STAFF = ["CLIENT_ASSOCIATE", "STAFF_READ", "STAFF_UPDATE", "STAFF_SET_ROLES"]


@pytest.mark.parametrize(
    ("who", "expected"),
    [
        ("olivia", {"amy": ALL, "ben": ALL, "gil": ALL, "chloe": ALL, "dan": ALL}),
        ("dora", {"amy": ALL, "bea": ASSOCIATES, "gil": ALL, "chloe": ALL, "ben": None}),
        ("carl", {"amy": ALL, "bea": ASSOCIATES, "gil": ALL, "chloe": ALL, "dan": None}),
        # Care Coordinator of physio, and a practitioner of mental
        ("pia", {"cleo": ALL, "phil": ALL, "bea": ["CLIENT_READ"], "amy": None}),
        ("petra", {"amy": ["CLIENT_READ"], "bea": ["CLIENT_READ"], "gil": None}),
        ("amy", {"amy": [], "ben": None}),
        ("chloe", {"chloe": []}),
    ],
)
async def test_d31_what_the_viewer_may_do_with_each_client(
    world: World, clinic: Clinic, who: str, expected: dict[str, list[str] | None]
) -> None:
    document = "query ($id: ID!) { node(id: $id) { ... on Client { viewerPermissions } } }"

    for name, permissions in expected.items():
        node = await world.do(document, {"id": clinic.ids[name]}, clinic.token(who))
        assert (node and node["viewerPermissions"]) == permissions, name
    # on the app, staff have their own reach only
    if who == "petra":
        node = await world.do(document, {"id": clinic.ids["amy"]}, clinic.token(who, "APP"))
        assert node == {"viewerPermissions": ["CLIENT_READ"]}


@pytest.mark.parametrize(
    ("who", "expected"),
    [
        ("olivia", {"dora": OVER_STAFF, "norma": OVER_STAFF, "ina": OVER_STAFF}),
        (
            "dora",
            {
                "carl": OVER_STAFF,
                "petra": ["CLIENT_ASSOCIATE", "STAFF_READ", "STAFF_SET_ROLES"],
                "fay": None,
            },
        ),
        ("carl", {"dora": ["CLIENT_ASSOCIATE", "STAFF_READ"], "paul": None}),
        ("pia", {"paul": ["CLIENT_ASSOCIATE", "STAFF_READ"], "petra": None}),
    ],
)
async def test_d31_what_the_viewer_may_do_with_each_staff_member(
    world: World, clinic: Clinic, who: str, expected: dict[str, list[str] | None]
) -> None:
    document = "query ($id: ID!) { node(id: $id) { ... on Staff { viewerPermissions } } }"
    for name, permissions in expected.items():
        node = await world.do(document, {"id": clinic.ids[name]}, clinic.token(who))
        assert (node and node["viewerPermissions"]) == permissions, name


async def test_d31_of_ones_own_record_nothing_needs_to_be_permitted(
    world: World, clinic: Clinic
) -> None:
    for who in ("norma", "paul"):
        own = await world.do("{ viewer { staff { viewerPermissions } } }", None, clinic.token(who))
        assert own["staff"] == {"viewerPermissions": []}


async def test_d31_the_matrix_of_roles_and_permissions(world: World, clinic: Clinic) -> None:
    grants = await world.do(
        "{ permissionMatrix { role permission scope } }", token=clinic.token("amy")
    )

    told = {
        role: {(one["permission"], one["scope"]) for one in grants if one["role"] == role}
        for role in {one["role"] for one in grants}
    }
    staffing = ["STAFF_READ", "STAFF_UPDATE", "STAFF_SET_ROLES"]
    watching = ["AUDIT_READ", "WEBHOOK_MANAGE"]
    owning = ["DEPARTMENT_UPDATE", "ORGANIZATION_UPDATE", "SERVICE_KEY_MANAGE"]
    assert told == {
        "ORGANIZATION_ADMINISTRATOR": {
            (one, "ORGANIZATION") for one in [*ALL, *staffing, *watching, *owning]
        },
        "DEPARTMENT_ADMINISTRATOR": {(one, "DEPARTMENT") for one in [*ALL, *staffing, *watching]},
        "CARE_COORDINATOR": {(one, "DEPARTMENT") for one in [*ALL, "STAFF_READ"]},
        "PRACTITIONER": {("CLIENT_READ", "OWN")},
    }
    assert len(grants) == sum(map(len, told.values()))


# D32: Absent in an update: unchanged; null: REQUIRED, except for what may be empty.


async def test_d32_what_is_left_out_is_unchanged_and_null_empties_the_phone_only(
    world: World, clinic: Clinic
) -> None:
    fields = "firstName lastName email phone dateOfBirth department { name }"
    before = await record(world, clinic, "amy", fields)

    async def update(**change: Any) -> Any:
        variables = {"id": clinic.ids["amy"], "input": change}
        return await world.do(CLIENT_UPDATE, variables, clinic.token("carl"))

    renamed = await update(lastName=" Nováková ")
    assert renamed["userErrors"] == []
    now = await record(world, clinic, "amy", fields)
    assert now == before | {"lastName": "Nováková"}
    assert (await update(phone=None))["userErrors"] == []
    assert await record(world, clinic, "amy", fields) == now | {"phone": None}
    async with world.unchanged():
        assert (await update())["userErrors"] == []
        for name in ("firstName", "lastName", "email", "dateOfBirth", "departmentId"):
            payload = await update(**{name: None, "phone": "1 23 45"})
            assert payload["userErrors"] == [
                {
                    "code": "REQUIRED",
                    "message": "This cannot be empty.",
                    "field": ["input", name],
                    "choices": None,
                }
            ]
        both = await update(firstName=" ", dateOfBirth="2026-11-24", phone="call me")
        assert problems(both) == [
            ("REQUIRED", "input.firstName"),
            ("INVALID", "input.dateOfBirth"),
            ("INVALID", "input.phone"),
        ]


@pytest.mark.parametrize(
    "name", ["firstName", "lastName", "email", "receiveNewClientNotifications"]
)
async def test_d32_of_staff_nothing_may_be_empty(world: World, clinic: Clinic, name: str) -> None:
    async with world.unchanged():
        payload = await world.do(
            STAFF_UPDATE, {"id": clinic.ids["carl"], "input": {name: None}}, clinic.token("dora")
        )

    assert problems(payload) == [("REQUIRED", f"input.{name}")]


async def test_d07_whose_client_one_edits_and_where_one_moves_them(
    world: World, clinic: Clinic
) -> None:
    async with world.unchanged():
        for who, name, change, expected in (
            ("dora", "ben", {"firstName": ""}, ("NOT_FOUND", "id")),
            ("dora", "bea", {"firstName": ""}, ("OUT_OF_SCOPE", "id")),
            ("pia", "bea", {"firstName": ""}, ("OUT_OF_SCOPE", "id")),
            ("olivia", "lakeside.amy", {"firstName": ""}, ("NOT_FOUND", "id")),
            ("olivia", "nonsense", {"firstName": ""}, ("NOT_FOUND", "id")),
            ("dora", "amy", {"departmentId": "family"}, ("OUT_OF_SCOPE", "input.departmentId")),
            (
                "dora",
                "amy",
                {"departmentId": "lakeside.mental"},
                ("NOT_FOUND", "input.departmentId"),
            ),
            ("olivia", "amy", {"departmentId": "nonsense"}, ("NOT_FOUND", "input.departmentId")),
        ):
            input = {key: clinic.ids.get(value, value) for key, value in change.items()}
            payload = await world.do(
                CLIENT_UPDATE,
                {"id": clinic.ids.get(name, name), "input": input},
                clinic.token(who),
            )
            assert problems(payload) == [expected], (who, name)


@pytest.mark.parametrize(("who", "code"), NO_MANAGERS)
async def test_d07_nobody_else_edits_clients(
    world: World, clinic: Clinic, who: str | None, code: str
) -> None:
    variables = {"id": clinic.ids["amy"], "input": {"firstName": "Mine"}}
    assert await refused(world, clinic, who, CLIENT_UPDATE, variables) == code
