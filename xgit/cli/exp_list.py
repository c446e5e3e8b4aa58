"""`xgit exp list`: the experiments of this repository, newest first."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, datetime

import click

from xgit.cli.list_columns import as_table, default_keys, parse_keys, sort_rows, that_fit
from xgit.cli.repository import current_repo
from xgit.cli.saying import note_document
from xgit.cli.table import chosen_format, format_options, json_text, render, screen
from xgit.errors import Unreadable, Unsupported
from xgit.git.plumbing import Repo
from xgit.record.codec import expectation_to_json
from xgit.record.events import notes_in
from xgit.record.json_form import format_time
from xgit.record.model import Broken, Json, Summary
from xgit.record.verdict_codec import standing_document
from xgit.store import experiments as store
from xgit.store.standing import NOTHING_TRIED, Standing, standings

_NONE_YET = "no experiments yet: xgit exp run makes one, xgit exp pull brings those of others"


@click.command(name="list")
@click.option("--where", metavar="EXPR", help="Only those for which this holds.")
@click.option("--sort", metavar="KEY", help="A column; -KEY for descending. Default: newest first.")
@click.option("--limit", type=click.IntRange(min=1), metavar="N", help="Only the first N.")
@click.option("--columns", metavar="A,B…", help="Which columns, or 'all'.")
@format_options
def command(
    where: str | None,
    sort: str | None,
    limit: int | None,
    columns: str | None,
    form: str,
    as_json: bool,
) -> int:
    """List experiments: why, status, verdict, age, and the metrics and params that differ.

    Columns, --sort and --where know id, status, why, labels, author, branch, commit, started,
    finished, exit_code, reproducible, verdict, metrics.NAME and params.NAME. Columns and --sort
    also know age and duration, --where also age_seconds and duration_seconds. --where has
    comparisons, arithmetic, and, or, not, in; what an experiment does not have matches nothing.

    With --json: a list of {"id", "status", "exit_code", "started", "finished",
    "duration_seconds", "author", "why", "labels", "notes", "commit", "branch", "params", "metrics",
    "expectations", "reproducible", "cut", "verdict"}; "cut" says that why, params or metrics were
    too large for the list and are whole in the record alone. "verdict" is null, or of the latest
    {"number", "result", "step", "reason", "finished", "by", "environment", "hermetic", "stale",
    "count"}.
    An unreadable tag is {"id", "status", "reason"}.

    \b
    Example: xgit exp list --where "metrics.accuracy > 0.9 and params.model.name == 'svm'"
             xgit exp list --sort -metrics.accuracy --limit 5 --columns id,why,metrics.accuracy
    """
    now = datetime.now(UTC)
    wanted = _condition(where, now)
    repo = current_repo()
    all_are_read = wanted is not None or sort is not None
    rows = store.list_summaries(repo, newest=None if all_are_read else limit)
    found = standings(repo, None if all_are_read or limit is None else [row.id for row in rows])
    if found:
        rows = [_with_verdict(row, found.get(row.id)) for row in rows]
    if rows and (wanted or sort or columns):
        rows = [_completed(repo, row) for row in rows]
    chosen = list(filter(wanted, rows)) if wanted else rows
    if not chosen:
        click.echo("no experiment matches" if rows else _NONE_YET, err=True)
    elif sort:
        chosen = sort_rows(chosen, sort, now)
    _print(chosen[:limit], found, columns, chosen_format(form, as_json), now)
    return 0


def _condition(where: str | None, now: datetime) -> Callable[[Summary | Broken], bool] | None:
    """Whether a row is wanted; of an unreadable one no condition can be said to hold."""
    if where is None:
        return None
    from xgit.store.query import matches, parse, summary_scope

    expression = parse(where)

    def holds(row: Summary | Broken) -> bool:
        return isinstance(row, Summary) and matches(
            expression, summary_scope(row, expression.roots, now=now)
        )

    return holds


def _with_verdict(row: Summary | Broken, own: Standing | None) -> Summary | Broken:
    if own is None or isinstance(row, Broken):
        return row
    return row._replace(verdict=own.word)


def _completed(repo: Repo, row: Summary | Broken) -> Summary | Broken:
    """The summary with the why, params and metrics that were too large for its tag."""
    if isinstance(row, Broken) or not row.cut:
        return row
    try:
        it = store.load(repo, row.id)
    except (Unreadable, Unsupported) as error:
        return Broken(row.id, error.message)
    return row._replace(why=it.why, params=it.params.values, metrics=it.metrics.values, cut=False)


def _print(
    rows: Sequence[Summary | Broken],
    found: Mapping[str, Standing],
    columns: str | None,
    form: str,
    now: datetime,
) -> None:
    if form == "json":
        documents = [document(row, found.get(row.id, NOTHING_TRIED)) for row in rows]
        click.echo(json_text(documents), nl=False)
        return
    if not rows:
        return
    where = screen()
    keys = parse_keys(columns, rows) if columns else default_keys(rows)
    if not columns and form != "csv":
        every, keys = len(keys), that_fit(keys, rows, now, where)
        if where.width is not None and len(keys) < every:
            told = f"{every - len(keys)} more columns differ: --columns all, or --format csv"
            click.echo(told, err=True)
    table = as_table(keys, rows, now, full_names=form == "csv")
    click.echo(render(table, form, where), nl=False)


def document(row: Summary | Broken, own: Standing = NOTHING_TRIED) -> Json:
    """One experiment as `--json` prints it."""
    if isinstance(row, Broken):
        return {"id": row.id, "status": "unreadable", "reason": row.reason}
    return {
        "id": row.id,
        "status": row.status,
        "exit_code": row.exit_code,
        "started": format_time(row.started),
        "finished": format_time(row.finished),
        "duration_seconds": row.duration_seconds,
        "author": row.author,
        "why": row.why,
        "labels": row.labels,
        "notes": [note_document(one) for one in notes_in(row.said)],
        "commit": row.commit,
        "branch": row.branch,
        "params": row.params,
        "metrics": row.metrics,
        "expectations": [expectation_to_json(one) for one in row.expectations],
        "reproducible": row.reproducible,
        "cut": row.cut,
        "verdict": standing_document(own.latest, own.stale, own.verdicts),
    }
