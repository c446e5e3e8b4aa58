"""The columns of `xgit exp list`: which there are, which differ, what stands in them."""

from __future__ import annotations

import json
import math
from collections.abc import Callable, Iterable, Mapping, Sequence
from datetime import datetime
from typing import NamedTuple

from xgit.cli.table import Cell, Column, Screen, Table, text_of, width_of
from xgit.errors import XgitError
from xgit.record.figures import format_age, format_number, format_span, format_value
from xgit.record.json_form import format_time
from xgit.record.model import Broken, Json, Summary

Rows = Sequence[Summary | Broken]
ALWAYS = ("id", "status", "age", "why")
_VERDICTS = {
    "identical": "green",
    "within-tolerance": "green",
    "different": "red",
    "failed": "red",
    "stale": "yellow",
    "unreadable": "red",
}
_STYLES = {"completed": "green", "failed": "red", "interrupted": "yellow"}
_WITH_UNIT = {"age": "age_seconds", "duration": "duration_seconds"}
_WHY_AT_LEAST = 16
_LONGEST_WHY = 80
_MORE_IN_A_FILE = 12  # columns that differ, where no terminal says how much room there is


class Key(NamedTuple):
    """A column: `kind` is `field`, `metrics` or `params`."""

    kind: str
    name: str

    @property
    def full(self) -> str:
        """Without doubt, and with its unit."""
        return _WITH_UNIT.get(self.name, self.name) if self.kind == "field" else self.dotted

    @property
    def dotted(self) -> str:
        """`metrics.x` or `params.x`."""
        return f"{self.kind}.{self.name}"


_VERDICT = Key("field", "verdict")


def _short(text: object) -> str:
    """The first line of a text, bounded."""
    first, *more = str(text).strip().splitlines() or [""]
    return first[:_LONGEST_WHY] + "…" if more or len(first) > _LONGEST_WHY else first


def _expected(it: Summary) -> str:
    met = sum(one.met is True for one in it.expectations)
    return f"{met} of {len(it.expectations)} met" if it.expectations else ""


_FIELDS: Mapping[str, Callable[[Summary, datetime], Json]] = {
    "id": lambda it, now: it.id,
    "status": lambda it, now: Cell(it.status, it.status, _STYLES.get(it.status, "")),
    "age": lambda it, now: Cell(
        round((now - it.finished).total_seconds(), 3), format_age(it.finished, now)
    ),
    "why": lambda it, now: None if it.why is None else Cell(it.why, _short(it.why)),
    "labels": lambda it, now: ", ".join(str(one) for one in it.labels),
    "author": lambda it, now: it.author,
    "branch": lambda it, now: it.branch,
    "commit": lambda it, now: Cell(it.commit, it.commit[:7]),
    "started": lambda it, now: format_time(it.started),
    "finished": lambda it, now: format_time(it.finished),
    "duration": lambda it, now: Cell(it.duration_seconds, format_span(it.duration_seconds)),
    "exit_code": lambda it, now: it.exit_code,
    "reproducible": lambda it, now: Cell(it.reproducible, "yes" if it.reproducible else "no"),
    "expectations": lambda it, now: _expected(it),
    "verdict": lambda it, now: (
        None if it.verdict is None else Cell(it.verdict, it.verdict, _VERDICTS.get(it.verdict, ""))
    ),
}
_BROKEN: Mapping[str, Callable[[Broken], Json]] = {
    "id": lambda it: it.id,
    "status": lambda it: Cell("unreadable", "unreadable", "red"),
    "why": lambda it: Cell(it.reason, _short(it.reason)),
}
_ON_THE_RIGHT = ("age", "duration", "exit_code")
_SHRINKING = ("why", "labels", "author", "branch", "expectations")


# ---------------------------------------------------------------- which columns


def parse_key(text: str, rows: Rows) -> Key:
    """The column a user names: a field, `metrics.x`, `params.x`, or the bare name of either.

    Raises:
        XgitError: none of the rows has it.
    """
    field = text.removesuffix("_seconds")
    if text in _FIELDS or field in _WITH_UNIT:
        return Key("field", text if text in _FIELDS else field)
    kind, _, rest = text.partition(".")
    known = _names(rows)
    for key in (Key(kind, rest), Key("metrics", text), Key("params", text)):
        if key in known:
            return key
    from xgit.store.scope import closest

    near = closest(text, [*_FIELDS, *(key.dotted for key in known)])
    advice = f"did you mean {near}?" if near else f"known are: {', '.join(_FIELDS)}, metrics.x, …"
    raise XgitError(f"no experiment here has {text!r}", advice)


def parse_keys(text: str, rows: Rows) -> list[Key]:
    """The columns of `--columns`; `all` stands for every one.

    Raises:
        XgitError: one of them is unknown.
    """
    if text == "all":
        return [*(Key("field", name) for name in _FIELDS), *_names(rows)]
    names = [part.strip() for part in text.split(",") if part.strip()]
    if not names:
        raise XgitError("--columns names no column", "--columns id,why,metrics.accuracy")
    return [parse_key(name, rows) for name in names]


def default_keys(rows: Rows) -> list[Key]:
    """The usual fields, then metrics, then params, those that are not the same in all rows.

    Verdicts have a column where there is one.
    """
    fields = [Key("field", name) for name in ALWAYS]
    fine = [row for row in rows if isinstance(row, Summary)]
    if any(row.verdict is not None for row in fine):
        fields.insert(2, _VERDICT)
    if len(fine) == 1:
        return [*fields, *(Key("metrics", name) for name in fine[0].metrics)]
    metrics = _differing("metrics", [row.metrics for row in fine])
    return [*fields, *metrics, *_differing("params", [row.params for row in fine])]


def _names(rows: Rows) -> dict[Key, None]:
    """Every metric and param of the rows, in the order they are met."""
    fine = [row for row in rows if isinstance(row, Summary)]
    metrics = {Key("metrics", name): None for row in fine for name in row.metrics}
    return metrics | {Key("params", name): None for row in fine for name in row.params}


def _differing(kind: str, mappings: Iterable[Mapping[str, Json]]) -> list[Key]:
    first: dict[str, Json] = {}
    counts: dict[str, int] = {}
    differ: set[str] = set()
    rows = 0
    for mapping in mappings:
        rows += 1
        for name, value in mapping.items():
            counts[name] = counts.get(name, 0) + 1
            if name not in differ and first.setdefault(name, value) != value:
                differ.add(name)
    return [Key(kind, name) for name in first if name in differ or counts[name] < rows]


# ---------------------------------------------------------------- what stands in them


def as_table(keys: Sequence[Key], rows: Rows, now: datetime, *, full_names: bool) -> Table:
    """The rows with these columns; short headings unless two of them would be the same."""
    short = [key.name for key in keys]
    names = [key.full if full_names or short.count(key.name) > 1 else key.name for key in keys]
    columns = [_column(key, name) for key, name in zip(keys, names, strict=True)]
    cells = [_cells(key, rows, now) for key in keys]
    return Table(columns, list(zip(*cells, strict=True)))


def _column(key: Key, name: str) -> Column:
    if key.kind == "field":
        return Column(name, key.name in _ON_THE_RIGHT, key.name in _SHRINKING)
    return Column(name, key.kind == "metrics", key.kind == "params")


def _cells(key: Key, rows: Rows, now: datetime) -> list[Json]:
    if key.kind == "field":
        of_broken, of_fine = _BROKEN.get(key.name), _FIELDS[key.name]
        return [
            of_fine(row, now) if isinstance(row, Summary) else of_broken and of_broken(row)
            for row in rows
        ]
    values = [
        getattr(row, key.kind).get(key.name) if isinstance(row, Summary) else None for row in rows
    ]
    text = _metric_text if key.kind == "metrics" else format_value
    return [None if value is None else Cell(value, text(value)) for value in values]


def _metric_text(value: Json) -> str:
    # A tag message is not held against a schema, so a metric may be anything.
    return format_number(value) if isinstance(value, int | float) else format_value(value)


def that_fit(keys: Sequence[Key], rows: Rows, now: datetime, where: Screen) -> list[Key]:
    """As many of the columns, from the left, as there is room for; the usual ones always."""
    usual = len(ALWAYS) + (_VERDICT in keys)
    fixed, more = keys[:usual], keys[usual:]
    if where.width is None:
        return [*fixed, *more[:_MORE_IN_A_FILE]]
    room = where.width - sum(_width(key, rows, now) + 3 for key in fixed)
    kept: list[Key] = []
    for key in more:
        room -= _width(key, rows, now) + 3
        if room < 0:
            break
        kept.append(key)
    return [*fixed, *kept]


def _width(key: Key, rows: Rows, now: datetime) -> int:
    widest = max(width_of(text_of(cell)) for cell in [key.name, *_cells(key, rows, now)])
    return min(widest, _WHY_AT_LEAST) if key.name in _SHRINKING else widest


# ---------------------------------------------------------------- their order


def sort_rows(rows: Rows, text: str, now: datetime) -> list[Summary | Broken]:
    """The rows by a column, `-` before its name for descending; those without a value last.

    Raises:
        XgitError: there is no such column.
    """
    key = parse_key(text.removeprefix("-"), rows)
    pairs = list(zip(map(_rank, _cells(key, rows, now)), rows, strict=True))
    present = [(rank, row) for rank, row in pairs if rank is not None]
    present.sort(key=lambda pair: pair[0], reverse=text.startswith("-"))
    return [row for _, row in present] + [row for rank, row in pairs if rank is None]


def _rank(cell: Json) -> tuple[int, float, str] | None:
    """Numbers before text; NaN has no place among them."""
    value = cell.value if isinstance(cell, Cell) else cell
    if value is None or (isinstance(value, float) and math.isnan(value)):
        return None
    if isinstance(value, int | float):
        return (0, min(max(value, -math.inf), math.inf), "")
    return (1, 0.0, value if isinstance(value, str) else json.dumps(value, default=str))
