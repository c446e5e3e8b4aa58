"""`xgit check`: run the guards."""

from __future__ import annotations

import json

import click

from xgit.cli.repository import repo_here
from xgit.cli.violations import violation_lines, violations_document
from xgit.errors import NO


@click.command(name="check")
@click.argument("names", nargs=-1, metavar="[GUARD…]")
@click.option(
    "--stage",
    type=click.Choice(["commit", "push", "run", "ci"]),
    default="run",
    show_default=True,
    help="Run the guards of this stage.",
)
@click.option("--json", "as_json", is_flag=True, help="Print what each guard said as JSON.")
def command(names: tuple[str, ...], stage: str, as_json: bool) -> int:
    """Run the guards without running anything else; 1 when one of them refuses.

    With --json a list of {"id", "outcome", "violations": [{"subject", "remedy"}]} is printed.

    Example: xgit check untracked modified
    """
    from xgit.guards import registry
    from xgit.guards.checking import check_repo

    state, results = check_repo(repo_here(), stage, names)
    if as_json:
        click.echo(json.dumps(violations_document(results), indent=2))
    else:
        for line in violation_lines(results):
            click.echo(line, err=True)
        for note in state.notes:
            click.echo(f"  note: {note}", err=True)
    return NO if registry.refusals(results) else 0
