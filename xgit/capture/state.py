"""The state that guards judge: only the facts that the chosen guards need are looked up."""

from __future__ import annotations

import os
from collections.abc import Callable, Collection, Sequence
from typing import NamedTuple

from xgit.capture import code
from xgit.capture.cache import Cache
from xgit.git.plumbing import Repo
from xgit.record.model import PushedRef, RepoState
from xgit.settings import Settings


class Question(NamedTuple):
    """What is asked of the repository.

    Attributes:
        needs: names of facts, as the guards' `NEEDS` have them; see `FACTS`.
        identity: git's identity line, or None where nobody needs an author.
        tracked: tracked paths, at least those that hold pins; asked of git when None.
    """

    repo: Repo
    settings: Settings
    stage: str
    needs: Collection[str]
    identity: str | None = None
    command: tuple[str, ...] = ()
    cwd: str = ""
    tracked: Sequence[str] | None = None
    pushes: tuple[PushedRef, ...] = ()


Fact = Callable[[Question, RepoState, Cache], RepoState]


def read_state(question: Question, cache: Cache) -> RepoState:
    """Everything the guards need to know, in the order of `FACTS`.

    Raises:
        XgitError: the repository is bare, or one of its files cannot be understood.
    """
    state = RepoState(
        root=os.fspath(question.repo.work_tree),
        commit=None,
        branch=None,
        pushed=False,
        stage=question.stage,
        command=question.command,
        cwd=question.cwd,
        pushes=question.pushes,
    )
    unknown = set(question.needs) - set(FACTS)
    if unknown:
        raise ValueError(f"no such facts: {', '.join(sorted(unknown))}")
    for name, fact in FACTS.items():
        if name in question.needs:
            state = fact(question, state, cache)
    return state


def _work_tree(question: Question, state: RepoState, cache: Cache) -> RepoState:
    """HEAD, branch, remotes, untracked and modified files."""
    return code.add_code(question.repo, state, question.identity)


def _pins(question: Question, state: RepoState, cache: Cache) -> RepoState:
    """What DVC and git LFS pin, compared with the work tree."""
    from xgit.capture.data import find

    pins = find.read_pins(question.repo, question.tracked, cache)
    if not pins:
        return state
    from xgit.capture.data.content import check_pins

    return state._replace(pins=check_pins(question.repo, pins, cache))


def _data_remotes(question: Question, state: RepoState, cache: Cache) -> RepoState:
    """Which pins a DVC remote holds; needs `pins`."""
    if not state.pins:
        return state
    from xgit.capture.data.remotes import check_remotes

    pins, notes = check_remotes(question.repo, state.pins, cache)
    return state._replace(pins=pins, notes=(*state.notes, *notes))


FACTS: dict[str, Fact] = {
    "work-tree": _work_tree,
    "pins": _pins,
    "data-remotes": _data_remotes,
}
