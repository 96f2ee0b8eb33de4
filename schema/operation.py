"""One walk over an operation: what it needs permission for, and what its reads ask.

graphql-core's own `collect_fields` decides what is selected, so fragments, `@include`, `@skip` and
merging come out as the specification says. The walk is made once for a document, an operation and
the values of its `@include`/`@skip` variables; nothing in it depends on who asks.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any, NamedTuple

from graphql import (
    FieldNode,
    GraphQLError,
    GraphQLField,
    GraphQLInterfaceType,
    GraphQLObjectType,
    ListValueNode,
    ObjectValueNode,
    ValueNode,
    VariableNode,
    get_named_type,
    is_abstract_type,
    is_leaf_type,
    is_non_null_type,
    is_object_type,
)
from graphql.execution.collect_fields import (
    FieldDetailsList,
    collect_fields,
    collect_subfields,
)
from graphql.execution.values import get_argument_values
from sqlalchemy import inspect
from sqlalchemy.orm import RelationshipProperty
from strawberry.utils.str_converters import to_camel_case

from permissions import SHAPES, Public, Requires, Rule, Scope, Shape
from resolvers import Asked, Context
from resolvers.tree import (
    MOST,
    Alike,
    Column,
    Computed,
    Constant,
    Field,
    Held,
    Many,
    One,
    Page,
    PageArguments,
    Part,
    Rights,
    Row,
    Rows,
    Tree,
    Wanted,
)
from schema.declare import (
    DEFINITION,
    OWN,
    READS,
    RULE,
    SOURCE,
    Attribute,
    Function,
    Likeness,
    Permissions,
    Planned,
    Reads,
    ViewerRights,
)
from schema.errors import ErrorCode, failure

Path = tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Demand:
    """A selected field that not everybody may ask for."""

    path: Path
    coordinate: str
    rule: Rule


class _Arguments:
    """The arguments of a field as its resolver takes them; those without variables made once.

    `names`: what the resolver calls them, where it is not what the schema does.
    """

    def __init__(
        self, definition: GraphQLField, node: FieldNode, names: Mapping[str, str] | None = None
    ) -> None:
        self._definition = definition
        self._node = node
        self._names = names or {}
        self._constant = None if _has_variables(node) else self._said(None)

    def values(self, variables: Any) -> dict[str, Any]:
        """The arguments with these variables."""
        return self._said(variables) if self._constant is None else self._constant

    def _said(self, variables: Any) -> dict[str, Any]:
        said = get_argument_values(self._definition, self._node, variables)
        names = self._names
        return {names.get(name, name): value for name, value in said.items()}


class Asking(NamedTuple):
    """What resolvers of planned fields are told of the request, in place of Strawberry's `Info`."""

    context: Context


class Root:
    """A planned field of a root: what its resolver names is read without a detour."""

    def __init__(self, key: str, definition: GraphQLField, details: FieldDetailsList) -> None:
        self.key = key
        self.type = definition.type
        self.nodes = [one.node for one in details]
        ours = definition.extensions[DEFINITION]
        names = {to_camel_case(one.python_name): one.python_name for one in ours.arguments}
        self._resolver = ours.base_resolver.wrapped_func
        self._informed = ours.base_resolver.info_parameter is not None
        self._arguments = _Arguments(definition, self.nodes[0], names)

    def asked(self, context: Context, variables: Any) -> Asked:
        """The rows that the resolver names."""
        arguments = self._arguments.values(variables)
        if self._informed:
            return self._resolver(None, Asking(context), **arguments)  # type: ignore[no-any-return]
        return self._resolver(None, **arguments)  # type: ignore[no-any-return]


@dataclass(slots=True)
class Operation:
    """What the walk found: demands, the tree of each planned field by its path, its pages.

    `roots` are the fields of a query, or the one of a subscription, that asks for nothing but
    planned fields and `__typename` (None in their place); None for every other operation.
    """

    demands: list[Demand] = field(default_factory=list)
    trees: dict[Path, Tree] = field(default_factory=dict)
    pages: list[tuple[Page, _Arguments, FieldNode]] = field(default_factory=list)
    public: bool = True
    roots: dict[str, Root | None] | None = None
    _denied: dict[Shape, list[Demand]] = field(default_factory=dict)

    def denied(self, shape: Shape) -> list[Demand]:
        """The demands that callers of this shape do not meet; decided once a shape."""
        if shape not in self._denied:
            if len(self._denied) >= SHAPES:
                self._denied.pop(next(iter(self._denied)))
            self._denied[shape] = [one for one in self.demands if not one.rule.permits(shape)]
        return self._denied[shape]

    def page_arguments(self, variables: Any) -> dict[Page, PageArguments]:
        """The arguments of every page, checked. Raises `GraphQLError` for the first bad ones."""
        return {
            page: _page_arguments(arguments.values(variables), node)
            for page, arguments, node in self.pages
        }


def walk(executor: Any) -> Operation:
    """The operation that the executor is about to run."""
    return _Walk(executor).run()


def _has_variables(node: FieldNode) -> bool:
    """Whether any argument of the field depends on a variable."""
    return any(_is_variable(argument.value) for argument in node.arguments or ())


def _is_variable(value: ValueNode) -> bool:
    if isinstance(value, ListValueNode):
        return any(map(_is_variable, value.values or ()))
    if isinstance(value, ObjectValueNode):
        return any(_is_variable(one.value) for one in value.fields or ())
    return isinstance(value, VariableNode)


class _Walk:
    def __init__(self, executor: Any) -> None:
        self._executor = executor
        self._found = Operation()

    def run(self) -> Operation:
        executor = self._executor
        root = executor.schema.get_root_type(executor.operation.operation)
        assert root
        selected = collect_fields(
            executor.schema,
            executor.fragments,
            executor.variable_values,
            root,
            executor.operation,
        )
        roots: dict[str, Root | None] = dict.fromkeys(selected.grouped_field_set)
        planned = root is not executor.schema.mutation_type
        for key, definition, details in self._fields(root, selected.grouped_field_set):
            rule = _rule(definition)
            self._found.public &= isinstance(rule, Public)
            self._demand(rule, root, details, (key,))
            self._plain(definition, details, (key,))
            planned &= (key,) in self._found.trees
            if planned:
                roots[key] = Root(key, definition, details)
        planned &= all(
            details[0].node.name.value == "__typename" or roots[key]
            for key, details in selected.grouped_field_set.items()
        )
        self._found.roots = roots if planned else None
        return self._found

    def _fields(
        self, parent: GraphQLObjectType, grouped: dict[str, FieldDetailsList]
    ) -> Iterator[tuple[str, GraphQLField, FieldDetailsList]]:
        """The selected fields of the parent that are ours, not the language's own."""
        for key, details in grouped.items():
            definition = parent.fields.get(details[0].node.name.value)
            if definition is not None:
                yield key, definition, details

    def _below(
        self, parent: GraphQLObjectType, details: FieldDetailsList
    ) -> dict[str, FieldDetailsList]:
        executor = self._executor
        return collect_subfields(
            executor.schema,
            executor.fragments,
            executor.variable_values,
            executor.operation,
            parent,
            details,
        ).grouped_field_set

    def _possible(self, definition: GraphQLField) -> list[GraphQLObjectType]:
        """The object types that a value of the field can have."""
        named = get_named_type(definition.type)
        if is_object_type(named):
            return [named]
        if is_abstract_type(named):
            return list(self._executor.schema.get_possible_types(named))
        assert is_leaf_type(named)
        return []

    def _demand(
        self,
        rule: Rule,
        parent: GraphQLObjectType | GraphQLInterfaceType,
        details: FieldDetailsList,
        path: Path,
    ) -> None:
        if rule.restricts:
            coordinate = f"{parent.name}.{details[0].node.name.value}"
            self._found.demands.append(Demand(path, coordinate, rule))

    def _plain(self, definition: GraphQLField, details: FieldDetailsList, path: Path) -> None:
        """A field that graphql-core executes; below it are others, or planned ones."""
        source = _metadata(definition).get(SOURCE)
        if isinstance(source, Planned):
            before = len(self._found.pages)
            top = self._top(definition, details, path)
            pages = tuple(page for page, _, _ in self._found.pages[before:])
            self._found.trees[path] = Tree(top, pages)
            return
        for possible in self._possible(definition):
            below = self._below(possible, details)
            for key, inner, inner_details in self._fields(possible, below):
                self._demand(_rule(inner), possible, inner_details, (*path, key))
                self._plain(inner, inner_details, (*path, key))

    # --- planned fields -------------------------------------------------------------------------

    def _top(
        self, definition: GraphQLField, details: FieldDetailsList, path: Path
    ) -> Row | Rows | Page:
        if _is_connection(definition):
            return self._page("", None, definition, details, path)
        wanted = tuple(
            self._wanted(possible, details, path) for possible in self._possible(definition)
        )
        return Rows(wanted[0]) if _is_list(definition) else Row(wanted)

    def _wanted(
        self, of: GraphQLObjectType, details: FieldDetailsList, path: Path, own: bool = False
    ) -> Wanted:
        """What is wanted of each row; of `own` rows nothing needs permission (`D24`)."""
        reads = _reads(of)
        below = self._below(of, details)
        fields: dict[str, Field] = {}
        for key, definition, inner in self._fields(of, below):
            rule = _rule(definition)
            if not own:
                self._demand(rule, of, inner, (*path, key))
            fields[key] = self._field(reads, key, definition, inner, (*path, key))
        return Wanted(
            reads.model,
            tuple(fields.get(key) or Constant(key, of.name) for key in below),
            reads.bounded,
        )

    def _field(  # noqa: PLR0911 - one for each kind of field
        self,
        reads: Reads,
        key: str,
        definition: GraphQLField,
        details: FieldDetailsList,
        path: Path,
    ) -> Field:
        source = _metadata(definition)[SOURCE]
        if isinstance(source, ViewerRights):
            return Rights(key)
        if isinstance(source, Permissions):
            return Held(key)
        if isinstance(source, Function):
            nullable = not is_non_null_type(definition.type)
            return Computed(key, source.attributes, source.function, source.given, nullable)
        guard = _guard(_rule(definition))
        if isinstance(source, Likeness):
            assert guard
            (wanted,) = self._candidates(definition, details, path)
            return Alike(key, source.ways, source.most, wanted, guard)
        assert isinstance(source, Attribute)
        name = source.name
        target = inspect(reads.model).attrs[name]
        if not isinstance(target, RelationshipProperty):
            return Column(key, name, reads.prefix if name == "id" else None, guard)
        if _is_connection(definition):
            return self._page(key, name, definition, details, path)
        if _is_list(definition):
            (wanted,) = self._candidates(definition, details, path)
            return Many(key, name, wanted)
        candidates = self._candidates(definition, details, path)
        return One(key, name, candidates, is_non_null_type(definition.type), guard)

    def _candidates(
        self, definition: GraphQLField, details: FieldDetailsList, path: Path
    ) -> tuple[Wanted, ...]:
        """The types of what may be there, those within the caller's reach first."""
        own = bool(_metadata(definition).get(OWN))
        wanted = [
            self._wanted(possible, details, path, own) for possible in self._possible(definition)
        ]
        return tuple(sorted(wanted, key=lambda one: not one.bounded))

    def _page(
        self,
        key: str,
        relationship: str | None,
        definition: GraphQLField,
        details: FieldDetailsList,
        path: Path,
    ) -> Page:
        wanted: list[Wanted] = []
        (connection,) = self._possible(definition)
        parts = self._parts(connection, details, path, wanted)
        page = Page(key, relationship, parts, tuple(wanted))
        node = details[0].node
        self._found.pages.append((page, _Arguments(definition, node), node))
        return page

    def _parts(
        self, of: GraphQLObjectType, details: FieldDetailsList, path: Path, wanted: list[Wanted]
    ) -> tuple[Part, ...]:
        """The fields of a connection, an edge or pageInfo; `wanted` gets what nodes are asked."""
        below = self._below(of, details)
        parts: dict[str, Part] = {}
        for key, definition, inner in self._fields(of, below):
            name: Any = inner[0].node.name.value
            inner_path = (*path, key)
            if name in ("nodes", "node"):
                (node,) = self._possible(definition)
                parts[key] = Part(key, name, index=len(wanted))
                wanted.append(self._wanted(node, inner, inner_path))
            elif name in ("edges", "pageInfo"):
                (its,) = self._possible(definition)
                parts[key] = Part(key, name, self._parts(its, inner, inner_path, wanted))
            else:
                parts[key] = Part(key, name)
        return tuple(parts.get(key) or Part(key, "__typename", value=of.name) for key in below)


def _page_arguments(said: Mapping[str, Any], node: FieldNode) -> PageArguments:
    found: dict[str, Any] = {name: said.get(name) for name in ("first", "after", "last", "before")}
    if found["first"] is not None and found["last"] is not None:
        raise _bad_argument("Give first or last, not both.", node)
    for name in ("first", "last"):
        if found[name] is not None and not 1 <= found[name] <= MOST:
            raise _bad_argument(f"{name} must be from 1 to {MOST}.", node)
    return PageArguments(**found)


def _bad_argument(message: str, node: FieldNode) -> GraphQLError:
    return failure(ErrorCode.BAD_USER_INPUT, message, node)


def _metadata(definition: GraphQLField) -> dict[Any, Any]:
    return definition.extensions[DEFINITION].metadata  # type: ignore[no-any-return]


def _rule(definition: GraphQLField) -> Rule:
    return _metadata(definition)[RULE]  # type: ignore[no-any-return]


def _guard(rule: Rule) -> Scope | None:
    return rule.scope if isinstance(rule, Requires) else None


def _reads(of: GraphQLObjectType) -> Reads:
    return getattr(of.extensions[DEFINITION].origin, READS)  # type: ignore[no-any-return]


def _is_connection(definition: GraphQLField) -> bool:
    return get_named_type(definition.type).name.endswith("Connection")


def _is_list(definition: GraphQLField) -> bool:
    return str(definition.type).startswith("[")
