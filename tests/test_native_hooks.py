"""The hooks that `xgit init` writes find their program, from a shell that knows nothing of it."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.conftest import Project
from xgit.git import plumbing
from xgit.setup import files, native_hooks


def sh(project: Project, line: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        ["sh", "-c", line], cwd=project.root, capture_output=True, text=True, check=False
    )


def without_xgit_guard() -> str:
    """PATH without the directories that have the program."""
    parts = os.environ["PATH"].split(os.pathsep)
    return os.pathsep.join(part for part in parts if not (Path(part) / "xgit-guard").exists())


def test_the_hooks_know_where_the_program_is(
    project: Project, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PATH", without_xgit_guard())
    done = project.xgit("init")
    assert (done.returncode, "no hook" in done.stderr) == (0, False)
    project.write("xgit.toml", '[guards]\ncommit = ["untracked"]\npush = ["untracked"]\n')
    project.commit()
    project.write("new.py", "x")
    for line in ("git commit --quiet --allow-empty -m x", "git push --quiet origin main:side"):
        done = sh(project, line)
        assert done.returncode == 1
        assert "untracked  new.py" in done.stderr


@pytest.mark.parametrize(
    "name",
    [
        "with space",
        "it's",
        'a "b"',
        "$(touch pwned)`touch pwned`",
        "back\\slash",
        "new\nline",
        "-n",
    ],
)
def test_the_program_may_lie_anywhere(
    project: Project, monkeypatch: pytest.MonkeyPatch, tmp_path: Path, name: str
) -> None:
    place = tmp_path / name / ".venv/bin"
    place.mkdir(parents=True)
    program = place / "xgit-guard"
    program.write_text('#!/bin/sh\necho "asked $*" >&2\nexit 1\n', encoding="utf-8")
    program.chmod(0o755)
    monkeypatch.setattr(sys, "executable", str(place / "python"))
    monkeypatch.setenv("PATH", without_xgit_guard())
    repo = plumbing.open_repo(project.root)
    changes, notes = native_hooks.native_hooks(repo, repo.common_dir / "hooks")
    assert ([change.name.rpartition("/")[2] for change in changes], notes) == (
        list(native_hooks.NAMES), [],
    )  # fmt: skip
    files.write(changes)
    done = sh(project, "git commit --quiet --allow-empty -m x")
    assert (done.returncode, done.stderr) == (1, "asked --stage commit\n")
    assert not (project.root / "pwned").exists()
    program.unlink()
    done = sh(project, "git commit --quiet --allow-empty -m x")
    assert done.returncode == 1
    assert done.stderr == f"error: xgit-guard is not on PATH, nor {program}\n"


def test_without_xgit_guard_no_hook_is_added(
    project: Project, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("PATH", without_xgit_guard())
    monkeypatch.setattr(sys, "executable", str(tmp_path / "python"))
    monkeypatch.setattr(sys, "argv", [str(tmp_path / "xgit")])
    repo = plumbing.open_repo(project.root)
    changes, [note] = native_hooks.native_hooks(repo, repo.common_dir / "hooks")
    assert changes == []
    assert note.startswith("xgit-guard is not on PATH")
