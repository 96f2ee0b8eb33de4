"""Service keys of a clinic's, as an administrator makes them."""

from typing import Any

from tests.world import Clinic, Json, World, problems

CREATE_KEY = """
mutation ($input: ServiceKeyInput!) {
  serviceKeyCreate(input: $input) {
    serviceKey {
      id name displayName prefix status createdAt expiresAt lastUsedAt revokedAt
      createdBy { __typename displayName } grants { permission department { name } }
    }
    token
    userErrors { code message field }
  }
}
"""
REVOKE_KEY = """
mutation ($id: ID!) {
  serviceKeyRevoke(id: $id) {
    serviceKey { id status revokedAt } userErrors { code message field }
  }
}
"""
CLIENTS = (
    *("CLIENT_READ", "CLIENT_CREATE", "CLIENT_UPDATE", "CLIENT_APPROVE", "CLIENT_SET_STATUS"),
    *("CLIENT_ASSOCIATE", "STAFF_READ"),
)
"""What a Care Coordinator holds."""

STAFF = ("STAFF_UPDATE", "STAFF_SET_ROLES")
EVERYTHING = (*CLIENTS, *STAFF, "DEPARTMENT_UPDATE", "ORGANIZATION_UPDATE", "AUDIT_READ")


def said(clinic: Clinic, *permissions: str, **input: Any) -> Json:
    """The input for a key; of `departments` the clinic's names."""
    departments = input.pop("departments", None)
    ids = departments if departments is None else [clinic.ids.get(one, one) for one in departments]
    return {"name": "Lab results", "permissions": permissions, "departmentIds": ids, **input}


async def issue(world: World, clinic: Clinic, *permissions: str, **input: Any) -> Json:
    """The payload of a new key that olivia makes; `by` somebody else."""
    token = clinic.token(input.pop("by", "olivia"))
    variables = {"input": said(clinic, *permissions, **input)}
    payload: Json = await world.do(CREATE_KEY, variables, token)
    assert problems(payload) == []
    return payload


async def key(world: World, clinic: Clinic, *permissions: str, **input: Any) -> str:
    """The token of a new key."""
    return str((await issue(world, clinic, *permissions, **input))["token"])
