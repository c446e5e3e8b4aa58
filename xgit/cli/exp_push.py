"""`xgit exp push`: experiments to a remote, data first, then code, then tags."""

from __future__ import annotations

import click

from xgit.cli.ids import ExperimentId
from xgit.cli.progress import progress_bar
from xgit.cli.repository import current_repo
from xgit.cli.table import json_text
from xgit.errors import NO
from xgit.git.plumbing import Repo
from xgit.record import refs
from xgit.record.escape import visible
from xgit.record.model import Json
from xgit.share.nouns import Pushed, Remote, Sent
from xgit.store import experiments as store

_SHOWN = 20  # experiments that are listed one by one; of more only those that did not get there
_WORDS = {"pushed": "pushed", "there": "there already", "would-push": "would be pushed"}


@click.command(name="push")
@click.argument("experiments", nargs=-1, metavar="[ID…]", type=ExperimentId())
@click.option("--remote", metavar="NAME", help="Where to; by default where git push would go.")
@click.option("--dry-run", "-n", is_flag=True, help="Say what would be done, and do nothing.")
@click.option("--quiet", "-q", is_flag=True, help="Say nothing but what went wrong.")
@click.option("--json", "as_json", is_flag=True, help="Print one JSON document.")
def command(
    experiments: tuple[str, ...], remote: str | None, dry_run: bool, quiet: bool, as_json: bool
) -> int:
    """Push experiments, all of them where none is named: data, then code, then tags.

    Each is verified on the remote before the next. Nothing is ever forced: a name that is taken
    there by another experiment is a conflict. Verdicts, labels and notes go along. It ends with 1
    when an experiment or a verdict is not on the remote; the next push goes on where one was
    stopped.

    With --json: {"remote", "url", "experiments": [{"id", "state", "reason", "hint", "verdicts"}],
    "data", "branches", "said", "notes", "refused"}; "state" is pushed, there, would-push, conflict
    or refused; "refused" tells of verdicts.

    \b
    Example: xgit exp push @
             xgit exp push --remote backup
    """
    from xgit.share.push import push
    from xgit.share.remote import choose_remote

    repo = current_repo()
    chosen = choose_remote(repo, remote, to_push=True)
    ids = [store.resolve(repo, one) for one in experiments] or None
    with progress_bar(quiet=quiet or as_json) as watch:
        pushed = push(repo, chosen, ids, watch, dry_run=dry_run)
    if as_json:
        click.echo(json_text(document(pushed)), nl=False)
    else:
        tell(pushed, quiet=quiet)
    return 0 if pushed.is_complete else NO


def push_one(repo: Repo, to: Remote, experiment_id: str, *, quiet: bool) -> list[str]:
    """Push one experiment; what there is to say of it, what went wrong in any case.

    Raises:
        XgitError: the remote cannot be reached or written to.
    """
    from xgit.share.push import push

    with progress_bar(quiet=quiet) as watch:
        pushed = push(repo, to, [experiment_id], watch)
    lines = [] if quiet else _lines(pushed)
    return lines + [
        line for one in pushed.experiments if not one.is_there for line in _trouble(one)
    ]


def document(it: Pushed) -> Json:
    """What `--json` prints."""
    return {
        "remote": it.remote.name,
        "url": it.remote.url,
        "experiments": [one._asdict() for one in it.experiments],
        "data": it.data,
        "branches": it.branches,
        "said": it.said,
        "notes": it.notes,
        "refused": it.refused,
    }


def tell(it: Pushed, *, quiet: bool) -> None:
    """What was done, on stderr; the experiments that are not there, and why, in any case."""
    lines = [] if quiet else _lines(it)
    for one in it.experiments:
        if not one.is_there:
            lines += _trouble(one)
    lines += [f"refused: {line}" for line in it.refused]
    for line in lines:
        click.echo(visible(line), err=True)


def _lines(it: Pushed) -> list[str]:
    told = [f"data: {path}" for path in it.data]
    told += [f"code: {name} is at {commit[:10]}" for name, commit in it.branches.items()]
    fine = [one for one in it.experiments if one.is_there]
    if len(fine) <= _SHOWN:
        told += [
            f"{_WORDS[one.state]}: {refs.format_tag(one.id)}{_and_verdicts(one)}" for one in fine
        ]
    else:
        counts = {state: sum(one.state == state for one in fine) for state in _WORDS}
        told += [
            f"{_WORDS[state]}: {count} experiments" for state, count in counts.items() if count
        ]
        verdicts = sum(one.verdicts for one in fine)
        told += [f"with them: {_count(verdicts)}"] if verdicts else []
    if not it.experiments:
        told.append("there are no experiments to push")
    told += ["labels and notes went along"] if it.said else []
    told += [f"note: {note}" for note in it.notes]
    return [*told, f"to {it.remote.name} ({it.remote.url})"]


def _and_verdicts(one: Sent) -> str:
    if not one.verdicts:
        return ""
    if one.state == "there":  # and the verdicts were not
        return f"; new there: {_count(one.verdicts)}"
    return f" and {_count(one.verdicts)}"


def _count(verdicts: int) -> str:
    return f"{verdicts} verdict{'s' if verdicts > 1 else ''}"


def _trouble(one: Sent) -> list[str]:
    told = [f"{one.state}: {refs.format_tag(one.id)}: {one.reason}"]
    return [*told, f"  hint: {one.hint}"] if one.hint else told
