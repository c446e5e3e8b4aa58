"""The repository a command works on, with runs picked up that lost their xgit."""

from __future__ import annotations

from pathlib import Path

import click

from xgit.errors import XgitError
from xgit.git.plumbing import Repo, open_repo
from xgit.record.escape import visible
from xgit.run.journal import is_anything_left


def current_repo() -> Repo:
    """The repository of the current directory; abandoned runs are recorded first.

    Raises:
        XgitError: there is none, or git refuses to open it.
    """
    repo = repo_here()
    pick_up(repo)
    return repo


def repo_here() -> Repo:
    """The repository of the current directory.

    Raises:
        XgitError: there is none, git refuses to open it, or the directory itself is gone.
    """
    try:
        here = Path.cwd()
    except FileNotFoundError as error:
        raise XgitError("the current directory is gone", "cd ..") from error
    return open_repo(here)


def pick_up(repo: Repo) -> dict[str, XgitError | None]:
    """Record abandoned runs, telling of each; for each id the error that stood in the way."""
    if not is_anything_left(repo):
        return {}
    from xgit.run import recover

    found: dict[str, XgitError | None] = {}
    for experiment_id, error in recover.recover(repo):
        found[experiment_id] = error
        if error is None:
            told = f"recovered: experiment/{experiment_id}, which had lost its xgit"
        else:
            told = f"warning: experiment/{experiment_id} cannot be recovered yet: {error}"
        click.echo(visible(told), err=True)
        if error is not None and error.hint:
            click.echo(visible(f"  hint: {error.hint}"), err=True)
    return found
