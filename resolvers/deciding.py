"""Many pending clients, approved or rejected one after the other, each told by a row of its own.

A row is what the use case of one client does, in a transaction of its own: it is done or not,
whatever becomes of the others. Of two rows about one client the second is told that the first was
faster, as somebody else would be (`D18`).
"""

from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, replace
from typing import TypeVar

from resolvers.context import Context
from resolvers.creating import RowResult
from resolvers.errors import Code, Problem, Refused, refuse
from resolvers.statuses import Approval, client_approve, client_reject
from resolvers.tree import Key

MOST_DECISIONS = 100
"""How many clients are decided on at once, at most."""


@dataclass(frozen=True, slots=True)
class ApprovalOf:
    """The approval of the client of this id."""

    id: str
    approval: Approval


@dataclass(frozen=True, slots=True)
class RejectionOf:
    """The rejection of the client of this id, with a reason for staff."""

    id: str
    reason: str | None


T = TypeVar("T")


async def clients_approve(context: Context, approvals: Sequence[ApprovalOf]) -> Sequence[RowResult]:
    """Approve these pending clients; raises `Refused` for too many of them, or none."""
    return await _decide(approvals, lambda one: client_approve(context, one.id, one.approval))


async def clients_reject(
    context: Context, rejections: Sequence[RejectionOf]
) -> Sequence[RowResult]:
    """Turn these pending clients down; raises `Refused` for too many of them, or none."""
    return await _decide(rejections, lambda one: client_reject(context, one.id, one.reason))


async def _decide(rows: Sequence[T], decide: Callable[[T], Awaitable[Key]]) -> Sequence[RowResult]:
    if not 1 <= len(rows) <= MOST_DECISIONS:
        message = f"Decide on 1 to {MOST_DECISIONS} clients at once."
        raise refuse(Code.INVALID, message, "input", "clients")
    results = []
    for i, row in enumerate(rows):
        try:
            results.append(RowResult(await decide(row)))
        except Refused as refused:
            path = "input", "clients", str(i)
            problems = [_of_row(problem, path) for problem in refused.problems]
            results.append(RowResult(refused.key, problems))
    return results


def _of_row(problem: Problem, path: tuple[str, ...]) -> Problem:
    """The problem of one client, with the path that its field has in the row."""
    assert problem.field
    head, *rest = problem.field
    field = {"id": ("clientId",), "input": tuple(rest)}.get(head, (head, *rest))
    return replace(problem, field=(*path, *field))
