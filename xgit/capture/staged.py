"""What the next commit adds or changes, with sizes, by what the index says of itself.

Neither the work tree nor all of HEAD is walked: git compares the index with HEAD and skips every
directory that is the same in both. The index of a hook (`GIT_INDEX_FILE`) is the one that is read.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

from xgit.capture.data.find import LFS_LIMIT_BYTES, lfs_pointer
from xgit.git.objects import read_objects
from xgit.git.plumbing import Repo, git_fields
from xgit.record.model import StagedFile

_SUBMODULE = "160000"
_OPTIONS = (
    *("--cached", "--raw", "-z", "--no-abbrev", "--no-renames", "--diff-filter=ACMTD"),
    *("--no-ext-diff", "--ignore-submodules=dirty"),
)


class _Change(NamedTuple):
    """A line of `git diff --raw`; the mode of a path that is gone is all zeros."""

    path: str
    mode: str
    old_blob: str
    blob: str


def staged_files(repo: Repo) -> tuple[StagedFile, ...]:
    """Every path whose content or mode the next commit adds or changes.

    In a merge, only what differs from each of the parents: the rest is in the history already.
    """
    changes = list(_changes(repo))
    gone = {change.old_blob for change in changes}
    for parent in _merged(repo):
        differing = {(change.path, change.blob) for change in _changes(repo, parent)}
        changes = [change for change in changes if (change.path, change.blob) in differing]
    changes = [change for change in changes if change.mode.strip("0")]
    contents = _contents(repo, changes)
    return tuple(_file(change, contents.get(change.blob), gone) for change in changes)


def _changes(repo: Repo, *commit: str) -> Iterator[_Change]:
    """What differs between the index and the commit: HEAD, or nothing where it is unborn."""
    fields = git_fields(repo, "diff", *_OPTIONS, *commit)
    for head, path in zip(fields[::2], fields[1::2], strict=True):
        _, mode, old, new, _ = head.split(" ")
        yield _Change(path, mode, old, new)


def _merged(repo: Repo) -> list[str]:
    """The other parents of the next commit, if it is a merge."""
    try:
        return (repo.git_dir / "MERGE_HEAD").read_text("ascii").split()
    except FileNotFoundError:
        return []


def _contents(repo: Repo, changes: list[_Change]) -> dict[str, bytes | int | None]:
    """The content of each blob that could be a pointer of git LFS, of the others the size."""
    blobs = list(dict.fromkeys(one.blob for one in changes if one.mode != _SUBMODULE))
    if not blobs:
        return {}
    return dict(zip(blobs, read_objects(repo, blobs, limit_bytes=LFS_LIMIT_BYTES), strict=True))


def _file(change: _Change, content: bytes | int | None, gone: set[str]) -> StagedFile:
    small = content if isinstance(content, bytes) else None
    size = content if isinstance(content, int) else len(small or b"")
    return StagedFile(
        change.path,
        change.mode,
        change.blob,
        size,
        lfs=small is not None and lfs_pointer(small) is not None,
        known=change.blob in gone,
    )
