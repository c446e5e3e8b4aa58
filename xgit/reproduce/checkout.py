"""The recorded commit in a fresh repository, fetched from a remote where one has it."""

from __future__ import annotations

from pathlib import Path
from typing import Literal, NamedTuple

from xgit.git import fresh
from xgit.git import objects as git_objects
from xgit.git.plumbing import GitError, Repo
from xgit.record import refs
from xgit.record.model import Experiment
from xgit.record.urls import strip_url
from xgit.reproduce.failure import CannotReproduce

_NOT_THERE = "couldn't find remote ref"


class Checkout(NamedTuple):
    """A work tree of the commit that ran, in a repository that shares nothing with the user's.

    Attributes:
        source: `here` when no remote has the experiment, so that this clone had to do.
        url: where it came from, without credentials; None for this clone.
    """

    repo: Repo
    source: Literal["remote", "here"]
    url: str | None
    notes: tuple[str, ...] = ()


def remote_of(repo: Repo, experiment: Experiment) -> str | None:
    """The remote to fetch from: the recorded one by its name, else origin, else the only one."""
    names = repo.config.remotes
    recorded = (experiment.code.remote or "").partition(" ")[0]
    wanted = [one for one in (recorded, "origin") if one in names]
    if not wanted and len(names) == 1:
        return names[0]
    return wanted[0] if wanted else None


def fetch(repo: Repo, experiment: Experiment, at: Path) -> Checkout:
    """Fetch the experiment into an empty directory and check out the commit that ran.

    Raises:
        CannotReproduce: no repository has it whole, or the tag there is another one.
    """
    remote = remote_of(repo, experiment)
    at.mkdir()
    found = _from_remote(repo, experiment, at, remote) if remote else None
    if found is None:
        found = _from_here(repo, experiment, at, remote)
    _check_parent(found.repo, experiment)
    _check_out(found.repo, experiment, repo)
    return found._replace(notes=(*found.notes, *_branch_notes(found, experiment)))


def _from_remote(repo: Repo, experiment: Experiment, at: Path, remote: str) -> Checkout | None:
    """None where the remote does not have the experiment."""
    ref = refs.format_ref(experiment.id)
    url = fresh.remote_url(repo, remote)
    made = fresh.make_fresh(at, repo, strip_url(url))
    try:
        fresh.fetch_ref(made, url, ref, repo)
    except GitError as error:
        if _NOT_THERE in error.stderr:
            return None
        told = f"{remote} ({strip_url(url)}) cannot be fetched from: {_first(error)}"
        raise CannotReproduce("fetch", told, f"git fetch {remote}", tells=False) from error
    ours, theirs = (git_objects.object_names(one, [ref])[0] for one in (repo, made))
    if ours != theirs:
        raise CannotReproduce(
            "fetch",
            f"{remote} has another experiment/{experiment.id}: {theirs}, not {ours}",
            f"git ls-remote {remote} '{ref}*', and ask who made the other",
        )
    return Checkout(made, "remote", strip_url(url))


def _first(error: GitError) -> str:
    return error.message.partition(" failed: ")[2] or error.message


def _from_here(repo: Repo, experiment: Experiment, at: Path, remote: str | None) -> Checkout:
    url = str(repo.common_dir)
    known = strip_url(fresh.remote_url(repo, remote)) if remote else url
    made = fresh.make_fresh(at, repo, known)
    try:
        fresh.fetch_ref(made, url, refs.format_ref(experiment.id), repo)
    except GitError as error:
        hint = "git fsck" if not repo.shallow else "git fetch --unshallow"
        told = f"experiment/{experiment.id} is not whole here: {_first(error)}"
        raise CannotReproduce("fetch", told, hint) from error
    where = f"{remote} does not have it" if remote else "there is no remote"
    note = f"the code came from this clone, since {where}: xgit exp push {experiment.id}"
    return Checkout(made, "here", None, (note,))


def _check_parent(made: Repo, experiment: Experiment) -> None:
    """The record names a commit, and its own commit has a parent: they must be the same."""
    ref = refs.format_ref(experiment.id)
    parent, second = git_objects.object_names(made, [f"{ref}^{{commit}}^1", f"{ref}^{{commit}}^2"])
    if parent != experiment.code.ran or second is not None:
        raise CannotReproduce(
            "fetch",
            f"the record says that {experiment.code.ran} ran, and the parent of its commit is "
            f"{parent}: it was tampered with",
            f"git show {refs.format_tag(experiment.id)}",
        )


def _check_out(made: Repo, experiment: Experiment, like: Repo) -> None:
    try:
        fresh.check_out(made, experiment.code.ran, like)
        if experiment.code.submodules:
            fresh.check_out_submodules(made, like)
    except GitError as error:
        told = f"{experiment.code.ran} cannot be checked out: {_first(error)}"
        raise CannotReproduce("fetch", told) from error


def _branch_notes(found: Checkout, experiment: Experiment) -> tuple[str, ...]:
    """A branch that was rewritten or removed since: the tag alone keeps the commit now."""
    branch = experiment.code.branch
    if found.source == "here" or experiment.code.snapshot:
        return ()
    if fresh.branches_with(found.repo, experiment.code.commit):
        return ()
    what = f"{branch} was rewritten or removed, and no other" if branch else "no"
    return (f"{what} branch of the remote has the commit: the experiment's tag alone keeps it",)
