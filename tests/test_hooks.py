"""Git's own hooks, as they lie in `hooks/`, by real commits, pushes and checkouts."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from tests.conftest import Project
from tests.dvc_project import copied, dvc, shared_template
from xgit.templates import template

HOOKS = Path(__file__).parent.parent / "hooks"
NAMES = ("pre-commit", "pre-push", "post-checkout")


@pytest.fixture
def programs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder on PATH with `xgit-guard`, as an installation makes it."""
    place = tmp_path / "programs"
    place.mkdir()
    script = place / "xgit-guard"
    script.write_text(
        f"#!{sys.executable}\nfrom xgit.guards.main import main\nmain()\n", encoding="utf-8"
    )
    script.chmod(0o755)
    monkeypatch.setenv("PATH", f"{place}{os.pathsep}{os.environ['PATH']}")
    return place


def install(project: Project) -> None:
    for name in NAMES:
        shutil.copy(HOOKS / name, project.root / ".git/hooks" / name)


@pytest.fixture
def hooked(project: Project, programs: Path) -> Project:
    """Hooks whose guards are easily made to refuse."""
    chosen = '[guards]\ncommit = ["untracked"]\npush = ["modified", "protected-tags"]\n'
    project.write("xgit.toml", chosen)
    project.commit()
    install(project)
    return project


def sh(project: Project, line: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        ["sh", "-c", line], cwd=project.root, capture_output=True, text=True, check=False
    )


def test_they_are_short_and_can_be_run() -> None:
    assert {path.name for path in HOOKS.iterdir()} == set(NAMES)
    assert template("hooks").samefile(HOOKS)
    for name in NAMES:
        assert os.access(HOOKS / name, os.X_OK)
        assert len((HOOKS / name).read_text(encoding="utf-8").splitlines()) <= 10
        subprocess.run(["sh", "-n", HOOKS / name], check=True)


# ---------------------------------------------------------------- commit


def test_commit_is_refused_and_then_passes(hooked: Project) -> None:
    hooked.write("train.py", "print(2)\n")
    hooked.write("new.py", "x")
    line = "git commit --quiet --allow-empty -m two"
    done = sh(hooked, line)
    assert done.returncode == 1
    assert done.stderr == "  untracked  new.py  git add new.py  or ignore it\n"
    assert sh(hooked, "git add new.py").returncode == 0
    assert sh(hooked, line).returncode == 0


def test_in_a_subdirectory_and_a_linked_work_tree(hooked: Project) -> None:
    hooked.write("deep/a.py", "x")
    hooked.git("add", "--all")
    assert sh(hooked, "cd deep && git commit --quiet -m two").returncode == 0
    hooked.git("worktree", "add", "--quiet", "../linked", "-b", "side")
    done = sh(hooked, "cd ../linked && echo x >b.py && git commit --allow-empty -q -m three")
    assert done.returncode == 1
    assert "untracked  b.py" in done.stderr


def test_without_xgit_a_commit_is_refused_and_a_checkout_is_not(
    hooked: Project, programs: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (programs / "xgit-guard").unlink()
    system = os.pathsep.join(
        part for part in os.environ["PATH"].split(os.pathsep)
        if not (Path(part) / "xgit-guard").exists()
    )  # fmt: skip
    monkeypatch.setenv("PATH", system)
    done = sh(hooked, "git commit --allow-empty -m x")
    assert done.returncode == 1
    assert "error: xgit-guard is not on PATH" in done.stderr
    assert sh(hooked, "git checkout -q -b side").returncode == 0
    assert sh(hooked, "git push -q origin side").returncode == 1


# ---------------------------------------------------------------- push


def test_push_is_refused_and_then_passes(hooked: Project) -> None:
    hooked.write("train.py", "print(2)\n")
    line = "git push --quiet origin main:side"
    done = sh(hooked, line)
    assert done.returncode == 1
    assert "modified  train.py" in done.stderr
    hooked.git("commit", "--quiet", "-a", "-m", "two")
    assert sh(hooked, line).returncode == 0


def test_push_tells_git_s_lines(hooked: Project) -> None:
    hooked.git("tag", "-a", "-m", "x", "experiment/one")
    assert sh(hooked, "git push --quiet --tags").returncode == 0
    done = sh(hooked, "git push --quiet origin :experiment/one")
    assert done.returncode == 1
    assert "protected-tags  experiment/one would be deleted" in done.stderr


def test_unpushed_data(
    programs: Path, tmp_path: Path, tmp_path_factory: pytest.TempPathFactory
) -> None:
    project = copied(shared_template(tmp_path_factory.getbasetemp()), tmp_path / "copy")
    install(project)
    project.write("data/new.csv", "new")
    dvc(project.root, "add", "--quiet", "data/new.csv")
    project.git("add", "--all")
    project.git("commit", "--quiet", "-m", "data")
    line = "git push --quiet origin HEAD:refs/heads/side"
    done = sh(project, line)
    assert done.returncode == 1
    assert "unpushed-data  data/new.csv  dvc push data/new.csv.dvc" in done.stderr
    assert sh(project, "git push --no-verify --quiet origin HEAD:refs/heads/other").returncode == 0
    assert sh(project, "git push --quiet origin :other").returncode == 0  # takes no pin there
    assert sh(project, "dvc push --quiet data/new.csv.dvc").returncode == 0
    assert sh(project, line).returncode == 0


# ---------------------------------------------------------------- hooks that were there before


def test_a_hook_that_was_there_goes_on_working(hooked: Project, tmp_path: Path) -> None:
    for name in NAMES:
        before = hooked.root / f".git/hooks/{name}.local"
        before.write_text(f'#!/bin/sh\n{{ echo "{name} $#"; cat; }} >>"{tmp_path}/told"\n')
        before.chmod(0o755)
    assert sh(hooked, "git commit --quiet --allow-empty -m x </dev/null").returncode == 0
    assert sh(hooked, "git push --quiet origin main").returncode == 0
    assert sh(hooked, "git push --quiet origin main").returncode == 0
    assert sh(hooked, "git checkout --quiet -b side </dev/null").returncode == 0
    first, second, pushed, third, fourth = (tmp_path / "told").read_text().splitlines()
    assert (first, second, third, fourth) == (
        "pre-commit 0", "pre-push 2", "pre-push 2", "post-checkout 3",
    )  # fmt: skip
    assert pushed.startswith("refs/heads/main ")
    (hooked.root / ".git/hooks/pre-commit.local").write_text("#!/bin/sh\nexit 7\n")
    assert sh(hooked, "git commit --quiet --allow-empty -m x").returncode == 1


# ---------------------------------------------------------------- checkout


@pytest.fixture
def experiments(
    programs: Path, tmp_path: Path, tmp_path_factory: pytest.TempPathFactory
) -> Project:
    """A project with data pinned by DVC, and the experiment `one`."""
    project = copied(shared_template(tmp_path_factory.getbasetemp()), tmp_path / "copy")
    project.write("train.py", "print('trained again')\n")
    project.commit()
    done = project.xgit("exp", "run", "--quiet", "--name", "one", "--", "python", "train.py")
    assert done.returncode == 0, done.stderr
    install(project)
    return project


def test_data_of_another_experiment_is_warned_of(experiments: Project) -> None:
    (experiments.root / "data/digits.csv").chmod(0o644)
    experiments.write("data/digits.csv", "changed")
    line = "git checkout --quiet experiment/one"
    done = sh(experiments, line)
    assert done.returncode == 0
    assert done.stderr.splitlines() == [
        "warning: the data here is not the data of this experiment",
        "  data/digits.csv  content differs",
        "hint: dvc checkout || dvc pull",
    ]
    below = sh(experiments, "git checkout -q -; cd data && git checkout --quiet experiment/one")
    way = "hint: cd ..   first: paths and commands start at the top of the repository"
    assert below.stderr.splitlines()[-2:] == ["hint: dvc checkout || dvc pull", way]
    (experiments.root / "data/digits.csv").unlink()
    assert "  data/digits.csv  is not here" in sh(experiments, f"git checkout -q -; {line}").stderr
    assert sh(experiments, "dvc checkout || dvc pull").returncode == 0
    done = sh(experiments, f"git checkout -q -; {line}")
    assert (done.returncode, done.stderr) == (0, "")


def test_nothing_is_said_of_other_commits_and_of_files(experiments: Project) -> None:
    (experiments.root / "data/digits.csv").chmod(0o644)
    experiments.write("data/digits.csv", "changed")
    assert sh(experiments, "git checkout -q -b side").stderr == ""
    assert sh(experiments, "git checkout -q experiment/one -- train.py").stderr == ""


def test_trouble_does_not_fail_a_checkout(experiments: Project) -> None:
    experiments.write("xgit.toml", "nonsense")
    done = sh(experiments, "git checkout --quiet experiment/one")
    assert done.returncode == 0
    assert "error: xgit.toml is not valid TOML" in done.stderr
