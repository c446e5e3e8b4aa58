"""`xgit exp pull`: experiments of others, the verdicts on them, and what was said of them."""

from __future__ import annotations

import shlex

import click

from xgit.cli.progress import progress_bar
from xgit.cli.repository import current_repo
from xgit.cli.table import json_text
from xgit.errors import NO
from xgit.record import refs
from xgit.record.escape import visible
from xgit.record.model import Json
from xgit.share.nouns import Conflict, Pulled

_SHOWN = 20  # names that are listed one by one


@click.command(name="pull")
@click.option("--remote", metavar="NAME", help="Where from; by default where git pull would.")
@click.option("--quiet", "-q", is_flag=True, help="Say nothing but what went wrong.")
@click.option("--json", "as_json", is_flag=True, help="Print one JSON document.")
def command(remote: str | None, quiet: bool, as_json: bool) -> int:
    """Fetch all experiments of a remote, with their verdicts, labels and notes.

    Nothing here is overwritten: where a name is taken by another experiment, ours stays and both
    are told. Branches and the work tree are not touched, and data is not fetched. It ends with 1
    when something of the remote was not taken over.

    With --json: {"remote", "url", "experiments", "verdicts", "conflicts": [{"name", "ours",
    "theirs"}], "not_taken": [{"name", "reason"}], "events", "notes"}; "events" counts new lines
    of labels and notes.

    Example: xgit exp pull
    """
    from xgit.share.pull import pull
    from xgit.share.remote import choose_remote

    repo = current_repo()
    chosen = choose_remote(repo, remote, to_push=False)
    with progress_bar(quiet=quiet or as_json) as watch:
        pulled = pull(repo, chosen, watch)
    if as_json:
        click.echo(json_text(document(pulled)), nl=False)
    else:
        _tell(pulled, quiet=quiet)
    return NO if pulled.conflicts or pulled.not_taken else 0


def document(it: Pulled) -> Json:
    """What `--json` prints."""
    return {
        "remote": it.remote.name,
        "url": it.remote.url,
        "experiments": it.experiments,
        "verdicts": it.verdicts,
        "conflicts": [one._asdict() for one in it.conflicts],
        "not_taken": [one._asdict() for one in it.not_taken],
        "events": it.events,
        "notes": it.notes,
    }


def _tell(it: Pulled, *, quiet: bool) -> None:
    lines = [] if quiet else _lines(it)
    for conflict in it.conflicts:
        lines += _conflict(it, conflict)
    lines += [f"not taken: {one.name}: {one.reason}" for one in it.not_taken[:_SHOWN]]
    if len(it.not_taken) > _SHOWN:
        lines.append(f"not taken: {len(it.not_taken) - _SHOWN} more; --json lists them")
    for line in lines:
        click.echo(visible(line), err=True)


def _lines(it: Pulled) -> list[str]:
    names = [*map(refs.format_tag, it.experiments), *it.verdicts]
    told = [f"new: {name}" for name in names]
    if len(names) > _SHOWN:
        told = [f"new: {len(it.experiments)} experiments, {len(it.verdicts)} verdicts"]
    told += [f"new: {it.events} labels and notes"] if it.events else []
    told += [f"note: {note}" for note in it.notes]
    where = f"{it.remote.name} ({it.remote.url})"
    return [*told, f"from {where}" if told else f"nothing new on {where}"]


def _conflict(it: Pulled, one: Conflict) -> list[str]:
    remote, ref = shlex.quote(it.remote.name), f"refs/tags/{one.name}"
    return [
        f"conflict: {one.name} is {one.ours} here and {one.theirs} on {it.remote.name}; ours stays",
        f"  hint: git fetch {remote} {ref} && git show FETCH_HEAD shows theirs; to have it in "
        f"place of ours: git tag -d {one.name} && xgit exp pull",
    ]
