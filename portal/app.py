"""The Starlette app: its routes as data, and the life of the service behind them."""

import contextlib
import datetime as dt
import gc
from collections.abc import AsyncIterator, Callable, Iterable
from functools import cache, partial

from starlette.applications import Starlette
from starlette.middleware.exceptions import ExceptionMiddleware
from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response
from starlette.routing import BaseRoute, Route
from starlette.types import ASGIApp

from portal import built, logs
from portal.download import downloads
from portal.edge import Edge
from portal.following import Following
from portal.gate import Gate
from portal.health import Health
from portal.life import take_signals
from portal.operations import Operations
from portal.pages import Desk, assets
from portal.service import collected, delivering, noting, service, utc_now
from portal.settings import Settings
from portal.socket import Socket
from schema import Api, printed


class Portal(Starlette):
    """Starlette behind the gate, which does what Starlette's own middleware would, for less.

    `more` are places besides those of every portal.
    """

    def __init__(
        self, settings: Settings, clock: Callable[[], dt.datetime], more: Iterable[BaseRoute]
    ) -> None:
        self._settings = settings
        self._clock = clock
        self._health = Health(settings)
        api = Api()
        self._operations = Operations(api, settings.operations_at_once)
        desk = Desk(self._operations, api.schema, settings.public_url, settings.password_length)
        self._following = Following(self._operations, self._health, settings.live_at_once)
        self._edge = Edge(self._operations, desk, self._following)
        routes = [
            *self._health.routes(),
            Route("/schema.graphql", _schema),
            assets(),
            built.files(),
            *downloads(self._operations, desk),
            *more,
            *desk.routes(),
        ]
        super().__init__(routes=routes, lifespan=Portal._live)
        self.router.redirect_slashes = False

    def build_middleware_stack(self) -> ASGIApp:
        rest = ExceptionMiddleware(self.router)
        sockets = partial(Socket, self._operations, self._following)
        return Gate(self._settings, self._health, self._edge, sockets, rest)

    @contextlib.asynccontextmanager
    async def _live(self) -> AsyncIterator[None]:
        async with (
            collected(self._settings),
            service(self._settings, self._clock) as made,
            noting(made.services),
            delivering(made),
            made.feed.alive(),
        ):
            self._operations.service = self._health.service = self.state.service = made
            take_signals(self._health, self._settings.notice_seconds)
            yield


def app(
    settings: Settings,
    clock: Callable[[], dt.datetime] = utc_now,
    more: Iterable[BaseRoute] = (),
) -> Starlette:
    """The app over its own service, with the courier at work while it lives."""
    return Portal(settings, clock, more)


def from_environment(more: Iterable[BaseRoute] = ()) -> Starlette:
    """The app of a worker process, which reads the environment for itself."""
    settings = Settings.read()
    logs.set_up(settings.log_format, settings.log_level)
    made = app(settings, more=more)
    _settle()
    return made


def _settle() -> None:
    """Tell the garbage collector what stays.

    Schema and libraries are a million objects that never go, and walking them over and over took a
    fifth of a busy server's time. What requests leave behind is freed by counting references.
    """
    gc.freeze()
    gc.set_threshold(50_000, 20, 20)


async def _schema(_request: Request) -> Response:
    return PlainTextResponse(_sdl())


@cache
def _sdl() -> str:
    return printed()
