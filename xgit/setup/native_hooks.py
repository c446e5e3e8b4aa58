"""Git's own hooks, for a repository without pre-commit; a hook that is there stays."""

from __future__ import annotations

import os
from pathlib import Path
from shutil import which

from xgit.git.plumbing import Repo, git_fields
from xgit.setup.nouns import Change
from xgit.templates import template

NAMES = ("pre-commit", "pre-push", "post-checkout")


def native_hooks(repo: Repo, folder: Path) -> tuple[list[Change], list[str]]:
    """The hooks to put into `folder`, and what to tell of those that are not."""
    if names_hooks_path(repo):
        return [], ["core.hooksPath is set, so no hook was added: see docs/hooks.md"]
    there = repo.common_dir / "hooks"
    missing = [name for name in NAMES if not os.path.lexists(there / name)]
    notes = [
        f"the hook {name} that is there was left as it is: see docs/hooks.md"
        for name in NAMES
        if name not in missing and b"xgit" not in _content(there / name)
    ]
    if missing and which("xgit-guard") is None:
        return [], [*notes, "xgit-guard is not on PATH, so no hook was added: see docs/hooks.md"]
    own = template("hooks")
    shown = os.path.relpath(folder, repo.work_tree)
    changes = [
        Change(f"{shown}/{name}", folder / name, None, (own / name).read_bytes(), executable=True)
        for name in missing
    ]
    return changes, notes


def _content(path: os.PathLike[str]) -> bytes:
    if not os.path.isfile(path):
        return b""
    with open(path, "rb") as file:
        return file.read(1024 * 1024)


def names_hooks_path(repo: Repo) -> bool:
    """Whether the configuration names a directory for hooks; not counted is our own option."""
    asked = ("config", "-z", "--show-scope", "--get-all", "core.hooksPath")
    scopes = git_fields(repo, *asked)[::2]
    return any(scope != "command" for scope in scopes)
