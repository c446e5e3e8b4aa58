"""Tables: one form for all commands, and what they become for a terminal, a file or a program.

The columns are laid out here rather than by rich, whose import alone takes 50 ms.
"""

from __future__ import annotations

import json
import os
import shutil
import sys
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import IO, Any, NamedTuple
from unicodedata import category, east_asian_width

import click

from xgit.record.escape import markdown, visible
from xgit.record.figures import format_value
from xgit.record.json_form import to_json
from xgit.record.model import Json

FORMATS = ("table", "json", "csv", "markdown")
STYLES = {"bold": "1", "dim": "2", "red": "31", "green": "32", "yellow": "33", "": ""}
_GAP = "   "
_NARROWEST = 8
_WIDEST = 120  # when nothing limits the width, longer cells stick out rather than pad all others
_FORMULA_STARTS = ("=", "+", "-", "@", "\t", "\r")


class Cell(NamedTuple):
    """A value whose text for people is not the one that it would have by itself.

    Attributes:
        value: what a program gets, in full precision.
        style: a key of `STYLES`, used on a terminal only.
    """

    value: Json
    text: str
    style: str = ""


class Column(NamedTuple):
    """A column: `right` aligns numbers, `shrinks` lets it be cut to fit a terminal."""

    name: str
    right: bool = False
    shrinks: bool = False


class Table(NamedTuple):
    """Rows of cells; a cell is a `Cell` or any JSON value, and None is an empty one."""

    columns: Sequence[Column]
    rows: Sequence[Sequence[Json]]


@dataclass(frozen=True)
class Screen:
    """Where a table is shown: `width` in cells, None when it is not a terminal."""

    width: int | None = None
    colour: bool = False


def format_options(function: Callable[..., Any]) -> Callable[..., Any]:
    """Add `--format` as the argument `form`, and `--json` as `as_json`; see `chosen_format`."""
    with_json = click.option("--json", "as_json", is_flag=True, help="The same as --format json.")(
        function
    )
    return click.option(
        "--format",
        "form",
        type=click.Choice(FORMATS),
        default="table",
        show_default=True,
        help="What to print.",
    )(with_json)


def chosen_format(form: str, as_json: bool) -> str:
    """The one of `FORMATS` that the two options ask for together."""
    return "json" if as_json else form


def screen(stream: IO[str] | None = None) -> Screen:
    """The screen behind a stream, standard output by default; `NO_COLOR` is honoured."""
    stream = stream or sys.stdout
    if not stream.isatty():
        return Screen()
    colour = not os.environ.get("NO_COLOR") and os.environ.get("TERM") != "dumb"
    return Screen(shutil.get_terminal_size().columns, colour)


def render(table: Table, form: str, where: Screen = Screen()) -> str:
    """The table as `table`, `csv` or `markdown`, each line with its newline; see `json_text`."""
    match form:
        case "csv":
            return _csv(table)
        case "markdown":
            return _markdown(table)
        case _:
            return _plain(table, where)


def json_text(document: Json) -> str:
    """The document as JSON with a newline; NaN and the infinities are strings, as in records.

    It is ASCII, so that no terminal obeys it. A list has one item a line: indenting all of a
    long one takes several times as long.
    """
    if isinstance(document, list):
        lines = ",\n".join(json.dumps(to_json(item)) for item in document)
        return f"[\n{lines}\n]\n" if lines else "[]\n"
    return json.dumps(to_json(document), indent=2) + "\n"


def paint(text: str, style: str, where: Screen) -> str:
    """The text in a style, when the screen shows any."""
    return f"\x1b[{STYLES[style]}m{text}\x1b[0m" if style and where.colour else text


def width_of(text: str) -> int:
    """How many cells of a terminal the text takes: wide characters two, combining ones none."""
    return len(text) if text.isascii() else sum(_cells(char) for char in text)


def _cells(char: str) -> int:
    if category(char) in ("Mn", "Me", "Cf"):
        return 0
    return 2 if east_asian_width(char) in "WF" else 1


def cut(text: str, width: int) -> str:
    """The text in at most `width` cells, with an ellipsis where something was left out."""
    if width_of(text) <= width:
        return text
    kept, used = [], 1
    for char in text:
        used += _cells(char)
        if used > width:
            break
        kept.append(char)
    return "".join(kept).rstrip() + "…"


def text_of(cell: Json) -> str:
    """The cell as a person reads it, harmless for a terminal."""
    if isinstance(cell, Cell):
        return visible(cell.text)
    if cell is None:
        return ""
    return visible(cell if isinstance(cell, str) else format_value(cell))


def aligned(rows: Sequence[Sequence[str]], indent: str = "") -> list[str]:
    """The rows as lines whose columns begin below each other; texts must be harmless already."""
    widths = [min(max(map(width_of, column)), _WIDEST) for column in zip(*rows, strict=True)]
    return [
        indent
        + _GAP.join(
            text + " " * (width - width_of(text)) for text, width in zip(row, widths, strict=True)
        ).rstrip()
        for row in rows
    ]


# ---------------------------------------------------------------- for a terminal


def _plain(table: Table, where: Screen) -> str:
    names = [visible(column.name) for column in table.columns]
    texts = [[text_of(cell) for cell in row] for row in table.rows]
    widths = [max(map(width_of, column)) for column in zip(names, *texts, strict=True)]
    widths = _fitted(widths, table.columns, where.width)
    lines = [_line(names, ["bold"] * len(names), widths, table.columns, where)]
    for row, shown in zip(table.rows, texts, strict=True):
        styles = [cell.style if isinstance(cell, Cell) else "" for cell in row]
        lines.append(_line(shown, styles, widths, table.columns, where))
    return "".join(line + "\n" for line in lines if line)


def _fitted(widths: list[int], columns: Sequence[Column], room: int | None) -> list[int]:
    """Widths that fit, as far as the columns that may shrink allow it; the widest gives first."""
    if room is None:
        return [min(width, _WIDEST) for width in widths]
    able = [at for at, column in enumerate(columns) if column.shrinks]
    fitted = [min(width, room) if at in able else width for at, width in enumerate(widths)]
    over = sum(fitted) + len(_GAP) * (len(fitted) - 1) - room
    while over > 0 and able:
        widest = max(able, key=fitted.__getitem__)
        if fitted[widest] <= _NARROWEST:
            break
        fitted[widest] -= 1
        over -= 1
    return fitted


def _line(
    texts: Sequence[str],
    styles: Sequence[str],
    widths: Sequence[int],
    columns: Sequence[Column],
    where: Screen,
) -> str:
    parts = []
    for text, style, width, column in zip(texts, styles, widths, columns, strict=True):
        shown = cut(text, width) if where.width is not None and column.shrinks else text
        space = " " * (width - width_of(shown))
        painted = paint(shown, style, where)
        parts.append(space + painted if column.right else painted + space)
    return _GAP.join(parts).rstrip()


# ---------------------------------------------------------------- for files and programs


def _csv(table: Table) -> str:
    import csv
    import io

    out = io.StringIO()
    writer = csv.writer(out, lineterminator="\n")
    writer.writerow([_csv_text(column.name) for column in table.columns])
    writer.writerows([_csv_cell(cell) for cell in row] for row in table.rows)
    return out.getvalue()


def _csv_cell(cell: Json) -> Json:
    value = cell.value if isinstance(cell, Cell) else cell
    if value is None:
        return ""
    if isinstance(value, bool | dict | list | tuple):
        return _csv_text(json.dumps(to_json(value), ensure_ascii=False))
    return to_json(value) if isinstance(value, int | float) else _csv_text(str(value))


def _csv_text(text: str) -> str:
    """Text that a spreadsheet will not take for a formula, nor a terminal for a command."""
    safe = "\n".join(visible(line) for line in text.split("\n"))
    return f"'{safe}" if text.lstrip(" \n")[:1] in _FORMULA_STARTS else safe


def _markdown(table: Table) -> str:
    rows = [[markdown(column.name) for column in table.columns]]
    rows.append(["---:" if column.right else "---" for column in table.columns])
    rows += [[markdown(text_of(cell)) for cell in row] for row in table.rows]
    return "".join(f"| {' | '.join(row)} |\n" for row in rows)
