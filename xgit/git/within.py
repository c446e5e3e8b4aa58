"""A repository inside another one: a submodule, or one that the outer repository does not track."""

from __future__ import annotations

import os
from pathlib import Path

from xgit.git.plumbing import Repo, common_dir_of, git_done, git_fields

_LINK = b"gitdir: "


def repo_within(outer: Repo, path: str) -> Repo | None:
    """The repository whose work tree is at `path`, or None where there is none."""
    root = outer.work_tree / path
    git_dir = _git_dir(root)
    return None if git_dir is None else _opened(outer, git_dir, root)


def absorbed_repo(outer: Repo, path: str) -> Repo | None:
    """The repository that git keeps for a submodule whose work tree is not there, or None."""
    names = submodule_paths(outer)
    name = next((name for name, where in names.items() if where == path), None)
    git_dir = None if name is None else outer.common_dir / "modules" / name
    if git_dir is None or ".." in git_dir.parts or not (git_dir / "HEAD").is_file():
        return None
    return _opened(outer, git_dir, None)


def submodule_paths(repo: Repo) -> dict[str, str]:
    """Name to path of every submodule that `.gitmodules` has."""
    if not (repo.work_tree / ".gitmodules").is_file():
        return {}
    arguments = ("--file", ".gitmodules", "--get-regexp", "-z", r"^submodule\..*\.path$")
    done = git_done(repo, "config", *arguments)
    entries = (os.fsdecode(entry).partition("\n") for entry in done.stdout.split(b"\0") if entry)
    return {key.removeprefix("submodule.").removesuffix(".path"): path for key, _, path in entries}


def head_of(repo: Repo) -> tuple[str | None, str | None, str | None]:
    """The commit of HEAD, its branch, and what that branch follows; None for each that is not."""
    commit = git_done(repo, "rev-parse", "--verify", "--quiet", "HEAD^{commit}").stdout
    ref = os.fsdecode(git_done(repo, "symbolic-ref", "--quiet", "HEAD").stdout).strip()
    if not ref:
        return commit.decode("ascii").strip() or None, None, None
    followed = git_fields(repo, "for-each-ref", "--format=%(upstream:short)%00", ref)
    upstream = followed[0].strip() if followed else ""
    branch = ref.removeprefix("refs/heads/")
    return commit.decode("ascii").strip() or None, branch, upstream or None


def _git_dir(root: Path) -> Path | None:
    """Where the repository of a work tree keeps its things."""
    place = root / ".git"
    if place.is_dir():
        return place
    try:
        said = place.read_bytes()
    except OSError:
        return None
    if not said.startswith(_LINK):
        return None
    found = Path(os.path.realpath(root / os.fsdecode(said[len(_LINK) :].rstrip(b"\r\n"))))
    return found if found.is_dir() else None


def _opened(outer: Repo, git_dir: Path, root: Path | None) -> Repo:
    """By hand, since git would look for it upwards, or where a hook's variables say."""
    places = {"GIT_DIR": str(git_dir), "GIT_WORK_TREE": str(root or git_dir)}
    if "GIT_INDEX_FILE" in os.environ:
        places["GIT_INDEX_FILE"] = str(git_dir / "index")
    common = common_dir_of(git_dir)
    shallow = (common / "shallow").exists()
    return Repo(root, git_dir, common, outer.object_format, shallow, places)
