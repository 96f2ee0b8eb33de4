"""The demo's mailbox: everybody's letters, as they get them, at `/mail`. No other server has it.

Letters bring styles of their own, inline as mail programs want them. So a letter is a document of
its own, in a frame, with a policy of its own: styles, and nothing that runs, loads or is sent; its
links open in place of the page around it, when somebody follows them.
"""

import email
import email.policy
from collections.abc import Sequence
from dataclasses import dataclass
from email.message import EmailMessage
from pathlib import Path
from typing import Any
from urllib.parse import unquote, urlsplit

from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import HTMLResponse, Response
from starlette.routing import BaseRoute, Route

from portal import app
from portal.answers import HTML, PAGES, bad
from portal.demo import NAME, SLUG
from portal.pages.shown import environment
from portal.settings import Settings

_POLICY = "content-security-policy"
_HEADERS = {name.decode(): value.decode() for name, value in PAGES}
_AROUND_LETTER = _HEADERS | {_POLICY: f"{_HEADERS[_POLICY]}; frame-src 'self'"}
_LETTER = {
    _POLICY: (
        "default-src 'none'; style-src 'unsafe-inline'; img-src data:; frame-ancestors 'self'; "
        "sandbox allow-popups allow-top-navigation-by-user-activation"
    )
}


@dataclass(frozen=True, slots=True)
class Mailbox:
    """The letters in a folder of `.eml` files."""

    folder: Path

    def routes(self) -> Sequence[BaseRoute]:
        """Where the letters are."""
        return (
            Route("/mail", self._list),
            Route("/mail/{name}", self._letter),
            Route("/mail/{name}/body", self._body),
        )

    def _list(self, request: Request) -> Response:
        paths = sorted(self.folder.glob("*.eml"), reverse=True)
        letters = [(path.stem, _read(path)) for path in paths]
        return self._page("mailbox", request, _HEADERS, letters=letters)

    def _letter(self, request: Request) -> Response:
        letter = self._asked(request)
        text = _part(letter, "plain")
        return self._page("letter", request, _AROUND_LETTER, letter=letter, text=text)

    def _body(self, request: Request) -> Response:
        html = _part(self._asked(request), "html")
        out_of_frame = html.replace("<head>", '<head><base target="_top">', 1)
        return HTMLResponse(out_of_frame, headers=_LETTER)

    def _asked(self, request: Request) -> EmailMessage:
        """The letter of the name in the path. Raises `Refusal`."""
        found = {path.stem: path for path in self.folder.glob("*.eml")}
        path = found.get(request.path_params["name"])
        if path is None:
            request.scope["call"].kind = HTML
            raise bad(404, "There is no such letter.")
        return _read(path)

    def _page(
        self, template: str, request: Request, headers: dict[str, str], **shown: Any
    ) -> Response:
        page = environment().get_template(f"{template}.html")
        frame = {"organization": {"name": NAME}, "slug": SLUG, "path": request.url.path}
        text = page.render(**frame, done="", posted=None, **shown)
        return HTMLResponse(text, headers=headers)


def from_environment() -> Starlette:
    """The app of the demo, with the letters of its folder."""
    mail = urlsplit(Settings.read().mail_url.get_secret_value())
    return app.from_environment(Mailbox(Path(unquote(mail.path))).routes())


def _read(path: Path) -> EmailMessage:
    return email.message_from_bytes(path.read_bytes(), policy=email.policy.default)


def _part(letter: EmailMessage, kind: str) -> str:
    part = letter.get_body((kind,))
    return str(part.get_content()) if part else ""
