"""`xgit exp recover`: record what runs left whose xgit died."""

from __future__ import annotations

import click

from xgit.cli.repository import pick_up, repo_here
from xgit.errors import NO


@click.command(name="recover")
def command() -> int:
    """Record the runs that lost their xgit: killed, or out of disk at the end.

    Every other `xgit exp` command does the same before its own work; this one does nothing else,
    and ends with 1 when a run could not be recorded.

    Example: xgit exp recover
    """
    return NO if pick_up(repo_here()) else 0
