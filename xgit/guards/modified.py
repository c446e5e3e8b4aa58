"""`modified`: tracked files that differ from HEAD, staged or not, and submodules that do.

The commit that is recorded has other content than the run saw.
"""

from __future__ import annotations

from xgit.guards.quoting import argument, commit_command, shell_word
from xgit.record.code_facts import HiddenChange
from xgit.record.model import RepoState, Violation

ID = "modified"
STAGES = ("run", "ci")
NEEDS = ("work-tree",)
REASON = "a changed file is in no commit as the run saw it"


def check(state: RepoState) -> tuple[Violation, ...]:
    """One violation for each file and for each submodule, and for each change that git hides."""
    dirty = [module.path for module in state.submodules if module.dirty]
    files = (path for path in state.modified if path not in dirty)
    return (
        *(Violation(ID, path, commit_command(path), "or --snapshot") for path in files),
        *(_submodule(path) for path in dirty),
        *(_hidden(one) for one in state.hidden),
    )


def after_snapshot(state: RepoState) -> RepoState:
    """The state as a snapshot leaves it: it keeps what git looks at, and no other repository."""
    return state._replace(untracked=(), modified=())


def _submodule(path: str) -> Violation:
    """Its own changes, if there are any, then the commit of it that the repository records."""
    inside = f"git -C {shell_word(path)}"
    own = f"{inside} add --all && {inside} commit -m {shell_word('Change for an experiment')}"
    return Violation(ID, path, f"{own}; {commit_command(path)}", "a snapshot does not keep it")


def _hidden(one: HiddenChange) -> Violation:
    """Git is told to look at it again, one flag a command, and then it can be committed."""
    path = argument(one.path)
    look = " && ".join(f"git update-index --no-{flag} {path}" for flag in one.flags)
    subject = f"{one.path}: changed, and hidden by {' and '.join(one.flags)}"
    kept = "or, after the first command, --snapshot"
    return Violation(ID, subject, f"{look} && {commit_command(one.path)}", kept)
