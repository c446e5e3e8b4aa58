"""`xgit exp compare`: what made the difference."""

from __future__ import annotations

from collections.abc import Iterator

import click

from xgit.cli.ids import ExperimentId
from xgit.cli.repository import current_repo
from xgit.cli.table import (
    Cell,
    Column,
    Table,
    chosen_format,
    format_options,
    json_text,
    render,
    screen,
    width_of,
)
from xgit.compare.experiments import Comparison, Section, compare
from xgit.compare.rows import ABSENT, Row
from xgit.errors import NO
from xgit.git.plumbing import GitError, Repo
from xgit.git.status import CodeChange, code_change
from xgit.record.figures import format_change
from xgit.record.json_form import number_to_json
from xgit.record.model import Code, Json
from xgit.store import experiments as store


@click.command(name="compare")
@click.argument("first", type=ExperimentId())
@click.argument("others", nargs=-1, required=True, metavar="OTHER…", type=ExperimentId())
@click.option("--all", "everything", is_flag=True, help="Show what agrees as well.")
@click.option("--exit-code", is_flag=True, help="End with 1 when they differ.")
@format_options
def command(
    first: str,
    others: tuple[str, ...],
    everything: bool,
    exit_code: bool,
    form: str,
    as_json: bool,
) -> int:
    """Set experiments side by side: code, params, data, environment, hardware and metrics.

    Only what differs is shown, and metrics with their change since the FIRST. An experiment is
    named by its id, a unique prefix, its tag, @ (the newest) or @~2.

    With --json: {"experiments": [id, ...], "same": bool, "sections": {NAME: {"same": bool,
    "rows": [{"name", "values": {id: value}, "changes": {id: number}}]}}}, where NAME is run,
    code, params, data, environment, hardware or metrics. An id without a value has no such thing.

    \b
    Example: xgit exp compare @~1 @
             xgit exp compare baseline wide-net --all --format markdown
    """
    repo = current_repo()
    ids = [store.resolve(repo, text) for text in (first, *others)]
    loaded = {one: store.load(repo, one) for one in dict.fromkeys(ids)}
    found = [loaded[one] for one in ids]
    changes = [_code_change(repo, found[0].code, it.code) for it in found[1:]]
    comparison = compare(found, changes, everything=everything)
    click.echo(_text(comparison, chosen_format(form, as_json), everything), nl=False)
    return NO if exit_code and not comparison.same else 0


def _code_change(repo: Repo, old: Code, new: Code) -> CodeChange | None:
    """None where there is nothing between, or one of the commits was not fetched."""
    if old.ran == new.ran:
        return None
    try:
        return code_change(repo, old.ran, new.ran)
    except GitError:
        return None


def _text(comparison: Comparison, form: str, everything: bool) -> str:
    if form == "json":
        return json_text(document(comparison))
    table = side_by_side(comparison, everything=everything, for_programs=form != "table")
    return render(table, form, screen())


def document(comparison: Comparison) -> Json:
    """The comparison as `--json` prints it."""
    ids = comparison.ids
    sections = {
        section.name: {
            "same": section.same,
            "rows": [_row_document(ids, row) for row in section.rows],
        }
        for section in comparison.sections
    }
    return {"experiments": list(ids), "same": comparison.same, "sections": sections}


def _row_document(ids: tuple[str, ...], row: Row) -> Json:
    values = zip(ids, row.values, strict=True)
    changes = zip(ids, row.changes, strict=True)
    told: dict[str, Json] = {
        "name": row.name,
        "values": {one: value for one, value in values if value is not ABSENT},
    }
    known = {one: number_to_json(change) for one, change in changes if change is not None}
    return {**told, "changes": known} if known else told


# ---------------------------------------------------------------- the table


def side_by_side(comparison: Comparison, *, everything: bool, for_programs: bool) -> Table:
    """One row a difference, one column an experiment.

    Args:
        everything: name also sections that have nothing to say.
        for_programs: name the section in a first column, head every column, and give the change
            of a metric a column of its own; for people it stands behind the value.
    """
    at_least_one = [_has_changes(comparison, at) for at in range(len(comparison.ids))]
    apart = [for_programs and found for found in at_least_one]
    columns = [Column("section"), Column("name")] if for_programs else [Column("", shrinks=True)]
    for one, with_change in zip(comparison.ids, apart, strict=True):
        columns.append(Column(one, shrinks=True))
        columns += [Column("change", right=True)] if with_change else []
    rows = [
        [section.name, *row] if for_programs else [row[0] or section.name, *row[1:]]
        for section in comparison.sections
        for row in _section_rows(section, apart, everything)
    ]
    return Table(columns, rows)


def _has_changes(comparison: Comparison, at: int) -> bool:
    rows = (row for section in comparison.sections for row in section.rows)
    return any(row.changes[at] is not None for row in rows)


def _section_rows(section: Section, apart: list[bool], everything: bool) -> Iterator[list[Json]]:
    quiet = section.empty or section.name == "run"
    if not section.rows and (everything or not quiet):
        rest: list[Json] = [None] * (len(apart) + sum(apart) - 1)
        yield ["", Cell("same", "same", "dim"), *rest]
    columns = [_with_changes(section.rows, at, own) for at, own in enumerate(apart)]
    for row, *cells in zip(section.rows, *columns, strict=True):
        yield [row.name, *(part for cell in cells for part in cell)]


def _with_changes(rows: tuple[Row, ...], at: int, apart: bool) -> list[list[Json]]:
    """The cells of one experiment: the value, and its change beside it or behind it."""
    told = ["" if (by := row.changes[at]) is None else format_change(by) for row in rows]
    widest = max((width_of(row.texts[at]) for row in rows), default=0)
    longest = max(map(len, told), default=0)
    return [
        _cells(row, at, change, (widest, longest), apart)
        for row, change in zip(rows, told, strict=True)
    ]


def _cells(row: Row, at: int, change: str, widths: tuple[int, int], apart: bool) -> list[Json]:
    value, text = row.values[at], row.texts[at]
    exact = None if value is ABSENT else value
    if apart:
        by = row.changes[at]
        return [Cell(exact, text), None if by is None else Cell(by, change)]
    if change:
        text = text + " " * (widths[0] - width_of(text)) + f"   {change:>{widths[1]}}"
    return [Cell(exact, text, "dim" if text == "same" else "")]
