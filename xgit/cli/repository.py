"""The repository a command works on, with runs picked up that lost their xgit."""

from __future__ import annotations

from pathlib import Path

import click

from xgit.git.plumbing import Repo, open_repo


def current_repo() -> Repo:
    """The repository of the current directory; abandoned runs are recorded first.

    Raises:
        XgitError: there is none, or git refuses to open it.
    """
    repo = open_repo(Path.cwd())
    pick_up(repo)
    return repo


def pick_up(repo: Repo) -> int:
    """Record abandoned runs, telling of each; returns how many could not be."""
    from xgit.run import recover

    failed = 0
    if recover.is_anything_left(repo):
        for experiment_id, error in recover.recover(repo):
            if error is None:
                told = f"recovered: experiment/{experiment_id}, interrupted when its xgit died"
            else:
                failed += 1
                told = f"warning: experiment/{experiment_id} cannot be recovered yet: {error}"
            click.echo(told, err=True)
    return failed
