"""`unpushed`: HEAD, or the commit of a submodule, is on no remote.

A commit that only this machine has is lost with it, and nobody else can run it.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

from xgit.guards.quoting import shell_word
from xgit.record.code_facts import RemoteAnswer, UnnamedModule, UnpushedModule
from xgit.record.model import Json, RepoState, Violation

ID = "unpushed"
STAGES = ("run",)
NEEDS = ("work-tree", "pushed", "published")
REASON = "a commit that is on no remote cannot be had by anyone else"
OPTIONS: dict[str, Json] = {"verify_remote": False}
_SHORT = 7


class _Work(NamedTuple):
    """A commit that is on no remote, in this repository or in a submodule.

    Attributes:
        who: what it is called in the message.
        git: how the commands begin.
        source: what names the commit in a push.
    """

    who: str
    git: str
    source: str
    commit: str
    branch: str | None
    upstream: str | None
    remotes: tuple[str, ...]
    ahead: int | None
    answers: tuple[RemoteAnswer, ...]


def check(state: RepoState) -> tuple[Violation, ...]:
    """None where there is no commit yet, which is refused earlier."""
    if state.commit is None:
        return ()
    own = () if state.pushed else _violations(_head(state, state.commit))
    return (
        *own,
        *(found for one in state.unpushed_modules for found in _violations(_module(one))),
        *(_unnamed(one) for one in state.unnamed_modules),
    )


def _head(state: RepoState, commit: str) -> _Work:
    who = state.branch or "the detached HEAD"
    names = (state.branch, state.upstream, state.remotes)
    return _Work(who, "git", "HEAD", commit, *names, state.ahead, state.answers)


def _module(one: UnpushedModule) -> _Work:
    git = f"git -C {shell_word(one.path)}"
    names = (one.branch, one.upstream, one.remotes)
    return _Work(one.path, git, one.commit, one.commit, *names, one.ahead, one.answers)


def _violations(work: _Work) -> Iterator[Violation]:
    troubles = [one for one in work.answers if one.answer in ("silent", "unknown")]
    if troubles:
        yield from (_trouble(work, one) for one in troubles)
    elif not work.remotes:
        there_is = "there is no remote" if work.git == "git" else f"{work.who} has no remote"
        yield Violation(ID, there_is, _first_push(work))
    elif work.answers and work.ahead == 0:
        yield _lost(work)
    else:
        yield Violation(ID, _subject(work), _push(work))


def _subject(work: _Work) -> str:
    if work.ahead is None:
        return f"{work.who} is on no remote"
    return f"{work.who} is {work.ahead} commit{'' if work.ahead == 1 else 's'} ahead"


def _unnamed(one: UnnamedModule) -> Violation:
    """A clone would have its commit's id, and nothing that leads to the commit."""
    subject = f"{one.path} is a repository that .gitmodules does not name"
    path, git = shell_word(one.path), f"git -C {shell_word(one.path)}"
    if not one.is_here:
        remove = f"git rm --cached --quiet -- {path}"
        return Violation(ID, subject, f"{remove} && git commit -m {shell_word(f'Drop {one.path}')}")
    if one.url is None:
        push = f"{git} remote add origin URL && {git} push -u origin HEAD"
        return Violation(ID, subject, push, "then it can be made a submodule")
    add = f"git submodule add --force -- {shell_word(one.url)} {path}"
    why = shell_word(f"Say where {one.path} is from")
    return Violation(ID, subject, f"{add} && git commit -m {why} -- .gitmodules")


# ---------------------------------------------------------------- what the remote said


def _trouble(work: _Work, asked: RemoteAnswer) -> Violation:
    remote = shell_word(asked.remote)
    if asked.answer == "unknown":
        subject = f"whether {asked.remote} has {work.who} is not known: {asked.reason}"
        return Violation(ID, subject, f"{work.git} fetch {remote}")
    subject = f"{asked.remote} ({asked.url}) cannot be asked: {asked.reason}"
    without = "or do not ask it: leave out --verify-remote, or set verify_remote = false"
    return Violation(ID, subject, f"{work.git} ls-remote {remote}", without)


def _lost(work: _Work) -> Violation:
    """What was fetched last says that a remote has it; the remote itself says that it has not."""
    remote = _remote_of(work)
    branches = next((one.branches for one in work.answers if one.remote == remote), frozenset())
    followed = _followed(work, remote)
    gone = f"{remote} has {work.commit[:_SHORT]} no more"
    if followed is None:
        return Violation(ID, f"{gone}: {work.who} is on none of its branches", _push(work))
    if followed not in branches:
        return Violation(ID, f"{gone}: it has no branch {followed}", _push(work))
    rebase = f"or {work.git} pull --rebase, and run what comes of it"
    rewritten = f"{gone}: its branch {followed} was rewritten"
    return Violation(ID, rewritten, _push_by_itself(work, remote), rebase)


# ---------------------------------------------------------------- how to push it


def _first_push(work: _Work) -> str:
    if work.branch:
        push = f"{work.git} push -u origin {shell_word(work.branch)}"
    else:
        push = _push_by_itself(work, "origin")
    return f"{work.git} remote add origin URL && {push}"


def _push(work: _Work) -> str:
    remote = _remote_of(work)
    if work.branch is None:
        return _push_by_itself(work, remote)
    if work.upstream is None:
        return f"{work.git} push -u {shell_word(remote)} {shell_word(work.branch)}"
    followed = _followed(work, remote)
    if followed == work.branch:
        return f"{work.git} push"
    return f"{work.git} push {shell_word(remote)} {shell_word(f'HEAD:{followed}')}"


def _push_by_itself(work: _Work, remote: str) -> str:
    """Under a name that cannot be taken: a push to a branch could be refused, or lose others'."""
    name = f"{work.branch or 'commit'}-{work.commit[:_SHORT]}"
    ref = shell_word(f"{work.source}:refs/heads/{name}")
    return f"{work.git} push {shell_word(remote)} {ref}"


def _followed(work: _Work, remote: str) -> str | None:
    """The branch of the remote that this one follows, or would by its name."""
    if work.upstream is None:
        return work.branch
    return work.upstream.removeprefix(f"{remote}/")


def _remote_of(work: _Work) -> str:
    """The remote that the branch follows, else origin, else the first."""
    followed = [name for name in work.remotes if f"{work.upstream}".startswith(f"{name}/")]
    if followed:
        return max(followed, key=len)
    return "origin" if "origin" in work.remotes else work.remotes[0]
