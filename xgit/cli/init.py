"""`xgit init`: a new project, or the convention added to one."""

from __future__ import annotations

import difflib
import json
import os
import shlex
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path
from tempfile import TemporaryDirectory

import click

from xgit.errors import XgitError
from xgit.git.create import init_repo, questioning_repo
from xgit.git.plumbing import NoRepository, Repo, open_repo
from xgit.record.escape import visible
from xgit.setup import files
from xgit.setup.after import next_command
from xgit.setup.ci_jobs import HOSTS
from xgit.setup.new_project import TEMPLATES
from xgit.setup.nouns import Change, Plan
from xgit.setup.plan import make_plan


@click.command(name="init")
@click.option(
    "--template", type=click.Choice(TEMPLATES), help="Lay this down, in an empty directory."
)
@click.option("--ci", type=click.Choice(HOSTS), help="Add the jobs that check and reproduce.")
@click.option("--dry-run", is_flag=True, help="Show what would change, and change nothing.")
@click.option("--json", "as_json", is_flag=True, help="Print what was done as JSON.")
def command(template: str | None, ci: str | None, dry_run: bool, as_json: bool) -> None:
    """Make an empty directory a project, or add what xgit needs to the one that is here.

    Nothing is overwritten, nothing is committed, and a second time nothing is changed.

    With --json a document {"root", "git_init", "created", "changed", "found", "notes", "diff",
    "next"} is printed; "next" is a command.

    Example: xgit init --dry-run
    """
    here = _here()
    with ExitStack() as stack:
        repo, new_repo = _opened(here, stack)
        plan = make_plan(repo, template=template, new_repo=new_repo, ci=ci)
        if not dry_run:
            repo = init_repo(here) if new_repo else repo
            files.write(plan.changes)
        after = "xgit init" if dry_run else next_command(repo, plan, here)
    if as_json:
        click.echo(json.dumps(_document(plan, after), indent=2))
    elif dry_run:
        _show_diff(plan)
    else:
        _tell(plan, after)


def _here() -> Path:
    try:
        return Path.cwd()
    except FileNotFoundError as error:
        raise XgitError("the current directory is gone", "cd ..") from error


def _opened(here: Path, stack: ExitStack) -> tuple[Repo, bool]:
    """The repository here, and whether it is still to be made."""
    try:
        repo = open_repo(here)
    except NoRepository:
        if os.path.lexists(here / ".git"):
            raise
        aside = Path(stack.enter_context(TemporaryDirectory(prefix="xgit-init-")))
        return questioning_repo(here, aside), True
    root = repo.work_tree
    if not here.samefile(root) and not os.listdir(here):
        raise XgitError(
            f"this directory is empty, and lies in the repository {root}",
            f"git init && xgit init  (a project of its own), or cd {shlex.quote(str(root))}",
        )
    return repo, False


# ---------------------------------------------------------------- what is told


def _tell(plan: Plan, after: str) -> None:
    for found in plan.found:
        click.echo(f"  found    {visible(found)}")
    if plan.new_repo:
        click.echo("  git init, since there was no repository")
    for change in plan.changes:
        verb = "created" if change.before is None else "changed"
        click.echo(f"  {verb}  {visible(change.name)}")
    if not plan.changes:
        click.echo(f"nothing to change in {visible(str(plan.root))}")
    _tell_notes(plan)
    click.echo(f"next: {visible(after)}")


def _tell_notes(plan: Plan) -> None:
    for note in plan.notes:
        first, *more = note.split("\n")
        click.echo(f"  note: {visible(first)}", err=True)
        for line in more:
            click.echo(f"    {visible(line)}", err=True)


def _show_diff(plan: Plan) -> None:
    for line in _diff(plan):
        click.echo(visible(line))
    if not plan.changes:
        click.echo(f"nothing to change in {visible(str(plan.root))}", err=True)
    if plan.new_repo:
        click.echo("  git init would come first, since there is no repository", err=True)
    _tell_notes(plan)


def _diff(plan: Plan) -> Iterator[str]:
    for change in plan.changes:
        yield from _file_diff(change)


def _file_diff(change: Change) -> Iterator[str]:
    old = "/dev/null" if change.before is None else f"a/{change.name}"
    before, after = (_lines(text) for text in (change.before or b"", change.after))
    for line in difflib.unified_diff(before, after, old, f"b/{change.name}"):
        yield line.rstrip("\r\n")
        if not line.endswith("\n"):
            yield "\\ No newline at end of file"


def _lines(content: bytes) -> list[str]:
    return [line.decode(errors="replace") for line in content.splitlines(keepends=True)]


def _document(plan: Plan, after: str) -> dict[str, object]:
    return {
        "root": str(plan.root),
        "git_init": plan.new_repo,
        "created": [one.name for one in plan.changes if one.before is None],
        "changed": [one.name for one in plan.changes if one.before is not None],
        "found": list(plan.found),
        "notes": list(plan.notes),
        "diff": "".join(f"{line}\n" for line in _diff(plan)),
        "next": after,
    }
