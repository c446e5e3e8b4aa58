"""What the index says of entries that `git status` keeps quiet about."""

from __future__ import annotations

import os
import re
from collections.abc import Iterator, Sequence
from typing import NamedTuple

from xgit.git.plumbing import Repo, git_bytes, git_line

SUBMODULE_MODE = "160000"
SYMLINK_MODE = "120000"
# A tag in lower case stands for assume-unchanged, S for skip-worktree, s for both.
_SPECIAL = re.compile(rb"\0(?:[a-zS] |H 160000 )[^\0]*")
_PLAIN = range(0x20, 0x7F)


class SpecialEntry(NamedTuple):
    """A submodule, or an entry that git does not compare with the work tree.

    Attributes:
        tag: as `git ls-files -v` has it.
        mode: `100644`, `100755`, `120000` (a link) or `160000` (a submodule).
        blob: the id of its content; of a submodule its commit.
    """

    tag: str
    mode: str
    blob: str
    path: str

    @property
    def assumed_unchanged(self) -> bool:
        """Git was told that it never changes."""
        return self.tag.islower()

    @property
    def skipped(self) -> bool:
        """Git was told that it is not to be in the work tree: a sparse checkout does so."""
        return self.tag in ("S", "s")


def special_entries(repo: Repo) -> tuple[SpecialEntry, ...]:
    """The submodules and the entries that hide changes, by one reading of the index."""
    # The mode is asked for as well, so that submodules need no reading of their own.
    listed = b"\0" + git_bytes(repo, "ls-files", "-z", "-v", "--stage")
    return tuple(_entries(listed))


def _entries(listed: bytes) -> Iterator[SpecialEntry]:
    for found in _SPECIAL.finditer(listed):
        head, _, path = os.fsdecode(found[0][1:]).partition("\t")
        tag, mode, blob, _ = head.split(" ")
        yield SpecialEntry(tag, mode, blob, path)


def blobs_of_files(repo: Repo, paths: Sequence[str]) -> list[str]:
    """The ids that the files would have if they were added now, line ends and filters applied.

    Raises:
        GitError: one of them cannot be read.
    """
    data = b"".join(_quoted(path) + b"\n" for path in paths)
    return git_line(repo, "hash-object", "--stdin-paths", data=data).split("\n")


def _quoted(path: str) -> bytes:
    """The path in quotes as C has them, which git reads: it may hold a newline."""
    octal = (
        bytes([byte]) if byte in _PLAIN and byte not in b'"\\' else b"\\%03o" % byte
        for byte in os.fsencode(path)
    )
    return b'"' + b"".join(octal) + b'"'
