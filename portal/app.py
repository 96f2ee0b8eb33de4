"""The Starlette app: its routes as data, and the life of the service behind them."""

import contextlib
import datetime as dt
import gc
from collections.abc import AsyncIterator, Callable
from functools import cache

from sqlalchemy import text
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response
from starlette.routing import Route

from models import Unavailable
from models.migrate import current, head
from portal.edge import Edge
from portal.service import Service, delivering, noting, service, utc_now
from portal.settings import Settings
from schema import Api, printed


def app(settings: Settings, clock: Callable[[], dt.datetime] = utc_now) -> Starlette:
    """The app over its own service, with the courier at work while it lives."""

    @contextlib.asynccontextmanager
    async def lifespan(app: Starlette) -> AsyncIterator[None]:
        async with (
            service(settings, clock) as made,
            noting(made.services),
            delivering(made.courier),
        ):
            edge.service = made
            app.state.service = made
            yield

    edge = Edge(Api())
    made = Starlette(
        routes=[
            Route("/graphql", edge, methods=["GET", "POST"]),
            Route("/graphql/", edge, methods=["GET", "POST"]),
            Route("/schema.graphql", _schema),
            Route("/healthz", _alive),
            Route("/readyz", _ready),
        ],
        lifespan=lifespan,
    )
    # Who forgets a slash, or adds one, would be sent wherever the Host header says.
    made.router.redirect_slashes = False
    return made


def from_environment() -> Starlette:
    """The app of a worker process, which reads the environment for itself."""
    made = app(Settings.read())
    _settle()
    return made


def _settle() -> None:
    """Tell the garbage collector what stays.

    Schema and libraries are a million objects that never go, and walking them over and over took a
    fifth of a busy server's time. What requests leave behind is freed by counting references.
    """
    gc.collect()
    gc.freeze()
    gc.set_threshold(50_000, 20, 20)


async def _schema(_request: Request) -> Response:
    return PlainTextResponse(_sdl())


@cache
def _sdl() -> str:
    return printed()


async def _alive(_request: Request) -> Response:
    return PlainTextResponse("alive\n")


async def _ready(request: Request) -> Response:
    """Whether requests can be served: the database answers, and its tables are up to date."""
    made: Service = request.app.state.service
    try:
        await made.services.database.read(lambda c: c.execute(text("SELECT 1")))
        up_to_date = await current(made.services.database) == head()
    except Unavailable:
        return PlainTextResponse("the database is away\n", 503)
    if not up_to_date:
        return PlainTextResponse("the database waits for a migration\n", 503)
    return PlainTextResponse("ready\n")
