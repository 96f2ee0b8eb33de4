"""Documents written by hand, with everything in them; each is asked by every caller."""

from models import AuditEvent, ClientNote, outside
from tests.oracle.clinic import CLINIC
from tests.oracle.documents import Document


def _client(label: str) -> str:
    return outside("cli_", CLINIC.ids[label])


def _staff(label: str) -> str:
    return outside("stf_", CLINIC.ids[label])


def _cursor(label: str) -> str:
    return outside("cur_", CLINIC.ids[label])


_MERGED = """query Page($with: Boolean!, $without: Boolean! = true) {
        clients(first: 5) { ...Rows nodes { lastName } ... on ClientConnection { totalCount } }
        again: clients(first: 5) { ...Rows @include(if: $with) ...Rows @skip(if: $without) }
    }
    fragment Rows on ClientConnection { nodes { ...One department { id } } }
    fragment One on Client { id ...Named ... @skip(if: $with) { status } department { name } }
    fragment Named on Node { id ... on Client { firstName @include(if: $with) } }"""

_PREFIXES = {
    "organizations": "org_",
    "departments": "dep_",
    "staff": "stf_",
    "clients": "cli_",
    "associations": "asc_",
    "audit_events": "aud_",
    "service_keys": "key_",
    "webhooks": "hok_",
    "deliveries": "dlv_",
}
IDS = [
    outside(_PREFIXES[model.__tablename__], row["id"])
    for model, rows in CLINIC.rows.items()
    if model.__tablename__ in _PREFIXES
    for row in rows
]


def _each(field: str, selections: str) -> str:
    """A field of every id."""
    asked = (f'a{i}: {field}(id: "{id}") {{ {selections} }}' for i, id in enumerate(IDS))
    return f"{{ {' '.join(asked)} }}"


WRITTEN = {
    "everything by its id": Document(_each("node", "__typename id")),
    "every client who is managed": Document(_each("client", "id associations { id }")),
    "every staff member in reach": Document(_each("staffMember", "id roles { role }")),
    "the page that is measured": Document("""{
        clients(first: 50) { nodes { id department { id name }
            associations { id practitioner { id displayName } department { id name } } } }
    }"""),
    "every field of a client": Document("""{
        clients(status: null, first: 100) { totalCount nodes {
            __typename id status onboardingState firstName lastName email phone dateOfBirth username
            createdAt approvedAt statusReason version
            viewerPermissions department { __typename id name active }
            approvedBy { __typename displayName ... on Staff { id status } ... on Node { key: id } }
            associations { __typename id createdAt client { id } practitioner { id firstName } }
        } }
    }"""),
    "what managers alone read of a client": Document("""{
        clients(status: null, first: 100) { nodes { id
            notes { totalCount pageInfo { hasNextPage hasPreviousPage startCursor endCursor }
                edges { cursor node { __typename id text createdAt
                    author { __typename displayName ... on Staff { id email } } } } }
            last: notes(last: 1) { nodes { text } pageInfo { hasPreviousPage } }
            decisions(first: 2) { totalCount pageInfo { hasNextPage endCursor }
                nodes { __typename id at action actorKind reason
                    actor { __typename displayName ... on ServiceKey { prefix } } } } } }
    }"""),
    "what managers alone read, of oneself": Document("""{
        viewer { client { id notes { totalCount nodes { text } } decisions { totalCount }
            possibleDuplicates { id } } }
    }"""),
    "who may be the same person": Document("""{
        clients(status: null, first: 100) { nodes { id possibleDuplicates {
            __typename id firstName dateOfBirth phone department { name }
            possibleDuplicates { id notes { nodes { text } } associations { id } } } } }
        staff { nodes { associations { nodes { client { id possibleDuplicates { id } } } } } }
    }"""),
    "a page of notes and of decisions": Document(
        """query Next($id: ID!, $note: String, $decision: String) { client(id: $id) {
            notes(after: $note) { nodes { text } } decisions(after: $decision) { nodes { at } } } }
        """,
        {
            "id": _client("ann"),
            "note": outside("cur_", CLINIC.rows[ClientNote][1]["id"]),
            "decision": next(
                outside("cur_", row["id"])
                for row in reversed(CLINIC.rows[AuditEvent])
                if row["client_id"] == CLINIC.ids["ann"]
            ),
        },
    ),
    "every field of webhooks": Document("""{
        webhooks { totalCount nodes {
            __typename id name url events state previousSecretUntil createdAt department { name }
            deliveries(last: 2) { totalCount pageInfo { hasPreviousPage } edges { cursor node {
                id event at payload state attempts dueAt doneAt error client { id email } } } }
        } }
        paused: webhooks(state: PAUSED) { totalCount nodes { id } }
    }"""),
    "every field of staff": Document("""{
        staff(status: null) { totalCount nodes {
            __typename id displayName firstName lastName status onboardingState createdAt email
            viewerPermissions username receiveNewClientNotifications version
            roles { __typename role department { id name } }
            associations(first: 2) { totalCount edges { cursor node { id client { id email } } } }
        } }
    }"""),
    "what everybody may ask": Document("""{
        viewer { __typename surface permissions organization { __typename id name slug portalUrl
                registrationOpen contactEmail }
            staff { __typename id displayName email username roles { role department { name } }
                receiveNewClientNotifications status onboardingState createdAt version }
            client { __typename id status email phone dateOfBirth username approvedAt statusReason
                version approvedBy { __typename displayName } department { name }
                associations { id practitioner { displayName } department { name } } } }
        departments { __typename id name active }
        permissionMatrix { role permission scope }
        organization(slug: "east") { __typename name slug portalUrl registrationOpen
            departments { __typename id name } }
    }"""),
    "public only": Document("""{
        __typename
        east: organization(slug: "east") { name departments { name } }
        nowhere: organization(slug: "nowhere") { name }
        link(token: "vtl_") { state purpose organizationName expiresAt }
        viewer { surface }
    }"""),
    "names that mean something else": Document("""{
        nodes: clients(first: 3) { id: totalCount edges: nodes { nodes: firstName id: lastName
                associations: id cursor: associations { node: id } }
            nodes: edges { node: cursor cursor: node { totalCount: id edges: department { id } } }
            totalCount: pageInfo { endCursor: hasNextPage hasNextPage: endCursor }
            pageInfo: __typename }
    }"""),
    "one connection under many names": Document("""{
        clients(last: 4, orderBy: NEWEST) { a: nodes { id } b: nodes { __typename firstName }
            edges { x: node { id associations { id } } } edges { y: node { status } cursor }
            c: edges { __typename cursor } totalCount n: totalCount
            pageInfo { __typename startCursor endCursor } pageInfo { hasPreviousPage hasNextPage } }
    }"""),
    "merged through fragments": Document(_MERGED, {"with": False}, "Page"),
    "merged through fragments, with more": Document(_MERGED, {"with": True}, "Page"),
    "merged through fragments, with most": Document(
        _MERGED, {"with": True, "without": False}, "Page"
    ),
    "the same with the switch turned": Document(
        """query Page($with: Boolean!) {
        clients(first: 5) { nodes { id @skip(if: $with) name: firstName @include(if: $with)
            department @include(if: $with) { id } associations @skip(if: $with) { id } }
            totalCount @include(if: $with) pageInfo @skip(if: $with) { endCursor } }
    }""",
        {"with": True},
    ),
    "nothing is left of it": Document("""{
        departments { id @skip(if: true) }
        clients(first: 2) { nodes { id @skip(if: true) associations { id @skip(if: true) } } }
        viewer { staff { id @skip(if: true) } organization { id @include(if: false) } }
    }"""),
    "any node": Document(
        """query Any($a: ID!, $b: ID!, $c: ID!, $d: ID!, $e: ID!) {
        a: node(id: $a) { __typename id ...All } b: node(id: $b) { id ...All }
        c: node(id: $c) { ...All id } d: node(id: $d) { ...All } e: node(id: $e) { __typename }
    }
    fragment All on Node { ... on Client { firstName status } ... on Department { name }
        ... on Staff { displayName } ... on Association { client { id } department { name } }
        ... on Organization { slug } ... on Actor { displayName } }""",
        {
            "a": _client("ann"),
            "b": _staff("pr"),
            "c": outside("asc_", CLINIC.ids["ann+pr"]),
            "d": outside("org_", CLINIC.ids["east"]),
            "e": outside("dep_", CLINIC.ids["closed"]),
        },
    ),
    "filters": Document(
        """query Filtered($department: ID, $practitioner: ID) {
        clients(departmentId: $department, status: null) { totalCount nodes { id } }
        met: clients(practitionerId: $practitioner, status: null) { totalCount nodes { id
            associations { practitioner { id } } } }
        staff(departmentId: $department) { nodes { id roles { role department { name } } } }
        pr: staff(role: PRACTITIONER, departmentId: $department, status: null) { totalCount }
        none: clients(departmentId: "dep_no", practitionerId: "no") { totalCount nodes { id } }
    }""",
        {
            "department": outside("dep_", CLINIC.ids["kids"]),
            "practitioner": _staff("pr.two"),
        },
    ),
    "between two cursors": Document(
        """query Between($after: String, $before: String) {
        clients(after: $after, before: $before, status: null) { ...It }
        last: clients(after: $after, before: $before, last: 2, status: null) { ...It }
        newest: clients(after: $before, before: $after, first: 2, orderBy: NEWEST) { ...It }
        oldest: clients(after: $after, before: $before, last: 1, orderBy: OLDEST) { ...It }
    }
    fragment It on ClientConnection { totalCount nodes { id lastName firstName }
        pageInfo { hasNextPage hasPreviousPage startCursor endCursor } }""",
        {"after": _cursor("eva"), "before": _cursor("cis")},
    ),
    "only whether there is more": Document("""{
        first: clients(first: 1) { pageInfo { hasPreviousPage } }
        last: clients(last: 1) { pageInfo { hasNextPage } totalCount }
        more: clients(last: 1) { pageInfo { hasPreviousPage } }
        none: clients(last: 1, search: "@") { pageInfo { hasNextPage } }
        viewer { staff { associations(last: 1) { pageInfo { hasNextPage } } } }
    }"""),
    "a cursor that only some reach": Document(
        """query Beyond($after: String!) {
        clients(after: $after) { nodes { id } }
        departments { id }
    }""",
        {"after": _cursor("bo")},
    ),
    "a cursor out of reach inside": Document(
        """query Inside($after: String!, $id: ID!) {
        node(id: $id) { id ... on Client { approvedBy { displayName ... on Staff {
            associations(after: $after) { totalCount nodes { id } } } } } }
        departments { id }
    }""",
        {"after": _cursor("west.ann"), "id": _client("dan")},
    ),
    "two sizes at once": Document(
        "{ clients(first: 1, last: 1) { totalCount } departments { id } }"
    ),
    "more than a page holds": Document("{ staff(first: 101) { totalCount } }"),
    "details of one's own clients": Document("""{
        viewer { staff { id email associations(last: 2) { totalCount nodes { id
            client { id firstName status email phone approvedBy { displayName } } }
            pageInfo { hasPreviousPage hasNextPage } } } }
    }"""),
    "one's own clients": Document("""{
        viewer { staff { associations { totalCount edges { cursor node { id department { name }
            client { id firstName lastName status onboardingState createdAt department { name }
                associations { id practitioner { displayName associations(first: 1) {
                    totalCount nodes { client { firstName } } } } } } } } } } }
    }"""),
    "what I may do with whom": Document("""{
        clients(status: null) { nodes { id viewerPermissions associations { client {
            viewerPermissions id } practitioner { mine: viewerPermissions roles { role } } } } }
        viewer { staff { id viewerPermissions } client { viewerPermissions } }
    }"""),
    "what I may do with my clients": Document("""{
        viewer { staff { viewerPermissions associations { nodes { client { viewerPermissions
            associations { client { viewerPermissions } } } } } } client { viewerPermissions } }
    }"""),
    "finding people": Document(
        """query Find($nobody: String, $words: String = "mu AN") {
        words: clients(search: $words, status: null) { totalCount nodes { id firstName lastName } }
        none: clients(search: "@", status: null) { totalCount nodes { id } }
        all: clients(search: " ", first: 2) { totalCount nodes { id } }
        nobody: clients(search: $nobody) { totalCount nodes { id } }
        address: clients(search: "ANN@example.com", status: null) { nodes { email } }
        username: staff(search: "pr two") { nodes { username } }
        staff(search: "smit pi", role: PRACTITIONER) { totalCount nodes { id displayName } }
        newest: clients(search: "m", orderBy: NEWEST, first: 1) { totalCount edges { cursor node {
            id lastName } } pageInfo { hasNextPage } }
    }""",
        {"nobody": None},
    ),
    "more words than anybody types": Document(
        """{ clients(search: "a b c d e f g h i") { totalCount } departments { id } }"""
    ),
    "around in circles": Document("""{
        clients(first: 2, status: null) { nodes { associations { practitioner {
            associations(first: 2) { totalCount nodes { client { associations { practitioner {
                associations(last: 1) { nodes { client { id email department { name } } }
                    pageInfo { hasPreviousPage } } } } } } } } } } }
    }"""),
    "one of each": Document(
        """query One($id: ID!) { client(id: $id) { id email approvedBy { displayName }
            associations { id department { name } } } staffMember(id: $id) { id } node(id: $id) {
            id } }""",
        {"id": _client("bea")},
    ),
    "clients who are managed and clients who are met": Document(
        """query Managed($a: ID!, $b: ID!, $c: ID!, $d: ID!, $e: ID!) {
            a: client(id: $a) { id } b: client(id: $b) { id } c: client(id: $c) { id }
            d: client(id: $d) { id } e: client(id: $e) { id } }""",
        dict(zip("abcde", map(_client, ("ann", "bea", "cas", "bob", "gone")), strict=True)),
    ),
    "every field of an event": Document("""{
        auditEvents(first: 100) { totalCount nodes {
            __typename id at action actorKind roles scope surface changes reason times source
            requestId actor { __typename displayName ... on Staff { id email } }
            client { id lastName email department { name } } staff { id displayName email }
            department { id name } } }
    }"""),
    "events by who acted, on whom, and when": Document(
        """query Events($oa: ID, $ann: ID, $speech: ID, $actions: [AuditAction!]) {
            auditEvents(actorId: $oa) { totalCount nodes { action } }
            byHerself: auditEvents(actorId: $ann) { nodes { action surface } }
            onHer: auditEvents(subjectId: $ann, last: 2) { nodes { id } pageInfo { startCursor } }
            there: auditEvents(departmentId: $speech) { totalCount }
            itself: auditEvents(subjectId: $speech) { nodes { action } }
            such: auditEvents(action: $actions) { nodes { action reason times } }
            one: auditEvents(action: SIGNED_IN, first: 1) { edges { cursor node { at } } }
            none: auditEvents(action: []) { totalCount }
            then: auditEvents(since: "2026-06-01T12:00:05Z", until: "2026-06-01T14:00:09+02:00") {
                nodes { at } } }""",
        {
            "oa": _staff("oa"),
            "ann": _client("ann"),
            "speech": outside("dep_", CLINIC.ids["speech"]),
            "actions": ["SIGN_IN_REFUSED", "CLIENT_UPDATED"],
        },
    ),
    "an operation that is not chosen": Document(
        """query Chosen { departments { name } }
        query Other { clients { nodes { email } } }""",
        {},
        "Chosen",
    ),
    "a variable that is not what it says": Document(
        "query Size($first: Int) { clients(first: $first) { totalCount } }", {"first": "many"}
    ),
}
