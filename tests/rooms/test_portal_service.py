"""The parts of a running server, and how they end."""

import asyncio
from dataclasses import replace
from pathlib import Path
from typing import Any

from portal.service import delivering, service
from portal.settings import Settings
from tests.crash.programs import environment
from tests.waiting import PATIENCE


class Reluctant:
    """A courier that ends only when the other one was told to stop as well."""

    def __init__(self) -> None:
        self.begun, self.told = asyncio.Event(), asyncio.Event()
        self.other = self

    async def run(self) -> None:
        try:
            self.begun.set()
            await asyncio.Event().wait()
        finally:
            self.told.set()
            async with asyncio.timeout(PATIENCE):
                await self.other.told.wait()


async def test_couriers_are_told_to_stop_together(url: str, tmp_path: Path) -> None:
    given = {name.lower(): said for name, said in environment(url, tmp_path).items()}
    letters: Any = Reluctant()
    events: Any = Reluctant()
    letters.other, events.other = events, letters
    async with (
        service(Settings.read(**given)) as made,
        delivering(replace(made, courier=letters, webhooks=events)),
    ):
        await letters.begun.wait()
        await events.begun.wait()
