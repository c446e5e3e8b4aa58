"""Checks against the remotes: whether they have the same tag, and the commit that ran on a branch.

Each remote is asked once for all experiments, and nothing is fetched.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

from xgit.git import remotes
from xgit.git.plumbing import GitError, Repo
from xgit.git.transport import remote_ids
from xgit.record.refs import EXPERIMENT_PREFIX, REPRODUCTION_PREFIX
from xgit.record.urls import mask_urls
from xgit.verify.nouns import Check, failed, passed, unknown
from xgit.verify.stored import Stored

_HEADS = "refs/heads/"


class Remote(NamedTuple):
    """What a remote has.

    Attributes:
        refs: full name to id of its branches, experiments and verdicts; a tag's is the tag object.
        here: those tips of its branches that are in this clone.
        trouble: why it did not answer, or None.
    """

    name: str
    refs: dict[str, str]
    here: frozenset[str]
    trouble: str | None = None

    @property
    def heads(self) -> frozenset[str]:
        """The commits at which its branches are."""
        return frozenset(oid for ref, oid in self.refs.items() if ref.startswith(_HEADS))


def ask_all(repo: Repo) -> tuple[Remote, ...]:
    """What each configured remote has; of one that does not answer, why."""
    return tuple(_ask(repo, name) for name in repo.config.remotes)


def _ask(repo: Repo, name: str) -> Remote:
    try:
        found = remote_ids(repo, name, _HEADS, EXPERIMENT_PREFIX, REPRODUCTION_PREFIX)
    except GitError as error:
        return Remote(name, {}, frozenset(), mask_urls(error.message, ""))
    tips = {oid for ref, oid in found.items() if ref.startswith(_HEADS)}
    return Remote(name, found, frozenset(remotes.commits_here(repo, tips)))


def check_remote(it: Stored, asked: Sequence[Remote]) -> Check:
    """A tag that was moved, here or there, is another object than the one on the remote."""
    others = [one.name for one in asked if one.refs.get(it.ref, it.oid) != it.oid]
    if others:
        told = f"{others[0]} has another tag of this name: one of the two was moved"
        return failed("remote", told, f"git ls-remote {others[0]} {it.ref}")
    have = [one.name for one in asked if it.ref in one.refs]
    if have:
        return passed("remote", f"{', '.join(have)} has the same tag")
    if not asked:
        return unknown("remote", "there is no remote to compare with", "git remote add origin URL")
    silent = [one for one in asked if one.trouble]
    if silent:
        return unknown("remote", f"{silent[0].name} did not answer: {silent[0].trouble}")
    return unknown("remote", "no remote has it yet", f"xgit exp push {it.name}")


def check_code(
    repo: Repo,
    it: Stored,
    commit: str,
    asked: Sequence[Remote],
    reached: dict[tuple[str, str], bool],
) -> Check:
    """Whether others can get the commit by a branch, and not by the tag alone.

    Args:
        reached: what was found of the names of remotes and commits; it is added to.
    """
    for one in asked:
        key = (one.name, commit)
        if key not in reached:
            reached[key] = _reaches(repo, one, commit)
        if reached[key]:
            return passed("code", f"a branch of {one.name} has {commit[:7]}")
    if not asked:
        return unknown("code", "there is no remote", "git remote add origin URL")
    silent = [one for one in asked if one.trouble]
    if silent:
        return unknown("code", f"{silent[0].name} did not answer: {silent[0].trouble}")
    behind = [one.name for one in asked if one.heads - one.here]
    if behind:
        told = f"branches of {behind[0]} have commits that are not here, which may lead to it"
        return unknown("code", told, f"git fetch {behind[0]}")
    told = f"no branch of a remote has {commit[:7]}: it was never pushed, or forced away"
    return unknown("code", told, f"xgit exp push {it.name}")


def _reaches(repo: Repo, remote: Remote, commit: str) -> bool:
    if not (remote.here and remotes.commits_here(repo, [commit])):
        return False
    try:
        return remotes.is_reached(repo, commit, remote.here)
    except GitError:  # the history is not whole here
        return False
