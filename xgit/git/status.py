"""What git knows of the work tree and of the commits: each function is named by its answer."""

from __future__ import annotations

import os
from collections.abc import Iterable, Sequence
from typing import NamedTuple

from xgit.git.plumbing import GitError, Repo, git_done, git_fields, git_line

_PATHS_AT_ONCE = 500


class WorkTreeStatus(NamedTuple):
    """What `git status` says: `commit` and `branch` are None when unborn or detached."""

    commit: str | None
    branch: str | None
    upstream: str | None
    untracked: tuple[str, ...]
    modified: tuple[str, ...]
    dirty_submodules: frozenset[str]


def work_tree_status(repo: Repo) -> WorkTreeStatus:
    """HEAD, branch, untracked and modified files by one `git status`, the index left alone."""
    entries = git_fields(
        repo,
        "status",
        "--porcelain=v2",
        "--branch",
        "-z",
        "--no-ahead-behind",
        "--no-renames",
        "--untracked-files=normal",
        "--ignore-submodules=none",
    )
    headers: dict[str, str] = {}
    untracked: list[str] = []
    modified: list[str] = []
    submodules: set[str] = set()
    for entry in entries:
        match entry[0]:
            case "#":
                _, key, value = entry.split(" ", 2)
                headers[key] = value
            case "?":
                untracked.append(entry[2:])
            case "1" | "u":
                path = entry.split(" ", 8 if entry[0] == "1" else 10)[-1]
                modified.append(path)
                if entry.split(" ", 3)[2].startswith("S"):
                    submodules.add(path)
    oid = headers.get("branch.oid")
    head = headers.get("branch.head")
    return WorkTreeStatus(
        commit=None if oid == "(initial)" else oid,
        branch=None if head == "(detached)" else head,
        upstream=headers.get("branch.upstream"),
        untracked=tuple(untracked),
        modified=tuple(modified),
        dirty_submodules=frozenset(submodules),
    )


def commits_on_no_remote(repo: Repo, commit: str) -> int:
    """How many commits that `commit` reaches no remote-tracking branch holds; 0 if it is pushed.

    What counts is the last fetch or push. The remote itself is asked by `remotes`.
    """
    return int(git_line(repo, "rev-list", "--count", commit, "--not", "--remotes"))


def tracked_paths(repo: Repo, *patterns: str) -> list[str]:
    """Tracked paths that match any of the pathspecs, relative to the root."""
    return git_fields(repo, "ls-files", "-z", "--full-name", "--", *patterns)


def ignored_paths(repo: Repo, paths: Sequence[str]) -> list[str]:
    """Files that git ignores and does not track, among the paths and in those that are directories.

    What lies in a submodule, or behind a symlink, is not looked for.
    """
    found: list[str] = []
    for at in range(0, len(paths), _PATHS_AT_ONCE):
        literal = (f":(literal){path}" for path in paths[at : at + _PATHS_AT_ONCE])
        options = ("--others", "--ignored", "--exclude-standard", "-z")
        found += git_fields(repo, "ls-files", *options, "--", *literal)
    return found


def ignored_names(repo: Repo, paths: Iterable[str]) -> set[str]:
    """Those paths that git would ignore, whether or not they are there.

    Raises:
        GitError: one lies in a submodule or behind a symlink.
    """
    data = b"".join(os.fsencode(path) + b"\0" for path in paths)
    arguments = ("check-ignore", "-z", "--stdin")
    done = git_done(repo, *arguments, data=data)
    if done.returncode not in (0, 1):  # 1: none is ignored
        raise GitError(arguments, done.returncode, done.stderr.decode(errors="replace"))
    return {os.fsdecode(path) for path in done.stdout.split(b"\0") if path}


class CodeChange(NamedTuple):
    """What lies between two commits: how many on each side, and the change of files in words."""

    behind: int
    ahead: int
    diffstat: str
    files: tuple[str, ...]


def code_change(repo: Repo, old: str, new: str) -> CodeChange:
    """Compare two commits, `.xgit/` left out.

    Raises:
        GitError: one of them is not in this repository.
    """
    left, right = git_line(repo, "rev-list", "--left-right", "--count", f"{old}...{new}").split()
    safe = ("diff", "--no-ext-diff", "--no-textconv", "--no-renames", "--ignore-submodules=dirty")
    where = (old, new, "--", ".", ":(exclude).xgit")
    stat = git_line(repo, *safe, "--shortstat", *where).strip()
    names = git_fields(repo, *safe, "--name-only", "-z", *where)
    return CodeChange(int(left), int(right), stat, tuple(names))
