"""What a page shows: its template, with the answer to its document and the state of its forms."""

import datetime as dt
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from secrets import token_urlsafe
from typing import Any
from urllib.parse import urlencode

import segno
from jinja2 import Environment, FileSystemLoader, StrictUndefined

from portal import built
from portal.pages.assets import at
from portal.pages.choices import anywhere, grantable, practised, within
from portal.pages.page import Problem, Said
from portal.pages.prepare import PAIR
from portal.pages.typed import INPUT
from portal.pages.words import WORDS

_PLACES = ("after", "before", "last")
_TEMPLATES = Path(__file__).parent / "templates"


@dataclass(frozen=True, slots=True)
class Complaint:
    """What is wrong, for people, and the control, or group, that it is about; "" for the whole."""

    message: str
    control: str
    code: str


@dataclass(frozen=True, slots=True)
class Filled:
    """A form as it is shown: empty, or as somebody filled it in, with what was wrong with that.

    `once` is another one each time, by which a form that is sent twice is known.
    """

    name: str
    token: str
    action: str
    said: Said = field(default_factory=dict)
    complaints: tuple[Complaint, ...] = ()
    result: Mapping[str, Any] = field(default_factory=dict)
    once: str = field(default_factory=partial(token_urlsafe, 16))

    def value(self, control: str, otherwise: Any = "") -> Any:
        """What was typed there; where nothing was, what is there `otherwise`."""
        return self.said.get(control, "" if otherwise is None else otherwise)

    def changed(self, control: str, was: str, otherwise: str) -> str:
        """What was typed there in place of what `was`; else what is there `otherwise`, by now."""
        now = self.said.get(control, "")
        return otherwise if now == self.said.get(was, "") else now

    def id(self, control: str) -> str:
        """The control's id in the page."""
        return f"{self.name}-{control}".replace(".", "-")

    def messages(self, control: str) -> list[str]:
        """What is wrong with the control."""
        return [one.message for one in self.complaints if one.control == control]

    @property
    def chosen(self) -> list[str]:
        """Of the pairs for which a department is chosen: the other sides' ids."""
        found = {PAIR.fullmatch(name): text for name, text in self.said.items()}
        return [pair[1] for pair, text in found.items() if pair and text]

    @property
    def is_late(self) -> bool:
        """Whether somebody else has changed meanwhile what was filled in here."""
        return any(one.code == "CONFLICT" for one in self.complaints)


def complaints(
    problems: Iterable[Problem], said: Said, places: Mapping[str, str]
) -> tuple[Complaint, ...]:
    """User errors, each at the control of its path, if it is one of those that came along.

    `places` says which were typed elsewhere.
    """
    return tuple(
        Complaint(one["message"], _control(one["field"] or [], said, places), one["code"])
        for one in problems
    )


def _control(path: list[str], said: Said, places: Mapping[str, str]) -> str:
    name = ".".join(path[1:] if path[:1] == [INPUT] else path)
    for put, place in places.items():
        if name == put or name.startswith(f"{put}."):
            return place
    return name if any(f"{one}.".startswith(f"{name}.") for one in said) else ""


def environment(**constants: Any) -> Environment:
    """Where the templates are; `constants` are known to all of them."""
    made = Environment(
        loader=FileSystemLoader(_TEMPLATES),
        autoescape=True,
        undefined=StrictUndefined,
        auto_reload=False,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    made.filters |= {
        "day": _day,
        "moment": _moment,
        "qr": _qr,
        "sentence": _sentence,
        "told": _told,
        "word": WORDS.__getitem__,
    }
    made.globals |= {
        "anywhere": anywhere,
        "asset": at,
        "built": _built,
        "grantable": grantable,
        "practised": practised,
        "turned": _turned,
        "within": within,
        **constants,
    }
    return made


def _turned(path: str, query: Mapping[str, str], **place: Any) -> str:
    """The address of another page of the same list."""
    kept = {name: text for name, text in query.items() if name not in _PLACES}
    return f"{path}?{urlencode(kept | place)}"


def _sentence(code: str) -> str:
    """A code of the schema as words, where there are too many to have words of their own."""
    return code.replace("_", " ").capitalize()


def _told(value: Any) -> str:
    """A value that the audit trail tells: what somebody held, each as its words and where."""
    match value:
        case None | []:
            return "none"
        case bool():
            return "yes" if value else "no"
        case list():
            return ", ".join(map(_told, value))
        case {"role": code, "departmentId": where}:
            return f"{WORDS[code]} of {where}" if where else str(WORDS[code])
        case _:
            return str(value)


def _day(written: str) -> str:
    day = dt.date.fromisoformat(written)
    return f"{day.day} {day:%B %Y}"


def _moment(written: str) -> str:
    at = dt.datetime.fromisoformat(written)
    return f"{at.day} {at:%B %Y at %H:%M} UTC"


def _built(source: str) -> str:
    """The address of what was built of the source; nothing where nothing was."""
    entry = built.entry(source)
    return built.at(entry["file"]) if entry else ""


def _qr(text: str) -> str:
    """The text for a camera, as a drawing in the page; black on white, as cameras want it.

    There are squares in it, and no text: it is safe.
    """
    return segno.make(text, error="m", micro=False).svg_inline(scale=5, light="#fff")
