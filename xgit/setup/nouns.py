"""What is planned: files with their content before and after, and what to tell of it."""

from __future__ import annotations

from pathlib import Path
from typing import NamedTuple


class ByHand(Exception):
    """A file that a person must edit: what to add, in words that follow `add to FILE:`."""


class Change(NamedTuple):
    """A file that is to be made or changed.

    Attributes:
        name: as it is told, relative to the top of the project.
        path: where it is written, links resolved.
        before: its content; None for a file that is not there.
    """

    name: str
    path: Path
    before: bytes | None
    after: bytes
    executable: bool = False


class Plan(NamedTuple):
    """All that `xgit init` would do.

    Attributes:
        root: the top of the project.
        new_repo: `git init` comes first.
        found: what there is, in a few words each.
        convention: files of the work tree that belong to a commit, changed now or before.
        notes: what was left to the user.
        installs: the command that switches the hooks on, or empty.
    """

    root: Path
    new_repo: bool
    changes: tuple[Change, ...]
    found: tuple[str, ...] = ()
    convention: tuple[str, ...] = ()
    notes: tuple[str, ...] = ()
    installs: str = ""
