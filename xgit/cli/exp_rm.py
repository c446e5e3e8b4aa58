"""`xgit exp rm`: remove experiments, here or on a remote, and say what is lost by that."""

from __future__ import annotations

import sys
from collections.abc import Iterator, Sequence

import click

from xgit.cli.ids import ExperimentId
from xgit.cli.progress import progress_bar
from xgit.cli.repository import current_repo
from xgit.cli.table import json_text
from xgit.errors import NO, XgitError
from xgit.git.plumbing import Repo
from xgit.record import refs
from xgit.record.escape import visible
from xgit.share.nouns import Remote
from xgit.share.remove import Doomed, doomed_here, doomed_there, remove_here, remove_there
from xgit.store import experiments as store

_DEFAULT = ""  # `--remote` without a name


@click.command(name="rm")
@click.argument("experiments", nargs=-1, required=True, metavar="ID…", type=ExperimentId())
@click.option(
    "--remote", is_flag=False, flag_value=_DEFAULT, metavar="[NAME]",
    help="Remove them on a remote instead of here.",
)  # fmt: skip
@click.option("--yes", "-y", is_flag=True, help="With --remote, do not ask.")
@click.option("--json", "as_json", is_flag=True, help="Print one JSON document.")
def command(experiments: tuple[str, ...], remote: str | None, yes: bool, as_json: bool) -> int:
    """Remove experiments here, or with --remote there: the tags, the verdicts on them, and the
    children of a sweep.

    What is removed here is printed with the command that brings it back, as long as git has not
    tidied up. On a remote it is gone for everyone: it is asked for, or needs --yes. The remote
    that is meant without a name is the one of xgit exp push; write --remote behind the ids.

    With --json: {"remote", "removed": [{"id", "tags", "children", "elsewhere"}]}; "remote" is null
    where they were removed here, "elsewhere" says whether the other side has the same.

    \b
    Example: xgit exp rm wide-net
             xgit exp rm wide-net --remote=origin
    """
    from xgit.share.remote import choose_remote

    repo = current_repo()
    if remote is None:
        ids = [store.resolve(repo, one) for one in experiments]
        doomed = doomed_here(repo, ids, _any_remote(repo))
        remove_here(repo, doomed)
        lines = list(_losses(doomed)) if not as_json else []
    else:
        chosen = choose_remote(repo, remote or None, to_push=True)
        doomed = doomed_there(repo, [_there(repo, one) for one in experiments], chosen)
        if not _is_wanted(doomed, chosen, yes=yes):
            return NO
        with progress_bar(quiet=as_json) as watch:
            remove_there(repo, doomed, chosen, watch)
        lines = [f"removed on {chosen.name}: {_name(ref)}" for one in doomed for ref in one.tags]
    for line in lines:
        click.echo(visible(line), err=True)
    if as_json:
        removed = [one._asdict() for one in doomed]
        where = None if remote is None else chosen.name
        click.echo(json_text({"remote": where, "removed": removed}), nl=False)
    return 0


def _any_remote(repo: Repo) -> Remote | None:
    from xgit.share.remote import choose_remote

    try:
        return choose_remote(repo, None, to_push=True)
    except XgitError:  # none, or it is not clear which
        return None


def _there(repo: Repo, text: str) -> str:
    """The id that is meant; one that is not here any more must be spelled out."""
    try:
        return store.resolve(repo, text)
    except XgitError:
        name = refs.parse_tag(text)
        if refs.ID_GRAMMAR.fullmatch(name):
            return name
        raise


def _is_wanted(doomed: Sequence[Doomed], remote: Remote, *, yes: bool) -> bool:
    count = sum(len(one.tags) for one in doomed)
    for one in doomed:
        kept = "and is here as well" if one.elsewhere else "and is NOT here: it would be lost"
        click.echo(visible(f"{refs.format_tag(one.id)} is on {remote.name}, {kept}"), err=True)
        for ref in sorted(one.tags):
            if refs.parse_verdict_ref(ref):
                click.echo(visible(f"  with the verdict {_name(ref)}"), err=True)
    if yes:
        return True
    if not sys.stdin.isatty():
        raise XgitError("there is no terminal to ask at", "xgit exp rm … --remote --yes")
    noun = "tag" if count == 1 else f"{count} tags"
    return click.confirm(f"remove the {noun} on {visible(remote.name)} for everyone?", err=True)


def _losses(doomed: Sequence[Doomed]) -> Iterator[str]:
    """What was removed here, whether others have it, and how it comes back."""
    for one in doomed:
        where = {True: "the remote has it", False: "it was on no remote", None: "no remote known"}
        yield f"removed: {refs.format_tag(one.id)} ({where[one.elsewhere]})"
        if one.children:
            yield f"  a sweep, with its {len(one.children)} children"
        for ref, oid in sorted(one.tags.items()):
            verdict = f"  its verdict {_name(ref)}: " if refs.parse_verdict_ref(ref) else "  "
            yield f"{verdict}to have it again: git update-ref {ref} {oid}"


def _name(ref: str) -> str:
    return ref.removeprefix("refs/tags/")
