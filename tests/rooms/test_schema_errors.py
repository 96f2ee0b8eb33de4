"""One table of codes: what can be answered is in it, and what is in it can be answered."""

import ast
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from resolvers import Code
from schema import ErrorCode, errors_page
from schema.errors import MEANINGS, failure
from schema.root import build
from tests.hostile.told import check

ROOT = Path(__file__).parents[2]
TABLE = ROOT / "schema" / "errors.py"
RESOLVERS = sorted((ROOT / "resolvers").rglob("*.py"))
FILES = [path for room in ("schema", "portal") for path in sorted((ROOT / room).rglob("*.py"))]


def strings(path: Path) -> Iterator[str]:
    """The texts in a module that are no docstrings' parts."""
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Constant) and isinstance(node.value, str):
            yield node.value


def test_every_code_has_a_meaning() -> None:
    assert list(MEANINGS) == list(ErrorCode)
    for meaning in MEANINGS.values():
        assert meaning[0].isupper()
        assert meaning.endswith(".")


@pytest.mark.parametrize("code", ErrorCode)
def test_every_code_is_answered_somewhere(code: ErrorCode) -> None:
    used = re.compile(rf"\bErrorCode\.{code}\b|\bStopped\(\"{code}\"")
    assert any(used.search(path.read_text()) for path in [*FILES, *RESOLVERS] if path != TABLE)


def test_use_cases_stop_with_codes_of_the_table() -> None:
    stopping = "".join(path.read_text() for path in RESOLVERS)
    codes = re.findall(r"\braise Stopped\(([^,]*),", stopping)
    assert codes
    assert {code.strip('"') for code in codes} <= set(ErrorCode)


@pytest.mark.parametrize("path", FILES, ids=lambda path: str(path.relative_to(ROOT)))
def test_codes_are_those_of_the_table_and_not_spelled(path: Path) -> None:
    spelled = {text for text in strings(path) if text in ErrorCode.__members__}
    assert spelled == set() or path == TABLE
    for node in ast.walk(ast.parse(path.read_text())):
        match node:
            case ast.Dict(keys=keys, values=values):
                for key, value in zip(keys, values, strict=True):
                    if isinstance(key, ast.Constant) and key.value == "code":
                        constant = isinstance(value, ast.Constant) and str(value.value)
                        assert not (constant and constant.isupper()), ast.unparse(node)
            case ast.Call(func=ast.Name(id="GraphQLError")):
                assert path == TABLE, "use failure(), which asks for a code"


def test_the_page_has_every_code_of_both_kinds() -> None:
    page = errors_page(build())
    for code in [*ErrorCode, *Code]:
        assert page.count(f"| `{code}` | ") == 1
    for row in re.findall(r"^\| `[A-Z_]+` \| (.*) \|$", page, re.MULTILINE):
        assert row.endswith(".")
        assert row != "None"


def test_an_error_has_its_code_and_what_is_told_beside_it() -> None:
    error = failure(ErrorCode.FORBIDDEN, "You may not.", denied=[])
    assert error.formatted == {
        "message": "You may not.",
        "extensions": {"code": "FORBIDDEN", "denied": []},
    }


@pytest.mark.parametrize(
    "error",
    [
        {"message": "a", "extensions": {"code": "OTHER"}},
        {"message": "sqlalchemy.exc.DBAPIError", "extensions": {"code": "BAD_USER_INPUT"}},
        {"message": "near SELECT id", "extensions": {"code": "BAD_USER_INPUT"}},
        {"message": "ValueError: no", "extensions": {"code": "BAD_USER_INPUT"}},
        {"message": "a", "trace": [], "extensions": {"code": "BAD_USER_INPUT"}},
    ],
)
def test_an_answer_that_tells_too_much_is_noticed(error: object) -> None:
    with pytest.raises(AssertionError):
        check({"errors": [error]})
    check({"data": {"message": "SELECT me"}, "extensions": {"cost": {}}})
