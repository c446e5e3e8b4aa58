"""`xgit check`: run the guards."""

from __future__ import annotations

import json
from functools import partial

import click

from xgit.cli.repository import repo_here
from xgit.errors import NO
from xgit.guards.report import lines_here, violations_document


@click.command(name="check")
@click.argument("names", nargs=-1, metavar="[GUARD…]")
@click.option(
    "--stage",
    type=click.Choice(["commit", "push", "run", "ci"]),
    default="run",
    show_default=True,
    help="Run the guards of this stage.",
)
@click.option(
    "--verify-remote", is_flag=True, help="Ask the remotes themselves; believe no earlier answer."
)
@click.option("--fix", is_flag=True, help="Run the remedies that only add, after asking.")
@click.option("--yes", is_flag=True, help="With --fix, do not ask.")
@click.option("--json", "as_json", is_flag=True, help="Print what each guard said as JSON.")
def command(
    names: tuple[str, ...], stage: str, verify_remote: bool, fix: bool, yes: bool, as_json: bool
) -> int:
    """Run the guards without running anything else; 1 when one of them refuses.

    With --fix, the remedies that begin with git add, git push, dvc add or dvc push are run; the
    guards are then run again.

    With --json a list of {"id", "outcome", "violations": [{"subject", "remedy"}]} is printed.

    Example: xgit check untracked modified
    """
    from xgit.guards import registry
    from xgit.guards.checking import check_repo

    repo = repo_here()
    check = partial(check_repo, repo, stage, names, verify_remote=verify_remote)
    state, results = check()
    if fix:
        from xgit.cli.fix import run_remedies, safe_remedies

        remedies = safe_remedies(registry.refusals(results))
        if remedies and run_remedies(remedies, repo.work_tree, yes=yes):
            state, results = check()
    if as_json:
        click.echo(json.dumps(violations_document(results), indent=2))
    else:
        for line in lines_here(results, state.root):
            click.echo(line, err=True)
        for note in state.notes:
            click.echo(f"  note: {note}", err=True)
    return NO if registry.refusals(results) else 0
