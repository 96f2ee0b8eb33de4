"""Every letter as its reader sees it, from its sample: `docs/letters.md`."""

from mailer.letters import LETTERS, Contents, Linked
from mailer.rendering import render

_PUBLIC_URL = "https://portal.example"
_TOKEN = "the-token-of-this-link"  # noqa: S105 - of no link

_INTRODUCTION = """\
# Letters

Every letter that the API sends, filled in with its sample. The same words go out as text and as
HTML. This page is generated (`make docs`); the words are in `mailer/templates/`.

Letters with a token in their link work once and end; the token is behind the `#`, which browsers
keep to themselves, and in no table: the courier derives it while it sends. Nothing but names, a
contact address and the link is in a letter, and a letter to staff does not say who the client is.
"""


def showcase() -> str:
    """The text of `docs/letters.md`."""
    return "\n".join([_INTRODUCTION, *map(_chapter, LETTERS.values())])


def _chapter(letter: type[Contents]) -> str:
    sample = letter.sample()
    words = render(sample, sample.link(_PUBLIC_URL, _TOKEN))
    first_line = (letter.__doc__ or "").partition("\n")[0]
    token = " Its link carries a token." if issubclass(letter, Linked) else ""
    return f"""\
## {letter.__name__}

{first_line}{token}

**{words.subject}**

```text
{words.text}```
"""
