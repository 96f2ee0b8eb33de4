"""GraphiQL at `/graphql`, for people with a browser: served from here alone, where it was built.

`make install` builds it from `web/` where Node is. Without it a short page says how to ask.
"""

import html

from portal import built
from portal.answers import HTML, Answer, Headers

_ENTRY = "src/graphiql/main.js"

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
    entry = built.entry(_ENTRY)
    if entry is None:
        return Answer(200, HTML, f"{_HEAD}{_HOW}{_NOT_BUILT}</html>\n".encode())
    sheets = map(built.at, entry["css"])
    styles = "".join(f'<link rel="stylesheet" href="{sheet}">\n' for sheet in sheets)
    text = (
        f"{_HEAD}"
        f'<link rel="icon" href="/static/icon.svg">\n{styles}'
        f'<script type="module" src="{built.at(entry["file"])}"></script>\n'
        f'<div id="graphiql" data-form-token="{html.escape(form_token)}"></div>\n'
        f"<noscript>{_HOW}</noscript>\n</html>\n"
    )
    return Answer(200, HTML, text.encode(), _HEADERS)
