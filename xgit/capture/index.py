"""Submodules, and changes that git was told not to look at: what the index says of itself."""

from __future__ import annotations

import json
import os
import stat
from collections.abc import Iterable, Iterator, Mapping, Sequence

from xgit.capture.cache import Cache, Stamp
from xgit.git import index as git_index
from xgit.git.index import SUBMODULE_MODE, SYMLINK_MODE, SpecialEntry
from xgit.git.plumbing import Repo
from xgit.record.code_facts import HiddenChange

_WORTH_KEEPING_BYTES = 1_000_000  # to ask git about a smaller index takes as long as the cache
_MOST_KEPT = 10_000
_Found = tuple[SpecialEntry, os.stat_result]


def special_entries(repo: Repo, cache: Cache) -> tuple[SpecialEntry, ...]:
    """Submodules and entries that hide changes; those of a large index are remembered."""
    path = repo.git_dir / "index"
    stamp = _stamp(path)
    if stamp is None:
        return git_index.special_entries(repo)
    kept = cache.document(str(path), stamp)
    if kept is not None:
        return tuple(SpecialEntry(*entry) for entry in json.loads(kept))
    found = git_index.special_entries(repo)
    if len(found) <= _MOST_KEPT and _stamp(path) == stamp:
        cache.keep_document(str(path), stamp, json.dumps(found))
    return found


def _stamp(path: os.PathLike[str]) -> Stamp | None:
    """The stamp of the index, or None where asking git is as good."""
    try:
        found = Stamp.of(os.stat(path))
    except OSError:
        return None
    own = "GIT_INDEX_FILE" not in os.environ  # as in some hooks
    return found if own and found.size >= _WORTH_KEEPING_BYTES else None


def submodules_of(entries: Iterable[SpecialEntry]) -> dict[str, str]:
    """Path of each submodule to the commit that the index records for it."""
    return {one.path: one.blob for one in entries if one.mode == SUBMODULE_MODE}


# ---------------------------------------------------------------- hidden changes


def hidden_changes(
    repo: Repo, entries: Iterable[SpecialEntry], cache: Cache
) -> tuple[HiddenChange, ...]:
    """The files that differ from the index and that `git status` does not tell of.

    A file that a sparse checkout leaves out is not there, and no change.

    Raises:
        GitError: a file cannot be read.
    """
    quiet = [one for one in entries if one.tag != "H" and one.mode != SUBMODULE_MODE]
    if not quiet:
        return ()
    there = dict(_there(repo, quiet))
    same = _unchanged(repo, there, cache)
    return tuple(
        HiddenChange(one.path, _flags(one))
        for one in quiet
        if not (one in same or (one not in there and one.skipped))
    )


def _flags(entry: SpecialEntry) -> tuple[str, ...]:
    hides = {"assume-unchanged": entry.assumed_unchanged, "skip-worktree": entry.skipped}
    return tuple(name for name, does in hides.items() if does)


def _there(repo: Repo, entries: Sequence[SpecialEntry]) -> Iterator[_Found]:
    """The entries whose path is there, with its stat; of a missing directory none is asked."""
    root = os.fspath(repo.work_tree)
    folders: dict[str, bool] = {}
    for entry in entries:
        folder = os.path.dirname(entry.path)
        if folder not in folders:
            folders[folder] = os.path.isdir(os.path.join(root, folder))
        if folders[folder]:
            try:
                yield entry, os.lstat(os.path.join(root, entry.path))
            except FileNotFoundError:
                continue


def _unchanged(
    repo: Repo, there: Mapping[SpecialEntry, os.stat_result], cache: Cache
) -> set[SpecialEntry]:
    links = {one for one in there if one.mode == SYMLINK_MODE and _link_blob(repo, one) == one.blob}
    files = {
        one: Stamp.of(found)
        for one, found in there.items()
        if one.mode != SYMLINK_MODE and stat.S_ISREG(found.st_mode)
    }
    blobs = _file_blobs(repo, {one.path: stamp for one, stamp in files.items()}, cache)
    return links | {one for one in files if blobs[one.path] == one.blob}


def _file_blobs(repo: Repo, files: Mapping[str, Stamp], cache: Cache) -> dict[str, str]:
    """The id of each file by its path; the cache knows them by absolute paths."""
    root = os.fspath(repo.work_tree)
    absolute = {os.path.join(root, path): stamp for path, stamp in files.items()}
    algorithm = f"git-{repo.object_format}"
    known = cache.hashes(absolute, algorithm)
    unknown = [path for path in files if os.path.join(root, path) not in known]
    if unknown:
        answers = git_index.blobs_of_files(repo, unknown)
        fresh = {
            os.path.join(root, path): blob for path, blob in zip(unknown, answers, strict=True)
        }
        cache.keep_hashes(fresh, absolute, algorithm)
        known |= fresh
    return {path: known[os.path.join(root, path)] for path in files}


def _link_blob(repo: Repo, entry: SpecialEntry) -> str | None:
    """The id of the link; where links are not to be had, git writes a file that says the same."""
    import hashlib

    path = repo.work_tree / entry.path
    try:
        said = os.fsencode(os.readlink(path)) if path.is_symlink() else path.read_bytes()
    except OSError:
        return None
    return hashlib.new(repo.object_format, b"blob %d\0" % len(said) + said).hexdigest()
