"""`untracked`: files that git neither tracks nor ignores.

The commit that is recorded does not have them, so nobody could run the same again.
"""

from __future__ import annotations

from xgit.guards.quoting import pathspec
from xgit.record.model import RepoState, Violation

ID = "untracked"
STAGES = ("run", "ci")
NEEDS = ("work-tree",)
REASON = "an untracked file is in no commit, and the run may have used it"


def check(state: RepoState) -> tuple[Violation, ...]:
    """One violation for each path; a directory in which nothing is tracked is one path."""
    return tuple(
        Violation(ID, path, f"git add {pathspec(path)}", "or ignore it") for path in state.untracked
    )
