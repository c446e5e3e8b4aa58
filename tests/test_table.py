from __future__ import annotations

import csv
import io
import json
import math

import pytest

from xgit.cli.table import (
    Cell,
    Column,
    Screen,
    Table,
    cut,
    json_text,
    paint,
    render,
    screen,
    width_of,
)

COLUMNS = (Column("name", shrinks=True), Column("n", right=True))
HOSTILE = "\x1b[2J\x1b]0;title\x07 \x9b31m \u202egpj \udcff \r\n=1+1"


def table(*rows: tuple[object, object]) -> Table:
    return Table(COLUMNS, rows)


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


def test_columns_line_up_by_the_cells_of_a_terminal() -> None:
    text = render(table(("plain", 1), ("日本", 22), ("e\u0301", None)), "table")
    lines = [
        "name     n",
        "plain    1",
        "日本    22",
        "e\u0301",
    ]
    assert text.splitlines() == lines


def test_width() -> None:
    assert [width_of(text) for text in ("abc", "日本", "e\u0301", "")] == [3, 4, 1, 0]


@pytest.mark.parametrize("width", range(1, 8))
def test_cut_text_has_room(width: int) -> None:
    for text in ("abcdefgh", "日本語日本語", "short", ""):
        assert width_of(cut(text, width)) <= width


@pytest.mark.parametrize("form", ["table", "csv", "markdown"])
def test_no_cell_moves_the_cursor(form: str) -> None:
    text = render(table((HOSTILE, HOSTILE), (Cell(HOSTILE, HOSTILE), 1)), form)
    assert not set(text) & set("\x1b\x07\x9b\u202e\udcff\r")
    assert "2J" in text


def test_a_cell_stays_in_its_row_of_a_table_and_of_markdown() -> None:
    rows = table(("a|b\nc", "<script>`x`</script>"))
    assert len(render(rows, "table").splitlines()) == 2
    lines = render(rows, "markdown").splitlines()
    assert len(lines) == 3
    assert lines[2].count("|") == 3
    assert "<script" not in lines[2]
    assert "`" not in lines[2]


@pytest.mark.parametrize("start", ["=", "+", "-", "@", "\t", "\r", "  =", "\n="])
def test_csv_text_is_no_formula(start: str) -> None:
    text = render(table((f"{start}1+1", -5)), "csv")
    row = list(csv.reader(io.StringIO(text)))[1]
    assert row[0].startswith("'")
    assert row[1] == "-5"


def test_csv_keeps_full_precision_and_types() -> None:
    values = (Cell(0.1 + 0.2, "0.3"), True), (math.nan, [1, "a"]), (None, 7)
    rows = list(csv.reader(io.StringIO(render(table(*values), "csv"))))
    assert rows[1:] == [["0.30000000000000004", "true"], ["NaN", '[1, "a"]'], ["", "7"]]


def test_a_terminal_cuts_only_what_may_shrink() -> None:
    rows = table(("w" * 50, 123456))
    text = render(rows, "table", Screen(width=30))
    assert max(map(len, text.splitlines())) == 30
    assert "123456" in text
    assert "…" in text
    assert "w" * 50 in render(rows, "table")


def test_one_endless_cell_does_not_pad_all_others() -> None:
    rows = [("w" * 100_000, 1)] + [("x", 1)] * 100
    assert len(render(table(*rows), "table")) < 130_000


def test_colours_are_for_terminals_that_want_them(monkeypatch: pytest.MonkeyPatch) -> None:
    rows = table((Cell("x", "x", "red"), 1))
    assert "\x1b[31mx" in render(rows, "table", Screen(80, colour=True))
    assert "\x1b" not in render(rows, "table", Screen(80))
    monkeypatch.setenv("TERM", "xterm")
    monkeypatch.delenv("NO_COLOR", raising=False)
    assert screen(Terminal()).colour
    monkeypatch.setenv("NO_COLOR", "1")
    assert not screen(Terminal()).colour
    assert screen(Terminal()).width
    assert screen(io.StringIO()) == Screen()
    assert paint("x", "", Screen(80, colour=True)) == "x"


@pytest.mark.parametrize("document", [{"a": math.inf, "b": "\udcff\x9b"}, [], [{"a": math.nan}]])
def test_json_is_strict_and_harmless(document: object) -> None:
    text = json_text(document)
    assert text.isascii()
    assert "\x9b" not in text
    json.loads(text, parse_constant=pytest.fail)
