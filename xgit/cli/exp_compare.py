"""`xgit exp compare`: what made the difference."""

from __future__ import annotations

from collections.abc import Iterator

import click

from xgit.cli.repository import current_repo
from xgit.cli.table import (
 Cell, Column, Table, chosen_format, format_options, json_text, render, screen,
)
from xgit.compare.experiments import ABSENT, Comparison, Row, Section, compare
from xgit.errors import NO
from xgit.git.plumbing import CodeChange, GitError, Repo, code_change
from xgit.record.codec import number_to_json
from xgit.record.figures import format_change
from xgit.record.model import Code, Json
from xgit.store import experiments as store


@click.command(name="compare")
@click.argument("first")
@click.argument("others", nargs=-1, required=True, metavar="OTHER…")
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
    table = side_by_side(comparison, everything=everything, sections=form != "table")
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


def side_by_side(comparison: Comparison, *, everything: bool, sections: bool) -> Table:
    """One row a difference; the changes of metrics stand in a column beside the values.

    Args:
        everything: name also sections that have nothing to say.
        sections: name the section in a first column, and head every column, for programs.
    """
    changed = [_has_changes(comparison, at) for at in range(len(comparison.ids))]
    columns = [Column("section")] if sections else []
    columns.append(Column("name" if sections else "", shrinks=True))
    for one, with_change in zip(comparison.ids, changed, strict=True):
        columns.append(Column(one, shrinks=True))
        columns += [Column("change" if sections else "", right=True)] if with_change else []
    rows = [
        [Cell(section.name, section.name), *row] if sections else row
        for section in comparison.sections
        for row in _section_rows(section, changed, everything)
    ]
    return Table(columns, rows)


def _has_changes(comparison: Comparison, at: int) -> bool:
    rows = (row for section in comparison.sections for row in section.rows)
    return any(row.changes[at] is not None for row in rows)


def _section_rows(section: Section, changed: list[bool], everything: bool) -> Iterator[list[Json]]:
    quiet = section.empty or section.name == "run"
    if not section.rows and not (quiet and not everything):
        cells = [
            cell for with_change in changed for cell in ([None, None] if with_change else [None])
        ]
        yield [section.name, Cell("same", "same", "dim"), *cells[1:]]
    for row in section.rows:
        yield list(_cells(row, changed))


def _cells(row: Row, changed: list[bool]) -> Iterator[Json]:
    yield row.name
    parts = zip(row.values, row.texts, row.changes, changed, strict=True)
    for value, text, change, with_change in parts:
        yield Cell(None if value is ABSENT else value, text, "dim" if text == "same" else "")
        if with_change:
            yield None if change is None else Cell(change, format_change(change))
