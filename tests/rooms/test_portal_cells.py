"""Cells of CSV: whatever is in them, no spreadsheet runs it, and it comes back as it was."""

import csv
import io
import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from portal.cells import COLUMNS, TAKEN, harmless, plain, row, written

SIGNS = "=+-@＝＋－＠"  # noqa: RUF001 - East Asian spreadsheets run these
NASTY = st.text(st.sampled_from([*SIGNS, *"'\",;\t\r\na1 é"]), max_size=8)


@given(st.text() | NASTY)
def test_a_cell_begins_as_no_formula_does_and_is_the_text_again(text: str) -> None:
    cell = harmless(text)
    assert not is_run(cell)
    assert plain(cell) == text


@pytest.mark.parametrize("delimiter", [",", ";", "\t"])
@given(st.lists(st.lists(NASTY, min_size=2, max_size=4), max_size=3))
def test_no_cell_is_run_by_whatever_lines_are_parted(delimiter: str, rows: list[list[str]]) -> None:
    """Where that is not the comma, quotes in the middle of a cell are characters like others."""
    lines = re.split(r"\r\n|\r|\n", written(map(harmless, cells) for cells in rows).decode())
    found = [cell for cells in csv.reader(lines, delimiter=delimiter) for cell in cells]
    assert not any(map(is_run, found))


def is_run(cell: str) -> bool:
    """Whether a spreadsheet takes it for a formula."""
    return cell.lstrip()[:1] in {*SIGNS}


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
        ("x;=cmd|'/C calc'!A0;y", "x;'=cmd|'/C calc'!A0;y"),
        ("Petra (Mental); -Paul (Physio)", "Petra (Mental);' -Paul (Physio)"),
        ("a;b; c", "a;b; c"),
        ("1=2;x-y", "1=2;x-y"),
    ],
)
def test_only_what_would_be_run_is_quoted(text: str, cell: str) -> None:
    assert harmless(text) == cell


def test_a_row_has_a_cell_for_each_column_and_those_of_an_import_come_first() -> None:
    nobody = dict.fromkeys((*COLUMNS, "approvedBy", "department"))
    assert row({**nobody, "associations": []}) == [""] * len(COLUMNS)
    assert COLUMNS[: len(TAKEN)] == TAKEN
