"""The code that is about to run: commit, branch, remote, and what differs from them."""

from __future__ import annotations

from xgit.capture import index
from xgit.capture.cache import Cache
from xgit.capture.nested import nested_repos
from xgit.git import status as git_status
from xgit.git.plumbing import Repo
from xgit.git.status import WorkTreeStatus
from xgit.record.model import Code, Person, RepoState, Submodule
from xgit.record.urls import strip_url


def add_code(repo: Repo, state: RepoState, identity: str | None, cache: Cache) -> RepoState:
    """The state with what git knows of HEAD and the work tree.

    Args:
        identity: git's identity line; the author is taken from it.
    """
    config = repo.config
    status = git_status.work_tree_status(repo)
    special = index.special_entries(repo, cache)
    return state._replace(
        commit=status.commit,
        branch=status.branch,
        remotes=config.remotes,
        remote=_remote(repo, status),
        upstream=status.upstream,
        untracked=status.untracked,
        modified=status.modified,
        hidden=index.hidden_changes(repo, special, cache),
        nested=nested_repos(repo, status.untracked),
        submodules=tuple(
            Submodule(path, commit, path in status.dirty_submodules)
            for path, commit in index.submodules_of(special).items()
        ),
        author=parse_identity(identity) if identity else Person("", ""),
    )


def modified_files(repo: Repo) -> tuple[str, ...]:
    """Tracked files that differ from HEAD."""
    _ = repo.config  # which disarms the repository's content filters, before any could be run
    return git_status.work_tree_status(repo).modified


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
