"""Files and submodules that differ from HEAD are refused, and the printed command mends it."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest

from tests.conftest import Project, make_project
from tests.dvc_project import paste
from xgit.git import plumbing
from xgit.git import status as git_status
from xgit.guards import modified
from xgit.guards.registry import guards_for, judge
from xgit.record.model import RepoState, Submodule, Violation


def state_of(project: Project) -> RepoState:
    repo = plumbing.open_repo(project.root)
    status = git_status.work_tree_status(repo)
    modules = tuple(
        Submodule(path, commit, path in status.dirty_submodules)
        for path, commit in git_status.submodule_commits(repo).items()
    )
    return RepoState(
        str(project.root),
        status.commit,
        status.branch,
        pushed=True,
        modified=status.modified,
        submodules=modules,
    )


def test_clean_passes(project: Project) -> None:
    assert modified.check(state_of(project)) == ()


def test_changed_file(project: Project) -> None:
    project.write("train.py", "other")
    found = modified.check(state_of(project))
    remedy = "git commit -m 'Change train.py' train.py"
    assert found == (Violation("modified", "train.py", remedy, "or --snapshot"),)
    paste(project, remedy)
    assert modified.check(state_of(project)) == ()


@pytest.mark.parametrize("name", ['it\'s a "file"', "new\nline", "-x", ":x", "[a]*"])
def test_staged_deleted_and_oddly_named(project: Project, name: str) -> None:
    project.write(name, "x")
    project.git("--literal-pathspecs", "add", "--", name)
    (project.root / "train.py").unlink()
    violations = modified.check(state_of(project))
    assert {one.subject for one in violations} == {name, "train.py"}
    for violation in violations:
        assert violation.remedy.isprintable()
        paste(project, violation.remedy)
    assert modified.check(state_of(project)) == ()


@pytest.fixture
def parent(project: Project, tmp_path: Path) -> Project:
    inner = make_project(tmp_path / "inner")
    project.git("submodule", "--quiet", "add", str(inner.origin), "the lib")
    project.commit("with a submodule")
    return project


@pytest.mark.parametrize("change", ["untracked", "modified", "moved"])
def test_submodule(parent: Project, change: str) -> None:
    assert modified.check(state_of(parent)) == ()
    if change == "untracked":
        parent.write("the lib/new.py", "x")
    else:
        parent.write("the lib/train.py", "x")
    if change == "moved":
        subprocess.run(
            ["git", "commit", "--quiet", "-am", "inside"], cwd=parent.root / "the lib", check=True
        )
    state = state_of(parent)
    [found] = modified.check(state)
    assert found.subject == "the lib"
    kept = judge(state, guards_for("run"), snapshot=True)
    assert [one.outcome for one in kept if one.id == "modified"] == ["failed"]
    paste(parent, found.remedy)
    assert modified.check(state_of(parent)) == ()


def test_snapshot_keeps_files(project: Project) -> None:
    project.write("train.py", "other")
    kept = judge(state_of(project), guards_for("run"), snapshot=True)
    assert [one.outcome for one in kept if one.id == "modified"] == ["passed"]
