"""`xgit exp status`: the reproduction debt, which experiments were not shown to repeat."""

from __future__ import annotations

import json
from collections.abc import Sequence
from datetime import UTC, datetime

import click

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
)
from xgit.errors import NO
from xgit.record.escape import visible
from xgit.record.figures import format_age
from xgit.record.json_form import format_time
from xgit.record.model import Broken, Json
from xgit.record.refs import VERDICT_TAG_PREFIX, format_verdict_tag
from xgit.record.verdict_codec import standing_document
from xgit.store.standing import KINDS, Debt, Debtor, debt

_TOLD = {
    "none": "no verdict",
    "stale": "stale verdict",
    "different": "different",
    "failed": "failed",
    "weak": "weak verdict",
    "broken": "broken verdict",
    "unreadable": "unreadable",
}
_COUNTED = {
    **_TOLD,
    "none": "without a verdict",
    "stale": "with a stale verdict",
    "weak": "with a weak verdict",
    "broken": "with a broken verdict",
}
_STYLES = {"different": "red", "failed": "red", "broken": "red", "unreadable": "red"}
_MOST_BROKEN = 5


@click.command(name="status")
@click.option(
    "--only",
    type=click.Choice(KINDS),
    multiple=True,
    metavar="KIND",
    help="Only this kind of debt; may be repeated.",
)
@click.option("--oldest", is_flag=True, help="The oldest first. Default: the newest first.")
@click.option("--limit", type=click.IntRange(min=1), metavar="N", help="Only the first N.")
@click.option("--ids", is_flag=True, help="Print the ids that can be reproduced, nothing else.")
@click.option("--exit-code", is_flag=True, help="End with 1 when there is debt.")
@format_options
def command(
    only: tuple[str, ...],
    oldest: bool,
    limit: int | None,
    ids: bool,
    exit_code: bool,
    form: str,
    as_json: bool,
) -> int:
    """List the reproduction debt: the experiments that were not shown to repeat.

    KIND is none (no verdict), stale (the tag was made anew since), different or failed (the latest
    says so), weak (reproduced in the environment at hand alone), broken (no verdict can be read) or
    unreadable (the experiment itself). Runs that did not complete owe nothing.

    With --json: {"experiments", "reproduced", "unfinished", "counts": {KIND: number}, "debt":
    [{"id", "kind", "finished", "reason", "verdict": {"number", "result", "step", "reason",
    "finished", "by", "environment", "hermetic", "stale", "count"}}], "broken_verdicts": [{"tag",
    "reason"}]}. With --ids --json: a list of ids on one line, for the matrix of a CI job.

    \b
    Example: xgit exp status
             xgit exp status --ids --oldest --limit 20 --only none --only stale
    """
    repo = current_repo()
    owed = debt(repo)
    chosen = [one for one in owed.debtors if not only or one.kind in only]
    shown = _in_order(chosen, oldest, reproducible=ids)[:limit]
    _print(owed, shown, chosen_format(form, as_json), ids, datetime.now(UTC))
    return NO if exit_code and chosen else 0


def _in_order(debtors: Sequence[Debtor], oldest: bool, *, reproducible: bool) -> list[Debtor]:
    """Those that can be reproduced, by their age, and the others last or not at all."""
    fine = [one for one in debtors if one.kind != "unreadable"]
    others = [] if reproducible else [one for one in debtors if one.kind == "unreadable"]
    return [*(fine[::-1] if oldest else fine), *others]


def _print(owed: Debt, shown: Sequence[Debtor], form: str, ids: bool, now: datetime) -> None:
    if ids:
        names = [one.experiment.id for one in shown]
        lines = f"{json.dumps(names)}\n" if form == "json" else "".join(f"{it}\n" for it in names)
        click.echo(lines, nl=False)
    elif form == "json":
        click.echo(json_text(document(owed, shown)), nl=False)
    elif form == "table":
        _print_page(owed, shown, now)
    else:
        click.echo(render(_table(shown, now), form), nl=False)


# ---------------------------------------------------------------- for people


def _print_page(owed: Debt, shown: Sequence[Debtor], now: datetime) -> None:
    click.echo(_headline(owed))
    if shown:
        where = screen()
        click.echo(render(_table(shown, now), "table", where), nl=False)
        can = next((one for one in shown if one.kind != "unreadable"), None)
        click.echo(f"\n  xgit exp reproduce {can.experiment.id}" if can else "", nl=can is not None)
    for one in owed.broken[:_MOST_BROKEN]:
        click.echo(visible(f"unreadable: {VERDICT_TAG_PREFIX}{one.id}: {one.reason}"), err=True)
    if len(owed.broken) > _MOST_BROKEN:
        more = len(owed.broken) - _MOST_BROKEN
        click.echo(f"and {more} more verdicts that cannot be read", err=True)


def _headline(owed: Debt) -> str:
    total = len(owed.debtors) + owed.reproduced
    experiments = "1 experiment" if total == 1 else f"{total} experiments"
    left = f"; {owed.unfinished} did not complete and owe nothing" if owed.unfinished else ""
    if not owed.debtors:
        return f"no reproduction debt: {experiments}{left}"
    parts = (f"{count} {_COUNTED[kind]}" for kind, count in counts(owed).items())
    return f"reproduction debt: {len(owed.debtors)} of {experiments}: {', '.join(parts)}{left}"


def counts(owed: Debt) -> dict[str, int]:
    """How many of each kind there are, those that there are none of left out."""
    kinds = [one.kind for one in owed.debtors]
    return {kind: kinds.count(kind) for kind in KINDS if kind in kinds}


def _table(shown: Sequence[Debtor], now: datetime) -> Table:
    columns = [Column("id"), Column("debt"), Column("age", right=True), Column("verdict")]
    columns += [Column("by", shrinks=True), Column("reason", shrinks=True)]
    return Table(columns, [_cells(one, now) for one in shown])


def _cells(one: Debtor, now: datetime) -> list[Json]:
    latest = one.standing.latest
    age = None
    if not isinstance(one.experiment, Broken):
        finished = one.experiment.finished
        age = Cell(format_time(finished), format_age(finished, now))
    return [
        one.experiment.id,
        Cell(one.kind, _TOLD[one.kind], _STYLES.get(one.kind, "")),
        age,
        None if latest is None else format_verdict_tag(latest.of, latest.number),
        None if latest is None else latest.by,
        reason(one),
    ]


def reason(one: Debtor) -> str | None:
    """Why it is in debt, where there is more to say than its kind does."""
    if isinstance(one.experiment, Broken):
        return one.experiment.reason
    latest = one.standing.latest
    if latest is None:
        return one.standing.broken[0].reason if one.standing.broken else None
    if one.kind == "stale":
        return f"it was {latest.result} for an earlier tag of that name"
    step = f"at {latest.step}" if latest.step else None
    return ": ".join(part for part in (step, latest.reason) if part) or None


# ---------------------------------------------------------------- for programs


def document(owed: Debt, shown: Sequence[Debtor]) -> Json:
    """The debt as `--json` prints it."""
    return {
        "experiments": len(owed.debtors) + owed.reproduced + owed.unfinished,
        "reproduced": owed.reproduced,
        "unfinished": owed.unfinished,
        "counts": counts(owed),
        "debt": [_document(one) for one in shown],
        "broken_verdicts": [
            {"tag": VERDICT_TAG_PREFIX + one.id, "reason": one.reason} for one in owed.broken
        ],
    }


def _document(one: Debtor) -> Json:
    it = one.experiment
    return {
        "id": it.id,
        "kind": one.kind,
        "finished": None if isinstance(it, Broken) else format_time(it.finished),
        "reason": reason(one),
        "verdict": standing_document(
            one.standing.latest, one.standing.stale, one.standing.verdicts
        ),
    }
