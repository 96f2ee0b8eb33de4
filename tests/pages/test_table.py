"""The table of pages: every document is one of the schema, and every part fits the others."""

import re
from pathlib import Path

import pytest
from graphql import (
    FieldNode,
    OperationDefinitionNode,
    OperationType,
    get_named_type,
    parse,
    validate,
)

from portal.pages import table
from portal.pages.documents import Document, documents
from portal.pages.page import Page
from resolvers.checks import RESERVED_SLUGS
from schema import build
from schema.declare import DEFINITION
from schema.payloads import RowPayload
from tests.world import World

ROOT = Path(table.__file__).parent
SCHEMA = build()
DOCUMENTS = documents(SCHEMA)
FORMS = {form.name for page in table.TABLE for form in page.forms}
OTHERS = {"session-refresh", "sign-out"}
WITHOUT_MUTATION = {"look"}


@pytest.mark.parametrize("name", DOCUMENTS)
def test_a_document_is_one_of_the_schema(name: str) -> None:
    parsed = parse(DOCUMENTS[name].text)
    assert validate(SCHEMA, parsed) == []


def test_every_document_is_asked_by_a_page_or_a_form_and_every_template_is_shown() -> None:
    pages = {page.name for page in table.TABLE}
    assert set(DOCUMENTS) == pages | (FORMS - WITHOUT_MUTATION) | OTHERS
    templates = {path.stem for path in (ROOT / "templates").glob("*.html")}
    shared = {"base", "parts", "choosing", "granting"}
    assert templates == pages | shared | {"mailbox", "letter"}
    fragments = {path.stem for path in (ROOT / "documents" / "fragments").glob("*.graphql")}
    spread = {
        name for one in DOCUMENTS.values() for name in re.findall(r"fragment (\w+)", one.text)
    }
    assert fragments == spread


@pytest.mark.parametrize("page", table.TABLE, ids=lambda page: page.path)
def test_what_a_page_needs_is_asked_for_and_its_variables_come_from_somewhere(
    page: Page,
) -> None:
    document = DOCUMENTS[page.name]
    assert re.search(rf"\b{page.needs}\b", document.text)
    assert page.needs == "organization" or "...Frame" in document.text
    placeholders = set(re.findall(r"{(\w+)}", page.path))
    assert placeholders - {"slug"} <= set(document.variables)
    for form in page.forms:
        if form.then:
            assert set(re.findall(r"{(\w+)}", form.then)) <= placeholders | {"made"}
            assert form.done or form.name == "sign-in"
        if "{made}" in (form.then or ""):
            assert "made:" in DOCUMENTS[form.name].text


def test_a_form_of_a_name_says_the_same_wherever_it_is() -> None:
    said = {(form.name, form.done) for page in table.TABLE for form in page.forms}
    assert len(said) == len(FORMS)


@pytest.mark.parametrize("name", sorted(FORMS - WITHOUT_MUTATION))
def test_a_mutation_asks_what_was_wrong(name: str) -> None:
    document: Document = DOCUMENTS[name]
    assert document.text.startswith("mutation")
    assert document.text.count("userErrors { ...Problem }") == max(
        1, document.text.count("@include")
    )


@pytest.mark.parametrize("name", [name for name, one in DOCUMENTS.items() if one.once])
def test_e6_what_is_done_once_takes_a_key(name: str) -> None:
    (operation, *_) = parse(DOCUMENTS[name].text).definitions
    assert isinstance(operation, OperationDefinitionNode)
    assert operation.operation is OperationType.MUTATION
    assert SCHEMA.mutation_type
    (field,) = operation.selection_set.selections
    assert isinstance(field, FieldNode)
    payload = get_named_type(SCHEMA.mutation_type.fields[field.name.value].type)
    assert issubclass(payload.extensions[DEFINITION].origin, RowPayload)


async def test_d34_pages_stand_below_slugs_that_nobody_else_has(empty_world: World) -> None:
    for route in empty_world.app.routes:
        first = route.path.split("/")[1]  # type: ignore[attr-defined]
        assert first == "{slug}" or first.partition(".")[0] in RESERVED_SLUGS
