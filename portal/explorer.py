"""GraphiQL at `/graphql`, for people with a browser: served from here alone, where it was built.

`make install` builds it from `graphiql/` where Node is. Without it a short page says how to ask.
"""

import html
import re
from pathlib import Path

import orjson
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import FileResponse, Response
from starlette.routing import Route

from portal.answers import HTML, Answer, Headers
from portal.pages.assets import FOREVER

BUILT = Path(__file__).parent.parent / "graphiql" / "built"
"""What Vite makes of `graphiql/src`: files with their digest in their names, and a manifest."""

_AT = "/static/graphiql/"
_ENTRY = "src/main.js"
_KINDS = {".css": "text/css", ".js": "text/javascript", ".ttf": "font/ttf"}
_NAME = re.compile(r"[\w.-]+\.(?:css|js|ttf)", re.ASCII)

_HEADERS: Headers = (
    (
        b"content-security-policy",
        (
            b"default-src 'none'; script-src 'self'; worker-src 'self'; connect-src 'self'; "
            b"style-src 'self' 'unsafe-inline'; font-src 'self' data:; img-src 'self' data:; "
            b"form-action 'none'; base-uri 'none'; frame-ancestors 'none'"
        ),
    ),
    (b"cross-origin-opener-policy", b"same-origin"),
    (b"referrer-policy", b"same-origin"),
)
"""What this one page needs more than others: Monaco, its editor, writes its colours and places into
`style`, has icons as `data:`, and works in workers. Scripts are files of ours here, too."""

_HEAD = """\
<!doctype html>
<html lang="en">
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="color-scheme" content="light dark">
<title>GraphQL</title>
"""
_HOW = """\
<h1>This is a GraphQL endpoint</h1>
<p>Send it a <code>POST</code> with <code>{"query": "…", "variables": {…}}</code> as
<code>application/json</code>; what can be asked is in <a href="/schema.graphql">the schema</a>.</p>
"""
_NOT_BUILT = """\
<p>GraphiQL would be here if it was built: <code>make install</code> does that, where Node is.</p>
"""


def page(form_token: str) -> Answer:
    """GraphiQL, which asks as the visit whose forms bring this token; or how to do without it."""
    try:
        entry = orjson.loads((BUILT / "manifest.json").read_bytes())[_ENTRY]
    except FileNotFoundError:
        return Answer(200, HTML, f"{_HEAD}{_HOW}{_NOT_BUILT}</html>\n".encode())
    styles = "".join(f'<link rel="stylesheet" href="{_AT}{name}">\n' for name in entry["css"])
    text = (
        f"{_HEAD}"
        f'<link rel="icon" href="/static/icon.svg">\n{styles}'
        f'<script type="module" src="{_AT}{entry["file"]}"></script>\n'
        f'<div id="graphiql" data-form-token="{html.escape(form_token)}"></div>\n'
        f"<noscript>{_HOW}</noscript>\n</html>\n"
    )
    return Answer(200, HTML, text.encode(), _HEADERS)


def files() -> Route:
    """Where the files of GraphiQL are."""
    return Route(f"{_AT}{{name}}", _file)


async def _file(request: Request) -> Response:
    name = request.path_params["name"]
    path = BUILT / name
    if not _NAME.fullmatch(name) or not path.is_file():
        raise HTTPException(404)
    kind = _KINDS[path.suffix]
    return FileResponse(path, media_type=kind, headers={"cache-control": FOREVER})
