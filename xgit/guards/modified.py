"""`modified`: tracked files that differ from HEAD, staged or not, and submodules that do.

The commit that is recorded has other content than the run saw.
"""

from __future__ import annotations

from xgit.guards.quoting import commit_command, shell_word
from xgit.record.model import RepoState, Violation

ID = "modified"
STAGES = ("run", "ci")
NEEDS = ("work-tree",)
REASON = "a changed file is in no commit as the run saw it"


def check(state: RepoState) -> tuple[Violation, ...]:
    """One violation for each file and for each submodule."""
    dirty = [module.path for module in state.submodules if module.dirty]
    files = (path for path in state.modified if path not in dirty)
    return (
        *(Violation(ID, path, commit_command(path), "or --snapshot") for path in files),
        *(_submodule(path) for path in dirty),
    )


def after_snapshot(state: RepoState) -> RepoState:
    """The state as a snapshot leaves it: files are kept, what is inside a submodule is not."""
    return state._replace(untracked=(), modified=())


def _submodule(path: str) -> Violation:
    """Its own changes, if there are any, then the commit of it that the repository records."""
    inside = f"git -C {shell_word(path)}"
    own = f"{inside} add --all && {inside} commit -m {shell_word('Change for an experiment')}"
    return Violation(ID, path, f"{own}; {commit_command(path)}", "a snapshot does not keep it")
