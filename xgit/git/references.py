"""Refs, many at a time: which there are, and changes that hold only if nobody was quicker."""

from __future__ import annotations

import os
from collections.abc import Iterable
from contextlib import suppress
from typing import NamedTuple

from xgit.git.pack import DURABLE
from xgit.git.plumbing import GitError, Repo, git_bytes, git_done


class RefChange(NamedTuple):
    """A ref and what it is to become: `old` is None for one that is made, `new` for one that goes.

    Both are ids of objects, of a tag object where the ref is an annotated tag.
    """

    ref: str
    old: str | None
    new: str | None


def ref_ids(repo: Repo, *prefixes: str) -> dict[str, str]:
    """Full name to object id of every ref under the prefixes, sorted by name."""
    form = "--format=%(objectname) %(refname)"
    lines = git_bytes(repo, "for-each-ref", form, *prefixes).decode("utf-8", "surrogateescape")
    pairs = (line.split(" ", 1) for line in lines.splitlines())
    return {ref: oid for oid, ref in pairs}


def change_refs(repo: Repo, changes: Iterable[RefChange]) -> bool:
    """Make all the changes or none, durably.

    Returns:
        False where one of the refs is not what was expected of it, so that nothing was changed.

    Raises:
        GitError: git could not write.
    """
    wanted = list(changes)
    if not wanted:
        return True
    lines = "".join(_line(repo, change) for change in wanted)
    command = ("update-ref", "--no-deref", "--stdin", "-z")
    done = git_done(repo, *DURABLE, *command, data=os.fsencode(lines))
    if done.returncode:
        there = ref_ids(repo, *(change.ref for change in wanted))
        if any(there.get(change.ref) != change.old for change in wanted):
            return False
        raise GitError(command[:1], done.returncode, done.stderr.decode(errors="replace"))
    sync_refs(repo, (change.ref for change in wanted))
    return True


def _line(repo: Repo, change: RefChange) -> str:
    if change.new is None:
        return f"delete {change.ref}\0{change.old}\0"
    return f"update {change.ref}\0{change.new}\0{change.old or repo.zero}\0"


def sync_refs(repo: Repo, refs: Iterable[str]) -> None:
    """Sync the directories in which the refs lie, and what packs them: then their names last."""
    folders = {os.path.dirname(ref) for ref in refs}
    for name in (*folders, "packed-refs", ""):
        with suppress(FileNotFoundError):  # git packed them, and removed an empty directory
            handle = os.open(repo.common_dir / name, os.O_RDONLY)
            try:
                os.fsync(handle)
            finally:
                os.close(handle)


def pack_tags(repo: Repo) -> None:
    """Put tags into one file, as git does in the background: thousands of files are slow."""
    git_bytes(repo, *DURABLE, "pack-refs")
