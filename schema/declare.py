"""How fields are declared: what each reads, who may ask, and what it says about itself.

A rule is given once. `ruled` hangs the rule, its directive and its sentence on the field; what a
field is read from hangs beside it, for `schema.operation` to find.
"""

import functools
import inspect as python
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from types import MappingProxyType
from typing import Annotated, Any, TypeVar, dataclass_transform

import strawberry
from sqlalchemy import inspect
from strawberry import Info
from strawberry.types.field import StrawberryField

from models import Base
from permissions import Inherited, Requires, Rule
from resolvers import GIVEN, Context, Key, Refused
from schema.sending import sentence

RULE = "rule"
SOURCE = "source"
OWN = "own"
SIZE = "size"
CREDENTIAL = "credential"
READS = "__reads__"
# Under this name graphql-core's objects carry the definition that Strawberry made them of.
DEFINITION = "strawberry-definition"

T = TypeVar("T")


# --- what a field is read from ------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Attribute:
    """The attribute of the model with this name."""

    name: str


@dataclass(frozen=True, slots=True)
class Function:
    """A function of attributes, and of values that come with the read."""

    function: Callable[..., Any]
    attributes: tuple[str, ...]
    given: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Planned:
    """A row, rows or a page that a resolver (or the object above) names, and a plan reads."""


@dataclass(frozen=True, slots=True)
class ViewerRights:
    """What the caller may do with the row."""


@dataclass(frozen=True, slots=True)
class Permissions:
    """What the caller may do, somewhere."""


@dataclass(frozen=True, slots=True)
class Likeness:
    """Other rows of the same type, at `most` so many, alike in all attributes of one of `ways`."""

    ways: tuple[tuple[str, ...], ...]
    most: int


Source = Attribute | Function | Planned | ViewerRights | Permissions | Likeness


@dataclass(frozen=True, slots=True)
class Reads:
    """What a type is read from, the prefix of its ids, and `bounded` as in `Wanted`."""

    model: type[Base]
    prefix: str | None
    bounded: bool


# --- what a class body may say about a field ---------------------------------------------------


@dataclass(frozen=True, slots=True)
class _Said:
    rule: Rule | None = None
    function: Callable[..., Any] | None = None
    paged: bool = False
    own: bool = False
    source: Source | None = None
    doc: str | None = None
    size: int | None = None


def guarded(rule: Requires, size: int | None = None) -> Any:
    """A field that some readers of the row may not read: null on those rows (`D7`).

    `size`: how many a list mostly has, for its cost (`schema.cost`).
    """
    return _Said(rule=rule, size=size)


def computed(function: Callable[..., Any], rule: Rule | None = None) -> Any:
    """A leaf made of several columns: the function's parameters name them, its docstring says it.

    It is given the columns as expressions of SQL, and makes one of them. A parameter named in
    `GIVEN` is such a value instead of a column.
    """
    return _Said(rule=rule, function=function)


def rights(rule: Rule | None = None) -> Any:
    """What the caller may do with this very row."""
    return _Said(rule=rule, source=ViewerRights(), doc="What you may do with this very one.")


def permissions(doc: str) -> Any:
    """What the caller may do, somewhere."""
    return _Said(source=Permissions(), doc=doc)


def alike(doc: str, rule: Requires, *ways: tuple[str, ...], most: int) -> Any:
    """Other rows that have the same in all attributes of one of the ways, at most so many.

    An index should begin with each. The rule's scope is needed on the row and on the others: who
    is told that two are alike knows of the one what they know of the other.
    """
    return _Said(rule=rule, source=Likeness(ways, most), doc=doc, size=most)


def own() -> Any:
    """The caller's own record, at the other end of the relationship: nothing is denied (`D24`)."""
    return _Said(own=True)


def pages(rule: Rule | None = None) -> Any:
    """A connection to the rows at the other end of the relationship of the same name."""
    return _Said(rule=rule, paged=True)


def row(description: str) -> Any:
    """A row that the object names by its key, read within the caller's reach."""
    return strawberry.field(description=description, metadata={SOURCE: Planned()}, default=None)


def several(description: str, size: int) -> Any:
    """Rows that the object names by a listing, read like a `row`; `size` as in `guarded`."""
    metadata = {SOURCE: Planned(), SIZE: size}
    return strawberry.field(description=description, metadata=metadata)


def named(key: Key | None) -> Any:
    """What a `row` field holds: the key of the row, which a plan reads in its place."""
    return key


def about(description: str, **options: Any) -> Any:
    """A field of a payload or an input, with what it means."""
    return strawberry.field(description=description, **options)


First = Annotated[
    int | None,
    strawberry.argument(description="The first so many: 1 to 100; without `last`, 25."),
]
After = Annotated[
    str | None, strawberry.argument(description="Only what comes after the edge of this cursor.")
]
Last = Annotated[int | None, strawberry.argument(description="The last so many: 1 to 100.")]
Before = Annotated[
    str | None, strawberry.argument(description="Only what comes before the edge of this cursor.")
]


def _page(
    first: First = strawberry.UNSET,
    after: After = strawberry.UNSET,
    last: Last = strawberry.UNSET,
    before: Before = strawberry.UNSET,
) -> None:
    """The arguments of a connection; the plan reads them."""


# --- types -------------------------------------------------------------------------------------


@dataclass_transform(
    kw_only_default=True,
    field_specifiers=(guarded, computed, pages, rights, permissions, alike, own),
)
def reads(
    model: type[Base],
    prefix: str | None = None,
    *,
    rule: Rule,
    bounded: bool = True,
) -> Callable[[type[T]], type[T]]:
    """A type whose fields are read from the model: each from the attribute of the same name.

    `prefix` is that of its ids; `rule` holds for every field that says nothing else. A name that
    the model lacks fails here, at import.
    """

    def decorate(cls: type[T]) -> type[T]:
        attributes = inspect(model).attrs
        for name in list(cls.__annotations__):
            said = cls.__dict__.get(name, _Said())
            its_rule = said.rule or rule
            source: Source
            doc: str | None
            if said.source:
                source, doc = said.source, said.doc
            elif said.function:
                source, doc = _function(said.function, attributes.keys())
            else:
                source, doc = Attribute(name), attributes[name].doc
            resolver: Any = _page if said.paged else None
            metadata: dict[object, Any] = {SOURCE: source, **({OWN: True} if said.own else {})}
            if said.size:
                metadata[SIZE] = said.size
            field: Any = strawberry.field(resolver=resolver, description=doc, metadata=metadata)
            setattr(cls, name, ruled(field, its_rule))
        made = strawberry.type(cls, description=_doc(cls))
        setattr(made, READS, Reads(model, prefix, bounded))
        return made

    return decorate


@dataclass_transform(kw_only_default=True, field_specifiers=(row, several, about))
def type_(cls: type[T]) -> type[T]:
    """A plain object: whoever came so far reads its fields, unless one says otherwise."""
    return _inheriting(strawberry.type(cls, description=_doc(cls)))


@dataclass_transform(kw_only_default=True, field_specifiers=(about,))
def interface(cls: type[T]) -> type[T]:
    """An interface; the types that implement it carry their own rules."""
    return _inheriting(strawberry.interface(cls, description=_doc(cls)))


@dataclass_transform(kw_only_default=True, field_specifiers=(about,))
def input_(cls: type[T]) -> type[T]:
    """An input: who may use the field that takes it, may fill it."""
    return _inheriting(strawberry.input(cls, description=_doc(cls)))


def _inheriting(cls: type[T]) -> type[T]:
    for field in cls.__strawberry_definition__.fields:  # type: ignore[attr-defined]
        if RULE not in field.metadata:
            ruled(field, Inherited())
    return cls


# --- fields of the roots -----------------------------------------------------------------------


def query(rule: Rule, reads: Any = None) -> Callable[[Callable[..., Any]], Any]:
    """A field of Query or Subscription.

    `reads`: its type, where the resolver only names rows for a plan.
    """

    def decorate(resolver: Callable[..., Any]) -> Any:
        options: dict[str, Any] = {"graphql_type": reads} if reads else {}
        metadata = {SOURCE: Planned()} if reads else {}
        field = strawberry.field(
            resolver=resolver, description=_doc(resolver), metadata=metadata, **options
        )
        return ruled(field, rule)

    return decorate


def mutation(
    rule: Rule, *, credential: bool = False
) -> Callable[[Callable[..., Awaitable[Any]]], Any]:
    """A field of Mutation: what its use case refuses becomes the payload's user errors.

    `credential`: passwords, tokens or addresses can be tried with it, so an operation has one only.
    """

    def decorate(resolver: Callable[..., Awaitable[Any]]) -> Any:
        payload = resolver.__annotations__["return"]

        @functools.wraps(resolver)
        async def answer(*args: Any, info: Info[Context, None], **kwargs: Any) -> Any:
            try:
                return await resolver(*args, info=info, **kwargs)
            except Refused as refused:
                info.context.refused_by_use_case(refused, f"Mutation.{info.field_name}")
                return payload.refused(refused)

        metadata = {CREDENTIAL: True} if credential else {}
        description = f"{_doc(resolver) or ''}{sentence(resolver.__name__)}"
        field = strawberry.mutation(resolver=answer, description=description, metadata=metadata)
        return ruled(field, rule)

    return decorate


def ruled(field: Any, rule: Rule) -> Any:
    """The field with its rule, and all that the rule prints."""
    assert isinstance(field, StrawberryField)
    field.metadata = MappingProxyType({**field.metadata, RULE: rule})
    directive = rule.schema_directive
    if directive is not None:
        field.directives = [*field.directives, directive]
    if rule.sentence:
        field.description = f"{field.description or ''} {rule.sentence}".strip()
    return field


def _doc(of: Any) -> str | None:
    return python.cleandoc(of.__doc__) if of.__doc__ else None


def _function(function: Callable[..., Any], attributes: list[str]) -> tuple[Source, str | None]:
    names = list(python.signature(function).parameters)
    given = tuple(name for name in names if name in GIVEN)
    read = tuple(name for name in names if name not in GIVEN)
    unknown = [name for name in read if name not in attributes]
    if unknown or names != [*read, *given]:
        raise TypeError(f"{function.__name__} asks for {names}, of which {unknown} are no columns")
    return Function(function, read, given), _doc(function)
