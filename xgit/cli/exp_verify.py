"""`xgit exp verify`: hold experiments and verdicts against what they say of themselves."""

from __future__ import annotations

import sys
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING

import click

from xgit.cli.ids import ExperimentId
from xgit.cli.repository import current_repo
from xgit.cli.table import Screen, json_text, paint, screen
from xgit.errors import NO, XgitError
from xgit.git import objects as git_objects
from xgit.record import refs
from xgit.record.escape import visible
from xgit.record.model import Json
from xgit.store import experiments

if TYPE_CHECKING:
    from xgit.git.plumbing import Repo
    from xgit.verify.nouns import Check, Verified

_MARKS = {"passed": ("✓", "green"), "failed": ("✗", "red"), "unknown": ("?", "yellow")}
_WIDTH = 11  # of the names of checks
_MANY = 5  # from here on only what did not pass is shown


@click.command(name="verify")
@click.argument("ids", metavar="[ID]...", nargs=-1, type=ExperimentId())
@click.option("--all", "everything", is_flag=True, help="Verify all experiments and verdicts.")
@click.option("--require-signature", is_flag=True, help="Fail without a good signature.")
@click.option("--json", "as_json", is_flag=True, help="Print every check as JSON.")
@click.option("--quiet", "-q", is_flag=True, help="Print what failed, and nothing else.")
def command(
    ids: tuple[str, ...],
    everything: bool,
    require_signature: bool,
    as_json: bool,
    quiet: bool,
) -> int:
    """Check that experiments, and the verdicts on them, are what they say they are.

    Signature, name, parent, tree, schema, files, summary, artifacts, data and remotes: a line for
    each, and for what could not be checked. Nothing of the repository is run, and who is
    trusted is read from your own git config alone.

    Exit code 0: nothing failed; 1: something did; 2: it could not be tried.

    With --json a list with "id", "ref", "tag", "verified" and "checks", each of these with
    "name", "outcome" (passed, failed or unknown), "told" and "remedy".

    \b
    Example: xgit exp verify @
             xgit exp verify --all --require-signature --quiet
    """
    from xgit.verify.every import verify_refs

    repo = current_repo()
    wanted = _wanted(repo, ids, everything)
    found = []
    shown = len(wanted) > _MANY and sys.stderr.isatty() and not sys.stdout.isatty()
    for one in verify_refs(repo, wanted, signed=require_signature):
        found.append(one)
        if shown:
            click.echo(f"\r{len(found)}/{len(wanted)}\r", err=True, nl=False)
        if not as_json:
            short = quiet or len(wanted) > _MANY
            for line in lines_of(one, screen(), only_wrong=short, silent=quiet):
                click.echo(line)
    if as_json:
        click.echo(json_text([document(one) for one in found]), nl=False)
    return 0 if all(one.verified for one in found) else NO


def _wanted(repo: Repo, ids: Sequence[str], everything: bool) -> list[str]:
    """The full names of the refs, of each experiment first its own, then those of its verdicts."""
    if everything == bool(ids):
        told = "name experiments, or --all" if not ids else "either ids or --all, not both"
        raise XgitError(told, "xgit exp verify @")
    if everything:
        return sorted(
            ref for prefix in refs.PROTECTED_PREFIXES for ref in git_objects.ref_names(repo, prefix)
        )
    found: dict[str, None] = {}
    for one in dict.fromkeys(experiments.resolve(repo, text) for text in ids):
        found[refs.format_ref(one)] = None
        found |= dict.fromkeys(git_objects.ref_names(repo, refs.verdicts_prefix(one)))
    return list(found)


def document(one: Verified) -> Json:
    """A tag as `--json` prints it."""
    return {
        "id": one.ref.split("/", 3)[-1],
        "ref": one.ref,
        "tag": one.tag,
        "verified": one.verified,
        "checks": [check._asdict() for check in one.checks],
    }


def lines_of(
    one: Verified, where: Screen, *, only_wrong: bool = False, silent: bool = False
) -> Iterator[str]:
    """The report on one tag.

    Args:
        only_wrong: leave out the checks that passed.
        silent: leave out a tag of which none failed, and every check that did not.
    """
    if silent and one.verified:
        return
    yield _headline(one, where)
    for check in one.checks:
        if check.outcome == "failed" or not (silent or (only_wrong and check.outcome == "passed")):
            yield from _lines(check, where)


def _headline(one: Verified, where: Screen) -> str:
    name = visible(one.ref.removeprefix("refs/tags/"))
    mark, style = _MARKS["passed" if one.verified else "failed"]
    wrong = sum(check.outcome == "failed" for check in one.checks)
    said = "verified" if one.verified else f"not verified, {_count(wrong, 'check')} failed"
    open_ = f", {_count(one.unknown, 'check')} could not be made" if one.unknown else ""
    return f"{paint(mark, style, where)} {paint(name, 'bold', where)}   {said}{open_}"


def _count(number: int, noun: str) -> str:
    return f"{number} {noun}{'' if number == 1 else 's'}"


def _lines(check: Check, where: Screen) -> Iterator[str]:
    mark, style = _MARKS[check.outcome]
    yield f"  {paint(mark, style, where)} {check.name:<{_WIDTH}}{visible(check.told)}"
    if check.remedy and check.outcome != "passed":
        yield f"    {'':<{_WIDTH}}{visible(check.remedy)}"
