"""Cells of CSV: whatever is in them, no spreadsheet runs it, and it comes back as it was."""

import csv
import io

import pytest
from hypothesis import given
from hypothesis import strategies as st

from portal.cells import COLUMNS, TAKEN, harmless, plain, row, written

FIRST = "=+-@\t\r\n＝＋－＠"  # noqa: RUF001 - East Asian spreadsheets run these
NASTY = st.text(st.sampled_from([*FIRST, *"'\",;a1 é"]), max_size=8)


@given(st.text() | NASTY)
def test_a_cell_begins_as_no_formula_does_and_is_the_text_again(text: str) -> None:
    cell = harmless(text)
    assert cell[:1] not in {*FIRST}
    assert plain(cell) == text


@given(st.lists(st.lists(st.text(st.characters(codec="utf-8")) | NASTY, min_size=2), max_size=3))
def test_lines_are_read_as_they_were_written(rows: list[list[str]]) -> None:
    lines = written(rows).decode()
    assert lines.count("\r\n") >= len(rows)
    assert list(csv.reader(io.StringIO(lines, newline=""), strict=True)) == rows


@pytest.mark.parametrize(
    ("text", "cell"),
    [
        ("Amy", "Amy"),
        ("", ""),
        ("O'Hara", "O'Hara"),
        ("'Amy'", "'Amy'"),
        ("+1 555 0100", "'+1 555 0100"),
        ("'=1", "''=1"),
        ("=HYPERLINK(1)", "'=HYPERLINK(1)"),
    ],
)
def test_only_what_would_be_run_is_quoted(text: str, cell: str) -> None:
    assert harmless(text) == cell


def test_a_row_has_a_cell_for_each_column_and_those_of_an_import_come_first() -> None:
    nobody = dict.fromkeys((*COLUMNS, "approvedBy", "department"))
    assert row({**nobody, "associations": []}) == [""] * len(COLUMNS)
    assert COLUMNS[: len(TAKEN)] == TAKEN
