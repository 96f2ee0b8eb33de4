"""How commands run to their end, or until somebody presses Ctrl-C, and what they say then."""

import asyncio
from collections.abc import Awaitable, Callable, Coroutine
from typing import Any, NoReturn, TypeVar

from rich.console import Console
from uvicorn.loops.auto import auto_loop_factory

from models import to_its_end
from portal.service import service
from portal.settings import Settings
from resolvers import Context, Refused

T = TypeVar("T")

INTERRUPTED = 130
"""How what was interrupted ends: 128 and the number of the signal, as shells have it."""

errors = Console(stderr=True)


def fail(message: str, status: int = 2) -> NoReturn:
    """One clear line, and the end."""
    errors.print(message, style="red", markup=False, highlight=False, soft_wrap=True)
    raise SystemExit(status)


def run(work: Coroutine[Any, Any, T], known: Callable[[], str]) -> T:
    """What the work answers, on the loop that uvicorn would choose.

    Whoever presses Ctrl-C waits for what goes `to_its_end`, is told what is `known` of what was
    done, and it is exit 130; who presses it again does not wait.
    """
    try:
        with asyncio.Runner(loop_factory=auto_loop_factory()) as runner:
            return runner.run(work)
    except KeyboardInterrupt:
        fail(f"Interrupted. {known()}", INTERRUPTED)


def do(use_case: Callable[[Context], Awaitable[T]]) -> T:
    """What the use case answers, its letters sent; what it refuses is lines, and exit 2."""
    known = "Nothing was done."

    async def deed(context: Context) -> T:
        nonlocal known
        known = "It may be done, or not: look, before you do it again."
        done = await use_case(context)
        known = "It is done, and couriers send what letters are left."
        return done

    async def work() -> T:
        async with service(Settings.read()) as made:
            done = await to_its_end(deed(made.anonymous()))
            await made.courier.deliver_due()
            return done

    try:
        return run(work(), lambda: known)
    except Refused as refused:
        for problem in refused.problems:
            option = "".join(f"--{name}: " for name in problem.field or ())
            errors.print(f"{option}{problem.message}", style="red", markup=False, soft_wrap=True)
        raise SystemExit(2) from None
