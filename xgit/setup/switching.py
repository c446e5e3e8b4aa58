"""How the hooks of a `.pre-commit-config.yaml` are switched on in this clone."""

from __future__ import annotations

import os
from shutil import which

from xgit.git.plumbing import Repo
from xgit.setup.hook_config import installs_pushes
from xgit.setup.native_hooks import names_hooks_path


def on(repo: Repo, config: object) -> tuple[str, list[str]]:
    """The command, empty where none is needed or none would do, and what to tell."""
    notes = (
        [] if which("xgit-guard") else ["the hooks need xgit-guard on PATH, and it is not there"]
    )
    if names_hooks_path(repo):
        return "", [*notes, "core.hooksPath is set, and pre-commit installs no hooks then"]
    there = {
        kind for kind in ("pre-commit", "pre-push")
        if os.path.lexists(repo.common_dir / "hooks" / kind)
    }  # fmt: skip
    program = next(filter(which, ("pre-commit", "prek")), "")
    if not program:
        return "", [*notes, "the hooks need pre-commit: uv tool install pre-commit, then xgit init"]
    wanted = {"pre-commit", "pre-push"} if installs_pushes(config) else {"pre-commit"}
    if "pre-push" not in there | wanted:
        notes.append(
            f"for the guards of a push: {program} install --hook-type pre-push; hooks that name no "
            "stages run at a push, too, then"
        )
    return (f"{program} install" if wanted - there else ""), notes
