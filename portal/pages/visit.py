"""What a browser keeps for us, in one cookie, and what its forms bring with them."""

import base64
import hmac
import re
import secrets
from collections.abc import Callable
from dataclasses import dataclass
from urllib.parse import urlsplit

from starlette.requests import Request
from starlette.responses import Response

_KEPT = re.compile(r"([\w-]{22})\.([\w-]*)\.([\w-]*)", re.ASCII)

Digest = Callable[..., bytes]


@dataclass(frozen=True, slots=True)
class Visit:
    """A random id that a browser is given and, of who is signed in, the session's two tokens.

    The id is a new one whenever somebody signs in or out, and so are the tokens of forms.
    """

    id: str
    access_token: str = ""
    refresh_token: str = ""

    @classmethod
    def begin(cls, access_token: str = "", refresh_token: str = "") -> "Visit":
        """A new visit, of nobody or of whose tokens these are."""
        return cls(secrets.token_urlsafe(16), access_token, refresh_token)

    def form_token(self, digest: Digest) -> str:
        """What a form of this visit brings with it; nobody else can make it (CSRF)."""
        return base64.urlsafe_b64encode(digest("form", self.id)).decode()

    def is_its_form(self, token: str, digest: Digest) -> bool:
        """Whether a form brings what this visit's forms bring."""
        return hmac.compare_digest(self.form_token(digest).encode(), token.encode())


@dataclass(frozen=True, slots=True)
class Cookies:
    """The cookie of visits. `public_url` is where people reach the portal.

    Scripts cannot read it, and it ends with the browser. Pages of others cannot make forms of
    theirs send it (`Lax`), but a link in a letter brings it along. Under https it is this host's
    alone, whatever other hosts of the domain do (`__Host-`).
    """

    public_url: str

    def read(self, request: Request) -> Visit | None:
        """The visit that the browser brings along, if it is one."""
        kept = _KEPT.fullmatch(request.cookies.get(self._name, ""))
        return Visit(*kept.groups()) if kept else None

    def write(self, response: Response, visit: Visit) -> None:
        """Give it to the browser."""
        response.set_cookie(
            self._name,
            f"{visit.id}.{visit.access_token}.{visit.refresh_token}",
            path="/",
            secure=self._is_secure,
            httponly=True,
            samesite="lax",
        )

    def is_from_here(self, request: Request) -> bool:
        """Whether a page of ours sends the form: browsers say of which origin it is."""
        return self._is_ours(request, request.headers.get("origin", ""))

    def is_wanted_here(self, request: Request) -> bool:
        """Whether a page of ours links to what is asked for, or somebody typed the address.

        Where browsers do not say so, as where there is no TLS, they say which page it was.
        """
        site = request.headers.get("sec-fetch-site")
        if site is not None:
            return site in ("same-origin", "none")
        return self._is_ours(request, _origin(request.headers.get("referer", "")))

    def _is_ours(self, request: Request, origin: str) -> bool:
        host = request.headers.get("host", "")
        return origin in (self._origin, f"https://{host}", f"http://{host}")

    @property
    def _name(self) -> str:
        return "__Host-visit" if self._is_secure else "visit"

    @property
    def _is_secure(self) -> bool:
        return self.public_url.startswith("https:")

    @property
    def _origin(self) -> str:
        return _origin(self.public_url)


def _origin(address: str) -> str:
    """The origin of an address, as browsers name it; nothing good where it is none."""
    try:
        return "{0.scheme}://{0.netloc}".format(urlsplit(address)).lower()
    except ValueError:
        return ""
