"""`untracked`: files that git neither tracks nor ignores.

The commit that is recorded does not have them, so nobody could run the same again.
"""

from __future__ import annotations

from xgit.guards.quoting import ignore_pattern, pathspec, shell_word
from xgit.record.code_facts import NestedRepo
from xgit.record.model import RepoState, Violation

ID = "untracked"
STAGES = ("run", "ci")
NEEDS = ("work-tree",)
_ENVIRONMENTS = (".venv", "venv")
REASON = "an untracked file is in no commit, and the run may have used it"


def check(state: RepoState) -> tuple[Violation, ...]:
    """One violation for each path; a directory in which nothing is tracked is one path."""
    nested = {path for one in state.nested for path in (one.path, one.fills)}
    return (
        *(_nested(one) for one in state.nested),
        *(_loose(path) for path in state.untracked if path not in nested),
    )


def _loose(path: str) -> Violation:
    if path.endswith("/") and path.rstrip("/").rpartition("/")[2] in _ENVIRONMENTS:
        return Violation(ID, path, _ignore(path), f"or git add {pathspec(path)}")
    return Violation(ID, path, f"git add {pathspec(path)}", "or ignore it")


def _ignore(path: str) -> str:
    # The first newline ends a last line that has none.
    line = shell_word(ignore_pattern(path))
    return f"printf '\\n%s\\n' {line} >> .gitignore && git add .gitignore"


def _nested(one: NestedRepo) -> Violation:
    """Of a repository `git add` keeps one id, and nothing that says where the rest can be had."""
    subject = f"{one.path}: a repository of its own"
    if one.url is None:
        later = "or, if the run uses it, commit and push in it, and make it a submodule"
        return Violation(ID, subject, _ignore(one.path), later)
    words = f"{shell_word(one.url)} {shell_word(one.path.rstrip('/'))}"
    return Violation(ID, subject, f"git submodule add -- {words}", "or ignore it")
