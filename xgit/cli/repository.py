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


def pick_up(repo: Repo) -> int:
    """Record abandoned runs, telling of each; returns how many could not be."""
    if not is_anything_left(repo):
        return 0
    from xgit.run import recover

    failed = 0
    for experiment_id, error in recover.recover(repo):
        if error is None:
            told = f"recovered: experiment/{experiment_id}, which had lost its xgit"
        else:
            failed += 1
            told = f"warning: experiment/{experiment_id} cannot be recovered yet: {error}"
        click.echo(visible(told), err=True)
        if error is not None and error.hint:
            click.echo(visible(f"  hint: {error.hint}"), err=True)
    return failed
