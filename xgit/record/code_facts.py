"""The nouns of what is wrong with the code of a run, as guards look at it."""

from __future__ import annotations

from typing import Literal, NamedTuple


class HiddenChange(NamedTuple):
    """A tracked file that differs from the index, and that git was told not to look at.

    Attributes:
        flags: of `assume-unchanged` and `skip-worktree`, those that hide it.
    """

    path: str
    flags: tuple[str, ...]


class NestedRepo(NamedTuple):
    """A repository inside this one that git does not track; the path ends in `/`.

    Attributes:
        url: credential-free, of the remote from which others can have it; None where there is no
            commit in it, no such remote, or it is a linked work tree of this repository.
        fills: the untracked directory that holds nothing else, or None.
    """

    path: str
    url: str | None = None
    fills: str | None = None


class RemoteAnswer(NamedTuple):
    """What a remote said when it was asked whether it has a commit.

    Attributes:
        remote: its name; `url` is without credentials.
        answer: `has` it; `lacks` it; `unknown` where it has commits that could not be had, which
            may lead to it; `silent` where it did not answer.
        branches: the names of its branches.
        reason: of `unknown` and `silent`, in words.
    """

    remote: str
    url: str
    answer: Literal["has", "lacks", "unknown", "silent"]
    branches: frozenset[str] = frozenset()
    reason: str = ""


class UnpushedModule(NamedTuple):
    """A submodule whose recorded commit is on none of its remotes.

    Attributes:
        commit: the one that its parent records.
        branch: the one that is checked out there at this very commit, or None.
        upstream: the remote-tracking branch that `branch` follows, or None.
        ahead: commits that are on no remote.
        answers: what its remotes said, where they were asked.
    """

    path: str
    commit: str
    branch: str | None = None
    upstream: str | None = None
    remotes: tuple[str, ...] = ()
    ahead: int | None = None
    answers: tuple[RemoteAnswer, ...] = ()


class UnnamedModule(NamedTuple):
    """A repository inside this one that commits name and `.gitmodules` does not.

    Attributes:
        url: credential-free, of the remote from which others can have it, or None.
        is_here: its work tree is there.
    """

    path: str
    url: str | None
    is_here: bool
