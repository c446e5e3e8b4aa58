"""`xgit check` at every stage, in every kind of checkout."""

from __future__ import annotations

import json
import os
import subprocess
import sys
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


def test_what_is_printed_in_a_subdirectory_can_be_pasted_there(project: Project) -> None:
    """The hint leads to the place where the remedies work; at the top there is none."""
    project.write("deep/er/x", "x")
    project.commit()
    project.write("new.py", "x")
    assert "hint" not in project.xgit("check").stderr
    here = project.root / "deep/er"
    for argv in (("check",), ("exp", "run", "--", "true")):
        lines = project.xgit(*argv, cwd=here).stderr.splitlines()
        [way] = [line for line in lines if line.startswith("hint: cd")]
        told, _, why = way.partition("   ")
        assert (told, why) == (
            "hint: cd ../..", "first: paths and commands start at the top of the repository",
        )  # fmt: skip
    line = f"{told.removeprefix('hint: ')} && git add new.py"
    subprocess.run(["sh", "-c", line], cwd=here, check=True)
    assert project.git("diff", "--cached", "--name-only") == "new.py"


def test_the_way_to_the_top_of_who_came_over_a_link(project: Project, tmp_path: Path) -> None:
    """A shell takes the `..` off the path that it shows, not off the one that it is at."""
    project.write("deep/er/x", "x")
    project.write("new.py", "x")
    for name, target, way in (
        ("inside", "deep/er", str(project.root)),
        ("whole", ".", "../.."),
    ):
        (tmp_path / name).symlink_to(project.root / target)
        place = tmp_path / name if name == "inside" else tmp_path / name / "deep/er"
        program = f'cd "$1" && {sys.executable} -m xgit check untracked 2>&1'
        done = subprocess.run(
            ["sh", "-c", program, "sh", str(place)], capture_output=True, text=True, check=False
        )
        assert f"hint: cd {way}   first" in done.stdout, done.stdout
        done = subprocess.run(
            ["sh", "-c", 'cd "$1" && cd "$2" && pwd -P', "sh", str(place), way],
            capture_output=True, text=True, check=True,
        )  # fmt: skip
        assert done.stdout.strip() == str(project.root)


def test_inside_a_git_hook(project: Project, tmp_path: Path) -> None:
    """A commit hook has GIT_DIR, GIT_INDEX_FILE and a current directory of git's choice."""
    env = {"GIT_DIR": ".git", "GIT_INDEX_FILE": os.fspath(project.root / ".git/index")}
    done = project.xgit("check", "--stage", "commit", env=env)
    assert done.returncode == 0, done.stderr
