"""From a letter's contents to its words: a subject, a text, the same text in HTML."""

import datetime as dt
import re
from dataclasses import dataclass, fields
from functools import cache
from pathlib import Path

from jinja2 import Environment, FileSystemLoader, StrictUndefined, select_autoescape

from mailer.letters import Contents

NAME_LENGTH = 100

# Control characters, line and direction marks, and halves of characters have no place in a name.
_UNSEEN = re.compile("[\x00-\x20\x7f-\xa0\u200e\u200f\u2028-\u202e\u2066-\u2069\ud800-\udfff]+")
# Where a mail program would see an address to make a link of: `evil.example`, `a@b`, `http://`.
_LINKLIKE = re.compile(r"(?<=\w)(?:[.\u3002\uff0e\uff61](?=\w\w)|[@\uff20](?=\w)|:(?=/))")
_ZERO_WIDTH_SPACE = "\u200b"


@dataclass(frozen=True, slots=True)
class Rendered:
    """A letter in words: `subject` is one line, `text` and `html` end with a newline."""

    subject: str
    text: str
    html: str


def render(contents: Contents, link: str) -> Rendered:
    """The letter in words. Raises `jinja2.UndefinedError` where a template asks for more."""
    values = {
        each.name: _shown(each.name, getattr(contents, each.name)) for each in fields(contents)
    }
    values["link"] = link

    def words(file: str) -> str:
        return _environment().get_template(f"{contents.name}/{file}").render(values)

    return Rendered(
        subject=" ".join(words("subject.txt").split()),
        text=re.sub(r"\n{3,}", "\n\n", words("body.txt")).strip() + "\n",
        html=words("body.html").strip() + "\n",
    )


def tame(name: str) -> str:
    """Somebody's own words as a letter may show them: one short line that cannot become a link.

    `=?` would begin an encoded word, which header parsers decode (`C6`).
    """
    name = _UNSEEN.sub(" ", name).strip().replace("=?", "= ?")
    if len(name) > NAME_LENGTH:
        name = name[: NAME_LENGTH - 3] + "..."
    return _LINKLIKE.sub(rf"\g<0>{_ZERO_WIDTH_SPACE}", name)


def _shown(field: str, value: object) -> object:
    if isinstance(value, dt.datetime):
        value = value.astimezone(dt.UTC)
        return f"{value:%A}, {value.day} {value:%B %Y} at {value:%H:%M} UTC"
    return tame(value) if isinstance(value, str) and field.endswith("_name") else value


@cache
def _environment() -> Environment:
    return Environment(
        loader=FileSystemLoader(Path(__file__).parent / "templates"),
        autoescape=select_autoescape(["html"]),
        undefined=StrictUndefined,
        auto_reload=False,
        trim_blocks=True,
        lstrip_blocks=True,
    )
