"""What is built for browsers from `web/`, where Node is: files, and where they are.

`make install` builds them. Without Node all works, but that GraphiQL is not there and passwords are
judged only when they are sent.
"""

import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import orjson
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import FileResponse, Response
from starlette.routing import Route

from portal.answers import FOREVER

BUILT = Path(__file__).parent.parent / "web" / "built"
"""What Vite makes of `web/src`: files with their digest in their names, and a manifest."""

_AT = "/static/built/"
_KINDS = {".css": "text/css", ".js": "text/javascript", ".ttf": "font/ttf"}
_NAME = re.compile(r"[\w.-]+\.(?:css|js|ttf)", re.ASCII)


def entry(source: str) -> Mapping[str, Any] | None:
    """What became of a source, as Vite says it: `file` and `css`; None where nothing was built."""
    try:
        return dict(orjson.loads((BUILT / "manifest.json").read_bytes())[source])
    except FileNotFoundError:
        return None


def at(name: str) -> str:
    """The address of a file, which never changes."""
    return f"{_AT}{name}"


def files() -> Route:
    """Where they all are."""
    return Route(f"{_AT}{{name}}", _file)


async def _file(request: Request) -> Response:
    name = request.path_params["name"]
    path = BUILT / name
    if not _NAME.fullmatch(name) or not path.is_file():
        raise HTTPException(404)
    kind = _KINDS[path.suffix]
    return FileResponse(path, media_type=kind, headers={"cache-control": FOREVER})
