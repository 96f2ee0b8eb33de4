"""The clerk: what is done beside requests, while nobody waits for it."""

import asyncio
import contextlib
import logging
import random

from models import Unavailable
from portal import metrics
from resolvers import BATCH, Context, Retention, answer_resets, pause_unreachable, sweep

POLL_SECONDS = 5
"""How long what a killed server left behind may go unseen, once it is due."""

PAUSE_SECONDS = (0.02, 0.2)
"""How long an answer is put off, at least and at most.

The work differs by whom there is, and must not show in the time that the next request takes.
"""

SWEEP_SECONDS = 600
"""How long after all is swept it is swept again; while there is more, a batch goes each turn."""

_logger = logging.getLogger(__name__)


async def attend(context: Context, asked: asyncio.Event, retention: Retention) -> None:
    """Answer what was asked, and sweep now and then, until cancelled."""
    clock = asyncio.get_running_loop().time
    swept_at = clock()
    while True:
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(POLL_SECONDS):
                await asked.wait()
        await asyncio.sleep(random.uniform(*PAUSE_SECONDS))  # noqa: S311 - no secret
        asked.clear()
        metrics.connected(context.services.database)
        try:
            await answer_resets(context)
            if clock() >= swept_at + SWEEP_SECONDS:
                went = await sweep(context, retention)
                if went:
                    _logger.info("let go: %s", ", ".join(f"{n} {of}" for of, n in went.items()))
                await pause_unreachable(context)
                if max(went.values(), default=0) < BATCH:
                    swept_at = clock()
            metrics.beat("clerk")
        except Unavailable:
            continue  # whoever asks is told so, and the next time it may be back
        except Exception as failure:  # noqa: BLE001 - nothing may end the clerk
            _logger.warning("a request is put off: %s", type(failure).__name__)
