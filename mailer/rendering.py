"""From a letter's contents to its words: a subject, a text, the same text in HTML.

A letter's templates are rendered once, into a form with a gap for each value, which every letter
then fills in. So a template may ask whether there is a value, and may not look closer at it. Only
numbers it is told: each has a form of its own.
"""

import datetime as dt
import html
import re
from dataclasses import dataclass, fields
from functools import cache, lru_cache
from pathlib import Path
from typing import Any

from jinja2 import Environment, FileSystemLoader, StrictUndefined, select_autoescape

from mailer.letters import Contents

NAME_LENGTH = 100

KEPT = 1024
"""How much is kept at most, of each thing that is the same in many letters."""

# Control characters, line and direction marks, and halves of characters have no place in a name.
_UNSEEN = re.compile("[\x00-\x20\x7f-\xa0\u200e\u200f\u2028-\u202e\u2066-\u2069\ud800-\udfff]+")
# Where a mail program would see an address to make a link of: `evil.example`, `a@b`, `http://`.
_LINKLIKE = re.compile(r"(?<=\w)(?:[.\u3002\uff0e\uff61](?=\w\w)|[@\uff20](?=\w)|:(?=/))")
_ZERO_WIDTH_SPACE = "\u200b"

# A value's place, in characters that are nobody's and that HTML does not escape.
_GAP = "\ue000{}\ue001"
_GAPS = re.compile(_GAP.format(r"(\w+)"))


@dataclass(frozen=True, slots=True)
class Rendered:
    """A letter in words: `subject` is one line, `text` and `html` end with a newline."""

    subject: str
    text: str
    html: str


def render(contents: Contents, link: str) -> Rendered:
    """The letter in words.

    Raises `jinja2.TemplateNotFound` for a letter that has none, `jinja2.UndefinedError` where a
    template asks for more than the letter is told.
    """
    told = {"link": link} | {each.name: getattr(contents, each.name) for each in fields(contents)}
    values = {name: _shown(name, value) for name, value in told.items() if value is not None}
    numbers = tuple((name, value) for name, value in told.items() if isinstance(value, int))
    form = _form(contents.name, tuple(told), frozenset(values), numbers)
    return Rendered(
        subject=" ".join((form.subject % values).split()),
        text=(form.text % values).strip() + "\n",
        html=form.html % {name: html.escape(value) for name, value in values.items()},
    )


@lru_cache(KEPT)
def tame(name: str) -> str:
    """Somebody's own words as a letter may show them: one short line that cannot become a link.

    `=?` would begin an encoded word, which header parsers decode (`C6`).
    """
    name = _UNSEEN.sub(" ", name).strip().replace("=?", "= ?")
    if len(name) > NAME_LENGTH:
        name = name[: NAME_LENGTH - 3] + "..."
    return _LINKLIKE.sub(rf"\g<0>{_ZERO_WIDTH_SPACE}", name)


def _shown(field: str, value: object) -> str:
    if isinstance(value, dt.datetime):
        return _moment(value.replace(second=0, microsecond=0))
    return tame(str(value)) if field.endswith("_name") else str(value)


@lru_cache(KEPT)
def _moment(minute: dt.datetime) -> str:
    minute = minute.astimezone(dt.UTC)
    return minute.strftime(f"%A, {minute.day} %B %Y at %H:%M UTC")


@cache
def _form(
    letter: str,
    told: tuple[str, ...],
    given: frozenset[str],
    numbers: tuple[tuple[str, int], ...],
) -> Rendered:
    """The letter in words for `%` to fill in with the values of what is told that are given."""
    values: dict[str, Any] = {name: _GAP.format(name) if name in given else None for name in told}
    values |= dict(numbers)

    def words(file: str) -> str:
        rendered = _environment().get_template(f"{letter}/{file}").render(values)
        return _GAPS.sub(r"%(\1)s", rendered.replace("%", "%%"))

    return Rendered(
        subject=words("subject.txt"),
        text=re.sub(r"\n{3,}", "\n\n", words("body.txt")),
        html=words("body.html").strip() + "\n",
    )


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
