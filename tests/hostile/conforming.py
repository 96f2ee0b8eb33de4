"""Whether an answer is what the schema says, to the letter: no null where it says never."""

from typing import Any

from graphql import (
    FieldNode,
    GraphQLSchema,
    NameNode,
    Node,
    OperationDefinitionNode,
    OperationType,
    SelectionSetNode,
    Visitor,
    execute_sync,
    parse,
    print_ast,
    visit,
)

from tests.oracle.documents import Document

Json = dict[str, Any]

_FOLLOWING = OperationType.SUBSCRIPTION


def typed(document: Document) -> Document:
    """The same document, which asks what type it is wherever that may be asked."""
    text = print_ast(visit(parse(document.text), _Typing()))
    return Document(text, document.variables, document.operation_name)


class _Typing(Visitor):
    def leave_selection_set(
        self, node: SelectionSetNode, _key: Any, parent: Node, *_: Any
    ) -> SelectionSetNode:
        if isinstance(parent, OperationDefinitionNode) and parent.operation is _FOLLOWING:
            return node  # a subscription has one field, and no other beside it
        asked = FieldNode(name=NameNode(value="__typename"))
        return SelectionSetNode(selections=(*node.selections, asked))


def check_conforms(schema: GraphQLSchema, document: Document, answer: Json) -> None:
    """Answer the (typed) document from its own answer: graphql-core must come to the same."""
    if answer.get("data") is None:
        assert answer["errors"]
        return
    again = execute_sync(
        schema,
        parse(document.text),
        root_value=answer["data"],
        variable_values=document.variables,
        operation_name=document.operation_name,
        field_resolver=lambda source, info, **_: source[info.path.key],
        type_resolver=lambda value, *_: value["__typename"],
    )
    assert not again.errors, again.errors
    assert again.data == answer["data"]
