"""Documents made from the schema: every path, to a depth, of every field that can be asked."""

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

from graphql import (
    GraphQLField,
    GraphQLInputObjectType,
    GraphQLInterfaceType,
    GraphQLNonNull,
    GraphQLObjectType,
    get_named_type,
    is_leaf_type,
    is_list_type,
    is_required_argument,
    is_required_input_field,
)

from schema import build

SCHEMA = build()
DEPTH = 5

Path = tuple[str, ...]
Denied = set[tuple[Path, str]]
Json = dict[str, Any]


def output(name: str) -> GraphQLObjectType | GraphQLInterfaceType:
    """The type of this name, which has fields."""
    found = SCHEMA.type_map[name]
    assert isinstance(found, (GraphQLObjectType, GraphQLInterfaceType))
    return found


@dataclass
class Selecting:
    """Selects all that is not denied, to the depth, and tells how much that was."""

    denied: Denied = field(default_factory=set)
    count: int = 0
    coordinates: set[str] = field(default_factory=set)

    def of(self, type_name: str, path: Path, depth: int) -> str:
        """The selection set of the type at the path."""
        named = output(type_name)
        if isinstance(named, GraphQLInterfaceType):
            parts = [
                f"... on {one.name} {{ {self._fields(one, path, depth, f'{one.name}_')} }}"
                for one in SCHEMA.get_possible_types(named)
            ]
            return " ".join(["__typename", *parts])
        return self._fields(named, path, depth, "")

    def _fields(self, type_: GraphQLObjectType, path: Path, depth: int, alias: str) -> str:
        selected = ["__typename"]
        for name, definition in type_.fields.items():
            key = alias + name
            if ((*path, key), f"{type_.name}.{name}") in self.denied:
                continue
            named = get_named_type(definition.type)
            below = ""
            if not is_leaf_type(named):
                if depth <= 1:
                    continue
                below = f" {{ {self.of(named.name, (*path, key), depth - 1)} }}"
            self.count += 1
            self.coordinates.add(f"{type_.name}.{name}")
            arguments = "(first: 100)" if "first" in definition.args else ""
            selected.append(f"{alias and key + ': '}{name}{arguments}{below}")
        return " ".join(selected)


def document(
    kind: str, name: str, given: dict[str, str], denied: Denied, depth: int = DEPTH
) -> tuple[str, set[str]]:
    """An operation that asks a root field for everything, and the fields that are in it.

    `given`: the types of the arguments that come as variables, by name.
    """
    definition = root(kind, name)
    head = ", ".join(f"${argument}: {type_}" for argument, type_ in given.items())
    said = ", ".join(
        [f"{argument}: ${argument}" for argument in given]
        + ["first: 100"] * ("first" in definition.args and not {"first", "last"} & given.keys())
    )
    selecting = Selecting(denied)
    selection = ""
    named = get_named_type(definition.type)
    if not is_leaf_type(named):
        selection = f" {{ {selecting.of(named.name, (name,), depth - 1)} }}"
    assert selecting.count < 1950, (name, selecting.count)
    text = (
        f"{kind}{f'({head})' if head else ''} {{ {name}{f'({said})' if said else ''}{selection} }}"
    )
    return text, selecting.coordinates


def root(kind: str, name: str) -> GraphQLField:
    """The root field of this name."""
    found: GraphQLField = output(kind.title()).fields[name]
    return found


def denied_in(body: Json) -> Denied:
    """The fields that an answer says are denied."""
    return {
        (tuple(one["path"]), one["field"])
        for error in body["errors"]
        for one in error["extensions"].get("denied", ())
    }


@dataclass(frozen=True, slots=True)
class Place:
    """Where an input takes an id: the path of it, and of which kind it is."""

    path: Path
    kinds: tuple[str, ...]


def places(kind: str, name: str) -> Iterator[Place]:
    """Every place in the arguments of a root field that takes an id or a cursor."""
    definition = root(kind, name)
    of = get_named_type(definition.type).name.removesuffix("Payload").removesuffix("Connection")
    for argument, said in definition.args.items():
        yield from _places((argument,), said.type, of)


def _places(path: Path, type_: Any, of: str) -> Iterator[Place]:
    named = get_named_type(type_)
    if isinstance(named, GraphQLInputObjectType):
        for name, said in named.fields.items():
            yield from _places((*path, name), said.type, of)
    elif named.name == "ID":
        yield Place(path, _kinds(path, of))
    elif path[-1] in ("after", "before"):
        yield Place(path, ("cur_",))


PREFIX = {
    "Client": "cli_",
    "Staff": "stf_",
    "Department": "dep_",
    "ServiceKey": "key_",
    "Webhook": "hok_",
    "WebhookSecret": "hok_",
    "WebhookDelivery": "dlv_",
}


def _kinds(path: Path, of: str) -> tuple[str, ...]:
    if path == ("id",):
        every = dict.fromkeys((*PREFIX.values(), "org_", "asc_", "aud_"))
        return (PREFIX[of],) if of in PREFIX else tuple(every)
    if path[-1] == "remove":
        return ("asc_", "stf_" if of == "Client" else "cli_")
    return {
        "departmentId": ("dep_",),
        "departmentIds": ("dep_",),
        "practitionerId": ("stf_",),
        "clientId": ("cli_",),
        "actorId": ("stf_", "cli_", "key_"),
        "subjectId": ("cli_", "stf_", "dep_"),
    }[path[-1]]


_WORDS = {
    "firstName": "Una",
    "lastName": "Vex",
    "name": "Vexing",
    "email": "una.vex@example.net",
    "dateOfBirth": "1990-05-17",
    "role": "PRACTITIONER",
    "permissions": "CLIENT_READ",
    "organization": "east",
    "url": "https://vexing.example.net",
    "events": "CLIENT_APPROVED",
    "text": "Prefers to be called.",
}


def variables(kind: str, name: str, place: Place, id: str, base: str | None) -> Json:
    """Arguments with the id in that place, what is required, and `base` as the field's own id."""
    said: Json = {}
    for argument, definition in root(kind, name).args.items():
        if place.path[0] == argument:
            said[argument] = _value(definition.type, place.path[1:], argument, id)
        elif argument == "id":
            said[argument] = base
        elif is_required_argument(definition):
            said[argument] = _value(definition.type, (), argument, id)
    return said


def _value(type_: Any, path: Path, name: str, id: str) -> Any:
    if isinstance(type_, GraphQLNonNull):
        return _value(type_.of_type, path, name, id)
    if is_list_type(type_):
        return [_value(type_.of_type, path, name, id)]
    if not isinstance(type_, GraphQLInputObjectType):
        return _WORDS.get(name, id)
    said: Json = {}
    for key, definition in type_.fields.items():
        if path and path[0] == key:
            said[key] = _value(definition.type, path[1:], key, id)
        elif is_required_input_field(definition):
            said[key] = _value(definition.type, (), key, id)
        elif key == "role":
            said[key] = _WORDS[key]
    return said
