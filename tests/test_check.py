"""`xgit check` at every stage, in every kind of checkout."""

from __future__ import annotations

import json
import os
import subprocess
from dataclasses import replace
from pathlib import Path

import pytest

from tests.conftest import Project, make_project
from tests.untouched import everything


def test_a_clean_project_passes_every_stage(project: Project) -> None:
    for stage in ("commit", "push", "run", "ci"):
        done = project.xgit("check", "--stage", stage)
        assert (done.returncode, done.stdout) == (0, ""), (stage, done.stderr)


def test_all_violations_with_their_remedies(project: Project) -> None:
    project.write("train.py", "changed")
    project.write("new.py", "x")
    before = everything(project)
    done = project.xgit("check")
    assert done.returncode == 1
    assert "git add new.py" in done.stderr
    assert "git commit" in done.stderr
    assert everything(project) == before


def test_only_the_named_guards(project: Project) -> None:
    project.write("new.py", "x")
    assert project.xgit("check", "modified").returncode == 0
    assert project.xgit("check", "modified", "untracked").returncode == 1


def test_as_json(project: Project) -> None:
    project.write("new.py", "x")
    done = project.xgit("check", "--json", "untracked", "unpushed")
    assert done.returncode == 1
    assert json.loads(done.stdout) == [
        {
            "id": "untracked",
            "outcome": "failed",
            "violations": [{"subject": "new.py", "remedy": "git add new.py"}],
        },
        {"id": "unpushed", "outcome": "passed", "violations": []},
    ]


def test_an_unknown_guard(project: Project) -> None:
    done = project.xgit("check", "untrakced")
    assert done.returncode == 2
    assert "hint: did you mean untracked?" in done.stderr


def test_before_the_first_commit(tmp_path: Path) -> None:
    subprocess.run(["git", "init", "-q", str(tmp_path / "fresh")], check=True)
    fresh = Project(tmp_path / "fresh", tmp_path)
    fresh.write("train.py", "x")
    assert fresh.xgit("check", "--stage", "commit").returncode == 0
    done = fresh.xgit("check")
    assert done.returncode == 1
    assert "git add train.py" in done.stderr


def test_in_a_checkout_as_ci_makes_it(project: Project, tmp_path: Path) -> None:
    """Shallow, detached, without tags or branches."""
    project.write("b.py", "x")
    head = project.commit()
    root = tmp_path / "ci"
    root.mkdir()
    clone = replace(project, root=root)
    for line in (
        "git init --quiet",
        f"git remote add origin file://{project.origin}",
        f"git fetch --quiet --no-tags --depth=1 origin {head}",
        "git checkout --quiet FETCH_HEAD",
    ):
        subprocess.run(line.split(), cwd=root, check=True)
    done = clone.xgit("check", "--stage", "ci")
    assert (done.returncode, done.stderr) == (0, "")
    clone.write("made.py", "x")
    assert clone.xgit("check", "--stage", "ci").returncode == 1


def test_settings_choose_the_guards(project: Project) -> None:
    project.write("xgit.toml", '[guards]\nrun = ["modified"]\n')
    assert project.xgit("check").returncode == 0
    project.write("xgit.toml", '[guards]\nrun = ["untracked"]\n')
    assert project.xgit("check").returncode == 1
    project.write("xgit.toml", '[guards]\nrun = ["nonsense"]\n')
    done = project.xgit("check")
    assert done.returncode == 2
    assert "there is no guard 'nonsense'" in done.stderr


@pytest.mark.parametrize("form", ["sha1", "sha256"])
def test_from_a_linked_work_tree_and_a_subdirectory(tmp_path: Path, form: str) -> None:
    project = make_project(tmp_path, f"--object-format={form}")
    project.git("worktree", "add", "--quiet", "../linked", "-b", "side")
    project.git("push", "--quiet", "-u", "origin", "side")
    linked = replace(project, root=project.root.parent / "linked")
    assert linked.xgit("check").returncode == 0
    linked.write("deep/new.py", "x")
    done = linked.xgit("check", cwd=linked.root / "deep")
    assert done.returncode == 1
    assert "git add deep/" in done.stderr


def test_inside_a_git_hook(project: Project, tmp_path: Path) -> None:
    """A commit hook has GIT_DIR, GIT_INDEX_FILE and a current directory of git's choice."""
    env = {"GIT_DIR": ".git", "GIT_INDEX_FILE": os.fspath(project.root / ".git/index")}
    done = project.xgit("check", "--stage", "commit", env=env)
    assert done.returncode == 0, done.stderr
