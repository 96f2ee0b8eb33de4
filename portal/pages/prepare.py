"""From what stood in a form and what stands there now, to what is to be changed.

A browser sends all that a form shows, so these forms show how it `was`, too, and only what differs
is sent on: nobody overwrites what somebody else has changed meanwhile, or what they cannot see.
"""

import re
from collections.abc import Iterator

from portal.pages.page import Prepare, Prepared, Problem, Said
from schema import ErrorCode

PAIR = re.compile(r"pair\.(\w+)\.now")
_WAS = re.compile(r"\.was\Z")
_ROLE = re.compile(r"role\.(\w+)\.(\w+)\.now")

_ALONE: Problem = {
    "code": ErrorCode.BAD_USER_INPUT,
    "message": "A reason or a department is saved only when this box is changed.",
    "field": ["id"],
}

ANYWHERE = "anywhere"
"""In place of a department, for the role that is held in none."""


def link(said: Said) -> Prepared:
    """The token of a mailed link, of which somebody may have pasted the whole.

    Some mail programs make a `?` of its `#`.
    """
    return Prepared({**said, "token": said.get("token", "").rpartition("token=")[2].strip()})


def undecided(said: Said) -> Prepared:
    """A department that was not chosen is not said: there may be none yet, and it stays so."""
    left = said.get("departmentId") == ""
    return Prepared(
        {name: text for name, text in said.items() if not left or name != "departmentId"}
    )


def pairs(other: str, added: str = "add") -> Prepare:
    """Who meets whom: `pair.{id}.was` and `.now` name the one department of a pair, or none.

    `other` is the field that names the other side, `added` the list of new ones in the input.
    """

    def prepare(said: Said) -> Prepared:
        found, places = dict(said), {}
        counts = {added: 0, "change": 0, "remove": 0}
        for (id,), was, now in _changes(said, PAIR):
            kind = "remove" if not now else "change" if was else added
            put = f"{kind}.{counts[kind]}"
            counts[kind] += 1
            places[put] = f"pair.{id}.now"
            if kind == "remove":
                found[put] = id
            else:
                found[f"{put}.{other}"], found[f"{put}.departmentId"] = id, now
        return Prepared(found, places)

    return prepare


def roles(granted: str = "grant") -> Prepare:
    """What somebody is where: `role.{role}.{department}.was` and `.now`, each a box.

    Of those that are not ticked nothing is sent, so a form is as large as what somebody is.
    `granted` is the list of new ones in the input.
    """

    def prepare(said: Said) -> Prepared:
        found, places = dict(said), {}
        counts = {granted: 0, "revoke": 0}
        for (role, department), _, now in _changes(said, _ROLE):
            kind = granted if now else "revoke"
            put = f"{kind}.{counts[kind]}"
            counts[kind] += 1
            places[put] = f"role.{role}.{department}.now"
            found[f"{put}.role"] = role
            if department != ANYWHERE:
                found[f"{put}.departmentId"] = department
        places[granted] = "role"
        return Prepared(found, places)

    return prepare


def status(said: Said) -> Prepared:
    """Active or not: which of two mutations is to be run, if any.

    With neither of them, what else was typed would be lost.
    """
    was, now = said.get("was"), said.get("active")
    leaves, comes = bool(was and not now), bool(now and not was)
    words = {True: "true", False: "false"}
    chosen = {"deactivate": words[leaves], "reactivate": words[comes]}
    lost = not leaves and not comes and (said.get("reason") or said.get("departmentId"))
    return Prepared({**said, **chosen}, {"id": "active"}, [_ALONE] if lost else [])


def _changes(said: Said, named: re.Pattern[str]) -> Iterator[tuple[tuple[str, ...], str, str]]:
    """What differs: the parts of its name, and what was there and is there now."""
    for name in dict.fromkeys(_WAS.sub(".now", one) for one in said):
        found = named.fullmatch(name)
        was, now = said.get(name.removesuffix("now") + "was", ""), said.get(name, "")
        if found and was != now:
            yield found.groups(), was, now
