"""Checks of the record commit: its parent, and what it changes."""

from __future__ import annotations

from collections.abc import Sequence

from xgit.git import objects as git_objects
from xgit.git import raw
from xgit.git.plumbing import Repo
from xgit.git.raw import Entry
from xgit.record.model import Code
from xgit.store.tags import RECORD_DIR
from xgit.verify.nouns import Check, failed, passed, unknown
from xgit.verify.stored import Stored

_SHOWN = 4


def check_parent(repo: Repo, it: Stored, code: Code) -> Check:
    """One parent, and that the recorded one; a snapshot stands on the recorded HEAD in turn."""
    parents = it.commit.parents
    if len(parents) != 1:
        return failed("parent", f"the record commit has {len(parents)} parents", _log(it))
    if parents[0] != code.ran:
        told = f"its parent is {parents[0][:7]}, and the record says that {code.ran[:7]} ran"
        return failed("parent", told, f"git diff {code.ran} {parents[0]} --")
    if code.snapshot is None:
        return passed("parent")
    own = raw.as_stored(repo)
    below, second = git_objects.object_names(own, [f"{code.snapshot}^1", f"{code.snapshot}^2"])
    if below is None and not git_objects.object_names(own, [code.snapshot])[0]:
        return unknown("parent", "the snapshot is not here", _fetching(repo, code.snapshot))
    if below != code.commit or second is not None:
        told = f"the snapshot does not stand on {code.commit[:7]} alone, as the record says"
        return failed("parent", told, _log(it))
    return passed("parent")


def _log(it: Stored) -> str:
    return f"git log --graph --oneline -3 {it.commit_oid}"


def _fetching(repo: Repo, commit: str) -> str:
    return "git fetch --unshallow" if repo.shallow else f"git fetch origin {commit}"


def check_tree(repo: Repo, it: Stored) -> Check:
    """Beside `.xgit/` the tree is that of the parent, entry for entry."""
    if len(it.commit.parents) != 1:
        return unknown("tree", "there is no one parent to compare it with")
    if it.parent_root is None:
        told = "the commit that ran is not here, so it cannot be told what the record adds to it"
        return unknown("tree", told, _fetching(repo, it.commit.parents[0]))
    own, parent = _beside(it.root), _beside(it.parent_root)
    names = {entry.name for entry in own ^ parent}
    if names:
        more = f" and {len(names) - _SHOWN} more" if len(names) > _SHOWN else ""
        named = ", ".join(sorted(names)[:_SHOWN]) + more
        told = f"the record commit changes what it must leave alone: {named}"
        remedy = f"git diff {it.commit.parents[0]} {it.commit_oid} -- . ':(exclude){RECORD_DIR}'"
        return failed("tree", told, remedy)
    if len(it.root) != len({entry.name for entry in it.root}):
        return failed("tree", "an entry of its tree is there twice", "git fsck")
    return passed("tree")


def _beside(entries: Sequence[Entry]) -> set[Entry]:
    return {entry for entry in entries if entry.name != RECORD_DIR}
