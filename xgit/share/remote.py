"""Which remote is meant: the one that is named, else the one that git would choose."""

from __future__ import annotations

import os
import shlex

from xgit.errors import XgitError
from xgit.git.plumbing import Repo, git_done
from xgit.record.urls import strip_url
from xgit.share.nouns import Remote

_HERE = "."  # `branch.<name>.remote` of a branch that follows a local one


def choose_remote(repo: Repo, name: str | None, *, to_push: bool) -> Remote:
    """The remote of that name; without one, that of the branch, of `remote.pushDefault`, `origin`.

    Raises:
        XgitError: there is none of that name, none at all, or several and no reason for any.
    """
    names = repo.config.remotes
    for candidate in [name] if name is not None else _as_git_would(repo, to_push=to_push):
        if candidate not in names:
            raise _unknown(candidate, names)
        return _remote(repo, candidate, to_push=to_push)
    if not names:
        raise XgitError("there is no remote to share with", "git remote add origin URL")
    if "origin" in names or len(names) == 1:
        chosen = "origin" if "origin" in names else names[0]
        return _remote(repo, chosen, to_push=to_push)
    listed = ", ".join(names)
    raise XgitError(f"which remote is meant? there are {listed}", f"--remote {_word(names[0])}")


def _as_git_would(repo: Repo, *, to_push: bool) -> list[str]:
    """What the configuration names for the current branch, the first that counts alone."""
    head = git_done(repo, "symbolic-ref", "--quiet", "--short", "HEAD").stdout
    branch = os.fsdecode(head).strip()
    keys = [f"branch.{branch}.remote"]
    if to_push:
        keys = [f"branch.{branch}.pushremote", "remote.pushdefault", *keys]
    found = (repo.config.get(key) for key in keys)
    return [one for one in found if one and one != _HERE][:1]


def _remote(repo: Repo, name: str, *, to_push: bool) -> Remote:
    url = repo.config.get(f"remote.{name}.url") or ""
    pushed = repo.config.get(f"remote.{name}.pushurl") if to_push else None
    return Remote(name, strip_url(pushed or url))


def _unknown(name: str, names: tuple[str, ...]) -> XgitError:
    told = f"there is no remote called {strip_url(name)!r}"
    if names:
        return XgitError(told, f"known are: {', '.join(names)}")
    return XgitError(told, "git remote add origin URL")


def _word(text: str) -> str:
    return shlex.quote(text)
