"""A project where there is none: the files of a template, named after the directory."""

from __future__ import annotations

import os
import re
from collections.abc import Iterator
from fnmatch import fnmatch

from xgit.errors import XgitError
from xgit.git.plumbing import Repo, git_done
from xgit.templates import template

TEMPLATES = ("project",)
PLACEHOLDER = "my-project"
# What a git host, an editor or the making of an environment leaves before there is a project.
_BEFORE = (
    ".git", "README*", "LICENSE*", "LICENCE*", ".gitignore", ".gitattributes", ".venv", "venv",
    ".python-version", ".idea", ".vscode", ".DS_Store",
)  # fmt: skip


def is_new(repo: Repo) -> bool:
    """Whether nothing of a project is there, neither on disk nor in the last commit."""
    committed = os.fsdecode(git_done(repo, "ls-tree", "-z", "--name-only", "HEAD").stdout)
    names = {*os.listdir(repo.work_tree), *filter(None, committed.split("\0"))}
    return all(any(fnmatch(name, known) for known in _BEFORE) for name in names)


def laid_down(name: str, directory: str) -> Iterator[tuple[str, bytes]]:
    """Name and content of each file of the template.

    Raises:
        XgitError: there is no such template.
    """
    if name not in TEMPLATES:
        raise XgitError(f"there is no template {name!r}", f"xgit init --template {TEMPLATES[0]}")
    place = template(name)
    called = re.sub(r"[^a-z0-9]+", "-", directory.lower()).strip("-") or PLACEHOLDER
    for path in sorted(place.rglob("*")):
        if path.is_file() and "__pycache__" not in path.parts:
            text = path.read_text(encoding="utf-8").replace(PLACEHOLDER, called)
            yield path.relative_to(place).as_posix(), text.encode()
