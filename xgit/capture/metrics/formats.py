"""What a metric file says: nested mappings flattened with dots, and Lightning's tables."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path

from xgit.capture.documents import BadDocument, TooLong, parse_int, read_document, read_text
from xgit.record.escape import visible
from xgit.record.model import Json, Number, Point

NAME_LENGTH = 200
_DEPTH = 100
_ENTRIES = 200_000  # of one file, counted as they are reached: YAML aliases can multiply them
_POINTS = 100_000  # of one file
_BITS = 14_284  # an integer of more is longer than the 4300 digits that Python writes
_NOTES = 5  # of one file
_KINDS: dict[type, str] = {str: "text", list: "a list"}
_INDEX = ("step", "epoch")


@dataclass(frozen=True)
class Reading:
    """What one metric file says.

    Attributes:
        source: the path, relative to the repository where it lies inside.
        values: the final value of each metric.
        points: the series, where the file holds one.
        notes: what was left out, each a sentence for the user.
    """

    source: str
    values: Mapping[str, Number] = field(default_factory=dict)
    points: tuple[Point, ...] = ()
    notes: tuple[str, ...] = ()


def read_metrics(path: Path, source: str) -> Reading:
    """The numbers in a JSON, YAML, TOML or CSV file; all that is none is left out with a note.

    Args:
        source: how the file is called in the answer and in the notes.
    """
    try:
        if path.suffix.lower() == ".csv":
            reading = _table(read_text(path), source, path.stat().st_mtime)
        else:
            reading = _mapping(read_document(path), source)
    except OSError as error:
        return Reading(source, notes=(f"{source} was not read: {error.strerror}",))
    except BadDocument as error:
        return Reading(source, notes=(f"{source} was not read: {error}",))
    return replace(reading, notes=_few(reading.notes, source))


def _few(notes: tuple[str, ...], source: str) -> tuple[str, ...]:
    if len(notes) <= _NOTES:
        return notes
    return (*notes[:_NOTES], f"{source}: {len(notes) - _NOTES} more values were left out")


# ---------------------------------------------------------------- JSON, YAML, TOML


def _mapping(document: Json, source: str) -> Reading:
    if not isinstance(document, dict):
        raise BadDocument("it holds no names with values")
    values: dict[str, Number] = {}
    notes: list[str] = []
    for name, value in _leaves(document):
        number = as_number(value)
        if isinstance(number, str):
            notes.append(f"{source}: {name} was left out, it {number}")
        else:
            values.setdefault(name, number)
    return Reading(source, values, notes=tuple(notes))


def _leaves(document: Mapping[Json, Json]) -> Iterator[tuple[str, Json]]:
    """Dotted name and value, in the order of the file; without recursion, and bounded."""
    stack = [("", iter(document.items()))]
    for _ in range(_ENTRIES):
        key, value = next(stack[-1][1], (None, stack))
        if value is stack:  # a mark that no file can hold: the mapping is done
            stack.pop()
            if not stack:
                return
            continue
        name = f"{stack[-1][0]}{_key(key)}"
        if not isinstance(value, dict):
            yield metric_name(name), value
        elif len(stack) == _DEPTH:
            raise BadDocument("it is nested too deeply")
        else:
            stack.append((f"{name}.", iter(value.items())))
    raise BadDocument("it has too many entries")


def _key(key: Json) -> str:
    return str(key)[: NAME_LENGTH + 1]


def metric_name(text: str) -> str:
    """The name on one line, control characters as escapes, at most 200 characters."""
    shown = visible(text[: NAME_LENGTH + 1])
    return shown if len(shown) <= NAME_LENGTH else f"{shown[: NAME_LENGTH - 1]}…"


def as_number(value: Json) -> Number | str:
    """The number, a truth value as 0 or 1; or why it is none, as the end of a sentence."""
    if isinstance(value, int) and value.bit_length() <= _BITS:
        return int(value)
    if isinstance(value, float):
        return value
    if isinstance(value, int | TooLong):
        return "has more than 4300 digits"
    if value is None:
        return "is empty"
    return f"is {_KINDS.get(type(value), 'not a number')}"


# ---------------------------------------------------------------- Lightning's metrics.csv


def _table(text: str, source: str, modified: float) -> Reading:
    """A table with a `step` or `epoch` column: each other column is the series of a metric.

    Its points have the time at which the file was last written; the table knows none.
    """
    import csv

    rows = csv.reader(text.splitlines())
    try:
        header = next(rows, [])
        index = next((header.index(name) for name in _INDEX if name in header), None)
        if index is None:
            raise BadDocument("it has no column step or epoch")
        return _columns(header, index, rows, source, modified)
    except csv.Error as error:
        raise BadDocument(f"it is not valid CSV: {error}") from error


def _columns(
    header: list[str], index: int, rows: Iterator[list[str]], source: str, modified: float
) -> Reading:
    names = {
        column: metric_name(name)
        for column, name in enumerate(header)
        if name and name not in _INDEX and name not in header[:column]
    }
    points: list[Point] = []
    values: dict[str, Number] = {}
    bad: dict[str, None] = {}
    cut = False
    for row in rows:
        step = _cell(row[index]) if index < len(row) else None
        for column, text in enumerate(row):
            if column not in names or not text.strip():
                continue
            name, number = names[column], _cell(text)
            if number is None:
                bad[name] = None
                continue
            values[name] = number
            cut = cut or len(points) == _POINTS
            if not cut:
                points.append(Point(name, number, step, modified))
    notes = [f"{source}: values of {name} that are not numbers were left out" for name in bad]
    if cut:
        notes.insert(0, f"{source}: of its series only the first {_POINTS:,} points were kept")
    return Reading(source, values, tuple(points), tuple(notes))


def _cell(text: str) -> Number | None:
    """The number in a cell, of the type it is written in, or None."""
    text = text.strip()
    if not text.isascii() or "_" in text:  # which Python reads as numbers, and CSV does not
        return None
    if text.lstrip("+-").isdigit():
        number = parse_int(text)
        return None if isinstance(number, TooLong) else number
    try:
        return float(text)
    except ValueError:
        return None
