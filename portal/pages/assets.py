"""The files that pages are dressed in: read once, and kept by browsers until they change."""

from functools import cache
from hashlib import sha256
from pathlib import Path

from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from portal.answers import FOREVER

_FOLDER = Path(__file__).parent / "static"
_KINDS = {".css": "text/css", ".js": "text/javascript", ".svg": "image/svg+xml"}


def assets() -> Route:
    """Where they are: `/static/{name}`, and for good at `/static/{name}?{digest}`."""
    return Route("/static/{name}", _asset)


def at(name: str) -> str:
    """The address of a file as it is now."""
    return f"/static/{name}?{_read()[name][1]}"


async def _asset(request: Request) -> Response:
    name = request.path_params["name"]
    if name not in _read():
        raise HTTPException(404)
    content, digest = _read()[name]
    known = request.scope["query_string"].decode("latin-1") == digest
    return Response(
        content,
        media_type=_KINDS[Path(name).suffix],
        headers={"cache-control": FOREVER if known else "no-cache"},
    )


@cache
def _read() -> dict[str, tuple[bytes, str]]:
    """Each file's content, and a digest of it, by name."""
    contents = {path.name: path.read_bytes() for path in _FOLDER.iterdir()}
    return {name: (text, sha256(text).hexdigest()[:12]) for name, text in contents.items()}
