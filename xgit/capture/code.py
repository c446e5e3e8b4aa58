"""The code that is about to run: commit, branch, remote, and what differs from them."""

from __future__ import annotations

from xgit.git import status as git_status
from xgit.git.plumbing import Repo
from xgit.git.status import WorkTreeStatus
from xgit.record.model import Code, Person, RepoState, Submodule
from xgit.record.urls import strip_url


def add_code(repo: Repo, state: RepoState, identity: str | None) -> RepoState:
    """The state with what git knows of HEAD and the work tree.

    Args:
        identity: git's identity line; the author is taken from it.
    """
    config = repo.config
    status = git_status.work_tree_status(repo)
    commit = status.commit
    pushed = commit is not None and git_status.is_on_a_remote(repo, commit)
    ahead = None if pushed or commit is None else git_status.commits_on_no_remote(repo, commit)
    return state._replace(
        commit=commit,
        branch=status.branch,
        pushed=pushed,
        ahead=ahead,
        remotes=config.remotes,
        remote=_remote(repo, status),
        upstream=status.upstream,
        untracked=status.untracked,
        modified=status.modified,
        submodules=_submodules(repo, status),
        author=parse_identity(identity) if identity else Person("", ""),
    )


def code(state: RepoState, snapshot: str | None) -> Code:
    """The part of the state that the record keeps as `code`."""
    if state.commit is None:
        raise ValueError("a state without a commit has no code")
    return Code(
        commit=state.commit,
        branch=state.branch,
        remote=state.remote,
        pushed=state.pushed,
        snapshot=snapshot,
        submodules=state.submodules,
    )


def parse_identity(line: str) -> Person:
    """Name and address in git's identity line `Name <email> seconds zone`."""
    name, _, rest = line.partition(" <")
    return Person(name, rest.partition(">")[0])


def _remote(repo: Repo, status: WorkTreeStatus) -> str | None:
    """Name and credential-free URL of the branch's remote, else of origin, else of the only one."""
    config = repo.config
    names = config.remotes
    own = config.get(f"branch.{status.branch}.remote") if status.branch else None
    chosen = own if own in names else "origin" if "origin" in names else None
    if chosen is None and len(names) == 1:
        chosen = names[0]
    if chosen is None:
        return None
    return f"{chosen} {strip_url(config.get(f'remote.{chosen}.url') or '')}"


def _submodules(repo: Repo, status: WorkTreeStatus) -> tuple[Submodule, ...]:
    if not (repo.work_tree / ".gitmodules").exists():
        return ()
    return tuple(
        Submodule(path, commit, path in status.dirty_submodules)
        for path, commit in git_status.submodule_commits(repo).items()
    )
