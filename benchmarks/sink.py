"""`python -m benchmarks.sink PORT`: a mail server that takes every letter and forgets it."""

import asyncio
import sys

import uvloop
from aiosmtpd.smtp import SMTP


class _Taking:
    async def handle_DATA(self, _server: object, _session: object, _envelope: object) -> str:  # noqa: N802 - aiosmtpd's name
        """Taken."""
        return "250 taken"


async def _serve(port: int) -> None:
    loop = asyncio.get_running_loop()
    server = await loop.create_server(
        lambda: SMTP(_Taking(), hostname="sink.example.com", enable_SMTPUTF8=True, loop=loop),
        "127.0.0.1",
        port,
    )
    await server.serve_forever()


if __name__ == "__main__":
    uvloop.run(_serve(int(sys.argv[1])))
