"""The one command to type next."""

from __future__ import annotations

import os
from collections.abc import Collection
from pathlib import Path

from xgit.git.plumbing import Repo, git_fields
from xgit.guards.quoting import argument
from xgit.setup.nouns import Plan


def next_command(repo: Repo, plan: Plan, here: Path) -> str:
    """Switch the hooks on and commit what is not committed; where all is done, ask the guards."""
    pending = _uncommitted(repo, plan.convention)
    names = [name for name in plan.convention if name in pending]
    steps = [plan.installs] if plan.installs else []
    if names:
        paths = (argument(os.path.relpath(plan.root / name, here)) for name in names)
        steps += [f"git add {' '.join(paths)}", 'git commit -m "Add xgit"']
    return " && ".join(steps) or "xgit check"


def _uncommitted(repo: Repo, names: Collection[str]) -> set[str]:
    """Those of the paths that differ from the last commit, or are not in it."""
    options = ("--porcelain", "-z", "--no-renames", "--untracked-files=all")
    if not names:
        return set()
    entries = git_fields(repo, "status", *options, "--", *(f":(literal){name}" for name in names))
    return {entry[3:] for entry in entries}
