"""Waiting for what must come, however busy the machine is."""

import asyncio
import inspect
from collections.abc import Awaitable, Callable

PATIENCE = 60
"""Seconds after which what was awaited counts as not coming."""


async def until(holds: Callable[[], bool | Awaitable[bool]]) -> None:
    """Wait until it holds. Raises `TimeoutError`."""
    async with asyncio.timeout(PATIENCE):
        while True:
            held = holds()
            if await held if inspect.isawaitable(held) else held:
                return
            await asyncio.sleep(0.01)
