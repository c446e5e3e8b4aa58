"""What xgit must leave alone, and how a test asks whether it did."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path

from tests.conftest import Project

_OWN = ("index", "HEAD", "config", "logs/HEAD", "logs/refs/stash")


def everything(project: Project) -> dict[str, object]:
    """All that xgit must leave alone: work tree, index, HEAD, refs but experiments, config."""
    return {
        "files": _files(project.root),
        "own": {name: _git_file(project, name) for name in _OWN},
        "refs": [line for line in _refs(project) if b"refs/tags/experiment/" not in line],
    }


def _files(root: Path) -> dict[str, bytes | str | None]:
    """Content by path, links as what they say, None for an empty directory; `.git` left out."""
    found: dict[str, bytes | str | None] = {}
    for folder, names, files in os.walk(root):
        if folder == str(root) and ".git" in (*names, *files):
            (names if ".git" in names else files).remove(".git")
        if not names and not files:
            found[folder] = None
        for path in (Path(folder, name) for name in files):
            found[str(path)] = os.readlink(path) if path.is_symlink() else path.read_bytes()
    return found


def _git_file(project: Project, name: str) -> bytes | None:
    path = project.root / project.git("rev-parse", "--git-path", name)
    return path.read_bytes() if path.is_file() else None


def _refs(project: Project) -> list[bytes]:
    done = subprocess.run(
        ["git", "for-each-ref"], cwd=project.root, capture_output=True, check=True
    )
    return done.stdout.splitlines()


def is_sound(project: Project) -> bool:
    """Whether git finds no fault in any object; an unborn branch is only a notice."""
    done = subprocess.run(
        ["git", "-c", "safe.directory=*", "fsck", "--strict", "--no-dangling"],
        cwd=project.root,
        capture_output=True,
        env=os.environ | {"GIT_CONFIG_GLOBAL": os.devnull},
        check=False,
    )
    lines = (done.stdout + done.stderr).splitlines()
    return done.returncode == 0 and all(line.startswith(b"notice: ") for line in lines)
