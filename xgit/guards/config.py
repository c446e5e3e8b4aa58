"""`config`: a Hydra config that does not compose, in a commit that changes the configs.

Nobody could run the commit with it. Which configs do not is found out by the project's own Hydra.
"""

from __future__ import annotations

from xgit.guards.quoting import pathspec, shell_word
from xgit.record.model import ConfigFailure, Json, RepoState, Violation

ID = "config"
STAGES = ("commit",)
NEEDS = ("config-files", "config-failures")
REASON = "a config that does not compose cannot be run"
OPTIONS: dict[str, Json] = {"directory": "", "imports": []}


def check(state: RepoState) -> tuple[Violation, ...]:
    """One violation for each config."""
    return tuple(_violation(one) for one in state.config_failures)


def _violation(failed: ConfigFailure) -> Violation:
    subject = f"{failed.path}: {failed.reason}"
    if failed.lacking:
        force = "--force " if failed.ignored else ""
        return Violation(ID, subject, f"git add {force}{pathspec(failed.lacking)}")
    path = failed.inside
    word = shell_word(f"./{path}" if path.startswith("-") else path)
    return Violation(ID, subject, f"${{EDITOR:-vi}} {word} && git add {pathspec(path)}")
