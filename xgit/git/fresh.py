"""A fresh repository that holds one ref of another, fetched by its full name.

`git clone --branch experiment/x` would prefer a branch of that name, and a clone beside the first
one would share its objects and believe them.
"""

from __future__ import annotations

import os
import re
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from xgit.git.create import init_repo
from xgit.git.plumbing import Repo, git_bytes, git_fields, git_line
from xgit.git.remotes import HARMLESS_HELPER

REMOTE = "origin"
_REMOTE_BRANCHES = f"refs/remotes/{REMOTE}/"
_ACCESS = re.compile(r"(http|credential|url)\..*")
_FETCH = ("--quiet", "--no-tags", "--no-write-fetch-head", "--no-recurse-submodules")
_CHECK_OUT = ("checkout", "--quiet", "--force", "--detach")
_HOST_AND_PATH = re.compile(r"[^/]+:")  # `host:path`, as scp writes it


def remote_url(repo: Repo, remote: str) -> str:
    """Where a remote is fetched from, credentials and all; a path is absolute.

    Raises:
        GitError: there is no such remote.
    """
    url = git_line(repo, "remote", "get-url", "--", remote)
    if "://" in url or _HOST_AND_PATH.match(url) or repo.root is None:
        return url
    return os.path.normpath(repo.root / url)


def make_fresh(at: Path, like: Repo, remote: str) -> Repo:
    """An empty repository at `at`, in the hash and with the user of `like`.

    Args:
        remote: the URL of its remote, which stays in its configuration: without credentials.
    """
    fresh = init_repo(at, object_format=like.object_format)
    settings = {f"remote.{REMOTE}.url": remote}
    settings |= {key: like.config.get(key) or "" for key in ("user.name", "user.email")}
    settings["tag.gpgSign"] = "false"  # nothing that is made in it stays
    for key, value in settings.items():
        if value:
            git_bytes(fresh, "config", "--local", key, value)
    return fresh


def fetch_ref(fresh: Repo, url: str, ref: str, like: Repo) -> None:
    """Fetch a ref and all branches; the server is reached as `like` is configured to.

    Raises:
        GitError: it cannot be reached, or does not have the ref.
    """
    branches = f"+refs/heads/*:{_REMOTE_BRANCHES}*"
    with _access(fresh, like) as options:
        git_bytes(fresh, *options, "fetch", *_FETCH, "--", url, f"+{ref}:{ref}", branches)


def check_out(fresh: Repo, commit: str, like: Repo) -> None:
    """Make the work tree that of the commit, on no branch; git LFS may fetch what it keeps.

    Raises:
        GitError: the commit is not there, or a file cannot be written.
    """
    with _access(fresh, like) as options:
        git_bytes(fresh, *options, *_CHECK_OUT, commit, "--")


def check_out_submodules(fresh: Repo, like: Repo) -> None:
    """Fetch the submodules at the commits that the checked out commit names, theirs too.

    Raises:
        GitError: one cannot be reached, or its commit is not there.
    """
    with _access(fresh, like) as options:
        git_bytes(fresh, *options, "submodule", "--quiet", "update", "--init", "--recursive")


def wipe(fresh: Repo, commit: str, like: Repo) -> None:
    """As it was when it was checked out: nothing that was made or changed since is left.

    All but `.git` is removed, and not by git: a program may have planted a repository of its own,
    whose configuration git would follow.
    """
    top = fresh.work_tree
    for entry in os.scandir(top):
        if entry.is_dir(follow_symlinks=False):
            if entry.name != ".git":
                shutil.rmtree(entry)
        else:
            os.unlink(entry)
    check_out(fresh, commit, like)
    if (top / ".gitmodules").exists():
        check_out_submodules(fresh, like)


def branches_with(fresh: Repo, commit: str) -> list[str]:
    """The branches of the remote that have the commit in their history."""
    form = "--format=%(refname:strip=3)"
    return git_line(fresh, "for-each-ref", form, f"--contains={commit}", _REMOTE_BRANCHES).split()


@contextmanager
def _access(fresh: Repo, like: Repo) -> Iterator[tuple[str, ...]]:
    """Options that give git what `like` alone says of servers, for as long as it takes.

    They are in a file, since the arguments of a process can be read by everybody, and gone from
    it before anything of the repository runs. Programs are not among them: the user's own are
    known to every repository, and those of a repository's configuration may be anybody's.
    """
    fields = git_fields(like, "config", "--list", "-z", "--show-scope")
    found = [
        entry
        for scope, entry in zip(fields[::2], fields[1::2], strict=True)
        if scope in ("local", "worktree") and _is_access(*entry.partition("\n")[::2])
    ]
    path = fresh.git_dir / "access"
    handle = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)
    try:
        with open(handle, "wb") as file:
            file.write(os.fsencode("".join(map(_config_lines, found))))
        yield ("-c", f"include.path={path}")
    finally:
        path.unlink()


def _is_access(key: str, value: str) -> bool:
    if key.endswith(".helper"):
        return HARMLESS_HELPER.fullmatch(value) is not None
    return _ACCESS.fullmatch(key) is not None


def _config_lines(entry: str) -> str:
    """`key` newline `value`, as `git config -z` prints it, as git's configuration files have it."""
    key, given, value = entry.partition("\n")
    section, _, rest = key.partition(".")
    middle, _, name = rest.rpartition(".")
    head = f"[{section} {_quoted(middle)}]" if middle else f"[{section}]"
    return f"{head}\n\t{name}" + (f" = {_quoted(value)}\n" if given else "\n")


def _quoted(text: str) -> str:
    escaped = text.replace("\\", "\\\\").replace('"', '\\"').replace("\n", "\\n")
    return f'"{escaped}"'
