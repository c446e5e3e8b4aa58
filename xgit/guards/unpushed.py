"""`unpushed`: HEAD is on no remote.

A commit that only this machine has is lost with it, and nobody else can run it.
"""

from __future__ import annotations

from xgit.guards.quoting import shell_word
from xgit.record.model import RepoState, Violation

ID = "unpushed"
STAGES = ("run",)
NEEDS = ("work-tree",)
REASON = "a commit that is on no remote cannot be had by anyone else"


def check(state: RepoState) -> tuple[Violation, ...]:
    """At most one violation; none where there is no commit yet, which is refused earlier."""
    if state.commit is None or state.pushed:
        return ()
    if not state.remotes:
        return (Violation(ID, "there is no remote", _first_push(state)),)
    return (Violation(ID, _subject(state), _push(state)),)


def _subject(state: RepoState) -> str:
    who = state.branch or "the detached HEAD"
    if state.ahead is None:
        return f"{who} is on no remote"
    return f"{who} is {state.ahead} commit{'' if state.ahead == 1 else 's'} ahead"


def _first_push(state: RepoState) -> str:
    push = f"git push -u origin {shell_word(state.branch)}" if state.branch else _detached("origin")
    return f"git remote add origin URL && {push}"


def _push(state: RepoState) -> str:
    remote = _remote_of(state)
    if state.branch is None:
        return _detached(shell_word(remote))
    branch = shell_word(state.branch)
    if state.upstream is None:
        return f"git push -u {shell_word(remote)} {branch}"
    followed = state.upstream.removeprefix(f"{remote}/")
    if followed == state.branch:
        return "git push"
    return f"git push {shell_word(remote)} {shell_word(f'HEAD:{followed}')}"


def _detached(remote: str) -> str:
    return f"git push {remote} HEAD:refs/heads/NAME"


def _remote_of(state: RepoState) -> str:
    """The remote that the branch follows, else origin, else the first."""
    followed = [name for name in state.remotes if f"{state.upstream}".startswith(f"{name}/")]
    if followed:
        return max(followed, key=len)
    return "origin" if "origin" in state.remotes else state.remotes[0]
