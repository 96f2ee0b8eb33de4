"""What the stories ask for again and again: documents, and those who may not send them."""

from typing import Any

import httpx2
import pytest

from tests.world import Clinic, Json, World, refusal

ERRORS = "userErrors { code message field choices { id name } }"

CREATE = f"""
mutation ($input: ClientCreateInput!) {{
  clientCreate(input: $input) {{
    client {{
      id status onboardingState firstName lastName email phone dateOfBirth username
      department {{ name }} approvedBy {{ displayName }}
      associations {{ practitioner {{ firstName }} department {{ name }} }}
    }}
    {ERRORS}
  }}
}}
"""
REINVITE = (
    f"mutation ($id: ID!) {{ clientInvitationResend(id: $id) {{ client {{ id }} {ERRORS} }} }}"
)
CLIENT_UPDATE = f"""
mutation ($id: ID!, $input: ClientUpdateInput!) {{
  clientUpdate(id: $id, input: $input) {{
    client {{ id firstName lastName email phone dateOfBirth status department {{ name }} }}
    {ERRORS}
  }}
}}
"""
REJECT = f"""
mutation ($id: ID!, $reason: String) {{
  clientReject(id: $id, reason: $reason) {{
    client {{ id status statusReason approvedAt }} {ERRORS}
  }}
}}
"""
DEACTIVATE = f"""
mutation ($id: ID!, $reason: String) {{
  clientDeactivate(id: $id, reason: $reason) {{ client {{ id status statusReason }} {ERRORS} }}
}}
"""
REACTIVATE = f"""
mutation ($id: ID!, $input: ClientApproveInput) {{
  clientReactivate(id: $id, input: $input) {{
    client {{ id status statusReason onboardingState department {{ name }} }} {ERRORS}
  }}
}}
"""
FROM_CLIENT = f"""
mutation ($id: ID!, $input: ClientAssociationsInput!) {{
  clientAssociationsUpdate(id: $id, input: $input) {{
    client {{
      id associations {{ id practitioner {{ firstName }} department {{ name }} }}
    }}
    {ERRORS}
  }}
}}
"""
FROM_STAFF = f"""
mutation ($id: ID!, $input: StaffAssociationsInput!) {{
  staffAssociationsUpdate(id: $id, input: $input) {{
    staff {{
      id associations {{ nodes {{ id client {{ firstName }} department {{ name }} }} }}
    }}
    {ERRORS}
  }}
}}
"""
ROLES = f"""
mutation ($id: ID!, $input: StaffRolesInput!) {{
  staffRolesUpdate(id: $id, input: $input) {{
    staff {{ id roles {{ role department {{ name }} }} }} {ERRORS}
  }}
}}
"""
STAFF_REINVITE = f"""
mutation ($id: ID!) {{ staffInvitationResend(id: $id) {{ staff {{ id }} {ERRORS} }} }}
"""
STAFF_DEACTIVATE = f"""
mutation ($id: ID!) {{ staffDeactivate(id: $id) {{ staff {{ id status }} {ERRORS} }} }}
"""
STAFF_REACTIVATE = f"""
mutation ($id: ID!) {{ staffReactivate(id: $id) {{ staff {{ id status }} {ERRORS} }} }}
"""
VIEWER = "{ viewer { surface client { firstName } staff { firstName } } }"

OA, DA, CC, PR = (
    "ORGANIZATION_ADMINISTRATOR",
    "DEPARTMENT_ADMINISTRATOR",
    "CARE_COORDINATOR",
    "PRACTITIONER",
)

NO_MANAGERS = [
    *((who, "FORBIDDEN") for who in ("petra", "paul", "norma", "amy", "chloe")),
    (None, "UNAUTHENTICATED"),
]
"""A practitioner, staff without a role, clients, and strangers: none of them manages anybody."""

NO_ADMINISTRATORS = [("carl", "FORBIDDEN"), *NO_MANAGERS]
"""And a Care Coordinator, who does not manage staff."""

NO_ORGANIZATION_ADMINISTRATORS = [("dora", "FORBIDDEN"), *NO_ADMINISTRATORS]
"""And a Department Administrator."""

nobody_else = pytest.mark.parametrize(("who", "code"), NO_MANAGERS)


async def refused(
    world: World, clinic: Clinic, who: str | None, document: str, variables: Json
) -> str:
    """The code of an operation that is refused as a whole to them; nothing has happened."""
    async with world.unchanged():
        answer = await world.ask(document, variables, clinic.token(who) if who else None)
    return refusal(answer)


def pairs(clinic: Clinic, side: str, *named: tuple[str, str | None]) -> list[Json]:
    """The other sides, and departments, as the input says them; `side`: its field of the id."""
    return [
        {side: clinic.ids.get(who, who)}
        | ({"departmentId": clinic.ids.get(where, where)} if where is not None else {})
        for who, where in named
    ]


async def met(world: World, clinic: Clinic, client: str) -> list[tuple[str, str]]:
    """Whom a client meets, and in which department, in the order in which it was made."""
    document = """query ($id: ID!) { client(id: $id) {
      associations { department { name } practitioner { firstName } }
    } }"""
    found = await world.do(document, {"id": clinic.ids[client]}, clinic.token("olivia"))
    return [
        (one["practitioner"]["firstName"], one["department"]["name"])
        for one in found["associations"]
    ]


async def record(world: World, clinic: Clinic, client: str, fields: str) -> Any:
    """These fields of a client, as an Organizational Administrator reads them."""
    document = f"query ($id: ID!) {{ client(id: $id) {{ {fields} }} }}"
    return await world.do(document, {"id": clinic.ids[client]}, clinic.token("olivia"))


def same_headers(answer: httpx2.Response) -> list[tuple[str, str]]:
    """The headers of an answer, but for the id that each has of its own."""
    return sorted((name, value) for name, value in answer.headers.items() if name != "x-request-id")
