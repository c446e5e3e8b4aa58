"""Git's own hooks, for a repository without pre-commit; a hook that is there stays."""

from __future__ import annotations

import os
import shlex
import sys
from pathlib import Path
from shutil import which

from xgit.git.plumbing import Repo, git_fields
from xgit.setup.nouns import Change
from xgit.templates import template

NAMES = ("pre-commit", "pre-push", "post-checkout")
PROGRAM = "xgit-guard"
_UNTOLD = b"recorded=''"  # a line of each script


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
    program = guard_program()
    if missing and program is None:
        return [], [*notes, "xgit-guard is not on PATH, so no hook was added: see docs/hooks.md"]
    shown = os.path.relpath(folder, repo.work_tree)
    changes = [
        Change(f"{shown}/{name}", folder / name, None, _script(name, program), executable=True)
        for name in missing
    ]
    return changes, notes


def guard_program() -> str | None:
    """The absolute path of the `xgit-guard` of this installation, else of the one on PATH."""
    for program in (sys.executable, sys.argv[0]):
        beside = os.path.join(os.path.dirname(os.path.abspath(program)), PROGRAM)
        if os.path.isfile(beside) and os.access(beside, os.X_OK):
            return beside
    found = which(PROGRAM)
    return os.path.abspath(found) if found else None


def _script(name: str, program: str | None) -> bytes:
    """The hook, told where the program is for a shell that does not have it on PATH."""
    script = (template("hooks") / name).read_bytes()
    return script.replace(_UNTOLD, b"recorded=" + os.fsencode(shlex.quote(program or "")), 1)


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
