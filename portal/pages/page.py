"""What a page is, and what its forms do: as data, so that all pages stand in one table."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

Said = Mapping[str, str]
"""What somebody typed, by the names of the controls.

A control is named by the variable that it fills in, or by the field of `$input`: `phone`,
`add.0.practitionerId`. So a user error's path names a control, too.
"""


SEARCH = "search"
"""The control of a form that is not sent yet: somebody looks for what else there is to choose."""


Problem = dict[str, Any]
"""What is wrong with what was typed, in the shape of a `UserError`."""


@dataclass(frozen=True, slots=True)
class Prepared:
    """What was typed, as the document wants it, and which control stands for what was put there.

    With `problems` it is not sent on.
    """

    said: Said
    places: Mapping[str, str] = field(default_factory=dict)
    problems: Sequence[Problem] = ()


Prepare = Callable[[Said], Prepared]


@dataclass(frozen=True, slots=True)
class Form:
    """A form: the mutation of its name is run with what was typed.

    When it is done, the browser is sent to `then`, a path that may name what the page's path names
    and `{made}`, the id of the row that came back as `made`; and there it reads the sentence
    `done`. Where no such row came back, it is out of reach by now, and the browser is sent to
    `away`. Without `then` the page is shown again, with the mutation's payload as `result`; a form
    without a mutation only fills in variables of the page's own document.
    """

    name: str
    then: str | None = None
    done: str = ""
    away: str = "/{slug}"
    prepare: Prepare = Prepared


@dataclass(frozen=True, slots=True)
class Page:
    """A page: the document and the template of its name.

    The document's variables are taken from the path, from a form, or from the query string, but for
    the one that is `pasted`: that is taken from a form alone, and no address of ours holds it.
    Without what it `needs`, there is no such page: `viewer` is for who is signed in, `organization`
    for everybody. Whoever is signed in `may` do what it is about somewhere, by a permission's name.
    """

    path: str
    name: str
    needs: str = "viewer"
    forms: tuple[Form, ...] = ()
    may: str = ""
    pasted: str = ""

    @property
    def methods(self) -> list[str]:
        """How browsers may come to it."""
        return ["GET", "POST"] if self.forms else ["GET"]
