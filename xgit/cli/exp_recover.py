"""`xgit exp recover`: record what runs left whose xgit died."""

from __future__ import annotations

import json

import click

from xgit.cli.repository import pick_up, repo_here
from xgit.errors import NO


@click.command(name="recover")
@click.option("--json", "as_json", is_flag=True, help="Print what became of each run as JSON.")
def command(as_json: bool) -> int:
    """Record the runs that lost their xgit: killed, or out of disk at the end.

    Every other `xgit exp` command does the same before its own work; this one does nothing else,
    and ends with 1 when a run could not be recorded.

    With --json a list of {"id", "recorded", "error"} is printed; the error is null where the run
    was recorded.

    Example: xgit exp recover
    """
    found = pick_up(repo_here())
    if as_json:
        rows = [
            {"id": one, "recorded": error is None, "error": error and error.message}
            for one, error in found.items()
        ]
        click.echo(json.dumps(rows, indent=2))
    return NO if any(found.values()) else 0
