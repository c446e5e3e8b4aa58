"""Repositories among the untracked files: `git add` would keep nothing of what is in them."""

from __future__ import annotations

import os
from collections.abc import Sequence

from xgit.git import within
from xgit.git.plumbing import Repo
from xgit.git.status import ignored_names
from xgit.record.code_facts import NestedRepo
from xgit.record.urls import strip_url

_MOST_DIRECTORIES = 5_000  # a directory of data that nobody ignores can have any number


def nested_repos(repo: Repo, untracked: Sequence[str]) -> tuple[NestedRepo, ...]:
    """Those among the untracked directories and in them; only the first thousands are looked at."""
    tops = [path for path in untracked if path.endswith("/")]
    if not tops:
        return ()
    root, found = os.fspath(repo.work_tree), list[NestedRepo]()
    budget = _MOST_DIRECTORIES
    for top in tops:
        paths, looked_at, is_whole = _within(root, top, budget)
        budget -= looked_at
        found += (NestedRepo(path, fills=top if is_whole else None) for path in paths)
    ignored = ignored_names(repo, [one.path for one in found if one.path not in tops])
    return tuple(_with_url(repo, one) for one in found if one.path not in ignored)


def _within(root: str, top: str, budget: int) -> tuple[list[str], int, bool]:
    """The repositories in a directory, how many directories were looked at, and if it is all.

    In what has a `.git` nothing further is looked for.
    """
    waiting, seen, found, files = [top], 0, list[str](), False
    while waiting and seen < budget:
        path, seen = waiting.pop(), seen + 1
        if os.path.lexists(os.path.join(root, path, ".git")):
            found.append(path)
            continue
        inside = _entries(os.path.join(root, path))
        files = files or not all(inside.values())
        waiting += (f"{path}{name}/" for name in sorted(inside, reverse=True) if inside[name])
    return found, seen, not files and not waiting


def _entries(path: str) -> dict[str, bool]:
    """Each name in a directory, and whether it is a directory; nothing where git sees nothing."""
    try:
        with os.scandir(path) as entries:
            return {one.name: one.is_dir(follow_symlinks=False) for one in entries}
    except OSError:
        return {}


def _with_url(repo: Repo, one: NestedRepo) -> NestedRepo:
    inner = within.repo_within(repo, one.path)
    if inner is None or inner.common_dir == repo.common_dir or within.head_of(inner)[0] is None:
        return one
    return one._replace(url=url_of(inner))


def url_of(inner: Repo) -> str | None:
    """Where others can have the repository from, without credentials; None where it has no remote.

    What is relative to it there would be relative to another repository in `.gitmodules`.
    """
    names = inner.config.remotes
    name = "origin" if "origin" in names else next(iter(names), None)
    url = strip_url(inner.config.get(f"remote.{name}.url") or "")
    return url if url and not url.startswith(".") else None
