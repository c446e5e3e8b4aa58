"""Whether others can have the commit: HEAD, and the commits of its submodules."""

from __future__ import annotations

from collections.abc import Iterator

from xgit.git import status as git_status
from xgit.git import within
from xgit.git.plumbing import GitError, Repo
from xgit.record.code_facts import RemoteAnswer, UnnamedModule, UnpushedModule
from xgit.record.model import RepoState

_SHOWN = 3


def add_pushed(repo: Repo, state: RepoState) -> RepoState:
    """The state with `pushed` and `ahead`, by the remote-tracking branches.

    Raises:
        GitError: HEAD's history is not whole.
    """
    if state.commit is None:
        return state
    ahead = git_status.commits_on_no_remote(repo, state.commit)
    return state._replace(pushed=ahead == 0, ahead=ahead)


def add_published(repo: Repo, state: RepoState, *, ask: bool) -> RepoState:
    """The state with what is not pushed of the submodules, and `pushed` as the remotes have it.

    Args:
        ask: ask the remotes themselves, and not the remote-tracking branches alone.

    Raises:
        GitError: HEAD's history is not whole.
    """
    if state.commit is None:
        return state
    answers = _answers(repo, state.commit, _first(state), state.remotes) if ask else ()
    pushed = any(one.answer == "has" for one in answers) if answers else state.pushed
    unpushed, unknown = _submodules(repo, state, ask=ask)
    return state._replace(
        pushed=pushed,
        answers=answers,
        unpushed_modules=unpushed,
        unnamed_modules=tuple(_unnamed(repo, state)),
        notes=(*state.notes, *unknown),
    )


def _first(state: RepoState) -> str | None:
    return state.remote.partition(" ")[0] if state.remote else None


def _answers(
    repo: Repo, commit: str, first: str | None, names: tuple[str, ...]
) -> tuple[RemoteAnswer, ...]:
    if not names:
        return ()
    from xgit.capture.asking import ask_remotes

    return ask_remotes(repo, commit, first, names)


# ---------------------------------------------------------------- submodules


def _submodules(
    repo: Repo, state: RepoState, *, ask: bool
) -> tuple[tuple[UnpushedModule, ...], tuple[str, ...]]:
    """The submodules that are not pushed, and what could not be known of others."""
    unpushed: list[UnpushedModule] = []
    away: list[str] = []
    for module in state.submodules:
        inner = within.repo_within(repo, module.path) or within.absorbed_repo(repo, module.path)
        found = None if inner is None else _unpushed(inner, module.path, module.commit, ask=ask)
        if inner is None or found is None:
            away.append(module.path)
        else:
            unpushed += found
    return tuple(unpushed), tuple(_note(away)) if away else ()


def _unnamed(repo: Repo, state: RepoState) -> Iterator[UnnamedModule]:
    if not state.submodules:
        return
    from xgit.capture.nested import url_of

    named = set(within.submodule_paths(repo).values())
    for path in (one.path for one in state.submodules if one.path not in named):
        inner = within.repo_within(repo, path)
        yield UnnamedModule(path, None if inner is None else url_of(inner), inner is not None)


def _note(away: list[str]) -> Iterator[str]:
    more = f" and {len(away) - _SHOWN} more" if len(away) > _SHOWN else ""
    named = ", ".join(away[:_SHOWN]) + more
    yield f"not known to be on a remote, as its commit is not here: {named}"


def _unpushed(
    repo: Repo, path: str, commit: str, *, ask: bool
) -> tuple[UnpushedModule, ...] | None:
    """One if the commit is on no remote, else none; None where the commit is not here.

    What a submodule of its own records is looked at by whoever works in it.
    """
    try:
        ahead = git_status.commits_on_no_remote(repo, commit)
    except GitError:
        return None
    names = repo.config.remotes
    answers = _answers(repo, commit, "origin", names) if ask else ()
    if any(one.answer == "has" for one in answers) or (not answers and ahead == 0):
        return ()
    head, branch, upstream = within.head_of(repo)
    if head != commit:
        branch = upstream = None
    return (UnpushedModule(path, commit, branch, upstream, names, ahead, answers),)
