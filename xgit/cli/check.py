"""`xgit check`: run the guards."""

from __future__ import annotations

import json

import click

from xgit.cli.repository import repo_here
from xgit.cli.violations import violation_lines, violations_document
from xgit.errors import NO
from xgit.git import plumbing
from xgit.git import status as git_status


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
    from xgit.capture.cache import Cache
    from xgit.capture.data.find import PIN_PATTERNS
    from xgit.guards import registry
    from xgit.run.experiment import capture

    repo = repo_here()
    wanted = [registry.guard(name).id for name in names]
    tracked = git_status.tracked_paths(repo, *PIN_PATTERNS)
    with Cache(repo.private_dir) as cache:
        state = capture(repo, plumbing.identity_line(repo), tracked, cache)
    results = registry.judge(state, stage, only=wanted)
    if as_json:
        click.echo(json.dumps(violations_document(results), indent=2))
    else:
        for line in violation_lines(results):
            click.echo(line, err=True)
        for note in state.notes:
            click.echo(f"  note: {note}", err=True)
    return NO if registry.refusals(results) else 0
