"""A repository where there is none yet: a lasting one, or one that only answers questions."""

from __future__ import annotations

import os
from pathlib import Path

from xgit.git.plumbing import Repo, git_bytes, open_repo


def init_repo(path: Path, *, object_format: str | None = None) -> Repo:
    """Make `path`, a directory, the top of a new repository, as `git init` there does.

    Args:
        object_format: `sha1` or `sha256`; git's default when None.
    """
    form = () if object_format is None else (f"--object-format={object_format}",)
    git_bytes(Repo(path, path / ".git", path / ".git"), "init", "--quiet", *form)
    return open_repo(path)


def questioning_repo(path: Path, aside: Path) -> Repo:
    """A repository that takes `path` for its work tree, and keeps everything of its own `aside`.

    It knows which files there are and which are ignored, and leaves nothing at `path`.
    """
    git_dir = aside / ".git"
    git_bytes(Repo(path, git_dir, git_dir), "init", "--quiet", os.fspath(aside))
    places = {"GIT_DIR": os.fspath(git_dir), "GIT_WORK_TREE": os.fspath(path)}
    return Repo(path, git_dir, git_dir, places=places)
